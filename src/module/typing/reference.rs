//! Strings that stand for something else: outputs of other stacks, and secrets that must never stand there themselves.

use super::super::types::is_identifier;
use crate::spec::is_name;
pub(in crate::module) use crate::spec::secret::is_reference as is_secret_reference;
pub(super) use crate::spec::secret::{hidden, is_account, literal as secret_problem};

/// What a string says about another stack.
pub(super) enum Reference {
    /// Nothing.
    None,
    /// It was meant as a reference and is none; why.
    Malformed(String),
    /// An output of a stack.
    Output { stack: String, output: String },
}

/// `${network.vpc_id}`. CloudFormation's and IAM's own `${AWS::Region}`, `${aws:username}` are left alone.
pub(super) fn reference(text: &str) -> Reference {
    let Some(start) = text.find("${") else {
        return Reference::None;
    };
    let inside = text.get(start + 2..).and_then(|rest| rest.split_once('}'));
    let Some((name, rest)) = inside else {
        return if start == 0 && !text.contains(':') {
            Reference::Malformed(format!("`{text}` has no closing brace"))
        } else {
            Reference::None
        };
    };
    if name.contains(':') {
        return Reference::None;
    }
    let whole = start == 0 && rest.is_empty();
    match name.trim().split_once('.') {
        // A whole reference with the template's name for the output was meant as one; its name is corrected elsewhere.
        Some((stack, output)) if is_name(stack) && (is_identifier(output) || (whole && is_word(output))) => {
            if whole {
                Reference::Output {
                    stack: stack.to_owned(),
                    output: output.to_owned(),
                }
            } else {
                Reference::Malformed(format!("`${{{name}}}` stands in the middle of a string"))
            }
        }
        _ if whole => Reference::Malformed(format!("`{text}` is not ${{STACK.OUTPUT}}")),
        _ => Reference::None,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

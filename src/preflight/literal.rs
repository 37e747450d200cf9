//! Values of a template that are known before anything is deployed.

use std::collections::BTreeMap;

use super::Whereabouts;
use crate::plan::ParameterValue;
use crate::template::{Node, NodeValue};

/// What references can be resolved with.
pub(super) struct Known<'a> {
    pub(super) at: &'a Whereabouts,
    pub(super) stack_name: &'a str,
    pub(super) parameters: &'a BTreeMap<String, ParameterValue>,
}

impl Known<'_> {
    /// The text that a value comes to; none if it is no text or not known yet.
    pub(super) fn text(&self, node: &Node) -> Option<String> {
        match &node.value {
            // A dynamic reference is resolved by CloudFormation, and its value is nobody's business.
            NodeValue::String(text) if text.contains("{{resolve:") => None,
            NodeValue::String(text) => Some(text.clone()),
            NodeValue::Number(number) => Some(number.to_string()),
            NodeValue::Map(entries) => match entries.as_slice() {
                [(name, _, argument)] => self.function(name, argument),
                _ => None,
            },
            _ => None,
        }
    }

    /// A whole number, also one that is written as text.
    pub(super) fn number(&self, node: &Node) -> Option<u64> {
        self.text(node)?.parse().ok()
    }

    fn function(&self, name: &str, argument: &Node) -> Option<String> {
        match name {
            "Ref" => self.reference(argument.as_str()?),
            "Fn::Sub" => match argument.items() {
                [] => self.substitute(argument.as_str()?, None),
                [text, values] => self.substitute(text.as_str()?, Some(values)),
                _ => None,
            },
            "Fn::Join" => match argument.items() {
                [delimiter, values] => {
                    let parts: Option<Vec<String>> = values.items().iter().map(|part| self.text(part)).collect();
                    Some(parts?.join(delimiter.as_str()?)).filter(|_| !values.items().is_empty())
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn reference(&self, name: &str) -> Option<String> {
        Some(match name {
            "AWS::Region" => self.at.region.clone(),
            "AWS::AccountId" => self.at.account.clone(),
            "AWS::Partition" => self.at.partition.clone(),
            "AWS::StackName" => self.stack_name.to_owned(),
            parameter => match self.parameters.get(parameter)? {
                ParameterValue::Known(value) => value.clone(),
                ParameterValue::After(_) => return None,
            },
        })
    }

    fn substitute(&self, text: &str, values: Option<&Node>) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}')?;
            out.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => out.push_str(&format!("${{{literal}}}")),
                None => out.push_str(&match values.and_then(|values| values.get(name)) {
                    Some(value) => self.text(value)?,
                    None => self.reference(name)?,
                }),
            }
            rest = tail;
        }
        out.push_str(rest);
        Some(out)
    }
}

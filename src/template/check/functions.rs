//! Intrinsic functions: known names, the right number and kind of arguments, no nulls.

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic};
use super::{Template, Transforms, did_you_mean, is_unknown, results};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// Fewest and most arguments, for functions that take a list.
type Count = Option<(usize, usize)>;

/// Name, count of arguments, how it is written ("Intrinsic function reference").
const FUNCTIONS: &[(&str, Count, &str)] = &[
    ("Fn::And", Some((2, 10)), "!And [condition, condition, …]"),
    ("Fn::Base64", None, "!Base64 value"),
    ("Fn::Cidr", Some((2, 3)), "!Cidr [block, count, bits]"),
    ("Fn::Equals", Some((2, 2)), "!Equals [value, value]"),
    ("Fn::FindInMap", Some((3, 4)), "!FindInMap [mapping, key, key]"),
    ("Fn::GetAZs", None, "!GetAZs region"),
    ("Fn::GetAtt", None, "!GetAtt Resource.Attribute"),
    ("Fn::GetStackOutput", None, "!GetStackOutput [stack, output]"),
    ("Fn::If", Some((3, 3)), "!If [condition, value if true, value if false]"),
    ("Fn::ImportValue", None, "!ImportValue name"),
    ("Fn::Join", Some((2, 2)), "!Join [delimiter, [value, …]]"),
    ("Fn::Length", None, "!Length list"),
    ("Fn::Not", Some((1, 1)), "!Not [condition]"),
    ("Fn::Or", Some((2, 10)), "!Or [condition, condition, …]"),
    ("Fn::Select", Some((2, 2)), "!Select [index, [value, …]]"),
    ("Fn::Split", Some((2, 2)), "!Split [delimiter, text]"),
    ("Fn::Sub", None, "!Sub text or !Sub [text, {name: value}]"),
    ("Fn::ToJsonString", None, "!ToJsonString value"),
    ("Fn::Transform", None, "!Transform {Name: macro, Parameters: {…}}"),
];

/// The names of all functions but `Ref`.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _, _)| *name)
}

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (name, _, node) in template.root.entries() {
        match name.as_str() {
            "Conditions" | "Outputs" => walk(template, node, problems),
            // `Metadata` of a resource is free, and a null in it does no harm.
            "Resources" => {
                for (_, _, resource) in node.entries() {
                    for (key, _, attribute) in resource.entries() {
                        if key != "Metadata" {
                            walk(template, attribute, problems);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn walk(template: &Template, node: &Node, problems: &mut Problems) {
    if let Some((name, argument)) = intrinsic::call(node) {
        let at = node.entries().first().map_or(&node.span, |(_, span, _)| span);
        arguments(template, name, argument, at, problems);
    }
    if let [(key, span, _)] = node.entries()
        && template.transforms == Transforms::None
        && key.starts_with("Fn:")
        && !key.starts_with("Fn::")
        && let Some(hint) = did_you_mean(key, names())
    {
        let problem = Problem::error(codes::UNKNOWN_INTRINSIC, format!("there is no function `{key}`"));
        problems.push(problem.at(span.clone(), "").hint(hint));
    }
    for (key, span, value) in node.entries() {
        if node.entries().len() > 1
            && FUNCTIONS
                .iter()
                .any(|(name, _, _)| name == key && *name != "Fn::Transform")
        {
            problems.push(
                Problem::error(codes::INTRINSIC_FORM, format!("`{key}` must be alone in its mapping"))
                    .at(span.clone(), "")
                    .note("a function stands for the whole value; other keys beside it have no meaning"),
            );
        }
        null(key, span, value, problems);
        walk(template, value, problems);
    }
    for item in node.items() {
        if item.value == NodeValue::Null {
            problems.push(
                Problem::error(codes::NULL_VALUE, "an item of a list has no value")
                    .at(item.span.clone(), "")
                    .note("CloudFormation refuses null anywhere in a template")
                    .hint("remove the item, or use `!Ref AWS::NoValue` in `!If` to leave it out"),
            );
        }
        walk(template, item, problems);
    }
}

fn null(key: &str, span: &Span, value: &Node, problems: &mut Problems) {
    if value.value == NodeValue::Null {
        problems.push(
            Problem::error(codes::NULL_VALUE, format!("`{key}` has no value"))
                .at(span.clone(), "")
                .note("CloudFormation refuses null anywhere in a template")
                .hint("remove the key, or use `!Ref AWS::NoValue` in `!If` to leave it out"),
        );
    }
}

fn arguments(template: &Template, name: &str, argument: &Node, at: &Span, problems: &mut Problems) {
    let Some((_, count, form)) = FUNCTIONS.iter().find(|(known, _, _)| *known == name) else {
        if name != "Ref" && template.transforms == Transforms::None {
            let mut problem =
                Problem::error(codes::UNKNOWN_INTRINSIC, format!("there is no function `{name}`")).at(at.clone(), "");
            if let Some(hint) = did_you_mean(name, names()) {
                problem = problem.hint(hint);
            }
            problems.push(problem);
        } else if name == "Ref" && argument.as_str().is_none() && template.transforms == Transforms::None {
            wrong(name, "a logical id or a parameter", "!Ref Name", argument, at, problems);
        }
        return;
    };
    // With a transform a call may stand for the arguments.
    if template.transforms != Transforms::None && intrinsic::call(argument).is_some() {
        return;
    }
    let items = argument.items().len();
    let is_list = matches!(argument.value, NodeValue::List(_));
    let is_text = argument.as_str().is_some();
    let is_call = intrinsic::call(argument).is_some();
    let good = match (*count, name) {
        (Some((fewest, most)), _) => is_list && (fewest..=most).contains(&items),
        (None, "Fn::GetAtt") => {
            let names = |items: &[Node]| items.len() >= 2 && items.iter().take(1).all(|item| item.as_str().is_some());
            argument.as_str().is_some_and(|text| text.contains('.')) || (is_list && names(argument.items()))
        }
        (None, "Fn::Sub") => is_text || (is_list && items == 2),
        (None, "Fn::Base64" | "Fn::ImportValue" | "Fn::GetAZs") => is_text || is_call,
        _ => true,
    };
    if !good {
        let wanted = match count {
            Some((fewest, most)) if fewest == most => format!("a list of {fewest}"),
            Some((fewest, most)) => format!("a list of {fewest} to {most}"),
            None => "another argument".to_owned(),
        };
        wrong(name, &wanted, form, argument, at, problems);
        return;
    }
    kinds(template, name, argument, problems);
    literals(template, name, argument, at, form, problems);
}

/// Which arguments are one value and which a list.
fn kinds(template: &Template, name: &str, argument: &Node, problems: &mut Problems) {
    match (name, argument.items()) {
        ("Fn::Join", [_, joined]) => {
            results::list(template, joined, "what `Fn::Join` joins", problems);
            for item in joined.items() {
                results::one_value(template, item, &item.span, "an item of `Fn::Join`", problems);
            }
        }
        ("Fn::Select", [index, list]) => {
            results::one_value(template, index, &index.span, "the index of `Fn::Select`", problems);
            results::list(template, list, "what `Fn::Select` takes from", problems);
        }
        ("Fn::Split", [_, text]) => {
            results::one_value(template, text, &text.span, "what `Fn::Split` splits", problems);
        }
        ("Fn::Sub", [_, variables]) => {
            for (variable, at, value) in variables.entries() {
                results::one_value(
                    template,
                    value,
                    at,
                    &format!("the variable `{variable}` of `Fn::Sub`"),
                    problems,
                );
            }
        }
        ("Fn::Base64", []) => {
            results::one_value(
                template,
                argument,
                &argument.span,
                "the argument of `Fn::Base64`",
                problems,
            );
        }
        _ => {}
    }
}

/// The arguments that are written out, or have to be.
fn literals(template: &Template, name: &str, argument: &Node, at: &Span, form: &str, problems: &mut Problems) {
    let [first, second, ..] = argument.items() else { return };
    let second_is_call = intrinsic::call(second).is_some();
    let plain = template.transforms == Transforms::None;
    let good = match name {
        "Fn::Join" => (second_is_call || matches!(second.value, NodeValue::List(_))) && first.as_str().is_some(),
        "Fn::Select" => second_is_call || matches!(second.value, NodeValue::List(_)),
        "Fn::Sub" => second_is_call || (matches!(second.value, NodeValue::Map(_)) && first.as_str().is_some()),
        "Fn::Split" => !plain || first.as_str().is_some(),
        "Fn::If" => !plain || first.as_str().is_some(),
        _ => true,
    };
    if !good {
        let (wanted, given) = match name {
            "Fn::If" => ("the name of a condition first", first),
            "Fn::Join" if first.as_str().is_none() => ("a delimiter that is written out", first),
            "Fn::Split" => ("a delimiter that is written out", first),
            _ => ("other arguments", second),
        };
        wrong(name, wanted, form, given, at, problems);
    }
    match name {
        "Fn::Select" => select(first, second, problems),
        "Fn::Cidr" => cidr(argument.items(), problems),
        _ => {}
    }
}

fn select(first: &Node, second: &Node, problems: &mut Problems) {
    let literal = !is_unknown(first);
    let Some(index) = index(first) else {
        if literal && !matches!(first.value, NodeValue::List(_) | NodeValue::Map(_) | NodeValue::Null) {
            let message = "the index of `Fn::Select` must be a whole number from 0 on";
            problems.push(Problem::error(codes::INTRINSIC_FORM, message).at(first.span.clone(), ""));
        }
        return;
    };
    if let NodeValue::List(items) = &second.value
        && index >= items.len()
        && !items.is_empty()
    {
        problems.push(
            Problem::error(
                codes::INTRINSIC_FORM,
                format!(
                    "`Fn::Select` takes item {index}, but the list has {} (counted from 0)",
                    items.len()
                ),
            )
            .at(first.span.clone(), ""),
        );
    }
}

/// "Fn::Cidr": 1 to 256 blocks; an IPv6 block may leave up to 128 bits.
fn cidr(arguments: &[Node], problems: &mut Problems) {
    const MOST_BLOCKS: usize = 256;
    const MOST_BITS: usize = 128;
    if let Some(block) = arguments.first()
        && let NodeValue::String(text) = &block.value
        && text.parse::<ipnet::IpNet>().is_err()
        && !is_unknown(block)
    {
        let problem = Problem::error(codes::INTRINSIC_FORM, format!("`Fn::Cidr` cannot divide `{text}`"));
        problems.push(
            problem
                .at(block.span.clone(), "")
                .hint("a block has a prefix length, as in `10.0.0.0/16`"),
        );
    }
    for (node, what, most) in arguments
        .iter()
        .skip(1)
        .zip([("count", MOST_BLOCKS), ("number of bits", MOST_BITS)])
        .map(|(node, (what, most))| (node, what, most))
    {
        let literal = matches!(node.value, NodeValue::Number(_) | NodeValue::String(_)) && !is_unknown(node);
        if literal && !index(node).is_some_and(|number| (1..=most).contains(&number)) {
            let message = format!("the {what} of `Fn::Cidr` must be from 1 to {most}");
            problems.push(Problem::error(codes::INTRINSIC_FORM, message).at(node.span.clone(), ""));
        }
    }
}

fn index(node: &Node) -> Option<usize> {
    match &node.value {
        NodeValue::Number(number) => number.as_u64().and_then(|index| index.try_into().ok()),
        NodeValue::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn wrong(name: &str, wanted: &str, form: &str, argument: &Node, at: &Span, problems: &mut Problems) {
    problems.push(
        Problem::error(codes::INTRINSIC_FORM, format!("`{name}` needs {wanted}"))
            .at(at.clone(), format!("given is {}", describe(&argument.value)))
            .hint(format!("write `{form}`")),
    );
}

//! How parameters are declared: type, constraints, and a default that satisfies them ("Parameters section syntax").

use regex::Regex;

use super::super::read::describe;
use super::super::{Node, NodeValue};
use super::{Template, did_you_mean};
use crate::diagnostic::{Problem, Problems, Span, codes};

/// Of every parameter.
const COMMON_KEYS: &[&str] = &[
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "NoEcho",
    "Type",
];
const NUMBER_KEYS: &[&str] = &["MaxValue", "MinValue"];
const TEXT_KEYS: &[&str] = &["AllowedPattern", "MaxLength", "MinLength"];

const BASIC_TYPES: &[&str] = &["CommaDelimitedList", "List<Number>", "Number", "String"];

/// "AWS-specific parameter types", which `List<…>` and Systems Manager's `Value<…>` may hold too.
const RESOURCE_TYPES: &[&str] = &[
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::EC2::Volume::Id",
    "AWS::Route53::HostedZone::Id",
];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    for (name, span, node) in template.parameters.entries {
        let mut parameter = Parameter { name, node, problems };
        parameter.check(span);
    }
}

struct Parameter<'a> {
    name: &'a str,
    node: &'a Node,
    problems: &'a mut Problems,
}

impl Parameter<'_> {
    fn check(&mut self, span: &Span) {
        let name = self.name;
        if !matches!(self.node.value, NodeValue::Map(_)) {
            let found = describe(&self.node.value);
            self.push(wrong(
                format!("the parameter `{name}` must be a mapping, not {found}"),
                span,
            ));
            return;
        }
        let kind = self.kind(span);
        self.keys(kind);
        self.forms();
        if let Some(kind) = kind {
            self.default(kind);
        }
    }

    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The type, if it is one.
    fn kind(&mut self, span: &Span) -> Option<&'static str> {
        let name = self.name;
        let Some(node) = self.node.get("Type") else {
            self.push(wrong(format!("the parameter `{name}` has no `Type`"), span).hint("`String` takes any value"));
            return None;
        };
        let typed = node.as_str().unwrap_or_default();
        if is_type(typed) {
            return Some(match typed {
                "String" => "String",
                "Number" => "Number",
                "CommaDelimitedList" => "CommaDelimitedList",
                "List<Number>" => "List<Number>",
                _ => "",
            });
        }
        let problem = wrong(format!("`{typed}` is not a type of a parameter"), &node.span);
        let known = BASIC_TYPES.iter().chain(RESOURCE_TYPES).copied();
        let problem = match did_you_mean(typed, known) {
            Some(hint) => problem.hint(hint),
            None => problem.note(format!("the basic types are {}", BASIC_TYPES.join(", "))),
        };
        self.push(problem);
        None
    }

    fn keys(&mut self, kind: Option<&str>) {
        let (name, node) = (self.name, self.node);
        let known = COMMON_KEYS.iter().chain(NUMBER_KEYS).chain(TEXT_KEYS).copied();
        for (key, at, _) in node.entries() {
            if !known.clone().any(|known| known == key) {
                let problem = wrong(format!("the parameter `{name}` cannot have `{key}`"), at);
                let mut sorted: Vec<&str> = known.clone().collect();
                sorted.sort_unstable();
                self.push(match did_you_mean(key, known.clone()) {
                    Some(hint) => problem.hint(hint),
                    None => problem.note(format!("allowed are {}", sorted.join(", "))),
                });
            } else if kind == Some("String") && NUMBER_KEYS.contains(&key.as_str()) {
                let problem = wrong(format!("`{key}` is for numbers, and `{name}` is a `String`"), at);
                self.push(problem.hint(format!("`{}` bounds a text", key.replace("Value", "Length"))));
            } else if kind == Some("Number") && TEXT_KEYS.contains(&key.as_str()) {
                let problem = wrong(format!("`{key}` is for texts, and `{name}` is a `Number`"), at);
                self.push(match key.as_str() {
                    "AllowedPattern" => problem.hint("`MinValue` and `MaxValue` bound a number"),
                    _ => problem.hint(format!("`{}` bounds a number", key.replace("Length", "Value"))),
                });
            }
        }
    }

    /// The form of each constraint by itself.
    fn forms(&mut self) {
        let (name, node) = (self.name, self.node);
        for key in ["MinLength", "MaxLength", "MinValue", "MaxValue"] {
            if let Some(bound) = node.get(key)
                && plain(bound).and_then(|text| text.trim().parse::<f64>().ok()).is_none()
            {
                self.push(wrong(format!("`{key}` of `{name}` must be a number"), &bound.span));
            }
        }
        if let Some(values) = node.get("AllowedValues")
            && !matches!(values.value, NodeValue::List(_))
        {
            let problem = wrong(
                format!(
                    "`AllowedValues` of `{name}` must be a list, not {}",
                    describe(&values.value)
                ),
                &values.span,
            );
            self.push(problem.hint("for example `[dev, prod]`"));
        }
        if let Some(hidden) = node.get("NoEcho")
            && !plain(hidden).is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "true" | "false"))
        {
            self.push(wrong(
                format!("`NoEcho` of `{name}` must be true or false"),
                &hidden.span,
            ));
        }
        for key in ["AllowedPattern", "ConstraintDescription", "Description"] {
            if let Some(text) = node.get(key)
                && plain(text).is_none()
            {
                let found = describe(&text.value);
                self.push(wrong(
                    format!("`{key}` of `{name}` must be a string, not {found}"),
                    &text.span,
                ));
            }
        }
        for (low, high) in [("MinLength", "MaxLength"), ("MinValue", "MaxValue")] {
            let bound = |key| plain(node.get(key)?)?.trim().parse::<f64>().ok();
            if let (Some(least), Some(most)) = (bound(low), bound(high))
                && least > most
                && let Some(at) = node.get(high)
            {
                self.push(wrong(format!("`{low}` of `{name}` is above its `{high}`"), &at.span));
            }
        }
    }

    /// A default has to satisfy what is asked of values. Types that AWS looks up are left alone.
    fn default(&mut self, kind: &str) {
        let (name, node) = (self.name, self.node);
        let Some(default) = node.get("Default") else { return };
        let Some(text) = plain(default) else {
            let problem = wrong(
                format!(
                    "the default of `{name}` must be a string, not {}",
                    describe(&default.value)
                ),
                &default.span,
            );
            self.push(match (&default.value, kind) {
                (NodeValue::List(_), "CommaDelimitedList" | "List<Number>" | "") => {
                    problem.hint("write the items in one text with commas between them")
                }
                (NodeValue::Map(_), _) => problem.note("functions cannot be used in `Parameters`"),
                _ => problem,
            });
            return;
        };
        let values: Vec<&str> = match kind {
            "String" | "Number" => vec![&text],
            "CommaDelimitedList" | "List<Number>" => text.split(',').map(str::trim).collect(),
            _ => return,
        };
        for value in values {
            self.one_default(kind, value, &default.span);
        }
    }

    fn one_default(&mut self, kind: &str, text: &str, at: &Span) {
        let (name, node) = (self.name, self.node);
        let mut wrongs = Vec::new();
        let number = text.trim().parse::<f64>().ok();
        if matches!(kind, "Number" | "List<Number>") && number.is_none() {
            wrongs.push("is not a number".to_owned());
        }
        if let Some(allowed) = node.get("AllowedValues")
            && !allowed.items().is_empty()
            && !allowed.items().iter().filter_map(plain).any(|value| value == text)
        {
            wrongs.push("is not one of its `AllowedValues`".to_owned());
        }
        if let Some(pattern) = node.get("AllowedPattern").and_then(Node::as_str)
            && let Ok(regex) = Regex::new(&format!("^(?:{pattern})$"))
            && !regex.is_match(text)
        {
            wrongs.push(format!("does not match its `AllowedPattern`, `{pattern}`"));
        }
        let bound = |key: &str| plain(node.get(key)?)?.trim().parse::<f64>().ok();
        #[expect(clippy::cast_precision_loss, reason = "a text is far shorter than 2^52")]
        let length = text.chars().count() as f64;
        for (value, low, high) in [
            ((kind == "String").then_some(length), "MinLength", "MaxLength"),
            (number.filter(|_| kind == "Number"), "MinValue", "MaxValue"),
        ] {
            let Some(value) = value else { continue };
            if bound(low).is_some_and(|low| value < low) {
                wrongs.push(format!("is below its `{low}`"));
            }
            if bound(high).is_some_and(|high| value > high) {
                wrongs.push(format!("is above its `{high}`"));
            }
        }
        for why in wrongs {
            self.push(wrong(format!("the default of `{name}` {why}"), at));
        }
    }
}

fn is_type(kind: &str) -> bool {
    let inner = |before: &str| kind.strip_prefix(before).and_then(|rest| rest.strip_suffix('>'));
    if let Some(looked_up) = inner("AWS::SSM::Parameter::Value<") {
        return matches!(looked_up, "String" | "CommaDelimitedList" | "List<String>") || of_resources(looked_up);
    }
    BASIC_TYPES.contains(&kind) || kind == "List<String>" || kind == "AWS::SSM::Parameter::Name" || of_resources(kind)
}

fn of_resources(kind: &str) -> bool {
    let inner = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    RESOURCE_TYPES.contains(&inner.unwrap_or(kind))
}

/// The text of a scalar, as CloudFormation compares it.
fn plain(node: &Node) -> Option<String> {
    match &node.value {
        NodeValue::String(text) => Some(text.clone()),
        NodeValue::Number(number) => Some(number.to_string()),
        NodeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn wrong(message: String, at: &Span) -> Problem {
    Problem::error(codes::PARAMETER_DECLARATION, message).at(at.clone(), "")
}

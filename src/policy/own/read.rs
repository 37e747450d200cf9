//! Reading `policy/*.toml`: strictly, every mistake with its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::super::rule::find;
use super::OwnRule;
use super::condition::{Condition, Test};
use super::paths::{self, Fault};
use crate::diagnostic::{Code, Problem, Problems, Severity, Source, Span, codes};
use crate::spec::syntax::{self, Table};
use crate::spec::{Data, Spanned, Value, field, is_name};
use crate::template::schema;

const RULE_KEYS: [&str; 8] = [
    "types",
    "message",
    "require",
    "when",
    "fix",
    "reason",
    "severity",
    "environments",
];
const TESTS: [&str; 6] = ["exists", "equals", "one_of", "matches", "at_least", "at_most"];
const JOINTS: [&str; 3] = ["not", "all", "any"];

pub(super) fn rules(files: BTreeMap<String, String>, environments: &[String]) -> Result<Vec<OwnRule>, Problems> {
    let mut problems = Problems::default();
    let mut rules: Vec<OwnRule> = Vec::new();
    for (path, text) in files {
        let source = Arc::new(Source { path, text });
        let table = match syntax::parse(&source) {
            Ok(table) => table,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        field::unknown_keys(
            &table,
            &["rules"],
            "a policy file",
            codes::OWN_RULE_INVALID,
            &mut problems,
        );
        let Some(section) = field::table(&table, "rules", &mut problems) else {
            continue;
        };
        for (id, entry) in section {
            let name = Spanned {
                value: id.clone(),
                span: entry.key.clone(),
            };
            let Some(body) = field::table(section, id, &mut problems) else {
                continue;
            };
            check_name(&name, &rules, &mut problems);
            rules.extend(rule(name, body, environments, &mut problems));
        }
    }
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    Ok(rules)
}

fn invalid(message: String, span: &Span) -> Problem {
    Problem::error(codes::OWN_RULE_INVALID, message).at(span.clone(), "")
}

fn check_name(name: &Spanned<String>, others: &[OwnRule], problems: &mut Problems) {
    let id = &name.value;
    if !is_name(id) || Code::parse(id).is_some() {
        problems.push(
            invalid(format!("`{id}` cannot be the name of a rule"), &name.span)
                .note("names are lower-case letters, digits and hyphens, and begin with a letter"),
        );
    } else if find(id).is_some() {
        problems.push(
            invalid(format!("there is a rule `{id}` already, which is built in"), &name.span)
                .hint("choose another name; what is built in is waived, not replaced"),
        );
    } else if let Some(other) = others.iter().find(|other| other.id == *id) {
        problems.push(invalid(format!("there is a rule `{id}` already"), &name.span).at(other.span.clone(), "here"));
    }
}

fn rule(name: Spanned<String>, body: &Table, environments: &[String], problems: &mut Problems) -> Option<OwnRule> {
    let id = &name.value;
    let place = format!("the rule `{id}`");
    field::unknown_keys(body, &RULE_KEYS, &place, codes::OWN_RULE_INVALID, problems);
    for (key, hint) in [
        (
            "types",
            "types = [\"AWS::SQS::Queue\"]: the resource types that it is about",
        ),
        (
            "message",
            "message = \"the queue {resource} has no dead-letter queue\": what is wrong when it is broken",
        ),
        (
            "require",
            "require = { property = \"RedrivePolicy\", exists = true }: what has to hold",
        ),
        ("fix", "fix = \"set `RedrivePolicy`\": what to do"),
    ] {
        if !body.contains_key(key) {
            problems.push(invalid(format!("{place} has no `{key}`"), &name.span).hint(hint));
        }
    }
    let types = field::strings(body, "types", problems);
    types.iter().for_each(|kind| check_type(kind, problems));
    let listed = field::strings(body, "environments", problems);
    for environment in &listed {
        if !environments.contains(&environment.value) {
            let message = format!("there is no environment `{}`", environment.value);
            let problem = Problem::error(codes::OWN_RULE_UNKNOWN, message).at(environment.span.clone(), "");
            let known = environments.iter().map(String::as_str);
            problems.push(field::with_suggestion(problem, &environment.value, known, "there are"));
        }
    }
    let message = field::string(body, "message", problems);
    if let Some(message) = &message {
        check_message(message, problems);
    }
    let mut text = |key: &str| field::string(body, key, problems).map(|text| text.value);
    let (fix, reason) = (text("fix"), text("reason"));
    let severity = match field::string(body, "severity", problems) {
        None => Severity::Error,
        Some(severity) => match severity.value.as_str() {
            "error" => Severity::Error,
            "warning" => Severity::Warning,
            other => {
                let problem = invalid(format!("`severity` cannot be `{other}`"), &severity.span);
                problems.push(field::with_suggestion(
                    problem,
                    other,
                    ["error", "warning"],
                    "it can be",
                ));
                Severity::Error
            }
        },
    };
    let types: Vec<String> = types.into_iter().map(|kind| kind.value).collect();
    let mut asked = |key: &str| {
        body.get(key)
            .and_then(|entry| condition(&entry.value, &types, problems))
    };
    let (when, require) = (asked("when"), asked("require"));
    Some(OwnRule {
        id: name.value.clone(),
        span: name.span,
        severity,
        message: message?.value,
        reason,
        fix: fix?,
        types,
        environments: listed.into_iter().map(|name| name.value).collect(),
        when,
        require: require?,
    })
}

fn check_type(kind: &Spanned<String>, problems: &mut Problems) {
    if schema::get(&kind.value).is_some() {
        return;
    }
    let message = format!("there is no resource type `{}`", kind.value);
    let problem = Problem::error(codes::OWN_RULE_UNKNOWN, message).at(kind.span.clone(), "");
    problems.push(match crate::diagnostic::closest(&kind.value, schema::type_names()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("types are written as in templates: \"AWS::S3::Bucket\""),
    });
}

/// `{resource}` is all that is filled in; anything else in braces is a slip.
fn check_message(message: &Spanned<String>, problems: &mut Problems) {
    let mut rest = message.value.as_str();
    while let Some((_, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        if name != "resource" {
            problems.push(
                invalid(format!("`message` knows no `{{{name}}}`"), &message.span)
                    .hint("`{resource}` stands for the logical id of the resource that breaks the rule"),
            );
        }
        rest = tail;
    }
}

fn condition(value: &Value, types: &[String], problems: &mut Problems) -> Option<Condition> {
    let Data::Table(body) = &value.value else {
        let message = format!("a condition must be a table, this is {}", value.value.kind());
        let example = "for example { property = \"Encrypted\", equals = true }";
        problems.push(invalid(message, &value.span).hint(example));
        return None;
    };
    let known: Vec<&str> = ["property"].into_iter().chain(TESTS).chain(JOINTS).collect();
    field::unknown_keys(body, &known, "a condition", codes::OWN_RULE_INVALID, problems);
    let joints: Vec<&str> = JOINTS.into_iter().filter(|key| body.contains_key(*key)).collect();
    let tests: Vec<&str> = TESTS.into_iter().filter(|key| body.contains_key(*key)).collect();
    match (joints.as_slice(), body.contains_key("property"), tests.is_empty()) {
        ([joint], false, true) => joined(joint, body, types, problems),
        ([], true, false) => property(body, &tests, types, problems),
        // A test that is misspelt is told already.
        ([], true, true) if body.len() > 1 => None,
        ([], true, true) => {
            let hint = format!("add one of {}", TESTS.map(|test| format!("`{test}`")).join(", "));
            problems.push(invalid("the condition asks nothing of its property".into(), &value.span).hint(hint));
            None
        }
        _ => {
            problems.push(
                invalid("a condition is about a property, or joins others".into(), &value.span)
                    .hint("{ property = \"...\", equals = ... }, or one of `not`, `all` and `any`"),
            );
            None
        }
    }
}

fn joined(joint: &str, body: &Table, types: &[String], problems: &mut Problems) -> Option<Condition> {
    let value = &body.get(joint)?.value;
    if joint == "not" {
        return Some(Condition::Not(Box::new(condition(value, types, problems)?)));
    }
    let Data::Array(items) = &value.value else {
        let message = format!(
            "`{joint}` must be an array of conditions, this is {}",
            value.value.kind()
        );
        problems.push(invalid(message, &value.span));
        return None;
    };
    if items.is_empty() {
        problems.push(invalid(format!("`{joint}` joins nothing"), &value.span));
    }
    let parts: Vec<Condition> = items
        .iter()
        .filter_map(|item| condition(item, types, problems))
        .collect();
    Some(match joint {
        "all" => Condition::All(parts),
        _ => Condition::Any(parts),
    })
}

fn property(body: &Table, tests: &[&str], types: &[String], problems: &mut Problems) -> Option<Condition> {
    let written = field::string(body, "property", problems)?;
    let path: Vec<String> = written.value.split('.').map(str::to_owned).collect();
    check_path(&written, &path, types, problems);
    let mut asked: Vec<Condition> = Vec::new();
    for name in tests {
        let value = &body.get(*name)?.value;
        let test = test(name, value, problems)?;
        asked.push(Condition::Property {
            path: path.clone(),
            test,
        });
    }
    match asked.len() {
        1 => asked.pop(),
        _ => Some(Condition::All(asked)),
    }
}

fn check_path(written: &Spanned<String>, path: &[String], types: &[String], problems: &mut Problems) {
    for kind in types {
        let problem = |message: String| Problem::error(codes::OWN_RULE_UNKNOWN, message).at(written.span.clone(), "");
        match paths::fault(kind, path) {
            None => continue,
            Some(Fault::Unknown { segment, known }) => {
                let problem = problem(format!("{kind} has no property `{segment}` there"));
                problems.push(
                    match crate::diagnostic::closest(&segment, known.iter().map(String::as_str)) {
                        Some(near) => problem.hint(format!("did you mean `{near}`?")),
                        None if known.is_empty() => problem.hint("what comes before it has no parts"),
                        None => problem.hint(format!("there are {}", known.join(", "))),
                    },
                );
            }
            Some(Fault::List { before }) => problems.push(
                problem(format!("`{before}` of {kind} is a list"))
                    .hint(format!("`{before}.*` stands for every item of it")),
            ),
            Some(Fault::NoList { before }) => {
                problems.push(problem(format!("`{before}` of {kind} is no list")).hint("leave the `*` out"));
            }
        }
        // The same path is mostly wrong for all types in the same way.
        return;
    }
}

fn test(name: &str, value: &Value, problems: &mut Problems) -> Option<Test> {
    let mut wrong = |expected: &str| {
        let message = format!("`{name}` must be {expected}, this is {}", value.value.kind());
        problems.push(invalid(message, &value.span));
        None
    };
    match (name, &value.value) {
        ("exists", Data::Boolean(wanted)) => Some(Test::Exists(*wanted)),
        ("exists", _) => wrong("true or false"),
        ("equals", data) => match scalar(data) {
            Some(text) => Some(Test::OneOf(vec![text])),
            None => wrong("a string, a number or a boolean"),
        },
        ("one_of", Data::Array(items)) => {
            let values: Option<Vec<String>> = items.iter().map(|item| scalar(&item.value)).collect();
            match values {
                Some(values) => Some(Test::OneOf(values)),
                None => wrong("an array of strings, numbers or booleans"),
            }
        }
        ("one_of", _) => wrong("an array"),
        ("matches", Data::String(pattern)) => match Regex::new(pattern) {
            Ok(pattern) => Some(Test::Matches(pattern)),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                problems.push(invalid(format!("not a regular expression: {reason}"), &value.span));
                None
            }
        },
        ("matches", _) => wrong("a regular expression in a string"),
        ("at_least" | "at_most", data) => {
            let bound = match data {
                #[expect(clippy::cast_precision_loss, reason = "bounds of properties are far below 2^53")]
                Data::Integer(bound) => Some(*bound as f64),
                Data::Float(bound) => Some(*bound),
                _ => None,
            };
            match bound {
                Some(bound) if name == "at_least" => Some(Test::AtLeast(bound)),
                Some(bound) => Some(Test::AtMost(bound)),
                None => wrong("a number"),
            }
        }
        _ => None,
    }
}

fn scalar(data: &Data) -> Option<String> {
    match data {
        Data::String(text) => Some(text.clone()),
        Data::Integer(number) => Some(number.to_string()),
        Data::Float(number) => Some(number.to_string()),
        Data::Boolean(value) => Some(value.to_string()),
        Data::Array(_) | Data::Table(_) => None,
    }
}

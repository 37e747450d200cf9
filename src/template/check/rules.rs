//! `Rules`: assertions about parameters ("Rules section syntax").

use super::super::read::describe;
use super::super::{Node, NodeValue, intrinsic};
use super::{Template, Transforms, did_you_mean};
use crate::diagnostic::{Problem, Problems, Span, closest, codes};

/// "Rule-specific intrinsic functions".
const FUNCTIONS: &[&str] = &[
    "Fn::And",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::Equals",
    "Fn::If",
    "Fn::Not",
    "Fn::Or",
    "Fn::RefAll",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
];

/// Functions that a rule's values may be made of, beside those for rules. AWS lists none; these do no harm.
const OTHERS: &[&str] = &["Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"];

pub(super) fn check(template: &Template, problems: &mut Problems) {
    if template.transforms != Transforms::None {
        return;
    }
    let Some(rules) = template.root.get("Rules") else {
        return;
    };
    for (name, span, rule) in rules.entries() {
        of_one(template, name, span, rule, problems);
    }
}

fn of_one(template: &Template, name: &str, span: &Span, rule: &Node, problems: &mut Problems) {
    let what = format!("the rule `{name}`");
    if !keys(rule, span, &["Assertions", "RuleCondition"], &what, problems) {
        return;
    }
    if let Some(condition) = rule.get("RuleCondition") {
        functions(template, condition, problems);
    }
    match rule.get("Assertions") {
        None => problems.push(
            wrong(format!("{what} has no `Assertions`"), span)
                .hint("write `Assertions:` and under it `- Assert: !Equals [!Ref Stage, prod]`"),
        ),
        Some(node) => match &node.value {
            NodeValue::List(assertions) => {
                for assertion in assertions {
                    of_assertion(template, assertion, &what, problems);
                }
            }
            other => problems.push(wrong(
                format!("`Assertions` of {what} must be a list, not {}", describe(other)),
                span,
            )),
        },
    }
}

fn of_assertion(template: &Template, assertion: &Node, what: &str, problems: &mut Problems) {
    let what = format!("an assertion of {what}");
    if !keys(
        assertion,
        &assertion.span,
        &["Assert", "AssertDescription"],
        &what,
        problems,
    ) {
        return;
    }
    match assertion.get("Assert") {
        Some(assert) => functions(template, assert, problems),
        None => problems.push(wrong(format!("{what} has no `Assert`"), &assertion.span)),
    }
}

/// Every function below `node` is one for rules, and every `Ref` names a parameter.
fn functions(template: &Template, node: &Node, problems: &mut Problems) {
    if let Some((name, argument)) = intrinsic::call(node) {
        let at = node.entries().first().map_or(&node.span, |(_, span, _)| span);
        match argument.as_str().filter(|_| name == "Ref") {
            Some(target) => reference(template, target, &argument.span, problems),
            None if name == "Ref" || FUNCTIONS.contains(&name) || OTHERS.contains(&name) => {}
            None => {
                let problem = wrong(format!("a rule cannot use `{name}`"), at);
                problems.push(match closest(name, FUNCTIONS.iter().copied()) {
                    Some(known) => problem.hint(format!("did you mean `{known}`?")),
                    None => problem.note(format!("rules are made of {}", FUNCTIONS.join(", "))),
                });
            }
        }
    }
    for (_, _, value) in node.entries() {
        functions(template, value, problems);
    }
    for item in node.items() {
        functions(template, item, problems);
    }
}

fn reference(template: &Template, target: &str, at: &Span, problems: &mut Problems) {
    if target.starts_with("AWS::") || template.parameters.get(target).is_some() {
        return;
    }
    let problem = Problem::error(
        codes::UNRESOLVED_REFERENCE,
        format!("`{target}` is no parameter of this template, and rules know nothing else"),
    )
    .at(at.clone(), "");
    problems.push(match did_you_mean(target, template.parameters.names()) {
        Some(hint) => problem.hint(hint),
        None => problem,
    });
}

fn keys(node: &Node, span: &Span, known: &[&str], what: &str, problems: &mut Problems) -> bool {
    let NodeValue::Map(entries) = &node.value else {
        problems.push(wrong(
            format!("{what} must be a mapping, not {}", describe(&node.value)),
            span,
        ));
        return false;
    };
    for (key, at, _) in entries.iter().filter(|(key, _, _)| !known.contains(&key.as_str())) {
        let problem = wrong(format!("{what} cannot have `{key}`"), at);
        problems.push(match did_you_mean(key, known.iter().copied()) {
            Some(hint) => problem.hint(hint),
            None => problem.note(format!("allowed are {}", known.join(", "))),
        });
    }
    true
}

fn wrong(message: String, at: &Span) -> Problem {
    Problem::error(codes::RULE_DECLARATION, message).at(at.clone(), "")
}

//! Holds what a case rendered to against what it expects.

use super::compare::{self, Difference};
use super::compose;
use super::model::{Expect, ProblemExpect, ResourceExpect, Setting};
use super::outcome::Failure;
use super::path::{self, Reach};
use crate::diagnostic::{Problem, Problems, Severity, Span, closest};
use crate::module::RenderedStack;
use crate::spec::Spanned;
use crate::template::Node;

/// What is otherwise in the template of the stack under test.
pub(super) fn template(expect: &Expect, stack: &RenderedStack) -> Vec<Failure> {
    let mut failures = Vec::new();
    let resources = section(stack, "Resources");
    for (kind, wanted) in &expect.count {
        let ids: Vec<&str> = resources
            .iter()
            .filter(|(_, _, body)| type_of(body) == kind.value)
            .map(|(id, _, _)| id.as_str())
            .collect();
        if ids.len() != *wanted {
            let there = match ids.as_slice() {
                [] => "there is none".to_owned(),
                ids => format!("there are {}: {}", ids.len(), ids.join(", ")),
            };
            failures.push(Failure::new(format!("{}: expected {wanted}, {there}", kind.value)).at(&kind.span));
        }
    }
    for id in &expect.absent {
        if let Some((_, key, body)) = resources.iter().find(|(found, _, _)| *found == id.value) {
            let message = format!("{}: expected not to be there, is, an {}", id.value, type_of(body));
            failures.push(placed(Failure::new(message).at(&id.span), stack, key));
        }
    }
    for name in &expect.outputs {
        if !stack.outputs.contains_key(&name.value) {
            let message = format!("the output {} is expected and not made", name.value);
            let made: Vec<&str> = stack.outputs.keys().map(String::as_str).collect();
            let failure = Failure::new(message).at(&name.span);
            failures.push(failure.more([format!("made are {}", made.join(", "))]));
        }
    }
    for name in &expect.no_outputs {
        if stack.outputs.contains_key(&name.value) {
            failures.push(Failure::new(format!("the output {} is made and not expected", name.value)).at(&name.span));
        }
    }
    for expected in &expect.resources {
        failures.extend(resource(expected, stack));
    }
    for (name, expected) in &expect.values {
        let value = stack
            .outputs
            .get(&name.value)
            .and_then(|key| stack.document.root.get("Outputs")?.get(key)?.get("Value"));
        match value {
            Some(value) => failures.extend(told(compare::differences(expected, value, &name.value), stack)),
            None => {
                let message = format!("the output {} is expected and not made", name.value);
                failures.push(Failure::new(message).at(&name.span));
            }
        }
    }
    failures
}

fn resource(expected: &ResourceExpect, stack: &RenderedStack) -> Vec<Failure> {
    let id = &expected.id.value;
    let resources = section(stack, "Resources");
    let Some((_, key, body)) = resources.iter().find(|(found, _, _)| found == id) else {
        let ids = || resources.iter().map(|(id, _, _)| id.as_str());
        let hint = match closest(id, ids()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", ids().collect::<Vec<_>>().join(", ")),
        };
        let failure = Failure::new(format!("{id}: there is no such resource")).at(&expected.id.span);
        return vec![failure.more([hint])];
    };
    let mut failures = Vec::new();
    let texts = [
        ("Type", &expected.kind, ""),
        // What CloudFormation does if nothing is said.
        ("DeletionPolicy", &expected.deletion, default_deletion(body)),
        ("UpdateReplacePolicy", &expected.replacement, "Delete"),
        ("Condition", &expected.condition, ""),
    ];
    for (name, wanted, default) in texts {
        let Some(wanted) = wanted else { continue };
        let node = body.get(name);
        let is = node.and_then(Node::as_str).unwrap_or(default);
        if is != wanted.value {
            let is = if is.is_empty() {
                "is not there".to_owned()
            } else {
                format!("is {is}")
            };
            let failure = Failure::new(format!("{id}.{name}: expected {}, {is}", wanted.value)).at(&wanted.span);
            failures.push(placed(failure, stack, node.map_or(key, |node| &node.span)));
        }
    }
    let depends = body.get("DependsOn");
    let before: Vec<&str> = depends
        .iter()
        .flat_map(|node| {
            node.as_str()
                .into_iter()
                .chain(node.items().iter().filter_map(Node::as_str))
        })
        .collect();
    for wanted in &expected.depends_on {
        if !before.contains(&wanted.value.as_str()) {
            let is = if before.is_empty() {
                "there is none".to_owned()
            } else {
                format!("is {}", before.join(", "))
            };
            let failure = Failure::new(format!("{id}.DependsOn: expected {}, {is}", wanted.value)).at(&wanted.span);
            failures.push(placed(failure, stack, depends.map_or(key, |node| &node.span)));
        }
    }
    let properties = body.get("Properties");
    let root = format!("{id}.Properties");
    if let Some(wanted) = &expected.properties {
        match properties {
            Some(properties) => failures.extend(told(compare::differences(wanted, properties, &root), stack)),
            None => {
                let failure = Failure::new(format!("{id}: it has no properties")).at(&wanted.span);
                failures.push(placed(failure, stack, key));
            }
        }
    }
    for unwanted in &expected.without {
        let found = properties.map(|properties| path::follow(properties, &unwanted.value));
        if let Some(Reach::There(places)) = found
            && let Some(place) = places.first()
        {
            let here = path::joined(&root, &unwanted.value);
            let message = format!("{here}: expected not to be there, is {}", compare::text(place));
            failures.push(placed(Failure::new(message).at(&unwanted.span), stack, &place.span));
        }
    }
    failures
}

/// Which problems the case expects and did not get, and which it got and does not expect. Warnings that nobody asked
/// about are fine.
pub(super) fn problems(expect: &Expect, layers: &[&Setting], found: &Problems) -> Vec<Failure> {
    let (errors, warnings): (Vec<&Problem>, Vec<&Problem>) =
        found.0.iter().partition(|problem| problem.severity == Severity::Error);
    let mut failures = Vec::new();
    let spare = matched(&expect.errors, &errors, "error", layers, &mut failures);
    failures.extend(
        spare
            .into_iter()
            .map(|problem| Failure::told("not expected: ", problem.clone())),
    );
    matched(&expect.warnings, &warnings, "warning", layers, &mut failures);
    failures
}

/// Gives each expectation a problem of its own; those that nobody expects are given back.
fn matched<'a>(
    expected: &[ProblemExpect],
    found: &[&'a Problem],
    what: &str,
    layers: &[&Setting],
    failures: &mut Vec<Failure>,
) -> Vec<&'a Problem> {
    let mut owners: Vec<Option<usize>> = vec![None; found.len()];
    let fits: Vec<Vec<usize>> = expected
        .iter()
        .map(|one| {
            (0..found.len())
                .filter(|at| found.get(*at).is_some_and(|problem| is(one, problem, layers)))
                .collect()
        })
        .collect();
    for (number, one) in expected.iter().enumerate() {
        if !give(number, &fits, &mut owners, &mut vec![false; found.len()]) {
            let near = found
                .iter()
                .map(|problem| format!("told was {}: {}", problem.code, problem.message));
            let failure = Failure::new(format!("expected {}, nobody told it", wanted(one, what))).at(&one.span);
            // Errors that nobody expects are listed by themselves.
            failures.push(if what == "warning" || expected.len() > found.len() {
                failure.more(near)
            } else {
                failure
            });
        }
    }
    let spare = found.iter().zip(&owners).filter(|(_, owner)| owner.is_none());
    spare.map(|(problem, _)| *problem).collect()
}

/// Finds a problem for an expectation, moving others to further ones that fit them if need be.
fn give(number: usize, fits: &[Vec<usize>], owners: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for at in fits.get(number).into_iter().flatten() {
        let Some(seen) = tried.get_mut(*at) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        let owner = owners.get(*at).copied().flatten();
        if owner.is_none_or(|owner| give(owner, fits, owners, tried)) {
            if let Some(place) = owners.get_mut(*at) {
                *place = Some(number);
            }
            return true;
        }
    }
    false
}

fn is(expected: &ProblemExpect, problem: &Problem, layers: &[&Setting]) -> bool {
    let labels = || problem.labels.iter().map(|label| &label.text);
    let told = || std::iter::once(&problem.message).chain(labels());
    let code = expected.code.is_none_or(|code| code == problem.code);
    let says = expected.says.as_ref().is_none_or(|part| {
        let mut texts = told().chain(&problem.notes).chain(&problem.hints);
        texts.any(|text| text.contains(part.as_str()))
    });
    let input = expected.input.as_ref().is_none_or(|name| {
        // Hints may list every input that there is.
        let quoted = format!("`{name}`");
        let written = compose::input(layers, name);
        let within =
            |span: &Span| written.is_some_and(|entry| lies_in(span, &entry.key) || lies_in(span, &entry.value.span));
        told().any(|text| text.contains(&quoted)) || problem.labels.iter().any(|label| within(&label.span))
    });
    code && says && input
}

fn lies_in(span: &Span, outer: &Span) -> bool {
    outer.source == span.source && outer.bytes.start <= span.bytes.start && span.bytes.end <= outer.bytes.end
}

fn wanted(expected: &ProblemExpect, what: &str) -> String {
    let code = expected.code.map(|code| format!(" {code}")).unwrap_or_default();
    let says = expected
        .says
        .as_ref()
        .map(|part| format!(" that says \"{part}\""))
        .unwrap_or_default();
    let input = expected
        .input
        .as_ref()
        .map(|name| format!(" about the input {name}"))
        .unwrap_or_default();
    let article = if what == "error" { "an" } else { "a" };
    format!("{article} {what}{code}{says}{input}")
}

fn told(differences: Vec<Difference>, stack: &RenderedStack) -> Vec<Failure> {
    differences
        .into_iter()
        .map(|one| {
            let failure = Failure::new(format!("{}: {}", one.path, one.says))
                .at(&one.expected)
                .more(one.more);
            placed(failure, stack, &one.found)
        })
        .collect()
}

fn placed(failure: Failure, stack: &RenderedStack, span: &Span) -> Failure {
    failure.in_template(stack.written_at(span).as_ref())
}

fn section<'a>(stack: &'a RenderedStack, name: &str) -> &'a [(String, Span, Node)] {
    stack.document.root.get(name).map(Node::entries).unwrap_or_default()
}

/// Whether a resource of the stack leaves a snapshot when it goes.
pub(super) fn ends_in_snapshots(stack: &RenderedStack) -> bool {
    section(stack, "Resources").iter().any(|(_, _, body)| {
        let policy = |name: &str| body.get(name).and_then(Node::as_str);
        policy("DeletionPolicy").unwrap_or_else(|| default_deletion(body)) == "Snapshot"
            || policy("UpdateReplacePolicy") == Some("Snapshot")
    })
}

/// "DeletionPolicy attribute", AWS CloudFormation User Guide: databases that stand alone leave a snapshot.
fn default_deletion(body: &Node) -> &'static str {
    let in_cluster = || {
        body.get("Properties")
            .is_some_and(|found| found.get("DBClusterIdentifier").is_some())
    };
    match type_of(body) {
        "AWS::RDS::DBCluster" => "Snapshot",
        "AWS::RDS::DBInstance" if !in_cluster() => "Snapshot",
        _ => "Delete",
    }
}

fn type_of(body: &Node) -> &str {
    body.get("Type").and_then(Node::as_str).unwrap_or_default()
}

/// The names as a sorted list, for comparing sets.
pub(super) fn names(written: &[Spanned<String>]) -> std::collections::BTreeSet<&str> {
    written.iter().map(|name| name.value.as_str()).collect()
}

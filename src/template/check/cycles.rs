//! Circles: resources or conditions that need each other, so that none can be first.

use std::collections::{BTreeMap, BTreeSet};

use super::super::intrinsic::{Reference, ReferenceKind, condition_references, references};
use super::{Section, Template, Transforms};
use crate::diagnostic::{Problem, Problems, Span, codes};

pub(super) fn check(template: &Template, problems: &mut Problems) {
    // A transform may give one resource's references to another one that it makes.
    if template.transforms != Transforms::None {
        return;
    }
    let of_resource = |reference: &Reference| {
        matches!(
            reference.kind,
            ReferenceKind::Ref | ReferenceKind::GetAtt | ReferenceKind::DependsOn
        )
    };
    report(
        &edges(&template.resources, references, of_resource),
        "resources",
        problems,
    );
    let of_condition = |reference: &Reference| reference.kind == ReferenceKind::Condition;
    report(
        &edges(&template.conditions, condition_references, of_condition),
        "conditions",
        problems,
    );
}

/// For each name, what it needs and where it says so.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Span>>;

fn edges<'a>(
    section: &Section<'a>,
    references: impl Fn(&'a super::Node) -> Vec<Reference>,
    counts: impl Fn(&Reference) -> bool,
) -> Edges<'a> {
    let mut edges = Edges::new();
    for (name, _, node) in section.entries {
        let needs = edges.entry(name).or_default();
        for reference in references(node).into_iter().filter(&counts) {
            if let Some((target, _, _)) = section.entry(&reference.target) {
                needs.entry(target).or_insert(reference.span);
            }
        }
    }
    edges
}

/// Takes away whatever needs nothing that is left, and then its users if they need nothing else; only cycles and what
/// leads into them remain. Then follows the needs from the first name until one repeats. One problem a cycle; cycles
/// share no member.
fn report(edges: &Edges, what: &str, problems: &mut Problems) {
    let mut left: BTreeSet<&str> = edges.keys().copied().collect();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, needs) in edges {
        for target in needs.keys() {
            users.entry(target).or_default().push(name);
        }
    }
    let mut free: Vec<&str> = edges
        .iter()
        .filter(|(_, needs)| needs.is_empty())
        .map(|(name, _)| *name)
        .collect();
    loop {
        while let Some(name) = free.pop() {
            if left.remove(name) {
                let users = users.get(name).into_iter().flatten().copied();
                free.extend(users.filter(|user| left.contains(user) && next(edges, &left, user).is_none()));
            }
        }
        let Some(mut at) = left.first().copied() else { return };
        let mut path: Vec<(&str, &Span)> = Vec::new();
        let mut visited = BTreeSet::new();
        while visited.insert(at) {
            let Some((target, span)) = next(edges, &left, at) else {
                return;
            };
            path.push((at, span));
            at = target;
        }
        let cycle: Vec<_> = path.into_iter().skip_while(|(name, _)| *name != at).collect();
        problems.push(problem(&cycle, what));
        free.extend(cycle.into_iter().map(|(name, _)| name));
    }
}

fn next<'a>(edges: &'a Edges, left: &BTreeSet<&str>, name: &str) -> Option<(&'a str, &'a Span)> {
    let needs = edges.get(name)?;
    needs
        .iter()
        .find(|(target, _)| left.contains(*target))
        .map(|(target, span)| (*target, span))
}

fn problem(cycle: &[(&str, &Span)], what: &str) -> Problem {
    let names: Vec<&str> = cycle.iter().chain(cycle.first()).map(|(name, _)| *name).collect();
    let message = format!("{what} depend on each other in a cycle: {}", names.join(" -> "));
    let mut problem = Problem::error(codes::DEPENDENCY_CYCLE, message);
    for ((name, span), target) in cycle.iter().zip(names.iter().skip(1)) {
        problem = problem.at((*span).clone(), format!("`{name}` needs `{target}`"));
    }
    match what {
        "resources" => problem.hint(
            "take one of these references out; for security groups and routes a separate resource for the rule helps",
        ),
        _ => problem,
    }
}

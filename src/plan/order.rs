//! Which stacks come before which.

use std::collections::{BTreeMap, BTreeSet};

/// `names` and everything that they need, directly or through others.
pub fn with_dependencies(names: &BTreeSet<String>, uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&String> = names.iter().collect();
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(uses.get(name).into_iter().flatten());
        }
    }
    found
}

/// `names` and everything that needs them, directly or through others.
pub fn with_dependents(names: &BTreeSet<String>, uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    with_dependencies(names, &reversed(uses))
}

/// The stacks that use `name` directly.
pub fn dependents_of(name: &str, uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    uses.iter()
        .filter(|(_, used)| used.contains(name))
        .map(|(user, _)| user.clone())
        .collect()
}

/// The names in an order in which each comes after all that it uses. Names in a cycle (a hand-edited state can hold
/// one) come last, in alphabetical order, so that nothing is lost.
pub(super) fn sorted(names: &BTreeSet<String>, uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut done: BTreeSet<&String> = BTreeSet::new();
    let mut order = Vec::with_capacity(names.len());
    while order.len() < names.len() {
        let ready: Vec<&String> = names
            .iter()
            .filter(|name| !done.contains(name))
            .filter(|name| {
                uses.get(*name)
                    .into_iter()
                    .flatten()
                    .all(|used| used == *name || !names.contains(used) || done.contains(used))
            })
            .collect();
        if ready.is_empty() {
            order.extend(names.iter().filter(|name| !done.contains(name)).cloned());
            break;
        }
        for name in ready {
            done.insert(name);
            order.push(name.clone());
        }
    }
    order
}

fn reversed(uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let mut result: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (user, used) in uses {
        for name in used {
            result.entry(name.clone()).or_default().insert(user.clone());
        }
    }
    result
}

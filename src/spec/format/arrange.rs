//! Puts tables and keys into their customary order. What has none keeps the place that its author gave it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::read::{Entry, File, Group, Line, Section};
use super::{Layout, Order};
use crate::spec::keys::Rest;

/// Orders the tables of a file, and the keys of each.
pub(super) fn file(file: &mut File, layout: &Layout) {
    if layout.keys.is_empty() {
        return;
    }
    sections(&mut file.sections, layout);
    for section in &mut file.sections {
        let path = section.header.as_ref().map(|header| header.path.as_slice());
        if let Some(order) = layout.order(path.unwrap_or_default()) {
            keys(&mut section.groups, order);
        }
    }
}

/// Top-level tables by rank; all tables of one stack, input or workload together, in the order in which each was first
/// named, its own table before those below it.
fn sections(sections: &mut [Section], layout: &Layout) {
    let lists: BTreeSet<String> = sections
        .iter()
        .filter_map(|section| section.header.as_ref())
        .filter(|header| header.array && header.path.len() == 1)
        .filter_map(|header| header.path.first().cloned())
        .collect();
    // Tables below `[[waivers]]` belong to the one above them: nothing in such a list may move.
    let unit = |section: &Section| -> Vec<String> {
        let path = section.header.as_ref().map_or(&[][..], |header| &header.path);
        let listed = path.first().is_some_and(|name| lists.contains(name));
        path.iter().take(if listed { 1 } else { 2 }).cloned().collect()
    };
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for section in sections.iter() {
        let next = places.len();
        places.entry(unit(section)).or_insert(next);
    }
    sections.sort_by_cached_key(|section| {
        let unit = unit(section);
        let place = places.get(&unit).copied();
        let rank = unit.first().map(|name| layout.rank(name));
        let own = section
            .header
            .as_ref()
            .is_some_and(|header| !header.array && header.path == unit);
        // The keys before the first header have no rank and come first.
        (rank, place, Reverse(own))
    });
}

/// Known keys in their order, within each group that blank lines make. In a table that takes any other key as well,
/// the known ones say what it is: they go to its top.
fn keys(groups: &mut Vec<Group>, order: Order) {
    let rank = |entry: &Entry| {
        let place = order.keys.iter().position(|key| key.name == entry.name);
        place.unwrap_or(order.keys.len())
    };
    if order.rest != Rest::Refused && groups.len() > 1 {
        let mut leading = Vec::new();
        for group in groups.iter_mut().skip(1) {
            let (known, other) = std::mem::take(&mut group.entries)
                .into_iter()
                .partition(|entry| rank(entry) < order.keys.len());
            leading.extend::<Vec<Entry>>(known);
            group.entries = other;
        }
        if let Some(first) = groups.first_mut() {
            first.entries.extend(leading);
        }
        drop_emptied(groups);
    }
    for group in groups {
        group.entries.sort_by_key(rank);
    }
}

/// Comments of a group that lost all of its keys go to the group above.
fn drop_emptied(groups: &mut Vec<Group>) {
    let mut kept: Vec<Group> = Vec::new();
    for group in std::mem::take(groups) {
        match kept.last_mut() {
            Some(above) if group.entries.is_empty() => {
                let lines = group.intro.into_iter().chain(group.tail);
                above.tail.extend(lines.filter(|line| *line != Line::Blank));
            }
            _ => kept.push(group),
        }
    }
    *groups = kept;
}

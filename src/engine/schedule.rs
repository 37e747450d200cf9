//! Who may start when: a stack starts the moment everything before it is done, up to a number at a time.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Action, Plan};

/// The stacks of a plan and how far each is.
#[derive(Debug)]
pub(super) struct Schedule {
    entries: Vec<Entry>,
    parallelism: usize,
}

#[derive(Debug)]
struct Entry {
    name: String,
    after: BTreeSet<String>,
    /// How many stacks wait in the longest row behind it: the longest row goes first.
    height: usize,
    /// Whether it takes up one of the places. Looking that nothing changed does not.
    works: bool,
    fate: Fate,
}

/// How far a stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Something before it is not done.
    Waiting,
    /// Its turn has come.
    Running,
    /// It is as it should be.
    Done,
    /// It failed.
    Failed,
    /// It will not start.
    NotStarted(String),
}

impl Schedule {
    /// The schedule of `plan`; `parallelism` 0 counts as 1.
    pub(super) fn new(plan: &Plan, parallelism: usize) -> Self {
        let after: BTreeMap<&str, BTreeSet<&str>> = plan
            .stacks
            .iter()
            .map(|stack| (stack.name.as_str(), stack.after.iter().map(String::as_str).collect()))
            .collect();
        let mut heights: BTreeMap<&str, usize> = BTreeMap::new();
        // The plan lists each stack behind what it needs, so one walk from the end sees all that stand behind a stack.
        for stack in plan.stacks.iter().rev() {
            let behind = plan.stacks.iter().filter(|other| other.after.contains(&stack.name));
            let height = behind
                .map(|other| heights.get(other.name.as_str()).map_or(0, |height| height + 1))
                .max();
            heights.insert(&stack.name, height.unwrap_or(0));
        }
        let entries = plan
            .stacks
            .iter()
            .map(|stack| Entry {
                name: stack.name.clone(),
                after: after
                    .get(stack.name.as_str())
                    .into_iter()
                    .flatten()
                    .map(|name| (*name).to_owned())
                    .collect(),
                height: heights.get(stack.name.as_str()).copied().unwrap_or(0),
                works: stack.action != Action::Unchanged,
                fate: Fate::Waiting,
            })
            .collect();
        Self {
            entries,
            parallelism: parallelism.max(1),
        }
    }

    /// The stacks whose turn it is now; they count as running from here on.
    pub(super) fn start(&mut self) -> Vec<String> {
        let done: BTreeSet<String> = self.names(|entry| entry.fate == Fate::Done);
        let known: BTreeSet<String> = self.names(|_| true);
        let mut free = self.parallelism.saturating_sub(
            self.entries
                .iter()
                .filter(|entry| entry.works && entry.fate == Fate::Running)
                .count(),
        );
        let mut ready: Vec<&mut Entry> = self
            .entries
            .iter_mut()
            .filter(|entry| entry.fate == Fate::Waiting)
            .filter(|entry| {
                entry
                    .after
                    .iter()
                    .all(|name| done.contains(name) || !known.contains(name))
            })
            .collect();
        ready.sort_by_key(|entry| std::cmp::Reverse(entry.height));
        let mut started = Vec::new();
        for entry in ready {
            if entry.works {
                if free == 0 {
                    continue;
                }
                free -= 1;
            }
            entry.fate = Fate::Running;
            started.push(entry.name.clone());
        }
        started
    }

    /// `name` is done.
    pub(super) fn done(&mut self, name: &str) {
        self.set(name, Fate::Done);
    }

    /// `name` failed: whatever needs it, directly or through others, will not start.
    pub(super) fn failed(&mut self, name: &str) {
        self.set(name, Fate::Failed);
        self.give_up_behind(name, &format!("{name} failed"));
    }

    /// Nothing new starts.
    pub(super) fn stop(&mut self, because: &str) {
        for entry in self.entries.iter_mut().filter(|entry| entry.fate == Fate::Waiting) {
            entry.fate = Fate::NotStarted(because.to_owned());
        }
    }

    /// Every stack with its fate, in the plan's order.
    pub(super) fn fates(&self) -> impl Iterator<Item = (&str, &Fate)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), &entry.fate))
    }

    fn give_up_behind(&mut self, name: &str, because: &str) {
        let behind: Vec<String> = self
            .entries
            .iter_mut()
            .filter(|entry| entry.fate == Fate::Waiting && entry.after.contains(name))
            .map(|entry| {
                entry.fate = Fate::NotStarted(because.to_owned());
                entry.name.clone()
            })
            .collect();
        for name in behind {
            self.give_up_behind(&name, because);
        }
    }

    fn set(&mut self, name: &str, fate: Fate) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.fate = fate;
        }
    }

    fn names(&self, which: impl Fn(&Entry) -> bool) -> BTreeSet<String> {
        self.entries
            .iter()
            .filter(|entry| which(entry))
            .map(|entry| entry.name.clone())
            .collect()
    }
}

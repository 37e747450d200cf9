//! A plan as a reader wants it: stack by stack, resource by resource, property by property, and the sum at the end.

use crate::plan::{
    Action, Kind, Leaves, Plan, PropertyChange, Recovery, Replacement, ResourceAction, ResourceChange, StackPlan,
};
use crate::view::text::{ADD, CHANGE, COMMAND, DIM, NAME, REMOVE, REPLACE, columns, list, one_line, pad, paint};
use crate::view::text::{fit, wrap};

use super::values::{Difference, difference};

/// The whole plan, ending in what to type next.
pub fn plan(plan: &Plan, next: &[String], width: usize) -> String {
    let mut text = String::new();
    let changing: Vec<&StackPlan> = plan.stacks.iter().filter(|stack| shown(stack)).collect();
    for stack in &changing {
        text.push_str(&stack_text(stack, width));
        text.push('\n');
    }
    let unchanged: Vec<&str> = plan
        .stacks
        .iter()
        .filter(|stack| !shown(stack))
        .map(|stack| stack.name.as_str())
        .collect();
    if changing.is_empty() {
        text.push_str(&nothing_to_do(plan));
        return text;
    }
    if !unchanged.is_empty() {
        for line in wrap(&format!("Unchanged: {}", list(&unchanged)), width) {
            text.push_str(&paint(DIM, line));
            text.push('\n');
        }
        text.push('\n');
    }
    text.push_str(&totals(plan, width));
    for line in next {
        text.push_str(&format!("{}\n", paint(COMMAND, line)));
    }
    text
}

/// Whether something would be done about the stack.
fn shown(stack: &StackPlan) -> bool {
    stack.action != Action::Unchanged || stack.recovery.is_some() || stack.set_protection.is_some()
}

fn nothing_to_do(plan: &Plan) -> String {
    let state = match plan.stacks.len() {
        0 => "there are no stacks".to_owned(),
        1 => "the stack is as the files say".to_owned(),
        stacks => format!("all {stacks} stacks are as the files say"),
    };
    format!(
        "{}: no changes, {state}
",
        paint(NAME, &plan.environment)
    )
}

/// One stack: what happens to it and why, then its resources.
fn stack_text(stack: &StackPlan, width: usize) -> String {
    let (sign, style, verb) = match stack.action {
        Action::Create => ("+", ADD, "create"),
        Action::Update => ("~", CHANGE, "update"),
        Action::Delete => ("-", REMOVE, "delete"),
        Action::Unchanged if stack.recovery.is_none() => ("~", CHANGE, "protection only"),
        Action::Unchanged => ("~", CHANGE, "recover"),
    };
    let module = if stack.module.is_empty() {
        String::new()
    } else {
        format!(" ({})", stack.module)
    };
    let mut text = format!(
        "{} {}{module}  {}  {}\n",
        paint(style, sign),
        paint(NAME, &stack.name),
        paint(style, verb),
        paint(DIM, &stack.stack_name)
    );
    let mut about: Vec<String> = stack.recovery.map(recovery_text).into_iter().collect();
    about.extend(stack.reasons.iter().map(|reason| one_line(reason)));
    about.extend(stack.set_protection.map(|on| match (on, stack.action) {
        (true, _) => "termination protection is switched on".to_owned(),
        (false, Action::Delete) => "termination protection is on: it is switched off first".to_owned(),
        (false, _) => "termination protection is switched off".to_owned(),
    }));
    if !stack.after.is_empty() {
        about.push(format!("after {}", list(&stack.after)));
    }
    for sentence in about {
        for line in wrap(&sentence, width.saturating_sub(4)) {
            text.push_str(&format!("    {}\n", paint(DIM, line)));
        }
    }
    let name_width = stack
        .changes
        .iter()
        .map(|change| columns(&change.logical_id))
        .max()
        .unwrap_or(0)
        .min(40);
    let mut changes: Vec<&ResourceChange> = stack.changes.iter().collect();
    if stack.action == Action::Update {
        changes.sort_by_key(|change| rank(change));
    }
    let first_consequence = changes.iter().position(|change| rank(change) == Rank::Consequence);
    for (at, change) in changes.into_iter().enumerate() {
        if at > 0 && Some(at) == first_consequence {
            text.push_str(&format!("    {}\n", paint(DIM, "and, only because of these:")));
        }
        text.push_str(&resource_text(change, name_width, width));
    }
    text
}

/// What a reader wants to see first: losses, then what the edit itself changes, then what merely follows from it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Removed,
    Replaced,
    Changed,
    Added,
    Consequence,
}

fn rank(change: &ResourceChange) -> Rank {
    let follows = !change.properties.is_empty() && change.properties.iter().all(|property| property.cause.is_some());
    match (change.action, change.replacement) {
        (ResourceAction::Remove, _) => Rank::Removed,
        (ResourceAction::Add | ResourceAction::Import, _) => Rank::Added,
        (_, Replacement::Always) => Rank::Replaced,
        _ if follows => Rank::Consequence,
        _ => Rank::Changed,
    }
}

fn recovery_text(recovery: Recovery) -> String {
    match recovery {
        Recovery::DeleteFirst => "nothing in it ever worked: it is deleted first, then created",
        Recovery::ContinueRollback => "its last rollback is stuck: that is continued first",
        Recovery::DeleteAgain => "its deletion failed: it is deleted again first",
        Recovery::Attach => "an operation is in flight: its end is waited for first, then the stack is looked at again",
    }
    .to_owned()
}

/// One resource and its properties.
fn resource_text(change: &ResourceChange, name_width: usize, width: usize) -> String {
    let (sign, style, words) = match (change.action, change.replacement) {
        (ResourceAction::Add, _) => ("+", ADD, ""),
        (ResourceAction::Remove, _) if change.stays() => ("=", CHANGE, "stays, unmanaged"),
        (ResourceAction::Remove, _) if change.leaves == Some(Leaves::Snapshot) => {
            ("-", REMOVE, "removed, leaves a snapshot")
        }
        (ResourceAction::Remove, _) => ("-", REMOVE, ""),
        (ResourceAction::Import, _) => ("=", ADD, "adopted"),
        (ResourceAction::Dynamic, _) => ("?", CHANGE, "known only while executing"),
        (ResourceAction::Modify, Replacement::Always) => match change.leaves {
            Some(Leaves::Resource) => ("=/+", REPLACE, "replaced, the old one stays, unmanaged"),
            Some(Leaves::Snapshot) => ("-/+", REPLACE, "replaced, leaves a snapshot"),
            None => ("-/+", REPLACE, "replaced"),
        },
        (ResourceAction::Modify, Replacement::Conditional) => ("~", CHANGE, "may be replaced"),
        (ResourceAction::Modify, Replacement::Never) => ("~", CHANGE, ""),
    };
    let mut line = format!(
        " {} {}  {}",
        paint(style, format!("{sign:>3}")),
        pad(&one_line(&change.logical_id), name_width),
        paint(DIM, one_line(&change.resource_type)),
    );
    if !words.is_empty() {
        line.push_str(&format!("  {}", paint(style, words)));
    }
    if let Some(id) = change
        .physical_id
        .as_deref()
        .filter(|_| change.action != ResourceAction::Add)
    {
        let room = width.saturating_sub(columns(&line) + 2);
        if room >= 12 {
            line.push_str(&format!("  {}", paint(DIM, fit(&one_line(id), room))));
        }
    }
    line.push('\n');
    for property in &change.properties {
        line.push_str(&property_text(property, width));
    }
    line
}

/// How far properties are indented.
const INDENT: usize = 8;

/// One property: on one line where it fits, else before and after on a line each.
fn property_text(property: &PropertyChange, width: usize) -> String {
    let forces = match property.replacement {
        Replacement::Always => Some((REPLACE, "forces replacement")),
        Replacement::Conditional => Some((CHANGE, "may force replacement")),
        Replacement::Never => None,
    };
    let mut marks: Vec<String> = forces.map(|(style, words)| paint(style, words)).into_iter().collect();
    if let Some(cause) = &property.cause {
        marks.push(paint(DIM, format!("because of {}", one_line(cause))));
    }
    let marks = if marks.is_empty() {
        String::new()
    } else {
        format!("  {}", marks.join(", "))
    };
    let margin = " ".repeat(INDENT);
    let mut text = String::new();
    for Difference { path, before, after } in difference(property) {
        let path = one_line(&path);
        let on_one_line = match (&before, &after) {
            (Some(before), Some(after)) => format!("{margin}{path}: {before} → {after}"),
            (None, Some(after)) => format!("{margin}{path}: {} {after}", paint(ADD, "+")),
            (Some(before), None) => format!("{margin}{path}: {} {before}", paint(REMOVE, "-")),
            (None, None) => format!("{margin}{path}"),
        };
        if columns(&on_one_line) + columns(&marks) <= width {
            text.push_str(&format!("{on_one_line}{marks}\n"));
            continue;
        }
        if columns(&on_one_line) <= width {
            text.push_str(&format!("{on_one_line}\n{margin}  {}\n", marks.trim_start()));
            continue;
        }
        text.push_str(&format!("{margin}{path}:{marks}\n"));
        let room = width.saturating_sub(INDENT + 4);
        let (before, after) = super::values::shorten(before.as_deref(), after.as_deref(), room);
        if let Some(before) = before {
            text.push_str(&format!("{margin}  {} {before}\n", paint(REMOVE, "-")));
        }
        if let Some(after) = after {
            text.push_str(&format!("{margin}  {} {after}\n", paint(ADD, "+")));
        }
    }
    text
}

/// How much of what: `Stacks: 1 to create, 1 to update. Resources: …`.
fn totals(plan: &Plan, width: usize) -> String {
    let stacks = |action| plan.stacks.iter().filter(|stack| stack.action == action).count();
    let recover = plan
        .stacks
        .iter()
        .filter(|stack| stack.action == Action::Unchanged && stack.recovery.is_some())
        .count();
    let switch = plan
        .stacks
        .iter()
        .filter(|stack| stack.action == Action::Unchanged && stack.recovery.is_none() && stack.set_protection.is_some())
        .count();
    let resources = |wanted: &dyn Fn(&ResourceChange) -> bool| {
        plan.stacks
            .iter()
            .flat_map(|stack| &stack.changes)
            .filter(|change| wanted(change))
            .count()
    };
    let modified = |change: &ResourceChange, replacement| {
        change.action == ResourceAction::Modify && change.replacement == replacement
    };
    let add = resources(&|change| change.action == ResourceAction::Add);
    let import = resources(&|change| change.action == ResourceAction::Import);
    let in_place = resources(&|change| modified(change, Replacement::Never));
    let perhaps =
        resources(&|change| modified(change, Replacement::Conditional) || change.action == ResourceAction::Dynamic);
    let replace = resources(&|change| modified(change, Replacement::Always));
    let remove = resources(&|change| change.action == ResourceAction::Remove && !change.stays());
    let stay = resources(&ResourceChange::stays);
    let sum = |parts: &[(usize, anstyle::Style, &str)]| {
        parts
            .iter()
            .filter(|(number, _, _)| *number > 0)
            .map(|(number, style, words)| paint(*style, format!("{number} {words}")))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let stacks = sum(&[
        (stacks(Action::Create), ADD, "to create"),
        (stacks(Action::Update), CHANGE, "to update"),
        (recover, CHANGE, "to recover"),
        (switch, CHANGE, "to switch the protection of"),
        (stacks(Action::Delete), REMOVE, "to delete"),
    ]);
    let resources = sum(&[
        (add, ADD, "to add"),
        (import, ADD, "to adopt"),
        (in_place, CHANGE, "to change"),
        (replace, REPLACE, "to replace"),
        (perhaps, CHANGE, "perhaps to replace"),
        (remove, REMOVE, "to remove"),
        (stay, CHANGE, if stay == 1 { "stays" } else { "stay" }),
    ]);
    let heading = match plan.kind {
        Kind::Apply => "Plan for",
        Kind::Destroy => "Plan to destroy",
    };
    let mut text = format!(
        "{heading} {} of {} (account {}, {})\n  Stacks:    {stacks}\n",
        paint(NAME, &plan.environment),
        plan.project,
        plan.account,
        plan.region
    );
    if !resources.is_empty() {
        let lines = wrap(&resources, width.saturating_sub(13));
        text.push_str(&format!(
            "  Resources: {}\n",
            lines.join(&format!("\n{}", " ".repeat(13)))
        ));
    }
    text
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

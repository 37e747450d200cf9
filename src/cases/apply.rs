//! Apply cases and combinations: deployed, updated and destroyed in an account of their own, in paused time.

use super::check::names;
use super::compose;
use super::model::{Apply, Case, Setting, Step};
use super::outcome::Failure;
use super::render::Ground;
use super::rows::Row;
use super::world::{Changes, Went, World};
use crate::diagnostic::{Problem, codes};
use crate::module::RenderedEnvironment;
use crate::spec::Spanned;

/// Runs `work` to its end on this thread, in a time that stands still while something is done and jumps while
/// everything waits.
pub(super) fn in_paused_time<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(|error| {
            let message = format!("the operating system refuses what a runtime needs: {error}");
            Problem::error(codes::NO_RUNTIME, message)
        })?;
    Ok(runtime.block_on(work))
}

/// Deploys what a case begins with, takes its steps and destroys everything.
pub(super) fn case(ground: &Ground<'_>, case: &Case, apply: &Apply, first: &RenderedEnvironment) -> Vec<Failure> {
    in_paused_time(steps(ground, case, apply, first)).unwrap_or_else(|problem| vec![Failure::told("", problem)])
}

async fn steps(ground: &Ground<'_>, case: &Case, apply: &Apply, first: &RenderedEnvironment) -> Vec<Failure> {
    let mut layers: Vec<&Setting> = vec![&ground.file.defaults, &case.setting];
    let stack = compose::stack_name(&ground.file.module, &layers).to_owned();
    let mut world = match World::open(first).await {
        Ok(world) => world,
        Err(problem) => return vec![Failure::told("", problem)],
    };
    if let Some(failures) = wrong(world.apply(first, &stack).await) {
        return labelled("deploying", failures);
    }
    let mut failures = Vec::new();
    let mut current = first.clone();
    for (number, step) in apply.steps.iter().enumerate() {
        let what = format!("step {}", number + 1);
        layers.push(&step.setting);
        let (rendered, found) = ground.render(&layers, &step.expect, &step.span);
        failures.extend(labelled(&what, found));
        let Some(rendered) = rendered else {
            break;
        };
        current = rendered;
        match world.apply(&current, &stack).await {
            Went::Well(changes) => failures.extend(labelled(&what, compared(step, &changes))),
            other => {
                failures.extend(labelled(&what, wrong(other).unwrap_or_default()));
                // What is left is destroyed all the same, but what would be told of it follows from this.
                return failures;
            }
        }
    }
    failures.extend(world.unsettled(&current).await);
    match world.destroy(&current, &stack).await {
        Ok(kept) => failures.extend(outlived(&apply.kept, &kept, case)),
        Err(found) => failures.extend(labelled("destroying", found)),
    }
    failures
}

/// Deploys the first of some combinations, updates to each of the others and destroys the last; gives what is wrong
/// with each, and what is worth a note.
pub(super) fn sequence(rows: &[Row], stack: &str) -> Vec<(Vec<Failure>, Vec<String>)> {
    in_paused_time(one_after_the_other(rows, stack))
        .unwrap_or_else(|problem| vec![(vec![Failure::told("", problem)], Vec::new())])
}

async fn one_after_the_other(rows: &[Row], stack: &str) -> Vec<(Vec<Failure>, Vec<String>)> {
    let mut results: Vec<(Vec<Failure>, Vec<String>)> = Vec::new();
    let mut standing: Option<(World, &RenderedEnvironment)> = None;
    for row in rows {
        let mut notes = Vec::new();
        let mut failures = Vec::new();
        let Some(rendered) = &row.rendered else {
            results.push((failures, notes));
            continue;
        };
        if let Some((world, before)) = &mut standing {
            match world.apply(rendered, stack).await {
                Went::Well(_) => {
                    failures.extend(world.unsettled(rendered).await);
                    *before = rendered;
                    results.push((failures, notes));
                    continue;
                }
                Went::Named(why) => notes.push(format!("deployed afresh, not updated: {why}")),
                Went::Wrong(found) => {
                    failures.extend(labelled(&format!("updating from {}", row.before), found));
                    standing = None;
                }
            }
        }
        // The old world goes as it would in life, before the new one comes up beside it.
        if let Some((mut world, before)) = standing.take()
            && let Err(found) = world.destroy(before, stack).await
        {
            failures.extend(labelled(&format!("destroying {}", row.before), found));
        }
        match afresh(rendered, stack).await {
            Ok((world, found)) => {
                failures.extend(found);
                standing = Some((world, rendered));
            }
            Err(found) => failures.extend(labelled("deploying", found)),
        }
        results.push((failures, notes));
    }
    if let Some((mut world, last)) = standing
        && let Err(found) = world.destroy(last, stack).await
        && let Some((failures, _)) = results.last_mut()
    {
        failures.extend(labelled("destroying", found));
    }
    results
}

async fn afresh(rendered: &RenderedEnvironment, stack: &str) -> Result<(World, Vec<Failure>), Vec<Failure>> {
    let mut world = World::open(rendered)
        .await
        .map_err(|problem| vec![Failure::told("", problem)])?;
    match wrong(world.apply(rendered, stack).await) {
        Some(failures) => Err(failures),
        None => {
            let unsettled = world.unsettled(rendered).await;
            Ok((world, unsettled))
        }
    }
}

/// What went wrong, if it did.
fn wrong(went: Went) -> Option<Vec<Failure>> {
    match went {
        Went::Well(_) => None,
        Went::Wrong(failures) => Some(failures),
        Went::Named(why) => Some(vec![Failure::new(why)]),
    }
}

/// The failures, each saying when it happened.
fn labelled(what: &str, failures: Vec<Failure>) -> Vec<Failure> {
    let label = |mut failure: Failure| {
        failure.message = format!("{what}: {}", failure.message);
        failure
    };
    failures.into_iter().map(label).collect()
}

/// What a step did otherwise than it says.
fn compared(step: &Step, changes: &Changes) -> Vec<Failure> {
    let did = [
        (&step.updated, &changes.updated, "updated"),
        (&step.replaced, &changes.replaced, "replaced"),
        (&step.added, &changes.added, "added"),
        (&step.removed, &changes.removed, "removed"),
    ];
    let became = |id: &str| {
        let found = did.iter().find(|(_, found, _)| found.contains(id));
        found.map_or("left alone", |(_, _, verb)| verb)
    };
    let mut failures = Vec::new();
    for (wanted, found, verb) in &did {
        for id in wanted.iter().filter(|id| !found.contains(&id.value)) {
            let message = format!("{}: expected to be {verb}, was {}", id.value, became(&id.value));
            failures.push(Failure::new(message).at(&id.span));
        }
        // What is named under another verb was told there.
        let stray: Vec<&str> = found
            .iter()
            .map(String::as_str)
            .filter(|id| !did.iter().any(|(wanted, _, _)| names(wanted).contains(id)))
            .collect();
        if !stray.is_empty() {
            let was = if stray.len() == 1 { "was" } else { "were" };
            let message = format!("expected to be left alone, {was} {verb}: {}", stray.join(", "));
            failures.push(Failure::new(message).at(&step.span));
        }
    }
    failures
}

fn outlived(wanted: &[Spanned<String>], kept: &std::collections::BTreeSet<String>, case: &Case) -> Vec<Failure> {
    let mut failures = Vec::new();
    for id in wanted.iter().filter(|id| !kept.contains(&id.value)) {
        let message = format!("{}: expected to outlive the stack, was deleted with it", id.value);
        failures.push(Failure::new(message).at(&id.span));
    }
    let named = names(wanted);
    for id in kept.iter().filter(|id| !named.contains(id.as_str())) {
        let message = format!("{id}: expected to be deleted with the stack, outlives it");
        failures.push(Failure::new(message).at(&case.name.span));
    }
    failures
}

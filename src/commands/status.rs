//! `mlinfra status` and `mlinfra outputs`.

use indexmap::IndexMap;

use super::context::Context;
use super::render;
use super::world::{Need, Reading, World};
use super::{Done, Outcome, lock};
use crate::cli::{OutputsArgs, StatusArgs};
use crate::diagnostic::{Problem, closest, codes};
use crate::plan::LiveStack;
use crate::state::{DeployedStack, OperationRecord, StackOutcome};
use crate::view::report::{BackendReport, Drift, OperationReport, Outputs, StackStatus, Status};
use crate::view::text::duration;

/// Shows each stack, the lock and the last operation.
pub async fn status(context: &Context, args: &StatusArgs) -> Outcome {
    let world = World::open(context, &args.environment, Need::WhateverIsThere).await?;
    let looking = futures::future::try_join(async { world.read().await }, async {
        lock::look(&world, std::time::Duration::ZERO)
            .await
            .map_err(|error| error.problem())
    });
    let (reading, locked) = context.unless_stopped(looking).await??;
    let names = names(&world, &reading);
    let stacks = names.iter().map(|name| stack(&world, &reading, name)).collect();
    let last = reading.state.as_ref().and_then(|(state, _)| state.operation.as_ref());
    context.view().status(&Status {
        project: world.environment.project.value.clone(),
        environment: world.environment.name.clone(),
        account: world.session.account.clone(),
        region: world.session.region.clone(),
        backend: BackendReport {
            bucket: world.environment.backend.bucket.clone(),
            table: world.environment.backend.table.clone(),
        },
        stacks,
        lock: lock::report(&locked, &reading.deployed),
        last_operation: last.map(operation),
    });
    Ok(Done::Fine)
}

/// The stacks of the file in its order, then those that only the state knows.
fn names(world: &World, reading: &Reading) -> Vec<String> {
    let file: Vec<String> = match &world.rendered {
        Some(rendered) => rendered.stacks.keys().cloned().collect(),
        None => world.environment.stacks.keys().cloned().collect(),
    };
    let rest = reading
        .deployed
        .recorded
        .keys()
        .filter(|name| !world.environment.stacks.contains_key(*name));
    file.iter().chain(rest).cloned().collect()
}

fn stack(world: &World, reading: &Reading, name: &str) -> StackStatus {
    let live = reading.deployed.stacks.get(name);
    let recorded = reading.state.as_ref().and_then(|(state, _)| state.stacks.get(name));
    let module = match (world.environment.stacks.get(name), recorded) {
        (Some(stack), _) => stack.module.value.clone(),
        (None, Some(stack)) => stack.module.clone(),
        (None, None) => String::new(),
    };
    StackStatus {
        name: name.to_owned(),
        stack_name: world.environment.stack_name(name),
        module,
        status: live.map(|live| live.status.clone()),
        reason: live.and_then(|live| live.status_reason.clone()),
        since: live.map(|live| live.updated.clone()),
        age: live.and_then(|live| age(world, &live.updated)),
        drift: drift(world, name, live, recorded, left_by_us(reading, name)),
    }
}

/// Whether the last operation worked on the stack and did not bring it to its end.
fn left_by_us(reading: &Reading, name: &str) -> bool {
    let last = reading.state.as_ref().and_then(|(state, _)| state.operation.as_ref());
    last.and_then(|operation| operation.stacks.get(name))
        .is_some_and(|change| matches!(change.outcome, StackOutcome::Failed | StackOutcome::Running))
}

fn drift(
    world: &World,
    name: &str,
    live: Option<&LiveStack>,
    recorded: Option<&DeployedStack>,
    left_by_us: bool,
) -> Drift {
    let in_file = world.environment.stacks.contains_key(name);
    match (live, recorded) {
        (None, Some(recorded)) if !recorded.is_begun() => Drift::Missing,
        (None, _) => Drift::NotDeployed,
        (Some(_), _) if !in_file => Drift::NotInFile,
        (Some(_), None) => Drift::NotRecorded,
        (Some(_), Some(recorded)) if recorded.is_begun() => Drift::NotRecorded,
        (Some(live), Some(recorded)) => {
            let rendered = world.rendered.as_ref().and_then(|rendered| rendered.stacks.get(name));
            let moved = live.updated != recorded.updated || live.change_set_id != recorded.change_set_id;
            if moved && !left_by_us {
                Drift::ChangedOutside
            } else if rendered
                .is_some_and(|stack| stack.digest != recorded.template_sha256 || stack.tags != recorded.tags)
            {
                Drift::FileChanged
            } else {
                Drift::None
            }
        }
    }
}

/// `2h05m ago`; none for a time that cannot be read, or that lies ahead because clocks differ.
pub fn age(world: &World, since: &str) -> Option<String> {
    let since: jiff::Timestamp = since.parse().ok()?;
    let passed = world.session.clock.wall().duration_since(since);
    let passed = std::time::Duration::try_from(passed).ok()?;
    Some(match passed.as_secs() / 86_400 {
        0 => format!("{} ago", duration(passed)),
        days => format!("{days}d ago"),
    })
}

fn operation(record: &OperationRecord) -> OperationReport {
    OperationReport {
        id: record.id.clone(),
        kind: published(&record.kind),
        actor: record.run_url.clone().unwrap_or_else(|| record.actor.clone()),
        started: record.started.clone(),
        finished: record.finished.clone(),
        result: record
            .result
            .map_or_else(|| "running".to_owned(), |result| published(&result)),
        commit: record.commit.clone(),
    }
}

/// The name under which a value is published, `apply`.
fn published(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// Prints outputs, as CloudFormation has them now, by the names of the contracts.
pub async fn outputs(context: &Context, args: &OutputsArgs) -> Outcome {
    let world = World::open(context, &args.environment, Need::WhateverIsThere).await?;
    let reading = context.unless_stopped(world.read()).await??;
    let names = names(&world, &reading);
    let mut stacks: IndexMap<String, IndexMap<String, String>> = IndexMap::new();
    for name in &names {
        if let Some(live) = reading.deployed.stacks.get(name) {
            stacks.insert(name.clone(), named(&world, &reading, name, live));
        }
    }
    let Some(wanted) = &args.stack else {
        context.view().outputs(&Outputs {
            environment: world.environment.name.clone(),
            stacks,
        });
        return Ok(Done::Fine);
    };
    if !names.contains(wanted) {
        return Err(render::unknown(&world.environment.name, wanted, names.iter()).into());
    }
    let Some(outputs) = stacks.shift_remove(wanted) else {
        return Err(Problem::error(
            codes::UNKNOWN_OUTPUT,
            format!("{wanted} is not deployed, so it has no outputs"),
        )
        .hint(context.command(&format!("apply {}", world.environment.name)))
        .into());
    };
    let Some(name) = &args.name else {
        context.view().outputs(&Outputs {
            environment: world.environment.name.clone(),
            stacks: [(wanted.clone(), outputs)].into_iter().collect(),
        });
        return Ok(Done::Fine);
    };
    match outputs.get(name) {
        Some(value) => {
            context.view().output(value);
            Ok(Done::Fine)
        }
        None => {
            let known: Vec<&str> = outputs.keys().map(String::as_str).collect();
            let mut problem = Problem::error(codes::UNKNOWN_OUTPUT, format!("{wanted} has no output `{name}`"))
                .note(format!("its outputs: {}", known.join(", ")));
            if let Some(near) = closest(name, known) {
                problem = problem.hint(format!("did you mean `{near}`?"));
            }
            Err(problem.into())
        }
    }
}

/// A stack's outputs by the contract's names; what no contract names keeps the template's name.
fn named(world: &World, reading: &Reading, name: &str, live: &LiveStack) -> IndexMap<String, String> {
    let rendered = world
        .rendered
        .as_ref()
        .and_then(|rendered| rendered.stacks.get(name))
        .map(|stack| &stack.outputs);
    let recorded = reading
        .state
        .as_ref()
        .and_then(|(state, _)| state.stacks.get(name))
        .map(|stack| &stack.outputs);
    let Some(names) = recorded.or(rendered) else {
        return live.outputs.clone().into_iter().collect();
    };
    names
        .iter()
        .filter_map(|(name, key)| Some((name.clone(), live.outputs.get(key)?.clone())))
        .collect()
}

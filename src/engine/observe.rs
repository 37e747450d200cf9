//! Reads what is there, and completes plans with what only CloudFormation can say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::change_set::{self, PATIENCE, Undrawn};
use super::templates::Templates;
use crate::aws::cloudformation::{self, ChangeSetRequest, Progress};
use crate::aws::error::AwsError;
use crate::aws::retry::patiently;
use crate::aws::session::Session;
use crate::diagnostic::{Problem, Source, codes};
use crate::module::{RenderedEnvironment, RenderedStack};
use crate::plan::{
    Deployed, Draft, Drawn, Inputs, LiveStack, Phase, Plan, Recorded, Replacement, ResourceAction, ResourceChange,
    Side, Wanted, What, fill_in, foretell, lacks_values, phase,
};
use crate::preflight::refusal;
use crate::spec::Backend;
use crate::state::{self, Key, State};
use crate::template::Document;

/// How many questions are asked at once. CloudFormation's rates are per account and unpublished; ten are borne.
const AT_ONCE: usize = 10;

/// Reads the state and the stacks of an environment, all at once: the stacks that the file names, one call each, beside the
/// state; those that only the state knows follow in a second round. The state comes back as it was stored.
///
/// # Errors
/// The state cannot be read, or a call failed for good.
pub async fn read_deployed(
    session: &Session,
    backend: &Backend,
    key: &Key,
    environment: Option<&RenderedEnvironment>,
) -> Result<(Deployed, Option<state::Stored>), Problem> {
    let names: BTreeMap<String, String> = environment
        .iter()
        .flat_map(|environment| environment.stacks.values())
        .map(|stack| (stack.name.clone(), stack.stack_name.clone()))
        .collect();
    let named = async { read_stacks(session, &names).await.map_err(|error| error.problem()) };
    let (mut stacks, stored) = futures::try_join!(named, state::read(session, backend, key))?;
    let mut deployed = stored.as_ref().map(|(state, _)| deployed_of(state)).unwrap_or_default();
    let rest: BTreeMap<String, String> = deployed
        .recorded
        .iter()
        .filter(|(name, _)| !names.contains_key(*name))
        .map(|(name, recorded)| (name.clone(), recorded.stack_name.clone()))
        .collect();
    if !rest.is_empty() {
        stacks.extend(read_stacks(session, &rest).await.map_err(|error| error.problem())?);
    }
    deployed.stacks = stacks;
    Ok((deployed, stored))
}

/// What a plan needs of the state; no stacks are read yet.
pub fn deployed_of(state: &State) -> Deployed {
    let recorded = state.stacks.iter().map(|(name, stack)| {
        let recorded = Recorded {
            stack_name: stack.stack_name.clone(),
            stack_id: stack.stack_id.clone(),
            module: stack.module.clone(),
            template_sha256: stack.template_sha256.clone(),
            change_set_id: stack.change_set_id.clone(),
            updated: stack.updated.clone(),
            after: stack.after.clone(),
            output_sources: stack.output_sources.clone(),
        };
        (name.clone(), recorded)
    });
    Deployed {
        stacks: BTreeMap::new(),
        recorded: recorded.collect(),
        generation: state.generation,
    }
}

async fn read_stacks(
    session: &Session,
    names: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, LiveStack>, AwsError> {
    let found: Vec<Option<(String, LiveStack)>> = stream::iter(names)
        .map(|(name, stack_name)| async move {
            let live = patiently(session.clock, PATIENCE, || {
                cloudformation::describe_stack(session, stack_name)
            })
            .await?;
            Ok::<_, AwsError>(
                live.filter(|live| phase(&live.status) != Phase::Absent)
                    .map(|live| (name.clone(), live)),
            )
        })
        .buffer_unordered(AT_ONCE.max(names.len().min(50)))
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Plans, asking CloudFormation for the change sets that the plan wants until it wants none. Each round asks for one level
/// of the dependencies, all of its stacks at once. If one cannot be made, the others are deleted again.
pub async fn complete(session: &Session, inputs: &Inputs<'_>, templates: &Templates<'_>) -> Result<Plan, Problem> {
    let mut drawn: BTreeMap<String, Drawn> = inputs.drawn.clone();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    loop {
        let Draft { plan, wanted } = crate::plan::plan(&Inputs {
            drawn: &drawn,
            ..*inputs
        });
        let wanted: Vec<Wanted> = wanted
            .into_iter()
            .filter(|wanted| asked.insert(wanted.stack.clone()))
            .collect();
        if wanted.is_empty() {
            // A set that a later round made useless (its stack turned out to wait for a value) is in nobody's hands.
            let sets = drawn.values().filter_map(|drawn| drawn.change_set.as_ref());
            for set in sets.filter(|set| plan.stacks.iter().all(|stack| stack.change_set.as_ref() != Some(set))) {
                change_set::discard(session, set).await;
            }
            return Ok(plan);
        }
        let answers: Vec<(String, Result<Drawn, Problem>)> = stream::iter(wanted)
            .map(|wanted| async {
                let answer = answer(session, inputs, templates, &wanted, &plan).await;
                (wanted.stack, answer)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = None;
        for (stack, answer) in answers {
            match answer {
                Ok(answer) => {
                    drawn.insert(stack, answer);
                }
                Err(problem) => failed = failed.or(Some(problem)),
            }
        }
        if let Some(problem) = failed {
            for set in drawn.values().filter_map(|drawn| drawn.change_set.as_ref()) {
                change_set::discard(session, set).await;
            }
            return Err(problem);
        }
    }
}

/// Deletes the change sets of a plan that will not be executed.
pub async fn discard(session: &Session, plan: &Plan) {
    stream::iter(plan.stacks.iter().filter_map(|stack| stack.change_set.as_ref()))
        .for_each_concurrent(AT_ONCE, |arn| change_set::discard(session, arn))
        .await;
}

async fn answer(
    session: &Session,
    inputs: &Inputs<'_>,
    templates: &Templates<'_>,
    wanted: &Wanted,
    plan: &Plan,
) -> Result<Drawn, Problem> {
    let live = inputs.deployed.stacks.get(&wanted.stack);
    match &wanted.what {
        What::Resources => {
            let Some(live) = live else { return Ok(Drawn::default()) };
            let resources = patiently(session.clock, PATIENCE, || {
                cloudformation::stack_resources(session, &live.stack_id)
            })
            .await
            .map_err(|error| error.problem())?;
            let changes = resources.into_iter().map(|resource| ResourceChange {
                logical_id: resource.logical_id,
                physical_id: Some(resource.physical_id).filter(|id| !id.is_empty()),
                resource_type: resource.resource_type,
                action: ResourceAction::Remove,
                replacement: Replacement::Never,
                properties: Vec::new(),
                leaves: None,
                protection: None,
            });
            let mut changes: Vec<ResourceChange> = changes.collect();
            let unread = !add_fates(session, &mut changes, live).await;
            Ok(Drawn {
                changes,
                unread,
                ..Drawn::default()
            })
        }
        What::ChangeSet { parameters, preview } => {
            let (Some(stack), Some(live)) = (rendered(inputs.rendered, &wanted.stack), live) else {
                return Ok(Drawn {
                    parameters: parameters.clone(),
                    ..Drawn::default()
                });
            };
            let request = ChangeSetRequest {
                stack_name: live.stack_id.clone(),
                create: false,
                template: templates.source(session, stack).await?,
                parameters: parameters.clone(),
                tags: stack.tags.clone(),
                capabilities: stack.capabilities.clone(),
                delete_on_failure: false,
                description: format!("mlinfra plan {}", plan.id),
            };
            let mut set = change_set::draw(session, &request)
                .await
                .map_err(|undrawn| refused(&undrawn, stack))?;
            if *preview {
                change_set::discard(session, &set.id).await;
            }
            if lacks_values(&set.changes) {
                add_values(session, &mut set.changes, live, stack, parameters).await;
            }
            add_fates(session, &mut set.changes, live).await;
            let executable = set.progress == Progress::Ready && !preview;
            Ok(Drawn {
                change_set: executable.then_some(set.id),
                parameters: parameters.clone(),
                changes: set.changes,
                unread: false,
            })
        }
    }
}

/// Fills in the values that the endpoint did not give; a plan without them is still right, so a failure is no more than
/// a trace.
async fn add_values(
    session: &Session,
    changes: &mut [ResourceChange],
    live: &LiveStack,
    stack: &RenderedStack,
    parameters: &BTreeMap<String, String>,
) {
    let Some(deployed) = deployed_template(session, live).await else {
        return;
    };
    let before = Side {
        document: &deployed,
        parameters: &live.parameters,
    };
    let after = Side {
        document: &stack.document,
        parameters,
    };
    fill_in(changes, before, after);
}

/// Says of the removals what they leave behind and what forbids them; false if that cannot be known.
async fn add_fates(session: &Session, changes: &mut [ResourceChange], live: &LiveStack) -> bool {
    if !changes.iter().any(|change| change.action == ResourceAction::Remove) {
        return true;
    }
    let deployed = deployed_template(session, live).await;
    if let Some(deployed) = &deployed {
        foretell(changes, deployed, &live.parameters);
    }
    deployed.is_some()
}

/// The template that a stack was deployed with; none, with a trace, if it cannot be read.
async fn deployed_template(session: &Session, live: &LiveStack) -> Option<Document> {
    let text = patiently(session.clock, PATIENCE, || {
        cloudformation::get_template(session, &live.stack_id)
    });
    let text = text.await.inspect_err(|error| {
        tracing::debug!(%error, stack = live.stack_name, "the deployed template could not be read");
    });
    let source = Arc::new(Source {
        path: format!("{} as deployed", live.stack_name),
        text: text.ok()?,
    });
    let document = crate::template::read(&source);
    if document.is_err() {
        tracing::debug!(stack = live.stack_name, "the deployed template is not understood");
    }
    document.ok()
}

/// The problem of a change set that could not be made.
pub(super) fn refused(undrawn: &Undrawn, stack: &RenderedStack) -> Problem {
    match undrawn {
        Undrawn::Call(error) => {
            let mut problem = error.problem();
            problem
                .notes
                .insert(0, format!("it was asked for a change set of stack {}", stack.name));
            problem
        }
        Undrawn::Overtaken(reason) => Problem::error(
            codes::PLAN_STALE,
            format!(
                "something else is changing stack {}; nothing was changed here",
                stack.name
            ),
        )
        .note(format!("CloudFormation: {reason}"))
        .hint("run this again once that has ended"),
        Undrawn::Invalid(found) => refusal(stack, found),
        Undrawn::Refused(reason) => {
            let found = super::failure::unwrapped(reason);
            let mut problem = Problem::error(
                codes::CHANGE_SET_FAILED,
                format!(
                    "CloudFormation refuses the changes of stack {}: {}",
                    stack.name, found.message
                ),
            )
            .note("nothing was changed");
            // CloudFormation names resources in brackets: "… for resource [Bucket]".
            let named = found
                .message
                .split(['[', ']', ',', ' '])
                .find(|word| stack.origins.resources.contains_key(*word));
            if let Some(logical_id) = named {
                problem.labels = stack.trace(logical_id);
            }
            problem
        }
    }
}

fn rendered<'a>(environment: Option<&'a RenderedEnvironment>, name: &str) -> Option<&'a RenderedStack> {
    environment.and_then(|environment| environment.stacks.get(name))
}

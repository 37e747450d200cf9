//! `mlinfra bootstrap`: what holds state and locks, as a stack of its own.
//!
//! The engine needs a state to write into, which is what this makes: so the one stack is deployed here, step by step, by
//! the same calls. Two people who run it at the same time meet in CloudFormation, which lets one of them in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::context::Context;
use super::error::CommandError;
use super::{Done, Outcome, session};
use crate::aws::cloudformation::{self, ChangeSetRequest, Progress, Rollback, Since, TemplateSource};
use crate::aws::error::{AwsError, Kind};
use crate::aws::retry::patiently;
use crate::aws::session::Session;
use crate::cli::BootstrapArgs;
use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::module::{self, Catalogue, RenderedStack};
use crate::plan::{LiveStack, Phase, Replacement, ResourceAction, phase};
use crate::spec::{Data, Entry, Environment, OnFailure, Spanned, StackSpec};
use crate::state;

const CONTRACT: &str = include_str!("../../templates/bootstrap.toml");
const TEMPLATE: &str = include_str!("../../templates/cloudformation/bootstrap.yaml");
const STACK: &str = "bootstrap";

/// How long throttling and broken connections are borne.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often CloudFormation is asked.
const LOOK: Duration = Duration::from_secs(3);
/// How often it is begun again because somebody else was faster.
const ATTEMPTS: usize = 20;
/// A bucket, a table and a key take about a minute.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Creates or updates the stack; does nothing if it is as it should be.
pub async fn run(context: &Context, args: &BootstrapArgs) -> Outcome {
    let project = context.project()?;
    let environment = project.environment(&args.environment)?;
    let session = session::open(context, &project, &environment).await?;
    if session.is_sandbox() {
        context
            .view()
            .note("The sandbox makes its bucket and its table by itself: there is nothing to do");
        return Ok(Done::Fine);
    }
    let stack = rendered(&environment)?;
    let deployed = context.unless_stopped(deploy(context, &session, &stack)).await??;
    let kept = format!(
        "state in bucket {}, locks in table {}",
        environment.backend.bucket, environment.backend.table
    );
    let what = match deployed {
        Deployed::Unchanged => "Nothing to do",
        Deployed::Changed => "Done",
    };
    context.view().note(&format!(
        "{what}: {kept} (account {}, {})",
        session.account, session.region
    ));
    context.view().note(&format!(
        "Next: {}",
        context.command(&format!("plan {}", environment.name))
    ));
    Ok(Done::Fine)
}

/// What became of the stack.
enum Deployed {
    Unchanged,
    Changed,
}

async fn deploy(context: &Context, session: &Session, stack: &RenderedStack) -> Result<Deployed, CommandError> {
    for _ in 0..ATTEMPTS {
        if let Some(deployed) = attempt(context, session, stack).await? {
            return Ok(deployed);
        }
        session.clock.sleep(LOOK.mul_f64(0.5 + fastrand::f64())).await;
    }
    Err(
        Problem::error(codes::STACK_STUCK, format!("others keep changing {}", stack.stack_name))
            .hint("run it again once they have ended")
            .into(),
    )
}

/// None if somebody else is at work on the stack or was faster: then it is looked at again.
async fn attempt(
    context: &Context,
    session: &Session,
    stack: &RenderedStack,
) -> Result<Option<Deployed>, CommandError> {
    let name = &stack.stack_name;
    let mut live = settled(session, name).await?;
    // An empty draft may be somebody's who is at work right now, and takes another change set as it is: it is left alone.
    live.take_if(|live| phase(&live.status) == Phase::Review);
    if let Some(stuck) = live.take_if(|live| phase(&live.status) == Phase::NeverWorked) {
        context.view().note(&format!(
            "{name} is {}: nothing in it ever worked, it is made anew",
            stuck.status
        ));
        let token = state::new_id(&session.clock);
        call(session, || {
            cloudformation::delete_stack(session, &stuck.stack_id, &token, &[])
        })
        .await?;
        settled(session, &stuck.stack_id).await?;
    }
    let request = ChangeSetRequest {
        stack_name: live.as_ref().map_or_else(|| name.clone(), |live| live.stack_id.clone()),
        create: live.is_none(),
        template: TemplateSource::Body(stack.template.clone()),
        parameters: BTreeMap::new(),
        tags: stack.tags.clone(),
        capabilities: stack.capabilities.clone(),
        delete_on_failure: true,
        description: "mlinfra bootstrap".to_owned(),
    };
    let id = state::new_id(&session.clock);
    let change_set_name = format!("mlinfra-{id}");
    let made = call_unless_overtaken(session, || {
        cloudformation::create_change_set(session, &request, &change_set_name)
    });
    let Some(ids) = made.await? else { return Ok(None) };
    let set = loop {
        let shown = call_unless_overtaken(session, || {
            cloudformation::describe_change_set(session, &ids.change_set)
        });
        let Some(set) = shown.await? else { return Ok(None) };
        if set.progress != Progress::Pending {
            break set;
        }
        session.clock.sleep(LOOK).await;
    };
    let refused = match set.progress {
        Progress::Empty => None,
        Progress::Failed(reason) => Some(
            Problem::error(codes::CHANGE_SET_FAILED, format!("CloudFormation refuses to deploy {name}: {reason}"))
                .hint("a bucket or table of that name that was made by other means has to go, or be named otherwise in [backend]"),
        ),
        _ if set.changes.iter().any(loses) => Some(
            Problem::error(codes::STATEFUL_LOSS, format!("updating {name} would replace or remove what holds the state"))
                .note("nothing was changed")
                .hint("the names in [backend] must stay what they were when the stack was made"),
        ),
        _ => {
            let changes = crate::view::text::count(set.changes.len(), "resource");
            let verb = if request.create { "Creating" } else { "Updating" };
            context.view().note(&format!("{verb} {name} ({changes})..."));
            let executed = call_unless_overtaken(session, || {
                cloudformation::execute_change_set(session, &ids.change_set, &id, Rollback::Yes)
            });
            if executed.await?.is_none() {
                return Ok(None);
            }
            return finish(session, name, &ids.stack).await;
        }
    };
    call(session, || cloudformation::delete_change_set(session, &ids.change_set)).await?;
    match refused {
        Some(problem) => Err(problem.into()),
        None => Ok(Some(Deployed::Unchanged)),
    }
}

/// Waits for the end of the operation and says why it failed, if it did. None if there is no such stack: it was somebody
/// else's draft that went away.
async fn finish(session: &Session, name: &str, arn: &str) -> Result<Option<Deployed>, CommandError> {
    let live = settled(session, arn).await?;
    let status = live.as_ref().map_or("DELETE_COMPLETE", |live| live.status.as_str());
    if matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE") {
        call(session, || {
            cloudformation::set_termination_protection(session, arn, true)
        })
        .await?;
        return Ok(Some(Deployed::Changed));
    }
    // A stack that is deleted can be read by its ARN for three months.
    let read = call_unless_overtaken(session, || {
        cloudformation::events_since(session, arn, Since::Began(&[]))
    });
    let Some(events) = read.await? else { return Ok(None) };
    let failed_itself = events
        .iter()
        .any(|event| event.status.ends_with("_FAILED") && !event.is_of_stack(arn));
    let made_by_another = live.is_none() && settled(session, name).await?.is_some();
    if made_by_another || (live.is_none() && !failed_itself) {
        return Ok(None);
    }
    let mut problem = Problem::error(codes::STACK_FAILED, format!("{name} ended as {status}"));
    let failed = events
        .iter()
        .filter(|event| event.status.ends_with("_FAILED") && !event.is_of_stack(arn));
    for event in failed.take(3) {
        let reason = event.reason.as_deref().unwrap_or("no reason is given");
        problem = problem.note(format!("{} ({}): {reason}", event.logical_id, event.resource_type));
    }
    Err(problem.hint("when that is mended, run the same command again").into())
}

/// The stack once no operation runs on it; none if it does not exist or is deleted.
async fn settled(session: &Session, stack: &str) -> Result<Option<LiveStack>, CommandError> {
    let begin = session.clock.elapsed();
    loop {
        let live = call(session, || cloudformation::describe_stack(session, stack)).await?;
        match live.as_ref().map(|live| (phase(&live.status), live.status.as_str())) {
            None | Some((Phase::Absent, _)) => return Ok(None),
            Some((_, status)) if status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" => {}
            Some(_) => return Ok(live),
        }
        if session.clock.elapsed().saturating_sub(begin) > LONGEST {
            return Err(
                Problem::error(codes::STACK_STUCK, format!("{stack} does not come to an end"))
                    .hint("look at it in the CloudFormation console; running this again goes on waiting")
                    .into(),
            );
        }
        session.clock.sleep(LOOK).await;
    }
}

fn loses(change: &crate::plan::ResourceChange) -> bool {
    change.action == ResourceAction::Remove || change.replacement == Replacement::Always
}

async fn call<T, F>(session: &Session, call: impl FnMut() -> F) -> Result<T, CommandError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    Ok(patiently(session.clock, PATIENCE, call)
        .await
        .map_err(|error| error.problem())?)
}

/// None if the call came to nothing because somebody else works on the same stack: CloudFormation deletes the other change
/// sets of a stack when one is executed, and takes none while an operation runs.
async fn call_unless_overtaken<T, F>(session: &Session, call: impl FnMut() -> F) -> Result<Option<T>, CommandError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    match patiently(session.clock, PATIENCE, call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if is_overtaken(&error) => Ok(None),
        Err(error) => Err(error.problem().into()),
    }
}

fn is_overtaken(error: &AwsError) -> bool {
    matches!(error.kind, Kind::NotFound | Kind::Conflict)
        || (error.kind == Kind::Validation && error.message.contains("_IN_PROGRESS state"))
}

/// The stack for the project of `of`: the one stack of an environment that is called `mlinfra`, so that it is named
/// `PROJECT-mlinfra-bootstrap`.
fn rendered(of: &Environment) -> Result<RenderedStack, CommandError> {
    let files = [
        ("modules/bootstrap.toml".to_owned(), CONTRACT.to_owned()),
        (
            "templates/cloudformation/bootstrap.yaml".to_owned(),
            TEMPLATE.to_owned(),
        ),
    ];
    let catalogue = Catalogue::with_overrides(files.into())?;
    let source = Arc::new(Source {
        path: "(built-in) bootstrap".to_owned(),
        text: String::new(),
    });
    let span = Span::new(&source, 0..0);
    let spanned = |value: &str| Spanned {
        value: value.to_owned(),
        span: span.clone(),
    };
    let input = |value: &str| Entry {
        key: span.clone(),
        value: Spanned {
            value: Data::String(value.to_owned()),
            span: span.clone(),
        },
    };
    let stack = StackSpec {
        name: spanned(STACK),
        module: spanned(STACK),
        inputs: IndexMap::from([
            ("bucket".to_owned(), input(&of.backend.bucket)),
            ("table".to_owned(), input(&of.backend.table)),
        ]),
    };
    let environment = Environment {
        name: "mlinfra".to_owned(),
        protect: true,
        on_failure: OnFailure::Delete,
        stacks: IndexMap::from([(STACK.to_owned(), stack)]),
        workloads: IndexMap::new(),
        training: IndexMap::new(),
        waivers: Vec::new(),
        ..of.clone()
    };
    let (mut rendered, _) = module::render(&environment, &catalogue)?;
    rendered
        .stacks
        .shift_remove(STACK)
        .ok_or_else(|| CommandError::from(Problems::default()))
}

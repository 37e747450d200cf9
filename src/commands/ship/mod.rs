//! `mlinfra ship` and `mlinfra rollback`.

mod carry;
mod platform;
mod propose;
mod record;
mod release;
pub(super) mod withdraw;

use carry::{Order, What, carry_out};
use propose::How;

use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::error::CommandError;
use super::prompt::{Question, ask};
use super::render::no_workload;
use super::world::{Need, Reading, World};
use super::{Done, Outcome};
use crate::cli::{RollbackArgs, ShipArgs};
use crate::diagnostic::{Problem, Problems, Severity, codes};
use crate::ship::{Outputs, Scene, Tell, image};
use crate::spec::Workload;
use crate::state::{OperationKind, State};
use crate::view::report::ShipPlan;
use crate::workload::Templates;

pub use platform::{logs, running};
pub use propose::report_of;
pub use withdraw::{bare, withdraw};

/// What shipping starts from: the files, what is deployed, and what was shipped before.
pub struct Dock {
    /// The environment beside what is deployed of it.
    pub world: World,
    /// What was read of it.
    pub reading: Reading,
    /// What the stacks give.
    pub outputs: Outputs,
    /// The templates of manifests.
    pub templates: Templates,
    /// The project's folder.
    pub root: std::path::PathBuf,
}

impl Dock {
    /// Opens the environment and reads what is deployed.
    pub async fn open(context: &Context, environment: &str) -> Result<Self, CommandError> {
        let project = context.project()?;
        let templates = project.manifests()?;
        let world = World::open(context, environment, Need::WhateverIsThere).await?;
        let reading = context.unless_stopped(world.read()).await??;
        let outputs = world.outputs(&reading);
        Ok(Self {
            world,
            reading,
            outputs,
            templates,
            root: project.path(""),
        })
    }

    /// The state; the empty one if nothing was ever deployed.
    pub fn state(&self) -> State {
        self.reading
            .state
            .as_ref()
            .map(|(state, _)| state.clone())
            .unwrap_or_default()
    }

    /// All that shipping `workload` needs.
    pub fn scene<'a>(&'a self, workload: &'a Workload, tell: &'a Tell, stop: &'a CancellationToken) -> Scene<'a> {
        Scene {
            session: &self.world.session,
            environment: &self.world.environment,
            workload,
            outputs: &self.outputs,
            root: &self.root,
            tell,
            stop,
        }
    }

    /// The workload of this name.
    pub fn workload(&self, name: &str) -> Result<&Workload, Problem> {
        let environment = &self.world.environment;
        environment
            .workloads
            .get(name)
            .ok_or_else(|| no_workload(environment, name))
    }

    /// The workloads of these names, each once, in the order of the file; all if none is named.
    fn chosen(&self, names: &[String]) -> Result<Vec<&Workload>, Problems> {
        let problems: Problems = names.iter().filter_map(|name| self.workload(name).err()).collect();
        if problems.has_errors() {
            return Err(problems);
        }
        let workloads = self.world.environment.workloads.values();
        Ok(workloads
            .filter(|workload| names.is_empty() || names.contains(&workload.name.value))
            .collect())
    }

    /// The workloads that were shipped and that the file no longer has, by name.
    fn gone(&self) -> Vec<String> {
        let listed = &self.world.environment.workloads;
        let shipped = self.state().workloads;
        shipped
            .into_iter()
            .filter(|(name, known)| {
                let stack = withdraw::newest(known).map(|shipped| shipped.stack.as_str());
                let stands = stack.is_some_and(|stack| self.reading.deployed.stacks.contains_key(stack));
                !listed.contains_key(name) && stands
            })
            .map(|(name, _)| name)
            .collect()
    }

    /// Refuses workloads whose stack is not deployed, or is in the middle of something.
    fn stacks_stand(&self, context: &Context, workloads: &[&Workload]) -> Result<(), Problems> {
        let environment = &self.world.environment.name;
        let mut problems = Problems::default();
        for workload in workloads {
            let stack = &workload.on.value;
            let status = self.reading.deployed.stacks.get(stack).map(|live| live.status.as_str());
            let fine = status.is_some_and(|status| {
                status.ends_with("_COMPLETE") && !status.starts_with("DELETE") && status != "ROLLBACK_COMPLETE"
            });
            if fine {
                continue;
            }
            let why = match status {
                None => format!("the stack `{stack}` is not deployed"),
                Some(status) => format!("the stack `{stack}` is {status}"),
            };
            problems.push(
                Problem::error(
                    codes::NOT_DEPLOYED,
                    format!("`{}` has nothing to run on: {why}", workload.name.value),
                )
                .at(workload.on.span.clone(), "")
                .hint(context.command(&format!("apply {environment}"))),
            );
        }
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }
}

/// Shows what shipping would change, asks, and ships.
pub async fn run(context: &Context, args: &ShipArgs) -> Outcome {
    let dock = Dock::open(context, &args.environment).await?;
    let workloads = dock.chosen(&args.workloads)?;
    let gone = if args.workloads.is_empty() && !args.image_only {
        dock.gone()
    } else {
        Vec::new()
    };
    if workloads.is_empty() && gone.is_empty() {
        return Err(Problem::error(
            codes::UNKNOWN_WORKLOAD,
            format!("{} has no workloads to ship", args.environment),
        )
        .hint("add one:\n[workloads.scorer]\nkind  = \"api\"\non    = \"cluster\"\nimage = { context = \".\" }")
        .into());
    }
    if !args.image_only {
        dock.stacks_stand(context, &workloads)?;
    }
    let order = |workload: &str, what| Order {
        workload: workload.to_owned(),
        what,
        rebuild: args.rebuild,
        take_ownership: args.take_ownership,
    };
    let what = if args.image_only { What::Image } else { What::File };
    let orders: Vec<Order> = workloads
        .iter()
        .map(|workload| order(&workload.name.value, what))
        .chain(gone.iter().map(|name| order(name, What::Nothing)))
        .collect();
    if args.image_only {
        consent(context, args.yes, "Build and push", &dock, &orders).await?;
        return carry_out(context, &dock, OperationKind::Ship, &orders).await.outcome();
    }
    let how = How {
        rebuild: args.rebuild,
        take_ownership: args.take_ownership,
    };
    let plan = propose::plan(context, &dock, &workloads, &gone, how).await?;
    let changes = plan.changes_anything();
    if args.plan {
        let next = [format!(
            "To do this: {}",
            context.command(&format!("ship {}", args.environment))
        )];
        let stands = refuse(&plan);
        let shown: &[String] = if changes && stands.is_ok() { &next } else { &[] };
        context.view().ship_plan(&plan, shown);
        stands?;
        return Ok(if changes && args.detailed_exitcode {
            Done::ChangesPresent
        } else {
            Done::Fine
        });
    }
    context.view().ship_plan(&plan, &[]);
    refuse(&plan)?;
    if !changes {
        if !unrecorded(&dock, &workloads) {
            return Ok(Done::Fine);
        }
        context
            .view()
            .note("What runs was never recorded to its end; it is looked at again and recorded.\n");
    }
    consent(context, args.yes, "Ship", &dock, &orders).await?;
    carry_out(context, &dock, OperationKind::Ship, &orders).await.outcome()
}

/// What certainly stands in the way of one of the workloads, shown with the plan already.
fn refuse(plan: &ShipPlan) -> Result<(), CommandError> {
    let stands = plan
        .workloads
        .iter()
        .flat_map(|proposal| proposal.problems.0.iter())
        .find(|problem| problem.severity == Severity::Error);
    match stands {
        Some(problem) => Err(CommandError::told(CommandError::from(problem.clone()).kind)),
        None => Ok(()),
    }
}

/// Whether an earlier run died before it wrote down what it did, or something runs that was never recorded.
fn unrecorded(dock: &Dock, workloads: &[&Workload]) -> bool {
    let state = dock.state();
    workloads.iter().any(|workload| {
        state
            .workloads
            .get(&workload.name.value)
            .is_none_or(|known| known.serving.is_none() || known.attempted.is_some())
    })
}

/// How images are found and made.
pub fn image_options(context: &Context, rebuild: bool) -> image::Options {
    let variables = context.variables();
    let docker = match (variables.get("DOCKER_CONFIG"), variables.get("HOME")) {
        (Some(folder), _) => Some(std::path::Path::new(folder).join("config.json")),
        (None, Some(home)) => Some(std::path::Path::new(home).join(".docker/config.json")),
        (None, None) => None,
    };
    image::Options {
        rebuild,
        engine: variables.get("MLINFRA_ENGINE").map(str::to_owned),
        docker_config: docker,
    }
}

async fn consent(context: &Context, yes: bool, verb: &str, dock: &Dock, orders: &[Order]) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    let names: Vec<&str> = orders.iter().map(|order| order.workload.as_str()).collect();
    let question = Question {
        text: format!(
            "\n{verb} {} to {} (account {})? Only `yes` does it:",
            names.join(", "),
            dock.world.environment.name,
            dock.world.session.account
        ),
        expected: "yes",
        flag: "--yes",
    };
    ask(context, question).await
}

/// Puts back what a workload ran before.
pub async fn rollback(context: &Context, args: &RollbackArgs) -> Outcome {
    let dock = Dock::open(context, &args.environment).await?;
    let workload = dock.workload(&args.workload)?;
    dock.stacks_stand(context, &[workload])?;
    let how = How {
        rebuild: false,
        take_ownership: args.take_ownership,
    };
    let plan = propose::back(context, &dock, workload, how).await?;
    context.view().ship_plan(&plan, &[]);
    refuse(&plan)?;
    let orders = [Order {
        workload: args.workload.clone(),
        what: What::Previous,
        rebuild: false,
        take_ownership: args.take_ownership,
    }];
    consent(context, args.yes, "Roll back", &dock, &orders).await?;
    carry_out(context, &dock, OperationKind::Rollback, &orders)
        .await
        .outcome()
}

/// Ships every workload of `environment` without a question: the second half of `apply --ship`.
pub async fn after_apply(context: &Context, environment: &str) -> Outcome {
    let dock = Dock::open(context, environment).await?;
    let workloads = dock.chosen(&[])?;
    if workloads.is_empty() {
        return Ok(Done::Fine);
    }
    dock.stacks_stand(context, &workloads)?;
    let plan = propose::plan(context, &dock, &workloads, &[], How::default()).await?;
    context.view().ship_plan(&plan, &[]);
    refuse(&plan)?;
    if !plan.changes_anything() && !unrecorded(&dock, &workloads) {
        return Ok(Done::Fine);
    }
    let orders: Vec<Order> = workloads
        .iter()
        .map(|workload| Order {
            workload: workload.name.value.clone(),
            what: What::File,
            rebuild: false,
            take_ownership: false,
        })
        .collect();
    carry_out(context, &dock, OperationKind::Ship, &orders).await.outcome()
}

/// Shows what shipping would change, beside the plan of an apply.
pub async fn beside_plan(context: &Context, environment: &str) -> Result<bool, CommandError> {
    let dock = Dock::open(context, environment).await?;
    let workloads = dock.chosen(&[])?;
    let plan = propose::plan(context, &dock, &workloads, &dock.gone(), How::default()).await?;
    context.view().ship_plan(&plan, &[]);
    refuse(&plan)?;
    Ok(plan.changes_anything())
}

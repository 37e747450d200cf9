//! What happens to stacks in an account, judged by what is really there: physical ids, events, what is left.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{Account, Run};
use super::check;
use super::outcome::Failure;
use crate::aws::cloudformation::{self, Since, StackEvent};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::engine::event::Outcome;
use crate::engine::{Options, Stop};
use crate::module::RenderedEnvironment;
use crate::plan::{Consents, Kind, Plan, Replacement, ResourceAction, guards};
use crate::sandbox::Item;

/// An account in which one environment lives from its first deployment to its end.
pub(super) struct World {
    account: Account,
    /// What was there before anything was deployed.
    furniture: Vec<Item>,
    /// The stacks that were ever seen: ARN by name.
    arns: BTreeMap<String, String>,
    /// The last event that was read, by ARN.
    read: BTreeMap<String, String>,
    /// Whether something was ever deployed whose end is a snapshot.
    snapshots: bool,
    /// What was let go without being deleted, by the stack's name.
    kept: BTreeMap<String, BTreeSet<String>>,
}

/// What an operation did to the resources of one stack.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) updated: BTreeSet<String>,
    pub(super) replaced: BTreeSet<String>,
    pub(super) added: BTreeSet<String>,
    pub(super) removed: BTreeSet<String>,
}

/// How an operation went.
pub(super) enum Went {
    /// Everything was done.
    Well(Changes),
    /// Something was not.
    Wrong(Vec<Failure>),
    /// CloudFormation cannot replace what has a name of its own; the text says which.
    Named(String),
}

impl World {
    /// An empty account for `rendered`.
    pub(super) async fn open(rendered: &RenderedEnvironment) -> Result<Self, Problem> {
        let account = Account::open(&rendered.environment, Vec::new(), Clock::real()).await?;
        let furniture = account.inventory()?;
        Ok(Self {
            account,
            furniture,
            arns: BTreeMap::new(),
            read: BTreeMap::new(),
            snapshots: false,
            kept: BTreeMap::new(),
        })
    }

    /// Brings the environment to what `rendered` says, and gives what that did to `stack`.
    pub(super) async fn apply(&mut self, rendered: &RenderedEnvironment, stack: &str) -> Went {
        self.operate(rendered, Kind::Apply, stack)
            .await
            .unwrap_or_else(|problem| Went::Wrong(vec![Failure::told("", problem)]))
    }

    /// What a plan would still change after `rendered` was applied.
    pub(super) async fn unsettled(&self, rendered: &RenderedEnvironment) -> Vec<Failure> {
        let plan = match self.account.plan(rendered, Kind::Apply).await {
            Ok((plan, _)) => plan,
            Err(problem) => return vec![Failure::told("planning again: ", problem)],
        };
        if !plan.changes_anything() {
            return Vec::new();
        }
        let mut lines = Vec::new();
        for stack in &plan.stacks {
            lines.extend(stack.reasons.iter().map(|reason| format!("{}: {reason}", stack.name)));
            for change in &stack.changes {
                let paths: Vec<&str> = change.properties.iter().map(|one| one.path.as_str()).collect();
                lines.push(format!("{}.{} {}", stack.name, change.logical_id, paths.join(", ")));
            }
        }
        vec![Failure::new("a plan right after applying still finds something to do").more(lines)]
    }

    /// Takes everything away, and says what is left that should not be; gives what outlived `stack`.
    pub(super) async fn destroy(
        &mut self,
        rendered: &RenderedEnvironment,
        stack: &str,
    ) -> Result<BTreeSet<String>, Vec<Failure>> {
        let went = self
            .operate(rendered, Kind::Destroy, stack)
            .await
            .unwrap_or_else(|problem| Went::Wrong(vec![Failure::told("", problem)]));
        match went {
            Went::Well(_) => {}
            Went::Named(why) => return Err(vec![Failure::new(why)]),
            Went::Wrong(failures) => return Err(failures),
        }
        let left = self.left().map_err(|problem| vec![Failure::told("", problem)])?;
        if !left.is_empty() {
            return Err(vec![
                Failure::new("something is left after everything was destroyed").more(left),
            ]);
        }
        Ok(self.kept.get(stack).cloned().unwrap_or_default())
    }

    /// What exists that did not before, unless resources were kept on purpose: those bring their own belongings. A
    /// snapshot is what `Snapshot` asks for.
    fn left(&self) -> Result<Vec<String>, Problem> {
        let now = self.account.inventory()?;
        let anything_kept = self.kept.values().any(|kept| !kept.is_empty());
        let left = now
            .into_iter()
            .filter(|item| !self.furniture.contains(item))
            .filter(|item| !(self.snapshots && item.kind.ends_with("snapshot")))
            .filter(|item| !anything_kept || item.kind == "stack");
        Ok(left
            .map(|item| format!("{} {} {}", item.service, item.kind, item.id))
            .collect())
    }

    async fn operate(&mut self, rendered: &RenderedEnvironment, kind: Kind, stack: &str) -> Result<Went, Problem> {
        self.snapshots |= rendered.stacks.values().any(check::ends_in_snapshots);
        let (plan, deployed) = self.account.plan(rendered, kind).await?;
        let mut refused = guards(&plan, &consents(&plan));
        if kind == Kind::Destroy {
            // A case may protect its resources, and clearing up after it is no claim of its: the sandbox says what holds.
            refused.0.retain(|problem| problem.code != codes::DELETION_PROTECTED);
        }
        if refused.has_errors() {
            return Ok(Went::Wrong(
                refused.into_iter().map(|problem| Failure::told("", problem)).collect(),
            ));
        }
        let before = self.resources(stack).await?;
        let options = Options {
            parallelism: 16,
            on_failure: rendered.environment.on_failure,
            empty_buckets: false,
        };
        let run = self
            .account
            .execute(rendered, &plan, &deployed, &options, &Stop::default())
            .await?;
        for planned in &plan.stacks {
            if let Some(arn) = &planned.stack_id {
                self.arns.insert(planned.name.clone(), arn.clone());
            }
        }
        if kind == Kind::Apply {
            for (name, stack) in &rendered.stacks {
                let found = cloudformation::describe_stack(&self.account.session, &stack.stack_name).await;
                if let Some(live) = found.map_err(|error| error.problem())? {
                    self.arns.insert(name.clone(), live.stack_id);
                }
            }
        }
        let mut events = BTreeMap::new();
        for (name, arn) in self.arns.clone() {
            events.insert(name, self.events(&arn).await?);
        }
        for (name, events) in &events {
            let skipped = events.iter().filter(|event| event.status == "DELETE_SKIPPED");
            let kept = self.kept.entry(name.clone()).or_default();
            kept.extend(skipped.map(|event| event.logical_id.clone()));
        }
        if let Some(went) = went_wrong(&run) {
            return Ok(went);
        }
        let after = if kind == Kind::Apply {
            self.resources(stack).await?
        } else {
            BTreeMap::new()
        };
        let changes = changes(&before, &after, events.get(stack).map_or(&[], Vec::as_slice));
        let unannounced = if kind == Kind::Apply {
            unannounced(&plan, stack, &changes)
        } else {
            Vec::new()
        };
        Ok(if unannounced.is_empty() {
            Went::Well(changes)
        } else {
            Went::Wrong(unannounced)
        })
    }

    /// The physical ids of the stack `name`, by logical id.
    async fn resources(&self, name: &str) -> Result<BTreeMap<String, String>, Problem> {
        let Some(arn) = self.arns.get(name) else {
            return Ok(BTreeMap::new());
        };
        let resources = cloudformation::stack_resources(&self.account.session, arn)
            .await
            .map_err(|error| error.problem())?;
        Ok(resources
            .into_iter()
            .map(|resource| (resource.logical_id, resource.physical_id))
            .collect())
    }

    /// The events of a stack since they were read last.
    async fn events(&mut self, arn: &str) -> Result<Vec<StackEvent>, Problem> {
        let last = self.read.get(arn).cloned().unwrap_or_default();
        let events = cloudformation::events_since(&self.account.session, arn, Since::Event(&last))
            .await
            .map_err(|error| error.problem())?;
        if let Some(last) = events.last() {
            self.read.insert(arn.to_owned(), last.id.clone());
        }
        Ok(events)
    }
}

/// Everything that a person would have to agree to: a test means what it does.
fn consents(plan: &Plan) -> Consents {
    Consents {
        confirm: Some(plan.environment.clone()),
        allow_replacement: plan.stacks.iter().map(|stack| format!("{}.*", stack.name)).collect(),
    }
}

fn went_wrong(run: &Run) -> Option<Went> {
    if run.summary.is_complete() {
        return None;
    }
    let mut failures: Vec<Failure> = run
        .summary
        .problems
        .iter()
        .map(|problem| Failure::told("", problem.clone()))
        .collect();
    for stack in &run.summary.stacks {
        match &stack.outcome {
            Outcome::Failed(problem) => {
                let mut texts = std::iter::once(&problem.message).chain(&problem.notes);
                if let Some(why) = texts.find(|text| text.contains(NAMED)) {
                    return Some(Went::Named(why.clone()));
                }
                failures.push(Failure::told("", (**problem).clone()));
            }
            Outcome::NotStarted { because } => {
                failures.push(Failure::new(format!(
                    "the stack {} was not started: {because}",
                    stack.stack
                )));
            }
            Outcome::Done | Outcome::Unchanged | Outcome::LeftRunning => {}
        }
    }
    Some(Went::Wrong(failures))
}

/// How CloudFormation refuses to replace a resource whose name is given: the new one could not exist beside the old
/// one ("AWS CloudFormation User Guide: Name type").
const NAMED: &str = "custom-named resource requires replacing";

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, events: &[StackEvent]) -> Changes {
    let ended = |id: &String, status: &str| {
        events
            .iter()
            .any(|event| event.logical_id == *id && event.status == status)
    };
    let mut changes = Changes::default();
    for (id, physical) in after {
        match before.get(id) {
            None => {
                changes.added.insert(id.clone());
            }
            // A new resource may be called as the old one was; the old one's end shows it.
            Some(old) if old != physical || ended(id, "DELETE_COMPLETE") || ended(id, "DELETE_SKIPPED") => {
                changes.replaced.insert(id.clone());
            }
            Some(_) if ended(id, "UPDATE_COMPLETE") => {
                changes.updated.insert(id.clone());
            }
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|id| !after.contains_key(*id));
    changes.removed.extend(gone.cloned());
    changes
}

/// What happened although the plan did not say so.
fn unannounced(plan: &Plan, stack: &str, changes: &Changes) -> Vec<Failure> {
    let Some(planned) = plan.stack(stack) else {
        return Vec::new();
    };
    if planned.seen.is_none() {
        return Vec::new();
    }
    let announced = |id: &String, fits: &dyn Fn(ResourceAction, Replacement) -> bool| {
        let mut of = planned.changes.iter().filter(|change| change.logical_id == *id);
        of.any(|change| fits(change.action, change.replacement))
    };
    let replaces = |action, replacement| action == ResourceAction::Dynamic || replacement != Replacement::Never;
    let removes = |action, _| action == ResourceAction::Remove;
    let mut failures = Vec::new();
    for id in changes.replaced.iter().filter(|id| !announced(id, &replaces)) {
        failures.push(Failure::new(format!(
            "{id}: it was replaced, and the plan did not say so"
        )));
    }
    for id in changes.removed.iter().filter(|id| !announced(id, &removes)) {
        failures.push(Failure::new(format!(
            "{id}: it was removed, and the plan did not say so"
        )));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::s3;
    use crate::module::{Catalogue, render};
    use crate::spec;

    /// An environment with one network, whose flow logs are kept for so many days.
    fn network(days: u32) -> RenderedEnvironment {
        let text = format!(
            "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\nprotect = false\non_failure = \"delete\"\n\
             [stacks.network]\nmodule = \"vpc\"\nnat_gateways = \"none\"\nflow_logs_retention_days = {days}\n"
        );
        let environment = spec::load("dev", &mut |_| Ok(text.clone())).unwrap();
        render(&environment, &Catalogue::built_in()).unwrap().0
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_that_still_finds_something_is_told_with_what_it_finds() {
        let rendered = network(7);
        let mut world = World::open(&rendered).await.unwrap();
        assert!(matches!(world.apply(&rendered, "network").await, Went::Well(_)));
        assert_eq!(world.unsettled(&rendered).await, []);
        let unsettled = world.unsettled(&network(14)).await;
        assert!(
            unsettled[0]
                .more
                .iter()
                .any(|line| line.contains("network.FlowLogGroup")),
            "{unsettled:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_after_everything_was_destroyed_is_named() {
        let rendered = network(7);
        let mut world = World::open(&rendered).await.unwrap();
        assert!(matches!(world.apply(&rendered, "network").await, Went::Well(_)));
        s3::make_bucket(&world.account.session, "forgotten").await.unwrap();
        let left = world.destroy(&rendered, "network").await.unwrap_err();
        assert_eq!(left[0].more, ["s3 bucket forgotten"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_was_asked_for_is_not_left_by_mistake() {
        let template = "Resources:\n  Volume:\n    Type: AWS::EC2::Volume\n    DeletionPolicy: Snapshot\n    UpdateReplacePolicy: Snapshot\n    Properties:\n      AvailabilityZone: us-east-1a\n      Size: 8\n      Encrypted: true\n";
        let files = BTreeMap::from([
            (
                "modules/disk.toml".to_owned(),
                "[module]\nname = \"disk\"\nsummary = \"A disk\"\n".to_owned(),
            ),
            ("templates/cloudformation/disk.yaml".to_owned(), template.to_owned()),
        ]);
        let text = "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\nprotect = false\non_failure = \"delete\"\n[stacks.disk]\nmodule = \"disk\"\n";
        let environment = spec::load("dev", &mut |_| Ok(text.to_owned())).unwrap();
        let rendered = render(&environment, &Catalogue::with_overrides(files).unwrap())
            .unwrap()
            .0;
        let mut world = World::open(&rendered).await.unwrap();
        assert!(matches!(world.apply(&rendered, "disk").await, Went::Well(_)));
        assert_eq!(world.destroy(&rendered, "disk").await.unwrap(), BTreeSet::new());
        let left = world.account.inventory().unwrap();
        assert!(left.iter().any(|item| item.kind == "snapshot"), "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_replacement_that_the_plan_did_not_announce_is_told() {
        let rendered = network(7);
        let mut world = World::open(&rendered).await.unwrap();
        assert!(matches!(world.apply(&rendered, "network").await, Went::Well(_)));
        let (mut plan, _) = world.account.plan(&network(14), Kind::Apply).await.unwrap();
        let only = |id: &str| BTreeSet::from([id.to_owned()]);
        let happened = Changes {
            replaced: only("FlowLogGroup"),
            removed: only("Vpc"),
            ..Changes::default()
        };
        let told: Vec<String> = unannounced(&plan, "network", &happened)
            .into_iter()
            .map(|failure| failure.message)
            .collect();
        assert_eq!(
            told,
            [
                "FlowLogGroup: it was replaced, and the plan did not say so",
                "Vpc: it was removed, and the plan did not say so"
            ]
        );
        // A replacement that may happen was announced, too.
        plan.stacks[0].changes[0].replacement = Replacement::Conditional;
        let happened = Changes {
            replaced: only("FlowLogGroup"),
            ..Changes::default()
        };
        assert_eq!(unannounced(&plan, "network", &happened), []);
    }

    #[test]
    fn what_happened_is_read_from_ids_and_from_events() {
        let resources = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(id, physical)| ((*id).to_owned(), (*physical).to_owned()))
                .collect()
        };
        let event = |id: &str, status: &str| StackEvent {
            logical_id: id.to_owned(),
            status: status.to_owned(),
            ..StackEvent::default()
        };
        let before = resources(&[
            ("Kept", "k"),
            ("Moved", "1"),
            ("Named", "n"),
            ("Gone", "g"),
            ("Touched", "t"),
        ]);
        let after = resources(&[
            ("Kept", "k"),
            ("Moved", "2"),
            ("Named", "n"),
            ("New", "x"),
            ("Touched", "t"),
        ]);
        let events = [
            event("Moved", "UPDATE_COMPLETE"),
            event("Named", "UPDATE_COMPLETE"),
            event("Named", "DELETE_COMPLETE"),
            event("Touched", "UPDATE_COMPLETE"),
            event("Gone", "DELETE_COMPLETE"),
        ];
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(
            changes(&before, &after, &events),
            Changes {
                updated: set(&["Touched"]),
                replaced: set(&["Moved", "Named"]),
                added: set(&["New"]),
                removed: set(&["Gone"]),
            }
        );
    }
}

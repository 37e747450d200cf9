//! Decides what is to be done to each stack, from what the files say and what was read.
//!
//! Pure. Where only CloudFormation can tell, the draft says which change sets it wants; the engine has them made and asks
//! again with what it got, until nothing more is wanted. Each round settles one level of the dependencies that change.

use std::collections::{BTreeMap, BTreeSet};

use super::deployed::{Deployed, LiveStack, Phase, phase, recovery_of};
use super::local::{self, Forecast};
use super::{Action, Kind, ParameterValue, Plan, Recovery, ResourceChange, StackPlan, fate, order};
use crate::module::{OutputRef, RenderedEnvironment, RenderedStack};

/// What a plan says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// A unique id.
    pub id: String,
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The role that was assumed, if any.
    pub role_arn: Option<String>,
    /// RFC 3339.
    pub created: String,
    /// Who makes it.
    pub actor: String,
    /// The commit of the checkout.
    pub commit: Option<String>,
    /// SHA-256 of the environment's texts, contracts and templates.
    pub spec_digest: String,
    /// Whether the environment is protected.
    pub protect: bool,
}

/// Everything that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Apply or destroy.
    pub kind: Kind,
    /// What the files say; none when an environment is destroyed of which only the state is left.
    pub rendered: Option<&'a RenderedEnvironment>,
    /// What was read.
    pub deployed: &'a Deployed,
    /// What CloudFormation answered so far, by stack.
    pub drawn: &'a BTreeMap<String, Drawn>,
    /// Only these stacks and what they need (in a destruction: what needs them); all if empty.
    pub targets: &'a BTreeSet<String>,
    /// What the plan says of itself.
    pub about: &'a About,
}

/// A plan, and what is still missing from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The plan so far; final when `wanted` is empty.
    pub plan: Plan,
    /// What CloudFormation has to be asked for.
    pub wanted: Vec<Wanted>,
}

/// A question to CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The stack's name in the environment.
    pub stack: String,
    /// What to ask.
    pub what: What,
}

/// What a [`Wanted`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A change set with these parameters.
    ChangeSet {
        /// The parameters' values.
        parameters: BTreeMap<String, String>,
        /// Some values are those of today because the new ones are not known: the change set only shows the rest of
        /// the changes, must never be executed, and is deleted once it was read.
        preview: bool,
    },
    /// The resources that the stack holds now.
    Resources,
}

/// What CloudFormation answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    /// The change set, if there is one to execute; none if nothing differs, for previews and for resource lists.
    pub change_set: Option<String>,
    /// The parameters that it was asked with.
    pub parameters: BTreeMap<String, String>,
    /// The changes; for a list of resources, each as a removal.
    pub changes: Vec<ResourceChange>,
    /// Whether the deployed template could not be read, so that what removals leave behind is not known.
    pub unread: bool,
}

/// Makes the plan as far as the answers in `inputs.drawn` allow.
pub fn plan(inputs: &Inputs<'_>) -> Draft {
    let mut round = Round {
        inputs,
        stacks: BTreeMap::new(),
        undecided: BTreeSet::new(),
        wanted: Vec::new(),
    };
    let uses = round.uses();
    let selected = round.selected(&uses);
    let mut order = Vec::new();
    if inputs.kind == Kind::Apply {
        for (name, stack) in inputs.rendered.iter().flat_map(|rendered| &rendered.stacks) {
            if selected.contains(name) {
                let decided = round.wanted_stack(stack);
                round.stacks.insert(name.clone(), decided);
                order.push(name.clone());
            }
        }
    }
    let mut leaving = order::sorted(
        &selected
            .iter()
            .filter(|name| !round.stacks.contains_key(*name))
            .cloned()
            .collect(),
        &uses,
    );
    leaving.reverse();
    for name in leaving {
        if let Some(mut decided) = round.leaving_stack(&name) {
            decided.after = order::dependents_of(&name, &uses)
                .into_iter()
                .filter(|user| selected.contains(user) && *user != name)
                .collect();
            round.stacks.insert(name.clone(), decided);
            order.push(name);
        }
    }
    let about = inputs.about.clone();
    let mut stacks: Vec<StackPlan> = order.iter().filter_map(|name| round.stacks.remove(name)).collect();
    let planned: BTreeSet<String> = order.into_iter().collect();
    for stack in &mut stacks {
        stack.after.retain(|name| planned.contains(name));
    }
    Draft {
        plan: Plan {
            version: 1,
            id: about.id,
            kind: inputs.kind,
            project: about.project,
            environment: about.environment,
            account: about.account,
            region: about.region,
            role_arn: about.role_arn,
            created: about.created,
            actor: about.actor,
            commit: about.commit,
            base_generation: inputs.deployed.generation,
            spec_digest: about.spec_digest,
            protect: about.protect,
            stacks,
        },
        wanted: round.wanted,
    }
}

struct Round<'a> {
    inputs: &'a Inputs<'a>,
    stacks: BTreeMap<String, StackPlan>,
    /// Stacks whose change set is still missing: what depends on them waits for the next round.
    undecided: BTreeSet<String>,
    wanted: Vec<Wanted>,
}

impl Round<'_> {
    /// Who uses whom: what the files say, joined with what the state remembers, because a stack that leaves may be in
    /// use until its users are updated.
    fn uses(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, stack) in self.inputs.rendered.iter().flat_map(|rendered| &rendered.stacks) {
            uses.entry(name.clone())
                .or_default()
                .extend(stack.depends_on.iter().cloned());
        }
        let stays = |name: &String| {
            let rendered = self.inputs.rendered;
            self.inputs.kind == Kind::Apply && rendered.is_some_and(|rendered| rendered.stacks.contains_key(name))
        };
        for (name, recorded) in &self.inputs.deployed.recorded {
            // What the state remembers between two stacks that stay is overruled by the file.
            let used = recorded.after.iter().filter(|used| !(stays(name) && stays(used)));
            uses.entry(name.clone()).or_default().extend(used.cloned());
        }
        uses
    }

    fn selected(&self, uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
        if self.inputs.targets.is_empty() {
            return uses
                .keys()
                .cloned()
                .chain(self.inputs.deployed.stacks.keys().cloned())
                .collect();
        }
        match self.inputs.kind {
            Kind::Apply => {
                let stays = |name: &String| self.inputs.rendered.is_some_and(|all| all.stacks.contains_key(name));
                // A target that stays needs what it uses; a target that leaves must first be let go by those that use it.
                let (staying, leaving): (BTreeSet<String>, BTreeSet<String>) =
                    self.inputs.targets.iter().cloned().partition(|name| stays(name));
                let users = order::with_dependents(&leaving, uses);
                let kept: BTreeSet<String> = users.iter().filter(|name| stays(name)).cloned().collect();
                let mut selected = order::with_dependencies(&staying.union(&kept).cloned().collect(), uses);
                selected.retain(|name| stays(name));
                selected.extend(users);
                selected
            }
            Kind::Destroy => order::with_dependents(self.inputs.targets, uses),
        }
    }

    /// A stack that the file names.
    fn wanted_stack(&mut self, stack: &RenderedStack) -> StackPlan {
        let live = self.inputs.deployed.stacks.get(&stack.name);
        let (parameters, waits) = self.parameters(stack);
        let protect = self.inputs.about.protect;
        let mut planned = StackPlan {
            name: stack.name.clone(),
            stack_name: stack.stack_name.clone(),
            stack_id: live.map(|live| live.stack_id.clone()),
            module: stack.module.clone(),
            action: Action::Create,
            recovery: live.and_then(|live| recovery_of(&live.status)),
            reasons: Vec::new(),
            changes: Vec::new(),
            parameters,
            tags: stack.tags.clone(),
            template_sha256: Some(stack.digest.clone()),
            change_set: None,
            after: stack.depends_on.iter().cloned().collect(),
            seen: live.map(LiveStack::seen),
            set_protection: live.map_or(protect.then_some(true), |live| {
                (live.protected != protect).then_some(protect)
            }),
        };
        let Some(live) = live else {
            planned.reasons.push("it does not exist yet".to_owned());
            planned.changes = local::additions(&stack.document, &unknown(&planned.parameters));
            return planned;
        };
        let status = &live.status;
        match planned.recovery {
            Some(Recovery::DeleteFirst | Recovery::DeleteAgain) => {
                planned.reasons.push(match phase(status) {
                    Phase::DeleteFailed => format!("its deletion failed ({status}): deleted again, then created"),
                    _ => format!("its creation failed before ({status}): deleted first, then created"),
                });
                // What is left of it goes, and may hold data: it is shown as what it is, a removal.
                if phase(status) != Phase::Review {
                    planned.changes = self.resources(&stack.name);
                }
                planned
                    .changes
                    .extend(local::additions(&stack.document, &unknown(&planned.parameters)));
                // The protection of the failed stack goes with it.
                planned.set_protection = protect.then_some(true);
            }
            Some(Recovery::Attach) => {
                planned.reasons.push(format!(
                    "CloudFormation is at work on it ({status}): waited for, then compared again"
                ));
                let begins_anew = matches!(
                    status.as_str(),
                    "CREATE_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS" | "DELETE_IN_PROGRESS"
                );
                planned.action = if begins_anew { Action::Create } else { Action::Update };
                if begins_anew {
                    planned.changes = local::additions(&stack.document, &unknown(&planned.parameters));
                }
            }
            Some(Recovery::ContinueRollback) => {
                planned.action = Action::Update;
                planned.reasons.push(format!(
                    "a rollback is stuck ({status}): continued first; what then differs shows only afterwards"
                ));
            }
            None if phase(status) == Phase::Review => {
                planned.reasons.push(format!(
                    "only an empty draft of it exists ({status}): it is created in its place"
                ));
                planned.changes = local::additions(&stack.document, &unknown(&planned.parameters));
            }
            None => self.compare(stack, live, &mut planned, waits),
        }
        planned
    }

    /// A stack that can be updated: what differs, and what CloudFormation says of it.
    fn compare(&mut self, stack: &RenderedStack, live: &LiveStack, planned: &mut StackPlan, waits: bool) {
        planned.reasons = self.differences(stack, live, &planned.parameters);
        if planned.reasons.is_empty() {
            planned.action = Action::Unchanged;
            return;
        }
        planned.action = Action::Update;
        if waits {
            self.undecided.insert(stack.name.clone());
            return;
        }
        let unknown = unknown(&planned.parameters);
        let values: Option<BTreeMap<String, String>> = planned
            .parameters
            .iter()
            .map(|(name, value)| match value {
                ParameterValue::Known(value) => Some((name.clone(), value.clone())),
                ParameterValue::After(_) => live.parameters.get(name).map(|old| (name.clone(), old.clone())),
            })
            .collect();
        let suspected = local::unknown_changes(&stack.document, &unknown);
        let preview = !unknown.is_empty();
        let only_values_are_open = preview && self.nothing_but_unknown_values_differs(stack, live, planned);
        let Some(parameters) = values.filter(|_| !only_values_are_open) else {
            if !only_values_are_open {
                planned
                    .reasons
                    .push("CloudFormation can be asked only when all its inputs are known".to_owned());
            }
            planned.changes = suspected;
            return;
        };
        match self
            .inputs
            .drawn
            .get(&stack.name)
            .filter(|drawn| drawn.parameters == parameters)
        {
            Some(drawn) => {
                planned.changes = local::joined(drawn.changes.clone(), suspected);
                if preview {
                    return;
                }
                planned.change_set = drawn.change_set.clone();
                if drawn.change_set.is_none() && drawn.changes.is_empty() {
                    planned.action = Action::Unchanged;
                    planned.reasons.push("CloudFormation sees no difference".to_owned());
                }
            }
            None => {
                self.undecided.insert(stack.name.clone());
                self.wanted.push(Wanted {
                    stack: stack.name.clone(),
                    what: What::ChangeSet { parameters, preview },
                });
            }
        }
    }

    fn nothing_but_unknown_values_differs(&self, stack: &RenderedStack, live: &LiveStack, planned: &StackPlan) -> bool {
        let known: BTreeMap<String, ParameterValue> = planned
            .parameters
            .iter()
            .map(|(name, value)| match (value, live.parameters.get(name)) {
                (ParameterValue::After(_), Some(old)) => (name.clone(), ParameterValue::Known(old.clone())),
                _ => (name.clone(), value.clone()),
            })
            .collect();
        self.differences(stack, live, &known).is_empty()
    }

    /// Why the stack is not known to be what is wanted; empty if it is.
    fn differences(
        &self,
        stack: &RenderedStack,
        live: &LiveStack,
        parameters: &BTreeMap<String, ParameterValue>,
    ) -> Vec<String> {
        let mut reasons = Vec::new();
        match self.inputs.deployed.recorded.get(&stack.name) {
            None => reasons
                .push("the state does not know it: it was made by someone else, or the state was lost".to_owned()),
            Some(recorded) if recorded.template_sha256.is_empty() => {
                reasons.push("nobody saw the end of its creation".to_owned());
            }
            Some(recorded) if recorded.stack_id != live.stack_id => {
                reasons.push("it was deleted and made anew by someone else".to_owned());
            }
            Some(recorded) => {
                if recorded.template_sha256 != stack.digest {
                    reasons.push("its template differs from what is deployed".to_owned());
                }
                if recorded.change_set_id != live.change_set_id || recorded.updated != live.updated {
                    reasons.push(format!(
                        "it was changed by someone else or left half-way since it was last deployed ({}, {})",
                        live.status, live.updated
                    ));
                }
            }
        }
        for (name, value) in parameters {
            match (value, live.parameters.get(name)) {
                (ParameterValue::Known(new), Some(old)) if new == old => {}
                (ParameterValue::Known(new), Some(old)) => reasons.push(format!("parameter {name}: {old} -> {new}")),
                (ParameterValue::Known(new), None) => reasons.push(format!("parameter {name} is new: {new}")),
                (ParameterValue::After(output), _) => {
                    reasons.push(format!(
                        "parameter {name}: {} known after {}",
                        output.output, output.stack
                    ));
                }
            }
        }
        for name in live.parameters.keys().filter(|name| !parameters.contains_key(*name)) {
            reasons.push(format!("parameter {name} is no longer used"));
        }
        reasons.extend(tag_differences(&live.tags, &stack.tags));
        reasons
    }

    /// The parameters' values, and whether one of them waits for a stack that is not decided in this round.
    fn parameters(&self, stack: &RenderedStack) -> (BTreeMap<String, ParameterValue>, bool) {
        let mut waits = false;
        let values = stack
            .parameters
            .iter()
            .map(|(name, output)| {
                waits |= self.undecided.contains(&output.stack);
                (name.clone(), self.value(output))
            })
            .collect();
        (values, waits)
    }

    fn value(&self, output: &OutputRef) -> ParameterValue {
        let after = || ParameterValue::After(output.clone());
        let Some(producer) = self.stacks.get(&output.stack) else {
            return after();
        };
        let live = self.inputs.deployed.stacks.get(&output.stack);
        let old = live.and_then(|live| live.outputs.get(&output.key));
        match (producer.action, producer.recovery, old) {
            (Action::Unchanged, None, Some(old)) => ParameterValue::Known(old.clone()),
            (Action::Update, None, old) => {
                let rendered = self
                    .inputs
                    .rendered
                    .and_then(|rendered| rendered.stacks.get(&output.stack));
                let empty = BTreeMap::new();
                let old_parameters = live.map_or(&empty, |live| &live.parameters);
                let forecast = rendered.map_or(Forecast::Unknown, |rendered| {
                    let recorded = self.inputs.deployed.recorded.get(&output.stack);
                    let old = old.map(String::as_str);
                    local::forecast(rendered, producer, recorded, &output.key, old, old_parameters)
                });
                match forecast {
                    Forecast::Value(value) => ParameterValue::Known(value),
                    Forecast::Unknown => after(),
                }
            }
            _ => after(),
        }
    }

    /// A stack that has to go; none if there is nothing to do about it.
    fn leaving_stack(&mut self, name: &str) -> Option<StackPlan> {
        let deployed = self.inputs.deployed;
        let (live, recorded) = (deployed.stacks.get(name), deployed.recorded.get(name));
        let rendered = self.inputs.rendered.and_then(|rendered| rendered.stacks.get(name));
        let stack_name = live
            .map(|live| &live.stack_name)
            .or(recorded.map(|recorded| &recorded.stack_name))?
            .clone();
        let begun = recorded.is_some_and(|recorded| recorded.template_sha256.is_empty());
        let reason = match (self.inputs.kind, live) {
            (_, None) if begun => "its creation failed and nothing is left of it; only its record is removed",
            (_, None) => "it is gone already; only its record is removed",
            (Kind::Apply, Some(_)) => "it is no longer in the environment's file",
            (Kind::Destroy, Some(_)) => "the environment is destroyed",
        };
        let mut reasons = vec![reason.to_owned()];
        let recovery = live.and_then(|live| match phase(&live.status) {
            Phase::DeleteFailed => Some(Recovery::DeleteAgain),
            Phase::Advancing | Phase::Retreating => Some(Recovery::Attach),
            _ => None,
        });
        if let (Some(recovery), Some(live)) = (recovery, live) {
            reasons.push(match recovery {
                Recovery::Attach => format!("CloudFormation is at work on it ({}): waited for first", live.status),
                _ => format!("its deletion failed before ({}): tried again", live.status),
            });
        }
        let mut changes = live.map_or_else(Vec::new, |_| self.resources(name));
        for change in &mut changes {
            name_input(change, rendered);
        }
        if self.inputs.drawn.get(name).is_some_and(|drawn| drawn.unread) {
            reasons.push("its deployed template cannot be read: what stays of it is not known".to_owned());
        }
        Some(StackPlan {
            name: name.to_owned(),
            stack_name,
            stack_id: live.map(|live| live.stack_id.clone()),
            module: recorded
                .map(|recorded| recorded.module.clone())
                .or_else(|| rendered.map(|rendered| rendered.module.clone()))
                .unwrap_or_default(),
            action: Action::Delete,
            recovery,
            reasons,
            changes,
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            template_sha256: None,
            change_set: None,
            after: Vec::new(),
            seen: live.map(LiveStack::seen),
            set_protection: live.filter(|live| live.protected).map(|_| false),
        })
    }
}

/// Adds the input that the files set the resource's protection with.
fn name_input(change: &mut ResourceChange, rendered: Option<&RenderedStack>) {
    if let (Some(protection), Some(stack)) = (&mut change.protection, rendered) {
        protection.input = fate::protecting_node(&stack.document, &change.logical_id, &protection.property)
            .and_then(|node| stack.input_at(&node.span));
    }
}

/// What is shown in place of the parameters' values that are not known yet.
fn unknown(parameters: &BTreeMap<String, ParameterValue>) -> BTreeMap<String, String> {
    let unknown = parameters.iter().filter_map(|(name, value)| match value {
        ParameterValue::After(output) => Some((name.clone(), format!("known after {}", output.stack))),
        ParameterValue::Known(_) => None,
    });
    unknown.collect()
}

impl Round<'_> {
    /// What a stack holds, as removals.
    fn resources(&mut self, name: &str) -> Vec<ResourceChange> {
        if let Some(drawn) = self.inputs.drawn.get(name) {
            return drawn.changes.clone();
        }
        self.wanted.push(Wanted {
            stack: name.to_owned(),
            what: What::Resources,
        });
        Vec::new()
    }
}

fn tag_differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old == new => None,
            (Some(old), Some(new)) => Some(format!("tag {name}: {old} -> {new}")),
            (None, Some(new)) => Some(format!("tag {name} is new: {new}")),
            (Some(_), None) => Some(format!("tag {name} is removed")),
            (None, None) => None,
        })
        .collect()
}

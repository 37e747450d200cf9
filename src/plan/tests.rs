//! Decisions of the planner, each on a world of a few stacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::*;
use crate::diagnostic::{Severity, Source, Span, codes};
use crate::module::{Origins, OutputRef, RenderedEnvironment, RenderedStack};
use crate::spec::{Backend, Environment, OnFailure, Spanned};

#[test]
fn what_does_not_exist_is_planned_without_asking_and_its_users_wait_for_its_outputs() {
    let world = World::new();
    let draft = world.draft();
    assert!(draft.wanted.is_empty());
    let cluster = draft.plan.stack("cluster").unwrap();
    assert_eq!(cluster.action, Action::Create);
    assert_eq!(cluster.parameters["VpcId"], ParameterValue::After(vpc_id()));
    assert_eq!(cluster.changes[0].action, ResourceAction::Add);
    assert_eq!(
        cluster.changes[0].properties[0].after_unknown.as_deref(),
        Some("known after network")
    );
    assert_eq!(cluster.after, ["network"]);
    assert!(cluster.seen.is_none());
}

#[test]
fn what_is_as_recorded_is_unchanged_without_a_change_set() {
    let world = World::deployed();
    let draft = world.draft();
    assert!(draft.wanted.is_empty(), "{:?}", draft.wanted);
    assert!(!draft.plan.changes_anything(), "{:#?}", draft.plan);
}

#[test]
fn a_stack_that_someone_else_touched_gets_a_change_set_and_is_unchanged_if_that_is_empty() {
    let mut world = World::deployed();
    world.live("network").updated = "2026-02-02T00:00:00Z".to_owned();
    let draft = world.draft();
    assert_eq!(draft.wanted.len(), 1);
    assert!(draft.plan.stack("network").unwrap().reasons[0].contains("changed by someone else"));
    world.draw("network", Drawn::default());
    let draft = world.draft();
    assert!(draft.wanted.is_empty());
    assert!(!draft.plan.changes_anything());
    assert!(draft.plan.records_anything(), "or every plan would ask again");
    assert!(!World::deployed().draft().plan.records_anything());
}

#[test]
fn an_output_that_is_made_from_something_else_is_not_foretold_from_its_old_value() {
    let mut world = World::deployed();
    let network = world.rendered("network");
    network.digest = "new".to_owned();
    network.document = stack(
        "network",
        json!({
            "Resources": { "Vpc": { "Type": "AWS::EC2::VPC" }, "Other": { "Type": "AWS::EC2::VPC" } },
            "Outputs": { "VpcId": { "Value": { "Ref": "Other" } } },
        }),
    )
    .document;
    // CloudFormation says nothing of outputs, and `Other` itself does not change.
    world.draw("network", changing("Vpc", Replacement::Never));
    let cluster = world.draft().plan.stack("cluster").unwrap().clone();
    assert_eq!(cluster.action, Action::Update);
    assert_eq!(cluster.parameters["VpcId"], ParameterValue::After(vpc_id()));
}

#[test]
fn what_is_left_of_a_stuck_stack_is_a_removal_and_guarded_as_one() {
    for status in ["DELETE_FAILED", "ROLLBACK_FAILED", "CREATE_FAILED"] {
        let mut world = World::deployed();
        world.about.protect = true;
        world.live("network").status = status.to_owned();
        let draft = world.draft();
        assert_eq!(draft.wanted[0].what, What::Resources, "{status}");
        let mut left = changing("Data", Replacement::Never);
        left.changes[0].action = ResourceAction::Remove;
        left.changes[0].resource_type = "AWS::RDS::DBInstance".to_owned();
        world.draw("network", left);
        let plan = world.draft().plan;
        let actions: Vec<ResourceAction> = plan
            .stack("network")
            .unwrap()
            .changes
            .iter()
            .map(|one| one.action)
            .collect();
        assert_eq!(actions, [ResourceAction::Remove, ResourceAction::Add], "{status}");
        let refused = guards(&plan, &Consents::default());
        assert!(
            refused.has_errors() && refused.0[0].message.contains("network.Data"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_user_of_a_changed_stack_is_decided_once_the_change_set_is_known() {
    let mut world = World::deployed();
    world.rendered("network").digest = "new".to_owned();
    let draft = world.draft();
    let asked: Vec<&str> = draft.wanted.iter().map(|wanted| wanted.stack.as_str()).collect();
    assert_eq!(asked, ["network"], "the cluster waits for the answer");

    world.draw("network", changing("Vpc", Replacement::Never));
    let draft = world.draft();
    assert!(draft.wanted.is_empty());
    assert_eq!(
        draft.plan.stack("network").unwrap().change_set.as_deref(),
        Some("arn:change-set")
    );
    assert_eq!(draft.plan.stack("cluster").unwrap().action, Action::Unchanged);
}

#[test]
fn a_replaced_source_makes_the_value_unknown_and_the_users_properties_suspect() {
    let mut world = World::deployed();
    world.rendered("network").digest = "new".to_owned();
    world.draw("network", changing("Vpc", Replacement::Always));
    let draft = world.draft();
    let cluster = draft.plan.stack("cluster").unwrap();
    assert_eq!(cluster.action, Action::Update);
    assert_eq!(cluster.parameters["VpcId"], ParameterValue::After(vpc_id()));
    assert!(
        draft.wanted.is_empty(),
        "only the value is open, so there is nothing to ask"
    );
    let change = &cluster.changes[0];
    assert_eq!(
        (change.logical_id.as_str(), change.replacement),
        ("Group", Replacement::Conditional)
    );
    assert_eq!(
        change.properties[0].after_unknown.as_deref(),
        Some("known after network")
    );
    assert_eq!(
        change.properties[0].replacement,
        Replacement::Always,
        "a security group cannot move to another VPC"
    );
    assert!(
        unseen(&cluster.changes, &changing("Group", Replacement::Always).changes).is_empty(),
        "that was shown"
    );
}

#[test]
fn a_change_set_with_a_value_of_today_in_place_of_an_unknown_one_is_only_looked_at() {
    let mut world = World::deployed();
    world.rendered("network").digest = "new".to_owned();
    world.rendered("cluster").digest = "new too".to_owned();
    world.draw("network", changing("Vpc", Replacement::Always));
    let draft = world.draft();
    let What::ChangeSet { parameters, preview } = &draft.wanted[0].what else {
        panic!("{:?}", draft.wanted)
    };
    assert_eq!((parameters["VpcId"].as_str(), *preview), ("vpc-1", true));
    let mut drawn = changing("Group", Replacement::Never);
    drawn.parameters = parameters.clone();
    world.draw("cluster", drawn);
    let draft = world.draft();
    assert!(draft.wanted.is_empty());
    assert_eq!(
        draft.plan.stack("cluster").unwrap().change_set,
        None,
        "it must never be executed"
    );
}

#[test]
fn stacks_that_left_the_file_go_after_those_that_use_them() {
    let mut world = World::deployed();
    world.record("old_base", &[]);
    world.record("old_top", &["old_base"]);
    // The cluster used it until now.
    world
        .deployed
        .recorded
        .get_mut("cluster")
        .unwrap()
        .after
        .push("old_base".to_owned());
    for stack in ["old_base", "old_top"] {
        world.draw(stack, Drawn::default());
    }
    let plan = world.draft().plan;
    let names: Vec<&str> = plan.stacks.iter().map(|stack| stack.name.as_str()).collect();
    assert_eq!(names, ["network", "cluster", "old_top", "old_base"]);
    let base = plan.stack("old_base").unwrap();
    assert_eq!(
        (base.action, base.after.join(" ").as_str()),
        (Action::Delete, "cluster old_top")
    );
}

#[test]
fn a_destruction_runs_against_the_dependencies() {
    let mut world = World::deployed();
    world.kind = Kind::Destroy;
    let draft = world.draft();
    assert_eq!(draft.wanted[0].what, What::Resources);
    let names: Vec<&str> = draft.plan.stacks.iter().map(|stack| stack.name.as_str()).collect();
    assert_eq!(names, ["cluster", "network"]);
    assert_eq!(draft.plan.stack("network").unwrap().after, ["cluster"]);
}

#[test]
fn a_target_brings_along_what_it_needs_and_in_a_destruction_what_needs_it() {
    let mut world = World::deployed();
    world.targets = BTreeSet::from(["cluster".to_owned()]);
    assert_eq!(world.draft().plan.stacks.len(), 2);
    world.targets = BTreeSet::from(["network".to_owned()]);
    assert_eq!(world.draft().plan.stacks.len(), 1);
    world.kind = Kind::Destroy;
    assert_eq!(world.draft().plan.stacks.len(), 2);
}

#[test]
fn stuck_stacks_are_planned_with_their_recovery() {
    for (status, recovery, action) in [
        ("ROLLBACK_COMPLETE", Recovery::DeleteFirst, Action::Create),
        ("CREATE_FAILED", Recovery::DeleteFirst, Action::Create),
        ("DELETE_FAILED", Recovery::DeleteAgain, Action::Create),
        ("UPDATE_ROLLBACK_FAILED", Recovery::ContinueRollback, Action::Update),
        ("CREATE_IN_PROGRESS", Recovery::Attach, Action::Create),
        ("UPDATE_IN_PROGRESS", Recovery::Attach, Action::Update),
    ] {
        let mut world = World::deployed();
        world.live("network").status = status.to_owned();
        let draft = world.draft();
        let network = draft.plan.stack("network").unwrap();
        assert_eq!((network.recovery, network.action), (Some(recovery), action), "{status}");
        assert!(
            draft
                .wanted
                .iter()
                .all(|wanted| wanted.stack != "network" || wanted.what == What::Resources),
            "{status}: no change set is possible"
        );
        let cluster = draft.plan.stack("cluster").unwrap();
        assert_eq!(cluster.parameters["VpcId"], ParameterValue::After(vpc_id()), "{status}");
    }
}

#[test]
fn a_draft_that_nobody_executed_is_created_in_its_place() {
    let mut world = World::deployed();
    world.live("network").status = "REVIEW_IN_PROGRESS".to_owned();
    let draft = world.draft();
    let network = draft.plan.stack("network").unwrap();
    assert_eq!((network.recovery, network.action), (None, Action::Create));
    assert!(!network.changes.is_empty());
    assert!(draft.wanted.iter().all(|wanted| wanted.stack != "network"));
}

#[test]
fn data_in_a_protected_environment_is_not_lost_without_consent() {
    let mut world = World::deployed();
    world.about.protect = true;
    world.rendered("network").digest = "new".to_owned();
    let mut drawn = changing("Data", Replacement::Always);
    drawn.changes[0].resource_type = "AWS::S3::Bucket".to_owned();
    world.draw("network", drawn);
    let plan = world.draft().plan;
    let refused = guards(&plan, &Consents::default());
    assert!(refused.has_errors());
    assert!(refused.0[0].hints[0].contains("--allow-replacement network.Data"));
    let consents = Consents {
        allow_replacement: BTreeSet::from(["network.Data".to_owned()]),
        ..Consents::default()
    };
    assert!(guards(&plan, &consents).0.is_empty());
    let open = Plan { protect: false, ..plan };
    assert_eq!(guards(&open, &Consents::default()).0[0].severity, Severity::Warning);
}

#[test]
fn data_that_stay_are_let_go_only_with_consent_and_are_not_called_lost() {
    let mut world = World::deployed();
    world.about.protect = true;
    world.rendered("network").digest = "new".to_owned();
    let mut message = |action, leaves| {
        let mut drawn = changing("Data", Replacement::Always);
        drawn.changes[0].resource_type = "AWS::S3::Bucket".to_owned();
        drawn.changes[0].action = action;
        drawn.changes[0].leaves = leaves;
        world.draw("network", drawn);
        let refused = guards(&world.draft().plan, &Consents::default());
        assert!(refused.has_errors());
        refused.0[0].message.clone()
    };
    assert_eq!(
        message(ResourceAction::Remove, Some(Leaves::Resource)),
        "network.Data (AWS::S3::Bucket) would be left behind, unmanaged, and its name stays taken"
    );
    assert_eq!(
        message(ResourceAction::Modify, Some(Leaves::Resource)),
        "network.Data (AWS::S3::Bucket) would be replaced by an empty one; the old one would be left behind, unmanaged"
    );
    assert_eq!(
        message(ResourceAction::Remove, Some(Leaves::Snapshot)),
        "network.Data (AWS::S3::Bucket) would be removed and only a snapshot of its data would be left"
    );
    assert_eq!(
        message(ResourceAction::Remove, None),
        "network.Data (AWS::S3::Bucket) would be removed and its data would be lost"
    );
}

#[test]
fn what_refuses_to_be_deleted_is_told_before_anything_goes_and_no_consent_helps() {
    let mut world = World::deployed();
    world.kind = Kind::Destroy;
    let mut held = changing("Data", Replacement::Never);
    held.changes[0].action = ResourceAction::Remove;
    held.changes[0].resource_type = "AWS::RDS::DBInstance".to_owned();
    held.changes[0].protection = Some(Protection {
        property: "DeletionProtection".to_owned(),
        input: None,
    });
    world.draw("network", held);
    let consents = Consents {
        confirm: Some("dev".to_owned()),
        allow_replacement: BTreeSet::from(["network.*".to_owned()]),
    };
    let refused = guards(&world.draft().plan, &consents);
    assert_eq!(refused.0[0].code, codes::DELETION_PROTECTED, "{refused:?}");
    assert!(refused.has_errors());
    // An update cannot switch it off where no update is possible: that deletion is tried, and says what holds it.
    world.live("network").status = "DELETE_FAILED".to_owned();
    assert!(guards(&world.draft().plan, &consents).0.is_empty());
}

#[test]
fn a_protected_environment_is_destroyed_only_by_its_name() {
    let mut world = World::deployed();
    world.kind = Kind::Destroy;
    world.about.protect = true;
    let plan = world.draft().plan;
    assert!(guards(&plan, &Consents::default()).has_errors());
    let wrong = Consents {
        confirm: Some("prod".to_owned()),
        ..Consents::default()
    };
    assert!(guards(&plan, &wrong).has_errors());
    let right = Consents {
        confirm: Some("dev".to_owned()),
        ..Consents::default()
    };
    assert!(!guards(&plan, &right).has_errors());
    let empty = Plan {
        stacks: Vec::new(),
        ..plan
    };
    assert!(
        guards(&empty, &Consents::default()).0.is_empty(),
        "nothing is left to protect"
    );
}

#[test]
fn every_stateful_type_is_found() {
    for name in [
        "AWS::Cognito::UserPool",
        "AWS::EFS::FileSystem",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
        "AWS::SQS::Queue",
        "AWS::KMS::Key",
    ] {
        assert!(is_stateful(name), "{name}");
    }
    assert!(!is_stateful("AWS::EC2::Subnet"));
}

#[test]
fn a_saved_plan_comes_back_the_same_and_a_changed_one_does_not_come_back() {
    let plan = World::deployed().draft().plan;
    let text = seal(&plan);
    assert_eq!(open(&text).unwrap(), plan);
    let forged = text.replace("\"protect\": false", "\"protect\": true");
    assert_ne!(forged, text);
    assert!(matches!(open(&forged), Err(Unreadable::Altered)));
    assert!(matches!(open("{}"), Err(Unreadable::NotAPlan(None))));
}

#[test]
fn whatever_moved_since_the_plan_is_named() {
    let mut world = World::deployed();
    let plan = world.draft().plan;
    let check = |world: &World, change: &dyn Fn(&mut Current<'_>)| -> Vec<String> {
        let mut current = Current {
            project: "shop",
            environment: "dev",
            account: "111122223333",
            region: "us-east-1",
            role_arn: None,
            spec_digest: "spec",
            templates: world
                .environment
                .stacks
                .values()
                .map(|s| (s.name.clone(), s.digest.clone()))
                .collect(),
            deployed: &world.deployed,
            applied: false,
        };
        change(&mut current);
        verify_against(&plan, &current)
            .into_iter()
            .map(|moved| moved.what)
            .collect()
    };
    assert!(check(&world, &|_| {}).is_empty());
    assert_eq!(check(&world, &|c| c.account = "999"), ["the account"]);
    assert_eq!(check(&world, &|c| c.applied = true), ["the plan"]);
    assert_eq!(
        check(&world, &|c| {
            c.templates.remove("cluster");
        }),
        ["the template of stack cluster"]
    );
    world.live("network").protected = true;
    assert_eq!(
        check(&world, &|_| {}),
        ["stack network"],
        "somebody protected it since: that is no consent to delete it"
    );
    let moved = |world: &World| {
        let now = world.live_of("network").seen();
        let (planned, now) = super::saved::marks(plan.stack("network").unwrap().seen.as_ref(), Some(&now));
        format!("{planned} -> {now}")
    };
    assert_eq!(moved(&world), "termination protection off -> termination protection on");
    world.live("network").protected = false;
    world.live("network").status = "UPDATE_ROLLBACK_COMPLETE".to_owned();
    assert_eq!(check(&world, &|_| {}), ["stack network"]);
}

#[test]
fn an_operation_that_the_plan_waits_for_may_have_ended_by_the_time_it_is_applied() {
    let mut world = World::deployed();
    let moved = |world: &World, plan: &Plan| {
        let digests = world
            .environment
            .stacks
            .values()
            .map(|s| (s.name.clone(), s.digest.clone()));
        let current = Current {
            project: "shop",
            environment: "dev",
            account: "111122223333",
            region: "us-east-1",
            role_arn: None,
            spec_digest: "spec",
            templates: digests.collect(),
            deployed: &world.deployed,
            applied: false,
        };
        verify_against(plan, &current).len()
    };
    world.live("network").status = "UPDATE_IN_PROGRESS".to_owned();
    let plan = world.draft().plan;
    assert_eq!(plan.stack("network").unwrap().recovery, Some(Recovery::Attach));
    world.live("network").status = "UPDATE_ROLLBACK_COMPLETE".to_owned();
    assert_eq!(moved(&world, &plan), 0);
    world.live("network").updated = "2026-03-03T00:00:00Z".to_owned();
    assert_eq!(moved(&world, &plan), 1, "that is another operation");
    world.deployed.stacks.remove("network");
    assert_eq!(moved(&world, &plan), 1, "an update does not end in nothing");

    let mut world = World::deployed();
    world.live("network").status = "DELETE_IN_PROGRESS".to_owned();
    let plan = world.draft().plan;
    world.deployed.stacks.remove("network");
    assert_eq!(moved(&world, &plan), 0);
}

#[test]
fn a_loss_that_the_reviewer_saw_in_a_weaker_form_is_unseen() {
    let seen = changing("Vpc", Replacement::Conditional).changes;
    let actual = changing("Vpc", Replacement::Always).changes;
    assert_eq!(unseen(&seen, &actual).len(), 1);
    assert!(unseen(&actual, &actual).is_empty());
    assert!(unseen(&[], &changing("Vpc", Replacement::Never).changes).is_empty());
    let mut removed = changing("Vpc", Replacement::Never).changes;
    removed[0].action = ResourceAction::Remove;
    assert_eq!(unseen(&seen, &removed)[0].what, "would be removed");
}

#[test]
fn what_refers_to_something_that_may_be_replaced_may_be_replaced_too() {
    let ml = stack(
        "ml",
        json!({ "Resources": {
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": { "GroupDescription": "g", "VpcId": { "Ref": "VpcId" } },
            },
            "Rule": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": { "GroupId": { "Fn::GetAtt": ["Group", "GroupId"] }, "IpProtocol": "tcp" },
            },
            "Bucket": { "Type": "AWS::S3::Bucket" },
        }}),
    );
    let unknown = BTreeMap::from([("VpcId".to_owned(), "known after network".to_owned())]);
    let changes = local::unknown_changes(&ml.document, &unknown);
    let told: Vec<(&str, Replacement, Option<&str>)> = changes
        .iter()
        .map(|change| {
            let cause = change.properties[0].cause.as_deref();
            (change.logical_id.as_str(), change.replacement, cause)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Group", Replacement::Conditional, Some("Parameters.VpcId")),
            ("Rule", Replacement::Conditional, Some("Group")),
        ]
    );
}

#[test]
fn reading_an_attribute_of_something_changed_in_place_is_no_loss_but_of_something_replaced_it_is() {
    let reader = |source: Replacement| {
        let mut changes = changing("Role", source).changes;
        let mut notebook = changing("Notebook", Replacement::Conditional).changes.remove(0);
        notebook.properties.push(PropertyChange {
            path: "RoleArn".to_owned(),
            before: None,
            after: None,
            after_unknown: Some("known after apply".to_owned()),
            replacement: Replacement::Always,
            cause: Some("Role.Arn".to_owned()),
        });
        changes.push(notebook);
        changes
    };
    let role = |replacement| changing("Role", replacement).changes;
    assert!(unseen(&role(Replacement::Never), &reader(Replacement::Never)).is_empty());
    assert_eq!(
        unseen(&role(Replacement::Always), &reader(Replacement::Always)).len(),
        1
    );
}

struct World {
    kind: Kind,
    environment: RenderedEnvironment,
    deployed: Deployed,
    drawn: BTreeMap<String, Drawn>,
    targets: BTreeSet<String>,
    about: About,
}

impl World {
    /// Two stacks, of which nothing exists.
    fn new() -> Self {
        let network = stack(
            "network",
            json!({
                "Resources": { "Vpc": { "Type": "AWS::EC2::VPC", "Properties": {} } },
                "Outputs": { "VpcId": { "Value": { "Ref": "Vpc" } } },
            }),
        );
        let mut cluster = stack(
            "cluster",
            json!({ "Resources": { "Group": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "VpcId": { "Ref": "VpcId" } } } } }),
        );
        cluster.parameters.insert("VpcId".to_owned(), vpc_id());
        cluster.depends_on.insert("network".to_owned());
        Self {
            kind: Kind::Apply,
            environment: RenderedEnvironment {
                environment: environment(),
                stacks: IndexMap::from([("network".to_owned(), network), ("cluster".to_owned(), cluster)]),
            },
            deployed: Deployed::default(),
            drawn: BTreeMap::new(),
            targets: BTreeSet::new(),
            about: About {
                project: "shop".to_owned(),
                environment: "dev".to_owned(),
                account: "111122223333".to_owned(),
                region: "us-east-1".to_owned(),
                spec_digest: "spec".to_owned(),
                ..About::default()
            },
        }
    }

    /// The same, both deployed as they are.
    fn deployed() -> Self {
        let mut world = Self::new();
        world.record("network", &[]);
        world.record("cluster", &["network"]);
        world
            .live("network")
            .outputs
            .insert("VpcId".to_owned(), "vpc-1".to_owned());
        world
            .live("cluster")
            .parameters
            .insert("VpcId".to_owned(), "vpc-1".to_owned());
        world
    }

    fn record(&mut self, name: &str, after: &[&str]) {
        let live = LiveStack {
            stack_name: format!("shop-dev-{name}"),
            stack_id: format!("arn:{name}"),
            status: "CREATE_COMPLETE".to_owned(),
            change_set_id: Some(format!("arn:first-{name}")),
            updated: "2026-01-01T00:00:00Z".to_owned(),
            ..LiveStack::default()
        };
        self.deployed.recorded.insert(
            name.to_owned(),
            Recorded {
                stack_name: live.stack_name.clone(),
                stack_id: live.stack_id.clone(),
                template_sha256: format!("digest of {name}"),
                change_set_id: live.change_set_id.clone(),
                updated: live.updated.clone(),
                after: after.iter().map(|name| (*name).to_owned()).collect(),
                output_sources: self
                    .environment
                    .stacks
                    .get(name)
                    .map(|stack| output_sources(&stack.document))
                    .unwrap_or_default(),
                ..Recorded::default()
            },
        );
        self.deployed.stacks.insert(name.to_owned(), live);
    }

    fn live(&mut self, name: &str) -> &mut LiveStack {
        self.deployed.stacks.get_mut(name).unwrap()
    }

    fn live_of(&self, name: &str) -> &LiveStack {
        &self.deployed.stacks[name]
    }

    fn rendered(&mut self, name: &str) -> &mut RenderedStack {
        self.environment.stacks.get_mut(name).unwrap()
    }

    fn draw(&mut self, name: &str, drawn: Drawn) {
        self.drawn.insert(name.to_owned(), drawn);
    }

    fn draft(&self) -> Draft {
        plan(&Inputs {
            kind: self.kind,
            rendered: Some(&self.environment),
            deployed: &self.deployed,
            drawn: &self.drawn,
            targets: &self.targets,
            about: &self.about,
        })
    }
}

fn vpc_id() -> OutputRef {
    OutputRef {
        stack: "network".to_owned(),
        output: "vpc_id".to_owned(),
        key: "VpcId".to_owned(),
    }
}

fn changing(logical_id: &str, replacement: Replacement) -> Drawn {
    Drawn {
        change_set: Some("arn:change-set".to_owned()),
        parameters: BTreeMap::new(),
        changes: vec![ResourceChange {
            logical_id: logical_id.to_owned(),
            physical_id: None,
            resource_type: "AWS::EC2::VPC".to_owned(),
            action: ResourceAction::Modify,
            replacement,
            properties: Vec::new(),
            leaves: None,
            protection: None,
        }],
        unread: false,
    }
}

fn stack(name: &str, template: Value) -> RenderedStack {
    let source = Arc::new(Source {
        path: format!("{name}.json"),
        text: template.to_string(),
    });
    RenderedStack {
        name: name.to_owned(),
        stack_name: format!("shop-dev-{name}"),
        module: name.to_owned(),
        template: template.to_string(),
        digest: format!("digest of {name}"),
        document: crate::template::read(&source).unwrap(),
        parameters: BTreeMap::new(),
        depends_on: BTreeSet::new(),
        tags: BTreeMap::new(),
        outputs: BTreeMap::new(),
        capabilities: Vec::new(),
        origins: Origins::default(),
    }
}

fn environment() -> Environment {
    let source = Arc::new(Source {
        path: "environments/dev.toml".to_owned(),
        text: String::new(),
    });
    let text = |value: &str| Spanned {
        value: value.to_owned(),
        span: Span::new(&source, 0..0),
    };
    Environment {
        name: "dev".to_owned(),
        project: text("shop"),
        account: text("111122223333"),
        region: text("us-east-1"),
        role_arn: None,
        permissions_boundary: None,
        protect: false,
        on_failure: OnFailure::Delete,
        backend: Backend {
            bucket: String::new(),
            table: String::new(),
        },
        tags: BTreeMap::new(),
        modules: IndexMap::new(),
        stacks: IndexMap::new(),
        workloads: IndexMap::new(),
        training: IndexMap::new(),
        waivers: Vec::new(),
        sources: vec![source],
    }
}

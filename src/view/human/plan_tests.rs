//! Plans as a reader sees them, 80 columns wide and without colours.

use std::collections::BTreeMap;

use super::*;

fn shown(plan: &Plan, next: &[&str]) -> String {
    let next: Vec<String> = next.iter().map(|line| (*line).to_owned()).collect();
    anstream::adapter::strip_str(&super::plan(plan, &next, 80)).to_string()
}

fn empty(kind: Kind) -> Plan {
    Plan {
        version: 1,
        id: "0199".into(),
        kind,
        project: "churn".into(),
        environment: "dev".into(),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        role_arn: None,
        created: "2026-11-20T10:00:00Z".into(),
        actor: "ana@laptop".into(),
        commit: None,
        base_generation: 3,
        spec_digest: "00".into(),
        protect: false,
        stacks: Vec::new(),
    }
}

fn stack(name: &str, module: &str, action: Action) -> StackPlan {
    StackPlan {
        name: name.into(),
        stack_name: format!("churn-dev-{name}"),
        stack_id: None,
        module: module.into(),
        action,
        recovery: None,
        reasons: Vec::new(),
        changes: Vec::new(),
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        template_sha256: None,
        change_set: None,
        after: Vec::new(),
        seen: None,
        set_protection: None,
    }
}

fn resource(logical_id: &str, resource_type: &str, action: ResourceAction, replacement: Replacement) -> ResourceChange {
    ResourceChange {
        logical_id: logical_id.into(),
        physical_id: None,
        resource_type: resource_type.into(),
        action,
        replacement,
        properties: Vec::new(),
        leaves: None,
        protection: None,
    }
}

fn property(path: &str, before: Option<&str>, after: Option<&str>) -> PropertyChange {
    PropertyChange {
        path: path.into(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        after_unknown: None,
        replacement: Replacement::Never,
        cause: None,
    }
}

#[test]
fn a_change_shows_each_property_and_what_forces_a_replacement() {
    let mut network = stack("network", "vpc", Action::Update);
    network
        .reasons
        .push("the template differs from the deployed one".into());
    let mut vpc = resource("Vpc", "AWS::EC2::VPC", ResourceAction::Modify, Replacement::Always);
    vpc.physical_id = Some("vpc-0a1b2c3d4e5f67890".into());
    vpc.properties.push(PropertyChange {
        replacement: Replacement::Always,
        ..property("CidrBlock", Some("10.10.0.0/16"), Some("10.20.0.0/16"))
    });
    vpc.properties
        .push(property("Tags.0.Value", Some("churn-dev"), Some("churn-dev-network")));
    let mut subnet = resource(
        "PrivateSubnet1",
        "AWS::EC2::Subnet",
        ResourceAction::Modify,
        Replacement::Conditional,
    );
    subnet.properties.push(PropertyChange {
        after_unknown: Some("known while executing".into()),
        replacement: Replacement::Conditional,
        cause: Some("Vpc".into()),
        ..property("VpcId", Some("vpc-0a1b2c3d4e5f67890"), None)
    });
    let mut policy = resource(
        "S3Endpoint",
        "AWS::EC2::VPCEndpoint",
        ResourceAction::Modify,
        Replacement::Never,
    );
    policy.properties.push(property(
        "PolicyDocument",
        Some(r#"{"Statement":[{"Action":"s3:GetObject","Effect":"Allow","Resource":"*"}]}"#),
        Some(r#"{"Statement":[{"Action":["s3:GetObject","s3:PutObject"],"Effect":"Allow","Resource":"*"}]}"#),
    ));
    let arn = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/vpc/churn-dev-network/";
    let mut logs = resource(
        "FlowLog",
        "AWS::EC2::FlowLog",
        ResourceAction::Modify,
        Replacement::Never,
    );
    logs.properties.push(property(
        "LogDestination",
        Some(&format!("{arn}flow")),
        Some(&format!("{arn}flow-logs")),
    ));
    network.changes = vec![
        vpc,
        subnet,
        policy,
        logs,
        resource(
            "NatGateway2",
            "AWS::EC2::NatGateway",
            ResourceAction::Add,
            Replacement::Never,
        ),
        resource(
            "OldRoute",
            "AWS::EC2::Route",
            ResourceAction::Remove,
            Replacement::Never,
        ),
    ];
    let mut plan = empty(Kind::Apply);
    plan.stacks = vec![
        network,
        stack("storage", "s3", Action::Unchanged),
        stack("images", "ecr", Action::Unchanged),
    ];
    insta::assert_snapshot!(shown(&plan, &["Apply it: mlinfra apply dev"]), @r#"
    ~ network (vpc)  update  churn-dev-network
        the template differs from the deployed one
       - OldRoute        AWS::EC2::Route
     -/+ Vpc             AWS::EC2::VPC  replaced  vpc-0a1b2c3d4e5f67890
            CidrBlock: 10.10.0.0/16 → 10.20.0.0/16  forces replacement
            Tags.0.Value: churn-dev → churn-dev-network
       ~ S3Endpoint      AWS::EC2::VPCEndpoint
            PolicyDocument.Statement.0.Action:
              - s3:GetObject
              + ["s3:GetObject","s3:PutObject"]
       ~ FlowLog         AWS::EC2::FlowLog
            LogDestination:
              - …network/flow
              + …network/flow-logs
       + NatGateway2     AWS::EC2::NatGateway
        and, only because of these:
       ~ PrivateSubnet1  AWS::EC2::Subnet  may be replaced
            VpcId: vpc-0a1b2c3d4e5f67890 → (known while executing)
              may force replacement, because of Vpc

    Unchanged: storage and images

    Plan for dev of churn (account 111122223333, us-east-1)
      Stacks:    1 to update
      Resources: 1 to add, 2 to change, 1 to replace, 1 perhaps to replace, 1 to
                 remove
    Apply it: mlinfra apply dev
    "#);
}

#[test]
fn new_and_stuck_and_removed_stacks_say_what_happens_first() {
    let mut cluster = stack("cluster", "eks", Action::Create);
    cluster.after.push("network".into());
    cluster.changes = vec![
        resource("Cluster", "AWS::EKS::Cluster", ResourceAction::Add, Replacement::Never),
        resource("ClusterRole", "AWS::IAM::Role", ResourceAction::Add, Replacement::Never),
    ];
    let mut storage = stack("storage", "s3", Action::Create);
    storage.recovery = Some(Recovery::DeleteFirst);
    let mut old = stack("reports", "", Action::Delete);
    old.reasons.push("no longer in environments/dev.toml".into());
    old.changes = vec![resource(
        "Bucket",
        "AWS::S3::Bucket",
        ResourceAction::Remove,
        Replacement::Never,
    )];
    let mut busy = stack("network", "vpc", Action::Unchanged);
    busy.recovery = Some(Recovery::Attach);
    let mut plan = empty(Kind::Apply);
    plan.stacks = vec![busy, cluster, storage, old];
    insta::assert_snapshot!(shown(&plan, &[]), @r"
    ~ network (vpc)  recover  churn-dev-network
        an operation is in flight: its end is waited for first, then the stack is
        looked at again

    + cluster (eks)  create  churn-dev-cluster
        after network
       + Cluster      AWS::EKS::Cluster
       + ClusterRole  AWS::IAM::Role

    + storage (s3)  create  churn-dev-storage
        nothing in it ever worked: it is deleted first, then created

    - reports  delete  churn-dev-reports
        no longer in environments/dev.toml
       - Bucket  AWS::S3::Bucket

    Plan for dev of churn (account 111122223333, us-east-1)
      Stacks:    2 to create, 1 to recover, 1 to delete
      Resources: 2 to add, 1 to remove
    ");
}

#[test]
fn nothing_to_do_is_one_line() {
    let mut plan = empty(Kind::Apply);
    plan.stacks = vec![
        stack("network", "vpc", Action::Unchanged),
        stack("storage", "s3", Action::Unchanged),
    ];
    insta::assert_snapshot!(shown(&plan, &["Apply it: mlinfra apply dev"]), @"dev: no changes, all 2 stacks are as the files say");
    insta::assert_snapshot!(shown(&empty(Kind::Destroy), &[]), @"dev: no changes, there are no stacks");
}

#[test]
fn a_destruction_shows_what_stays_and_what_leaves_a_snapshot() {
    let mut storage = stack("storage", "s3", Action::Delete);
    let removed = |logical_id, resource_type, id: &str, leaves| ResourceChange {
        physical_id: Some(id.into()),
        leaves,
        ..resource(logical_id, resource_type, ResourceAction::Remove, Replacement::Never)
    };
    storage.changes = vec![
        removed("DataBucket", "AWS::S3::Bucket", "churn-data", Some(Leaves::Resource)),
        removed("Database", "AWS::RDS::DBInstance", "churn-db", Some(Leaves::Snapshot)),
        removed("Role", "AWS::IAM::Role", "churn-role", None),
    ];
    let mut plan = empty(Kind::Destroy);
    plan.stacks = vec![storage];
    insta::assert_snapshot!(shown(&plan, &[]), @r"
    - storage (s3)  delete  churn-dev-storage
       = DataBucket  AWS::S3::Bucket  stays, unmanaged  churn-data
       - Database    AWS::RDS::DBInstance  removed, leaves a snapshot  churn-db
       - Role        AWS::IAM::Role  churn-role

    Plan to destroy dev of churn (account 111122223333, us-east-1)
      Stacks:    1 to delete
      Resources: 2 to remove, 1 stays
    ");
}

//! What is asked for by whole environments, and what the answers mean.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::diagnostic::{Code, Problem, Severity, codes};
use crate::module::{Catalogue, RenderedEnvironment, render};
use crate::plan::{About, Deployed, Inputs, Kind, Plan, PropertyChange, Replacement, ResourceAction, ResourceChange};

const FILE: &str = r#"[project]
name = "shop"

[environment]
account = "111122223333"
region  = "us-east-1"
protect = false
on_failure = "delete"

[stacks.own]
module = "own"
"#;

const CONTRACT: &str = r#"
[module]
name    = "own"
summary = "Own"
doc     = "Own."

[inputs.bucket]
type    = "string"
doc     = "A name."
default = "acme-models"
"#;

struct Case {
    environment: RenderedEnvironment,
    plan: Plan,
    needs: Needs,
}

/// An environment of one stack that does not exist yet, its template having these resources.
fn case(resources: &str) -> Case {
    case_of(resources, "")
}

fn case_of(resources: &str, inputs: &str) -> Case {
    let template = format!("AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n{resources}");
    let file = format!("{FILE}{inputs}");
    let mut read = |path: &str| match path {
        "environments/dev.toml" => Ok(file.clone()),
        other => Err(format!("no {other}")),
    };
    let environment = crate::spec::load("dev", &mut read).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let catalogue = Catalogue::with_overrides(BTreeMap::from([
        ("modules/own.toml".to_owned(), CONTRACT.to_owned()),
        ("templates/cloudformation/own.yaml".to_owned(), template),
    ]))
    .unwrap_or_else(|problems| panic!("{problems:#?}"));
    let (environment, _) = render(&environment, &catalogue).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let plan = planned(&environment);
    let needs = needs(&environment, &plan, at());
    Case {
        environment,
        plan,
        needs,
    }
}

fn planned(environment: &RenderedEnvironment) -> Plan {
    let about = About {
        project: "shop".to_owned(),
        environment: "dev".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        ..About::default()
    };
    let inputs = Inputs {
        kind: Kind::Apply,
        rendered: Some(environment),
        deployed: &Deployed::default(),
        drawn: &BTreeMap::new(),
        targets: &BTreeSet::new(),
        about: &about,
    };
    crate::plan::plan(&inputs).plan
}

fn at() -> Whereabouts {
    Whereabouts {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        partition: "aws".to_owned(),
        caller: "arn:aws:sts::111122223333:assumed-role/deploy/ci".to_owned(),
        role_arn: None,
    }
}

impl Case {
    fn judged(&self, answers: &Answers) -> Preflight {
        judge(&self.environment, &self.needs, answers)
    }

    /// The one problem that comes of `answers`.
    fn problem(&self, answers: &Answers) -> Problem {
        let mut problems = self.judged(answers).problems.0;
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.remove(0)
    }
}

fn is(problem: &Problem, severity: Severity, code: Code, message: &str) {
    assert_eq!(
        (problem.severity, problem.code, problem.message.as_str()),
        (severity, code, message),
        "{problem:#?}"
    );
}

fn zones(names: &[&str]) -> Answer<Vec<String>> {
    Answer::Given(names.iter().map(|name| (*name).to_owned()).collect())
}

fn offers(types: &[(&str, &[&str])]) -> Answer<BTreeMap<String, BTreeSet<String>>> {
    let zones = |zones: &[&str]| zones.iter().map(|zone| (*zone).to_owned()).collect();
    Answer::Given(types.iter().map(|(name, at)| ((*name).to_owned(), zones(at))).collect())
}

fn quota(code: &str, value: f64) -> Answer<Quota> {
    Answer::Given(Quota {
        code: code.to_owned(),
        name: "the quota's name".to_owned(),
        value,
    })
}

const SUBNETS: &str = r#"
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  One:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: !Select [0, !GetAZs ""]}
  Three:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: !Select [2, !GetAZs ""]}
"#;

#[test]
fn a_zone_beyond_those_of_the_region_is_an_error_that_says_how_many_there_are() {
    let case = case(SUBNETS);
    let two = Answers {
        zones: zones(&["us-east-1a", "us-east-1b"]),
        ..Answers::default()
    };
    let problem = case.problem(&two);
    is(
        &problem,
        Severity::Error,
        codes::ZONE_UNAVAILABLE,
        "3 availability zones are asked for, but us-east-1 has 2 for account 111122223333",
    );
    assert!(
        problem.labels[0]
            .span
            .place()
            .starts_with("templates/cloudformation/own.yaml:12:")
    );
    let three = Answers {
        zones: zones(&["us-east-1a", "us-east-1b", "us-east-1c"]),
        ..Answers::default()
    };
    assert!(case.judged(&three).problems.is_empty());
}

const NODES: &str = r#"
  Nodes:
    Type: AWS::EKS::Nodegroup
    Properties:
      ClusterName: shop
      NodeRole: arn:aws:iam::111122223333:role/nodes
      Subnets: [subnet-0123456789abcdef0]
      InstanceTypes: [g5.xlarge]
      ScalingConfig: {MinSize: 1, MaxSize: 4, DesiredSize: 3}
"#;

#[test]
fn an_instance_type_that_is_not_offered_names_what_is_like_it() {
    let case = case(NODES);
    assert_eq!(
        case.needs.offerings(),
        BTreeSet::from(["g5.xlarge".to_owned(), "g5.*".to_owned(), "g*.xlarge".to_owned()])
    );
    let answers = Answers {
        offerings: offers(&[("g5.2xlarge", &["a"]), ("g6.xlarge", &["a"]), ("g5g.xlarge", &["a"])]),
        ..Answers::default()
    };
    let problem = case.problem(&answers);
    is(
        &problem,
        Severity::Error,
        codes::INSTANCE_TYPE_UNAVAILABLE,
        "us-east-1 offers no instance type g5.xlarge",
    );
    assert_eq!(
        problem.hints,
        ["it offers g5.2xlarge and g6.xlarge"],
        "and no ARM processor"
    );
}

#[test]
fn a_type_that_none_of_the_zones_in_use_offers_is_a_warning_that_names_the_zones() {
    let case = case(&format!("{SUBNETS}{NODES}"));
    let answers = |there: &[&str]| Answers {
        zones: zones(&["a", "b", "c", "d"]),
        offerings: offers(&[("g5.xlarge", there)]),
        ..Answers::default()
    };
    let problem = case.problem(&answers(&["d"]));
    is(
        &problem,
        Severity::Warning,
        codes::INSTANCE_TYPE_ELSEWHERE,
        "none of the zones in use offers g5.xlarge",
    );
    assert!(problem.hints[0].contains("offered in d"), "{:?}", problem.hints);
    assert!(case.judged(&answers(&["c", "d"])).problems.is_empty());
}

#[test]
fn accelerators_beyond_the_quota_are_an_error_with_the_command_that_asks_for_more() {
    let case = case(NODES);
    let key = *case.needs.quotas().first().unwrap();
    assert_eq!((key.service, key.code), ("ec2", "L-DB2E81BA"));
    let answers = |value: f64| Answers {
        vcpus: Answer::Given(BTreeMap::from([("g5.xlarge".to_owned(), 4)])),
        quotas: BTreeMap::from([(key, quota("L-DB2E81BA", value))]),
        ..Answers::default()
    };
    let problem = case.problem(&answers(8.0));
    is(
        &problem,
        Severity::Error,
        codes::QUOTA_EXCEEDED,
        "the plan starts with 12 vCPUs, but the account may have 8",
    );
    assert!(
        problem.hints[1].ends_with("--service-code ec2 --quota-code L-DB2E81BA --desired-value 12"),
        "{:?}",
        problem.hints
    );
    assert!(case.judged(&answers(12.0)).problems.is_empty());
}

#[test]
fn scaling_groups_services_on_fargate_and_databases_are_held_against_their_quotas() {
    let only = |resources: &str, code: &str, value: f64| {
        let case = case(resources);
        let key = *case.needs.quotas().first().unwrap();
        assert_eq!(key.code, code);
        let answers = Answers {
            vcpus: Answer::Given(BTreeMap::from([("g5.xlarge".to_owned(), 4)])),
            quotas: BTreeMap::from([(key, quota(code, value))]),
            ..Answers::default()
        };
        let problems = case.judged(&answers).problems.0;
        problems.first().map(|problem| problem.message.clone())
    };
    let group = "  Launch:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateData: {InstanceType: g5.xlarge}}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: '2'
      MaxSize: '4'
      AvailabilityZones: [us-east-1a]
      LaunchTemplate: {LaunchTemplateId: !Ref Launch, Version: !GetAtt Launch.LatestVersionNumber}
";
    let words = "the plan starts with 8 vCPUs, but the account may have 4";
    assert_eq!(only(group, "L-DB2E81BA", 4.0).as_deref(), Some(words));
    assert_eq!(only(group, "L-DB2E81BA", 8.0), None);
    let service = "  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Cpu: '2048', Memory: '4096', NetworkMode: awsvpc, RequiresCompatibilities: [FARGATE], ContainerDefinitions: [{Name: a, Image: b}]}
  Service:
    Type: AWS::ECS::Service
    Properties:
      TaskDefinition: !Ref Task
      DesiredCount: 4
      CapacityProviderStrategy: [{CapacityProvider: FARGATE, Weight: 1}]
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-0123456789abcdef0]}}
";
    let words = "the plan starts with 8 vCPUs, but the account may have 6";
    assert_eq!(only(service, "L-3032A538", 6.0).as_deref(), Some(words));
    assert_eq!(only(service, "L-3032A538", 8.0), None);
    let database = "  Data:
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceClass: db.t4g.micro, Engine: postgres, AllocatedStorage: '20', MasterUsername: owner, ManageMasterUserPassword: true, StorageEncrypted: true}
";
    let words = "the plan starts with 1 database instance, but the account may have 0";
    assert_eq!(only(database, "L-7B6409FD", 0.0).as_deref(), Some(words));
    assert_eq!(only(database, "L-7B6409FD", 1.0), None);
}

#[test]
fn things_that_stay_count_together_with_those_in_use() {
    let case = case(SUBNETS);
    let key = Counted::Vpcs.quota();
    let answers = |there: usize| Answers {
        quotas: BTreeMap::from([(key, quota(key.code, 5.0))]),
        vpcs: Answer::Given((0..there).map(|number| (format!("vpc-{number}"), Vec::new())).collect()),
        ..Answers::default()
    };
    let problem = case.problem(&answers(5));
    is(
        &problem,
        Severity::Error,
        codes::QUOTA_EXCEEDED,
        "the plan makes 1 VPC, but the account may have 5 and has 5 already",
    );
    assert!(case.judged(&answers(4)).problems.is_empty());
}

#[test]
fn a_sagemaker_instance_beyond_its_quota_names_others_that_the_account_may_have() {
    let case = case(
        "  Notebook:\n    Type: AWS::SageMaker::NotebookInstance\n    Properties: {InstanceType: ml.g5.xlarge, RoleArn: \"arn:aws:iam::111122223333:role/n\"}\n",
    );
    assert_eq!(case.needs.ml[0].0, "ml.g5.xlarge for notebook instance usage");
    let of = |name: &str, value: f64| {
        let quota = Quota {
            code: "L-1".to_owned(),
            name: name.to_owned(),
            value,
        };
        (name.to_owned(), quota)
    };
    let answers = Answers {
        ml_quotas: Answer::Given(BTreeMap::from([
            of("ml.g5.xlarge for notebook instance usage", 0.0),
            of("ml.g4dn.xlarge for notebook instance usage", 1.0),
            of("ml.g6.xlarge for endpoint usage", 9.0),
        ])),
        ..Answers::default()
    };
    let problem = case.problem(&answers);
    is(
        &problem,
        Severity::Error,
        codes::QUOTA_EXCEEDED,
        "the plan starts with 1 instance, but the account may have 0",
    );
    assert_eq!(problem.hints[2], "within the account's quotas are ml.g4dn.xlarge");
}

#[test]
fn nat_gateways_are_counted_in_the_zone_of_their_subnet() {
    let nat =
        "  Nat:\n    Type: AWS::EC2::NatGateway\n    Properties: {SubnetId: !Ref Three, ConnectivityType: private}\n";
    let case = case(&format!("{SUBNETS}{nat}"));
    assert_eq!(case.needs.nat_gateways[0].0, ZoneWish::Position(2));
    let answers = |zone: &str| Answers {
        zones: zones(&["a", "b", "c"]),
        quotas: BTreeMap::from([(machine::NAT_GATEWAYS, quota("L-FE5A380F", 5.0))]),
        nat_gateways: Answer::Given(BTreeMap::from([(zone.to_owned(), 5)])),
        ..Answers::default()
    };
    let problem = case.problem(&answers("c"));
    is(
        &problem,
        Severity::Error,
        codes::QUOTA_EXCEEDED,
        "the plan makes 1 NAT gateway, but the account may have 5 and has 5 already",
    );
    assert!(problem.notes.contains(&"the zone is c".to_owned()), "{problem:#?}");
    assert!(case.judged(&answers("a")).problems.is_empty());
}

#[test]
fn as_many_stacks_as_there_may_be_are_no_problem_and_one_more_is() {
    let case = case(SUBNETS);
    let answers = |used| Answers {
        stacks: Answer::Given((2_000, used)),
        ..Answers::default()
    };
    assert!(case.judged(&answers(1_999)).problems.is_empty());
    is(
        &case.problem(&answers(2_000)),
        Severity::Error,
        codes::QUOTA_EXCEEDED,
        "the plan makes 1 stack, but us-east-1 has 2000 of at most 2000",
    );
}

const CLUSTER: &str = r#"
  Cluster:
    Type: AWS::EKS::Cluster
    Properties:
      Name: shop
      Version: "1.31"
      RoleArn: arn:aws:iam::111122223333:role/cluster
      ResourcesVpcConfig: {SubnetIds: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}
"#;

fn versions(support: Support) -> Answer<Vec<ClusterVersion>> {
    let of = |version: &str, support| ClusterVersion {
        version: version.to_owned(),
        support,
        standard_until: None,
        extended_until: Some("2026-11-26".to_owned()),
    };
    Answer::Given(vec![of("1.34", Support::Standard), of("1.31", support)])
}

#[test]
fn kubernetes_versions_are_judged_by_what_eks_supports() {
    let case = case(CLUSTER);
    let answers = |support| Answers {
        versions: versions(support),
        ..Answers::default()
    };
    assert!(case.judged(&answers(Support::Standard)).problems.is_empty());
    is(
        &case.problem(&answers(Support::Extended)),
        Severity::Warning,
        codes::CLUSTER_VERSION_EXTENDED,
        "Kubernetes 1.31 is in extended support, which ends on 2026-11-26",
    );
    let ended = case.problem(&answers(Support::Ended));
    is(
        &ended,
        Severity::Error,
        codes::CLUSTER_VERSION_UNSUPPORTED,
        "EKS offers no Kubernetes version 1.31",
    );
    assert_eq!(ended.hints, ["in standard support are 1.34"]);
    let nothing = Answers {
        versions: Answer::Given(Vec::new()),
        ..Answers::default()
    };
    assert!(case.judged(&nothing).problems.is_empty(), "no list, no judgement");
}

#[test]
fn a_cluster_goes_up_by_one_minor_version_and_never_down() {
    for (before, message) in [
        ("1.30", None),
        ("1.31", None),
        ("1.29", Some("a cluster of version 1.29 cannot go to 1.31 in one step")),
        ("1.32", Some("a cluster of version 1.32 cannot go back to 1.31")),
    ] {
        let mut case = case(CLUSTER);
        case.needs.versions[0].before = Some(before.to_owned());
        let found = case.judged(&Answers::default()).problems.0;
        let told = found.first().map(|problem| problem.message.as_str());
        assert_eq!(told, message, "from {before}");
    }
}

const BUCKET: &str = r#"
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: {{ bucket }}
"#;

#[test]
fn a_taken_name_points_at_the_template_and_at_the_input_and_says_whose_it_is() {
    let case = case_of(BUCKET, "bucket = \"acme-data\"\n");
    let key = (NameKind::Bucket, "acme-data".to_owned());
    let answers = |taken, owner: Option<&str>| Answers {
        names: BTreeMap::from([(key.clone(), Answer::Given(taken))]),
        owners: owner
            .map(|owner| ("acme-data".to_owned(), owner.to_owned()))
            .into_iter()
            .collect(),
        ..Answers::default()
    };
    assert!(case.judged(&answers(Taken::Free, None)).problems.is_empty());
    let here = case.problem(&answers(Taken::Here, Some("shop-dev-storage")));
    is(
        &here,
        Severity::Error,
        codes::NAME_TAKEN,
        "there is a bucket acme-data already",
    );
    let places: Vec<String> = here.labels.iter().map(|label| label.span.place()).collect();
    assert_eq!(
        places,
        ["templates/cloudformation/own.yaml:7:7", "environments/dev.toml:12:1"]
    );
    assert!(here.notes[0].contains("shop-dev-storage"), "{:?}", here.notes);
    let elsewhere = case.problem(&answers(Taken::Elsewhere, None));
    assert_eq!(elsewhere.code, codes::NAME_TAKEN);
    assert!(elsewhere.hints[0].contains("none"), "{:?}", elsewhere.hints);
}

#[test]
fn a_network_that_overlaps_is_a_warning_with_the_next_free_one() {
    let case = case(SUBNETS);
    let net = |text: &str| text.parse::<Ipv4Net>().unwrap();
    let answers = |vpcs: &[(&str, &str)]| Answers {
        vpcs: Answer::Given(
            vpcs.iter()
                .map(|(id, text)| ((*id).to_owned(), vec![net(text)]))
                .collect(),
        ),
        ..Answers::default()
    };
    let problem = case.problem(&answers(&[("vpc-1", "10.0.128.0/20"), ("vpc-2", "10.1.0.0/16")]));
    is(
        &problem,
        Severity::Warning,
        codes::NETWORK_OVERLAPS,
        "10.0.0.0/16 overlaps with 10.0.128.0/20 of vpc-1",
    );
    assert_eq!(problem.hints, ["10.2.0.0/16 is free"]);
    assert!(case.judged(&answers(&[("vpc-1", "172.31.0.0/16")])).problems.is_empty());
}

#[test]
fn an_overlap_with_the_vpc_that_is_to_be_peered_is_an_error() {
    let peering =
        "  Peering:\n    Type: AWS::EC2::VPCPeeringConnection\n    Properties: {VpcId: !Ref Vpc, PeerVpcId: vpc-1}\n";
    let case = case(&format!("{SUBNETS}{peering}"));
    let answers = Answers {
        vpcs: Answer::Given(BTreeMap::from([(
            "vpc-1".to_owned(),
            vec!["10.0.0.0/20".parse().unwrap()],
        )])),
        ..Answers::default()
    };
    is(
        &case.problem(&answers),
        Severity::Error,
        codes::PEERS_OVERLAP,
        "10.0.0.0/16 is to be peered with vpc-1, whose 10.0.0.0/20 overlaps with it",
    );
}

fn decided(case: &Case, wanted: &str, decision: Decision) -> Answers {
    let of = |action: &Action| {
        let decision = if action.action == wanted {
            decision
        } else {
            Decision::Allowed
        };
        ((action.action.clone(), action.resource.clone()), decision)
    };
    Answers {
        decisions: Answer::Given(case.needs.actions.iter().map(of).collect()),
        ..Answers::default()
    }
}

#[test]
fn an_action_that_no_policy_allows_comes_with_the_policy_that_would() {
    let case = case(CLUSTER);
    let problem = case.problem(&decided(&case, "eks:CreateCluster", Decision::NotAllowed));
    is(
        &problem,
        Severity::Error,
        codes::PERMISSION_MISSING,
        "stack own needs a permission that is not granted to the caller: eks:CreateCluster",
    );
    assert!(
        problem
            .notes
            .iter()
            .any(|note| note.ends_with("assumed-role/deploy/ci"))
    );
    assert_eq!(
        problem.hints[1],
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["eks:CreateCluster"],"Resource":["arn:aws:eks:us-east-1:111122223333:cluster/shop"]}]}"#
    );
}

#[test]
fn what_comes_from_above_is_kept_apart_and_what_is_unclear_is_no_finding() {
    let case = case(CLUSTER);
    let of = |decision| decided(&case, "eks:CreateCluster", decision);
    for decision in [Decision::Organisation, Decision::Boundary] {
        assert_eq!(case.problem(&of(decision)).code, codes::ORGANISATION_DENIES);
    }
    assert!(case.judged(&of(Decision::Unclear)).problems.is_empty());
    let denied = case.problem(&of(Decision::Denied));
    assert!(denied.hints[0].contains("denies them"), "{:?}", denied.hints);
}

#[test]
fn a_policy_of_the_bucket_itself_may_allow_what_the_simulator_does_not_see() {
    let case = case(CLUSTER);
    let of = |decision| decided(&case, "s3:PutObject", decision);
    assert!(case.judged(&of(Decision::NotAllowed)).problems.is_empty());
    assert_eq!(case.problem(&of(Decision::Denied)).code, codes::PERMISSION_MISSING);
}

#[test]
fn what_is_known_only_after_a_deployment_is_not_asked_about() {
    let case = case(
        "  Other:\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, Value: a}\n  Bucket:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: !GetAtt Other.Value}\n  Named:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: !Sub \"logs-${AWS::AccountId}-${AWS::Region}\"}\n",
    );
    let names: Vec<&str> = case.needs.names.iter().map(|named| named.name.as_str()).collect();
    assert_eq!(names, ["logs-111122223333-us-east-1"]);
}

#[test]
fn a_plan_that_changes_nothing_or_destroys_asks_nothing() {
    let mut case = case(SUBNETS);
    assert!(!case.needs.is_empty());
    case.plan.kind = Kind::Destroy;
    assert!(needs(&case.environment, &case.plan, at()).is_empty());
    case.plan.kind = Kind::Apply;
    for stack in &mut case.plan.stacks {
        stack.action = crate::plan::Action::Unchanged;
    }
    assert!(needs(&case.environment, &case.plan, at()).is_empty());
}

#[test]
fn a_question_without_an_answer_skips_its_check_and_says_why() {
    let case = case(SUBNETS);
    let answers = Answers {
        zones: Answer::Missing(Missing {
            call: "ec2:DescribeAvailabilityZones".to_owned(),
            why: Why::Denied,
        }),
        decisions: Answer::Missing(Missing {
            call: "iam:SimulatePrincipalPolicy".to_owned(),
            why: Why::Late,
        }),
        ..Answers::default()
    };
    let preflight = case.judged(&answers);
    assert!(preflight.problems.is_empty());
    let skipped: Vec<(&str, Option<&str>)> = preflight
        .checks
        .iter()
        .filter(|check| check.state == State::Skipped)
        .map(|check| (check.name, check.why.as_deref()))
        .collect();
    assert_eq!(
        skipped,
        [
            ("permissions", Some("iam:SimulatePrincipalPolicy took too long")),
            ("availability zones", Some("ec2:DescribeAvailabilityZones is denied")),
        ]
    );
}

#[test]
fn what_validation_finds_points_at_the_value_that_it_is_about() {
    let mut case = case_of(BUCKET, "bucket = \"acme-data\"\n");
    case.needs.change_sets.insert("own".to_owned(), "arn".to_owned());
    let found = |stops| Validation {
        logical_id: "Bucket".to_owned(),
        resource_type: "AWS::S3::Bucket".to_owned(),
        path: "/Resources/Bucket/Properties/BucketName".to_owned(),
        name: "NAME_CONFLICT_VALIDATION".to_owned(),
        reason: "it is there.".to_owned(),
        stops,
    };
    let answers = |stops| Answers {
        validations: BTreeMap::from([("own".to_owned(), Answer::Given(vec![found(stops)]))]),
        ..Answers::default()
    };
    let problem = case.problem(&answers(true));
    is(
        &problem,
        Severity::Error,
        codes::VALIDATION_REFUSES,
        "CloudFormation's validation of stack own finds fault with Bucket (AWS::S3::Bucket): it is there",
    );
    assert_eq!(problem.labels[1].span.place(), "environments/dev.toml:12:1");
    assert_eq!(case.problem(&answers(false)).severity, Severity::Warning);
    let refusal = refusal(&case.environment.stacks["own"], &[found(true)]);
    assert_eq!(refusal.labels.len(), 2, "{refusal:#?}");
}

fn change(logical_id: &str, resource_type: &str, action: ResourceAction) -> ResourceChange {
    ResourceChange {
        logical_id: logical_id.to_owned(),
        physical_id: None,
        resource_type: resource_type.to_owned(),
        action,
        replacement: Replacement::Never,
        properties: Vec::new(),
        leaves: None,
        protection: None,
    }
}

#[test]
fn an_update_asks_for_what_changes_and_by_the_names_that_are_there() {
    let mut case = case(CLUSTER);
    let stack = &mut case.plan.stacks[0];
    stack.action = crate::plan::Action::Update;
    let mut version = change("Cluster", "AWS::EKS::Cluster", ResourceAction::Modify);
    version.properties.push(PropertyChange {
        path: "Version".to_owned(),
        before: Some("1.30".to_owned()),
        after: Some("1.31".to_owned()),
        after_unknown: None,
        replacement: Replacement::Never,
        cause: None,
    });
    let mut endpoint = change("Endpoint", "AWS::SageMaker::Endpoint", ResourceAction::Remove);
    endpoint.physical_id = Some("arn:aws:sagemaker:us-east-1:111122223333:endpoint/scorer".to_owned());
    stack.changes = vec![version, endpoint];
    let needs = needs(&case.environment, &case.plan, at());
    let of_resources = needs.actions.iter().filter(|action| action.place.is_some());
    let asked: Vec<(&str, &str)> = of_resources
        .map(|action| (action.action.as_str(), action.resource.as_deref().unwrap_or("*")))
        .collect();
    assert_eq!(
        asked,
        [
            (
                "sagemaker:DeleteEndpoint",
                "arn:aws:sagemaker:us-east-1:111122223333:endpoint/scorer"
            ),
            (
                "eks:UpdateClusterVersion",
                "arn:aws:eks:us-east-1:111122223333:cluster/shop"
            ),
        ]
    );
    assert_eq!(needs.versions[0].before.as_deref(), Some("1.30"));
    assert!(
        needs.names.is_empty() && needs.counted.is_empty(),
        "what is there is not made"
    );
}

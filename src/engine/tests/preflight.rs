//! Each check of the preflight on the sandbox, through the real SDK, made to find something.

use std::collections::BTreeMap;

use super::stage::Stage;
use crate::diagnostic::{Code, Severity, codes};
use crate::engine::survey;
use crate::plan::Kind;
use crate::preflight::{Preflight, State, Whereabouts, judge, needs};

const DEV: &str = include_str!("../../../environments/dev.toml");

async fn preflight(stage: &Stage) -> Preflight {
    let (plan, _) = stage.plan(Kind::Apply).await.unwrap();
    stage.sandbox.clear_calls();
    let at = Whereabouts {
        account: stage.session.account.clone(),
        region: stage.session.region.clone(),
        partition: stage.session.partition().to_owned(),
        caller: stage.session.caller.clone(),
        role_arn: None,
    };
    let needs = needs(&stage.environment, &plan, at);
    let answers = survey(&stage.session, &needs).await;
    judge(&stage.environment, &needs, &answers)
}

/// What the preflight of the example environment finds in an account with these faults.
async fn found(faults: &str) -> Vec<(Severity, Code)> {
    let preflight = preflight(&Stage::on(DEV, faults).await).await;
    let found = preflight.problems.0.iter();
    found.map(|problem| (problem.severity, problem.code)).collect()
}

fn skipped(preflight: &Preflight) -> BTreeMap<&str, &str> {
    let skipped = preflight.checks.iter().filter(|check| check.state == State::Skipped);
    skipped
        .map(|check| (check.name, check.why.as_deref().unwrap_or_default()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_environment_asks_each_api_once_and_an_unchanged_one_none() {
    let mut stage = Stage::on(DEV, "").await;
    let first = preflight(&stage).await;
    assert!(first.problems.is_empty(), "{:#?}", first.problems);
    assert!(skipped(&first).is_empty(), "{:?}", first.checks);
    assert_eq!(first.checks.len(), 7, "{:?}", first.checks);
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in stage.sandbox.calls() {
        *calls.entry(call.action).or_default() += 1;
    }
    // Quotas come one by one, and so do the two roles with names; everything else is asked for once, whatever the number
    // of stacks.
    assert_eq!(calls.remove("GetRole"), Some(2));
    let quotas = calls.remove("GetServiceQuota").unwrap_or(0);
    assert!((1..=9).contains(&quotas), "{quotas}");
    assert!(
        calls.len() >= 12 && calls.values().all(|count| *count == 1),
        "{calls:#?}"
    );

    stage.apply().await.assert_complete();
    let second = preflight(&stage).await;
    assert!(second.checks.is_empty(), "{:?}", second.checks);
    assert_eq!(stage.sandbox.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_may_not_do_is_told_by_whose_policy_it_is() {
    let denied = |by: &str| format!("[[fault]]\ndeny = \"eks:CreateNodegroup\"\n{by}\n");
    let error = |code| vec![(Severity::Error, code)];
    assert_eq!(found(&denied("")).await, error(codes::PERMISSION_MISSING));
    assert_eq!(
        found(&denied("by = \"policy\"")).await,
        error(codes::PERMISSION_MISSING)
    );
    assert_eq!(
        found(&denied("by = \"organisation\"")).await,
        error(codes::ORGANISATION_DENIES)
    );
    assert_eq!(
        found(&denied("by = \"boundary\"")).await,
        error(codes::ORGANISATION_DENIES)
    );
    assert_eq!(found(&denied("by = \"condition\"")).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_names_what_it_allows_is_asked_about_just_that() {
    let faults = "[[fault]]\ndeny = \"iam:CreateRole\"\nexcept = \"arn:aws:iam::111122223333:role/acme-ml-dev-\"\n";
    let stage = Stage::on(DEV, faults).await;
    let preflight = preflight(&stage).await;
    assert!(preflight.problems.is_empty(), "{:#?}", preflight.problems);
    assert!(stage.calls("SimulatePrincipalPolicy") > 1);
    // A denial of everything but what is named (`NotResource`) denies nothing here.
    assert_eq!(found(&format!("{faults}by = \"policy\"\n")).await, []);
    let other = faults.replace("acme-ml-dev-", "somebody-else-");
    assert_eq!(found(&other).await[0].1, codes::PERMISSION_MISSING);
}

#[tokio::test(start_paused = true)]
async fn quotas_of_every_kind_are_held_against_what_is_asked_for() {
    let quota = |key: &str, value: u32| format!("[[fault]]\nquota = \"{key}\"\nvalue = {value}\n");
    let exceeded = vec![(Severity::Error, codes::QUOTA_EXCEEDED)];
    // Spot vCPUs, addresses, clusters, buckets, VPCs and NAT gateways.
    for (key, little, enough) in [
        ("ec2/L-34B43A08", 3, 4),
        ("ec2/L-0263D0A3", 0, 1),
        ("eks/L-1194D53C", 0, 1),
        ("s3/L-DC2B2D3D", 3, 4),
        ("vpc/L-F678F1CE", 0, 1),
        ("vpc/L-FE5A380F", 0, 1),
    ] {
        assert_eq!(found(&quota(key, little)).await, exceeded, "{key}");
        assert_eq!(found(&quota(key, enough)).await, [], "{key}");
    }
    let notebook = "[stacks.ml]\nnotebook_instance_type = \"ml.g5.xlarge\"\n";
    let gpu = DEV.replace("[stacks.ml]\n", notebook);
    let preflight = preflight(&Stage::on(&gpu, "").await).await;
    assert_eq!(preflight.problems.0[0].code, codes::QUOTA_EXCEEDED, "{preflight:#?}");
}

#[tokio::test(start_paused = true)]
async fn zones_and_instance_types_that_are_not_there_are_found() {
    let four = DEV.replace("availability_zones = 2", "availability_zones = 4");
    let preflight_of = |text: String| async move { preflight(&Stage::on(&text, "").await).await };
    let zones = preflight_of(four).await;
    assert_eq!(zones.problems.0[0].code, codes::ZONE_UNAVAILABLE, "{zones:#?}");
    let not_offered = "[[fault]]\nnot_offered = \"m6a.large\"\n";
    assert_eq!(
        found(not_offered).await,
        [(Severity::Error, codes::INSTANCE_TYPE_UNAVAILABLE)]
    );
    let one = DEV.replace(r#"["m6i.large", "m5.large", "m6a.large"]"#, r#"["m6a.large"]"#);
    let elsewhere = format!("{not_offered}zones = [\"us-east-1a\", \"us-east-1b\"]\n");
    let preflight = preflight(&Stage::on(&one, &elsewhere).await).await;
    assert_eq!(
        preflight.problems.0[0].code,
        codes::INSTANCE_TYPE_ELSEWHERE,
        "{preflight:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_network_that_meets_one_that_is_there_is_warned_of() {
    let faults = "[[fault]]\nvpc = \"vpc-0123\"\ncidr = \"10.10.64.0/18\"\n";
    let preflight = preflight(&Stage::on(DEV, faults).await).await;
    let problem = &preflight.problems.0[0];
    assert_eq!(
        (problem.severity, problem.code),
        (Severity::Warning, codes::NETWORK_OVERLAPS)
    );
    assert!(problem.hints[0].contains("10.11.0.0/16 is free"), "{problem:#?}");
}

#[tokio::test(start_paused = true)]
async fn versions_that_eks_no_longer_offers_are_found_and_old_ones_warned_of() {
    let with = |version: &str| {
        DEV.replace(
            "[stacks.cluster]\n",
            &format!("[stacks.cluster]\nversion = \"{version}\"\n"),
        )
    };
    for (version, expected) in [
        ("1.29", Some((Severity::Error, codes::CLUSTER_VERSION_UNSUPPORTED))),
        ("1.32", Some((Severity::Warning, codes::CLUSTER_VERSION_EXTENDED))),
        ("1.33", None),
    ] {
        let preflight = preflight(&Stage::on(&with(version), "").await).await;
        let found = preflight.problems.0.first().map(|one| (one.severity, one.code));
        assert_eq!(found, expected, "{version}: {preflight:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_are_taken_are_found_and_a_stack_that_has_them_is_named() {
    let stage = Stage::on(DEV, "").await;
    let ecr = stage.session.ecr();
    ecr.create_repository()
        .repository_name("acme-ml/dev/scorer")
        .send()
        .await
        .unwrap();
    let free = preflight(&stage).await;
    let problem = &free.problems.0[0];
    assert_eq!(problem.code, codes::NAME_TAKEN);
    assert!(problem.notes[0].contains("no CloudFormation stack"), "{problem:#?}");

    let template = r#"{"Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "acme-ml/dev/trainer"}}}}"#;
    let cloudformation = stage.session.cloudformation();
    cloudformation
        .create_stack()
        .stack_name("somebody")
        .template_body(template)
        .send()
        .await
        .unwrap();
    stage.session.clock.sleep(std::time::Duration::from_secs(600)).await;
    let owned = preflight(&stage).await;
    let notes: Vec<&String> = owned.problems.0.iter().map(|problem| &problem.notes[0]).collect();
    assert_eq!(notes.len(), 2, "{owned:#?}");
    assert!(
        notes
            .iter()
            .any(|note| note.contains("the CloudFormation stack somebody")),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_may_look_at_no_bucket_is_not_told_that_a_free_name_is_taken() {
    let own = "Resources:\n  Models:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: models}\n";
    let text = "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\nprotect = false\non_failure = \"delete\"\n[stacks.first]\nmodule = \"own\"\n";
    let files = || {
        BTreeMap::from([
            (
                "modules/own.toml".to_owned(),
                "[module]\nname = \"own\"\nsummary = \"Own\"\ndoc = \"Own.\"\n".to_owned(),
            ),
            ("templates/cloudformation/own.yaml".to_owned(), own.to_owned()),
        ])
    };
    let taken = preflight(&Stage::with(text, files(), "[[fault]]\nforeign_bucket = \"models\"\n").await).await;
    assert_eq!(taken.problems.0[0].code, codes::NAME_TAKEN, "{taken:#?}");
    let blind = "[[fault]]\nservice = \"s3\"\naction = \"HeadBucket\"\nerror = { code = \"AccessDenied\", message = \"no\", status = 403 }\n";
    let unknown = preflight(&Stage::with(text, files(), blind).await).await;
    assert!(unknown.problems.is_empty(), "{unknown:#?}");
    assert!(skipped(&unknown).contains_key("names"), "{unknown:#?}");
}

#[tokio::test(start_paused = true)]
async fn names_of_every_kind_are_looked_up() {
    let resources = r#"
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: taken, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: "sts:AssumeRole"}]}}
  Profile:
    Type: AWS::IAM::InstanceProfile
    Properties: {InstanceProfileName: taken, Roles: [!Ref Role]}
  Table:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: taken, BillingMode: PAY_PER_REQUEST, SSESpecification: {SSEEnabled: true}, AttributeDefinitions: [{AttributeName: id, AttributeType: S}], KeySchema: [{AttributeName: id, KeyType: HASH}]}
  Group:
    Type: AWS::SageMaker::ModelPackageGroup
    Properties: {ModelPackageGroupName: taken}
"#;
    let own = |stack: &str| {
        let template = format!("AWSTemplateFormatVersion: \"2010-09-09\"\nResources:{resources}");
        let contract = "[module]\nname = \"own\"\nsummary = \"Own\"\ndoc = \"Own.\"\n";
        let text = format!(
            "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\nprotect = false\non_failure = \"delete\"\n[stacks.{stack}]\nmodule = \"own\"\n"
        );
        (
            text,
            BTreeMap::from([
                ("modules/own.toml".to_owned(), contract.to_owned()),
                ("templates/cloudformation/own.yaml".to_owned(), template),
            ]),
        )
    };
    let (text, files) = own("first");
    let mut stage = Stage::with(&text, files, "").await;
    assert!(preflight(&stage).await.problems.is_empty());
    stage.apply().await.assert_complete();
    let (text, files) = own("second");
    stage.environment = Stage::with(&text, files, "").await.environment;
    let found = preflight(&stage).await;
    let messages: Vec<&str> = found.problems.0.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "there is a role taken already",
            "there is an instance profile taken already",
            "there is a table taken already",
            "there is a model group taken already",
        ],
        "{found:#?}"
    );
    let owners = found
        .problems
        .0
        .iter()
        .filter(|one| one.notes[0].ends_with("shop-dev-first"));
    assert_eq!(owners.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_change_set_that_validation_stops_is_told_at_the_line_of_the_template() {
    let mut stage = Stage::on(DEV, "").await;
    stage.apply().await.assert_complete();
    let ecr = stage.session.ecr();
    ecr.create_repository()
        .repository_name("acme-ml/dev/extra")
        .send()
        .await
        .unwrap();
    let more = DEV.replace(
        "[stacks.images]\n",
        "[stacks.images]\nrepositories = [\"scorer\", \"trainer\", \"extra\"]\n",
    );
    stage.environment = Stage::on(&more, "").await.environment;
    let problem = stage.plan(Kind::Apply).await.unwrap_err();
    assert_eq!(problem.code, codes::VALIDATION_REFUSES, "{problem:#?}");
    assert!(
        problem.message.contains("'acme-ml/dev/extra' already exists"),
        "{problem:#?}"
    );
    let places: Vec<&str> = problem
        .labels
        .iter()
        .map(|label| label.span.source.path.as_str())
        .collect();
    assert_eq!(
        places,
        ["(built-in) templates/cloudformation/ecr.yaml", "environments/dev.toml"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_denied_unknown_or_slow_skips_its_check_and_fails_nothing() {
    let faults = r#"
[[fault]]
service = "iam"
action  = "SimulatePrincipalPolicy"
error   = { code = "AccessDenied", message = "no", status = 403 }

[[fault]]
service = "servicequotas"
error   = { code = "UnknownOperationException", message = "no" }

[[fault]]
service       = "ecr"
action        = "DescribeRepositories"
delay_seconds = 60
"#;
    let preflight = preflight(&Stage::on(DEV, faults).await).await;
    assert!(preflight.problems.is_empty(), "{:#?}", preflight.problems);
    assert_eq!(
        skipped(&preflight),
        BTreeMap::from([
            ("permissions", "iam:SimulatePrincipalPolicy is denied"),
            (
                "quotas",
                "the endpoint has no servicequotas:GetServiceQuota, the endpoint has no servicequotas:ListServiceQuotas"
            ),
            ("names", "ecr:DescribeRepositories took too long"),
        ])
    );
}

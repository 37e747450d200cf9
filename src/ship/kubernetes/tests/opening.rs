//! The way in: waiting for access, and the words for what keeps it shut.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::fake::{FakeApi, status_body};
use super::said;
use crate::aws::eks;
use crate::aws::testing::FakeAws;
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::ship::kubernetes::api::{ApiError, Cause};
use crate::ship::kubernetes::{cluster, problem};
use crate::ship::{Outputs, Scene, Tell};
use crate::spec::{Environment, load};

const FILE: &str = r#"
[project]
name = "shop"
[environment]
account = "111122223333"
region = "us-east-1"
[stacks.network]
module = "vpc"
[stacks.cluster]
module = "eks"
[workloads.scorer]
kind = "api"
on = "cluster"
image = { reference = "ghcr.io/shop/scorer:1" }
"#;

fn environment() -> Environment {
    load("dev", &mut |_| Ok(FILE.to_owned())).unwrap()
}

fn described(age: Duration) -> eks::Cluster {
    let made = Clock::real().wall().as_second() - i64::try_from(age.as_secs()).unwrap();
    eks::Cluster {
        name: "shop-dev-cluster".to_owned(),
        status: "ACTIVE".to_owned(),
        endpoint: "https://ABC.gr7.us-east-1.eks.amazonaws.com".to_owned(),
        certificate_authority: String::new(),
        created: Some(made),
        is_public: true,
        public_from: vec!["0.0.0.0/0".to_owned()],
    }
}

/// Knocks at `api`; how it ended, and after how long.
async fn knock(api: &FakeApi, age: Duration) -> (Result<(), Problem>, Duration) {
    let aws = FakeAws::new();
    let session = aws.session().await;
    let environment = environment();
    let outputs = Outputs::new();
    let stop = CancellationToken::new();
    let scene = Scene {
        session: &session,
        environment: &environment,
        workload: &environment.workloads["scorer"],
        outputs: &outputs,
        root: Path::new("."),
        tell: &Tell::nobody(),
        stop: &stop,
    };
    let cluster = api.cluster();
    let clock = Clock::real();
    let ended = cluster::knock(&scene, &cluster, &described(age)).await;
    (ended, clock.elapsed())
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_young_cluster_that_does_not_know_us_yet_is_waited_for() {
    let api = FakeApi::new();
    api.refuse(
        "GET",
        20,
        Some((401, status_body(401, "Unauthorized", "Unauthorized", json!([])))),
    );
    let (ended, after) = knock(&api, Duration::from_secs(60)).await;
    ended.unwrap();
    assert!(
        after >= Duration::from_secs(60) && after < Duration::from_secs(70),
        "{after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_has_no_access_is_told_who_they_are_and_what_is_needed() {
    let api = FakeApi::new();
    api.refuse(
        "GET",
        usize::MAX,
        Some((401, status_body(401, "Unauthorized", "Unauthorized", json!([])))),
    );
    let (ended, after) = knock(&api, HOUR).await;
    let problem = ended.unwrap_err();
    assert_eq!(problem.code, codes::CLUSTER_DENIES);
    let said = said(&problem);
    assert!(said.contains("you are arn:aws:iam::111122223333:user/tester"), "{said}");
    assert!(said.contains("admin_role_arns"), "{said}");
    assert!(
        after < Duration::from_secs(20),
        "an old cluster has had its time: {after:?}"
    );
    let (_, after) = knock(&api, Duration::from_secs(60)).await;
    assert!(after >= Duration::from_secs(180), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_look_at_namespaces_may_still_ship() {
    let api = FakeApi::new();
    let words = "namespaces \"default\" is forbidden: User \"ci\" cannot get resource \"namespaces\"";
    api.refuse("GET", 1, Some((403, status_body(403, "Forbidden", words, json!([])))));
    knock(&api, HOUR).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_was_never_applied_has_no_cluster() {
    let aws = FakeAws::new();
    let session = aws.session().await;
    let environment = environment();
    let outputs = Outputs::new();
    let stop = CancellationToken::new();
    let scene = Scene {
        session: &session,
        environment: &environment,
        workload: &environment.workloads["scorer"],
        outputs: &outputs,
        root: Path::new("."),
        tell: &Tell::nobody(),
        stop: &stop,
    };
    let problem = crate::ship::kubernetes::running(&scene).await.unwrap_err();
    assert_eq!(problem.code, codes::CLUSTER_NOT_READY);
    assert_eq!(problem.hints, ["mlinfra apply dev"]);
}

#[tokio::test(start_paused = true)]
async fn a_private_api_a_limited_one_and_a_wrong_certificate_are_told_apart() {
    let session = FakeAws::new().session().await;
    let broken = |cause| ApiError {
        call: "GET /api/v1/namespaces/default".to_owned(),
        cause,
    };
    let unreachable = || broken(Cause::Unreachable("connection timed out".to_owned()));
    let mut private = described(HOUR);
    private.is_public = false;
    let problem = problem::access(&session, &private, &unreachable(), None);
    assert_eq!(
        problem.message,
        "the API of cluster shop-dev-cluster answers only inside of its VPC"
    );
    let mut limited = described(HOUR);
    limited.public_from = vec!["198.51.100.0/24".to_owned()];
    let problem = problem::access(&session, &limited, &unreachable(), None);
    assert!(said(&problem).contains("it answers only 198.51.100.0/24"));
    let wrong = broken(Cause::Certificate("invalid peer certificate: UnknownIssuer".to_owned()));
    let problem = problem::access(&session, &described(HOUR), &wrong, None);
    assert!(problem.message.contains("a certificate that is not its own"));
}

#[test]
fn a_role_that_was_assumed_is_the_role_of_its_access_entry() {
    let caller = "arn:aws:sts::111122223333:assumed-role/ci/run-17";
    assert!(cluster::is_of("arn:aws:iam::111122223333:role/ci", caller));
    assert!(cluster::is_of("arn:aws:iam::111122223333:role/teams/ml/ci", caller));
    assert!(!cluster::is_of("arn:aws:iam::111122223333:role/other", caller));
    assert!(!cluster::is_of("arn:aws:iam::111122223333:user/ci", caller));
    assert!(cluster::is_of(
        "arn:aws:iam::111122223333:user/ci",
        "arn:aws:iam::111122223333:user/ci"
    ));
}

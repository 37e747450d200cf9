//! A workload on a cluster that a stack has made: the whole way, with the stack's own outputs.

use super::*;
use crate::cases::account::Account;
use crate::engine::{Options, Stop};
use crate::module::{Catalogue, render};
use crate::plan::Kind;

const ENVIRONMENT: &str = r#"
capacity         = { gpu = { instance_types = ["g6.xlarge"], gpu = true } }
service_connect  = true
task_roles       = { scorer = {} }

[stacks.network]
module = "vpc"
cidr   = "10.10.0.0/16"

[workloads.scorer]
kind     = "api"
on       = "tasks"
image    = { reference = "example.com/scorer:1" }
gpu      = 1
"#;

#[tokio::test(start_paused = true)]
async fn a_cluster_that_a_stack_made_runs_what_is_shipped_to_it_and_stays_as_long_as_it_does() {
    let environment = environment(ENVIRONMENT);
    let catalogue = Catalogue::built_in();
    let (rendered, _) = render(&environment, &catalogue).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let mut account = Account::open(&environment, Vec::new(), Clock::real()).await.unwrap();
    let options = Options {
        parallelism: 4,
        on_failure: spec::OnFailure::Delete,
        empty_buckets: false,
    };
    let (plan, deployed) = account.plan(&rendered, Kind::Apply).await.unwrap();
    let run = account
        .execute(&rendered, &plan, &deployed, &options, &Stop::default())
        .await
        .unwrap();
    assert!(run.summary.is_complete(), "{:#?}", run.summary);

    let stage = Stage {
        sandbox: Arc::clone(&account.sandbox),
        session: account.session.clone(),
        environment,
        outputs: run.summary.outputs.clone(),
        stop: CancellationToken::new(),
    };
    let first = stage.release(&digest('1'));
    let strategy = &first.objects[1]["request"]["capacityProviderStrategy"][0]["capacityProvider"];
    assert_eq!(
        strategy,
        &stage.outputs["tasks"]["capacity_providers"].trim_matches(['[', ']', '"'])
    );
    assert_eq!(stage.ship(&first, None).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&first, 1).await;

    let (plan, deployed) = account.plan(&rendered, Kind::Destroy).await.unwrap();
    let run = account
        .execute(&rendered, &plan, &deployed, &options, &Stop::default())
        .await
        .unwrap();
    let failed = format!("{:#?}", run.summary);
    assert!(
        failed.contains("The Cluster cannot be deleted while Services are active."),
        "{failed}"
    );

    super::super::remove(&stage.scene(&Tell::nobody()), &first)
        .await
        .unwrap();
    let (plan, deployed) = account.plan(&rendered, Kind::Destroy).await.unwrap();
    let run = account
        .execute(&rendered, &plan, &deployed, &options, &Stop::default())
        .await
        .unwrap();
    assert!(run.summary.is_complete(), "{:#?}", run.summary);
}

//! The real SDK on the sandbox's ECS, under paused time.

mod fails;
mod jobs;
mod rolls;
mod scales;
mod schedules;
mod stack;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::{
    Event, ImageAt, LogOptions, Outputs, Release, Restored, Rolled, RolledOut, Running, Scene, ShipFailure, Tell,
};
use crate::aws::session::{Endpoint, Session, SessionOptions, open};
use crate::clock::Clock;
use crate::sandbox::{Sandbox, SandboxOptions, parse_faults};
use crate::spec::{self, Environment};
use crate::workload::{Facts, ecs};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const CLUSTER: &str = "shop-dev-tasks";

/// Two tasks behind a load balancer.
const API: &str = r#"
[stacks.tasks.task_roles.scorer]
[workloads.scorer]
kind     = "api"
on       = "tasks"
image    = { reference = "example.com/scorer:1" }
replicas = 2
secrets  = { DB_PASSWORD = "{{resolve:secretsmanager:shop/db:SecretString:password}}" }
"#;

/// Once, and over.
const JOB: &str = r#"
[workloads.nightly]
kind  = "batch"
on    = "tasks"
image = { reference = "example.com/nightly:1" }
"#;

/// A cluster as a stack makes it, and a workload for it.
struct Stage {
    sandbox: Arc<Sandbox>,
    session: Session,
    environment: Environment,
    outputs: Outputs,
    stop: CancellationToken,
}

impl Stage {
    async fn new(workload: &str, faults: &str) -> Self {
        let options = SandboxOptions {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            directory: None,
            clock: Clock::real(),
            faults: parse_faults(faults).unwrap(),
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let options = SessionOptions {
            endpoint: Endpoint::Sandbox(Arc::clone(&sandbox)),
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        };
        let session = open(options).await.unwrap();
        session
            .ecs()
            .create_cluster()
            .cluster_name(CLUSTER)
            .capacity_providers("FARGATE")
            .send()
            .await
            .unwrap();
        session
            .logs()
            .create_log_group()
            .log_group_name("tasks")
            .send()
            .await
            .unwrap();
        let target = format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/tasks/0123456789abcdef");
        let outputs = BTreeMap::from([
            ("cluster_name", CLUSTER.to_owned()),
            (
                "cluster_arn",
                format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"),
            ),
            ("capacity_provider", "FARGATE".to_owned()),
            ("subnet_ids", "[\"subnet-1\",\"subnet-2\"]".to_owned()),
            ("service_security_group_id", "sg-1".to_owned()),
            ("execution_role_arn", format!("arn:aws:iam::{ACCOUNT}:role/execution")),
            ("task_role_arns", format!("[\"arn:aws:iam::{ACCOUNT}:role/scorer\"]")),
            ("log_group", "tasks".to_owned()),
            ("target_group_arn", target),
            ("load_balancer_arn_suffix", "app/tasks/1".to_owned()),
            ("target_group_arn_suffix", "targetgroup/tasks/2".to_owned()),
            ("load_balancer_dns", "tasks.elb.amazonaws.com".to_owned()),
        ]);
        let outputs = outputs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        sandbox.clear_calls();
        Self {
            sandbox,
            session,
            environment: environment(workload),
            outputs: BTreeMap::from([("tasks".to_owned(), outputs)]),
            stop: CancellationToken::new(),
        }
    }

    /// Another workload on the same cluster.
    fn edit(&mut self, workload: &str) {
        self.environment = environment(workload);
    }

    fn scene<'a>(&'a self, tell: &'a Tell) -> Scene<'a> {
        Scene {
            session: &self.session,
            environment: &self.environment,
            workload: self.environment.workloads.values().next().unwrap(),
            outputs: &self.outputs,
            root: Path::new("/"),
            tell,
            stop: &self.stop,
        }
    }

    /// The workload with the image of this digest.
    fn release(&self, digest: &str) -> Release {
        let workload = self.environment.workloads.values().next().unwrap();
        let reference = format!("example.com/scorer@sha256:{digest}");
        let facts = Facts {
            image: Some(reference.clone()),
            ..Facts::default()
        };
        let objects = ecs::objects(&self.environment, workload, &facts, self.outputs.get("tasks")).unwrap();
        Release {
            version: 1,
            workload: workload.name.value.clone(),
            platform: workload.platform,
            stack: "tasks".to_owned(),
            image: ImageAt {
                reference,
                digest: format!("sha256:{digest}"),
                tag: None,
                bytes: 1,
                architecture: "amd64".to_owned(),
            },
            model: None,
            commit: None,
            objects,
        }
    }

    async fn ship(&self, release: &Release, serving: Option<&Release>) -> Rolled {
        super::roll_out(&self.scene(&Tell::nobody()), release, serving).await
    }

    /// As [`Self::ship`], with what was told.
    async fn ship_told(&self, release: &Release, serving: Option<&Release>) -> (Rolled, Vec<Event>) {
        let (listener, mut heard) = mpsc::unbounded_channel();
        let rolled = super::roll_out(&self.scene(&Tell::to(listener)), release, serving).await;
        let mut events = Vec::new();
        while let Ok(event) = heard.try_recv() {
            events.push(event);
        }
        (rolled, events)
    }

    /// What `logs` tells: all that there is, and with `previous` of tasks before.
    async fn logged(&self, previous: bool) -> Vec<Event> {
        let options = LogOptions {
            follow: false,
            tail: None,
            since_seconds: None,
            previous,
        };
        let (listener, mut heard) = mpsc::unbounded_channel();
        super::logs(&self.scene(&Tell::to(listener)), &options).await.unwrap();
        std::iter::from_fn(|| heard.try_recv().ok()).collect()
    }

    async fn running(&self) -> Option<Running> {
        super::running(&self.scene(&Tell::nobody())).await.unwrap()
    }

    /// How often an action was called.
    fn calls(&self, action: &str) -> usize {
        self.sandbox.calls().iter().filter(|call| call.action == action).count()
    }

    /// Calls of ECS that are no looks.
    fn changing_calls(&self) -> Vec<String> {
        let looks = |action: &str| action.starts_with("Describe") || action.starts_with("List");
        let calls = self.sandbox.calls().into_iter();
        calls
            .filter(|call| call.service == "ecs" && !looks(&call.action))
            .map(|call| call.action)
            .collect()
    }

    /// The service as ECS describes it.
    async fn service(&self) -> super::read::Service {
        super::service::find(&self.session, CLUSTER, "scorer")
            .await
            .unwrap()
            .unwrap()
    }

    /// Active revisions of the workload.
    async fn revisions(&self) -> Vec<String> {
        let asked = serde_json::json!({ "status": "ACTIVE" });
        let action = crate::aws::ecs::Action::ListTaskDefinitions;
        crate::aws::ecs::list(&self.session, action, &asked, "taskDefinitionArns", super::PATIENCE)
            .await
            .unwrap()
    }

    /// That this release serves, all of it, and nothing else.
    async fn assert_serves(&self, release: &Release, tasks: u32) {
        let running = self.running().await.unwrap();
        assert_eq!(running.images, [release.image.reference.as_str()], "{running:?}");
        assert_eq!((running.ready, running.wanted), (tasks, tasks), "{running:?}");
        assert!(running.healthy, "{running:?}");
    }
}

fn environment(workload: &str) -> Environment {
    let text = format!(
        "[project]\nname = \"shop\"\n[environment]\naccount = \"{ACCOUNT}\"\nregion = \"{REGION}\"\n[stacks.tasks]\nmodule = \"ecs\"\n{workload}"
    );
    let mut read = |path: &str| match path {
        "environments/dev.toml" => Ok(text.clone()),
        other => Err(format!("no {other}")),
    };
    spec::load("dev", &mut read).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn digest(of: char) -> String {
    of.to_string().repeat(64)
}

/// A failure, and that what served before does again.
fn failed_and_restored(rolled: Rolled) -> Box<ShipFailure> {
    let failure = rolled.unwrap_err();
    assert!(matches!(failure.restored, Restored::Back), "{failure:#?}");
    failure
}

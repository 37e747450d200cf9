//! SageMaker through the real SDK, on the sandbox, under paused time.

mod batch;
mod models;
mod rollout;
mod scales;
mod trouble;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::roll_out;
use crate::aws::sagemaker::endpoints::{self, Endpoint};
use crate::aws::session::{self, Session, SessionOptions};
use crate::clock::Clock;
use crate::sandbox::{Sandbox, SandboxOptions, parse_faults};
use crate::ship::{Event, ImageAt, ModelAt, Outputs, Release, Rolled, RolledOut, Scene, ShipFailure, Tell};
use crate::spec::{Environment, load};
use crate::workload::Facts;
use crate::workload::sagemaker::objects;

const STACKS: &str = r#"
[project]
name = "shop"
[environment]
account = "111122223333"
region = "us-east-1"
[stacks.network]
module = "vpc"
[stacks.storage]
module = "s3"
[stacks.ml]
module = "sagemaker"
model_groups = ["scorer"]
"#;

const WORKLOADS: &str = r#"
[workloads.scorer]
kind = "api"
on = "ml"
image = { reference = "ghcr.io/shop/scorer:1" }
instance_type = "ml.m6i.large"
replicas = 2

[workloads.nightly]
kind = "batch"
on = "ml"
image = { reference = "ghcr.io/shop/scorer:1" }
instance_type = "ml.m6i.large"
args = ["batch", "--in", "s3://shop-data/in/"]
timeout = "1h"
"#;

/// The endpoint of the workload `scorer`.
pub(super) const ENDPOINT: &str = "shop-dev-scorer";

/// An account in which all stacks are deployed.
pub(in crate::ship) struct Stage {
    pub(in crate::ship) sandbox: Arc<Sandbox>,
    pub(in crate::ship) session: Session,
    pub(in crate::ship) environment: Environment,
    pub(in crate::ship) outputs: Outputs,
    pub(in crate::ship) tell: Tell,
    pub(in crate::ship) stop: CancellationToken,
    told: Mutex<UnboundedReceiver<Event>>,
}

impl Stage {
    pub(in crate::ship) async fn new(faults: &str) -> Self {
        Self::with(faults, WORKLOADS).await
    }

    /// The file says something else now.
    pub(super) fn retable(&mut self, tables: &str) {
        self.environment = environment(tables);
    }

    /// With tables of its own beside the stacks, and faults as TOML.
    pub(in crate::ship) async fn with(faults: &str, tables: &str) -> Self {
        let environment = environment(tables);
        let sandbox = Sandbox::open(SandboxOptions {
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            directory: None,
            clock: Clock::real(),
            faults: parse_faults(faults).unwrap(),
        })
        .await
        .unwrap();
        let options = SessionOptions {
            endpoint: session::Endpoint::Sandbox(Arc::clone(&sandbox)),
            region: "us-east-1".to_owned(),
            account: "111122223333".to_owned(),
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        };
        let session = session::open(options).await.unwrap();
        let create = session.sagemaker().create_model_package_group();
        create
            .model_package_group_name("shop-dev-ml-scorer")
            .send()
            .await
            .unwrap();
        session.s3().create_bucket().bucket("shop-models").send().await.unwrap();
        let (tell, told) = unbounded_channel();
        Self {
            sandbox,
            session,
            environment,
            outputs: outputs(),
            tell: Tell::to(tell),
            stop: CancellationToken::new(),
            told: Mutex::new(told),
        }
    }

    pub(super) fn scene(&self, workload: &str) -> Scene<'_> {
        Scene {
            session: &self.session,
            environment: &self.environment,
            workload: &self.environment.workloads[workload],
            outputs: &self.outputs,
            root: Path::new("."),
            tell: &self.tell,
            stop: &self.stop,
        }
    }

    pub(super) fn release(&self, workload: &str, version: &str, model: Option<ModelAt>) -> Release {
        let scene = self.scene(workload);
        let image = image(version);
        let facts = Facts {
            image: Some(image.reference.clone()),
            model_bucket: None,
            model_uri: model.as_ref().map(|model| model.uri.clone()),
            model_version: model.as_ref().and_then(|model| model.version.clone()),
        };
        Release {
            version: crate::ship::release::RELEASE_VERSION,
            workload: workload.to_owned(),
            platform: scene.workload.platform,
            stack: "ml".to_owned(),
            objects: objects(&self.environment, scene.workload, &facts, None, self.outputs.get("ml")).unwrap(),
            image,
            model,
            commit: None,
        }
    }

    /// Ships a version of `scorer`, as a release whose image has `version` in its name.
    pub(super) async fn ship(&self, version: &str, serving: Option<&Release>) -> (Release, Rolled) {
        let release = self.release("scorer", version, None);
        let rolled = roll_out(&self.scene("scorer"), &release, serving).await;
        (release, rolled)
    }

    /// Ships a version that has to come into service.
    pub(super) async fn serves(&self, version: &str, serving: Option<&Release>) -> Release {
        let (release, rolled) = self.ship(version, serving).await;
        assert_eq!(rolled.unwrap_or_else(|failure| panic!("{failure:#?}")), RolledOut::Done);
        release
    }

    /// Begins to ship a version, and is killed after so many seconds.
    pub(super) async fn killed_after(&self, seconds: u64, version: &str, serving: Option<&Release>) {
        let killed = self
            .session
            .clock
            .timeout(Duration::from_secs(seconds), self.ship(version, serving));
        assert!(killed.await.is_err(), "it ended within {seconds} s");
    }

    pub(super) async fn endpoint(&self) -> Endpoint {
        endpoints::describe_endpoint(&self.session, ENDPOINT)
            .await
            .unwrap()
            .unwrap()
    }

    /// How many calls of an action there were.
    pub(in crate::ship) fn calls(&self, action: &str) -> usize {
        self.sandbox.calls().iter().filter(|call| call.action == action).count()
    }

    /// What was told since the last time that this was asked.
    pub(in crate::ship) fn told(&self) -> Vec<Event> {
        let mut told = self.told.lock().unwrap();
        std::iter::from_fn(|| told.try_recv().ok()).collect()
    }

    /// The notes among what was told.
    pub(in crate::ship) fn notes(&self) -> Vec<String> {
        let notes = self.told().into_iter().filter_map(|event| match event {
            Event::Note(text) => Some(text),
            _ => None,
        });
        notes.collect()
    }

    /// Names of one kind of SageMaker's things.
    pub(super) fn existing(&self, kind: &str) -> Vec<String> {
        let items = self.sandbox.inventory().unwrap().into_iter();
        let of_kind = items.filter(|item| item.service == "sagemaker" && item.kind == kind);
        of_kind.map(|item| item.id).collect()
    }
}

fn environment(tables: &str) -> Environment {
    let text = format!("{STACKS}{tables}");
    load("dev", &mut |_| Ok(text.clone())).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// The image of a version; its name holds the version, so that faults can be for it alone.
fn image(version: &str) -> ImageAt {
    let digest = format!(
        "sha256:{:0>64}",
        version.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()
    );
    ImageAt {
        reference: format!("111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/dev/{version}@{digest}"),
        digest,
        tag: Some(version.to_owned()),
        bytes: 1_000,
        architecture: "amd64".to_owned(),
    }
}

fn outputs() -> Outputs {
    let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    BTreeMap::from([
        (
            "ml".to_owned(),
            of(&[
                ("execution_role_arn", "arn:aws:iam::111122223333:role/execution"),
                ("security_group_id", "sg-1"),
                ("training_role_arn", "arn:aws:iam::111122223333:role/training"),
                ("training_security_group_id", "sg-2"),
                ("training_subnet_ids", "[\"subnet-1\",\"subnet-2\"]"),
                ("model_group_names", "[\"shop-dev-ml-scorer\"]"),
            ]),
        ),
        (
            "storage".to_owned(),
            of(&[
                ("data_bucket", "shop-data"),
                ("models_bucket", "shop-models"),
                ("kms_key_arn", "arn:aws:kms:us-east-1:111122223333:key/1"),
            ]),
        ),
    ])
}

/// The failure of a rollout that has to fail.
pub(super) fn failure(rolled: Rolled) -> Box<ShipFailure> {
    match rolled {
        Ok(done) => panic!("it went well: {done:?}"),
        Err(failure) => failure,
    }
}

/// Everything that a problem says.
pub(in crate::ship) fn all_of(problem: &crate::diagnostic::Problem) -> String {
    format!("{problem:#?}")
}

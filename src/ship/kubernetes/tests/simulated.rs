//! The whole way, with the project's own manifests, against a cluster of the sandbox: its description, its token, its API.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::{release, said};
use crate::aws::session::{Endpoint, Session, SessionOptions, open};
use crate::clock::Clock;
use crate::diagnostic::codes;
use crate::sandbox::{Sandbox, SandboxOptions, parse_faults};
use crate::ship::kubernetes::{Apply, logs, port_forward, remove, review, roll_out, running};
use crate::ship::{Event, LogOptions, ObjectFate, Outputs, Release, Restored, RolledOut, Scene, Tell};
use crate::spec::{Environment, load};
use crate::workload::{Facts, Templates, manifests};

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
namespace = "ml"
image = { reference = "ghcr.io/shop/scorer:1" }
autoscaling = { min = 2, max = 4, target_cpu = 60 }
ingress = { host = "scorer.example.com" }
[workloads.nightly]
kind = "batch"
on = "cluster"
image = { reference = "ghcr.io/shop/nightly:1" }
"#;

struct World {
    session: Session,
    environment: Environment,
    outputs: Outputs,
    tell: Tell,
    told: UnboundedReceiver<Event>,
    stop: CancellationToken,
}

impl World {
    async fn new(faults: &str) -> Self {
        let sandbox = Sandbox::open(SandboxOptions {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            directory: None,
            clock: Clock::real(),
            faults: parse_faults(faults).unwrap(),
        })
        .await
        .unwrap();
        let session = open(SessionOptions {
            endpoint: Endpoint::Sandbox(sandbox),
            region: "us-east-1".into(),
            account: "111122223333".into(),
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        })
        .await
        .unwrap();
        let network = aws_sdk_eks::types::VpcConfigRequest::builder().build();
        let create = session.eks().create_cluster().name("shop-dev-cluster").version("1.34");
        let create = create.role_arn("arn:aws:iam::111122223333:role/cluster");
        create.resources_vpc_config(network).send().await.unwrap();
        let (listener, told) = unbounded_channel();
        let stack: BTreeMap<String, String> = [("cluster_name".to_owned(), "shop-dev-cluster".to_owned())].into();
        Self {
            session,
            environment: load("dev", &mut |_| Ok(FILE.to_owned())).unwrap(),
            outputs: [("cluster".to_owned(), stack)].into(),
            tell: Tell::to(listener),
            told,
            stop: CancellationToken::new(),
        }
    }

    fn scene(&self, workload: &str) -> Scene<'_> {
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

    /// What the built-in templates make of a workload with this image.
    fn release(&self, workload: &str, version: u32) -> Release {
        let image = format!("ghcr.io/shop/{workload}@sha256:{version:064x}");
        let facts = Facts {
            image: Some(image.clone()),
            ..Facts::default()
        };
        let workload = &self.environment.workloads[workload];
        let made = manifests(&self.environment, workload, &Templates::built_in(), &facts).unwrap();
        let mut release = release(version, made.into_iter().map(|manifest| manifest.object).collect());
        release.image.digest = image.split_once('@').unwrap().1.to_owned();
        release.image.reference = image;
        release
    }

    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

const PLAIN: Apply = Apply { force: false };
const ALL: LogOptions = LogOptions {
    follow: false,
    tail: None,
    since_seconds: None,
    previous: false,
};

#[tokio::test(start_paused = true)]
async fn a_workload_is_shipped_seen_changed_and_taken_away() {
    let mut world = World::new("").await;
    let scene = world.scene("scorer");
    let (first, second) = (world.release("scorer", 1), world.release("scorer", 2));
    assert_eq!(running(&scene).await.unwrap(), None);
    let changes = review(&scene, &first, None, PLAIN).await.unwrap();
    assert_eq!(changes.len(), first.objects.len());
    assert!(
        changes.iter().all(|change| change.fate == ObjectFate::Create),
        "{changes:?}"
    );

    let rolled = roll_out(&scene, &first, None, PLAIN).await;
    assert_eq!(
        rolled.map_err(|failure| said(&failure.problem)).unwrap(),
        RolledOut::Done
    );
    let runs = running(&scene).await.unwrap().unwrap();
    assert!(runs.healthy && runs.ready == runs.wanted && runs.ready > 0, "{runs:?}");
    assert_eq!(runs.images, std::slice::from_ref(&first.image.reference));
    assert_eq!(runs.address.as_deref(), Some("https://scorer.example.com"));
    let again = roll_out(&scene, &first, Some(&first), PLAIN).await;
    assert_eq!(again.unwrap(), RolledOut::Unchanged);

    let changes = review(&scene, &second, Some(&first), PLAIN).await.unwrap();
    let changed: Vec<&str> = changes
        .iter()
        .filter(|change| change.fate != ObjectFate::Unchanged)
        .map(|change| change.object.as_str())
        .collect();
    assert_eq!(changed, ["Deployment ml/scorer"], "{changes:#?}");
    assert_eq!(
        roll_out(&scene, &second, Some(&first), PLAIN).await.unwrap(),
        RolledOut::Done
    );
    assert_eq!(
        running(&scene).await.unwrap().unwrap().images,
        std::slice::from_ref(&second.image.reference)
    );
    logs(&scene, &ALL).await.unwrap();
    let refused = port_forward(&scene, 0, 8080, |_| ()).await.unwrap_err();
    assert_eq!(refused.code, codes::PORT_NOT_FORWARDED);

    remove(&scene, &second).await.unwrap();
    assert_eq!(running(&scene).await.unwrap(), None);
    assert!(world.told().iter().any(|event| matches!(event, Event::Log { .. })));
}

#[tokio::test(start_paused = true)]
async fn each_way_to_fail_is_told_apart_and_the_old_version_is_back() {
    for (fails, code) in [
        ("image-pull", codes::IMAGE_NOT_PULLED),
        ("crash", codes::CONTAINER_FAILS),
        ("oom", codes::CONTAINER_FAILS),
        ("never-ready", codes::NOT_READY),
        ("unschedulable", codes::POD_NOT_SCHEDULED),
        ("quota", codes::PODS_REFUSED),
        ("missing-secret", codes::POD_NOT_STARTED),
    ] {
        let image = format!("{:064x}", 2);
        let faults = format!("[[fault]]\nworkload = \"scorer\"\nfails = \"{fails}\"\nimage = \"{image}\"\n");
        let world = World::new(&faults).await;
        let scene = world.scene("scorer");
        let (first, second) = (world.release("scorer", 1), world.release("scorer", 2));
        assert_eq!(
            roll_out(&scene, &first, None, PLAIN).await.unwrap(),
            RolledOut::Done,
            "{fails}"
        );
        let clock = Clock::real();
        let failure = roll_out(&scene, &second, Some(&first), PLAIN).await.unwrap_err();
        assert_eq!(failure.problem.code, code, "{fails}: {}", said(&failure.problem));
        assert!(
            matches!(failure.restored, Restored::Back),
            "{fails}: {:?}",
            failure.restored
        );
        let runs = running(&scene).await.unwrap().unwrap();
        assert!(runs.healthy, "{fails}: {runs:?}");
        assert_eq!(runs.images, std::slice::from_ref(&first.image.reference), "{fails}");
        let slow = matches!(fails, "never-ready" | "unschedulable");
        assert!(
            slow || clock.elapsed() < Duration::from_secs(120),
            "{fails}: {:?}",
            clock.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_once_and_a_failing_one_says_why() {
    let image = format!("{:064x}", 2);
    let mut world = World::new(&format!(
        "[[fault]]\nworkload = \"nightly\"\nfails = \"job-fails\"\nimage = \"{image}\"\n"
    ))
    .await;
    let scene = world.scene("nightly");
    let (first, second) = (world.release("nightly", 1), world.release("nightly", 2));
    let rolled = roll_out(&scene, &first, None, PLAIN).await;
    assert_eq!(
        rolled.map_err(|failure| said(&failure.problem)).unwrap(),
        RolledOut::Done
    );
    assert_eq!(
        roll_out(&scene, &first, Some(&first), PLAIN).await.unwrap(),
        RolledOut::Unchanged
    );
    let failure = roll_out(&scene, &second, Some(&first), PLAIN).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::JOB_FAILED, "{}", said(&failure.problem));
    assert!(world.told().iter().any(|event| matches!(event, Event::Log { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_throttles_and_breaks_connections_is_worked_with() {
    let faults = "[[fault]]\nservice = \"kubernetes\"\nthrottle = { every = 3 }\n[[fault]]\nservice = \"kubernetes\"\ndrop_answer = 11\n";
    let world = World::new(faults).await;
    let scene = world.scene("scorer");
    let rolled = roll_out(&scene, &world.release("scorer", 1), None, PLAIN).await;
    assert_eq!(
        rolled.map_err(|failure| said(&failure.problem)).unwrap(),
        RolledOut::Done
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_admission_webhook_refuses_is_known_before_anything_is_changed() {
    let image = format!("{:064x}", 2);
    let faults = format!("[[fault]]\nworkload = \"scorer\"\nfails = \"admission\"\nimage = \"{image}\"\n");
    let world = World::new(&faults).await;
    let scene = world.scene("scorer");
    let (first, second) = (world.release("scorer", 1), world.release("scorer", 2));
    assert_eq!(roll_out(&scene, &first, None, PLAIN).await.unwrap(), RolledOut::Done);
    let refused = review(&scene, &second, Some(&first), PLAIN).await.unwrap_err();
    assert_eq!(refused.code, codes::OBJECT_REFUSED);
    assert!(
        said(&refused).contains("images have to be signed"),
        "{}",
        said(&refused)
    );
    let failure = roll_out(&scene, &second, Some(&first), PLAIN).await.unwrap_err();
    assert!(
        matches!(failure.restored, Restored::Untouched),
        "{:?}",
        failure.restored
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_gone_is_told() {
    let world = World::new("").await;
    world
        .session
        .eks()
        .delete_cluster()
        .name("shop-dev-cluster")
        .send()
        .await
        .unwrap();
    let problem = running(&world.scene("scorer")).await.unwrap_err();
    assert_eq!(problem.code, codes::CLUSTER_NOT_READY);
}

/// A parameter as the module `eks` writes it.
async fn written(world: &World, name: &str, value: &str) {
    let put = world
        .session
        .ssm()
        .put_parameter()
        .name(format!("/kubernetes/shop-dev-cluster/{name}"));
    put.value(value)
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .overwrite(true)
        .send()
        .await
        .unwrap();
}

fn pool(cpu: u32) -> String {
    format!(
        r#"{{"apiVersion":"karpenter.sh/v1","kind":"NodePool","metadata":{{"name":"gpu"}},"spec":{{"limits":{{"cpu":"{cpu}"}}}}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_wrote_down_for_the_cluster_is_there_before_the_workload() {
    let mut world = World::new("").await;
    let path = "/kubernetes/shop-dev-cluster".to_owned();
    world
        .outputs
        .get_mut("cluster")
        .unwrap()
        .insert("manifests_path".to_owned(), path);
    written(&world, "storage-class", r#"{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"gp3"},"provisioner":"ebs.csi.aws.com"}"#).await;
    written(&world, "node-pool-gpu", &pool(16)).await;
    written(&world, "broken", "{").await;
    // More than the service lists at once, and a kind that no cluster has.
    for number in 0..12 {
        written(
            &world,
            &format!("odd-{number:02}"),
            r#"{"apiVersion":"example.com/v1","kind":"Odd","metadata":{"name":"x"}}"#,
        )
        .await;
    }
    let first = world.release("nightly", 1);
    roll_out(&world.scene("nightly"), &first, None, PLAIN).await.unwrap();
    let notes: Vec<String> = world
        .told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Note(note) => Some(note),
            _ => None,
        })
        .collect();
    assert_eq!(
        notes
            .iter()
            .filter(|note| note.contains("the cluster has no Odd"))
            .count(),
        12,
        "{notes:#?}"
    );
    assert!(
        notes.iter().any(|note| note.contains("broken is no manifest")),
        "{notes:#?}"
    );

    let scene = world.scene("nightly");
    let cluster = crate::ship::kubernetes::cluster::open(&scene).await.unwrap();
    let limit = async || {
        let found = cluster
            .api
            .get("/apis/karpenter.sh/v1/nodepools/gpu")
            .await
            .unwrap()
            .unwrap();
        found.pointer("/spec/limits/cpu").cloned().unwrap()
    };
    assert_eq!(limit().await, "16");
    // A pool that was changed is changed with the next version.
    written(&world, "node-pool-gpu", &pool(32)).await;
    roll_out(&scene, &world.release("nightly", 2), Some(&first), PLAIN)
        .await
        .unwrap();
    assert_eq!(limit().await, "32");
}

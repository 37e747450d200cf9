//! What becomes of a push when the registry, or the way to it, misbehaves.

mod fake;
mod pulling;

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use self::fake::{Fake, Mischief};
use super::access::{Access, Token};
use super::manifest::{Blob, BlobSource, DOCKER_MANIFEST, Package, digest_of};
use super::push::{Pushed, Sender};
use super::{Purpose, Repository};
use crate::aws::session::{Endpoint, Session, SessionOptions, open};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::ship::event::{Event, Tell};

const ACCOUNT: &str = "111122223333";
const BASE: &str = "https://111122223333.dkr.ecr.us-east-1.amazonaws.com";
const NAME: &str = "shop/dev/w";

async fn session() -> Session {
    let sandbox = Sandbox::open(SandboxOptions {
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        directory: None,
        clock: Clock::real(),
        faults: Vec::new(),
    })
    .await
    .unwrap();
    open(SessionOptions {
        endpoint: Endpoint::Sandbox(sandbox),
        region: "us-east-1".into(),
        account: ACCOUNT.into(),
        role_arn: None,
        clock: Clock::real(),
        profile: None,
    })
    .await
    .unwrap()
}

/// A registry, and the way to it.
struct Bench {
    fake: Fake,
    repository: Repository,
    tell: Tell,
    told: UnboundedReceiver<Event>,
    stop: CancellationToken,
    siblings: Vec<String>,
}

impl Bench {
    async fn new() -> Self {
        let fake = Fake::default();
        let stop = CancellationToken::new();
        let session = session().await;
        let token = Token::of(&crate::aws::ecr::login(&session).await.unwrap());
        let repository = Repository::at(
            fake.http(),
            (BASE, NAME, Purpose::Push),
            (Access::Ecr(session), token),
            Clock::real(),
            stop.clone(),
        );
        let (listener, told) = unbounded_channel();
        Self {
            fake,
            repository,
            tell: Tell::to(listener),
            told,
            stop,
            siblings: Vec::new(),
        }
    }

    async fn push(&self, package: &Package) -> Result<Pushed, Problem> {
        let sender = Sender {
            tell: &self.tell,
            workload: "w",
            siblings: &self.siblings,
        };
        self.repository.push(package, "ctx-1", sender).await
    }

    /// Pushes, and is sure that all of it arrived.
    async fn push_whole(&self, package: &Package) {
        assert_eq!(self.push(package).await.unwrap(), Pushed::Done);
        let world = self.fake.world();
        assert_eq!(world.tags.get("ctx-1"), Some(&package.digest));
        assert_eq!(world.manifests[&package.digest].1, package.manifest);
        assert_eq!(world.manifests[&package.digest].0, DOCKER_MANIFEST);
        for blob in &package.blobs {
            let BlobSource::Memory(bytes) = &blob.source else {
                panic!("in memory")
            };
            assert_eq!(world.blobs[&(NAME.to_owned(), blob.digest.clone())], bytes);
        }
    }

    /// How far each event said the push to be.
    fn steps(&mut self) -> Vec<(u64, u64, u64)> {
        let mut steps = Vec::new();
        while let Ok(event) = self.told.try_recv() {
            if let Event::Push {
                sent, total, reused, ..
            } = event
            {
                steps.push((sent, total, reused));
            }
        }
        steps
    }
}

fn blob(bytes: Vec<u8>) -> Blob {
    Blob {
        digest: digest_of(&bytes),
        size: u64::try_from(bytes.len()).unwrap(),
        source: BlobSource::Memory(Bytes::from(bytes)),
    }
}

/// An image of three layers.
fn image(mark: u8) -> Package {
    let config = blob(
        json!({ "architecture": "amd64", "os": "linux", "mark": mark })
            .to_string()
            .into_bytes(),
    );
    let layers = [blob(vec![1; 3_000_000]), blob(vec![2; 400_000]), blob(vec![mark; 10])];
    let described = |blob: &Blob| json!({ "mediaType": "x", "size": blob.size, "digest": blob.digest });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": described(&config),
        "layers": layers.iter().map(described).collect::<Vec<_>>(),
    });
    let manifest = Bytes::from(manifest.to_string());
    Package {
        digest: digest_of(&manifest),
        manifest,
        media_type: DOCKER_MANIFEST.into(),
        bytes: layers.iter().map(|layer| layer.size).sum(),
        blobs: layers.into_iter().chain([config]).collect(),
        architecture: "amd64".into(),
        keep: None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_is_sent_in_single_requests_and_its_bytes_are_counted() {
    let mut bench = Bench::new().await;
    let image = image(3);
    bench.push_whole(&image).await;
    let steps = bench.steps();
    let total: u64 = image.blobs.iter().map(|blob| blob.size).sum();
    assert_eq!(steps.first(), Some(&(0, total, 0)));
    assert_eq!(steps.last(), Some(&(total, total, 0)));
    assert!(steps.len() > 10, "{} steps", steps.len());
    assert!(steps.is_sorted(), "nothing was sent twice: {steps:?}");
    assert_eq!(bench.fake.count("PUT", "/blobs/"), 4);
    assert_eq!(bench.fake.count("PATCH", ""), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_registry_has_is_not_sent_again() {
    let mut bench = Bench::new().await;
    bench.push_whole(&image(3)).await;
    bench.fake.world().log.clear();
    bench.steps();
    // Another last layer, and with it another configuration.
    bench.push_whole(&image(4)).await;
    assert_eq!(bench.fake.count("PUT", "/blobs/"), 2);
    let (_, total, reused) = bench.steps()[0];
    assert!(total < 1_000, "{total}");
    assert_eq!(reused, 3_400_000);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_busy_fails_and_closes_in_mid_upload_gets_all_of_it() {
    let mut bench = Bench::new().await;
    let fake = &bench.fake;
    fake.plan(Method::HEAD, "/blobs/", Mischief::Busy(1), 3);
    fake.plan(Method::POST, "/uploads/", Mischief::Status(500), 2);
    fake.plan(Method::PUT, "/uploads/", Mischief::CloseHalfway, 3);
    fake.plan(Method::PUT, "/uploads/", Mischief::Status(503), 2);
    fake.plan(Method::PUT, "/uploads/", Mischief::Truncate, 2);
    fake.plan(Method::PUT, "/manifests/", Mischief::Status(502), 2);
    let image = image(3);
    bench.push_whole(&image).await;
    let steps = bench.steps();
    let total: u64 = image.blobs.iter().map(|blob| blob.size).sum();
    assert_eq!(steps.last(), Some(&(total, total, 0)), "what was lost is taken back");
    assert!(!steps.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_expires_in_mid_push_is_renewed_whichever_way_it_is_said() {
    for status in [401, 403] {
        let bench = Bench::new().await;
        bench.fake.plan(Method::PUT, "/uploads/", Mischief::Expired(status), 1);
        bench
            .fake
            .plan(Method::PUT, "/manifests/", Mischief::Expired(status), 1);
        bench.push_whole(&image(3)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_never_taken_is_not_tried_for_ever() {
    for status in [401, 403] {
        let bench = Bench::new().await;
        bench.fake.world().closed = Some(status);
        let problem = bench.push(&image(3)).await.unwrap_err();
        assert_eq!(problem.code, codes::REGISTRY_DENIED, "{problem:?}");
        assert!(problem.notes[0].contains("not authorized"), "{problem:?}");
        assert!(
            problem
                .hints
                .iter()
                .any(|hint| hint.contains("ecr:InitiateLayerUpload"))
        );
        assert!(bench.fake.world().log.len() <= 8, "{:?}", bench.fake.world().log);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_no_reason_to_send_again() {
    let mut bench = Bench::new().await;
    bench.fake.plan(Method::PUT, "/uploads/", Mischief::LoseAnswer, 4);
    bench.fake.plan(Method::PUT, "/manifests/", Mischief::LoseAnswer, 1);
    bench.fake.world().immutable = true;
    let image = image(3);
    bench.push_whole(&image).await;
    assert_eq!(bench.fake.count("PUT", "/uploads/"), 4);
    let total: u64 = image.blobs.iter().map(|blob| blob.size).sum();
    assert_eq!(bench.steps().last(), Some(&(total, total, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_asks_for_time_is_given_it() {
    let bench = Bench::new().await;
    bench.fake.plan(Method::POST, "/uploads/", Mischief::Busy(20), 4);
    let clock = Clock::real();
    bench.push_whole(&image(3)).await;
    let took = clock.elapsed();
    assert!(
        took >= Duration::from_secs(20) && took < Duration::from_secs(60),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_stays_broken_is_given_up_and_its_reason_told() {
    let bench = Bench::new().await;
    bench.fake.plan(Method::PUT, "/uploads/", Mischief::CloseHalfway, 999);
    let clock = Clock::real();
    let problem = bench.push(&image(3)).await.unwrap_err();
    assert_eq!(problem.code, codes::REGISTRY_UNREACHABLE, "{problem:?}");
    assert!(
        problem.notes[0].contains("closed before message completed"),
        "{problem:?}"
    );
    assert!(clock.elapsed() < Duration::from_secs(120), "{:?}", clock.elapsed());
    assert!(bench.fake.world().tags.is_empty(), "no tag names half an image");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused_once() {
    let bench = Bench::new().await;
    bench.fake.plan(Method::PUT, "/uploads/", Mischief::Status(413), 99);
    let problem = bench.push(&image(3)).await.unwrap_err();
    assert_eq!(problem.code, codes::REGISTRY_REFUSED, "{problem:?}");
    assert!(problem.hints.iter().any(|hint| hint.contains("smaller")), "{problem:?}");
    assert!(bench.fake.count("PUT", "/uploads/") <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_the_registry_only_said_to_have_is_sent_after_all() {
    let bench = Bench::new().await;
    let image = image(3);
    bench.fake.world().phantom = Some(image.blobs[0].digest.clone());
    bench.push_whole(&image).await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_cannot_be_moved_is_left_and_its_image_named() {
    let bench = Bench::new().await;
    bench.fake.world().immutable = true;
    let (first, second) = (image(3), image(4));
    bench.push_whole(&first).await;
    bench.push_whole(&first).await;
    assert_eq!(bench.push(&second).await.unwrap(), Pushed::Taken(first.digest.clone()));
    assert_eq!(bench.fake.world().tags["ctx-1"], first.digest);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_gives_something_else_than_it_got_is_found_out() {
    let bench = Bench::new().await;
    bench.fake.world().forges = true;
    let problem = bench.push(&image(3)).await.unwrap_err();
    assert_eq!(problem.code, codes::PUSH_DIFFERS, "{problem:?}");
}

#[tokio::test(start_paused = true)]
async fn a_large_layer_of_another_repository_is_mounted_where_that_is_possible() {
    let mut bench = Bench::new().await;
    bench.siblings = vec!["shop/dev/none".into(), "shop/dev/other".into()];
    let image = image(3);
    let BlobSource::Memory(bytes) = image.blobs[0].source.clone() else {
        panic!("in memory")
    };
    let key = ("shop/dev/other".to_owned(), image.blobs[0].digest.clone());
    bench.fake.world().blobs.insert(key, bytes);
    bench.fake.world().mounts = true;
    bench.push_whole(&image).await;
    assert_eq!(bench.fake.count("PUT", "/uploads/"), 3);
    assert_eq!(bench.fake.count("POST", "from=shop/dev/other"), 1);
    // Where it is not possible, the layer is sent.
    bench.fake.world().mounts = false;
    bench.fake.world().blobs.retain(|(name, _), _| name == "shop/dev/other");
    bench.fake.world().tags.clear();
    bench.push_whole(&image).await;
    assert_eq!(bench.fake.count("PUT", "/uploads/"), 7);
}

#[tokio::test(start_paused = true)]
async fn the_login_is_not_shown_to_hosts_that_uploads_are_sent_to() {
    let bench = Bench::new().await;
    bench.fake.world().uploads_at = Some("https://storage.example.com");
    bench.push_whole(&image(3)).await;
    assert!(bench.fake.world().leaked.is_empty(), "{:?}", bench.fake.world().leaked);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_ends_at_once_and_leaves_no_tag() {
    let bench = Bench::new().await;
    bench.fake.plan(Method::PUT, "/uploads/", Mischief::Busy(60), 999);
    let stop = bench.stop.clone();
    let clock = Clock::real();
    let image = image(3);
    let (ended, ()) = tokio::join!(bench.push(&image), async {
        clock.sleep(Duration::from_secs(5)).await;
        stop.cancel();
    });
    assert_eq!(ended.unwrap_err().code, codes::INTERRUPTED);
    assert!(clock.elapsed() < Duration::from_secs(6), "{:?}", clock.elapsed());
    assert!(bench.fake.world().tags.is_empty());
}

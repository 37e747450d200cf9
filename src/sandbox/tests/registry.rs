//! The registry of ECR, as `docker push` meets it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use winterbaume_core::{MockRequest, MockResponse};

use super::*;

const HOST: &str = "https://111122223333.dkr.ecr.us-east-1.amazonaws.com";

/// Somebody who pushes.
struct Pusher {
    sandbox: Arc<Sandbox>,
    ecr: aws_sdk_ecr::Client,
    login: String,
}

impl Pusher {
    async fn new(sandbox: Arc<Sandbox>) -> Self {
        let ecr = aws_sdk_ecr::Client::new(&config(&sandbox));
        let answer = ecr.get_authorization_token().send().await.unwrap();
        let data = &answer.authorization_data()[0];
        assert_eq!(data.proxy_endpoint(), Some(HOST));
        let login = data.authorization_token().unwrap().to_owned();
        Self { sandbox, ecr, login }
    }

    async fn with_repository(immutable: bool) -> Self {
        let pusher = Self::new(in_memory().await).await;
        pusher.repository(immutable).await;
        pusher
    }

    async fn repository(&self, immutable: bool) {
        use aws_sdk_ecr::types::ImageTagMutability::{Immutable, Mutable};
        let create = self.ecr.create_repository().repository_name("a/b");
        let tags = if immutable { Immutable } else { Mutable };
        create.image_tag_mutability(tags).send().await.unwrap();
    }

    async fn ask(&self, method: &str, path: &str, body: &[u8]) -> MockResponse {
        let uri = if path.starts_with("https:") {
            path.to_owned()
        } else {
            format!("{HOST}{path}")
        };
        let mut headers = http::HeaderMap::new();
        if !self.login.is_empty() {
            headers.insert("authorization", format!("Basic {}", self.login).parse().unwrap());
        }
        headers.insert(
            "content-type",
            "application/vnd.oci.image.manifest.v1+json".parse().unwrap(),
        );
        self.sandbox
            .handle(MockRequest {
                method: method.to_owned(),
                uri,
                headers,
                body: Bytes::copy_from_slice(body),
            })
            .await
    }

    async fn session(&self) -> String {
        let answer = self.ask("POST", "/v2/a/b/blobs/uploads/", b"").await;
        assert_eq!(answer.status, 202);
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    async fn put_blob(&self, bytes: &[u8]) -> String {
        let location = self.session().await;
        let digest = digest(bytes);
        let answer = self.ask("PUT", &format!("{location}?digest={digest}"), bytes).await;
        assert_eq!(answer.status, 201, "{}", text(&answer));
        digest
    }

    async fn put_image(&self, tag: &str, mark: &str) -> MockResponse {
        let config = self.put_blob(b"{}").await;
        let layer = self.put_blob(mark.as_bytes()).await;
        let manifest = format!(
            "{{\"schemaVersion\":2,\"config\":{{\"size\":2,\"digest\":\"{config}\"}},\"layers\":[{{\"size\":{},\"digest\":\"{layer}\"}}]}}",
            mark.len()
        );
        self.ask("PUT", &format!("/v2/a/b/manifests/{tag}"), manifest.as_bytes())
            .await
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn text(answer: &MockResponse) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test(start_paused = true)]
async fn an_image_is_pushed_pulled_and_listed() {
    let pusher = Pusher::with_repository(true).await;
    let answer = pusher.put_image("one", "layer").await;
    assert_eq!(answer.status, 201, "{}", text(&answer));
    let pushed = answer.headers["docker-content-digest"].to_str().unwrap().to_owned();
    for reference in ["one", pushed.as_str()] {
        let got = pusher.ask("GET", &format!("/v2/a/b/manifests/{reference}"), b"").await;
        assert_eq!(digest(&got.body), pushed);
        assert_eq!(
            got.headers["content-type"],
            "application/vnd.oci.image.manifest.v1+json"
        );
    }
    let layer = digest(b"layer");
    let head = pusher.ask("HEAD", &format!("/v2/a/b/blobs/{layer}"), b"").await;
    assert_eq!(
        (head.status, head.headers["content-length"].to_str().unwrap()),
        (200, "5")
    );
    let got = pusher.ask("GET", &format!("/v2/a/b/blobs/{layer}"), b"").await;
    assert_eq!(got.body, "layer");
    let tags = pusher.ask("GET", "/v2/a/b/tags/list", b"").await;
    assert_eq!(text(&tags), "{\"name\":\"a/b\",\"tags\":[\"one\"]}");
    let listed = pusher
        .ecr
        .describe_images()
        .repository_name("a/b")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.image_details()[0].image_digest(), Some(pushed.as_str()));
    assert_eq!(listed.image_details()[0].image_tags(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_login_is_asked_for_and_lasts_twelve_hours() {
    let mut pusher = Pusher::with_repository(true).await;
    assert_eq!(pusher.ask("GET", "/v2/", b"").await.status, 200);
    pusher
        .sandbox
        .clock
        .sleep(std::time::Duration::from_secs(12 * 3600 + 1))
        .await;
    let expired = pusher.ask("GET", "/v2/", b"").await;
    assert_eq!(expired.status, 403);
    assert!(text(&expired).contains("Your authorization token has expired"));
    pusher.login = BASE64.encode("AWS:guess");
    assert_eq!(pusher.ask("GET", "/v2/", b"").await.status, 401);
    pusher.login.clear();
    let refused = pusher.ask("GET", "/v2/", b"").await;
    assert_eq!(refused.status, 401);
    assert!(
        refused.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic realm=")
    );
}

#[tokio::test(start_paused = true)]
async fn chunks_after_the_first_are_lost_without_a_word() {
    let pusher = Pusher::with_repository(true).await;
    let location = pusher.session().await;
    assert_eq!(pusher.ask("PATCH", &location, b"first").await.status, 202);
    assert_eq!(pusher.ask("PATCH", &location, b"second").await.status, 202);
    let whole = digest(b"firstsecond");
    let answer = pusher.ask("PUT", &format!("{location}?digest={whole}"), b"").await;
    assert_eq!(answer.status, 400);
    assert!(text(&answer).contains("DIGEST_INVALID"), "{}", text(&answer));
    // One chunk alone is fine.
    let location = pusher.session().await;
    pusher.ask("PATCH", &location, b"first").await;
    let answer = pusher
        .ask("PUT", &format!("{location}?digest={}", digest(b"first")), b"")
        .await;
    assert_eq!(answer.status, 201);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_without_its_layers_and_a_repository_that_is_not_there_are_refused() {
    let pusher = Pusher::with_repository(true).await;
    let manifest = format!("{{\"config\":{{\"digest\":\"{}\"}}}}", digest(b"x"));
    let answer = pusher.ask("PUT", "/v2/a/b/manifests/one", manifest.as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(text(&answer).contains("BLOB_UNKNOWN"), "{}", text(&answer));
    let answer = pusher.ask("POST", "/v2/a/c/blobs/uploads/", b"").await;
    assert_eq!(answer.status, 404);
    assert!(text(&answer).contains("NAME_UNKNOWN"), "{}", text(&answer));
    assert_eq!(pusher.ask("GET", "/v2/a/b/manifests/none", b"").await.status, 404);
    assert_eq!(pusher.ask("DELETE", "/v2/a/b/manifests/one", b"").await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn a_tag_is_written_once_where_tags_are_immutable_and_moved_where_not() {
    let pusher = Pusher::with_repository(true).await;
    assert_eq!(pusher.put_image("one", "layer").await.status, 201);
    let answer = pusher.put_image("one", "another").await;
    assert_eq!(answer.status, 400);
    assert!(text(&answer).contains("TAG_INVALID"), "{}", text(&answer));

    let pusher = Pusher::with_repository(false).await;
    assert_eq!(pusher.put_image("one", "layer").await.status, 201);
    assert_eq!(pusher.put_image("one", "layer").await.status, 201);
    assert_eq!(pusher.put_image("one", "another").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn layers_are_files_beside_the_state_and_another_process_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    let first = Pusher::new(open(Some(folder.path()), Clock::real(), Vec::new()).await).await;
    first.repository(true).await;
    first.put_image("one", &"x".repeat(100_000)).await;
    let second = Pusher::new(open(Some(folder.path()), Clock::real(), Vec::new()).await).await;
    let layer = digest("x".repeat(100_000).as_bytes());
    let got = second.ask("GET", &format!("/v2/a/b/blobs/{layer}"), b"").await;
    assert_eq!(got.body.len(), 100_000);
    let place = folder.path().join(ACCOUNT).join(REGION);
    let state = fs_err::read_dir(&place).unwrap();
    let sizes = state.filter_map(|entry| entry.unwrap().metadata().unwrap().len().into());
    assert!(sizes.max().unwrap() < 50_000, "no layer is in the state");
    assert!(place.join("layers").join(layer.trim_start_matches("sha256:")).is_file());
}

#[tokio::test(start_paused = true)]
async fn the_registry_can_be_somewhere_else_and_can_be_told_to_fail() {
    let faults = "[[fault]]\nregistry = \"http://127.0.0.1:5000/\"\nregistry_password = \"secret\"\n\
                  [[fault]]\nservice = \"registry\"\nthrottle = 1\n";
    let faults = crate::sandbox::parse_faults(faults).unwrap();
    let sandbox = open(None, Clock::real(), faults).await;
    let ecr = aws_sdk_ecr::Client::new(&config(&sandbox));
    let answer = ecr.get_authorization_token().send().await.unwrap();
    let data = &answer.authorization_data()[0];
    assert_eq!(data.proxy_endpoint(), Some("http://127.0.0.1:5000"));
    assert_eq!(
        BASE64.decode(data.authorization_token().unwrap()).unwrap(),
        b"AWS:secret"
    );
    let pusher = Pusher {
        sandbox,
        ecr,
        login: String::new(),
    };
    assert_eq!(pusher.ask("GET", "/v2/", b"").await.status, 429);
    assert_eq!(pusher.ask("GET", "/v2/", b"").await.status, 401);
}

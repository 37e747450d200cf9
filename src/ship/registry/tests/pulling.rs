//! Registries that are not ECR's: tokens of a token server, passwords, and blobs that lie somewhere else.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use serde_json::json;

use super::super::access::{Access, Token};
use super::super::docker::Keeper;
use super::super::manifest::{Config, OCI_MANIFEST, digest_of};
use super::super::{Purpose, Repository};
use super::fake::{plain, with, with_body};
use crate::aws::http::{Body, Http};
use crate::clock::Clock;
use crate::diagnostic::codes;

const CONFIG: &str = r#"{"architecture":"arm64"}"#;

/// A registry whose token server wants `password`, if any; it logs what it is asked with which login.
fn registry(password: Option<&'static str>, challenge: &'static str) -> (Http, Arc<Mutex<Vec<String>>>) {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&log);
    let http = Http::answered(move |request: Request<Body>| {
        let login = request.headers().get("authorization");
        let login = login.map_or("-", |value| value.to_str().unwrap()).to_owned();
        kept.lock().unwrap().push(format!("{} {login}", request.uri()));
        let answer = answer(&request, &login, password, challenge);
        Box::pin(async move { Ok(answer) })
    });
    (http, log)
}

fn answer(request: &Request<Body>, login: &str, password: Option<&str>, challenge: &str) -> Response<Body> {
    let uri = request.uri();
    if uri.host() == Some("auth.example.com") {
        if password.is_some_and(|password| login != format!("Basic {password}")) {
            return plain(401);
        }
        assert_eq!(
            uri.query(),
            Some("scope=repository%3Aacme%2Fw%3Apull&service=registry.example.com")
        );
        return with_body(json!({ "token": "good" }).to_string());
    }
    if uri.host() == Some("cdn.example.com") {
        assert_eq!(login, "-", "the login is for the registry alone");
        return with_body(CONFIG);
    }
    if login != "Bearer good" && login != "Basic good" {
        return with(plain(401), "www-authenticate", challenge);
    }
    if uri.path().contains("/blobs/") {
        return with(plain(307), "location", "https://cdn.example.com/x?signature=y");
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "c", "size": CONFIG.len(), "digest": digest_of(CONFIG.as_bytes()) },
        "layers": [],
    });
    match uri.path() {
        "/v2/acme/w/manifests/1" => with_body(manifest.to_string()),
        _ => plain(404),
    }
}

const BEARER: &str =
    r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:acme/w:pull""#;

fn repository(http: Http, basic: Option<&str>) -> Repository {
    Repository::at(
        http,
        ("https://registry.example.com", "acme/w", Purpose::Pull),
        (Access::Docker(Keeper::known(basic)), Token::default()),
        Clock::real(),
        tokio_util::sync::CancellationToken::new(),
    )
}

async fn config(repository: &Repository) -> Config {
    let fetched = repository.manifest("1").await.unwrap().unwrap();
    repository
        .config(fetched.manifest.config.as_ref().unwrap())
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_public_image_is_read_with_a_token_that_anybody_gets_and_its_blobs_from_where_they_are() {
    let (http, log) = registry(None, BEARER);
    let opened = repository(http, None);
    assert_eq!(config(&opened).await.architecture, "arm64");
    assert!(opened.manifest("2").await.unwrap().is_none());
    let tokens = log.lock().unwrap().iter().filter(|line| line.contains("auth.")).count();
    assert_eq!(tokens, 1, "{:?}", log.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_private_image_needs_the_login_that_docker_has() {
    let (http, _) = registry(Some("pass"), BEARER);
    assert_eq!(config(&repository(http, Some("pass"))).await.architecture, "arm64");
    let (http, _) = registry(None, "Basic realm=\"x\"");
    assert_eq!(config(&repository(http, Some("good"))).await.architecture, "arm64");

    let (http, log) = registry(Some("pass"), BEARER);
    let problem = repository(http, None).manifest("1").await.unwrap_err();
    assert_eq!(problem.code, codes::REGISTRY_DENIED, "{problem:?}");
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.contains("docker login registry.example.com"))
    );
    assert!(log.lock().unwrap().len() <= 3, "{:?}", log.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_password_is_not_sent_to_a_token_server_without_tls() {
    let (http, log) = registry(None, r#"Bearer realm="http://auth.example.com/token",service="s""#);
    let problem = repository(http, Some("good")).manifest("1").await.unwrap_err();
    assert_eq!(problem.code, codes::REGISTRY_DENIED, "{problem:?}");
    assert!(!log.lock().unwrap().iter().any(|line| line.contains("auth.")));
}

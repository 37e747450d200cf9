//! The way to a cluster's API: where it is, who we are to it, and what is wrong when it does not let us in.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Mutex;

use super::api::{Api, ApiError, Cause};
use super::problem;
use crate::aws::eks;
use crate::aws::http::{Body, Http, HttpError};
use crate::aws::session::{Endpoint, Session};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::ship::Scene;

/// How long a token is used: a cluster takes it for [`eks::TOKEN_LASTS`], by its own clock.
const RENEW: Duration = Duration::from_secs(10 * 60);
const CONNECT: Duration = Duration::from_secs(5);
/// How long access is waited for: an access entry takes a while to be known to the API servers of a cluster.
const ACCESS: Duration = Duration::from_secs(180);
/// The same, where neither cluster nor access entry can be young.
const OLD_ACCESS: Duration = Duration::from_secs(15);
const ACCESS_POLL: Duration = Duration::from_secs(3);
/// Clusters of this age have had the time to learn who may come in.
const YOUNG: i64 = 30 * 60;
/// How far this machine's clock may be behind that of AWS.
const SKEW: i64 = 5 * 60;

/// A cluster whose API has let us in.
pub(super) struct Cluster {
    /// Its name.
    pub(super) name: String,
    /// Its API.
    pub(super) api: Api,
    /// Whether nothing really runs in it.
    pub(super) is_simulated: bool,
}

/// Finds the cluster of `scene`'s stack, and makes sure that it lets us in.
///
/// # Errors
/// A cluster that is missing or not ready, an API that cannot be reached, a certificate that is not its own, no access.
pub(super) async fn open(scene: &Scene<'_>) -> Result<Cluster, Problem> {
    let stack = &scene.workload.on.value;
    let name = scene.output("cluster_name").ok_or_else(|| {
        Problem::error(
            codes::CLUSTER_NOT_READY,
            format!("the stack `{stack}` has no cluster yet"),
        )
        .hint(format!("mlinfra apply {}", scene.environment.name))
    })?;
    let described = describe(scene, name).await?;
    let client = client(scene.session, &described).map_err(|error| {
        Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!("the API of cluster {name} cannot be spoken to"),
        )
        .note(error.to_string())
    })?;
    let clock = clock_of(scene.session, &described.endpoint);
    let cluster = Cluster {
        name: name.to_owned(),
        api: Api::new(client, clock),
        is_simulated: is_behind(scene.session, &described.endpoint),
    };
    knock(scene, &cluster, &described).await?;
    Ok(cluster)
}

/// The cluster as EKS describes it, or as the stack's outputs do where that may not be asked.
async fn describe(scene: &Scene<'_>, name: &str) -> Result<eks::Cluster, Problem> {
    match eks::describe(scene.session, name).await {
        Ok(Some(cluster)) if matches!(cluster.status.as_str(), "ACTIVE" | "UPDATING") => Ok(cluster),
        Ok(Some(cluster)) => Err(Problem::error(
            codes::CLUSTER_NOT_READY,
            format!("the cluster {name} is {}", cluster.status),
        )
        .note("only a cluster that is ACTIVE takes workloads")
        .hint(format!(
            "aws eks describe-cluster --name {name} --region {}",
            scene.session.region
        ))),
        Ok(None) => Err(
            Problem::error(codes::CLUSTER_NOT_READY, format!("there is no cluster {name}"))
                .note(format!(
                    "the stack `{}` made it; somebody has deleted it since",
                    scene.workload.on.value
                ))
                .hint(format!(
                    "delete what is left of its stack, and make it anew:  \
                     aws cloudformation delete-stack --stack-name {} --region {}",
                    scene.environment.stack_name(&scene.workload.on.value),
                    scene.session.region
                ))
                .hint(format!("mlinfra apply {}", scene.environment.name)),
        ),
        Err(error) => match (scene.output("endpoint"), scene.output("certificate_authority")) {
            (Some(endpoint), Some(authority)) if !error.is_transient() => Ok(eks::Cluster {
                name: name.to_owned(),
                status: "ACTIVE".to_owned(),
                endpoint: endpoint.to_owned(),
                certificate_authority: authority.to_owned(),
                created: None,
                is_public: true,
                public_from: Vec::new(),
            }),
            _ => Err(error.problem()),
        },
    }
}

/// Time runs faster in the sandbox; in a real cluster it does not, whoever describes it.
fn clock_of(session: &Session, endpoint: &str) -> Clock {
    if is_behind(session, endpoint) {
        session.clock
    } else {
        Clock::real()
    }
}

/// Whether the API server is where AWS is, and that is not AWS.
fn is_behind(session: &Session, endpoint: &str) -> bool {
    let host = endpoint
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned));
    !matches!(session.endpoint, Endpoint::Aws) && host.is_some_and(|host| host.ends_with(".amazonaws.com"))
}

/// Asks for the workload's namespace, which says whether we are known.
pub(super) async fn knock(scene: &Scene<'_>, cluster: &Cluster, described: &eks::Cluster) -> Result<(), Problem> {
    let path = format!("/api/v1/namespaces/{}", scene.workload.namespace);
    let age = described
        .created
        .map(|made| scene.session.clock.wall().as_second().saturating_sub(made));
    let mut patience = match age {
        Some(age) if (-SKEW..YOUNG).contains(&age) => ACCESS,
        _ => OLD_ACCESS,
    };
    let clock = cluster.api.clock;
    let begun = clock.elapsed();
    let mut entries: Option<Vec<String>> = None;
    loop {
        let error = match cluster.api.get(&path).await {
            Ok(_) => return Ok(()),
            // Who may not look at namespaces may still do what is needed in this one: the first call that fails says so.
            Err(error) if error.status() == Some(403) && !error.is_anonymous() => return Ok(()),
            Err(error) => error,
        };
        let is_stranger = error.status() == Some(401) || error.is_anonymous();
        if !is_stranger && !error.is_transient() {
            return Err(problem::access(scene.session, described, &error, None));
        }
        if is_stranger && entries.is_none() {
            // Who lists nothing, because it may not, is not told what is in the list.
            let listed = eks::access_entries(scene.session, &described.name).await.ok();
            if listed
                .as_ref()
                .is_some_and(|listed| listed.iter().any(|arn| is_of(arn, &scene.session.caller)))
            {
                patience = ACCESS;
            }
            entries = listed;
            scene
                .tell
                .note(format!("waiting until the cluster {} lets us in", described.name));
        }
        let waited = clock.elapsed().saturating_sub(begun);
        if waited >= patience || scene.stop.is_cancelled() {
            return Err(problem::access(scene.session, described, &error, entries.as_deref()));
        }
        tokio::select! {
            () = clock.sleep(ACCESS_POLL) => {}
            () = scene.stop.cancelled() => {}
        }
    }
}

/// Whether an access entry's ARN is that of `caller`: of a role that was assumed, the entry names the role.
pub(super) fn is_of(entry: &str, caller: &str) -> bool {
    entry == caller
        || role_of(caller).is_some_and(|role| entry.rsplit('/').next() == Some(role) && entry.contains(":role/"))
}

/// The name of the role behind `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
pub(super) fn role_of(caller: &str) -> Option<&str> {
    caller.split_once(":assumed-role/")?.1.split('/').next()
}

fn client(session: &Session, described: &eks::Cluster) -> Result<kube::Client, HttpError> {
    let base: Uri = described.endpoint.parse()?;
    let way = if is_behind(session, &described.endpoint) {
        Way::Behind(Http::of(session)?)
    } else {
        Way::Network(Client::builder(TokioExecutor::new()).build(connector(&described.certificate_authority)?))
    };
    let tokens = Arc::new(Tokens {
        session: session.clone(),
        cluster: described.name.clone(),
        clock: Clock::real(),
        held: Mutex::default(),
    });
    Ok(kube::Client::new(Door { way, base, tokens }, "default"))
}

/// A connector that trusts the cluster's own certificates and no others.
pub(super) fn connector(authority: &str) -> Result<HttpsConnector<HttpConnector>, HttpError> {
    let pem = base64::engine::general_purpose::STANDARD.decode(authority.trim())?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp))
}

/// What every request passes: it gets the cluster's address, and a token that is still good.
#[derive(Clone)]
struct Door {
    way: Way,
    base: Uri,
    tokens: Arc<Tokens>,
}

#[derive(Clone)]
enum Way {
    Network(Client<HttpsConnector<HttpConnector>, kube::client::Body>),
    Behind(Http),
}

impl tower::Service<Request<kube::client::Body>> for Door {
    type Response = Response<Body>;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Response<Body>, HttpError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<kube::client::Body>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move {
            *request.uri_mut() = at(&door.base, request.uri())?;
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", door.tokens.current().await?))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(http::header::AUTHORIZATION, bearer);
            let answer = match &door.way {
                Way::Network(client) => client
                    .request(request)
                    .await?
                    .map(|body| body.map_err(HttpError::from).boxed_unsync()),
                Way::Behind(http) => {
                    http.send(request.map(|body| body.map_err(HttpError::from).boxed_unsync()))
                        .await?
                }
            };
            if answer.status() == http::StatusCode::UNAUTHORIZED {
                door.tokens.forget().await;
            }
            Ok(answer)
        })
    }
}

/// `path` below `base`.
pub(super) fn at(base: &Uri, path: &Uri) -> Result<Uri, HttpError> {
    let asked = path.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let prefix = base.path().trim_end_matches('/');
    Ok(Uri::builder()
        .scheme(base.scheme_str().unwrap_or("https"))
        .authority(base.authority().ok_or("the cluster has no address")?.as_str())
        .path_and_query(format!("{prefix}{asked}"))
        .build()?)
}

struct Tokens {
    session: Session,
    cluster: String,
    clock: Clock,
    held: Mutex<Option<(Duration, String)>>,
}

impl Tokens {
    async fn current(&self) -> Result<String, HttpError> {
        let mut held = self.held.lock().await;
        let now = self.clock.elapsed();
        match held.as_ref() {
            Some((made, token)) if now.saturating_sub(*made) < RENEW => Ok(token.clone()),
            _ => {
                let token = eks::token(&self.session, &self.cluster).await?;
                *held = Some((now, token.clone()));
                Ok(token)
            }
        }
    }

    /// One that was refused is not shown again.
    async fn forget(&self) {
        *self.held.lock().await = None;
    }
}

impl ApiError {
    /// Whether the API took us for nobody: as bad as not being known.
    fn is_anonymous(&self) -> bool {
        matches!(&self.cause, Cause::Status { message, .. } if message.contains("\"system:anonymous\""))
    }
}

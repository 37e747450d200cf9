//! The registry of ECR: what `docker push` and `docker pull` speak, as ECR answers it.
//!
//! Repositories, tags and manifests are the emulator's, so that `DescribeImages` shows what was pushed; layers are kept
//! here, each in the repositories that it was pushed to. As in ECR, a login lasts twelve hours, a tag of a repository
//! with immutable tags is written once, a manifest needs its layers, and of an upload in chunks the first one alone is
//! kept (aws/containers-roadmap#2831). Mounting layers from other repositories is off, as it is in an account where
//! nobody turned it on ("Blob mounting in Amazon ECR").

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::super::reply::{self, ApiError};
use super::super::request::{Name, Request};
use super::super::s3::Blobs;
use super::super::service::{Context, Service};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What the registry holds beside the emulator's repositories and manifests.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Registry {
    /// Digests of layers and configurations with their sizes, by repository.
    layers: BTreeMap<String, BTreeMap<String, u64>>,
    /// Uploads that were begun, by their id.
    uploads: BTreeMap<String, Upload>,
    /// The media types of manifests, by digest.
    media_types: BTreeMap<String, String>,
    #[serde(skip)]
    blobs: Blobs,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Upload {
    repository: String,
    /// The body of the first chunk, where one has come.
    first: Option<String>,
}

impl Registry {
    pub(super) fn new(blobs: Blobs) -> Self {
        Self {
            blobs,
            ..Self::default()
        }
    }

    /// Takes over what was saved; the bodies are where they were.
    pub(super) fn restore(&mut self, saved: Registry) {
        let blobs = std::mem::take(&mut self.blobs);
        *self = Self { blobs, ..saved };
    }

    fn has(&self, repository: &str, digest: &str) -> Option<u64> {
        self.layers.get(repository)?.get(digest).copied()
    }
}

/// The password of a login that ends at `expires`, in milliseconds since 1970.
pub(super) fn password(expires: i64) -> String {
    format!("{expires}.{}", uuid::Uuid::new_v4().simple())
}

/// A request, as far as its path says.
enum Asked<'a> {
    Base,
    Uploads(&'a str),
    Upload(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Manifest(&'a str, &'a str),
    Tags(&'a str),
}

/// One request and all that it is answered from.
struct Answering<'a> {
    registry: &'a mut Registry,
    emulator: &'a mut dyn Service,
    request: &'a Request,
    context: &'a Context,
}

/// Answers a request to the registry.
pub(super) fn answer(
    registry: &mut Registry,
    emulator: &mut dyn Service,
    request: &Request,
    context: &Context,
) -> MockResponse {
    let answering = Answering {
        registry,
        emulator,
        request,
        context,
    };
    answering.answer().unwrap_or_else(|error| {
        let mut response = error.to_response(request);
        if error.status == 401 {
            let challenge = format!(
                "Basic realm=\"https://{}.dkr.ecr.{}.amazonaws.com/\",service=\"ecr.amazonaws.com\"",
                context.account, context.region
            );
            put_header(&mut response, header::WWW_AUTHENTICATE, &challenge);
        }
        response
    })
}

impl Answering<'_> {
    fn answer(mut self) -> Result<MockResponse, ApiError> {
        authorize(self.request, self.context)?;
        let asked = asked(&self.request.path)
            .ok_or_else(|| ApiError::new(404, "NOT_FOUND", format!("nothing is at {}", self.request.path)))?;
        let immutable = match &asked {
            Asked::Base => false,
            Asked::Uploads(name)
            | Asked::Upload(name, _)
            | Asked::Blob(name, _)
            | Asked::Manifest(name, _)
            | Asked::Tags(name) => self.is_immutable(name)?,
        };
        let method = self.request.method.as_str();
        match (method, asked) {
            ("GET", Asked::Base) => Ok(reply::json(self.request.service.protocol(), 200, &json!({}))),
            ("POST", Asked::Uploads(name)) => Ok(self.begin(name)),
            ("PATCH", Asked::Upload(name, id)) => self.chunk(name, id),
            ("PUT", Asked::Upload(name, id)) => self.complete(name, id),
            ("HEAD" | "GET", Asked::Blob(name, digest)) => self.blob(name, digest),
            ("PUT", Asked::Manifest(name, reference)) => self.put_manifest(name, reference, immutable),
            ("HEAD" | "GET", Asked::Manifest(name, reference)) => self.manifest(name, reference),
            ("GET", Asked::Tags(name)) => self.tags(name),
            _ => Err(ApiError::new(405, "UNSUPPORTED", "The operation is unsupported.")),
        }
    }

    /// Whether the tags of a repository can be written once only; an error if there is no such repository.
    fn is_immutable(&mut self, name: &str) -> Result<bool, ApiError> {
        let body = json!({ "repositoryNames": [name] });
        let found = self.ecr("DescribeRepositories", &body).map_err(|_| {
            let account = &self.context.account;
            ApiError::new(
                404,
                "NAME_UNKNOWN",
                format!("The repository with name '{name}' does not exist in the registry with id '{account}'"),
            )
        })?;
        let mutability = found.pointer("/repositories/0/imageTagMutability");
        Ok(mutability.and_then(Value::as_str) == Some("IMMUTABLE"))
    }

    fn begin(&mut self, name: &str) -> MockResponse {
        let id = uuid::Uuid::new_v4().to_string();
        let upload = Upload {
            repository: name.to_owned(),
            first: None,
        };
        self.registry.uploads.insert(id.clone(), upload);
        self.accepted(name, &id, 0)
    }

    /// The first chunk is kept; later ones are taken, and nobody is told that they are gone.
    fn chunk(&mut self, name: &str, id: &str) -> Result<MockResponse, ApiError> {
        let body = self.request.body.clone();
        let upload = upload(self.registry, name, id)?;
        if upload.first.is_none() {
            let kept = self.registry.blobs.put(&body).map_err(broken)?;
            upload_mut(self.registry, id, kept);
        }
        Ok(self.accepted(name, id, body.len()))
    }

    fn complete(&mut self, name: &str, id: &str) -> Result<MockResponse, ApiError> {
        let digest = self
            .request
            .param("digest")
            .ok_or_else(|| ApiError::new(400, "DIGEST_INVALID", "no digest was given"))?
            .to_owned();
        let first = upload(self.registry, name, id)?.first.clone();
        let body = match first {
            Some(kept) => self.registry.blobs.get(&kept).map_err(broken)?,
            None => self.request.body.clone(),
        };
        let kept = self.registry.blobs.put(&body).map_err(broken)?;
        self.registry.uploads.remove(id);
        if format!("sha256:{kept}") != digest {
            let message =
                format!("Layer digest '{digest}' does not match the digest 'sha256:{kept}' of what was uploaded");
            return Err(ApiError::new(400, "DIGEST_INVALID", message));
        }
        let size = u64::try_from(body.len()).unwrap_or_default();
        let layers = self.registry.layers.entry(name.to_owned()).or_default();
        layers.insert(digest.clone(), size);
        let mut response = reply::empty(201);
        put_header(
            &mut response,
            header::LOCATION,
            &self.at(&format!("/v2/{name}/blobs/{digest}")),
        );
        put_digest(&mut response, &digest);
        Ok(response)
    }

    fn blob(&mut self, name: &str, digest: &str) -> Result<MockResponse, ApiError> {
        let size = self
            .registry
            .has(name, digest)
            .ok_or_else(|| ApiError::new(404, "BLOB_UNKNOWN", "blob unknown to registry"))?;
        let mut response = reply::empty(200);
        if self.request.method == "GET" {
            let kept = digest.trim_start_matches("sha256:");
            response.body = self.registry.blobs.get(kept).map_err(broken)?;
        }
        put_header(&mut response, header::CONTENT_LENGTH, &size.to_string());
        put_header(&mut response, header::CONTENT_TYPE, "application/octet-stream");
        put_digest(&mut response, digest);
        Ok(response)
    }

    fn put_manifest(&mut self, name: &str, reference: &str, immutable: bool) -> Result<MockResponse, ApiError> {
        let invalid = |why: String| ApiError::new(400, "MANIFEST_INVALID", why);
        let text = std::str::from_utf8(&self.request.body).map_err(|error| invalid(error.to_string()))?;
        let manifest: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        self.needs(name, &manifest)?;
        let digest = digest_of(&self.request.body);
        let tag = match reference.strip_prefix("sha256:") {
            Some(_) if reference != digest => {
                return Err(ApiError::new(400, "DIGEST_INVALID", "the manifest has another digest"));
            }
            Some(_) => None,
            None => Some(reference),
        };
        if let Some(tag) = tag.filter(|_| immutable)
            && self.find(name, tag).is_some()
        {
            let message = format!(
                "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because \
                 the tag is immutable."
            );
            return Err(ApiError::new(400, "TAG_INVALID", message));
        }
        let mut body = json!({ "repositoryName": name, "imageManifest": text });
        if let (Some(tag), Some(body)) = (tag, body.as_object_mut()) {
            body.insert("imageTag".to_owned(), json!(tag));
        }
        match self.ecr("PutImage", &body) {
            Ok(_) => {}
            // The same image under the same tag: nothing is to be done.
            Err(error) if error.code.contains("ImageAlreadyExists") => {}
            Err(error) => return Err(invalid(error.message)),
        }
        let media_type = self.request.header("content-type").unwrap_or(MANIFEST).to_owned();
        self.registry.media_types.insert(digest.clone(), media_type);
        let mut response = reply::empty(201);
        let location = self.at(&format!("/v2/{name}/manifests/{digest}"));
        put_header(&mut response, header::LOCATION, &location);
        put_digest(&mut response, &digest);
        Ok(response)
    }

    /// Whether all is there that a manifest, or an index, is made of.
    fn needs(&mut self, name: &str, manifest: &Value) -> Result<(), ApiError> {
        let listed = |key: &str| manifest.get(key).and_then(Value::as_array).into_iter().flatten();
        let digests = |descriptors: Vec<&Value>| -> BTreeSet<String> {
            let digest = |one: &Value| one.get("digest").and_then(Value::as_str).map(str::to_owned);
            descriptors.into_iter().filter_map(digest).collect()
        };
        let layers = digests(listed("layers").chain(manifest.get("config")).collect());
        let missing: Vec<String> = layers
            .into_iter()
            .filter(|digest| self.registry.has(name, digest).is_none())
            .map(|digest| format!("'{digest}'"))
            .collect();
        let account = &self.context.account;
        if !missing.is_empty() {
            let message = format!(
                "Layers with digests [{}] required for pushing image into repository with name '{name}' in the \
                 registry with id '{account}' do not exist",
                missing.join(", ")
            );
            return Err(ApiError::new(400, "BLOB_UNKNOWN", message));
        }
        for digest in digests(listed("manifests").collect()) {
            if self.find(name, &digest).is_none() {
                let message = format!("Image with digest '{digest}' required by the index does not exist");
                return Err(ApiError::new(400, "MANIFEST_BLOB_UNKNOWN", message));
            }
        }
        Ok(())
    }

    fn manifest(&mut self, name: &str, reference: &str) -> Result<MockResponse, ApiError> {
        let text = self
            .find(name, reference)
            .ok_or_else(|| ApiError::new(404, "MANIFEST_UNKNOWN", "Requested image not found"))?;
        let digest = digest_of(text.as_bytes());
        let media_type = self.registry.media_types.get(&digest);
        let media_type = media_type.map_or(MANIFEST, String::as_str).to_owned();
        let mut response = reply::empty(200);
        put_header(&mut response, header::CONTENT_LENGTH, &text.len().to_string());
        put_header(&mut response, header::CONTENT_TYPE, &media_type);
        put_digest(&mut response, &digest);
        if self.request.method == "GET" {
            response.body = Bytes::from(text);
        }
        Ok(response)
    }

    fn tags(&mut self, name: &str) -> Result<MockResponse, ApiError> {
        let listed = self.ecr("ListImages", &json!({ "repositoryName": name }))?;
        let ids = listed.get("imageIds").and_then(Value::as_array).into_iter().flatten();
        let tags: BTreeSet<&str> = ids.filter_map(|id| id.get("imageTag")?.as_str()).collect();
        let body = json!({ "name": name, "tags": tags });
        Ok(reply::json(self.request.service.protocol(), 200, &body))
    }

    /// The manifest under a tag or a digest.
    fn find(&mut self, name: &str, reference: &str) -> Option<String> {
        let key = if reference.starts_with("sha256:") {
            "imageDigest"
        } else {
            "imageTag"
        };
        let body = json!({ "repositoryName": name, "imageIds": [{ key: reference }] });
        let found = self.ecr("BatchGetImage", &body).ok()?;
        Some(found.pointer("/images/0/imageManifest")?.as_str()?.to_owned())
    }

    /// Asks the emulator.
    fn ecr(&mut self, action: &str, body: &Value) -> Result<Value, ApiError> {
        let request = Request::json(Name::Ecr, &self.context.region, action, body);
        let response = self.emulator.handle(&request, self.context);
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status < 400 {
            return Ok(answer);
        }
        let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(ApiError::new(response.status, text("__type"), text("message")))
    }

    fn accepted(&self, name: &str, id: &str, length: usize) -> MockResponse {
        let mut response = reply::empty(202);
        let location = self.at(&format!("/v2/{name}/blobs/uploads/{id}"));
        put_header(&mut response, header::LOCATION, &location);
        put_header(&mut response, header::RANGE, &format!("0-{}", length.saturating_sub(1)));
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers.insert("docker-upload-uuid", value);
        }
        response
    }

    /// ECR gives whole addresses.
    fn at(&self, path: &str) -> String {
        let Context { account, region, .. } = self.context;
        format!("https://{account}.dkr.ecr.{region}.amazonaws.com{path}")
    }
}

fn upload<'a>(registry: &'a Registry, name: &str, id: &str) -> Result<&'a Upload, ApiError> {
    let upload = registry.uploads.get(id).filter(|upload| upload.repository == name);
    upload.ok_or_else(|| ApiError::new(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"))
}

fn upload_mut(registry: &mut Registry, id: &str, kept: String) {
    if let Some(upload) = registry.uploads.get_mut(id) {
        upload.first = Some(kept);
    }
}

/// Whether the login is one of ours, and still good.
fn authorize(request: &Request, context: &Context) -> Result<(), ApiError> {
    let refused = || ApiError::new(401, "UNAUTHORIZED", "no basic auth credentials");
    let basic = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Basic "));
    let decoded = BASE64.decode(basic.ok_or_else(refused)?).map_err(|_| refused())?;
    let text = String::from_utf8(decoded).map_err(|_| refused())?;
    let password = text.strip_prefix("AWS:").ok_or_else(refused)?;
    let (expires, _) = password.split_once('.').ok_or_else(refused)?;
    let expires: i64 = expires.parse().map_err(|_| refused())?;
    if expires <= context.now {
        let message = "Your authorization token has expired. Reauthenticate and try again.";
        return Err(ApiError::new(403, "DENIED", message));
    }
    Ok(())
}

/// What a path asks for. Names of repositories have slashes in them.
fn asked(path: &str) -> Option<Asked<'_>> {
    let rest = path.strip_prefix("/v2")?.trim_start_matches('/');
    if rest.is_empty() {
        return Some(Asked::Base);
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return Some(Asked::Tags(name));
    }
    if let Some((name, id)) = rest.rsplit_once("/blobs/uploads/") {
        return Some(if id.is_empty() {
            Asked::Uploads(name)
        } else {
            Asked::Upload(name, id)
        });
    }
    if let Some((name, digest)) = rest.rsplit_once("/blobs/") {
        return Some(Asked::Blob(name, digest));
    }
    let (name, reference) = rest.rsplit_once("/manifests/")?;
    Some(Asked::Manifest(name, reference))
}

fn digest_of(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn broken(reason: String) -> ApiError {
    ApiError::new(500, "INTERNAL", reason)
}

fn put_header(response: &mut MockResponse, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers.insert(name, value);
    }
}

fn put_digest(response: &mut MockResponse, digest: &str) {
    if let Ok(value) = HeaderValue::from_str(digest) {
        response.headers.insert("docker-content-digest", value);
    }
}

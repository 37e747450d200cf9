//! ECR: the emulator for its API, and behind it the registry that images are pushed to. They are one service, so that
//! what is pushed is listed and what is deleted can no longer be pulled.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;
use winterbaume_ecr::EcrService;

use super::super::inventory::Item;
use super::super::reply;
use super::super::request::{Name, Request};
use super::super::s3::Blobs;
use super::super::service::{Context, Service};
use super::emulated::Emulated;
use super::registry::{self, Registry};

/// How long a login lasts, in milliseconds: twelve hours (GetAuthorizationToken in the API reference).
const LOGIN_MILLIS: i64 = 12 * 60 * 60 * 1_000;

/// The service.
pub(super) struct Ecr {
    emulator: Emulated<EcrService>,
    registry: Registry,
}

/// What is written down.
#[derive(Serialize, Deserialize)]
struct Saved {
    emulator: Value,
    registry: Registry,
}

impl Ecr {
    pub(super) fn new(blobs: Blobs) -> Self {
        Self {
            emulator: Emulated::new("ecr", EcrService::new),
            registry: Registry::new(blobs),
        }
    }
}

impl Service for Ecr {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        if request.service == Name::Registry {
            return registry::answer(&mut self.registry, &mut self.emulator, request, context);
        }
        match request.action.as_str() {
            "GetAuthorizationToken" => login(request, context),
            _ => self.emulator.handle(request, context),
        }
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        let emulator = self.emulator.export(context)?;
        let wrong = |error: serde_json::Error| error.to_string();
        let emulator: Value = serde_json::from_slice(&emulator).map_err(wrong)?;
        serde_json::to_vec(&json!({ "emulator": emulator, "registry": self.registry })).map_err(wrong)
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        match serde_json::from_slice::<Saved>(state) {
            Ok(saved) => {
                self.registry.restore(saved.registry);
                self.emulator.import(saved.emulator.to_string().as_bytes(), context)
            }
            // Written before there was a registry.
            Err(_) => self.emulator.import(state, context),
        }
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.emulator.inventory(context)
    }
}

/// A login for the registry of the account, wherever that is.
fn login(request: &Request, context: &Context) -> MockResponse {
    let expires = context.now.saturating_add(LOGIN_MILLIS);
    let (endpoint, password) = match context.facts.registry() {
        Some((url, password)) => (url.trim_end_matches('/').to_owned(), password.to_owned()),
        None => (
            format!("https://{}.dkr.ecr.{}.amazonaws.com", context.account, context.region),
            registry::password(expires),
        ),
    };
    let body = json!({ "authorizationData": [{
        "authorizationToken": BASE64.encode(format!("AWS:{password}")),
        "expiresAt": expires / 1_000,
        "proxyEndpoint": endpoint,
    }] });
    reply::json(request.service.protocol(), 200, &body)
}

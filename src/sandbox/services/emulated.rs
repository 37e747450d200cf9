//! The services of the `winterbaume-*` crates, as synchronous services of this sandbox.
//!
//! Three things are mended for all of them. Their futures never wait for anything when nobody else holds the state, so
//! they are polled once, which keeps the sandbox free of threads and works under paused time. The account that they
//! print is one for the whole process; it is exchanged for the sandbox's in requests, answers and persisted state. And
//! their errors are brought into the dialect that clients of the service read.

use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use serde_json::Value;
use winterbaume_core::{MockRequest, MockResponse, StatefulService, default_account_id};

use super::super::inventory::Item;
use super::super::reply::{self, ApiError, Protocol};
use super::super::request::Request;
use super::super::service::{Context, Service};

/// An emulator behind the sandbox's own interface.
pub(super) struct Emulated<S> {
    name: &'static str,
    service: S,
    make: fn() -> S,
}

impl<S: StatefulService> Emulated<S> {
    pub(super) fn new(name: &'static str, make: fn() -> S) -> Self {
        Self {
            name,
            service: make(),
            make,
        }
    }

    pub(super) fn service(&self) -> &S {
        &self.service
    }

    fn view(&self, context: &Context) -> Result<Value, String> {
        let view = at_once(self.service.snapshot(default_account_id(), &context.region))?;
        serde_json::to_value(view).map_err(|error| error.to_string())
    }
}

impl<S: StatefulService> Service for Emulated<S> {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let mut asked = request.to_mock();
        asked.body = exchange(&asked.body, &context.account, default_account_id());
        asked.uri = asked.uri.replace(&context.account, default_account_id());
        let answered = at_once(handled(&self.service, asked));
        match answered {
            Ok(mut response) => {
                response.body = exchange(&response.body, default_account_id(), &context.account);
                in_dialect(request, response)
            }
            Err(reason) => ApiError::new(500, "InternalFailure", reason).to_response(request),
        }
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        let view = self.view(context)?;
        let text = serde_json::to_vec(&view).map_err(|error| error.to_string())?;
        Ok(exchange(&Bytes::from(text), default_account_id(), &context.account).to_vec())
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        let text = exchange(&Bytes::copy_from_slice(state), &context.account, default_account_id());
        let view: S::StateView = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        self.service = (self.make)();
        at_once(self.service.restore(default_account_id(), &context.region, view))?.map_err(|error| error.to_string())
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        let Ok(Value::Object(view)) = self.view(context) else {
            return Vec::new();
        };
        let mut items = Vec::new();
        for (kind, things) in view.iter().filter(|(kind, _)| is_listed(self.name, kind)) {
            let Value::Object(things) = things else { continue };
            for (id, thing) in things {
                let belongs_to_aws = thing.get("is_default") == Some(&Value::Bool(true))
                    || thing.get("default_for_az") == Some(&Value::Bool(true))
                    || thing.get("group_name").and_then(Value::as_str) == Some("default");
                let gone = ["state", "key_state", "status", "instance_state"].iter().any(|field| {
                    // EC2's instances have a state that is a code and a name.
                    let state = thing.get(*field).map(|state| state.get("name").unwrap_or(state));
                    let state = state.and_then(Value::as_str).unwrap_or_default();
                    matches!(state, "deleted" | "terminated" | "PendingDeletion" | "Deleted")
                });
                if !belongs_to_aws && !gone {
                    items.push(Item::new(self.name, singular(kind), id));
                }
            }
        }
        items
    }
}

/// What one of `plural` is called.
fn singular(plural: &str) -> String {
    match (plural, plural.strip_suffix("ies")) {
        ("aliases", _) => "alias".to_owned(),
        (_, Some(stem)) => format!("{stem}y"),
        _ => plural.strip_suffix('s').unwrap_or(plural).to_owned(),
    }
}

/// The maps of an emulator's state that hold what a user made.
fn is_listed(service: &str, kind: &str) -> bool {
    match service {
        "ec2" => matches!(
            kind,
            "vpcs"
                | "subnets"
                | "igws"
                | "security_groups"
                | "route_tables"
                | "key_pairs"
                | "elastic_ips"
                | "nat_gateways"
                | "flow_logs"
                | "vpc_endpoints"
                | "network_interfaces"
                | "instances"
                | "snapshots"
                | "volumes"
                | "launch_templates"
        ),
        "iam" => matches!(kind, "roles" | "policies" | "users" | "groups" | "instance_profiles"),
        "eks" => kind == "clusters",
        "ecr" => kind == "repositories",
        "logs" => kind == "log_groups",
        "kms" => kind == "keys" || kind == "aliases",
        _ => !kind.contains("tag"),
    }
}

async fn handled<S: StatefulService>(service: &S, request: MockRequest) -> MockResponse {
    service.handle(request).await
}

/// The result of a future that has nothing to wait for.
///
/// # Errors
/// When it wanted to wait after all.
pub(super) fn at_once<F: Future>(future: F) -> Result<F::Output, String> {
    // Without this, tokio's fairness makes a future wait that has already done a lot in this task.
    let future = pin!(tokio::task::unconstrained(future));
    match future.poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err("the emulator wanted to wait for something".to_owned()),
    }
}

/// Exchanges one account number for another in a text; both are twelve digits.
fn exchange(text: &Bytes, from: &str, to: &str) -> Bytes {
    if from == to || text.is_empty() {
        return text.clone();
    }
    match std::str::from_utf8(text) {
        Ok(text) if text.contains(from) => Bytes::from(text.replace(from, to)),
        _ => text.clone(),
    }
}

/// The emulators write some errors in the dialect of another service.
fn in_dialect(request: &Request, response: MockResponse) -> MockResponse {
    if response.status < 400 {
        return response;
    }
    let protocol = request.service.protocol();
    let text = String::from_utf8_lossy(&response.body);
    match protocol {
        Protocol::Ec2 if !text.contains("<Response>") => {
            let part = |tag: &str| -> String {
                let (_, after) = text.split_once(&format!("<{tag}>")).unwrap_or_default();
                after
                    .split_once(&format!("</{tag}>"))
                    .map(|(inner, _)| inner.to_owned())
                    .unwrap_or_default()
            };
            let (code, message) = (part("Code"), part("Message"));
            if code.is_empty() {
                return response;
            }
            reply::error(protocol, &ApiError::new(response.status, code, message))
        }
        Protocol::RestJson | Protocol::Json11 if !response.headers.contains_key("x-amzn-errortype") => {
            let mut response = response;
            let code = serde_json::from_slice::<Value>(&response.body)
                .ok()
                .and_then(|body| body.get("__type")?.as_str().map(str::to_owned));
            if let Some(value) = code.and_then(|code| http::HeaderValue::from_str(&code).ok()) {
                response.headers.insert("x-amzn-errortype", value);
            }
            response
        }
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use super::singular;

    #[test]
    fn one_thing_has_a_singular() {
        let plurals = ["repositories", "policies", "aliases", "keys", "route_tables", "queue"];
        assert_eq!(
            plurals.map(singular),
            ["repository", "policy", "alias", "key", "route_table", "queue"]
        );
    }
}

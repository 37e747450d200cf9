//! CloudWatch Logs, with events that can be told apart and lists that come in pages.
//!
//! The emulator gives each event another id whenever it is asked, and knows neither prefixes of streams nor pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use winterbaume_cloudwatchlogs::CloudWatchLogsService;
use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::{self, Protocol};
use super::super::request::{Name, Request};
use super::super::service::{Context, Service};
use super::emulated::Emulated;

/// "FilterLogEvents", CloudWatch Logs API Reference.
const MOST: u64 = 10_000;

/// The service.
pub(super) struct Logs(Emulated<CloudWatchLogsService>);

impl Logs {
    pub(super) fn new() -> Self {
        Self(Emulated::new("logs", CloudWatchLogsService::new))
    }

    fn filter(&mut self, request: &Request, context: &Context) -> MockResponse {
        let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut taken = |field: &str| body.as_object_mut().and_then(|body| body.shift_remove(field));
        let most = taken("limit")
            .and_then(|limit| limit.as_u64())
            .unwrap_or(MOST)
            .min(MOST);
        let from = taken("nextToken").and_then(|token| token.as_str()?.parse::<usize>().ok());
        let prefix = taken("logStreamNamePrefix");
        let prefix = prefix.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let all = Request::json(Name::Logs, &context.region, "FilterLogEvents", &body);
        let response = self.0.handle(&all, context);
        if response.status >= 400 {
            return response;
        }
        let mut answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let Some(Value::Array(events)) = answer.get_mut("events").map(Value::take) else {
            return response;
        };
        let text = |event: &Value, field: &str| event.get(field).map(Value::to_string).unwrap_or_default();
        let mut events: Vec<Value> = events
            .into_iter()
            .filter(|event| {
                let stream = event.get("logStreamName").and_then(Value::as_str);
                stream.is_some_and(|stream| stream.starts_with(&prefix))
            })
            .collect();
        events.sort_by_key(|event| {
            let at = event.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
            (at, text(event, "logStreamName"))
        });
        // The same text at the same moment in the same stream: its place tells it from the other.
        let mut met: BTreeMap<String, u32> = BTreeMap::new();
        for event in &mut events {
            let what = ["logStreamName", "timestamp", "message"]
                .map(|field| text(event, field))
                .concat();
            let place = met.entry(what.clone()).or_default();
            *place += 1;
            let digest = Sha256::digest(format!("{what}{place}").as_bytes());
            let id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            if let Some(event) = event.as_object_mut() {
                event.insert("eventId".to_owned(), json!(id));
            }
        }
        let from = from.unwrap_or_default();
        let most = usize::try_from(most).unwrap_or(1).max(1);
        let mut answer = json!({ "events": events.iter().skip(from).take(most).collect::<Vec<_>>() });
        if from + most < events.len()
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("nextToken".to_owned(), json!((from + most).to_string()));
        }
        reply::json(Protocol::Json11, 200, &answer)
    }
}

impl Service for Logs {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        if request.action == "FilterLogEvents" {
            return self.filter(request, context);
        }
        self.0.handle(request, context)
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        self.0.export(context)
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        self.0.import(state, context)
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.0.inventory(context)
    }
}

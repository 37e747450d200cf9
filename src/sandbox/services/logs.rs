//! CloudWatch Logs, with events that can be told apart, lists that come in pages, and a memory that outlives a process.
//!
//! The emulator gives each event another id whenever it is asked, knows neither prefixes of streams nor pages, and leaves
//! events out of the state that it writes down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
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

/// So many of the last events of a stream are remembered.
const REMEMBERED: usize = 10_000;

/// Events as they were put: by group, then by stream.
type Written = BTreeMap<String, BTreeMap<String, Vec<Value>>>;

/// The service.
pub(super) struct Logs {
    emulator: Emulated<CloudWatchLogsService>,
    written: Written,
}

/// What is written down of it.
#[derive(Serialize, Deserialize)]
struct Saved {
    emulator: Value,
    written: Written,
}

impl Logs {
    pub(super) fn new() -> Self {
        Self {
            emulator: Emulated::new("logs", CloudWatchLogsService::new),
            written: Written::new(),
        }
    }

    /// Keeps what the emulator has taken and will not write down.
    fn remember(&mut self, request: &Request) {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let name = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let (group, stream) = (name("logGroupName"), name("logStreamName"));
        match request.action.as_str() {
            "PutLogEvents" => {
                let streams = self.written.entry(group.to_owned()).or_default();
                let events = streams.entry(stream.to_owned()).or_default();
                let put = body.get("logEvents").and_then(Value::as_array).into_iter().flatten();
                events.extend(put.cloned());
                let old = events.len().saturating_sub(REMEMBERED);
                events.drain(..old);
            }
            "DeleteLogGroup" => {
                self.written.remove(group);
            }
            "DeleteLogStream" => {
                if let Some(streams) = self.written.get_mut(group) {
                    streams.remove(stream);
                }
            }
            _ => {}
        }
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
        let response = self.emulator.handle(&all, context);
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
        let response = self.emulator.handle(request, context);
        if response.status < 400 {
            self.remember(request);
        }
        response
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        let emulator = self.emulator.export(context)?;
        let saved = Saved {
            emulator: serde_json::from_slice(&emulator).map_err(|error| error.to_string())?,
            written: self.written.clone(),
        };
        serde_json::to_vec(&saved).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        // A state of before has the emulator's alone.
        let Ok(saved) = serde_json::from_slice::<Saved>(state) else {
            self.written.clear();
            return self.emulator.import(state, context);
        };
        let emulator = serde_json::to_vec(&saved.emulator).map_err(|error| error.to_string())?;
        self.emulator.import(&emulator, context)?;
        for (group, streams) in &saved.written {
            for (stream, events) in streams {
                let put = json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events });
                let put = Request::json(Name::Logs, &context.region, "PutLogEvents", &put);
                self.emulator.handle(&put, context);
            }
        }
        self.written = saved.written;
        Ok(())
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.emulator.inventory(context)
    }
}

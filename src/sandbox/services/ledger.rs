//! What exists of the services that have no emulator: kinds, ids, and the properties that they were made with.
//!
//! Only stacks write into it and nobody calls it over a port. It is a service so that it is saved, shared and forgotten
//! together with the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::{self, ApiError, Protocol};
use super::super::request::Request;
use super::super::service::{Context, Service};

/// Records by kind (`rds:db-instance`) and id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger(BTreeMap<String, BTreeMap<String, Value>>);

impl Service for Ledger {
    fn handle(&mut self, request: &Request, _: &Context) -> MockResponse {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, id) = (field("kind"), field("id"));
        let answer = match request.action.as_str() {
            "ListRecords" => json!({ "records": self.0.get(&kind) }),
            "PutRecord" => {
                let value = body.get("value").cloned().unwrap_or_default();
                self.0.entry(kind).or_default().insert(id, value);
                json!({})
            }
            "DeleteRecord" => {
                if let Some(records) = self.0.get_mut(&kind) {
                    records.remove(&id);
                }
                json!({})
            }
            other => {
                let reason = format!("the ledger does not know {other}");
                return ApiError::new(400, "UnknownOperationException", reason).to_response(request);
            }
        };
        reply::json(Protocol::Json11, 200, &answer)
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// What is inactive, such as a task definition that was deregistered, is not listed.
    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        let mut items = Vec::new();
        for (kind, records) in &self.0 {
            let Some((service, kind)) = kind.split_once(':') else {
                continue;
            };
            let there = |(_, value): &(&String, &Value)| value.get("Status") != Some(&json!("INACTIVE"));
            let there = records.iter().filter(there);
            items.extend(there.map(|(id, _)| Item::new(service, kind, id)));
        }
        items
    }
}

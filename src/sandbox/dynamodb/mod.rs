//! DynamoDB: tables, items and conditional writes that are linearizable.
//!
//! Every request runs alone, from the check of its condition to its write, so of any number of contenders exactly one
//! wins. Written here because the emulator at hand checks and writes in two steps and leaves out `ALL_OLD`.

mod evaluate;
mod expression;
mod items;
mod tables;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::inventory::Item as Existing;
use super::reply::{self, ApiError, Protocol};
use super::request::Request;
use super::service::{Context, Service};

/// The service's whole state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct DynamoDb {
    tables: BTreeMap<String, Table>,
}

/// A table and its items.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Table {
    /// What DescribeTable says, less the counts.
    description: Value,
    hash: String,
    range: Option<String>,
    /// By canonical key.
    items: BTreeMap<String, value::Item>,
    tags: Vec<Value>,
    time_to_live: Value,
    point_in_time_recovery: bool,
}

impl Service for DynamoDb {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let answer = serde_json::from_slice(&request.body)
            .map_err(|error| Failure::from(ApiError::new(400, "SerializationException", error.to_string())))
            .and_then(|body: Value| self.call(&request.action, &body, context));
        match answer {
            Ok(body) => reply::json(Protocol::Json10, 200, &body),
            Err(failure) => failure.to_response(),
        }
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Existing> {
        self.tables
            .keys()
            .map(|name| Existing::new("dynamodb", "table", name))
            .collect()
    }
}

impl DynamoDb {
    fn call(&mut self, action: &str, body: &Value, context: &Context) -> Result<Value, Failure> {
        match action {
            "CreateTable" => self.create_table(body, context),
            "DescribeTable" => self.describe_table(body),
            "DeleteTable" => self.delete_table(body),
            "UpdateTable" => self.update_table(body),
            "ListTables" => Ok(json!({ "TableNames": self.tables.keys().collect::<Vec<_>>() })),
            "TagResource" | "UntagResource" | "ListTagsOfResource" => self.tags(action, body),
            "DescribeTimeToLive" | "UpdateTimeToLive" => self.time_to_live(action, body),
            "DescribeContinuousBackups" | "UpdateContinuousBackups" => self.continuous_backups(action, body),
            "GetItem" => self.get_item(body),
            "PutItem" => self.put_item(body),
            "UpdateItem" => self.update_item(body),
            "DeleteItem" => self.delete_item(body),
            "Query" | "Scan" => self.select(action, body),
            _ => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the sandbox's DynamoDB does not know {action}"),
            )
            .into()),
        }
    }

    fn table(&mut self, body: &Value) -> Result<&mut Table, Failure> {
        let name = table_name(body)?;
        self.tables.get_mut(&name).ok_or_else(|| {
            Failure::from(ApiError::new(
                400,
                with_namespace("ResourceNotFoundException"),
                "Requested resource not found",
            ))
        })
    }
}

/// An error, with the old item where the caller asked for it; the item is boxed, because the error travels in every result.
struct Failure {
    error: ApiError,
    item: Option<Box<value::Item>>,
}

impl Failure {
    fn condition(old: Option<value::Item>) -> Self {
        Self {
            error: ApiError::new(
                400,
                with_namespace("ConditionalCheckFailedException"),
                "The conditional request failed",
            ),
            item: old.map(Box::new),
        }
    }

    fn to_response(&self) -> MockResponse {
        let Some(item) = &self.item else {
            return reply::error(Protocol::Json10, &self.error);
        };
        let body = json!({ "__type": self.error.code, "message": self.error.message, "Item": item });
        reply::json(Protocol::Json10, self.error.status, &body)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, item: None }
    }
}

fn with_namespace(code: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{code}")
}

fn invalid(message: impl Into<String>) -> Failure {
    ApiError::new(400, "com.amazon.coral.validate#ValidationException", message).into()
}

/// The table's name; an ARN is accepted wherever a name is.
fn table_name(body: &Value) -> Result<String, Failure> {
    let named = body
        .get("TableName")
        .or_else(|| body.get("ResourceArn"))
        .and_then(Value::as_str);
    let name = named.ok_or_else(|| {
        invalid("1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null")
    })?;
    Ok(name.rsplit('/').next().unwrap_or(name).to_owned())
}

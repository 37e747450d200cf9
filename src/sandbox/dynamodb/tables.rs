//! Tables: making, describing, changing and deleting them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::reply::ApiError;
use super::super::service::Context;
use super::{DynamoDb, Failure, Table, invalid, table_name, with_namespace};

impl DynamoDb {
    pub(super) fn create_table(&mut self, body: &Value, context: &Context) -> Result<Value, Failure> {
        let name = table_name(body)?;
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(3..=255).contains(&name.len()) || !name.chars().all(legal) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [a-zA-Z0-9_.-]+ and have a length of 3 to 255"
            )));
        }
        if self.tables.contains_key(&name) {
            return Err(ApiError::new(
                400,
                with_namespace("ResourceInUseException"),
                format!("Table already exists: {name}"),
            )
            .into());
        }
        let key = |kind: &str| {
            body.get("KeySchema")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .find(|element| element.get("KeyType").and_then(Value::as_str) == Some(kind))
                .and_then(|element| element.get("AttributeName"))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let hash = key("HASH").ok_or_else(|| {
            invalid("1 validation error detected: the first element of 'keySchema' must be of type HASH")
        })?;
        let range = key("RANGE");
        let defined = |attribute: &String| {
            body.get("AttributeDefinitions")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .any(|definition| definition.get("AttributeName").and_then(Value::as_str) == Some(attribute.as_str()))
        };
        if !std::iter::once(&hash).chain(&range).all(defined) {
            return Err(invalid(
                "One or more parameter values were invalid: Some index key attributes are not defined in \
                 AttributeDefinitions.",
            ));
        }
        let table = Table {
            description: describe_new(&name, body, context),
            hash,
            range,
            items: BTreeMap::new(),
            tags: body.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default(),
            time_to_live: json!({ "TimeToLiveStatus": "DISABLED" }),
            point_in_time_recovery: false,
        };
        let description = table.describe();
        self.tables.insert(name, table);
        Ok(json!({ "TableDescription": description }))
    }

    pub(super) fn describe_table(&mut self, body: &Value) -> Result<Value, Failure> {
        let name = table_name(body)?;
        let table = self.tables.get(&name).ok_or_else(|| not_found(&name))?;
        Ok(json!({ "Table": table.describe() }))
    }

    pub(super) fn delete_table(&mut self, body: &Value) -> Result<Value, Failure> {
        let name = table_name(body)?;
        let table = self.tables.get(&name).ok_or_else(|| not_found(&name))?;
        if table.description.get("DeletionProtectionEnabled") == Some(&Value::Bool(true)) {
            return Err(invalid(
                "Resource cannot be deleted as it is currently protected against deletion. \
                 Disable deletion protection first.",
            ));
        }
        let mut description = table.describe();
        set(&mut description, "TableStatus", json!("DELETING"));
        self.tables.remove(&name);
        Ok(json!({ "TableDescription": description }))
    }

    pub(super) fn update_table(&mut self, body: &Value) -> Result<Value, Failure> {
        let table = self.table(body)?;
        for key in [
            "BillingMode",
            "DeletionProtectionEnabled",
            "SSESpecification",
            "StreamSpecification",
        ] {
            if let Some(value) = body.get(key) {
                describe_setting(&mut table.description, key, value);
            }
        }
        Ok(json!({ "TableDescription": table.describe() }))
    }

    pub(super) fn tags(&mut self, action: &str, body: &Value) -> Result<Value, Failure> {
        let table = self.table(body)?;
        let list = |key: &str| body.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        match action {
            "ListTagsOfResource" => return Ok(json!({ "Tags": table.tags })),
            "TagResource" => {
                for tag in list("Tags") {
                    table.tags.retain(|old| old.get("Key") != tag.get("Key"));
                    table.tags.push(tag);
                }
            }
            _ => {
                let gone = list("TagKeys");
                table
                    .tags
                    .retain(|tag| !tag.get("Key").is_some_and(|key| gone.contains(key)));
            }
        }
        Ok(json!({}))
    }

    pub(super) fn time_to_live(&mut self, action: &str, body: &Value) -> Result<Value, Failure> {
        let table = self.table(body)?;
        if action == "DescribeTimeToLive" {
            return Ok(json!({ "TimeToLiveDescription": table.time_to_live }));
        }
        let wanted = body.get("TimeToLiveSpecification").cloned().unwrap_or_default();
        let on = wanted.get("Enabled") == Some(&Value::Bool(true));
        table.time_to_live = json!({ "TimeToLiveStatus": if on { "ENABLED" } else { "DISABLED" } });
        if let (true, Some(attribute)) = (on, wanted.get("AttributeName")) {
            set(&mut table.time_to_live, "AttributeName", attribute.clone());
        }
        Ok(json!({ "TimeToLiveSpecification": wanted }))
    }

    pub(super) fn continuous_backups(&mut self, action: &str, body: &Value) -> Result<Value, Failure> {
        let table = self.table(body)?;
        if action == "UpdateContinuousBackups" {
            table.point_in_time_recovery = body.pointer("/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled")
                == Some(&Value::Bool(true));
        }
        let status = if table.point_in_time_recovery {
            "ENABLED"
        } else {
            "DISABLED"
        };
        Ok(json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status },
        } }))
    }
}

impl Table {
    fn describe(&self) -> Value {
        let mut description = self.description.clone();
        let bytes: usize = self.items.values().map(super::value::weight).sum();
        set(&mut description, "ItemCount", json!(self.items.len()));
        set(&mut description, "TableSizeBytes", json!(bytes));
        description
    }
}

fn describe_new(name: &str, body: &Value, context: &Context) -> Value {
    let mut description = json!({
        "TableName": name,
        "TableArn": format!("arn:aws:dynamodb:{}:{}:table/{name}", context.region, context.account),
        "TableId": uuid::Uuid::new_v4().to_string(),
        // AWS takes some seconds to get here; a table made by a stack takes them in the stack's time.
        "TableStatus": "ACTIVE",
        "CreationDateTime": context.now.div_euclid(1000),
        "KeySchema": body.get("KeySchema"),
        "AttributeDefinitions": body.get("AttributeDefinitions"),
        "DeletionProtectionEnabled": body.get("DeletionProtectionEnabled").cloned().unwrap_or(Value::Bool(false)),
    });
    for key in [
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "ProvisionedThroughput",
    ] {
        if let Some(value) = body.get(key) {
            set(&mut description, key, value.clone());
        }
    }
    for key in ["BillingMode", "SSESpecification", "StreamSpecification"] {
        if let Some(value) = body.get(key) {
            describe_setting(&mut description, key, value);
        }
    }
    description
}

fn describe_setting(description: &mut Value, key: &str, value: &Value) {
    match key {
        "BillingMode" => set(description, "BillingModeSummary", json!({ "BillingMode": value })),
        "SSESpecification" => {
            let on = value.get("Enabled").or_else(|| value.get("SSEEnabled")) == Some(&Value::Bool(true));
            let mut summary = json!({ "Status": if on { "ENABLED" } else { "DISABLED" }, "SSEType": "KMS" });
            if let Some(key) = value.get("KMSMasterKeyId") {
                set(&mut summary, "KMSMasterKeyArn", key.clone());
            }
            set(description, "SSEDescription", summary);
        }
        _ => set(description, key, value.clone()),
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(entries) = object {
        entries.insert(key.to_owned(), value);
    }
}

fn not_found(name: &str) -> Failure {
    ApiError::new(
        400,
        with_namespace("ResourceNotFoundException"),
        format!("Requested resource not found: Table: {name} not found"),
    )
    .into()
}

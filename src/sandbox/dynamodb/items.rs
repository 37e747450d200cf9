//! Items: reading them, writing them under conditions, and listing them.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::expression::{self, Action, Placeholders, Step};
use super::value::{self, Item};
use super::{DynamoDb, Failure, Table, evaluate, invalid};

/// AWS's bound on an item.
const MAX_ITEM_BYTES: usize = 400 * 1024;

impl DynamoDb {
    pub(super) fn get_item(&mut self, body: &Value) -> Result<Value, Failure> {
        let placeholders = Placeholders::of(body);
        let projection = projection(body, &placeholders)?;
        placeholders.check_all_used().map_err(invalid)?;
        let table = self.table(body)?;
        let key = table.key_alone(body)?;
        Ok(match table.items.get(&key) {
            Some(item) => json!({ "Item": projected(item, projection.as_deref()) }),
            None => json!({}),
        })
    }

    pub(super) fn put_item(&mut self, body: &Value) -> Result<Value, Failure> {
        let item = body
            .get("Item")
            .and_then(Value::as_object)
            .cloned()
            .ok_or_else(|| missing("item"))?;
        let write = Write::read(body)?;
        let table = self.table(body)?;
        let key = table.key_of(&item).map_err(invalid)?;
        check_item(&item)?;
        let old = table.items.get(&key).cloned();
        write.check(old.as_ref())?;
        table.items.insert(key, item);
        Ok(attributes(match write.returns.as_str() {
            "ALL_OLD" => old,
            _ => None,
        }))
    }

    pub(super) fn delete_item(&mut self, body: &Value) -> Result<Value, Failure> {
        let write = Write::read(body)?;
        let table = self.table(body)?;
        let key = table.key_alone(body)?;
        write.check(table.items.get(&key))?;
        let old = table.items.remove(&key);
        Ok(attributes(match write.returns.as_str() {
            "ALL_OLD" => old,
            _ => None,
        }))
    }

    pub(super) fn update_item(&mut self, body: &Value) -> Result<Value, Failure> {
        let write = Write::read(body)?;
        let table = self.table(body)?;
        let key = table.key_alone(body)?;
        for path in write.actions.iter().map(path_of) {
            if let Some(Step::Field(name)) = path.first()
                && (*name == table.hash || Some(name) == table.range.as_ref())
            {
                return Err(invalid(format!(
                    "One or more parameter values were invalid: Cannot update attribute {name}. \
                     This attribute is part of the key"
                )));
            }
        }
        let old = table.items.get(&key).cloned();
        write.check(old.as_ref())?;
        let mut new = old
            .clone()
            .or_else(|| body.get("Key")?.as_object().cloned())
            .unwrap_or_default();
        evaluate::apply(&write.actions, &mut new).map_err(invalid)?;
        check_item(&new)?;
        let touched = |item: &Item| {
            let paths: Vec<_> = write.actions.iter().map(path_of).cloned().collect();
            evaluate::project(item, &paths)
        };
        let returned = match write.returns.as_str() {
            "ALL_OLD" => old,
            "ALL_NEW" => Some(new.clone()),
            "UPDATED_OLD" => old.as_ref().map(touched),
            "UPDATED_NEW" => Some(touched(&new)),
            _ => None,
        };
        table.items.insert(key, new);
        Ok(attributes(returned))
    }

    pub(super) fn select(&mut self, action: &str, body: &Value) -> Result<Value, Failure> {
        let placeholders = Placeholders::of(body);
        let read = |what: &str| {
            let text = body.get(what).and_then(Value::as_str);
            text.map(|text| expression::condition(what, text, &placeholders))
                .transpose()
                .map_err(invalid)
        };
        let (keys, filter) = (read("KeyConditionExpression")?, read("FilterExpression")?);
        let projection = projection(body, &placeholders)?;
        placeholders.check_all_used().map_err(invalid)?;
        if action == "Query" && keys.is_none() {
            return Err(invalid(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ));
        }
        let table = self.table(body)?;
        let mut found: Vec<&Item> = table
            .items
            .values()
            .filter(|item| keys.as_ref().is_none_or(|keys| evaluate::holds(keys, item)))
            .collect();
        if let (Some(range), "Query") = (&table.range, action) {
            found.sort_by(|left, right| order(left.get(range), right.get(range)));
            if body.get("ScanIndexForward") == Some(&Value::Bool(false)) {
                found.reverse();
            }
        }
        if let Some(start) = body.get("ExclusiveStartKey").and_then(Value::as_object) {
            let start = table.key_of(start).map_err(invalid)?;
            let position = found
                .iter()
                .position(|item| table.key_of(item).ok().as_ref() == Some(&start));
            found.drain(..position.map_or(0, |at| at + 1));
        }
        let limit = body
            .get("Limit")
            .and_then(Value::as_u64)
            .and_then(|limit| usize::try_from(limit).ok());
        let scanned = found.len().min(limit.unwrap_or(usize::MAX));
        let last = (scanned < found.len())
            .then(|| found.get(scanned.checked_sub(1)?))
            .flatten();
        let matching: Vec<Item> = found
            .iter()
            .take(scanned)
            .filter(|item| filter.as_ref().is_none_or(|filter| evaluate::holds(filter, item)))
            .map(|item| projected(item, projection.as_deref()))
            .collect();
        let mut answer = json!({ "Count": matching.len(), "ScannedCount": scanned });
        if let Value::Object(entries) = &mut answer {
            if body.get("Select").and_then(Value::as_str) != Some("COUNT") {
                entries.insert("Items".to_owned(), json!(matching));
            }
            if let Some(last) = last {
                entries.insert("LastEvaluatedKey".to_owned(), json!(table.key_attributes(last)));
            }
        }
        Ok(answer)
    }
}

impl Table {
    /// The canonical key of an item.
    fn key_of(&self, item: &Item) -> Result<String, String> {
        let mut canonical = String::new();
        for name in std::iter::once(&self.hash).chain(&self.range) {
            let found = item.get(name).ok_or_else(|| {
                format!("One or more parameter values were invalid: Missing the key {name} in the item")
            })?;
            value::check(found)?;
            let Some((kind @ ("S" | "N" | "B"), Value::String(text))) = value::parts(found) else {
                return Err(format!(
                    "One or more parameter values were invalid: Type mismatch for key {name}"
                ));
            };
            if self.key_type(name).is_some_and(|expected| expected != kind) {
                return Err(format!(
                    "One or more parameter values were invalid: Type mismatch for key {name} expected: {} actual: {kind}",
                    self.key_type(name).unwrap_or_default()
                ));
            }
            if text.is_empty() {
                return Err(format!(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain \
                     an empty string value. Key: {name}"
                ));
            }
            let text = match kind {
                "N" => value::add(text, "0", 1).unwrap_or_else(|| text.clone()),
                _ => text.clone(),
            };
            canonical.push_str(&format!("{}:{text}\u{0}", text.len()));
        }
        Ok(canonical)
    }

    /// The key in `Key`, which must hold nothing else.
    fn key_alone(&self, body: &Value) -> Result<String, Failure> {
        let key = body
            .get("Key")
            .and_then(Value::as_object)
            .ok_or_else(|| missing("key"))?;
        let wanted = 1 + usize::from(self.range.is_some());
        if key.len() != wanted {
            return Err(invalid("The provided key element does not match the schema"));
        }
        self.key_of(key).map_err(|reason| {
            if reason.contains("Missing the key") {
                invalid("The provided key element does not match the schema")
            } else {
                invalid(reason)
            }
        })
    }

    fn key_attributes(&self, item: &Item) -> Item {
        std::iter::once(&self.hash)
            .chain(&self.range)
            .filter_map(|name| Some((name.clone(), item.get(name)?.clone())))
            .collect()
    }

    fn key_type(&self, name: &str) -> Option<&str> {
        self.description
            .get("AttributeDefinitions")?
            .as_array()?
            .iter()
            .find(|definition| definition.get("AttributeName").and_then(Value::as_str) == Some(name))?
            .get("AttributeType")?
            .as_str()
    }
}

/// What a writing request says besides the key.
struct Write {
    condition: Option<expression::Condition>,
    actions: Vec<Action>,
    returns: String,
    tells_old: bool,
}

impl Write {
    fn read(body: &Value) -> Result<Self, Failure> {
        if let Some(legacy) = ["Expected", "AttributeUpdates"]
            .iter()
            .find(|key| body.get(**key).is_some())
        {
            return Err(invalid(format!(
                "the sandbox's DynamoDB does not know the legacy parameter {legacy}"
            )));
        }
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        let placeholders = Placeholders::of(body);
        let condition = text("ConditionExpression")
            .map(|condition| expression::condition("ConditionExpression", condition, &placeholders))
            .transpose()
            .map_err(invalid)?;
        let actions = text("UpdateExpression")
            .map(|update| expression::update(update, &placeholders))
            .transpose()
            .map_err(invalid)?
            .unwrap_or_default();
        placeholders.check_all_used().map_err(invalid)?;
        Ok(Self {
            condition,
            actions,
            returns: text("ReturnValues").unwrap_or("NONE").to_owned(),
            tells_old: text("ReturnValuesOnConditionCheckFailure") == Some("ALL_OLD"),
        })
    }

    fn check(&self, old: Option<&Item>) -> Result<(), Failure> {
        let empty = Item::new();
        match &self.condition {
            Some(condition) if !evaluate::holds(condition, old.unwrap_or(&empty)) => {
                Err(Failure::condition(old.filter(|_| self.tells_old).cloned()))
            }
            _ => Ok(()),
        }
    }
}

fn path_of(action: &Action) -> &expression::Path {
    match action {
        Action::Set(path, _) | Action::Remove(path) | Action::Add(path, _) | Action::Delete(path, _) => path,
    }
}

fn check_item(item: &Item) -> Result<(), Failure> {
    item.values().try_for_each(value::check).map_err(invalid)?;
    if value::weight(item) > MAX_ITEM_BYTES {
        return Err(invalid("Item size has exceeded the maximum allowed size"));
    }
    Ok(())
}

fn projection(body: &Value, placeholders: &Placeholders<'_>) -> Result<Option<Vec<expression::Path>>, Failure> {
    body.get("ProjectionExpression")
        .and_then(Value::as_str)
        .map(|text| expression::projection(text, placeholders))
        .transpose()
        .map_err(invalid)
}

fn projected(item: &Item, paths: Option<&[expression::Path]>) -> Item {
    paths.map_or_else(|| item.clone(), |paths| evaluate::project(item, paths))
}

fn attributes(item: Option<Item>) -> Value {
    match item {
        Some(item) if !item.is_empty() => json!({ "Attributes": item }),
        _ => json!({}),
    }
}

fn order(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => value::compare(left, right).unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    }
}

fn missing(member: &str) -> Failure {
    invalid(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

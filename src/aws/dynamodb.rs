//! DynamoDB: consistent reads and conditional writes of single items, as plain data.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ReturnValue,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
};

use super::error::{AwsError, Kind};
use super::session::Session;

/// The value of an attribute; other types read as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A string.
    Text(String),
    /// A whole number.
    Number(u64),
    /// true or false.
    Boolean(bool),
}

/// An item by its attributes' names.
pub type Item = BTreeMap<String, Attribute>;

/// The key of one item in a table whose key is one string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemKey {
    /// The table.
    pub table: String,
    /// The key attribute's name.
    pub name: String,
    /// The key attribute's value.
    pub value: String,
}

/// One conditional write. Names in the expressions are written `#name`, values `:value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What to write.
    pub expression: String,
    /// What has to hold for it.
    pub condition: String,
    /// The names that the expressions use.
    pub names: Vec<String>,
    /// The values that the expressions use, without the colon.
    pub values: Vec<(String, Attribute)>,
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The condition held; the item as it is now.
    Done(Item),
    /// The condition did not hold; the item as it is, none if there is none.
    Refused(Option<Item>),
}

/// Reads one item, strongly consistent.
pub async fn get(session: &Session, key: &ItemKey) -> Result<Option<Item>, AwsError> {
    let answer = session
        .dynamodb()
        .get_item()
        .table_name(&key.table)
        .key(&key.name, AttributeValue::S(key.value.clone()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| AwsError::of("DynamoDB", "GetItem", error))?;
    Ok(answer.item.map(item))
}

/// Writes one item if the condition holds; atomic.
pub async fn update(session: &Session, key: &ItemKey, update: &Update) -> Result<Written, AwsError> {
    let mut call = session
        .dynamodb()
        .update_item()
        .table_name(&key.table)
        .key(&key.name, AttributeValue::S(key.value.clone()))
        .update_expression(&update.expression)
        .condition_expression(&update.condition)
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    for name in &update.names {
        // Every name goes through an alias: DynamoDB reserves hundreds of words.
        call = call.expression_attribute_names(format!("#{name}"), name);
    }
    for (name, value) in &update.values {
        call = call.expression_attribute_values(format!(":{name}"), value.clone().into());
    }
    match call.send().await {
        Ok(answer) => Ok(Written::Done(answer.attributes.map(item).unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Written::Refused(refused.item.clone().map(item)))
            }
            _ => Err(AwsError::of("DynamoDB", "UpdateItem", error)),
        },
    }
}

/// Makes a table with one string key, unless it exists. For the sandbox: elsewhere `bootstrap` makes it by CloudFormation.
pub async fn make_table(session: &Session, table: &str, key: &str) -> Result<(), AwsError> {
    let invalid = |error: aws_sdk_dynamodb::error::BuildError| AwsError {
        service: "DynamoDB",
        operation: "CreateTable",
        code: None,
        message: error.to_string(),
        request_id: None,
        kind: Kind::Validation,
    };
    let made = session
        .dynamodb()
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(key)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(invalid)?,
        )
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name(key)
                .key_type(KeyType::Hash)
                .build()
                .map_err(invalid)?,
        )
        .send()
        .await
        .map_err(|error| AwsError::of("DynamoDB", "CreateTable", error));
    match made {
        Err(error) if error.kind == Kind::Conflict => Ok(()),
        other => other.map(drop),
    }
}

fn item(attributes: HashMap<String, AttributeValue>) -> Item {
    attributes
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) => Attribute::Text(text),
                AttributeValue::N(number) => Attribute::Number(number.parse().ok()?),
                AttributeValue::Bool(value) => Attribute::Boolean(value),
                _ => return None,
            };
            Some((name, value))
        })
        .collect()
}

impl From<Attribute> for AttributeValue {
    fn from(value: Attribute) -> Self {
        match value {
            Attribute::Text(text) => Self::S(text),
            Attribute::Number(number) => Self::N(number.to_string()),
            Attribute::Boolean(value) => Self::Bool(value),
        }
    }
}

/// Whether a table exists.
pub async fn has_table(session: &Session, table: &str) -> Result<bool, AwsError> {
    let answer = session.dynamodb().describe_table().table_name(table).send().await;
    match answer.map_err(|error| AwsError::of("DynamoDB", "DescribeTable", error)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

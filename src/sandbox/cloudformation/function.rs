//! The intrinsic functions that need nothing but their arguments.

use serde_json::{Value, json};

/// What stands for a value that only the deployment will know, as `DescribeChangeSet` shows it.
pub(super) const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

pub(super) fn unknown(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(UNKNOWN))
}

/// A scalar as text; CloudFormation treats numbers and booleans as their strings.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(super) fn join(delimiter: &str, items: &Value) -> Result<Value, String> {
    if unknown(items) {
        return Ok(json!(UNKNOWN));
    }
    let Value::Array(items) = items else {
        return Err("Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.".to_owned());
    };
    let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
    let texts = texts.ok_or("Template error: every value of the list in Fn::Join must be a string")?;
    Ok(json!(texts.join(delimiter)))
}

pub(super) fn select(index: &Value, items: &Value) -> Result<Value, String> {
    if unknown(items) {
        return Ok(json!(UNKNOWN));
    }
    let index = scalar(index)
        .and_then(|text| text.trim().parse::<usize>().ok())
        .ok_or("Template error: every Fn::Select object requires a non-negative integer as its index")?;
    let Value::Array(items) = items else {
        return Err("Template error: every Fn::Select object requires a list as its second parameter".to_owned());
    };
    let picked = items.get(index).filter(|item| !item.is_null()).cloned();
    picked.ok_or(format!(
        "Template error: Fn::Select cannot select nonexistent value at index {index}"
    ))
}

pub(super) fn split(delimiter: &str, text: &Value) -> Result<Value, String> {
    if unknown(text) {
        return Ok(json!(UNKNOWN));
    }
    let text = scalar(text).ok_or("Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split")?;
    Ok(Value::Array(text.split(delimiter).map(|part| json!(part)).collect()))
}

/// `Fn::Cidr`: `count` blocks of `bits` host bits inside a block.
pub(super) fn cidr(block: &Value, count: &Value, bits: Option<&Value>) -> Result<Value, String> {
    if unknown(block) {
        return Ok(json!(UNKNOWN));
    }
    let wrong = || {
        "Template error: every Fn::Cidr object requires two parameters, (1) a CIDR block and (2) a count, and an optional number of subnet bits".to_owned()
    };
    let number = |value: &Value| scalar(value).and_then(|text| text.parse::<u32>().ok());
    let network: ipnet::IpNet = scalar(block).and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let count = number(count)
        .filter(|count| (1..=256).contains(count))
        .ok_or_else(wrong)?;
    let width: u32 = if network.addr().is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => number(bits).ok_or_else(wrong)?,
        None => 8,
    };
    let prefix = width
        .checked_sub(bits)
        .and_then(|prefix| u8::try_from(prefix).ok())
        .ok_or_else(wrong)?;
    let blocks = network.trunc().subnets(prefix).map_err(|_| wrong())?;
    let blocks: Vec<Value> = blocks
        .take(count as usize)
        .map(|block| json!(block.to_string()))
        .collect();
    if blocks.len() < count as usize {
        return Err(format!(
            "Template error: Fn::Cidr cannot make {count} blocks of {bits} bits from {network}"
        ));
    }
    Ok(Value::Array(blocks))
}

pub(super) fn base64(text: &Value) -> Result<Value, String> {
    use base64::Engine as _;
    if unknown(text) {
        return Ok(json!(UNKNOWN));
    }
    let text = scalar(text).ok_or("Template error: every Fn::Base64 object must have a String-typed value.")?;
    Ok(json!(base64::engine::general_purpose::STANDARD.encode(text)))
}

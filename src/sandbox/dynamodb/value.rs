//! Attribute values as they are on the wire (`{"S": "text"}`), and how they compare.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// An item: attribute names to attribute values.
pub(super) type Item = Map<String, Value>;

/// The type descriptor and what it holds.
pub(super) fn parts(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object()?;
    let mut entries = object.iter();
    let (kind, inner) = entries.next()?;
    entries.next().is_none().then_some((kind.as_str(), inner))
}

/// Whether two values are equal: of one type, numbers by value, sets and maps in any order.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    let (Some((left_kind, left_inner)), Some((right_kind, right_inner))) = (parts(left), parts(right)) else {
        return false;
    };
    if left_kind != right_kind {
        return false;
    }
    match (left_kind, left_inner, right_inner) {
        ("N", Value::String(left), Value::String(right)) => compare_numbers(left, right) == Ordering::Equal,
        ("SS" | "NS" | "BS", Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().all(|element| right.contains(element))
        }
        ("L", Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        ("M", Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => left_inner == right_inner,
    }
}

/// The order of two values; `None` when they are of different types or of a type without an order.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    let (left_kind, left_inner) = parts(left)?;
    let (right_kind, right_inner) = parts(right)?;
    if left_kind != right_kind {
        return None;
    }
    let (left, right) = (left_inner.as_str()?, right_inner.as_str()?);
    match left_kind {
        "S" => Some(left.as_bytes().cmp(right.as_bytes())),
        "N" => Some(compare_numbers(left, right)),
        "B" => Some(decoded(left).cmp(&decoded(right))),
        _ => None,
    }
}

/// `left + sign × right`; exact for integers.
pub(super) fn add(left: &str, right: &str, sign: i8) -> Option<String> {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return left
            .checked_add(right.checked_mul(i128::from(sign))?)
            .map(|sum| sum.to_string());
    }
    let (left, right): (f64, f64) = (left.parse().ok()?, right.parse().ok()?);
    let sum = left + f64::from(sign) * right;
    sum.is_finite().then(|| sum.to_string())
}

/// The size that the function `size` gives, in bytes or elements.
pub(super) fn size(value: &Value) -> Option<usize> {
    let (kind, inner) = parts(value)?;
    match (kind, inner) {
        ("S", Value::String(text)) => Some(text.len()),
        ("B", Value::String(text)) => Some(decoded(text).len()),
        (_, Value::Array(elements)) => Some(elements.len()),
        (_, Value::Object(entries)) => Some(entries.len()),
        _ => None,
    }
}

/// A rough count of an item's bytes, for the limit of 400 KB.
pub(super) fn weight(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_weight(value)).sum()
}

fn value_weight(value: &Value) -> usize {
    match parts(value) {
        Some(("S" | "B" | "N", Value::String(text))) => text.len(),
        Some((_, Value::Array(elements))) => {
            3 + elements
                .iter()
                .map(|element| element.as_str().map_or_else(|| value_weight(element), str::len))
                .sum::<usize>()
        }
        Some((_, Value::Object(entries))) => {
            3 + entries
                .iter()
                .map(|(name, value)| name.len() + value_weight(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}

/// Checks the shape of a value: exactly one known descriptor, numbers that are numbers, sets without repetition.
pub(super) fn check(value: &Value) -> Result<(), String> {
    let Some((kind, inner)) = parts(value) else {
        return Err("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned());
    };
    match (kind, inner) {
        ("S" | "B", Value::String(_)) | ("BOOL" | "NULL", Value::Bool(_)) => Ok(()),
        ("N", Value::String(text)) => check_number(text),
        ("SS" | "BS" | "NS", Value::Array(elements)) => {
            if elements.is_empty() {
                return Err(format!(
                    "One or more parameter values were invalid: An {} set may not be empty",
                    if kind == "SS" { "string" } else { "number" }
                ));
            }
            for (index, element) in elements.iter().enumerate() {
                if elements.iter().skip(index + 1).any(|other| other == element) {
                    return Err(
                        "One or more parameter values were invalid: Input collection contains duplicates.".to_owned(),
                    );
                }
            }
            Ok(())
        }
        ("L", Value::Array(elements)) => elements.iter().try_for_each(check),
        ("M", Value::Object(entries)) => entries.values().try_for_each(check),
        _ => Err("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned()),
    }
}

fn check_number(text: &str) -> Result<(), String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && !text.trim().is_empty() => Ok(()),
        _ => Err("The parameter cannot be converted to a numeric value: ".to_owned() + text),
    }
}

fn compare_numbers(left: &str, right: &str) -> Ordering {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return left.cmp(&right);
    }
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    number(left).partial_cmp(&number(right)).unwrap_or(Ordering::Less)
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap_or_default()
}

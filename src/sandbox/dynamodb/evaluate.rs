//! What conditions, updates and projections mean for an item.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::expression::{Action, Condition, Operand, Path, Step, Term};
use super::value::{self, Item};

/// Whether `item` fulfils `condition`; an item that does not exist is empty.
pub(super) fn holds(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::Or(left, right) => holds(left, item) || holds(right, item),
        Condition::And(left, right) => holds(left, item) && holds(right, item),
        Condition::Not(inner) => !holds(inner, item),
        Condition::Exists(path) => at(item, path).is_some(),
        Condition::NotExists(path) => at(item, path).is_none(),
        Condition::Compare(left, comparator, right) => match (operand(left, item), operand(right, item)) {
            (Some(left), Some(right)) => compares(&left, comparator, &right),
            // A comparison with something that is not there is false, except that it is unequal to anything.
            _ => comparator == "<>",
        },
        Condition::Between(middle, low, high) => {
            match (operand(middle, item), operand(low, item), operand(high, item)) {
                (Some(middle), Some(low), Some(high)) => {
                    compares(&middle, ">=", &low) && compares(&middle, "<=", &high)
                }
                _ => false,
            }
        }
        Condition::In(left, choices) => operand(left, item).is_some_and(|left| {
            choices
                .iter()
                .any(|choice| operand(choice, item).is_some_and(|choice| value::equal(&left, &choice)))
        }),
        Condition::IsOfType(path, kind) => {
            let kind = operand(kind, item);
            let wanted = kind
                .as_ref()
                .and_then(value::parts)
                .and_then(|(_, inner)| inner.as_str());
            at(item, path)
                .and_then(value::parts)
                .is_some_and(|(kind, _)| Some(kind) == wanted)
        }
        Condition::BeginsWith(path, prefix) => match (at(item, path), operand(prefix, item)) {
            (Some(text), Some(prefix)) => match (value::parts(text), value::parts(&prefix)) {
                (Some((left, Value::String(text))), Some((right, Value::String(prefix)))) => {
                    left == right && text.starts_with(prefix.as_str())
                }
                _ => false,
            },
            _ => false,
        },
        Condition::Contains(path, part) => match (at(item, path), operand(part, item)) {
            (Some(whole), Some(part)) => contains(whole, &part),
            _ => false,
        },
    }
}

/// Applies `actions` to `item`. All right sides are evaluated against the item as it was before.
///
/// # Errors
/// AWS's sentence when an operand has the wrong type or a path leads nowhere.
pub(super) fn apply(actions: &[Action], item: &mut Item) -> Result<(), String> {
    let before = item.clone();
    for action in actions {
        match action {
            Action::Set(path, term) => put(item, path, evaluate(term, &before)?)?,
            Action::Remove(path) => remove(item, path),
            Action::Add(path, amount) => {
                let sum = sum_of(at(&before, path), amount)?;
                put(item, path, sum)?;
            }
            Action::Delete(path, elements) => take_from_set(item, &before, path, elements)?,
        }
    }
    Ok(())
}

/// The parts of `item` that `paths` name.
pub(super) fn project(item: &Item, paths: &[Path]) -> Item {
    let mut projected = Item::new();
    for path in paths {
        if let (Some(Step::Field(name)), Some(found)) = (path.first(), at(item, path)) {
            let nested = path.iter().skip(1).rev().fold(found.clone(), |inner, step| match step {
                Step::Field(name) => json!({ "M": { name.as_str(): inner } }),
                Step::Index(_) => json!({ "L": [inner] }),
            });
            match projected.get_mut(name) {
                Some(existing) => merge(existing, nested),
                None => {
                    projected.insert(name.clone(), nested);
                }
            }
        }
    }
    projected
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(existing) => merge(existing, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        _ => {}
    }
}

fn operand(operand: &Operand, item: &Item) -> Option<Value> {
    match operand {
        Operand::Value(value) => Some(value.clone()),
        Operand::Path(path) => at(item, path).cloned(),
        Operand::Size(path) => at(item, path)
            .and_then(value::size)
            .map(|size| json!({ "N": size.to_string() })),
    }
}

fn compares(left: &Value, comparator: &str, right: &Value) -> bool {
    match comparator {
        "=" => value::equal(left, right),
        "<>" => !value::equal(left, right),
        _ => value::compare(left, right).is_some_and(|order| match comparator {
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            _ => order != Ordering::Less,
        }),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (value::parts(whole), value::parts(part)) {
        (Some(("S", Value::String(whole))), Some(("S", Value::String(part)))) => whole.contains(part.as_str()),
        (Some(("L", Value::Array(elements))), _) => elements.iter().any(|element| value::equal(element, part)),
        (Some(("SS" | "NS" | "BS", Value::Array(elements))), Some((_, part))) => elements.contains(part),
        _ => false,
    }
}

fn at<'a>(item: &'a Item, path: &[Step]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let Step::Field(name) = first else { return None };
    rest.iter()
        .try_fold(item.get(name)?, |value, step| match (step, value::parts(value)?) {
            (Step::Field(name), ("M", Value::Object(entries))) => entries.get(name),
            (Step::Index(index), ("L", Value::Array(elements))) => elements.get(*index),
            _ => None,
        })
}

fn evaluate(term: &Term, item: &Item) -> Result<Value, String> {
    match term {
        Term::Operand(source) => operand(source, item)
            .ok_or_else(|| "The provided expression refers to an attribute that does not exist in the item".to_owned()),
        Term::IfNotExists(path, otherwise) => match at(item, path) {
            Some(value) => Ok(value.clone()),
            None => evaluate(otherwise, item),
        },
        Term::ListAppend(first, second) => {
            let (first, second) = (evaluate(first, item)?, evaluate(second, item)?);
            match (value::parts(&first), value::parts(&second)) {
                (Some(("L", Value::Array(first))), Some(("L", Value::Array(second)))) => {
                    let all: Vec<Value> = first.iter().chain(second).cloned().collect();
                    Ok(json!({ "L": all }))
                }
                _ => Err(WRONG_TYPE.to_owned()),
            }
        }
        Term::Sum(left, sign, right) => {
            let (left, right) = (evaluate(left, item)?, evaluate(right, item)?);
            number_sum(&left, &right, *sign)
        }
    }
}

fn number_sum(left: &Value, right: &Value, sign: i8) -> Result<Value, String> {
    match (value::parts(left), value::parts(right)) {
        (Some(("N", Value::String(left))), Some(("N", Value::String(right)))) => value::add(left, right, sign)
            .map(|sum| json!({ "N": sum }))
            .ok_or_else(|| {
                "Number overflow. Attempting to store a number with magnitude larger than supported range".to_owned()
            }),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

fn sum_of(existing: Option<&Value>, amount: &Value) -> Result<Value, String> {
    let Some(existing) = existing else {
        return match value::parts(amount) {
            Some(("N" | "SS" | "NS" | "BS", _)) => Ok(amount.clone()),
            _ => Err(WRONG_TYPE.to_owned()),
        };
    };
    match (value::parts(existing), value::parts(amount)) {
        (Some(("N", _)), _) => number_sum(existing, amount, 1),
        (Some((kind, Value::Array(old))), Some((other, Value::Array(new)))) if kind == other && kind != "L" => {
            let mut all = old.clone();
            all.extend(new.iter().filter(|element| !old.contains(element)).cloned());
            Ok(json!({ kind: all }))
        }
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

fn take_from_set(item: &mut Item, before: &Item, path: &Path, elements: &Value) -> Result<(), String> {
    let Some(existing) = at(before, path) else {
        return Ok(());
    };
    match (value::parts(existing), value::parts(elements)) {
        (Some((kind @ ("SS" | "NS" | "BS"), Value::Array(old))), Some((other, Value::Array(gone))))
            if kind == other =>
        {
            let left: Vec<Value> = old.iter().filter(|element| !gone.contains(element)).cloned().collect();
            if left.is_empty() {
                remove(item, path);
                return Ok(());
            }
            put(item, path, json!({ kind: left }))
        }
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

fn put(item: &mut Item, path: &Path, value: Value) -> Result<(), String> {
    let (last, parents) = path.split_last().ok_or_else(|| NO_PATH.to_owned())?;
    if parents.is_empty() {
        if let Step::Field(name) = last {
            item.insert(name.clone(), value);
        }
        return Ok(());
    }
    let parent = at_mut(item, parents).ok_or_else(|| NO_PATH.to_owned())?;
    match last {
        Step::Field(name) => {
            if let Some(Value::Object(entries)) = parent.get_mut("M") {
                entries.insert(name.clone(), value);
                return Ok(());
            }
        }
        Step::Index(index) => {
            if let Some(Value::Array(elements)) = parent.get_mut("L") {
                match elements.get_mut(*index) {
                    Some(place) => *place = value,
                    // An index beyond the end appends.
                    None => elements.push(value),
                }
                return Ok(());
            }
        }
    }
    Err(NO_PATH.to_owned())
}

fn remove(item: &mut Item, path: &Path) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    if parents.is_empty() {
        if let Step::Field(name) = last {
            item.shift_remove(name);
        }
        return;
    }
    let Some(parent) = at_mut(item, parents) else { return };
    match last {
        Step::Field(name) => {
            if let Some(Value::Object(entries)) = parent.get_mut("M") {
                entries.shift_remove(name);
            }
        }
        Step::Index(index) => {
            if let Some(Value::Array(elements)) = parent.get_mut("L")
                && *index < elements.len()
            {
                elements.remove(*index);
            }
        }
    }
}

fn at_mut<'a>(item: &'a mut Item, path: &[Step]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    let Step::Field(name) = first else { return None };
    rest.iter().try_fold(item.get_mut(name)?, |value, step| match step {
        Step::Field(name) => value.get_mut("M")?.get_mut(name),
        Step::Index(index) => value.get_mut("L")?.get_mut(*index),
    })
}

const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";
const NO_PATH: &str = "The document path provided in the update expression is invalid for update";

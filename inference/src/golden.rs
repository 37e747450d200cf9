//! Golden answers: requests whose answers are known from where the model was trained. They are asked before anything
//! is served, because a model that was exported in a way that is read differently here gives wrong answers, not
//! errors.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::Model;
use crate::rows::Reader;

/// How far a number may be from the golden one.
pub const TOLERANCE: f64 = 1e-5;

/// A request and its answer.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// What the case is called, for messages.
    pub name: String,
    /// For each input its rows.
    pub inputs: Map<String, Value>,
    /// For each output its rows.
    pub outputs: Map<String, Value>,
}

/// Asks every golden request.
///
/// # Errors
/// The first answer that is not the golden one, or what is wrong with the file.
pub fn check(model: &Model, text: &[u8]) -> Result<(), String> {
    let cases: Vec<Case> =
        serde_json::from_slice(text).map_err(|error| format!("its golden answers cannot be read: {error}"))?;
    for case in cases {
        let mut reader = Reader::new(&model.manifest);
        for row in 0.. {
            let mut instance = Map::new();
            for (name, rows) in &case.inputs {
                if let Some(value) = rows.get(row) {
                    instance.insert(name.clone(), value.clone());
                }
            }
            if instance.is_empty() {
                break;
            }
            reader
                .push_json(&Value::Object(instance))
                .map_err(|reason| format!("the golden request `{}`, row {row}: {reason}", case.name))?;
        }
        let answers = model
            .run(reader.finish())
            .map_err(|reason| format!("the golden request `{}`: {reason}", case.name))?;
        for (port, answer) in model.manifest.outputs.iter().zip(&answers) {
            let Some(golden) = case.outputs.get(&port.name).and_then(Value::as_array) else {
                continue;
            };
            if golden.len() != answer.rows {
                return Err(format!(
                    "the golden answer `{}` has {} rows, not {}",
                    case.name,
                    golden.len(),
                    answer.rows
                ));
            }
            for (row, expected) in golden.iter().enumerate() {
                // Through the text, so that 0.1 in 32 bits is not told as 0.10000000149011612.
                let given: Value = serde_json::to_string(&answer.row(row))
                    .and_then(|text| serde_json::from_str(&text))
                    .map_err(|error| error.to_string())?;
                if !agrees(expected, &given) {
                    return Err(format!(
                        "asked the golden request `{}`, row {row}, it answers {} = {given}, not {expected}",
                        case.name, port.name
                    ));
                }
            }
        }
    }
    Ok(())
}

fn agrees(expected: &Value, given: &Value) -> bool {
    match (expected, given) {
        (Value::Array(expected), Value::Array(given)) => {
            expected.len() == given.len()
                && expected
                    .iter()
                    .zip(given)
                    .all(|(expected, given)| agrees(expected, given))
        }
        (Value::Number(expected), Value::Number(given)) => match (expected.as_f64(), given.as_f64()) {
            (Some(expected), Some(given)) => (expected - given).abs() <= TOLERANCE * expected.abs().max(1.0),
            _ => false,
        },
        _ => expected == given,
    }
}

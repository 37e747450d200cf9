//! The readers of what mlinfra and its sandbox keep: state, history, marks of applied plans, lists of faults.

use mlinfra::sandbox::{Fault, parse_faults};
use mlinfra::state::{AppliedPlan, OperationRecord, State};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::engine::{Answer, Reader, mark};
use super::grammar;

/// `state.json`, `history/ID.json` and `plans/ID.applied`.
pub fn records() -> Reader {
    Reader {
        name: "records",
        seeds: Vec::new(),
        words: &[
            "\"version\": 1",
            "\"version\": 4294967296",
            "\"generation\":",
            "\"stacks\":",
            "\"operation\":",
            "null",
            "{}",
            "[]",
            "\"succeeded\"",
            "\"not_started\"",
            "-1",
            "1e999",
            "\\ud800",
        ],
        grammar: grammar::json().boxed(),
        check: |text| {
            Ok([
                kept::<State>(text)?,
                kept::<OperationRecord>(text)?,
                kept::<AppliedPlan>(text)?,
            ]
            .concat())
        },
    }
}

/// Lists of faults for the sandbox.
pub fn faults() -> Reader {
    Reader {
        name: "faults",
        seeds: Vec::new(),
        words: &[
            "[[fault]]",
            "resource =",
            "service =",
            "throttle = { every = 3 }",
            "on = \"create\"",
            "error = {",
            "nth = 0",
            "times =",
        ],
        grammar: grammar::contract().boxed(),
        check: |text| {
            let read = |text: &str| -> Result<Vec<Fault>, String> { parse_faults(text) };
            let (first, second) = (read(text), read(text));
            if first != second {
                return Err("the faults differ when read twice".to_owned());
            }
            Ok(match first {
                Ok(faults) => vec![mark("faults"), faults.len() as u64],
                Err(why) if why.trim().is_empty() => return Err("refused without a reason".to_owned()),
                Err(why) => vec![mark(why.lines().last().unwrap_or_default())],
            })
        },
    }
}

/// What is read is written and read again as the same.
fn kept<T: DeserializeOwned + Serialize + PartialEq>(text: &str) -> Result<Answer, String> {
    match serde_json::from_str::<T>(text) {
        Ok(record) => {
            let written = serde_json::to_string(&record).map_err(|error| error.to_string())?;
            let again: T = serde_json::from_str(&written).map_err(|error| format!("cannot be read again: {error}"))?;
            if again != record {
                return Err("differs when written and read again".to_owned());
            }
            Ok(vec![mark(std::any::type_name::<T>())])
        }
        Err(why) => Ok(vec![mark(why.to_string().split(" at line").next().unwrap_or_default())]),
    }
}

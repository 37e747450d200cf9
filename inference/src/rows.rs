//! Rows as people send them, in JSON and CSV, into the tensors that the model takes, and answers back.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::manifest::{Manifest, Port};
use crate::tensor::{Tensor, Values};

/// Collects rows until a model is asked. A row that is refused leaves nothing behind.
pub struct Reader<'a> {
    manifest: &'a Manifest,
    tensors: Vec<Tensor>,
    /// Where the fields of a CSV record go, when a header said so.
    order: Option<Vec<usize>>,
}

impl<'a> Reader<'a> {
    /// Nothing collected yet.
    pub fn new(manifest: &'a Manifest) -> Self {
        Self {
            manifest,
            tensors: manifest.inputs.iter().map(empty).collect(),
            order: None,
        }
    }

    /// How many rows were collected.
    pub fn rows(&self) -> usize {
        self.tensors.first().map_or(0, |tensor| tensor.rows)
    }

    /// What was collected: one tensor for each input.
    pub fn finish(self) -> Vec<Tensor> {
        self.tensors
    }

    /// Adds a row: a list of values, an object by the names of columns, or an object by the names of inputs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push_json(&mut self, row: &Value) -> Result<(), String> {
        let mut parts = Vec::with_capacity(self.tensors.len());
        for port in &self.manifest.inputs {
            let mut values = Values::empty(port.datatype);
            match row {
                Value::Object(fields) if fields.contains_key(&port.name) => {
                    known(fields, self.manifest.inputs.iter().map(|port| &port.name))?;
                    fill(
                        &mut values,
                        fields.get(&port.name).unwrap_or(&Value::Null),
                        &port.row_shape(),
                    )?;
                }
                Value::Object(fields) if self.manifest.inputs.len() == 1 && !port.columns.is_empty() => {
                    known(fields, port.columns.iter())?;
                    for column in &port.columns {
                        let value = fields.get(column).ok_or_else(|| format!("`{column}` is missing"))?;
                        values
                            .push_json(value)
                            .map_err(|reason| format!("`{column}`: {reason}"))?;
                    }
                }
                Value::Object(_) => {
                    return Err(format!(
                        "`{}` is missing; the model takes {}",
                        port.name,
                        self.expected()
                    ));
                }
                _ if self.manifest.inputs.len() == 1 => fill(&mut values, row, &port.row_shape())?,
                _ => return Err(format!("a row must be an object with {}", self.expected())),
            }
            parts.push(values);
        }
        self.push(parts);
        Ok(())
    }

    /// Adds a CSV record: the elements of all inputs, in the order of the manifest or of the header.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn push_csv(&mut self, record: &csv::StringRecord) -> Result<(), String> {
        let wanted: usize = self.manifest.inputs.iter().map(Port::row_length).sum();
        if record.len() != wanted {
            return Err(format!(
                "{} fields, and the model takes {wanted}: {}",
                record.len(),
                self.expected()
            ));
        }
        let mut parts = Vec::with_capacity(self.tensors.len());
        let mut next = 0;
        for port in &self.manifest.inputs {
            let mut values = Values::empty(port.datatype);
            for element in 0..port.row_length() {
                let field = self
                    .order
                    .as_ref()
                    .and_then(|order| order.get(next).copied())
                    .unwrap_or(next);
                values
                    .push_text(record.get(field).unwrap_or_default())
                    .map_err(|reason| {
                        let column = port
                            .columns
                            .get(element)
                            .map_or_else(|| port.name.clone(), Clone::clone);
                        format!("field {} (`{column}`): {reason}", field + 1)
                    })?;
                next += 1;
            }
            parts.push(values);
        }
        self.push(parts);
        Ok(())
    }

    /// Whether the first record of a CSV file is a header: the names of all columns, in any order. The records after
    /// it are read in that order.
    pub fn header(&mut self, record: &csv::StringRecord) -> bool {
        let columns: Vec<&String> = self.manifest.inputs.iter().flat_map(|port| &port.columns).collect();
        if columns.is_empty() || columns.len() != record.len() {
            return false;
        }
        let order: Option<Vec<usize>> = columns
            .iter()
            .map(|column| record.iter().position(|field| field.trim() == column.as_str()))
            .collect();
        let found = order.is_some();
        self.order = order;
        found
    }

    fn push(&mut self, parts: Vec<Values>) {
        for (tensor, part) in self.tensors.iter_mut().zip(parts) {
            tensor.extend_row(part);
        }
    }

    /// What a row holds, in words.
    fn expected(&self) -> String {
        let ports: Vec<String> = self
            .manifest
            .inputs
            .iter()
            .map(|port| {
                let columns = if port.columns.is_empty() {
                    String::new()
                } else {
                    format!(": {}", port.columns.join(", "))
                };
                format!(
                    "`{}` ({} {:?}{columns})",
                    port.name,
                    port.datatype.name(),
                    port.row_shape()
                )
            })
            .collect();
        ports.join(" and ")
    }
}

/// A row of an answer as a JSON object: each output by its name.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    manifest: &'a Manifest,
    answers: &'a [Tensor],
    row: usize,
}

impl<'a> Answer<'a> {
    /// The row of that number, of one tensor for each output.
    pub fn new(manifest: &'a Manifest, answers: &'a [Tensor], row: usize) -> Self {
        Self { manifest, answers, row }
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.manifest.outputs.iter().zip(self.answers);
        serializer.collect_map(fields.map(|(port, answer)| (&port.name, answer.row(self.row))))
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// A row of an answer as the fields of a CSV record: the elements of all outputs.
pub fn answer_fields(answers: &[Tensor], row: usize) -> Vec<String> {
    let elements = |answer: &Tensor| {
        let length = answer.row_length();
        (row * length..(row + 1) * length)
            .map(|index| answer.values.text(index))
            .collect::<Vec<_>>()
    };
    answers.iter().flat_map(elements).collect()
}

/// A tensor without rows.
pub fn empty(port: &Port) -> Tensor {
    Tensor {
        rows: 0,
        row_shape: port.row_shape(),
        values: Values::empty(port.datatype),
    }
}

/// Takes a nested list of the given shape apart.
fn fill(values: &mut Values, value: &Value, shape: &[usize]) -> Result<(), String> {
    match (shape.split_first(), value) {
        (None, Value::Array(items)) if items.len() == 1 => values.push_json(items.first().unwrap_or(&Value::Null)),
        (None, _) => values.push_json(value),
        (Some((&length, inner)), Value::Array(items)) => {
            if items.len() != length {
                return Err(format!("a list of {} where the model takes {length}", items.len()));
            }
            for (index, item) in items.iter().enumerate() {
                fill(values, item, inner).map_err(|reason| format!("element {index}: {reason}"))?;
            }
            Ok(())
        }
        (Some((length, _)), _) => Err(format!("not a list, and the model takes one of {length}")),
    }
}

fn known<'n>(fields: &Map<String, Value>, names: impl Iterator<Item = &'n String> + Clone) -> Result<(), String> {
    match fields.keys().find(|field| !names.clone().any(|name| name == *field)) {
        Some(field) => Err(format!(
            "`{}` is not known; the model takes {}",
            crate::tensor::shortened(field),
            names.cloned().collect::<Vec<_>>().join(", ")
        )),
        None => Ok(()),
    }
}

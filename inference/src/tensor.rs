//! Tensors as the protocols see them: a shape and a flat list of values, whose first dimension counts rows.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::manifest::Datatype;

/// The elements of a tensor, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floating point.
    Fp32(Vec<f32>),
    /// 64-bit floating point.
    Fp64(Vec<f64>),
    /// 32-bit integers.
    Int32(Vec<i32>),
    /// 64-bit integers.
    Int64(Vec<i64>),
    /// Text.
    Bytes(Vec<String>),
}

/// A tensor with rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// How many rows.
    pub rows: usize,
    /// The lengths of the other dimensions.
    pub row_shape: Vec<usize>,
    /// All elements.
    pub values: Values,
}

/// Does the same with whichever list of values there is.
macro_rules! each {
    ($values:expr, $list:ident => $result:expr) => {
        match $values {
            Values::Fp32($list) => $result,
            Values::Fp64($list) => $result,
            Values::Int32($list) => $result,
            Values::Int64($list) => $result,
            Values::Bytes($list) => $result,
        }
    };
}

impl Values {
    /// An empty list of a type.
    pub fn empty(datatype: Datatype) -> Self {
        match datatype {
            Datatype::Fp32 => Self::Fp32(Vec::new()),
            Datatype::Fp64 => Self::Fp64(Vec::new()),
            Datatype::Int32 => Self::Int32(Vec::new()),
            Datatype::Int64 => Self::Int64(Vec::new()),
            Datatype::Bytes => Self::Bytes(Vec::new()),
        }
    }

    /// The type of the elements.
    pub fn datatype(&self) -> Datatype {
        match self {
            Self::Fp32(_) => Datatype::Fp32,
            Self::Fp64(_) => Datatype::Fp64,
            Self::Int32(_) => Datatype::Int32,
            Self::Int64(_) => Datatype::Int64,
            Self::Bytes(_) => Datatype::Bytes,
        }
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        each!(self, list => list.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an element from JSON.
    ///
    /// # Errors
    /// What the element is instead of what it should be.
    pub fn push_json(&mut self, value: &Value) -> Result<(), String> {
        match self {
            Self::Fp32(list) => list.push(fp32(number(value)?)?),
            Self::Fp64(list) => list.push(number(value)?),
            Self::Int32(list) => {
                let whole = whole(value)?;
                list.push(i32::try_from(whole).map_err(|_| format!("{whole} does not fit into INT32"))?);
            }
            Self::Int64(list) => list.push(whole(value)?),
            Self::Bytes(list) => {
                list.push(
                    value
                        .as_str()
                        .ok_or_else(|| format!("{} is not text", kind(value)))?
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    /// Adds an element from the text of a CSV field.
    ///
    /// # Errors
    /// What the field is instead of what it should be.
    pub fn push_text(&mut self, text: &str) -> Result<(), String> {
        fn read<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
            text.trim()
                .parse()
                .map_err(|_| format!("`{}` is not {what}", shortened(text)))
        }
        match self {
            Self::Fp32(list) => list.push(fp32(finite(read(text, "a number")?)?)?),
            Self::Fp64(list) => list.push(finite(read(text, "a number")?)?),
            Self::Int32(list) => list.push(read(text, "a whole number (INT32)")?),
            Self::Int64(list) => list.push(read(text, "a whole number (INT64)")?),
            Self::Bytes(list) => list.push(text.to_owned()),
        }
        Ok(())
    }

    /// An element as text for CSV.
    pub fn text(&self, index: usize) -> String {
        each!(self, list => list.get(index).map(ToString::to_string).unwrap_or_default())
    }

    /// Moves the elements of another list of the same type behind these; of another type nothing is moved.
    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Fp32(list), Self::Fp32(mut more)) => list.append(&mut more),
            (Self::Fp64(list), Self::Fp64(mut more)) => list.append(&mut more),
            (Self::Int32(list), Self::Int32(mut more)) => list.append(&mut more),
            (Self::Int64(list), Self::Int64(mut more)) => list.append(&mut more),
            (Self::Bytes(list), Self::Bytes(mut more)) => list.append(&mut more),
            _ => {}
        }
    }

    /// The first `count` elements; the rest stays.
    fn take_front(&mut self, count: usize) -> Self {
        fn front<T>(list: &mut Vec<T>, count: usize) -> Vec<T> {
            let rest = list.split_off(count.min(list.len()));
            std::mem::replace(list, rest)
        }
        match self {
            Self::Fp32(list) => Self::Fp32(front(list, count)),
            Self::Fp64(list) => Self::Fp64(front(list, count)),
            Self::Int32(list) => Self::Int32(front(list, count)),
            Self::Int64(list) => Self::Int64(front(list, count)),
            Self::Bytes(list) => Self::Bytes(front(list, count)),
        }
    }
}

impl Tensor {
    /// The whole shape, rows first.
    pub fn shape(&self) -> Vec<usize> {
        std::iter::once(self.rows)
            .chain(self.row_shape.iter().copied())
            .collect()
    }

    /// How many elements a row has.
    pub fn row_length(&self) -> usize {
        self.row_shape.iter().product()
    }

    /// Adds the elements of a row.
    pub fn extend_row(&mut self, row: Values) {
        self.values.append(row);
        self.rows += 1;
    }

    /// A row, to be written as JSON: a plain value where a row is one, else nested lists.
    pub fn row(&self, row: usize) -> Nested<'_> {
        Nested {
            values: &self.values,
            shape: &self.row_shape,
            offset: row * self.row_length(),
        }
    }
}

/// Puts the rows of several requests one behind the other: one tensor for each input. All have the same inputs, as
/// the model's manifest asks of each request.
pub fn join(requests: Vec<Vec<Tensor>>) -> Vec<Tensor> {
    let mut requests = requests.into_iter();
    let mut joined = requests.next().unwrap_or_default();
    for request in requests {
        for (whole, part) in joined.iter_mut().zip(request) {
            whole.rows += part.rows;
            whole.values.append(part.values);
        }
    }
    joined
}

/// Takes the first rows off every tensor: the answer to the first of several joined requests.
pub fn split_front(tensors: &mut [Tensor], rows: usize) -> Vec<Tensor> {
    tensors
        .iter_mut()
        .map(|tensor| {
            let taken = rows.min(tensor.rows);
            tensor.rows -= taken;
            Tensor {
                rows: taken,
                row_shape: tensor.row_shape.clone(),
                values: tensor
                    .values
                    .take_front(taken * tensor.row_shape.iter().product::<usize>()),
            }
        })
        .collect()
}

/// A part of a tensor as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Nested<'a> {
    values: &'a Values,
    shape: &'a [usize],
    offset: usize,
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape.split_first() {
            // Null past the end, as for what JSON has no number for.
            None => each!(self.values, list => list.get(self.offset).serialize(serializer)),
            Some((&length, shape)) => {
                let stride: usize = shape.iter().product();
                serializer.collect_seq((0..length).map(|index| Self {
                    values: self.values,
                    shape,
                    offset: self.offset + index * stride,
                }))
            }
        }
    }
}

/// All elements in one list.
impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        each!(self, list => list.serialize(serializer))
    }
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{} is not a number", kind(value)))
}

fn whole(value: &Value) -> Result<i64, String> {
    value
        .as_i64()
        .ok_or_else(|| format!("{} is not a whole number of 64 bits", kind(value)))
}

fn finite(value: f64) -> Result<f64, String> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(format!("{value} is not a finite number"))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to 32 bits is what FP32 asks for; the range is checked"
)]
fn fp32(value: f64) -> Result<f32, String> {
    let rounded = value as f32;
    if rounded.is_finite() {
        Ok(rounded)
    } else {
        Err(format!("{value} does not fit into FP32"))
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("\"{}\"", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// At most 40 letters of what somebody sent.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

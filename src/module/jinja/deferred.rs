//! The output of a stack that may not exist yet, as templates see it.

use std::cmp::Ordering;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind};

use super::super::typing::{Takes, Wire};
use super::{DEFERRED, intrinsic};

/// It can be written out and asked whether it is there; whatever needs the value itself is an error. A list whose
/// length is known can be looped over: its items are such values again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deferred {
    parameter: String,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    One,
    /// An item of the list that the parameter carries.
    Item(usize),
    /// A list, and how many items it has if that is known.
    List(Option<usize>),
}

impl Deferred {
    pub(super) fn value(wire: &Wire, length: Option<usize>) -> Value {
        Value::from_object(Self {
            parameter: wire.parameter.clone(),
            shape: match wire.takes {
                Takes::List => Shape::List(length),
                _ => Shape::One,
            },
        })
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.shape, Shape::List(_))
    }

    /// How many items it has, if it is a list of which that is known.
    pub(super) fn length(&self) -> Option<usize> {
        match self.shape {
            Shape::List(length) => length,
            _ => None,
        }
    }

    pub(super) fn error(&self) -> Error {
        Error::new(ErrorKind::InvalidOperation, self.mark())
    }

    /// What CloudFormation reads in its place.
    pub(super) fn written(&self) -> Value {
        let reference = intrinsic("Ref", Value::from(self.parameter.as_str()));
        match self.shape {
            Shape::Item(index) => intrinsic("Fn::Select", Value::from(vec![Value::from(index), reference])),
            // A parameter cannot carry a list without items: its empty text is one empty item.
            Shape::List(Some(0)) => Value::from(Vec::<Value>::new()),
            _ => reference,
        }
    }

    fn mark(&self) -> String {
        format!("{DEFERRED}{}{DEFERRED}", self.parameter)
    }

    fn item(&self, index: usize) -> Value {
        Value::from_object(Self {
            parameter: self.parameter.clone(),
            shape: Shape::Item(index),
        })
    }
}

impl Object for Deferred {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.length() {
            Some(_) => ObjectRepr::Seq,
            None => ObjectRepr::Iterable,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (self.length(), key.as_usize()) {
            (None, _) => Some(Value::from(self.error())),
            (Some(length), Some(index)) if index < length => Some(self.item(index)),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.length() {
            Some(length) => Enumerator::Seq(length),
            None => Enumerator::Values(vec![Value::from(self.error())]),
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        self.length()
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.length() != Some(0)
    }

    /// Which value it is can be told apart, not what it is: `unique` and `sort` keep every item.
    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(Self::cmp(self, other.downcast_ref::<Self>()?))
    }

    /// Concatenation cannot fail, so it gets a text that the formatter refuses.
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.mark())
    }
}

/// The parameter whose value was needed, from the detail of an error or a text that was made of it.
pub(in crate::module) fn deferred_parameter(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(DEFERRED)?;
    rest.split_once(DEFERRED).map(|(parameter, _)| parameter)
}

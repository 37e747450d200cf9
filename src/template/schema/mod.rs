//! The public resource provider schemas of all AWS types, embedded; only the types that are asked for get unpacked.

use serde_json::Value;

mod store;
#[cfg(test)]
mod tests;

pub use store::{get, origin, type_names};

/// What a type's properties, attributes and updates are.
#[derive(Debug)]
pub struct ResourceSchema {
    name: String,
    json: Value,
}

/// What a change to a property does to the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Update {
    /// The resource is changed where it is.
    InPlace,
    /// Depends on the old and new values, or on which part of the property changes.
    Conditional,
    /// A new resource is made and the old one deleted.
    Replace,
}

impl ResourceSchema {
    /// `AWS::EC2::VPC`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema as in the registry, without prose: `properties`, `definitions`, `required`, …
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What changing the property at `property_path` does; list indices may stand in the path
    /// (`["NetworkInterfaces", "0", "SubnetId"]`).
    ///
    /// From `createOnlyProperties` and `conditionalCreateOnlyProperties`, which the registry defines as "can be set only
    /// when creating" and "replaced under conditions". Changing a whole mapping that merely contains such a property
    /// is [`Update::Conditional`].
    pub fn replacement(&self, property_path: &[&str]) -> Update {
        let of = |key: &str, update: Update| {
            self.pointers(key)
                .map(move |pointer| match overlap(&pointer, property_path) {
                    Overlap::None => Update::InPlace,
                    Overlap::Inside => update,
                    Overlap::Contains => Update::Conditional,
                })
                .max()
                .unwrap_or(Update::InPlace)
        };
        of("createOnlyProperties", Update::Replace).max(of("conditionalCreateOnlyProperties", Update::Conditional))
    }

    /// The properties that only AWS sets, dotted: `Arn`, `Endpoint.Address`. Parts of list items are left out.
    pub fn read_only(&self) -> Vec<String> {
        self.dotted("readOnlyProperties")
    }

    /// What `Fn::GetAtt` may name. Mostly the read-only properties; for some types the documentation allows others too.
    pub fn attributes(&self) -> Vec<String> {
        match self.json.get("attributes").and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => self.read_only(),
        }
    }

    /// Whether `Fn::GetAtt` may name `attribute`; also for types whose attributes have open names.
    pub fn has_attribute(&self, attribute: &str) -> bool {
        if has_open_attributes(&self.name) {
            return attribute.starts_with("Outputs.") || self.read_only().iter().any(|name| name == attribute);
        }
        self.attributes().iter().any(|name| name == attribute)
    }

    /// The properties that cannot be read back, dotted.
    pub fn write_only(&self) -> Vec<String> {
        self.dotted("writeOnlyProperties")
    }

    /// The properties that together identify a resource, dotted; `Ref` mostly gives the first one.
    pub fn primary_identifier(&self) -> Vec<String> {
        self.dotted("primaryIdentifier")
    }

    /// The properties that must be given.
    pub fn required(&self) -> Vec<String> {
        let required = self.json.get("required").and_then(Value::as_array);
        required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    /// The property that holds tags, if the resource takes any.
    pub fn taggable(&self) -> Option<String> {
        let tagging = self.json.get("tagging");
        if tagging.and_then(|tagging| tagging.get("taggable")) == Some(&Value::Bool(false)) {
            return None;
        }
        let pointer = tagging
            .and_then(|tagging| tagging.get("tagProperty"))
            .and_then(Value::as_str);
        let property = pointer.unwrap_or("/properties/Tags").strip_prefix("/properties/")?;
        let known = self
            .json
            .get("properties")
            .and_then(|properties| properties.get(property))
            .is_some();
        known.then(|| property.to_owned())
    }

    /// Follows `$ref`s within this schema, `#/definitions/Tag`; gives `schema` itself if there is none.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut current = schema;
        for _ in 0..16 {
            let target = current
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|path| path.strip_prefix('#'));
            match target.and_then(|pointer| self.json.pointer(pointer)) {
                Some(next) => current = next,
                None => break,
            }
        }
        current
    }

    /// The pointers under `key`, in segments below `/properties`; `*` stands for any list item or key.
    pub(super) fn pointers(&self, key: &str) -> impl Iterator<Item = Vec<&str>> {
        let pointers = self.json.get(key).and_then(Value::as_array);
        pointers.into_iter().flatten().filter_map(Value::as_str).map(|pointer| {
            let segments = pointer.trim_start_matches('/').split('/').skip(1);
            segments
                .filter(|segment| *segment != "properties" && *segment != "items")
                .collect()
        })
    }

    fn dotted(&self, key: &str) -> Vec<String> {
        self.pointers(key)
            .filter(|pointer| !pointer.contains(&"*"))
            .map(|pointer| pointer.join("."))
            .collect()
    }
}

/// Types whose attributes depend on what they make: `Outputs.NAME`.
fn has_open_attributes(type_name: &str) -> bool {
    matches!(
        type_name,
        "AWS::CloudFormation::Stack" | "AWS::ServiceCatalog::CloudFormationProvisionedProduct"
    )
}

enum Overlap {
    None,
    /// The path is the property, or a part of it.
    Inside,
    /// The path is a mapping or list that contains the property.
    Contains,
}

/// Compares segment by segment. `*` fits any segment; an index in the path is skipped where the pointer has none,
/// because some schemas leave the `*` of a list out.
fn overlap(pointer: &[&str], path: &[&str]) -> Overlap {
    match (pointer, path) {
        ([], _) => Overlap::Inside,
        (_, []) => Overlap::Contains,
        ([wanted, pointer @ ..], [segment, path @ ..]) => {
            if *wanted == "*" || wanted == segment {
                overlap(pointer, path)
            } else if segment.parse::<usize>().is_ok() {
                overlap(&[&[*wanted], pointer].concat(), path)
            } else {
                Overlap::None
            }
        }
    }
}

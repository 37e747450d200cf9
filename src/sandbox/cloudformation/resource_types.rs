//! What the resource provider schemas say, in the terms of this service.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::template::schema::{self, ResourceSchema};

/// A resource type of the registry.
pub(super) struct ResourceType {
    schema: Arc<ResourceSchema>,
}

/// Whether changing a property replaces the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recreation {
    Never,
    Conditionally,
    Always,
}

impl Recreation {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::Conditionally => "Conditionally",
            Self::Always => "Always",
        }
    }

    pub(super) fn replacement(self) -> &'static str {
        match self {
            Self::Never => "False",
            Self::Conditionally => "Conditional",
            Self::Always => "True",
        }
    }
}

/// The type, if there is one of this name.
pub(super) fn get(name: &str) -> Option<ResourceType> {
    schema::get(name).map(|schema| ResourceType { schema })
}

/// Whether a template may name this type. Custom resources and modules are not simulated.
pub(super) fn known(name: &str) -> bool {
    get(name).is_some()
}

impl ResourceType {
    pub(super) fn json(&self) -> &Value {
        self.schema.json()
    }

    /// `Arn`, `Endpoint.Address`.
    pub(super) fn read_only(&self) -> Vec<String> {
        self.paths("readOnlyProperties")
    }

    pub(super) fn primary_identifier(&self) -> Vec<String> {
        self.paths("primaryIdentifier")
    }

    pub(super) fn properties(&self) -> Option<&Map<String, Value>> {
        self.json().get("properties").and_then(Value::as_object)
    }

    pub(super) fn required(&self) -> Vec<&str> {
        strings(self.json().get("required"))
    }

    /// The property that holds tags, if the type can carry them.
    pub(super) fn tag_property(&self) -> Option<String> {
        let tagging = self.json().get("tagging");
        if tagging.and_then(|tagging| tagging.get("taggable")) == Some(&Value::Bool(false)) {
            return None;
        }
        let declared = tagging
            .and_then(|tagging| tagging.get("tagProperty"))
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix("/properties/"));
        let name = declared.unwrap_or("Tags");
        self.properties()?.contains_key(name).then(|| name.to_owned())
    }

    /// What a change at this path (`["SourceSecurityGroup", "OwnerAlias"]`, list indices left out) leads to.
    pub(super) fn recreation(&self, path: &[&str]) -> Recreation {
        let touches = |key: &str| {
            self.paths(key).iter().any(|declared| {
                let declared: Vec<&str> = declared.split('.').filter(|part| *part != "*").collect();
                declared.starts_with(path) || path.starts_with(&declared)
            })
        };
        if touches("createOnlyProperties") {
            Recreation::Always
        } else if touches("conditionalCreateOnlyProperties") {
            Recreation::Conditionally
        } else {
            Recreation::Never
        }
    }

    fn paths(&self, key: &str) -> Vec<String> {
        let path = |path: &str| path.trim_start_matches("/properties/").replace('/', ".");
        strings(self.json().get(key)).into_iter().map(path).collect()
    }
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

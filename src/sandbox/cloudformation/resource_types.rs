//! What the resource provider schemas say, in the terms of this service.

use std::sync::Arc;

use serde_json::Value;

use crate::template::schema::{self, ResourceSchema, Update};

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

    /// What only AWS sets. Some schemas list a property both as read-only and as one that a template may give (the
    /// name of a SageMaker endpoint is create-only too); those are not among them.
    pub(super) fn set_by_aws_alone(&self) -> Vec<String> {
        let mut settable = self.schema.required();
        for key in [
            "createOnlyProperties",
            "conditionalCreateOnlyProperties",
            "writeOnlyProperties",
        ] {
            settable.extend(self.paths(key));
        }
        let mut paths = self.read_only();
        paths.retain(|path| !settable.contains(path));
        paths
    }

    pub(super) fn primary_identifier(&self) -> Vec<String> {
        self.paths("primaryIdentifier")
    }

    /// The property that holds tags, if the type can carry them.
    pub(super) fn tag_property(&self) -> Option<String> {
        self.schema.taggable()
    }

    /// What a change at this path (list indices left out or not) leads to.
    pub(super) fn recreation(&self, path: &[&str]) -> Recreation {
        match self.schema.replacement(path) {
            Update::InPlace => Recreation::Never,
            Update::Conditional => Recreation::Conditionally,
            Update::Replace => Recreation::Always,
        }
    }

    /// What `Fn::GetAtt` may name.
    pub(super) fn attributes(&self) -> Vec<String> {
        self.schema.attributes()
    }

    /// Whether `Fn::GetAtt` answers this attribute.
    pub(super) fn has_attribute(&self, attribute: &str) -> bool {
        self.schema.has_attribute(attribute)
    }

    fn paths(&self, key: &str) -> Vec<String> {
        let path = |path: &str| path.trim_start_matches("/properties/").replace('/', ".");
        strings(self.json().get(key)).into_iter().map(path).collect()
    }
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

//! What the API server says when it does not do something: a `Status`.

use serde_json::{Value, json};

use super::kinds::Target;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) details: Value,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
            details: json!({}),
        }
    }

    /// There is no such object.
    pub(super) fn not_found(target: &Target) -> Self {
        let message = format!("{} {:?} not found", target.kind.resource(), target.name);
        Self::new(404, "NotFound", message).about(target)
    }

    /// There is no such namespace.
    pub(super) fn no_namespace(name: &str) -> Self {
        let mut refusal = Self::new(404, "NotFound", format!("namespaces {name:?} not found"));
        refusal.details = json!({ "name": name, "kind": "namespaces" });
        refusal
    }

    /// The server has no such path.
    pub(super) fn nothing() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(super) fn forbidden(target: &Target, why: &str) -> Self {
        let message = format!("{} {:?} is forbidden: {why}", target.kind.resource(), target.name);
        Self::new(403, "Forbidden", message).about(target)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// The object is not one that there can be; `causes` say the field and why.
    pub(super) fn invalid(target: &Target, causes: &[(String, String)]) -> Self {
        let told: Vec<String> = causes.iter().map(|(field, why)| format!("{field}: {why}")).collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let listed: Vec<Value> = causes
            .iter()
            .map(|(field, why)| {
                let reason = match why.split(':').next().unwrap_or_default() {
                    "Required value" => "FieldValueRequired",
                    "Forbidden" => "FieldValueForbidden",
                    "Unsupported value" => "FieldValueNotSupported",
                    _ => "FieldValueInvalid",
                };
                json!({ "reason": reason, "message": why, "field": field })
            })
            .collect();
        let message = format!("{} {:?} is invalid: {told}", target.kind.qualified(), target.name);
        Self::new(422, "Invalid", message).about(target).causes(listed)
    }

    /// Says which object it is about.
    pub(super) fn about(mut self, target: &Target) -> Self {
        let causes = self.details.get("causes").cloned();
        self.details = json!({ "name": target.name, "group": target.kind.group, "kind": target.kind.plural });
        match causes {
            Some(causes) => self.causes(causes.as_array().cloned().unwrap_or_default()),
            None => self,
        }
    }

    /// Says what in it.
    pub(super) fn causes(mut self, causes: Vec<Value>) -> Self {
        if let Value::Object(details) = &mut self.details {
            details.insert("causes".to_owned(), json!(causes));
        }
        self
    }

    /// The `Status`.
    pub(super) fn body(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details, "code": self.status,
        })
    }
}

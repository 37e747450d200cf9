//! What exists in the sandbox, for `mlinfra sandbox list` and for tests that destroying leaves nothing.

/// One thing that exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Item {
    /// The service, such as `s3`.
    pub service: String,
    /// The kind of thing within the service, such as `bucket`.
    pub kind: String,
    /// Its name or id.
    pub id: String,
    /// How a stack is: `CREATE_COMPLETE`; nothing for other things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl Item {
    /// Names one thing.
    pub fn new(service: impl Into<String>, kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            kind: kind.into(),
            id: id.into(),
            status: None,
        }
    }

    /// A stack, and how it is.
    pub fn stack(name: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            status: Some(status.into()),
            ..Self::new("cloudformation", "stack", name)
        }
    }
}

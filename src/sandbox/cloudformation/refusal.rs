//! The service's error answers.

/// An error answer: its code, its message, its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: &'static str,
    pub message: String,
    pub status: u16,
}

pub(super) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub(super) fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self {
            code,
            status,
            message: message.into(),
        }
    }

    /// The code that CloudFormation gives to nearly everything.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", 400, message)
    }

    pub(super) fn already_exists(message: impl Into<String>) -> Self {
        Self::new("AlreadyExistsException", 400, message)
    }

    pub(super) fn change_set_not_found(name: &str) -> Self {
        Self::new("ChangeSetNotFound", 404, format!("ChangeSet [{name}] does not exist"))
    }

    pub(super) fn constraint(value: &str, field: &str, constraint: &str) -> Self {
        let value: String = value.chars().take(300).collect();
        Self::validation(format!(
            "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
        ))
    }
}

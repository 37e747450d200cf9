//! One error for whatever an AWS call can come back with, and the problem that a person reads.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::diagnostic::{Code, Problem, codes};

/// What went wrong, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Too many calls; later it works.
    Throttled,
    /// The thing that was asked for does not exist.
    NotFound,
    /// A policy forbids the call.
    Denied,
    /// There are no credentials, or AWS does not know them.
    NoCredentials,
    /// The credentials were good once.
    Expired,
    /// No connection came about, or it broke.
    Unreachable,
    /// No complete answer came in time: the call may have been carried out.
    Timeout,
    /// A condition on the call did not hold, or something else is at work on the same thing.
    Conflict,
    /// The request itself is wrong.
    Validation,
    /// The service failed (5xx): the call may have been carried out.
    Internal,
    /// Anything else.
    Other,
}

/// A call that did not succeed, after the SDK's own retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// `DynamoDB`.
    pub service: &'static str,
    /// `UpdateItem`.
    pub operation: &'static str,
    /// The service's error code, if it answered with one.
    pub code: Option<String>,
    /// What the service said, or the chain of causes on the way to it; one line.
    pub message: String,
    /// What AWS support asks for.
    pub request_id: Option<String>,
    /// What a caller decides by.
    pub kind: Kind,
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: ", self.service, self.operation)?;
        match &self.code {
            Some(code) if !self.message.is_empty() => write!(f, "{code}: {}", self.message),
            Some(code) => f.write_str(code),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for AwsError {}

impl AwsError {
    /// What `error` says about `operation` of `service`.
    pub fn of<E>(service: &'static str, operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
        let header_id = error.raw_response().and_then(request_id);
        let (kind, code, message, meta_id) = match &error {
            SdkError::ServiceError(answer) => {
                let meta = answer.err().meta();
                let code = meta.code().map(str::to_owned);
                let message = match meta.message() {
                    Some(text) => one_line(text),
                    None if code.is_none() => format!("HTTP status {status} without an explanation"),
                    None => String::new(),
                };
                let kind = classify(code.as_deref().unwrap_or_default(), &message, status);
                (kind, code, message, meta.extra("aws_request_id").map(str::to_owned))
            }
            SdkError::TimeoutError(_) => (Kind::Timeout, None, chain(&error), None),
            SdkError::DispatchFailure(failure) => {
                let kind = credentials_kind(&error).unwrap_or(if failure.is_timeout() {
                    Kind::Timeout
                } else if failure.is_user() {
                    Kind::Other
                } else {
                    Kind::Unreachable
                });
                (kind, None, chain(&error), None)
            }
            SdkError::ResponseError(_) => {
                // Half an answer: the service was reached and may have done the work.
                let kind = if status >= 500 { Kind::Internal } else { Kind::Timeout };
                (kind, None, chain(&error), None)
            }
            _ => (
                credentials_kind(&error).unwrap_or(Kind::Other),
                None,
                chain(&error),
                None,
            ),
        };
        Self {
            service,
            operation,
            code,
            message,
            request_id: header_id.or(meta_id),
            kind,
        }
    }

    /// No answer within a deadline that the caller set.
    pub fn deadline(service: &'static str, operation: &'static str, within: std::time::Duration) -> Self {
        Self {
            service,
            operation,
            code: None,
            message: format!("no answer within {} s", within.as_secs()),
            request_id: None,
            kind: Kind::Timeout,
        }
    }

    /// A file that was to be sent cannot be read.
    pub fn file(
        service: &'static str,
        operation: &'static str,
        error: &(dyn std::error::Error + Send + Sync + 'static),
    ) -> Self {
        Self {
            service,
            operation,
            code: None,
            message: chain(error),
            request_id: None,
            kind: Kind::Other,
        }
    }

    /// What credentials that cannot be had say; `operation` is what they were wanted for.
    pub fn credentials(service: &'static str, operation: &'static str, error: &CredentialsError) -> Self {
        Self {
            service,
            operation,
            code: None,
            message: chain(error),
            request_id: None,
            kind: credentials_kind(error).unwrap_or(Kind::NoCredentials),
        }
    }

    /// Whether the same call may succeed a little later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Throttled | Kind::Timeout | Kind::Unreachable | Kind::Internal
        )
    }

    /// Whether the call may have been carried out although it failed: whoever wrote something has to look.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.kind, Kind::Timeout | Kind::Unreachable | Kind::Internal)
    }

    /// The problem that a person reads, with what to do next.
    pub fn problem(&self) -> Problem {
        let what = format!("{} {}", self.service, self.operation);
        let base = |code: Code, message: String| {
            let problem = Problem::error(code, message).note(self.to_string());
            match &self.request_id {
                Some(id) => problem.note(format!("request id {id}")),
                None => problem,
            }
        };
        if self.code.as_deref() == Some("SandboxUnusable") {
            return Problem::error(codes::SANDBOX_UNUSABLE, self.message.clone())
                .hint("`mlinfra sandbox reset` starts with an empty one");
        }
        match self.kind {
            Kind::NoCredentials => base(codes::NO_CREDENTIALS, "there are no AWS credentials that work".into())
                .hint("sign in (`aws sso login`), set AWS_PROFILE, or give the CI job a role; `aws sts get-caller-identity` shows who you are")
                .hint("without an account: add `--sandbox`"),
            Kind::Expired => base(codes::CREDENTIALS_EXPIRED, "the AWS credentials have expired".into())
                .hint("sign in again (`aws sso login`) or start the CI job's credential step again, then repeat the command: it picks up where it was"),
            Kind::Unreachable => base(codes::ENDPOINT_UNREACHABLE, format!("{} cannot be reached", self.service))
                .hint("check the network, HTTPS_PROXY, the region's name and `--endpoint-url`"),
            Kind::Timeout => base(codes::AWS_TIMEOUT, format!("{what} did not answer in time"))
                .hint("repeat the command; if it happens again, check the network and https://health.aws.amazon.com"),
            Kind::Throttled => base(codes::AWS_THROTTLED, format!("AWS throttles {what}"))
                .hint("other tools share this account's call rate; repeat the command in a minute"),
            Kind::NotFound => base(codes::AWS_NOT_FOUND, format!("{what} found nothing")),
            Kind::Denied => {
                let denied = base(codes::ACCESS_DENIED, format!("AWS denied {what}"));
                match denial(&self.message) {
                    Some(denial) => denied.hint(denial.hint()),
                    None => denied.hint(format!("the role needs permission for {what}; `aws sts get-caller-identity` shows which role is used")),
                }
            }
            Kind::Internal => base(codes::AWS_REFUSED, format!("{} failed while it handled {}", self.service, self.operation))
                .hint("repeat the command; https://health.aws.amazon.com says whether the service has trouble"),
            Kind::Conflict | Kind::Validation | Kind::Other => base(codes::AWS_REFUSED, format!("AWS refused {what}")),
        }
    }
}

/// What an "is not authorized to perform" message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// `arn:aws:sts::111122223333:assumed-role/ci/run`.
    pub who: Option<String>,
    /// `dynamodb:UpdateItem`.
    pub action: String,
    /// The ARN that the call was about, where it is named.
    pub resource: Option<String>,
    /// `explicit deny`, `service control policy`, …: the kind of policy, where it is named.
    pub policy: Option<String>,
}

impl Denial {
    fn hint(&self) -> String {
        let on = self
            .resource
            .as_ref()
            .map(|arn| format!(" on {arn}"))
            .unwrap_or_default();
        let to = self.who.as_ref().map(|who| format!(" to {who}")).unwrap_or_default();
        match &self.policy {
            Some(policy) => format!(
                "{} is refused{on} by {policy}: change that policy, or use another role",
                self.action
            ),
            None => format!("allow {}{on}{to}", self.action),
        }
    }
}

/// What a message of IAM's names ("User: … is not authorized to perform: … on resource: …").
pub fn denial(message: &str) -> Option<Denial> {
    let after = |marker: &str| {
        let (_, rest) = message.split_once(marker)?;
        let word = rest.split_whitespace().next()?.trim_matches(['"', '\'', '.', ',']);
        (!word.is_empty()).then(|| word.to_owned())
    };
    let action = after("is not authorized to perform:").or_else(|| after("not authorized to perform"))?;
    let policy = if message.contains("with an explicit deny in") {
        message
            .split_once("with an explicit deny in")
            .map(|(_, rest)| format!("an explicit deny in{}", rest.trim_end_matches('.')))
    } else if message.contains("no service control policy allows") {
        Some("a service control policy of the organisation".to_owned())
    } else if message.contains("no permissions boundary allows") {
        Some("the role's permissions boundary".to_owned())
    } else {
        None
    };
    Some(Denial {
        who: after("User:"),
        action,
        resource: after("on resource:"),
        policy,
    })
}

/// The kind behind a service's error code; codes as in the SDKs' retry rules and the services' API references.
fn classify(code: &str, message: &str, status: u16) -> Kind {
    let code = code.rsplit('#').next().unwrap_or(code);
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "EC2ThrottledException"
        // Application Auto Scaling: "You already have a pending update to an Auto Scaling resource".
        | "ConcurrentUpdateException" => Kind::Throttled,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => Kind::Expired,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature" => Kind::NoCredentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "UnauthorizedException"
        | "NotAuthorized"
        | "Forbidden"
        | "AllAccessDisabled" => Kind::Denied,
        "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchEntity"
        | "NotFound"
        | "ResourceNotFoundException"
        | "ChangeSetNotFound"
        | "ChangeSetNotFoundException"
        | "RepositoryNotFoundException" => Kind::NotFound,
        "ConditionalCheckFailedException"
        | "PreconditionFailed"
        | "ConditionalRequestConflict"
        | "OperationAborted"
        | "InvalidChangeSetStatus"
        | "TokenAlreadyExists"
        | "TokenAlreadyExistsException"
        | "AlreadyExistsException"
        | "OperationInProgressException"
        | "ResourceInUseException"
        | "ConflictException"
        | "TransactionConflictException" => Kind::Conflict,
        // CloudFormation has no code of its own for a stack that is not there.
        "ValidationError" if message.contains("does not exist") => Kind::NotFound,
        "ValidationError"
        | "ValidationException"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "InvalidRequest" => Kind::Validation,
        _ => match status {
            429 => Kind::Throttled,
            404 => Kind::NotFound,
            401 | 403 => Kind::Denied,
            409 | 412 => Kind::Conflict,
            500..=599 => Kind::Internal,
            400 => Kind::Validation,
            _ => Kind::Other,
        },
    }
}

/// The kind if a credentials provider is behind the failure: the SDK hides it in the chain of sources.
fn credentials_kind(error: &(dyn Error + 'static)) -> Option<Kind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            let text = chain(credentials).to_lowercase();
            return Some(match credentials {
                _ if text.contains("expired") => Kind::Expired,
                CredentialsError::ProviderTimedOut(_) => Kind::Timeout,
                _ if text.contains("accessdenied") || text.contains("not authorized") => Kind::Denied,
                _ if text.contains("dispatch failure")
                    || text.contains("connection refused")
                    || text.contains("dns error") =>
                {
                    Kind::Unreachable
                }
                _ => Kind::NoCredentials,
            });
        }
        next = error.source();
    }
    None
}

/// The chain of causes as one line, without the repetitions that SDK errors are full of.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = one_line(&error.to_string());
        let known = parts.iter().any(|part| part.contains(&text));
        if !known && !text.is_empty() && text != "service error" && text != "unhandled error" {
            if let Some(last) = parts.last_mut()
                && text.starts_with(last.as_str())
            {
                *last = text;
            } else {
                parts.push(text);
            }
        }
        next = error.source();
    }
    parts.join(": ")
}

/// `text` in one line without control characters, so that an answer cannot play tricks on a terminal.
fn one_line(text: &str) -> String {
    text.split_whitespace()
        .map(|word| word.chars().filter(|c| !c.is_control()).collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

fn request_id(raw: &HttpResponse) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .iter()
        .find_map(|name| raw.headers().get(*name))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_the_permission_that_is_missing() {
        let message = "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: dynamodb:UpdateItem \
                       on resource: arn:aws:dynamodb:us-east-1:111122223333:table/locks because no identity-based policy allows the dynamodb:UpdateItem action";
        let found = denial(message).unwrap();
        assert_eq!(
            found.hint(),
            "allow dynamodb:UpdateItem on arn:aws:dynamodb:us-east-1:111122223333:table/locks to arn:aws:sts::111122223333:assumed-role/ci/run"
        );
        let denied = denial(&message.replace(
            "because no identity-based policy allows the dynamodb:UpdateItem action",
            "with an explicit deny in a service control policy",
        ))
        .unwrap();
        assert!(
            denied.hint().contains("an explicit deny in a service control policy"),
            "{}",
            denied.hint()
        );
        assert_eq!(denial("Access Denied"), None);
    }

    #[test]
    fn codes_and_statuses_fall_into_kinds() {
        assert_eq!(classify("Throttling", "", 400), Kind::Throttled);
        assert_eq!(
            classify("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "", 400),
            Kind::NotFound
        );
        assert_eq!(
            classify("ValidationError", "Stack with id x does not exist", 400),
            Kind::NotFound
        );
        assert_eq!(
            classify("ValidationError", "No updates are to be performed.", 400),
            Kind::Validation
        );
        assert_eq!(classify("ExpiredToken", "", 403), Kind::Expired);
        assert_eq!(classify("", "", 412), Kind::Conflict);
        assert_eq!(classify("InternalFailure", "", 500), Kind::Internal);
    }

    #[test]
    fn an_answer_cannot_move_the_cursor_of_a_terminal() {
        assert_eq!(one_line("red \u{1b}[31m\nalert\r"), "red [31m alert");
    }
}

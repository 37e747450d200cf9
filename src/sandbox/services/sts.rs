//! STS: who is calling, and roles. The one caller of the sandbox is the user `sandbox`, until it assumes a role.

use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::{self, ApiError};
use super::super::request::Request;
use super::super::service::{Context, Service};

/// Keys that AssumeRole gives out carry the caller, so that GetCallerIdentity needs no memory.
const KEY_MARK: &str = "ASIA";

/// The service; it remembers nothing.
pub(super) struct Sts;

impl Service for Sts {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let form = request.form();
        let field = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        match request.action.as_str() {
            "GetCallerIdentity" => caller_identity(request, context),
            "AssumeRole" => match (field("RoleArn"), field("RoleSessionName")) {
                (Some(role), Some(session)) => {
                    let seconds = field("DurationSeconds")
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(3600);
                    assume_role(role, session, seconds, context).unwrap_or_else(|error| error.to_response(request))
                }
                _ => ApiError::new(400, "ValidationError", "RoleArn and RoleSessionName must not be null")
                    .to_response(request),
            },
            other => ApiError::new(
                400,
                "InvalidAction",
                format!("Could not find operation {other} for version 2011-06-15"),
            )
            .to_response(request),
        }
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        Ok(b"{}".to_vec())
    }

    fn import(&mut self, _: &[u8], _: &Context) -> Result<(), String> {
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        Vec::new()
    }
}

fn caller_identity(request: &Request, context: &Context) -> MockResponse {
    let token = request
        .header("x-amz-security-token")
        .or_else(|| request.param("X-Amz-Security-Token"));
    let assumed = token
        .and_then(|token| token.strip_prefix("sandbox:"))
        .and_then(|token| {
            let (role, session) = token.split_once(':')?;
            Some((
                format!("arn:aws:sts::{}:assumed-role/{role}/{session}", context.account),
                format!("AROASANDBOX0000000000:{session}"),
            ))
        });
    let (arn, user) = assumed.unwrap_or_else(|| {
        (
            format!("arn:aws:iam::{}:user/sandbox", context.account),
            "AIDASANDBOX0000000000".to_owned(),
        )
    });
    answer(
        "GetCallerIdentity",
        &format!(
            "<Arn>{arn}</Arn><UserId>{user}</UserId><Account>{}</Account>",
            context.account
        ),
    )
}

fn assume_role(role_arn: &str, session: &str, seconds: i64, context: &Context) -> Result<MockResponse, ApiError> {
    let mut parts = role_arn.splitn(6, ':');
    let account = parts.nth(4).unwrap_or_default();
    let role = parts
        .next()
        .and_then(|resource| resource.strip_prefix("role/"))
        .unwrap_or_default();
    if account != context.account || role.is_empty() {
        return Err(ApiError::new(
            403,
            "AccessDenied",
            format!(
                "User: arn:aws:iam::{}:user/sandbox is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                context.account
            ),
        ));
    }
    let role = role.rsplit('/').next().unwrap_or(role);
    let expiration = jiff::Timestamp::from_millisecond(context.now.saturating_add(seconds * 1000))
        .unwrap_or(jiff::Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let role = winterbaume_core::xml_escape(role);
    let session = winterbaume_core::xml_escape(session);
    Ok(answer(
        "AssumeRole",
        &format!(
            "<AssumedRoleUser><AssumedRoleId>AROASANDBOX0000000000:{session}</AssumedRoleId>\
             <Arn>arn:aws:sts::{account}:assumed-role/{role}/{session}</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>{KEY_MARK}SANDBOX000000000</AccessKeyId>\
             <SecretAccessKey>sandbox-secret-that-nobody-checks</SecretAccessKey>\
             <SessionToken>sandbox:{role}:{session}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
        ),
    ))
}

fn answer(action: &str, result: &str) -> MockResponse {
    reply::xml(
        200,
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}\
             </{action}Result><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
             </ResponseMetadata></{action}Response>"
        ),
    )
}

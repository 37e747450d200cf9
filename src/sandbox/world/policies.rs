//! What IAM refuses in roles and policies before it makes them ("IAM and AWS STS quotas", "CreateRole", "IAM JSON policy
//! elements: Principal"). Only stacks are held to it; direct calls are not.

use serde_json::Value;

use super::super::cloudformation::ResourceRequest;
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, document, list, scalar, text, told};

/// Characters of a managed policy, of a role's inline policies together, of a trust policy; white space is not counted.
const MANAGED: usize = 6_144;
const INLINE: usize = 10_240;
const TRUST: usize = 2_048;
/// Managed policies on a role.
const ATTACHED: usize = 10;

/// Checks a role or a policy that is to be made or changed.
pub(super) fn check(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, name: &str) -> Made<()> {
    let properties = request.properties;
    match request.resource_type {
        "AWS::IAM::Role" => {
            let trust = properties.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null);
            trusted(trust)?;
            if size(trust) > TRUST {
                return refuse(&format!("Cannot exceed quota for ACLSizePerRole: {TRUST}"));
            }
            let bodies = list(properties, "Policies").iter();
            let inline: usize = bodies.filter_map(|policy| policy.get("PolicyDocument")).map(size).sum();
            if inline > INLINE {
                return refuse(&too_long(name));
            }
            if list(properties, "ManagedPolicyArns").len() > ATTACHED {
                return refuse(&format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED}"));
            }
            match text(properties, "PermissionsBoundary") {
                Some(boundary) => exists(desk, &boundary),
                None => Ok(()),
            }
        }
        "AWS::IAM::ManagedPolicy" if size(properties.get("PolicyDocument").unwrap_or(&Value::Null)) > MANAGED => {
            refuse(&format!("Cannot exceed quota for PolicySize: {MANAGED}"))
        }
        "AWS::IAM::Policy" if size(properties.get("PolicyDocument").unwrap_or(&Value::Null)) > INLINE => {
            let role = list(properties, "Roles").first().and_then(scalar).unwrap_or_default();
            refuse(&too_long(&role))
        }
        _ => Ok(()),
    }
}

/// A trust policy says who may assume the role and nothing about resources.
fn trusted(policy: &Value) -> Made<()> {
    let parsed: Value = match policy {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let statements = match parsed.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(single @ Value::Object(_)) => vec![single.clone()],
        _ => return refuse("Syntax errors in policy."),
    };
    for statement in &statements {
        let has = |field: &str| statement.get(field).is_some();
        if has("Resource") || has("NotResource") {
            return refuse("Has prohibited field Resource");
        }
        if !has("Principal") && !has("NotPrincipal") {
            return refuse("Missing required field Principal");
        }
        if !matches!(text(statement, "Effect").as_deref(), Some("Allow" | "Deny")) {
            return refuse("Syntax errors in policy.");
        }
        let actions = match statement.get("Action") {
            Some(Value::Array(actions)) => actions.iter().filter_map(scalar).collect(),
            Some(single) => scalar(single).into_iter().collect::<Vec<String>>(),
            None if has("NotAction") => Vec::new(),
            None => return refuse("Missing required field Action"),
        };
        if !actions.iter().all(|action| action.to_lowercase().starts_with("sts:")) {
            return refuse("AssumeRole policy may only specify STS AssumeRole actions.");
        }
    }
    Ok(())
}

/// A permissions boundary is a managed policy that exists.
fn exists(desk: &mut Desk<'_>, arn: &str) -> Made<()> {
    let asked = [("PolicyArn".to_owned(), arn.to_owned())];
    let request = Request::query(Name::Iam, &desk.context.region, "GetPolicy", &asked);
    let response = desk.send(&request).map_err(|error| error.to_string())?;
    match response.status < 400 {
        true => Ok(()),
        false => refuse(&format!("Scope ARN: {arn} does not exist or is not attachable.")),
    }
}

fn size(policy: &Value) -> usize {
    document(policy).chars().filter(|c| !c.is_whitespace()).count()
}

fn too_long(role: &str) -> String {
    format!("Maximum policy size of {INLINE} bytes exceeded for role {role}")
}

fn refuse<T>(reason: &str) -> Made<T> {
    Err(told("Iam", reason))
}

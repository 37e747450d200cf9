//! Roles, instance profiles and policies.

use serde_json::Value;

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, document, list, name_of, policies, scalar, set_text, tags, text, text_between, told};

pub(super) fn knows(resource_type: &str) -> bool {
    matches!(
        resource_type,
        "AWS::IAM::Role"
            | "AWS::IAM::InstanceProfile"
            | "AWS::IAM::ManagedPolicy"
            | "AWS::IAM::Policy"
            | "AWS::IAM::OIDCProvider"
    )
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    let properties = request.properties;
    let path = text(properties, "Path").unwrap_or_else(|| "/".to_owned());
    policies::check(desk, request, &planned.id)?;
    match request.resource_type {
        "AWS::IAM::Role" => {
            let name = planned.id.clone();
            let trust = document(properties.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null));
            let mut parameters = fields(&[
                ("RoleName", &name),
                ("AssumeRolePolicyDocument", &trust),
                ("Path", &path),
            ]);
            for (property, field) in [
                ("Description", "Description"),
                ("MaxSessionDuration", "MaxSessionDuration"),
            ] {
                parameters.extend(text(properties, property).map(|value| (field.to_owned(), value)));
            }
            parameters.extend(tag_fields(request));
            let answer = desk.ask_query(Name::Iam, "CreateRole", &parameters)?;
            for (element, attribute) in [("Arn", "Arn"), ("RoleId", "RoleId")] {
                if let Some(value) = text_between(&answer, element) {
                    set_text(&mut planned, attribute, value);
                }
            }
            bound(desk, &name, &Value::Null, properties)?;
            role_policies(desk, &name, &Value::Null, properties)?;
        }
        "AWS::IAM::InstanceProfile" => {
            let name = planned.id.clone();
            let parameters = fields(&[("InstanceProfileName", &name), ("Path", &path)]);
            let answer = desk.ask_query(Name::Iam, "CreateInstanceProfile", &parameters)?;
            if let Some(arn) = text_between(&answer, "Arn") {
                set_text(&mut planned, "Arn", arn);
            }
            profile_roles(desk, &name, &Value::Null, properties)?;
        }
        "AWS::IAM::ManagedPolicy" => {
            let name = name_of(request, "ManagedPolicyName", &planned.id);
            let policy = document(properties.get("PolicyDocument").unwrap_or(&Value::Null));
            let parameters = fields(&[("PolicyName", &name), ("PolicyDocument", &policy), ("Path", &path)]);
            let answer = desk.ask_query(Name::Iam, "CreatePolicy", &parameters)?;
            if let Some(arn) = text_between(&answer, "Arn") {
                planned.id = arn.to_owned();
                set_text(&mut planned, "PolicyArn", arn);
            }
            let arn = planned.id.clone();
            attach(desk, "AttachRolePolicy", &arn, list(properties, "Roles"))?;
        }
        "AWS::IAM::Policy" => put_inline(desk, request)?,
        _ => {
            let mut parameters = fields(&[("Url", &text(properties, "Url").unwrap_or_default())]);
            for (property, field) in [("ClientIdList", "ClientIDList"), ("ThumbprintList", "ThumbprintList")] {
                for (index, value) in list(properties, property).iter().filter_map(scalar).enumerate() {
                    parameters.push((format!("{field}.member.{}", index + 1), value));
                }
            }
            let url = text(properties, "Url").unwrap_or_default();
            let known = desk.ask_query(Name::Iam, "ListOpenIDConnectProviders", &[])?;
            if known.contains(&format!("<Arn>{}</Arn>", planned.id)) {
                return Err(told("Iam", &format!("Provider with url {url} already exists.")));
            }
            let answer = desk.ask_query(Name::Iam, "CreateOpenIDConnectProvider", &parameters)?;
            if let Some(arn) = text_between(&answer, "OpenIDConnectProviderArn") {
                planned.id = arn.to_owned();
                set_text(&mut planned, "Arn", arn);
            }
        }
    }
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let id = request.physical_id.unwrap_or_default();
    let (old, new) = (request.previous, request.properties);
    policies::check(desk, request, id)?;
    match request.resource_type {
        "AWS::IAM::Role" => {
            bound(desk, id, old, new)?;
            if old.get("AssumeRolePolicyDocument") != new.get("AssumeRolePolicyDocument") {
                let trust = document(new.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null));
                let parameters = fields(&[("RoleName", id), ("PolicyDocument", &trust)]);
                desk.ask_query(Name::Iam, "UpdateAssumeRolePolicy", &parameters)?;
            }
            role_policies(desk, id, old, new)
        }
        "AWS::IAM::InstanceProfile" => profile_roles(desk, id, old, new),
        "AWS::IAM::ManagedPolicy" => {
            if old.get("PolicyDocument") != new.get("PolicyDocument") {
                let policy = document(new.get("PolicyDocument").unwrap_or(&Value::Null));
                let parameters = fields(&[("PolicyArn", id), ("PolicyDocument", &policy), ("SetAsDefault", "true")]);
                let before = versions(desk, id)?;
                let made = desk.ask_query(Name::Iam, "CreatePolicyVersion", &parameters)?;
                let number = text_between(&made, "VersionId").unwrap_or_default();
                // The emulator counts from 1 again when its state was read back; a number that is taken could not be
                // told from the old version, so that one is used up.
                if before.iter().any(|(old, _)| old == number) {
                    desk.ask_query(Name::Iam, "CreatePolicyVersion", &parameters)?;
                }
                delete_old_versions(desk, id)?;
            }
            let gone: Vec<Value> = missing(list(old, "Roles"), list(new, "Roles"));
            attach(desk, "DetachRolePolicy", id, &gone)?;
            let added: Vec<Value> = missing(list(new, "Roles"), list(old, "Roles"));
            attach(desk, "AttachRolePolicy", id, &added)
        }
        "AWS::IAM::Policy" => {
            let name = text(old, "PolicyName").unwrap_or_default();
            let stays = old.get("PolicyName") == new.get("PolicyName");
            let gone = match stays {
                true => missing(list(old, "Roles"), list(new, "Roles")),
                false => list(old, "Roles").to_vec(),
            };
            for role in gone.iter().filter_map(scalar) {
                quietly(desk, "DeleteRolePolicy", &[("RoleName", &role), ("PolicyName", &name)])?;
            }
            put_inline(desk, request)
        }
        _ => Ok(()),
    }
}

/// Puts a permissions boundary on a role, or takes it off.
fn bound(desk: &mut Desk<'_>, role: &str, old: &Value, new: &Value) -> Made<()> {
    let (before, after) = (text(old, "PermissionsBoundary"), text(new, "PermissionsBoundary"));
    match after {
        _ if before == after => Ok(()),
        Some(arn) => {
            let parameters = fields(&[("RoleName", role), ("PermissionsBoundary", &arn)]);
            desk.ask_query(Name::Iam, "PutRolePermissionsBoundary", &parameters)
                .map(drop)
        }
        None => quietly(desk, "DeleteRolePermissionsBoundary", &[("RoleName", role)]),
    }
}

/// A policy has five versions at most; CloudFormation keeps the one in force.
fn delete_old_versions(desk: &mut Desk<'_>, arn: &str) -> Made<()> {
    for (id, _) in versions(desk, arn)?.iter().filter(|(_, in_force)| !in_force) {
        quietly(desk, "DeletePolicyVersion", &[("PolicyArn", arn), ("VersionId", id)])?;
    }
    Ok(())
}

/// The versions of a policy, and which of them is in force.
fn versions(desk: &mut Desk<'_>, arn: &str) -> Made<Vec<(String, bool)>> {
    let answer = desk.ask_query(Name::Iam, "ListPolicyVersions", &fields(&[("PolicyArn", arn)]))?;
    let version = |member: &str| {
        let id = text_between(member, "VersionId").unwrap_or_default().to_owned();
        (id, text_between(member, "IsDefaultVersion") != Some("false"))
    };
    Ok(answer.split("<member>").skip(1).map(version).collect())
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let properties = request.properties;
    match request.resource_type {
        "AWS::IAM::Role" => {
            for arn in list(properties, "ManagedPolicyArns").iter().filter_map(scalar) {
                quietly(desk, "DetachRolePolicy", &[("RoleName", id), ("PolicyArn", &arn)])?;
            }
            for name in list(properties, "Policies")
                .iter()
                .filter_map(|policy| text(policy, "PolicyName"))
            {
                quietly(desk, "DeleteRolePolicy", &[("RoleName", id), ("PolicyName", &name)])?;
            }
            quietly(desk, "DeleteRole", &[("RoleName", id)])
        }
        "AWS::IAM::InstanceProfile" => {
            for role in list(properties, "Roles").iter().filter_map(scalar) {
                quietly(
                    desk,
                    "RemoveRoleFromInstanceProfile",
                    &[("InstanceProfileName", id), ("RoleName", &role)],
                )?;
            }
            quietly(desk, "DeleteInstanceProfile", &[("InstanceProfileName", id)])
        }
        "AWS::IAM::ManagedPolicy" => {
            for role in list(properties, "Roles").iter().filter_map(scalar) {
                quietly(desk, "DetachRolePolicy", &[("RoleName", &role), ("PolicyArn", id)])?;
            }
            quietly(desk, "DeletePolicy", &[("PolicyArn", id)])
        }
        "AWS::IAM::Policy" => {
            let name = text(properties, "PolicyName").unwrap_or_default();
            for role in list(properties, "Roles").iter().filter_map(scalar) {
                quietly(desk, "DeleteRolePolicy", &[("RoleName", &role), ("PolicyName", &name)])?;
            }
            Ok(())
        }
        _ => quietly(desk, "DeleteOpenIDConnectProvider", &[("OpenIDConnectProviderArn", id)]),
    }
}

fn quietly(desk: &mut Desk<'_>, action: &str, parameters: &[(&str, &str)]) -> Made<()> {
    let gone = Request::query(Name::Iam, &desk.context.region, action, &fields(parameters));
    desk.remove(&gone)
}

fn role_policies(desk: &mut Desk<'_>, role: &str, old: &Value, new: &Value) -> Made<()> {
    for arn in missing(list(old, "ManagedPolicyArns"), list(new, "ManagedPolicyArns"))
        .iter()
        .filter_map(scalar)
    {
        quietly(desk, "DetachRolePolicy", &[("RoleName", role), ("PolicyArn", &arn)])?;
    }
    for arn in missing(list(new, "ManagedPolicyArns"), list(old, "ManagedPolicyArns"))
        .iter()
        .filter_map(scalar)
    {
        desk.ask_query(
            Name::Iam,
            "AttachRolePolicy",
            &fields(&[("RoleName", role), ("PolicyArn", &arn)]),
        )?;
    }
    let names = |properties: &Value| -> Vec<Value> {
        list(properties, "Policies")
            .iter()
            .filter_map(|policy| policy.get("PolicyName").cloned())
            .collect()
    };
    for name in missing(&names(old), &names(new)).iter().filter_map(scalar) {
        quietly(desk, "DeleteRolePolicy", &[("RoleName", role), ("PolicyName", &name)])?;
    }
    for policy in list(new, "Policies")
        .iter()
        .filter(|policy| !list(old, "Policies").contains(policy))
    {
        let name = text(policy, "PolicyName").unwrap_or_default();
        let body = document(policy.get("PolicyDocument").unwrap_or(&Value::Null));
        let parameters = fields(&[("RoleName", role), ("PolicyName", &name), ("PolicyDocument", &body)]);
        desk.ask_query(Name::Iam, "PutRolePolicy", &parameters)?;
    }
    Ok(())
}

fn profile_roles(desk: &mut Desk<'_>, profile: &str, old: &Value, new: &Value) -> Made<()> {
    for role in missing(list(old, "Roles"), list(new, "Roles"))
        .iter()
        .filter_map(scalar)
    {
        quietly(
            desk,
            "RemoveRoleFromInstanceProfile",
            &[("InstanceProfileName", profile), ("RoleName", &role)],
        )?;
    }
    for role in missing(list(new, "Roles"), list(old, "Roles"))
        .iter()
        .filter_map(scalar)
    {
        let parameters = fields(&[("InstanceProfileName", profile), ("RoleName", &role)]);
        desk.ask_query(Name::Iam, "AddRoleToInstanceProfile", &parameters)?;
    }
    Ok(())
}

fn put_inline(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let name = text(request.properties, "PolicyName").unwrap_or_default();
    let body = document(request.properties.get("PolicyDocument").unwrap_or(&Value::Null));
    for role in list(request.properties, "Roles").iter().filter_map(scalar) {
        let parameters = fields(&[("RoleName", &role), ("PolicyName", &name), ("PolicyDocument", &body)]);
        desk.ask_query(Name::Iam, "PutRolePolicy", &parameters)?;
    }
    Ok(())
}

fn attach(desk: &mut Desk<'_>, action: &str, policy: &str, roles: &[Value]) -> Made<()> {
    for role in roles.iter().filter_map(scalar) {
        let parameters = fields(&[("RoleName", &role), ("PolicyArn", policy)]);
        desk.ask_query(Name::Iam, action, &parameters)?;
    }
    Ok(())
}

fn tag_fields(request: &ResourceRequest<'_>) -> Vec<(String, String)> {
    let numbered = tags(request).into_iter().enumerate();
    numbered
        .flat_map(|(index, (key, value))| {
            let prefix = format!("Tags.member.{}", index + 1);
            [(format!("{prefix}.Key"), key), (format!("{prefix}.Value"), value)]
        })
        .collect()
}

/// What of `these` is not among `those`.
fn missing(these: &[Value], those: &[Value]) -> Vec<Value> {
    these.iter().filter(|value| !those.contains(value)).cloned().collect()
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

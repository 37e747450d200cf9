//! IAM: what identities may do.

use super::super::possible::{Possible, written};
use super::super::rule::{Finding, Rule, Scope};
use super::super::statement::{IDENTITY_POLICIES, Statement, permissions};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};
use crate::template::Node;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::WILDCARD_POLICY,
        id: "iam-allow-all",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "whoever gets hold of it owns the account",
        fix: "list the actions and the resources that are needed",
        sources: &["FSBP IAM.1", "CIS 1.16"],
        types: IDENTITY_POLICIES,
        check: allow_all,
    },
    Rule {
        code: codes::SERVICE_WILDCARD,
        id: "iam-service-wildcard",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "it includes deleting, sharing and changing permissions, today's and those that AWS adds later",
        fix: "list the actions that are needed, or the resources",
        sources: &["FSBP IAM.21"],
        types: IDENTITY_POLICIES,
        check: service_wildcard,
    },
    Rule {
        code: codes::ALLOW_ALL_BUT,
        id: "iam-not-action",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "`Allow` with `NotAction` grants every other action of every service, also those that do not exist yet",
        fix: "list what is allowed under `Action`; keep `NotAction` for `Deny`",
        sources: &["IAM User Guide, IAM JSON policy elements: NotAction"],
        types: IDENTITY_POLICIES,
        check: not_action,
    },
    Rule {
        code: codes::PASS_ANY_ROLE,
        id: "iam-pass-any-role",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "whoever can pass an administrator's role to a machine of their own is an administrator",
        fix: "name the roles under `Resource`, and the service in a condition on `iam:PassedToService`",
        sources: &["IAM User Guide, Grant a user permissions to pass a role to an AWS service"],
        types: IDENTITY_POLICIES,
        check: pass_any_role,
    },
    Rule {
        code: codes::PRIVILEGE_ESCALATION,
        id: "iam-privilege-escalation",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "with these actions an identity writes its own permissions",
        fix: "name the policies, roles or users under `Resource`, or require a permissions boundary in a condition",
        sources: &["IAM User Guide, Permissions boundaries for IAM entities"],
        types: IDENTITY_POLICIES,
        check: escalation,
    },
    Rule {
        code: codes::ASSUME_ANY_ROLE,
        id: "iam-assume-any-role",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "it reaches every role whose trust names the account, administrators' included",
        fix: "name the roles under `Resource`",
        sources: &["IAM User Guide, Grant a user permissions to switch roles"],
        types: IDENTITY_POLICIES,
        check: assume_any_role,
    },
    Rule {
        code: codes::USER_POLICY,
        id: "iam-user-policy",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "permissions of single users are forgotten when people change what they do",
        fix: "give people roles, or put the user into a group that holds the policy",
        sources: &["FSBP IAM.2", "CIS 1.15"],
        types: &[
            "AWS::IAM::User",
            "AWS::IAM::UserPolicy",
            "AWS::IAM::Policy",
            "AWS::IAM::ManagedPolicy",
        ],
        check: user_policy,
    },
    Rule {
        code: codes::ADMINISTRATOR_ACCESS,
        id: "iam-administrator",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "whoever gets hold of it owns the account",
        fix: "attach policies that allow what is needed",
        sources: &["CIS 1.16"],
        types: &["AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"],
        check: administrator,
    },
];

/// Actions with which an identity changes what identities may do.
const ESCALATING: &[&str] = &[
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
];

/// The statements that allow something without a condition.
fn unconditional<'a>(resource: &Resource<'a>) -> Vec<Statement<'a>> {
    let allowed = permissions(resource).into_iter();
    allowed
        .filter(|statement| statement.allows() && !statement.is_conditional())
        .collect()
}

fn every_action(statement: Statement<'_>) -> Option<&Node> {
    let actions = statement.texts("Action").into_iter();
    actions
        .filter(|(action, _)| action == "*" || action == "*:*")
        .map(|(_, node)| node)
        .next()
}

fn allow_all(resource: &Resource<'_>) -> Vec<Finding> {
    let wild = unconditional(resource).into_iter();
    let wild = wild.filter(|statement| statement.is_about_everything());
    once(wild.filter_map(every_action).map(|action| {
        let message = format!("`{}` allows every action on every resource", resource.name);
        Finding::at(&action.span, message)
    }))
}

fn service_wildcard(resource: &Resource<'_>) -> Vec<Finding> {
    let wild = unconditional(resource).into_iter();
    let wild = wild.filter(|statement| statement.is_about_everything());
    let actions = wild.flat_map(|statement| statement.texts("Action"));
    once(actions.filter_map(|(action, node)| {
        let service = action.strip_suffix(":*")?;
        // These two are told by the rules on escalation.
        if service == "*" || ["iam", "sts"].contains(&service.to_lowercase().as_str()) {
            return None;
        }
        let message = format!(
            "`{}` allows everything that {service} can do, on every resource",
            resource.name
        );
        Some(Finding::at(&node.span, message))
    }))
}

fn not_action(resource: &Resource<'_>) -> Vec<Finding> {
    let found = unconditional(resource).into_iter().filter_map(|statement| {
        let excluded = statement.get("NotAction")?;
        if !statement.is_about_everything() {
            return None;
        }
        let message = format!("`{}` allows everything but the actions that it lists", resource.name);
        Some(Finding::at(&excluded.span, message).saying("`NotAction` of a statement that allows"))
    });
    once(found)
}

/// Whether it is about every role of the account.
fn is_about_every_role(statement: Statement<'_>) -> bool {
    let is_every_role = |resource: &str| {
        // A pattern over all of IAM covers its roles; one over another service's resources does not.
        resource == "*" || resource.ends_with(":role/*") || (resource.contains(":iam:") && resource.ends_with(":*"))
    };
    let resources = statement.texts("Resource");
    resources.iter().any(|(resource, _)| is_every_role(resource))
}

fn pass_any_role(resource: &Resource<'_>) -> Vec<Finding> {
    granted_on_roles(resource, "iam:PassRole", "lets any role be passed to any service")
}

fn assume_any_role(resource: &Resource<'_>) -> Vec<Finding> {
    granted_on_roles(resource, "sts:AssumeRole", "lets any role be assumed")
}

fn granted_on_roles(resource: &Resource<'_>, action: &str, what: &str) -> Vec<Finding> {
    let found = unconditional(resource).into_iter().filter_map(|statement| {
        let granted = statement.grants(action)?;
        let text = written(granted)?;
        let told = every_action(statement).is_some() || text.eq_ignore_ascii_case("iam:*");
        if told || !is_about_every_role(statement) {
            return None;
        }
        Some(Finding::at(&granted.span, format!("`{}` {what}", resource.name)))
    });
    once(found)
}

fn escalation(resource: &Resource<'_>) -> Vec<Finding> {
    let found = unconditional(resource).into_iter().filter_map(|statement| {
        if every_action(statement).is_some() || !statement.is_about_everything() {
            return None;
        }
        let (action, node) = ESCALATING
            .iter()
            .find_map(|action| Some((action, statement.grants(action)?)))?;
        let message = format!(
            "`{}` allows {action} on everything, its own permissions included",
            resource.name
        );
        Some(Finding::at(&node.span, message))
    });
    once(found)
}

fn user_policy(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    let (paths, message): (&[&str], String) = match resource.kind {
        "AWS::IAM::User" => (
            &["Policies", "ManagedPolicyArns"],
            format!("the user `{name}` holds policies directly"),
        ),
        "AWS::IAM::UserPolicy" => (&["UserName"], format!("`{name}` is the policy of a single user")),
        _ => (&["Users"], format!("`{name}` is attached to users directly")),
    };
    let found = paths.iter().filter_map(|path| {
        let first = resource.items(&[path]).into_iter().next()?;
        let (Possible::Given(node) | Possible::Unknown(node)) = first else {
            return None;
        };
        Some(Finding::at(&node.span, message.clone()).saying(format!("in `{path}`")))
    });
    once(found)
}

fn administrator(resource: &Resource<'_>) -> Vec<Finding> {
    let policies = resource.items(&["ManagedPolicyArns"]).into_iter();
    let found = policies.filter_map(|policy| {
        let (Possible::Given(node) | Possible::Unknown(node)) = policy else {
            return None;
        };
        let arn = written(node)?;
        let name = ["AdministratorAccess", "IAMFullAccess"]
            .into_iter()
            .find(|name| arn.ends_with(&format!(":aws:policy/{name}")))?;
        let message = format!("`{}` is an administrator of the account through {name}", resource.name);
        Some(Finding::at(&node.span, message))
    });
    once(found)
}

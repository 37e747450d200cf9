//! The environment's permissions boundary, on every role and user that names none.

use crate::diagnostic::{Problem, Problems, codes};
use crate::spec::{Data, Environment};
use crate::template::{Document, Node, NodeValue};

/// "AWS::IAM::Role" and "AWS::IAM::User", CloudFormation Template Reference: the types that carry one.
const BEARERS: [&str; 2] = ["AWS::IAM::Role", "AWS::IAM::User"];
const PROPERTY: &str = "PermissionsBoundary";

/// Gives it to the bearers among the resources; gives whether there are any that carry it then.
pub(super) fn carry(document: &mut Document, boundary: &str) -> bool {
    let NodeValue::Map(sections) = &mut document.root.value else {
        return false;
    };
    let resources = sections.iter_mut().find(|(name, _, _)| name == "Resources");
    let Some((_, _, resources)) = resources else {
        return false;
    };
    let NodeValue::Map(resources) = &mut resources.value else {
        return false;
    };
    let mut any = false;
    for (_, _, resource) in resources.iter_mut().filter(|(_, _, resource)| is_bearer(resource)) {
        let NodeValue::Map(members) = &mut resource.value else {
            continue;
        };
        let Some((_, _, properties)) = members.iter_mut().find(|(name, _, _)| name == "Properties") else {
            continue;
        };
        let span = properties.span.clone();
        let NodeValue::Map(properties) = &mut properties.value else {
            continue;
        };
        if properties.iter().any(|(name, _, _)| name == PROPERTY) {
            continue;
        }
        let value = Node {
            value: NodeValue::String(boundary.to_owned()),
            span: span.clone(),
        };
        properties.push((PROPERTY.to_owned(), span, value));
        any = true;
    }
    any
}

fn is_bearer(resource: &Node) -> bool {
    let kind = resource.get("Type").map(|kind| &kind.value);
    matches!(kind, Some(NodeValue::String(kind)) if BEARERS.contains(&kind.as_str()))
}

/// What is wrong with the boundary beside the stacks of the module `access`: a policy of this environment that none of
/// them makes, and the demand for one that no role would carry.
pub(super) fn problems(environment: &Environment) -> Problems {
    let mut problems = Problems::default();
    let access = || {
        let stacks = environment.stacks.values();
        stacks.filter(|stack| stack.module.value == "access")
    };
    let Some(policy) = &environment.permissions_boundary else {
        for stack in access() {
            let Some(entry) = stack
                .inputs
                .get("require_boundary")
                .filter(|entry| matches!(entry.value.value, Data::Boolean(true)))
            else {
                continue;
            };
            let policy = format!(
                "arn:{}:iam::{}:policy/{}-boundary",
                environment.partition(),
                environment.account.value,
                environment.stack_name(&stack.name.value)
            );
            problems.push(
                Problem::warning(
                    codes::INVALID_BOUNDARY,
                    "the apply role may make only roles with a boundary, and they have none",
                )
                .at(entry.value.span.clone(), "")
                .note("a role whose template names one has it; all others could not be made or changed by CI")
                .hint(format!("add to [environment]: permissions_boundary = \"{policy}\"")),
            );
        }
        return problems;
    };
    let name = policy.value.rsplit('/').next().unwrap_or_default();
    let own = format!("{}-{}-", environment.project.value, environment.name);
    let is_ours = name.starts_with(&own) && name.ends_with("-boundary");
    if is_ours && access().next().is_some() && maker(environment, &policy.value).is_none() {
        let made: Vec<String> = access()
            .map(|stack| format!("{}-boundary", environment.stack_name(&stack.name.value)))
            .collect();
        let problem = Problem::error(
            codes::INVALID_BOUNDARY,
            format!("no stack of this environment makes the policy `{name}`"),
        )
        .at(policy.span.clone(), "");
        problems.push(problem.hint(format!("the module `access` makes `{}`", made.join("`, `"))));
    }
    problems
}

/// The stack of the environment that makes this policy, of which the module `access` says what it is called. Roles that
/// carry it come after it, and go before it.
pub(super) fn maker<'a>(environment: &'a Environment, boundary: &str) -> Option<&'a str> {
    let name = boundary.rsplit('/').next()?;
    let stacks = environment.stacks.values();
    let mut access = stacks.filter(|stack| stack.module.value == "access");
    let made = |stack: &str| format!("{}-boundary", environment.stack_name(stack));
    let found = access.find(|stack| made(&stack.name.value) == name)?;
    Some(&found.name.value)
}

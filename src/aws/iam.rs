//! IAM: whether roles exist, and what a caller may do by the policy simulator.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};

use super::error::{AwsError, Kind};
use super::session::Session;
use crate::preflight::Decision;

/// The ARN of a role of the account; none if there is no such role.
pub async fn role(session: &Session, name: &str) -> Result<Option<String>, AwsError> {
    let answer = session.iam().get_role().role_name(name).send().await;
    match answer.map_err(|error| AwsError::of("IAM", "GetRole", error)) {
        Ok(answer) => Ok(answer.role.map(|role| role.arn)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an instance profile exists.
pub async fn has_instance_profile(session: &Session, name: &str) -> Result<bool, AwsError> {
    let answer = session
        .iam()
        .get_instance_profile()
        .instance_profile_name(name)
        .send()
        .await;
    match answer.map_err(|error| AwsError::of("IAM", "GetInstanceProfile", error)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the simulator says about `principal` making each of `actions`, on `resource` or, without one, on `*`.
pub async fn simulate(
    session: &Session,
    principal: &str,
    actions: &[String],
    resource: Option<&str>,
) -> Result<BTreeMap<String, Decision>, AwsError> {
    let mut found = BTreeMap::new();
    let mut marker = None;
    loop {
        let page = session
            .iam()
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(actions.to_vec()))
            .set_resource_arns(resource.map(|arn| vec![arn.to_owned()]))
            .max_items(1_000)
            .set_marker(marker)
            .send()
            .await
            .map_err(|error| AwsError::of("IAM", "SimulatePrincipalPolicy", error))?;
        marker = page.marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        for result in page.evaluation_results.unwrap_or_default() {
            found.insert(result.eval_action_name.clone(), decision(&result));
        }
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// A denial that hangs on a key whose value is not known is none.
fn decision(result: &EvaluationResult) -> Decision {
    if result.eval_decision == PolicyEvaluationDecisionType::Allowed {
        return Decision::Allowed;
    }
    if !result.missing_context_values().is_empty() {
        return Decision::Unclear;
    }
    let organisation = result.organizations_decision_detail();
    if organisation.is_some_and(|detail| !detail.allowed_by_organizations()) {
        return Decision::Organisation;
    }
    let boundary = result.permissions_boundary_decision_detail();
    if boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary()) {
        return Decision::Boundary;
    }
    match result.eval_decision {
        PolicyEvaluationDecisionType::ExplicitDeny => Decision::Denied,
        PolicyEvaluationDecisionType::ImplicitDeny => Decision::NotAllowed,
        _ => Decision::Unclear,
    }
}

//! Application Auto Scaling: what keeps the number of tasks or instances where the load is.
//!
//! Requests and answers stay JSON, as they stand in a release: see [`super::json`].

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::error::AwsError;
use super::json::actions;
use super::session::Session;

actions! {
    scaling, "Application Auto Scaling";
    DeregisterScalableTarget: deregister_scalable_target;
    DescribeScalableTargets: describe_scalable_targets;
    DescribeScalingPolicies: describe_scaling_policies;
    PutScalingPolicy: put_scaling_policy;
    RegisterScalableTarget: register_scalable_target;
}

/// The bounds between which something is scaled, as AWS describes them; none if it is not. `scaled` has the members
/// `ServiceNamespace`, `ResourceId` and `ScalableDimension`.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn target(session: &Session, scaled: &Json, limit: Duration) -> Result<Option<Json>, AwsError> {
    let asked = json!({
        "ServiceNamespace": scaled.get("ServiceNamespace"),
        "ResourceIds": [scaled.get("ResourceId")],
        "ScalableDimension": scaled.get("ScalableDimension"),
    });
    let answer = call_patiently(session, Action::DescribeScalableTargets, &asked, limit).await?;
    Ok(answer.pointer("/ScalableTargets/0").cloned())
}

/// The policies that scale it, as AWS describes them; `scaled` as for [`target`].
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn policies(session: &Session, scaled: &Json, limit: Duration) -> Result<Vec<Json>, AwsError> {
    let answer = call_patiently(session, Action::DescribeScalingPolicies, scaled, limit).await?;
    let listed = answer.get("ScalingPolicies").and_then(Json::as_array);
    Ok(listed.cloned().unwrap_or_default())
}

/// Ends the scaling, and deletes its policies with it; `scaled` as for [`target`]. That nothing is scaled is fine.
///
/// # Errors
/// Whatever AWS refuses.
pub async fn end(session: &Session, scaled: &Json, limit: Duration) -> Result<(), AwsError> {
    match call_patiently(session, Action::DeregisterScalableTarget, scaled, limit).await {
        Ok(_) => Ok(()),
        Err(error) if error.code.as_deref() == Some("ObjectNotFoundException") => Ok(()),
        Err(error) => Err(error),
    }
}

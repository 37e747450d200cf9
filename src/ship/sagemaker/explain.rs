//! Why an endpoint does not serve what was asked for, in the words of SageMaker and of the container.

use super::super::Scene;
use super::log::endpoint_group;
use super::watch::Settled;
use crate::aws::logs;
use crate::aws::sagemaker::endpoints::Endpoint;
use crate::diagnostic::{Problem, codes};

/// Lines of the container that are shown.
const LINES: usize = 12;

/// What is spoken of.
pub(super) struct Names<'a> {
    pub(super) endpoint: &'a str,
    pub(super) config: &'a str,
}

/// Why the rollout failed; lines that were printed since `began`, in milliseconds since 1970, stand with it.
pub(super) async fn failed(scene: &Scene<'_>, names: &Names<'_>, settled: &Settled, began: i64) -> Problem {
    let endpoint = match settled {
        Settled::At(endpoint) => endpoint,
        Settled::Unfinished => return unfinished(scene, names.endpoint),
        Settled::Gone => {
            return Problem::error(
                codes::ENDPOINT_FAILED,
                format!("the endpoint {} was deleted while it was being made", names.endpoint),
            );
        }
    };
    let name = names.endpoint;
    let problem = match endpoint.status.as_str() {
        "InService" => Problem::error(
            codes::ENDPOINT_ROLLED_BACK,
            format!(
                "SageMaker has gone back: {name} serves {}, and not {}",
                endpoint.config, names.config
            ),
        )
        .note("it is `InService` all the same: only the name of the configuration tells"),
        "UpdateRollbackFailed" => Problem::error(
            codes::ENDPOINT_ROLLED_BACK,
            format!("{name} could neither be updated nor be led back: it serves a mix of both"),
        ),
        status => Problem::error(
            codes::ENDPOINT_FAILED,
            format!("the endpoint {name} does not come into service: it is {status}"),
        ),
    };
    let problem = match &endpoint.failure {
        Some(reason) => problem.note(reason.clone()),
        None => problem.note("SageMaker gives no reason"),
    };
    let problem = with_lines(scene, problem, name, began).await;
    let problem = hints(scene, problem, endpoint);
    if endpoint.status == "Failed" {
        return problem
            .hint(format!(
                "fix it and ship again: `mlinfra ship {} {}` makes the endpoint anew",
                scene.environment.name,
                scene.name()
            ))
            .hint(format!(
                "or be rid of it: `aws sagemaker delete-endpoint --endpoint-name {name}`"
            ));
    }
    problem
}

async fn with_lines(scene: &Scene<'_>, problem: Problem, name: &str, began: i64) -> Problem {
    let group = endpoint_group(name);
    match logs::last(scene.session, &group, None, began, LINES).await {
        Ok(lines) if lines.is_empty() => problem.note(format!("nothing was printed into {group}")),
        Ok(lines) => {
            let shown = lines.iter().rev().take(LINES).rev();
            let text: Vec<&str> = shown.map(|line| line.text.as_str()).collect();
            problem.note(format!("its last lines:\n{}", text.join("\n")))
        }
        Err(error) => problem.note(format!("what it printed cannot be read: {error}")),
    }
}

/// What helps against the reasons that SageMaker gives most.
fn hints(scene: &Scene<'_>, problem: Problem, endpoint: &Endpoint) -> Problem {
    let reason = endpoint.failure.as_deref().unwrap_or_default().to_lowercase();
    let says = |part: &str| reason.contains(part);
    if says("ping health check") {
        return problem.hint("the container has to answer GET /ping on port 8080 with 200 within 8 minutes; its lines say what it did instead");
    }
    if says("capacity") {
        return problem.hint("AWS has no such instances right now: take another `instance_type`, or try later");
    }
    if says("limit") || says("quota") {
        return problem
            .hint("ask for more of this instance type \"for endpoint usage\" in Service Quotas, or take another");
    }
    if says("model data") || says("modeldata") || says("s3") {
        return problem.hint(
            "the execution role has to be able to read the model: see `models_bucket` and `policy_arns` of the stack",
        );
    }
    if says("image") || says("ecr") {
        return problem.hint("the execution role has to be able to pull the image: see `repository_arns` and `image_repository_arns` of the stack");
    }
    if says("alarm") {
        return problem
            .hint("an alarm rang: look at it in CloudWatch")
            .hint(format!(
                "if it rang before, for what serves now: `mlinfra rollback {} {}` asks no alarm; ship again once it is quiet",
                scene.environment.name,
                scene.name()
            ));
    }
    problem
}

/// An endpoint that stays as it is whatever is done.
pub(super) fn failed_for_good(name: &str, endpoint: &Endpoint) -> Problem {
    let problem = Problem::error(
        codes::ENDPOINT_FAILED,
        format!("{name} does not serve what it served before: it is {}", endpoint.status),
    );
    match &endpoint.failure {
        Some(reason) => problem.note(reason.clone()),
        None => problem,
    }
}

/// An endpoint that has been at work for hours.
pub(super) fn unfinished(scene: &Scene<'_>, name: &str) -> Problem {
    Problem::error(
        codes::ENDPOINT_UNFINISHED,
        format!("the endpoint {name} is still at work after three hours"),
    )
    .hint(format!(
        "`aws sagemaker describe-endpoint --endpoint-name {name}` says at what"
    ))
    .hint(format!(
        "`mlinfra ship {} {}` goes on waiting for it",
        scene.environment.name,
        scene.name()
    ))
}

/// The run ends while SageMaker goes on: an update cannot be called off.
pub(super) fn left(scene: &Scene<'_>, name: &str, endpoint: &Endpoint) -> Problem {
    let doing = endpoint.status.to_lowercase();
    Problem::error(codes::INTERRUPTED, format!("left while SageMaker is {doing} {name}"))
        .note("SageMaker goes on by itself, and an update cannot be called off")
        .hint(format!(
            "`mlinfra ship {} {}` waits for it, and says how it ends",
            scene.environment.name,
            scene.name()
        ))
}

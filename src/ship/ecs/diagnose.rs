//! Why tasks stopped, in the words of the first cause.
//!
//! From "Amazon ECS stopped tasks error messages", "CannotPullContainer task errors", "ResourceInitializationError task
//! errors" and "Amazon ECS service event messages", Amazon ECS Developer Guide.

use super::read::{Service, Task};
use super::request::Wanted;
use crate::aws::ecs::tail_streams;
use crate::diagnostic::{Code, Problem, codes};

use super::super::Scene;

/// So many of the last lines of a container's log are told.
const LINES: usize = 8;

/// What a stopped task says about its version.
pub(super) struct Cause {
    pub(super) problem: Problem,
    /// Another try could not end otherwise.
    pub(super) is_certain: bool,
}

/// Why `task` stopped; none if nothing is wrong with it: it was told to.
pub(super) async fn stopped(
    scene: &Scene<'_>,
    wanted: &Wanted,
    task: &Task,
    service: Option<&Service>,
) -> Option<Cause> {
    let name = &wanted.name;
    let reason = match task.container.reason.is_empty() {
        true => task.reason.clone(),
        false if task.reason.contains(&task.container.reason) => task.reason.clone(),
        false => format!("{}: {}", task.reason, task.container.reason),
    };
    let said = |code: Code, message: String| Problem::error(code, message).note(format!("ECS says: {reason}"));
    let (problem, is_certain) = if reason.contains("CannotPull") {
        image(wanted, &reason, &said)
    } else if reason.contains("exec format error") {
        (wrong_architecture(wanted, &said), true)
    } else if reason.contains("OutOfMemory") {
        let message = format!(
            "a container of `{name}` used more than its {} MiB of memory",
            wanted.memory()
        );
        (
            said(codes::ECS_MEMORY, message).hint("give it more: `memory` of the workload; or load less"),
            false,
        )
    } else if reason.contains("ResourceInitializationError") {
        initialisation(wanted, &reason, &said)
    } else if reason.contains("ELB health checks") || reason.contains("health checks") {
        (unhealthy(wanted, service, &said), false)
    } else if let Some(exit) = task
        .container
        .exit
        .filter(|_| task.stop_code != "ServiceSchedulerInitiated")
    {
        let code = match exit {
            0 => return exited_well(wanted, task, &said),
            _ => codes::ECS_EXITED,
        };
        let message = format!("the container of `{name}` ended with exit code {exit}{}", meaning(exit));
        (
            said(code, message).hint("run the image where you are, with the same variables, and see why"),
            false,
        )
    } else if matches!(
        task.stop_code.as_str(),
        "TaskFailedToStart" | "EssentialContainerExited"
    ) {
        let message = format!("ECS could not start a task of `{name}`");
        (said(codes::ECS_START, message), false)
    } else {
        return None;
    };
    let problem = with_log(scene, wanted, task, problem).await;
    // What no program prints before it is started can only be told by its container's runtime.
    let is_wrong = problem.notes.iter().any(|note| note.contains("exec format error"));
    if is_wrong && problem.code == codes::ECS_EXITED {
        return Some(Cause {
            problem: wrong_architecture(wanted, &said),
            is_certain: true,
        });
    }
    Some(Cause { problem, is_certain })
}

/// A container that ends well where it should go on for ever: a service's.
fn exited_well(wanted: &Wanted, task: &Task, said: &impl Fn(Code, String) -> Problem) -> Option<Cause> {
    if task.stop_code != "EssentialContainerExited" {
        return None;
    }
    let message = format!("the container of `{}` ended, and a service has to go on", wanted.name);
    let problem = said(codes::ECS_EXITED, message)
        .hint("if it is to end, its workload is of the kind `batch`")
        .hint("if it is to serve, look at `args` of the workload and at what the image starts");
    Some(Cause {
        problem,
        is_certain: false,
    })
}

fn image(wanted: &Wanted, reason: &str, said: &impl Fn(Code, String) -> Problem) -> (Problem, bool) {
    let says = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
    let name = &wanted.name;
    if says(&[
        "matching platform",
        "no match for platform",
        "does not contain descriptor",
    ]) {
        return (wrong_architecture(wanted, said), true);
    }
    if says(&[
        "not found",
        "manifest unknown",
        "repository does not exist",
        "does not exist",
    ]) {
        let problem = said(codes::ECS_IMAGE, format!("the image of `{name}` does not exist"))
            .note(format!("it is {}", wanted.image))
            .hint("push it again: mlinfra ship; a lifecycle policy of its repository may have deleted it");
        return (problem, true);
    }
    if says(&["403", "denied", "not authorized", "no basic auth", "401"]) {
        let problem = said(codes::ECS_IMAGE, format!("the tasks of `{name}` may not pull their image"))
            .note(format!("it is {}", wanted.image))
            .hint("list its repository in `image_repository_arns` of the ecs stack, and let the repository's policy allow the account");
        // Rights that were just given take a moment.
        return (problem, false);
    }
    if says(&[
        "timeout",
        "dial tcp",
        "deadline exceeded",
        "connection refused",
        "no such host",
    ]) {
        let problem = said(codes::ECS_IMAGE, format!("the tasks of `{name}` cannot reach the registry of their image"))
            .hint("their subnets need a NAT gateway, or the endpoints ecr.api, ecr.dkr and the gateway endpoint of S3 (`endpoints` of the vpc stack)");
        return (problem, false);
    }
    (
        said(codes::ECS_IMAGE, format!("ECS cannot pull the image of `{name}`")),
        false,
    )
}

fn wrong_architecture(wanted: &Wanted, said: &impl Fn(Code, String) -> Problem) -> Problem {
    let built = wanted
        .definition
        .pointer("/runtimePlatform/cpuArchitecture")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("another architecture")
        .to_lowercase();
    let message = format!("the image of `{}` is not one for {built}", wanted.name);
    said(codes::ECS_IMAGE, message).hint(format!(
        "build it for {built}, or set `architecture` of the workload to what it is built for"
    ))
}

fn initialisation(wanted: &Wanted, reason: &str, said: &impl Fn(Code, String) -> Problem) -> (Problem, bool) {
    let says = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
    let name = &wanted.name;
    let denied = says(&["AccessDenied", "not authorized"]);
    if says(&["secret", "ssm", "asm"]) && !says(&["timeout", "i/o", "connection issue", "deadline"]) {
        if denied {
            let problem = said(codes::ECS_START, format!("the tasks of `{name}` may not read a secret"))
                .hint("list its ARN in `secret_arns` or `parameter_arns` of the ecs stack, its key in `secret_kms_key_arns`, and apply");
            return (problem, false);
        }
        let problem = said(codes::ECS_START, format!("a secret of `{name}` cannot be read"))
            .hint("see that it exists in this region and account, has a value, and holds the key that `secrets` names");
        return (problem, true);
    }
    if says(&["log"]) && !says(&["timeout", "connection issue"]) {
        let problem = said(
            codes::ECS_START,
            format!("the tasks of `{name}` cannot write their log"),
        )
        .hint("the log group is the ecs stack's: bring it up to date with `mlinfra apply`");
        return (problem, false);
    }
    let problem = said(codes::ECS_START, format!("the tasks of `{name}` cannot reach what they need to start"))
        .hint("their subnets need a NAT gateway, or the endpoints ecr.api, ecr.dkr, logs, secretsmanager and ssm (`endpoints` of the vpc stack)");
    (problem, false)
}

/// With the code that the load balancer saw, which only the service's events tell.
fn unhealthy(wanted: &Wanted, service: Option<&Service>, said: &impl Fn(Code, String) -> Problem) -> Problem {
    let event = service.and_then(|service| {
        let mut told = service
            .events
            .iter()
            .filter(|event| event.message.contains("unhealthy in"));
        told.next().map(|event| event.message.clone())
    });
    let message = format!(
        "the tasks of `{}` run, and fail the load balancer's health checks",
        wanted.name
    );
    let problem = said(codes::ECS_UNHEALTHY, message);
    let problem = match event {
        Some(event) => problem.note(event),
        None => problem,
    };
    problem
        .hint(
            "it has to answer 200 on `port`, at `health_check_path` of the ecs stack, within `startup` of its `probes`",
        )
        .hint("a longer start is given by: probes = { startup = \"10m\" }")
}

/// The last lines that the task's container has printed.
async fn with_log(scene: &Scene<'_>, wanted: &Wanted, task: &Task, mut problem: Problem) -> Problem {
    let (Some((group, prefix)), Some(_)) = (wanted.log(), task.started) else {
        return problem;
    };
    // That they cannot be had is no reason to tell less of the rest.
    let stream = format!("{prefix}{}", task.id());
    let lines = tail_streams(scene.session, &group, &stream, 0)
        .await
        .unwrap_or_default();
    let skipped = lines.len().saturating_sub(LINES);
    for (_, line) in lines.into_iter().skip(skipped) {
        problem = problem.note(format!("it printed: {line}"));
    }
    problem
}

/// "Common exit codes", Troubleshooting of Amazon ECS.
fn meaning(exit: i64) -> &'static str {
    match exit {
        126 => ", which says that its program may not be run",
        127 => ", which says that its program is not in the image",
        134 | 139 => ", which says that it crashed",
        137 => ", which says that it was killed",
        143 => ", which says that it was told to stop",
        _ => "",
    }
}

/// Whether an event says that there is no room for a task.
pub(super) fn is_about_room(message: &str) -> bool {
    message.contains("unable to place a task") || message.contains("Capacity is unavailable")
}

/// No room, in the words of the event.
pub(super) fn no_room(wanted: &Wanted, message: &str) -> Problem {
    let name = &wanted.name;
    let what = [
        "insufficient memory",
        "insufficient CPU",
        "insufficient GPU",
        "vCPU",
        "Capacity is unavailable",
        "RESOURCE:",
    ]
    .into_iter()
    .find(|part| message.contains(part));
    let (missing, hint) = match what {
        Some("insufficient memory") => (
            ": not enough memory is free",
            "larger `instance_types` or `max` of the stack's capacity, or less `memory` for the workload",
        ),
        Some("insufficient CPU") => (
            ": not enough processors are free",
            "larger `instance_types` or `max` of the stack's capacity, or less `cpu` for the workload",
        ),
        Some("insufficient GPU") => (": no GPU is free", "raise `max` of the stack's capacity with GPUs"),
        Some("vCPU") => (
            ": the account may run no more processors at once",
            "ask for a higher quota, fargate/L-3032A538, or run fewer",
        ),
        Some("Capacity is unavailable") => (
            ": AWS has none left there",
            "try again, add zones, or take `fargate` in place of `fargate-spot`",
        ),
        _ => ("", "raise `max` of the stack's capacity, or ask for less"),
    };
    Problem::error(
        codes::ECS_PLACEMENT,
        format!("there is no room for a task of `{name}`{missing}"),
    )
    .note(format!("ECS says: {message}"))
    .hint(hint)
}

//! What is wrong with pods, in words for the person who has to act.

use super::diagnose::{Finding, Pull, Trouble};
use crate::diagnostic::{Problem, codes};

/// What a problem names beside what was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The environment.
    pub(super) environment: &'a str,
    /// The workload.
    pub(super) workload: &'a str,
    /// Its namespace.
    pub(super) namespace: &'a str,
    /// The image that was asked for.
    pub(super) image: &'a str,
    /// The architecture of the image, in OCI's words.
    pub(super) architecture: &'a str,
}

/// Lines of a container's log that a problem shows.
pub(super) const LINES: usize = 12;

/// The problem that `finding` is; `lines` are the container's last ones.
pub(super) fn problem(finding: &Finding, about: About<'_>, lines: &[String]) -> Problem {
    let workload = about.workload;
    let on = share(finding);
    let said = clean(&finding.said);
    // A container that says it itself is believed.
    let trouble = if lines.iter().any(|line| line.contains("exec format error")) {
        Trouble::Architecture
    } else {
        finding.trouble
    };
    let error = |code, what: &str| Problem::error(code, format!("`{workload}`: {what}, {on}"));
    let with_said = |problem: Problem| {
        if said.is_empty() {
            problem
        } else {
            problem.note(said.clone())
        }
    };
    let with_lines = |problem: Problem| last_lines(problem, finding, lines);
    let logs = format!("mlinfra logs {} {workload}", about.environment);
    let describe = match finding.pods.first() {
        Some(pod) => format!("kubectl describe pod {pod} --namespace {}", about.namespace),
        None => format!("kubectl get events --namespace {}", about.namespace),
    };
    match trouble {
        Trouble::PodsRefused => {
            let problem = with_said(error(codes::PODS_REFUSED, "the cluster refuses to make pods"));
            if said.contains("exceeded quota") {
                problem.hint(format!("ask for less (`cpu`, `memory`, `replicas`), or have the quota raised: kubectl describe quota --namespace {}", about.namespace))
            } else if said.contains("serviceaccount") {
                problem.hint("the service account is missing: ship again, which makes it, and see who deletes it")
            } else if said.contains("webhook") {
                problem.hint("the webhook's name says whose rule it is; change the workload so that it keeps to it")
            } else if said.contains("PodSecurity") {
                problem.hint("the namespace's Pod Security level forbids it: choose another `namespace`, or a template of your own for the pod")
            } else {
                problem.hint(describe)
            }
        }
        Trouble::ImagePull => {
            let problem = with_said(error(codes::IMAGE_NOT_PULLED, "the image cannot be pulled"))
                .note(format!("the image is {}", about.image));
            match Pull::of(&finding.said) {
                Pull::NotFound => problem.hint("it is not in that registry: ship again from its source, or correct `image`"),
                Pull::NotAllowed => problem
                    .hint("from ECR: the role of the nodes needs AmazonEC2ContainerRegistryPullOnly, and a repository of another account a policy that lets it in")
                    .hint("from elsewhere: nodes have no password for it; copy the image into a repository of the ecr stack"),
                Pull::Passing => problem.hint("the nodes do not get through to the registry: a NAT gateway or VPC endpoints (ecr.api, ecr.dkr, s3) have to be there"),
                Pull::Architecture | Pull::Other => problem.hint(describe),
            }
        }
        Trouble::Architecture => with_lines(with_said(error(
            codes::IMAGE_NOT_PULLED,
            "the image is for other processors than those of the nodes",
        )))
        .note(format!("the image is {}", about.image))
        .note(format!("`architecture` asks for nodes of {}", about.architecture))
        .hint("build it for that one, or set `architecture` to what it is built for: x86_64 or arm64"),
        Trouble::NotStarted => with_lines(with_said(error(
            codes::POD_NOT_STARTED,
            "the container cannot be started",
        )))
        .hint(describe),
        Trouble::Mount => {
            let problem = with_said(error(codes::POD_NOT_STARTED, "a volume cannot be mounted"));
            if said.contains("secrets-store") || said.contains("SecretProviderClass") {
                let problem = if said.contains("registered CSI drivers") {
                    problem.hint("the driver is not on the node: list the add-on aws-secrets-store-csi-driver-provider in `addons` of the eks stack")
                } else {
                    problem.hint("the secret has to be there, and the pod identity needs GetSecretValue and DescribeSecret, or ssm:GetParameters, through `policy_arns`")
                };
                problem.hint(describe)
            } else {
                problem.hint(describe)
            }
        }
        Trouble::Crash => {
            let exit = finding.exit.unwrap_or_default();
            let problem = with_lines(error(
                codes::CONTAINER_FAILS,
                &format!("its container ends again and again, with exit code {exit}"),
            ));
            let problem = match exit {
                126 | 127 => problem.hint("what it should start cannot be started: see `args`, and the image's entry point"),
                0 => problem.hint("it should go on for ever: what ends is a `batch`"),
                _ => problem,
            };
            problem.hint(format!("{logs} --previous"))
        }
        Trouble::OutOfMemory => with_lines(error(
            codes::CONTAINER_FAILS,
            "its container needs more memory than it has, and is killed",
        ))
        .hint("raise `memory` of the workload, or let it take less: a smaller model, fewer workers"),
        Trouble::Probe => with_lines(with_said(error(
            codes::NOT_READY,
            "its container is killed because a probe fails",
        )))
        .hint("see `probes`: path and port have to be what it answers on, and `startup` as long as it takes to load its model"),
        Trouble::Unschedulable => unschedulable(
            with_said(error(codes::POD_NOT_SCHEDULED, &format!("no node takes it: {}", missing(&said)))),
            &said,
        )
        .hint(describe),
        Trouble::Stalled => with_lines(with_said(error(
            codes::NOT_READY,
            "it does not become ready in the time that it has",
        )))
        .hint("see `probes`: the path has to answer with 200 once it can work, and `startup` has to be long enough")
        .hint(logs),
    }
}

/// `on 1 of 2`; all of them need not be counted.
fn share(finding: &Finding) -> String {
    match (finding.pods.len(), finding.of) {
        (0, of) => format!("for {of} of them"),
        (pods, of) => format!("on {pods} of {of}"),
    }
}

fn last_lines(problem: Problem, finding: &Finding, lines: &[String]) -> Problem {
    if lines.is_empty() {
        return problem;
    }
    let from = lines.len().saturating_sub(LINES);
    let shown: Vec<String> = lines.iter().skip(from).map(|line| format!("  {line}")).collect();
    let container = if finding.container.is_empty() {
        "the container"
    } else {
        &finding.container
    };
    problem.note(format!("the last lines of {container}:\n{}", shown.join("\n")))
}

/// One line, without ends of sentences, no longer than anybody reads.
fn clean(said: &str) -> String {
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(600).collect();
    if short.len() < line.len() {
        format!("{short} ...")
    } else {
        short
    }
}

/// What is missing, out of the scheduler's words: `0/3 nodes are available: 1 Insufficient memory, 2 node(s) had …`.
pub(super) fn missing(said: &str) -> String {
    let mut found: Vec<String> = Vec::new();
    for part in said.split([',', '.', ':', ';']) {
        let part = part.trim();
        let add = if let Some((_, resource)) = part.split_once("Insufficient ") {
            format!("too little {resource}")
        } else if part.contains("untolerated taint") || part.contains("that the pod didn't tolerate") {
            "taints that it does not tolerate".to_owned()
        } else if part.contains("node affinity") || part.contains("node selector") {
            "no node with the labels that it asks for".to_owned()
        } else if part.contains("Too many pods") {
            "nodes that are full".to_owned()
        } else if part.contains("were unschedulable") {
            "nodes that are cordoned".to_owned()
        } else if part.contains("volume node affinity") {
            "a volume in another zone".to_owned()
        } else {
            continue;
        };
        if !found.contains(&add) {
            found.push(add);
        }
    }
    if found.is_empty() && (said.contains("no nodes available") || said.starts_with("0/0 ")) {
        return "there are no nodes".to_owned();
    }
    if found.is_empty() {
        "see what the scheduler says".to_owned()
    } else {
        found.join(", ")
    }
}

fn unschedulable(problem: Problem, said: &str) -> Problem {
    let problem = problem.note("a new node was waited for, and none came that takes it");
    let gpu = said.contains("nvidia.com/gpu");
    if gpu {
        problem.hint("GPUs come from `gpu_node_pools` or a node group of the eks stack, as far as the account's quota for such instances goes")
    } else if said.contains("Insufficient") {
        problem
            .hint("larger or more nodes: `node_groups` of the eks stack; or ask for less: `cpu`, `memory`, `replicas`")
    } else if said.contains("taint") {
        problem.hint("`tolerations` of the workload, or nodes without the taint")
    } else {
        problem.hint("`node_selector` and `architecture` of the workload have to fit nodes of the eks stack: kubectl get nodes --show-labels")
    }
}

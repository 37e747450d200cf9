//! What a cluster refuses, in words for the person who has to act.

use super::api::{ApiError, Cause, HANDOVER};
use super::cluster::{is_of, role_of};
use super::kind::Address;
use crate::aws::eks;
use crate::aws::session::Session;
use crate::diagnostic::{Problem, codes};

/// Why a cluster could not be reached, or did not let us in. `entries` are its access entries, where they are known.
pub(super) fn access(
    session: &Session,
    cluster: &eks::Cluster,
    error: &ApiError,
    entries: Option<&[String]>,
) -> Problem {
    let name = &cluster.name;
    match &error.cause {
        Cause::Certificate(why) => Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!("the API of cluster {name} shows a certificate that is not its own"),
        )
        .note(why.clone())
        .note(format!("its address is {}", cluster.endpoint))
        .hint("something between here and AWS answers in its place, often a proxy that opens TLS: exempt *.eks.amazonaws.com from it"),
        Cause::Status { status: 401, .. } => denied(session, cluster, entries),
        Cause::Status { message, .. } if message.contains("system:anonymous") => denied(session, cluster, entries),
        Cause::Unreachable(_) | Cause::Late if !cluster.is_public => Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!("the API of cluster {name} answers only inside of its VPC"),
        )
        .note(error.to_string())
        .hint("run this from inside of the VPC: over its VPN, from an ec2-workbench stack, or in a runner that is there")
        .hint("or let it answer outside: `endpoint_public` and `public_access_cidrs` of the eks stack; networks joined to the VPC need `api_client_cidrs`"),
        Cause::Unreachable(_) | Cause::Late => {
            let problem = Problem::error(
                codes::CLUSTER_UNREACHABLE,
                format!("the API of cluster {name} cannot be reached"),
            )
            .note(error.to_string())
            .note(format!("its address is {}", cluster.endpoint));
            let limited = !cluster.public_from.is_empty() && !cluster.public_from.iter().any(|cidr| cidr == "0.0.0.0/0");
            if limited {
                problem
                    .note(format!("it answers only {}", cluster.public_from.join(", ")))
                    .hint("run this from there, or add your address to `public_access_cidrs` of the eks stack")
            } else {
                problem.hint("check the network, and proxies on the way to *.eks.amazonaws.com")
            }
        }
        _ => Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!("the API of cluster {name} does not work as one"),
        )
        .note(error.to_string()),
    }
}

/// The cluster knows AWS's signature, and not whom it stands for.
fn denied(session: &Session, cluster: &eks::Cluster, entries: Option<&[String]>) -> Problem {
    let name = &cluster.name;
    let caller = &session.caller;
    let problem = Problem::error(codes::CLUSTER_DENIES, format!("the cluster {name} does not let you in"))
        .note(format!("you are {caller}"));
    let who = match role_of(caller) {
        Some(role) => format!("arn:{}:iam::{}:role/{role}", session.partition(), session.account),
        None => caller.clone(),
    };
    let problem = match entries {
        Some(entries) if entries.iter().any(|entry| is_of(entry, caller)) => {
            problem.note("it has an access entry for you, which its API servers do not know yet, or which was made for another role of that name")
        }
        Some([]) => problem.note("it has no access entries"),
        Some(entries) => problem.note(format!("its access entries are for {}", entries.join(", "))),
        None => problem,
    };
    problem
        .hint(format!(
            "add {who} to `admin_role_arns` or `editor_role_arns` of the eks stack, then mlinfra apply"
        ))
        .hint("or take a role that has access: `[environment] role_arn`")
}

/// Why an object was refused.
pub(super) fn refused(at: &Address, error: &ApiError) -> Problem {
    let Cause::Status {
        status,
        message,
        causes,
        ..
    } = &error.cause
    else {
        return Problem::error(codes::CLUSTER_UNREACHABLE, format!("{at}: the cluster does not answer"))
            .note(error.to_string())
            .hint("run the same command again: it goes on from where it was");
    };
    let refusal = |what: &str| Problem::error(codes::OBJECT_REFUSED, format!("{at}: {what}")).note(message.clone());
    let has = |words: &str| message.contains(words);
    if *status == 409 && (error.reason() == "Conflict" || !causes.is_empty()) {
        return conflict(at, message, causes);
    }
    if has("is being terminated") || causes.iter().any(|(reason, ..)| reason == "NamespaceTerminating") {
        return terminating(at.namespace.as_deref().unwrap_or_default());
    }
    if has("field is immutable") {
        let fields: Vec<&str> = causes
            .iter()
            .filter(|(.., message)| message.contains("immutable"))
            .map(|(_, field, _)| field.as_str())
            .collect();
        let kind = at.kind.to_lowercase();
        let there = at
            .namespace
            .as_ref()
            .map_or_else(String::new, |namespace| format!(" --namespace {namespace}"));
        return refusal("what would change cannot be changed in one that is there")
            .note(format!("the fields are {}", fields.join(", ")))
            .hint(format!(
                "delete it first, which stops what it runs: kubectl delete {kind} {}{there}",
                at.name
            ))
            .hint("or give the workload another name, and take the old one away once the new one serves");
    }
    if *status == 404 && has("namespaces") {
        return refusal("its namespace is not there").hint("run the same command again: it makes the namespace first");
    }
    if *status == 404 {
        let problem = refusal(&format!("the cluster has no {} of {}", at.kind, at.version));
        return match at.kind.as_str() {
            "SecretProviderClass" => problem.hint(
                "secrets need the add-on aws-secrets-store-csi-driver-provider: list it in `addons` of the eks stack",
            ),
            "NodePool" | "EC2NodeClass" => {
                problem.hint("it comes with Karpenter's chart, which has to be installed first")
            }
            _ => problem.hint("install what brings this kind, or take the manifest out of templates/kubernetes/"),
        };
    }
    if has("admission webhook") {
        return refusal("a rule of the cluster refuses it")
            .hint("the webhook's name says whose rule it is; change the workload, or a template of your own in templates/kubernetes/, so that it keeps to it");
    }
    if has("exceeded quota") {
        return refusal("the namespace's quota is used up")
            .hint("ask for less (`cpu`, `memory`, `replicas`), or have the quota raised: kubectl describe quota");
    }
    if *status == 403 {
        return Problem::error(codes::CLUSTER_DENIES, format!("{at}: you may not do this"))
            .note(message.clone())
            .hint(
                "your role has to be among those that may: `admin_role_arns` or `editor_role_arns` of the eks stack",
            );
    }
    if error.is_transient() {
        return Problem::error(
            codes::CLUSTER_UNREACHABLE,
            format!("{at}: the cluster cannot do this now"),
        )
        .note(error.to_string())
        .hint("run the same command again: it goes on from where it was");
    }
    let mut problem = refusal("the cluster refuses this manifest");
    for (_, field, message) in causes.iter().take(5) {
        problem = problem.note(format!("{field}: {message}"));
    }
    problem.hint(
        "`mlinfra render` prints what was sent; correct the workload, or a template of your own in templates/kubernetes/",
    )
}

/// A namespace that is going away takes nothing in.
pub(super) fn terminating(namespace: &str) -> Problem {
    Problem::error(
        codes::OBJECT_REFUSED,
        format!("the namespace {namespace} is being deleted"),
    )
    .note("it takes nothing in until it is gone; then it is made anew")
    .hint(format!(
        "what holds it up: kubectl get namespace {namespace} -o jsonpath='{{.status.conditions}}'"
    ))
    .hint("run the same command again once it is gone, or choose another `namespace`")
}

/// Somebody else owns fields that would be changed.
fn conflict(at: &Address, message: &str, causes: &[(String, String, String)]) -> Problem {
    let mut problem = Problem::error(
        codes::FIELD_CONFLICT,
        format!("{at}: somebody else has set what would be changed"),
    );
    if causes.is_empty() {
        problem = problem.note(message.to_owned());
    }
    for (_, field, message) in causes.iter().take(8) {
        let who = owner(message).unwrap_or("another manager");
        problem = problem.note(format!("`{who}` has set {field}"));
    }
    problem
        .note("nothing was changed")
        .hint("stop the other from setting it, or write the same value into the workload")
        .hint("to take these fields over: the same command with --take-ownership")
}

/// The manager of `conflict with "kubectl-edit" using apps/v1`.
fn owner(message: &str) -> Option<&str> {
    message.split('"').nth(1).filter(|name| !name.is_empty())
}

/// Whether the only one that is in the way of `error` is ourselves, who kept the number of replicas for a scaler.
pub(super) fn is_with_ourselves(error: &ApiError) -> bool {
    match &error.cause {
        Cause::Status {
            status: 409, causes, ..
        } => !causes.is_empty() && causes.iter().all(|(.., message)| owner(message) == Some(HANDOVER)),
        _ => false,
    }
}

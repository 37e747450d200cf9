//! Objects in the cluster: what applying a release would do to them, applying them, and taking away what is left over.

use serde_json::{Value as Json, json};

use super::api::{HANDOVER, How, MANAGER};
use super::difference::difference;
use super::ground::{Ground, Placed};
use super::job;
use super::kind::{Address, address_of_known, collection};
use super::problem;
use super::read::{is_leaving, label, list, name, number, text};
use crate::diagnostic::Problem;
use crate::ship::{FieldChange, ObjectChange, ObjectFate, Release};

/// Kinds that are looked for by the workload's labels, where a release no longer has them. Jobs are not among them: they
/// end by themselves, and are kept for a week for their logs.
const LEFT_OVER: &[(&str, &str, &str)] = &[
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("v1", "Service", "services"),
    ("apps/v1", "Deployment", "deployments"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("v1", "ConfigMap", "configmaps"),
    (
        "secrets-store.csi.x-k8s.io/v1",
        "SecretProviderClass",
        "secretproviderclasses",
    ),
];

/// Whether fields of others are taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Apply {
    /// Take over fields that another manager has set, in place of refusing.
    pub force: bool,
}

/// What applying would do to each object, in their order.
///
/// # Errors
/// The first refusal; whatever else would be refused stands in its notes.
pub(super) async fn rehearse(
    ground: &Ground<'_>,
    placed: &[Placed<'_>],
    missing: &[String],
    apply: Apply,
) -> Result<Vec<ObjectChange>, Problem> {
    let mut changes = Vec::new();
    let mut refusals: Vec<Problem> = Vec::new();
    for one in placed {
        let object = one.at.to_string();
        let is_homeless = one
            .at
            .namespace
            .as_ref()
            .is_some_and(|namespace| missing.contains(namespace));
        if is_homeless {
            changes.push(ObjectChange {
                object,
                fate: ObjectFate::Create,
                fields: Vec::new(),
            });
            continue;
        }
        match rehearsed(ground, one, apply).await {
            Ok((fate, fields)) => changes.push(ObjectChange { object, fate, fields }),
            Err(problem) => refusals.push(problem),
        }
    }
    let mut refusals = refusals.into_iter();
    match refusals.next() {
        None => Ok(changes),
        Some(first) => Err(refusals.fold(first, |first, other| {
            let because = other.notes.first().map_or_else(String::new, |note| format!(": {note}"));
            first.note(format!("and {}{because}", other.message))
        })),
    }
}

async fn rehearsed(
    ground: &Ground<'_>,
    one: &Placed<'_>,
    apply: Apply,
) -> Result<(ObjectFate, Vec<FieldChange>), Problem> {
    let path = one.at.path();
    let api = ground.api();
    let before = api.get_patiently(&path).await.map_err(|error| one.refused(&error))?;
    if let Some(failed) = before
        .as_ref()
        .filter(|job| one.is("Job") && job::state(job).is_failed())
    {
        // It runs anew, under the same name.
        let change = FieldChange {
            path: "status".to_owned(),
            before: Some(json!(job::state(failed).word())),
            after: None,
        };
        return Ok((ObjectFate::Update, vec![change]));
    }
    let how = How {
        dry: true,
        force: apply.force,
        manager: MANAGER,
    };
    let after = put(ground, one, how).await?;
    Ok(match before {
        None => (ObjectFate::Create, Vec::new()),
        Some(before) => {
            let fields = difference(&before, &after);
            let fate = if fields.is_empty() {
                ObjectFate::Unchanged
            } else {
                ObjectFate::Update
            };
            (fate, fields)
        }
    })
}

/// Applies one object.
pub(super) async fn put(ground: &Ground<'_>, one: &Placed<'_>, how: How) -> Result<Json, Problem> {
    let api = ground.api();
    match api.apply(&one.at, one.object, how).await {
        Err(error) if problem::is_with_ourselves(&error) => {
            api.apply(&one.at, one.object, How { force: true, ..how }).await
        }
        other => other,
    }
    .map_err(|error| one.refused(&error))
}

/// Keeps the number of replicas of a Deployment that no longer says it, because a scaler is to: given up without this,
/// it would fall to one ("Server-Side Apply", "Transferring ownership").
pub(super) async fn hand_over(ground: &Ground<'_>, one: &Placed<'_>) -> Result<(), Problem> {
    if !one.is("Deployment") || one.object.pointer("/spec/replicas").is_some() {
        return Ok(());
    }
    let path = one.at.path();
    let api = ground.api();
    let live = api.get_patiently(&path).await.map_err(|error| one.refused(&error))?;
    let Some(live) = live else { return Ok(()) };
    let is_ours = list(&live, "/metadata/managedFields")
        .iter()
        .any(|entry| text(entry, "/manager") == MANAGER && entry.pointer("/fieldsV1/f:spec/f:replicas").is_some());
    if !is_ours {
        return Ok(());
    }
    let kept = json!({
        "apiVersion": one.at.version, "kind": one.at.kind,
        "metadata": { "name": one.at.name, "namespace": one.at.namespace },
        "spec": { "replicas": number(&live, "/spec/replicas") },
    });
    let how = How {
        dry: false,
        force: true,
        manager: HANDOVER,
    };
    let done = api.apply(&one.at, &kept, how).await;
    done.map(|_| ()).map_err(|error| one.refused(&error))
}

/// The namespaces of a release that are not there.
///
/// # Errors
/// One that is being deleted.
pub(super) async fn missing_namespaces(ground: &Ground<'_>, placed: &[Placed<'_>]) -> Result<Vec<String>, Problem> {
    let mut asked: Vec<&str> = placed.iter().filter_map(|one| one.at.namespace.as_deref()).collect();
    asked.sort_unstable();
    asked.dedup();
    let mut missing = Vec::new();
    for namespace in asked {
        let path = format!("/api/v1/namespaces/{namespace}");
        let api = ground.api();
        match api.get_patiently(&path).await {
            Ok(Some(found)) if is_leaving(&found) || text(&found, "/status/phase") == "Terminating" => {
                return Err(problem::terminating(namespace));
            }
            Ok(Some(_)) => {}
            Ok(None) => missing.push(namespace.to_owned()),
            // Who may not look at it may still work in it.
            Err(error) if error.status() == Some(403) => {}
            Err(error) => return Err(ground.failed(&format!("the namespace {namespace}"), &error)),
        }
    }
    Ok(missing)
}

/// Makes a namespace.
pub(super) async fn make_namespace(ground: &Ground<'_>, namespace: &str) -> Result<(), Problem> {
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": namespace, "labels": { "app.kubernetes.io/managed-by": "mlinfra", "mlinfra/project": ground.project } },
    });
    let one = Placed {
        at: namespace_address(namespace),
        object: &object,
    };
    let how = How {
        dry: false,
        force: false,
        manager: MANAGER,
    };
    put(ground, &one, how).await.map(|_| ())
}

/// Where a namespace is.
pub(super) fn namespace_address(namespace: &str) -> Address {
    Address {
        version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        plural: "namespaces".to_owned(),
        namespace: None,
        name: namespace.to_owned(),
    }
}

/// Objects of this workload that `keep` has not: by its labels, and out of what `before` consisted of.
pub(super) async fn left_over(
    ground: &Ground<'_>,
    keep: &[Placed<'_>],
    before: Option<&Release>,
) -> Result<Vec<Address>, Problem> {
    let api = ground.api();
    let recorded: Vec<Address> = before
        .map(|release| release.objects.iter().filter_map(address_of_known).collect())
        .unwrap_or_default();
    let mut namespaces: Vec<&str> = keep
        .iter()
        .map(|one| &one.at)
        .chain(&recorded)
        .filter_map(|at| at.namespace.as_deref())
        .chain([ground.namespace])
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let is_kept = |at: &Address| keep.iter().any(|one| one.at.is_same(at));
    let mut found: Vec<Address> = Vec::new();
    let selector = ground.selector();
    for namespace in namespaces {
        for (version, kind, plural) in LEFT_OVER {
            let path = collection(version, plural, Some(namespace));
            let query = [("labelSelector", selector.as_str())];
            let listed = match api.list_patiently(&path, &query).await {
                Ok(listed) => listed,
                // What may not even be listed was not made by us either.
                Err(error) if error.status() == Some(403) => continue,
                Err(error) => return Err(ground.failed(&format!("the objects of kind {kind}"), &error)),
            };
            found.extend(listed.iter().filter(|object| is_left(object)).map(|object| Address {
                version: (*version).to_owned(),
                kind: (*kind).to_owned(),
                plural: (*plural).to_owned(),
                namespace: Some(namespace.to_owned()),
                name: name(object).to_owned(),
            }));
        }
    }
    for at in recorded {
        let is_known = found.iter().any(|other| other.is_same(&at)) || is_kept(&at);
        if !is_known && may_go(ground, &at).await? {
            found.push(at);
        }
    }
    found.retain(|at| !is_kept(at));
    Ok(found)
}

fn is_left(object: &Json) -> bool {
    list(object, "/metadata/ownerReferences").is_empty() && !is_leaving(object)
}

/// Whether something that a release consisted of can be taken away with it.
pub(super) async fn may_go(ground: &Ground<'_>, at: &Address) -> Result<bool, Problem> {
    let api = ground.api();
    let path = at.path();
    let found = api.get_patiently(&path).await;
    let Some(object) = found.map_err(|error| problem::refused(at, &error))?.filter(is_left) else {
        return Ok(false);
    };
    match at.kind.as_str() {
        "Namespace" => Ok(false),
        // One that has ended is kept for its logs, until the cluster takes it away.
        "Job" => Ok(ground.owns(&object) && !job::state(&object).is_finished()),
        // Several workloads may share one.
        "ServiceAccount" if label(&object, "app.kubernetes.io/managed-by") == "mlinfra" => {
            Ok(!is_used(ground, at).await)
        }
        _ => Ok(ground.owns(&object)),
    }
}

/// Whether another workload runs as this service account; if that cannot be known, it counts as used.
async fn is_used(ground: &Ground<'_>, at: &Address) -> bool {
    let namespace = at.namespace.as_deref();
    let query = [("labelSelector", "app.kubernetes.io/managed-by=mlinfra")];
    for (version, plural, pod) in [
        ("apps/v1", "deployments", "/spec/template/spec"),
        ("batch/v1", "cronjobs", "/spec/jobTemplate/spec/template/spec"),
        ("batch/v1", "jobs", "/spec/template/spec"),
    ] {
        let Ok(listed) = ground.api().list(&collection(version, plural, namespace), &query).await else {
            return true;
        };
        let uses = |object: &Json| text(object, &format!("{pod}/serviceAccountName")) == at.name;
        if listed.iter().any(|object| uses(object) && !ground.owns(object)) {
            return true;
        }
    }
    false
}

/// Takes objects away; what cannot be taken away is told, and nothing fails for it.
pub(super) async fn take_away(ground: &Ground<'_>, objects: &[Address]) -> bool {
    let mut all = true;
    for at in objects {
        match ground.api().delete(at).await {
            Ok(true) => ground.tell.note(format!("{at} is gone: the workload has it no more")),
            Ok(false) => {}
            Err(error) => {
                all = false;
                ground.tell.note(format!("{at} could not be taken away: {error}"));
            }
        }
    }
    all
}

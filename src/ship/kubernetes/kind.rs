//! Where objects are in the API: kinds with their plurals, and who lives in a namespace.

use serde_json::Value as Json;

use super::api::{Api, ApiError};
use super::read::text;

/// Kinds with what they are called in paths, and whether they live in a namespace. All others are asked for.
const KNOWN: &[(&str, &str, &str, bool)] = &[
    ("", "ConfigMap", "configmaps", true),
    ("", "Namespace", "namespaces", false),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "Pod", "pods", true),
    ("", "Service", "services", true),
    ("", "ServiceAccount", "serviceaccounts", true),
    ("apps", "DaemonSet", "daemonsets", true),
    ("apps", "Deployment", "deployments", true),
    ("apps", "ReplicaSet", "replicasets", true),
    ("apps", "StatefulSet", "statefulsets", true),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        true,
    ),
    ("batch", "CronJob", "cronjobs", true),
    ("batch", "Job", "jobs", true),
    ("eks.amazonaws.com", "NodeClass", "nodeclasses", false),
    ("eks.amazonaws.com", "IngressClassParams", "ingressclassparams", false),
    ("karpenter.k8s.aws", "EC2NodeClass", "ec2nodeclasses", false),
    ("karpenter.sh", "NodePool", "nodepools", false),
    ("networking.k8s.io", "Ingress", "ingresses", true),
    ("networking.k8s.io", "IngressClass", "ingressclasses", false),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies", true),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    ),
    ("rbac.authorization.k8s.io", "Role", "roles", true),
    ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true),
    ("scheduling.k8s.io", "PriorityClass", "priorityclasses", false),
    (
        "secrets-store.csi.x-k8s.io",
        "SecretProviderClass",
        "secretproviderclasses",
        true,
    ),
    ("storage.k8s.io", "StorageClass", "storageclasses", false),
];

/// Where one object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// `v1`, `apps/v1`.
    pub(super) version: String,
    /// `Deployment`.
    pub(super) kind: String,
    /// `deployments`.
    pub(super) plural: String,
    /// Its namespace; none if it is the whole cluster's.
    pub(super) namespace: Option<String>,
    /// Its name.
    pub(super) name: String,
}

impl Address {
    /// `/apis/apps/v1/namespaces/default/deployments/scorer`.
    pub(super) fn path(&self) -> String {
        format!(
            "{}/{}",
            collection(&self.version, &self.plural, self.namespace.as_deref()),
            self.name
        )
    }

    /// Whether both are the same object: a kind may be served in several versions.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
        group(&self.version) == group(&other.version)
            && self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// The path of all objects of a kind, of one namespace or of all.
pub(super) fn collection(version: &str, plural: &str, namespace: Option<&str>) -> String {
    let root = if version.contains('/') { "/apis" } else { "/api" };
    match namespace {
        Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{version}/{plural}"),
    }
}

/// Where `object` belongs.
///
/// # Errors
/// What the cluster says when it is asked for a kind that is not known here.
pub(super) async fn address(api: &Api, object: &Json) -> Result<Address, ApiError> {
    let version = text(object, "/apiVersion");
    let kind = text(object, "/kind");
    let (plural, is_namespaced) = match known(version, kind) {
        Some(found) => found,
        None => asked(api, version, kind).await?,
    };
    let given = text(object, "/metadata/namespace");
    let namespace = is_namespaced.then(|| if given.is_empty() { "default" } else { given }.to_owned());
    Ok(Address {
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural,
        namespace,
        name: text(object, "/metadata/name").to_owned(),
    })
}

/// Where `object` belongs, as far as that is known without asking.
pub(super) fn address_of_known(object: &Json) -> Option<Address> {
    let version = text(object, "/apiVersion");
    let kind = text(object, "/kind");
    let (plural, is_namespaced) = known(version, kind)?;
    let given = text(object, "/metadata/namespace");
    Some(Address {
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural,
        namespace: is_namespaced.then(|| if given.is_empty() { "default" } else { given }.to_owned()),
        name: text(object, "/metadata/name").to_owned(),
    })
}

fn known(version: &str, kind: &str) -> Option<(String, bool)> {
    let group = version.split_once('/').map_or("", |(group, _)| group);
    KNOWN
        .iter()
        .find(|(of, known, ..)| *of == group && *known == kind)
        .map(|(_, _, plural, is_namespaced)| ((*plural).to_owned(), *is_namespaced))
}

/// What the cluster says of a kind; a kind that it does not have is taken for what kinds usually are, so that applying it
/// fails in the cluster's own words.
async fn asked(api: &Api, version: &str, kind: &str) -> Result<(String, bool), ApiError> {
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let path = format!("{root}/{version}");
    let listed = api.get_patiently(&path).await?;
    let found = listed.as_ref().and_then(|list| {
        list.get("resources")?
            .as_array()?
            .iter()
            .find(|one| text(one, "/kind") == kind && !text(one, "/name").contains('/'))
    });
    Ok(match found {
        Some(one) => (
            text(one, "/name").to_owned(),
            one.get("namespaced").and_then(Json::as_bool).unwrap_or(true),
        ),
        None => (format!("{}s", kind.to_lowercase()), true),
    })
}

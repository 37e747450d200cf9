//! The resources that the API server knows, and what a path asks for.

use serde_json::{Value, json};

/// A resource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Empty for the core group.
    pub(super) group: &'static str,
    /// The versions under which it is served, the preferred one first.
    pub(super) versions: &'static [&'static str],
    pub(super) plural: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespaced: bool,
}

const V1: &[&str] = &["v1"];

const fn inside(group: &'static str, plural: &'static str, kind: &'static str) -> Kind {
    Kind {
        group,
        versions: V1,
        plural,
        kind,
        namespaced: true,
    }
}

const fn outside(group: &'static str, plural: &'static str, kind: &'static str) -> Kind {
    Kind {
        group,
        versions: V1,
        plural,
        kind,
        namespaced: false,
    }
}

/// What a cluster serves: Kubernetes itself, and what EKS Auto Mode and the Secrets Store CSI driver add. Other custom
/// resources are those of operators that a new cluster does not have.
pub(super) const KINDS: &[Kind] = &[
    outside("", "namespaces", "Namespace"),
    outside("", "nodes", "Node"),
    outside("", "persistentvolumes", "PersistentVolume"),
    inside("", "pods", "Pod"),
    inside("", "services", "Service"),
    inside("", "configmaps", "ConfigMap"),
    inside("", "secrets", "Secret"),
    inside("", "serviceaccounts", "ServiceAccount"),
    inside("", "events", "Event"),
    inside("", "endpoints", "Endpoints"),
    inside("", "persistentvolumeclaims", "PersistentVolumeClaim"),
    inside("", "resourcequotas", "ResourceQuota"),
    inside("", "limitranges", "LimitRange"),
    inside("apps", "deployments", "Deployment"),
    inside("apps", "replicasets", "ReplicaSet"),
    inside("apps", "statefulsets", "StatefulSet"),
    inside("apps", "daemonsets", "DaemonSet"),
    inside("apps", "controllerrevisions", "ControllerRevision"),
    inside("batch", "jobs", "Job"),
    inside("batch", "cronjobs", "CronJob"),
    Kind {
        group: "autoscaling",
        versions: &["v2", "v1"],
        plural: "horizontalpodautoscalers",
        kind: "HorizontalPodAutoscaler",
        namespaced: true,
    },
    inside("policy", "poddisruptionbudgets", "PodDisruptionBudget"),
    inside("networking.k8s.io", "ingresses", "Ingress"),
    inside("networking.k8s.io", "networkpolicies", "NetworkPolicy"),
    outside("networking.k8s.io", "ingressclasses", "IngressClass"),
    inside("rbac.authorization.k8s.io", "roles", "Role"),
    inside("rbac.authorization.k8s.io", "rolebindings", "RoleBinding"),
    outside("rbac.authorization.k8s.io", "clusterroles", "ClusterRole"),
    outside("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding"),
    outside("storage.k8s.io", "storageclasses", "StorageClass"),
    outside("storage.k8s.io", "csidrivers", "CSIDriver"),
    outside("scheduling.k8s.io", "priorityclasses", "PriorityClass"),
    inside("coordination.k8s.io", "leases", "Lease"),
    inside("discovery.k8s.io", "endpointslices", "EndpointSlice"),
    outside(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
    ),
    outside(
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
    ),
    outside(
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
    ),
    inside(
        "secrets-store.csi.x-k8s.io",
        "secretproviderclasses",
        "SecretProviderClass",
    ),
    outside("karpenter.sh", "nodepools", "NodePool"),
    outside("karpenter.sh", "nodeclaims", "NodeClaim"),
    outside("karpenter.k8s.aws", "ec2nodeclasses", "EC2NodeClass"),
    outside("eks.amazonaws.com", "nodeclasses", "NodeClass"),
    outside("eks.amazonaws.com", "ingressclassparams", "IngressClassParams"),
    inside("eks.amazonaws.com", "targetgroupbindings", "TargetGroupBinding"),
];

impl Kind {
    /// The resource called so in messages: `deployments.apps`.
    pub(super) fn resource(&self) -> String {
        dotted(self.plural, self.group)
    }

    /// The kind called so in messages: `Deployment.apps`.
    pub(super) fn qualified(&self) -> String {
        dotted(self.kind, self.group)
    }

    /// `apps/v1`, with the version asked for.
    pub(super) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", self.group)
        }
    }

    /// Whether Kubernetes itself has the type, and so knows which of its lists have keys.
    pub(super) fn is_built_in(&self) -> bool {
        !matches!(
            self.group,
            "secrets-store.csi.x-k8s.io" | "karpenter.sh" | "karpenter.k8s.aws" | "eks.amazonaws.com"
        )
    }

    /// What all keys of the resource's objects begin with.
    pub(super) fn prefix(&self) -> String {
        format!("{}|", self.resource())
    }

    /// Where the object is kept.
    pub(super) fn key(&self, namespace: &str, name: &str) -> String {
        format!("{}|{namespace}|{name}", self.resource())
    }
}

fn dotted(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

/// The resource of this plural in one of the groups.
pub(super) fn kind(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.plural == plural)
}

/// Where a namespaced object of this plural is kept; the plurals of the groups in use are unambiguous.
pub(super) fn key(plural: &str, namespace: &str, name: &str) -> String {
    let found = KINDS.iter().find(|kind| kind.plural == plural);
    found.map_or_else(
        || format!("{plural}|{namespace}|{name}"),
        |kind| kind.key(namespace, name),
    )
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/api`, `/apis`, `/apis/GROUP/VERSION`.
    Discovery(Option<(String, String)>),
    /// A review of access or of the caller, which is answered and not kept.
    Review(String),
    /// Objects.
    Objects(Target),
    /// Something that no API server of this kind has.
    Nothing,
}

/// Which objects are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    pub(super) version: String,
    /// Empty for all namespaces, and for what has none.
    pub(super) namespace: String,
    /// Empty for a collection.
    pub(super) name: String,
    /// `log`, `status`, `scale`; empty for the object itself.
    pub(super) part: String,
}

impl Target {
    pub(super) fn key(&self) -> String {
        self.kind.key(&self.namespace, &self.name)
    }

    pub(super) fn api_version(&self) -> String {
        self.kind.api_version(&self.version)
    }
}

/// Reads a path: "API Concepts", Resource URIs.
pub(super) fn asked(path: &str) -> Asked {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["version"] => return Asked::Version,
        ["healthz" | "livez" | "readyz", ..] => return Asked::Health,
        ["api"] | ["apis"] => return Asked::Discovery(None),
        ["api", version] => return Asked::Discovery(Some((String::new(), (*version).to_owned()))),
        ["apis", group, version] => return Asked::Discovery(Some(((*group).to_owned(), (*version).to_owned()))),
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", "authorization.k8s.io" | "authentication.k8s.io", "v1", review] => {
            return Asked::Review((*review).to_owned());
        }
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Asked::Nothing,
    };
    let (namespace, plural, name, part) = match rest {
        // The finalisers and the status of a namespace are parts of it; anything else lies in it.
        ["namespaces"] => ("", "namespaces", "", ""),
        ["namespaces", name] => ("", "namespaces", *name, ""),
        ["namespaces", name, part @ ("status" | "finalize")] => ("", "namespaces", *name, *part),
        ["namespaces", namespace, plural] => (*namespace, *plural, "", ""),
        ["namespaces", namespace, plural, name] => (*namespace, *plural, *name, ""),
        ["namespaces", namespace, plural, name, part] => (*namespace, *plural, *name, *part),
        [plural] => ("", *plural, "", ""),
        [plural, name] => ("", *plural, *name, ""),
        [plural, name, part] => ("", *plural, *name, *part),
        _ => return Asked::Nothing,
    };
    let Some(kind) = kind(group, plural).filter(|kind| kind.versions.contains(&version)) else {
        return Asked::Nothing;
    };
    // One object without its namespace, or a namespace where there is none.
    if kind.namespaced && namespace.is_empty() && !name.is_empty() || !kind.namespaced && !namespace.is_empty() {
        return Asked::Nothing;
    }
    Asked::Objects(Target {
        kind,
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        part: part.to_owned(),
    })
}

/// The answer to a question for what there is.
pub(super) fn discovery(of: Option<&(String, String)>, path: &str) -> Option<Value> {
    let Some((group, version)) = of else {
        if path.trim_end_matches('/') == "/api" {
            return Some(json!({ "kind": "APIVersions", "versions": ["v1"] }));
        }
        let mut groups: Vec<Value> = Vec::new();
        for kind in KINDS.iter().filter(|kind| !kind.group.is_empty()) {
            if groups.iter().any(|group| group.get("name") == Some(&json!(kind.group))) {
                continue;
            }
            let versions: Vec<Value> = kind
                .versions
                .iter()
                .map(|version| json!({ "groupVersion": kind.api_version(version), "version": version }))
                .collect();
            let preferred = versions.first().cloned();
            groups.push(json!({ "name": kind.group, "versions": versions, "preferredVersion": preferred }));
        }
        return Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }));
    };
    let served = |kind: &&Kind| kind.group == group && kind.versions.contains(&version.as_str());
    let resources: Vec<Value> = KINDS
        .iter()
        .filter(served)
        .map(|kind| {
            json!({
                "name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": ["create", "delete", "get", "list", "patch", "update"],
            })
        })
        .collect();
    let first = KINDS.iter().find(served)?;
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": first.api_version(version), "resources": resources,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked};

    #[test]
    fn a_path_says_which_objects_are_meant() {
        let read = |path: &str| match asked(path) {
            Asked::Objects(target) => format!(
                "{} {} {} {} {}",
                target.api_version(),
                target.kind.kind,
                target.namespace,
                target.name,
                target.part
            ),
            other => format!("{other:?}"),
        };
        for (path, meant) in [
            ("/api/v1/namespaces", "v1 Namespace   "),
            ("/api/v1/namespaces/shop", "v1 Namespace  shop "),
            ("/api/v1/namespaces/shop/status", "v1 Namespace  shop status"),
            ("/api/v1/namespaces/shop/pods", "v1 Pod shop  "),
            ("/api/v1/namespaces/shop/pods/p/log", "v1 Pod shop p log"),
            ("/api/v1/pods", "v1 Pod   "),
            ("/apis/apps/v1/namespaces/a/deployments/d", "apps/v1 Deployment a d "),
            (
                "/apis/karpenter.sh/v1/nodepools/general",
                "karpenter.sh/v1 NodePool  general ",
            ),
            ("/apis/apps/v1/deployments/d", "Nothing"),
            ("/apis/apps/v1beta1/deployments", "Nothing"),
            ("/apis/keda.sh/v1alpha1/namespaces/a/scaledobjects", "Nothing"),
            ("/", "Nothing"),
        ] {
            assert_eq!(read(path), meant, "{path}");
        }
    }
}

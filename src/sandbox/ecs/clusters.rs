//! Clusters: made and deleted by stacks, looked at by everybody ("DescribeClusters", "PutClusterCapacityProviders").

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::service::Context;
use super::{Answer, Ecs, name, refuse, text, texts};

/// A cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub(super) providers: Vec<String>,
    strategy: Value,
    settings: Value,
}

impl Ecs {
    pub(super) fn create_cluster(&mut self, body: &Value, context: &Context) -> Answer {
        let name = text(body, "clusterName").unwrap_or("default").to_owned();
        // One that is there already is answered as it is.
        self.clusters.entry(name.clone()).or_insert_with(|| Cluster {
            providers: texts(body, "capacityProviders")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            strategy: json!([]),
            settings: body.get("settings").cloned().unwrap_or_else(|| json!([])),
        });
        Ok(json!({ "cluster": self.describe_cluster(&name, context) }))
    }

    pub(super) fn put_capacity_providers(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        if let Some(entry) = self.clusters.get_mut(&cluster) {
            entry.providers = texts(body, "capacityProviders")
                .into_iter()
                .map(str::to_owned)
                .collect();
            entry.strategy = body
                .get("defaultCapacityProviderStrategy")
                .cloned()
                .unwrap_or_else(|| json!([]));
        }
        Ok(json!({ "cluster": self.describe_cluster(&cluster, context) }))
    }

    pub(super) fn delete_cluster(&mut self, body: &Value, context: &Context) -> Answer {
        let cluster = self.cluster(body)?;
        let active = self
            .services
            .values()
            .any(|service| service.cluster == cluster && service.status != "INACTIVE");
        if active {
            return refuse(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            );
        }
        let busy = self
            .tasks
            .values()
            .any(|task| task.cluster == cluster && !task.is_stopped(context.now));
        if busy {
            return refuse(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            );
        }
        let described = self.describe_cluster(&cluster, context);
        self.clusters.remove(&cluster);
        self.services.retain(|_, service| service.cluster != cluster);
        Ok(json!({ "cluster": described }))
    }

    pub(super) fn describe_clusters(&mut self, body: &Value, context: &Context) -> Answer {
        let asked: Vec<&str> = match texts(body, "clusters") {
            none if none.is_empty() => vec!["default"],
            some => some.into_iter().map(name).collect(),
        };
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            asked.into_iter().partition(|name| self.clusters.contains_key(*name));
        let clusters: Vec<Value> = known
            .into_iter()
            .map(|name| self.describe_cluster(name, context))
            .collect();
        let failures: Vec<Value> = unknown
            .into_iter()
            .map(|name| json!({ "arn": cluster_arn(name, context), "reason": "MISSING" }))
            .collect();
        Ok(json!({ "clusters": clusters, "failures": failures }))
    }

    pub(super) fn list_clusters(&self, context: &Context) -> Value {
        let arns: Vec<String> = self.clusters.keys().map(|name| cluster_arn(name, context)).collect();
        json!({ "clusterArns": arns })
    }

    /// The name of the cluster that a request is about.
    pub(super) fn cluster(&self, body: &Value) -> Result<String, super::ApiError> {
        let cluster = name(text(body, "cluster").unwrap_or("default"));
        match self.clusters.contains_key(cluster) {
            true => Ok(cluster.to_owned()),
            false => refuse("ClusterNotFoundException", "Cluster not found."),
        }
    }

    fn describe_cluster(&self, name: &str, context: &Context) -> Value {
        let of = |wanted: &str| {
            self.tasks
                .values()
                .filter(|task| task.cluster == name && task.last_status(context.now) == wanted)
                .count()
        };
        let entry = self.clusters.get(name);
        let services = self
            .services
            .values()
            .filter(|service| service.cluster == name && service.status == "ACTIVE")
            .count();
        json!({
            "clusterArn": cluster_arn(name, context),
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": of("RUNNING"),
            "pendingTasksCount": of("PENDING"),
            "activeServicesCount": services,
            "settings": entry.map(|entry| entry.settings.clone()),
            "capacityProviders": entry.map(|entry| entry.providers.clone()),
            "defaultCapacityProviderStrategy": entry.map(|entry| entry.strategy.clone()),
        })
    }
}

pub(super) fn cluster_arn(name: &str, context: &Context) -> String {
    format!("arn:aws:ecs:{}:{}:cluster/{name}", context.region, context.account)
}

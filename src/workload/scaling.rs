//! What Application Auto Scaling is asked for a workload of ECS or SageMaker: between which numbers, and what it follows.
//!
//! From "RegisterScalableTarget" and "PutScalingPolicy", Application Auto Scaling API Reference.

use serde_json::{Map, Value as Json, json};

/// The only policy of a workload: what is asked for again under this name takes its place.
pub const POLICY: &str = "mlinfra";

/// A number of something that can be scaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaled {
    namespace: &'static str,
    resource: String,
    dimension: &'static str,
}

impl Scaled {
    /// The number of tasks of a service of ECS.
    pub fn service(cluster: &str, name: &str) -> Self {
        Self {
            namespace: "ecs",
            resource: format!("service/{cluster}/{name}"),
            dimension: "ecs:service:DesiredCount",
        }
    }

    /// The number of instances of a variant of an endpoint of SageMaker.
    pub fn variant(endpoint: &str, variant: &str) -> Self {
        Self {
            namespace: "sagemaker",
            resource: format!("endpoint/{endpoint}/variant/{variant}"),
            dimension: "sagemaker:variant:DesiredInstanceCount",
        }
    }

    /// Such as `service/CLUSTER/NAME`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The members by which every request names it.
    pub fn asked(&self) -> Json {
        json!({
            "ServiceNamespace": self.namespace,
            "ResourceId": self.resource,
            "ScalableDimension": self.dimension,
        })
    }
}

/// The request that sets the bounds.
pub(super) fn target(scaled: &Scaled, min: u32, max: u32, tags: Map<String, Json>) -> Json {
    with(scaled, json!({ "MinCapacity": min, "MaxCapacity": max, "Tags": tags }))
}

/// The request that keeps `metric`, a member of a `TargetTrackingScalingPolicyConfiguration`, at `value`.
///
/// A minute lies between two steps up, and five between two steps down: a load that comes back at once finds them there.
pub(super) fn policy(scaled: &Scaled, metric: (&str, Json), value: f64) -> Json {
    let mut tracking = json!({ "TargetValue": value, "ScaleOutCooldown": 60, "ScaleInCooldown": 300 });
    if let Some(members) = tracking.as_object_mut() {
        members.insert(metric.0.to_owned(), metric.1);
    }
    with(
        scaled,
        json!({
            "PolicyName": POLICY,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking,
        }),
    )
}

/// A metric that Application Auto Scaling has a name for.
pub(super) fn predefined(name: &str, label: Option<String>) -> (&'static str, Json) {
    let mut metric = json!({ "PredefinedMetricType": name });
    if let (Some(label), Some(members)) = (label, metric.as_object_mut()) {
        members.insert("ResourceLabel".to_owned(), json!(label));
    }
    ("PredefinedMetricSpecification", metric)
}

/// The processors of an instance type such as `ml.c7i.2xlarge`, by its size: a `large` has 2, an `xlarge` 4, and one with
/// a number before it as many times 4 ("Amazon EC2 instance types"). None for a size that says nothing.
pub(super) fn processors(instance_type: &str) -> Option<u32> {
    let size = instance_type.rsplit('.').next()?;
    match size {
        // The one that is no multiple of its family's others.
        "8xlarge" if instance_type.ends_with("c4.8xlarge") => Some(36),
        "medium" | "large" => Some(2),
        "xlarge" => Some(4),
        _ => Some(size.strip_suffix("xlarge")?.parse::<u32>().ok()?.saturating_mul(4)),
    }
}

fn with(scaled: &Scaled, members: Json) -> Json {
    let mut request = scaled.asked();
    if let (Some(request), Json::Object(members)) = (request.as_object_mut(), members) {
        request.extend(members);
    }
    request
}

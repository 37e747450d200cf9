//! Application Auto Scaling: bounds and policies, where there is no load.
//!
//! Nothing is ever busy here, so policies are kept and change nothing; bounds do: what lies outside of them is brought
//! inside at once, as AWS does with "minimum capacity was set to …". The services do not know each other: what is scaled is
//! asked for, and changed, on the way in ([`across`]).
//!
//! From "RegisterScalableTarget" and its neighbours, Application Auto Scaling API Reference.

pub(super) mod across;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::inventory::Item;
use super::reply::{self, ApiError, refuse, seconds};
use super::request::{Name, Request};
use super::service::{Context, Service};

/// The service's whole state; both by namespace, resource and dimension, joined with `|`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Scaling {
    targets: BTreeMap<String, Target>,
    policies: BTreeMap<String, BTreeMap<String, Policy>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Target {
    min: i64,
    max: i64,
    created: i64,
    tags: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Policy {
    /// As it was put.
    body: Value,
    created: i64,
}

/// What can be scaled here, and by which dimension.
const DIMENSIONS: [(&str, &str); 2] = [
    ("ecs", "ecs:service:DesiredCount"),
    ("sagemaker", "sagemaker:variant:DesiredInstanceCount"),
];

impl Service for Scaling {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let answer = match request.action.as_str() {
            "RegisterScalableTarget" => self.register(&body, context),
            "DeregisterScalableTarget" => self.deregister(&body),
            "DescribeScalableTargets" => self.describe_targets(&body, context),
            "PutScalingPolicy" => self.put_policy(&body, context),
            "DeleteScalingPolicy" => self.delete_policy(&body),
            "DescribeScalingPolicies" => self.describe_policies(&body, context),
            other => refuse(
                "UnknownOperationException",
                format!("the sandbox's Application Auto Scaling does not know {other}"),
            ),
        };
        reply::answered(request, answer)
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        let targets = self.targets.keys();
        targets
            .map(|key| Item::new(Name::Scaling.as_str(), "scalable-target", parts(key)[1]))
            .collect()
    }
}

impl Scaling {
    fn register(&mut self, body: &Value, context: &Context) -> Result<Value, ApiError> {
        let key = key(body)?;
        let before = self.targets.get(&key);
        let bound = |member: &str, known: Option<i64>| body.get(member).and_then(Value::as_i64).or(known);
        let min = bound("MinCapacity", before.map(|target| target.min));
        let max = bound("MaxCapacity", before.map(|target| target.max));
        let (Some(min), Some(max)) = (min, max) else {
            return refuse(
                "ValidationException",
                "MinCapacity and MaxCapacity are required to register a new scalable target",
            );
        };
        if min > max {
            return refuse(
                "ValidationException",
                "Maximum capacity cannot be less than minimum capacity",
            );
        }
        if before.is_some() && body.get("Tags").is_some() {
            return refuse(
                "ValidationException",
                "Tags can only be specified when a scalable target is created",
            );
        }
        let target = Target {
            min,
            max,
            created: before.map_or(context.now, |target| target.created),
            tags: body.get("Tags").cloned().unwrap_or_else(|| json!({})),
        };
        self.targets.insert(key.clone(), target);
        Ok(json!({ "ScalableTargetARN": arn(&key, context) }))
    }

    fn deregister(&mut self, body: &Value) -> Result<Value, ApiError> {
        let key = key(body)?;
        self.policies.remove(&key);
        match self.targets.remove(&key) {
            Some(_) => Ok(json!({})),
            None => refuse("ObjectNotFoundException", no_target(&key)),
        }
    }

    fn describe_targets(&self, body: &Value, context: &Context) -> Result<Value, ApiError> {
        let wanted = namespace(body)?;
        let ids = body.get("ResourceIds").and_then(Value::as_array);
        let found = self.targets.iter().filter(|(key, _)| {
            let [namespace, resource, dimension] = parts(key);
            namespace == wanted
                && ids.is_none_or(|ids| ids.iter().any(|id| id == resource))
                && text(body, "ScalableDimension").is_none_or(|asked| asked == dimension)
        });
        let listed = found.map(|(key, target)| {
            let [namespace, resource, dimension] = parts(key);
            json!({
                "ServiceNamespace": namespace,
                "ResourceId": resource,
                "ScalableDimension": dimension,
                "MinCapacity": target.min,
                "MaxCapacity": target.max,
                "RoleARN": role(namespace, context),
                "CreationTime": seconds(target.created),
                "SuspendedState": {
                    "DynamicScalingInSuspended": false,
                    "DynamicScalingOutSuspended": false,
                    "ScheduledScalingSuspended": false,
                },
                "ScalableTargetARN": arn(key, context),
            })
        });
        Ok(json!({ "ScalableTargets": listed.collect::<Value>() }))
    }

    fn put_policy(&mut self, body: &Value, context: &Context) -> Result<Value, ApiError> {
        let key = key(body)?;
        if !self.targets.contains_key(&key) {
            return refuse("ObjectNotFoundException", no_target(&key));
        }
        let Some(name) = text(body, "PolicyName") else {
            return refuse("ValidationException", "PolicyName is required");
        };
        if text(body, "PolicyType") == Some("TargetTrackingScaling") {
            tracks(body)?;
        }
        let policies = self.policies.entry(key.clone()).or_default();
        let created = policies.get(name).map_or(context.now, |policy| policy.created);
        let policy = Policy {
            body: body.clone(),
            created,
        };
        policies.insert(name.to_owned(), policy);
        Ok(json!({ "PolicyARN": policy_arn(&key, name, context), "Alarms": alarms(&key, context) }))
    }

    fn delete_policy(&mut self, body: &Value) -> Result<Value, ApiError> {
        let key = key(body)?;
        let name = text(body, "PolicyName").unwrap_or_default();
        match self.policies.get_mut(&key).and_then(|policies| policies.remove(name)) {
            Some(_) => Ok(json!({})),
            None => refuse(
                "ObjectNotFoundException",
                format!("No scaling policy found for {}", no_target(&key)),
            ),
        }
    }

    fn describe_policies(&self, body: &Value, context: &Context) -> Result<Value, ApiError> {
        let wanted = namespace(body)?;
        let found = self.policies.iter().filter(|(key, _)| {
            let [namespace, resource, _] = parts(key);
            namespace == wanted && text(body, "ResourceId").is_none_or(|asked| asked == resource)
        });
        let listed = found.flat_map(|(key, policies)| {
            policies.iter().map(move |(name, policy)| {
                let mut described = policy.body.clone();
                if let Some(members) = described.as_object_mut() {
                    members.insert("PolicyARN".to_owned(), json!(policy_arn(key, name, context)));
                    members.insert("CreationTime".to_owned(), seconds(policy.created));
                    members.insert("Alarms".to_owned(), alarms(key, context));
                }
                described
            })
        });
        Ok(json!({ "ScalingPolicies": listed.collect::<Value>() }))
    }
}

/// A target tracking policy needs one metric, a value, and for requests of a load balancer which one is meant.
fn tracks(body: &Value) -> Result<(), ApiError> {
    let tracking = body.get("TargetTrackingScalingPolicyConfiguration");
    let of = |member: &str| tracking.and_then(|tracking| tracking.get(member));
    if of("TargetValue").and_then(Value::as_f64).is_none() {
        return refuse("ValidationException", "TargetValue is required");
    }
    match (of("PredefinedMetricSpecification"), of("CustomizedMetricSpecification")) {
        (Some(metric), None) => {
            let counts = text(metric, "PredefinedMetricType") == Some("ALBRequestCountPerTarget");
            let label = text(metric, "ResourceLabel").unwrap_or_default();
            let is_whole = label.starts_with("app/") && label.contains("/targetgroup/");
            if counts && !is_whole {
                return refuse(
                    "ValidationException",
                    "ResourceLabel must be specified as app/<load-balancer-name>/<load-balancer-id>/targetgroup/<target-group-name>/<target-group-id>",
                );
            }
            Ok(())
        }
        (None, Some(_)) => Ok(()),
        _ => refuse(
            "ValidationException",
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified",
        ),
    }
}

fn key(body: &Value) -> Result<String, ApiError> {
    let (namespace, dimension) = (namespace(body)?, text(body, "ScalableDimension").unwrap_or_default());
    if !DIMENSIONS.contains(&(namespace, dimension)) {
        return refuse(
            "ValidationException",
            format!("Unsupported service namespace, resource type or scalable dimension: {namespace}, {dimension}"),
        );
    }
    Ok(format!(
        "{namespace}|{}|{dimension}",
        text(body, "ResourceId").unwrap_or_default()
    ))
}

fn namespace(body: &Value) -> Result<&str, ApiError> {
    text(body, "ServiceNamespace")
        .ok_or_else(|| ApiError::new(400, "ValidationException", "ServiceNamespace is required"))
}

/// Namespace, resource and dimension.
fn parts(key: &str) -> [&str; 3] {
    let mut parts = key.split('|');
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn no_target(key: &str) -> String {
    let [namespace, resource, dimension] = parts(key);
    format!(
        "No scalable target found for service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"
    )
}

fn arn(key: &str, context: &Context) -> String {
    format!(
        "arn:aws:application-autoscaling:{}:{}:scalable-target/{}",
        context.region,
        context.account,
        short(key)
    )
}

fn policy_arn(key: &str, name: &str, context: &Context) -> String {
    let [namespace, resource, _] = parts(key);
    format!(
        "arn:aws:autoscaling:{}:{}:scalingPolicy:{}:resource/{namespace}/{resource}:policyName/{name}",
        context.region,
        context.account,
        short(key)
    )
}

/// The two alarms that a target tracking policy makes.
fn alarms(key: &str, context: &Context) -> Value {
    let [_, resource, _] = parts(key);
    let alarm = |which: &str| {
        let name = format!("TargetTracking-{resource}-Alarm{which}-{}", short(key));
        let arn = format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", context.region, context.account);
        json!({ "AlarmName": name, "AlarmARN": arn })
    };
    json!([alarm("High"), alarm("Low")])
}

fn role(namespace: &str, context: &Context) -> String {
    let (service, name) = match namespace {
        "ecs" => ("ecs", "ECSService"),
        _ => ("sagemaker", "SageMakerEndpoint"),
    };
    format!(
        "arn:aws:iam::{}:role/aws-service-role/{service}.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_{name}",
        context.account
    )
}

/// Digits that stand for a key, the same each time.
fn short(key: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(key.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str)
}

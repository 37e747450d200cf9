//! What a schedule does: the RunTask that its target stands for.

use serde_json::{Map, Value, json};

use super::text;

/// The members of `EcsParameters`, and what RunTask calls them.
const MEMBERS: [(&str, &str); 13] = [
    ("CapacityProviderStrategy", "capacityProviderStrategy"),
    ("EnableECSManagedTags", "enableECSManagedTags"),
    ("EnableExecuteCommand", "enableExecuteCommand"),
    ("Group", "group"),
    ("LaunchType", "launchType"),
    ("PlacementConstraints", "placementConstraints"),
    ("PlacementStrategy", "placementStrategy"),
    ("PlatformVersion", "platformVersion"),
    ("PropagateTags", "propagateTags"),
    ("ReferenceId", "referenceId"),
    ("Tags", "tags"),
    ("TaskCount", "count"),
    ("TaskDefinitionArn", "taskDefinition"),
];
const NETWORK: [(&str, &str); 3] = [
    ("AssignPublicIp", "assignPublicIp"),
    ("SecurityGroups", "securityGroups"),
    ("Subnets", "subnets"),
];
/// So much of `chronos-schedule/NAME` is in `startedBy`, as tasks that AWS has started show.
const STARTED_BY: usize = 36;

/// The request to ECS that the schedule called `name` makes; none if its target is something else.
pub(super) fn task(name: &str, target: &Value) -> Option<Value> {
    let cluster = text(target, "Arn").filter(|arn| is_cluster(arn))?;
    let asked = target.get("EcsParameters")?;
    let mut task = renamed(asked, &MEMBERS);
    let mut put = |member: &str, value: Value| task.insert(member.to_owned(), value);
    put("cluster", json!(cluster));
    let whose = format!("chronos-schedule/{name}");
    put("startedBy", json!(whose.chars().take(STARTED_BY).collect::<String>()));
    if let Some(network) = asked.pointer("/NetworkConfiguration/awsvpcConfiguration") {
        let network = Value::Object(renamed(network, &NETWORK));
        put("networkConfiguration", json!({ "awsvpcConfiguration": network }));
    }
    let input = text(target, "Input").and_then(|input| serde_json::from_str::<Value>(input).ok());
    if let Some(overrides) = input.filter(|input| input.get("containerOverrides").is_some()) {
        put("overrides", overrides);
    }
    Some(Value::Object(task))
}

/// Whether an ARN is a cluster's of ECS: `arn:aws:ecs:REGION:ACCOUNT:cluster/NAME`.
pub(super) fn is_cluster(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    parts.nth(2) == Some("ecs") && parts.nth(2).is_some_and(|rest| rest.starts_with("cluster/"))
}

fn renamed(given: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let found = names.iter().filter_map(|(member, name)| {
        let value = given.get(*member).filter(|value| !value.is_null())?;
        Some(((*name).to_owned(), value.clone()))
    });
    found.collect()
}

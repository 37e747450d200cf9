//! Load balancers, their listeners and target groups, as Elastic Load Balancing refuses them ("CreateLoadBalancer",
//! "DeleteLoadBalancer", "DeleteTargetGroup", "CreateListener").

use serde_json::Value;

use super::super::cloudformation::ResourceRequest;
use super::super::house::Desk;
use super::{Made, ledger, list, scalar, text, told, zone_of};

const BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
const GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
const LISTENER: &str = "AWS::ElasticLoadBalancingV2::Listener";
const BALANCERS: &str = "elasticloadbalancing:load-balancer";
const GROUPS: &str = "elasticloadbalancing:target-group";
const LISTENERS: &str = "elasticloadbalancing:listener";
const RULES: &str = "elasticloadbalancing:rule";

pub(super) fn create(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let properties = request.properties;
    match request.resource_type {
        BALANCER => {
            is_new(desk, BALANCERS, id, "load balancer")?;
            zones(desk, properties)
        }
        GROUP => is_new(desk, GROUPS, id, "target group"),
        LISTENER => {
            let balancer = text(properties, "LoadBalancerArn").unwrap_or_default();
            if ledger::find(desk, BALANCERS, &balancer)?.is_none() {
                return refuse("One or more load balancers not found");
            }
            let same = |value: &Value| {
                text(value, "LoadBalancerArn").as_deref() == Some(&balancer)
                    && text(value, "Port") == text(properties, "Port")
            };
            if ledger::all(desk, LISTENERS)?.iter().any(|(_, value)| same(value)) {
                return refuse(&format!(
                    "A listener already exists on this port for this load balancer '{balancer}'"
                ));
            }
            targets_exist(desk, properties)
        }
        _ => targets_exist(desk, properties),
    }
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    match request.resource_type {
        BALANCER => zones(desk, request.properties),
        GROUP => Ok(()),
        _ => targets_exist(desk, request.properties),
    }
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    match request.resource_type {
        BALANCER => {
            let value = ledger::find(desk, BALANCERS, id)?.unwrap_or_default();
            let protects = |attribute: &Value| {
                text(attribute, "Key").as_deref() == Some("deletion_protection.enabled")
                    && text(attribute, "Value").as_deref() == Some("true")
            };
            match list(&value, "LoadBalancerAttributes").iter().any(protects) {
                true => refuse(&format!(
                    "Load balancer '{id}' cannot be deleted because deletion protection is enabled"
                )),
                false => Ok(()),
            }
        }
        GROUP => {
            let listeners = ledger::all(desk, LISTENERS)?;
            let rules = ledger::all(desk, RULES)?;
            let used = listeners.iter().chain(&rules).any(|(_, value)| forwards_to(value, id));
            match used {
                true => refuse(&format!(
                    "Target group '{id}' is currently in use by a listener or a rule"
                )),
                false => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Whether a listener or a rule sends anything to a target group.
pub(super) fn forwards_to(value: &Value, group: &str) -> bool {
    targets(value).iter().any(|target| target == group)
}

fn targets(value: &Value) -> Vec<String> {
    let actions = list(value, "DefaultActions").iter().chain(list(value, "Actions"));
    let mut found = Vec::new();
    for action in actions {
        found.extend(text(action, "TargetGroupArn"));
        let forward = action.get("ForwardConfig").unwrap_or(&Value::Null);
        let groups = list(forward, "TargetGroups").iter();
        found.extend(groups.filter_map(|group| text(group, "TargetGroupArn")));
    }
    found
}

fn targets_exist(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    for target in targets(properties) {
        if ledger::find(desk, GROUPS, &target)?.is_none() {
            return refuse("One or more target groups not found");
        }
    }
    Ok(())
}

/// An Application Load Balancer is in two zones at least, once in each. Subnets that the sandbox does not hold are
/// taken on trust.
fn zones(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    let application = text(properties, "Type").is_none_or(|kind| kind == "application");
    let mut seen = std::collections::BTreeSet::new();
    for subnet in list(properties, "Subnets").iter().filter_map(scalar) {
        let Some(zone) = zone_of(desk, &subnet)? else {
            return Ok(());
        };
        if !seen.insert(zone) {
            return refuse("A load balancer cannot be attached to multiple subnets in the same Availability Zone");
        }
    }
    match application && seen.len() == 1 {
        true => refuse("At least two subnets in two different Availability Zones must be specified"),
        false => Ok(()),
    }
}

fn is_new(desk: &mut Desk<'_>, kind: &str, id: &str, what: &str) -> Made<()> {
    let own = short_name(id);
    let others = ledger::all(desk, kind)?;
    match others.iter().any(|(other, _)| short_name(other) == own) {
        true => refuse(&format!(
            "A {what} with the same name '{own}' exists, but with different settings"
        )),
        false => Ok(()),
    }
}

/// The name in the ARN of a load balancer or a target group: the last part but one.
fn short_name(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

fn refuse<T>(reason: &str) -> Made<T> {
    Err(told("ElasticLoadBalancingV2", reason))
}

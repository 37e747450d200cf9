//! The types that no emulator holds, and of which more than an id can be observed: they are entered in a ledger, and
//! what their services refuse is refused from what is in it.

use serde_json::{Value, json};

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, balancing, databases, tasks, watching};

/// A type of the ledger.
pub(super) struct Kind {
    pub(super) resource_type: &'static str,
    /// Its service and what the service calls it: `rds:db-instance`.
    pub(super) kind: &'static str,
}

/// Every kind that is entered.
pub(super) const KINDS: [Kind; 28] = [
    kind("AWS::APS::Workspace", "aps:workspace"),
    kind("AWS::AutoScaling::AutoScalingGroup", "autoscaling:group"),
    kind("AWS::Budgets::Budget", "budgets:budget"),
    kind("AWS::CloudWatch::Alarm", "cloudwatch:alarm"),
    kind("AWS::CloudWatch::CompositeAlarm", "cloudwatch:composite-alarm"),
    kind("AWS::CloudWatch::Dashboard", "cloudwatch:dashboard"),
    kind("AWS::ECS::CapacityProvider", "ecs:capacity-provider"),
    kind("AWS::ECS::Cluster", "ecs:cluster"),
    kind(
        "AWS::ECS::ClusterCapacityProviderAssociations",
        "ecs:cluster-capacity-providers",
    ),
    kind("AWS::ECS::Service", "ecs:service"),
    kind("AWS::ECS::TaskDefinition", "ecs:task-definition"),
    kind("AWS::ElasticLoadBalancingV2::Listener", "elasticloadbalancing:listener"),
    kind("AWS::ElasticLoadBalancingV2::ListenerRule", "elasticloadbalancing:rule"),
    kind(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elasticloadbalancing:load-balancer",
    ),
    kind(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "elasticloadbalancing:target-group",
    ),
    kind("AWS::Grafana::Workspace", "grafana:workspace"),
    kind("AWS::RDS::DBCluster", "rds:db-cluster"),
    kind("AWS::RDS::DBClusterParameterGroup", "rds:db-cluster-parameter-group"),
    kind("AWS::RDS::DBInstance", "rds:db-instance"),
    kind("AWS::RDS::DBParameterGroup", "rds:db-parameter-group"),
    kind("AWS::RDS::DBSubnetGroup", "rds:db-subnet-group"),
    kind("AWS::SNS::Subscription", "sns:subscription"),
    kind("AWS::SNS::Topic", "sns:topic"),
    kind("AWS::SageMaker::InferenceComponent", "sagemaker:inference-component"),
    kind(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "application-autoscaling:scalable-target",
    ),
    kind(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "application-autoscaling:scaling-policy",
    ),
    kind("AWS::Scheduler::ScheduleGroup", "scheduler:schedule-group"),
    kind("AWS::SecretsManager::Secret", "secretsmanager:secret"),
];

const fn kind(resource_type: &'static str, kind: &'static str) -> Kind {
    Kind { resource_type, kind }
}

pub(super) fn knows(resource_type: &str) -> bool {
    of(resource_type).is_some()
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    let Some(kind) = of(request.resource_type) else {
        return Ok(None);
    };
    match service(kind) {
        "rds" => databases::create(desk, request, &planned.id)?,
        "ecs" => tasks::create(desk, request, &mut planned)?,
        "elasticloadbalancing" => balancing::create(desk, request, &planned.id)?,
        "scheduler" => {
            let group = json!({ "Name": planned.id });
            desk.ask_json(Name::Scheduler, "CreateScheduleGroup", &group)?;
        }
        _ => watching::create(desk, request, &planned.id)?,
    }
    if find(desk, kind, &planned.id)?.is_some() {
        return Err(format!("{} already exists", planned.id));
    }
    put(desk, kind, &planned.id, request.properties)?;
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let (Some(kind), Some(id)) = (of(request.resource_type), request.physical_id) else {
        return Ok(());
    };
    match service(kind) {
        "rds" => databases::update(request)?,
        "ecs" => tasks::update(desk, request)?,
        "elasticloadbalancing" => balancing::update(desk, request)?,
        _ => watching::update(desk, request)?,
    }
    put(desk, kind, id, request.properties)
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let Some(kind) = of(request.resource_type) else {
        return Ok(());
    };
    if find(desk, kind, id)?.is_none() {
        return Ok(());
    }
    match service(kind) {
        "rds" => databases::delete(desk, request, id)?,
        "ecs" => tasks::delete(desk, request, id)?,
        "elasticloadbalancing" => balancing::delete(desk, request, id)?,
        // With the schedules that are in it.
        "scheduler" => {
            let group = json!({ "Name": id });
            let delete = Request::json(Name::Scheduler, &desk.context.region, "DeleteScheduleGroup", &group);
            desk.remove(&delete)?;
        }
        _ => {}
    }
    if kind == "ecs:task-definition" {
        return Ok(());
    }
    remove(desk, kind, id)
}

/// Every record of a kind: ids and properties.
pub(super) fn all(desk: &mut Desk<'_>, kind: &str) -> Made<Vec<(String, Value)>> {
    let answer = desk.ask_json(Name::Ledger, "ListRecords", &json!({ "kind": kind }))?;
    let records = answer.get("records").and_then(Value::as_object).into_iter().flatten();
    Ok(records.map(|(id, value)| (id.clone(), value.clone())).collect())
}

/// One record's properties.
pub(super) fn find(desk: &mut Desk<'_>, kind: &str, id: &str) -> Made<Option<Value>> {
    let found = all(desk, kind)?.into_iter().find(|(other, _)| other == id);
    Ok(found.map(|(_, value)| value))
}

/// Enters a record, or exchanges it.
pub(super) fn put(desk: &mut Desk<'_>, kind: &str, id: &str, value: &Value) -> Made<()> {
    let body = json!({ "kind": kind, "id": id, "value": value });
    desk.ask_json(Name::Ledger, "PutRecord", &body).map(drop)
}

fn remove(desk: &mut Desk<'_>, kind: &str, id: &str) -> Made<()> {
    let body = json!({ "kind": kind, "id": id });
    desk.ask_json(Name::Ledger, "DeleteRecord", &body).map(drop)
}

fn of(resource_type: &str) -> Option<&'static str> {
    let found = KINDS.iter().find(|kind| kind.resource_type == resource_type);
    found.map(|kind| kind.kind)
}

fn service(kind: &str) -> &str {
    kind.split_once(':').map_or(kind, |(service, _)| service)
}

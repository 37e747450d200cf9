//! Clusters, capacity providers, task definitions and services, as ECS takes and refuses them ("RegisterTaskDefinition",
//! "CreateService", "Amazon ECS capacity providers", "DeleteCluster").

use serde_json::{Value, json};

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::ecs::{fits_fargate as fits_fargate_size, set};
use super::super::house::Desk;
use super::super::request::{Name, Request};
use super::{Made, ledger, list, scalar, text, told};

const CLUSTER: &str = "AWS::ECS::Cluster";
const PROVIDER: &str = "AWS::ECS::CapacityProvider";
const ASSOCIATIONS: &str = "AWS::ECS::ClusterCapacityProviderAssociations";
const TASK: &str = "AWS::ECS::TaskDefinition";
/// How often each family has been registered; revisions are never given twice.
const FAMILIES: &str = ".ecs-families";

pub(super) fn create(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, planned: &mut Physical) -> Made<()> {
    let properties = request.properties;
    match request.resource_type {
        CLUSTER => {
            providers_exist(desk, list(properties, "CapacityProviders"))?;
            let mut body = super::lower_camel(properties);
            set(&mut body, "clusterName", json!(planned.id));
            desk.ask_json(Name::Ecs, "CreateCluster", &body).map(drop)
        }
        PROVIDER => Ok(()),
        ASSOCIATIONS => {
            let cluster = text(properties, "Cluster").unwrap_or_default();
            is_there(desk, &cluster)?;
            associate(desk, properties)
        }
        TASK => {
            fits_fargate(properties)?;
            register(desk, planned)
        }
        _ => service(desk, properties, &planned.id),
    }
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    match request.resource_type {
        CLUSTER => providers_exist(desk, list(request.properties, "CapacityProviders")),
        ASSOCIATIONS => associate(desk, request.properties),
        "AWS::ECS::Service" => runs(desk, request.properties),
        _ => Ok(()),
    }
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    match request.resource_type {
        CLUSTER => {
            let uses = |value: &Value| text(value, "Cluster").is_some_and(|cluster| name(&cluster) == name(id));
            match ledger::all(desk, "ecs:service")?.iter().any(|(_, value)| uses(value)) {
                true => refuse("The Cluster cannot be deleted while Services are active."),
                // Those that no stack made count as well.
                false => {
                    let body = json!({ "cluster": name(id) });
                    let delete = Request::json(Name::Ecs, &desk.context.region, "DeleteCluster", &body);
                    desk.remove(&delete)
                }
            }
        }
        PROVIDER => {
            let uses = |value: &Value| {
                list(value, "CapacityProviders")
                    .iter()
                    .filter_map(scalar)
                    .any(|used| used == id)
            };
            for kind in ["ecs:cluster-capacity-providers", "ecs:cluster"] {
                if ledger::all(desk, kind)?.iter().any(|(_, value)| uses(value)) {
                    return refuse("The specified capacity provider is in use and cannot be removed.");
                }
            }
            Ok(())
        }
        // A revision that is deregistered stays, inactive.
        TASK => {
            let mut inactive = request.properties.clone();
            if let Some(entries) = inactive.as_object_mut() {
                entries.insert("Status".to_owned(), json!("INACTIVE"));
            }
            ledger::put(desk, "ecs:task-definition", id, &inactive)
        }
        _ => Ok(()),
    }
}

/// The next revision of the family.
fn register(desk: &mut Desk<'_>, planned: &mut Physical) -> Made<()> {
    let family = name(&planned.id).split(':').next().unwrap_or_default().to_owned();
    let last = ledger::find(desk, FAMILIES, &family)?;
    let revision = last.as_ref().and_then(Value::as_u64).unwrap_or_default() + 1;
    ledger::put(desk, FAMILIES, &family, &json!(revision))?;
    let stem = planned
        .id
        .rsplit_once(':')
        .map_or(planned.id.as_str(), |(stem, _)| stem);
    planned.id = format!("{stem}:{revision}");
    super::set_text(planned, "TaskDefinitionArn", planned.id.clone());
    Ok(())
}

/// "Task CPU and memory" of "Amazon ECS task definition parameters for Fargate".
fn fits_fargate(properties: &Value) -> Made<()> {
    let fargate = list(properties, "RequiresCompatibilities").contains(&json!("FARGATE"));
    let number = |property: &str| text(properties, property).and_then(|text| text.parse::<u64>().ok());
    let (true, Some(cpu), Some(memory)) = (fargate, number("Cpu"), number("Memory")) else {
        return Ok(());
    };
    match fits_fargate_size(cpu, memory) {
        true => Ok(()),
        false => refuse(&format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )),
    }
}

fn service(desk: &mut Desk<'_>, properties: &Value, id: &str) -> Made<()> {
    if ledger::find(desk, "ecs:service", id)?.is_some() {
        return refuse("Creation of service was not idempotent.");
    }
    runs(desk, properties)?;
    let listeners = ledger::all(desk, "elasticloadbalancing:listener")?;
    let rules = ledger::all(desk, "elasticloadbalancing:rule")?;
    for balancer in list(properties, "LoadBalancers") {
        let Some(group) = text(balancer, "TargetGroupArn") else {
            continue;
        };
        let listens = listeners
            .iter()
            .chain(&rules)
            .any(|(_, value)| super::balancing::forwards_to(value, &group));
        if !listens {
            return refuse(&format!(
                "The target group with targetGroupArn {group} does not have an associated load balancer."
            ));
        }
    }
    Ok(())
}

/// What a service needs whenever it is deployed.
fn runs(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    let cluster = text(properties, "Cluster").unwrap_or_else(|| "default".to_owned());
    is_there(desk, &cluster)?;
    let task = text(properties, "TaskDefinition").unwrap_or_default();
    let found = ledger::all(desk, "ecs:task-definition")?;
    let mut revisions = found.iter().filter(|(id, _)| {
        let own = name(id);
        own == name(&task) || own.split(':').next() == Some(name(&task))
    });
    let active = |(_, value): &(String, Value)| value.get("Status") != Some(&json!("INACTIVE"));
    if !task.is_empty() && !revisions.clone().any(active) {
        return match revisions.next() {
            Some(_) => refuse("TaskDefinition is inactive"),
            None => refuse("TaskDefinition not found."),
        };
    }
    let mut associated: Vec<String> = Vec::new();
    for kind in ["ecs:cluster-capacity-providers", "ecs:cluster"] {
        for (id, value) in ledger::all(desk, kind)? {
            let its = text(&value, "Cluster").unwrap_or(id);
            if name(&its) == name(&cluster) {
                associated.extend(list(&value, "CapacityProviders").iter().filter_map(scalar));
            }
        }
    }
    for item in list(properties, "CapacityProviderStrategy") {
        let provider = text(item, "CapacityProvider").unwrap_or_default();
        if !associated.contains(&provider) {
            return refuse(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.",
            );
        }
    }
    Ok(())
}

fn is_there(desk: &mut Desk<'_>, cluster: &str) -> Made<()> {
    let found = ledger::all(desk, "ecs:cluster")?;
    match found.iter().any(|(id, _)| name(id) == name(cluster)) {
        true => Ok(()),
        false => refuse("Cluster not found."),
    }
}

fn providers_exist(desk: &mut Desk<'_>, providers: &[Value]) -> Made<()> {
    for provider in providers.iter().filter_map(scalar) {
        let own = matches!(provider.as_str(), "FARGATE" | "FARGATE_SPOT");
        if !own && ledger::find(desk, "ecs:capacity-provider", &provider)?.is_none() {
            return refuse(&format!("The specified capacity provider '{provider}' was not found."));
        }
    }
    Ok(())
}

/// Tells the cluster which capacity it has.
fn associate(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    providers_exist(desk, list(properties, "CapacityProviders"))?;
    let body = super::lower_camel(properties);
    desk.ask_json(Name::Ecs, "PutClusterCapacityProviders", &body).map(drop)
}

/// The name in an ARN, or the name itself.
fn name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn refuse<T>(reason: &str) -> Made<T> {
    Err(told("AmazonECS", reason))
}

//! Ids and attributes of databases, tasks, load balancers and what watches them, in the shapes that AWS documents
//! ("Resource and property types": the return values of each type).

use serde_json::{Value, json};

use super::function::scalar;
use super::naming::{digest, digits, hex, suffix, uuid};
use super::world::ResourceRequest;

/// The id of a new resource that is called `name`, or would be; none for types that are not described here.
pub(super) fn identifier(request: &ResourceRequest<'_>, name: &str) -> Option<String> {
    let seed = request.seed;
    let text = |property: &str| request.properties.get(property).and_then(scalar);
    let short = hex(seed, 0, 16);
    Some(match request.resource_type {
        "AWS::RDS::DBInstance"
        | "AWS::RDS::DBCluster"
        | "AWS::RDS::DBSubnetGroup"
        | "AWS::RDS::DBParameterGroup"
        | "AWS::RDS::DBClusterParameterGroup" => name.to_lowercase(),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let kind = match text("Type").as_deref() {
                Some("network") => "net",
                Some("gateway") => "gwy",
                _ => "app",
            };
            arn(
                request,
                "elasticloadbalancing",
                &format!("loadbalancer/{kind}/{name}/{short}"),
            )
        }
        "AWS::ElasticLoadBalancingV2::TargetGroup" => {
            arn(request, "elasticloadbalancing", &format!("targetgroup/{name}/{short}"))
        }
        "AWS::ElasticLoadBalancingV2::Listener" => {
            let balancer = text("LoadBalancerArn").unwrap_or_default();
            format!("{}/{short}", balancer.replacen(":loadbalancer/", ":listener/", 1))
        }
        "AWS::ElasticLoadBalancingV2::ListenerRule" => {
            let listener = text("ListenerArn").unwrap_or_default();
            format!("{}/{short}", listener.replacen(":listener/", ":listener-rule/", 1))
        }
        "AWS::SNS::Subscription" => format!("{}:{}", text("TopicArn").unwrap_or_default(), uuid(seed)),
        "AWS::APS::Workspace" => arn(request, "aps", &format!("workspace/ws-{}", uuid(seed))),
        "AWS::Grafana::Workspace" => format!("g-{}", hex(seed, 0, 10)),
        "AWS::Budgets::Budget" => {
            let named = request.properties.pointer("/Budget/BudgetName").and_then(scalar);
            named.unwrap_or_else(|| name.to_owned())
        }
        "AWS::SageMaker::InferenceComponent" => arn(request, "sagemaker", &format!("inference-component/{name}")),
        "AWS::ApplicationAutoScaling::ScalableTarget" => {
            let part = |property: &str| text(property).unwrap_or_default();
            [part("ResourceId"), part("ScalableDimension"), part("ServiceNamespace")].join("|")
        }
        "AWS::ApplicationAutoScaling::ScalingPolicy" => {
            let target = text("ScalingTargetId").unwrap_or_default();
            let mut parts = target.split('|');
            let resource = text("ResourceId")
                .or(parts.next().map(str::to_owned))
                .unwrap_or_default();
            let namespace = text("ServiceNamespace")
                .or(parts.nth(1).map(str::to_owned))
                .unwrap_or_default();
            let policy = text("PolicyName").unwrap_or_else(|| name.to_owned());
            let rest = format!(
                "scalingPolicy:{}:resource/{namespace}/{resource}:policyName/{policy}",
                uuid(seed)
            );
            arn(request, "autoscaling", &rest)
        }
        _ => return None,
    })
}

/// What `Fn::GetAtt` answers for these types beyond what their schemas say.
pub(super) fn attributes(request: &ResourceRequest<'_>, id: &str) -> Vec<(&'static str, Value)> {
    let seed = request.seed;
    let text = |property: &str| request.properties.get(property).and_then(scalar);
    let (account, region) = (request.account, request.region);
    match request.resource_type {
        "AWS::EC2::Instance" => vec![
            ("State", json!({ "Code": "16", "Name": "running" })),
            ("State.Code", json!("16")),
            ("State.Name", json!("running")),
        ],
        "AWS::RDS::DBInstance" => {
            let address = format!("{id}.c{}.{region}.rds.amazonaws.com", place(request));
            let port = port(request);
            vec![
                ("Endpoint", json!({ "Address": address, "Port": port })),
                ("Endpoint.Address", json!(address)),
                ("Endpoint.Port", json!(port)),
                ("Endpoint.HostedZoneId", json!("Z2R2ITUGPM61AM")),
                ("DBInstanceArn", json!(arn(request, "rds", &format!("db:{id}")))),
                ("DbiResourceId", json!(format!("db-{}", suffix(seed, 26)))),
                ("DBInstanceStatus", json!("available")),
                ("MasterUserSecret.SecretArn", secret(request, "db")),
            ]
        }
        "AWS::RDS::DBCluster" => {
            let address = format!("{id}.cluster-c{}.{region}.rds.amazonaws.com", place(request));
            let reader = format!("{id}.cluster-ro-c{}.{region}.rds.amazonaws.com", place(request));
            let port = port(request);
            vec![
                ("Endpoint", json!({ "Address": address, "Port": port })),
                ("Endpoint.Address", json!(address)),
                ("Endpoint.Port", json!(port)),
                ("ReadEndpoint", json!({ "Address": reader })),
                ("ReadEndpoint.Address", json!(reader)),
                ("DBClusterArn", json!(arn(request, "rds", &format!("cluster:{id}")))),
                ("DBClusterResourceId", json!(format!("cluster-{}", suffix(seed, 26)))),
                ("MasterUserSecret.SecretArn", secret(request, "cluster")),
            ]
        }
        "AWS::RDS::DBSubnetGroup" => vec![("DBSubnetGroupArn", json!(arn(request, "rds", &format!("subgrp:{id}"))))],
        "AWS::RDS::DBParameterGroup" => vec![("DBParameterGroupArn", json!(arn(request, "rds", &format!("pg:{id}"))))],
        "AWS::ECS::TaskDefinition" => vec![("TaskDefinitionArn", json!(id))],
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let name = id.rsplit('/').nth(1).unwrap_or(id);
            let internal = text("Scheme").is_some_and(|scheme| scheme == "internal");
            let prefix = if internal { "internal-" } else { "" };
            let host = match text("Type").as_deref() {
                Some("network") => format!("{name}-{}.elb.{region}.amazonaws.com", hex(seed, 0, 16)),
                _ => format!("{prefix}{name}-{}.{region}.elb.amazonaws.com", digits(seed, 10)),
            };
            vec![
                ("LoadBalancerArn", json!(id)),
                ("LoadBalancerName", json!(name)),
                ("DNSName", json!(host)),
                ("CanonicalHostedZoneID", json!("Z35SXDOTRQ7X7K")),
                (
                    "LoadBalancerFullName",
                    json!(id.split_once("loadbalancer/").map_or(id, |(_, rest)| rest)),
                ),
            ]
        }
        "AWS::ElasticLoadBalancingV2::TargetGroup" => vec![
            ("TargetGroupArn", json!(id)),
            ("TargetGroupName", json!(id.rsplit('/').nth(1).unwrap_or(id))),
            ("TargetGroupFullName", json!(id.rsplit(':').next().unwrap_or(id))),
            ("LoadBalancerArns", json!([])),
        ],
        "AWS::ElasticLoadBalancingV2::Listener" => vec![("ListenerArn", json!(id))],
        "AWS::ElasticLoadBalancingV2::ListenerRule" => vec![("RuleArn", json!(id)), ("IsDefault", json!("false"))],
        "AWS::AutoScaling::AutoScalingGroup" => {
            let rest = format!("autoScalingGroup:{}:autoScalingGroupName/{id}", uuid(seed));
            vec![("AutoScalingGroupARN", json!(arn(request, "autoscaling", &rest)))]
        }
        "AWS::SNS::Subscription" => vec![("Arn", json!(id))],
        "AWS::CloudWatch::CompositeAlarm" => {
            vec![("Arn", json!(arn(request, "cloudwatch", &format!("alarm:{id}"))))]
        }
        "AWS::APS::Workspace" => {
            let own = id.rsplit('/').next().unwrap_or(id);
            vec![
                ("Arn", json!(id)),
                ("WorkspaceId", json!(own)),
                (
                    "PrometheusEndpoint",
                    json!(format!(
                        "https://aps-workspaces.{region}.amazonaws.com/workspaces/{own}/"
                    )),
                ),
            ]
        }
        "AWS::Grafana::Workspace" => vec![
            ("Id", json!(id)),
            (
                "Endpoint",
                json!(format!("{id}.grafana-workspace.{region}.amazonaws.com")),
            ),
            ("Status", json!("ACTIVE")),
            ("SamlConfigurationStatus", json!("NOT_CONFIGURED")),
        ],
        "AWS::SageMaker::InferenceComponent" => vec![
            ("InferenceComponentArn", json!(id)),
            ("InferenceComponentStatus", json!("InService")),
        ],
        "AWS::Scheduler::ScheduleGroup" => {
            let arn = arn(request, "scheduler", &format!("schedule-group/{id}"));
            vec![("Arn", json!(arn)), ("State", json!("ACTIVE"))]
        }
        "AWS::ApplicationAutoScaling::ScalableTarget" => vec![("Id", json!(id))],
        "AWS::ApplicationAutoScaling::ScalingPolicy" => vec![("Arn", json!(id))],
        "AWS::EKS::AccessEntry" => {
            let (principal, cluster) = id.split_once('|').unwrap_or((id, ""));
            let who = principal.rsplit('/').next().unwrap_or(principal);
            let rest = format!("access-entry/{cluster}/role/{account}/{who}/{}", uuid(seed));
            vec![("AccessEntryArn", json!(arn(request, "eks", &rest)))]
        }
        _ => Vec::new(),
    }
}

fn arn(request: &ResourceRequest<'_>, service: &str, rest: &str) -> String {
    let (partition, region, account) = (request.partition, request.region, request.account);
    format!("arn:{partition}:{service}:{region}:{account}:{rest}")
}

/// What all addresses of an account's databases in a region have in common.
fn place(request: &ResourceRequest<'_>) -> String {
    hex(&digest(&format!("rds/{}/{}", request.account, request.region)), 0, 11).to_owned()
}

fn port(request: &ResourceRequest<'_>) -> String {
    let text = |property: &str| request.properties.get(property).and_then(scalar);
    let engine = text("Engine").unwrap_or_default();
    let usual = match engine.as_str() {
        engine if engine.contains("postgres") => "5432",
        engine if engine.starts_with("oracle") => "1521",
        engine if engine.starts_with("sqlserver") => "1433",
        _ => "3306",
    };
    text("Port")
        .or_else(|| text("DBPortNumber"))
        .unwrap_or_else(|| usual.to_owned())
}

/// The secret that RDS keeps for the master user, if it is told to; null otherwise.
fn secret(request: &ResourceRequest<'_>, kind: &str) -> Value {
    let managed = request.properties.get("ManageMasterUserPassword").and_then(scalar);
    if managed.as_deref() != Some("true") {
        return Value::Null;
    }
    let rest = format!("secret:rds!{kind}-{}-{}", uuid(request.seed), suffix(request.seed, 6));
    json!(arn(request, "secretsmanager", &rest))
}

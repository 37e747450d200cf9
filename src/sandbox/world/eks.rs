//! Kubernetes clusters and what belongs to them.

use serde_json::{Value, json};

use super::super::cloudformation::{Physical, ResourceRequest};
use super::super::house::Desk;
use super::super::kubernetes;
use super::super::request::{Name, Request, encode};
use super::{Made, list, lower_camel, name_of, set, set_text, tags, text, text_between};

/// Types below a cluster: their collection, the property that names one, and the member of the answer.
const PARTS: [(&str, &str, &str, &str); 4] = [
    ("AWS::EKS::Nodegroup", "node-groups", "NodegroupName", "nodegroup"),
    ("AWS::EKS::Addon", "addons", "AddonName", "addon"),
    (
        "AWS::EKS::FargateProfile",
        "fargate-profiles",
        "FargateProfileName",
        "fargateProfile",
    ),
    ("AWS::EKS::AccessEntry", "access-entries", "PrincipalArn", "accessEntry"),
];

pub(super) fn knows(resource_type: &str) -> bool {
    resource_type == "AWS::EKS::Cluster" || part(resource_type).is_some()
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    request: &ResourceRequest<'_>,
    mut planned: Physical,
) -> Made<Option<Physical>> {
    let mut body = lower_camel(request.properties);
    if let Value::Object(body) = &mut body {
        body.insert("tags".to_owned(), json!(tags(request)));
    }
    let Some((_, collection, named_by, member)) = part(request.resource_type) else {
        let name = name_of(request, "Name", &planned.id);
        if let Value::Object(body) = &mut body {
            body.insert("name".to_owned(), json!(name));
            if let Some(logging) = logging(request.properties) {
                body.insert("logging".to_owned(), logging);
            }
        }
        let cluster = post(desk, "/clusters", &body)?;
        let paths = [
            ("Arn", "/cluster/arn"),
            ("Endpoint", "/cluster/endpoint"),
            ("CertificateAuthorityData", "/cluster/certificateAuthority/data"),
            ("OpenIdConnectIssuerUrl", "/cluster/identity/oidc/issuer"),
            (
                "ClusterSecurityGroupId",
                "/cluster/resourcesVpcConfig/clusterSecurityGroupId",
            ),
        ];
        for (attribute, path) in paths {
            let given = cluster
                .pointer(path)
                .filter(|value| value.as_str().is_some_and(|text| !text.is_empty()));
            set(&mut planned, attribute, given);
        }
        if let Some(group) = security_group(desk, &name, request.properties) {
            set_text(&mut planned, "ClusterSecurityGroupId", group);
        }
        return Ok(Some(planned));
    };
    let cluster = text(request.properties, "ClusterName").unwrap_or_default();
    let name = name_of(request, named_by, &planned.id);
    if let (Value::Object(body), "AWS::EKS::Nodegroup" | "AWS::EKS::FargateProfile") =
        (&mut body, request.resource_type)
    {
        let mut member_name = (*named_by).to_owned();
        member_name.replace_range(..1, &named_by.get(..1).unwrap_or_default().to_lowercase());
        body.insert(member_name, json!(name));
    }
    let path = format!("/clusters/{}/{collection}", encode(&cluster));
    let made = post(desk, &path, &body)?;
    let made = made.get(member).unwrap_or(&Value::Null);
    for (attribute, key) in [
        ("Arn", "nodegroupArn"),
        ("Arn", "addonArn"),
        ("AccessEntryArn", "accessEntryArn"),
    ] {
        set(&mut planned, attribute, made.get(key));
    }
    Ok(Some(planned))
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let id = request.physical_id.unwrap_or_default();
    let changed = |property: &str| {
        let now = request.properties.get(property);
        now.filter(|_| now != request.previous.get(property))
    };
    match request.resource_type {
        "AWS::EKS::Cluster" => {
            if let Some(version) = changed("Version") {
                post(
                    desk,
                    &format!("/clusters/{}/updates", encode(id)),
                    &json!({ "version": version }),
                )?;
            }
            let config = format!("/clusters/{}/update-config", encode(id));
            if changed("Logging").is_some()
                && let Some(logging) = logging(request.properties)
            {
                post(desk, &config, &json!({ "logging": logging }))?;
            }
            if let Some(network) = changed("ResourcesVpcConfig") {
                post(desk, &config, &json!({ "resourcesVpcConfig": lower_camel(network) }))?;
            }
        }
        "AWS::EKS::Nodegroup" => {
            if let Some(scaling) = changed("ScalingConfig") {
                let cluster = text(request.properties, "ClusterName").unwrap_or_default();
                let name = name_of(request, "NodegroupName", id);
                let path = format!(
                    "/clusters/{}/node-groups/{}/update-config",
                    encode(&cluster),
                    encode(&name)
                );
                post(desk, &path, &json!({ "scalingConfig": lower_camel(scaling) }))?;
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let path = match part(request.resource_type) {
        None => format!("/clusters/{}", encode(id)),
        Some((_, collection, named_by, _)) => {
            let cluster = text(request.properties, "ClusterName").unwrap_or_default();
            let name = name_of(request, named_by, id);
            format!("/clusters/{}/{collection}/{}", encode(&cluster), encode(&name))
        }
    };
    let ask = |method: &str| Request::rest(Name::Eks, request.region, method, &path, Vec::new());
    let endpoint = part(request.resource_type)
        .is_none()
        .then(|| desk.ask(&ask("GET")).ok())
        .flatten()
        .and_then(|answer| serde_json::from_str::<Value>(&answer).ok())
        .and_then(|described| described.pointer("/cluster/endpoint")?.as_str().map(str::to_owned));
    desk.remove(&ask("DELETE"))?;
    if let Some(endpoint) = endpoint {
        kubernetes::forget(desk, &endpoint).map_err(|error| error.to_string())?;
    }
    if request.resource_type == "AWS::EKS::Cluster" {
        remove_security_group(desk, id);
    }
    Ok(())
}

/// Makes the group that EKS puts on control plane and nodes, so that rules can name it: the emulator of EKS only makes up
/// an id. None if the subnets are none that the sandbox's network knows.
fn security_group(desk: &mut Desk<'_>, cluster: &str, properties: &Value) -> Option<String> {
    let network = properties.get("ResourcesVpcConfig")?;
    let subnet = list(network, "SubnetIds").first()?.as_str()?.to_owned();
    let subnets = desk
        .ask_query(Name::Ec2, "DescribeSubnets", &[("SubnetId.1".to_owned(), subnet)])
        .ok()?;
    let parameters = [
        ("VpcId", text_between(&subnets, "vpcId")?.to_owned()),
        ("GroupName", group_name(cluster)),
        ("GroupDescription", format!("EKS created security group of {cluster}")),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let made = desk.ask_query(Name::Ec2, "CreateSecurityGroup", &parameters).ok()?;
    text_between(&made, "groupId").map(str::to_owned)
}

/// As EKS itself: the group stays, and holds the network, if something else still uses it.
fn remove_security_group(desk: &mut Desk<'_>, cluster: &str) {
    let filter = [
        ("Filter.1.Name", "group-name".to_owned()),
        ("Filter.1.Value.1", group_name(cluster)),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let Ok(found) = desk.ask_query(Name::Ec2, "DescribeSecurityGroups", &filter) else {
        return;
    };
    if let Some(group) = text_between(&found, "groupId") {
        let parameters = [("GroupId".to_owned(), group.to_owned())];
        let _ = desk.ask_query(Name::Ec2, "DeleteSecurityGroup", &parameters);
    }
}

fn group_name(cluster: &str) -> String {
    format!("eks-cluster-sg-{cluster}")
}

/// The log types that are on, in the API's form: CloudFormation lists them as `ClusterLogging.EnabledTypes[].Type`.
fn logging(properties: &Value) -> Option<Value> {
    let enabled = properties.pointer("/Logging/ClusterLogging/EnabledTypes")?.as_array()?;
    let types: Vec<&Value> = enabled.iter().filter_map(|entry| entry.get("Type")).collect();
    Some(json!({ "clusterLogging": [{ "types": types, "enabled": true }] }))
}

fn part(resource_type: &str) -> Option<&'static (&'static str, &'static str, &'static str, &'static str)> {
    PARTS.iter().find(|(name, ..)| *name == resource_type)
}

fn post(desk: &mut Desk<'_>, path: &str, body: &Value) -> Made<Value> {
    let request = Request::rest(
        Name::Eks,
        &desk.context.region,
        "POST",
        path,
        body.to_string().into_bytes(),
    );
    desk.ask(&request)
        .map(|answer| serde_json::from_str(&answer).unwrap_or_default())
}

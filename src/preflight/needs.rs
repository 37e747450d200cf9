//! Reads from rendered templates what a plan is going to ask of the account.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::actions::{self, When, arn};
use super::literal::Known;
use super::{Action, Counted, Machines, NameKind, Named, Needs, Place, VersionWish, ZoneWish};
use crate::diagnostic::Span;
use crate::module::{RenderedEnvironment, RenderedStack};
use crate::plan::{self, Plan, Recovery, Replacement, ResourceAction, StackPlan};
use crate::template::Node;

/// Whose account, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The ARN of who asks.
    pub caller: String,
    /// The role that the environment names, by its ARN.
    pub role_arn: Option<String>,
}

/// What `plan` asks of the account. Empty if it changes nothing, or takes everything away.
///
/// Stacks that have to be waited for or freed first are left out: what they hold is about to change.
pub fn needs(environment: &RenderedEnvironment, plan: &Plan, at: Whereabouts) -> Needs {
    let mut needs = Needs { at, ..Needs::default() };
    if plan.kind != plan::Kind::Apply || !plan.changes_anything() {
        return needs;
    }
    for planned in &plan.stacks {
        if planned
            .recovery
            .is_some_and(|recovery| recovery != Recovery::DeleteFirst)
        {
            continue;
        }
        stack(&mut needs, environment, planned);
    }
    if !needs.actions.is_empty() {
        let backend = &environment.environment.backend;
        let state = format!("{}/{}/{}/state.json", backend.bucket, plan.project, plan.environment);
        let table = format!("table/{}", backend.table);
        for (action, service, rest) in [
            ("s3:PutObject", "s3", state),
            ("dynamodb:UpdateItem", "dynamodb", table),
        ] {
            own(&mut needs, action, service, &rest);
        }
    }
    needs
}

fn stack(needs: &mut Needs, environment: &RenderedEnvironment, planned: &StackPlan) {
    let arn_of_stack = format!("stack/{}/1", planned.stack_name);
    match planned.action {
        plan::Action::Unchanged => return,
        plan::Action::Delete => own(needs, "cloudformation:DeleteStack", "cloudformation", &arn_of_stack),
        plan::Action::Create | plan::Action::Update => {
            for action in ["CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet"] {
                own(
                    needs,
                    &format!("cloudformation:{action}"),
                    "cloudformation",
                    &arn_of_stack,
                );
            }
        }
    }
    if planned.action == plan::Action::Create {
        needs.new_stacks.push(planned.name.clone());
    }
    if let Some(change_set) = &planned.change_set {
        needs.change_sets.insert(planned.name.clone(), change_set.clone());
    }
    let Some(rendered) = environment.stacks.get(&planned.name) else {
        return;
    };
    let at = needs.at.clone();
    let known = Known {
        at: &at,
        stack_name: &planned.stack_name,
        parameters: &planned.parameters,
    };
    let subjects: BTreeMap<&str, Subject<'_>> = subjects(rendered, &known);
    for change in &planned.changes {
        if change.action == ResourceAction::Remove {
            let place = Place {
                stack: planned.name.clone(),
                logical_id: change.logical_id.clone(),
                resource_type: change.resource_type.clone(),
                span: None,
                is_value: false,
            };
            let gone = Subject {
                physical_id: change.physical_id.as_deref(),
                ..Subject::gone(&known, &change.logical_id, &change.resource_type)
            };
            permit(needs, &gone, When::Delete, &place, &|_| false);
        }
    }
    for (logical_id, subject) in &subjects {
        let change = planned.changes.iter().find(|change| change.logical_id == **logical_id);
        let place = subject.place(&planned.name);
        let changed = |property: &str| {
            change.is_some_and(|change| {
                let of = |path: &str| path == property || path.starts_with(&format!("{property}."));
                change.properties.iter().any(|one| of(&one.path))
            })
        };
        let fresh = match (planned.action, change.map(|change| (change.action, change.replacement))) {
            // Whether a conditional resource is made is known once the conditions are.
            (plan::Action::Create, _) => !subject.conditional,
            (_, Some((ResourceAction::Add, _))) => true,
            (_, Some((ResourceAction::Modify, Replacement::Always))) => {
                permit(needs, subject, When::Create, &place, &changed);
                continue;
            }
            (_, Some((ResourceAction::Modify, _))) => {
                permit(needs, subject, When::Update, &place, &changed);
                if changed("Version") {
                    let before = change.and_then(|change| {
                        let of = change.properties.iter().find(|one| one.path == "Version")?;
                        of.before.clone()
                    });
                    version(needs, subject, before, &place);
                }
                continue;
            }
            _ => false,
        };
        if fresh {
            permit(needs, subject, When::Create, &place, &changed);
            made(needs, subject, &subjects, &place);
            if planned.recovery.is_none() {
                name(needs, subject, &planned.name);
            }
        }
    }
}

/// What a resource that will be made asks for.
fn made(needs: &mut Needs, subject: &Subject<'_>, all: &BTreeMap<&str, Subject<'_>>, place: &Place) {
    if let Some(counted) = Counted::of(subject.resource_type) {
        needs.counted.entry(counted).or_default().push(place.clone());
    }
    match subject.resource_type {
        "AWS::EC2::Subnet" => zone(needs, subject, place),
        "AWS::EC2::NatGateway" => nat_gateway(needs, subject, all, place),
        "AWS::EC2::VPC" => {
            if let Some((network, span)) = subject.network() {
                needs.networks.push((network, place.at(span)));
            }
        }
        "AWS::EC2::VPCPeeringConnection" => peering(needs, subject, all, place),
        "AWS::EC2::Instance" => {
            zone(needs, subject, place);
            if let Some((name, span)) = subject.literal("InstanceType") {
                needs.machines.push(Machines {
                    types: vec![(name, place.at(span))],
                    count: 1,
                    spot: false,
                });
            }
        }
        "AWS::EKS::Nodegroup" => node_group(needs, subject, place),
        "AWS::EKS::Cluster" => version(needs, subject, None, place),
        "AWS::SageMaker::NotebookInstance" => {
            if let Some((name, span)) = subject.literal("InstanceType") {
                needs
                    .ml
                    .push((format!("{name} for notebook instance usage"), 1, place.at(span)));
            }
        }
        "AWS::SageMaker::Endpoint" => endpoint(needs, subject, all, place),
        _ => {}
    }
}

fn zone(needs: &mut Needs, subject: &Subject<'_>, place: &Place) {
    if let Some((wish, span)) = zone_of(subject) {
        needs.zones.push((wish, place.at(span)));
    }
}

/// The zone that a subnet or an instance asks for.
fn zone_of(subject: &Subject<'_>) -> Option<(ZoneWish, Span)> {
    let node = subject.property("AvailabilityZone")?;
    let position = || {
        let [index, zones] = node.get("Fn::Select")?.items() else {
            return None;
        };
        let region = zones.get("Fn::GetAZs")?;
        let here = region
            .as_str()
            .is_some_and(|name| name.is_empty() || name == subject.known.at.region)
            || region.get("Ref").and_then(Node::as_str) == Some("AWS::Region");
        let index = subject.known.number(index).filter(|_| here)?;
        Some(ZoneWish::Position(usize::try_from(index).ok()?))
    };
    let wish = position().or_else(|| subject.known.text(node).map(ZoneWish::Name))?;
    Some((wish, node.span.clone()))
}

/// A NAT gateway stands in the zone of its subnet, which is told if it is in the same template.
fn nat_gateway(needs: &mut Needs, subject: &Subject<'_>, all: &BTreeMap<&str, Subject<'_>>, place: &Place) {
    let target = subject.property("SubnetId").and_then(|node| node.get("Ref"));
    let subnet = target.and_then(Node::as_str).and_then(|target| all.get(target));
    if let Some((wish, _)) = subnet.and_then(zone_of) {
        needs.nat_gateways.push((wish, place.clone()));
    }
}

fn node_group(needs: &mut Needs, subject: &Subject<'_>, place: &Place) {
    let Some(listed) = subject.property("InstanceTypes") else {
        return;
    };
    let types: Vec<(String, Place)> = listed
        .items()
        .iter()
        .filter_map(|node| Some((subject.known.text(node)?, place.at(node.span.clone()))))
        .collect();
    // A type that is not known yet may be the one that is taken.
    if types.is_empty() || types.len() < listed.items().len() {
        return;
    }
    let scaling = subject.property("ScalingConfig");
    let size = |key: &str| {
        scaling
            .and_then(|scaling| scaling.get(key))
            .and_then(|node| subject.known.number(node))
    };
    // "If you don't specify a desired size, it is the minimum" (CreateNodegroup); an empty group starts nothing.
    needs.machines.push(Machines {
        types,
        count: size("DesiredSize").or_else(|| size("MinSize")).unwrap_or(0),
        spot: subject.literal("CapacityType").is_some_and(|(kind, _)| kind == "SPOT"),
    });
}

/// The instances of an endpoint stand in its configuration, which is taken if it is in the same template.
fn endpoint(needs: &mut Needs, subject: &Subject<'_>, all: &BTreeMap<&str, Subject<'_>>, place: &Place) {
    let name = subject.property("EndpointConfigName");
    let configuration = name.and_then(|name| {
        let argument = name.get("Fn::GetAtt");
        let target = match argument {
            Some(argument) => argument.items().first().and_then(Node::as_str),
            None => name.get("Ref").and_then(Node::as_str),
        };
        all.get(target?)
    });
    let Some(configuration) = configuration else { return };
    let variants = configuration.property("ProductionVariants");
    for variant in variants.map(Node::items).unwrap_or_default() {
        let kind = variant.get("InstanceType");
        let Some((name, node)) = kind.and_then(|node| Some((configuration.known.text(node)?, node))) else {
            continue;
        };
        let count = variant
            .get("InitialInstanceCount")
            .and_then(|node| configuration.known.number(node));
        let here = configuration.place(&place.stack).at(node.span.clone());
        needs
            .ml
            .push((format!("{name} for endpoint usage"), count.unwrap_or(1), here));
    }
}

fn peering(needs: &mut Needs, subject: &Subject<'_>, all: &BTreeMap<&str, Subject<'_>>, place: &Place) {
    let elsewhere = |property: &str, here: &str| subject.literal(property).is_some_and(|(value, _)| value != here);
    let own = subject
        .property("VpcId")
        .and_then(|node| node.get("Ref"))
        .and_then(Node::as_str)
        .and_then(|target| all.get(target))
        .and_then(Subject::network);
    let (Some((network, _)), Some((peer, span))) = (own, subject.literal("PeerVpcId")) else {
        return;
    };
    if !elsewhere("PeerOwnerId", &needs.at.account) && !elsewhere("PeerRegion", &needs.at.region) {
        needs.peerings.push((network, peer, place.at(span)));
    }
}

fn version(needs: &mut Needs, subject: &Subject<'_>, before: Option<String>, place: &Place) {
    if subject.resource_type != "AWS::EKS::Cluster" {
        return;
    }
    if let Some((version, span)) = subject.literal("Version") {
        needs.versions.push(VersionWish {
            version,
            before,
            place: place.at(span),
        });
    }
}

fn name(needs: &mut Needs, subject: &Subject<'_>, stack: &str) {
    let kind = match subject.resource_type {
        "AWS::S3::Bucket" => NameKind::Bucket,
        "AWS::IAM::Role" => NameKind::Role,
        "AWS::IAM::InstanceProfile" => NameKind::InstanceProfile,
        "AWS::ECR::Repository" => NameKind::Repository,
        "AWS::EKS::Cluster" => NameKind::Cluster,
        "AWS::DynamoDB::Table" => NameKind::Table,
        "AWS::SageMaker::Endpoint" => NameKind::Endpoint,
        "AWS::SageMaker::NotebookInstance" => NameKind::Notebook,
        "AWS::SageMaker::ModelPackageGroup" => NameKind::ModelGroup,
        _ => return,
    };
    let given = name_property(subject.resource_type).and_then(|property| subject.literal(property));
    if let Some((name, span)) = given {
        let place = subject.place(stack).at(span);
        needs.names.push(Named { kind, name, place });
    }
}

fn permit(needs: &mut Needs, subject: &Subject<'_>, when: When, place: &Place, changed: &dyn Fn(&str) -> bool) {
    for (action, resource) in actions::of(subject, when, changed) {
        needs.actions.push(Action {
            action,
            resource,
            place: Some(place.clone()),
        });
    }
}

fn own(needs: &mut Needs, action: &str, service: &str, rest: &str) {
    let resource = Some(arn(&needs.at, service, rest));
    needs.actions.push(Action {
        action: action.to_owned(),
        resource,
        place: None,
    });
}

/// A resource of a template.
pub(super) struct Subject<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) logical_id: &'a str,
    pub(super) resource_type: &'a str,
    resources: Option<&'a Node>,
    properties: Option<&'a Node>,
    key: Option<&'a Span>,
    physical_id: Option<&'a str>,
    conditional: bool,
}

fn subjects<'a>(stack: &'a RenderedStack, known: &'a Known<'a>) -> BTreeMap<&'a str, Subject<'a>> {
    let resources = stack.document.root.get("Resources");
    let entries = resources.map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(logical_id, key, body)| {
            let subject = Subject {
                known,
                logical_id,
                resource_type: body.get("Type")?.as_str()?,
                resources,
                properties: body.get("Properties"),
                key: Some(key),
                physical_id: None,
                conditional: body.get("Condition").is_some(),
            };
            Some((logical_id.as_str(), subject))
        })
        .collect()
}

impl<'a> Subject<'a> {
    fn gone(known: &'a Known<'a>, logical_id: &'a str, resource_type: &'a str) -> Self {
        Self {
            known,
            logical_id,
            resource_type,
            resources: None,
            properties: None,
            key: None,
            physical_id: None,
            conditional: false,
        }
    }

    pub(super) fn property(&self, name: &str) -> Option<&'a Node> {
        self.properties.and_then(|properties| properties.get(name))
    }

    fn literal(&self, property: &str) -> Option<(String, Span)> {
        let node = self.property(property)?;
        Some((self.known.text(node)?, node.span.clone()))
    }

    fn network(&self) -> Option<(Ipv4Net, Span)> {
        let (text, span) = self.literal("CidrBlock")?;
        Some((text.parse().ok()?, span))
    }

    /// The name that the template gives, or one like those that CloudFormation makes up.
    pub(super) fn name(&self) -> String {
        if let Some(id) = self.physical_id {
            return id.to_owned();
        }
        name_property(self.resource_type)
            .and_then(|property| self.literal(property))
            .map_or_else(|| self.made_up(self.logical_id, self.resource_type), |(name, _)| name)
    }

    /// The name of the resource that a value refers to.
    pub(super) fn name_behind(&self, value: &Node) -> Option<String> {
        self.known
            .text(value)
            .or_else(|| self.name_of(value.get("Ref")?.as_str()?))
    }

    /// The name of another resource of the template.
    pub(super) fn name_of(&self, logical_id: &str) -> Option<String> {
        let body = self.resources?.get(logical_id)?;
        let resource_type = body.get("Type")?.as_str()?;
        let given = name_property(resource_type).and_then(|property| body.get("Properties")?.get(property));
        match given {
            Some(node) => self.known.text(node),
            None => Some(self.made_up(logical_id, resource_type)),
        }
    }

    fn made_up(&self, logical_id: &str, resource_type: &str) -> String {
        let name = format!("{}-{logical_id}-1A2B3C4D5E6F", self.known.stack_name);
        match resource_type {
            "AWS::S3::Bucket" => name.to_ascii_lowercase(),
            _ => name,
        }
    }

    fn place(&self, stack: &str) -> Place {
        Place {
            stack: stack.to_owned(),
            logical_id: self.logical_id.to_owned(),
            resource_type: self.resource_type.to_owned(),
            span: self.key.cloned(),
            is_value: false,
        }
    }
}

impl Place {
    /// The same resource, at one of its values.
    fn at(&self, span: Span) -> Self {
        Self {
            span: Some(span),
            is_value: true,
            ..self.clone()
        }
    }
}

fn name_property(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        "AWS::CloudWatch::Alarm" => "AlarmName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::ECR::Repository" => "RepositoryName",
        "AWS::ECS::Cluster" => "ClusterName",
        "AWS::EKS::Cluster" => "Name",
        "AWS::IAM::InstanceProfile" => "InstanceProfileName",
        "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::RDS::DBCluster" => "DBClusterIdentifier",
        "AWS::RDS::DBInstance" => "DBInstanceIdentifier",
        "AWS::RDS::DBSubnetGroup" => "DBSubnetGroupName",
        "AWS::S3::Bucket" => "BucketName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::SageMaker::Endpoint" => "EndpointName",
        "AWS::SageMaker::EndpointConfig" => "EndpointConfigName",
        "AWS::SageMaker::Model" => "ModelName",
        "AWS::SageMaker::ModelPackageGroup" => "ModelPackageGroupName",
        "AWS::SageMaker::NotebookInstance" => "NotebookInstanceName",
        "AWS::SecretsManager::Secret" => "Name",
        _ => return None,
    })
}

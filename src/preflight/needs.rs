//! Reads from rendered templates what a plan is going to ask of the account.

use std::collections::BTreeMap;

use super::actions::{self, When, arn};
use super::literal::Known;
use super::subject::{Subject, name_property, subjects};
use super::{Action, Counted, Machines, NameKind, Named, Needs, Place, VersionWish, ZoneWish};
use crate::diagnostic::Span;
use crate::module::RenderedEnvironment;
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
            let gone = Subject::gone(&known, change);
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
        "AWS::AutoScaling::AutoScalingGroup" => scaling_group(needs, subject, all, place),
        "AWS::ECS::Service" => fargate(needs, subject, all, place),
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

/// The instance type of a scaling group stands in its launch template, which is taken if it is in the same template.
fn scaling_group(needs: &mut Needs, subject: &Subject<'_>, all: &BTreeMap<&str, Subject<'_>>, place: &Place) {
    let launch = subject
        .property("LaunchTemplate")
        .and_then(|launch| launch.get("LaunchTemplateId")?.get("Ref")?.as_str());
    let Some(launch) = launch.and_then(|target| all.get(target)) else {
        return;
    };
    let data = launch.property("LaunchTemplateData");
    let Some(node) = data.and_then(|data| data.get("InstanceType")) else {
        return;
    };
    let size = |key: &str| subject.property(key).and_then(|node| subject.known.number(node));
    if let Some(name) = launch.known.text(node) {
        let here = launch.place(&place.stack).at(node.span.clone());
        needs.machines.push(Machines {
            types: vec![(name, here)],
            count: size("DesiredCapacity").or_else(|| size("MinSize")).unwrap_or(0),
            spot: data
                .and_then(|data| data.get("InstanceMarketOptions")?.get("MarketType")?.as_str())
                .is_some_and(|market| market == "spot"),
        });
    }
}

/// The processor units of a Fargate service stand in its task definition, which is taken if it is in the same template.
/// A service that may use spot capacity as well is not counted.
fn fargate(needs: &mut Needs, subject: &Subject<'_>, all: &BTreeMap<&str, Subject<'_>>, place: &Place) {
    let launched = subject
        .literal("LaunchType")
        .is_some_and(|(launch, _)| launch == "FARGATE");
    let strategy = subject.property("CapacityProviderStrategy").map(Node::items);
    let provided = strategy.is_some_and(|items| {
        let provider = |item: &Node| item.get("CapacityProvider").and_then(|node| subject.known.text(node));
        !items.is_empty() && items.iter().all(|item| provider(item).as_deref() == Some("FARGATE"))
    });
    let task = subject
        .property("TaskDefinition")
        .and_then(|node| node.get("Ref")?.as_str())
        .and_then(|target| all.get(target));
    let units = task.and_then(|task| task.literal("Cpu")?.0.parse::<u64>().ok());
    let count = match subject.property("DesiredCount") {
        Some(node) => subject.known.number(node),
        None => Some(1),
    };
    if let (true, Some(units), Some(count)) = (launched || provided, units, count) {
        needs.fargate.push((units * count, place.clone()));
    }
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

//! Preflight: what a plan asks of the account, and what the account's answers mean for it.
//!
//! Pure, in two halves. [`needs()`] reads from the rendered templates of the stacks that will change what is going to be
//! asked of AWS: literals only, a value that is known after a deployment is nobody's to judge before it. The questions
//! are asked elsewhere (`engine`), at the same time and with deadlines; [`judge()`] turns their [`Answers`] into problems
//! that point at the template's line and at the input behind it. An error is only what certainly fails; a question
//! without an answer leaves its check skipped and never fails anything.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use crate::diagnostic::Span;

mod actions;
mod judge;
mod literal;
mod machine;
mod needs;
mod subject;
#[cfg(test)]
mod tests;

pub use judge::{Check, Preflight, State, judge, refusal};
pub use machine::QuotaKey;
pub use needs::{Whereabouts, needs};

/// Where in a stack something is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The stack's name in the environment.
    pub stack: String,
    /// The resource.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// Where, in the stack's rendered text; none for what is removed and so in no text any more.
    pub span: Option<Span>,
    /// Whether the span is one of the resource's values, and not just where it begins.
    pub is_value: bool,
}

/// What a plan asks of the account.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Whose account, and where.
    pub at: Whereabouts,
    /// Calls that somebody has to be allowed to make.
    pub actions: Vec<Action>,
    /// Availability zones.
    pub zones: Vec<(ZoneWish, Place)>,
    /// EC2 instances.
    pub machines: Vec<Machines>,
    /// SageMaker instances: the quota's name (`ml.g5.xlarge for endpoint usage`), how many, where.
    pub ml: Vec<(String, u64, Place)>,
    /// Things that are made and counted by a quota.
    pub counted: BTreeMap<Counted, Vec<Place>>,
    /// The stacks that will be made.
    pub new_stacks: Vec<String>,
    /// Processor units (1,024 a vCPU) of services on Fargate, on demand.
    pub fargate: Vec<(u64, Place)>,
    /// Kubernetes versions.
    pub versions: Vec<VersionWish>,
    /// Names that templates give to what will be made.
    pub names: Vec<Named>,
    /// Networks that will be made.
    pub networks: Vec<(Ipv4Net, Place)>,
    /// Peerings of a new network with a VPC that is there: its id.
    pub peerings: Vec<(Ipv4Net, String, Place)>,
    /// NAT gateways by the zones of their subnets.
    pub nat_gateways: Vec<(ZoneWish, Place)>,
    /// Change sets that were made for the plan, by stack.
    pub change_sets: BTreeMap<String, String>,
}

/// A call that somebody has to be allowed to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// `ec2:CreateVpc`.
    pub action: String,
    /// What it would be made on; none where the action knows no resources.
    pub resource: Option<String>,
    /// For which resource; none for calls that mlinfra itself makes.
    pub place: Option<Place>,
}

/// How a template asks for an availability zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneWish {
    /// The zone at this position of the region's list, from 0.
    Position(usize),
    /// By name.
    Name(String),
}

/// Instances of one of several types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines {
    /// The types, each with its place. A group takes whichever it can get.
    pub types: Vec<(String, Place)>,
    /// How many are started at once.
    pub count: u64,
    /// Whether they are spot instances.
    pub spot: bool,
}

/// Things that a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// VPCs in the region.
    Vpcs,
    /// Elastic IP addresses in the region.
    Addresses,
    /// EKS clusters in the region.
    Clusters,
    /// Buckets in the account.
    Buckets,
    /// RDS database instances in the region.
    Databases,
}

/// A Kubernetes version that a cluster will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionWish {
    /// The version, `1.34`.
    pub version: String,
    /// What the cluster has now, if it exists.
    pub before: Option<String>,
    /// Where.
    pub place: Place,
}

/// A name that a template gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Of what.
    pub kind: NameKind,
    /// The name.
    pub name: String,
    /// Where.
    pub place: Place,
}

/// Things whose names can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameKind {
    /// S3 buckets: unique in the world.
    Bucket,
    /// IAM roles.
    Role,
    /// IAM instance profiles.
    InstanceProfile,
    /// ECR repositories.
    Repository,
    /// EKS clusters.
    Cluster,
    /// DynamoDB tables.
    Table,
    /// SageMaker endpoints.
    Endpoint,
    /// SageMaker notebook instances.
    Notebook,
    /// Groups of SageMaker's model registry.
    ModelGroup,
}

/// An answer to a question that may not have been asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Answer<T> {
    /// Nothing needed it.
    #[default]
    NotAsked,
    /// What AWS says.
    Given(T),
    /// Asked, and there is no answer.
    Missing(Missing),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The permission that the question needs, which names the call too: `ec2:DescribeVpcs`.
    pub call: String,
    /// Why.
    pub why: Why,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A policy forbids it.
    Denied,
    /// It took too long.
    Late,
    /// The endpoint does not know the call.
    Unknown,
    /// Anything else; what was said.
    Failed(String),
}

/// What the account said.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// The availability zones that can be used, in the region's order.
    pub zones: Answer<Vec<String>>,
    /// Which instance types each zone offers: type to zones. Holds the types asked for and others near to them.
    pub offerings: Answer<BTreeMap<String, BTreeSet<String>>>,
    /// vCPUs by instance type.
    pub vcpus: Answer<BTreeMap<String, u64>>,
    /// EC2, VPC, EKS and S3 quotas.
    pub quotas: BTreeMap<QuotaKey, Answer<Quota>>,
    /// SageMaker quotas by name.
    pub ml_quotas: Answer<BTreeMap<String, Quota>>,
    /// The VPCs: id to networks.
    pub vpcs: Answer<BTreeMap<String, Vec<Ipv4Net>>>,
    /// How many NAT gateways each zone has.
    pub nat_gateways: Answer<BTreeMap<String, u64>>,
    /// How many elastic addresses there are.
    pub addresses: Answer<u64>,
    /// The EKS clusters.
    pub clusters: Answer<Vec<String>>,
    /// How many buckets the account has.
    pub buckets: Answer<u64>,
    /// How many stacks there may be and are.
    pub stacks: Answer<(u64, u64)>,
    /// Kubernetes versions that EKS knows.
    pub versions: Answer<Vec<ClusterVersion>>,
    /// Whether names are taken.
    pub names: BTreeMap<(NameKind, String), Answer<Taken>>,
    /// The CloudFormation stack that a taken name belongs to.
    pub owners: BTreeMap<String, String>,
    /// What the policy simulator says: (action, resource) to decision.
    pub decisions: Answer<BTreeMap<(String, Option<String>), Decision>>,
    /// What CloudFormation's own validation found, by stack.
    pub validations: BTreeMap<String, Answer<Vec<Validation>>>,
}

/// A quota as Service Quotas tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// `servicequotas` code of the quota.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The applied value.
    pub value: f64,
}

/// A Kubernetes version as EKS tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterVersion {
    /// `1.34`.
    pub version: String,
    /// In which part of its life it is.
    pub support: Support,
    /// The last day of standard support, `2026-12-02`, where known.
    pub standard_until: Option<String>,
    /// The last day of extended support, where known.
    pub extended_until: Option<String>,
}

/// In which part of its life a Kubernetes version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Standard support.
    Standard,
    /// Extended support: costs more for each hour of a cluster.
    Extended,
    /// None.
    Ended,
}

/// Whether a name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is free.
    Free,
    /// This account has it.
    Here,
    /// Another account has it.
    Elsewhere,
}

/// What the policy simulator says about an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is allowed.
    Allowed,
    /// No policy allows it.
    NotAllowed,
    /// A policy of the caller denies it.
    Denied,
    /// The organisation's policies do not allow it.
    Organisation,
    /// The permissions boundary does not allow it.
    Boundary,
    /// It depends on something that is not known beforehand.
    Unclear,
}

/// One thing that CloudFormation's validation of a change set found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// The resource.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// `/Resources/Bucket/Properties/BucketName`.
    pub path: String,
    /// `NAME_CONFLICT_VALIDATION`, …
    pub name: String,
    /// What is wrong.
    pub reason: String,
    /// Whether it stops the change set, or only warns.
    pub stops: bool,
}

impl Needs {
    /// Whether nothing has to be asked.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.change_sets.is_empty() && self.new_stacks.is_empty()
    }

    /// The quotas that have to be known.
    pub fn quotas(&self) -> BTreeSet<QuotaKey> {
        let counted = self.counted.keys().map(|counted| counted.quota());
        let machines = self.machines.iter().filter_map(machine::quota_of);
        let nat_gateways = (!self.nat_gateways.is_empty()).then_some(machine::NAT_GATEWAYS);
        let fargate = (!self.fargate.is_empty()).then_some(machine::FARGATE);
        counted.chain(machines).chain(nat_gateways).chain(fargate).collect()
    }

    /// The instance types that are asked for.
    pub fn instance_types(&self) -> BTreeSet<&str> {
        self.machines
            .iter()
            .flat_map(|machines| machines.types.iter().map(|(name, _)| name.as_str()))
            .collect()
    }

    /// Instance types and patterns to ask the region's offers for: what is wanted, and what could stand in for it.
    pub fn offerings(&self) -> BTreeSet<String> {
        self.instance_types()
            .into_iter()
            .flat_map(machine::near_patterns)
            .collect()
    }
}

impl<T> Answer<T> {
    /// What AWS said, if it did.
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            _ => None,
        }
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.why {
            Why::Denied => write!(f, "{} is denied", self.call),
            Why::Late => write!(f, "{} took too long", self.call),
            Why::Unknown => write!(f, "the endpoint has no {}", self.call),
            Why::Failed(said) => write!(f, "{}: {said}", self.call),
        }
    }
}

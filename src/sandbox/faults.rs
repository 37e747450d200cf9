//! Failures on demand: in stacks, and in the services' answers.
//!
//! ```toml
//! [[fault]]
//! resource = "Cluster"                  # or type = "AWS::EKS::Cluster"; stack = "…" narrows it down
//! on       = "create"                   # create, update, delete, rollback
//! message  = "Your account is not allowed to do that"
//!
//! [[fault]]
//! service  = "cloudformation"
//! action   = "DescribeStacks"
//! throttle = { every = 3 }              # or a number: so many times
//!
//! [[fault]]
//! deny = "eks:CreateCluster"            # or quota, foreign_bucket, vpc, not_offered: what the account is like
//!
//! [[fault]]
//! workload = "scorer"                   # what is shipped does not come to run
//! fails    = "image-pull"
//!
//! [[fault]]
//! cluster  = "*"                        # or registry = "http://127.0.0.1:5000": outside of the sandbox
//! endpoint = "https://127.0.0.1:6443"
//! ```

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reply::ApiError;
use super::request::{Name, Request};

/// A failure that is to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fault {
    /// A resource of a stack fails.
    Resource(ResourceFault),
    /// A service answers otherwise than it would.
    Service(ServiceFault),
    /// A workload does not come to run.
    Workload(WorkloadFault),
    /// The account is not as an account usually is.
    Account(AccountFault),
}

/// A workload that does not come to run, on Kubernetes, ECS or SageMaker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFault {
    /// The workload's name.
    pub workload: String,
    /// What goes wrong: `image-pull`, `crash`, `oom`, `never-ready`, `unschedulable`, `quota`, `missing-secret`,
    /// `admission`, `job-fails`; of an endpoint `create`, `rollback`, `silent-rollback`, `rollback-fails`; of a training
    /// job, which is named here as a workload is, `job-fails` and `interrupted`.
    pub fails: String,
    /// Only on this platform: `eks`, `ecs`, `sagemaker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Only with an image whose reference contains this, so that another version goes on running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What is said about it, in place of the usual words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The account is not as an account usually is: one of `deny`, `quota`, `foreign_bucket`, `vpc`, `not_offered`,
/// `registry`, `cluster` in each fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountFault {
    /// The policy simulator denies this action: `eks:CreateCluster`, `eks:*`. Nothing else heeds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<String>,
    /// For `deny`: whose policy it is; no policy that allows it, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<DeniedBy>,
    /// For `deny`: allowed all the same on ARNs that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<String>,
    /// A quota has another value than usual: `ec2/L-1216C47A`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// For `quota`: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Another account has a bucket of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_bucket: Option<String>,
    /// The account has a VPC of this id that no stack made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// For `vpc`: its network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The region does not offer this instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_offered: Option<String>,
    /// For `not_offered`: only these zones do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
    /// The registry of the account is at this URL, outside of the sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// For `registry`: the password of the user `AWS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_password: Option<String>,
    /// The API server of this cluster (`*`: of each; `shop-*`: of those that are called so) is outside of the sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// For `cluster`: its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// For `cluster`: the certificates against which its own is checked, PEM in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
}

/// Whose policy denies an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeniedBy {
    /// A statement of the caller's own policies.
    Policy,
    /// A policy of the organisation.
    Organisation,
    /// The caller's permissions boundary.
    Boundary,
    /// A condition whose value the simulator is not told.
    Condition,
}

/// What the account is like, as the services look it up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(Arc<[AccountFault]>, Arc<[WorkloadFault]>);

impl Facts {
    /// The facts among `faults`.
    pub(crate) fn of(faults: &[Fault]) -> Self {
        let facts = faults.iter().filter_map(|fault| match fault {
            Fault::Account(fault) => Some(fault.clone()),
            _ => None,
        });
        let workloads = faults.iter().filter_map(|fault| match fault {
            Fault::Workload(fault) => Some(fault.clone()),
            _ => None,
        });
        Self(facts.collect(), workloads.collect())
    }

    /// What goes wrong with a workload's container of this image on `platform`, if anything does.
    pub(crate) fn workload(&self, platform: &str, workload: &str, image: &str) -> Option<&WorkloadFault> {
        self.1.iter().find(|fault| {
            let of_image = fault.image.as_deref().is_none_or(|part| image.contains(part));
            let on = fault.platform.as_deref().is_none_or(|one| one == platform);
            fault.workload == workload && on && of_image
        })
    }

    /// The registry outside of the sandbox, and its password, if the account's is one.
    pub(crate) fn registry(&self) -> Option<(&str, &str)> {
        self.0.iter().find_map(|fault| {
            Some((
                fault.registry.as_deref()?,
                fault.registry_password.as_deref().unwrap_or_default(),
            ))
        })
    }

    /// URL and certificates of a cluster's API server, if it is outside of the sandbox.
    pub(crate) fn cluster(&self, name: &str) -> Option<(&str, Option<&str>)> {
        let fault = self
            .0
            .iter()
            .find(|fault| fault.cluster.as_deref().is_some_and(|one| fits(one, name)))?;
        Some((fault.endpoint.as_deref()?, fault.certificate_authority.as_deref()))
    }

    /// Whether the simulator denies an action on a resource, and on whose account (`None`: nobody allows it).
    pub(crate) fn denies(&self, action: &str, resource: &str) -> Option<Option<DeniedBy>> {
        let fault = self.0.iter().find(|fault| {
            let excepted = fault
                .except
                .as_deref()
                .is_some_and(|prefix| resource.starts_with(prefix));
            fault.deny.as_deref().is_some_and(|pattern| fits(pattern, action)) && !excepted
        })?;
        Some(fault.by)
    }

    /// The value of a quota, if it is not the usual one.
    pub(crate) fn quota(&self, service: &str, code: &str) -> Option<f64> {
        let wanted = format!("{service}/{code}");
        let fault = self.0.iter().find(|fault| fault.quota.as_ref() == Some(&wanted))?;
        fault.value
    }

    /// Whether another account has a bucket of this name.
    pub(crate) fn is_foreign(&self, bucket: &str) -> bool {
        self.0
            .iter()
            .any(|fault| fault.foreign_bucket.as_deref() == Some(bucket))
    }

    /// VPCs that no stack made: id and network.
    pub(crate) fn vpcs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|fault| Some((fault.vpc.as_deref()?, fault.cidr.as_deref()?)))
    }

    /// Whether a zone offers an instance type that it usually offers.
    pub(crate) fn offers(&self, instance_type: &str, zone: &str) -> bool {
        !self.0.iter().any(|fault| {
            let here = fault
                .zones
                .as_ref()
                .is_none_or(|zones| zones.iter().any(|one| one == zone));
            fault.not_offered.as_deref() == Some(instance_type) && here
        })
    }
}

/// A resource of a stack fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceFault {
    /// The logical id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The resource type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The stack's name; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// During what; anything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Moment>,
    /// The first occasion that fails, counted from 1.
    #[serde(default = "first")]
    pub nth: u32,
    /// How many occasions fail from there; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Fails after the time that the resource takes rather than at once.
    #[serde(default)]
    pub late: bool,
    /// What the service says.
    pub message: String,
}

/// What a resource is doing when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// Being made.
    Create,
    /// Being changed.
    Update,
    /// Being deleted.
    Delete,
    /// Being put back.
    Rollback,
    /// Starting, for an instance: its user data fails, and it says so if it signals its outcome.
    Boot,
    /// Signalling, for an instance: the signal never arrives.
    Signal,
}

/// A service answers otherwise than it would.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceFault {
    /// The service, such as `dynamodb`.
    pub service: String,
    /// The action; any if absent. A star at its end stands for anything: `PATCH /apis/apps/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Refuse because of too many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// Do the work of the nth request, then break the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_answer: Option<u32>,
    /// Let each request wait, in simulated seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    /// Refuse with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorAnswer>,
    /// For `error`: the first request that is refused, counted from 1.
    #[serde(default = "first")]
    pub nth: u32,
    /// For `error`: how many are refused from there; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// How often to throttle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Throttle {
    /// The first so many requests.
    First(u32),
    /// One request in so many.
    Every {
        /// Every `every`-th request is refused.
        every: u32,
    },
}

/// An error to answer with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// The error's code, such as `AccessDenied`.
    pub code: String,
    /// The error's message.
    pub message: String,
    /// The HTTP status.
    #[serde(default = "bad_request")]
    pub status: u16,
}

fn first() -> u32 {
    1
}

fn bad_request() -> u16 {
    400
}

/// Reads faults as TOML (`[[fault]]` tables) or JSON (a list).
///
/// # Errors
/// What cannot be understood.
pub fn parse(text: &str) -> Result<Vec<Fault>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        fault: Vec<toml::Value>,
    }
    let listed: Vec<serde_json::Value> = if text.trim_start().starts_with('[') && !text.trim_start().starts_with("[[") {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let as_json = |fault: toml::Value| serde_json::to_value(fault).map_err(|error| error.to_string());
        file.fault.into_iter().map(as_json).collect::<Result<_, _>>()?
    };
    listed
        .into_iter()
        .enumerate()
        .map(|(index, fault)| one(index, fault))
        .collect()
}

/// The ways in which a workload fails, on whatever platform.
const WAYS: [&str; 14] = [
    "image-pull",
    "crash",
    "oom",
    "never-ready",
    "unschedulable",
    "quota",
    "missing-secret",
    "admission",
    "job-fails",
    "create",
    "rollback",
    "silent-rollback",
    "rollback-fails",
    "interrupted",
];

/// One fault; read by its kind, so that an error names the key that is wrong.
fn one(index: usize, fault: serde_json::Value) -> Result<Fault, String> {
    let about = |error: serde_json::Error| format!("fault {}: {error}", index + 1);
    let fault = if fault.get("service").is_some() {
        let fault: ServiceFault = serde_json::from_value(fault).map_err(about)?;
        // Requests to these are not signed with a name; their faults are told by method and path.
        let by_host = [Name::Kubernetes, Name::Registry].map(Name::as_str);
        if Name::parse(&fault.service).is_none() && !by_host.contains(&fault.service.as_str()) {
            return Err(format!(
                "fault {}: the sandbox has no service `{}`",
                index + 1,
                fault.service
            ));
        }
        Fault::Service(fault)
    } else if fault.get("workload").is_some() {
        let fault: WorkloadFault = serde_json::from_value(fault).map_err(about)?;
        if !WAYS.contains(&fault.fails.as_str()) {
            return Err(format!(
                "fault {}: `fails` cannot be `{}`; it can be {}",
                index + 1,
                fault.fails,
                WAYS.join(", ")
            ));
        }
        Fault::Workload(fault)
    } else if [
        "deny",
        "quota",
        "foreign_bucket",
        "vpc",
        "not_offered",
        "registry",
        "cluster",
    ]
    .iter()
    .any(|key| fault.get(key).is_some())
    {
        Fault::Account(serde_json::from_value(fault).map_err(about)?)
    } else {
        Fault::Resource(serde_json::from_value(fault).map_err(about)?)
    };
    Ok(fault)
}

/// The faults of the services, with how often each was met.
#[derive(Debug, Default)]
pub(crate) struct Armed(Vec<(ServiceFault, u32)>);

/// What is to become of a request.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) delay_seconds: f64,
    pub(crate) refusal: Option<ApiError>,
    pub(crate) drops_answer: bool,
}

impl Armed {
    /// Arms the faults that concern services.
    pub(crate) fn new(faults: &[Fault]) -> Self {
        Self(
            faults
                .iter()
                .filter_map(|fault| match fault {
                    Fault::Service(fault) => Some((fault.clone(), 0)),
                    Fault::Resource(_) | Fault::Account(_) | Fault::Workload(_) => None,
                })
                .collect(),
        )
    }

    /// Counts a request and says what becomes of it.
    pub(crate) fn judge(&mut self, request: &Request) -> Verdict {
        let mut verdict = Verdict::default();
        for (fault, met) in &mut self.0 {
            let meant = fault.service == request.service.as_str()
                && fault.action.as_ref().is_none_or(|action| fits(action, &request.action));
            if !meant {
                continue;
            }
            *met += 1;
            verdict.delay_seconds += fault.delay_seconds.unwrap_or_default().max(0.0);
            verdict.drops_answer |= fault.drop_answer == Some(*met);
            let throttled = match fault.throttle {
                Some(Throttle::First(count)) => *met <= count,
                Some(Throttle::Every { every }) => every > 0 && met.is_multiple_of(every),
                None => false,
            };
            if throttled && verdict.refusal.is_none() {
                verdict.refusal = Some(throttling(request.service));
            }
            let begins = fault.nth.max(1);
            let strikes = *met >= begins && fault.times.is_none_or(|times| *met < begins.saturating_add(times));
            if let (Some(error), true, None) = (&fault.error, strikes, &verdict.refusal) {
                verdict.refusal = Some(ApiError::new(error.status, error.code.clone(), error.message.clone()));
            }
        }
        verdict
    }
}

/// Whether a name is meant: a star at the end of a pattern stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// What each service says when there are too many requests.
fn throttling(service: Name) -> ApiError {
    match service {
        Name::S3 => ApiError::new(503, "SlowDown", "Please reduce your request rate."),
        Name::Ec2 => ApiError::new(503, "RequestLimitExceeded", "Request limit exceeded."),
        Name::DynamoDb => ApiError::new(
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        Name::Eks => ApiError::new(429, "TooManyRequestsException", "Too Many Requests"),
        Name::Scheduler => ApiError::new(429, "ThrottlingException", "Rate exceeded"),
        Name::Kubernetes => ApiError::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        Name::Registry => ApiError::new(429, "TOOMANYREQUESTS", "Rate exceeded"),
        Name::Ecr
        | Name::Ecs
        | Name::Kms
        | Name::Ledger
        | Name::Logs
        | Name::SageMaker
        | Name::Scaling
        | Name::ServiceQuotas
        | Name::Ssm => ApiError::new(400, "ThrottlingException", "Rate exceeded"),
        Name::CloudFormation | Name::Iam | Name::Sts => ApiError::new(400, "Throttling", "Rate exceeded"),
    }
}

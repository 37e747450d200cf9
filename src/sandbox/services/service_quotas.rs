//! Service Quotas: the ones that templates of machine-learning environments run into. A request for more is granted at
//! once.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::{self, ApiError};
use super::super::request::Request;
use super::super::service::{Context, Service};

/// Service, code, name, applied value: those of an account that has been in use for a while. Accelerators start at
/// nothing, as at AWS.
const QUOTAS: &[(&str, &str, &str, f64)] = &[
    ("cloudformation", "L-0485CB21", "Stack count", 2_000.0),
    ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5.0),
    (
        "ec2",
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        512.0,
    ),
    ("ec2", "L-1945791B", "Running On-Demand Inf instances", 64.0),
    ("ec2", "L-2C3B7624", "Running On-Demand Trn instances", 0.0),
    (
        "ec2",
        "L-34B43A08",
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        512.0,
    ),
    ("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 0.0),
    ("ec2", "L-417A185B", "Running On-Demand P instances", 0.0),
    ("ec2", "L-6B0D517C", "All Trn Spot Instance Requests", 0.0),
    ("ec2", "L-6E869C2A", "Running On-Demand DL instances", 0.0),
    ("ec2", "L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 0.0),
    ("ec2", "L-7295265B", "Running On-Demand X instances", 0.0),
    ("ec2", "L-74FC7D96", "Running On-Demand F instances", 0.0),
    ("ec2", "L-85EED4F7", "All DL Spot Instance Requests", 0.0),
    ("ec2", "L-88CF9481", "All F Spot Instance Requests", 0.0),
    ("ec2", "L-B5D1601B", "All Inf Spot Instance Requests", 64.0),
    ("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 0.0),
    ("ec2", "L-E3A00192", "All X Spot Instance Requests", 0.0),
    ("eks", "L-1194D53C", "Clusters", 100.0),
    ("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count", 64.0),
    ("rds", "L-7B6409FD", "DB instances", 40.0),
    ("s3", "L-DC2B2D3D", "General purpose buckets", 10_000.0),
    ("vpc", "L-F678F1CE", "VPCs per Region", 5.0),
    ("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5.0),
];

/// SageMaker counts each instance type for each use. Type, value for endpoints, value for notebooks.
const MACHINES: &[(&str, f64, f64)] = &[
    ("ml.c5.large", 4.0, 8.0),
    ("ml.c5.xlarge", 4.0, 8.0),
    ("ml.c5.2xlarge", 4.0, 8.0),
    ("ml.c6i.large", 4.0, 8.0),
    ("ml.c6i.xlarge", 4.0, 8.0),
    ("ml.g4dn.xlarge", 2.0, 1.0),
    ("ml.g4dn.2xlarge", 0.0, 0.0),
    ("ml.g5.xlarge", 0.0, 0.0),
    ("ml.g5.2xlarge", 0.0, 0.0),
    ("ml.g5.12xlarge", 0.0, 0.0),
    ("ml.inf2.xlarge", 0.0, 0.0),
    ("ml.m5.large", 4.0, 8.0),
    ("ml.m5.xlarge", 4.0, 8.0),
    ("ml.m5.2xlarge", 4.0, 8.0),
    ("ml.p3.2xlarge", 0.0, 0.0),
    ("ml.p4d.24xlarge", 0.0, 0.0),
    ("ml.p5.48xlarge", 0.0, 0.0),
    ("ml.t2.medium", 4.0, 8.0),
    ("ml.t3.large", 4.0, 8.0),
    ("ml.t3.medium", 4.0, 8.0),
    ("ml.t3.xlarge", 4.0, 8.0),
];

/// The service; it remembers what was granted.
#[derive(Default)]
pub(super) struct ServiceQuotas(BTreeMap<String, f64>);

struct Quota {
    service: String,
    code: String,
    name: String,
    usual: f64,
}

impl Service for ServiceQuotas {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        reply::answered(request, self.answer(&request.action, &body, context))
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(&self.0).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        self.0 = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        let granted = self.0.keys();
        granted.map(|key| Item::new("servicequotas", "quota", key)).collect()
    }
}

impl ServiceQuotas {
    fn answer(&mut self, action: &str, body: &Value, context: &Context) -> Result<Value, ApiError> {
        let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (service, code) = (field("ServiceCode"), field("QuotaCode"));
        match action {
            "GetServiceQuota" | "GetAWSDefaultServiceQuota" => {
                let quota = known(service, code)?;
                let applied = action == "GetServiceQuota";
                Ok(json!({ "Quota": self.shown(&quota, applied, context) }))
            }
            "ListServiceQuotas" | "ListAWSDefaultServiceQuotas" => {
                let applied = action == "ListServiceQuotas";
                let all: Vec<Quota> = all().filter(|quota| quota.service == service).collect();
                if all.is_empty() {
                    return Err(unknown());
                }
                let size = body.get("MaxResults").and_then(Value::as_u64).unwrap_or(100);
                let size = usize::try_from(size).unwrap_or(100).clamp(1, 100);
                let from: usize = field("NextToken").parse().unwrap_or(0);
                let shown = all.iter().skip(from).take(size);
                let shown: Vec<Value> = shown.map(|quota| self.shown(quota, applied, context)).collect();
                let mut answer = json!({ "Quotas": shown });
                if let (true, Some(answer)) = (from + size < all.len(), answer.as_object_mut()) {
                    answer.insert("NextToken".to_owned(), json!((from + size).to_string()));
                }
                Ok(answer)
            }
            "RequestServiceQuotaIncrease" => {
                let quota = known(service, code)?;
                let desired = body.get("DesiredValue").and_then(Value::as_f64).unwrap_or_default();
                if desired <= self.value(&quota, context) {
                    let message = "You must provide a quota value greater than the current quota value.";
                    return Err(ApiError::new(400, "IllegalArgumentException", message));
                }
                self.0.insert(format!("{service}/{code}"), desired);
                Ok(json!({ "RequestedQuota": {
                    "Id": "sandbox",
                    "ServiceCode": service,
                    "QuotaCode": code,
                    "QuotaName": quota.name,
                    "DesiredValue": desired,
                    "Status": "APPROVED",
                } }))
            }
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the sandbox's Service Quotas does not know {other}"),
            )),
        }
    }

    fn value(&self, quota: &Quota, context: &Context) -> f64 {
        let granted = self.0.get(&format!("{}/{}", quota.service, quota.code)).copied();
        granted
            .or_else(|| context.facts.quota(&quota.service, &quota.code))
            .unwrap_or(quota.usual)
    }

    fn shown(&self, quota: &Quota, applied: bool, context: &Context) -> Value {
        let value = if applied {
            self.value(quota, context)
        } else {
            quota.usual
        };
        json!({
            "ServiceCode": quota.service,
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "Value": value,
            "Unit": "None",
            "Adjustable": true,
            "GlobalQuota": quota.service == "s3",
        })
    }
}

fn known(service: &str, code: &str) -> Result<Quota, ApiError> {
    all()
        .find(|quota| quota.service == service && quota.code == code)
        .ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::new(
        404,
        "NoSuchResourceException",
        "The request failed because the specified quota does not exist.",
    )
}

fn all() -> impl Iterator<Item = Quota> {
    let plain = QUOTAS.iter().map(|(service, code, name, usual)| Quota {
        service: (*service).to_owned(),
        code: (*code).to_owned(),
        name: (*name).to_owned(),
        usual: *usual,
    });
    let machines = MACHINES.iter().flat_map(|(kind, endpoints, notebooks)| {
        [("endpoint usage", endpoints), ("notebook instance usage", notebooks)].map(|(usage, usual)| {
            let name = format!("{kind} for {usage}");
            Quota {
                service: "sagemaker".to_owned(),
                code: code_of(&name),
                name,
                usual: *usual,
            }
        })
    });
    plain.chain(machines)
}

/// AWS gives each a code of eight digits; here they follow from the name.
fn code_of(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02X}")).collect();
    format!("L-{digits}")
}

//! Instance types by their names, and the quotas that count them.
//!
//! A name is `FAMILY.SIZE`, a family letters, a generation and attributes (`m6gd`: `m`, 6, `gd`): "Instance type naming
//! conventions" in the EC2 guide. EC2 counts vCPUs by class, on demand and spot apart ("EC2 instance quotas").

use super::{Counted, Machines};

/// A quota: the service's code and the quota's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaKey {
    /// `ec2`.
    pub service: &'static str,
    /// `L-1216C47A`.
    pub code: &'static str,
}

/// NAT gateways in one availability zone.
pub(super) const NAT_GATEWAYS: QuotaKey = QuotaKey {
    service: "vpc",
    code: "L-FE5A380F",
};

/// vCPUs of tasks on Fargate, on demand.
pub(super) const FARGATE: QuotaKey = QuotaKey {
    service: "fargate",
    code: "L-3032A538",
};

/// `m6gd.xlarge` in its parts; none if it is not such a name.
pub(super) struct Parts<'a> {
    pub(super) letters: &'a str,
    pub(super) attributes: &'a str,
    pub(super) family: &'a str,
    pub(super) size: &'a str,
}

pub(super) fn parts(name: &str) -> Option<Parts<'_>> {
    let (family, size) = name.split_once('.')?;
    let digits = family.find(|c: char| c.is_ascii_digit())?;
    let rest = family.get(digits..)?;
    let attributes = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    Some(Parts {
        letters: family.get(..digits)?,
        attributes,
        family,
        size,
    })
}

/// Whether the processor is one of AWS's own: an image for one kind does not run on the other.
pub(super) fn is_arm(parts: &Parts<'_>) -> bool {
    parts.letters == "a" || parts.attributes.contains('g')
}

/// The type itself, its family's other sizes, and the same size of the same letters.
pub(super) fn near_patterns(name: &str) -> Vec<String> {
    let mut patterns = vec![name.to_owned()];
    if let Some(parts) = parts(name) {
        patterns.push(format!("{}.*", parts.family));
        patterns.push(format!("{}*.{}", parts.letters, parts.size));
    }
    patterns
}

/// The quota that counts these machines; none if they fall into several, or into one that is not known here.
pub(super) fn quota_of(machines: &Machines) -> Option<QuotaKey> {
    let mut keys = machines.types.iter().map(|(name, _)| class(name, machines.spot));
    let first = keys.next()??;
    keys.all(|key| key == Some(first)).then_some(first)
}

/// Codes from Service Quotas' own listing. Spot P5 has a quota apart from P2 to P4, and is left out.
fn class(name: &str, spot: bool) -> Option<QuotaKey> {
    let parts = parts(name)?;
    let (on_demand, spot_code) = match parts.letters {
        "a" | "c" | "d" | "h" | "i" | "im" | "is" | "m" | "r" | "t" | "z" => ("L-1216C47A", Some("L-34B43A08")),
        "g" | "gr" | "vt" => ("L-DB2E81BA", Some("L-3819A6DF")),
        "p" if matches!(parts.family.get(..2), Some("p2" | "p3" | "p4")) => ("L-417A185B", Some("L-7212CCBC")),
        "p" => ("L-417A185B", None),
        "inf" => ("L-1945791B", Some("L-B5D1601B")),
        "trn" => ("L-2C3B7624", Some("L-6B0D517C")),
        "dl" => ("L-6E869C2A", Some("L-85EED4F7")),
        "x" => ("L-7295265B", Some("L-E3A00192")),
        "f" => ("L-74FC7D96", Some("L-88CF9481")),
        _ => return None,
    };
    let code = if spot { spot_code? } else { on_demand };
    Some(QuotaKey { service: "ec2", code })
}

impl Counted {
    /// The quota that counts them.
    pub fn quota(self) -> QuotaKey {
        let (service, code) = match self {
            Self::Vpcs => ("vpc", "L-F678F1CE"),
            Self::Addresses => ("ec2", "L-0263D0A3"),
            Self::Clusters => ("eks", "L-1194D53C"),
            Self::Buckets => ("s3", "L-DC2B2D3D"),
            Self::Databases => ("rds", "L-7B6409FD"),
        };
        QuotaKey { service, code }
    }

    /// The types of resources that count.
    pub(super) fn of(resource_type: &str) -> Option<Self> {
        Some(match resource_type {
            "AWS::EC2::VPC" => Self::Vpcs,
            "AWS::EC2::EIP" => Self::Addresses,
            "AWS::EKS::Cluster" => Self::Clusters,
            "AWS::S3::Bucket" => Self::Buckets,
            "AWS::RDS::DBInstance" => Self::Databases,
            _ => return None,
        })
    }
}

//! Ids and names in the shapes that AWS gives them, made from hexadecimal seeds.

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A stretch of a seed.
pub(super) fn hex(seed: &str, from: usize, length: usize) -> &str {
    seed.get(from..from + length).unwrap_or(seed)
}

/// The form of a UUID.
pub(super) fn uuid(seed: &str) -> String {
    [
        hex(seed, 0, 8),
        hex(seed, 8, 4),
        hex(seed, 12, 4),
        hex(seed, 16, 4),
        hex(seed, 20, 12),
    ]
    .join("-")
}

/// `length` characters of A-Z and 0-9, as CloudFormation ends the names that it makes up.
pub(super) fn suffix(seed: &str, length: usize) -> String {
    const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let digest = Sha256::digest(seed.as_bytes());
    let pick = |byte: &u8| {
        LETTERS
            .get(usize::from(*byte) % LETTERS.len())
            .map_or('A', |letter| char::from(*letter))
    };
    digest.iter().cycle().take(length).map(pick).collect()
}

/// `length` decimal digits.
pub(super) fn digits(seed: &str, length: usize) -> String {
    Sha256::digest(seed.as_bytes())
        .iter()
        .cycle()
        .take(length)
        .map(|byte| char::from(b'0' + byte % 10))
        .collect()
}

/// The name that CloudFormation gives to a resource that has none: `STACK-LOGICALID-RANDOM`, cut to what the type
/// allows ("Name type" in the user guide).
pub fn physical_name(resource_type: &str, stack_name: &str, logical_id: &str, seed: &str) -> String {
    let (limit, lower, tail) = match resource_type {
        "AWS::S3::Bucket" => (63, true, 12),
        "AWS::ECR::Repository" => (256, true, 12),
        "AWS::RDS::DBInstance" | "AWS::RDS::DBCluster" => (63, true, 12),
        "AWS::RDS::DBSubnetGroup" | "AWS::RDS::DBParameterGroup" | "AWS::RDS::DBClusterParameterGroup" => {
            (255, true, 12)
        }
        "AWS::ElasticLoadBalancingV2::LoadBalancer" | "AWS::ElasticLoadBalancingV2::TargetGroup" => (32, false, 12),
        "AWS::IAM::Role"
        | "AWS::IAM::User"
        | "AWS::IAM::Group"
        | "AWS::Lambda::Function"
        | "AWS::SageMaker::Domain" => (64, false, 12),
        "AWS::SageMaker::Endpoint"
        | "AWS::SageMaker::EndpointConfig"
        | "AWS::SageMaker::InferenceComponent"
        | "AWS::SageMaker::Model" => (63, false, 12),
        _ => (128, false, 12),
    };
    let tail_text = suffix(seed, tail);
    let room = usize::saturating_sub(limit, tail + 2);
    let (mut stack, mut logical) = (stack_name.to_owned(), logical_id.to_owned());
    // Both parts give way, the longer one first.
    while stack.len() + logical.len() > room {
        if stack.len() > logical.len() {
            stack.pop()
        } else {
            logical.pop()
        };
    }
    let name = format!("{stack}-{logical}-{tail_text}");
    if lower { name.to_lowercase() } else { name }
}

//! Secrets as files: what the AWS provider of the Secrets Store CSI driver is told to fetch.
//!
//! Files and not environment variables, because those would have to stand in a Secret of Kubernetes first, and are
//! shown by whatever prints an environment.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::spec::workload::Secret;

/// Where the files are.
const FOLDER: &str = "/var/run/mlinfra/secrets";

/// The variable that says where a secret's file is, and its value.
pub(super) fn variable(name: &str) -> (String, String) {
    (format!("{name}_FILE"), format!("{FOLDER}/{name}"))
}

/// `objects` of a SecretProviderClass: a list as text ("Secrets Store CSI Driver", AWS Secrets Manager User Guide).
pub(super) fn objects(secrets: &BTreeMap<String, Secret>) -> String {
    let objects: Vec<Json> = secrets
        .iter()
        .map(|(name, secret)| match secret {
            Secret::SecretsManager { id, key: None } => json!({
                "objectName": id,
                "objectType": "secretsmanager",
                "objectAlias": name,
            }),
            // The whole secret becomes a file too: the driver always makes that one.
            Secret::SecretsManager { id, key: Some(key) } => json!({
                "objectName": id,
                "objectType": "secretsmanager",
                "objectAlias": format!("{name}.json"),
                "jmesPath": [{ "path": quoted(key), "objectAlias": name }],
            }),
            Secret::Parameter(parameter) => json!({
                "objectName": parameter,
                "objectType": "ssmparameter",
                "objectAlias": name,
            }),
        })
        .collect();
    Json::Array(objects).to_string()
}

/// A key of JSON as a path of JMESPath: in quotes unless it is a plain word.
fn quoted(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        key.to_owned()
    } else {
        Json::from(key).to_string()
    }
}

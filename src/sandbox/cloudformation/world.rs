//! What lies outside CloudFormation: the services that hold the resources.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Millis, attributes};

/// A resource that CloudFormation asks a service to make, change or remove.
#[derive(Debug)]
pub struct ResourceRequest<'a> {
    /// The stack's ARN.
    pub stack_id: &'a str,
    /// The stack's name.
    pub stack_name: &'a str,
    /// The resource's name in the template.
    pub logical_id: &'a str,
    /// `AWS::EC2::VPC`.
    pub resource_type: &'a str,
    /// The physical id, once there is one.
    pub physical_id: Option<&'a str>,
    /// The properties, everything evaluated, dynamic references resolved.
    pub properties: &'a Value,
    /// The properties before an update; null otherwise.
    pub previous: &'a Value,
    /// What `Fn::GetAtt` answers so far; empty before creation.
    pub attributes: &'a BTreeMap<String, Value>,
    /// The stack's tags and CloudFormation's own (`aws:cloudformation:…`).
    pub tags: &'a [(String, String)],
    /// Twelve digits.
    pub account: &'a str,
    /// `us-east-1`.
    pub region: &'a str,
    /// `aws`.
    pub partition: &'a str,
    /// The simulated time.
    pub at: Millis,
    /// Hexadecimal, unique to this request: where ids come from.
    pub seed: &'a str,
    /// For a deletion: a snapshot is to outlive the resource.
    pub leaves_snapshot: bool,
}

/// What a service made.
#[derive(Debug, Clone, PartialEq)]
pub struct Physical {
    /// The physical id: what `Ref` answers.
    pub id: String,
    /// What `Fn::GetAtt` answers.
    pub attributes: BTreeMap<String, Value>,
}

/// A value that a template takes from a parameter store or a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// `{{resolve:ssm:NAME}}`, or a parameter of an SSM type.
    Parameter {
        /// The parameter's name.
        name: String,
        /// A version, if one is asked for.
        version: Option<String>,
        /// `ssm-secure`.
        secure: bool,
    },
    /// `{{resolve:secretsmanager:…}}`.
    Secret {
        /// The secret's name or ARN.
        id: String,
        /// The key inside a JSON secret.
        key: Option<String>,
        /// Stage or version, as written.
        version: Option<String>,
    },
}

/// The services round CloudFormation. Each method has a default that pretends: ids and attributes are made up in the
/// shape that AWS documents, and nothing else comes to be. Errors are the service's message, shown in the events.
pub trait World {
    /// Makes a resource. Called when the service would accept the request, before the creation has taken its time.
    fn create(&mut self, request: &ResourceRequest<'_>) -> Result<Physical, String> {
        Ok(attributes::synthesise(request))
    }

    /// The creation has taken its time: the resource is ready.
    fn created(&mut self, request: &ResourceRequest<'_>) {
        let _ = request;
    }

    /// Changes a resource in place; the answer replaces the attributes.
    fn update(&mut self, request: &ResourceRequest<'_>) -> Result<Physical, String> {
        Ok(attributes::refreshed(request))
    }

    /// Removes a resource. Something that is gone already is no error.
    fn delete(&mut self, request: &ResourceRequest<'_>) -> Result<(), String> {
        let _ = request;
        Ok(())
    }

    /// The actual properties for drift detection: `Some(None)` if the resource is gone, `None` if nothing is known.
    fn observe(&mut self, request: &ResourceRequest<'_>) -> Option<Option<Value>> {
        let _ = request;
        None
    }

    /// A resource that exists outside CloudFormation, for an import: its attributes.
    fn adopt(&mut self, request: &ResourceRequest<'_>) -> Result<Physical, String> {
        Ok(attributes::refreshed(request))
    }

    /// A value from the parameter store or a vault.
    fn lookup(&mut self, lookup: &Lookup) -> Result<String, String> {
        Err(match lookup {
            Lookup::Parameter { name, .. } => {
                format!("Unable to fetch parameters [{name}] from parameter store for this account.")
            }
            Lookup::Secret { .. } => "Secrets Manager can't find the specified secret.".to_owned(),
        })
    }

    /// The text behind a `TemplateURL`.
    fn fetch(&mut self, url: &str) -> Result<String, String> {
        let _ = url;
        Err("S3 error: Access Denied".to_owned())
    }

    /// The availability zones of a region, for `Fn::GetAZs`.
    fn availability_zones(&mut self, region: &str) -> Vec<String> {
        ["a", "b", "c"].iter().map(|zone| format!("{region}{zone}")).collect()
    }
}

/// A world without services: every default of [`World`].
#[derive(Debug, Default, Clone, Copy)]
pub struct Pretend;

impl World for Pretend {}

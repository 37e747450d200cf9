//! What stacks make comes to be in the other services: the same requests that CloudFormation's resource handlers send.
//!
//! A type that no service here can hold keeps the id and the attributes that CloudFormation's simulation makes up.

mod balancing;
mod databases;
mod ec2;
mod eks;
mod iam;
mod instance;
mod json;
mod ledger;
mod observe;
mod policies;
mod storage;
mod tags;
mod tasks;
mod volumes;
mod watching;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse};

use super::cloudformation::{Lookup, Physical, ResourceRequest, World, refreshed, synthesise};
use super::house::Desk;
use super::request::{Name, Request};
use super::services;

/// What became of a request to make, change or delete something.
type Made<T> = Result<T, String>;

impl World for Desk<'_> {
    fn create(&mut self, request: &ResourceRequest<'_>) -> Made<Physical> {
        let planned = synthesise(request);
        let made = match family(request.resource_type) {
            Family::Ec2 => ec2::create(self, request, planned.clone()),
            Family::Eks => eks::create(self, request, planned.clone()),
            Family::Iam => iam::create(self, request, planned.clone()),
            Family::Json => json::create(self, request, planned.clone()),
            Family::Ledger => ledger::create(self, request, planned.clone()),
            Family::Storage => storage::create(self, request, planned.clone()),
            Family::Volumes => volumes::create(self, request, planned.clone()),
            Family::Pretended => Ok(None),
        };
        made.map(|made| made.unwrap_or(planned))
    }

    fn update(&mut self, request: &ResourceRequest<'_>) -> Made<Physical> {
        match family(request.resource_type) {
            Family::Ec2 => ec2::update(self, request)?,
            Family::Eks => eks::update(self, request)?,
            Family::Iam => iam::update(self, request)?,
            Family::Json => json::update(self, request)?,
            Family::Ledger => ledger::update(self, request)?,
            Family::Storage => storage::update(self, request)?,
            Family::Volumes => volumes::update(self, request)?,
            Family::Pretended => {}
        }
        tags::update(self, request)?;
        Ok(refreshed(request))
    }

    fn delete(&mut self, request: &ResourceRequest<'_>) -> Made<()> {
        let Some(id) = request.physical_id else { return Ok(()) };
        match family(request.resource_type) {
            Family::Ec2 => ec2::delete(self, request, id),
            Family::Eks => eks::delete(self, request, id),
            Family::Iam => iam::delete(self, request, id),
            Family::Json => json::delete(self, request, id),
            Family::Ledger => ledger::delete(self, request, id),
            Family::Storage => storage::delete(self, request, id),
            Family::Volumes => volumes::delete(self, request, id),
            Family::Pretended => Ok(()),
        }
    }

    fn observe(&mut self, request: &ResourceRequest<'_>) -> Option<Option<Value>> {
        observe::observe(self, request)
    }

    fn lookup(&mut self, lookup: &Lookup) -> Made<String> {
        match lookup {
            Lookup::Parameter { name, .. } => services::parameter(name)
                .ok_or_else(|| format!("Unable to fetch parameters [{name}] from parameter store for this account.")),
            // Any secret exists; its value is never shown, so one will do.
            Lookup::Secret { id, .. } if !id.is_empty() => Ok("sandbox-secret".to_owned()),
            Lookup::Secret { .. } => Err("Secrets Manager can't find the specified secret.".to_owned()),
        }
    }

    fn fetch(&mut self, url: &str) -> Made<String> {
        let raw = MockRequest {
            method: "GET".to_owned(),
            uri: url.to_owned(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        let denied = || {
            "S3 error: Access Denied\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html".to_owned()
        };
        let request = Request::read(raw, &self.context.region).map_err(|_| denied())?;
        if request.service != Name::S3 {
            return Err("TemplateURL must be a supported URL.".to_owned());
        }
        let response = self.send(&request).map_err(|error| error.to_string())?;
        if response.status != 200 {
            return Err(match text_between(&String::from_utf8_lossy(&response.body), "Code") {
                Some("NoSuchKey") => {
                    "S3 error: The specified key does not exist.\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html".to_owned()
                }
                _ => denied(),
            });
        }
        String::from_utf8(response.body.to_vec()).map_err(|error| error.to_string())
    }
}

/// Which services hold a type.
enum Family {
    Ec2,
    Eks,
    Iam,
    /// ECR, KMS, Logs and SageMaker.
    Json,
    /// What has no emulator and yet is more than an id.
    Ledger,
    /// S3 and DynamoDB.
    Storage,
    /// EBS.
    Volumes,
    Pretended,
}

fn family(resource_type: &str) -> Family {
    match resource_type {
        "AWS::S3::Bucket" | "AWS::S3::BucketPolicy" | "AWS::DynamoDB::Table" => Family::Storage,
        _ if ec2::knows(resource_type) => Family::Ec2,
        _ if eks::knows(resource_type) => Family::Eks,
        _ if iam::knows(resource_type) => Family::Iam,
        _ if json::knows(resource_type) => Family::Json,
        _ if ledger::knows(resource_type) => Family::Ledger,
        _ if volumes::knows(resource_type) => Family::Volumes,
        _ => Family::Pretended,
    }
}

impl Desk<'_> {
    /// Sends a request whose refusal is the resource's failure.
    fn ask(&mut self, request: &Request) -> Made<String> {
        let response = self.send(request).map_err(|error| error.to_string())?;
        if response.status < 400 {
            return Ok(String::from_utf8_lossy(&response.body).into_owned());
        }
        Err(refusal(request, &response).1)
    }

    /// Sends a request that is to remove something; that it is gone already is fine.
    fn remove(&mut self, request: &Request) -> Made<()> {
        let response = self.send(request).map_err(|error| error.to_string())?;
        if response.status < 400 {
            return Ok(());
        }
        let (code, message) = refusal(request, &response);
        if says_gone(response.status, &code, &message) {
            return Ok(());
        }
        Err(message)
    }

    fn ask_query(&mut self, service: Name, action: &str, parameters: &[(String, String)]) -> Made<String> {
        let request = Request::query(service, &self.context.region, action, parameters);
        self.ask(&request)
    }

    fn ask_json(&mut self, service: Name, action: &str, body: &Value) -> Made<Value> {
        let request = Request::json(service, &self.context.region, action, body);
        self.ask(&request)
            .map(|answer| serde_json::from_str(&answer).unwrap_or_default())
    }
}

/// Whether an error says that there is no such thing.
fn says_gone(status: u16, code: &str, message: &str) -> bool {
    let named = ["NotFound", "NoSuch", "DoesNotExist"]
        .iter()
        .any(|part| code.contains(part));
    status == 404 || named || code.contains("Validation") && message.contains("Could not find")
}

/// Code and message of an error, the message as resource handlers pass it on.
fn refusal(request: &Request, response: &MockResponse) -> (String, String) {
    let body = String::from_utf8_lossy(&response.body);
    let parsed: Option<Value> = serde_json::from_str(&body).ok();
    let (code, message) = match parsed {
        Some(parsed) => {
            let part = |names: [&str; 2]| {
                names
                    .iter()
                    .find_map(|name| parsed.get(*name))
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            (part(["__type", "code"]), part(["message", "Message"]))
        }
        None => {
            let part = |tag: &str| text_between(&body, tag).unwrap_or_default().to_owned();
            (part("Code"), part("Message"))
        }
    };
    let service = match request.service {
        Name::DynamoDb => "DynamoDb",
        Name::Ec2 => "Ec2",
        Name::Ecr => "Ecr",
        Name::Ecs => "AmazonECS",
        Name::Eks => "Eks",
        Name::Iam => "Iam",
        Name::Kms => "Kms",
        Name::Logs => "CloudWatchLogs",
        Name::S3 => "S3",
        Name::SageMaker => "SageMaker",
        other => other.as_str(),
    };
    let told = format!(
        "{message} (Service: {service}, Status Code: {}, Request ID: {REQUEST_ID})",
        response.status
    );
    (code, told)
}

/// A refusal of a service that is not asked, as resource handlers pass it on.
fn told(service: &str, message: &str) -> String {
    format!("{message} (Service: {service}, Status Code: 400, Request ID: {REQUEST_ID})")
}

/// The zone of a subnet, if the sandbox holds it.
fn zone_of(desk: &mut Desk<'_>, subnet: &str) -> Made<Option<String>> {
    let asked = [("SubnetId.1".to_owned(), subnet.to_owned())];
    let request = Request::query(Name::Ec2, &desk.context.region, "DescribeSubnets", &asked);
    let response = desk.send(&request).map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&response.body);
    Ok(text_between(&answer, "availabilityZone").map(str::to_owned))
}

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The text of the first element called `tag`.
fn text_between<'a>(document: &'a str, tag: &str) -> Option<&'a str> {
    let (_, after) = document.split_once(&format!("<{tag}>"))?;
    after.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

/// A property as text.
fn text(properties: &Value, name: &str) -> Option<String> {
    scalar(properties.get(name)?)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A property that is a list, or nothing.
fn list<'a>(properties: &'a Value, name: &str) -> &'a [Value] {
    properties
        .get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// A policy document, which templates write as an object and services take as text.
fn document(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The tags of the resource, then those of the stack where the resource does not have them.
fn tags(request: &ResourceRequest<'_>) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> = request.tags.iter().cloned().collect();
    tags.extend(tags::own(request.properties));
    tags
}

/// The name that the resource has or is given: its property, or the end of the id that was made up.
fn name_of(request: &ResourceRequest<'_>, property: &str, id: &str) -> String {
    text(request.properties, property).unwrap_or_else(|| id.rsplit(['/', '|']).next().unwrap_or(id).to_owned())
}

/// Properties as the services with lower-case member names write them; tags are left out.
fn lower_camel(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let renamed = entries
                .iter()
                .filter(|(key, _)| key.as_str() != "Tags")
                .map(|(key, value)| {
                    // The keys below are the user's own.
                    let inner = if key == "Labels" {
                        value.clone()
                    } else {
                        lower_camel(value)
                    };
                    let mut letters = key.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_lowercase()).into_iter();
                    (first.chain(letters).collect::<String>(), inner)
                });
            Value::Object(renamed.collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(lower_camel).collect()),
        other => other.clone(),
    }
}

fn set(physical: &mut Physical, attribute: &str, value: Option<&Value>) {
    if let Some(value) = value.filter(|value| !value.is_null()) {
        physical.attributes.insert(attribute.to_owned(), value.clone());
    }
}

fn set_text(physical: &mut Physical, attribute: &str, value: impl Into<String>) {
    physical.attributes.insert(attribute.to_owned(), json!(value.into()));
}

//! SageMaker: models, endpoints, jobs and the model registry, in simulated time. The rest is emulated.
//!
//! What was asked for is kept as it was written and given back so. An endpoint is made and changed in minutes, a job
//! runs for minutes, and each ends as its faults say. What containers print is told to CloudWatch Logs by the house, when
//! it is due.

mod endpoints;
mod jobs;
mod registry;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use winterbaume_core::MockResponse;
use winterbaume_sagemaker::SageMakerService;

use super::super::inventory::Item;
use super::super::reply::{self, ApiError, seconds};
use super::super::request::{Name, Request};
use super::super::service::{Context, Service};
use super::emulated::Emulated;
use endpoints::Endpoint;
use jobs::Job;
use registry::Package;

/// The service.
pub(super) struct SageMaker {
    own: State,
    others: Emulated<SageMakerService>,
}

/// What is kept here.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// Requests to make models, by name.
    models: BTreeMap<String, Kept>,
    /// Requests to make configurations of endpoints, by name.
    configs: BTreeMap<String, Kept>,
    endpoints: BTreeMap<String, Endpoint>,
    training: BTreeMap<String, Job>,
    processing: BTreeMap<String, Job>,
    /// Versions by group, the first one first.
    packages: BTreeMap<String, Vec<Package>>,
    /// By ARN.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// What containers print, also what they will print.
    lines: Vec<Line>,
}

/// A request that made something which never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    arn: String,
    created: i64,
    body: Map<String, Value>,
}

/// A line of a container, at a time that may be still to come.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    at: i64,
    group: String,
    stream: String,
    message: String,
}

/// A request, taken apart.
#[derive(Clone, Copy)]
struct Asked<'a> {
    body: &'a Value,
    context: &'a Context,
    /// CloudFormation asks: it has waited already.
    by_stack: bool,
}

/// What comes of a request.
type Answer = Result<Value, ApiError>;

impl SageMaker {
    pub(super) fn new() -> Self {
        Self {
            own: State::default(),
            others: Emulated::new("sagemaker", SageMakerService::new),
        }
    }
}

impl Service for SageMaker {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let by_stack = request
            .header("x-amz-target")
            .is_some_and(|target| target.starts_with("Sandbox."));
        let asked = Asked {
            body: &body,
            context,
            by_stack,
        };
        let own = &mut self.own;
        own.settle(context.now);
        let answer = match request.action.as_str() {
            "CreateModel" => own.create_model(asked),
            "DescribeModel" => own.describe_kept(asked, Fixed::Model),
            "DeleteModel" => own.delete_kept(asked, Fixed::Model),
            "ListModels" => own.list_kept(asked, Fixed::Model),
            "CreateEndpointConfig" => own.create_config(asked),
            "DescribeEndpointConfig" => own.describe_kept(asked, Fixed::Config),
            "DeleteEndpointConfig" => own.delete_kept(asked, Fixed::Config),
            "ListEndpointConfigs" => own.list_kept(asked, Fixed::Config),
            "CreateEndpoint" => own.create_endpoint(asked),
            "UpdateEndpoint" => own.update_endpoint(asked),
            "UpdateEndpointWeightsAndCapacities" => own.scale_endpoint(asked),
            "DescribeEndpoint" => own.describe_endpoint(asked),
            "DeleteEndpoint" => own.delete_endpoint(asked),
            "ListEndpoints" => own.list_endpoints(asked),
            "CreateTrainingJob" => own.create_training(asked),
            "DescribeTrainingJob" => own.describe_training(asked),
            "StopTrainingJob" => own.stop_training(asked),
            "ListTrainingJobs" => own.list_training(asked),
            "CreateProcessingJob" => own.create_processing(asked),
            "DescribeProcessingJob" => own.describe_processing(asked),
            "StopProcessingJob" => own.stop_processing(asked),
            "ListProcessingJobs" => own.list_processing(asked),
            "CreateModelPackage" if asked.has("ModelPackageGroupName") => {
                let group = asked.name("ModelPackageGroupName");
                let look = json!({ "ModelPackageGroupName": group });
                let look = Request::json(Name::SageMaker, &context.region, "DescribeModelPackageGroup", &look);
                let found = self.others.handle(&look, context);
                if found.status >= 400 {
                    return found;
                }
                self.own.create_package(asked, &group)
            }
            "DescribeModelPackage" => own.describe_package(asked),
            "UpdateModelPackage" => own.update_package(asked),
            "DeleteModelPackage" => own.delete_package(asked),
            "ListModelPackages" => own.list_packages(asked),
            "AddTags" | "DeleteTags" | "ListTags" if own.owns(&asked.text("ResourceArn")) => {
                own.change_tags(asked, &request.action)
            }
            "ListDueLines" if by_stack => own.due(context.now),
            "DropDueLines" if by_stack => {
                own.lines.retain(|line| line.at > context.now);
                Ok(json!({}))
            }
            _ => return self.others.handle(request, context),
        };
        reply::answered(request, answer)
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        let others = self.others.export(context)?;
        let others: Value = serde_json::from_slice(&others).map_err(|error| error.to_string())?;
        serde_json::to_vec(&json!({ "own": self.own, "others": others })).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        let mut all: Value = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        let (own, others) = match all.get_mut("own").map(Value::take) {
            Some(own) => (own, all.get_mut("others").map(Value::take).unwrap_or_default()),
            // Written before anything was kept here.
            None => (json!({}), all),
        };
        self.own = serde_json::from_value(own).map_err(|error| error.to_string())?;
        let others = serde_json::to_vec(&others).map_err(|error| error.to_string())?;
        self.others.import(&others, context)
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.own.settle(context.now);
        let mut items = self.others.inventory(context);
        let own = &self.own;
        for (kind, names) in [
            ("model", own.models.keys().collect::<Vec<_>>()),
            ("endpoint_config", own.configs.keys().collect()),
            ("endpoint", own.endpoints.keys().collect()),
            ("training_job", own.training.keys().collect()),
            ("processing_job", own.processing.keys().collect()),
        ] {
            items.extend(names.into_iter().map(|name| Item::new("sagemaker", kind, name)));
        }
        for package in own.packages.values().flatten() {
            items.push(Item::new("sagemaker", "model_package", &package.arn));
        }
        items
    }
}

impl Asked<'_> {
    fn has(&self, field: &str) -> bool {
        self.body.get(field).is_some_and(|value| !value.is_null())
    }

    fn text(&self, field: &str) -> String {
        text(self.body, field)
    }

    /// The name at `field`, which may be written as an ARN.
    fn name(&self, field: &str) -> String {
        let text = self.text(field);
        text.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// The ARN of a resource; SageMaker writes most in lower case.
    fn arn(&self, kind: &str, name: &str) -> String {
        let Context { region, account, .. } = self.context;
        format!("arn:aws:sagemaker:{region}:{account}:{kind}/{}", name.to_lowercase())
    }

    fn fields(&self) -> Map<String, Value> {
        self.body.as_object().cloned().unwrap_or_default()
    }
}

/// Which of the things that never change.
#[derive(Clone, Copy)]
enum Fixed {
    Model,
    Config,
}

impl Fixed {
    /// Kind in an ARN, field of the name, field of the ARN, what messages call it.
    fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Model => ("model", "ModelName", "ModelArn", "model"),
            Self::Config => (
                "endpoint-config",
                "EndpointConfigName",
                "EndpointConfigArn",
                "endpoint configuration",
            ),
        }
    }
}

impl State {
    /// Lets everything happen that was due.
    fn settle(&mut self, now: i64) {
        for endpoint in self.endpoints.values_mut() {
            endpoint.settle(now);
        }
        let gone: Vec<String> = self
            .endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.is_gone(now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(endpoint) = self.endpoints.remove(&name) {
                self.tags.remove(&endpoint.arn);
            }
        }
    }

    fn fixed(&self, which: Fixed) -> &BTreeMap<String, Kept> {
        match which {
            Fixed::Model => &self.models,
            Fixed::Config => &self.configs,
        }
    }

    fn create_model(&mut self, asked: Asked<'_>) -> Answer {
        let image = asked.body.pointer("/PrimaryContainer/Image").or_else(|| {
            let package = "/PrimaryContainer/ModelPackageName";
            asked
                .body
                .pointer(package)
                .or_else(|| asked.body.pointer("/Containers/0"))
        });
        if image.is_none() && !asked.by_stack {
            return Err(invalid("Both PrimaryContainer and Containers are missing."));
        }
        self.create_kept(asked, Fixed::Model)
    }

    fn create_config(&mut self, asked: Asked<'_>) -> Answer {
        let variants = asked.body.get("ProductionVariants").and_then(Value::as_array);
        for variant in variants.into_iter().flatten().filter(|_| !asked.by_stack) {
            let model = text(variant, "ModelName");
            if !model.is_empty() && !self.models.contains_key(&model) {
                return Err(missing("model", &asked.arn("model", &model)));
            }
        }
        self.create_kept(asked, Fixed::Config)
    }

    fn create_kept(&mut self, asked: Asked<'_>, which: Fixed) -> Answer {
        let (kind, name_field, arn_field, called) = which.words();
        let name = asked.text(name_field);
        check_name(name_field, &name)?;
        let arn = asked.arn(kind, &name);
        if self.fixed(which).contains_key(&name) {
            return Err(invalid(format!("Cannot create already existing {called} \"{arn}\".")));
        }
        self.keep_tags(asked, &arn);
        let mut body = asked.fields();
        body.shift_remove("Tags");
        let kept = Kept {
            arn: arn.clone(),
            created: asked.context.now,
            body,
        };
        match which {
            Fixed::Model => self.models.insert(name, kept),
            Fixed::Config => self.configs.insert(name, kept),
        };
        Ok(json!({ arn_field: arn }))
    }

    fn describe_kept(&self, asked: Asked<'_>, which: Fixed) -> Answer {
        let (kind, name_field, arn_field, called) = which.words();
        let name = asked.text(name_field);
        let kept = self.fixed(which).get(&name);
        let kept = kept.ok_or_else(|| missing(called, &asked.arn(kind, &name)))?;
        let mut body = kept.body.clone();
        body.insert(arn_field.to_owned(), json!(kept.arn));
        body.insert("CreationTime".to_owned(), seconds(kept.created));
        Ok(Value::Object(body))
    }

    fn delete_kept(&mut self, asked: Asked<'_>, which: Fixed) -> Answer {
        let (kind, name_field, _, called) = which.words();
        let name = asked.text(name_field);
        let removed = match which {
            Fixed::Model => self.models.remove(&name),
            Fixed::Config => self.configs.remove(&name),
        };
        let kept = removed.ok_or_else(|| missing(called, &asked.arn(kind, &name)))?;
        self.tags.remove(&kept.arn);
        Ok(json!({}))
    }

    fn list_kept(&self, asked: Asked<'_>, which: Fixed) -> Answer {
        let (_, name_field, arn_field, _) = which.words();
        let items = self.fixed(which).iter().map(|(name, kept)| {
            let summary = json!({ name_field: name, arn_field: kept.arn, "CreationTime": seconds(kept.created) });
            (name.clone(), kept.created, summary)
        });
        let key = match which {
            Fixed::Model => "Models",
            Fixed::Config => "EndpointConfigs",
        };
        Ok(page(asked, key, items))
    }

    fn owns(&self, arn: &str) -> bool {
        const KINDS: [&str; 6] = [
            ":model/",
            ":endpoint-config/",
            ":endpoint/",
            ":training-job/",
            ":processing-job/",
            ":model-package/",
        ];
        KINDS.iter().any(|kind| arn.contains(kind))
    }

    fn keep_tags(&mut self, asked: Asked<'_>, arn: &str) {
        let given = asked.body.get("Tags").and_then(Value::as_array);
        let tags = self.tags.entry(arn.to_owned()).or_default();
        for tag in given.into_iter().flatten() {
            tags.insert(text(tag, "Key"), text(tag, "Value"));
        }
    }

    fn change_tags(&mut self, asked: Asked<'_>, action: &str) -> Answer {
        let arn = asked.text("ResourceArn");
        match action {
            "AddTags" => self.keep_tags(asked, &arn),
            "DeleteTags" => {
                let gone = asked.body.get("TagKeys").and_then(Value::as_array);
                let tags = self.tags.entry(arn.clone()).or_default();
                for key in gone.into_iter().flatten().filter_map(Value::as_str) {
                    tags.remove(key);
                }
            }
            _ => {}
        }
        let tags = self.tags.get(&arn).into_iter().flatten();
        let tags: Vec<Value> = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        Ok(json!({ "Tags": tags }))
    }

    /// The lines that are due, for CloudWatch Logs.
    fn due(&self, now: i64) -> Answer {
        let due: Vec<&Line> = self.lines.iter().filter(|line| line.at <= now).collect();
        Ok(json!({ "Lines": due }))
    }

    fn print(&mut self, at: i64, group: &str, stream: &str, message: impl Into<String>) {
        self.lines.push(Line {
            at,
            group: group.to_owned(),
            stream: stream.to_owned(),
            message: message.into(),
        });
    }
}

/// One page of a list, sorted by time or name as asked: the first ten unless more are wanted.
fn page(asked: Asked<'_>, key: &str, items: impl Iterator<Item = (String, i64, Value)>) -> Value {
    let contains = asked.text("NameContains");
    let mut items: Vec<_> = items.filter(|(name, ..)| name.contains(&contains)).collect();
    items.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
    if asked.text("SortOrder") != "Ascending" {
        items.reverse();
    }
    let from: usize = asked.text("NextToken").parse().unwrap_or_default();
    let most = asked.body.get("MaxResults").and_then(Value::as_u64).unwrap_or(10);
    let most = usize::try_from(most).unwrap_or(10).max(1);
    let shown: Vec<Value> = items.iter().skip(from).take(most).map(|item| item.2.clone()).collect();
    let mut answer = json!({ key: shown });
    if from + most < items.len()
        && let Some(answer) = answer.as_object_mut()
    {
        answer.insert("NextToken".to_owned(), json!((from + most).to_string()));
    }
    answer
}

fn text(body: &Value, field: &str) -> String {
    body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

fn missing(called: &str, arn: &str) -> ApiError {
    invalid(format!("Could not find {called} \"{arn}\"."))
}

/// "CreateModel", SageMaker API Reference: at most 63 letters, digits and hyphens.
fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits && !name.is_empty() && name.len() <= 63 && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){{0,62}}"
    )))
}

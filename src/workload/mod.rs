//! What a workload becomes on Kubernetes: manifests, rendered from `templates/kubernetes/` in the language of modules.
//!
//! Pure: whoever calls hands over the project's own templates, and what is known of the world. What is not known yet
//! stands in the manifests as a phrase in brackets that says when it will be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::module::{BUILT_IN, Plain, PlainDocument};
use crate::spec::workload::Platform;
use crate::spec::{Environment, Workload};
use crate::template::NodeValue;

pub mod ecs;
pub mod sagemaker;
pub mod scaling;
mod secrets;
mod templates;
#[cfg(test)]
pub(crate) mod tests;
mod values;

pub use templates::{FOLDER, Templates};

/// What only the world knows. Whatever is none stands in the manifests as a phrase: `(known after build)`.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The whole reference of the image that was pushed, with its digest.
    pub image: Option<String>,
    /// The bucket of the model.
    pub model_bucket: Option<String>,
    /// Where the model is, if it is a version of a group of the registry.
    pub model_uri: Option<String>,
    /// The version of the model.
    pub model_version: Option<String>,
}

/// One object of Kubernetes.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The template that it was rendered from: `service.yaml`.
    pub file: String,
    /// The object.
    pub object: Json,
}

/// The objects that `workload` becomes, in the order in which they are applied; none if it does not run on Kubernetes.
///
/// # Errors
/// Everything that is wrong with any of the templates, and what Kubernetes would not even look at.
pub fn manifests(
    environment: &Environment,
    workload: &Workload,
    templates: &Templates,
    facts: &Facts,
) -> Result<Vec<Manifest>, Problems> {
    if workload.platform != Platform::Eks {
        return Ok(Vec::new());
    }
    let mut problems = Problems::default();
    let mut values = values::values(environment, workload, facts);
    let name = workload.name.value.as_str();
    let pod = templates.pod();
    let plain = |values: &BTreeMap<String, Json>, template| {
        let rendered = Plain {
            name,
            template,
            values,
            written: &workload.written,
        };
        rendered.render()
    };
    match plain(&values, pod) {
        Ok(Some(document)) => {
            let json = document.root.to_json();
            values.insert("job_name".to_owned(), Json::String(values::job_name(name, &json)));
            values.insert("pod".to_owned(), json);
        }
        Ok(None) => problems.push(
            Problem::error(
                codes::MANIFEST_INVALID,
                format!("`{name}`: the template of its pods renders to nothing"),
            )
            .at(Span::new(pod, 0..0), "")
            .note("deployment.yaml, job.yaml and cron-job.yaml get what it renders to as `pod`"),
        ),
        Err(found) => problems.extend(found),
    }
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    let mut manifests = Vec::new();
    let mut made: BTreeMap<(String, String, String), (&str, &Arc<Source>)> = BTreeMap::new();
    for (file, template) in templates.manifests() {
        let document = match plain(&values, template) {
            Ok(Some(document)) => document,
            Ok(None) => continue,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        let Some(identity) = identity(name, &document, &mut problems) else {
            continue;
        };
        if let Some(first) = made.get(&identity) {
            problems.push(made_twice(name, &identity, *first, (file, template)));
            continue;
        }
        made.insert(identity, (file, template));
        manifests.push(Manifest {
            file: file.to_owned(),
            object: document.root.to_json(),
        });
    }
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    Ok(manifests)
}

/// What `workload`'s platform is given, in the order in which it is given: manifests of Kubernetes, requests of ECS or of
/// SageMaker. `outputs` are those of its stack, or none while that is not deployed; `package` is the ARN of the model's
/// version, if it is one of the registry.
///
/// # Errors
/// Everything that is wrong with the templates, and what the platform has no counterpart for.
pub fn objects(
    environment: &Environment,
    workload: &Workload,
    templates: &Templates,
    facts: &Facts,
    package: Option<&str>,
    outputs: Option<&BTreeMap<String, String>>,
) -> Result<Vec<Json>, Problems> {
    match workload.platform {
        Platform::Eks => Ok(manifests(environment, workload, templates, facts)?
            .into_iter()
            .map(|manifest| manifest.object)
            .collect()),
        Platform::Ecs => ecs::objects(environment, workload, facts, outputs),
        Platform::SageMaker => sagemaker::objects(environment, workload, facts, package, outputs),
    }
}

/// What is wrong with the workloads of an environment, as far as that is known before anything is deployed.
pub fn problems(environment: &Environment, templates: &Templates) -> Problems {
    let mut problems = Problems::default();
    for workload in environment.workloads.values() {
        if let Err(found) = objects(environment, workload, templates, &Facts::default(), None, None) {
            problems.extend(found);
        }
    }
    problems
}

/// Told at the project's own file, where one of the two is built in.
fn made_twice(
    name: &str,
    (_, kind, object): &(String, String, String),
    first: (&str, &Arc<Source>),
    second: (&str, &Arc<Source>),
) -> Problem {
    let is_built_in = |(_, template): (&str, &Arc<Source>)| template.path.starts_with(BUILT_IN);
    let (own, other) = if is_built_in(second) {
        (first, second)
    } else {
        (second, first)
    };
    let message = format!(
        "`{name}`: {kind} {object} is made twice, by {} and by {}",
        other.0, own.0
    );
    Problem::error(codes::MANIFEST_INVALID, message)
        .at(Span::new(own.1, 0..0), "")
        .note("a file of the same name takes the place of a built-in one; any other adds an object")
        .hint(format!("to change what {0} makes, call this file {0}", other.0))
}

/// All objects as one: what `kubectl apply -f -` takes.
pub fn list(manifests: &[Manifest]) -> Json {
    let items: Vec<&Json> = manifests.iter().map(|manifest| &manifest.object).collect();
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// Group and version, kind and name of an object: what no object of Kubernetes is without.
fn identity(name: &str, document: &PlainDocument, problems: &mut Problems) -> Option<(String, String, String)> {
    let root = &document.root;
    let mut refuse = |message: String, span: &Span| {
        let problem = Problem::error(codes::MANIFEST_INVALID, format!("`{name}`: {message}")).at(span.clone(), "");
        problems.push(document.relocate(problem));
    };
    if !matches!(root.value, NodeValue::Map(_)) {
        let found = crate::template::read::describe(&root.value);
        refuse(format!("a manifest is a mapping, this is {found}"), &root.span);
        return None;
    }
    let start = Span::new(&root.span.source, root.span.bytes.start..root.span.bytes.start);
    let mut text = |path: &[&str]| {
        let mut node = root;
        for key in path {
            match node.get(key) {
                Some(inner) => node = inner,
                None => {
                    refuse(format!("this manifest has no `{}`", path.join(".")), &start);
                    return None;
                }
            }
        }
        let found = node.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if found.is_none() {
            refuse(
                format!("`{}` of this manifest must be text", path.join(".")),
                &node.span,
            );
        }
        found
    };
    let (version, kind, object) = (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"]));
    let (version, kind, object) = (version?, kind?, object?);
    if kind == "Secret" {
        let span = root.get("kind").map_or(&start, |node| &node.span);
        let problem = Problem::error(
            codes::MANIFEST_INVALID,
            format!("`{name}`: a Secret would be written out by `render` and kept in records"),
        )
        .at(span.clone(), "")
        .hint("list it in `secrets` of the workload: the pods get it as a file, by reference");
        problems.push(document.relocate(problem));
        return None;
    }
    Some((version, kind, object))
}

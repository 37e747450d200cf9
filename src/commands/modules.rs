//! `mlinfra module list` and `mlinfra module show`.

use super::context::Context;
use super::{Done, Outcome};
use crate::cli::ModuleShowArgs;
use crate::diagnostic::{Problem, closest, codes};
use crate::module::{Catalogue, Contract, Field, Origin};
use crate::view::report::{InputReport, ModuleLine, ModuleList, ModuleReport, OutputReport};

/// Lists the modules of the project; outside a project, those that are built in.
pub fn list(context: &Context) -> Outcome {
    let modules = context
        .catalogue()?
        .modules()
        .map(|contract| ModuleLine {
            name: contract.name.clone(),
            summary: contract.summary.clone(),
            own: contract.origin == Origin::Project,
        })
        .collect();
    context.view().modules(&ModuleList { modules });
    Ok(Done::Fine)
}

/// Shows one module.
pub fn show(context: &Context, args: &ModuleShowArgs) -> Outcome {
    let catalogue = context.catalogue()?;
    let contract = catalogue
        .get(&args.name)
        .ok_or_else(|| unknown(&catalogue, &args.name))?;
    context.view().module(&report(contract));
    Ok(Done::Fine)
}

/// The problem of a module that does not exist.
pub fn unknown(catalogue: &Catalogue, name: &str) -> Problem {
    let names: Vec<&str> = catalogue.names().collect();
    let problem = Problem::error(codes::UNKNOWN_MODULE_NAME, format!("there is no module `{name}`"))
        .note(format!("modules: {}", names.join(", ")));
    match closest(name, names) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn report(contract: &Contract) -> ModuleReport {
    let inputs = |fields: &indexmap::IndexMap<String, Field>| {
        fields
            .iter()
            .map(|(name, field)| (name.clone(), input(field)))
            .collect()
    };
    ModuleReport {
        name: contract.name.clone(),
        summary: contract.summary.clone(),
        doc: contract.doc.clone(),
        inputs: inputs(&contract.inputs),
        types: contract
            .types
            .iter()
            .map(|(name, record)| (name.clone(), inputs(&record.fields)))
            .collect(),
        outputs: contract
            .outputs
            .iter()
            .map(|(name, output)| {
                let report = OutputReport {
                    kind: if output.list { "list<string>" } else { "string" }.to_owned(),
                    doc: output.doc.clone(),
                    when: output.when.clone(),
                };
                (name.clone(), report)
            })
            .collect(),
    }
}

fn input(field: &Field) -> InputReport {
    InputReport {
        kind: field.ty.to_string(),
        doc: field.doc.clone(),
        required: field.required(),
        default: field.default.as_ref().map(|value| value.span.text().to_owned()),
        allowed: allowed(field),
        from: field
            .from
            .iter()
            .map(|provider| format!("{}.{}", provider.module, provider.output))
            .collect(),
        secret: field.secret,
    }
}

fn allowed(field: &Field) -> Option<String> {
    if !field.values.is_empty() {
        let values: Vec<&str> = field.values.iter().map(|value| value.span.text()).collect();
        return Some(format!("one of {}", values.join(", ")));
    }
    let mut parts = Vec::new();
    match (field.min, field.max) {
        (Some(min), Some(max)) => parts.push(format!("{min} to {max}")),
        (Some(min), None) => parts.push(format!("{min} or more")),
        (None, Some(max)) => parts.push(format!("at most {max}")),
        (None, None) => {}
    }
    if let Some(pattern) = &field.pattern {
        parts.push(format!("matching {}", pattern.text));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

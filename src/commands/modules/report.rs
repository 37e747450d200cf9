//! What is told of a module: its contract, and what it renders to.

use crate::diagnostic::Problems;
use crate::module::{
    self, Anatomy, Catalogue, Contract, Field, Origin, Price, RenderedEnvironment, Sample, SampleOrigin, anatomy,
    sample,
};
use crate::view::diagram;
use crate::view::report::{
    Configuration, InputReport, KeptReport, ModuleKind, ModuleReport, OutputReport, PriceReport, ReferenceReport,
    ResourceReport, TakerReport, WireReport,
};

/// Everything that is told of a module.
pub fn of(contract: &Contract, catalogue: &Catalogue) -> ModuleReport {
    let inputs = |fields: &indexmap::IndexMap<String, Field>| {
        fields
            .iter()
            .map(|(name, field)| (name.clone(), input(field)))
            .collect()
    };
    let outputs = contract.outputs.iter().map(|(name, output)| {
        let report = OutputReport {
            kind: if output.list { "list<string>" } else { "string" }.to_owned(),
            doc: output.doc.clone(),
            when: output.when.clone(),
        };
        (name.clone(), report)
    });
    let sample = sample(contract, catalogue);
    let rendered = rendered(&sample, catalogue);
    let mut report = ModuleReport {
        name: contract.name.clone(),
        summary: contract.summary.clone(),
        doc: contract.doc.clone(),
        kind: kind(contract),
        inputs: inputs(&contract.inputs),
        types: contract
            .types
            .iter()
            .map(|(name, record)| (name.clone(), inputs(&record.fields)))
            .collect(),
        outputs: outputs.collect(),
        taken_by: takers(contract, catalogue),
        price: prices(contract),
        configuration: Configuration {
            case: match sample.origin {
                SampleOrigin::Case(name) => Some(name),
                SampleOrigin::Contract => None,
            },
            toml: sample.stacks,
            problems: rendered.problems,
        },
        resources: rendered.resources,
        references: rendered.references,
        wires: rendered.wires,
        kept: rendered.kept,
        capabilities: rendered.capabilities,
        diagram: String::new(),
    };
    report.diagram = diagram::flowchart(&report);
    report
}

/// Where a module comes from.
pub fn kind(contract: &Contract) -> ModuleKind {
    match contract.origin {
        Origin::BuiltIn => ModuleKind::BuiltIn,
        Origin::Project if Catalogue::built_in().get(&contract.name).is_some() => ModuleKind::Overrides,
        Origin::Fetched => ModuleKind::Fetched,
        Origin::Project => ModuleKind::Own,
    }
}

/// What a sample of a module renders to.
#[derive(Default)]
struct Rendered {
    resources: Vec<ResourceReport>,
    references: Vec<ReferenceReport>,
    wires: Vec<WireReport>,
    kept: Vec<KeptReport>,
    capabilities: Vec<String>,
    /// Why there is none of it.
    problems: Vec<String>,
}

fn rendered(sample: &Sample, catalogue: &Catalogue) -> Rendered {
    let environment = match render(sample, catalogue, false) {
        Ok(environment) => environment,
        Err(problems) => {
            return Rendered {
                problems: problems.0.into_iter().map(|problem| problem.message).collect(),
                ..Rendered::default()
            };
        }
    };
    let Some(stack) = environment.stacks.get(&sample.stack) else {
        return Rendered::default();
    };
    let Anatomy { resources, uses, takes } = anatomy(stack);
    let module_of = |name: String| match environment.stacks.get(&name) {
        Some(stack) => stack.module.clone(),
        None => name,
    };
    Rendered {
        resources: resources
            .into_iter()
            .map(|resource| ResourceReport {
                id: resource.id,
                ty: resource.ty,
            })
            .collect(),
        references: uses
            .into_iter()
            .map(|(from, to)| ReferenceReport { from, to })
            .collect(),
        wires: takes
            .into_iter()
            .map(|(resource, output)| WireReport {
                resource,
                module: module_of(output.stack),
                output: output.output,
            })
            .collect(),
        kept: kept(sample, catalogue),
        capabilities: stack.capabilities.clone(),
        problems: Vec::new(),
    }
}

/// The resources that outlive the stack in a protected environment, or leave a snapshot.
fn kept(sample: &Sample, catalogue: &Catalogue) -> Vec<KeptReport> {
    let Ok(environment) = render(sample, catalogue, true) else {
        return Vec::new();
    };
    let resources = environment
        .stacks
        .get(&sample.stack)
        .map(|stack| anatomy(stack).resources)
        .unwrap_or_default();
    resources
        .into_iter()
        .filter_map(|resource| {
            Some(KeptReport {
                policy: resource.deletion.filter(|policy| policy != "Delete")?,
                id: resource.id,
                ty: resource.ty,
            })
        })
        .collect()
}

/// Why nothing is known of what a module makes. Errors: all reasons.
pub fn renders(contract: &Contract, catalogue: &Catalogue) -> Result<(), Problems> {
    render(&sample(contract, catalogue), catalogue, false).map(|_| ())
}

fn render(sample: &Sample, catalogue: &Catalogue, protect: bool) -> Result<RenderedEnvironment, Problems> {
    let environment = sample.environment(protect)?;
    module::render(&environment, catalogue).map(|(rendered, _)| rendered)
}

/// Who takes what a module gives.
fn takers(contract: &Contract, catalogue: &Catalogue) -> Vec<TakerReport> {
    let mut takers = Vec::new();
    for output in contract.outputs.keys() {
        for other in catalogue.modules() {
            let takes = |input: &&Field| {
                let mut from = input.from.iter();
                from.any(|from| from.module == contract.name && from.output == *output)
            };
            takers.extend(other.inputs.values().filter(takes).map(|input| TakerReport {
                output: output.clone(),
                module: other.name.clone(),
                input: input.name.clone(),
            }));
        }
    }
    takers
}

fn prices(contract: &Contract) -> Vec<PriceReport> {
    let report = |price: &Price| PriceReport {
        item: price.item.clone(),
        unit: price.unit.clone(),
        inputs: price.inputs.clone(),
        doc: price.doc.clone(),
    };
    contract.price.iter().map(report).collect()
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
        from_optional: field.from_optional || field.gathers(),
        gathers: field.gathers(),
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
        // It has to match as a whole, whether it says so or not.
        let text = pattern.text.strip_prefix('^').unwrap_or(&pattern.text);
        parts.push(format!("matching {}", text.strip_suffix('$').unwrap_or(text)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

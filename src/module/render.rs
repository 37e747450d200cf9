//! Rendering: typed inputs through templates to documents that were read, checked and named by their digest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::value::Value;
use sha2::{Digest, Sha256};

use super::catalogue::{Catalogue, top};
use super::contract::Contract;
use super::lines::{self, Marked};
use super::origin::relocate_with;
use super::parts;
use super::wiring::{self, WiredStack};
use super::{Origins, RenderedEnvironment, RenderedStack, bounds, jinja};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::spec::Environment;
use crate::template::{self, Node};

mod boundary;
mod empty;
mod failures;
mod interface;
mod lengths;
pub(super) mod plain;
mod undefined;

use lengths::Lengths;

/// Types, wires and renders every stack of an environment, and checks what comes out.
///
/// Gives the rendered environment with the warnings. Errors: everything that is wrong; each problem of a template
/// points at the template's line and at the lines of the environment file that led there.
pub fn render(environment: &Environment, catalogue: &Catalogue) -> Result<(RenderedEnvironment, Problems), Problems> {
    let (rendered, problems) = attempt(environment, catalogue)?;
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    Ok((rendered, problems.sorted()))
}

/// Renders what can be rendered, and gives all that is wrong beside it: a stack whose template was read is among the
/// stacks even if the template has errors, so that other checks can say what else is wrong with it.
///
/// Errors: what is wrong if the stacks cannot even be wired.
pub fn attempt(environment: &Environment, catalogue: &Catalogue) -> Result<(RenderedEnvironment, Problems), Problems> {
    let wired = wiring::wire(environment, catalogue)?;
    let mut problems = boundary::problems(environment);
    let (mut language, marked) = compile(&wired, &mut problems);
    let mut stacks = IndexMap::new();
    let mut lengths = Lengths::default();
    for stack in &wired {
        let name = &stack.spec.name.value;
        let module = &stack.contract.name;
        let Some(marked) = marked.get(module.as_str()) else {
            continue;
        };
        let steps = bounds::steps(&stack.contract.template.text, &marked.tags, jinja::MOST_STEPS);
        language.set_fuel(Some(steps));
        language.add_function("file", jinja::files::function(Arc::clone(&stack.contract.files)));
        let known = Known {
            environment,
            stacks: &wired,
            language: &language,
            lengths: &lengths,
        };
        if let Some(rendered) = one(stack, &known, marked, &mut problems) {
            lengths.note(&rendered);
            stacks.insert(name.clone(), rendered);
        }
    }
    let rendered = RenderedEnvironment {
        environment: environment.clone(),
        stacks,
    };
    Ok((rendered, problems))
}

/// The language with every template in use, compiled once; and their marked texts.
fn compile<'a>(
    stacks: &[WiredStack<'a>],
    problems: &mut Problems,
) -> (minijinja::Environment<'static>, BTreeMap<&'a str, Marked>) {
    let mut language = jinja::language();
    let mut texts = BTreeMap::new();
    let contracts: BTreeMap<&str, &'a Contract> = stacks
        .iter()
        .map(|stack| (stack.contract.name.as_str(), stack.contract))
        .collect();
    for (name, contract) in contracts {
        if let Some(marked) = prepare(&mut language, name, &contract.template, problems) {
            texts.insert(name, marked);
        }
    }
    (language, texts)
}

/// Adds a template to the language; gives its marked text if nothing is wrong with it as it is written.
fn prepare(
    language: &mut minijinja::Environment<'static>,
    name: &str,
    template: &Arc<Source>,
    problems: &mut Problems,
) -> Option<Marked> {
    if !lines::is_markable(&template.text) {
        let message = "a template may not contain the private-use characters U+E000 to U+E003";
        problems.push(Problem::error(codes::TEMPLATE_SYNTAX, message).at(top(template), ""));
        return None;
    }
    let marked = lines::mark(&template.text);
    let misplaced = lines::misplaced(&template.text, &marked.tags);
    for bytes in &misplaced {
        let (message, hint) = if lines::is_whole_string(&template.text, bytes) {
            (
                "this expression stands inside of quotes",
                "leave out the quotes round it: {{ name }}",
            )
        } else {
            (
                "this expression stands in the middle of a string",
                "build the whole string in the expression: {{ \"prefix-\" ~ name }}",
            )
        };
        problems.push(
            Problem::error(codes::EXPRESSION_IN_TEXT, message)
                .at(Span::new(template, bytes.clone()), "")
                .note("every expression becomes a whole JSON value, quotes included")
                .hint(hint),
        );
    }
    if let Some(excess) = bounds::excess(&template.text, &marked.tags) {
        problems.push(
            Problem::error(codes::RENDER_TOO_MUCH, excess.message)
                .at(Span::new(template, excess.bytes), "")
                .hint(excess.hint),
        );
        return None;
    }
    match language.add_template_owned(name.to_owned(), marked.text.clone()) {
        Ok(()) => misplaced.is_empty().then_some(marked),
        Err(error) => {
            problems.push(failures::unreadable(&error, template, &marked));
            None
        }
    }
}

/// What a stack is rendered from beside its own values.
struct Known<'a> {
    environment: &'a Environment,
    stacks: &'a [WiredStack<'a>],
    language: &'a minijinja::Environment<'static>,
    lengths: &'a Lengths,
}

fn one(stack: &WiredStack<'_>, known: &Known<'_>, marked: &Marked, problems: &mut Problems) -> Option<RenderedStack> {
    let environment = known.environment;
    let (name, contract) = (&stack.spec.name.value, stack.contract);
    let mut origins = origins(stack, marked);
    let mut unknown = undefined::check(name, contract, marked);
    unknown.extend(failures::comparisons(stack, marked, &origins, known.lengths));
    if !unknown.0.is_empty() {
        problems.extend(unknown);
        return None;
    }
    let context = context(environment, stack, known.lengths);
    let rendered = known
        .language
        .get_template(&contract.name)
        .and_then(|template| jinja::render(&template, context));
    let (text, lines) = match rendered {
        Ok(text) => lines::strip(&text),
        Err(error) => {
            if let Some(problem) = failures::render_problem(&error, stack, marked, &origins, known.lengths) {
                problems.push(problem);
            }
            return None;
        }
    };
    origins.lines = lines;
    let source = Arc::new(Source {
        path: format!("(rendered) {name}.yaml"),
        text,
    });
    let located = |found: Problems| -> Problems {
        found
            .into_iter()
            .map(|problem| empty::explained(relocate_with(&origins, &source, problem), stack, marked))
            .collect()
    };
    let mut document = match template::read(&source) {
        Ok(document) => document,
        Err(found) => {
            problems.extend(located(found));
            return None;
        }
    };
    let mut found = Problems::default();
    let parameters = interface::parameters(&mut document, stack, known.stacks, &mut found);
    let outputs = interface::outputs(&document, stack, &mut found);
    let mut depends_on: BTreeSet<String> = parameters.values().map(|output| output.stack.clone()).collect();
    if let Some(policy) = &environment.permissions_boundary
        && boundary::carry(&mut document, &policy.value)
        && let Some(maker) = boundary::maker(environment, &policy.value).filter(|maker| maker != name)
    {
        depends_on.insert(maker.to_owned());
    }
    found.extend(template::check(&document));
    problems.extend(located(found));
    for (id, key, _) in document.root.get("Resources").map(Node::entries).unwrap_or_default() {
        let line = super::origin::rendered_line(key);
        if let Some(line) = origins.lines.get(line) {
            origins.resources.insert(id.clone(), *line);
        }
    }
    let template = template::canonical(&document.root);
    let digest = Sha256::digest(template.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let capabilities = template::capabilities(&document);
    Some(RenderedStack {
        name: name.clone(),
        stack_name: environment.stack_name(name),
        module: contract.name.clone(),
        template,
        digest,
        document,
        depends_on,
        parameters,
        tags: tags(environment, name, &contract.name),
        outputs,
        capabilities,
        origins,
    })
}

/// Which template line names which input, and where the file gives it.
fn origins(stack: &WiredStack<'_>, marked: &Marked) -> Origins {
    let template = &stack.contract.template;
    let is_input = |word: &str| stack.contract.inputs.contains_key(word);
    Origins {
        template: Some(Arc::clone(template)),
        lines: Vec::new(),
        inputs: named_on_lines(template, marked, &is_input),
        values: stack.given.clone(),
        parts: stack
            .spec
            .inputs
            .iter()
            .map(|(name, entry)| (name.clone(), parts::of(name, entry)))
            .filter(|(_, parts)| !parts.is_empty())
            .collect(),
        resources: BTreeMap::new(),
    }
}

/// For each line of a template, which inputs it names.
fn named_on_lines(
    template: &Arc<Source>,
    marked: &Marked,
    is_input: &dyn Fn(&str) -> bool,
) -> BTreeMap<usize, Vec<String>> {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(template.text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let line_of = |at: usize| starts.partition_point(|start| *start <= at).saturating_sub(1);
    let mut inputs: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for found in lines::uses(&template.text, &marked.tags, is_input) {
        let named = inputs.entry(line_of(found.bytes.start)).or_default();
        if !named.contains(&found.input) {
            named.push(found.input);
        }
    }
    inputs
}

fn context(environment: &Environment, stack: &WiredStack<'_>, lengths: &Lengths) -> Value {
    let name = &stack.spec.name.value;
    let own = [
        ("project", Value::from(environment.project.value.as_str())),
        ("environment", Value::from(environment.name.as_str())),
        ("stack", Value::from(name.as_str())),
        ("stack_name", Value::from(environment.stack_name(name))),
        ("module", Value::from(stack.contract.name.as_str())),
        ("account", Value::from(environment.account.value.as_str())),
        ("region", Value::from(environment.region.value.as_str())),
        ("partition", Value::from(environment.partition())),
        ("protect", Value::from(environment.protect)),
    ];
    let inputs = stack
        .values
        .iter()
        .map(|(name, value)| (name.as_str(), jinja::value(value, &|wire| lengths.of(wire))));
    Value::from_pairs(
        own.into_iter()
            .chain(inputs)
            .map(|(name, value)| (Value::from(name), value)),
    )
}

fn tags(environment: &Environment, stack: &str, module: &str) -> BTreeMap<String, String> {
    let own = [
        ("mlinfra:project", environment.project.value.as_str()),
        ("mlinfra:environment", environment.name.as_str()),
        ("mlinfra:stack", stack),
        ("mlinfra:module", module),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    environment.tags.clone().into_iter().chain(own).collect()
}

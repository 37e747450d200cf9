//! Rendering: typed inputs through templates to documents that were read, checked and named by their digest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::value::Value;
use sha2::{Digest, Sha256};

use super::catalogue::{Catalogue, top};
use super::contract::Contract;
use super::lines::{self, Marked};
use super::origin::{input_labels, line_span, relocate_with};
use super::typing::{Resolved, Takes, Wire};
use super::wiring::{self, WiredStack};
use super::{Origins, OutputRef, RenderedEnvironment, RenderedStack, bounds, jinja};
use crate::diagnostic::{Problem, Problems, Source, Span, closest, codes};
use crate::spec::Environment;
use crate::template::{self, Document, Node, NodeValue};

/// Types, wires and renders every stack of an environment, and checks what comes out.
///
/// Gives the rendered environment with the warnings. Errors: everything that is wrong; each problem of a template
/// points at the template's line and at the lines of the environment file that led there.
pub fn render(environment: &Environment, catalogue: &Catalogue) -> Result<(RenderedEnvironment, Problems), Problems> {
    let wired = wiring::wire(environment, catalogue)?;
    let mut problems = Problems::default();
    let (mut language, marked) = compile(&wired, &mut problems);
    let mut stacks = IndexMap::new();
    for stack in &wired {
        let name = &stack.spec.name.value;
        let module = &stack.contract.name;
        let Some(marked) = marked.get(module.as_str()) else {
            continue;
        };
        let steps = bounds::steps(&stack.contract.template.text, &marked.tags, jinja::MOST_STEPS);
        language.set_fuel(Some(steps));
        if let Some(rendered) = one(environment, stack, &wired, &language, marked, &mut problems) {
            stacks.insert(name.clone(), rendered);
        }
    }
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    let rendered = RenderedEnvironment {
        environment: environment.clone(),
        stacks,
    };
    Ok((rendered, problems.sorted()))
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
        let template = &contract.template;
        if !lines::is_markable(&template.text) {
            let message = "a template may not contain the private-use characters U+E000 to U+E003";
            problems.push(Problem::error(codes::TEMPLATE_SYNTAX, message).at(top(template), ""));
            continue;
        }
        let marked = lines::mark(&template.text);
        let misplaced = lines::misplaced(&template.text, &marked.tags);
        for bytes in &misplaced {
            problems.push(
                Problem::error(
                    codes::EXPRESSION_IN_TEXT,
                    "this expression stands in the middle of a string",
                )
                .at(Span::new(template, bytes.clone()), "")
                .note("every expression becomes a whole JSON value, quotes included")
                .hint("build the whole string in the expression: {{ \"prefix-\" ~ name }}"),
            );
        }
        if let Some(excess) = bounds::excess(&template.text, &marked.tags) {
            problems.push(
                Problem::error(codes::RENDER_TOO_MUCH, excess.message)
                    .at(Span::new(template, excess.bytes), "")
                    .hint(excess.hint),
            );
            continue;
        }
        match language.add_template_owned(name.to_owned(), marked.text.clone()) {
            Ok(()) if misplaced.is_empty() => {
                texts.insert(name, marked);
            }
            Ok(()) => {}
            Err(error) => problems.push(
                Problem::error(
                    codes::TEMPLATE_SYNTAX,
                    format!("the template cannot be read: {}", detail(&error)),
                )
                .at(place(&error, template, &marked), ""),
            ),
        }
    }
    (language, texts)
}

fn one(
    environment: &Environment,
    stack: &WiredStack<'_>,
    all: &[WiredStack<'_>],
    language: &minijinja::Environment<'_>,
    marked: &Marked,
    problems: &mut Problems,
) -> Option<RenderedStack> {
    let (name, contract) = (&stack.spec.name.value, stack.contract);
    let mut origins = origins(stack, marked);
    let compared = comparisons(stack, marked, &origins);
    if !compared.0.is_empty() {
        problems.extend(compared);
        return None;
    }
    let context = context(environment, stack);
    let rendered = language
        .get_template(&contract.name)
        .and_then(|template| jinja::render(&template, context));
    let (text, lines) = match rendered {
        Ok(text) => lines::strip(&text),
        Err(error) => {
            problems.push(render_problem(&error, stack, marked, &origins));
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
            .map(|problem| relocate_with(&origins, &source, problem))
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
    let parameters = parameters(&mut document, stack, all, &mut found);
    let outputs = outputs(&document, stack, &mut found);
    found.extend(template::check(&document));
    let failed = found.has_errors();
    problems.extend(located(found));
    if failed {
        return None;
    }
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
        depends_on: parameters.values().map(|output| output.stack.clone()).collect(),
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
    let starts: Vec<usize> = std::iter::once(0)
        .chain(template.text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let line_of = |at: usize| starts.partition_point(|start| *start <= at).saturating_sub(1);
    let mut inputs: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let is_input = |word: &str| stack.contract.inputs.contains_key(word);
    for found in lines::uses(&template.text, &marked.tags, &is_input) {
        let named = inputs.entry(line_of(found.bytes.start)).or_default();
        if !named.contains(&found.input) {
            named.push(found.input);
        }
    }
    Origins {
        template: Some(Arc::clone(template)),
        lines: Vec::new(),
        inputs,
        values: stack.given.clone(),
        resources: BTreeMap::new(),
    }
}

/// Comparing with a value that is not known yet would silently be false, so it is found before rendering.
fn comparisons(stack: &WiredStack<'_>, marked: &Marked, origins: &Origins) -> Problems {
    let template = &stack.contract.template;
    let is_deferred = |word: &str| matches!(stack.values.get(word), Some(Resolved::Deferred(_)));
    lines::uses(&template.text, &marked.tags, &is_deferred)
        .into_iter()
        .filter(|found| found.compared)
        .map(|found| deferred_problem(stack, &found.input, Span::new(template, found.bytes), origins))
        .collect()
}

fn context(environment: &Environment, stack: &WiredStack<'_>) -> Value {
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
        .map(|(name, value)| (name.as_str(), jinja::value(value)));
    Value::from_pairs(
        own.into_iter()
            .chain(inputs)
            .map(|(name, value)| (Value::from(name), value)),
    )
}

fn render_problem(error: &minijinja::Error, stack: &WiredStack<'_>, marked: &Marked, origins: &Origins) -> Problem {
    let template = &stack.contract.template;
    let span = place(error, template, marked);
    // An error raised inside of a filter or function arrives as the source of another.
    let mut details = vec![detail(error)];
    let mut inner = std::error::Error::source(error);
    while let Some(cause) = inner {
        details.push(cause.to_string());
        inner = cause.source();
    }
    if let Some(text) = details.iter().find(|text| text.contains(jinja::DEFERRED)) {
        // Filters may have changed the name on its way here: `vpc_id|upper`.
        let named = jinja::deferred_input(text).unwrap_or_default();
        let line = span.line_column().0.saturating_sub(1);
        let here = origins.inputs.get(&line).into_iter().flatten();
        let is_deferred = |name: &&String| stack.values.get(*name).is_some_and(Resolved::is_deferred);
        let mut candidates = here.chain(stack.values.keys()).filter(is_deferred);
        let input = candidates
            .clone()
            .find(|name| name.eq_ignore_ascii_case(named))
            .or_else(|| candidates.next());
        return deferred_problem(stack, input.map_or(named, String::as_str), span, origins);
    }
    let name = &stack.spec.name.value;
    let refused = details
        .iter()
        .find_map(|text| text.split_once(jinja::REFUSED).map(|(_, message)| message));
    let problem = if details.iter().any(|text| jinja::is_too_much(text)) {
        let message = format!("`{name}`: the template does more than any stack needs");
        Problem::error(codes::RENDER_TOO_MUCH, message)
            .note("a rendering may take a million steps and write 16 MiB; macros nest some ten deep")
            .hint("look for a loop over a large range, a macro that calls itself, or a text that keeps doubling")
    } else if let Some(message) = refused {
        let message = message.split(" (in ").next().unwrap_or(message);
        Problem::error(codes::REFUSED_BY_TEMPLATE, format!("`{name}`: {message}"))
    } else if error.kind() == minijinja::ErrorKind::UndefinedError {
        let expression = span.text().trim().to_owned();
        let message = format!("`{name}`: the template uses `{expression}`, which is not defined");
        let problem = Problem::error(codes::RENDER_UNDEFINED, message);
        let known = stack
            .contract
            .inputs
            .keys()
            .map(String::as_str)
            .chain(super::read::CONTEXT);
        match closest(expression.split(['.', '[', ' ']).next().unwrap_or_default(), known) {
            Some(near) if !expression.starts_with(near) => problem.hint(format!("did you mean `{near}`?")),
            _ => problem,
        }
    } else {
        Problem::error(
            codes::RENDER_FAILED,
            format!("`{name}` cannot be rendered: {}", details.join(": ")),
        )
    };
    with_inputs(problem.at(span.clone(), ""), &span, origins)
}

fn deferred_problem(stack: &WiredStack<'_>, input: &str, span: Span, origins: &Origins) -> Problem {
    let wire = stack.values.get(input).into_iter().flat_map(Resolved::wires).next();
    let from = wire.map_or("another stack", |wire| wire.stack.as_str());
    let message = format!("the template needs the value of `{input}`, which is known only after `{from}` is deployed");
    let problem = Problem::error(codes::DEFERRED_VALUE, message)
        .at(span.clone(), "")
        .note("such a value can be written out whole and tested for being there, not compared, taken apart or looped over")
        .hint("in the template: sub(\"...${x}...\", x=value), select(0, list) and join(\",\", list) work with it")
        .hint(format!("or give `{input}` in the environment file a value that is known"));
    with_inputs(problem, &span, origins)
}

fn with_inputs(mut problem: Problem, span: &Span, origins: &Origins) -> Problem {
    let line = span.line_column().0.saturating_sub(1);
    let (labels, _) = input_labels(origins, &BTreeSet::from([line]));
    problem.labels.extend(labels);
    problem
}

fn detail(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Where a template failed, in the author's text.
fn place(error: &minijinja::Error, template: &Arc<Source>, marked: &Marked) -> Span {
    let line = error.line().map_or(0, |line| line.saturating_sub(1));
    let whole = line_span(template, line);
    match error.range() {
        Some(range) if !range.is_empty() => {
            let span = Span::new(template, marked.original(range.start)..marked.original(range.end));
            // Some errors carry the range of a whole block: the line says more then.
            if span.text().contains('\n') { whole } else { span }
        }
        _ => whole,
    }
}

/// Declares the parameters that carry deferred values, as far as the document uses them.
fn parameters(
    document: &mut Document,
    stack: &WiredStack<'_>,
    all: &[WiredStack<'_>],
    problems: &mut Problems,
) -> BTreeMap<String, OutputRef> {
    let mut used = BTreeSet::new();
    collect_references(&document.root, &mut used);
    let wires: BTreeMap<&str, &Wire> = stack
        .wires()
        .filter(|wire| used.contains(&wire.parameter))
        .map(|wire| (wire.parameter.as_str(), wire))
        .collect();
    let own: BTreeSet<String> = names(document, "Parameters");
    let resources = names(document, "Resources");
    for (id, key, body) in document.root.get("Parameters").map(Node::entries).unwrap_or_default() {
        if !wires.contains_key(id.as_str()) && body.get("Default").is_none() {
            problems.push(
                Problem::error(
                    codes::PARAMETER_WITHOUT_VALUE,
                    format!("nothing fills the parameter `{id}`"),
                )
                .at(key.clone(), "")
                .note("parameters carry the outputs of other stacks, and mlinfra declares them by itself")
                .hint("give it a Default, or make it an input of the module"),
            );
        }
    }
    let mut declared = Vec::new();
    let mut parameters = BTreeMap::new();
    for (name, wire) in wires {
        if own.contains(name) || resources.contains(name) {
            let kind = if own.contains(name) { "parameter" } else { "resource" };
            let section = if own.contains(name) { "Parameters" } else { "Resources" };
            let key = document.root.get(section).and_then(|section| key_span(section, name));
            let message = format!("the {kind} `{name}` has the name that the input `{}` needs", wire.input);
            let problem = Problem::error(codes::PARAMETER_CONFLICT, message).hint(format!("rename the {kind}"));
            problems.push(match key {
                Some(span) => problem.at(span, ""),
                None => problem,
            });
            continue;
        }
        let span = Span::new(&document.source, 0..0);
        declared.push((name.to_owned(), span.clone(), declaration(wire, &span)));
        let key = all
            .iter()
            .find(|other| other.spec.name.value == wire.stack)
            .and_then(|other| other.contract.outputs.get(&wire.output))
            .map_or_else(|| super::contract::pascal(&wire.output), |output| output.key.clone());
        parameters.insert(
            name.to_owned(),
            OutputRef {
                stack: wire.stack.clone(),
                output: wire.output.clone(),
                key,
            },
        );
    }
    declare(document, declared);
    parameters
}

fn declaration(wire: &Wire, span: &Span) -> Node {
    let node = |value: NodeValue| Node {
        value,
        span: span.clone(),
    };
    let ty = match wire.takes {
        Takes::List => "CommaDelimitedList",
        Takes::Number => "Number",
        Takes::Text | Takes::Nothing => "String",
    };
    let text = |text: String| node(NodeValue::String(text));
    let description = format!("{} of {}", wire.output, wire.stack);
    node(NodeValue::Map(vec![
        ("Type".to_owned(), span.clone(), text(ty.to_owned())),
        ("Description".to_owned(), span.clone(), text(description)),
    ]))
}

fn declare(document: &mut Document, declared: Vec<(String, Span, Node)>) {
    if declared.is_empty() {
        return;
    }
    let span = Span::new(&document.source, 0..0);
    let NodeValue::Map(sections) = &mut document.root.value else {
        return;
    };
    match sections.iter_mut().find(|(name, _, _)| name == "Parameters") {
        Some((_, _, section)) => match &mut section.value {
            NodeValue::Map(entries) => entries.extend(declared),
            // An empty section reads as null.
            other => *other = NodeValue::Map(declared),
        },
        None => {
            let section = Node {
                value: NodeValue::Map(declared),
                span: span.clone(),
            };
            sections.push(("Parameters".to_owned(), span, section));
        }
    }
}

fn names(document: &Document, section: &str) -> BTreeSet<String> {
    let entries = document.root.get(section).map(Node::entries).unwrap_or_default();
    entries.iter().map(|(name, _, _)| name.clone()).collect()
}

fn key_span(section: &Node, name: &str) -> Option<Span> {
    section
        .entries()
        .iter()
        .find(|(key, _, _)| key == name)
        .map(|(_, span, _)| span.clone())
}

/// Every name in `Ref` and in the `${…}` of `Fn::Sub`.
fn collect_references(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        NodeValue::List(items) => items.iter().for_each(|item| collect_references(item, names)),
        NodeValue::Map(entries) => {
            for (key, _, value) in entries {
                match (
                    key.as_str(),
                    value.as_str(),
                    value.items().first().and_then(Node::as_str),
                ) {
                    ("Ref", Some(name), _) => {
                        names.insert(name.to_owned());
                    }
                    ("Fn::Sub", Some(text), _) | ("Fn::Sub", None, Some(text)) => {
                        names.extend(
                            text.split("${")
                                .skip(1)
                                .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())),
                        );
                    }
                    _ => {}
                }
                collect_references(value, names);
            }
        }
        _ => {}
    }
}

/// The outputs that the contract promises must stand in the document.
fn outputs(document: &Document, stack: &WiredStack<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let made = names(document, "Outputs");
    let mut outputs = BTreeMap::new();
    for output in stack.contract.outputs.values() {
        if !stack.makes(output.when.as_deref()) {
            continue;
        }
        if !made.contains(&output.key) {
            let section = document.root.entries().iter().find(|(name, _, _)| name == "Outputs");
            let at = section.map_or_else(|| Span::new(&document.source, 0..0), |(_, key, _)| key.clone());
            let message = format!(
                "`{}`: the template makes no output `{}`, which its contract promises as `{}`",
                stack.spec.name.value, output.key, output.name
            );
            problems.push(
                Problem::error(codes::OUTPUT_MISSING, message)
                    .at(at, "not among these")
                    .at(output.span.clone(), "promised here"),
            );
        }
        outputs.insert(output.name.clone(), output.key.clone());
    }
    outputs
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

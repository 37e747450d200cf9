//! Reading a contract; every mistake in it has a position.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::contract::{Contract, Field, Origin, Output, Pattern, Provider, Record, pascal, whole};
use super::types::{Type, is_identifier};
use super::typing::Takes;
use super::{keys, typing};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::spec::keys::names;
use crate::spec::syntax::{self, Table};
use crate::spec::{Data, Entry, Spanned, Value, field, is_name};

mod price;

/// Names that templates see beside the inputs.
pub(super) const CONTEXT: [&str; 9] = [
    "project",
    "environment",
    "stack",
    "stack_name",
    "account",
    "region",
    "partition",
    "protect",
    "module",
];

/// What `[module] template` says, or its default: relative to the project's root.
pub(super) struct Read {
    /// The contract; its `template` is still empty.
    pub(super) contract: Contract,
    /// Where the template is.
    pub(super) template_path: String,
    /// Where to point when there is none.
    pub(super) template_span: Span,
}

/// Reads the contract `name` from `source`.
pub(super) fn contract(name: &str, source: &Arc<Source>, origin: Origin) -> Result<Read, Problems> {
    let root = syntax::parse(source)?;
    let mut problems = Problems::default();
    let start = Span::new(source, 0..0);
    let unknown = codes::CONTRACT_UNKNOWN_KEY;
    field::unknown_keys(&root, &names(keys::CONTRACT), "a contract", unknown, &mut problems);
    let empty = Table::new();
    let header = field::table(&root, "module", &mut problems).unwrap_or(&empty);
    let header_span = root.get("module").map_or(start.clone(), |entry| entry.key.clone());
    field::unknown_keys(header, &names(keys::MODULE), "[module]", unknown, &mut problems);
    let mut required = |key: &str| {
        let found = field::string(header, key, &mut problems);
        if found.is_none() && field::lacks(header, key, &names(keys::MODULE)) {
            problems.push(invalid(&header_span, format!("[module] has no `{key}`")));
        }
        found
    };
    let (written_name, summary) = (required("name"), required("summary"));
    if !is_name(name) {
        problems.push(
            invalid(&start, format!("`{name}` cannot be the name of a module"))
                .note("names are lower-case letters, digits and hyphens, and begin with a letter"),
        );
    }
    if let Some(written) = written_name.filter(|written| written.value != name) {
        problems.push(
            invalid(
                &written.span,
                format!(
                    "this file is modules/{name}.toml, its module is called `{}`",
                    written.value
                ),
            )
            .hint("give both the same name"),
        );
    }
    let doc = field::string(header, "doc", &mut problems)
        .map(|doc| doc.value)
        .unwrap_or_default();
    let template = field::string(header, "template", &mut problems);
    let template_span = template.as_ref().map_or(header_span, |template| template.span.clone());
    let template_path = match template {
        Some(template) => format!("templates/{}", template.value),
        None => format!("templates/cloudformation/{name}.yaml"),
    };
    let types = records(&root, &mut problems);
    let inputs = fields(&root, "inputs", &names(keys::INPUT), &types, &mut problems);
    for (name, input) in &inputs {
        if CONTEXT.contains(&name.as_str()) {
            problems.push(
                invalid(&input.span, format!("an input cannot be called `{name}`")).note(format!(
                    "templates see mlinfra's own values under these names: {}",
                    CONTEXT.join(", ")
                )),
            );
        }
    }
    let outputs = outputs(&root, &inputs, &mut problems);
    let price = price::price(name, origin, &root, &inputs, &mut problems);
    let contract = Contract {
        name: name.to_owned(),
        summary: summary.map(|summary| summary.value).unwrap_or_default(),
        doc: doc.trim().to_owned(),
        origin,
        inputs,
        types,
        outputs,
        price,
        source: Arc::clone(source),
        template: Arc::clone(source),
        files: Arc::default(),
    };
    if !problems.has_errors() {
        check_defaults(&contract, &mut problems);
    }
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    Ok(Read {
        contract,
        template_path,
        template_span,
    })
}

fn invalid(span: &Span, message: impl Into<String>) -> Problem {
    Problem::error(codes::CONTRACT_INVALID, message).at(span.clone(), "")
}

fn records(root: &Table, problems: &mut Problems) -> IndexMap<String, Record> {
    let Some(section) = field::table(root, "types", problems) else {
        return IndexMap::new();
    };
    let mut records = IndexMap::new();
    // Two passes: a record may use one that is written further down.
    let declared: IndexMap<String, Record> = section
        .keys()
        .map(|name| {
            let fields = IndexMap::new();
            (name.clone(), Record { fields })
        })
        .collect();
    for (name, entry) in section {
        if !is_identifier(name) || Type::parse(name).is_ok_and(|ty| ty.record().is_none()) {
            problems.push(invalid(&entry.key, format!("a record type cannot be called `{name}`")));
        }
        if let Some(body) = field::table(section, name, problems) {
            let place = format!("[types.{name}]");
            field::unknown_keys(
                body,
                &names(keys::RECORD),
                &place,
                codes::CONTRACT_UNKNOWN_KEY,
                problems,
            );
            let fields = fields(body, "fields", &names(keys::FIELD), &declared, problems);
            if fields.is_empty() {
                problems.push(invalid(&entry.key, format!("the record type `{name}` has no fields")));
            }
            records.insert(name.clone(), Record { fields });
        }
    }
    for (name, record) in &records {
        if reaches(name, record, &records) {
            let span = section.get(name).map(|entry| entry.key.clone());
            problems.push(match span {
                Some(span) => invalid(&span, format!("the record type `{name}` contains itself")),
                None => Problem::error(
                    codes::CONTRACT_INVALID,
                    format!("the record type `{name}` contains itself"),
                ),
            });
        }
    }
    records
}

/// Whether a record holds one of the type `target`, at any depth.
fn reaches(target: &str, record: &Record, records: &IndexMap<String, Record>) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![record];
    while let Some(record) = open.pop() {
        for name in record.fields.values().filter_map(|field| field.ty.record()) {
            if name == target {
                return true;
            }
            if seen.insert(name) {
                open.extend(records.get(name));
            }
        }
    }
    false
}

/// How many inputs a module, or fields a record, may have.
const MOST_FIELDS: usize = 300;

fn fields(
    table: &Table,
    key: &str,
    known: &[&str],
    records: &IndexMap<String, Record>,
    problems: &mut Problems,
) -> IndexMap<String, Field> {
    let Some(section) = field::table(table, key, problems) else {
        return IndexMap::new();
    };
    if let Some((_, entry)) = section.get_index(MOST_FIELDS) {
        problems.push(
            invalid(&entry.key, format!("`{key}` has more than {MOST_FIELDS} entries"))
                .hint("split the module, or group inputs into a record type"),
        );
        return IndexMap::new();
    }
    let mut fields = IndexMap::new();
    for (name, entry) in section {
        if !is_identifier(name) {
            problems.push(
                invalid(&entry.key, format!("`{name}` cannot be the name of an input"))
                    .note("names are lower-case letters, digits and underscores, and begin with a letter"),
            );
        }
        let Some(body) = field::table(section, name, problems) else {
            continue;
        };
        field::unknown_keys(body, known, &format!("`{name}`"), codes::CONTRACT_UNKNOWN_KEY, problems);
        if let Some(field) = one_field(name, entry, body, records, problems) {
            fields.insert(name.clone(), field);
        }
    }
    fields
}

fn one_field(
    name: &str,
    entry: &Entry,
    body: &Table,
    records: &IndexMap<String, Record>,
    problems: &mut Problems,
) -> Option<Field> {
    let doc = field::string(body, "doc", problems);
    if field::lacks(body, "doc", &names(keys::INPUT)) {
        problems.push(invalid(&entry.key, format!("`{name}` has no `doc`")).hint("say in one sentence what it is for"));
    }
    if field::lacks(body, "type", &names(keys::INPUT)) {
        problems.push(invalid(&entry.key, format!("`{name}` has no `type`")));
    }
    let written = field::string(body, "type", problems)?;
    let ty = parse_type(&written, records, problems)?;
    let default = body.get("default").map(|default| default.value.clone());
    let optional = field::boolean(body, "optional", problems).unwrap_or(false);
    if let (true, Some(default)) = (optional, &default) {
        problems.push(invalid(
            &default.span,
            format!("`{name}` has a default, so `optional` says nothing"),
        ));
    }
    let values = match body.get("values").map(|values| &values.value) {
        None => Vec::new(),
        Some(Value {
            value: Data::Array(items),
            ..
        }) => items.clone(),
        Some(other) => {
            problems.push(invalid(&other.span, "`values` must be an array"));
            Vec::new()
        }
    };
    let pattern = field::string(body, "pattern", problems).and_then(|text| pattern(&text, problems));
    if let Some(entry) = body
        .get("pattern")
        .filter(|_| !matches!(ty.item(), Type::String | Type::Arn))
    {
        problems.push(invalid(
            &entry.key,
            format!("`pattern` is for strings, `{name}` is `{ty}`"),
        ));
    }
    if let Some(entry) = body.get("secret").filter(|_| ty != Type::String) {
        problems.push(invalid(
            &entry.key,
            format!("only a `string` can be secret, `{name}` is `{ty}`"),
        ));
    }
    let (min, max) = (
        field::number(body, "min", problems),
        field::number(body, "max", problems),
    );
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        problems.push(invalid(&entry.key, format!("`{name}` has a `min` above its `max`")));
    }
    let from = field::strings(body, "from", problems)
        .iter()
        .filter_map(|text| provider(text, problems))
        .collect::<Vec<_>>();
    check_gathering(name, &ty, &from, problems);
    let from_optional = field::boolean(body, "from_optional", problems).unwrap_or(false);
    if from_optional && from.is_empty() {
        problems.push(invalid(
            &entry.key,
            format!("`{name}` has `from_optional` without `from`"),
        ));
    }
    Some(Field {
        name: name.to_owned(),
        ty,
        doc: doc.map(|doc| doc.value.trim().to_owned()).unwrap_or_default(),
        default,
        optional,
        values,
        pattern,
        min,
        max,
        from,
        from_optional,
        secret: field::boolean(body, "secret", problems).unwrap_or(false),
        example: body.get("example").map(|example| example.value.clone()),
        span: whole_header(entry),
    })
}

/// What a map with `from` gathers must be something that outputs can be, and one entry for each stack.
fn check_gathering(name: &str, ty: &Type, from: &[Provider], problems: &mut Problems) {
    let Type::Map(item) = ty else { return };
    for (index, provider) in from.iter().enumerate() {
        if Takes::of(item) == Takes::Nothing {
            let message = format!("`{name}` is `{ty}`, and outputs of other stacks are strings or lists of them");
            problems.push(
                invalid(&provider.span, message).hint("a map that gathers is `map<string>` or `map<list<string>>`"),
            );
            return;
        }
        let earlier = from.iter().take(index).find(|other| other.module == provider.module);
        if let Some(earlier) = earlier {
            let message = format!("`{name}` gathers from the module `{}` twice", provider.module);
            problems.push(
                invalid(&provider.span, message)
                    .at(earlier.span.clone(), "first here")
                    .note("it has one entry for each stack, which is named after the stack")
                    .hint("gather the other output in an input of its own"),
            );
        }
    }
}

/// The key alone: a table's span runs over all of its lines, too much to underline.
fn whole_header(entry: &Entry) -> Span {
    match &entry.value.value {
        Data::Table(_) => entry.key.clone(),
        _ => whole(entry),
    }
}

fn parse_type(written: &Spanned<String>, records: &IndexMap<String, Record>, problems: &mut Problems) -> Option<Type> {
    let known = [
        "string",
        "integer",
        "number",
        "boolean",
        "cidr",
        "arn",
        "list<string>",
        "map<string>",
    ];
    match Type::parse(&written.value) {
        Ok(ty) => match ty.record() {
            Some(record) if !records.contains_key(record) => {
                let problem = invalid(&written.span, format!("there is no type `{record}`"));
                let names = known
                    .into_iter()
                    .chain(records.keys().map(String::as_str))
                    .collect::<Vec<_>>();
                problems.push(field::with_suggestion(
                    problem,
                    record,
                    names.iter().copied(),
                    "types are",
                ));
                None
            }
            _ => Some(ty),
        },
        Err(reason) => {
            problems.push(invalid(&written.span, reason).hint(format!("types are {}", known.join(", "))));
            None
        }
    }
}

/// Bounds the memory and the time that one pattern takes; counts such as `{1000}` multiply them.
const MAXIMUM_COMPILED_BYTES: usize = 1 << 18;

fn pattern(text: &Spanned<String>, problems: &mut Problems) -> Option<Pattern> {
    match regex::RegexBuilder::new(&format!("^(?:{})$", text.value))
        .size_limit(MAXIMUM_COMPILED_BYTES)
        .build()
    {
        Ok(regex) => Some(Pattern {
            text: text.value.clone(),
            regex,
        }),
        Err(error) => {
            let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
            problems.push(invalid(&text.span, "`pattern` is not a regular expression").note(reason));
            None
        }
    }
}

fn provider(text: &Spanned<String>, problems: &mut Problems) -> Option<Provider> {
    match text.value.split_once('.') {
        Some((module, output)) if is_name(module) && is_identifier(output) => Some(Provider {
            module: module.to_owned(),
            output: output.to_owned(),
            span: text.span.clone(),
        }),
        _ => {
            problems.push(
                invalid(&text.span, format!("`{}` is not MODULE.OUTPUT", text.value))
                    .hint("for example: from = \"vpc.private_subnet_ids\""),
            );
            None
        }
    }
}

fn outputs(root: &Table, inputs: &IndexMap<String, Field>, problems: &mut Problems) -> IndexMap<String, Output> {
    let Some(section) = field::table(root, "outputs", problems) else {
        return IndexMap::new();
    };
    let mut outputs = IndexMap::new();
    for (name, entry) in section {
        if !is_identifier(name) {
            problems.push(invalid(&entry.key, format!("`{name}` cannot be the name of an output")));
        }
        let Some(body) = field::table(section, name, problems) else {
            continue;
        };
        let place = format!("the output `{name}`");
        field::unknown_keys(
            body,
            &names(keys::OUTPUT),
            &place,
            codes::CONTRACT_UNKNOWN_KEY,
            problems,
        );
        for key in ["type", "doc"] {
            if field::lacks(body, key, &names(keys::OUTPUT)) {
                problems.push(invalid(&entry.key, format!("the output `{name}` has no `{key}`")));
            }
        }
        let list = match field::string(body, "type", problems) {
            Some(ty) if ty.value == "list<string>" => true,
            Some(ty) if ty.value != "string" => {
                problems.push(
                    invalid(&ty.span, format!("an output cannot be `{}`", ty.value))
                        .hint("outputs are `string` or `list<string>`: CloudFormation gives nothing else"),
                );
                false
            }
            _ => false,
        };
        let when = field::string(body, "when", problems);
        if let Some(when) = &when
            && !inputs.contains_key(&when.value)
        {
            let problem = invalid(&when.span, format!("there is no input `{}`", when.value));
            let names = inputs.keys().map(String::as_str);
            problems.push(field::with_suggestion(problem, &when.value, names, "inputs are"));
        }
        outputs.insert(
            name.clone(),
            Output {
                name: name.clone(),
                key: pascal(name),
                list,
                doc: field::string(body, "doc", problems)
                    .map(|doc| doc.value)
                    .unwrap_or_default(),
                when: when.map(|when| when.value),
                span: entry.key.clone(),
            },
        );
    }
    outputs
}

/// Defaults, choices and examples must be values that the input itself would accept.
fn check_defaults(contract: &Contract, problems: &mut Problems) {
    let records = contract.types.values().flat_map(|record| record.fields.values());
    for field in contract.inputs.values().chain(records) {
        // The choices of a list or map are those of its items.
        let unlimited = Field {
            ty: field.ty.item().clone(),
            values: Vec::new(),
            min: None,
            max: None,
            ..field.clone()
        };
        for value in &field.values {
            problems.extend(as_contract_problem(
                typing::check(&unlimited, value, contract),
                field,
                "choice",
            ));
        }
        if let Some(default) = &field.default {
            problems.extend(as_contract_problem(
                typing::check(field, default, contract),
                field,
                "default",
            ));
        }
        if let Some(example) = &field.example {
            problems.extend(as_contract_problem(
                typing::check(field, example, contract),
                field,
                "example",
            ));
        }
    }
}

fn as_contract_problem(found: Problems, field: &Field, what: &str) -> Problems {
    found
        .into_iter()
        .map(|problem| Problem {
            code: codes::CONTRACT_INVALID,
            message: format!("the {what} of `{}` does not fit: {}", field.name, problem.message),
            ..problem
        })
        .collect()
}

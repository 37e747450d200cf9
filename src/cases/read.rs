//! Test files to data: every mistake with its place, all at once.

use std::sync::Arc;

use super::model::{Apply, Case, Expect, Pairwise, ProblemExpect, ResourceExpect, Setting, Step, TestFile};
use crate::diagnostic::{Code, Problem, Problems, Source, Span, closest, codes};
use crate::module::Contract;
use crate::spec::syntax::{self, Table};
use crate::spec::{Data, Entry, Spanned, Value, field};
use crate::template::schema;

const TOP: &[&str] = &["defaults", "cases", "pairwise"];
const SETTING: &[&str] = &["stack", "reset", "inputs", "environment", "tags", "stacks"];
const CASE: &[&str] = &["expect", "apply", "steps", "kept"];
const STEP: &[&str] = &["expect", "updated", "replaced", "added", "removed"];
const PAIRWISE: &[&str] = &["omit", "exclude"];
const EXPECT: &[&str] = &[
    "count",
    "absent",
    "outputs",
    "no_outputs",
    "resources",
    "values",
    "errors",
    "warnings",
];
const RESOURCE: &[&str] = &[
    "type",
    "deletion",
    "replacement",
    "condition",
    "depends_on",
    "properties",
    "without",
];
const PROBLEM: &[&str] = &["code", "says", "input"];
const POLICIES: &[&str] = &["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"];

/// Reads the test file of a module. Errors: every mistake in it.
pub fn read(contract: &Contract, source: &Arc<Source>) -> Result<TestFile, Problems> {
    let table = syntax::parse(source)?;
    let mut reader = Reader {
        contract,
        problems: Problems::default(),
    };
    let file = reader.file(&table, source);
    if reader.problems.has_errors() {
        return Err(reader.problems.sorted());
    }
    Ok(file)
}

struct Reader<'a> {
    contract: &'a Contract,
    problems: Problems,
}

impl Reader<'_> {
    fn file(&mut self, table: &Table, source: &Arc<Source>) -> TestFile {
        self.keys(table, &[TOP], "a test file");
        let defaults = match field::table(table, "defaults", &mut self.problems) {
            Some(defaults) => {
                self.keys(defaults, &[SETTING], "[defaults]");
                self.setting(defaults, true)
            }
            None => Setting::default(),
        };
        let mut cases = Vec::new();
        for (name, entry) in field::table(table, "cases", &mut self.problems).into_iter().flatten() {
            cases.extend(self.case(name, entry));
        }
        let pairwise = table
            .get("pairwise")
            .and_then(|entry| self.pairwise(entry, field::table(table, "pairwise", &mut Problems::default())));
        if cases.is_empty() && pairwise.is_none() && self.problems.is_empty() {
            let problem = mistake("this test file has no case", &Span::new(source, 0..0));
            self.problems
                .push(problem.hint("[cases.NAME] makes one: `mlinfra explain MLI1301` shows how"));
        }
        TestFile {
            module: self.contract.name.clone(),
            source: Arc::clone(source),
            defaults,
            cases,
            pairwise,
        }
    }

    fn case(&mut self, name: &str, entry: &Entry) -> Option<Case> {
        let place = format!("[cases.{name}]");
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) {
            let kebab = name.to_lowercase().replace(|c| !fits(c), "-");
            let problem = mistake(format!("`{name}` cannot be the name of a case"), &entry.key);
            self.problems.push(
                problem
                    .note("names are lower-case letters, digits and hyphens, and read as claims")
                    .hint(format!("write: {place}").replace(name, kebab.trim_matches('-'))),
            );
        }
        let table = self.as_table(&entry.value, &place)?;
        self.keys(table, &[SETTING, CASE], &place);
        let expect = self.expect(table, &place);
        let steps = self.tables(table, "steps");
        let mut apply = None;
        if table.contains_key("steps") || table.contains_key("kept") {
            let steps = steps
                .into_iter()
                .map(|(step, span)| self.step(step, span, &place))
                .collect();
            let kept = field::strings(table, "kept", &mut self.problems);
            apply = Some(Apply { steps, kept });
        }
        if field::boolean(table, "apply", &mut self.problems) == Some(true) {
            apply.get_or_insert_default();
        }
        if apply.is_some() && !expect.errors.is_empty() {
            let problem = mistake(
                format!("the case `{name}` expects errors and is to be deployed"),
                &entry.key,
            );
            self.problems
                .push(problem.hint("make two cases of it: one with `expect.errors`, one with `steps`"));
        }
        Some(Case {
            name: Spanned {
                value: name.to_owned(),
                span: entry.key.clone(),
            },
            setting: self.setting(table, true),
            expect,
            apply,
        })
    }

    fn step(&mut self, table: &Table, span: Span, case: &str) -> Step {
        let place = format!("a step of {case}");
        self.keys(table, &[SETTING, STEP], &place);
        if let Some(entry) = table.get("stack") {
            let problem = mistake("a step cannot rename the stack under test", &entry.key);
            self.problems.push(problem.hint(format!("`stack` stands in {case}")));
        }
        let expect = self.expect(table, &place);
        if let Some(error) = expect.errors.first() {
            let problem = mistake("a step is deployed, so it cannot expect errors", &error.span);
            self.problems
                .push(problem.hint("make a case of its own of it, without steps"));
        }
        let step = Step {
            span,
            setting: self.setting(table, true),
            expect,
            updated: field::strings(table, "updated", &mut self.problems),
            replaced: field::strings(table, "replaced", &mut self.problems),
            added: field::strings(table, "added", &mut self.problems),
            removed: field::strings(table, "removed", &mut self.problems),
        };
        let mut seen: Vec<&str> = Vec::new();
        for id in [&step.updated, &step.replaced, &step.added, &step.removed]
            .into_iter()
            .flatten()
        {
            if seen.contains(&id.value.as_str()) {
                self.problems.push(mistake(
                    format!("`{}` is named twice: a step does one thing to a resource", id.value),
                    &id.span,
                ));
            }
            seen.push(&id.value);
        }
        step
    }

    fn setting(&mut self, table: &Table, inputs: bool) -> Setting {
        let mut of = |key: &str| {
            field::table(table, key, &mut self.problems)
                .cloned()
                .unwrap_or_default()
        };
        let mut setting = Setting {
            inputs: if inputs { of("inputs") } else { Table::new() },
            environment: of("environment"),
            tags: of("tags"),
            stacks: of("stacks"),
            ..Setting::default()
        };
        setting.stack = field::string(table, "stack", &mut self.problems);
        setting.reset = field::strings(table, "reset", &mut self.problems);
        for name in &setting.reset {
            self.known_input(&name.value, &name.span);
        }
        setting
    }

    fn expect(&mut self, table: &Table, place: &str) -> Expect {
        let Some(table) = field::table(table, "expect", &mut self.problems) else {
            return Expect::default();
        };
        self.keys(table, &[EXPECT], &format!("`expect` of {place}"));
        let problems = &mut self.problems;
        let mut expect = Expect {
            absent: field::strings(table, "absent", problems),
            outputs: field::strings(table, "outputs", problems),
            no_outputs: field::strings(table, "no_outputs", problems),
            ..Expect::default()
        };
        for name in expect.outputs.iter().chain(&expect.no_outputs) {
            self.known_output(&name.value, &name.span);
        }
        for (kind, entry) in field::table(table, "count", &mut self.problems).into_iter().flatten() {
            self.known_type(kind, &entry.key);
            match entry.value.value {
                Data::Integer(number) if usize::try_from(number).is_ok() => {
                    let kind = Spanned {
                        value: kind.clone(),
                        span: entry.key.clone(),
                    };
                    expect.count.push((kind, usize::try_from(number).unwrap_or_default()));
                }
                _ => {
                    let message = format!("how many `{kind}` there are is a whole number, 0 or more");
                    self.problems.push(mistake(message, &entry.value.span));
                }
            }
        }
        for (id, entry) in field::table(table, "resources", &mut self.problems)
            .into_iter()
            .flatten()
        {
            expect.resources.extend(self.resource(id, entry));
        }
        for (name, entry) in field::table(table, "values", &mut self.problems).into_iter().flatten() {
            self.known_output(name, &entry.key);
            let name = Spanned {
                value: name.clone(),
                span: entry.key.clone(),
            };
            expect.values.push((name, entry.value.clone()));
        }
        expect.errors = self.expected_problems(table, "errors");
        expect.warnings = self.expected_problems(table, "warnings");
        expect
    }

    fn resource(&mut self, id: &str, entry: &Entry) -> Option<ResourceExpect> {
        let place = format!("what is expected of `{id}`");
        let table = self.as_table(&entry.value, &place)?;
        // `resources.Vpc.EnableDnsSupport = true`: what people write first.
        let known = |key: &String| !RESOURCE.contains(&key.as_str());
        if let Some((key, stray)) = table.iter().find(|(key, _)| known(key)).filter(|(key, _)| {
            key.starts_with(|first: char| first.is_ascii_uppercase())
                && closest(key, RESOURCE.iter().copied()).is_none()
        }) {
            let problem = mistake(format!("{place} has no key `{key}`"), &stray.key);
            self.problems.push(problem.hint(format!(
                "properties stand one level deeper: properties = {{ {key} = ... }}"
            )));
        } else {
            self.keys(table, &[RESOURCE], &place);
        }
        let problems = &mut self.problems;
        let found = ResourceExpect {
            id: Spanned {
                value: id.to_owned(),
                span: entry.key.clone(),
            },
            kind: field::string(table, "type", problems),
            deletion: field::string(table, "deletion", problems),
            replacement: field::string(table, "replacement", problems),
            condition: field::string(table, "condition", problems),
            depends_on: field::strings(table, "depends_on", problems),
            properties: field::table(table, "properties", problems)
                .and_then(|_| table.get("properties").map(|entry| entry.value.clone())),
            without: field::strings(table, "without", problems),
        };
        if let Some(kind) = &found.kind {
            self.known_type(&kind.value, &kind.span);
        }
        for policy in [&found.deletion, &found.replacement].into_iter().flatten() {
            if !POLICIES.contains(&policy.value.as_str()) {
                let message = format!("CloudFormation knows no policy `{}` for a resource's end", policy.value);
                let problem = mistake(message, &policy.span);
                let problem = field::with_suggestion(problem, &policy.value, POLICIES.iter().copied(), "it knows");
                self.problems.push(problem);
            }
        }
        Some(found)
    }

    fn expected_problems(&mut self, table: &Table, key: &str) -> Vec<ProblemExpect> {
        let mut expected = Vec::new();
        for (one, span) in self.tables(table, key) {
            self.keys(one, &[PROBLEM], &format!("each of `{key}`"));
            let code = field::string(one, "code", &mut self.problems).and_then(|code| self.code(&code));
            let says = field::string(one, "says", &mut self.problems).map(|text| text.value);
            let input = field::string(one, "input", &mut self.problems).map(|text| text.value);
            if one.is_empty() {
                let problem = mistake(format!("this one of `{key}` would fit every problem"), &span);
                self.problems
                    .push(problem.hint("give a part of its text: { says = \"cannot be split\" }"));
            }
            expected.push(ProblemExpect {
                span,
                code,
                says,
                input,
            });
        }
        expected
    }

    fn code(&mut self, written: &Spanned<String>) -> Option<Code> {
        let known = || codes::ALL.iter().map(|(code, _)| *code);
        let found = known().find(|code| code.to_string() == written.value);
        if found.is_none() {
            let names: Vec<String> = known().map(|code| code.to_string()).collect();
            let problem = mistake(format!("there is no code `{}`", written.value), &written.span);
            self.problems
                .push(match closest(&written.value, names.iter().map(String::as_str)) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("`mlinfra explain` lists all codes"),
                });
        }
        found
    }

    fn pairwise(&mut self, entry: &Entry, table: Option<&Table>) -> Option<Pairwise> {
        let Some(table) = table else {
            return self.as_table(&entry.value, "[pairwise]").and(None);
        };
        self.keys(table, &[SETTING, PAIRWISE], "[pairwise]");
        let mut inputs = Vec::new();
        for (name, entry) in field::table(table, "inputs", &mut self.problems).into_iter().flatten() {
            self.known_input(name, &entry.key);
            match &entry.value.value {
                Data::Array(values) if !values.is_empty() => {
                    let name = Spanned {
                        value: name.clone(),
                        span: entry.key.clone(),
                    };
                    inputs.push((name, values.iter().cloned().map(Some).collect::<Vec<_>>()));
                }
                _ => {
                    let message = format!("`{name}` of [pairwise.inputs] is the list of its values");
                    self.problems.push(
                        mistake(message, &entry.value.span).hint(format!("for example: {name} = [\"one\", \"other\"]")),
                    );
                }
            }
        }
        for name in field::strings(table, "omit", &mut self.problems) {
            match inputs.iter_mut().find(|(input, _)| input.value == name.value) {
                Some((_, values)) => values.push(None),
                None => {
                    let message = format!("`omit` names `{}`, which [pairwise.inputs] does not", name.value);
                    let names = inputs.iter().map(|(input, _)| input.value.as_str());
                    let problem = mistake(message, &name.span);
                    let problem = field::with_suggestion(problem, &name.value, names.collect::<Vec<_>>(), "it has");
                    self.problems.push(problem);
                }
            }
        }
        let mut exclude = Vec::new();
        for (one, span) in self.tables(table, "exclude") {
            if one.is_empty() {
                self.problems.push(mistake("this would exclude everything", &span));
            }
            for (name, entry) in one {
                self.excluded(name, entry, &inputs);
            }
            exclude.push(one.clone());
        }
        if inputs.is_empty() && self.problems.is_empty() {
            let problem = mistake("[pairwise] has no inputs", &entry.key);
            self.problems
                .push(problem.hint("[pairwise.inputs] lists the values of each input"));
        }
        Some(Pairwise {
            span: entry.key.clone(),
            setting: self.setting(table, false),
            inputs,
            exclude,
        })
    }

    /// A combination that is excluded has to be one that could be.
    fn excluded(&mut self, name: &str, entry: &Entry, inputs: &[(Spanned<String>, Vec<Option<Value>>)]) {
        let Some((_, values)) = inputs.iter().find(|(input, _)| input.value == name) else {
            let message = format!("`exclude` names `{name}`, which [pairwise.inputs] does not");
            let names: Vec<&str> = inputs.iter().map(|(input, _)| input.value.as_str()).collect();
            let problem = mistake(message, &entry.key);
            self.problems
                .push(field::with_suggestion(problem, name, names, "it has"));
            return;
        };
        let known = values
            .iter()
            .flatten()
            .any(|value| same(&value.value, &entry.value.value));
        if !known && !is_omitted(&entry.value.value) {
            let written: Vec<&str> = values.iter().flatten().map(|value| value.span.text()).collect();
            let message = format!(
                "`{name}` never has the value {} that is excluded",
                entry.value.span.text()
            );
            let problem = mistake(message, &entry.value.span);
            self.problems
                .push(problem.hint(format!("its values: {}", written.join(", "))));
        }
    }

    fn keys(&mut self, table: &Table, known: &[&[&str]], place: &str) {
        let known: Vec<&str> = known.iter().copied().flatten().copied().collect();
        field::unknown_keys(table, &known, place, codes::TEST_FILE_INVALID, &mut self.problems);
    }

    fn as_table<'t>(&mut self, value: &'t Value, place: &str) -> Option<&'t Table> {
        match &value.value {
            Data::Table(table) => Some(table),
            other => {
                let message = format!("{place} must be a table, this is {}", other.kind());
                self.problems.push(mistake(message, &value.span));
                None
            }
        }
    }

    /// The tables of a list of tables.
    fn tables<'t>(&mut self, table: &'t Table, key: &str) -> Vec<(&'t Table, Span)> {
        let Some(entry) = table.get(key) else {
            return Vec::new();
        };
        let Data::Array(items) = &entry.value.value else {
            let message = format!("`{key}` must be a list of tables, this is {}", entry.value.value.kind());
            let problem = mistake(message, &entry.key);
            self.problems
                .push(problem.hint(format!("write: {key} = [{{ ... }}], or [[...{key}]]")));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items {
            if let Some(table) = self.as_table(item, &format!("each of `{key}`")) {
                found.push((table, item.span.clone()));
            }
        }
        found
    }

    fn known_input(&mut self, name: &str, span: &Span) {
        if !self.contract.inputs.contains_key(name) {
            let message = format!("the module `{}` has no input `{name}`", self.contract.name);
            let names: Vec<&str> = self.contract.inputs.keys().map(String::as_str).collect();
            let problem = field::with_suggestion(mistake(message, span), name, names, "it has");
            self.problems.push(problem);
        }
    }

    fn known_output(&mut self, name: &str, span: &Span) {
        if !self.contract.outputs.contains_key(name) {
            let message = format!("the module `{}` has no output `{name}`", self.contract.name);
            let names: Vec<&str> = self.contract.outputs.keys().map(String::as_str).collect();
            let problem = field::with_suggestion(mistake(message, span), name, names, "it has");
            self.problems.push(problem);
        }
    }

    /// A count of 0 of a type that is misspelt would hold for ever.
    fn known_type(&mut self, kind: &str, span: &Span) {
        if schema::get(kind).is_none() && !kind.starts_with("Custom::") {
            let problem = mistake(format!("CloudFormation has no type `{kind}`"), span);
            self.problems.push(match closest(kind, schema::type_names()) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
    }
}

/// How `exclude` writes that an input is left out.
pub(super) fn is_omitted(data: &Data) -> bool {
    matches!(data, Data::Table(table) if table.is_empty())
}

/// Whether two values mean the same, wherever they stand.
pub(super) fn same(one: &Data, other: &Data) -> bool {
    match (one, other) {
        (Data::Array(ones), Data::Array(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .zip(others)
                    .all(|(one, other)| same(&one.value, &other.value))
        }
        (Data::Table(ones), Data::Table(others)) => {
            let has = |(key, entry): (&String, &Entry)| {
                others
                    .get(key)
                    .is_some_and(|other| same(&entry.value.value, &other.value.value))
            };
            ones.len() == others.len() && ones.iter().all(has)
        }
        _ => one == other,
    }
}

fn mistake(message: impl Into<String>, span: &Span) -> Problem {
    // A table's span may run over many lines, too much to underline.
    let length = span.text().lines().next().map_or(0, str::len);
    let start = span.bytes.start;
    Problem::error(codes::TEST_FILE_INVALID, message).at(Span::new(&span.source, start..start + length), "")
}

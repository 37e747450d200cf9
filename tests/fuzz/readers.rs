//! The readers of files that people write, and of saved plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra::diagnostic::{Problems, Source};
use mlinfra::module::{self, Catalogue, RenderedEnvironment};
use mlinfra::plan;
use mlinfra::spec::{self, Environment};
use mlinfra::template::{self, intrinsic};
use proptest::prelude::*;

use super::engine::{Answer, Reader, mark};
use super::{grammar, hold};

const TOML_WORDS: &[&str] = &[
    "extends",
    "\"common.toml\"",
    "[environment]",
    "[project]",
    "[backend]",
    "[tags]",
    "[stacks.",
    "[workloads.",
    "[[",
    "]]",
    "module",
    "\"vpc\"",
    "\"${network.vpc_id}\"",
    "${",
    "account",
    "region",
    "role_arn",
    "protect",
    "on_failure",
    "true",
    "false",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "\"\"\"",
    "'''",
    "\\u00e9",
    "\\U0001F600",
    "\\x41",
    "{",
    "}",
    "a.b.c",
    "#:schema",
    "type",
    "doc",
    "default",
    "optional",
    "values",
    "pattern",
    "min",
    "max",
    "from",
    "from_optional",
    "secret",
    "example",
    "\"list<string>\"",
    "\"map<node_group>\"",
    "\"integer\"",
    "\"cidr\"",
    "\"arn\"",
    "when",
    "[inputs.",
    "[outputs.",
    "[types.",
    "\"(a{1000}){1000}\"",
    "\"[\"",
    "{{resolve:secretsmanager:a}}",
    "template",
];

const YAML_WORDS: &[&str] = &[
    "Resources:",
    "Type: AWS::S3::Bucket",
    "Properties:",
    "Parameters:",
    "Outputs:",
    "Conditions:",
    "Mappings:",
    "Metadata:",
    "Transform:",
    "Rules:",
    "DependsOn:",
    "Condition:",
    "DeletionPolicy:",
    "UpdateReplacePolicy:",
    "CreationPolicy:",
    "!Ref ",
    "!Sub ",
    "!GetAtt ",
    "!If ",
    "!FindInMap ",
    "!Join ",
    "!Select ",
    "!Split ",
    "!Cidr ",
    "!GetAZs ",
    "!ImportValue ",
    "!Base64 ",
    "!Equals ",
    "!And ",
    "!Or ",
    "!Not ",
    "!Condition ",
    "!Transform ",
    "Fn::ForEach::X",
    "Fn::Sub",
    "Fn::If",
    "Ref",
    "AWS::NoValue",
    "AWS::Region",
    "${AWS::Region}",
    "${!x}",
    "${a.b}",
    "${",
    "<<:",
    "&a",
    "*a",
    "---",
    "...",
    "%YAML 1.2",
    "%TAG ! !",
    "!!str",
    "!!int",
    "!!binary",
    "!<x>",
    "!",
    "|-",
    ">+",
    "|9",
    "? ",
    "~",
    "null",
    "yes",
    "0o17",
    "1_000",
    "{{resolve:ssm:a}}",
    "AWS::IAM::Role",
    "AssumeRolePolicyDocument",
    "PolicyDocument",
    "Statement",
    "\"2012-10-17\"",
    "Effect: Allow",
    "Action: '*'",
    "Tags:",
    "Key: a",
    "Value:",
    "\u{feff}",
    "\\ud800",
    "\\u0000",
];

const JINJA_WORDS: &[&str] = &[
    "{{ text }}",
    "{{ list }}",
    "{{ map }}",
    "{{ record }}",
    "{{ later }}",
    "{{ later_list }}",
    "{{ absent }}",
    "{% for x in list %}",
    "{% endfor %}",
    "{% if ",
    "{% elif ",
    "{% else %}",
    "{% endif %}",
    "{% set x = ",
    "{% set x %}",
    "{% endset %}",
    "{% macro m(x) %}",
    "{% endmacro %}",
    "{{ m(1) }}",
    "{% raw %}",
    "{% endraw %}",
    "{#",
    "#}",
    "{% filter upper %}",
    "{% endfilter %}",
    "{% with x = 1 %}",
    "{% endwith %}",
    "{% call m(1) %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% block x %}",
    "{% do ",
    "{% autoescape false %}",
    " ~ ",
    "|upper",
    "|join(',')",
    "|pascal",
    "|replace('a', 'aaaa')",
    "|sort",
    "|list",
    "|items",
    "|length",
    "|safe",
    "|indent(4)",
    "|default(1)",
    "range(1000000000)",
    "range(9999)",
    "* 100000",
    "namespace()",
    "loop.index",
    "loop(",
    "recursive",
    " is defined",
    " in ",
    " not ",
    "cidr_subnet(network, 4, 1)",
    "cidr_size(network)",
    "sub('${x}', x=text)",
    "ref('A')",
    "getatt('A', 'B')",
    "select(0, list)",
    "join(',', later_list)",
    "fail('no')",
    "true",
    "none",
    "1 / 0",
    "2 ** 9999",
    "-9223372036854775808",
    "[1, 2][0]",
    "{'a': 1}.a",
    "x.y.z",
    "\u{e000}",
];

/// Environment files: `extends`, every section, and rendering with the built-in modules if it is valid.
pub fn environment() -> Reader {
    Reader {
        name: "environment",
        seeds: files("environments", "toml"),
        words: TOML_WORDS,
        grammar: grammar::environment().boxed(),
        check: |text| {
            let read = || spec::load("fuzzed", &mut |path| opened(path, text));
            let (first, second) = (read(), read());
            match (first, second) {
                (Ok(environment), Ok(again)) => {
                    same("the digest", &environment.digest(), &again.digest())?;
                    for (name, stack) in &environment.stacks {
                        hold::span(&stack.name.span)?;
                        same(
                            "a stack's inputs",
                            &Some(&stack.inputs),
                            &again.stacks.get(name).map(|stack| &stack.inputs),
                        )?;
                    }
                    rendered(&environment, &Catalogue::built_in())
                }
                (Err(problems), Err(again)) => refused(&problems, &again),
                _ => Err("valid once and invalid once".to_owned()),
            }
        },
    }
}

/// Contracts, and stacks of them.
pub fn contract() -> Reader {
    Reader {
        name: "contract",
        seeds: files("modules", "toml"),
        words: TOML_WORDS,
        grammar: grammar::contract().boxed(),
        check: |text| {
            let files = || {
                let template = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n";
                BTreeMap::from([
                    ("modules/fuzzed.toml".to_owned(), text.to_owned()),
                    ("templates/cloudformation/fuzzed.yaml".to_owned(), template.to_owned()),
                ])
            };
            match (Catalogue::with_overrides(files()), Catalogue::with_overrides(files())) {
                (Ok(catalogue), Ok(_)) => rendered(&project("[stacks.it]\nmodule = \"fuzzed\"\n")?, &catalogue),
                (Err(problems), Err(again)) => refused(&problems, &again),
                _ => Err("valid once and invalid once".to_owned()),
            }
        },
    }
}

/// Templates as CloudFormation gets them: YAML with tags, or JSON; and the checks of what was read.
pub fn template() -> Reader {
    Reader {
        name: "template",
        seeds: vec![include_str!("../../src/template/check/tests/environment.yaml").to_owned()],
        words: YAML_WORDS,
        grammar: grammar::template().boxed(),
        check: |text| {
            let source = source("t.yaml", text);
            let document = match (template::read(&source), template::read(&source)) {
                (Ok(document), Ok(again)) => {
                    same("the document", &document.root, &again.root)?;
                    document
                }
                (Err(problems), Err(again)) => {
                    same("the problems", &problems, &again)?;
                    return hold::problems(&problems);
                }
                _ => return Err("readable once and unreadable once".to_owned()),
            };
            hold::nodes(&document.root)?;
            canonical_is_stable(&template::canonical(&document.root))?;
            for reference in intrinsic::references(&document.root) {
                hold::span(&reference.span)?;
            }
            template::capabilities(&document);
            let found = template::check(&document);
            same("the findings", &found, &template::check(&document))?;
            hold::problems(&found)
        },
    }
}

/// Jinja templates: inputs of every type, known and not.
pub fn rendering() -> Reader {
    Reader {
        name: "rendering",
        seeds: files("templates/cloudformation", "yaml"),
        words: JINJA_WORDS,
        grammar: grammar::jinja().boxed(),
        check: |text| {
            // A stack to take values from that are not known yet, as small as can be.
            let net = "[module]\nname = \"net\"\nsummary = \"s\"\n[outputs]\nid = { type = \"string\", doc = \"d\" }\n\
                       ids = { type = \"list<string>\", doc = \"d\" }\n";
            let outputs = "Resources: {T: {Type: Custom::T, Properties: {ServiceToken: a}}}\n\
                           Outputs: {Id: {Value: a}, Ids: {Value: a}}\n";
            let files = BTreeMap::from([
                ("modules/net.toml".to_owned(), net.to_owned()),
                ("templates/cloudformation/net.yaml".to_owned(), outputs.to_owned()),
                (
                    "modules/fuzzed.toml".to_owned(),
                    include_str!("contract.toml").to_owned(),
                ),
                ("templates/cloudformation/fuzzed.yaml".to_owned(), text.to_owned()),
            ]);
            let catalogue = Catalogue::with_overrides(files).map_err(|problems| format!("{problems:?}"))?;
            rendered(&project(include_str!("stacks.toml"))?, &catalogue)
        },
    }
}

/// Saved plans: what is opened is what was sealed, and a byte that changes the meaning is noticed.
pub fn saved_plan() -> Reader {
    Reader {
        name: "plan",
        seeds: Vec::new(),
        words: &[
            "\"version\": 1",
            "\"version\": 2",
            "\"sha256\":",
            "\"format\": \"mlinfra plan\"",
            "\"plan\":",
            "null",
            "{}",
            "[]",
            "1e999",
            "\\ud800",
            "\"stacks\":",
            "\"after\"",
            "\"known\"",
        ],
        grammar: grammar::json().boxed(),
        check: |text| {
            // A digest that fits opens the door behind it: what is in the plan is read too.
            let resealed = resealed(text);
            for text in [Some(text), resealed.as_deref()].into_iter().flatten() {
                let Ok(opened) = plan::open(text) else { continue };
                let sealed = plan::seal(&opened);
                let again = plan::open(&sealed).map_err(|error| format!("a sealed plan cannot be opened: {error}"))?;
                same("the plan", &opened, &again)?;
                let step = (sealed.len() / 40).max(1);
                for at in (text.len() % step..sealed.len()).step_by(step) {
                    let mut bytes = sealed.clone().into_bytes();
                    bytes[at] ^= 1 << (at % 7);
                    let Ok(flipped) = String::from_utf8(bytes) else {
                        continue;
                    };
                    if let Ok(other) = plan::open(&flipped) {
                        same("a plan with a flipped byte", &opened, &other)?;
                    }
                }
            }
            Ok(match plan::open(resealed.as_deref().unwrap_or(text)) {
                Ok(plan) => vec![mark("a plan"), plan.stacks.len() as u64],
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    vec![mark(&error.to_string()), mark(&source.unwrap_or_default())]
                }
            })
        },
    }
}

/// The text with the digest of its content, if it has the form of a plan.
fn resealed(text: &str) -> Option<String> {
    let mut file: serde_json::Value = serde_json::from_str(text).ok()?;
    let plan: plan::Plan = serde_json::from_value(file.get("plan")?.clone()).ok()?;
    let sealed: serde_json::Value = serde_json::from_str(&plan::seal(&plan)).ok()?;
    file.as_object_mut()?
        .insert("sha256".to_owned(), sealed.get("sha256")?.clone());
    serde_json::to_string(&file).ok()
}

/// Renders, twice; what comes out is read back to the same bytes.
fn rendered(environment: &Environment, catalogue: &Catalogue) -> Result<Answer, String> {
    let digests = |rendered: &RenderedEnvironment| -> Vec<String> {
        rendered.stacks.values().map(|stack| stack.digest.clone()).collect()
    };
    match (
        module::render(environment, catalogue),
        module::render(environment, catalogue),
    ) {
        (Ok((first, warnings)), Ok((second, _))) => {
            same("the digests", &digests(&first), &digests(&second))?;
            for stack in first.stacks.values() {
                canonical_is_stable(&stack.template)?;
            }
            hold::sorted(&warnings)?;
            let mut answer = hold::problems(&warnings)?;
            answer.push(mark("rendered"));
            Ok(answer)
        }
        (Err(problems), Err(again)) => refused(&problems, &again),
        _ => Err("rendered once and refused once".to_owned()),
    }
}

fn refused(problems: &Problems, again: &Problems) -> Result<Answer, String> {
    same("the problems", problems, again)?;
    if !problems.has_errors() {
        return Err("refused without an error".to_owned());
    }
    hold::sorted(problems)?;
    hold::problems(problems)
}

/// Canonical JSON is a fixed point: reading it gives the same bytes, if it is not deeper or larger than what is read.
fn canonical_is_stable(text: &str) -> Result<(), String> {
    match template::read(&source("canonical.json", text)) {
        Ok(again) => same(
            "the canonical form",
            &text.to_owned(),
            &template::canonical(&again.root),
        ),
        Err(_) if text.len() > template::read::MAXIMUM_BYTES => Ok(()),
        // Long forms of tags are one or two levels deeper than the tags.
        Err(problems) if problems.0.iter().all(|problem| problem.code.0 == 402) => Ok(()),
        Err(problems) => Err(format!(
            "the canonical form cannot be read: {:?}",
            problems.0[0].message
        )),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, first: &T, second: &T) -> Result<(), String> {
    if first == second {
        return Ok(());
    }
    Err(format!("{what} differ when read twice"))
}

fn source(path: &str, text: &str) -> Arc<Source> {
    let (path, text) = (path.to_owned(), text.to_owned());
    Arc::new(Source { path, text })
}

/// The fuzzed file, and the project's own files for it to extend.
fn opened(path: &str, text: &str) -> Result<String, String> {
    if path == "environments/fuzzed.toml" {
        return Ok(text.to_owned());
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    match path {
        "environments/common.toml" | "environments/dev.toml" => {
            std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string())
        }
        _ => Err("it does not exist".to_owned()),
    }
}

fn project(stacks: &str) -> Result<Environment, String> {
    let text = format!(
        "[project]\nname = \"acme\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n{stacks}"
    );
    spec::load("dev", &mut |_| Ok(text.clone())).map_err(|problems| format!("{problems:?}"))
}

fn files(folder: &str, ending: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("reads")
        .map(|entry| entry.expect("reads").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("reads"))
        .collect()
}

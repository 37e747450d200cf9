//! Workloads as people meet them: the manifests that `render` prints, whole, and the page that documents every key.

use std::path::{Path, PathBuf};

use mlinfra::spec::keys::{self, Key, Kind};

use crate::project::Project;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Fails unless the file at `path` holds `text`; with `MLINFRA_BLESS` it writes it.
#[track_caller]
pub(crate) fn is_current(path: &str, text: &str) {
    let file = repository(path);
    if std::env::var_os("MLINFRA_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == text,
        "{path} is not what is rendered now; read it after: MLINFRA_BLESS=1 cargo test --test runner workloads"
    );
}

/// The project of the corpus that has a workload of every kind.
fn every_kind() -> Project {
    let project = Project::empty();
    let text = std::fs::read_to_string(repository("tests/specs/good/workloads-of-every-kind.toml")).unwrap();
    project.write("environments/dev.toml", &text);
    project
}

#[test]
fn the_manifests_of_each_kind_are_those_that_were_reviewed() {
    let project = every_kind();
    for workload in ["scorer", "nightly", "orders"] {
        let printed = project
            .mlinfra(&format!("render dev --workload {workload}"))
            .exits(0)
            .stdout;
        is_current(&format!("tests/manifests/{workload}.json"), &printed);
    }
}

#[test]
fn the_example_environments_workload_renders_in_all_of_them() {
    let project = Project::example();
    for environment in ["dev", "test", "prod"] {
        let list = project
            .mlinfra(&format!("render {environment} --workload scorer"))
            .exits(0)
            .json();
        assert_eq!(list["kind"], "List");
        let label = &list["items"][0]["metadata"]["labels"]["mlinfra/environment"];
        assert_eq!(label, environment);
    }
}

#[test]
fn a_folder_gets_the_manifests_as_a_file() {
    let project = every_kind();
    project
        .mlinfra("render dev --workload orders --out build")
        .exits(0)
        .says("orders.json");
    let written: serde_json::Value = serde_json::from_str(&project.read("build/orders.json")).unwrap();
    assert_eq!(written["items"][1]["kind"], "Deployment");
}

#[test]
fn what_runs_on_ecs_or_sagemaker_is_printed_as_the_requests_that_are_made() {
    let project = every_kind();
    for (workload, first) in [("tool", "RegisterTaskDefinition"), ("ranker", "ExecutionRoleArn")] {
        let printed = project
            .mlinfra(&format!("render dev --workload {workload}"))
            .exits(0)
            .json();
        assert!(printed[0].to_string().contains(first), "{printed:#}");
    }
}

#[test]
fn validate_counts_workloads_and_looks_at_the_projects_own_templates() {
    let project = every_kind();
    project
        .mlinfra("validate")
        .exits(0)
        .says("6 stacks")
        .says("5 workloads");
    let counted = project.mlinfra("validate --format json").exits(0).json();
    assert_eq!(counted["environments"]["dev"]["workloads"], 5);
    project.write(
        "templates/kubernetes/service.yaml",
        "{% if kind == \"stream\" %}\napiVersion: v1\nkind: Service\n{% endif %}\n",
    );
    project
        .mlinfra("validate")
        .exits(1)
        .says("templates/kubernetes/service.yaml:2")
        .says("this manifest has no `metadata.name`");
}

const PAGE: &str = "docs/workloads.md";
const BEGIN: &str =
    "<!-- keys: written by the program's own table, MLINFRA_BLESS=1 cargo test --test runner workloads -->\n";

#[test]
fn the_page_lists_every_key_as_the_checker_knows_it() {
    let page = std::fs::read_to_string(repository(PAGE)).unwrap();
    let (above, _) = page.split_once(BEGIN).expect("the page has its marker");
    is_current(PAGE, &format!("{above}{BEGIN}{}", reference()));
}

#[test]
fn every_example_of_the_page_is_valid() {
    let page = std::fs::read_to_string(repository(PAGE)).unwrap();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .collect();
    assert!(examples.len() >= 5, "{}", examples.len());
    for example in examples {
        let project = Project::empty();
        project.write("environments/dev.toml", format!("{STACKS}\n{example}"));
        project.mlinfra("validate").exits(0).says("1 workload");
    }
}

/// What the examples of the page stand in.
const STACKS: &str = r#"
[project]
name = "shop"
[environment]
account = "111122223333"
region = "us-east-1"
[stacks.network]
module = "vpc"
[stacks.storage]
module = "s3"
[stacks.images]
module = "ecr"
repositories = ["scorer"]
[stacks.cluster]
module = "eks"
[stacks.ml]
module = "sagemaker"
model_groups = ["scorer"]
"#;

fn reference() -> String {
    let mut page = table("`[workloads.NAME]`", keys::WORKLOAD);
    for (name, keys) in [
        ("`image`", keys::IMAGE),
        ("`model`", keys::MODEL),
        ("`autoscaling`", keys::AUTOSCALING),
        ("`probes`", keys::PROBES),
        ("`ingress`", keys::INGRESS),
        ("`stream`", keys::STREAM),
        ("each of `tolerations`", keys::TOLERATION),
    ] {
        page.push_str(&table(name, keys));
    }
    page
}

pub(crate) fn table(name: &str, keys: &[Key]) -> String {
    let mut text = format!("\n### {name}\n\n| key | takes | without it | what it is |\n|---|---|---|---|\n");
    for key in keys {
        let default = match (key.default, key.required) {
            (Some(default), _) => code_or_words(default),
            (None, true) => "**required**".to_owned(),
            (None, false) => "—".to_owned(),
        };
        text.push_str(&format!(
            "| `{}` | {} | {default} | {} |\n",
            key.name,
            takes(key),
            key.doc
        ));
    }
    text
}

fn code_or_words(default: &str) -> String {
    match default.parse::<toml::Value>() {
        Ok(_) => format!("`{default}`"),
        Err(_) => default.to_owned(),
    }
}

fn takes(key: &Key) -> String {
    match key.kind {
        Kind::Text(_) => "text".to_owned(),
        Kind::Choice(choices) => format!("`{}`", choices.join("`, `")),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Within(least, greatest) => format!("a number, {least} to {greatest}"),
        Kind::Whole(least, greatest) => format!("a whole number, {least} to {greatest}"),
        Kind::TextOrWhole => "text or a whole number".to_owned(),
        Kind::Texts(_) => "text, or an array of texts".to_owned(),
        Kind::Strings(_) => "a table of texts".to_owned(),
        Kind::Table(_) => "a table, below".to_owned(),
        Kind::Tables(_) => "an array of tables, below".to_owned(),
        Kind::Named(_) => "a table of tables, below".to_owned(),
        other => format!("{other:?}"),
    }
}

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::{Date, date};

use super::{Policy, Scope, Setting, check_document, find, judge, rules};
use crate::diagnostic::{Problem, Problems, Severity, Source};
use crate::module::{self, Catalogue};
use crate::spec;
use crate::template::{self, schema};

mod judging;
mod own;
mod waivers;

const TODAY: Date = date(2026, 11, 20);

const PROTECTED: Setting<'static> = Setting {
    environment: None,
    protect: true,
};

/// Name and text of every file below `tests/specs/FOLDER` that is about the policy.
#[expect(clippy::disallowed_methods, reason = "the corpus is read where it lies")]
fn corpus(folder: &str, prefix: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs").join(folder);
    let files = std::fs::read_dir(path).expect("the corpus is there");
    files
        .map(|file| file.expect("listed").path())
        .map(|path| (path.file_name().expect("named").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name.starts_with(prefix) && !name.ends_with(".out"))
        .map(|(name, path)| (name, std::fs::read_to_string(path).expect("text")))
        .collect()
}

/// The template of a case: the whole text, or the part that stands for one.
fn template_of<'a>(name: &str, text: &'a str) -> &'a str {
    if !name.ends_with(".case") {
        return text;
    }
    let (_, template) = text
        .split_once("-- templates/cloudformation/store.yaml --\n")
        .expect("a template");
    template
}

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source {
        path: "t.yaml".to_owned(),
        text: text.to_owned(),
    })
}

fn checked(text: &str, setting: Setting) -> Problems {
    let document = template::read(&source(text)).unwrap_or_else(|problems| panic!("{problems:#?}"));
    check_document(&document, &Policy::built_in(), setting)
}

/// `0503 error 5:7 message`, one a finding in an environment that is not protected.
fn found(text: &str) -> Vec<String> {
    checked(text, Setting::default()).0.iter().map(tell).collect()
}

fn tell(problem: &Problem) -> String {
    let (line, column) = problem.labels[0].span.line_column();
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{:04} {severity} {line}:{column} {}", problem.code.0, problem.message)
}

#[test]
fn every_rule_has_an_id_a_code_and_a_source_of_its_own() {
    assert!(rules().len() >= 45, "{}", rules().len());
    for pair in rules().windows(2) {
        assert!(pair[0].code < pair[1].code, "{} and {}", pair[0].id, pair[1].id);
    }
    let mut ids: Vec<&str> = rules().iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice");
    for rule in rules() {
        assert!(spec::is_name(rule.id), "{}", rule.id);
        assert!(!rule.sources.is_empty() && !rule.types.is_empty(), "{}", rule.id);
        for sentence in [rule.reason, rule.fix] {
            assert!(
                !sentence.is_empty() && !sentence.ends_with('.'),
                "{}: {sentence}",
                rule.id
            );
        }
        for kind in rule.types {
            assert!(schema::get(kind).is_some(), "{}: {kind}", rule.id);
        }
        assert_eq!(find(rule.id).map(|found| found.code), Some(rule.code));
        assert_eq!(find(&rule.code.to_string()).map(|found| found.id), Some(rule.id));
    }
}

#[test]
fn every_rule_has_a_bad_case_and_every_bad_case_breaks_its_rule() {
    let cases = corpus("bad", "MLI05");
    let mut wrong = Vec::new();
    for rule in rules() {
        let own: Vec<_> = cases
            .iter()
            .filter(|(name, _)| name.starts_with(&rule.code.to_string()))
            .collect();
        if own.is_empty() {
            wrong.push(format!("{} {}: no case", rule.code, rule.id));
        }
        for (name, text) in own {
            let is_case = name.ends_with(".case");
            if is_case != (rule.scope == Scope::Protected) {
                wrong.push(format!(
                    "{name}: a rule for protected environments needs a .case, others a template"
                ));
            }
            let template = template_of(name, text);
            let setting = if is_case { PROTECTED } else { Setting::default() };
            let found = checked(template, setting);
            if !found.0.iter().any(|problem| problem.code == rule.code) {
                wrong.push(format!("{name}: {:?}", found.0.iter().map(tell).collect::<Vec<_>>()));
            }
            let document = template::read(&source(template)).expect("reads");
            for problem in template::check(&document).0 {
                wrong.push(format!("{name}: {}", tell(&problem)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_bad_case_says_nothing_that_is_beside_the_point() {
    let mut wrong = Vec::new();
    for (name, text) in corpus("bad", "MLI05") {
        if text.contains("-- policy/") || text.starts_with("$ mlinfra policy") {
            continue;
        }
        let setting = if name.ends_with(".case") {
            PROTECTED
        } else {
            Setting::default()
        };
        for problem in checked(template_of(&name, &text), setting).0 {
            if !name.starts_with(&problem.code.to_string()) {
                wrong.push(format!("{name}: {}", tell(&problem)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn good_templates_pass_even_in_a_protected_environment() {
    let cases = corpus("good", "policy-");
    assert!(cases.len() >= 5);
    for (name, text) in cases {
        let told: Vec<String> = checked(&text, PROTECTED).0.iter().map(tell).collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
        let document = template::read(&source(&text)).expect("reads");
        assert_eq!(template::check(&document), Problems::default(), "{name}");
    }
}

#[test]
fn the_example_environments_pass_without_a_waiver() {
    #[expect(clippy::disallowed_methods, reason = "the example is read where it lies")]
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).map_err(|error| error.to_string())
    };
    for name in ["dev", "test", "prod"] {
        let environment = spec::load(name, &mut |path| read(path)).expect("the example is right");
        assert!(environment.waivers.is_empty());
        let (rendered, _) = module::render(&environment, &Catalogue::built_in()).expect("the example renders");
        let problems = judge(&rendered, &Policy::built_in(), TODAY);
        let told: Vec<String> = problems.0.iter().map(tell).collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
    }
}

/// The rules as a table in Markdown.
fn table() -> String {
    let mut text = String::from("| rule | code | | what is wrong | what to do | source |\n|---|---|---|---|---|---|\n");
    for rule in rules() {
        let severity = match rule.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let scope = match rule.scope {
            Scope::Everywhere => "",
            Scope::Protected => ", protected only",
        };
        text.push_str(&format!(
            "| `{}` | {} | {severity}{scope} | {} | {} | {} |\n",
            rule.id,
            rule.code,
            rule.code.title(),
            rule.fix,
            rule.sources.join("; ")
        ));
    }
    text
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the page is read, and written where that is asked for"
)]
fn the_table_in_the_documentation_is_that_of_the_registry() {
    const MARKS: [&str; 2] = ["<!-- rules: begin -->\n", "<!-- rules: end -->"];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(MARKS[0]).expect("a begin");
    let (written, after) = rest.split_once(MARKS[1]).expect("an end");
    if std::env::var_os("MLINFRA_BLESS").is_some() {
        let page = format!("{before}{}{}{}{after}", MARKS[0], table(), MARKS[1]);
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    assert!(
        written == table(),
        "docs/policy.md is stale: MLINFRA_BLESS=1 cargo test the_table_in_the_documentation"
    );
}

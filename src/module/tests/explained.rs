//! The examples of `mlinfra explain`: each trips its code, each mended text does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Code, Problems, Severity, Source, codes, explain};
use crate::module::{Catalogue, render};
use crate::{spec, template};

/// What an example need not say. It `extends` this, and what it says itself wins.
const BASE: &str = "[project]\nname = \"demo\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n";
const BOX: &str = "[stacks.box]\nmodule = \"box\"\n";
const BOX_CONTRACT: &str =
    "[module]\nname = \"box\"\nsummary = \"x\"\n[outputs.name]\ntype = \"string\"\ndoc = \"x\"\n";
const BOX_TEMPLATE: &str =
    "Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\nOutputs:\n  Name:\n    Value: !Ref Bucket\n";

#[test]
fn every_example_of_an_explanation_trips_its_code_and_no_mended_text_does() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (code, _) in codes::ALL.iter().filter(|(code, _)| code.0 < 500) {
        // That every code has an explanation is claimed elsewhere.
        let Some(text) = explain(*code) else { continue };
        let (example, mended) = (blocks(text.example), blocks(text.fix));
        if !example.is_empty() {
            tried += 1;
            let found = found(*code, &example);
            if !found.0.iter().any(|problem| problem.code == *code) {
                wrong.push(format!("the example of {code} trips {:?}", codes_of(&found)));
            }
        }
        if !mended.is_empty() {
            let contract = example.iter().filter(|block| {
                block.path.starts_with("modules/") && !mended.iter().any(|other| other.path == block.path)
            });
            let mended: Vec<Block> = contract.cloned().chain(mended.iter().cloned()).collect();
            let found = found(*code, &mended);
            let refused = found
                .0
                .iter()
                .any(|problem| problem.code == *code || (is_template(*code) && problem.severity == Severity::Error));
            if refused {
                wrong.push(format!("the mended text of {code} trips {:?}", codes_of(&found)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 60, "only {tried} examples can be tried");
}

#[derive(Debug, Clone)]
struct Block {
    path: String,
    text: String,
}

/// The TOML and YAML blocks of a text. A comment in the first line names the file; without one TOML is the environment.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some(Block {
                    path: language.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    // A fragment of a template cannot be tried by itself, nor what is cut short for the reader.
    let whole = |block: &Block| {
        block.text.lines().any(|line| line.starts_with("Resource")) && !block.text.contains("more lines")
    };
    // Waivers are judged in another room, with the day.
    let here = |block: &Block| !block.text.contains("[[waivers]]");
    blocks.retain(|block| (block.path == "toml" && here(block)) || (block.path == "yaml" && whole(block)));
    for block in &mut blocks {
        let named = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
        block.path = match named.filter(|path| path.contains('/')) {
            Some(path) => path.to_owned(),
            None if block.path == "toml" => "environments/dev.toml".to_owned(),
            None => "template.yaml".to_owned(),
        };
    }
    blocks
}

fn is_template(code: Code) -> bool {
    code == codes::TEMPLATE_SYNTAX || code.0 >= 400
}

fn found(code: Code, blocks: &[Block]) -> Problems {
    if is_template(code) {
        return blocks.iter().flat_map(|block| checked(&block.text)).collect();
    }
    let mut files = BTreeMap::from([
        ("environments/dev.toml".to_owned(), BOX.to_owned()),
        ("modules/box.toml".to_owned(), BOX_CONTRACT.to_owned()),
        ("templates/cloudformation/box.yaml".to_owned(), BOX_TEMPLATE.to_owned()),
    ]);
    files.extend(blocks.iter().map(|block| (block.path.clone(), block.text.clone())));
    if let Some(own) = files
        .get_mut("environments/dev.toml")
        .filter(|own| !own.contains("extends"))
    {
        *own = format!("extends = \"base.toml\"\n{own}");
    }
    files
        .entry("environments/base.toml".to_owned())
        .or_insert_with(|| BASE.to_owned());
    files
        .entry("environments/common.toml".to_owned())
        .or_insert_with(|| BASE.to_owned());
    let environment = match spec::load("dev", &mut |path| {
        files.get(path).cloned().ok_or_else(|| "it does not exist".to_owned())
    }) {
        Ok(environment) => environment,
        Err(problems) => return problems,
    };
    files.retain(|path, _| !path.starts_with("environments/"));
    match Catalogue::with_overrides(files) {
        Ok(catalogue) => match render(&environment, &catalogue) {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems,
        },
        Err(problems) => problems,
    }
}

fn checked(text: &str) -> Problems {
    let source = Arc::new(Source {
        path: "template.yaml".to_owned(),
        text: text.to_owned(),
    });
    match template::read(&source) {
        Ok(document) => template::check(&document),
        Err(problems) => problems,
    }
}

fn codes_of(problems: &Problems) -> BTreeSet<String> {
    problems
        .0
        .iter()
        .map(|problem| format!("{} {}", problem.code, problem.message))
        .collect()
}

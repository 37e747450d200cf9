//! The schemas say what the checkers say.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::schema::{SECRET, contract, environment, stack_modules};
use super::super::typing::{self, Resolved};
use super::super::{Catalogue, keys, types};
use crate::diagnostic::{Problems, Source};
use crate::spec;
use crate::spec::keys::NAME;

fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).unwrap().is_match(text)
}

fn built_in() -> Json {
    environment(&Catalogue::built_in(), &BTreeMap::new())
}

/// The pattern at `pointer`.
fn pattern(schema: &Json, pointer: &str) -> String {
    schema
        .pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_else(|| panic!("no pattern at {pointer}"))
        .to_owned()
}

#[test]
fn names_are_what_the_checkers_take_for_names() {
    for text in ["a", "a-b", "a1", "a--b", "", "A", "1a", "a-", "-a", "a_b", "a b", "ä"] {
        assert_eq!(matches(NAME, text), spec::is_name(text), "{text}");
        assert_eq!(matches(keys::IDENTIFIER, text), types::is_identifier(text), "{text}");
    }
}

#[test]
fn settings_of_an_environment_match_if_and_only_if_the_checker_takes_them() {
    let schema = built_in();
    let cases: [(&str, &[&str]); 6] = [
        (
            "environment/account",
            &["111122223333", "11112222333", "1111-2222-3333", "", "a11122223333"],
        ),
        (
            "environment/region",
            &[
                "us-east-1",
                "us-gov-west-1",
                "us-east-1a",
                "us-east",
                "useast-1",
                "a-b-c-d-1",
                "eu-central-123",
                "US-EAST-1",
            ],
        ),
        (
            "environment/role_arn",
            &[
                "arn:aws:iam::111122223333:role/a",
                "arn:aws:iam::111122223333:role/a/b_+=,.@-c",
                "arn:aws:iam::111122223333:role/a/",
                "arn:aws:iam::111122223333:role/",
                "arn:aws:iam::111122223333:user/a",
                "arn:aws:iam:us-east-1:111122223333:role/a",
                "a",
            ],
        ),
        (
            "environment/permissions_boundary",
            &[
                "arn:aws:iam::111122223333:policy/a",
                "arn:aws:iam::aws:policy/job-function/a",
                "arn:aws:iam::111122223333:policy/a/",
                "arn:aws:iam::111122223333:role/a",
                "arn:aws:iam::1:policy/a",
                "a",
            ],
        ),
        ("backend/bucket", &["a-bucket", "ab", "-ab", "ab-", "a.b", "Abc", "a_b"]),
        ("backend/table", &["a_table.of-locks", "ab", "a b", "abc/d"]),
    ];
    for (setting, texts) in cases {
        let (section, key) = setting.split_once('/').unwrap();
        let pattern = pattern(&schema, &format!("/properties/{section}/properties/{key}/pattern"));
        for text in texts {
            let mut base: toml::Table = "project.name = 'x'\nenvironment = { account = '111122223333', region = 'us-east-1' }\nstacks.a.module = 'vpc'\nbackend = {}".parse().unwrap();
            base[section]
                .as_table_mut()
                .unwrap()
                .insert(key.to_owned(), (*text).into());
            let accepted = spec::load("dev", &mut |_| Ok(base.to_string())).is_ok();
            assert_eq!(matches(&pattern, text), accepted, "{setting} = {text}");
        }
    }
}

#[test]
fn values_of_inputs_match_wherever_the_checker_takes_them() {
    let catalogue = Catalogue::built_in();
    let schema = built_in();
    let cases: [(&str, &str, &str, &[&str]); 4] = [
        (
            "vpc",
            "cidr",
            "/anyOf/0/pattern",
            &[
                "10.0.0.0/16",
                "10.0.0.0/22",
                "10.0.0.0/8",
                "10.0.0.0/23",
                "10.0.0.0",
                "300.0.0.0/16",
                "x/16",
                "10.0.0/16",
            ],
        ),
        (
            "vpc",
            "flow_logs_kms_key_arn",
            "/anyOf/0/pattern",
            &[
                "arn:aws:kms:us-east-1:111122223333:key/1",
                "arn:aws-cn:kms:::x",
                "arn:aws:kms:us-east-1:1:key/1",
                "arn:aws:kms:us-east-1:111122223333:",
                "key/1",
            ],
        ),
        ("eks", "version", "/anyOf/0/pattern", &["1.34", "1.9", "1.340", "2.20"]),
        (
            "vpc",
            "cidr",
            "/anyOf/1/pattern",
            &[
                "${network.cidr}",
                "${ network.cidr }",
                "${net-work.a_b}",
                "${network}",
                "${network.cidr",
                "x${network.cidr}",
                "${Network.cidr}",
            ],
        ),
    ];
    for (module, input, pointer, texts) in cases {
        let contract = catalogue.get(module).unwrap();
        let pattern = pattern(&schema, &format!("/definitions/{module}/properties/{input}{pointer}"));
        for text in texts {
            let source = Arc::new(Source {
                path: "x.toml".into(),
                text: format!("x = '{text}'"),
            });
            let value = spec::syntax::parse(&source).unwrap()["x"].value.clone();
            let mut problems = Problems::default();
            let resolved = typing::resolve(&contract.inputs[input], &value, contract, &mut problems);
            let accepted = match resolved {
                Some(Resolved::Deferred(_)) => pointer.contains('1'),
                other => other.is_some() && pointer.contains('0'),
            };
            assert_eq!(matches(&pattern, text), accepted, "{input} = {text}: {problems:?}");
        }
    }
}

#[test]
fn references_to_secrets_match_and_secrets_do_not() {
    for text in [
        "{{resolve:secretsmanager:acme/db}}",
        "{{resolve:ssm-secure:/acme/db:3}}",
        "{{resolve:ssm:/acme/db}}",
        "{{resolve:secretsmanager:{x}}}",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/db-AbCdEf",
        "arn:aws:ssm:us-east-1:111122223333:parameter/acme/db",
        "arn:aws:ssm:us-east-1:111122223333:document/x",
        "arn:aws:secretsmanager:us-east-1:1:secret:x",
        "hunter2",
        "",
    ] {
        assert_eq!(matches(SECRET, text), typing::is_secret_reference(text), "{text}");
    }
}

#[test]
fn every_input_of_every_module_is_there_with_its_explanation_and_its_default() {
    let schema = built_in();
    for module in Catalogue::built_in().modules() {
        let properties = &schema["definitions"][&module.name]["properties"];
        assert_eq!(properties["module"]["const"], json!(module.name));
        for (name, input) in &module.inputs {
            let description = properties[name]["description"].as_str().unwrap();
            assert!(
                description.starts_with(&input.doc) && description.contains(&input.ty.to_string()),
                "{name}"
            );
            assert_eq!(
                properties[name].get("default").is_some(),
                input.default.is_some(),
                "{name}"
            );
        }
        assert_eq!(properties.as_object().unwrap().len(), module.inputs.len() + 1);
    }
    let record = &schema["definitions"]["eks"]["properties"]["node_groups"]["additionalProperties"];
    assert_eq!(record["additionalProperties"], false);
    assert_eq!(record["properties"]["disk_gib"]["default"], 50);
}

#[test]
fn wires_are_explained_and_allowed_only_where_an_output_can_stand() {
    let inputs = &built_in()["definitions"]["eks"]["properties"];
    let subnets = inputs["subnets"]["description"].as_str().unwrap();
    assert!(
        subnets.contains("wired to vpc.private_subnet_ids of the only such stack."),
        "{subnets}"
    );
    assert!(inputs["subnets"]["anyOf"][1]["pattern"].is_string());
    assert_eq!(inputs["endpoint_public"]["type"], "boolean");
    assert_eq!(inputs["node_groups"]["type"], "object");
}

#[test]
fn a_stack_that_files_disagree_about_is_known_by_no_module() {
    let stacks = stack_modules([
        "[stacks.a]\nmodule = 'vpc'\n[stacks.b]\nmodule = 'eks'",
        "[stacks.a]\nx = 1\n[stacks.b]\nmodule = 's3'\n[stacks.c]\nmodule = 'own'",
        "no toml",
    ]);
    assert_eq!(
        stacks,
        BTreeMap::from([("a".into(), "vpc".into()), ("c".into(), "own".into())])
    );
    let catalogue = Catalogue::built_in();
    let stacks = &environment(&catalogue, &stacks)["properties"]["stacks"];
    assert_eq!(stacks["properties"], json!({ "a": { "$ref": "#/definitions/vpc" } }));
    let others = stacks["additionalProperties"]["anyOf"].as_array().unwrap().len();
    assert_eq!(others, catalogue.names().count());
}

#[test]
fn a_contract_has_to_have_what_its_reader_asks_for() {
    let schema = contract();
    assert_eq!(schema["required"], json!(["module"]));
    assert_eq!(schema["properties"]["module"]["required"], json!(["name", "summary"]));
    let input = &schema["properties"]["inputs"]["additionalProperties"];
    assert_eq!(input["required"], json!(["type", "doc"]));
    assert_eq!(input["additionalProperties"], false);
    let types = pattern(input, "/properties/type/pattern");
    for ty in [
        "string",
        "list<string>",
        "map< list<node_group> >",
        "list<",
        "String",
        "list string",
        "set-of",
    ] {
        assert_eq!(matches(&types, ty), types::Type::parse(ty).is_ok(), "{ty}");
    }
}

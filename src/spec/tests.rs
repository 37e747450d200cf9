use std::collections::BTreeMap;

use super::{Environment, OnFailure, load};
use crate::diagnostic::{Problem, Problems, codes};

const COMMON: &str = r#"
[project]
name = "scoring"

[tags]
team = "ml"

[stacks.network]
module = "vpc"
cidr = "10.0.0.0/16"
zones = ["a", "b"]

[stacks.network.flow_logs]
enabled = true
days = 7
"#;

const DEV: &str = r#"extends = "common.toml"

[environment]
account = "111122223333"
region = "eu-central-1"

[stacks.network]
zones = ["a"]

[stacks.network.flow_logs]
days = 1

[stacks.cluster]
module = "eks"

[workloads.scorer]
kind = "api"
on = "cluster"
image = { reference = "ghcr.io/acme/scorer:1" }
"#;

fn load_files(files: &[(&str, &str)]) -> Result<Environment, Problems> {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(name, text)| (format!("environments/{name}"), (*text).to_owned()))
        .collect();
    load("dev", &mut |path| {
        files.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    })
}

fn problems(dev: &str) -> Vec<Problem> {
    load_files(&[("dev.toml", dev), ("common.toml", COMMON)]).unwrap_err().0
}

/// `code line:column message` and the hints, one problem a line.
fn told(dev: &str) -> Vec<String> {
    problems(dev).iter().map(tell).collect()
}

fn tell(problem: &Problem) -> String {
    let place = problem
        .labels
        .first()
        .map(|label| label.span.place())
        .unwrap_or_default();
    let hints: String = problem.hints.iter().map(|hint| format!(" | {hint}")).collect();
    format!("{} {place} {}{hints}", problem.code, problem.message)
}

/// DEV with one stretch replaced.
fn dev_with(old: &str, new: &str) -> String {
    assert!(DEV.contains(old), "{old}");
    DEV.replacen(old, new, 1)
}

fn the_only(dev: &str) -> String {
    let told = told(dev);
    assert_eq!(told.len(), 1, "{told:#?}");
    told[0].clone()
}

#[test]
fn tables_merge_deeply_arrays_replace_and_the_later_file_wins() {
    let environment = load_files(&[("dev.toml", DEV), ("common.toml", COMMON)]).unwrap();
    let network = &environment.stacks["network"];
    let json = |key: &str| network.inputs[key].value.span.text().to_owned();
    assert_eq!(json("cidr"), "\"10.0.0.0/16\"");
    assert_eq!(json("zones"), "[\"a\"]");
    let super::Data::Table(logs) = &network.inputs["flow_logs"].value.value else {
        panic!("a table")
    };
    assert_eq!(logs["enabled"].value.span.place(), "environments/common.toml:14:11");
    assert_eq!(logs["days"].value.span.place(), "environments/dev.toml:11:8");
    assert_eq!(environment.stacks.keys().collect::<Vec<_>>(), ["network", "cluster"]);
    assert_eq!(environment.on_failure, OnFailure::Rollback);
    assert_eq!(environment.backend.bucket, "scoring-mlinfra-111122223333-eu-central-1");
    assert_eq!(environment.backend.table, "scoring-mlinfra-locks");
    assert_eq!(environment.stack_name("network"), "scoring-dev-network");
    assert_eq!(
        environment.workloads["scorer"].image,
        super::workload::Image::Reference("ghcr.io/acme/scorer:1".to_owned())
    );
    let paths: Vec<_> = environment.sources.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(paths, ["environments/dev.toml", "environments/common.toml"]);
}

#[test]
fn of_several_bases_the_last_one_wins_and_a_shared_base_is_read_once() {
    let dev = dev_with("\"common.toml\"", "[\"a.toml\", \"b.toml\"]");
    let mut reads = Vec::new();
    let environment = load("dev", &mut |path| {
        reads.push(path.to_owned());
        Ok(match path {
            "environments/dev.toml" => dev.clone(),
            "environments/a.toml" => "extends = \"common.toml\"\n[tags]\nteam = \"a\"\nonly = \"a\"".to_owned(),
            "environments/b.toml" => "extends = \"common.toml\"\n[tags]\nteam = \"b\"".to_owned(),
            _ => COMMON.to_owned(),
        })
    })
    .unwrap();
    assert_eq!(environment.tags["team"], "b");
    assert_eq!(environment.tags["only"], "a");
    assert_eq!(reads.iter().filter(|path| path.ends_with("common.toml")).count(), 1);
}

#[test]
fn a_cycle_of_bases_is_refused_where_it_closes() {
    let found = load_files(&[("dev.toml", DEV), ("common.toml", "extends = \"dev.toml\"\n")])
        .unwrap_err()
        .0;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code, codes::EXTENDS_CYCLE);
    assert_eq!(found[0].labels[0].span.place(), "environments/common.toml:1:11");
    assert_eq!(
        found[0].notes,
        ["environments/dev.toml -> environments/common.toml -> environments/dev.toml"]
    );
}

#[test]
fn a_base_that_is_absent_or_outside_is_refused_where_it_is_named() {
    assert_eq!(
        the_only(&dev_with("common.toml", "comon.toml")),
        "MLI0001 environments/dev.toml:1:11 cannot read environments/comon.toml: no such file"
    );
    for path in ["../../etc/x.toml", "/etc/x.toml", "common.yaml", "C:x.toml"] {
        let told = the_only(&dev_with("common.toml", path));
        assert!(
            told.starts_with(&format!(
                "MLI0102 environments/dev.toml:1:11 `extends` cannot name \"{path}\": "
            )),
            "{told}"
        );
    }
}

#[test]
fn every_syntax_error_and_duplicate_key_has_its_place() {
    let dev = dev_with(
        "region = \"eu-central-1\"",
        "region = \nregion = \"x\"\naccount = \"2\"",
    );
    let told = told(&dev);
    assert!(
        told.iter()
            .all(|line| line.starts_with("MLI0002 environments/dev.toml:")),
        "{told:#?}"
    );
    assert!(told.iter().any(|line| line.contains(":5:")), "{told:#?}");
    assert!(
        told.iter()
            .any(|line| line.contains("`account` stands twice") && line.contains(":7:1")),
        "{told:#?}"
    );
}

#[test]
fn a_table_that_stands_twice_is_one_problem() {
    let dev = format!("{DEV}\n[stacks.cluster]\nmodule = \"eks\"\nversion = \"1\"\n");
    let told = the_only(&dev);
    assert!(
        told.starts_with("MLI0002 environments/dev.toml:21:1 not valid TOML: the table [stacks.cluster] stands twice"),
        "{told}"
    );
}

#[test]
fn everything_is_reported_at_once_in_the_order_of_the_file() {
    let dev = r#"extends = "common.toml"
regoin = "x"

[environment]
account = "1111-2222-3333"
region = "eu-central-1a"
on_failure = "deleet"
protect = "true"
owner = "me"

[stacks.Web_App]
module = 3

[workloads.scorer]
kind = "app"
on = "clustr"
"#;
    assert_eq!(
        told(dev),
        [
            "MLI0104 environments/dev.toml:2:1 environment files have no key `regoin` | they have `extends`, `project`, \
             `environment`, `backend`, `tags`, `modules`, `stacks`, `workloads`, `training`, `waivers`",
            "MLI0107 environments/dev.toml:5:11 `1111-2222-3333` is not an account id | without anything between the \
             digits: \"111122223333\"",
            "MLI0108 environments/dev.toml:6:10 `eu-central-1a` is not the name of a region | that looks like an \
             availability zone; its region is eu-central-1",
            "MLI0113 environments/dev.toml:7:14 `on_failure` cannot be `deleet` | did you mean `delete`?",
            "MLI0105 environments/dev.toml:8:11 `protect` must be true or false, this is a string | without quotes: \
             protect = true",
            "MLI0104 environments/dev.toml:9:1 [environment] has no key `owner` | it has `account`, `region`, \
             `role_arn`, `permissions_boundary`, `protect`, `on_failure`",
            "MLI0109 environments/dev.toml:11:9 `Web_App` cannot be the name of a stack | for example: web-app",
            "MLI0105 environments/dev.toml:12:10 `module` must be a string, this is a whole number | put it in quotes: \
             module = \"3\"",
            "MLI0106 environments/dev.toml:14:12 the workload `scorer` has no `image` | for example: image = { context = \".\" }",
            "MLI0113 environments/dev.toml:15:8 `kind` cannot be `app` | did you mean `api`?",
            "MLI0115 environments/dev.toml:16:6 there is no stack `clustr` | there are `network`, `Web_App`",
        ]
    );
}

#[test]
fn sections_that_are_missing_are_named_with_an_example() {
    let found = load_files(&[("dev.toml", "[tags]\nteam = \"ml\"\n")]).unwrap_err().0;
    let messages: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the environment has no stacks",
            "the project has no name",
            "the section [environment] is missing"
        ]
    );
    assert!(
        found
            .iter()
            .all(|problem| problem.code == codes::MISSING_SETTING && !problem.hints.is_empty())
    );
    assert!(
        found
            .iter()
            .all(|problem| problem.labels[0].span.place() == "environments/dev.toml:1:1")
    );
}

#[test]
fn a_number_as_account_is_told_to_be_quoted() {
    assert_eq!(
        the_only(&dev_with("\"111122223333\"", "111122223333")),
        "MLI0105 environments/dev.toml:4:11 `account` must be a string, this is a whole number | put it in quotes: \
         account = \"111122223333\""
    );
}

#[test]
fn a_role_of_another_account_or_partition_is_refused_with_both_places() {
    let with = |arn: &str| dev_with("region =", &format!("role_arn = \"{arn}\"\nregion ="));
    assert!(
        load_files(&[
            ("dev.toml", &with("arn:aws:iam::111122223333:role/path/mlinfra-dev")),
            ("common.toml", COMMON)
        ])
        .is_ok()
    );
    let other = problems(&with("arn:aws:iam::999922223333:role/x"));
    assert_eq!(other[0].code, codes::INVALID_ROLE);
    let places: Vec<_> = other[0].labels.iter().map(|label| label.span.place()).collect();
    assert_eq!(places, ["environments/dev.toml:5:12", "environments/dev.toml:4:11"]);
    for arn in [
        "arn:aws-cn:iam::111122223333:role/x",
        "arn:aws:iam::111122223333:user/x",
        "arn:aws:iam::111122223333:role/",
        "mlinfra-dev",
    ] {
        assert!(
            the_only(&with(arn)).starts_with("MLI0110 environments/dev.toml:5:12"),
            "{arn}"
        );
    }
}

#[test]
fn bucket_and_table_names_that_aws_refuses_are_refused_here() {
    let with = |body: &str| format!("{DEV}\n[backend]\n{body}\n");
    let long = "b".repeat(64);
    for bucket in [
        "Upper",
        "a.b.c",
        "-ab",
        "ab",
        "xn--abc",
        "abc-s3alias",
        "a_b_c",
        long.as_str(),
    ] {
        let told = the_only(&with(&format!("bucket = \"{bucket}\"")));
        assert!(told.starts_with("MLI0111 environments/dev.toml:22:10"), "{told}");
    }
    assert!(the_only(&with("table = \"a b\"")).starts_with("MLI0111"));
    assert!(the_only(&with("bukcet = \"abc\"")).ends_with("did you mean `bucket`?"));
}

#[test]
fn a_default_bucket_that_gets_too_long_points_at_the_projects_name() {
    let common = COMMON.replace("\"scoring\"", &format!("\"{}\"", "p".repeat(40)));
    let found = load_files(&[("dev.toml", DEV), ("common.toml", &common)])
        .unwrap_err()
        .0;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, codes::INVALID_BACKEND);
    assert_eq!(found[0].labels[0].span.place(), "environments/common.toml:3:8");
}

#[test]
fn tags_follow_the_rules_of_aws_and_leave_room_for_ours() {
    let with = |body: &str| format!("{DEV}\n[tags]\n{body}\n");
    for (body, part) in [
        ("\"aws:x\" = \"1\"", "prefix `aws:`"),
        ("\"mlinfra:x\" = \"1\"", "set by mlinfra"),
        ("x = \"\"", "it is empty"),
        ("\"a*b\" = \"1\"", "`*` is not allowed"),
        ("x = \"a\\nb\"", "`\\n` is not allowed"),
        ("x = 1", "put it in quotes"),
    ] {
        let told = the_only(&with(body));
        assert!(told.contains(part), "{told}");
    }
    let long = format!("x = \"{}\"", "v".repeat(257));
    assert!(the_only(&with(&long)).contains("257 characters, AWS takes 256"));
    let many = |count: usize| (0..count).map(|n| format!("t{n} = \"v\"\n")).collect::<String>();
    // `team` comes from the base.
    assert!(load_files(&[("dev.toml", &with(&many(45))), ("common.toml", COMMON)]).is_ok());
    assert!(the_only(&with(&many(46))).contains("47 tags are too many"));
}

#[test]
fn an_empty_file_is_one_problem_with_the_least_that_is_needed() {
    for text in ["", "# to be written\n"] {
        let told = the_only(text);
        assert!(
            told.contains("nothing is said about this environment") && told.contains("[stacks.network]"),
            "{told}"
        );
    }
}

#[test]
fn what_follows_from_a_mistake_is_not_told_again() {
    for (right, wrong) in [
        ("[environment]", "[environments]"),
        ("[stacks.cluster]", "[stack.cluster]"),
        ("account = \"111122223333\"", "account = \"1111-2222-3333\""),
        ("region = \"eu-central-1\"", "region = \"N. Virginia\""),
        ("[environment]", "project = \"Scoring\"\n[environment]"),
    ] {
        let dev = dev_with(right, wrong);
        let found = load_files(&[("dev.toml", dev.trim_start_matches("extends = \"common.toml\""))]).unwrap_err();
        let own: Vec<String> = found
            .0
            .iter()
            .filter(|problem| ![codes::MISSING_SETTING, codes::WORKLOAD_TARGET].contains(&problem.code))
            .map(tell)
            .collect();
        assert_eq!(own.len(), 1, "{wrong}: {own:#?}");
    }
}

#[test]
fn a_name_that_aws_knows_otherwise_is_suggested() {
    for (written, meant) in [
        ("N. Virginia", "us-east-1"),
        ("EU (Frankfurt)", "eu-central-1"),
        ("eu_central_1", "eu-central-1"),
        ("useast1", "us-east-1"),
        ("US-EAST-1", "us-east-1"),
    ] {
        let told = told(&dev_with("\"eu-central-1\"", &format!("\"{written}\"")));
        assert!(told[0].ends_with(&format!("did you mean `{meant}`?")), "{told:#?}");
    }
}

#[test]
fn a_stack_name_that_cloudformation_refuses_is_found_before_it_does() {
    let name = "s".repeat(120);
    let told = the_only(&dev_with(
        "[stacks.cluster]",
        &format!("[stacks.{name}]\nmodule = \"s3\"\n[stacks.cluster]"),
    ));
    assert!(told.contains("too long: 132 characters"), "{told}");
}

#[test]
fn a_name_that_is_a_path_is_refused_before_anything_is_read() {
    for name in ["../dev", "dev.toml", "Dev", "", "dev-", "a/b"] {
        let found = load(name, &mut |_| panic!("read")).unwrap_err();
        assert_eq!(found.0[0].code, codes::ENVIRONMENT_NAME);
    }
}

#[test]
fn the_digest_changes_with_every_byte_and_with_nothing_else() {
    let digest = |common: &str| {
        load_files(&[("dev.toml", DEV), ("common.toml", common)])
            .unwrap()
            .digest()
    };
    assert_eq!(digest(COMMON), digest(COMMON));
    assert_ne!(digest(COMMON), digest(&format!("{COMMON} ")));
    assert_eq!(digest(COMMON).len(), 64);
}

#[test]
fn numbers_that_do_not_fit_and_dates_are_not_swallowed() {
    let told = the_only(&dev_with("zones = [\"a\"]", "zones = [99999999999999999999]"));
    assert!(told.starts_with("MLI0114 environments/dev.toml:8:10"), "{told}");
    let dev = dev_with("zones = [\"a\"]", "zones = 2026-01-01");
    let environment = load_files(&[("dev.toml", &dev), ("common.toml", COMMON)]).unwrap();
    assert_eq!(
        environment.stacks["network"].inputs["zones"].value.value,
        super::Data::String("2026-01-01".into())
    );
}

mod properties {
    use proptest::prelude::*;

    proptest! {
        /// Whatever stands in a file: an answer with places inside of the text, and no panic.
        #[test]
        fn any_text_is_loaded_or_refused(text in "\\PC*|(?s)[\\[\\]a-z=\"'\\n.{} ]{0,80}") {
            if let Err(problems) = super::load_files(&[("dev.toml", &text)]) {
                for problem in problems.0 {
                    prop_assert!(!problem.message.is_empty());
                    for label in problem.labels {
                        prop_assert!(label.span.bytes.end <= label.span.source.text.len());
                    }
                }
            }
        }
    }
}

#[test]
fn what_a_misspelt_key_was_meant_to_be_is_not_missing_as_well() {
    let head = "[project]\nname = \"a\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n";
    let stacks = "[stacks.network]\nmodule = \"vpc\"\n";
    for (text, expected) in [
        (
            format!("{head}[stack.network]\nmodule = \"vpc\"\n"),
            "MLI0104 environments/dev.toml:6:2 environment files have no key `stack` | did you mean `stacks`?",
        ),
        (
            format!("{head}{stacks}").replace("[environment]", "[enviroment]"),
            "MLI0104 environments/dev.toml:3:2 environment files have no key `enviroment` | did you mean `environment`?",
        ),
        (
            format!("{head}{stacks}").replace("account", "acount"),
            "MLI0104 environments/dev.toml:4:1 [environment] has no key `acount` | did you mean `account`?",
        ),
        (
            format!("{head}{stacks}").replace("module", "modul"),
            "MLI0106 environments/dev.toml:6:9 the stack `network` has no `module` | did you mean `module` by `modul`?",
        ),
        (
            format!("{head}{stacks}").replace("us-east-1", "us-esat-1"),
            "MLI0108 environments/dev.toml:5:10 `us-esat-1` is not the name of a region | did you mean `us-east-1`?",
        ),
    ] {
        assert_eq!(told(&text), [expected]);
    }
}

#[test]
fn waivers_of_an_environment_replace_those_that_it_extends() {
    let waiver = |rule: &str| format!("\n[[waivers]]\nrule = \"{rule}\"\nreason = \"r\"\nexpires = 2027-06-30\n");
    let common = format!("{COMMON}{}{}", waiver("a"), waiver("b"));
    let rules = |dev: &str| -> Vec<String> {
        let environment = load_files(&[("dev.toml", dev), ("common.toml", &common)]).unwrap();
        environment
            .waivers
            .into_iter()
            .map(|waiver| waiver.rule.value)
            .collect()
    };
    assert_eq!(rules(DEV), ["a", "b"]);
    assert_eq!(rules(&format!("{DEV}{}", waiver("c"))), ["c"]);
}

#[test]
fn a_waiver_says_what_it_lacks_and_what_is_wrong_with_it() {
    let head = DEV.lines().count() + 1;
    let told: Vec<String> = told(&format!(
        "{DEV}\n[[waivers]]\nrule = \"a\"\nexpire = 2027-06-30\n[[waivers]]\nrule = \"a\"\nstack = \"netwrok\"\nreason = \"\"\nexpires = 2027-06-30T12:00:00Z\n"
    ))
    .into_iter()
    .map(|line| line.replace("environments/dev.toml:", ""))
    .collect();
    let at = |line: usize| head + line;
    assert_eq!(
        told,
        [
            format!(
                "MLI0106 {}:1 a waiver has no `expires` | expires = 2027-06-30: the last day on which it holds, at most a year ahead",
                at(2)
            ),
            format!(
                "MLI0106 {}:1 a waiver has no `reason` | reason = \"...\": what somebody has to know who finds it in a year",
                at(2)
            ),
            format!(
                "MLI0104 {}:1 a waiver has no key `expire` | did you mean `expires`?",
                at(3)
            ),
            format!(
                "MLI0117 {}:9 there is no stack `netwrok` | did you mean `network`?",
                at(6)
            ),
            format!(
                "MLI0122 {}:10 a waiver gives no reason | say in one sentence why it is safe here",
                at(7)
            ),
            format!(
                "MLI0119 {}:11 `expires` must be a date, this is 2027-06-30T12:00:00Z | year, month and day: expires = 2027-06-30",
                at(8)
            ),
        ]
    );
}

//! What the command line promises.

mod advice;

use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::*;

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap()
}

fn refusal(line: &str) -> String {
    Cli::try_parse_from(line.split(' ')).unwrap_err().to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_option_has_an_environment_twin() {
    fn visit(command: &clap::Command, missing: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
            let own = !matches!(argument.get_id().as_str(), "help" | "version");
            let twin = argument
                .get_env()
                .is_some_and(|name| name.to_string_lossy().starts_with("MLINFRA_"));
            if own && !twin {
                missing.push(format!("{} --{}", command.get_name(), argument.get_id()));
            }
        }
        for inner in command.get_subcommands() {
            visit(inner, missing);
        }
    }
    let mut missing = Vec::new();
    visit(&Cli::command(), &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_verb_and_option_explains_itself() {
    fn visit(command: &clap::Command, silent: &mut Vec<String>) {
        if command.get_about().is_none() {
            silent.push(command.get_name().to_owned());
        }
        for argument in command.get_arguments() {
            if argument.get_help().is_none() {
                silent.push(format!("{} {}", command.get_name(), argument.get_id()));
            }
        }
        for inner in command.get_subcommands() {
            visit(inner, silent);
        }
    }
    let mut silent = Vec::new();
    visit(&Cli::command(), &mut silent);
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn global_options_may_follow_the_verb() {
    let cli = parse("mlinfra plan dev --sandbox --format json -C elsewhere --lock-timeout 1h30m");
    assert!(cli.global.sandbox);
    assert_eq!(cli.global.format, Format::Json);
    assert_eq!(cli.global.project_dir.unwrap().to_str(), Some("elsewhere"));
    assert_eq!(cli.global.lock_timeout, Some(Duration::from_secs(5400)));
}

#[test]
fn targets_can_be_repeated_and_listed() {
    let Command::Apply(args) = parse("mlinfra apply dev --target a --target b,c").command else {
        panic!("apply expected")
    };
    assert_eq!(args.targets, ["a", "b", "c"]);
}

#[test]
fn the_sandbox_and_an_endpoint_exclude_each_other() {
    assert!(refusal("mlinfra plan dev --sandbox --endpoint-url http://x").contains("cannot be used with"));
}

#[test]
fn an_output_name_needs_its_stack() {
    let Command::Outputs(args) = parse("mlinfra outputs dev network vpc_id").command else {
        panic!("outputs expected")
    };
    assert_eq!(
        (args.stack.as_deref(), args.name.as_deref()),
        (Some("network"), Some("vpc_id"))
    );
}

#[test]
fn lengths_of_time_have_units() {
    assert_eq!(values::duration("90"), Ok(Duration::from_secs(90)));
    assert_eq!(values::duration("15m"), Ok(Duration::from_secs(900)));
    for bad in ["", "m", "15x", "1h30", "-5s", "99999999999999999999h"] {
        assert!(values::duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_empty_variable_switches_nothing_on() {
    assert_eq!(values::switch(""), Ok(false));
    assert_eq!(values::switch("Yes"), Ok(true));
    assert!(values::switch("flase").is_err());
}

#[test]
fn names_that_cloudformation_or_s3_would_refuse_are_refused_early() {
    assert!(values::project_name("churn-2").is_ok());
    for bad in [
        "",
        "Churn",
        "2churn",
        "churn-",
        "a--b",
        "a_b",
        "a-name-that-is-much-too-long",
    ] {
        assert!(values::project_name(bad).is_err(), "{bad}");
    }
    assert!(values::region("us-gov-west-1").is_ok() && values::region("us-east").is_err());
    assert!(values::account("111122223333").is_ok() && values::account("1234").is_err());
}

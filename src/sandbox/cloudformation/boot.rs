//! The boot of an instance that a creation policy waits for: its user data runs and signals, as cloud-init would do.
//!
//! Nothing is executed. The script is read for `cfn-signal` ("cfn-signal", CloudFormation helper scripts reference) or
//! `aws cloudformation signal-resource`, and what it would say is said after the time that a boot takes.

use base64::Engine as _;
use serde_json::Value;

use super::execute::record;
use super::faults::{FaultTask, strike};
use super::state::{Boot, Resource, Signals, Stack};
use super::step::step;
use super::{CloudFormation, Millis};

/// From a running instance to the end of user data that installs a few packages.
const BOOT: Millis = 150 * 1_000;

/// The boot of an instance that was made: when it signals and what, if its user data signals this resource at all.
pub(super) fn of(service: &mut CloudFormation, stack: &Stack, resource: &Resource) -> Option<Boot> {
    if resource.resource_type != "AWS::EC2::Instance" {
        return None;
    }
    let script = user_data(&resource.properties)?;
    let said = signal(
        &script,
        &[&stack.name, &stack.id],
        &resource.logical_id,
        &service.region,
    )?;
    let subject = (
        stack.name.as_str(),
        resource.logical_id.as_str(),
        resource.resource_type.as_str(),
    );
    if strike(&mut service.faults, subject, FaultTask::Signal, false).is_some() {
        return None;
    }
    let fails = strike(&mut service.faults, subject, FaultTask::Boot, false).is_some();
    Some(Boot {
        after: BOOT,
        at: None,
        success: match said {
            Said::Outcome => !fails,
            Said::Always(success) => success,
        },
    })
}

/// Has the instance signal if its boot is over at `at`; tells when that will be, if it is not.
pub(super) fn signalled(
    service: &mut CloudFormation,
    stack: &mut Stack,
    index: usize,
    at: Millis,
    resource: &Resource,
) -> Option<Millis> {
    let signals: &mut Signals = step(stack, index)?.signals.as_mut()?;
    let boot = signals.boot.as_mut()?;
    let ends = *boot.at.get_or_insert(at + boot.after);
    if at < ends {
        return Some(ends);
    }
    let success = boot.success;
    signals.boot = None;
    let physical = resource.physical_id.clone().unwrap_or_default();
    signals.received.insert(physical.clone(), success);
    let word = if success { "SUCCESS" } else { "FAILURE" };
    let reason = format!("Received {word} signal with UniqueId {physical}");
    let subject = (
        resource.logical_id.as_str(),
        physical.as_str(),
        resource.resource_type.as_str(),
    );
    record(service, stack, at, subject, &resource.status, Some(reason), None);
    None
}

/// User data as the machine reads it.
fn user_data(properties: &Value) -> Option<String> {
    let encoded = properties.get("UserData").and_then(Value::as_str)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

/// What a script signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// The outcome of what ran before.
    Outcome,
    /// The same, whatever happens.
    Always(bool),
}

/// What a script signals for one of these stacks and this resource; nothing if it signals something else or nothing.
fn signal(script: &str, stacks: &[&str], logical_id: &str, region: &str) -> Option<Said> {
    let joined = script.replace("\\\n", " ");
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut said = None;
    for line in joined.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some((name, value)) = assignment(line) {
            let value = expand(value, &variables);
            variables.push((name.to_owned(), value));
        }
        let words: Vec<String> = words(line).iter().map(|word| expand(word, &variables)).collect();
        let Some((stack_option, resource_option)) = command(&words) else {
            continue;
        };
        let there = option(&words, "--region").is_none_or(|named| named == region);
        let stack = option(&words, stack_option).unwrap_or_default();
        if !there || !stacks.contains(&stack) || option(&words, resource_option) != Some(logical_id) {
            continue;
        }
        let outcome = match (
            option(&words, "--success").or(option(&words, "-s")),
            option(&words, "--exit-code").or(option(&words, "-e")),
            option(&words, "--status"),
        ) {
            (Some(word), ..) => Said::Always(word.eq_ignore_ascii_case("true")),
            (_, Some(code), _) if code.chars().all(|c| c.is_ascii_digit()) => Said::Always(code == "0"),
            (_, _, Some("SUCCESS")) => Said::Outcome,
            (_, _, Some("FAILURE")) => Said::Always(false),
            _ => Said::Outcome,
        };
        // A script that says both, each where it belongs (a trap, an `||`), says how it went.
        said = Some(match said {
            Some(other) if other != outcome => Said::Outcome,
            _ => outcome,
        });
    }
    said
}

/// The options that name the stack and the resource, if the words hold one of the two commands.
fn command(words: &[String]) -> Option<(&'static str, &'static str)> {
    let is_helper = |word: &String| word.rsplit(['/', '`', '(']).next() == Some("cfn-signal");
    if words.iter().any(is_helper) {
        return Some(("--stack", "--resource"));
    }
    let is_call =
        |pair: &[String]| matches!(pair, [service, call] if service == "cloudformation" && call == "signal-resource");
    words
        .windows(2)
        .any(is_call)
        .then_some(("--stack-name", "--logical-resource-id"))
}

/// The value of an option, as `--name value` or `--name=value`.
fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words
        .iter()
        .enumerate()
        .find_map(|(index, word)| match word.strip_prefix(name) {
            Some("") => words.get(index + 1).map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        })
}

/// `NAME=value`, also after `export`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = ["export ", "readonly ", "local "]
        .iter()
        .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
    let (name, value) = line.split_once('=')?;
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    legal.then(|| (name, value.trim_matches(['"', '\''])))
}

/// The words of a line of shell, quotes taken off.
fn words(line: &str) -> Vec<String> {
    line.split(|c: char| {
        c.is_whitespace() || matches!(c, ';' | '&' | '|' | '"' | '\'' | '{' | '}') && !line.contains("${")
    })
    .map(|word| word.trim_matches(['"', '\'', ';', '&', '|']).to_owned())
    .filter(|word| !word.is_empty())
    .collect()
}

/// `$NAME` and `${NAME}` of what the script itself has assigned.
fn expand(text: &str, variables: &[(String, String)]) -> String {
    variables.iter().rev().fold(text.to_owned(), |text, (name, value)| {
        let braced = text.replace(&format!("${{{name}}}"), value);
        match braced == format!("${name}") {
            true => value.clone(),
            false => braced,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Said, signal};

    fn said(script: &str) -> Option<Said> {
        signal(script, &["work", "arn:stack"], "Machine", "us-east-1")
    }

    #[test]
    fn a_script_signals_its_outcome_a_constant_or_another_resource() {
        for script in [
            "#!/bin/bash\ndnf install -y git\n/opt/aws/bin/cfn-signal -e $? --stack work --resource Machine --region us-east-1",
            "cfn-signal --exit-code $? \\\n  --stack=work \\\n  --resource=Machine",
            "STACK='work'\nexport NAME=\"Machine\"\ncfn-signal -e \"$?\" --stack \"$STACK\" --resource \"${NAME}\"",
            "trap 'cfn-signal --success false --stack work --resource Machine' ERR\ncfn-signal --success true --stack work --resource Machine",
            "finish() { cfn-signal -e \"$1\" --stack \"arn:stack\" --resource Machine; }",
            "aws cloudformation signal-resource --stack-name work --logical-resource-id Machine --unique-id $ID --status SUCCESS",
        ] {
            assert_eq!(said(script), Some(Said::Outcome), "{script}");
        }
        assert_eq!(
            said("cfn-signal --success false --stack work --resource Machine"),
            Some(Said::Always(false))
        );
        assert_eq!(
            said("cfn-signal -e 0 --stack work --resource Machine"),
            Some(Said::Always(true))
        );
        for script in [
            "echo ready",
            "# cfn-signal --stack work --resource Machine",
            "cfn-signal --stack other --resource Machine",
            "cfn-signal --stack work --resource Other",
            "cfn-signal --stack work --resource Machine --region eu-west-1",
        ] {
            assert_eq!(said(script), None, "{script}");
        }
    }
}

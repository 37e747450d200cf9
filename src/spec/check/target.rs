//! `[environment]`: where everything goes, and what happens when it fails.

use super::super::syntax::Table;
use super::super::{OnFailure, Spanned, field, keys, partition};
use super::Missing;
use crate::diagnostic::{Problem, Problems, codes};

pub(super) struct Target {
    pub(super) account: Spanned<String>,
    pub(super) region: Spanned<String>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) protect: bool,
    pub(super) on_failure: OnFailure,
}

pub(super) fn target(table: &Table, missing: &Missing, problems: &mut Problems) -> Option<Target> {
    let entry = table.get("environment");
    let Some(section) = field::table(table, "environment", problems) else {
        if entry.is_none() {
            problems.push(missing.problem("the section [environment] is missing".into(), None).hint(
                "it says where everything goes:  [environment]  account = \"111122223333\"  region = \"us-east-1\"",
            ));
        }
        return None;
    };
    let known = keys::names(keys::ENVIRONMENT);
    field::unknown_keys(section, &known, "[environment]", codes::UNKNOWN_KEY, problems);
    for key in ["account", "region"] {
        if !section.contains_key(key) {
            problems.push(
                missing
                    .problem(format!("[environment] has no `{key}`"), entry)
                    .hint(match key {
                        "account" => "add the account's twelve digits; `aws sts get-caller-identity` shows them",
                        _ => "for example: region = \"us-east-1\"",
                    }),
            );
        }
    }
    let account = field::string(section, "account", problems);
    if let Some(account) = &account {
        check_account(account, problems);
    }
    let region = field::string(section, "region", problems);
    if let Some(region) = &region {
        check_region(region, problems);
    }
    let role_arn = field::string(section, "role_arn", problems);
    if let Some(role) = &role_arn {
        check_role(role, account.as_ref(), region.as_ref(), problems);
    }
    let on_failure = match field::string(section, "on_failure", problems) {
        None => Some(OnFailure::Rollback),
        Some(choice) => match choice.value.as_str() {
            "delete" => Some(OnFailure::Delete),
            "rollback" => Some(OnFailure::Rollback),
            "keep" => Some(OnFailure::Keep),
            other => {
                let problem = Problem::error(codes::INVALID_CHOICE, format!("`on_failure` cannot be `{other}`"))
                    .at(choice.span.clone(), "");
                problems.push(field::with_suggestion(
                    problem,
                    other,
                    keys::choices(keys::ENVIRONMENT, "on_failure").iter().copied(),
                    "it can be",
                ));
                None
            }
        },
    };
    let protect = field::boolean(section, "protect", problems).unwrap_or(false);
    Some(Target {
        account: account?,
        region: region?,
        role_arn,
        protect,
        on_failure: on_failure?,
    })
}

fn check_account(account: &Spanned<String>, problems: &mut Problems) {
    let text = &account.value;
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return;
    }
    let problem = Problem::error(codes::INVALID_ACCOUNT, format!("`{text}` is not an account id"))
        .at(account.span.clone(), "")
        .note("an account id is twelve digits");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    problems.push(match digits.len() {
        12 => problem.hint(format!("without anything between the digits: \"{digits}\"")),
        11 => problem.hint("did a leading zero get lost?"),
        _ => problem,
    });
}

/// `us-east-1`, `ap-southeast-2`, `us-gov-west-1`: words and a number, as in "AWS Regions", AWS General Reference.
fn check_region(region: &Spanned<String>, problems: &mut Problems) {
    let mut parts: Vec<_> = region.value.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let words = parts
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    let numbered = !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    if words && numbered && (2..=3).contains(&parts.len()) {
        return;
    }
    let problem = Problem::error(
        codes::INVALID_REGION,
        format!("`{}` is not the name of a region", region.value),
    )
    .at(region.span.clone(), "");
    let zone = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    problems.push(if zone != number && !zone.is_empty() && words {
        problem.hint(format!(
            "that looks like an availability zone; its region is {}-{zone}",
            parts.join("-")
        ))
    } else {
        problem.hint("for example \"us-east-1\" or \"eu-central-1\"")
    });
}

fn check_role(
    role: &Spanned<String>,
    account: Option<&Spanned<String>>,
    region: Option<&Spanned<String>>,
    problems: &mut Problems,
) {
    let parts: Vec<_> = role.value.splitn(6, ':').collect();
    let (found_partition, found_account) = match parts.as_slice() {
        ["arn", found_partition, "iam", "", found_account, name]
            if name.strip_prefix("role/").is_some_and(is_role_name) && found_account.len() == 12 =>
        {
            (*found_partition, *found_account)
        }
        _ => {
            problems.push(
                Problem::error(
                    codes::INVALID_ROLE,
                    format!("`{}` is not the ARN of a role", role.value),
                )
                .at(role.span.clone(), "")
                .hint("for example: role_arn = \"arn:aws:iam::111122223333:role/mlinfra-dev\""),
            );
            return;
        }
    };
    if let Some(account) = account.filter(|account| account.value != found_account) {
        problems.push(
            Problem::error(
                codes::INVALID_ROLE,
                format!(
                    "the role is in account {found_account}, the environment in {}",
                    account.value
                ),
            )
            .at(role.span.clone(), "this role")
            .at(account.span.clone(), "this account")
            .note("assuming it would always end in another account, which is refused")
            .hint("correct the one that is wrong"),
        );
    }
    if let Some(region) = region {
        let expected = partition(&region.value);
        if found_partition != expected {
            problems.push(
                Problem::error(
                    codes::INVALID_ROLE,
                    format!("the role is in partition {found_partition}, the region in {expected}"),
                )
                .at(role.span.clone(), "this role")
                .at(region.span.clone(), "this region"),
            );
        }
    }
}

/// "CreateRole", IAM API Reference: `[\w+=,.@-]+`, with a path of segments before it.
fn is_role_name(name: &str) -> bool {
    !name.is_empty()
        && !name.ends_with('/')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c))
}

//! `[environment]`: where everything goes, and what happens when it fails.

use super::super::syntax::Table;
use super::super::{OnFailure, Spanned, field, keys, partition};
use super::Missing;
use crate::diagnostic::{Problem, Problems, closest, codes};

pub(super) struct Target {
    pub(super) account: Spanned<String>,
    pub(super) region: Spanned<String>,
    pub(super) role_arn: Option<Spanned<String>>,
    pub(super) permissions_boundary: Option<Spanned<String>>,
    pub(super) protect: bool,
    pub(super) on_failure: OnFailure,
}

pub(super) fn target(table: &Table, missing: &Missing<'_>, problems: &mut Problems) -> Option<Target> {
    let entry = table.get("environment");
    let Some(section) = field::table(table, "environment", problems) else {
        if !missing.is_told("environment") && field::lacks(table, "environment", &keys::names(keys::FILE)) {
            problems.push(missing.problem("the section [environment] is missing".into(), None).hint(
                "it says where everything goes:\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"",
            ));
        }
        return None;
    };
    let known = keys::names(keys::ENVIRONMENT);
    field::unknown_keys(section, &known, "[environment]", codes::UNKNOWN_KEY, problems);
    for key in ["account", "region"] {
        if !missing.is_told(key) && field::lacks(section, key, &known) {
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
    let permissions_boundary = field::string(section, "permissions_boundary", problems);
    if let Some(boundary) = &permissions_boundary {
        check_boundary(boundary, account.as_ref(), region.as_ref(), problems);
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
        permissions_boundary,
        protect,
        on_failure: on_failure?,
    })
}

fn check_account(account: &Spanned<String>, problems: &mut Problems) {
    let text = &account.value;
    if is_account(text) {
        return;
    }
    let problem = Problem::error(codes::INVALID_ACCOUNT, format!("`{text}` is not an account id"))
        .at(account.span.clone(), "")
        .note("an account id is twelve digits");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let alike: String = text
        .chars()
        .map(|c| match c {
            'O' | 'o' => '0',
            'I' | 'l' => '1',
            c => c,
        })
        .collect();
    let in_an_arn = text.split(':').nth(4).filter(|part| is_account(part));
    problems.push(match (in_an_arn, digits.len()) {
        (Some(part), _) => problem.hint(format!("the account of this ARN is \"{part}\"")),
        _ if is_account(&alike) => {
            problem.hint(format!("with digits for the letters that look like them: \"{alike}\""))
        }
        (None, 12) => problem.hint(format!("without anything between the digits: \"{digits}\"")),
        (None, 11) => problem.hint("did a leading zero get lost?"),
        _ => problem.hint("`aws sts get-caller-identity` shows the account that you are in"),
    });
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands before the number in the name of every region.
const DIRECTIONS: [&str; 9] = [
    "central",
    "east",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "southwest",
    "west",
];

/// `us-east-1`, `ap-southeast-2`, `us-gov-west-1`: words and a number, as in "AWS Regions", AWS General Reference.
fn check_region(region: &Spanned<String>, problems: &mut Problems) {
    let written = region.value.as_str();
    if is_region(written) {
        return;
    }
    let problem = Problem::error(
        codes::INVALID_REGION,
        format!("`{written}` is not the name of a region"),
    )
    .at(region.span.clone(), "");
    let zone = written.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if zone != written && is_region(zone) {
        problems.push(problem.hint(format!("that looks like an availability zone; its region is {zone}")));
        return;
    }
    let plain = written.trim().to_lowercase().replace(['_', ' '], "-");
    let place = written.to_lowercase();
    let near = PLACES
        .iter()
        .find(|(_, name)| place.contains(name))
        .map(|(region, _)| *region)
        .or_else(|| is_region(&plain).then_some(plain.as_str()))
        .or_else(|| closest(&plain, PLACES.iter().map(|(region, _)| *region)));
    problems.push(match near {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("for example \"us-east-1\" or \"eu-central-1\""),
    });
}

fn is_region(name: &str) -> bool {
    let mut parts: Vec<_> = name.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let words = parts
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    let numbered = !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    let direction = parts.last().copied().unwrap_or_default();
    words && numbered && (2..=3).contains(&parts.len()) && DIRECTIONS.contains(&direction)
}

/// Regions and what the console calls them ("AWS Regions", AWS General Reference), for suggestions only: a region that
/// is newer than this list is accepted.
const PLACES: &[(&str, &str)] = &[
    ("us-east-1", "virginia"),
    ("us-east-2", "ohio"),
    ("us-west-1", "california"),
    ("us-west-2", "oregon"),
    ("af-south-1", "cape town"),
    ("ap-east-1", "hong kong"),
    ("ap-northeast-1", "tokyo"),
    ("ap-northeast-2", "seoul"),
    ("ap-northeast-3", "osaka"),
    ("ap-south-1", "mumbai"),
    ("ap-south-2", "hyderabad"),
    ("ap-southeast-1", "singapore"),
    ("ap-southeast-2", "sydney"),
    ("ap-southeast-3", "jakarta"),
    ("ap-southeast-4", "melbourne"),
    ("ca-central-1", "canada"),
    ("ca-west-1", "calgary"),
    ("cn-north-1", "beijing"),
    ("cn-northwest-1", "ningxia"),
    ("eu-central-1", "frankfurt"),
    ("eu-central-2", "zurich"),
    ("eu-north-1", "stockholm"),
    ("eu-south-1", "milan"),
    ("eu-south-2", "spain"),
    ("eu-west-1", "ireland"),
    ("eu-west-2", "london"),
    ("eu-west-3", "paris"),
    ("il-central-1", "tel aviv"),
    ("me-central-1", "uae"),
    ("me-south-1", "bahrain"),
    ("sa-east-1", "paulo"),
];

/// A boundary is a policy of the account itself, or one of AWS's own ("Permissions boundaries for IAM entities").
fn check_boundary(
    boundary: &Spanned<String>,
    account: Option<&Spanned<String>>,
    region: Option<&Spanned<String>>,
    problems: &mut Problems,
) {
    let problem = |message: String| Problem::error(codes::INVALID_BOUNDARY, message).at(boundary.span.clone(), "");
    let parts: Vec<_> = boundary.value.splitn(6, ':').collect();
    let (found_partition, owner) = match parts.as_slice() {
        ["arn", found_partition, "iam", "", owner, name]
            if name.strip_prefix("policy/").is_some_and(is_role_name) && (is_account(owner) || *owner == "aws") =>
        {
            (*found_partition, *owner)
        }
        _ => {
            let problem = problem(format!("`{}` is not the ARN of a policy", boundary.value));
            problems.push(if boundary.value.contains("${") {
                problem.hint("variables are not replaced here: write the account's digits")
            } else {
                problem
                    .note("the ARN of a policy is arn:PARTITION:iam::ACCOUNT:policy/NAME")
                    .hint("`mlinfra outputs ENV STACK` of a stack of the module `access` prints `permissions_boundary_arn`")
            });
            return;
        }
    };
    if let Some(account) = account.filter(|account| owner != "aws" && account.value != owner) {
        problems.push(
            problem(format!(
                "the policy is in account {owner}, the environment in {}",
                account.value
            ))
            .at(account.span.clone(), "this account")
            .note("roles carry policies of their own account, or of AWS")
            .hint("correct the one that is wrong"),
        );
    }
    if let Some(region) = region.filter(|region| partition(&region.value) != found_partition) {
        problems.push(
            problem(format!(
                "the policy is in partition {found_partition}, the region in {}",
                partition(&region.value)
            ))
            .at(region.span.clone(), "this region")
            .hint("correct the one that is wrong"),
        );
    }
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
            let message = format!("`{}` is not the ARN of a role", role.value);
            let problem = Problem::error(codes::INVALID_ROLE, message).at(role.span.clone(), "");
            let here = account.map_or("111122223333", |account| account.value.as_str());
            let here = if is_account(here) { here } else { "111122223333" };
            let name = match parts.as_slice() {
                ["arn", _, "sts", "", _, session] => session
                    .strip_prefix("assumed-role/")
                    .and_then(|rest| rest.split('/').next()),
                [name] if is_role_name(name) => Some(*name),
                _ => None,
            };
            problems.push(if role.value.contains("${") {
                problem.hint("variables are not replaced here: write the account's digits")
            } else if let Some(name) = name {
                let partition = region.map_or("aws", |region| partition(&region.value));
                problem.hint(format!("write: role_arn = \"arn:{partition}:iam::{here}:role/{name}\""))
            } else {
                problem
                    .note("the ARN of a role is arn:PARTITION:iam::ACCOUNT:role/NAME")
                    .hint(format!(
                        "for example: role_arn = \"arn:aws:iam::{here}:role/mlinfra-dev\""
                    ))
            });
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
                .at(region.span.clone(), "this region")
                .hint(format!(
                    "write: \"{}\"",
                    role.value.replacen(found_partition, expected, 1)
                )),
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

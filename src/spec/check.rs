//! From a merged table to an [`Environment`]: everything that is wrong, at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::keys::{MAX_TAGS, OWN_TAGS};
use super::syntax::Table;
use super::{Backend, Data, Entry, Environment, OnFailure, Spanned, StackSpec, WorkloadSpec, field, keys, partition};
use crate::diagnostic::{Problem, Problems, Source, Span, codes};

pub(super) fn environment(name: &str, table: &Table, sources: Vec<Arc<Source>>) -> Result<Environment, Problems> {
    let mut problems = Problems::default();
    let top = keys::names(keys::FILE);
    for (key, entry) in table {
        if !top.contains(&key.as_str()) {
            let problem = Problem::error(codes::UNKNOWN_KEY, format!("environment files have no key `{key}`"))
                .at(entry.key.clone(), "");
            let table_of = |keys: &[&str]| keys.contains(&key.as_str());
            problems.push(if table_of(&keys::names(keys::ENVIRONMENT)) {
                problem.hint(format!("`{key}` belongs into the table [environment]"))
            } else {
                field::with_suggestion(problem, key, top.iter().copied(), "they have")
            });
        }
    }
    let start = sources.first().map(|source| Span::new(source, 0..0));
    let missing = Missing { start };
    let project = project(table, &missing, &mut problems);
    let target = target(table, &missing, &mut problems);
    let backend = backend(table, project.as_ref(), target.as_ref(), &mut problems);
    let tags = tags(table, &mut problems);
    let stacks = stacks(table, &missing, &mut problems);
    let workloads = workloads(table, &stacks, &mut problems);
    if let Some(project) = &project {
        for stack in stacks.values() {
            check_stack_name(project, name, &stack.name, &mut problems);
        }
    }
    match (project, target, backend) {
        (Some(project), Some(target), Some(backend)) if !problems.has_errors() => Ok(Environment {
            name: name.to_owned(),
            project,
            account: target.account,
            region: target.region,
            role_arn: target.role_arn,
            protect: target.protect,
            on_failure: target.on_failure,
            backend,
            tags,
            stacks,
            workloads,
            sources,
        }),
        _ => Err(problems),
    }
}

/// Whether `name` is lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Where to point when something is absent: the top of the environment's own file, or the table that lacks it.
struct Missing {
    start: Option<Span>,
}

impl Missing {
    fn problem(&self, message: String, table: Option<&Entry>) -> Problem {
        let problem = Problem::error(codes::MISSING_SETTING, message);
        match table.map(|entry| entry.key.clone()).or_else(|| self.start.clone()) {
            Some(span) => problem.at(span, ""),
            None => problem,
        }
    }
}

fn project(table: &Table, missing: &Missing, problems: &mut Problems) -> Option<Spanned<String>> {
    let section = field::table(table, "project", problems);
    if let Some(section) = section {
        field::unknown_keys(
            section,
            &keys::names(keys::PROJECT),
            "[project]",
            codes::UNKNOWN_KEY,
            problems,
        );
    }
    let Some(name) = section.and_then(|section| field::string(section, "name", problems)) else {
        if !section.is_some_and(|section| section.contains_key("name")) {
            problems.push(
                missing
                    .problem("the project has no name".into(), table.get("project"))
                    .hint("add to this file or to one that it extends:  [project]  name = \"my-project\""),
            );
        }
        return None;
    };
    if !is_name(&name.value) {
        problems.push(bad_name("project", &name));
    }
    Some(name)
}

fn bad_name(what: &str, name: &Spanned<String>) -> Problem {
    let problem = Problem::error(codes::INVALID_NAME, format!("`{}` cannot be the name of a {what}", name.value))
        .at(name.span.clone(), "")
        .note("names are lower-case letters, digits and hyphens, and begin with a letter: they become parts of CloudFormation's");
    let mended: String = name
        .value
        .to_lowercase()
        .chars()
        .map(|c| if c == '_' || c == ' ' || c == '.' { '-' } else { c })
        .collect();
    if is_name(&mended) {
        problem.hint(format!("for example: {mended}"))
    } else {
        problem
    }
}

struct Target {
    account: Spanned<String>,
    region: Spanned<String>,
    role_arn: Option<Spanned<String>>,
    protect: bool,
    on_failure: OnFailure,
}

fn target(table: &Table, missing: &Missing, problems: &mut Problems) -> Option<Target> {
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

fn backend(
    table: &Table,
    project: Option<&Spanned<String>>,
    target: Option<&Target>,
    problems: &mut Problems,
) -> Option<Backend> {
    let section = field::table(table, "backend", problems);
    if let Some(section) = section {
        field::unknown_keys(
            section,
            &keys::names(keys::BACKEND),
            "[backend]",
            codes::UNKNOWN_KEY,
            problems,
        );
    }
    let mut given = |key: &str| section.and_then(|section| field::string(section, key, problems));
    let (given_bucket, given_table) = (given("bucket"), given("table"));
    let default_bucket = || {
        let (project, target) = (project?, target?);
        Some(Spanned {
            value: format!(
                "{}-mlinfra-{}-{}",
                project.value, target.account.value, target.region.value
            ),
            span: project.span.clone(),
        })
    };
    let default_table = || {
        project.map(|project| Spanned {
            value: format!("{}-mlinfra-locks", project.value),
            span: project.span.clone(),
        })
    };
    let from_file = given_bucket.is_some();
    let bucket = given_bucket.or_else(default_bucket)?;
    if let Some(reason) = bucket_fault(&bucket.value) {
        let problem = Problem::error(
            codes::INVALID_BACKEND,
            format!("`{}` cannot be the name of a bucket: {reason}", bucket.value),
        );
        problems.push(if from_file {
            problem.at(bucket.span.clone(), "")
        } else {
            problem
                .at(bucket.span.clone(), "the default name is made of the project's")
                .hint("give the bucket a name of its own:  [backend]  bucket = \"...\"")
        });
    }
    let table = given_table.or_else(default_table)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !(3..=255).contains(&table.value.len()) || !table.value.chars().all(allowed) {
        problems.push(
            Problem::error(
                codes::INVALID_BACKEND,
                format!("`{}` cannot be the name of a table", table.value),
            )
            .at(table.span.clone(), "")
            .note("DynamoDB takes 3 to 255 letters, digits, `_`, `.` and `-`"),
        );
    }
    Some(Backend {
        bucket: bucket.value,
        table: table.value,
    })
}

/// "General purpose buckets naming rules", Amazon S3 User Guide. Dots are refused too: TLS certificates and
/// virtual-hosted addresses do not work with them.
fn bucket_fault(name: &str) -> Option<String> {
    const PREFIXES: [&str; 4] = ["xn--", "sthree-", "amzn-s3-demo-", "aws-"];
    const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.len() > 63 {
        return Some(format!("it has {} characters, S3 takes 63", name.len()));
    }
    if name.len() < 3 {
        return Some("it is shorter than 3 characters".into());
    }
    if !name.chars().all(|c| edge(c) || c == '-') {
        return Some("only lower-case letters, digits and hyphens are allowed".into());
    }
    if !name.starts_with(edge) || !name.ends_with(edge) {
        return Some("it must begin and end with a letter or digit".into());
    }
    let reserved = PREFIXES
        .iter()
        .find(|prefix| name.starts_with(**prefix))
        .or_else(|| SUFFIXES.iter().find(|suffix| name.ends_with(**suffix)));
    reserved.map(|part| format!("`{part}` is reserved by AWS"))
}

fn tags(table: &Table, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(section) = field::table(table, "tags", problems) else {
        return BTreeMap::new();
    };
    if section.len() > MAX_TAGS
        && let Some((_, entry)) = section.get_index(MAX_TAGS)
    {
        problems.push(
            Problem::error(codes::INVALID_TAG, format!("{} tags are too many", section.len()))
                .at(entry.key.clone(), format!("this is number {}", MAX_TAGS + 1))
                .note(format!("a stack takes 50, and mlinfra adds {OWN_TAGS}")),
        );
    }
    let mut tags = BTreeMap::new();
    for (key, entry) in section {
        if let Some(reason) = tag_key_fault(key) {
            problems.push(
                Problem::error(codes::INVALID_TAG, format!("the tag `{key}` is refused: {reason}"))
                    .at(entry.key.clone(), ""),
            );
        }
        if let Some(value) = field::string(section, key, problems) {
            if let Some(reason) = tag_text_fault(&value.value, 256) {
                problems.push(
                    Problem::error(
                        codes::INVALID_TAG,
                        format!("the value of tag `{key}` is refused: {reason}"),
                    )
                    .at(value.span.clone(), ""),
                );
            }
            tags.insert(key.clone(), value.value);
        }
    }
    tags
}

fn tag_key_fault(key: &str) -> Option<String> {
    if key.to_lowercase().starts_with("aws:") {
        return Some("the prefix `aws:` is AWS's own".into());
    }
    if key.to_lowercase().starts_with("mlinfra:") {
        return Some("tags that begin with `mlinfra:` are set by mlinfra".into());
    }
    tag_text_fault(key, 128)
}

/// "Tag naming limits and requirements", Tagging AWS Resources User Guide.
fn tag_text_fault(text: &str, longest: usize) -> Option<String> {
    let length = text.chars().count();
    if length == 0 {
        return Some("it is empty".into());
    }
    if length > longest {
        return Some(format!("it has {length} characters, AWS takes {longest}"));
    }
    let allowed = |c: &char| c.is_alphanumeric() || *c == ' ' || "_.:/=+-@".contains(*c);
    text.chars()
        .find(|c| !allowed(c))
        .map(|bad| format!("`{}` is not allowed in tags", bad.escape_default()))
}

fn stacks(table: &Table, missing: &Missing, problems: &mut Problems) -> IndexMap<String, StackSpec> {
    let Some(section) = field::table(table, "stacks", problems) else {
        if !table.contains_key("stacks") {
            problems.push(
                missing
                    .problem("the environment has no stacks".into(), None)
                    .hint("add one:  [stacks.network]  module = \"vpc\"")
                    .hint("`mlinfra module list` shows what there is"),
            );
        }
        return IndexMap::new();
    };
    let mut stacks = IndexMap::new();
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        if !is_name(&name.value) {
            problems.push(bad_name("stack", &name));
        }
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        match field::string(body, "module", problems) {
            Some(module) => {
                let inputs = without(body, &["module"]);
                let key = name.value.clone();
                stacks.insert(key, StackSpec { name, module, inputs });
            }
            None if body.contains_key("module") => {}
            None => problems.push(
                missing
                    .problem(format!("the stack `{}` has no `module`", name.value), Some(entry))
                    .hint("for example: module = \"vpc\"; `mlinfra module list` shows what there is"),
            ),
        }
    }
    stacks
}

/// "CreateStack", CloudFormation API Reference: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
fn check_stack_name(project: &Spanned<String>, environment: &str, stack: &Spanned<String>, problems: &mut Problems) {
    let name = format!("{}-{environment}-{}", project.value, stack.value);
    if name.len() > 128 {
        problems.push(
            Problem::error(
                codes::INVALID_NAME,
                format!(
                    "the stack would be called `{name}`, which is {} characters long",
                    name.len()
                ),
            )
            .at(stack.span.clone(), "")
            .at(project.span.clone(), "the project's name is part of it")
            .note("CloudFormation takes 128"),
        );
    }
}

fn workloads(
    table: &Table,
    stacks: &IndexMap<String, StackSpec>,
    problems: &mut Problems,
) -> IndexMap<String, WorkloadSpec> {
    let Some(section) = field::table(table, "workloads", problems) else {
        return IndexMap::new();
    };
    let written_stacks: Vec<&str> = match table.get("stacks").map(|entry| &entry.value.value) {
        Some(Data::Table(written)) => written.keys().map(String::as_str).collect(),
        _ => stacks.keys().map(String::as_str).collect(),
    };
    let kinds = keys::choices(keys::WORKLOAD, "kind");
    let mut workloads = IndexMap::new();
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        if !is_name(&name.value) {
            problems.push(bad_name("workload", &name));
        }
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        for (key, hint) in [
            ("kind", "kind = \"api\", \"batch\" or \"stream\""),
            ("on", "on = \"cluster\": the stack that it runs on"),
        ] {
            if !body.contains_key(key) {
                let problem = Problem::error(
                    codes::MISSING_SETTING,
                    format!("the workload `{}` has no `{key}`", name.value),
                );
                problems.push(problem.at(entry.key.clone(), "").hint(hint));
            }
        }
        let kind = field::string(body, "kind", problems);
        if let Some(kind) = &kind
            && !kinds.contains(&kind.value.as_str())
        {
            let problem = Problem::error(codes::INVALID_CHOICE, format!("a workload cannot be `{}`", kind.value))
                .at(kind.span.clone(), "");
            problems.push(field::with_suggestion(
                problem,
                &kind.value,
                kinds.iter().copied(),
                "it can be",
            ));
        }
        let on = field::string(body, "on", problems);
        if let Some(on) = &on
            && !written_stacks.contains(&on.value.as_str())
        {
            let problem = Problem::error(codes::WORKLOAD_TARGET, format!("there is no stack `{}`", on.value))
                .at(on.span.clone(), "");
            problems.push(field::with_suggestion(
                problem,
                &on.value,
                written_stacks.iter().copied(),
                "there are",
            ));
        }
        if let (Some(kind), Some(on)) = (kind, on) {
            let settings = without(body, &["kind", "on"]);
            let key = name.value.clone();
            workloads.insert(
                key,
                WorkloadSpec {
                    name,
                    kind,
                    on,
                    settings,
                },
            );
        }
    }
    workloads
}

fn without(table: &Table, keys: &[&str]) -> Table {
    let kept = table.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    kept.map(|(key, entry)| (key.clone(), entry.clone())).collect()
}

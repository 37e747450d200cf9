//! `[backend]`: the bucket and the table of state and locks.

use super::super::syntax::Table;
use super::super::{Backend, Spanned, field, keys};
use super::target::Target;
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn backend(
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
    // A default that is made of a wrong name, account or region is wrong with it, which was told.
    let told = problems
        .0
        .iter()
        .any(|problem| [codes::INVALID_NAME, codes::INVALID_ACCOUNT, codes::INVALID_REGION].contains(&problem.code));
    if let Some(reason) = bucket_fault(&bucket.value).filter(|_| from_file || !told) {
        let problem = Problem::error(
            codes::INVALID_BACKEND,
            format!("`{}` cannot be the name of a bucket: {reason}", bucket.value),
        );
        problems.push(if from_file {
            let problem = problem.at(bucket.span.clone(), "");
            match mended(&bucket.value) {
                Some(mended) => problem.hint(format!("for example: \"{mended}\"")),
                None => problem,
            }
        } else {
            problem
                .at(bucket.span.clone(), "the default name is made of the project's")
                .hint("shorten it, or give the bucket a name of its own:\n[backend]\nbucket = \"my-state\"")
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
            .note("DynamoDB takes 3 to 255 letters, digits, `_`, `.` and `-`")
            .hint("without [backend] table, it is called PROJECT-mlinfra-locks"),
        );
    }
    Some(Backend {
        bucket: bucket.value,
        table: table.value,
    })
}

/// The bucket's name that `written` was near to: without the URL round it, in lower case, with hyphens.
fn mended(written: &str) -> Option<String> {
    let name = written.trim_start_matches("s3://").trim_start_matches("arn:aws:s3:::");
    let name = name.split('/').next().unwrap_or(name);
    let name = name.to_lowercase().replace(['_', '.', ' '], "-");
    (name != written && bucket_fault(&name).is_none()).then_some(name)
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

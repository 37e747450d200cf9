//! `image`: built, pulled, or laid ready by something else.

use super::super::super::syntax::Table;
use super::super::super::workload::Image;
use super::super::super::{Spanned, conform::fits};
use super::{Subject, neighbours, read};
use crate::diagnostic::{Problem, Problems, codes};

pub(super) fn image(subject: &Subject<'_>, problems: &mut Problems) -> Option<Image> {
    let entry = subject.body.get("image")?;
    let table = read::table(subject.body, "image")?;
    let given: Vec<&str> = ["context", "reference", "layout"]
        .into_iter()
        .filter(|key| table.contains_key(*key))
        .collect();
    let refuse = |message: String| Problem::error(codes::WORKLOAD_IMAGE, message).at(entry.key.clone(), "");
    let source = match given.as_slice() {
        [source] => *source,
        [] => {
            problems.push(
                refuse("nothing says where the image comes from".to_owned())
                    .hint("built from a folder: image = { context = \".\" }")
                    .hint("there already: image = { reference = \"ghcr.io/acme/scorer:1.4.2\" }")
                    .hint("built by something else: image = { layout = \"build/scorer.oci\" }"),
            );
            return None;
        }
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            problems
                .push(refuse(format!("the image comes from several places: {}", names.join(", "))).hint("keep one"));
            return None;
        }
    };
    for key in ["dockerfile", "target", "args"] {
        if let Some(extra) = table.get(key).filter(|_| source != "context") {
            problems.push(
                Problem::error(codes::WORKLOAD_IMAGE, format!("`{key}` is for an image that is built"))
                    .at(extra.key.clone(), "")
                    .hint(format!("remove it, or write `context` in place of `{source}`")),
            );
        }
    }
    if source == "reference" {
        return reference(subject, table, problems).map(Image::Reference);
    }
    let repository = neighbours::repository(subject, table, problems)?;
    Some(match source {
        "layout" => Image::Layout {
            layout: read::text(table, "layout")?.value,
            repository,
        },
        _ => Image::Context {
            context: read::text(table, "context")?.value,
            dockerfile: read::text(table, "dockerfile").map_or_else(|| "Dockerfile".to_owned(), |text| text.value),
            target: read::text(table, "target").map(|text| text.value),
            args: read::strings(table, "args"),
            repository,
        },
    })
}

fn reference(subject: &Subject<'_>, table: &Table, problems: &mut Problems) -> Option<String> {
    let written = read::text(table, "reference")?;
    if let Some(repository) = table.get("repository") {
        problems.push(
            Problem::error(codes::WORKLOAD_IMAGE, "an image that exists already is pushed nowhere")
                .at(repository.key.clone(), "")
                .hint("remove `repository`"),
        );
    }
    let Some(parts) = parts(&written.value) else {
        problems.push(malformed(&written));
        return None;
    };
    let moves = parts.digest.is_none() && parts.tag.is_none_or(|tag| tag == "latest");
    if moves && subject.around.protect {
        let what = match parts.tag {
            Some(_) => "`latest` is another image tomorrow",
            None => "an image without a tag is another one tomorrow",
        };
        problems.push(
            Problem::error(codes::WORKLOAD_IMAGE, what)
                .at(written.span.clone(), "")
                .note("in a protected environment what runs is decided by its files")
                .hint(format!("name a version: reference = \"{}:1.4.2\"", parts.name))
                .hint(format!("or a digest: reference = \"{}@sha256:...\"", parts.name)),
        );
    }
    Some(written.value)
}

/// A reference taken apart.
struct Parts<'a> {
    name: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

/// The grammar of `distribution/reference`: host, path, tag and digest.
fn parts(text: &str) -> Option<Parts<'_>> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let after_host = rest.rfind('/').map_or(0, |at| at + 1);
    let colon = rest.get(after_host..)?.find(':').map(|at| after_host + at);
    let (name, tag) = match colon {
        Some(at) => (rest.get(..at)?, Some(rest.get(at + 1..)?)),
        None => (rest, None),
    };
    let well_formed = fits(
        "^[a-z0-9]+(([._-]|__|-+)[a-z0-9]+)*(:[0-9]{1,5})?(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*$",
        name,
    ) && tag.is_none_or(|tag| fits("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", tag))
        && digest.is_none_or(|digest| fits("^sha256:[0-9a-f]{64}$", digest));
    well_formed.then_some(Parts { name, tag, digest })
}

fn malformed(written: &Spanned<String>) -> Problem {
    let problem = Problem::error(
        codes::WORKLOAD_IMAGE,
        format!("`{}` is not a reference to an image", written.value),
    )
    .at(written.span.clone(), "");
    let problem = match written.value.split_once("://") {
        Some((_, rest)) => problem.hint(format!("write it without the scheme: \"{rest}\"")),
        None if written.value.contains("${") => problem.hint("variables are not replaced here"),
        None if written.value.contains(|c: char| c.is_ascii_uppercase()) => {
            problem.note("names of images are in lower case")
        }
        None => problem,
    };
    problem.note("it is HOST/PATH:TAG, or HOST/PATH@sha256: and 64 hexadecimal digits")
}

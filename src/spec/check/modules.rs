//! `[modules.NAME]`: modules that are fetched from a Git repository or an archive in S3.

use indexmap::IndexMap;

use super::super::syntax::Table;
use super::super::{Data, Entry, Fetched, Origin, Spanned, field, keys};
use super::{bad_name, is_name};
use crate::diagnostic::{Problem, Problems, Span, codes};

pub(super) fn modules(table: &Table, problems: &mut Problems) -> IndexMap<String, Fetched> {
    let Some(section) = field::table(table, "modules", problems) else {
        return IndexMap::new();
    };
    let mut modules = IndexMap::new();
    for (name, entry) in section {
        let name = Spanned {
            value: name.clone(),
            span: entry.key.clone(),
        };
        if !is_name(&name.value) {
            problems.push(bad_name("module", &name));
        }
        if let Data::String(text) = &entry.value.value {
            let problem = wrong(
                &entry.value.span,
                format!("the module `{}` must be a table", name.value),
            );
            problems.push(problem.hint(format!(
                "write:\n[modules.{}]\ngit = \"{text}\"\ntag = \"v1.0.0\"",
                name.value
            )));
            continue;
        }
        let Some(body) = field::table(section, &name.value, problems) else {
            continue;
        };
        if let Some(module) = module(&name, body, entry, problems) {
            modules.insert(name.value.clone(), module);
        }
    }
    modules
}

fn wrong(span: &Span, message: impl Into<String>) -> Problem {
    Problem::error(codes::MODULE_SOURCE, message).at(span.clone(), "")
}

fn module(name: &Spanned<String>, body: &Table, entry: &Entry, problems: &mut Problems) -> Option<Fetched> {
    let place = format!("[modules.{}]", name.value);
    let known = keys::names(keys::FETCHED);
    let before = problems.0.len();
    field::unknown_keys(body, &known, &place, codes::UNKNOWN_KEY, problems);
    let mut given = |key: &str| field::string(body, key, problems);
    let (git, tag, commit, s3, folder) = (
        given("git"),
        given("tag"),
        given("commit"),
        given("s3"),
        given("folder"),
    );
    if problems.0.len() > before {
        return None;
    }
    let folder = match folder {
        Some(folder) => Some(within(&folder, problems)?),
        None => None,
    };
    let origin = match (git, s3) {
        (Some(git), None) => from_git(&git, tag, commit, problems)?,
        (None, Some(s3)) => {
            if let Some(other) = tag.or(commit) {
                problems.push(
                    wrong(&other.span, "an archive in S3 has neither tag nor commit")
                        .hint("put the version into the archive's name: s3 = \"s3://BUCKET/NAME-1.0.0.tar.gz\""),
                );
                return None;
            }
            from_s3(&s3, problems)?
        }
        (Some(git), Some(s3)) => {
            problems.push(
                wrong(&git.span, format!("the module `{}` has two sources", name.value))
                    .at(s3.span, "the other one")
                    .hint("keep one of `git` and `s3`"),
            );
            return None;
        }
        (None, None) => {
            problems.push(
                wrong(
                    &entry.key,
                    format!("nothing says where the module `{}` is fetched from", name.value),
                )
                .hint("from a Git repository:\ngit = \"https://github.com/acme/ml-modules\"\ntag = \"v1.0.0\"")
                .hint("from an archive in S3:\ns3 = \"s3://acme-modules/NAME-1.0.0.tar.gz\"")
                .note("a module that lies in this project needs no entry here"),
            );
            return None;
        }
    };
    Some(Fetched {
        name: name.clone(),
        origin,
        folder,
    })
}

fn from_git(
    url: &Spanned<String>,
    tag: Option<Spanned<String>>,
    commit: Option<Spanned<String>>,
    problems: &mut Problems,
) -> Option<Origin> {
    if let Some((reason, hint)) = url_fault(&url.value) {
        problems.push(
            wrong(
                &url.span,
                format!("`git` cannot be \"{}\": {reason}", shown(&url.value)),
            )
            .hint(hint),
        );
        return None;
    }
    let (tag, commit) = match (tag, commit) {
        (Some(tag), None) => (Some(tag), None),
        (None, Some(commit)) => (None, Some(commit)),
        (Some(tag), Some(commit)) => {
            problems.push(
                wrong(&commit.span, "a module is fetched by tag or by commit, not by both")
                    .at(tag.span, "the tag")
                    .hint("with a tag, mlinfra.lock records the commit"),
            );
            return None;
        }
        (None, None) => {
            problems.push(
                wrong(&url.span, "nothing says which version of the repository is meant")
                    .hint("add: tag = \"v1.0.0\"")
                    .hint("or:  commit = \"...\", all forty digits")
                    .note("branches are not taken: what was reviewed must stay what is used"),
            );
            return None;
        }
    };
    if let Some(tag) = &tag
        && !is_tag(&tag.value)
    {
        problems.push(wrong(&tag.span, format!("`{}` cannot be a tag of Git", tag.value)));
        return None;
    }
    if let Some(commit) = &commit {
        let digits = commit.value.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if !digits || ![40, 64].contains(&commit.value.len()) {
            problems.push(
                wrong(&commit.span, format!("`{}` is not a whole commit id", commit.value))
                    .note("forty hexadecimal digits in lower case; short ones can come to mean another commit")
                    .hint("git rev-parse TAG^{commit}  prints it"),
            );
            return None;
        }
    }
    Some(Origin::Git {
        url: url.value.clone(),
        tag: tag.map(|tag| tag.value),
        commit: commit.map(|commit| commit.value),
    })
}

/// Why an address is not fetched from, and what to write.
fn url_fault(url: &str) -> Option<(&'static str, &'static str)> {
    const EXAMPLE: &str = "for example: \"https://github.com/acme/ml-modules\" or \"git@github.com:acme/ml-modules\"";
    if url.is_empty() || url.starts_with('-') || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some(("it is not an address", EXAMPLE));
    }
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if is_scp(url) => return None,
        None => return Some(("it is not an address", EXAMPLE)),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match scheme {
        "https" if authority.contains('@') => Some((
            "it holds credentials, which everybody who reads the file would have",
            "leave them to Git's credential helper, or use ssh",
        )),
        "ssh" if authority.split('@').next().is_some_and(|user| user.contains(':')) => {
            Some(("it holds a password", "use a key"))
        }
        "https" | "ssh" if rest.contains('/') && !authority.is_empty() && !authority.starts_with('-') => None,
        "https" | "ssh" => Some(("it names no repository", EXAMPLE)),
        "file" if rest.starts_with('/') => None,
        "http" | "git" => Some(("whoever is on the way could send other files", "use https or ssh")),
        _ => Some(("only https, ssh and file are fetched from", EXAMPLE)),
    }
}

/// `git@github.com:acme/ml-modules`: ssh as Git's users write it.
fn is_scp(url: &str) -> bool {
    let Some((host, path)) = url.split_once(':') else {
        return false;
    };
    let (user, host) = host.split_once('@').unwrap_or(("", host));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    plain(user) && plain(host) && host.contains('.') && !host.starts_with('-') && !path.is_empty()
}

/// An address without what a password may be in, for messages.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) if rest.split('/').next().is_some_and(|part| part.contains('@')) => {
            format!("{scheme}://…@{host}")
        }
        _ => url.to_owned(),
    }
}

/// "git-check-ref-format": the rules that matter to a tag that is typed into a file.
fn is_tag(tag: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    !tag.is_empty()
        && tag != "@"
        && !tag.starts_with(['-', '/', '.'])
        && !tag.ends_with(['/', '.'])
        && !tag.ends_with(".lock")
        && !["..", "//", "@{", "/."].iter().any(|part| tag.contains(part))
        && !tag.chars().any(forbidden)
}

fn from_s3(address: &Spanned<String>, problems: &mut Problems) -> Option<Origin> {
    let parts = address
        .value
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
    let archive = [".tar.gz", ".tgz"].iter().any(|ending| address.value.ends_with(ending));
    match parts {
        Some((bucket, key)) if archive => Some(Origin::S3 {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }),
        _ => {
            problems.push(
                wrong(&address.span, format!("`s3` cannot be \"{}\"", address.value))
                    .note("it names a gzipped tar archive: s3://BUCKET/KEY.tar.gz")
                    .hint("tar czf NAME-1.0.0.tar.gz modules templates  makes one"),
            );
            None
        }
    }
}

/// A folder inside of what is fetched.
fn within(folder: &Spanned<String>, problems: &mut Problems) -> Option<String> {
    let parts: Vec<&str> = folder
        .value
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let fine = !folder.value.starts_with('/')
        && !folder.value.contains('\\')
        && !parts.is_empty()
        && parts
            .iter()
            .all(|part| *part != ".." && !part.chars().any(char::is_control));
    if fine {
        return Some(parts.join("/"));
    }
    problems.push(
        wrong(&folder.span, format!("`folder` cannot be \"{}\"", folder.value))
            .note("it is the folder, inside of what is fetched, that holds modules/ and templates/"),
    );
    None
}

//! One tree of a Git repository, by the `git` program: it knows the user's credentials, proxies and keys.
//!
//! Nothing is checked out, so that neither hooks nor filters nor links of the repository have a say.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::clock::Clock;
use crate::module::package::untar;

/// How long one call of Git may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Why nothing was fetched, and what may help.
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) hints: Vec<String>,
}

impl Refused {
    fn new(why: impl Into<String>) -> Self {
        let hints = Vec::new();
        Self { why: why.into(), hints }
    }
}

/// The files at `reference` (a full name such as `refs/tags/v1`, or a commit) of the repository at `url`, and the
/// commit's id. `scratch` is an empty folder.
pub(super) async fn fetch(
    scratch: &Path,
    url: &str,
    reference: &str,
) -> Result<(BTreeMap<String, Vec<u8>>, String), Refused> {
    git(scratch, &["init", "--quiet", "--bare", "."]).await?;
    let asked = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--end-of-options",
        url,
        reference,
    ];
    git(scratch, &asked)
        .await
        .map_err(|refused| explained(refused, reference))?;
    let commit = git(scratch, &["rev-parse", "--verify", "FETCH_HEAD^{commit}"]).await?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    if !reference.starts_with("refs/") && commit != reference {
        return Err(Refused::new(format!("the server gave the commit {commit}")));
    }
    let tar = git(scratch, &["archive", "--format=tar", &commit]).await?;
    let tree = untar(tar.as_slice()).map_err(Refused::new)?;
    Ok((tree, commit))
}

async fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, Refused> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", "https:ssh:file")
        // An enclosing repository, or one that a hook runs for, is not meant.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_CEILING_DIRECTORIES", folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = Clock::real().timeout(PATIENCE, command.output()).await;
    let output = match ended {
        Err(_) => return Err(Refused::new(format!("git gave no answer for {} s", PATIENCE.as_secs()))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut refused = Refused::new("there is no program `git` here");
            refused
                .hints
                .push("install Git, or give the module as an archive in S3".to_owned());
            return Err(refused);
        }
        Ok(Err(error)) => return Err(Refused::new(format!("git cannot be started: {error}"))),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let fatal = lines
        .iter()
        .find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let line = fatal.or(lines.last()).copied().unwrap_or("it said nothing");
    Err(Refused::new(format!("git says: {}", plain(line))))
}

/// Adds what is known about Git's words.
fn explained(mut refused: Refused, reference: &str) -> Refused {
    let why = refused.why.to_lowercase();
    let hint = if why.contains("couldn't find remote ref") {
        let tag = reference.trim_start_matches("refs/tags/");
        Some(format!(
            "the repository has no tag {tag}; `git ls-remote --tags URL` lists those that it has"
        ))
    } else if why.contains("could not read username") || why.contains("authentication failed") {
        Some("Git has no credentials for it: set up a credential helper, or use git@host:path with a key".to_owned())
    } else if why.contains("permission denied (publickey") || why.contains("host key verification") {
        Some("ssh was refused: look at ssh -T with the same host".to_owned())
    } else if why.contains("unadvertised object") || why.contains("not our ref") {
        Some("the server does not give out this commit: use a tag that points at it".to_owned())
    } else {
        None
    };
    refused.hints.extend(hint);
    refused
}

/// A line without what could control a terminal.
fn plain(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(400).collect()
}

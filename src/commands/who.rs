//! Who runs this and from which commit: for records and for the lock, never for a decision.

use std::path::Path;
use std::process::{Command, Stdio};

use super::variables::Variables;

/// The page of the run, in GitHub Actions.
pub fn run_url(variables: &Variables) -> Option<String> {
    let server = variables.get("GITHUB_SERVER_URL")?;
    let repository = variables.get("GITHUB_REPOSITORY")?;
    let run = variables.get("GITHUB_RUN_ID")?;
    Some(format!("{server}/{repository}/actions/runs/{run}"))
}

/// `user@host`; in GitHub Actions the user who set it off.
pub fn actor(variables: &Variables) -> String {
    let user = ["GITHUB_ACTOR", "USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| variables.get(name));
    let host = variables.get("HOSTNAME").map(str::to_owned).or_else(host_name);
    format!(
        "{}@{}",
        user.unwrap_or("unknown"),
        host.as_deref()
            .map(str::trim)
            .filter(|host| !host.is_empty())
            .unwrap_or("unknown")
    )
}

fn host_name() -> Option<String> {
    fs_err::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| output(Command::new("hostname")))
}

/// The checkout's commit, twelve digits, with `-dirty` behind it if files differ; none without git or a checkout.
pub fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(root).args(arguments);
        output(command)
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let commit = commit.trim();
    if commit.is_empty() {
        return None;
    }
    let dirty =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.trim().is_empty());
    Some(format!("{commit}{}", if dirty { "-dirty" } else { "" }))
}

fn output(mut command: Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_github_run_has_a_page_and_a_person_is_named_by_user_and_host() {
        let run = Variables::from([
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/churn"),
            ("GITHUB_RUN_ID", "42"),
        ]);
        assert_eq!(
            run_url(&run).as_deref(),
            Some("https://github.com/acme/churn/actions/runs/42")
        );
        let person = Variables::from([("USER", "ana"), ("HOSTNAME", "laptop")]);
        assert_eq!((actor(&person).as_str(), run_url(&person)), ("ana@laptop", None));
    }

    #[test]
    fn a_folder_outside_any_checkout_has_no_commit() {
        assert_eq!(commit(Path::new("/")), None);
    }
}

//! Logins that Docker keeps: in its configuration file, or with a credential helper that the file names.
//!
//! From "docker login: Credential stores" and "Credential helpers", Docker's command line reference, and the protocol of
//! docker-credential-helpers: `get`, with the server on standard input, answers with user and secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};

/// How long a helper may take: a keychain may have to ask somebody.
const HELPER: Duration = Duration::from_secs(60);
/// By this name Docker Hub's login is kept.
const HUB: &str = "https://index.docker.io/v1/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    creds_store: String,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What Docker has for a registry, looked up once the registry asks for it: what is public needs none.
pub(super) struct Keeper {
    path: Option<PathBuf>,
    host: String,
    login: OnceCell<Login>,
}

/// What was found.
pub(super) struct Login {
    /// User and password, encoded as HTTP's Basic scheme wants them.
    pub(super) basic: Option<String>,
    /// Why it could not be looked up.
    pub(super) trouble: Option<Problem>,
}

impl Keeper {
    pub(super) fn new(path: Option<&Path>, host: &str) -> Self {
        Self {
            path: path.map(Path::to_owned),
            host: host.to_owned(),
            login: OnceCell::new(),
        }
    }

    /// One that has looked already.
    #[cfg(test)]
    pub(super) fn known(basic: Option<&str>) -> Self {
        let mut keeper = Self::new(None, "");
        keeper.login = OnceCell::new_with(Some(Login {
            basic: basic.map(str::to_owned),
            trouble: None,
        }));
        keeper
    }

    /// The login. Who cannot look it up goes on as nobody, as Docker does.
    pub(super) async fn login(&self) -> &Login {
        let look = async || match login(self.path.as_deref(), &self.host).await {
            Ok(basic) => Login { basic, trouble: None },
            Err(problem) => Login {
                basic: None,
                trouble: Some(problem),
            },
        };
        self.login.get_or_init(look).await
    }

    /// What was found, if it was asked for.
    pub(super) fn found(&self) -> Option<&Login> {
        self.login.get()
    }
}

/// User and password for `host`, encoded; none if Docker has none.
///
/// A helper for this registry alone goes first, then the store for all, then what the file itself holds.
///
/// # Errors
/// A file that is there and cannot be read; a helper that is not there, hangs, or fails.
async fn login(path: Option<&Path>, host: &str) -> Result<Option<String>, Problem> {
    let Some(path) = path else { return Ok(None) };
    let unusable = |why: String| {
        Problem::error(codes::REGISTRY_DENIED, "Docker's configuration file cannot be read")
            .note(why)
            .hint("correct it, or point DOCKER_CONFIG at the folder of another one")
    };
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    };
    let config: Config =
        serde_json::from_str(&text).map_err(|error| unusable(format!("{}: {error}", path.display())))?;
    let own = config.cred_helpers.iter().find(|(key, _)| is_of(key, host));
    if let Some((key, helper)) = own.filter(|(_, helper)| !helper.is_empty()) {
        return ask(helper, key).await;
    }
    if !config.creds_store.is_empty() {
        let server = if host == "docker.io" { HUB } else { host };
        if let Some(login) = ask(&config.creds_store, server).await? {
            return Ok(Some(login));
        }
    }
    let mut known = config.auths.iter().filter(|(key, _)| is_of(key, host));
    Ok(known.find_map(|(_, auth)| Some(auth.auth.clone()).filter(|auth| !auth.is_empty())))
}

/// Whether a key of the file means this registry: Docker writes them with and without scheme and path.
fn is_of(key: &str, host: &str) -> bool {
    let key = key.trim_start_matches("https://").trim_start_matches("http://");
    let key = key.split('/').next().unwrap_or_default();
    key == host || host == "docker.io" && matches!(key, "index.docker.io" | "registry-1.docker.io")
}

/// What `docker-credential-HELPER` has for `server`.
async fn ask(helper: &str, server: &str) -> Result<Option<String>, Problem> {
    ask_program(&format!("docker-credential-{helper}"), server).await
}

async fn ask_program(program: &str, server: &str) -> Result<Option<String>, Problem> {
    let failed = |why: String| {
        Problem::error(
            codes::REGISTRY_DENIED,
            format!("the credential helper `{program}` gives no login for {server}"),
        )
        .note(why)
        .hint(format!("try it: `echo {server} | {program} get`"))
        .hint("or take it out of Docker's configuration file (`credsStore`, `credHelpers`), and log in again")
    };
    let asked = async {
        let mut child = Command::new(program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // One that does not read has ended, and says itself why.
            let _ = input.write_all(server.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = match Clock::real().timeout(HELPER, asked).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(failed("it is not installed, or not in PATH".to_owned()));
        }
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(late) => return Err(failed(late.to_string())),
    };
    if !output.status.success() {
        // Helpers say it on standard output.
        let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        let said = said.join(" ");
        if said.contains("credentials not found") {
            return Ok(None);
        }
        let first = said.trim().lines().next().unwrap_or_default();
        return Err(failed(format!("{}: {first}", output.status)));
    }
    // What it says may hold the secret: nothing of it is shown.
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("it answers in a form that is not a helper's".to_owned()))?;
    if answer.username == "<token>" {
        return Err(failed("it has an identity token, which cannot be used here".to_owned())
            .hint("log in with a user and an access token: `docker login --username NAME`"));
    }
    Ok(Some(STANDARD.encode(format!("{}:{}", answer.username, answer.secret))))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs_err::write(&path, text).unwrap();
        (folder, path)
    }

    #[tokio::test]
    async fn a_password_is_found_under_any_of_the_names_that_docker_gives_a_registry() {
        let (_folder, path) = config(
            r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHVi"}, "ghcr.io": {"auth": "Z2g="}, "quay.io": {}}}"#,
        );
        for (host, found) in [
            ("docker.io", Some("aHVi")),
            ("ghcr.io", Some("Z2g=")),
            ("quay.io", None),
            ("example.com", None),
        ] {
            assert_eq!(login(Some(&path), host).await.unwrap().as_deref(), found, "{host}");
        }
        fs_err::write(&path, "{").unwrap();
        let problem = login(Some(&path), "ghcr.io").await.unwrap_err();
        assert_eq!(problem.code, codes::REGISTRY_DENIED);
        assert_eq!(
            login(Some(Path::new("/nowhere/config.json")), "ghcr.io").await.unwrap(),
            None
        );
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_the_server_and_what_it_says_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker-credential-test");
        let program = program.to_str().unwrap();
        for (script, found) in [
            // It repeats what it was asked for, so that this can be seen.
            (
                r#"printf '{"ServerURL":"x","Username":"ada","Secret":"%s"}' "$(cat)""#,
                Ok(Some("ada:ghcr.io")),
            ),
            ("echo 'credentials not found in native keychain'; exit 1", Ok(None)),
            ("echo 'the keychain is locked'; exit 1", Err("the keychain is locked")),
            (
                r#"printf '{"Username":"<token>","Secret":"s3cr3t"}'"#,
                Err("identity token"),
            ),
            ("echo s3cr3t", Err("not a helper's")),
        ] {
            fs_err::write(program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs_err::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
            match (ask_program(program, "ghcr.io").await, found) {
                (Ok(login), Ok(found)) => assert_eq!(login, found.map(|text| STANDARD.encode(text)), "{script}"),
                (Err(problem), Err(why)) => {
                    assert_eq!(problem.code, codes::REGISTRY_DENIED);
                    let told = format!("{problem:?}");
                    assert!(told.contains(why) && !told.contains("s3cr3t"), "{script}: {told}");
                }
                (got, found) => panic!("{script}: {got:?} for {found:?}"),
            }
        }
        let problem = ask_program("/nowhere/docker-credential-x", "ghcr.io")
            .await
            .unwrap_err();
        assert!(problem.notes[0].contains("not installed"), "{problem:?}");
    }

    #[tokio::test]
    async fn the_helper_of_one_registry_and_the_store_for_all_go_before_the_file() {
        let (_folder, path) = config(
            r#"{"credsStore": "none-store", "credHelpers": {"https://ecr.example.com": "none-own"},
                "auths": {"ghcr.io": {"auth": "Z2g="}, "ecr.example.com": {"auth": "b2xk"}, "quay.io": {}}}"#,
        );
        for (host, program) in [
            ("ecr.example.com", "docker-credential-none-own"),
            ("ghcr.io", "docker-credential-none-store"),
            ("quay.io", "docker-credential-none-store"),
            ("docker.io", "docker-credential-none-store"),
        ] {
            let problem = login(Some(&path), host).await.unwrap_err();
            assert!(problem.message.contains(program), "{problem:?}");
        }
        // What is public is read all the same; what is not says why nobody was sent.
        let keeper = Keeper::new(Some(&path), "quay.io");
        assert!(keeper.found().is_none());
        assert!(keeper.login().await.basic.is_none());
        assert!(keeper.found().unwrap().trouble.is_some());
    }
}

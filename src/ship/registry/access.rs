//! Logging in: Basic at ECR, and what a registry's challenge asks for everywhere else.

use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

use super::call::Failure;
use super::docker::Keeper;
use super::{MAX_DOCUMENT, Repository, problem};
use crate::aws::ecr::{self, Login};
use crate::aws::http::{HttpError, body as whole};
use crate::aws::session::Session;
use crate::clock::Clock;

/// How long a token server may take.
const TOKEN: Duration = Duration::from_secs(30);

/// How a repository is logged in to.
#[expect(clippy::large_enum_variant, reason = "one is made for each repository")]
pub(super) enum Access {
    /// With a login of the account's, which lasts twelve hours.
    Ecr(Session),
    /// As a registry's challenge says, with the user and password that Docker has, if it has some.
    Docker(Keeper),
}

/// What is sent with each request.
#[derive(Default)]
pub(super) struct Token {
    /// The header `authorization`.
    pub(super) header: Option<String>,
    /// Grows with each token.
    pub(super) generation: u64,
    /// Whether the registry has taken it: one that it never took will not get better by asking for another.
    pub(super) accepted: bool,
}

impl Token {
    /// The token of a login to ECR.
    pub(super) fn of(login: &Login) -> Self {
        Self {
            header: Some(format!("Basic {}", login.basic)),
            generation: 1,
            accepted: false,
        }
    }
}

impl Repository {
    /// Gets another token in place of the one of generation `used`, unless somebody has done so meanwhile.
    pub(super) async fn renew(&self, used: u64, challenge: &str, said: &str) -> Result<(), Failure> {
        let mut token = self.token.lock().await;
        if token.generation != used {
            return Ok(());
        }
        if token.generation > 0 && !token.accepted {
            return Err(Failure::fatal(self.denied(said)));
        }
        let header = match &self.access {
            Access::Ecr(session) => match ecr::login(session).await {
                Ok(login) => format!("Basic {}", login.basic),
                Err(error) if error.is_transient() => return Err(Failure::again(error.to_string())),
                Err(error) => return Err(Failure::fatal(problem::no_login(&error))),
            },
            Access::Docker(keeper) => {
                let login = keeper.login().await;
                self.answer_challenge(challenge, login.basic.as_deref(), said).await?
            }
        };
        *token = Token {
            header: Some(header),
            generation: used + 1,
            accepted: false,
        };
        Ok(())
    }

    /// What a challenge asks for: a token of its realm, or user and password ("Token Authentication Specification").
    async fn answer_challenge(&self, challenge: &str, basic: Option<&str>, said: &str) -> Result<String, Failure> {
        let (scheme, parameters) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            let basic = basic.ok_or_else(|| Failure::fatal(self.denied(said)))?;
            return Ok(format!("Basic {basic}"));
        }
        let realm = parameter(parameters, "realm").filter(|_| scheme.eq_ignore_ascii_case("bearer"));
        let realm = realm.ok_or_else(|| Failure::fatal(self.denied(said)))?;
        // A password goes to nobody who could be listened to.
        let here = realm.strip_prefix("http://").is_some_and(|rest| {
            let host = rest.split('/').next().unwrap_or_default();
            super::reference::is_here(host)
        });
        if !realm.starts_with("https://") && !here {
            return Err(Failure::fatal(
                self.denied(&format!("its token server {realm} has no TLS")),
            ));
        }
        let mut url = format!("{realm}{}", if realm.contains('?') { '&' } else { '?' });
        let default_scope = format!("repository:{}:pull", self.name);
        let scope = parameter(parameters, "scope").unwrap_or(default_scope);
        url.push_str(&format!("scope={}", encoded(&scope)));
        if let Some(service) = parameter(parameters, "service") {
            url.push_str(&format!("&service={}", encoded(&service)));
        }
        let mut request = Request::builder().method(Method::GET).uri(&url);
        if let Some(basic) = basic {
            request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
        }
        let request = request
            .body(whole(""))
            .map_err(|error| Failure::fatal(self.denied(&error.to_string())))?;
        let asked = async {
            let response = self.http.send(request).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_DOCUMENT).collect().await?.to_bytes();
            Ok::<_, HttpError>((parts.status, body))
        };
        let clock = Clock::real();
        let (status, body) = match clock.timeout(TOKEN, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Failure::again(format!("{realm}: {error}"))),
            Err(late) => return Err(Failure::again(format!("{realm}: {late}"))),
        };
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Failure::again(format!("{realm} answers {status}")));
        }
        let found = serde_json::from_slice::<Answered>(&body).ok();
        match found.and_then(|found| found.token.or(found.access_token)) {
            Some(token) if status.is_success() => Ok(format!("Bearer {token}")),
            _ => Err(Failure::fatal(self.denied(&format!("{realm} answers {status}")))),
        }
    }
}

#[derive(Deserialize)]
struct Answered {
    token: Option<String>,
    access_token: Option<String>,
}

/// A parameter of a challenge: `realm="https://…",service="…"`.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = tail;
    }
}

/// Encodes all but what needs none.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_parameters_of_a_challenge_are_found_whatever_their_order() {
        let text =
            r#"realm="https://auth.example.com/token",service="registry, with a comma",scope="repository:a/b:pull""#;
        assert_eq!(
            parameter(text, "realm").as_deref(),
            Some("https://auth.example.com/token")
        );
        assert_eq!(parameter(text, "service").as_deref(), Some("registry, with a comma"));
        assert_eq!(parameter(text, "Scope").as_deref(), Some("repository:a/b:pull"));
        assert_eq!(parameter(text, "error"), None);
    }
}

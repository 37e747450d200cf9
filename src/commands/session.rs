//! The one place that opens sessions: at AWS, at another endpoint, or in the embedded sandbox.

use std::sync::Arc;

use super::context::Context;
use super::error::CommandError;
use super::files;
use super::project::Project;
use crate::aws::session::{Endpoint, Session, SessionOptions};
use crate::aws::{backend, session};
use crate::cli::time_scale;
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::sandbox::{Fault, Sandbox, SandboxError, SandboxOptions, parse_faults};
use crate::spec::Environment;

/// How fast the sandbox's time runs if nothing else is said: a cluster that takes ten minutes takes ten seconds.
const SANDBOX_TIME_SCALE: f64 = 60.0;

/// Opens a session in the account and region of `environment`; any other account is refused. On the sandbox, the bucket
/// and the table of the backend are made where they are missing.
pub async fn open(context: &Context, project: &Project, environment: &Environment) -> Result<Session, CommandError> {
    let (endpoint, clock) = if context.global().sandbox {
        let clock = sandbox_clock(context)?;
        let place = (environment.account.value.as_str(), environment.region.value.as_str());
        (Endpoint::Sandbox(sandbox(context, project, place, clock).await?), clock)
    } else {
        let endpoint = context
            .global()
            .endpoint_url
            .clone()
            .map_or(Endpoint::Aws, Endpoint::Url);
        (endpoint, Clock::real())
    };
    let options = SessionOptions {
        endpoint,
        region: environment.region.value.clone(),
        account: environment.account.value.clone(),
        role_arn: environment.role_arn.as_ref().map(|role| role.value.clone()),
        clock,
        profile: context.global().profile.clone(),
    };
    let opened = context.unless_stopped(session::open(options)).await??;
    if opened.is_sandbox() {
        backend::ensure(&opened, &environment.backend.bucket, &environment.backend.table)
            .await
            .map_err(|error| error.problem())?;
    }
    Ok(opened)
}

/// Opens the project's sandbox of an account and region: each is a world of its own, as at AWS.
pub async fn sandbox(
    context: &Context,
    project: &Project,
    (account, region): (&str, &str),
    clock: Clock,
) -> Result<Arc<Sandbox>, CommandError> {
    let options = SandboxOptions {
        account: account.to_owned(),
        region: region.to_owned(),
        directory: Some(project.sandbox()),
        clock,
        faults: faults(context)?,
    };
    Ok(Sandbox::open(options).await.map_err(|error| unusable(&error))?)
}

/// The problem of a sandbox that cannot be used.
pub fn unusable(error: &SandboxError) -> Problem {
    let source = std::error::Error::source(error)
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    Problem::error(codes::SANDBOX_UNUSABLE, format!("{error}{source}"))
        .hint("`mlinfra sandbox reset` starts with an empty one")
}

/// The clock of the sandbox.
pub fn sandbox_clock(context: &Context) -> Result<Clock, CommandError> {
    const NAME: &str = "MLINFRA_SANDBOX_TIME_SCALE";
    let scale = match context.variables().get(NAME) {
        None => SANDBOX_TIME_SCALE,
        Some(text) => time_scale(text).map_err(|why| {
            let problem = Problem::error(codes::BAD_VARIABLE, format!("{NAME} is `{text}`: {why}"));
            CommandError::from(problem).of_kind(super::Kind::Usage)
        })?,
    };
    Ok(Clock::scaled(scale))
}

/// The faults that `MLINFRA_SANDBOX_FAULTS` names a file of.
fn faults(context: &Context) -> Result<Vec<Fault>, CommandError> {
    match context.variables().get("MLINFRA_SANDBOX_FAULTS") {
        Some(path) => read_faults(std::path::Path::new(path)),
        None => Ok(Vec::new()),
    }
}

/// Reads a file of faults.
pub fn read_faults(path: &std::path::Path) -> Result<Vec<Fault>, CommandError> {
    let shown = path.display();
    let text = files::text(path, files::MOST_TOML).map_err(|unread| {
        unread
            .problem(&shown.to_string())
            .hint("MLINFRA_SANDBOX_FAULTS, or --faults, names a file of faults; without it there are none")
    })?;
    Ok(parse_faults(&text)
        .map_err(|error| Problem::error(codes::TOML_SYNTAX, format!("{shown} is no list of faults: {error}")))?)
}

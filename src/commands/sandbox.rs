//! `mlinfra sandbox serve`, `list` and `reset`.

use std::path::Path;

use tokio::net::TcpListener;

use super::context::Context;
use super::error::CommandError;
use super::project::{Project, reason};
use super::prompt::{Question, ask};
use super::session::{read_faults, sandbox, sandbox_clock, unusable};
use super::{Done, Outcome};
use crate::cli::{SandboxResetArgs, SandboxServeArgs};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::sandbox::{Sandbox, SandboxOptions, serve as serve_on};
use crate::view::report::{SandboxItem, SandboxReport};

/// Serves until Ctrl-C.
pub async fn serve(context: &Context, args: &SandboxServeArgs) -> Outcome {
    let faults = match &args.faults {
        Some(path) => read_faults(&context.path(path))?,
        None => Vec::new(),
    };
    let options = SandboxOptions {
        account: args.account.clone(),
        region: args.region.clone(),
        directory: args.directory.as_ref().map(|directory| context.path(directory)),
        clock: Clock::scaled(args.time_scale),
        faults,
    };
    let sandbox = Sandbox::open(options).await.map_err(|error| unusable(&error))?;
    let failed = |error: &std::io::Error| {
        Problem::error(
            codes::SANDBOX_UNUSABLE,
            format!("cannot serve on port {}: {error}", args.port),
        )
        .hint("--port 0 takes a free one")
    };
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    context.view().note(&format!(
        "Account {} in {} is served on http://{address}, {} simulated seconds in a real one. Ctrl-C ends it.",
        args.account, args.region, args.time_scale
    ));
    context.view().output(&format!("http://{address}"));
    serve_on(sandbox, listener, context.stop())
        .await
        .map_err(|error| failed(&error))?;
    Ok(Done::Fine)
}

/// Lists everything in the project's sandbox, in every account and region.
pub async fn list(context: &Context) -> Outcome {
    let project = context.project()?;
    let clock = sandbox_clock(context)?;
    let mut items = Vec::new();
    for (account, region) in places(&project)? {
        let sandbox = sandbox(context, &project, (&account, &region), clock).await?;
        for item in sandbox.inventory().map_err(|error| unusable(&error))? {
            items.push(SandboxItem {
                account: account.clone(),
                region: region.clone(),
                service: item.service,
                kind: item.kind,
                id: item.id,
                status: item.status,
            });
        }
    }
    context.view().sandbox(&SandboxReport { items });
    Ok(Done::Fine)
}

/// Deletes everything in the project's sandbox.
pub async fn reset(context: &Context, args: &SandboxResetArgs) -> Outcome {
    let project = context.project()?;
    let places = places(&project)?;
    if places.is_empty() {
        context.view().note("The sandbox is empty");
        return Ok(Done::Fine);
    }
    if !args.yes {
        let question = Question {
            text: "Delete everything in this project's sandbox? Nothing in AWS is touched. Only `yes` deletes it:"
                .to_owned(),
            expected: "yes",
            flag: "--yes",
        };
        ask(context, question).await?;
    }
    for (account, region) in places {
        // Emptied through its own door, so that a process at work in it sees an empty sandbox and no broken one.
        let emptied = match sandbox(context, &project, (&account, &region), Clock::real()).await {
            Ok(sandbox) => sandbox.reset().is_ok(),
            Err(_) => false,
        };
        if !emptied {
            let folder = project.sandbox().join(&account).join(&region);
            fs_err::remove_dir_all(&folder).map_err(|error| {
                let message = format!("cannot delete {}: {}", folder.display(), reason(&error));
                Problem::error(codes::FILE_UNWRITABLE, message)
            })?;
        }
    }
    context.view().note("The sandbox is empty");
    Ok(Done::Fine)
}

/// The accounts and regions that the project's sandbox holds something of.
fn places(project: &Project) -> Result<Vec<(String, String)>, CommandError> {
    let mut places = Vec::new();
    for account in folders(&project.sandbox())? {
        for region in folders(&project.sandbox().join(&account))? {
            places.push((account.clone(), region));
        }
    }
    Ok(places)
}

fn folders(parent: &Path) -> Result<Vec<String>, CommandError> {
    let unreadable = |error: &std::io::Error| {
        Problem::error(
            codes::FILE_UNREADABLE,
            format!("cannot read {}: {}", parent.display(), reason(error)),
        )
    };
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs_err::read_dir(parent).map_err(|error| unreadable(&error))? {
        let entry = entry.map_err(|error| unreadable(&error))?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

//! `mlinfra workloads`, `mlinfra logs` and `mlinfra port-forward`.

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::error::CommandError;
use super::ship::{self, Dock, report_of};
use super::{Done, Outcome, lock};
use crate::cli::{LogsArgs, PortForwardArgs, WorkloadsArgs};
use crate::diagnostic::{Problem, codes};
use crate::ship::{Event, LogOptions, Running, Tell, kubernetes};
use crate::spec::Workload;
use crate::spec::workload::{Kind, Platform};
use crate::state::ShippedWorkload;
use crate::view::progress::show;
use crate::view::report::{WorkloadDrift, WorkloadList, WorkloadReport};

/// Shows what runs, since when, and from which commit.
pub async fn list(context: &Context, args: &WorkloadsArgs) -> Outcome {
    let dock = Dock::open(context, &args.environment).await?;
    let locked = context
        .unless_stopped(lock::look(&dock.world, std::time::Duration::ZERO))
        .await?
        .map_err(|error| error.problem())?;
    let state = dock.state();
    let (tell, stop) = (Tell::nobody(), context.stop());
    let asked = futures::future::join_all(dock.world.environment.workloads.values().map(|workload| {
        let known = state.workloads.get(&workload.name.value);
        one(&dock, workload, known, &tell, &stop)
    }));
    let mut workloads = context.unless_stopped(asked).await?;
    let listed = |name: &String| dock.world.environment.workloads.contains_key(name);
    for (name, known) in state.workloads.iter().filter(|(name, _)| !listed(name)) {
        workloads.extend(unlisted(&dock, name, known));
    }
    context.view().workloads(&WorkloadList {
        project: dock.world.environment.project.value.clone(),
        environment: dock.world.environment.name.clone(),
        account: dock.world.session.account.clone(),
        region: dock.world.session.region.clone(),
        workloads,
        lock: lock::report(&locked, &dock.reading.deployed),
    });
    Ok(Done::Fine)
}

async fn one(
    dock: &Dock,
    workload: &Workload,
    known: Option<&ShippedWorkload>,
    tell: &Tell,
    stop: &CancellationToken,
) -> WorkloadReport {
    let deployed = dock.reading.deployed.stacks.contains_key(&workload.on.value);
    let scene = dock.scene(workload, tell, stop);
    let asked = if deployed {
        ship::running(&scene).await
    } else {
        Ok(None)
    };
    let serving = known.and_then(|known| known.serving.as_ref());
    let attempted = known.is_some_and(|known| known.attempted.is_some());
    let drift = match &asked {
        Err(_) => WorkloadDrift::Unknown,
        Ok(_) if attempted => WorkloadDrift::Interrupted,
        Ok(None) if serving.is_none() => WorkloadDrift::NotShipped,
        Ok(running) if workload.batch.schedule.is_some() && !running.as_ref().is_some_and(|one| one.scheduled) => {
            WorkloadDrift::Gone
        }
        // Its platform forgets a batch some time after its end.
        Ok(None) if workload.kind == Kind::Batch => WorkloadDrift::None,
        Ok(None) => WorkloadDrift::Gone,
        Ok(Some(running)) => match serving {
            Some(serving) if !runs(running, &serving.image.digest) => WorkloadDrift::OtherImage,
            _ => WorkloadDrift::None,
        },
    };
    let (running, problem) = match asked {
        Ok(running) => (running, None),
        Err(problem) => (None, Some(problem)),
    };
    WorkloadReport {
        workload: workload.name.value.clone(),
        kind: Some(workload.kind.name()),
        platform: workload.platform,
        stack: workload.on.value.clone(),
        serving: serving.map(|shipped| report_of(dock, shipped)),
        previous: known
            .and_then(|known| known.previous.as_ref())
            .map(|shipped| report_of(dock, shipped)),
        running,
        drift,
        problem,
    }
}

/// Whether nothing but this image runs. Where the platform names none, nothing can be said against it.
fn runs(running: &Running, digest: &str) -> bool {
    running.images.iter().all(|image| image.ends_with(digest))
}

fn unlisted(dock: &Dock, name: &str, known: &ShippedWorkload) -> Option<WorkloadReport> {
    let serving = known.serving.as_ref()?;
    Some(WorkloadReport {
        workload: name.to_owned(),
        kind: None,
        platform: serving.platform,
        stack: serving.stack.clone(),
        serving: Some(report_of(dock, serving)),
        previous: known.previous.as_ref().map(|shipped| report_of(dock, shipped)),
        running: None,
        drift: WorkloadDrift::NotInFile,
        problem: None,
    })
}

/// Prints what the containers print. Being stopped is how following ends, and no error.
pub async fn logs(context: &Context, args: &LogsArgs) -> Outcome {
    let dock = Dock::open(context, &args.environment).await?;
    let workload = dock.workload(&args.workload)?;
    let options = LogOptions {
        follow: args.follow,
        tail: Some(args.tail),
        since_seconds: args.since.map(|since| since.as_secs()),
        previous: args.previous,
    };
    let stop = context.stop();
    let (events, heard) = unbounded_channel();
    let work = async {
        let tell = Tell::to(events);
        let scene = dock.scene(workload, &tell, &stop);
        ship::logs(&scene, &options).await
    };
    let show = show(context.view().log(), dock.world.session.clock, heard, |_: Event| ());
    let (result, ()) = tokio::join!(work, show);
    match result {
        Err(_) if stop.is_cancelled() && args.follow => Ok(Done::Fine),
        result => Ok(result.map(|()| Done::Fine)?),
    }
}

/// Listens here and passes connections on, until the user stops.
pub async fn port_forward(context: &Context, args: &PortForwardArgs) -> Outcome {
    let dock = Dock::open(context, &args.environment).await?;
    let workload = dock.workload(&args.workload)?;
    if workload.platform != Platform::Eks {
        let message = format!(
            "`{}` cannot be reached so: it runs on `{}`, which is not Kubernetes",
            args.workload, workload.on.value
        );
        return Err(CommandError::from(
            Problem::error(codes::NO_PORT_FORWARD, message)
                .at(workload.on.span.clone(), "")
                .hint(format!(
                    "{} says where it answers",
                    context.command(&format!("workloads {}", args.environment))
                )),
        ));
    }
    if dock.world.session.is_sandbox() && context.variables().get("MLINFRA_SANDBOX_FAULTS").is_none() {
        return Err(CommandError::from(
            Problem::error(
                codes::NO_PORT_FORWARD,
                "in the sandbox nothing runs that a connection could be passed on to",
            )
            .hint("run the container itself: docker run -p 8080:8080 IMAGE"),
        ));
    }
    let stop = context.stop();
    let (events, heard) = unbounded_channel();
    let port = args.port.unwrap_or(workload.port);
    let work = async {
        let tell = Tell::to(events);
        let scene = dock.scene(workload, &tell, &stop);
        let ready = |address: std::net::SocketAddr| {
            context.view().note(&format!(
                "Listening on {address}, passing on to port {} of `{}`; Ctrl-C ends it",
                workload.port, args.workload
            ));
        };
        kubernetes::port_forward(&scene, port, workload.port, ready).await
    };
    let show = show(context.view().log(), dock.world.session.clock, heard, |_: Event| ());
    let (result, ()) = tokio::join!(work, show);
    match result {
        Err(_) if stop.is_cancelled() => Ok(Done::Fine),
        result => Ok(result.map(|()| Done::Fine)?),
    }
}

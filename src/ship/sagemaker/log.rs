//! The lines of an endpoint's containers, or of a batch.

use std::time::Duration;

use super::super::event::Event;
use super::super::{LogOptions, Scene};
use super::{asked, job, requests};
use crate::aws::logs::{self, Line, Tail};
use crate::aws::sagemaker::endpoints;
use crate::diagnostic::{Problem, codes};
use crate::spec::workload::Kind;

const PAUSE: Duration = Duration::from_secs(3);
const HOUR: i64 = 3_600_000;
/// How far back lines are looked for where `tail` says how many and nothing says since when.
const WINDOWS: [i64; 3] = [HOUR, 24 * HOUR, 30 * 24 * HOUR];

/// The log group of an endpoint ("Log Groups and Streams", SageMaker Developer Guide).
pub(super) fn endpoint_group(name: &str) -> String {
    format!("/aws/sagemaker/Endpoints/{name}")
}

pub(super) async fn logs(scene: &Scene<'_>, options: &LogOptions) -> Result<(), Problem> {
    let (group, prefix) = place(scene).await?;
    let now = scene.session.clock.wall().as_millisecond();
    let windows: Vec<i64> = match options.since_seconds {
        Some(seconds) => vec![i64::try_from(seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000)],
        None => WINDOWS.to_vec(),
    };
    let most = options
        .tail
        .map_or(usize::MAX, |tail| usize::try_from(tail).unwrap_or(usize::MAX));
    let mut from = now;
    for window in windows {
        from = now.saturating_sub(window);
        let call = || logs::last(scene.session, &group, prefix.as_deref(), from, most);
        let lines = asked(scene, call).await?;
        if !lines.is_empty() && !options.follow {
            lines.iter().for_each(|line| tell(scene, line));
            return Ok(());
        }
        if !lines.is_empty() {
            break;
        }
    }
    if options.follow {
        follow(scene, Tail::new(group, prefix, from), most).await?;
    }
    Ok(())
}

/// The first look is cut to the last lines; from then on every line counts.
async fn follow(scene: &Scene<'_>, mut tail: Tail, most: usize) -> Result<(), Problem> {
    let mut is_first = true;
    while !scene.stop.is_cancelled() {
        match tail.next(scene.session).await {
            Ok(lines) => {
                let skipped = if is_first { lines.len().saturating_sub(most) } else { 0 };
                lines.iter().skip(skipped).for_each(|line| tell(scene, line));
                is_first = false;
            }
            // Nothing is lost: the next look begins where this one did.
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error.problem()),
        }
        tokio::select! {
            () = scene.session.clock.sleep(PAUSE) => {}
            () = scene.stop.cancelled() => {}
        }
    }
    Ok(())
}

fn tell(scene: &Scene<'_>, line: &Line) {
    scene.tell.event(Event::Log {
        source: line.stream.clone(),
        line: line.text.clone(),
    });
}

/// The group and, of a job, what its streams begin with.
async fn place(scene: &Scene<'_>) -> Result<(String, Option<String>), Problem> {
    let missing = || {
        Problem::error(
            codes::ENDPOINT_MISSING,
            format!("`{}` has not been shipped to SageMaker yet", scene.name()),
        )
        .hint(format!("`mlinfra ship {} {}`", scene.environment.name, scene.name()))
    };
    if scene.workload.kind == Kind::Batch {
        let newest = job::newest(scene).await?.ok_or_else(missing)?;
        let group = job::JobKind::Processing.log_group().to_owned();
        return Ok((group, Some(format!("{}/", newest.name))));
    }
    let name = requests::endpoint_name(scene.environment, scene.name());
    let found = asked(scene, || endpoints::describe_endpoint(scene.session, &name)).await?;
    found.ok_or_else(missing)?;
    Ok((endpoint_group(&name), None))
}

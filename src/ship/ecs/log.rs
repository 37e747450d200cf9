//! What containers print, from CloudWatch Logs: a stream for each task.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::{Event, LogOptions, Scene};
use super::read::Task;
use super::told;
use super::watch::tasks;
use crate::aws::ecs::tail_streams;
use crate::aws::error::AwsError;
use crate::aws::logs::Tail;
use crate::diagnostic::{Problem, codes};

/// How far back is looked where no task is known any more, in seconds.
const DAY: u64 = 86_400;
/// Between two looks at what has come.
const POLL: Duration = Duration::from_secs(3);

/// A stream whose lines are told once each.
pub(super) struct Follow {
    group: String,
    stream: String,
    source: String,
    /// The time of the last line, in milliseconds since 1970, and how many had it.
    from: i64,
    told: usize,
}

impl Follow {
    pub(super) fn new(group: String, stream: String, source: String, from: i64) -> Self {
        Self {
            group,
            stream,
            source,
            from,
            told: 0,
        }
    }

    /// Tells what has come since the last time; gives how many lines that were.
    pub(super) async fn next(&mut self, scene: &Scene<'_>) -> Result<usize, AwsError> {
        self.last(scene, None).await
    }

    /// As [`Self::next`], only the last so many.
    async fn last(&mut self, scene: &Scene<'_>, most: Option<u32>) -> Result<usize, AwsError> {
        let lines = tail_streams(scene.session, &self.group, &self.stream, self.from).await?;
        let new = lines.get(self.told.min(lines.len())..).unwrap_or_default();
        if let Some((last, _)) = lines.last() {
            self.told = lines.iter().filter(|(at, _)| at == last).count();
            self.from = *last;
        }
        let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let skipped = new.len().saturating_sub(most);
        for (_, line) in new.iter().skip(skipped) {
            scene.tell.event(Event::Log {
                source: self.source.clone(),
                line: line.clone(),
            });
        }
        Ok(new.len() - skipped)
    }
}

pub(super) async fn tell(scene: &Scene<'_>, cluster: &str, options: &LogOptions) -> Result<(), Problem> {
    let group = scene.output("log_group").ok_or_else(|| {
        let stack = &scene.workload.on.value;
        Problem::error(
            codes::ECS_STACK,
            format!("the stack `{stack}` as it is deployed does not give `log_group`"),
        )
        .hint(format!("bring it up to date: mlinfra apply {}", scene.environment.name))
    })?;
    let clock = scene.session.clock;
    let from = options.since_seconds.map_or(0, |seconds| {
        let since = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        clock.wall().as_millisecond().saturating_sub(since)
    });
    let mut streams: BTreeMap<String, Follow> = BTreeMap::new();
    loop {
        let is_first = streams.is_empty();
        for task in wanted(scene, cluster, options)
            .await
            .map_err(|error| told(scene, &error))?
        {
            let (name, id) = (scene.name(), task.id());
            let short = id.get(..8).unwrap_or(id);
            streams.entry(task.arn.clone()).or_insert_with(|| {
                let stream = format!("{name}/{name}/{id}");
                Follow::new(group.to_owned(), stream, format!("{name}/{short}"), from)
            });
        }
        for follow in streams.values_mut() {
            let most = options.tail.filter(|_| is_first);
            follow.last(scene, most).await.map_err(|error| told(scene, &error))?;
        }
        if !options.follow {
            if streams.is_empty() {
                earlier(scene, cluster, group, options).await?;
            }
            return Ok(());
        }
        tokio::select! {
            () = scene.stop.cancelled() => return Ok(()),
            () = clock.sleep(POLL) => {}
        }
    }
}

/// Tells the lines of the last task that printed any and no longer runs, which ECS may have forgotten: of the last day, or of
/// the time that was asked for.
async fn earlier(scene: &Scene<'_>, cluster: &str, group: &str, options: &LogOptions) -> Result<(), Problem> {
    let name = scene.name();
    let seconds = options.since_seconds.unwrap_or(DAY);
    let since = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    let from = scene.session.clock.wall().as_millisecond().saturating_sub(since);
    let mut tail = Tail::new(group, Some(format!("{name}/{name}/")), from);
    let mut lines = tail.next(scene.session).await.map_err(|error| told(scene, &error))?;
    let running = of_family(scene, cluster, "RUNNING").await;
    let running = running.map_err(|error| told(scene, &error))?;
    lines.retain(|line| !running.iter().any(|task| line.stream.ends_with(task.id())));
    let Some(last) = lines.last().map(|line| line.stream.clone()) else {
        let hours = seconds.div_ceil(3600);
        scene
            .tell
            .note(format!("no task of {name} has printed anything in the last {hours} h"));
        return Ok(());
    };
    let short = last.rsplit('/').next().and_then(|id| id.get(..8)).unwrap_or_default();
    let lines: Vec<_> = lines.iter().filter(|line| line.stream == last).collect();
    let most = options
        .tail
        .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    for line in lines.iter().skip(lines.len().saturating_sub(most)) {
        scene.tell.event(Event::Log {
            source: format!("{name}/{short}"),
            line: line.text.clone(),
        });
    }
    Ok(())
}

/// The tasks whose lines are wanted: those that run, or those that ran before; the last one where none runs.
async fn wanted(scene: &Scene<'_>, cluster: &str, options: &LogOptions) -> Result<Vec<Task>, AwsError> {
    let running = match options.previous {
        true => Vec::new(),
        false => of_family(scene, cluster, "RUNNING").await?,
    };
    if !running.is_empty() {
        return Ok(running);
    }
    let mut stopped = of_family(scene, cluster, "STOPPED").await?;
    stopped.sort_by_key(|task| std::cmp::Reverse(task.created));
    stopped.truncate(1);
    Ok(stopped)
}

/// The workload's tasks that are to be `RUNNING`, or `STOPPED`.
async fn of_family(scene: &Scene<'_>, cluster: &str, desired: &str) -> Result<Vec<Task>, AwsError> {
    let family = scene.environment.stack_name(scene.name());
    let asked = json!({ "cluster": cluster, "family": family, "desiredStatus": desired });
    tasks(scene, cluster, scene.name(), &asked).await
}

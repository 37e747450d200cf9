//! What containers print: of all pods of a workload, also of those that come later.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value as Json;
use tokio::task::JoinSet;

use super::api::{Api, ApiError};
use super::ground::Ground;
use super::kind::collection;
use super::read::{list, name, text};
use super::watch::AWAY;
use crate::diagnostic::{Problem, codes};
use crate::ship::{Event, LogOptions, Tell};

const LOOK: Duration = Duration::from_secs(2);
/// Lines that are remembered, so that none is told twice where a connection has to be made anew.
const REMEMBERED: usize = 500;

/// Tells the log lines that `options` ask for; with `follow` until the stop.
pub(super) async fn logs(ground: &Ground<'_>, options: &LogOptions) -> Result<(), Problem> {
    let mut streams: JoinSet<()> = JoinSet::new();
    let mut known: BTreeMap<(String, String), ()> = BTreeMap::new();
    let clock = ground.api().clock;
    let mut last_answer = clock.elapsed();
    let mut is_first = true;
    loop {
        match pods(ground).await {
            Ok(pods) => {
                last_answer = clock.elapsed();
                if is_first && pods.is_empty() && !options.follow {
                    return Err(nothing(ground));
                }
                if is_first && pods.is_empty() {
                    ground.tell.note("nothing runs yet; its lines are told once it does");
                }
                for pod in &pods {
                    begin(ground, options, pod, is_first, &mut known, &mut streams);
                }
                is_first = false;
            }
            Err(error)
                if options.follow && error.is_transient() && clock.elapsed().saturating_sub(last_answer) < AWAY => {}
            Err(error) => return Err(ground.failed("its pods", &error)),
        }
        if !options.follow {
            while streams.join_next().await.is_some() {}
            return Ok(());
        }
        tokio::select! {
            () = clock.sleep(LOOK) => {}
            () = ground.stop.cancelled() => return Ok(()),
        }
    }
}

async fn pods(ground: &Ground<'_>) -> Result<Vec<Json>, ApiError> {
    let selector = ground.selector();
    let path = collection("v1", "pods", Some(ground.namespace));
    let query = [("labelSelector", selector.as_str())];
    ground.api().list_patiently(&path, &query).await
}

fn begin(
    ground: &Ground<'_>,
    options: &LogOptions,
    pod: &Json,
    is_first: bool,
    known: &mut BTreeMap<(String, String), ()>,
    streams: &mut JoinSet<()>,
) {
    let statuses = list(pod, "/status/containerStatuses");
    for status in statuses {
        let running = status.pointer("/state/running").is_some();
        let ended = status.pointer("/state/terminated").is_some() || status.pointer("/lastState/terminated").is_some();
        let key = (name(pod).to_owned(), text(status, "/name").to_owned());
        if !running && !ended || known.contains_key(&key) {
            continue;
        }
        known.insert(key.clone(), ());
        let source = source(&key.0, &key.1, statuses.len());
        let stream = Stream::new(ground.api().clone(), ground.namespace, key, source, ground.tell.clone());
        if options.follow && !options.previous {
            // All of what a new pod says is new.
            let (tail, since) = if is_first {
                (options.tail, options.since_seconds)
            } else {
                (None, None)
            };
            streams.spawn(stream.followed(tail, since));
        } else {
            streams.spawn(stream.once(options.tail, options.since_seconds, options.previous));
        }
    }
}

fn nothing(ground: &Ground<'_>) -> Problem {
    Problem::error(
        codes::NO_POD,
        format!(
            "nothing of `{}` runs in cluster {}",
            ground.workload, ground.cluster.name
        ),
    )
    .note(format!(
        "no pod in the namespace {} carries its labels",
        ground.namespace
    ))
    .hint(format!("mlinfra workloads {}", ground.environment))
    .hint(format!("mlinfra ship {} {}", ground.environment, ground.workload))
}

/// What a line's source is called: the pod, and its container where there are several.
pub(super) fn source(pod: &str, container: &str, containers: usize) -> String {
    if containers > 1 {
        format!("{pod}/{container}")
    } else {
        pod.to_owned()
    }
}

/// The log of one container.
pub(super) struct Stream {
    api: Api,
    path: String,
    pod: String,
    container: String,
    source: String,
    tell: Tell,
    recent: VecDeque<String>,
}

impl Stream {
    pub(super) fn new(
        api: Api,
        namespace: &str,
        (pod, container): (String, String),
        source: String,
        tell: Tell,
    ) -> Self {
        Self {
            api,
            pod: collection("v1", "pods", Some(namespace)) + "/" + &pod,
            path: collection("v1", "pods", Some(namespace)) + "/" + &pod + "/log",
            container,
            source,
            tell,
            recent: VecDeque::new(),
        }
    }

    /// All of it, to the end of the container.
    pub(super) async fn whole(self) {
        self.followed(None, None).await;
    }

    /// What there is now.
    async fn once(mut self, tail: Option<u32>, since: Option<u64>, previous: bool) {
        let text = self.read(tail, since, previous).await;
        match text {
            Ok(text) => text.lines().for_each(|line| self.line(line)),
            // A container that was never started again has no previous one.
            Err(error) if error.status() == Some(400) && previous => {
                self.tell.note(format!("{} has not been started again", self.source));
            }
            Err(error) => self.tell.note(format!("{}: {error}", self.source)),
        }
    }

    async fn read(&self, tail: Option<u32>, since: Option<u64>, previous: bool) -> Result<String, ApiError> {
        let query = self.query(tail, since, previous, false);
        let query: Vec<(&str, &str)> = query.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.api.text_patiently(&self.path, &query).await
    }

    /// What there is, and what comes, until the container has ended or its pod is gone.
    async fn followed(mut self, tail: Option<u32>, since: Option<u64>) {
        let (mut tail, mut since) = (tail, since);
        let mut last = self.api.clock.elapsed();
        loop {
            let was_running = self.is_running().await;
            let query = self.query(tail, since, false, true);
            let query: Vec<(&str, &str)> = query.iter().map(|(key, value)| (*key, value.as_str())).collect();
            if let Ok(mut lines) = self.api.lines(&self.path, &query).await {
                let mut overlap = Overlap::over(&self.recent);
                while let Some(Ok(line)) = lines.next().await {
                    if overlap.is_new(&line) {
                        self.line(&line);
                    }
                    last = self.api.clock.elapsed();
                }
            }
            if was_running == Some(false) {
                return;
            }
            // The connection ended, and the container may not have: a little is asked for again, and told only once.
            self.api.clock.sleep(LOOK).await;
            tail = None;
            since = Some(
                self.api
                    .clock
                    .elapsed()
                    .saturating_sub(last)
                    .as_secs()
                    .saturating_add(5),
            );
        }
    }

    /// Whether the container runs; none if that cannot be known.
    async fn is_running(&self) -> Option<bool> {
        match self.api.get_patiently(&self.pod).await {
            Ok(None) => Some(false),
            Ok(Some(pod)) => {
                let may_restart =
                    text(&pod, "/spec/restartPolicy") != "Never" && text(&pod, "/status/phase") == "Running";
                let status = list(&pod, "/status/containerStatuses")
                    .iter()
                    .find(|status| text(status, "/name") == self.container);
                let runs = status.is_some_and(|status| status.pointer("/state/running").is_some());
                Some(runs || may_restart)
            }
            Err(_) => None,
        }
    }

    fn query(
        &self,
        tail: Option<u32>,
        since: Option<u64>,
        previous: bool,
        follow: bool,
    ) -> Vec<(&'static str, String)> {
        let mut query = vec![("container", self.container.clone())];
        if follow {
            query.push(("follow", "true".to_owned()));
        }
        if previous {
            query.push(("previous", "true".to_owned()));
        }
        query.extend(tail.map(|lines| ("tailLines", lines.to_string())));
        query.extend(since.map(|seconds| ("sinceSeconds", seconds.max(1).to_string())));
        query
    }

    fn line(&mut self, line: &str) {
        self.tell.event(Event::Log {
            source: self.source.clone(),
            line: line.trim_end_matches('\r').to_owned(),
        });
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(line.to_owned());
    }
}

/// Tells lines that come again from those that are new: as long as they go on as the remembered ones do, they come again.
struct Overlap {
    recent: Vec<String>,
    at: Option<usize>,
    is_over: bool,
}

impl Overlap {
    fn over(recent: &VecDeque<String>) -> Self {
        Self {
            is_over: recent.is_empty(),
            recent: recent.iter().cloned().collect(),
            at: None,
        }
    }

    fn is_new(&mut self, line: &str) -> bool {
        if self.is_over {
            return true;
        }
        let at = match self.at {
            Some(at) => at.saturating_add(1),
            None => self.recent.iter().position(|known| known == line).unwrap_or(usize::MAX),
        };
        if self.recent.get(at).is_some_and(|known| known == line) {
            self.at = Some(at);
            return false;
        }
        self.is_over = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_again_are_told_once() {
        let recent: VecDeque<String> = ["a", "b", "b", "c"].map(str::to_owned).into();
        let told = |lines: &[&str]| {
            let mut overlap = Overlap::over(&recent);
            let new: Vec<String> = lines
                .iter()
                .filter(|line| overlap.is_new(line))
                .map(ToString::to_string)
                .collect();
            new.join("")
        };
        assert_eq!(told(&["b", "b", "c", "d", "b"]), "db");
        assert_eq!(told(&["a", "b", "b", "c"]), "");
        assert_eq!(told(&["x", "a"]), "xa");
    }
}

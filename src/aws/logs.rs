//! CloudWatch Logs: the lines of containers and jobs.

use std::collections::BTreeMap;

use super::error::{AwsError, Kind};
use super::session::Session;

/// A line, and where and when it was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The log stream.
    pub stream: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The text, without its end.
    pub text: String,
}

/// How far back each question goes again, in milliseconds: lines of different streams arrive out of order.
const OVERLAP: i64 = 60_000;

/// The lines of a log group as they come, each once.
#[derive(Debug, Clone)]
pub struct Tail {
    group: String,
    prefix: Option<String>,
    from: i64,
    /// Ids of events since `from`, with their times.
    seen: BTreeMap<String, i64>,
}

impl Tail {
    /// The lines of `group` from `from` on, in milliseconds since 1970; only of streams whose names begin with `prefix`.
    pub fn new(group: impl Into<String>, prefix: Option<String>, from: i64) -> Self {
        Self {
            group: group.into(),
            prefix,
            from: from.max(0),
            seen: BTreeMap::new(),
        }
    }

    /// The lines that were not given yet, in the order of their times. A group that is not there has none: it is made
    /// with the first line.
    ///
    /// # Errors
    /// Whatever keeps the answer away; asked again, no line is left out or given twice.
    pub async fn next(&mut self, session: &Session) -> Result<Vec<Line>, AwsError> {
        let events = filter(session, &self.group, self.prefix.as_deref(), self.from).await?;
        let mut lines = Vec::new();
        let mut newest = self.from;
        for (id, line) in events {
            newest = newest.max(line.at);
            if self.seen.insert(id, line.at).is_none() {
                lines.push(line);
            }
        }
        self.from = self.from.max(newest - OVERLAP);
        self.seen.retain(|_, at| *at >= self.from);
        Ok(lines)
    }
}

/// The last `count` lines of each stream since `from`, in the order of their times.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn last(
    session: &Session,
    group: &str,
    prefix: Option<&str>,
    from: i64,
    count: usize,
) -> Result<Vec<Line>, AwsError> {
    let events = filter(session, group, prefix, from).await?;
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines: Vec<Line> = events
        .into_iter()
        .rev()
        .map(|(_, line)| line)
        .filter(|line| {
            let left = left.entry(line.stream.clone()).or_insert(count);
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            is_kept
        })
        .collect();
    lines.reverse();
    Ok(lines)
}

/// All events since `from` with their ids, in the order of their times.
async fn filter(
    session: &Session,
    group: &str,
    prefix: Option<&str>,
    from: i64,
) -> Result<Vec<(String, Line)>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = session
            .logs()
            .filter_log_events()
            .log_group_name(group)
            .set_log_stream_name_prefix(prefix.map(str::to_owned))
            .start_time(from.max(0))
            .set_next_token(token);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) => {
                let error = AwsError::of("CloudWatch Logs", "FilterLogEvents", error);
                return if error.kind == Kind::NotFound {
                    Ok(Vec::new())
                } else {
                    Err(error)
                };
            }
        };
        for event in page.events() {
            let line = Line {
                stream: event.log_stream_name().unwrap_or_default().to_owned(),
                at: event.timestamp().unwrap_or_default(),
                text: event.message().unwrap_or_default().trim_end().to_owned(),
            };
            found.push((event.event_id().unwrap_or_default().to_owned(), line));
        }
        // A page may be empty, with more behind it ("FilterLogEvents", CloudWatch Logs API Reference).
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            found.sort_by_key(|(_, line)| line.at);
            return Ok(found);
        }
    }
}

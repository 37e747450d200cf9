//! The model behind every progress view: events folded into the state of each stack. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;

use crate::engine::event::{Event, Outcome, Work};
use crate::plan::{Action, Plan};
use crate::view::text::{ADD, CHANGE, DIM, NAME, REMOVE, columns, count, duration, list, one_line, pad, paint};

/// The state of each stack of an operation.
#[derive(Debug)]
pub struct Board {
    rows: IndexMap<String, Row>,
    name_width: usize,
    /// What troubles the operation as a whole, until something good happens.
    trouble: Option<String>,
    interrupted: bool,
}

#[derive(Debug)]
struct Row {
    after: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Running(Running),
    Done { elapsed: Duration },
    Unchanged,
    Failed { elapsed: Duration },
    NotStarted,
    LeftRunning,
}

#[derive(Debug)]
struct Running {
    since: Duration,
    work: Work,
    total: usize,
    done: BTreeSet<String>,
    /// Resources in progress: since when, and of which type.
    busy: BTreeMap<String, (Duration, String)>,
    rolling_back: bool,
}

impl Board {
    /// All stacks that `plan` changes, waiting.
    pub fn new(plan: &Plan) -> Self {
        let rows: IndexMap<String, Row> = plan
            .stacks
            .iter()
            .filter(|stack| stack.action != Action::Unchanged || stack.recovery.is_some())
            .map(|stack| {
                let row = Row {
                    after: stack.after.clone(),
                    state: State::Waiting,
                };
                (stack.name.clone(), row)
            })
            .collect();
        Self {
            // A stack that turns out to have nothing to do gets a line too.
            name_width: plan
                .stacks
                .iter()
                .map(|stack| columns(&stack.name))
                .max()
                .unwrap_or(0)
                .min(30),
            rows,
            trouble: None,
            interrupted: false,
        }
    }

    /// Takes `event` in.
    pub fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::LockWaiting { holder } => self.trouble = Some(format!("waiting for the lock: {}", one_line(holder))),
            Event::LockAcquired { .. } => self.trouble = None,
            Event::PollTrouble { message } => {
                self.trouble = Some(format!(
                    "cannot look ({}); the deployment itself goes on",
                    one_line(message)
                ));
            }
            Event::Interrupted => self.interrupted = true,
            Event::Note(_) => {}
            Event::StackStarted { stack, work, resources } => {
                let running = Running {
                    since: now,
                    work: *work,
                    total: *resources,
                    done: BTreeSet::new(),
                    busy: BTreeMap::new(),
                    rolling_back: false,
                };
                self.row(stack).state = State::Running(running);
            }
            Event::Resource {
                stack,
                logical_id,
                resource_type,
                status,
                ..
            } => {
                self.trouble = None;
                if let State::Running(running) = &mut self.row(stack).state {
                    running.resource(logical_id, resource_type, status, now);
                }
            }
            Event::StackFinished {
                stack,
                outcome,
                elapsed,
            } => {
                self.trouble = None;
                self.row(stack).state = match outcome {
                    Outcome::Done => State::Done { elapsed: *elapsed },
                    Outcome::Unchanged => State::Unchanged,
                    Outcome::Failed(_) => State::Failed { elapsed: *elapsed },
                    Outcome::NotStarted { .. } => State::NotStarted,
                    Outcome::LeftRunning => State::LeftRunning,
                };
            }
        }
    }

    /// The sum: `2 of 5 stacks done, 2 in progress, 1 waiting`.
    pub fn totals(&self) -> String {
        let of = |wanted: fn(&State) -> bool| self.rows.values().filter(|row| wanted(&row.state)).count();
        let done = of(|state| matches!(state, State::Done { .. } | State::Unchanged));
        let failed = of(|state| matches!(state, State::Failed { .. }));
        let running = of(|state| matches!(state, State::Running(_)));
        let waiting = of(|state| matches!(state, State::Waiting));
        let mut parts = vec![format!("{done} of {} done", count(self.rows.len(), "stack"))];
        if failed > 0 {
            parts.push(paint(REMOVE, format!("{failed} failed")));
        }
        if running > 0 {
            parts.push(format!("{running} in progress"));
        }
        if waiting > 0 {
            parts.push(format!("{waiting} waiting"));
        }
        parts.join(", ")
    }

    /// What troubles the operation as a whole, or that the user asked to stop.
    pub fn remark(&self) -> Option<String> {
        let stopping = "stopping: nothing new is started; Ctrl-C again leaves at once";
        match (&self.trouble, self.interrupted) {
            (Some(trouble), true) => Some(format!("{stopping} ({trouble})")),
            (Some(trouble), false) => Some(trouble.clone()),
            (None, true) => Some(stopping.to_owned()),
            (None, false) => None,
        }
    }

    /// A line for each stack that runs, then those that wait.
    pub fn lines(&self, now: Duration) -> Vec<String> {
        let running = self.rows.iter().filter_map(|(name, row)| match &row.state {
            State::Running(running) => Some(format!(
                "{} {}",
                pad(&paint(NAME, name), self.name_width),
                running.text(now)
            )),
            _ => None,
        });
        let waiting = self
            .rows
            .iter()
            .filter(|(_, row)| matches!(row.state, State::Waiting))
            .map(|(name, row)| {
                let line = format!("{} waits{}", pad(name, self.name_width), self.waits_for(row));
                paint(DIM, line)
            });
        running.chain(waiting).collect()
    }

    /// One sentence on what runs and what waits, for logs.
    pub fn sentence(&self, now: Duration) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (name, row) in &self.rows {
            if let State::Running(running) = &row.state {
                parts.push(format!("{name} {}", running.text(now)));
            }
        }
        let waiting: Vec<&String> = self
            .rows
            .iter()
            .filter(|(_, row)| matches!(row.state, State::Waiting))
            .map(|(name, _)| name)
            .collect();
        if !waiting.is_empty() {
            parts.push(format!("waiting: {}", list(&waiting)));
        }
        parts.join("; ")
    }

    /// The line that stays when `stack` has come to its end.
    pub fn ending(&self, stack: &str) -> Option<String> {
        let name = pad(&paint(NAME, stack), self.name_width);
        match &self.rows.get(stack)?.state {
            State::Done { elapsed } => Some(format!("{} {name} {}", paint(ADD, "✓"), duration(*elapsed))),
            State::Unchanged => Some(format!("{} {name} nothing to do", paint(ADD, "✓"))),
            State::Failed { elapsed } => Some(format!(
                "{} {name} {} after {}",
                paint(REMOVE, "✗"),
                paint(REMOVE, "failed"),
                duration(*elapsed)
            )),
            State::LeftRunning => Some(format!("{} {name} still runs in AWS", paint(CHANGE, "…"))),
            State::NotStarted => Some(format!("{} {name} not started", paint(DIM, "-"))),
            State::Waiting | State::Running(_) => None,
        }
    }

    /// The row of `stack`; a stack that the plan did not name gets one, so that nothing that happens is hidden.
    fn row(&mut self, stack: &str) -> &mut Row {
        self.rows.entry(stack.to_owned()).or_insert_with(|| Row {
            after: Vec::new(),
            state: State::Waiting,
        })
    }

    fn waits_for(&self, row: &Row) -> String {
        let open: Vec<&String> = row
            .after
            .iter()
            .filter(|name| {
                self.rows
                    .get(*name)
                    .is_some_and(|other| matches!(other.state, State::Waiting | State::Running(_)))
            })
            .collect();
        if open.is_empty() {
            String::new()
        } else {
            format!(" for {}", list(&open))
        }
    }
}

impl Running {
    fn resource(&mut self, logical_id: &str, resource_type: &str, status: &str, now: Duration) {
        // The stack's own events say what it does, and count as no resource.
        if resource_type == "AWS::CloudFormation::Stack" && status.contains("ROLLBACK") {
            self.rolling_back = true;
            self.busy.clear();
        } else if status.ends_with("_IN_PROGRESS") {
            let began = self.busy.get(logical_id).map_or(now, |(began, _)| *began);
            self.busy
                .insert(logical_id.to_owned(), (began, resource_type.to_owned()));
        } else {
            self.busy.remove(logical_id);
            if status.ends_with("_COMPLETE") {
                self.done.insert(logical_id.to_owned());
            }
        }
    }

    /// `creating 12m04s, 7 of 23 resources, Cluster (AWS::EKS::Cluster) for 9m12s`.
    fn text(&self, now: Duration) -> String {
        let verb = match (self.rolling_back, self.work) {
            (true, _) => paint(REMOVE, "rolling back"),
            (false, Work::Create) => "creating".to_owned(),
            (false, Work::Update) => "updating".to_owned(),
            (false, Work::Delete) => "deleting".to_owned(),
            (false, Work::ContinueRollback) => "continuing its rollback".to_owned(),
            (false, Work::Attach) => "attached to what runs".to_owned(),
        };
        let mut text = format!("{verb} {}", duration(now.saturating_sub(self.since)));
        if self.total > 0 && !self.rolling_back {
            text.push_str(&format!(
                ", {} of {}",
                self.done.len().min(self.total),
                count(self.total, "resource")
            ));
        }
        // The resource that has been at it longest is the one that everything waits for.
        if let Some((id, (began, kind))) = self.busy.iter().min_by_key(|(_, (began, _))| *began) {
            let others = match self.busy.len() {
                1 => String::new(),
                many => format!(" and {} more", many - 1),
            };
            text.push_str(&format!(
                ", {} ({}) for {}{others}",
                one_line(id),
                one_line(kind),
                duration(now.saturating_sub(*began))
            ));
        }
        text
    }
}

//! What is going on while workloads are shipped.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Progress;
use crate::ship::Event;
use crate::ship::event::Phase;
use crate::view::printer::{Printer, Terminal};
use crate::view::text::{DIM, NAME, bytes, duration, one_line, paint};

/// After so long without a line, one says that all is well; in simulated time.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Lines on stderr that are only ever added, for logs and pipes.
pub struct ShipLines {
    printer: Printer,
    /// Whether what builds print is shown.
    verbose: bool,
    spoke: Duration,
    state: State,
}

impl ShipLines {
    /// Lines through `printer`; with `verbose`, what builds print too.
    pub fn new(printer: Printer, verbose: bool) -> Self {
        Self {
            printer,
            verbose,
            spoke: Duration::ZERO,
            state: State::default(),
        }
    }

    fn line(&mut self, now: Duration, text: &str) {
        self.spoke = now;
        self.printer
            .say(&format!("{} {text}", paint(DIM, format!("[{:>6}]", duration(now)))));
    }
}

impl Progress<Event> for ShipLines {
    fn event(&mut self, event: &Event, now: Duration) {
        let before = self.state.waiting_for().map(str::to_owned);
        let ready = self.state.ready;
        self.state.apply(event, now);
        match event {
            Event::Phase { .. } => {
                let begun = self.state.begun();
                self.line(now, &begun);
            }
            Event::BuildLine { line, .. } if self.verbose => self.line(now, &paint(DIM, one_line(line))),
            Event::BuildLine { .. } => {}
            Event::Push { sent, total, .. } if sent == total => {
                let said = self.state.sentence(now);
                self.line(now, &said);
            }
            Event::Push { .. } => {}
            Event::Rollout { .. } => {
                let waiting = self.state.waiting_for().map(str::to_owned);
                if waiting != before || self.state.ready != ready {
                    let said = self.state.sentence(now);
                    self.line(now, &said);
                }
            }
            Event::Log { source, line } => self.line(now, &log_line(source, line)),
            Event::Note(text) => self.line(now, &one_line(text)),
        }
    }

    fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.spoke) >= HEARTBEAT {
            let said = self.state.sentence(now);
            if !said.is_empty() {
                self.line(now, &said);
            }
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(250)
    }

    fn finish(&mut self, _: Duration) {}
}

/// One line on stderr that is rewritten in place; what matters later scrolls away above it.
pub struct ShipBars {
    bar: ProgressBar,
    title: String,
    terminal: Terminal,
    frame: usize,
    state: State,
}

const SPINNER: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

impl ShipBars {
    /// A live line under `title`.
    pub fn new(title: String, terminal: Terminal) -> Self {
        let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10)).with_style(style);
        Self {
            bar,
            title,
            terminal,
            frame: 0,
            state: State::default(),
        }
    }

    fn coloured(&self, text: &str) -> String {
        if self.terminal.colour {
            text.to_owned()
        } else {
            anstream::adapter::strip_str(text).to_string()
        }
    }

    fn keep(&self, text: &str) {
        self.bar.println(self.coloured(text));
    }

    fn draw(&mut self, now: Duration) {
        let frame = SPINNER.get(self.frame % SPINNER.len()).copied().unwrap_or_default();
        let mut said = self.state.sentence(now);
        if said.is_empty() {
            said = "looking".to_owned();
        }
        let text = format!("{frame} {}: {said}, {}", self.title, duration(now));
        self.bar.set_message(self.coloured(&text));
        self.bar.tick();
    }
}

impl Progress<Event> for ShipBars {
    fn event(&mut self, event: &Event, now: Duration) {
        self.state.apply(event, now);
        match event {
            Event::Phase { .. } => {
                let begun = self.state.begun();
                self.keep(&begun);
            }
            Event::Log { source, line } => self.keep(&log_line(source, line)),
            Event::Note(text) => self.keep(&one_line(text)),
            Event::BuildLine { .. } | Event::Push { .. } | Event::Rollout { .. } => {}
        }
        self.draw(now);
    }

    fn tick(&mut self, now: Duration) {
        self.frame = self.frame.wrapping_add(1);
        self.draw(now);
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(120)
    }

    fn finish(&mut self, _: Duration) {
        self.bar.finish_and_clear();
    }
}

/// The lines of logs, on stdout.
pub struct LogLines(pub Printer);

impl Progress<Event> for LogLines {
    fn event(&mut self, event: &Event, _: Duration) {
        match event {
            Event::Log { source, line } => self.0.data(&format!("{}\n", log_line(source, line))),
            Event::Note(text) => self.0.say(&one_line(text)),
            _ => {}
        }
    }

    fn tick(&mut self, _: Duration) {}

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn finish(&mut self, _: Duration) {}
}

fn log_line(source: &str, line: &str) -> String {
    format!("{} {}", paint(DIM, one_line(source)), one_line(line))
}

/// What is being done now.
#[derive(Default)]
struct State {
    workload: String,
    phase: Option<Phase>,
    subject: String,
    since: Duration,
    build: String,
    pushed: Option<(u64, u64, u64)>,
    ready: Option<(u32, u32)>,
    waiting: Option<String>,
}

impl State {
    fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Phase {
                workload,
                phase,
                subject,
            } => {
                *self = Self {
                    workload: workload.clone(),
                    phase: Some(*phase),
                    subject: subject.clone(),
                    since: now,
                    ..Self::default()
                };
            }
            Event::BuildLine { line, .. } => self.build.clone_from(line),
            Event::Push {
                sent, total, reused, ..
            } => self.pushed = Some((*sent, *total, *reused)),
            Event::Rollout {
                ready,
                wanted,
                waiting_for,
                ..
            } => {
                self.ready = Some((*ready, *wanted));
                self.waiting.clone_from(waiting_for);
            }
            Event::Log { .. } | Event::Note(_) => {}
        }
    }

    fn waiting_for(&self) -> Option<&str> {
        self.waiting.as_deref()
    }

    fn begun(&self) -> String {
        let Some(phase) = self.phase else {
            return String::new();
        };
        format!(
            "{}: {} {}",
            paint(NAME, &self.workload),
            doing(phase),
            one_line(&self.subject)
        )
    }

    /// `scorer: pushing 12.0 MiB of 40.0 MiB (20.0 MiB were there already), 4s`.
    fn sentence(&self, now: Duration) -> String {
        let Some(phase) = self.phase else {
            return String::new();
        };
        let detail = match (phase, self.pushed, self.ready) {
            (Phase::Push, Some((sent, total, reused)), _) => {
                let there = if reused > 0 {
                    format!(" ({} were there already)", bytes(reused))
                } else {
                    String::new()
                };
                format!("{} of {}{there}", bytes(sent), bytes(total))
            }
            (Phase::Build, ..) if !self.build.is_empty() => one_line(&self.build),
            (_, _, Some((ready, wanted))) => {
                let waiting = self
                    .waiting
                    .as_deref()
                    .map(|what| format!(", {}", one_line(what)))
                    .unwrap_or_default();
                format!("{ready} of {wanted} ready{waiting}")
            }
            _ => one_line(&self.subject),
        };
        let passed = duration(now.saturating_sub(self.since));
        format!("{}: {} {detail}, {passed}", paint(NAME, &self.workload), doing(phase))
    }
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Build => "building",
        Phase::Push => "pushing",
        Phase::RollOut => "rolling out",
        Phase::Restore => "putting back",
        Phase::Run => "running",
        Phase::CleanUp => "cleaning up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_each_part_once_and_what_is_waited_for_when_that_changes() {
        let (printer, stdout, stderr) = Printer::captured();
        let mut lines = ShipLines::new(printer, false);
        let rollout = |ready, waiting: &str| Event::Rollout {
            workload: "scorer".into(),
            ready,
            wanted: 2,
            waiting_for: Some(waiting.to_owned()),
        };
        let phase = |phase, subject: &str| Event::Phase {
            workload: "scorer".into(),
            phase,
            subject: subject.into(),
        };
        let push = |sent| Event::Push {
            workload: "scorer".into(),
            sent,
            total: 4 << 20,
            reused: 1 << 20,
        };
        let story = [
            (0, phase(Phase::Push, "churn-dev-scorer")),
            (1, push(1 << 20)),
            (2, push(4 << 20)),
            (2, phase(Phase::RollOut, "Deployment default/scorer")),
            (4, rollout(0, "pulling the image on 2 of 2")),
            (6, rollout(0, "pulling the image on 2 of 2")),
            (9, rollout(1, "1 starts")),
        ];
        for (at, event) in story {
            lines.event(&event, Duration::from_secs(at));
        }
        lines.tick(Duration::from_secs(70));
        assert_eq!(stdout.text(), "");
        insta::assert_snapshot!(stderr.text(), @r"
        [    0s] scorer: pushing churn-dev-scorer
        [    2s] scorer: pushing 4.0 MiB of 4.0 MiB (1.0 MiB were there already), 2s
        [    2s] scorer: rolling out Deployment default/scorer
        [    4s] scorer: rolling out 0 of 2 ready, pulling the image on 2 of 2, 2s
        [    9s] scorer: rolling out 1 of 2 ready, 1 starts, 7s
        [ 1m10s] scorer: rolling out 1 of 2 ready, 1 starts, 1m08s
        ");
    }
}

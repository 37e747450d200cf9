//! Progress on a terminal: a heading with the totals, a line for each stack that runs or waits; what has ended scrolls
//! away above.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Board, Progress};
use crate::engine::event::Event;
use crate::plan::Plan;
use crate::view::printer::Terminal;
use crate::view::text::{CHANGE, REMOVE, duration, one_line, paint};

/// Lines on stderr that are rewritten in place.
pub struct Bars {
    area: MultiProgress,
    heading: ProgressBar,
    lines: Vec<ProgressBar>,
    board: Board,
    title: String,
    terminal: Terminal,
    frame: usize,
}

/// Drawn one after the other in front of the heading, to show that the program lives.
const SPINNER: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// More lines than this say less than a sum does, and would not fit on small terminals.
const MOST_LINES: usize = 20;

impl Bars {
    /// A live area about the execution of `plan` under `title`.
    pub fn new(plan: &Plan, title: String, terminal: Terminal) -> Self {
        let area = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let heading = area.add(line());
        let mut bars = Self {
            area,
            heading,
            lines: Vec::new(),
            board: Board::new(plan),
            title,
            terminal,
            frame: 0,
        };
        bars.draw(Duration::ZERO);
        bars
    }

    fn keep(&self, text: &str) {
        // A line that cannot be written is lost; the operation is not.
        let _ = self.area.println(self.coloured(text));
    }

    fn coloured(&self, text: &str) -> String {
        if self.terminal.colour {
            text.to_owned()
        } else {
            anstream::adapter::strip_str(text).to_string()
        }
    }

    fn draw(&mut self, now: Duration) {
        let frame = SPINNER.get(self.frame % SPINNER.len()).copied().unwrap_or_default();
        let mut heading = format!("{frame} {}: {}, {}", self.title, self.board.totals(), duration(now));
        if let Some(remark) = self.board.remark() {
            heading.push_str(&format!("; {}", paint(CHANGE, remark)));
        }
        self.heading.set_message(self.coloured(&heading));
        let mut texts = self.board.lines(now);
        if texts.len() > MOST_LINES {
            let hidden = texts.len() - MOST_LINES;
            texts.truncate(MOST_LINES);
            texts.push(format!("and {hidden} more"));
        }
        while self.lines.len() < texts.len() {
            self.lines.push(self.area.add(line()));
        }
        for surplus in self.lines.drain(texts.len()..) {
            surplus.finish_and_clear();
            self.area.remove(&surplus);
        }
        for (bar, text) in self.lines.iter().zip(texts) {
            bar.set_message(self.coloured(&format!("  {text}")));
        }
    }
}

impl Progress for Bars {
    fn event(&mut self, event: &Event, now: Duration) {
        self.board.apply(event, now);
        match event {
            Event::StackFinished { stack, .. } => {
                if let Some(ending) = self.board.ending(stack) {
                    self.keep(&ending);
                }
            }
            Event::Resource {
                stack,
                logical_id,
                resource_type,
                status,
                reason,
            } if status.ends_with("_FAILED") => {
                let reason = reason
                    .as_deref()
                    .map(|why| format!(": {}", one_line(why)))
                    .unwrap_or_default();
                let line = format!("{stack} {} ({resource_type}) {status}{reason}", one_line(logical_id));
                self.keep(&format!("{} {line}", paint(REMOVE, "!")));
            }
            Event::Note(text) => self.keep(&one_line(text)),
            _ => {}
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
        for bar in self.lines.drain(..) {
            bar.finish_and_clear();
        }
        self.heading.finish_and_clear();
        let _ = self.area.clear();
    }
}

/// A line that is nothing but its message, cut at the terminal's edge.
fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new_spinner().with_style(style)
}

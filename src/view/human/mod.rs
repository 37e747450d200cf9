//! How results read for people. The functions below this file go from data to text; the printer decides about colours.

mod modules;
mod plan;
pub mod problems;
mod status;
mod summary;
mod values;

use super::View;
use super::printer::Printer;
use super::progress::{Bars, Lines, Progress};
use super::report::{
    Initialised, LockReport, ModuleList, ModuleReport, Outputs, SandboxReport, Status, Summary, Validated,
};
use super::text::{ADD, CHANGE, COMMAND, NAME, count, paint};
use crate::diagnostic::Problems;
use crate::plan::{Kind, Plan};

/// Text for people.
pub struct Human {
    printer: Printer,
    verbose: u8,
}

impl Human {
    /// Text through `printer`; `verbose` counts `-v`.
    pub fn new(printer: Printer, verbose: u8) -> Self {
        Self { printer, verbose }
    }
}

impl View for Human {
    fn problems(&self, problems: &Problems) {
        self.printer
            .say(&problems::problems(problems, self.printer.terminal().width));
    }

    fn plan(&self, plan: &Plan, next: &[String]) {
        self.printer
            .data(&plan::plan(plan, next, self.printer.terminal().width));
    }

    fn validated(&self, validated: &Validated, warnings: &Problems) {
        self.problems(warnings);
        for (name, found) in &validated.environments {
            self.printer.data(&format!(
                "{} {}: {}, {}",
                paint(ADD, "✓"),
                paint(NAME, name),
                count(found.stacks, "stack"),
                count(found.resources, "resource")
            ));
        }
    }

    fn status(&self, status: &Status) {
        self.printer.data(&status::status(status));
    }

    fn outputs(&self, outputs: &Outputs) {
        self.printer.data(&status::outputs(outputs));
    }

    fn output(&self, value: &str) {
        self.printer.data(&format!("{value}\n"));
    }

    fn lock(&self, lock: &LockReport) {
        self.printer.data(&status::lock(lock));
    }

    fn modules(&self, modules: &ModuleList) {
        self.printer.data(&modules::modules(modules));
    }

    fn module(&self, module: &ModuleReport) {
        self.printer
            .data(&modules::module(module, self.printer.terminal().width));
    }

    fn sandbox(&self, report: &SandboxReport) {
        self.printer.data(&status::sandbox(report));
    }

    fn initialised(&self, written: &Initialised) {
        self.printer.say(&format!(
            "Wrote {} in {}:",
            count(written.files.len(), "file"),
            written.directory
        ));
        for file in &written.files {
            self.printer.say(&format!("  {file}"));
        }
        self.printer.say("\nNext:");
        for line in &written.next {
            self.printer.say(&format!("  {}", paint(COMMAND, line)));
        }
    }

    fn summary(&self, summary: &Summary) {
        self.printer.say(&format!("\n{}", summary::summary(summary)));
        self.printer.data(&summary::outputs(summary));
    }

    fn progress(&self, plan: &Plan) -> Box<dyn Progress> {
        let terminal = self.printer.terminal();
        // What -v says would break lines that are rewritten in place.
        if terminal.live && self.verbose == 0 {
            let verb = match plan.kind {
                Kind::Apply => "Applying",
                Kind::Destroy => "Destroying",
            };
            Box::new(Bars::new(plan, format!("{verb} {}", plan.environment), terminal))
        } else {
            Box::new(Lines::new(self.printer.clone(), plan, self.verbose > 0))
        }
    }

    fn note(&self, text: &str) {
        self.printer.say(text);
    }

    fn raw(&self, text: &[u8]) {
        self.printer.bytes(text);
    }

    fn ask(&self, question: &str) {
        self.printer.ask(&format!("{} ", paint(CHANGE, question)));
    }
}

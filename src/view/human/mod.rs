//! How results read for people. The functions below this file go from data to text; the printer decides about colours.

mod cases;
mod explain;
mod formatted;
mod modules;
mod plan;
mod preflight;
pub mod problems;
mod rules;
pub mod shipping;
mod status;
mod summary;
mod values;

use std::sync::{Mutex, PoisonError};

use super::View;
use super::printer::Printer;
use super::progress::{Bars, Lines, LogLines, Progress, ShipBars, ShipLines};
use super::report::{
    CaseList, CodeList, Explained, FetchReport, Formatted, Initialised, Linted, LockReport, ModuleList, ModulePages,
    ModuleReport, ModuleWritten, Outputs, RuleList, RuleReport, SandboxReport, ShipPlan, ShipSummary, Status, Summary,
    TrainSummary, Validated, WorkloadList,
};
use super::text::{ADD, CHANGE, COMMAND, NAME, count, paint};
use crate::cases::{Tested, Watcher};
use crate::diagnostic::{Problems, Severity};
use crate::plan::{Kind, Plan};
use crate::preflight::Preflight;
use crate::ship;

/// Text for people.
pub struct Human {
    printer: Printer,
    verbose: u8,
    /// The worst that a line on `mlinfra explain` was shown for: it comes once, and again only if worse follows.
    explained: Mutex<Option<Severity>>,
}

impl Human {
    /// Text through `printer`; `verbose` counts `-v`.
    pub fn new(printer: Printer, verbose: u8) -> Self {
        Self {
            printer,
            verbose,
            explained: Mutex::new(None),
        }
    }

    /// Where the problems are explained, unless that was said already.
    fn more(&self, problems: &Problems) -> String {
        let Some(worst) = problems.0.iter().map(|problem| problem.severity).min() else {
            return String::new();
        };
        let mut explained = self.explained.lock().unwrap_or_else(PoisonError::into_inner);
        if explained.is_some_and(|earlier| earlier <= worst) {
            return String::new();
        }
        *explained = Some(worst);
        problems::more(problems)
    }
}

impl View for Human {
    fn problems(&self, problems: &Problems) {
        let mut text = problems::problems(problems, self.printer.terminal().width);
        text.push_str(&self.more(problems));
        self.printer.say(&text);
    }

    fn plan(&self, plan: &Plan, preflight: Option<&Preflight>, next: &[String]) {
        self.printer
            .data(&plan::plan(plan, next, self.printer.terminal().width));
        if let Some(preflight) = preflight.filter(|preflight| !preflight.checks.is_empty()) {
            self.printer.say(&preflight::line(preflight));
            if !preflight.problems.is_empty() {
                self.printer.say("");
                self.problems(&preflight.problems);
            }
        }
    }

    fn validated(&self, validated: &Validated, warnings: &Problems) {
        self.problems(warnings);
        for (name, found) in &validated.environments {
            let workloads = match found.workloads {
                0 => String::new(),
                some => format!(", {}", count(some, "workload")),
            };
            self.printer.data(&format!(
                "{} {}: {}, {}{workloads}",
                paint(ADD, "✓"),
                paint(NAME, name),
                count(found.stacks, "stack"),
                count(found.resources, "resource")
            ));
        }
    }

    fn linted(&self, linted: &Linted, problems: &Problems) {
        self.problems(problems);
        if problems.is_empty() {
            self.printer.say(&format!(
                "{} {}, {}: no problems",
                paint(ADD, "✓"),
                count(linted.files.len(), "template"),
                count(linted.resources(), "resource")
            ));
        }
    }

    fn formatted(&self, report: &Formatted) {
        for file in report.files.iter().filter(|file| file.changed) {
            self.printer.data(&match &file.diff {
                Some(diff) => formatted::diff(diff),
                None => file.path.clone(),
            });
        }
        self.problems(&report.problems);
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
        self.printer
            .data(&modules::modules(modules, self.printer.terminal().width));
    }

    fn fetched(&self, report: &FetchReport) {
        self.printer.data(&modules::fetched(report));
    }

    fn module(&self, module: &ModuleReport) {
        self.printer
            .data(&modules::module(module, self.printer.terminal().width));
    }

    fn module_written(&self, written: &ModuleWritten) {
        self.printer.say(&modules::written(written));
    }

    fn module_pages(&self, pages: &ModulePages) {
        self.printer.say(&modules::pages(pages));
    }

    fn testing(&self, list: &CaseList) -> Box<dyn Watcher> {
        Box::new(cases::Testing::new(self.printer.clone(), list, self.verbose > 0))
    }

    fn tested(&self, tested: &Tested) {
        self.printer.data(&cases::sum(tested));
    }

    fn cases(&self, list: &CaseList) {
        self.printer.data(&cases::list(list));
    }

    fn explanations(&self, found: &[Explained]) {
        self.printer
            .data(&explain::explanations(found, self.printer.terminal().width));
    }

    fn codes(&self, list: &CodeList) {
        self.printer.data(&explain::codes(list));
    }

    fn rules(&self, rules: &RuleList) {
        self.printer.data(&rules::rules(rules));
    }

    fn rule(&self, rule: &RuleReport) {
        self.printer.data(&rules::rule(rule, self.printer.terminal().width));
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

    fn ship_plan(&self, plan: &ShipPlan, next: &[String]) {
        self.printer
            .data(&shipping::plan(plan, next, self.printer.terminal().width));
        for proposal in &plan.workloads {
            self.problems(&proposal.problems);
        }
    }

    fn shipping(&self, title: &str) -> Box<dyn Progress<ship::Event>> {
        let terminal = self.printer.terminal();
        if terminal.live && self.verbose == 0 {
            Box::new(ShipBars::new(title.to_owned(), terminal))
        } else {
            Box::new(ShipLines::new(self.printer.clone(), self.verbose > 0))
        }
    }

    fn log(&self) -> Box<dyn Progress<ship::Event>> {
        Box::new(LogLines(self.printer.clone()))
    }

    fn ship_summary(&self, summary: &ShipSummary) {
        self.printer.say(&format!("\n{}", shipping::summary(summary)));
    }

    fn trained(&self, summary: &TrainSummary) {
        self.printer.data(&shipping::trained(summary));
    }

    fn workloads(&self, list: &WorkloadList) {
        self.printer.data(&shipping::workloads(list));
        for workload in &list.workloads {
            if let Some(problem) = &workload.problem {
                self.problems(&Problems(vec![problem.clone()]));
            }
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

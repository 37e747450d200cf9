//! Results for machines: each document is an object with `version` and `type`. Long operations write one a line.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::View;
use super::printer::Printer;
use super::progress::Progress;
use super::report::{
    CaseList, CodeList, Explained, FetchReport, Formatted, Initialised, Linted, LockReport, ModuleList, ModulePages,
    ModuleReport, ModuleWritten, Outputs, RuleList, RuleReport, SandboxReport, ShipPlan, ShipSummary, Status, Summary,
    TrainSummary, Validated, WorkloadList,
};
use crate::cases::{Tested, TestedModule, Watcher};
use crate::diagnostic::Problems;
use crate::engine::event::{Event, Outcome};
use crate::plan::Plan;
use crate::preflight::Preflight;
use crate::ship;

/// The version of every document; it grows when something is removed or changes its meaning.
pub const VERSION: u32 = 1;

/// Documents on stdout.
pub struct Json {
    printer: Printer,
}

impl Json {
    /// Documents through `printer`.
    pub fn new(printer: Printer) -> Self {
        Self { printer }
    }

    fn document(&self, kind: &str, body: &impl Serialize) {
        self.printer.data(&document(kind, body));
    }
}

/// One document at the end says it all.
struct Silent;

impl Watcher for Silent {
    fn cases(&self, _: usize) {}

    fn module(&self, _: &TestedModule) {}
}

/// How many problems a document lists; a flood of them would fill the memory of whoever reads it.
const MOST: usize = 1_000;

/// The problems under `problems`; how many were left out under `omitted`, if any were.
fn listed(problems: &Problems) -> Map<String, Value> {
    let shown: Vec<_> = problems.0.iter().take(MOST).collect();
    let mut body = Map::new();
    body.insert("problems".to_owned(), json!(shown));
    if problems.0.len() > MOST {
        body.insert("omitted".to_owned(), json!(problems.0.len() - MOST));
    }
    body
}

impl View for Json {
    fn problems(&self, problems: &Problems) {
        if !problems.0.is_empty() {
            self.document("problems", &listed(problems));
        }
    }

    fn plan(&self, plan: &Plan, preflight: Option<&Preflight>, _: &[String]) {
        let mut body = json!({ "changes": plan.changes_anything(), "plan": plan });
        if let (Some(preflight), Some(body)) = (preflight, body.as_object_mut()) {
            body.insert("preflight".to_owned(), json!(preflight.problems));
            body.insert("checks".to_owned(), json!(preflight.checks));
        }
        self.document("plan", &body);
    }

    fn validated(&self, validated: &Validated, warnings: &Problems) {
        let mut body = listed(warnings);
        body.insert("environments".to_owned(), json!(validated.environments));
        self.document("validated", &body);
    }

    fn linted(&self, linted: &Linted, problems: &Problems) {
        self.document("linted", &json!({ "files": linted.files, "problems": problems }));
    }

    fn formatted(&self, formatted: &Formatted) {
        self.document("formatted", formatted);
    }

    fn status(&self, status: &Status) {
        self.document("status", status);
    }

    fn outputs(&self, outputs: &Outputs) {
        self.document("outputs", outputs);
    }

    fn output(&self, value: &str) {
        self.printer.data(&Value::from(value).to_string());
    }

    fn lock(&self, lock: &LockReport) {
        self.document("lock", lock);
    }

    fn modules(&self, modules: &ModuleList) {
        self.document("modules", modules);
    }

    fn fetched(&self, report: &FetchReport) {
        self.document("fetched", report);
    }

    fn module(&self, module: &ModuleReport) {
        self.document("module", module);
    }

    fn module_written(&self, written: &ModuleWritten) {
        self.document("module_written", written);
    }

    fn module_pages(&self, pages: &ModulePages) {
        self.document("module_pages", pages);
    }

    fn testing(&self, _: &CaseList) -> Box<dyn Watcher> {
        Box::new(Silent)
    }

    fn tested(&self, tested: &Tested) {
        self.document("tested", tested);
    }

    fn cases(&self, list: &CaseList) {
        self.document("cases", list);
    }

    fn explanations(&self, found: &[Explained]) {
        self.document("explanations", &json!({ "explanations": found }));
    }

    fn codes(&self, list: &CodeList) {
        self.document("codes", list);
    }

    fn rules(&self, rules: &RuleList) {
        self.document("rules", rules);
    }

    fn rule(&self, rule: &RuleReport) {
        self.document("rule", rule);
    }

    fn sandbox(&self, report: &SandboxReport) {
        self.document("sandbox", report);
    }

    fn initialised(&self, written: &Initialised) {
        self.document("initialised", written);
    }

    fn summary(&self, summary: &Summary) {
        self.document("summary", summary);
    }

    fn progress(&self, _: &Plan) -> Box<dyn Progress> {
        Box::new(Documents(self.printer.clone()))
    }

    fn ship_plan(&self, plan: &ShipPlan, _: &[String]) {
        let mut body = json!({ "changes": plan.changes_anything() });
        if let (Some(body), Ok(Value::Object(members))) = (body.as_object_mut(), serde_json::to_value(plan)) {
            body.extend(members);
        }
        self.document("ship_plan", &body);
    }

    fn shipping(&self, _: &str) -> Box<dyn Progress<ship::Event>> {
        Box::new(Documents(self.printer.clone()))
    }

    fn log(&self) -> Box<dyn Progress<ship::Event>> {
        Box::new(Documents(self.printer.clone()))
    }

    fn ship_summary(&self, summary: &ShipSummary) {
        self.document("ship_summary", summary);
    }

    fn trained(&self, summary: &TrainSummary) {
        self.document("trained", summary);
    }

    fn workloads(&self, list: &WorkloadList) {
        self.document("workloads", list);
    }

    fn note(&self, _: &str) {}

    fn raw(&self, text: &[u8]) {
        self.printer.bytes(text);
    }

    fn ask(&self, question: &str) {
        self.printer.ask(&format!("{question} "));
    }
}

/// Each event as a document.
struct Documents(Printer);

impl Progress for Documents {
    fn event(&mut self, event: &Event, now: Duration) {
        let (kind, mut body) = event_body(event);
        body.insert("at_seconds".to_owned(), json!(now.as_secs()));
        self.0.data(&document(kind, &body));
    }

    fn tick(&mut self, _: Duration) {}

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn finish(&mut self, _: Duration) {}
}

impl Progress<ship::Event> for Documents {
    fn event(&mut self, event: &ship::Event, now: Duration) {
        let (kind, mut body) = shipping_body(event);
        body.insert("at_seconds".to_owned(), json!(now.as_secs()));
        self.0.data(&document(kind, &body));
    }

    fn tick(&mut self, _: Duration) {}

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn finish(&mut self, _: Duration) {}
}

fn shipping_body(event: &ship::Event) -> (&'static str, Map<String, Value>) {
    let (kind, value) = match event {
        ship::Event::Phase {
            workload,
            phase,
            subject,
        } => (
            "phase",
            json!({ "workload": workload, "phase": phase, "subject": subject }),
        ),
        ship::Event::BuildLine { workload, line } => ("build_line", json!({ "workload": workload, "line": line })),
        ship::Event::Push {
            workload,
            sent,
            total,
            reused,
        } => (
            "push",
            json!({ "workload": workload, "sent": sent, "total": total, "reused": reused }),
        ),
        ship::Event::Rollout {
            workload,
            ready,
            wanted,
            waiting_for,
        } => (
            "rollout",
            json!({ "workload": workload, "ready": ready, "wanted": wanted, "waiting_for": waiting_for }),
        ),
        ship::Event::Log { source, line } => ("log", json!({ "source": source, "line": line })),
        ship::Event::Note(text) => ("note", json!({ "text": text })),
    };
    match value {
        Value::Object(body) => (kind, body),
        _ => (kind, Map::new()),
    }
}

fn document(kind: &str, body: &impl Serialize) -> String {
    let mut object = Map::new();
    object.insert("version".to_owned(), json!(VERSION));
    object.insert("type".to_owned(), json!(kind));
    match serde_json::to_value(body) {
        Ok(Value::Object(members)) => object.extend(members),
        Ok(other) => drop(object.insert("value".to_owned(), other)),
        // Every report is a struct with string keys, which cannot fail; should one ever, the reader is told.
        Err(error) => drop(object.insert("unrepresentable".to_owned(), json!(error.to_string()))),
    }
    Value::Object(object).to_string()
}

fn event_body(event: &Event) -> (&'static str, Map<String, Value>) {
    let (kind, value) = match event {
        Event::LockWaiting { holder } => ("lock_waiting", json!({ "holder": holder })),
        Event::LockAcquired { generation } => ("lock_acquired", json!({ "generation": generation })),
        Event::StackStarted { stack, work, resources } => (
            "stack_started",
            json!({ "stack": stack, "work": work, "resources": resources }),
        ),
        Event::Resource {
            stack,
            logical_id,
            resource_type,
            status,
            reason,
        } => (
            "resource",
            json!({
                "stack": stack,
                "logical_id": logical_id,
                "resource_type": resource_type,
                "status": status,
                "reason": reason,
            }),
        ),
        Event::StackFinished {
            stack,
            outcome,
            elapsed,
        } => {
            let seconds = elapsed.as_secs();
            let body = match outcome {
                Outcome::Failed(cause) => json!({ "problem": cause }),
                Outcome::NotStarted { because } => json!({ "because": because }),
                Outcome::Done | Outcome::Unchanged | Outcome::LeftRunning => json!({}),
            };
            let mut object =
                json!({ "stack": stack, "outcome": super::report::outcome_name(outcome), "seconds": seconds });
            if let (Value::Object(object), Value::Object(body)) = (&mut object, body) {
                object.extend(body);
            }
            ("stack_finished", object)
        }
        Event::PollTrouble { message } => ("poll_trouble", json!({ "message": message })),
        Event::Interrupted => ("interrupted", json!({})),
        Event::Note(text) => ("note", json!({ "text": text })),
    };
    match value {
        Value::Object(body) => (kind, body),
        _ => (kind, Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::{Code, Problem, Source, Span};

    #[test]
    fn problems_are_one_versioned_document_with_positions() {
        let (printer, stdout, stderr) = Printer::captured();
        let source = Arc::new(Source {
            path: "environments/dev.toml".into(),
            text: "a = 1\nbé = 2\n".into(),
        });
        let found = Problem::error(Code(101), "unknown key `bé`")
            .at(Span::new(&source, 6..9), "here")
            .hint("remove it");
        Json::new(printer).problems(&Problems(vec![found]));
        assert_eq!(stderr.text(), "");
        insta::assert_snapshot!(stdout.text(), @r#"
        {"version":1,"type":"problems","problems":[{"code":"MLI0101","title":"an environment has an unusable name","severity":"error","message":"unknown key `bé`","at":{"file":"environments/dev.toml","line":2,"column":1,"end_line":2,"end_column":3},"labels":[{"at":{"file":"environments/dev.toml","line":2,"column":1,"end_line":2,"end_column":3},"text":"here"}],"notes":[],"hints":["remove it"]}]}
        "#);
    }

    #[test]
    fn progress_is_one_document_a_line() {
        let (printer, stdout, _) = Printer::captured();
        let mut progress = Documents(printer);
        progress.event(
            &Event::StackFinished {
                stack: "network".into(),
                outcome: Outcome::NotStarted {
                    because: "cluster failed".into(),
                },
                elapsed: Duration::ZERO,
            },
            Duration::from_secs(9),
        );
        insta::assert_snapshot!(stdout.text(), @r#"
        {"version":1,"type":"stack_finished","stack":"network","outcome":"not_started","seconds":0,"because":"cluster failed","at_seconds":9}
        "#);
    }
}

//! `module test`.

use std::fmt::Write as _;
use std::time::Duration;

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cases::{CaseKind, Failure, Tested, TestedCase, TestedModule, Watcher};
use crate::diagnostic::{Code, Label};
use crate::view::printer::Printer;
use crate::view::report::CaseList;
use crate::view::text::{ADD, CHANGE, DIM, NAME, REMOVE, columns, count, pad, paint, wrap};

/// Tells of each module as soon as all of its cases have been run; on a terminal, of how many have been run too.
pub struct Testing {
    printer: Printer,
    verbose: bool,
    /// The width of the names of modules.
    names: usize,
    /// How many cases there are.
    all: usize,
    bar: Option<ProgressBar>,
}

impl Testing {
    /// The run of the cases of `list`; with `verbose`, those that hold are named too.
    pub fn new(printer: Printer, list: &CaseList, verbose: bool) -> Self {
        let all = list.modules.values().map(Vec::len).sum();
        let testing = Self {
            names: list.modules.keys().map(|name| columns(name)).max().unwrap_or(0),
            all,
            bar: printer.terminal().live.then(bar),
            printer,
            verbose,
        };
        testing.cases(0);
        testing
    }
}

impl Watcher for Testing {
    fn cases(&self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{done} of {}", count(self.all, "case")));
        }
    }

    fn module(&self, module: &TestedModule) {
        let text = tested(module, self.names, self.verbose, self.printer.terminal().width);
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.data(&text)),
            None => self.printer.data(&text),
        }
    }
}

impl Drop for Testing {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line on stderr that moves while a case runs.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A line on a module, and its failures below.
fn tested(module: &TestedModule, names: usize, verbose: bool, width: usize) -> String {
    let (passed, failed) = module.counts();
    let mark = if failed == 0 {
        paint(ADD, "✓")
    } else {
        paint(REMOVE, "✗")
    };
    let of = |kind: CaseKind| module.cases.iter().filter(|case| case.kind == kind).count();
    let mut counts = format!("{passed} passed");
    if failed > 0 {
        let _ = write!(counts, ", {}", paint(REMOVE, format!("{failed} failed")));
    }
    let mut kinds = Vec::new();
    if of(CaseKind::Apply) > 0 {
        kinds.push(format!("{} deployed", of(CaseKind::Apply)));
    }
    if of(CaseKind::Pairwise) > 0 {
        kinds.push(count(of(CaseKind::Pairwise), "combination"));
    }
    kinds.push(seconds(module.milliseconds()));
    let mut text = format!(
        "{mark} {} {counts} {}\n",
        pad(&paint(NAME, &module.module), names),
        paint(DIM, format!("({})", kinds.join(", ")))
    );
    if failed > 0 {
        text.push('\n');
    }
    let shared = Shared::of(module);
    for case in &module.cases {
        let own: Vec<&Failure> = case.failures.iter().filter(|one| !shared.has(module, one)).collect();
        if !own.is_empty() {
            text.push_str(&failed_case(module, case, &own, width));
        } else if verbose && case.holds() {
            text.push_str(&name(&paint(ADD, "✓"), case, "", width));
        }
        if verbose {
            for note in &case.notes {
                let _ = writeln!(text, "      {}", paint(CHANGE, note));
            }
        }
    }
    text.push_str(&shared.told(module, verbose, width));
    text
}

/// How many cases hold, and how many do not.
pub fn sum(tested: &Tested) -> String {
    let failed = format!("{} failed", tested.failed);
    format!(
        "{} passed, {} in {}\n",
        tested.passed,
        if tested.failed > 0 {
            paint(REMOVE, failed)
        } else {
            failed
        },
        seconds(tested.milliseconds)
    )
}

/// So many cases with the same failure have one cause, which is told once.
const SHARED: usize = 3;
/// So many of them are named.
const NAMED: usize = 3;

/// The failures that several cases have in common: each with the cases.
struct Shared<'a>(IndexMap<String, Vec<(&'a TestedCase, &'a Failure)>>);

impl<'a> Shared<'a> {
    fn of(module: &'a TestedModule) -> Self {
        let mut found: IndexMap<String, Vec<(&TestedCase, &Failure)>> = IndexMap::new();
        for case in &module.cases {
            for failure in &case.failures {
                let cases = found.entry(cause(module, failure)).or_default();
                // A case may say the same of two resources.
                if cases.last().is_none_or(|(last, _)| !std::ptr::eq(*last, case)) {
                    cases.push((case, failure));
                }
            }
        }
        found.retain(|_, cases| cases.len() >= SHARED);
        Self(found)
    }

    fn has(&self, module: &TestedModule, failure: &Failure) -> bool {
        self.0.contains_key(&cause(module, failure))
    }

    fn told(&self, module: &TestedModule, verbose: bool, width: usize) -> String {
        let mut text = String::new();
        let mut explained = Vec::new();
        for cases in self.0.values() {
            let Some((_, first)) = cases.first() else { continue };
            // Where in the test file is another place for each case.
            let everywhere = |label: &Label| {
                let has = |failure: &Failure| labels(failure).any(|other| other.span == label.span);
                !is_of_test(module, label) || cases.iter().all(|(_, failure)| has(failure))
            };
            let told = lines(first, is_explained(first, &mut explained), &everywhere);
            let mut told = told.lines();
            let _ = writeln!(text, "  {} {}", paint(REMOVE, "✗"), told.next().unwrap_or_default());
            told.for_each(|line| {
                let _ = writeln!(text, "    {line}");
            });
            let named = if verbose { cases.len() } else { NAMED };
            let names: Vec<&str> = cases.iter().take(named).map(|(case, _)| short(case)).collect();
            let more = cases.len().checked_sub(named).filter(|more| *more > 0);
            let last = more.map(|more| format!(" and {more} more")).unwrap_or_default();
            let sentence = format!("fails {}: {}{last}", count(cases.len(), "case"), names.join(", "));
            text.push_str(&indented(
                &wrap(&sentence, width.saturating_sub(6)).join("\n"),
                "      ",
            ));
            text.push('\n');
        }
        text
    }
}

/// What makes two failures the same, wherever in the test file they are.
fn cause(module: &TestedModule, failure: &Failure) -> String {
    lines(failure, false, &|label| !is_of_test(module, label))
}

fn labels(failure: &Failure) -> impl Iterator<Item = &Label> {
    failure.problem.iter().flat_map(|problem| &problem.labels)
}

fn is_of_test(module: &TestedModule, label: &Label) -> bool {
    label.span.source.path == module.file
}

/// Whether a failure's notes and hints have been told: ten findings of one rule need their places, and its reasons once.
fn is_explained(failure: &Failure, explained: &mut Vec<Code>) -> bool {
    let Some(problem) = &failure.problem else { return false };
    let known = explained.contains(&problem.code);
    explained.push(problem.code);
    known
}

/// `pairwise 3` of a combination; else the whole name.
fn short(case: &TestedCase) -> &str {
    let (head, _) = combination(case);
    head
}

/// The name of a combination before its values, and these.
fn combination(case: &TestedCase) -> (&str, Option<&str>) {
    match case.name.split_once(": ").filter(|_| case.kind == CaseKind::Pairwise) {
        Some((head, values)) => (head, Some(values)),
        None => (&case.name, None),
    }
}

/// The line that names a case; the values of a combination stand below it if they are too many for one line.
fn name(mark: &str, case: &TestedCase, place: &str, width: usize) -> String {
    let place = if place.is_empty() {
        String::new()
    } else {
        format!("   {}", paint(DIM, place))
    };
    let one = format!("  {mark} {}{place}\n", paint(NAME, &case.name));
    let (head, values) = combination(case);
    match values.filter(|_| columns(one.trim_end()) > width) {
        None => one,
        Some(values) => {
            let values = wrap(values, width.saturating_sub(6)).join("\n");
            format!("  {mark} {}{place}\n{}", paint(NAME, head), indented(&values, "      "))
        }
    }
}

/// The names of cases as they can be given to `--case`.
pub fn list(list: &CaseList) -> String {
    let mut text = String::new();
    for (module, cases) in &list.modules {
        let _ = writeln!(text, "{}", paint(NAME, module));
        for case in cases {
            let _ = writeln!(text, "  {case}");
        }
    }
    text
}

fn failed_case(module: &TestedModule, case: &TestedCase, failures: &[&Failure], width: usize) -> String {
    let place = format!("{}:{}", module.file, case.line);
    let mut text = name(&paint(REMOVE, "✗"), case, &place, width);
    let mut explained = Vec::new();
    for failure in failures {
        let known = is_explained(failure, &mut explained);
        text.push_str(&indented(&lines(failure, known, &|_| true), "      "));
    }
    text.push('\n');
    text
}

/// A failure as lines: what is otherwise and where, at the labels that are `shown`, then what helps.
fn lines(failure: &Failure, explained: bool, shown: &dyn Fn(&Label) -> bool) -> String {
    let mut text = failure.message.clone();
    if let Some(place) = &failure.template_at {
        let _ = write!(text, "   {}", paint(DIM, place));
    }
    text.push('\n');
    for line in &failure.more {
        let style = match line.chars().next() {
            Some('+') => ADD,
            Some('-') => REMOVE,
            _ => DIM,
        };
        let _ = writeln!(text, "  {}", paint(style, line));
    }
    if let Some(problem) = &failure.problem {
        for label in problem.labels.iter().filter(|label| shown(label)) {
            let place = paint(DIM, format!("at {}", label.span.place()));
            let _ = writeln!(text, "  {}", format!("{place} {}", label.text).trim_end());
        }
        if !explained {
            let notes = problem.notes.iter().map(|note| format!("  = {note}"));
            let hints = problem.hints.iter().map(|hint| format!("  → {hint}"));
            text.extend(notes.chain(hints).map(|line| format!("{line}\n")));
        }
    }
    text
}

fn indented(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}\n")).collect()
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:01}s", milliseconds / 1_000, milliseconds % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Problem, codes};

    fn case(name: &str, messages: &[&str]) -> TestedCase {
        let failure = |message: &&str| Failure {
            message: (*message).to_owned(),
            expected_at: None,
            template_at: None,
            more: Vec::new(),
            problem: Some(Problem::error(codes::TEMPLATE_FILE, "undefined").hint("declare it")),
        };
        TestedCase {
            name: name.to_owned(),
            kind: if name.starts_with("pairwise ") {
                CaseKind::Pairwise
            } else {
                CaseKind::Render
            },
            line: 7,
            milliseconds: 100,
            failures: messages.iter().map(failure).collect(),
            notes: Vec::new(),
        }
    }

    fn module(cases: Vec<TestedCase>) -> TestedModule {
        TestedModule {
            module: "vpc".into(),
            file: "modules/vpc.test.toml".into(),
            cases,
        }
    }

    #[test]
    fn one_cause_is_told_once() {
        let module = module(vec![
            case("zones-can-be-named", &["`flow_logs` is not defined"]),
            case(
                "too-few-are-refused",
                &["expected an error, nobody told it", "`flow_logs` is not defined"],
            ),
            case("one-gateway", &["`flow_logs` is not defined"]),
            case("fine", &[]),
            case("pairwise 1: zones=2, gateways=none", &["`flow_logs` is not defined"]),
        ]);
        insta::assert_snapshot!(anstream::adapter::strip_str(&tested(&module, 3, false, 80)), @r"
        ✗ vpc 1 passed, 4 failed (1 combination, 0.5s)

          ✗ too-few-are-refused   modules/vpc.test.toml:7
              expected an error, nobody told it
                → declare it

          ✗ `flow_logs` is not defined
              → declare it
              fails 4 cases: zones-can-be-named, too-few-are-refused, one-gateway and 1
              more
        ");
    }

    #[test]
    fn the_values_of_a_combination_stay_within_the_width() {
        let long = "pairwise 12: public_ports=[{ port = 443, protocol = \"tcp\" }], nat_gateways=per-zone, no zone_names, flow_logs=true";
        let module = module(vec![case(long, &["too small"])]);
        insta::assert_snapshot!(anstream::adapter::strip_str(&tested(&module, 3, false, 80)), @r#"
        ✗ vpc 0 passed, 1 failed (1 combination, 0.1s)

          ✗ pairwise 12   modules/vpc.test.toml:7
              public_ports=[{ port = 443, protocol = "tcp" }], nat_gateways=per-zone, no
              zone_names, flow_logs=true
              too small
                → declare it
        "#);
    }
}

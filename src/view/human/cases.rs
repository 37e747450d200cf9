//! `module test`.

use std::fmt::Write as _;

use crate::cases::{CaseKind, Failure, Tested, TestedCase, TestedModule};
use crate::diagnostic::Code;
use crate::view::report::CaseList;
use crate::view::text::{ADD, CHANGE, DIM, NAME, REMOVE, count, pad, paint};

/// One line a module, its failures below it, and the sum.
pub fn tested(tested: &Tested, verbose: bool) -> String {
    let mut text = String::new();
    let width = tested
        .modules
        .iter()
        .map(|module| module.module.len())
        .max()
        .unwrap_or(0);
    for module in &tested.modules {
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
        let _ = writeln!(
            text,
            "{mark} {} {counts} {}",
            pad(&paint(NAME, &module.module), width),
            paint(DIM, format!("({})", kinds.join(", ")))
        );
        if failed > 0 {
            text.push('\n');
        }
        for case in &module.cases {
            if !case.holds() {
                text.push_str(&failed_case(module, case));
            } else if verbose {
                let _ = writeln!(text, "  {} {}", paint(ADD, "✓"), case.name);
            }
            if verbose {
                for note in &case.notes {
                    let _ = writeln!(text, "      {}", paint(CHANGE, note));
                }
            }
        }
    }
    let failed = format!("{} failed", tested.failed);
    let _ = writeln!(
        text,
        "{} passed, {} in {}",
        tested.passed,
        if tested.failed > 0 {
            paint(REMOVE, failed)
        } else {
            failed
        },
        seconds(tested.milliseconds)
    );
    text
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

fn failed_case(module: &TestedModule, case: &TestedCase) -> String {
    let mut text = format!(
        "  {} {}   {}\n",
        paint(REMOVE, "✗"),
        paint(NAME, &case.name),
        paint(DIM, format!("{}:{}", module.file, case.line))
    );
    let mut explained: Vec<Code> = Vec::new();
    for failure in &case.failures {
        // Ten findings of one rule need their places, and its reasons once.
        let known = failure
            .problem
            .as_ref()
            .is_some_and(|problem| explained.contains(&problem.code));
        explained.extend(failure.problem.as_ref().map(|problem| problem.code));
        text.push_str(&indented(&lines(failure, known), "      "));
    }
    text.push('\n');
    text
}

/// A failure as lines: what is otherwise and where, then what helps.
fn lines(failure: &Failure, explained: bool) -> String {
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
        for label in &problem.labels {
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

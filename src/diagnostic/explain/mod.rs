//! What each code means at length: why it is a mistake, the smallest example, the cure. `mlinfra explain` shows it.
//!
//! The texts are Markdown files beside this one, a file for each hundred codes. An entry begins with `## MLI0421`;
//! the order of entries says nothing, and what stands before the first one is not read.

use super::{Code, codes};

mod page;
#[cfg(test)]
mod tests;

pub use page::page;

/// What is known about a code, as Markdown: paragraphs, lists, fenced blocks, `code` between backticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// What is wrong, and what AWS would make of it.
    pub cause: &'static str,
    /// The smallest thing that trips it.
    pub example: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// The files, by the hundreds of their codes.
const FILES: [&str; 19] = [
    include_str!("00.md"),
    include_str!("01.md"),
    include_str!("02.md"),
    include_str!("03.md"),
    include_str!("04.md"),
    include_str!("05.md"),
    include_str!("06.md"),
    include_str!("07.md"),
    include_str!("08.md"),
    include_str!("09.md"),
    include_str!("10.md"),
    include_str!("11.md"),
    include_str!("12.md"),
    include_str!("13.md"),
    include_str!("14.md"),
    include_str!("15.md"),
    include_str!("16.md"),
    include_str!("17.md"),
    include_str!("18.md"),
];

/// What the codes of a hundred are about, from 00xx on.
const AREAS: [&str; 19] = [
    "files and syntax",
    "environment files",
    "modules and wiring",
    "rendering",
    "template checks",
    "security baseline",
    "plan",
    "lock and state",
    "CloudFormation",
    "sessions and accounts",
    "command line",
    "sandbox",
    "preflight",
    "tests of modules",
    "fetched modules",
    "shipping and images",
    "rollouts on Kubernetes",
    "SageMaker and training",
    "rollouts on ECS",
];

/// The explanation of `code`; none if it is no code.
pub fn explain(code: Code) -> Option<Explanation> {
    let file = FILES.get(usize::from(code.0 / 100))?;
    entries(file)
        .find(|entry| entry.code == code)
        .and_then(|entry| entry.explanation())
}

/// What the codes of the hundred that `code` is in are about, `template checks`.
pub fn area(code: Code) -> &'static str {
    AREAS.get(usize::from(code.0 / 100)).copied().unwrap_or("other")
}

/// The codes whose titles hold all of `words`, then those whose explanations do; upper and lower case are the same.
pub fn search(words: &[String]) -> Vec<Code> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let holds = |text: &str| {
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let (mut found, others): (Vec<_>, Vec<_>) = codes::ALL.iter().partition(|(_, title)| holds(title));
    found.extend(others.into_iter().filter(|(code, title)| {
        explain(*code).is_some_and(|text| holds(&format!("{title} {} {} {}", text.cause, text.example, text.fix)))
    }));
    found.into_iter().map(|(code, _)| code).collect()
}

/// One entry of a file, not yet taken apart.
struct Entry {
    code: Code,
    body: &'static str,
}

impl Entry {
    /// The three parts; none if a heading is missing or comes twice.
    fn explanation(&self) -> Option<Explanation> {
        let headings: Vec<Line> = unfenced(self.body)
            .filter(|line| line.text.starts_with("### "))
            .collect();
        let [example, fix] = headings.as_slice() else {
            return None;
        };
        (example.text.trim_end() == "### Example" && fix.text.trim_end() == "### Fix").then_some(())?;
        Some(Explanation {
            cause: self.body.get(..example.start)?.trim(),
            example: self.body.get(example.end..fix.start)?.trim(),
            fix: self.body.get(fix.end..)?.trim(),
        })
    }
}

/// The entries of a file in its own order.
fn entries(file: &'static str) -> impl Iterator<Item = Entry> {
    let begins: Vec<(Code, Line)> = unfenced(file)
        .filter_map(|line| Some((Code::parse(line.text.strip_prefix("## ")?.trim())?, line)))
        .collect();
    let ends: Vec<usize> = begins
        .iter()
        .skip(1)
        .map(|(_, line)| line.start)
        .chain([file.len()])
        .collect();
    begins.into_iter().zip(ends).filter_map(|((code, line), end)| {
        Some(Entry {
            code,
            body: file.get(line.end..end)?,
        })
    })
}

/// A line and where it stands; `end` is behind its line break.
struct Line {
    text: &'static str,
    start: usize,
    end: usize,
}

/// The lines that stand in no fenced block.
fn unfenced(text: &'static str) -> impl Iterator<Item = Line> {
    let mut at = 0;
    let mut fenced = false;
    text.split_inclusive('\n').filter_map(move |text| {
        let line = Line {
            text,
            start: at,
            end: at + text.len(),
        };
        at = line.end;
        let fence = text.starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some(line)
    })
}

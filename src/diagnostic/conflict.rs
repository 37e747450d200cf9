//! Merge conflicts that were left in a text, whatever the text is.

use std::sync::Arc;

use super::{Code, Problem, Source, Span};

/// The first merge conflict in `source`, as a problem with this code and message; none if there is none. Git's markers:
/// seven signs, and behind the outer ones the name of a side ("git-merge", HOW CONFLICTS ARE PRESENTED).
pub fn merge_conflict(source: &Arc<Source>, code: Code, message: &str) -> Option<Problem> {
    let mut markers = Vec::new();
    let mut offset = 0;
    for line in source.text.split_inclusive('\n') {
        let mark = line.trim_end();
        if mark.starts_with("<<<<<<< ") || mark == "=======" || mark.starts_with(">>>>>>> ") {
            markers.push(Span::new(source, offset..offset + mark.len()));
        }
        offset += line.len();
    }
    let [ours, middle, theirs, ..] = markers.as_slice() else {
        return None;
    };
    if !ours.text().starts_with('<') || !theirs.text().starts_with('>') {
        return None;
    }
    let problem = Problem::error(code, message).at(ours.clone(), "one side begins here");
    let problem = problem
        .at(middle.clone(), "the other side")
        .at(theirs.clone(), "and ends here");
    Some(problem.hint("keep what should hold, and remove the three marker lines"))
}

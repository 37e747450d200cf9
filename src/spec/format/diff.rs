//! What formatting would change, as a unified diff.

/// Lines of context round a change.
const CONTEXT: usize = 3;
/// More pairs of lines than this are not compared one by one; between the first and the last difference everything is
/// then shown as replaced.
const MOST_PAIRS: usize = 4_000_000;

/// The number of the first line, from 1, in which the texts differ.
pub fn first_difference(before: &str, after: &str) -> Option<usize> {
    let (mut old, mut new) = (before.split('\n'), after.split('\n'));
    (1..).find_map(|line| match (old.next(), new.next()) {
        (None, None) => Some(None),
        (a, b) if a != b => Some(Some(line)),
        _ => None,
    })?
}

/// A unified diff from `before` to `after`, both called `path`; empty if they are equal.
pub fn unified(path: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let (old, new) = (lines(before), lines(after));
    let edits = edits(&old, &new);
    let mut text = format!("--- {path}\n+++ {path} (formatted)\n");
    for hunk in hunks(&edits) {
        text.push_str(&self::hunk(edits.get(hunk).unwrap_or_default()));
    }
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Kept,
    Removed,
    Added,
}

/// One line of a diff, with the numbers, from 0, that the next old and new lines have there.
#[derive(Debug, Clone, Copy)]
struct Edit<'a> {
    mark: Mark,
    line: &'a str,
    old: usize,
    new: usize,
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Edit<'a>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let middle = |lines: &[&'a str]| lines.get(head..lines.len() - tail).unwrap_or_default().to_vec();
    let marks = [
        vec![Mark::Kept; head],
        compared(&middle(old), &middle(new)),
        vec![Mark::Kept; tail],
    ]
    .concat();
    let (mut at_old, mut at_new) = (0, 0);
    marks
        .into_iter()
        .map(|mark| {
            let line = match mark {
                Mark::Added => new.get(at_new),
                Mark::Kept | Mark::Removed => old.get(at_old),
            };
            let edit = Edit {
                mark,
                line: line.copied().unwrap_or_default(),
                old: at_old,
                new: at_new,
            };
            at_old += usize::from(mark != Mark::Added);
            at_new += usize::from(mark != Mark::Removed);
            edit
        })
        .collect()
}

/// The longest common subsequence keeps its lines; of the others the old ones come first.
fn compared(old: &[&str], new: &[&str]) -> Vec<Mark> {
    let replaced = || [vec![Mark::Removed; old.len()], vec![Mark::Added; new.len()]].concat();
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        return replaced();
    }
    let width = new.len() + 1;
    // How many lines `old[i..]` and `new[j..]` have in common, at i * width + j.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let best = if a == b {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut marks = Vec::new();
    loop {
        match (old.get(i), new.get(j)) {
            (None, None) => return marks,
            (Some(a), Some(b)) if a == b => {
                marks.push(Mark::Kept);
                i += 1;
                j += 1;
            }
            (Some(_), b) if b.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                marks.push(Mark::Removed);
                i += 1;
            }
            _ => {
                marks.push(Mark::Added);
                j += 1;
            }
        }
    }
}

/// Ranges of edits that are shown together.
fn hunks(edits: &[Edit<'_>]) -> Vec<std::ops::Range<usize>> {
    let mut hunks: Vec<std::ops::Range<usize>> = Vec::new();
    for (index, _) in edits.iter().enumerate().filter(|(_, edit)| edit.mark != Mark::Kept) {
        let (start, end) = (index.saturating_sub(CONTEXT), (index + CONTEXT + 1).min(edits.len()));
        match hunks.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => hunks.push(start..end),
        }
    }
    hunks
}

fn hunk(edits: &[Edit<'_>]) -> String {
    let count = |not: Mark| edits.iter().filter(|edit| edit.mark != not).count();
    let (old, new) = edits.first().map_or((0, 0), |edit| (edit.old, edit.new));
    let range = |start: usize, count: usize| match count {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        _ => format!("{},{count}", start + 1),
    };
    let mut text = format!(
        "@@ -{} +{} @@\n",
        range(old, count(Mark::Added)),
        range(new, count(Mark::Removed))
    );
    for edit in edits {
        let sign = match edit.mark {
            Mark::Kept => ' ',
            Mark::Removed => '-',
            Mark::Added => '+',
        };
        // A carriage return would hide the line on a terminal.
        let line = edit.line.trim_end_matches('\n').replace('\r', "^M");
        text.push_str(&format!("{sign}{line}\n"));
        if !edit.line.ends_with('\n') {
            text.push_str("\\ No newline at end of file\n");
        }
    }
    text
}

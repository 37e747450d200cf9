//! From statements to text.

use super::read::{Entry, File, Group, Line, Section};
use super::value::width;

/// The whole text: one line break at its end, none of it blank.
pub(super) fn file(file: &File) -> String {
    let mut text = lines(&file.head);
    for section in &file.sections {
        part(&mut text);
        self::section(&mut text, section);
    }
    part(&mut text);
    text.push_str(&lines(&file.tail));
    let end = text.trim_end_matches('\n').len();
    text.truncate(end);
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// One blank line, unless there is one or nothing stands above.
fn part(text: &mut String) {
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
}

fn lines(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        match line {
            Line::Blank => part(&mut text),
            Line::Comment(comment) => {
                text.push_str(comment);
                text.push('\n');
            }
        }
    }
    text
}

fn section(text: &mut String, section: &Section) {
    text.push_str(&lines(&section.lead));
    if let Some(header) = &section.header {
        text.push_str(&header.text);
        if let Some(comment) = &header.comment {
            text.push_str(&format!(" {comment}"));
        }
        text.push('\n');
    }
    for (index, group) in section.groups.iter().enumerate() {
        if index > 0 {
            part(text);
        }
        text.push_str(&lines(&group.intro));
        for block in blocks(group) {
            self::block(text, block);
        }
        text.push_str(&lines(&group.tail));
    }
}

/// Lines that follow each other without a blank line or a comment between: their `=` stand in one column.
fn blocks(group: &Group) -> Vec<&[Entry]> {
    group
        .entries
        .chunk_by(|_, below| below.lead.is_empty())
        .collect::<Vec<_>>()
}

fn block(text: &mut String, entries: &[Entry]) {
    let column = entries.iter().map(|entry| width(&entry.key)).max().unwrap_or(0);
    let written: Vec<String> = entries
        .iter()
        .map(|entry| {
            let blanks = " ".repeat(column - width(&entry.key));
            format!("{}{blanks} = {}", entry.key, entry.value.write(0, column + 3))
        })
        .collect();
    let behind: Vec<Option<&String>> = entries.iter().map(|entry| entry.comment.as_ref()).collect();
    let columns = comment_columns(&written, &behind);
    for (((entry, line), comment), column) in entries.iter().zip(&written).zip(behind).zip(columns) {
        text.push_str(&lines(&entry.lead));
        text.push_str(line);
        if let Some(comment) = comment {
            text.push_str(&" ".repeat(column.saturating_sub(width(line)).max(1)));
            text.push_str(comment);
        }
        text.push('\n');
    }
}

/// Where the comments behind lines begin: in one column for lines that follow each other. A value over several lines
/// has its comment right behind it.
fn comment_columns(written: &[String], behind: &[Option<&String>]) -> Vec<usize> {
    let takes_part = |index: usize| {
        behind.get(index).is_some_and(Option::is_some) && written.get(index).is_some_and(|line| !line.contains('\n'))
    };
    let mut columns = vec![0; written.len()];
    let mut start = 0;
    while start < written.len() {
        let run = (start..written.len()).take_while(|index| takes_part(*index)).count();
        let widest = written.iter().skip(start).take(run).map(|line| width(line) + 1).max();
        for column in columns.iter_mut().skip(start).take(run) {
            *column = widest.unwrap_or(0);
        }
        start += run.max(1);
    }
    columns
}

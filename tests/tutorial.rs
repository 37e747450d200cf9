//! The tutorial on modules is run as it is written: files are written, commands typed, and what it says that they say is
//! looked for in what they say.

use std::process::Stdio;

use crate::project::Project;

/// One fenced block of the page.
struct Block {
    /// The words behind the fence: `toml environments/dev.toml`.
    head: Vec<String>,
    text: String,
    line: usize,
}

#[test]
fn the_tutorial_on_modules_works_from_its_first_line_to_its_last() {
    let project = Project::empty();
    let mut commands = 0;
    for block in blocks(include_str!("../docs/tutorial-module.md")) {
        let head: Vec<&str> = block.head.iter().map(String::as_str).collect();
        match head.as_slice() {
            ["console"] => commands += typed(&project, &block),
            ["diff", path] => edited(&project, path, &block),
            [_, path, "added"] => project.write(path, project.read(path) + &block.text),
            [_, path] => project.write(path, &block.text),
            other => panic!("line {}: a block that says nothing to do: {other:?}", block.line),
        }
    }
    assert!(commands >= 10, "only {commands} commands were found");
}

/// Types the commands, which begin with `$`; what follows each has to be in its output, line by line and in this order.
/// `[exit 1]` as the last line is the exit code; without it, it has to be 0.
fn typed(project: &Project, block: &Block) -> usize {
    let commands: Vec<&str> = block.text.split("$ ").skip(1).collect();
    for command in &commands {
        let (command, expected) = command.split_once('\n').unwrap_or((command, ""));
        let place = format!("docs/tutorial-module.md:{}: {command}", block.line);
        let mut lines: Vec<&str> = expected
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let code = match lines
            .last()
            .and_then(|last| last.strip_prefix("[exit ")?.strip_suffix(']'))
        {
            Some(code) => {
                let code = code.parse().unwrap();
                lines.pop();
                code
            }
            None => 0,
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        let outcome = match words.as_slice() {
            ["mlinfra", arguments @ ..] => {
                let mut command = project.command(arguments);
                command.stdin(Stdio::null());
                project.outcome(command).exits(code)
            }
            ["rm", paths @ ..] => {
                for path in paths {
                    std::fs::remove_file(project.path(path)).unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                continue;
            }
            _ => panic!("{place}: only mlinfra and rm are known here"),
        };
        let said = outcome.to_string();
        let mut rest = said.as_str();
        for line in lines.iter().filter(|line| **line != "...") {
            let Some((_, after)) = rest.split_once(line) else {
                panic!("{place}\ndoes not say, or not here: {line}\n\n{outcome}");
            };
            rest = after;
        }
    }
    commands.len()
}

/// Replaces the lines that begin with `-` by those that begin with `+`.
fn edited(project: &Project, path: &str, block: &Block) {
    let kept = |mark: char| -> String {
        let lines = block.text.lines().filter(|line| !line.starts_with(mark));
        lines
            .map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
            .collect()
    };
    let (before, after) = (kept('+'), kept('-'));
    assert_eq!(
        project.read(path).matches(&before).count(),
        1,
        "line {}: {path} does not hold this once:\n{before}",
        block.line
    );
    project.edit(path, &before, &after);
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        if let Some(head) = line.strip_prefix("```") {
            open = !open;
            if open {
                blocks.push(Block {
                    head: head.split_whitespace().map(str::to_owned).collect(),
                    text: String::new(),
                    line: number + 1,
                });
            }
        } else if let Some(block) = blocks.last_mut().filter(|_| open) {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!open, "the last block is not closed");
    blocks
}

//! Every command that the documentation, the explanations and the program's own hints name is one that it takes.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;

/// Files with one of `ends` below `folder`.
fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ends, found);
        } else if ends.iter().any(|end| path.extension().is_some_and(|have| have == *end)) {
            found.push(path);
        }
    }
}

/// The commands of a text: lines that begin with one, what stands between backticks, and the program's hints. What stands
/// apart or looks like the shell's ends them; a value that Rust or a workflow fills in counts as a word.
fn commands(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let start = line.trim().trim_start_matches("$ ").trim_start_matches("- run: ");
        let mut candidates = vec![start.trim_start_matches("cargo run --release -- ")];
        candidates.extend(line.split('`').skip(1).step_by(2));
        if line.contains("hint(") || index > 0 && lines[index - 1].contains("hint(") {
            candidates.extend(line.split('"').skip(1).step_by(2));
        }
        found.extend(candidates.into_iter().filter_map(command));
    }
    found
}

fn command(line: &str) -> Option<String> {
    let line = line.split("  ").next()?.trim_end_matches(")]").trim_end_matches('"');
    let mut words = line.split(' ');
    if words.next() != Some("mlinfra") || line.contains("...") || line.contains('…') {
        return None;
    }
    let mut command = vec!["mlinfra".to_owned()];
    for word in words {
        if word.starts_with(['#', '|', '>', '<', '&', '\\', '(']) || word.starts_with("2>") {
            break;
        }
        let ends = word.ends_with([';', ',', ':']) && !word.contains('{');
        let word = word.trim_end_matches([';', ',', ':']);
        let filled_in = word.contains(['{', '$']);
        command.push(if filled_in {
            "x".to_owned()
        } else {
            word.replace(['\'', '"'], "")
        });
        if ends {
            break;
        }
    }
    Some(command.join(" "))
}

/// Why a command is not taken, unless it only lacks what its reader adds, or a word of it stands for another.
fn refused(command: &str) -> Option<ErrorKind> {
    let words: Vec<&str> = command.split(' ').collect();
    let stands_for_one = |word: &&str| *word == "x" || word.chars().all(|letter| letter.is_ascii_uppercase());
    let kind = Cli::try_parse_from(&words).err()?.kind();
    let fits = match kind {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidSubcommand => {
            words.iter().any(stands_for_one) || words.last().is_some_and(|word| word.starts_with("--"))
        }
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand => true,
        _ => false,
    };
    (!fits).then_some(kind)
}

#[test]
fn every_command_that_is_advised_is_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    files(&root.join("docs"), &["md"], &mut found);
    files(&root.join("modules"), &["md"], &mut found);
    files(&root.join("src/diagnostic/explain"), &["md"], &mut found);
    files(&root.join("src"), &["rs"], &mut found);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in found
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
    {
        let text = fs_err::read_to_string(path).unwrap();
        for command in commands(&text) {
            seen += 1;
            if let Some(why) = refused(&command) {
                wrong.push(format!(
                    "{}: {command}: {why}",
                    path.strip_prefix(root).unwrap().display()
                ));
            }
        }
    }
    assert_eq!(wrong.join("\n"), "");
    assert!(seen > 300, "only {seen} commands were found");
}

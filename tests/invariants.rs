//! The architecture, checked: what `docs/ARCHITECTURE.md` says is absent is looked for in the sources.

use std::path::{Path, PathBuf};

/// A source file below `src/`: where it is, which room it belongs to, and its code without comments and tests.
struct File {
    path: String,
    room: String,
    code: String,
    lines: usize,
}

/// Which rooms each room may use. A room that is not listed here fails the test, so that a new one is thought about.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["commands"]),
    ("cli", &[]),
    (
        "commands",
        &[
            "cli",
            "view",
            "cases",
            "engine",
            "ship",
            "lock",
            "state",
            "preflight",
            "plan",
            "policy",
            "workload",
            "module",
            "template",
            "spec",
            "diagnostic",
            "aws",
            "sandbox",
            "clock",
        ],
    ),
    (
        "view",
        &[
            "cases",
            "engine",
            "ship",
            "lock",
            "state",
            "preflight",
            "plan",
            "policy",
            "module",
            "template",
            "spec",
            "diagnostic",
            "clock",
        ],
    ),
    (
        "cases",
        &[
            "engine",
            "state",
            "plan",
            "policy",
            "module",
            "template",
            "spec",
            "diagnostic",
            "aws",
            "sandbox",
            "clock",
        ],
    ),
    (
        "engine",
        &[
            "lock",
            "state",
            "preflight",
            "plan",
            "module",
            "template",
            "spec",
            "diagnostic",
            "aws",
            "clock",
        ],
    ),
    ("ship", &["workload", "spec", "diagnostic", "aws", "clock"]),
    ("lock", &["state", "spec", "diagnostic", "aws", "clock"]),
    ("state", &["ship", "plan", "spec", "diagnostic", "aws", "clock"]),
    ("preflight", &["plan", "module", "template", "spec", "diagnostic"]),
    ("plan", &["module", "template", "spec", "diagnostic"]),
    ("policy", &["module", "template", "spec", "diagnostic"]),
    ("workload", &["module", "template", "spec", "diagnostic"]),
    ("module", &["template", "spec", "diagnostic"]),
    ("template", &["diagnostic"]),
    ("spec", &["diagnostic"]),
    ("diagnostic", &[]),
    ("aws", &["sandbox", "preflight", "plan", "spec", "diagnostic", "clock"]),
    ("sandbox", &["template", "diagnostic", "clock"]),
    ("clock", &[]),
];

/// Rooms that do no I/O, read no clock and no environment variable, and know neither tokio nor AWS.
const PURE: &[&str] = &[
    "spec",
    "workload",
    "module",
    "template",
    "policy",
    "plan",
    "preflight",
    "diagnostic",
];

#[test]
fn each_room_uses_only_the_rooms_below_it() {
    let mut wrong = Vec::new();
    for file in sources() {
        if file.room == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(room, _)| *room == file.room) else {
            panic!("{}: the room `{}` has no line in MAY_USE", file.path, file.room);
        };
        for (other, _) in MAY_USE {
            if *other != file.room && names(&file.code, &format!("crate::{other}")) && !allowed.contains(other) {
                wrong.push(format!("{} uses crate::{other}", file.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn pure_rooms_do_no_io_and_know_neither_tokio_nor_aws() {
    let forbidden = [
        "std::fs",
        "fs_err",
        "std::env::",
        "TcpStream",
        "UdpSocket",
        "std::process",
        "tokio",
        "aws_sdk_",
        "aws_config::",
        "winterbaume",
        "Instant::now",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "fastrand",
        "new_v4",
        "now_v7",
    ];
    assert_none(&mentions(|file| PURE.contains(&file.room.as_str()), &forbidden));
}

#[test]
fn only_aws_and_the_sandbox_name_an_aws_crate() {
    assert_none(&mentions(
        |file| !matches!(file.room.as_str(), "aws" | "sandbox"),
        &[
            "aws_sdk_",
            "aws_config::",
            "aws_smithy_types::",
            "aws_smithy_runtime_api::",
            "aws_smithy_async::",
            "aws_credential_types::",
            "winterbaume",
        ],
    ));
}

#[test]
fn only_views_print() {
    let prints = [
        "println!",
        "print!",
        "eprintln!",
        "eprint!",
        "io::stdout",
        "io::stderr",
        "anstream::",
    ];
    assert_none(&mentions(|file| file.room != "view", &prints));
}

#[test]
fn one_place_reads_the_clock() {
    let clocks = [
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "time::sleep",
        "time::timeout",
        "now_v7",
    ];
    assert_none(&mentions(|file| file.room != "clock", &clocks));
}

#[test]
fn one_place_opens_sessions_and_one_ends_the_process() {
    assert_none(&mentions(
        |file| file.path != "src/aws/session.rs",
        &["aws_config::defaults", "aws_config::from_env", "aws_config::load"],
    ));
    let exits: Vec<String> = sources()
        .iter()
        .flat_map(|file| {
            file.code
                .matches("process::exit(")
                .map(|_| file.path.clone())
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(exits.len() <= 1, "process::exit in more than one place: {exits:?}");
}

#[test]
fn no_stub_and_no_bare_allow_is_left() {
    assert_none(&mentions(
        |_| true,
        &["todo!(", "unimplemented!(", "#[allow(", "#![allow("],
    ));
}

#[test]
fn no_file_is_longer_than_800_lines() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|file| file.lines > 800)
        .map(|file| format!("{}: {} lines", file.path, file.lines))
        .collect();
    assert_none(&long);
}

#[test]
fn folders_say_what_lives_there() {
    let vague: Vec<String> = sources()
        .iter()
        .filter(|file| {
            ["utils", "util", "helpers", "helper", "common", "manager", "misc"]
                .iter()
                .any(|word| file.path.split(['/', '.']).any(|part| part == *word))
        })
        .map(|file| file.path.clone())
        .collect();
    assert_none(&vague);
}

/// Where `forbidden` stands in the code of the files that `of` picks, as `path: word`.
fn mentions(of: impl Fn(&File) -> bool, forbidden: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| of(file)) {
        for word in forbidden {
            if names(&file.code, word) {
                found.push(format!("{}: {word}", file.path));
            }
        }
    }
    found
}

/// Whether `code` holds `word` where a name begins, and not in the middle of a longer one.
fn names(code: &str, word: &str) -> bool {
    let part_of_a_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let ends_a_name = word.ends_with(|c: char| c.is_alphanumeric());
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(part_of_a_name(before) || ends_a_name && part_of_a_name(after))
    })
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n  {}", found.join("\n  "));
}

/// All files below `src/`, in a stable order.
fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            let room = relative.split('/').nth(1).unwrap().trim_end_matches(".rs").to_owned();
            File {
                room,
                code: code_of(&text, &relative),
                lines: text.lines().count(),
                path: relative,
            }
        })
        .collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The text without comments and string contents that could mislead, and without tests (they may do as they like).
fn code_of(text: &str, path: &str) -> String {
    if path.ends_with("tests.rs") || path.contains("/tests/") {
        return String::new();
    }
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

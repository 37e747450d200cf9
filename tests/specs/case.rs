//! One input of the corpus: reading it and running it. `README.md` beside this file says what it looks like.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use regex::Regex;

use crate::project::{Outcome, Project};

/// An input, with the name of its file.
pub struct Case {
    /// The file's name with its ending.
    pub file: String,
    /// What it holds.
    pub input: Vec<u8>,
    path: PathBuf,
}

impl Case {
    /// All inputs in `good` or `bad`, by name.
    pub fn all(folder: &str) -> Vec<Self> {
        let endings = ["toml", "yaml", "json", "case"];
        let mut cases: Vec<Self> = endings
            .iter()
            .flat_map(|ending| files(folder, ending))
            .map(|path| Self {
                file: path.file_name().unwrap().to_string_lossy().into_owned(),
                input: std::fs::read(&path).unwrap(),
                path,
            })
            .collect();
        cases.sort_by(|one, other| one.file.cmp(&other.file));
        cases
    }

    /// The code in the file's name.
    pub fn code(&self) -> String {
        self.file.split(['-', '.']).next().unwrap_or_default().to_owned()
    }

    /// Where the words are that were reviewed.
    pub fn out(&self) -> PathBuf {
        self.path.with_extension("out")
    }

    /// What the program says, or why the input cannot be run at all.
    pub fn run(&self) -> Result<String, String> {
        let project = Project::empty();
        let outcome = match self.path.extension().unwrap_or_default().to_str().unwrap_or_default() {
            "toml" => {
                project.write("environments/dev.toml", &self.input);
                project.mlinfra("validate dev")
            }
            "case" => acts(&project, &String::from_utf8_lossy(&self.input))?,
            ending => {
                let file = format!("template.{ending}");
                project.write(&file, &self.input);
                project.mlinfra(&format!("lint {file}"))
            }
        };
        Ok(format!("{}\n", neutral(&outcome.to_string())))
    }
}

/// The files in `good` or `bad` with this ending.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    found.sort();
    found
}

/// Writes the files of a `.case` and runs its lines; gives what the last one said.
fn acts(project: &Project, text: &str) -> Result<Outcome, String> {
    let mut blocks = text.split_inclusive('\n').peekable();
    let mut lines = Vec::new();
    while let Some(line) = blocks.next_if(|line| !line.starts_with("-- ")) {
        match line.trim_end().strip_prefix("$ ") {
            Some(command) => lines.push(Line::parse(command)?),
            None if line.trim().is_empty() || line.starts_with('#') => {}
            None => return Err(format!("`{}` is neither a command nor a file", line.trim_end())),
        }
    }
    while let Some(header) = blocks.next() {
        let path = header
            .trim_end()
            .strip_prefix("-- ")
            .and_then(|rest| rest.strip_suffix(" --"));
        let path = path.ok_or_else(|| format!("`{}` should be `-- path --`", header.trim_end()))?;
        let mut body = String::new();
        while let Some(line) = blocks.next_if(|line| !(line.starts_with("-- ") && line.trim_end().ends_with(" --"))) {
            body.push_str(line);
        }
        project.write(path, &body);
    }
    let (last, preparing) = lines.split_last().ok_or("there is no command")?;
    for line in preparing {
        let outcome = line.run(project)?;
        if line.fails != (outcome.code != 0) {
            return Err(format!(
                "preparing with `{}` went otherwise:\n{outcome}",
                line.words.join(" ")
            ));
        }
    }
    last.run(project)
}

/// A command line of a `.case`.
struct Line {
    /// Whether it has to fail, as a preparation.
    fails: bool,
    variables: Vec<(String, String)>,
    words: Vec<String>,
    stdin: Option<String>,
    stdout: Option<String>,
}

impl Line {
    fn parse(text: &str) -> Result<Self, String> {
        let (fails, text) = match text.strip_prefix("! ") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut words = split(text)?.into_iter().peekable();
        let mut line = Self {
            fails,
            variables: Vec::new(),
            words: Vec::new(),
            stdin: None,
            stdout: None,
        };
        let is_variable = |word: &String| {
            word.split_once('=').is_some_and(|(name, _)| {
                name.chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            })
        };
        while let Some(word) = words.next_if(is_variable) {
            let (name, value) = word.split_once('=').unwrap_or_default();
            line.variables.push((name.to_owned(), value.to_owned()));
        }
        while let Some(word) = words.next() {
            match word.as_str() {
                ">" => line.stdout = words.next(),
                "<" => line.stdin = words.next(),
                _ => line.words.push(word),
            }
        }
        Ok(line)
    }

    fn run(&self, project: &Project) -> Result<Outcome, String> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let done = |result: std::io::Result<()>| {
            result.map_err(|error| format!("{}: {error}", self.words.join(" ")))?;
            Ok(Outcome {
                stdout: String::new(),
                stderr: String::new(),
                code: 0,
            })
        };
        match words.as_slice() {
            ["mlinfra", arguments @ ..] => {
                let mut command = project.command(arguments);
                command.envs(self.variables.iter().cloned());
                command.stdin(match &self.stdin {
                    Some(path) => File::open(project.path(path))
                        .map_err(|error| format!("{path}: {error}"))?
                        .into(),
                    None => Stdio::null(),
                });
                if let Some(path) = &self.stdout {
                    let file = File::options()
                        .write(true)
                        .create(true)
                        .truncate(true)
                        .open(project.path(path));
                    command.stdout(file.map_err(|error| format!("{path}: {error}"))?);
                }
                Ok(project.outcome(command))
            }
            ["cp", from, to] => done(std::fs::copy(project.path(from), project.path(to)).map(drop)),
            ["rm", path] if project.path(path).is_dir() => done(std::fs::remove_dir_all(project.path(path))),
            ["rm", path] => done(std::fs::remove_file(project.path(path))),
            ["mkdir", path] => done(std::fs::create_dir_all(project.path(path))),
            ["replace", path, before, after] => done(replace(&project.path(path), before, after)),
            _ => Err(format!("`{}` is no command of a case", self.words.join(" "))),
        }
    }
}

/// Replaces `before` in a file, or in all of the files that hold it if the path's last part has a `*`.
fn replace(path: &Path, before: &str, after: &str) -> std::io::Result<()> {
    let pattern = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (first, last) = pattern.split_once('*').unwrap_or((&pattern, ""));
    let mut replaced = 0;
    for entry in std::fs::read_dir(path.parent().unwrap_or(path))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let meant = name == pattern || pattern.contains('*') && name.starts_with(first) && name.ends_with(last);
        if !meant || !entry.path().is_file() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path())?;
        if text.contains(before) {
            std::fs::write(entry.path(), text.replace(before, after))?;
            replaced += 1;
        }
    }
    match replaced {
        0 => Err(std::io::Error::other(format!("no file holds {before}"))),
        _ => Ok(()),
    }
}

/// Words as a shell splits them: at spaces, but not inside of quotes.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() {
        return Err(format!("a quote is not closed: {text}"));
    }
    Ok(words)
}

/// What differs from run to run, and says nothing about the words.
fn neutral(text: &str) -> String {
    const FILTERS: [(&str, &str); 9] = [
        // The version grows.
        (r"mlinfra \d+\.\d+\.\d+", "mlinfra [version]"),
        // Operations, change sets, leases and requests are named at random.
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[uuid]",
        ),
        // The clock: points in time, and how long something took in the sandbox's quick time.
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "[time]"),
        (r"\[ *(\d+h\d\dm|\d+m\d\ds|\d+s)\]", "[after]"),
        (r"\b(after|in) (\d+h\d\dm|\d+m\d\ds|\d+s)\b", "$1 [duration]"),
        (r"(✓ \S+ +)(\d+h\d\dm|\d+m\d\ds|\d+s)\b", "$1[duration]"),
        // Signs of life after a minute of silence: how many there are depends on how quick the machine is.
        (r"(?m)^\[after\] \d+ of \d+ stacks? done.*\n", ""),
        // The machine.
        (r"\bada@[A-Za-z0-9.-]+", "ada@[host]"),
        // Digests of templates and plans change with every word of a built-in module.
        (r"\b[0-9a-f]{64}\b", "[sha256]"),
    ];
    static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        FILTERS
            .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
            .to_vec()
    });
    // A resource's physical name ends in random letters and digits; an account's number has no letters.
    static PHYSICAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"-[A-Z0-9]{12,13}\b").unwrap());
    let text = COMPILED.iter().fold(text.to_owned(), |text, (pattern, with)| {
        pattern.replace_all(&text, *with).into_owned()
    });
    let random = |found: &regex::Captures<'_>| match &found[0] {
        name if name.contains(|c: char| c.is_ascii_uppercase()) => "-[random]".to_owned(),
        number => number.to_owned(),
    };
    PHYSICAL.replace_all(&text, random).into_owned()
}

#[test]
fn only_what_differs_from_run_to_run_is_made_neutral() {
    for text in [
        "shop-mlinfra-111122223333-us-east-1",
        "30s",
        "write \"1.34.1\"",
        "1 of 2 stacks done",
    ] {
        assert_eq!(neutral(text), text);
    }
    assert_eq!(neutral("[  1h02m] ✓ images 3m01s\n"), "[after] ✓ images [duration]\n");
    assert_eq!(neutral("a\n[ 1m00s] 0 of 1 stack done, 1 waiting\nb"), "a\nb");
    assert_eq!(neutral("CFN-Name-VWQSCJ9O1G7G"), "CFN-Name-[random]");
}

#[test]
fn words_split_like_a_shell_does() {
    let line = Line::parse("! A=1 B_2='x y' mlinfra plan \"a b\"c '' --x=y < in > out").unwrap();
    assert!(line.fails);
    assert_eq!(line.variables, [("A".into(), "1".into()), ("B_2".into(), "x y".into())]);
    assert_eq!(line.words, ["mlinfra", "plan", "a bc", "", "--x=y"]);
    assert_eq!(
        (line.stdin.as_deref(), line.stdout.as_deref()),
        (Some("in"), Some("out"))
    );
    assert!(Line::parse("mlinfra 'x").is_err());
}

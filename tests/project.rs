//! A project in a folder of its own, and the program run in it: reads like what a user types.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a command left behind. Its Display is stdout, stderr and exit status, so that one snapshot pins all three.
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}[exit {}]", self.stdout, self.stderr, self.code)
    }
}

impl Outcome {
    /// The document on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON ({error}):\n{self}"))
    }

    /// Fails unless the exit code is `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{self}");
        self
    }

    /// Fails unless stdout or stderr holds `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "does not say {text:?}:\n{self}"
        );
        self
    }

    /// Fails if stdout or stderr holds `text`.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "says {text:?}:\n{self}"
        );
        self
    }
}

/// A project in a temporary folder.
pub struct Project {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Project {
    /// An empty folder.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// The example environments that come with the sources.
    pub fn example() -> Self {
        let project = Self::empty();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("environments"),
            &project.path("environments"),
        );
        project
    }

    /// The small project of the external suites: three cheap stacks, one wire.
    pub fn small() -> Self {
        let project = Self::empty();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/external/project"),
            &project.path("."),
        );
        project
    }

    /// Sets an environment variable for all commands.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Replaces `before`, which must be there, by `after`.
    #[track_caller]
    pub fn edit(&self, relative: &str, before: &str, after: &str) {
        let text = self.read(relative);
        assert!(text.contains(before), "{relative} does not hold {before:?}:\n{text}");
        self.write(relative, text.replace(before, after));
    }

    /// Runs `mlinfra` with these arguments, split at spaces, on the sandbox, whose time runs very fast.
    pub fn mlinfra(&self, arguments: &str) -> Outcome {
        let mut command = self.command(arguments.split_whitespace());
        command.stdin(Stdio::null());
        self.outcome(command)
    }

    /// Runs a command to its end.
    pub fn outcome(&self, mut command: Command) -> Outcome {
        let output = command.output().unwrap();
        Outcome {
            stdout: self.neutral(&output.stdout),
            stderr: self.neutral(&output.stderr),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Starts it and leaves it running, with stderr piped.
    pub fn start(&self, arguments: &str) -> Child {
        self.command(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts it with stdin and stdout piped.
    pub fn start_with_input(&self, arguments: &str) -> Child {
        self.command(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// `mlinfra` with these arguments, ready to run in the project's folder.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlinfra"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("USER", "ada")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("MLINFRA_SANDBOX_TIME_SCALE", "100000")
            .envs(self.environment.iter().cloned());
        command
    }

    /// The folder's own name would make every snapshot differ.
    fn neutral(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace(&*self.folder.path().to_string_lossy(), "[project]")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

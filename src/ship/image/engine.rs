//! Building: Docker or Podman, whichever answers, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use super::context::Build;
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::ship::Scene;
use crate::ship::event::Event;

/// How long an engine may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a build may take.
const BUILD: Duration = Duration::from_secs(3 * 60 * 60);
/// How long an engine may take to write an image down.
const SAVE: Duration = Duration::from_secs(60 * 60);
/// How many of the last lines a failure shows.
const LAST_LINES: usize = 20;

/// An engine that answers.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    program: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Docker,
    Podman,
}

impl Engine {
    /// The engine called `named`, or the first of Docker and Podman that answers.
    ///
    /// # Errors
    /// When none does: what was tried, what each said, and the ways without one.
    pub(super) async fn find(named: Option<&str>) -> Result<Self, Problem> {
        let candidates = match named {
            Some(name) => vec![name],
            None => vec!["docker", "podman"],
        };
        let mut tried = Vec::new();
        for program in candidates {
            let kind = match Path::new(program).file_stem() {
                Some(stem) if stem.to_string_lossy().contains("podman") => Kind::Podman,
                _ => Kind::Docker,
            };
            // Docker's client has a version of its own, which says nothing of the engine.
            let field = match kind {
                Kind::Docker => "{{.Server.Version}}",
                Kind::Podman => "{{.Client.Version}}",
            };
            match said(program, &["version", "--format", field]).await {
                Ok(_) => {
                    return Ok(Self {
                        program: program.to_owned(),
                        kind,
                    });
                }
                Err(why) => tried.push(format!("{program}: {why}")),
            }
        }
        Err(no_engine(&tried))
    }

    /// Builds the image; gives the id by which the engine knows it. Each line that the engine prints is told.
    ///
    /// # Errors
    /// A build that fails, with its last lines; one that takes three hours; or the run is stopped.
    pub(super) async fn build(&self, build: &Build, folder: &Path, scene: &Scene<'_>) -> Result<String, Problem> {
        let id_file = folder.join("image-id");
        let mut command = Command::new(&self.program);
        command
            .arg("build")
            .arg("--platform")
            .arg(format!("linux/{}", build.architecture));
        command
            .arg("--file")
            .arg(&build.dockerfile)
            .arg("--iidfile")
            .arg(&id_file);
        if let Some(target) = &build.target {
            command.arg("--target").arg(target);
        }
        for (key, value) in &build.args {
            command.arg("--build-arg").arg(format!("{key}={value}"));
        }
        command.arg(&build.context);
        // An attestation would make an index out of the image, which SageMaker does not take.
        command.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
        let mut last = std::collections::VecDeque::new();
        let on_line = |line: String| {
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(line.clone());
            scene.tell.event(Event::BuildLine {
                workload: scene.name().to_owned(),
                line,
            });
        };
        let ended = run(command, BUILD, scene, on_line).await?;
        let lines: Vec<String> = last.into();
        match ended {
            Ended::Well => {
                let id = fs_err::tokio::read_to_string(&id_file).await;
                let id = id.map_err(|error| self.failed(build, "it left no image", &[error.to_string()]))?;
                Ok(id.trim().to_owned())
            }
            Ended::Badly(how) => Err(self.failed(build, &how, &lines)),
        }
    }

    /// Writes the image down as an archive at `path`.
    ///
    /// # Errors
    /// An engine that cannot, or the run is stopped.
    pub(super) async fn save(&self, id: &str, path: &Path, scene: &Scene<'_>) -> Result<(), Problem> {
        let mut command = Command::new(&self.program);
        command.arg("image").arg("save");
        if self.kind == Kind::Podman {
            command.arg("--format").arg("docker-archive");
        }
        command.arg("--output").arg(path).arg(id);
        let mut lines = Vec::new();
        match run(command, SAVE, scene, |line| lines.push(line)).await? {
            Ended::Well => Ok(()),
            Ended::Badly(how) => Err(Problem::error(
                codes::BUILD_FAILED,
                format!("{} built the image and could not write it down", self.program),
            )
            .note(how)
            .note(lines.join("\n"))
            .hint("look for space on the disk; TMPDIR chooses another one")),
        }
    }

    fn failed(&self, build: &Build, how: &str, lines: &[String]) -> Problem {
        let problem = Problem::error(
            codes::BUILD_FAILED,
            format!("{} could not build {}", self.program, build.dockerfile.display()),
        )
        .note(how.to_owned());
        let problem = match lines {
            [] => problem,
            lines => problem.note(format!("its last lines:\n{}", lines.join("\n"))),
        };
        let by_hand = format!(
            "by hand: {} build --platform linux/{} --file {} {}",
            self.program,
            build.architecture,
            build.dockerfile.display(),
            build.context.display()
        );
        let foreign = lines.iter().any(|line| line.contains("exec format error"));
        if foreign {
            let hint = format!(
                "a build for {} on another processor needs emulation (`docker run --privileged --rm tonistiigi/binfmt --install {}`) or a machine that has one",
                build.architecture, build.architecture
            );
            return problem.hint(hint).hint(by_hand);
        }
        problem.hint(by_hand)
    }
}

/// How a process ended.
enum Ended {
    Well,
    Badly(String),
}

/// Runs a command, handing over each line of both its outputs; ends it when the run is stopped.
async fn run(
    mut command: Command,
    limit: Duration,
    scene: &Scene<'_>,
    mut on_line: impl FnMut(String),
) -> Result<Ended, Problem> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ok(Ended::Badly(error.to_string())),
    };
    let (say, mut lines) = mpsc::channel(64);
    if let Some(out) = child.stdout.take() {
        tokio::spawn(forward(out, say.clone()));
    }
    if let Some(err) = child.stderr.take() {
        tokio::spawn(forward(err, say.clone()));
    }
    drop(say);
    let reading = async {
        while let Some(line) = lines.recv().await {
            on_line(line);
        }
        child.wait().await
    };
    // The clock of the sandbox does not make an engine faster.
    let clock = Clock::real();
    let ended = tokio::select! {
        biased;
        () = scene.stop.cancelled() => {
            return Err(Problem::error(codes::INTERRUPTED, "interrupted while an image was built")
                .note("nothing was sent")
                .hint("repeat the command: the engine goes on from its cache"));
        }
        ended = clock.timeout(limit, reading) => ended,
    };
    Ok(match ended {
        Ok(Ok(status)) if status.success() => Ended::Well,
        Ok(Ok(status)) => Ended::Badly(format!("it ended with {status}")),
        Ok(Err(error)) => Ended::Badly(error.to_string()),
        Err(late) => Ended::Badly(format!("{late}; it was ended")),
    })
}

async fn forward(from: impl AsyncRead + Unpin, to: mpsc::Sender<String>) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = clean(&String::from_utf8_lossy(&line));
                if to.send(text).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A line without what moves the cursor of a terminal.
fn clean(line: &str) -> String {
    let last = line.trim_end().rsplit('\r').next().unwrap_or_default();
    last.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

/// What a command prints, or why it prints nothing.
async fn said(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let clock = Clock::real();
    let output = match clock.timeout(ANSWER, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Err("is not installed".to_owned()),
        Ok(Err(error)) => return Err(error.to_string()),
        Err(late) => return Err(late.to_string()),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() && !out.is_empty() {
        return Ok(out);
    }
    let first = err.lines().next().map_or_else(|| output.status.to_string(), clean);
    Err(first)
}

fn no_engine(tried: &[String]) -> Problem {
    let mut problem = Problem::error(codes::NO_ENGINE, "no engine answers that could build the image");
    for one in tried {
        problem = problem.note(one.clone());
    }
    problem
        .hint("start Docker or Podman; MLINFRA_ENGINE names another command, DOCKER_HOST another engine")
        .hint("without an engine: build it in CI and write `image = { reference = \"HOST/NAME:TAG\" }`")
        .hint("or build an OCI layout with what there is (buildah, kaniko, ko, Bazel) and write `image = { layout = \"FOLDER\" }`")
}

/// A folder for what an image is made of on its way.
pub(super) fn work_folder() -> Result<tempfile::TempDir, Problem> {
    let made = tempfile::Builder::new().prefix("mlinfra-image-").tempdir();
    made.map_err(|error| {
        Problem::error(codes::BUILD_FAILED, "there is no place to put the image in")
            .note(error.to_string())
            .hint("TMPDIR chooses another folder")
    })
}

/// Where the archive of an image goes in a folder of [`work_folder`].
pub(super) fn archive_in(folder: &Path) -> PathBuf {
    folder.join("image.tar")
}

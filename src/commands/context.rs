//! What every verb is given: the options, the view, the project, and the one way to open a session.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::error::CommandError;
use super::project::Project;
use super::signals::Signals;
use super::variables::Variables;
use super::who;
use crate::cli::Global;
use crate::diagnostic::{Problem, Problems, codes};
use crate::lock::{self, Process, Wait};
use crate::module::Catalogue;
use crate::view::View;

/// What every verb is given.
pub struct Context {
    global: Global,
    variables: Variables,
    view: Box<dyn View>,
    signals: Option<Signals>,
}

impl Context {
    /// A context without signals: they are listened for once there is a runtime.
    pub fn new(global: Global, variables: Variables, view: Box<dyn View>) -> Self {
        Self {
            global,
            variables,
            view,
            signals: None,
        }
    }

    /// Listens for signals from now on.
    pub fn listen(&mut self, signals: Signals) {
        self.signals = Some(signals);
    }

    /// How results are shown.
    pub fn view(&self) -> &dyn View {
        &*self.view
    }

    /// Shows warnings, if there are any. As JSON they are part of other documents, and no document of their own.
    pub fn warn(&self, warnings: &Problems) {
        if !warnings.0.is_empty() && self.global.format == crate::cli::Format::Human {
            self.view.problems(warnings);
        }
    }

    /// The global options.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// Whether questions are forbidden.
    pub fn no_input(&self) -> bool {
        self.global.no_input
    }

    /// How long to wait for a lock.
    pub fn lock_wait(&self) -> Wait {
        self.global.lock_timeout.map_or(Wait::UntilCertain, Wait::AtMost)
    }

    /// This process, as the lock's record names it. None in CI: its machines can be clones of one memory snapshot, which
    /// share all that tells machines apart, so there only heartbeats count.
    pub fn process(&self) -> Option<Process> {
        match self.run_url() {
            None => lock::this_process(),
            Some(_) => None,
        }
    }

    /// The variables that no option carries.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The folder that relative paths of the command line start from.
    pub fn start(&self) -> &Path {
        self.global.project_dir.as_deref().unwrap_or(Path::new("."))
    }

    /// A path of the command line; relative ones count from the working directory, not from the project.
    pub fn path(&self, given: &Path) -> PathBuf {
        given.to_owned()
    }

    /// The project.
    pub fn project(&self) -> Result<Project, CommandError> {
        Ok(Project::find(self.start())?)
    }

    /// The modules of the project; outside of one, those that are built in.
    pub fn catalogue(&self) -> Result<Catalogue, CommandError> {
        match self.project() {
            Ok(project) => Ok(project.catalogue()?),
            Err(error) if self.global.project_dir.is_some() => Err(error),
            Err(_) => Ok(Catalogue::built_in()),
        }
    }

    /// Who runs this: `user@host`.
    pub fn actor(&self) -> String {
        who::actor(&self.variables)
    }

    /// The page of the CI run that this is, if it is one.
    pub fn run_url(&self) -> Option<String> {
        who::run_url(&self.variables)
    }

    /// The commit of the project's checkout.
    pub fn commit(&self) -> Option<String> {
        who::commit(self.start())
    }

    /// What to type to run `verb` in the same circumstances.
    pub fn command(&self, verb: &str) -> String {
        let sandbox = if self.global.sandbox { " --sandbox" } else { "" };
        format!("mlinfra {verb}{sandbox}")
    }

    /// What `future` gives, unless the user stops first.
    pub async fn unless_stopped<F: Future>(&self, future: F) -> Result<F::Output, CommandError> {
        let stop = self.stop();
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(self.interrupted("interrupted before anything was changed")),
            output = future => Ok(output),
        }
    }

    /// The error of a run that the user stopped before anything was changed.
    pub fn interrupted(&self, what: &str) -> CommandError {
        CommandError::from(Problem::error(codes::INTERRUPTED, what).note("no lock is held"))
            .of_kind(self.interrupted_kind())
    }

    /// Cancelled by the first Ctrl-C or SIGTERM.
    pub fn stop(&self) -> CancellationToken {
        self.signals
            .as_ref()
            .map(|signals| signals.polite.clone())
            .unwrap_or_default()
    }

    /// Cancelled by the second.
    pub fn stop_at_once(&self) -> CancellationToken {
        self.signals
            .as_ref()
            .map(|signals| signals.at_once.clone())
            .unwrap_or_default()
    }

    /// What an interrupted run is called.
    pub fn interrupted_kind(&self) -> super::Kind {
        self.signals.as_ref().map_or(super::Kind::Interrupted, Signals::kind)
    }
}

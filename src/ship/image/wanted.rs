//! The architecture that a workload is for, and the refusal of any other before something is sent.

use crate::diagnostic::{Problem, Span, codes};
use crate::spec::Workload;

/// What a workload's nodes can run.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// `amd64`, `arm64`.
    pub(super) architecture: &'static str,
    workload: String,
    /// Where `architecture` is written, or else the image.
    place: Option<Span>,
    is_written: bool,
}

impl Wanted {
    pub(super) fn of(workload: &Workload) -> Self {
        let written = workload.written.get("architecture");
        Self {
            architecture: workload.architecture.oci(),
            workload: workload.name.value.clone(),
            place: written.or_else(|| workload.written.get("image")).cloned(),
            is_written: written.is_some(),
        }
    }

    /// Refuses what is for another architecture; `whence` is what says so.
    pub(super) fn check(&self, found: &str, whence: &str) -> Result<(), Problem> {
        // Nothing is said by images of old; what they are shows when they run.
        if found.is_empty() || found == self.architecture {
            return Ok(());
        }
        Err(self.foreign(found, whence))
    }

    /// The refusal of `found`, which may be several.
    pub(super) fn foreign(&self, found: &str, whence: &str) -> Problem {
        let problem = Problem::error(
            codes::WRONG_ARCHITECTURE,
            format!(
                "the image of `{}` is for {found}, and the workload is for {}",
                self.workload, self.architecture
            ),
        );
        let why = if self.is_written {
            format!("{} is wanted here", self.architecture)
        } else {
            format!("no `architecture` is given here, so it is {}", self.architecture)
        };
        let problem = match &self.place {
            Some(span) => problem.at(span.clone(), why),
            None => problem.note(why),
        };
        let key = match found {
            "arm64" => Some("arm64"),
            "amd64" => Some("x86_64"),
            _ => None,
        };
        let problem = problem
            .note(format!("{found} is what {whence} says"))
            .note("nothing was sent")
            .hint(format!(
                "build it for the workload: docker build --platform linux/{} ...",
                self.architecture
            ));
        match key {
            Some(key) => problem.hint(format!(
                "or run it where it can run: architecture = \"{key}\", and nodes that have it"
            )),
            None => problem,
        }
    }
}

//! The one error that leaves a verb: what is wrong, and which exit code that is.

use crate::diagnostic::{Code, Problem, Problems, Severity, codes};

/// Why a verb did not do what it was asked to.
#[derive(Debug)]
pub struct CommandError {
    /// Decides the exit code.
    pub kind: Kind,
    /// What is shown; empty if the verb has said it all already.
    pub problems: Problems,
}

/// The kinds of failure that callers can tell apart by the exit code (`mlinfra --help` lists them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It failed.
    Failed,
    /// Somebody else holds the lock.
    LockHeld,
    /// Something moved since the plan was made.
    PlanStale,
    /// A guard refused: account, protection, policy.
    Guarded,
    /// Some of it was applied.
    Partial,
    /// A rollout failed.
    Rollout,
    /// The command line is wrong, or an answer was needed and nobody could be asked.
    Usage,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Kind {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::LockHeld => 3,
            Self::PlanStale => 4,
            Self::Guarded => 5,
            Self::Partial => 6,
            Self::Rollout => 7,
            Self::Usage => 64,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The kind that a problem's code belongs to, wherever it was found.
    fn of(code: Code) -> Self {
        match code {
            codes::PLAN_STALE | codes::PLAN_APPLIED | codes::STATE_MOVED | codes::STATE_FENCED => Self::PlanStale,
            codes::LOCK_HELD => Self::LockHeld,
            codes::WRONG_ACCOUNT
            | codes::DESTROY_UNCONFIRMED
            | codes::STATEFUL_LOSS
            | codes::DELETION_PROTECTED
            | codes::UNSEEN_CHANGE => Self::Guarded,
            // The rules of the policy; those after them are about rules that are written wrongly.
            codes::WAIVER_EXPIRED | Code(500..=590) => Self::Guarded,
            // What the account cannot do is not even tried.
            Code(1200..=1299) => Self::Guarded,
            codes::NEEDS_ANSWER | codes::UNKNOWN_CODE => Self::Usage,
            _ => Self::Failed,
        }
    }
}

impl CommandError {
    /// An error of `kind` about which everything has been shown.
    pub fn told(kind: Kind) -> Self {
        Self {
            kind,
            problems: Problems::default(),
        }
    }

    /// The same problems, under another kind.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

impl From<Problems> for CommandError {
    /// The kind is that of the first error that has one of its own; a warning beside it has no say.
    fn from(problems: Problems) -> Self {
        let kind = problems
            .0
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| Kind::of(problem.code))
            .find(|kind| *kind != Kind::Failed)
            .unwrap_or(Kind::Failed);
        Self { kind, problems }
    }
}

impl From<Problem> for CommandError {
    fn from(problem: Problem) -> Self {
        Problems(vec![problem]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_among_the_problems_decides_the_exit_code() {
        let problems = Problems(vec![
            Problem::error(codes::FILE_UNREADABLE, "x"),
            Problem::error(codes::STATEFUL_LOSS, "y"),
        ]);
        assert_eq!(CommandError::from(problems).kind.exit_code(), 5);
        assert_eq!(
            CommandError::from(Problem::error(codes::FILE_UNREADABLE, "x"))
                .kind
                .exit_code(),
            1
        );
    }
}

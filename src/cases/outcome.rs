//! How cases ended, as data for views.

use serde::Serialize;

use crate::diagnostic::{Problem, Span};

/// All modules that were tested.
#[derive(Debug, Default, Serialize)]
pub struct Tested {
    /// By name.
    pub modules: Vec<TestedModule>,
    /// How many cases hold.
    pub passed: usize,
    /// How many do not.
    pub failed: usize,
    /// How long it took, in milliseconds of real time.
    pub milliseconds: u64,
}

/// One module.
#[derive(Debug, Serialize)]
pub struct TestedModule {
    /// The module's name.
    pub module: String,
    /// Its test file.
    pub file: String,
    /// Its cases in the order of the file, then the combinations.
    pub cases: Vec<TestedCase>,
}

/// One case.
#[derive(Debug, Clone, Serialize)]
pub struct TestedCase {
    /// Its name; `pairwise 3: nat_gateways=single, zones=2` for a combination.
    pub name: String,
    /// What was done.
    pub kind: CaseKind,
    /// The line of the test file where it stands.
    pub line: usize,
    /// How long it took, in milliseconds of real time.
    pub milliseconds: u64,
    /// What is not as the case says; empty if it holds.
    pub failures: Vec<Failure>,
    /// What is worth knowing although nothing is wrong.
    pub notes: Vec<String>,
}

/// What is done with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// It is rendered and checked.
    Render,
    /// It is deployed, updated and destroyed as well.
    Apply,
    /// A combination of inputs.
    Pairwise,
}

/// One thing that is not as a case says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// One line: `Database.Properties.StorageEncrypted: expected true, is false`.
    pub message: String,
    /// Where the test file says so: `modules/rds.test.toml:12:5`.
    pub expected_at: Option<String>,
    /// The line of the template: `templates/cloudformation/rds.yaml:41`.
    pub template_at: Option<String>,
    /// Further lines: a difference, the elements that there are.
    pub more: Vec<String>,
    /// The problem, where one was told that the case does not expect.
    pub problem: Option<Problem>,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            expected_at: None,
            template_at: None,
            more: Vec::new(),
            problem: None,
        }
    }

    /// A problem that the case does not expect, told after `what`.
    pub(super) fn told(what: &str, problem: Problem) -> Self {
        Self {
            message: format!("{what}{}: {}", problem.code, problem.message),
            problem: Some(problem),
            ..Self::new("")
        }
    }

    pub(super) fn at(mut self, span: &Span) -> Self {
        self.expected_at = Some(span.place());
        self
    }

    pub(super) fn in_template(mut self, span: Option<&Span>) -> Self {
        self.template_at = span.map(|span| format!("{}:{}", span.source.path, span.line_column().0));
        self
    }

    pub(super) fn more(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.more.extend(lines);
        self
    }
}

impl TestedCase {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }
}

impl TestedModule {
    /// How many of its cases hold, and how many do not.
    pub fn counts(&self) -> (usize, usize) {
        let passed = self.cases.iter().filter(|case| case.holds()).count();
        (passed, self.cases.len() - passed)
    }

    /// How long its cases took together, in milliseconds.
    pub fn milliseconds(&self) -> u64 {
        self.cases.iter().map(|case| case.milliseconds).sum()
    }
}

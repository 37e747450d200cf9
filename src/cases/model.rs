//! What a test file says, as data with positions.

use std::sync::Arc;

use crate::diagnostic::{Code, Source, Span};
use crate::spec::syntax::Table;
use crate::spec::{Spanned, Value};

/// A module's test file that was read: nothing in it is misspelt.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// The module that it is about.
    pub module: String,
    /// The file.
    pub source: Arc<Source>,
    pub(crate) defaults: Setting,
    pub(crate) cases: Vec<Case>,
    pub(crate) pairwise: Option<Pairwise>,
}

/// A layer of an environment: laid over another one, it gives a third.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {
    /// What the stack under test is called; none: as the module.
    pub(crate) stack: Option<Spanned<String>>,
    /// Inputs of the stack under test that the layers below set and this one takes away.
    pub(crate) reset: Vec<Spanned<String>>,
    /// Inputs of the stack under test.
    pub(crate) inputs: Table,
    /// Keys of `[environment]`.
    pub(crate) environment: Table,
    /// Tags.
    pub(crate) tags: Table,
    /// Further stacks.
    pub(crate) stacks: Table,
}

/// One claim about a module.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its name and where it stands.
    pub(crate) name: Spanned<String>,
    pub(crate) setting: Setting,
    pub(crate) expect: Expect,
    /// What is deployed, step by step; none: it is rendered and no more.
    pub(crate) apply: Option<Apply>,
}

/// What is deployed after the case's own inputs, and what outlives the stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Apply {
    pub(crate) steps: Vec<Step>,
    pub(crate) kept: Vec<Spanned<String>>,
}

/// One update, and what it may touch.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Where it begins.
    pub(crate) span: Span,
    pub(crate) setting: Setting,
    pub(crate) expect: Expect,
    pub(crate) updated: Vec<Spanned<String>>,
    pub(crate) replaced: Vec<Spanned<String>>,
    pub(crate) added: Vec<Spanned<String>>,
    pub(crate) removed: Vec<Spanned<String>>,
}

/// What the rendered template has to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expect {
    /// How many resources of a type.
    pub(crate) count: Vec<(Spanned<String>, usize)>,
    /// Logical ids that must not be there.
    pub(crate) absent: Vec<Spanned<String>>,
    /// Outputs of the contract that must be made.
    pub(crate) outputs: Vec<Spanned<String>>,
    /// Outputs of the contract that must not be made.
    pub(crate) no_outputs: Vec<Spanned<String>>,
    pub(crate) resources: Vec<ResourceExpect>,
    /// Values of outputs in the template, by the contract's name.
    pub(crate) values: Vec<(Spanned<String>, Value)>,
    /// Exactly these errors; empty: none.
    pub(crate) errors: Vec<ProblemExpect>,
    /// These must be among the warnings.
    pub(crate) warnings: Vec<ProblemExpect>,
}

/// What a resource has to be; only what is named is compared.
#[derive(Debug, Clone)]
pub(crate) struct ResourceExpect {
    pub(crate) id: Spanned<String>,
    pub(crate) kind: Option<Spanned<String>>,
    pub(crate) deletion: Option<Spanned<String>>,
    pub(crate) replacement: Option<Spanned<String>>,
    pub(crate) condition: Option<Spanned<String>>,
    pub(crate) depends_on: Vec<Spanned<String>>,
    /// A table, or none.
    pub(crate) properties: Option<Value>,
    /// Paths in the properties that must not be there.
    pub(crate) without: Vec<Spanned<String>>,
}

/// A problem that must be told.
#[derive(Debug, Clone)]
pub(crate) struct ProblemExpect {
    pub(crate) span: Span,
    pub(crate) code: Option<Code>,
    /// A part of the message, a note or a hint.
    pub(crate) says: Option<String>,
    /// The input that it is about.
    pub(crate) input: Option<String>,
}

/// Values of inputs whose pairs must all meet.
#[derive(Debug, Clone)]
pub(crate) struct Pairwise {
    /// Where it stands.
    pub(crate) span: Span,
    /// What every combination has besides.
    pub(crate) setting: Setting,
    /// The inputs with their values; none stands for an input that is left out.
    pub(crate) inputs: Vec<(Spanned<String>, Vec<Option<Value>>)>,
    /// Combinations that make no sense.
    pub(crate) exclude: Vec<Table>,
}

//! A case rendered: what comes out of its environment, and what is otherwise than it says.

use super::model::{Expect, Setting, TestFile};
use super::outcome::Failure;
use super::{check, compose};
use crate::diagnostic::{Problems, Span};
use crate::module::{Catalogue, RenderedEnvironment, RenderedStack};
use crate::policy::{self, Policy};

/// What cases of one file are run with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) file: &'a TestFile,
    pub(super) catalogue: &'a Catalogue,
    pub(super) policy: &'a Policy,
    pub(super) today: jiff::civil::Date,
}

impl Ground<'_> {
    /// Renders the environment that `layers` give, and holds it against `expect`. The environment is there if it has no
    /// errors.
    pub(super) fn render(
        &self,
        layers: &[&Setting],
        expect: &Expect,
        span: &Span,
    ) -> (Option<RenderedEnvironment>, Vec<Failure>) {
        let judged = compose::environment(&self.file.module, layers, span, &self.file.source)
            .and_then(|environment| policy::judged(&environment, self.catalogue, self.policy, self.today));
        let (rendered, found): (_, Problems) = match judged {
            Ok((rendered, warnings)) => (Some(rendered), warnings),
            Err(problems) => (None, problems),
        };
        let mut failures = check::problems(expect, layers, &found);
        if let Some(stack) = rendered.as_ref().and_then(|rendered| self.stack(layers, rendered)) {
            failures.extend(check::template(expect, stack));
        }
        (rendered, failures)
    }

    /// The stack under test.
    pub(super) fn stack<'r>(
        &self,
        layers: &[&Setting],
        rendered: &'r RenderedEnvironment,
    ) -> Option<&'r RenderedStack> {
        rendered.stacks.get(compose::stack_name(&self.file.module, layers))
    }
}

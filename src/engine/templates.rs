//! Hands templates to CloudFormation: in the call where they fit, through the state's bucket where they do not.

use crate::aws::cloudformation::{TEMPLATE_BODY_BYTES, TemplateSource};
use crate::aws::session::Session;
use crate::diagnostic::Problem;
use crate::module::RenderedStack;
use crate::spec::Backend;
use crate::state::{self, Key};

/// Where templates are kept.
#[derive(Debug, Clone)]
pub struct Templates<'a> {
    /// The state's bucket.
    pub backend: &'a Backend,
    /// The environment.
    pub key: &'a Key,
}

impl Templates<'_> {
    /// How CloudFormation gets the template of `stack`; a large one is stored first.
    pub(super) async fn source(&self, session: &Session, stack: &RenderedStack) -> Result<TemplateSource, Problem> {
        if stack.template.len() <= TEMPLATE_BODY_BYTES {
            return Ok(TemplateSource::Body(stack.template.clone()));
        }
        let digest = state::put_template(session, self.backend, self.key, &stack.template).await?;
        Ok(TemplateSource::Url(state::template_url(
            session,
            self.backend,
            self.key,
            &digest,
        )))
    }

    /// Keeps a template that is about to be deployed, so that it can be looked up later by its digest.
    pub(super) async fn keep(&self, session: &Session, stack: &RenderedStack) -> Result<(), Problem> {
        state::put_template(session, self.backend, self.key, &stack.template)
            .await
            .map(drop)
    }
}

//! Hands templates to CloudFormation: in the call where they fit, through the state's bucket where they do not.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::aws::cloudformation::{TEMPLATE_BODY_BYTES, TemplateSource};
use crate::aws::s3::{self, Expect};
use crate::aws::session::{Endpoint, Session};
use crate::diagnostic::Problem;
use crate::module::RenderedStack;

/// Where large templates are put.
#[derive(Debug)]
pub struct Templates<'a> {
    bucket: &'a str,
    prefix: String,
    put: Mutex<BTreeMap<String, String>>,
}

impl<'a> Templates<'a> {
    /// Templates of an environment, kept as `PROJECT/ENV/templates/SHA256.json` in the state's bucket.
    pub fn new(bucket: &'a str, project: &str, environment: &str) -> Self {
        Self {
            bucket,
            prefix: format!("{project}/{environment}/templates"),
            put: Mutex::default(),
        }
    }

    /// How CloudFormation gets the template of `stack`.
    pub(super) async fn source(&self, session: &Session, stack: &RenderedStack) -> Result<TemplateSource, Problem> {
        if stack.template.len() <= TEMPLATE_BODY_BYTES {
            return Ok(TemplateSource::Body(stack.template.clone()));
        }
        let known =
            |put: &Mutex<BTreeMap<String, String>>| put.lock().ok().and_then(|put| put.get(&stack.digest).cloned());
        if let Some(url) = known(&self.put) {
            return Ok(TemplateSource::Url(url));
        }
        let key = format!("{}/{}.json", self.prefix, stack.digest);
        // The name is the content's digest, so that writing it again changes nothing.
        s3::put(session, self.bucket, &key, stack.template.as_bytes(), &Expect::Anything)
            .await
            .map_err(|error| error.problem())?;
        let url = self.url(session, &key);
        if let Ok(mut put) = self.put.lock() {
            put.insert(stack.digest.clone(), url.clone());
        }
        Ok(TemplateSource::Url(url))
    }

    fn url(&self, session: &Session, key: &str) -> String {
        let suffix = if session.partition() == "aws-cn" {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        match &session.endpoint {
            Endpoint::Url(url) => format!("{}/{}/{key}", url.trim_end_matches('/'), self.bucket),
            Endpoint::Aws | Endpoint::Sandbox(_) => {
                format!("https://{}.s3.{}.{suffix}/{key}", self.bucket, session.region)
            }
        }
    }
}

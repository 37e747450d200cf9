//! `plans/ID.applied`: the mark that makes a saved plan good for one time.

use super::model::{APPLIED_VERSION, AppliedPlan};
use super::{Key, from_bucket, parse, to_json};
use crate::aws::s3::{self, Expect, Put};
use crate::aws::session::Session;
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::spec::Backend;

/// Marks a plan as applied by an operation: of all that try, one succeeds.
///
/// # Errors
/// [`codes::PLAN_APPLIED`], with who and when.
pub async fn claim(
    session: &Session,
    backend: &Backend,
    key: &Key,
    plan_id: &str,
    operation_id: &str,
    actor: &str,
    clock: &Clock,
) -> Result<(), Problem> {
    let mark = AppliedPlan {
        version: APPLIED_VERSION,
        plan_id: plan_id.to_owned(),
        operation_id: operation_id.to_owned(),
        actor: actor.to_owned(),
        at: clock.wall().to_string(),
    };
    let object = object(key, plan_id);
    let body = to_json(&mark, &object)?;
    match s3::put(session, &backend.bucket, &object, &body, &Expect::Absent)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    {
        Put::Written(_) => Ok(()),
        Put::Refused => {
            let problem = Problem::error(
                codes::PLAN_APPLIED,
                "this plan has been applied already; a plan is good for one time",
            );
            let problem = match applied(session, backend, key, plan_id).await? {
                Some(mark) => problem.note(format!(
                    "{} applied it at {} (operation {})",
                    mark.actor, mark.at, mark.operation_id
                )),
                None => problem,
            };
            Err(problem.hint(format!("plan again: `mlinfra plan {} --out FILE`", key.environment)))
        }
    }
}

/// Who applied a plan; none if nobody did.
pub async fn applied(
    session: &Session,
    backend: &Backend,
    key: &Key,
    plan_id: &str,
) -> Result<Option<AppliedPlan>, Problem> {
    let object = object(key, plan_id);
    match s3::get(session, &backend.bucket, &object)
        .await
        .map_err(|error| from_bucket(&error, backend, key))?
    {
        None => Ok(None),
        Some(found) => parse(&found.body, APPLIED_VERSION, &object).map(Some),
    }
}

fn object(key: &Key, plan_id: &str) -> String {
    key.object(&format!("plans/{plan_id}.applied"))
}

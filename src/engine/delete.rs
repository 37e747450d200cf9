//! Takes a stack away, and says what holds it if it stays.

use super::Context;
use super::change_set::PATIENCE;
use super::event::{Event, Outcome, Work};
use super::run::{Ended, Halt, Verb, failed};
use super::watch::Until;
use crate::aws::cloudformation::{self, Since, StackEvent};
use crate::aws::ec2::{self, Within};
use crate::aws::retry::patiently;
use crate::aws::s3;
use crate::plan::{LiveStack, Phase, StackPlan, phase};

/// Deletes until the stack is gone.
pub(super) async fn remove(context: &Context<'_>, planned: &StackPlan) -> Ended {
    let live = context.deployed.stacks.get(&planned.name).cloned();
    let outcome = match remove_live(context, planned, live).await {
        Ok(()) => Outcome::Done,
        Err(halt) => halt.outcome(),
    };
    Ended {
        outcome,
        live: None,
        parameters: std::collections::BTreeMap::new(),
    }
}

async fn remove_live(context: &Context<'_>, planned: &StackPlan, mut live: Option<LiveStack>) -> Result<(), Halt> {
    let mut told = false;
    let mut attempts = 0;
    while let Some(current) = live {
        match phase(&current.status) {
            Phase::Absent => return Ok(()),
            Phase::Advancing | Phase::Retreating => {
                context.started(planned, Work::Attach, &mut told);
                live = context
                    .watch
                    .end_of(&planned.name, &current.stack_id, Until::Settled)
                    .await;
            }
            _ => {
                attempts += 1;
                context.started(planned, Work::Delete, &mut told);
                live = delete(context, planned, current, attempts).await?;
            }
        }
    }
    Ok(())
}

/// One deletion, and a second one if buckets were in the way and may be emptied; none if the stack is gone then.
///
/// # Errors
/// The deletion failed, with what holds the stack.
pub(super) async fn delete(
    context: &Context<'_>,
    planned: &StackPlan,
    live: LiveStack,
    attempt: u32,
) -> Result<Option<LiveStack>, Halt> {
    context.may_begin()?;
    let arn = live.stack_id.clone();
    if live.protected {
        context
            .call(|| cloudformation::set_termination_protection(context.session, &arn, false))
            .await?;
    }
    let mut before = live.status;
    for part in ["first", "emptied"] {
        let token = context.token(planned, &format!("delete-{attempt}-{part}"));
        context
            .call(|| cloudformation::delete_stack(context.session, &arn, &token, &[]))
            .await?;
        let end = context
            .watch
            .end_of(&planned.name, &arn, Until::Deleted(before.clone()))
            .await;
        let Some(end) = end else { return Ok(None) };
        let events = patiently(context.session.clock, PATIENCE, || {
            cloudformation::events_since(context.session, &arn, Since::Began(&["DELETE_IN_PROGRESS"]))
        })
        .await
        .unwrap_or_default();
        let full = full_buckets(&events);
        if part == "first" && !full.is_empty() && context.options.empty_buckets && !context.plan.protect {
            for bucket in &full {
                context.may_begin()?;
                let count = s3::empty_bucket(context.session, bucket)
                    .await
                    .map_err(|error| error.problem())?;
                context.tell(Event::Note(format!(
                    "emptied bucket {bucket}: {count} objects and versions are gone"
                )));
            }
            before = end.status;
            continue;
        }
        let mut problem = failed(
            context,
            planned,
            &arn,
            Verb::Delete,
            Some(&end),
            context.rendered(&planned.name),
        )
        .await;
        if !full.is_empty() {
            problem = problem.note(format!("not empty: {}", full.join(", ")));
            problem = if context.plan.protect {
                problem.hint("the environment is protected, so its buckets are never emptied for you: save and delete their objects yourself")
            } else {
                problem.hint(format!(
                    "to delete all their objects and versions: mlinfra destroy {} --empty-buckets",
                    context.plan.environment
                ))
            };
        }
        for line in interfaces(context, &events).await {
            problem = problem.note(line);
        }
        return Err(problem.into());
    }
    Ok(None)
}

/// The buckets that could not be deleted because something is in them.
fn full_buckets(events: &[StackEvent]) -> Vec<String> {
    let mut found: Vec<String> = events
        .iter()
        .filter(|event| event.resource_type == "AWS::S3::Bucket" && event.status == "DELETE_FAILED")
        .filter(|event| {
            let reason = event.reason.as_deref().unwrap_or_default();
            reason.contains("not empty") || reason.contains("BucketNotEmpty")
        })
        .map(|event| event.physical_id.clone())
        .filter(|bucket| !bucket.is_empty())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The network interfaces that hold subnets, security groups and VPCs which could not be deleted: load balancers and nodes
/// that a cluster made leave them behind.
async fn interfaces(context: &Context<'_>, events: &[StackEvent]) -> Vec<String> {
    const SHOWN: usize = 10;
    let failed = |resource_type: &str| -> Vec<String> {
        events
            .iter()
            .filter(|event| {
                event.status == "DELETE_FAILED" && event.resource_type == resource_type && !event.physical_id.is_empty()
            })
            .map(|event| event.physical_id.clone())
            .collect()
    };
    let (subnets, groups, vpcs) = (
        failed("AWS::EC2::Subnet"),
        failed("AWS::EC2::SecurityGroup"),
        failed("AWS::EC2::VPC"),
    );
    let within = match (subnets.is_empty(), groups.is_empty(), vpcs.first()) {
        (false, _, _) => Within::Subnets(&subnets),
        (true, false, _) => Within::SecurityGroups(&groups),
        (true, true, Some(vpc)) => Within::Vpc(vpc),
        (true, true, None) => return Vec::new(),
    };
    match ec2::network_interfaces(context.session, within).await {
        Ok(found) => found
            .iter()
            .take(SHOWN)
            .map(|one| {
                let maker = one
                    .requester
                    .as_deref()
                    .map(|maker| format!(", made by {maker}"))
                    .unwrap_or_default();
                format!(
                    "still there: network interface {} ({}{maker}), {}",
                    one.id, one.description, one.status
                )
            })
            .collect(),
        Err(error) => vec![format!("what holds it could not be looked up: {error}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_buckets_that_are_not_empty_are_emptied() {
        let event = |resource_type: &str, physical_id: &str, reason: &str| StackEvent {
            resource_type: resource_type.to_owned(),
            physical_id: physical_id.to_owned(),
            status: "DELETE_FAILED".to_owned(),
            reason: Some(reason.to_owned()),
            ..StackEvent::default()
        };
        let events = [
            event(
                "AWS::S3::Bucket",
                "data",
                "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)",
            ),
            event("AWS::S3::Bucket", "logs", "Access Denied"),
            event("AWS::EC2::VPC", "vpc-1", "is not empty"),
        ];
        assert_eq!(full_buckets(&events), ["data"]);
    }
}

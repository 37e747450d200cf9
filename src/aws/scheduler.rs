//! EventBridge Scheduler: what starts tasks by the clock.
//!
//! Requests and answers stay JSON, as they stand in a release: see [`super::json`]. The name of a schedule is a part of its
//! address, so it is given beside the body.

use std::time::Duration;

use serde_json::Value as Json;

use super::error::{AwsError, Kind};
use super::json::{Heard, saying};
use super::retry::patiently;
use super::session::Session;

const SERVICE: &str = "EventBridge Scheduler";

/// A schedule, as AWS describes it; none if it or its group is not there.
///
/// # Errors
/// Whatever keeps the answer away for `limit`.
pub async fn find(session: &Session, group: &str, name: &str, limit: Duration) -> Result<Option<Json>, AwsError> {
    #[cfg(test)]
    note("GetSchedule", &serde_json::json!({ "GroupName": group, "Name": name }));
    let asked = async || {
        let heard = Heard::default();
        let call = session.scheduler().get_schedule().group_name(group).name(name);
        let sent = call.customize().interceptor(heard.clone()).send().await;
        sent.map_err(|error| AwsError::of(SERVICE, "GetSchedule", error))?;
        Ok(heard.json())
    };
    match patiently(session.clock, limit, asked).await {
        Ok(schedule) => Ok(Some(schedule)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the schedule that `request` describes, in full and with `Name` and `GroupName`; or makes one that is there
/// (`exists`) just that.
///
/// # Errors
/// What does not go away within `limit`.
pub async fn put(session: &Session, request: &Json, exists: bool, limit: Duration) -> Result<(), AwsError> {
    if exists {
        return update(session, request, limit).await;
    }
    #[cfg(test)]
    note("CreateSchedule", request);
    let (name, body) = split(request);
    let asked = async || {
        let call = session.scheduler().create_schedule().name(name);
        let sent = call.customize().mutate_request(saying(&body)).send().await;
        sent.map(drop)
            .map_err(|error| AwsError::of(SERVICE, "CreateSchedule", error))
    };
    match patiently(session.clock, limit, asked).await {
        // The answer to the first attempt was lost, or somebody was quicker: either way it becomes what is asked for.
        Err(error) if error.code.as_deref() == Some("ConflictException") => update(session, request, limit).await,
        ended => ended,
    }
}

async fn update(session: &Session, request: &Json, limit: Duration) -> Result<(), AwsError> {
    #[cfg(test)]
    note("UpdateSchedule", request);
    let (name, body) = split(request);
    let asked = async || {
        let call = session.scheduler().update_schedule().name(name);
        let sent = call.customize().mutate_request(saying(&body)).send().await;
        sent.map(drop)
            .map_err(|error| AwsError::of(SERVICE, "UpdateSchedule", error))
    };
    patiently(session.clock, limit, asked).await
}

/// The name, and the body that it is no part of.
fn split(request: &Json) -> (&str, Json) {
    let name = request.get("Name").and_then(Json::as_str).unwrap_or_default();
    let mut body = request.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("Name");
    }
    (name, body)
}

/// Deletes a schedule; gives whether there was one.
///
/// # Errors
/// What does not go away within `limit`.
pub async fn remove(session: &Session, group: &str, name: &str, limit: Duration) -> Result<bool, AwsError> {
    #[cfg(test)]
    note(
        "DeleteSchedule",
        &serde_json::json!({ "GroupName": group, "Name": name }),
    );
    let asked = async || {
        let call = session.scheduler().delete_schedule().group_name(group).name(name);
        let sent = call.send().await;
        sent.map(drop)
            .map_err(|error| AwsError::of(SERVICE, "DeleteSchedule", error))
    };
    match patiently(session.clock, limit, asked).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
fn note(action: &'static str, request: &Json) {
    super::json::sent::note(SERVICE, action, request);
}

//! ECS: task definitions, services and tasks.
//!
//! Requests and answers stay JSON, as they stand in a release: see [`super::json`].

use std::time::Duration;

use serde_json::Value as Json;

use super::error::{AwsError, Kind};
use super::json::actions;
use super::session::Session;

actions! {
    ecs, "ECS";
    CreateService: create_service;
    DeleteService: delete_service;
    DeregisterTaskDefinition: deregister_task_definition;
    DescribeServices: describe_services;
    DescribeTaskDefinition: describe_task_definition;
    DescribeTasks: describe_tasks;
    ListTaskDefinitions: list_task_definitions;
    ListTasks: list_tasks;
    RegisterTaskDefinition: register_task_definition;
    RunTask: run_task;
    StopTask: stop_task;
    UpdateService: update_service;
}

/// All values of the list `member` over the pages of a listing.
///
/// # Errors
/// As [`call_patiently`].
pub async fn list(
    session: &Session,
    action: Action,
    request: &Json,
    member: &str,
    limit: Duration,
) -> Result<Vec<String>, AwsError> {
    let mut request = request.clone();
    let mut found = Vec::new();
    loop {
        let answer = call_patiently(session, action, &request, limit).await?;
        let page = answer.get(member).and_then(Json::as_array).into_iter().flatten();
        found.extend(page.filter_map(Json::as_str).map(str::to_owned));
        match answer.get("nextToken").filter(|token| token.is_string()) {
            Some(token) => set(&mut request, "nextToken", token.clone()),
            None => return Ok(found),
        }
    }
}

/// The newest lines of a log stream of CloudWatch since `from`, with their times, both in milliseconds since 1970; at
/// most 10,000. A stream that is not there has none: it is made with the first line.
///
/// # Errors
/// Whatever keeps the answer away.
pub async fn tail_streams(
    session: &Session,
    group: &str,
    stream: &str,
    from: i64,
) -> Result<Vec<(i64, String)>, AwsError> {
    let asked = session
        .logs()
        .get_log_events()
        .log_group_name(group)
        .log_stream_name(stream)
        .start_time(from)
        .start_from_head(false);
    match asked.send().await {
        Ok(page) => Ok(page
            .events()
            .iter()
            .map(|event| {
                let line = event.message().unwrap_or_default().trim_end().to_owned();
                (event.timestamp().unwrap_or_default(), line)
            })
            .collect()),
        Err(error) => {
            let error = AwsError::of("CloudWatch Logs", "GetLogEvents", error);
            if error.kind == Kind::NotFound {
                Ok(Vec::new())
            } else {
                Err(error)
            }
        }
    }
}

/// Sets a member of an object; of what is none, nothing.
fn set(object: &mut Json, name: &str, value: Json) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

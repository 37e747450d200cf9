//! ECS: task definitions, services and tasks.
//!
//! Requests and answers stay JSON, as they stand in a release: what was recorded is what is sent, and what AWS
//! describes is compared with it member by member. The SDK signs, sends, tries again and reads errors; only the two
//! bodies are taken as they are.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value as Json;

use super::error::{AwsError, Kind};
use super::retry::patiently;
use super::session::Session;

macro_rules! actions {
    ($($action:ident: $operation:ident;)*) => {
        /// The actions of ECS that are called, by their names in its API reference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = concat!("`", stringify!($action), "`.")] $action,)*
        }

        impl Action {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$action => stringify!($action),)* }
            }
        }

        /// Calls `action` with `request`, and gives the answer's body.
        ///
        /// # Errors
        /// What the SDK's own retries do not get over.
        pub async fn call(session: &Session, action: Action, request: &Json) -> Result<Json, AwsError> {
            let heard = Heard::default();
            match action {
                $(Action::$action => {
                    let call = session.ecs().$operation().customize();
                    let sent = call.mutate_request(saying(request)).interceptor(heard.clone()).send().await;
                    sent.map_err(|error| AwsError::of("ECS", stringify!($action), error))?;
                })*
            }
            Ok(heard.json())
        }
    };
}

actions! {
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

/// As [`call`], through throttling and lost connections for up to `limit`. Only for what may be done twice.
///
/// # Errors
/// What does not go away, or does not within `limit`.
pub async fn call_patiently(
    session: &Session,
    action: Action,
    request: &Json,
    limit: Duration,
) -> Result<Json, AwsError> {
    patiently(session.clock, limit, || call(session, action, request)).await
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

/// Exchanges the body before it is signed.
fn saying(request: &Json) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static + use<> {
    let body = request.to_string();
    move |message| {
        message.headers_mut().insert("content-length", body.len().to_string());
        *message.body_mut() = SdkBody::from(body.as_str());
    }
}

/// The body of the last answer.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Json>>);

impl Heard {
    fn json(&self) -> Json {
        self.0.lock().map(|body| body.clone()).unwrap_or_default()
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "the body of an answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        if let (Ok(json), Ok(mut heard)) = (serde_json::from_slice(body), self.0.lock()) {
            *heard = json;
        }
        Ok(())
    }
}

/// Sets a member of an object; of what is none, nothing.
fn set(object: &mut Json, name: &str, value: Json) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

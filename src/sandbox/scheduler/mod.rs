//! EventBridge Scheduler: schedules in groups; what is to run a task of ECS does, and everything else is kept and never acts.
//!
//! The services do not know each other, and a task is started where time goes on for it: a schedule is told to ECS as a
//! standing order, and whoever asks ECS finds the tasks that were due. When they are due is worked out here ([`times`]).
//!
//! From "CreateSchedule" and its neighbours, Amazon EventBridge Scheduler API Reference. Not there: retries, dead letters,
//! flexible windows (a schedule is on time), tags, and whether a role may be assumed.

mod cron;
mod groups;
mod routes;
mod rules;
mod schedules;
mod target;
mod times;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use self::groups::Group;
use self::schedules::Schedule;
use super::inventory::Item;
use super::reply::{self, ApiError, Protocol};
use super::request::{Name, Request};
use super::service::{Context, Service};

pub(super) use routes::action;
pub(super) use times::Timetable;

type Answer = Result<Value, ApiError>;

/// The group that is always there.
const DEFAULT: &str = "default";

/// The service's whole state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Scheduler {
    /// All but the one that is always there.
    groups: BTreeMap<String, Group>,
    /// By `GROUP/NAME`.
    schedules: BTreeMap<String, Schedule>,
    /// Whether schedules have gone because they were over.
    #[serde(skip)]
    moved: bool,
    /// What goes to ECS: standing orders.
    #[serde(skip)]
    outbox: Vec<Request>,
}

impl Service for Scheduler {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        self.settle(context);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let name = routes::name(request)
            .or_else(|| text(&body, "Name"))
            .unwrap_or_default();
        let group = request.param("groupName");
        let answer = match request.action.as_str() {
            "CreateSchedule" => self.create(name, &body, context),
            "UpdateSchedule" => self.update(name, &body, context),
            "GetSchedule" => self.get(name, group, context),
            "DeleteSchedule" => self.delete(name, group, context),
            "ListSchedules" => self.list(request, context),
            "CreateScheduleGroup" => self.create_group(name, context),
            "GetScheduleGroup" => self.get_group(name, context),
            "DeleteScheduleGroup" => self.delete_group(name, context),
            "ListScheduleGroups" => self.list_groups(request, context),
            other => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("the sandbox's EventBridge Scheduler does not know {other}"),
            )),
        };
        match answer {
            Ok(body) => reply::json(Protocol::RestJson, 200, &body),
            Err(error) => error.to_response(request),
        }
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn import(&mut self, state: &[u8], _: &Context) -> Result<(), String> {
        *self = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Groups are in the ledger.
    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.settle(context);
        let keys = self.schedules.keys();
        keys.map(|key| Item::new(Name::Scheduler.as_str(), "schedule", key))
            .collect()
    }

    fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    fn outbox(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.outbox)
    }
}

/// A page of a list: what is listed, and where it goes on.
fn page(member: &str, all: Vec<Value>, request: &Request) -> Answer {
    let from: usize = match request.param("NextToken") {
        None => 0,
        Some(token) => match token.parse() {
            Ok(from) => from,
            Err(_) => return invalid("Invalid NextToken."),
        },
    };
    let most: usize = match request.param("MaxResults").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(most @ 1..=100)) => most,
        Some(_) => return invalid("MaxResults must be between 1 and 100."),
    };
    let goes_on = from.saturating_add(most) < all.len();
    let listed: Vec<Value> = all.into_iter().skip(from).take(most).collect();
    let mut answer = json!({});
    set(&mut answer, member, Value::Array(listed));
    if goes_on {
        set(&mut answer, "NextToken", json!((from + most).to_string()));
    }
    Ok(answer)
}

/// Refuses what is not as it has to be.
fn invalid<T>(message: impl Into<String>) -> Result<T, ApiError> {
    reply::refuse("ValidationException", message)
}

/// Refuses what is about something that is not there.
fn absent<T>(what: &str) -> Result<T, ApiError> {
    let message = format!("{what} does not exist.");
    Err(ApiError::new(404, "ResourceNotFoundException", message))
}

/// Refuses what is there already.
fn taken<T>(what: &str) -> Result<T, ApiError> {
    let message = format!("{what} already exists.");
    Err(ApiError::new(409, "ConflictException", message))
}

fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str)
}

/// Sets a member of an object; of what is none, nothing.
fn set(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

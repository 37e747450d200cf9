//! Schedules as they are made, changed, looked at and deleted ("CreateSchedule", "UpdateSchedule", "GetSchedule",
//! "DeleteSchedule", "ListSchedules").

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::reply::seconds;
use super::super::request::{Name, Request};
use super::super::service::Context;
use super::{Answer, ApiError, DEFAULT, Scheduler, Timetable, absent, page, rules, set, taken, target, text};

/// What GetSchedule answers beside names and dates, and what stands for a member that is not given.
const MEMBERS: [&str; 10] = [
    "ActionAfterCompletion",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
];

/// A schedule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Schedule {
    /// As it was asked for, with what AWS adds.
    body: Value,
    created: i64,
    modified: i64,
    /// The request that made it, which may come again.
    asked: Value,
}

impl Schedule {
    fn timetable(&self) -> Timetable {
        let part = |member: &str| text(&self.body, member).unwrap_or_default().to_owned();
        Timetable {
            expression: part("ScheduleExpression"),
            zone: part("ScheduleExpressionTimezone"),
            from: rules::moment(&self.body, "StartDate"),
            until: rules::moment(&self.body, "EndDate"),
            made: self.created,
        }
    }

    /// What ECS is told of it, of what is due after `after`; none if it runs no task.
    fn order(&self, key: &str, after: i64) -> Option<Value> {
        if text(&self.body, "State") != Some("ENABLED") {
            return None;
        }
        let task = target::task(own_name(key), self.body.get("Target")?)?;
        Some(json!({ "name": key, "timetable": self.timetable(), "task": task, "after": after }))
    }

    /// Whether it has run for the last time and is to go then.
    fn is_over(&self, now: i64) -> bool {
        let is = |member: &str, value: &str| text(&self.body, member) == Some(value);
        is("State", "ENABLED") && is("ActionAfterCompletion", "DELETE") && self.timetable().is_over(now)
    }
}

impl Scheduler {
    pub(super) fn create(&mut self, name: &str, body: &Value, context: &Context) -> Answer {
        let key = self.asked(name, body, context)?;
        if let Some(before) = self.schedules.get(&key) {
            let is_repeated = body.get("ClientToken").is_some() && before.asked == *body;
            return match is_repeated {
                true => Ok(made(&key, context)),
                false => taken(&format!("Schedule {name}")),
            };
        }
        let schedule = Schedule {
            body: whole(body),
            created: context.now,
            modified: context.now,
            asked: body.clone(),
        };
        // What is due at this very moment is still to come.
        self.put(&key, schedule, context.now - 1, context);
        Ok(made(&key, context))
    }

    /// Everything becomes as it is asked for, and what is not asked for as it would be by itself.
    pub(super) fn update(&mut self, name: &str, body: &Value, context: &Context) -> Answer {
        let key = self.asked(name, body, context)?;
        let Some(before) = self.schedules.get(&key) else {
            return absent(&format!("Schedule {name}"));
        };
        let schedule = Schedule {
            body: whole(body),
            modified: context.now,
            ..before.clone()
        };
        self.put(&key, schedule, context.now, context);
        Ok(made(&key, context))
    }

    pub(super) fn get(&self, name: &str, group: Option<&str>, context: &Context) -> Answer {
        let key = self.key(name, group)?;
        let Some(schedule) = self.schedules.get(&key) else {
            return absent(&format!("Schedule {name}"));
        };
        let mut described = schedule.body.clone();
        name_it(&mut described, &key, schedule, context);
        Ok(described)
    }

    pub(super) fn delete(&mut self, name: &str, group: Option<&str>, context: &Context) -> Answer {
        let key = self.key(name, group)?;
        match self.remove(&key, context) {
            true => Ok(json!({})),
            false => absent(&format!("Schedule {name}")),
        }
    }

    pub(super) fn list(&self, request: &Request, context: &Context) -> Answer {
        let group = request.param("ScheduleGroup");
        if let Some(group) = group.filter(|group| !self.has_group(group)) {
            return absent(&format!("Schedule group {group}"));
        }
        let (prefix, state) = (request.param("NamePrefix").unwrap_or_default(), request.param("State"));
        let found = self.schedules.iter().filter(|(key, schedule)| {
            group.is_none_or(|group| group_of(key) == group)
                && own_name(key).starts_with(prefix)
                && state.is_none_or(|state| text(&schedule.body, "State") == Some(state))
        });
        let listed = found.map(|(key, schedule)| {
            let mut summary = json!({
                "State": schedule.body.get("State"),
                "Target": { "Arn": schedule.body.pointer("/Target/Arn") },
            });
            name_it(&mut summary, key, schedule, context);
            summary
        });
        page("Schedules", listed.collect(), request)
    }

    /// Lets go of the schedules that are over and were to go then.
    pub(super) fn settle(&mut self, context: &Context) {
        let over = self.schedules.iter().filter(|(_, one)| one.is_over(context.now));
        let over: Vec<String> = over.map(|(key, _)| key.clone()).collect();
        for key in over {
            self.remove(&key, context);
            self.moved = true;
        }
    }

    /// Removes a schedule; gives whether there was one.
    pub(super) fn remove(&mut self, key: &str, context: &Context) -> bool {
        let Some(gone) = self.schedules.remove(key) else {
            return false;
        };
        if gone.order(key, context.now).is_some() {
            self.tell("DropStandingOrder", &json!({ "name": key }), context);
        }
        true
    }

    fn put(&mut self, key: &str, schedule: Schedule, after: i64, context: &Context) {
        let order = schedule.order(key, after);
        let before = self.schedules.insert(key.to_owned(), schedule);
        let had_one = before.is_some_and(|before| before.order(key, after).is_some());
        match order {
            Some(order) => self.tell("PutStandingOrder", &order, context),
            None if had_one => self.tell("DropStandingOrder", &json!({ "name": key }), context),
            None => {}
        }
    }

    fn tell(&mut self, action: &str, body: &Value, context: &Context) {
        let request = Request::json(Name::Ecs, &context.region, action, body);
        self.outbox.push(request);
    }

    /// The key of a schedule that may be as `body` says.
    fn asked(&self, name: &str, body: &Value, context: &Context) -> Result<String, ApiError> {
        rules::name(name)?;
        rules::schedule(body, context)?;
        self.key(name, text(body, "GroupName"))
    }

    fn key(&self, name: &str, group: Option<&str>) -> Result<String, ApiError> {
        let group = group.unwrap_or(DEFAULT);
        match self.has_group(group) {
            true => Ok(format!("{group}/{name}")),
            false => absent(&format!("Schedule group {group}")),
        }
    }
}

/// The members that are kept, with what stands for those that are not given.
fn whole(body: &Value) -> Value {
    let mut kept = Map::new();
    for member in MEMBERS {
        let usual = match member {
            "ActionAfterCompletion" => Some("NONE"),
            "ScheduleExpressionTimezone" => Some("UTC"),
            "State" => Some("ENABLED"),
            _ => None,
        };
        let given = body.get(member).filter(|value| !value.is_null()).cloned();
        if let Some(value) = given.or_else(|| usual.map(|usual| json!(usual))) {
            kept.insert(member.to_owned(), value);
        }
    }
    if let Some(target) = kept.get_mut("Target") {
        let policy = target.get("RetryPolicy");
        let number = |member: &str, usual: u64| policy.and_then(|policy| policy.get(member)?.as_u64()).unwrap_or(usual);
        let policy = json!({
            "MaximumEventAgeInSeconds": number("MaximumEventAgeInSeconds", 86_400),
            "MaximumRetryAttempts": number("MaximumRetryAttempts", 185),
        });
        set(target, "RetryPolicy", policy);
    }
    Value::Object(kept)
}

fn made(key: &str, context: &Context) -> Value {
    json!({ "ScheduleArn": arn(key, context) })
}

fn name_it(described: &mut Value, key: &str, schedule: &Schedule, context: &Context) {
    set(described, "Arn", json!(arn(key, context)));
    set(described, "GroupName", json!(group_of(key)));
    set(described, "Name", json!(own_name(key)));
    set(described, "CreationDate", seconds(schedule.created));
    set(described, "LastModificationDate", seconds(schedule.modified));
}

fn arn(key: &str, context: &Context) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule/{key}",
        context.region, context.account
    )
}

fn group_of(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

fn own_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

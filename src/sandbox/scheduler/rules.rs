//! What a schedule may be. The shapes and limits are those of the API's model; so are the words, where AWS's are known.

use serde_json::Value;

use super::super::reply::ApiError;
use super::super::service::Context;
use super::target::is_cluster;
use super::times::{self, Timetable};
use super::{invalid, text};

type Checked = Result<(), ApiError>;

/// How long ago a schedule may have begun.
const LATE: i64 = 5 * 60_000;

/// The name of a schedule or of a group.
pub(super) fn name(name: &str) -> Checked {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) {
        let rule = "Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$";
        return constraint(Some(name), "name", rule);
    }
    match name.len() > 64 {
        true => constraint(Some(name), "name", "Member must have length less than or equal to 64"),
        false => Ok(()),
    }
}

/// Everything but the name, and whether the group is there.
pub(super) fn schedule(body: &Value, context: &Context) -> Checked {
    if let Some(group) = text(body, "GroupName") {
        name(group)?;
    }
    one_of(body, "State", "state", &["ENABLED", "DISABLED"])?;
    one_of(
        body,
        "ActionAfterCompletion",
        "actionAfterCompletion",
        &["NONE", "DELETE"],
    )?;
    if text(body, "Description").is_some_and(|text| text.chars().count() > 512) {
        let rule = "Member must have length less than or equal to 512";
        return constraint(None, "description", rule);
    }
    window(body)?;
    target(body)?;
    let expression = required(body, "ScheduleExpression", "scheduleExpression")?;
    if !times::is_valid(expression) {
        return invalid(format!("Invalid Schedule Expression {expression}."));
    }
    if text(body, "ScheduleExpressionTimezone").is_some_and(|zone| !times::is_zone(zone)) {
        return invalid("Invalid ScheduleExpressionTimezone provided.");
    }
    let begins_late = moment(body, "StartDate").is_some_and(|from| from < context.now - LATE);
    match begins_late && !Timetable::is_once(expression) {
        true => invalid("The StartDate you specify cannot be earlier than 5 minutes ago."),
        false => Ok(()),
    }
}

fn window(body: &Value) -> Checked {
    let Some(window) = body.get("FlexibleTimeWindow").filter(|window| window.is_object()) else {
        return constraint(None, "flexibleTimeWindow", "Member must not be null");
    };
    required(window, "Mode", "flexibleTimeWindow.mode")?;
    one_of(window, "Mode", "flexibleTimeWindow.mode", &["OFF", "FLEXIBLE"])?;
    within(
        window,
        "MaximumWindowInMinutes",
        "flexibleTimeWindow.maximumWindowInMinutes",
        1,
        1_440,
    )?;
    let flexible = text(window, "Mode") == Some("FLEXIBLE");
    match flexible && window.get("MaximumWindowInMinutes").is_none_or(Value::is_null) {
        true => invalid("MaximumWindowInMinutes is required for a FlexibleTimeWindow of the mode FLEXIBLE."),
        false => Ok(()),
    }
}

fn target(body: &Value) -> Checked {
    let Some(asked) = body.get("Target").filter(|target| target.is_object()) else {
        return constraint(None, "target", "Member must not be null");
    };
    let arn = required(asked, "Arn", "target.arn")?;
    let role = required(asked, "RoleArn", "target.roleArn")?;
    if !is_role(role) {
        let rule =
            "Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$";
        return constraint(Some(role), "target.roleArn", rule);
    }
    if !arn.starts_with("arn:aws") || arn.split(':').count() < 6 {
        return invalid("Provided Arn is not in correct format.");
    }
    let policy = asked.get("RetryPolicy").unwrap_or(&Value::Null);
    let of = |member: &str| format!("target.retryPolicy.{member}");
    within(policy, "MaximumRetryAttempts", &of("maximumRetryAttempts"), 0, 185)?;
    within(
        policy,
        "MaximumEventAgeInSeconds",
        &of("maximumEventAgeInSeconds"),
        60,
        86_400,
    )?;
    let Some(task) = asked.get("EcsParameters").filter(|task| task.is_object()) else {
        return match is_cluster(arn) {
            true => constraint(None, "target.ecsParameters", "Member must not be null"),
            false => Ok(()),
        };
    };
    required(task, "TaskDefinitionArn", "target.ecsParameters.taskDefinitionArn")?;
    within(task, "TaskCount", "target.ecsParameters.taskCount", 1, 10)?;
    let kinds = ["EC2", "FARGATE", "EXTERNAL"];
    one_of(task, "LaunchType", "target.ecsParameters.launchType", &kinds)?;
    let whence = ["TASK_DEFINITION"];
    one_of(task, "PropagateTags", "target.ecsParameters.propagateTags", &whence)
}

/// `arn:PARTITION:iam::ACCOUNT:role/NAME`
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [scheme, partition, service, region, account, rest] = parts.as_slice() else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let name = rest.strip_prefix("role/").unwrap_or_default();
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@/-".contains(letter);
    *scheme == "arn"
        && partition.starts_with("aws")
        && *service == "iam"
        && region.is_empty()
        && is_account
        && !name.is_empty()
        && name.chars().all(fits)
}

/// A date in milliseconds.
pub(super) fn moment(body: &Value, member: &str) -> Option<i64> {
    let seconds = body.get(member)?.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970, to the millisecond"
    )]
    let millis = (seconds * 1000.0).round() as i64;
    Some(millis)
}

fn required<'a>(body: &'a Value, member: &str, at: &str) -> Result<&'a str, ApiError> {
    match text(body, member).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text),
        None => constraint(None, at, "Member must not be null"),
    }
}

fn one_of(body: &Value, member: &str, at: &str, values: &[&str]) -> Checked {
    match text(body, member).filter(|text| !values.contains(text)) {
        Some(other) => {
            let rule = format!("Member must satisfy enum value set: [{}]", values.join(", "));
            constraint(Some(other), at, &rule)
        }
        None => Ok(()),
    }
}

fn within(body: &Value, member: &str, at: &str, least: i64, most: i64) -> Checked {
    let Some(number) = body.get(member).and_then(Value::as_i64) else {
        return Ok(());
    };
    let (is_small, is_great) = (number < least, number > most);
    let number = number.to_string();
    if is_small {
        let rule = format!("Member must have value greater than or equal to {least}");
        return constraint(Some(&number), at, &rule);
    }
    if is_great {
        let rule = format!("Member must have value less than or equal to {most}");
        return constraint(Some(&number), at, &rule);
    }
    Ok(())
}

fn constraint<T>(value: Option<&str>, at: &str, rule: &str) -> Result<T, ApiError> {
    let value = value.map(|value| format!("'{value}' ")).unwrap_or_default();
    invalid(format!(
        "1 validation error detected: Value {value}at '{at}' failed to satisfy constraint: {rule}"
    ))
}

#[cfg(test)]
mod tests;

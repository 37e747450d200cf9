//! Topics, alarms, dashboards and budgets, as their services refuse them ("Subscribe", "PutCompositeAlarm",
//! "PutDashboard", "CreateBudget").

use serde_json::Value;

use super::super::cloudformation::ResourceRequest;
use super::super::house::Desk;
use super::{Made, ledger, text, told};

pub(super) fn create(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    match request.resource_type {
        "AWS::Budgets::Budget" if ledger::find(desk, "budgets:budget", id)?.is_some() => Err(told(
            "Budgets",
            &format!("Error creating budget: {id} - the budget already exists."),
        )),
        _ => check(desk, request),
    }
}

pub(super) fn update(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    check(desk, request)
}

fn check(desk: &mut Desk<'_>, request: &ResourceRequest<'_>) -> Made<()> {
    let properties = request.properties;
    match request.resource_type {
        "AWS::SNS::Subscription" => {
            let topic = text(properties, "TopicArn").unwrap_or_default();
            match ledger::find(desk, "sns:topic", &topic)?.is_some() {
                true => Ok(()),
                false => Err(told("Sns", "Topic does not exist")),
            }
        }
        "AWS::CloudWatch::Dashboard" => {
            let body = text(properties, "DashboardBody").unwrap_or_default();
            match serde_json::from_str::<Value>(&body) {
                Ok(Value::Object(_)) => Ok(()),
                _ => Err(told(
                    "CloudWatch",
                    "The field DashboardBody must be a valid JSON object",
                )),
            }
        }
        "AWS::CloudWatch::CompositeAlarm" => alarms_exist(desk, &text(properties, "AlarmRule").unwrap_or_default()),
        _ => Ok(()),
    }
}

fn alarms_exist(desk: &mut Desk<'_>, rule: &str) -> Made<()> {
    let mut known = ledger::all(desk, "cloudwatch:alarm")?;
    known.extend(ledger::all(desk, "cloudwatch:composite-alarm")?);
    let exists = |name: &&str| {
        let own = name.rsplit_once(":alarm:").map_or(*name, |(_, own)| own);
        known
            .iter()
            .any(|(id, _)| id == own || id.ends_with(&format!(":alarm:{own}")))
    };
    let missing: Vec<&str> = alarms(rule).into_iter().filter(|name| !exists(name)).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(told(
            "CloudWatch",
            &format!(
                "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
                missing.join(", ")
            ),
        )),
    }
}

/// The names or ARNs in `ALARM(…)`, `OK(…)` and `INSUFFICIENT_DATA(…)`.
fn alarms(rule: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for word in ["ALARM(", "OK(", "INSUFFICIENT_DATA("] {
        for rest in rule.split(word).skip(1) {
            found.extend(
                rest.split_once(')')
                    .map(|(name, _)| name.trim().trim_matches(['"', '\''])),
            );
        }
    }
    found
}

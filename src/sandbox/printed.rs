//! What containers print, on its way into CloudWatch Logs.
//!
//! Whoever runs containers keeps what they print until it is due. Services do not know each other, so the house carries
//! it over, before anything is asked of the logs.

use serde_json::{Value, json};

use super::SandboxError;
use super::house::Desk;
use super::request::{Name, Request};

/// Carries over what is due by now.
pub(super) fn carry(desk: &mut Desk<'_>) -> Result<(), SandboxError> {
    let region = desk.context.region.clone();
    let mut ask = |service, action: &str, body: &Value| desk.send(&Request::json(service, &region, action, body));
    let due = ask(Name::SageMaker, "ListDueLines", &json!({}))?;
    let due: Value = serde_json::from_slice(&due.body).unwrap_or_default();
    let Some(lines) = due
        .get("Lines")
        .and_then(Value::as_array)
        .filter(|lines| !lines.is_empty())
    else {
        return Ok(());
    };
    for line in lines {
        let (group, stream) = (line.get("group"), line.get("stream"));
        // Both are there already for all but the first line, which is refused and does not matter.
        ask(Name::Logs, "CreateLogGroup", &json!({ "logGroupName": group }))?;
        let place = json!({ "logGroupName": group, "logStreamName": stream });
        ask(Name::Logs, "CreateLogStream", &place)?;
        let event = json!({ "timestamp": line.get("at"), "message": line.get("message") });
        let put = json!({ "logGroupName": group, "logStreamName": stream, "logEvents": [event] });
        ask(Name::Logs, "PutLogEvents", &put)?;
    }
    ask(Name::SageMaker, "DropDueLines", &json!({}))?;
    Ok(())
}

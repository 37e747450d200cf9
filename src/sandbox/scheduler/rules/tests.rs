//! What is taken, and what is refused with which words.

use serde_json::json;

use super::super::super::faults::Facts;
use super::*;

const NOW: i64 = 1_795_000_000_000;

fn context() -> Context {
    Context {
        now: NOW,
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        facts: Facts::of(&[]),
    }
}

/// A schedule with another value somewhere.
fn with(pointer: &str, value: Value) -> Value {
    let mut schedule = json!({
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": "arn:aws:ecs:us-east-1:111122223333:cluster/jobs",
            "RoleArn": "arn:aws:iam::111122223333:role/path/schedule",
            "EcsParameters": { "TaskDefinitionArn": "nightly" },
        },
    });
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = schedule.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(member.to_owned(), value);
    schedule
}

#[test]
fn what_is_wrong_is_refused_in_awss_words() {
    for (pointer, value, words) in [
        (
            "/ScheduleExpression",
            json!("rate(1 minutes)"),
            "Invalid Schedule Expression rate(1 minutes).",
        ),
        (
            "/ScheduleExpression",
            Value::Null,
            "at 'scheduleExpression' failed to satisfy constraint: Member must not be null",
        ),
        (
            "/ScheduleExpressionTimezone",
            json!("Europe/Atlantis"),
            "Invalid ScheduleExpressionTimezone provided.",
        ),
        ("/FlexibleTimeWindow", Value::Null, "at 'flexibleTimeWindow' failed"),
        (
            "/FlexibleTimeWindow",
            json!({ "Mode": "ON" }),
            "Member must satisfy enum value set: [OFF, FLEXIBLE]",
        ),
        (
            "/FlexibleTimeWindow",
            json!({ "Mode": "FLEXIBLE" }),
            "MaximumWindowInMinutes is required",
        ),
        (
            "/FlexibleTimeWindow",
            json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1_441 }),
            "Value '1441' at 'flexibleTimeWindow.maximumWindowInMinutes' failed to satisfy constraint: Member must have value less than or equal to 1440",
        ),
        ("/State", json!("PAUSED"), "Value 'PAUSED' at 'state'"),
        (
            "/ActionAfterCompletion",
            json!("KEEP"),
            "Value 'KEEP' at 'actionAfterCompletion'",
        ),
        (
            "/Description",
            json!("x".repeat(513)),
            "length less than or equal to 512",
        ),
        ("/GroupName", json!("a b"), "Value 'a b' at 'name'"),
        (
            "/StartDate",
            json!(NOW / 1_000 - 600),
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            "/Target",
            Value::Null,
            "at 'target' failed to satisfy constraint: Member must not be null",
        ),
        ("/Target/Arn", json!("jobs"), "Provided Arn is not in correct format."),
        (
            "/Target/RoleArn",
            json!("arn:aws:iam::1111:role/x"),
            "at 'target.roleArn' failed",
        ),
        (
            "/Target/RoleArn",
            json!("arn:aws:iam::111122223333:user/x"),
            "at 'target.roleArn' failed",
        ),
        (
            "/Target/RoleArn",
            Value::Null,
            "at 'target.roleArn' failed to satisfy constraint: Member must not be null",
        ),
        (
            "/Target/RetryPolicy",
            json!({ "MaximumRetryAttempts": 186 }),
            "less than or equal to 185",
        ),
        (
            "/Target/RetryPolicy",
            json!({ "MaximumEventAgeInSeconds": 59 }),
            "greater than or equal to 60",
        ),
        ("/Target/EcsParameters", Value::Null, "at 'target.ecsParameters' failed"),
        (
            "/Target/EcsParameters/TaskDefinitionArn",
            Value::Null,
            "at 'target.ecsParameters.taskDefinitionArn'",
        ),
        ("/Target/EcsParameters/TaskCount", json!(11), "less than or equal to 10"),
        (
            "/Target/EcsParameters/LaunchType",
            json!("BARE"),
            "enum value set: [EC2, FARGATE, EXTERNAL]",
        ),
    ] {
        let refused = schedule(&with(pointer, value), &context()).unwrap_err();
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (400, "ValidationException"),
            "{pointer}"
        );
        assert!(refused.message.contains(words), "{words}: {}", refused.message);
    }
}

#[test]
fn what_is_right_is_taken() {
    for (pointer, value) in [
        ("/State", json!("DISABLED")),
        ("/ScheduleExpressionTimezone", json!("Europe/Berlin")),
        ("/ScheduleExpression", json!("at(2022-12-12T00:00:00)")),
        (
            "/FlexibleTimeWindow",
            json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 }),
        ),
        ("/StartDate", json!(NOW / 1_000 - 240)),
        (
            "/Target/RetryPolicy",
            json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60 }),
        ),
        ("/Target/EcsParameters/TaskCount", json!(10)),
        ("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:ec2:stopInstances")),
    ] {
        assert_eq!(schedule(&with(pointer, value), &context()), Ok(()), "{pointer}");
    }
}

#[test]
fn names_are_short_and_plain() {
    for right in ["a", "night.ly_2-B", "x".repeat(64).as_str()] {
        assert_eq!(name(right), Ok(()), "{right}");
    }
    for wrong in ["", "a b", "a/b", "ä", "x".repeat(65).as_str()] {
        assert!(name(wrong).is_err(), "{wrong}");
    }
}

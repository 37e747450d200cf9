//! Schedules: what EventBridge Scheduler takes and refuses, and the tasks that they run.

#![expect(clippy::disallowed_methods, reason = "paused time is waited for here")]

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use winterbaume_core::MockRequest;

use super::super::Sandbox;
use super::{Trial, in_memory, open};
use crate::clock::Clock;

const PLACE: &str = r#"
Resources:
  Cluster: {Type: "AWS::ECS::Cluster", Properties: {ClusterName: jobs}}
  Group: {Type: "AWS::Scheduler::ScheduleGroup", Properties: {Name: night}}
Outputs:
  Group: {Value: !Ref Group}
  Arn: {Value: !GetAtt Group.Arn}
"#;

/// What EventBridge Scheduler answers: status and body.
async fn ask(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> (u16, Value) {
    send(sandbox, "scheduler", method, path, HeaderMap::new(), body).await
}

async fn get(sandbox: &Sandbox, path: &str) -> (u16, Value) {
    ask(sandbox, "GET", path, &Value::Null).await
}

/// What ECS answers to what it does not refuse.
async fn ecs(sandbox: &Sandbox, action: &str, body: &Value) -> Value {
    let mut headers = HeaderMap::new();
    let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
    headers.insert("x-amz-target", HeaderValue::from_str(&target).unwrap());
    let (status, answer) = send(sandbox, "ecs", "POST", "/", headers, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn send(
    sandbox: &Sandbox,
    service: &str,
    method: &str,
    path: &str,
    headers: HeaderMap,
    body: &Value,
) -> (u16, Value) {
    let request = MockRequest {
        method: method.to_owned(),
        uri: format!("https://{service}.us-east-1.amazonaws.com{path}"),
        headers,
        body: body.to_string().into(),
    };
    let answer = sandbox.handle(request).await;
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, body)
}

/// A schedule that runs a task of the cluster `jobs`.
fn schedule(expression: &str) -> Value {
    json!({
        "Description": "every night",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": "arn:aws:ecs:us-east-1:111122223333:cluster/jobs",
            "RoleArn": "arn:aws:iam::111122223333:role/schedule",
            "Input": "{\"containerOverrides\":[{\"name\":\"main\",\"command\":[\"score\"]}]}",
            "EcsParameters": {
                "TaskDefinitionArn": "nightly",
                "TaskCount": 1,
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {
                    "awsvpcConfiguration": { "Subnets": ["subnet-1"], "AssignPublicIp": "DISABLED" },
                },
            },
        },
    })
}

/// The same with another value somewhere.
fn with(mut schedule: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = schedule.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(member.to_owned(), value);
    schedule
}

async fn put(sandbox: &Sandbox, name: &str, schedule: &Value) {
    let (status, answer) = ask(sandbox, "POST", &format!("/schedules/{name}"), schedule).await;
    assert_eq!(status, 200, "{answer}");
}

async fn register(sandbox: &Sandbox) {
    let containers = json!([{ "name": "main", "image": "nightly:1" }]);
    let definition = json!({ "family": "nightly", "containerDefinitions": containers });
    ecs(sandbox, "RegisterTaskDefinition", &definition).await;
}

/// A cluster, and what is run in it.
async fn prepare(sandbox: &Sandbox) {
    ecs(sandbox, "CreateCluster", &json!({ "clusterName": "jobs" })).await;
    register(sandbox).await;
}

/// The tasks that run, and those that have run.
async fn tasks(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for status in ["RUNNING", "STOPPED"] {
        let listed = ecs(
            sandbox,
            "ListTasks",
            &json!({ "cluster": "jobs", "desiredStatus": status }),
        )
        .await;
        let arns = listed["taskArns"].as_array().unwrap().iter();
        found.extend(arns.map(|arn| arn.as_str().unwrap().to_owned()));
    }
    found
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// `at(…)` so many seconds from now, and that moment in seconds since 1970.
fn at(sandbox: &Sandbox, seconds: i64) -> (String, i64) {
    let now = sandbox.calls().last().unwrap().at;
    let due = now.div_euclid(1_000) + seconds;
    let moment = jiff::Timestamp::from_second(due).unwrap();
    (format!("at({})", moment.strftime("%Y-%m-%dT%H:%M:%S")), due)
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_made_looked_at_changed_listed_and_deleted() {
    let sandbox = in_memory().await;
    let asked = schedule("cron(15 2 * * ? *)");
    let arn = "arn:aws:scheduler:us-east-1:111122223333:schedule/default/nightly";
    let made = ask(&sandbox, "POST", "/schedules/nightly", &asked).await;
    assert_eq!(made, (200, json!({ "ScheduleArn": arn })));
    let (_, first) = get(&sandbox, "/schedules/nightly").await;
    for (member, value) in [
        ("Arn", json!(arn)),
        ("Name", json!("nightly")),
        ("GroupName", json!("default")),
        ("ActionAfterCompletion", json!("NONE")),
        ("Description", json!("every night")),
        ("State", json!("ENABLED")),
        ("ScheduleExpression", json!("cron(15 2 * * ? *)")),
        ("ScheduleExpressionTimezone", json!("UTC")),
    ] {
        assert_eq!(first[member], value, "{member}");
    }
    assert_eq!(first["CreationDate"], first["LastModificationDate"]);
    assert_eq!(first["Target"]["EcsParameters"], asked["Target"]["EcsParameters"]);
    let usual = json!({ "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 });
    assert_eq!(first["Target"]["RetryPolicy"], usual);

    // Everything becomes as it is asked for, and what is not asked for is not there.
    pass(60).await;
    let mut changed = with(schedule("rate(1 day)"), "/State", json!("DISABLED"));
    changed.as_object_mut().unwrap().remove("Description");
    let (status, _) = ask(&sandbox, "PUT", "/schedules/nightly", &changed).await;
    assert_eq!(status, 200);
    let (_, second) = get(&sandbox, "/schedules/nightly?groupName=default").await;
    assert_eq!(
        (&second["State"], second.get("Description")),
        (&json!("DISABLED"), None)
    );
    assert_eq!(second["CreationDate"], first["CreationDate"]);
    let date = |schedule: &Value| schedule["LastModificationDate"].as_f64().unwrap();
    assert!(date(&second) >= date(&first) + 60.0);

    for name in ["hourly", "weekly"] {
        put(&sandbox, name, &schedule("rate(1 hour)")).await;
    }
    let names = async |query: &str| {
        let (_, listed) = get(&sandbox, &format!("/schedules{query}")).await;
        let found = listed["Schedules"].as_array().unwrap().iter();
        let names: Vec<String> = found.map(|one| one["Name"].as_str().unwrap().to_owned()).collect();
        (names, listed["NextToken"].as_str().map(str::to_owned))
    };
    assert_eq!(names("").await.0, ["hourly", "nightly", "weekly"]);
    assert_eq!(names("?NamePrefix=n").await.0, ["nightly"]);
    assert_eq!(
        names("?State=ENABLED&ScheduleGroup=default").await.0,
        ["hourly", "weekly"]
    );
    let (page, token) = names("?MaxResults=2").await;
    assert_eq!(page, ["hourly", "nightly"]);
    let rest = names(&format!("?MaxResults=2&NextToken={}", token.unwrap())).await;
    assert_eq!(rest, (vec!["weekly".to_owned()], None));

    let delete = async || ask(&sandbox, "DELETE", "/schedules/nightly?clientToken=x", &Value::Null).await;
    assert_eq!(delete().await, (200, json!({})));
    let gone = json!({ "__type": "ResourceNotFoundException", "message": "Schedule nightly does not exist." });
    assert_eq!(delete().await, (404, gone.clone()));
    assert_eq!(get(&sandbox, "/schedules/nightly").await, (404, gone.clone()));
    assert_eq!(ask(&sandbox, "PUT", "/schedules/nightly", &asked).await, (404, gone));
}

#[tokio::test(start_paused = true)]
async fn what_is_made_twice_is_refused_unless_it_is_the_same_request() {
    let sandbox = in_memory().await;
    let asked = with(schedule("rate(1 day)"), "/ClientToken", json!("one"));
    let create = async |body: &Value| ask(&sandbox, "POST", "/schedules/nightly", body).await;
    let first = create(&asked).await;
    assert_eq!(first.0, 200);
    assert_eq!(create(&asked).await, first);
    let taken = json!({ "__type": "ConflictException", "message": "Schedule nightly already exists." });
    let other = with(asked.clone(), "/Description", json!("another"));
    assert_eq!(create(&other).await, (409, taken.clone()));
    assert_eq!(create(&schedule("rate(1 day)")).await, (409, taken));
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_refused() {
    let sandbox = in_memory().await;
    put(&sandbox, "there", &schedule("rate(1 day)")).await;
    let wrong = schedule("cron(0 12 * * * *)");
    let words = "Invalid Schedule Expression cron(0 12 * * * *).";
    let refused = json!({ "__type": "ValidationException", "message": words });
    for (method, name) in [("POST", "new"), ("PUT", "there")] {
        let answer = ask(&sandbox, method, &format!("/schedules/{name}"), &wrong).await;
        assert_eq!(answer, (400, refused.clone()));
    }
    let (long, daily) = ("x".repeat(65), schedule("rate(1 day)"));
    for name in ["a%20b", "a+b", long.as_str()] {
        let (status, answer) = ask(&sandbox, "POST", &format!("/schedules/{name}"), &daily).await;
        assert_eq!(status, 400, "{name} {answer}");
    }
    for query in ["MaxResults=0", "MaxResults=101", "NextToken=x"] {
        let (status, answer) = get(&sandbox, &format!("/schedules?{query}")).await;
        assert_eq!(status, 400, "{query} {answer}");
    }
    let (status, answer) = get(&sandbox, "/tags/arn").await;
    assert_eq!((status, &answer["__type"]), (400, &json!("UnknownOperationException")));
    // Something else than a task is taken, and does nothing.
    let target =
        json!({ "Arn": "arn:aws:sqs:us-east-1:111122223333:q", "RoleArn": "arn:aws:iam::111122223333:role/x" });
    put(&sandbox, "queue", &with(schedule("rate(1 minute)"), "/Target", target)).await;
}

#[tokio::test(start_paused = true)]
async fn groups_are_there_or_are_not_and_take_what_is_in_them_along() {
    let sandbox = in_memory().await;
    prepare(&sandbox).await;
    let absent = json!({ "__type": "ResourceNotFoundException", "message": "Schedule group night does not exist." });
    let within = with(schedule("rate(1 minute)"), "/GroupName", json!("night"));
    for (method, path, body) in [
        ("POST", "/schedules/nightly", &within),
        ("PUT", "/schedules/nightly", &within),
        ("GET", "/schedules/nightly?groupName=night", &Value::Null),
        ("DELETE", "/schedules/nightly?groupName=night", &Value::Null),
        ("GET", "/schedules?ScheduleGroup=night", &Value::Null),
        ("GET", "/schedule-groups/night", &Value::Null),
        ("DELETE", "/schedule-groups/night", &Value::Null),
    ] {
        assert_eq!(
            ask(&sandbox, method, path, body).await,
            (404, absent.clone()),
            "{method} {path}"
        );
    }
    let (status, made) = ask(&sandbox, "POST", "/schedule-groups/night", &json!({})).await;
    let arn = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/night";
    assert_eq!((status, &made["ScheduleGroupArn"]), (200, &json!(arn)));
    let (status, answer) = ask(&sandbox, "POST", "/schedule-groups/night", &json!({})).await;
    assert_eq!((status, &answer["__type"]), (409, &json!("ConflictException")));
    let (_, group) = get(&sandbox, "/schedule-groups/night").await;
    assert_eq!((&group["Arn"], &group["State"]), (&json!(arn), &json!("ACTIVE")));
    let (_, listed) = get(&sandbox, "/schedule-groups").await;
    let names = listed["ScheduleGroups"].as_array().unwrap().iter();
    let names: Vec<&str> = names.filter_map(|one| one["Name"].as_str()).collect();
    assert_eq!(names, ["default", "night"]);

    // One that begins at once, in the group and beside it.
    put(&sandbox, "nightly", &within).await;
    put(
        &sandbox,
        "nightly",
        &with(schedule("rate(1 minute)"), "/State", json!("DISABLED")),
    )
    .await;
    assert_eq!(tasks(&sandbox).await.len(), 1);
    let (status, _) = ask(&sandbox, "DELETE", "/schedule-groups/night", &Value::Null).await;
    assert_eq!(status, 200);
    pass(600).await;
    assert_eq!(tasks(&sandbox).await.len(), 1);
    let (_, listed) = get(&sandbox, "/schedules").await;
    assert_eq!(listed["Schedules"].as_array().unwrap().len(), 1);
    let (status, _) = ask(&sandbox, "DELETE", "/schedule-groups/default", &Value::Null).await;
    assert_eq!(status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_run_at_its_time_in_the_cluster_of_a_stack() {
    let trial = Trial::new().await;
    trial.make("place", PLACE).await;
    assert_eq!(trial.output("place", "Group").await, "night");
    let arn = "arn:aws:scheduler:us-east-1:111122223333:schedule-group/night";
    assert_eq!(trial.output("place", "Arn").await, arn);
    let sandbox = &trial.sandbox;
    register(sandbox).await;
    let (expression, due) = at(sandbox, 600);
    let wanted = with(schedule(&expression), "/GroupName", json!("night"));
    put(sandbox, "a-name-that-is-long-indeed", &wanted).await;
    put(sandbox, "disabled", &with(wanted.clone(), "/State", json!("DISABLED"))).await;
    put(sandbox, "dropped", &wanted).await;
    put(
        sandbox,
        "once",
        &with(wanted, "/ActionAfterCompletion", json!("DELETE")),
    )
    .await;
    let dropped = ask(sandbox, "DELETE", "/schedules/dropped?groupName=night", &Value::Null).await;
    assert_eq!(dropped.0, 200);
    pass(590).await;
    assert_eq!(tasks(sandbox).await, BTreeSet::new());

    pass(20).await;
    // One is over and gone; what was due before is done all the same.
    let gone = get(sandbox, "/schedules/once?groupName=night").await;
    assert_eq!(gone.0, 404);
    let arns = tasks(sandbox).await;
    assert_eq!(arns.len(), 2);
    let described = ecs(sandbox, "DescribeTasks", &json!({ "cluster": "jobs", "tasks": arns })).await;
    let described = described["tasks"].as_array().unwrap();
    let by: BTreeSet<&str> = described
        .iter()
        .map(|task| task["startedBy"].as_str().unwrap())
        .collect();
    assert_eq!(
        by,
        BTreeSet::from(["chronos-schedule/a-name-that-is-long", "chronos-schedule/once"])
    );
    for task in described {
        assert_eq!(
            task["createdAt"].as_f64().map(|at| at.to_string()),
            Some(due.to_string())
        );
        assert_eq!(task["group"], "family:nightly");
        assert_eq!(task["overrides"]["containerOverrides"][0]["command"], json!(["score"]));
    }

    pass(300).await;
    let disabled = ("schedule".to_owned(), "night/disabled".to_owned());
    assert!(trial.existing("scheduler").contains(&disabled));
    let (status, reasons) = trial.destroy("place").await;
    assert_eq!(status, "DELETE_COMPLETE", "{reasons}");
    assert!(trial.existing("scheduler").is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_late_sees_the_newest_tasks_and_no_task_twice() {
    let sandbox = in_memory().await;
    prepare(&sandbox).await;
    put(&sandbox, "often", &schedule("rate(1 minute)")).await;
    pass(10 * 86_400).await;
    // Those that ended more than an hour ago are forgotten.
    let seen = tasks(&sandbox).await;
    assert!((60..=64).contains(&seen.len()), "{}", seen.len());
    assert_eq!(tasks(&sandbox).await, seen);
    pass(60).await;
    assert_eq!(tasks(&sandbox).await.difference(&seen).count(), 1);
    // As it is now it is due no more.
    let (status, _) = ask(&sandbox, "PUT", "/schedules/often", &schedule("cron(0 0 1 1 ? 2199)")).await;
    assert_eq!(status, 200);
    pass(2 * 3_600).await;
    assert_eq!(tasks(&sandbox).await, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn schedules_and_what_was_due_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::real();
    let made = {
        let sandbox = open(Some(folder.path()), clock, Vec::new()).await;
        prepare(&sandbox).await;
        put(&sandbox, "hourly", &schedule("cron(0 * * * ? *)")).await;
        get(&sandbox, "/schedules/hourly").await
    };
    pass(3 * 86_400).await;
    let look = async || {
        let sandbox = open(Some(folder.path()), clock, Vec::new()).await;
        let seen = tasks(&sandbox).await;
        assert_eq!(get(&sandbox, "/schedules/hourly").await, made);
        seen
    };
    let first = look().await;
    assert!(!first.is_empty());
    assert_eq!(look().await, first);
    pass(3_600).await;
    assert_eq!(look().await.difference(&first).count(), 1);
}

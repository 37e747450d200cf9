//! Failures on demand.

#![expect(clippy::disallowed_methods, reason = "paused time is read and waited for here")]

use std::time::Duration;

use super::super::parse_faults;
use super::storage::make_table;
use super::{config, open};
use crate::clock::Clock;

#[tokio::test(start_paused = true)]
async fn throttling_is_met_with_the_sdks_retries_and_simulated_waiting() {
    let faults = parse_faults(
        "[[fault]]\nservice = 'dynamodb'\naction = 'ListTables'\nthrottle = 2\n\
         [[fault]]\nservice = 's3'\nthrottle = { every = 2 }",
    )
    .unwrap();
    let sandbox = open(None, Clock::real(), faults).await;
    let config = config(&sandbox);
    aws_sdk_dynamodb::Client::new(&config)
        .list_tables()
        .send()
        .await
        .unwrap();
    let calls = sandbox.calls();
    assert_eq!(calls.len(), 3);
    assert!(
        calls[2].at > calls[0].at,
        "the SDK waited between its attempts: {calls:?}"
    );
    let s3 = aws_sdk_s3::Client::new(&config);
    s3.list_buckets().send().await.unwrap();
    s3.list_buckets().send().await.unwrap();
    let s3_calls = sandbox.calls().iter().filter(|call| call.service == "s3").count();
    assert_eq!(s3_calls, 3, "the second request was refused once");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_answer_did_the_work() {
    let faults = parse_faults(r#"[{"service": "s3", "action": "CreateBucket", "drop_answer": 1}]"#).unwrap();
    let sandbox = open(None, Clock::real(), faults).await;
    let once = config(&sandbox)
        .into_builder()
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .build();
    let s3 = aws_sdk_s3::Client::new(&once);
    let broken = s3.create_bucket().bucket("made-anyway").send().await.unwrap_err();
    assert!(broken.as_service_error().is_none(), "{broken:?}");
    s3.head_bucket().bucket("made-anyway").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn delays_and_errors_come_as_asked() {
    let faults = parse_faults(
        "[[fault]]\nservice = 'dynamodb'\naction = 'DescribeTable'\ndelay_seconds = 90\n\
         [[fault]]\nservice = 'dynamodb'\naction = 'DescribeTable'\nnth = 2\ntimes = 1\n\
         error = { code = 'AccessDeniedException', message = 'not at night', status = 400 }",
    )
    .unwrap();
    let sandbox = open(None, Clock::real(), faults).await;
    let client = aws_sdk_dynamodb::Client::new(&config(&sandbox));
    make_table(&client).await;
    let begin = tokio::time::Instant::now();
    client.describe_table().table_name("locks").send().await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(90));
    let refused = client
        .describe_table()
        .table_name("locks")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(refused.meta().message(), Some("not at night"));
    client.describe_table().table_name("locks").send().await.unwrap();
}

#[test]
fn a_fault_that_cannot_be_understood_is_an_error_that_says_which() {
    for (text, expected) in [
        (
            "[[fault]]\nservice = 'dynamo'",
            "fault 1: the sandbox has no service `dynamo`",
        ),
        (
            "[[fault]]\nservice = 's3'\nthrotle = 2",
            "fault 1: unknown field `throtle`",
        ),
        (
            "[[fault]]\nresource = 'A'\nmessage = 'm'\n[[fault]]\nresource = 'A'",
            "fault 2: missing field `message`",
        ),
        ("[[faults]]", "unknown field `faults`"),
    ] {
        let error = parse_faults(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_way_to_fail_that_nobody_knows_is_an_error_that_names_it() {
    let told = parse_faults("[[fault]]\nworkload = \"scorer\"\nfails = \"crsh\"\n").unwrap_err();
    assert!(
        told.contains("fault 1") && told.contains("`crsh`") && told.contains("crash"),
        "{told}"
    );
    for fails in ["crash", "silent-rollback", "interrupted"] {
        parse_faults(&format!("[[fault]]\nworkload = \"scorer\"\nfails = \"{fails}\"\n")).unwrap();
    }
}

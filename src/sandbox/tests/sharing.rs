//! The folder: several users of it, and what is left after a death.

#![expect(clippy::disallowed_methods, reason = "paused time is read and waited for here")]

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;

use super::storage::{contend, make_table};
use super::{ACCOUNT, REGION, config, open};
use crate::clock::Clock;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sandboxes_on_one_folder_are_one_sandbox_and_one_contender_wins() {
    let folder = tempfile::tempdir().unwrap();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
        clients.push(aws_sdk_dynamodb::Client::new(&config(&sandbox)));
    }
    make_table(&clients[0]).await;
    for round in 0..50 {
        let contenders = (0..8).map(|who| tokio::spawn(contend(clients[who % 4].clone(), round, who)));
        let won = futures::future::join_all(contenders)
            .await
            .into_iter()
            .filter(|won| *won.as_ref().unwrap())
            .count();
        assert_eq!(won, 1, "round {round}");
    }
}

#[tokio::test]
async fn everything_is_there_again_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    {
        let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
        let config = config(&sandbox);
        let s3 = aws_sdk_s3::Client::new(&config);
        s3.create_bucket().bucket("kept").send().await.unwrap();
        s3.put_object()
            .bucket("kept")
            .key("k")
            .body(ByteStream::from_static(b"body"))
            .send()
            .await
            .unwrap();
        aws_sdk_ec2::Client::new(&config)
            .create_vpc()
            .cidr_block("10.0.0.0/16")
            .send()
            .await
            .unwrap();
        aws_sdk_ecr::Client::new(&config)
            .create_repository()
            .repository_name("r")
            .send()
            .await
            .unwrap();
    }
    let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
    let config = config(&sandbox);
    let got = aws_sdk_s3::Client::new(&config)
        .get_object()
        .bucket("kept")
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"body");
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let vpcs = ec2.describe_vpcs().send().await.unwrap();
    let second = ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.unwrap();
    assert!(
        vpcs.vpcs()
            .iter()
            .all(|vpc| vpc.vpc_id() != second.vpc().unwrap().vpc_id()),
        "ids are not given out twice"
    );
    let repositories = aws_sdk_ecr::Client::new(&config)
        .describe_repositories()
        .send()
        .await
        .unwrap();
    assert_eq!(
        repositories.repositories()[0].repository_arn(),
        Some(format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/r").as_str())
    );
    sandbox.reset().unwrap();
    assert!(sandbox.inventory().unwrap().is_empty());
}

#[tokio::test]
async fn one_who_dies_while_saving_leaves_the_state_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
    let s3 = aws_sdk_s3::Client::new(&config(&sandbox));
    s3.create_bucket().bucket("before").send().await.unwrap();
    // What a process leaves that is killed after writing the new state and before putting the manifest in its place.
    let place = folder.path().join(ACCOUNT).join(REGION);
    fs_err::write(place.join("s3.2.json"), "{ half of").unwrap();
    fs_err::write(place.join("manifest.json.new"), "{").unwrap();
    let next = open(Some(folder.path()), Clock::real(), Vec::new()).await;
    let s3 = aws_sdk_s3::Client::new(&config(&next));
    s3.head_bucket().bucket("before").send().await.unwrap();
    s3.create_bucket().bucket("after").send().await.unwrap();
    let third = open(Some(folder.path()), Clock::real(), Vec::new()).await;
    assert_eq!(third.inventory().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn time_goes_on_while_no_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::scaled(60.0);
    let began = {
        let sandbox = open(Some(folder.path()), clock, Vec::new()).await;
        aws_sdk_s3::Client::new(&config(&sandbox))
            .create_bucket()
            .bucket("kept")
            .send()
            .await
            .unwrap();
        sandbox.calls()[0].at
    };
    tokio::time::sleep(Duration::from_secs(60)).await;
    let sandbox = open(Some(folder.path()), clock, Vec::new()).await;
    aws_sdk_s3::Client::new(&config(&sandbox))
        .list_buckets()
        .send()
        .await
        .unwrap();
    let passed = sandbox.calls()[0].at - began;
    assert!((3_600_000..3_601_000).contains(&passed), "{passed} ms");
}

#[tokio::test]
async fn what_was_written_to_the_logs_is_there_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    for place in ["first", "second"] {
        let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
        let logs = aws_sdk_cloudwatchlogs::Client::new(&config(&sandbox));
        if place == "first" {
            logs.create_log_group().log_group_name("g").send().await.unwrap();
            let stream = logs.create_log_stream().log_group_name("g").log_stream_name("s");
            stream.send().await.unwrap();
            let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder()
                .timestamp(1_790_000_000_000)
                .message("a line")
                .build()
                .unwrap();
            let put = logs.put_log_events().log_group_name("g").log_stream_name("s");
            put.log_events(event).send().await.unwrap();
        }
        let found = logs.get_log_events().log_group_name("g").log_stream_name("s");
        let found = found.send().await.unwrap();
        let lines: Vec<&str> = found.events().iter().filter_map(|event| event.message()).collect();
        assert_eq!(lines, ["a line"], "{place}");
    }
}

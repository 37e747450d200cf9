//! What an account is like beyond its resources: quotas, offers, other people's buckets.

use super::super::{Fault, parse_faults};
use super::{config, in_memory, open};
use crate::clock::Clock;

fn faults(text: &str) -> Vec<Fault> {
    parse_faults(text).unwrap()
}

#[tokio::test]
async fn a_request_for_a_higher_quota_is_granted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let value = async |first: bool| {
        let sandbox = open(Some(folder.path()), Clock::real(), Vec::new()).await;
        let quotas = aws_sdk_servicequotas::Client::new(&config(&sandbox));
        if first {
            let request = quotas.request_service_quota_increase().service_code("ec2");
            request
                .quota_code("L-DB2E81BA")
                .desired_value(16.0)
                .send()
                .await
                .unwrap();
        }
        let quota = quotas.get_service_quota().service_code("ec2").quota_code("L-DB2E81BA");
        quota.send().await.unwrap().quota.unwrap().value
    };
    assert_eq!(value(false).await, Some(0.0));
    assert_eq!(value(true).await, Some(16.0));
    assert_eq!(value(false).await, Some(16.0), "also in the next process");
}

#[tokio::test]
async fn quotas_that_are_not_known_are_refused_and_all_are_listed_by_the_page() {
    let quotas = aws_sdk_servicequotas::Client::new(&config(&in_memory().await));
    let unknown = quotas.get_service_quota().service_code("ec2").quota_code("L-00000000");
    let error = unknown.send().await.unwrap_err().into_service_error();
    assert!(error.is_no_such_resource_exception(), "{error:?}");
    let mut pages = 0;
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let page = quotas.list_service_quotas().service_code("sagemaker").max_results(10);
        let page = page.set_next_token(token).send().await.unwrap();
        names.extend(page.quotas().iter().filter_map(|quota| quota.quota_name.clone()));
        pages += 1;
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert!(pages > 2, "{pages}");
    assert!(names.contains(&"ml.g5.xlarge for endpoint usage".to_owned()));
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[tokio::test]
async fn offers_are_filtered_by_patterns_and_paged() {
    use aws_sdk_ec2::types::{Filter, LocationType};
    let ec2 = aws_sdk_ec2::Client::new(&config(&in_memory().await));
    let offered = async |pattern: &str| {
        let filter = Filter::builder().name("instance-type").values(pattern).build();
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = ec2
                .describe_instance_type_offerings()
                .location_type(LocationType::AvailabilityZone)
                .filters(filter.clone())
                .max_results(5)
                .set_next_token(token)
                .send()
                .await
                .unwrap();
            assert!(page.instance_type_offerings().len() <= 5);
            let offers = page.instance_type_offerings.unwrap_or_default();
            found.extend(offers.into_iter().map(|one| {
                let kind = one.instance_type.unwrap().as_str().to_owned();
                format!("{kind} {}", one.location.unwrap())
            }));
            token = page.next_token;
            if token.is_none() {
                return found;
            }
        }
    };
    assert_eq!(
        offered("m5.large").await,
        ["m5.large us-east-1a", "m5.large us-east-1b", "m5.large us-east-1c"]
    );
    assert_eq!(offered("g5.*").await.len(), 24);
    assert_eq!(
        offered("p4*.24xlarge").await,
        ["p4d.24xlarge us-east-1a", "p4d.24xlarge us-east-1b"]
    );
    assert!(offered("m5.huge").await.is_empty());
}

#[tokio::test]
async fn a_bucket_of_another_account_hides_and_keeps_its_name() {
    let sandbox = open(None, Clock::real(), faults("[[fault]]\nforeign_bucket = \"models\"\n")).await;
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&config(&sandbox))
            .force_path_style(true)
            .build(),
    );
    let status = async |bucket: &str| {
        let answer = s3.head_bucket().bucket(bucket).send().await;
        answer.map_err(|error| error.raw_response().unwrap().status().as_u16())
    };
    assert_eq!(status("models").await.unwrap_err(), 403);
    assert_eq!(status("nobody").await.unwrap_err(), 404);
    let refused = s3.create_bucket().bucket("models").send().await.unwrap_err();
    assert!(refused.into_service_error().is_bucket_already_exists());
}

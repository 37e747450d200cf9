//! The sandbox through the real SDK clients.

mod account;
mod faults;
mod port;
mod sharing;
mod stacks;
mod storage;
mod updates;

use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};

use super::{Fault, Sandbox, SandboxOptions};
use crate::clock::Clock;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

async fn in_memory() -> Arc<Sandbox> {
    open(None, Clock::real(), Vec::new()).await
}

async fn open(directory: Option<&Path>, clock: Clock, faults: Vec<Fault>) -> Arc<Sandbox> {
    Sandbox::open(SandboxOptions {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        directory: directory.map(Path::to_path_buf),
        clock,
        faults,
    })
    .await
    .unwrap()
}

fn config(sandbox: &Arc<Sandbox>) -> SdkConfig {
    settings().into_builder().http_client(sandbox.http_client()).build()
}

fn settings() -> SdkConfig {
    let credentials = Credentials::new("AKIASANDBOX", "secret", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

#[tokio::test]
async fn sts_says_the_account_of_the_sandbox() {
    for account in ["111122223333", "444455556666"] {
        let sandbox = Sandbox::open(SandboxOptions {
            account: account.to_owned(),
            region: REGION.to_owned(),
            directory: None,
            clock: Clock::real(),
            faults: Vec::new(),
        })
        .await
        .unwrap();
        let config = config(&sandbox);
        let identity = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .unwrap();
        assert_eq!(identity.account(), Some(account));
        let role = aws_sdk_iam::Client::new(&config)
            .create_role()
            .role_name("r")
            .assume_role_policy_document("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(role.role().unwrap().arn(), format!("arn:aws:iam::{account}:role/r"));
    }
}

#[tokio::test]
async fn a_role_of_the_account_can_be_assumed_and_says_who_it_is() {
    let sandbox = in_memory().await;
    let sts = aws_sdk_sts::Client::new(&config(&sandbox));
    let assume = |arn: &str| sts.assume_role().role_arn(arn).role_session_name("night").send();
    let assumed = assume("arn:aws:iam::111122223333:role/mlinfra-dev").await.unwrap();
    let given = assumed.credentials().unwrap();
    let credentials = Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        None,
        "t",
    );
    let config = config(&sandbox)
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let identity = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(
        identity.arn(),
        Some("arn:aws:sts::111122223333:assumed-role/mlinfra-dev/night")
    );
    let refused = assume("arn:aws:iam::999999999999:role/mlinfra-dev").await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("AccessDenied"));
}

#[tokio::test]
async fn another_region_is_refused() {
    let sandbox = in_memory().await;
    let config = config(&sandbox).into_builder().region(Region::new("eu-west-1")).build();
    let error = aws_sdk_ec2::Client::new(&config)
        .describe_vpcs()
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.meta().message().unwrap().contains("eu-west-1"), "{error:?}");
}

#[tokio::test]
async fn an_account_is_twelve_digits_and_a_region_is_no_path() {
    for (account, region) in [
        ("1111", REGION),
        ("11112222333x", REGION),
        (ACCOUNT, "../.."),
        (ACCOUNT, ""),
    ] {
        let refused = Sandbox::open(SandboxOptions {
            account: account.to_owned(),
            region: region.to_owned(),
            directory: None,
            clock: Clock::real(),
            faults: Vec::new(),
        })
        .await;
        assert!(refused.is_err(), "{account} {region}");
    }
}

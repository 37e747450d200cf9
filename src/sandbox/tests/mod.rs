//! The sandbox through the real SDK clients.

mod account;
mod containers;
mod databases;
mod faults;
mod identities;
mod kubernetes;
mod machines;
mod port;
mod registry;
mod schedules;
mod sharing;
mod stacks;
mod storage;
mod updates;
mod watching;

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

/// An account for templates: what becomes of them, in words.
struct Trial {
    sandbox: Arc<Sandbox>,
    config: SdkConfig,
    client: aws_sdk_cloudformation::Client,
}

impl Trial {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With faults, as TOML.
    async fn with(faults: &str) -> Self {
        let faults = super::parse_faults(faults).unwrap();
        let sandbox = open(None, Clock::real(), faults).await;
        let config = config(&sandbox);
        let client = aws_sdk_cloudformation::Client::new(&config);
        Self {
            sandbox,
            config,
            client,
        }
    }

    /// Creates or updates a stack and waits for its end: the status, and every reason in its events so far.
    async fn apply(&self, stack: &str, template: &str) -> (String, String) {
        use aws_sdk_cloudformation::types::Capability::CapabilityNamedIam;
        let there = self.client.describe_stacks().stack_name(stack).send().await.is_ok();
        let id = if there {
            let update = self.client.update_stack().stack_name(stack).template_body(template);
            let answer = update.capabilities(CapabilityNamedIam).send().await.unwrap();
            answer.stack_id().unwrap().to_owned()
        } else {
            let create = self.client.create_stack().stack_name(stack).template_body(template);
            let answer = create.capabilities(CapabilityNamedIam).send().await.unwrap();
            answer.stack_id().unwrap().to_owned()
        };
        self.end(&id).await
    }

    /// Deletes a stack and waits for its end.
    async fn destroy(&self, stack: &str) -> (String, String) {
        let stacks = self.client.describe_stacks().stack_name(stack).send().await.unwrap();
        let id = stacks.stacks()[0].stack_id().unwrap().to_owned();
        self.client.delete_stack().stack_name(&id).send().await.unwrap();
        self.end(&id).await
    }

    async fn end(&self, id: &str) -> (String, String) {
        let status = stacks::settled(&self.client, id).await;
        (status.as_str().to_owned(), stacks::explain(&self.client, id).await)
    }

    /// Applies a template that must succeed.
    async fn make(&self, stack: &str, template: &str) {
        let (status, reasons) = self.apply(stack, template).await;
        assert!(
            matches!(status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE"),
            "{status}: {reasons}"
        );
    }

    /// Applies a template that must fail and be rolled back, with these words.
    async fn refuse(&self, stack: &str, template: &str, words: &str) {
        let (status, reasons) = self.apply(stack, template).await;
        assert!(status.ends_with("ROLLBACK_COMPLETE"), "{status}: {reasons}");
        assert!(reasons.contains(words), "{words} is not in:\n{reasons}");
        if status == "ROLLBACK_COMPLETE" {
            self.destroy(stack).await;
        }
    }

    async fn output(&self, stack: &str, key: &str) -> String {
        let stacks = self.client.describe_stacks().stack_name(stack).send().await.unwrap();
        let outputs = stacks.stacks()[0].outputs();
        let found = outputs.iter().find(|output| output.output_key() == Some(key)).unwrap();
        found.output_value().unwrap().to_owned()
    }

    /// Kinds and ids of what exists in the services called `service`.
    fn existing(&self, service: &str) -> Vec<(String, String)> {
        let items = self.sandbox.inventory().unwrap().into_iter();
        let own = items.filter(|item| item.service == service);
        own.map(|item| (item.kind, item.id)).collect()
    }
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

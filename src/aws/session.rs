//! Opens AWS: configuration, credentials, the role, who we are, and whether that is the account the file names.
//!
//! The only place that makes SDK clients. Nothing in an environment is read before [`open`] has returned.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::error::{AwsError, Kind};
use super::sts;
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::sandbox::Sandbox;

/// How long one call may take with all the SDK's retries, unless a caller sets less. Real time, whatever the clock's
/// scale: the network does not run faster because the sandbox does.
pub const CALL: Duration = Duration::from_secs(90);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(20);
/// Finding credentials may ask an SSO portal or an instance's metadata service.
const CREDENTIALS: Duration = Duration::from_secs(30);

/// Where AWS is.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// AWS itself.
    Aws,
    /// Something at a URL that speaks as all services.
    Url(String),
    /// The embedded AWS, in this process.
    Sandbox(Arc<Sandbox>),
}

/// What a session is opened with.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Where AWS is.
    pub endpoint: Endpoint,
    /// The environment's region.
    pub region: String,
    /// The account that the environment names: any other is refused.
    pub account: String,
    /// The role that is assumed before anything else.
    pub role_arn: Option<String>,
    /// The clock that pollers wait by.
    pub clock: Clock,
    /// The profile of the AWS configuration files; none: the SDK's own choice.
    pub profile: Option<String>,
}

/// An open way into one account and region. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    /// Twelve digits: the account that answers.
    pub account: String,
    /// The region.
    pub region: String,
    /// The ARN of who we are.
    pub caller: String,
    /// The clock that pollers wait by.
    pub clock: Clock,
    /// The SDK's configuration, for clients that are not listed here.
    pub config: SdkConfig,
    /// Where AWS is.
    pub endpoint: Endpoint,
    clients: Arc<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    cloudformation: OnceLock<aws_sdk_cloudformation::Client>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    ecr: OnceLock<aws_sdk_ecr::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    eks: OnceLock<aws_sdk_eks::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    logs: OnceLock<aws_sdk_cloudwatchlogs::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sagemaker: OnceLock<aws_sdk_sagemaker::Client>,
    scaling: OnceLock<aws_sdk_applicationautoscaling::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
    service_quotas: OnceLock<aws_sdk_servicequotas::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
}

macro_rules! clients {
    ($($name:ident: $krate:ident;)*) => {
        $(#[doc = concat!("The client of `", stringify!($krate), "`, made when it is first asked for.")]
        pub fn $name(&self) -> &$krate::Client {
            self.clients.$name.get_or_init(|| $krate::Client::new(&self.config))
        })*
    };
}

impl Session {
    clients! {
        cloudformation: aws_sdk_cloudformation;
        dynamodb: aws_sdk_dynamodb;
        ec2: aws_sdk_ec2;
        ecr: aws_sdk_ecr;
        ecs: aws_sdk_ecs;
        eks: aws_sdk_eks;
        iam: aws_sdk_iam;
        logs: aws_sdk_cloudwatchlogs;
        sagemaker: aws_sdk_sagemaker;
        scaling: aws_sdk_applicationautoscaling;
        scheduler: aws_sdk_scheduler;
        service_quotas: aws_sdk_servicequotas;
        ssm: aws_sdk_ssm;
        sts: aws_sdk_sts;
    }

    /// The client of `aws_sdk_s3`; anywhere but at AWS buckets are addressed by path, because `BUCKET.localhost` has no address.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.clients.s3.get_or_init(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.config);
            aws_sdk_s3::Client::from_conf(match self.endpoint {
                Endpoint::Aws => config.build(),
                // Stores that only resemble S3 refuse checksum headers that they do not know.
                Endpoint::Url(_) | Endpoint::Sandbox(_) => config
                    .force_path_style(true)
                    .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
                    .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired)
                    .build(),
            })
        })
    }

    /// Whether AWS is the embedded one.
    pub fn is_sandbox(&self) -> bool {
        matches!(self.endpoint, Endpoint::Sandbox(_))
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }
}

/// The partition of `region`.
pub fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Opens a session: loads the configuration, assumes the role, asks who we are, and refuses any account but the expected one.
///
/// # Errors
/// No credentials, expired ones, an endpoint that does not answer, a role that cannot be assumed, a wrong account:
/// each a [`Problem`] of its own code with the next step.
pub async fn open(options: SessionOptions) -> Result<Session, Problem> {
    let base = base_config(&options).await;
    let config = match &options.role_arn {
        // The sandbox has one account, and every caller owns it.
        Some(role) if !matches!(options.endpoint, Endpoint::Sandbox(_)) => assume(&base, role).await?,
        _ => base,
    };
    identify(options, config).await
}

/// A session whose every request goes to `client`.
#[cfg(test)]
pub(crate) async fn with_client(options: SessionOptions, client: SharedHttpClient) -> Result<Session, Problem> {
    let config = in_process(&options, client);
    identify(options, config).await
}

async fn identify(options: SessionOptions, config: SdkConfig) -> Result<Session, Problem> {
    let mut session = Session {
        account: String::new(),
        region: options.region,
        caller: String::new(),
        clock: options.clock,
        config,
        endpoint: options.endpoint,
        clients: Arc::default(),
    };
    let identity = sts::caller_identity(&session)
        .await
        .map_err(|error| unopened(&error, &session.endpoint, options.profile.as_deref()))?;
    guard_account(&options.account, &identity, options.role_arn.as_deref())?;
    session.account = identity.account;
    session.caller = identity.arn;
    Ok(session)
}

async fn base_config(options: &SessionOptions) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(options.region.clone()))
        .timeout_config(timeouts())
        // Adaptive mode would hold back the lock's heartbeat because a poller was throttled.
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_max_backoff(Duration::from_secs(5)),
        );
    let loader = match AppName::new(concat!("mlinfra-", env!("CARGO_PKG_VERSION"))) {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    };
    let loader = match &options.profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    };
    match &options.endpoint {
        Endpoint::Aws => loader.load().await,
        Endpoint::Url(url) => loader.endpoint_url(url).load().await,
        Endpoint::Sandbox(sandbox) => in_process(options, sandbox.http_client()),
    }
}

/// A configuration that looks into no file, no environment variable and no network: only at `client`.
fn in_process(options: &SessionOptions, client: SharedHttpClient) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(options.region.clone()))
        .timeout_config(timeouts())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_max_backoff(Duration::from_secs(5)),
        )
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .time_source(aws_smithy_async::time::SharedTimeSource::new(
            aws_smithy_async::time::SystemTimeSource::new(),
        ))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "sandbox", "sandbox", None, None, "sandbox",
        )))
        .http_client(client)
        .build()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build()
}

/// Assumes `role` now, so that what is wrong with it is told as such and not by the first call that needs it.
async fn assume(base: &SdkConfig, role: &str) -> Result<SdkConfig, Problem> {
    let provider = aws_config::sts::AssumeRoleProvider::builder(role)
        .session_name("mlinfra")
        .configure(base)
        .build()
        .await;
    let provider = SharedCredentialsProvider::new(provider);
    let failed = |error: AwsError| {
        let problem = match error.kind {
            Kind::Unreachable | Kind::Timeout | Kind::Expired => error.problem(),
            _ => Problem::error(codes::ROLE_NOT_ASSUMED, format!("the role {role} cannot be assumed"))
                .note(error.to_string()),
        };
        problem
            .hint(format!("the role's trust policy must allow sts:AssumeRole to who you are (`aws sts get-caller-identity`), and your own policy must allow it on {role}"))
            .hint("`[environment] role_arn` names the role; leave it out to use your own credentials")
    };
    match Clock::real().timeout(CREDENTIALS, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(base.to_builder().credentials_provider(provider).build()),
        Ok(Err(error)) => Err(failed(AwsError::credentials("STS", "AssumeRole", &error))),
        Err(late) => Err(failed(AwsError::deadline("STS", "AssumeRole", late.0))),
    }
}

fn unopened(error: &AwsError, endpoint: &Endpoint, profile: Option<&str>) -> Problem {
    let mut problem = error.problem();
    if let (Kind::Unreachable, Endpoint::Url(url)) = (error.kind, endpoint) {
        problem.message = format!("nothing answers at {url}");
    }
    match profile {
        Some(profile) => problem.note(format!("the profile in use is {profile}")),
        None => problem,
    }
}

fn guard_account(expected: &str, identity: &sts::Identity, role_arn: Option<&str>) -> Result<(), Problem> {
    if identity.account == expected {
        return Ok(());
    }
    let problem = Problem::error(
        codes::WRONG_ACCOUNT,
        format!(
            "the environment belongs to account {expected}, but these credentials are for account {}",
            identity.account
        ),
    )
    .note(format!("you are {}", identity.arn))
    .note("nothing was read or changed")
    .hint(format!(
        "use credentials for {expected}: set AWS_PROFILE, or sign in to that account"
    ));
    Err(match role_arn {
        Some(role) => problem.hint(format!("`[environment] role_arn` is {role}: it must be a role of account {expected}")),
        None => problem.hint(format!("or name a role of account {expected} as `[environment] role_arn`; if the account itself is wrong, correct `[environment] account`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{ACCOUNT, FakeAws, Fault};

    fn options(endpoint: Endpoint) -> SessionOptions {
        SessionOptions {
            endpoint,
            region: "eu-central-1".into(),
            account: ACCOUNT.into(),
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_account_is_refused_naming_both_and_the_way_out() {
        let aws = FakeAws::new();
        let wrong = SessionOptions {
            account: "444455556666".into(),
            ..options(Endpoint::Aws)
        };
        let problem = with_client(wrong, aws.http_client()).await.unwrap_err();
        assert_eq!(problem.code, codes::WRONG_ACCOUNT);
        assert!(
            problem.message.contains("444455556666") && problem.message.contains(ACCOUNT),
            "{}",
            problem.message
        );
        assert!(problem.hints.iter().any(|hint| hint.contains("AWS_PROFILE")));
        assert!(problem.hints.iter().any(|hint| hint.contains("role_arn")));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_and_a_broken_connection_are_told_apart() {
        let aws = FakeAws::new();
        aws.fault("GetCallerIdentity", Fault::Answer(403, "ExpiredTokenException"), 9);
        let problem = with_client(options(Endpoint::Aws), aws.http_client())
            .await
            .unwrap_err();
        assert_eq!(problem.code, codes::CREDENTIALS_EXPIRED, "{problem:?}");
        aws.heal();
        aws.fault("GetCallerIdentity", Fault::LoseRequest, 99);
        let endpoint = Endpoint::Url("http://127.0.0.1:1".into());
        let problem = with_client(options(endpoint), aws.http_client()).await.unwrap_err();
        assert_eq!(problem.code, codes::ENDPOINT_UNREACHABLE);
        assert_eq!(problem.message, "nothing answers at http://127.0.0.1:1");
        aws.heal();
        aws.fault("GetCallerIdentity", Fault::Hang, 99);
        let problem = with_client(options(Endpoint::Aws), aws.http_client())
            .await
            .unwrap_err();
        assert_eq!(problem.code, codes::AWS_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn without_credentials_the_problem_says_how_to_get_some() {
        let aws = FakeAws::new();
        let given = options(Endpoint::Aws);
        let config = in_process(&given, aws.http_client())
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(
                aws_config::environment::EnvironmentVariableCredentialsProvider::new(),
            ))
            .build();
        let problem = identify(given, config).await.unwrap_err();
        assert_eq!(problem.code, codes::NO_CREDENTIALS, "{problem:?}");
        assert!(problem.hints.iter().any(|hint| hint.contains("aws sso login")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_knows_who_and_where_it_is() {
        let aws = FakeAws::new();
        let session = with_client(options(Endpoint::Aws), aws.http_client()).await.unwrap();
        assert_eq!(
            (session.account.as_str(), session.region.as_str()),
            (ACCOUNT, "eu-central-1")
        );
        assert!(session.caller.ends_with("user/tester"));
        assert_eq!(aws.count("GetCallerIdentity"), 1);
    }
}

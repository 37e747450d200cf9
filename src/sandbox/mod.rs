//! The embedded AWS: one account and region behind the SDK's HTTP client, or behind a port on this machine.
//!
//! Nothing here is asked for outside of [`Sandbox`]. A request comes in as HTTP ([`client`], [`server`]), is brought
//! into one form ([`request`]), and is answered by one service, alone, in simulated time ([`house`]); `cloudformation`
//! decides what stacks do, and [`world`] makes their resources appear in the other services. State lives in a folder
//! that any number of processes may share ([`store`]). `docs/SANDBOX.md` says what is simulated
//! and what is not. No thread is started and nothing waits but for simulated time, so a test under paused
//! time sees hours pass in milliseconds.

mod action;
mod client;
pub mod cloudformation;
mod dynamodb;
mod ecs;
mod faults;
mod house;
mod inventory;
mod kubernetes;
mod printed;
mod progress;
mod reply;
mod request;
mod s3;
mod scaling;
mod scheduler;
mod server;
mod service;
mod services;
mod store;
mod time;
mod world;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use winterbaume_core::{MockRequest, MockResponse};

pub use faults::{
    AccountFault, DeniedBy, ErrorAnswer, Fault, Moment, ResourceFault, ServiceFault, Throttle, WorkloadFault,
    parse as parse_faults,
};
pub use inventory::Item;
pub use server::serve;

use self::house::House;
use self::reply::{ApiError, Protocol};
use self::request::{Name, Request};
use crate::clock::Clock;

/// What a sandbox is to be like.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Twelve digits.
    pub account: String,
    /// The one region that it answers for; IAM and STS answer for all.
    pub region: String,
    /// The folder that holds all sandboxes (`.mlinfra/sandbox`); `None` keeps everything in memory.
    pub directory: Option<PathBuf>,
    /// How time passes.
    pub clock: Clock,
    /// What is to fail. How often a fault was met is remembered in this process only.
    pub faults: Vec<Fault>,
}

/// A request that was answered, for tests and benchmarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The service, as in a credential scope: `cloudformation`.
    pub service: String,
    /// The API action: `DescribeStacks`.
    pub action: String,
    /// The simulated time in milliseconds since 1970.
    pub at: i64,
}

/// Why a sandbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The folder cannot be read or written.
    #[error("the sandbox's folder cannot be used")]
    Files(#[source] std::io::Error),
    /// A file in it cannot be understood.
    #[error("{path} cannot be understood: {reason}", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The account is not twelve digits, or the region not a region's name.
    #[error("`{0}` is not an account number or region that a sandbox can have")]
    Place(String),
}

impl SandboxError {
    fn files(error: std::io::Error) -> Self {
        Self::Files(error)
    }
}

/// An AWS account in one region.
#[derive(Debug)]
pub struct Sandbox {
    account: String,
    region: String,
    clock: Clock,
    house: Mutex<House>,
}

/// The work was done and the connection broke before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox dropped the answer, as a fault asks")]
pub struct AnswerDropped;

impl Sandbox {
    /// Opens the sandbox of an account and region, as it was left or empty.
    ///
    /// # Errors
    /// When the folder cannot be used or holds something else.
    #[expect(
        clippy::unused_async,
        reason = "opening is part of the asynchronous interface; it may come to wait"
    )]
    pub async fn open(options: SandboxOptions) -> Result<Arc<Self>, SandboxError> {
        let SandboxOptions {
            account,
            region,
            directory,
            clock,
            faults,
        } = options;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SandboxError::Place(account));
        }
        let in_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(in_region) {
            return Err(SandboxError::Place(region));
        }
        let house = House::open(&account, &region, directory.as_deref(), &clock, &faults)?;
        Ok(Arc::new(Self {
            account,
            region,
            clock,
            house: Mutex::new(house),
        }))
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// An HTTP client for an AWS SDK configuration; requests to any host end here.
    pub fn http_client(self: &Arc<Self>) -> SharedHttpClient {
        client::shared(Arc::clone(self))
    }

    /// Answers one request. A dropped answer is a server error here; the client and the server break the connection.
    pub async fn handle(&self, request: MockRequest) -> MockResponse {
        self.answer(request).await.unwrap_or_else(|AnswerDropped| {
            let error = ApiError::new(500, "InternalFailure", AnswerDropped.to_string());
            reply::error(Protocol::Query, &error)
        })
    }

    /// Answers one request, or does its work and drops the answer.
    pub(crate) async fn answer(&self, raw: MockRequest) -> Result<MockResponse, AnswerDropped> {
        let request = match Request::read(raw, &self.region) {
            Ok(request) => request,
            Err(service) => {
                let message = format!("the sandbox has no service `{service}`");
                return Ok(reply::error(
                    Protocol::Query,
                    &ApiError::new(501, "NotImplemented", message),
                ));
            }
        };
        if request.region != self.region && !matches!(request.service, Name::Iam | Name::Sts) {
            let message = format!(
                "Credential should be scoped to a valid region, not '{}': this sandbox is the region {}.",
                request.region, self.region
            );
            return Ok(ApiError::new(400, "SignatureDoesNotMatch", message).to_response(&request));
        }
        let verdict = self.house().judge(&request);
        // Half on the way there and half on the way back: who stops waiting cannot know whether the work was done.
        let delay = Duration::try_from_secs_f64(verdict.delay_seconds / 2.0).unwrap_or_default();
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        let response = self.house().answer(&request, verdict.refusal, &self.clock);
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        if verdict.drops_answer {
            Err(AnswerDropped)
        } else {
            Ok(response)
        }
    }

    /// The requests that this process made, oldest first; at most the last 100,000.
    pub fn calls(&self) -> Vec<Call> {
        self.house().calls()
    }

    /// Forgets the requests made so far.
    pub fn clear_calls(&self) {
        self.house().clear_calls();
    }

    /// Everything that exists: stacks and what is in the services.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn inventory(&self) -> Result<Vec<Item>, SandboxError> {
        self.house().inventory(&self.clock)
    }

    /// Empties the sandbox: no stacks, no resources, time from now.
    ///
    /// # Errors
    /// When the folder cannot be emptied.
    pub fn reset(&self) -> Result<(), SandboxError> {
        self.house().reset(&self.clock)
    }

    fn house(&self) -> MutexGuard<'_, House> {
        // A request that panicked left its changes unsaved; the next one starts from what was saved or stands.
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The embedded AWS.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The embedded AWS behind the SDK's HTTP client.
#[derive(Debug)]
pub struct Sandbox {
    client: SharedHttpClient,
}

impl Sandbox {
    /// What the SDK sends its requests to.
    pub fn http_client(self: &Arc<Self>) -> SharedHttpClient {
        self.client.clone()
    }
}

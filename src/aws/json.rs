//! Services whose requests and answers stay JSON, as they stand in a release.
//!
//! What was recorded is what is sent, and what AWS describes is compared with it member by member. The SDK signs, sends,
//! tries again and reads errors; only the two bodies are taken as they are.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value as Json;

/// The actions of a service, `CLIENT, "SERVICE"; Action: method;…`: an enum of them, and functions that call one.
macro_rules! actions {
    ($client:ident, $service:literal; $($action:ident: $operation:ident;)*) => {
        #[doc = concat!("The actions of ", $service, " that are called, by their names in its API reference.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = concat!("`", stringify!($action), "`.")] $action,)*
        }

        impl Action {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$action => stringify!($action),)* }
            }
        }

        /// Calls `action` with `request`, and gives the answer's body.
        ///
        /// # Errors
        /// What the SDK's own retries do not get over.
        pub async fn call(
            session: &$crate::aws::session::Session,
            action: Action,
            request: &serde_json::Value,
        ) -> Result<serde_json::Value, $crate::aws::error::AwsError> {
            let heard = $crate::aws::json::Heard::default();
            #[cfg(test)]
            $crate::aws::json::sent::note($service, action.name(), request);
            match action {
                $(Action::$action => {
                    let call = session.$client().$operation().customize();
                    let sent = call.mutate_request($crate::aws::json::saying(request)).interceptor(heard.clone()).send().await;
                    sent.map_err(|error| $crate::aws::error::AwsError::of($service, stringify!($action), error))?;
                })*
            }
            Ok(heard.json())
        }

        /// As [`call`], through throttling and lost connections for up to `limit`. Only for what may be done twice.
        ///
        /// # Errors
        /// What does not go away, or does not within `limit`.
        pub async fn call_patiently(
            session: &$crate::aws::session::Session,
            action: Action,
            request: &serde_json::Value,
            limit: std::time::Duration,
        ) -> Result<serde_json::Value, $crate::aws::error::AwsError> {
            $crate::aws::retry::patiently(session.clock, limit, || call(session, action, request)).await
        }
    };
}

pub(super) use actions;

/// What tests have sent, each thread for itself: the SDK does not look into these bodies, so AWS's own model has to.
#[cfg(test)]
pub(crate) mod sent {
    use std::cell::RefCell;

    use super::Json;

    thread_local! {
        static SENT: RefCell<Vec<(&'static str, &'static str, Json)>> = const { RefCell::new(Vec::new()) };
    }

    pub(in crate::aws) fn note(service: &'static str, action: &'static str, request: &Json) {
        SENT.with_borrow_mut(|sent| sent.push((service, action, request.clone())));
    }

    /// Service, action and request of everything since the last time that this was asked.
    pub(crate) fn take() -> Vec<(&'static str, &'static str, Json)> {
        SENT.with_borrow_mut(std::mem::take)
    }
}

/// Exchanges the body before it is signed.
pub(super) fn saying(request: &Json) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static + use<> {
    let body = request.to_string();
    move |message| {
        message.headers_mut().insert("content-length", body.len().to_string());
        *message.body_mut() = SdkBody::from(body.as_str());
    }
}

/// The body of the last answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Json>>);

impl Heard {
    pub(super) fn json(&self) -> Json {
        self.0.lock().map(|body| body.clone()).unwrap_or_default()
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "the body of an answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        if let (Ok(json), Ok(mut heard)) = (serde_json::from_slice(body), self.0.lock()) {
            *heard = json;
        }
        Ok(())
    }
}

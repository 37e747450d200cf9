//! What every service of the sandbox can do.

use winterbaume_core::MockResponse;

use super::faults::Facts;
use super::inventory::Item;
use super::request::Request;

/// Where and when a request is answered.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Simulated time in milliseconds since 1970.
    pub(crate) now: i64,
    pub(crate) account: String,
    pub(crate) region: String,
    /// In what the account is not as an account usually is.
    pub(crate) facts: Facts,
}

/// A service: synchronous, alone with its state, and able to write that state down.
pub(crate) trait Service: Send {
    /// Answers a request.
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse;

    /// The whole state, for [`Service::import`].
    ///
    /// # Errors
    /// Why the state cannot be written down.
    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String>;

    /// Replaces the state by one that [`Service::export`] gave.
    ///
    /// # Errors
    /// Why the bytes are not a state.
    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String>;

    /// What exists.
    fn inventory(&mut self, context: &Context) -> Vec<Item>;

    /// Whether something has happened since the last call that has to be saved although nobody asked for a change: time
    /// has passed.
    fn has_moved(&mut self) -> bool {
        false
    }

    /// What the last request has made it ask of other services.
    fn outbox(&mut self) -> Vec<Request> {
        Vec::new()
    }

    /// Called once the state of the last request is safe.
    fn committed(&mut self) {}
}

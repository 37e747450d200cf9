//! ECS: what services and tasks do.

use winterbaume_core::MockResponse;

use super::super::inventory::Item;
use super::super::reply::ApiError;
use super::super::request::Request;
use super::super::service::{Context, Service};

/// The service.
#[derive(Default)]
pub(super) struct Ecs;

impl Service for Ecs {
    fn handle(&mut self, request: &Request, _: &Context) -> MockResponse {
        ApiError::new(501, "NotImplemented", "not here yet").to_response(request)
    }

    fn export(&mut self, _: &Context) -> Result<Vec<u8>, String> {
        Ok(b"{}".to_vec())
    }

    fn import(&mut self, _: &[u8], _: &Context) -> Result<(), String> {
        Ok(())
    }

    fn inventory(&mut self, _: &Context) -> Vec<Item> {
        Vec::new()
    }
}

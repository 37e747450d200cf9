//! EKS, with the Kubernetes versions that AWS offers.

use serde_json::{Value, json};
use winterbaume_core::MockResponse;
use winterbaume_eks::EksService;

use super::super::inventory::Item;
use super::super::reply::{self, Protocol};
use super::super::request::Request;
use super::super::service::{Context, Service};
use super::emulated::Emulated;

/// Version, status, end of standard and of extended support ("Amazon EKS Kubernetes release calendar"). They do not age,
/// so that what passes today passes tomorrow.
const VERSIONS: [(&str, &str, &str, &str); 8] = [
    ("1.35", "STANDARD_SUPPORT", "2027-03-27", "2028-03-27"),
    ("1.34", "STANDARD_SUPPORT", "2026-12-02", "2027-12-02"),
    ("1.33", "STANDARD_SUPPORT", "2026-07-29", "2027-07-29"),
    ("1.32", "EXTENDED_SUPPORT", "2026-03-23", "2027-03-23"),
    ("1.31", "EXTENDED_SUPPORT", "2025-11-26", "2026-11-26"),
    ("1.30", "EXTENDED_SUPPORT", "2025-07-23", "2026-07-23"),
    ("1.29", "UNSUPPORTED", "2025-03-23", "2026-03-23"),
    ("1.28", "UNSUPPORTED", "2024-11-26", "2025-11-26"),
];

/// The service.
pub(super) struct Eks(Emulated<EksService>);

impl Eks {
    pub(super) fn new() -> Self {
        Self(Emulated::new("eks", EksService::new))
    }
}

impl Service for Eks {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        if request.action != "DescribeClusterVersions" {
            return self.0.handle(request, context);
        }
        let all = request.param("includeAll") == Some("true");
        let versions: Vec<Value> = VERSIONS
            .iter()
            .filter(|(_, status, ..)| all || *status != "UNSUPPORTED")
            .map(|(version, status, standard, extended)| {
                json!({
                    "clusterVersion": version,
                    "clusterType": "eks",
                    "defaultVersion": *version == "1.34",
                    "versionStatus": status,
                    "endOfStandardSupportDate": seconds(standard),
                    "endOfExtendedSupportDate": seconds(extended),
                })
            })
            .collect();
        reply::json(Protocol::RestJson, 200, &json!({ "clusterVersions": versions }))
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        self.0.export(context)
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        self.0.import(state, context)
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.0.inventory(context)
    }
}

/// The beginning of a day in seconds since 1970, as the protocol writes times.
fn seconds(day: &str) -> i64 {
    format!("{day}T00:00:00Z")
        .parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_second)
}

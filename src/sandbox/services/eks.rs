//! EKS, with the Kubernetes versions that AWS offers, and with clusters whose API servers can be found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// The certificates against which those of the sandbox's API servers would be checked, if they had any.
const CERTIFICATES: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIUV5+wo07mR83F7f1CYs2CL+Xk7hswCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjYwMDI4MjJaGA8yMTI2MTEw
MjAwMjgyMlowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABAB8bVwXm2hfvuAOMFSRiiBhdvyE//dpKfnLFmnMHiMYaAIA97uS
KG2WQIk1q1HCkwdTHAr8G638g9XbKkL1I9ajYzBhMB0GA1UdDgQWBBRyrMzvUhjT
tMLuHSUiB7JO3PAKgTAfBgNVHSMEGDAWgBRyrMzvUhjTtMLuHSUiB7JO3PAKgTAP
BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICpDAKBggqhkjOPQQDAgNIADBF
AiEAlAjaFLZ+KKIBOZ9eWoi55CgCfVSKvvz4DPoYHiLnFJwCIHSQkQr54quuNF1j
+3MuowHLirG0vBZagJ3Yt/yhoqmC
-----END CERTIFICATE-----
";

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
            return with_endpoint(self.0.handle(request, context), context);
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

/// Says where the API server of the cluster in an answer is, in EKS's form, and what its certificate is checked against.
fn with_endpoint(mut response: MockResponse, context: &Context) -> MockResponse {
    let read = serde_json::from_slice::<Value>(&response.body);
    let Some(mut body) = read.ok().filter(|_| response.status < 400) else {
        return response;
    };
    let Some(Value::Object(cluster)) = body.get_mut("cluster") else {
        return response;
    };
    let part = |key: &str| cluster.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut endpoint = part("endpoint");
    if let Some((id, rest)) = endpoint.strip_prefix("https://").and_then(|host| host.split_once('.')) {
        endpoint = format!("https://{}.{rest}", id.replace('-', "").to_ascii_uppercase());
    }
    let mut certificates = STANDARD.encode(CERTIFICATES);
    if let Some((url, authority)) = context.facts.cluster(&part("name")) {
        endpoint = url.to_owned();
        certificates = authority.unwrap_or(&certificates).to_owned();
    }
    cluster.insert("endpoint".to_owned(), json!(endpoint));
    cluster.insert("certificateAuthority".to_owned(), json!({ "data": certificates }));
    response.body = body.to_string().into();
    response.headers.remove(http::header::CONTENT_LENGTH);
    response
}

/// The beginning of a day in seconds since 1970, as the protocol writes times.
fn seconds(day: &str) -> i64 {
    format!("{day}T00:00:00Z")
        .parse::<jiff::Timestamp>()
        .map_or(0, jiff::Timestamp::as_second)
}

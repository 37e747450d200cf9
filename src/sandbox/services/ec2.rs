//! EC2, with a catalogue of instance types: the emulator knows a dozen, and no zones that offer them.

use winterbaume_core::MockResponse;
use winterbaume_ec2::Ec2Service;

use super::super::inventory::Item;
use super::super::reply;
use super::super::request::Request;
use super::super::service::{Context, Service};
use super::emulated::Emulated;

const BURSTING: &[&str] = &["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"];
const GENERAL: &[&str] = &[
    "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge",
];
const GPU: &[&str] = &[
    "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge",
];

/// Families with their sizes ("Amazon EC2 instance types").
const FAMILIES: &[(&str, &[&str])] = &[
    ("t2", BURSTING),
    ("t3", BURSTING),
    ("t3a", BURSTING),
    ("t4g", BURSTING),
    ("m5", GENERAL),
    ("m5a", GENERAL),
    ("m6a", GENERAL),
    ("m6g", GENERAL),
    ("m6i", GENERAL),
    ("m7g", GENERAL),
    ("m7i", GENERAL),
    ("m8g", GENERAL),
    ("c5", GENERAL),
    ("c6a", GENERAL),
    ("c6g", GENERAL),
    ("c6i", GENERAL),
    ("c7g", GENERAL),
    ("c7i", GENERAL),
    ("r5", GENERAL),
    ("r6g", GENERAL),
    ("r6i", GENERAL),
    ("r7i", GENERAL),
    (
        "g4dn",
        &["xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"],
    ),
    ("g5", GPU),
    ("g6", GPU),
    ("g6e", GPU),
    ("inf2", &["xlarge", "8xlarge", "24xlarge", "48xlarge"]),
    ("p3", &["2xlarge", "8xlarge", "16xlarge"]),
    ("p4d", &["24xlarge"]),
    ("p5", &["48xlarge"]),
    ("trn1", &["2xlarge", "32xlarge"]),
];

/// The large accelerators are in few regions, and not in all of their zones.
const SCARCE: [&str; 4] = ["p3", "p4d", "p5", "trn1"];
const SCARCE_REGIONS: [&str; 5] = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "ap-northeast-1"];
/// The sandbox's regions have three zones, as `Fn::GetAZs` gives them.
const ZONES: [&str; 3] = ["a", "b", "c"];

/// The service.
pub(super) struct Ec2(Emulated<Ec2Service>);

impl Ec2 {
    pub(super) fn new() -> Self {
        Self(Emulated::new("ec2", Ec2Service::new))
    }
}

impl Service for Ec2 {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        match request.action.as_str() {
            "DescribeInstanceTypeOfferings" => offerings(request, context),
            "DescribeInstanceTypes" => instance_types(request, context),
            "DescribeVpcs" => with_vpcs(self.0.handle(request, context), context),
            _ => self.0.handle(request, context),
        }
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

fn offerings(request: &Request, context: &Context) -> MockResponse {
    let form = request.form();
    let by_zone = field(&form, "LocationType") == Some("availability-zone");
    let wanted = wanted(&form, "InstanceType");
    let mut items = Vec::new();
    for name in names().filter(|name| wanted.iter().any(|pattern| fits(pattern, name)) || wanted.is_empty()) {
        let zones = zones(&name, context);
        let places = match (by_zone, zones.is_empty()) {
            (true, _) => zones,
            (false, true) => Vec::new(),
            (false, false) => vec![context.region.clone()],
        };
        let kind = if by_zone { "availability-zone" } else { "region" };
        items.extend(places.into_iter().map(|place| {
            format!(
                "<item><instanceType>{name}</instanceType><locationType>{kind}</locationType><location>{place}</location></item>"
            )
        }));
    }
    page(
        &form,
        "DescribeInstanceTypeOfferings",
        "instanceTypeOfferingSet",
        &items,
    )
}

fn instance_types(request: &Request, context: &Context) -> MockResponse {
    let form = request.form();
    let wanted = wanted(&form, "InstanceType");
    let items: Vec<String> = names()
        .filter(|name| wanted.iter().any(|pattern| fits(pattern, name)) || wanted.is_empty())
        .filter(|name| !zones(name, context).is_empty())
        .map(|name| {
            let vcpus = vcpus(&name);
            format!("<item><instanceType>{name}</instanceType><vCpuInfo><defaultVCpus>{vcpus}</defaultVCpus></vCpuInfo></item>")
        })
        .collect();
    page(&form, "DescribeInstanceTypes", "instanceTypeSet", &items)
}

/// Adds the VPCs that the account is said to have.
fn with_vpcs(mut response: MockResponse, context: &Context) -> MockResponse {
    let vpcs: String = context
        .facts
        .vpcs()
        .map(|(id, cidr)| {
            format!(
                "<item><vpcId>{id}</vpcId><state>available</state><cidrBlock>{cidr}</cidrBlock><isDefault>false</isDefault></item>"
            )
        })
        .collect();
    if !vpcs.is_empty() && response.status < 300 {
        let text = String::from_utf8_lossy(&response.body);
        let with = match text.contains("<vpcSet/>") {
            true => text.replacen("<vpcSet/>", &format!("<vpcSet>{vpcs}</vpcSet>"), 1),
            false => text.replacen("<vpcSet>", &format!("<vpcSet>{vpcs}"), 1),
        };
        response.body = with.into();
    }
    response
}

fn names() -> impl Iterator<Item = String> {
    FAMILIES
        .iter()
        .flat_map(|(family, sizes)| sizes.iter().map(move |size| format!("{family}.{size}")))
}

/// The zones of the region that offer a type.
fn zones(name: &str, context: &Context) -> Vec<String> {
    let family = name.split('.').next().unwrap_or_default();
    let scarce = SCARCE.contains(&family);
    if scarce && !SCARCE_REGIONS.contains(&context.region.as_str()) {
        return Vec::new();
    }
    let in_all = ZONES.iter().take(if scarce { 2 } else { ZONES.len() });
    in_all
        .map(|zone| format!("{}{zone}", context.region))
        .filter(|zone| context.facts.offers(name, zone))
        .collect()
}

fn vcpus(name: &str) -> u64 {
    let (family, size) = name.split_once('.').unwrap_or_default();
    match size {
        "nano" | "micro" | "small" if family == "t2" => 1,
        "nano" | "micro" | "small" | "medium" | "large" => 2,
        "xlarge" => 4,
        other => {
            let times: u64 = other
                .strip_suffix("xlarge")
                .and_then(|times| times.parse().ok())
                .unwrap_or(1);
            times * 4
        }
    }
}

/// The types that are asked for, by name or by the filter of that name.
fn wanted(form: &[(String, String)], parameter: &str) -> Vec<String> {
    let filter = form
        .iter()
        .find(|(key, value)| key.starts_with("Filter.") && key.ends_with(".Name") && value == "instance-type")
        .map(|(key, _)| key.trim_end_matches("Name").to_owned());
    let listed = |key: &str| {
        key.strip_prefix(parameter).is_some_and(|rest| rest.starts_with('.'))
            || filter
                .as_ref()
                .is_some_and(|prefix| key.starts_with(prefix.as_str()) && !key.ends_with(".Name"))
    };
    form.iter()
        .filter(|(key, _)| listed(key))
        .map(|(_, value)| value.clone())
        .collect()
}

/// Whether a name fits a pattern with at most one star.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((front, back)) => {
            name.len() >= front.len() + back.len() && name.starts_with(front) && name.ends_with(back)
        }
        None => name == pattern,
    }
}

fn page(form: &[(String, String)], action: &str, set: &str, items: &[String]) -> MockResponse {
    const MOST: usize = 100;
    let from: usize = field(form, "NextToken").and_then(|text| text.parse().ok()).unwrap_or(0);
    let size = field(form, "MaxResults")
        .and_then(|text| text.parse().ok())
        .unwrap_or(MOST);
    let shown: String = items.iter().skip(from).take(size).map(String::as_str).collect();
    let next = from + size;
    let token = if next < items.len() {
        format!("<nextToken>{next}</nextToken>")
    } else {
        String::new()
    };
    reply::xml(
        200,
        format!(
            "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>00000000-0000-4000-8000-000000000000</requestId>\
             <{set}>{shown}</{set}>{token}</{action}Response>"
        ),
    )
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

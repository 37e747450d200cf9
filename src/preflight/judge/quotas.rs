//! Quotas: what is asked for, beside what is in use, against what the account may have.

use std::collections::BTreeMap;

use super::Hearing;
use crate::diagnostic::{Problem, codes};
use crate::preflight::machine::{FARGATE, NAT_GATEWAYS, quota_of};
use crate::preflight::{Counted, Machines, Needs, Place, Quota, QuotaKey, ZoneWish};

pub(super) fn is_needed(needs: &Needs) -> bool {
    !needs.quotas().is_empty() || !needs.ml.is_empty() || !needs.new_stacks.is_empty()
}

pub(super) fn judge(hearing: &mut Hearing<'_>) {
    counted(hearing);
    nat_gateways(hearing);
    machines(hearing);
    fargate(hearing);
    ml(hearing);
    stacks(hearing);
}

/// Things that stay: with what is in use they have to fit.
fn counted(hearing: &mut Hearing<'_>) {
    for (kind, places) in &hearing.needs.counted {
        let Some(quota) = quota(hearing, kind.quota()) else {
            continue;
        };
        let answers = hearing.answers;
        let used = match kind {
            Counted::Vpcs => hearing.hear(&answers.vpcs).map(|vpcs| vpcs.len() as u64),
            Counted::Addresses => hearing.hear(&answers.addresses).copied(),
            Counted::Clusters => hearing.hear(&answers.clusters).map(|names| names.len() as u64),
            Counted::Buckets => hearing.hear(&answers.buckets).copied(),
            // How many there are is not asked: only what can never fit is told.
            Counted::Databases => None,
        };
        let (what, free) = match kind {
            Counted::Vpcs => ("VPC", "delete one that nobody uses, use another region"),
            Counted::Addresses => (
                "Elastic IP address",
                "release one that nobody uses, take fewer NAT gateways (`nat_gateways = \"single\"`)",
            ),
            Counted::Clusters => ("EKS cluster", "delete one that nobody uses, use another region"),
            Counted::Buckets => ("S3 bucket", "delete one that nobody uses, use another account"),
            Counted::Databases => ("database instance", "take fewer, use another region"),
        };
        let asked = Asked {
            key: kind.quota(),
            quota,
            what,
            count: places.len() as u64,
            used,
            instead: free,
        };
        if let (Some(problem), Some(place)) = (asked.problem(&hearing.needs.at.region), places.first()) {
            hearing.find(place, "", problem);
        }
    }
}

/// NAT gateways stay too, and are counted by zone.
fn nat_gateways(hearing: &mut Hearing<'_>) {
    if hearing.needs.nat_gateways.is_empty() {
        return;
    }
    let answers = hearing.answers;
    let (Some(quota), Some(used), Some(zones)) = (
        quota(hearing, NAT_GATEWAYS),
        hearing.hear(&answers.nat_gateways),
        hearing.hear(&answers.zones),
    ) else {
        return;
    };
    let mut wanted: BTreeMap<&str, (u64, &Place)> = BTreeMap::new();
    for (wish, place) in &hearing.needs.nat_gateways {
        let zone = match wish {
            ZoneWish::Name(name) => Some(name),
            ZoneWish::Position(position) => zones.get(*position),
        };
        if let Some(zone) = zone {
            wanted.entry(zone).or_insert((0, place)).0 += 1;
        }
    }
    for (zone, (count, place)) in wanted {
        let asked = Asked {
            key: NAT_GATEWAYS,
            quota,
            what: "NAT gateway",
            count,
            used: used.get(zone).copied(),
            instead: "delete one that nobody uses, use another zone",
        };
        if let Some(problem) = asked.problem(&hearing.needs.at.region) {
            hearing.find(place, "", problem.note(format!("the zone is {zone}")));
        }
    }
}

/// vCPUs by class. What other instances use comes and goes, so only what can never fit is told.
fn machines(hearing: &mut Hearing<'_>) {
    let mut classes: BTreeMap<QuotaKey, Vec<&Machines>> = BTreeMap::new();
    for machines in &hearing.needs.machines {
        if let Some(key) = quota_of(machines)
            && machines.count > 0
        {
            classes.entry(key).or_default().push(machines);
        }
    }
    if classes.is_empty() {
        return;
    }
    let Some(vcpus) = hearing.hear(&hearing.answers.vcpus) else {
        return;
    };
    for (key, all) in classes {
        let Some(quota) = quota(hearing, key) else { continue };
        // The smallest type of each group: it may take any, so this much is certain.
        let least = |machines: &Machines| {
            let sizes = machines.types.iter().map(|(name, _)| vcpus.get(name).copied());
            Some(sizes.collect::<Option<Vec<u64>>>()?.into_iter().min()? * machines.count)
        };
        let count = all.iter().filter_map(|machines| least(machines)).sum();
        let asked = Asked {
            key,
            quota,
            what: "vCPU",
            count,
            used: None,
            instead: "take fewer or smaller instances",
        };
        let first: Option<&Place> = all
            .iter()
            .max_by_key(|machines| least(machines))
            .and_then(|machines| machines.types.first())
            .map(|(_, place)| place);
        if let (Some(problem), Some(place)) = (asked.problem(&hearing.needs.at.region), first) {
            hearing.find(place, "", problem);
        }
    }
}

/// vCPUs of the services that Fargate runs. What other tasks use comes and goes, so only what can never fit is told.
fn fargate(hearing: &mut Hearing<'_>) {
    let largest = hearing.needs.fargate.iter().max_by_key(|(units, _)| *units);
    let Some((_, place)) = largest else { return };
    let Some(quota) = quota(hearing, FARGATE) else { return };
    let units: u64 = hearing.needs.fargate.iter().map(|(units, _)| units).sum();
    let asked = Asked {
        key: FARGATE,
        quota,
        what: "vCPU",
        count: units.div_ceil(1_024),
        used: None,
        instead: "take fewer or smaller tasks",
    };
    if let Some(problem) = asked.problem(&hearing.needs.at.region) {
        hearing.find(place, "", problem);
    }
}

fn ml(hearing: &mut Hearing<'_>) {
    let mut wanted: BTreeMap<&str, (u64, &Place)> = BTreeMap::new();
    for (name, count, place) in &hearing.needs.ml {
        wanted.entry(name).or_insert((0, place)).0 += count;
    }
    if wanted.is_empty() {
        return;
    }
    let Some(quotas) = hearing.hear(&hearing.answers.ml_quotas) else {
        return;
    };
    for (name, (count, place)) in wanted {
        // An instance type that SageMaker does not have has no quota either, but a new one may be missing for a while.
        let Some(quota) = quotas.get(name) else { continue };
        let others: Vec<String> = near(name, count, quotas);
        let asked = Asked {
            key: QuotaKey {
                service: "sagemaker",
                code: "",
            },
            quota,
            what: "instance",
            count,
            used: None,
            instead: "take another instance type",
        };
        if let Some(mut problem) = asked.problem(&hearing.needs.at.region) {
            if !others.is_empty() {
                let others = super::listed(&others, 4);
                problem = problem.hint(format!("within the account's quotas are {others}"));
            }
            hearing.find(place, "", problem);
        }
    }
}

/// Instance types of the same letters that the account may have so many of for the same use.
fn near(name: &str, count: u64, quotas: &BTreeMap<String, Quota>) -> Vec<String> {
    let split = |name: &str| {
        let (kind, usage) = name.split_once(" for ")?;
        let letters = kind.strip_prefix("ml.")?.find(|c: char| c.is_ascii_digit())?;
        Some((kind.to_owned(), kind.get(..3 + letters)?.to_owned(), usage.to_owned()))
    };
    let Some((own, letters, usage)) = split(name) else {
        return Vec::new();
    };
    quotas
        .iter()
        .filter(|(_, quota)| quota.value >= count as f64)
        .filter_map(|(name, _)| split(name))
        .filter(|(kind, others, use_of)| *kind != own && *others == letters && *use_of == usage)
        .map(|(kind, _, _)| kind)
        .collect()
}

fn stacks(hearing: &mut Hearing<'_>) {
    if hearing.needs.new_stacks.is_empty() {
        return;
    }
    let Some(&(limit, used)) = hearing.hear(&hearing.answers.stacks) else {
        return;
    };
    let new = hearing.needs.new_stacks.len() as u64;
    if used + new <= limit {
        return;
    }
    let region = &hearing.needs.at.region;
    let problem = Problem::error(
        codes::QUOTA_EXCEEDED,
        format!(
            "the plan makes {new} stack{}, but {region} has {used} of at most {limit}",
            if new == 1 { "" } else { "s" }
        ),
    )
    .hint("delete stacks that nobody uses")
    .hint(request(region, "cloudformation", "L-0485CB21", used + new));
    hearing.found.push(problem);
}

fn quota<'a>(hearing: &mut Hearing<'a>, key: QuotaKey) -> Option<&'a Quota> {
    let answer = hearing.answers.quotas.get(&key)?;
    hearing.hear(answer)
}

/// What is asked of a quota.
struct Asked<'a> {
    key: QuotaKey,
    quota: &'a Quota,
    what: &'static str,
    count: u64,
    used: Option<u64>,
    instead: &'static str,
}

impl Asked<'_> {
    fn problem(&self, region: &str) -> Option<Problem> {
        let total = self.count + self.used.unwrap_or(0);
        if total as f64 <= self.quota.value {
            return None;
        }
        let Self { count, what, .. } = self;
        let plural = match (count, *what) {
            (1, what) => what.to_owned(),
            (_, "Elastic IP address") => "Elastic IP addresses".to_owned(),
            (_, what) => format!("{what}s"),
        };
        let limit = self.quota.value;
        let name = self.quota.name.trim();
        let message = match self.used {
            Some(used) if used > 0 => {
                format!("the plan makes {count} {plural}, but the account may have {limit} and has {used} already")
            }
            _ => format!("the plan starts with {count} {plural}, but the account may have {limit}"),
        };
        Some(
            Problem::error(codes::QUOTA_EXCEEDED, message)
                .note(format!("the quota is `{name}` in {region}"))
                .hint(format!("{}, or have the quota raised:", self.instead))
                .hint(request(region, self.key.service, &self.quota.code, total)),
        )
    }
}

/// The command that asks for more.
fn request(region: &str, service: &str, code: &str, value: u64) -> String {
    format!(
        "aws service-quotas request-service-quota-increase --region {region} --service-code {service} \
         --quota-code {code} --desired-value {value}"
    )
}

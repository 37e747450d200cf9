//! Availability zones, and the instance types that they offer.

use std::collections::BTreeSet;

use super::{Hearing, listed};
use crate::diagnostic::{Problem, closest, codes};
use crate::preflight::machine::{is_arm, parts};
use crate::preflight::{Place, ZoneWish};

/// Zones by position (`Fn::GetAZs` gives at most the zones that are there) and by name.
pub(super) fn zones(hearing: &mut Hearing<'_>) {
    let Some(zones) = hearing.hear(&hearing.answers.zones) else {
        return;
    };
    let region = hearing.needs.at.region.clone();
    let mut told = BTreeSet::new();
    for (wish, place) in &hearing.needs.zones {
        match wish {
            ZoneWish::Position(position) if *position >= zones.len() => {
                // One problem a stack: every further zone is the same mistake.
                if !told.insert(place.stack.clone()) {
                    continue;
                }
                let furthest = hearing.needs.zones.iter().filter_map(|(wish, other)| match wish {
                    ZoneWish::Position(at) if other.stack == place.stack => Some(at + 1),
                    _ => None,
                });
                let wanted = furthest.max().unwrap_or(position + 1);
                let problem = Problem::error(
                    codes::ZONE_UNAVAILABLE,
                    format!(
                        "{wanted} availability zones are asked for, but {region} has {} for account {}",
                        zones.len(),
                        hearing.needs.at.account
                    ),
                )
                .note(format!("they are {}", listed(zones, 8)))
                .hint(format!(
                    "ask for {} at most (`availability_zones` of module vpc)",
                    zones.len()
                ));
                hearing.find(place, "the first zone that is not there", problem);
            }
            ZoneWish::Name(name) if !zones.contains(name) => {
                let problem = Problem::error(
                    codes::ZONE_UNAVAILABLE,
                    format!("account {} has no zone {name} in {region}", hearing.needs.at.account),
                )
                .note(format!("it has {}", listed(zones, 8)));
                let problem = match closest(name, zones.iter().map(String::as_str)) {
                    Some(near) => problem.hint(format!("did you mean {near}?")),
                    None => problem,
                };
                hearing.find(place, "", problem);
            }
            _ => {}
        }
    }
}

/// Instance types that the region does not offer, or none of the zones that the plan's subnets are in.
pub(super) fn machines(hearing: &mut Hearing<'_>) {
    let Some(offerings) = hearing.hear(&hearing.answers.offerings) else {
        return;
    };
    let region = hearing.needs.at.region.clone();
    let in_use = zones_in_use(hearing);
    for machines in &hearing.needs.machines {
        for (name, place) in &machines.types {
            match offerings.get(name) {
                None => {
                    let known: Vec<&str> = offerings.keys().map(String::as_str).collect();
                    let problem = Problem::error(
                        codes::INSTANCE_TYPE_UNAVAILABLE,
                        format!("{region} offers no instance type {name}"),
                    );
                    let near = near(name, &known);
                    let problem = if near.is_empty() {
                        problem.hint(format!(
                            "`aws ec2 describe-instance-type-offerings --region {region}` lists what there is"
                        ))
                    } else {
                        problem.hint(format!("it offers {}", listed(&near, 5)))
                    };
                    hearing.find(place, "", problem);
                }
                Some(zones) if !in_use.is_empty() && in_use.is_disjoint(zones) && machines.types.len() == 1 => {
                    let there: Vec<&String> = zones.iter().collect();
                    let here: Vec<&String> = in_use.iter().collect();
                    let problem = Problem::warning(
                        codes::INSTANCE_TYPE_ELSEWHERE,
                        format!("none of the zones in use offers {name}"),
                    )
                    .note(format!("in use are {}", listed(&here, 6)))
                    .hint(format!(
                        "{name} is offered in {}: name those zones (`zone_names` of module vpc), or take another type",
                        listed(&there, 6)
                    ));
                    hearing.find(place, "", problem);
                }
                Some(_) => {}
            }
        }
    }
}

/// The zones that this plan puts subnets in; empty if they are not known.
fn zones_in_use(hearing: &Hearing<'_>) -> BTreeSet<String> {
    let zones = hearing.answers.zones.given();
    let wishes: Vec<&(ZoneWish, Place)> = hearing.needs.zones.iter().collect();
    wishes
        .iter()
        .filter_map(|(wish, _)| match wish {
            ZoneWish::Position(position) => zones?.get(*position).cloned(),
            ZoneWish::Name(name) => Some(name.clone()),
        })
        .collect()
}

/// Offered types that could stand in: the family's nearest sizes, then the same size of families with the same kind of
/// processor.
fn near(name: &str, offered: &[&str]) -> Vec<String> {
    let Some(wanted) = parts(name) else {
        return closest(name, offered.iter().copied())
            .map(str::to_owned)
            .into_iter()
            .collect();
    };
    let rank = |size: &str| -> i64 {
        match size {
            "nano" => -4,
            "micro" => -3,
            "small" => -2,
            "medium" => -1,
            "large" => 0,
            "xlarge" => 1,
            // A size that does not exist is as far from one as from the other: the smallest come first.
            other => other
                .strip_suffix("xlarge")
                .and_then(|times| times.parse().ok())
                .unwrap_or(-4),
        }
    };
    let mut found: Vec<(u8, i64, &str)> = offered
        .iter()
        .filter_map(|offer| {
            let parts = parts(offer)?;
            if parts.family == wanted.family {
                return Some((0, (rank(parts.size) - rank(wanted.size)).abs(), *offer));
            }
            let alike = parts.letters == wanted.letters && parts.size == wanted.size;
            (alike && is_arm(&parts) == is_arm(&wanted)).then_some((1, 0, *offer))
        })
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .map(|(_, _, offer)| offer.to_owned())
        .take(5)
        .collect()
}

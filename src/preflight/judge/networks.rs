//! Address ranges of new VPCs beside those that are there.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::Hearing;
use crate::diagnostic::{Problem, codes};

pub(super) fn judge(hearing: &mut Hearing<'_>) {
    let Some(vpcs) = hearing.hear(&hearing.answers.vpcs) else {
        return;
    };
    for (network, peer, place) in &hearing.needs.peerings {
        let theirs = vpcs.get(peer).map(Vec::as_slice).unwrap_or_default();
        let Some(hit) = theirs.iter().find(|other| overlap(network, other)) else {
            continue;
        };
        let problem = Problem::error(
            codes::PEERS_OVERLAP,
            format!("{network} is to be peered with {peer}, whose {hit} overlaps with it"),
        )
        .note("VPCs whose ranges overlap cannot be peered");
        let problem = suggest(problem, network, vpcs, hearing);
        hearing.find(place, "", problem);
    }
    for (index, (network, place)) in hearing.needs.networks.iter().enumerate() {
        let earlier = hearing.needs.networks.iter().take(index);
        if let Some((other, there)) = earlier.into_iter().find(|(other, _)| overlap(network, other)) {
            let problem = Problem::warning(
                codes::NETWORK_OVERLAPS,
                format!(
                    "{network} overlaps with {other} of {} in stack {}, which the plan makes as well",
                    there.logical_id, there.stack
                ),
            );
            let problem = suggest(problem, network, vpcs, hearing);
            hearing.find(place, "", problem);
            continue;
        }
        let peered = hearing.needs.peerings.iter().any(|(own, _, _)| own == network);
        let hit = vpcs
            .iter()
            .find_map(|(id, theirs)| Some((id, theirs.iter().find(|other| overlap(network, other))?)));
        let Some((id, other)) = hit.filter(|_| !peered) else {
            continue;
        };
        let problem = Problem::warning(
            codes::NETWORK_OVERLAPS,
            format!("{network} overlaps with {other} of {id}"),
        )
        .note("both can exist, but they can never be peered or meet in one transit gateway");
        let problem = suggest(problem, network, vpcs, hearing);
        hearing.find(place, "", problem);
    }
}

fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}

fn suggest(
    problem: Problem,
    network: &Ipv4Net,
    vpcs: &BTreeMap<String, Vec<Ipv4Net>>,
    hearing: &Hearing<'_>,
) -> Problem {
    let others = hearing.needs.networks.iter().map(|(other, _)| other);
    let taken: Vec<&Ipv4Net> = vpcs
        .values()
        .flatten()
        .chain(others.filter(|other| *other != network))
        .collect();
    match free(network, &taken) {
        Some(free) => problem.hint(format!("{free} is free")),
        None => problem,
    }
}

/// The next block of the same size within the same private range (RFC 1918) that nobody has, counted from `network` on
/// and round again.
fn free(network: &Ipv4Net, taken: &[&Ipv4Net]) -> Option<Ipv4Net> {
    let ranges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
    let range = ranges
        .iter()
        .filter_map(|range| range.parse::<Ipv4Net>().ok())
        .find(|range| range.contains(network))?;
    let blocks: Vec<Ipv4Net> = range.subnets(network.prefix_len()).ok()?.collect();
    let start = blocks.iter().position(|block| block == network).unwrap_or(0);
    let (before, after) = blocks.split_at(start);
    after
        .iter()
        .chain(before)
        .find(|block| *block != network && !taken.iter().any(|other| overlap(block, other)))
        .copied()
}

//! The rules that are built in, a file for each thing that they are about.

use super::rule::Rule;

mod balancers;
mod buckets;
mod containers;
mod databases;
mod exposure;
mod functions;
mod keys;
mod kubernetes;
mod learning;
mod logs;
mod machines;
mod network;
mod permissions;
mod protection;
mod search;
mod secrets;
mod streams;
mod trust;

/// All of them, in no order.
pub(super) const ALL: &[&[Rule]] = &[
    balancers::RULES,
    buckets::RULES,
    containers::RULES,
    databases::RULES,
    exposure::RULES,
    functions::RULES,
    keys::RULES,
    kubernetes::RULES,
    learning::RULES,
    logs::RULES,
    machines::RULES,
    network::RULES,
    permissions::RULES,
    protection::RULES,
    search::RULES,
    secrets::RULES,
    streams::RULES,
    trust::RULES,
];

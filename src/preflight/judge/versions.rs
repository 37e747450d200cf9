//! Kubernetes versions: which EKS offers, which cost more, and which steps it takes.
//!
//! "Understand the Kubernetes version lifecycle on EKS" and "Update existing cluster to new Kubernetes version": one minor
//! version at a time, and never down.

use super::{Hearing, listed};
use crate::diagnostic::{Problem, codes};
use crate::preflight::{ClusterVersion, Support, VersionWish};

pub(super) fn judge(hearing: &mut Hearing<'_>) {
    for wish in &hearing.needs.versions {
        if let Some(problem) = step(wish) {
            hearing.find(&wish.place, "", problem);
        }
    }
    let Some(versions) = hearing.hear(&hearing.answers.versions) else {
        return;
    };
    // A service that names none says nothing about any.
    if versions.is_empty() {
        return;
    }
    for wish in &hearing.needs.versions {
        if let Some(problem) = support(wish, versions) {
            hearing.find(&wish.place, "", problem);
        }
    }
}

fn step(wish: &VersionWish) -> Option<Problem> {
    let before = wish.before.as_deref()?;
    let minor = |version: &str| version.strip_prefix("1.")?.parse::<u32>().ok();
    let (from, to) = (minor(before)?, minor(&wish.version)?);
    let version = &wish.version;
    let problem = if to < from {
        Problem::error(
            codes::CLUSTER_VERSION_STEP,
            format!("a cluster of version {before} cannot go back to {version}"),
        )
        .hint(format!(
            "keep version = \"{before}\"; an older version takes a new cluster"
        ))
    } else if to > from + 1 {
        Problem::error(
            codes::CLUSTER_VERSION_STEP,
            format!("a cluster of version {before} cannot go to {version} in one step"),
        )
        .note("EKS goes up one minor version at a time")
        .hint(format!("apply version = \"1.{}\" first", from + 1))
    } else {
        return None;
    };
    Some(problem)
}

fn support(wish: &VersionWish, versions: &[ClusterVersion]) -> Option<Problem> {
    let version = &wish.version;
    let offered = |support: Support| -> Vec<&str> {
        let of = versions.iter().filter(|one| one.support == support);
        of.map(|one| one.version.as_str()).collect()
    };
    let standard = listed(&offered(Support::Standard), 8);
    match versions.iter().find(|one| one.version == *version) {
        None
        | Some(ClusterVersion {
            support: Support::Ended,
            ..
        }) => {
            let mut problem = Problem::error(
                codes::CLUSTER_VERSION_UNSUPPORTED,
                format!("EKS offers no Kubernetes version {version}"),
            )
            .hint(format!("in standard support are {standard}"));
            let extended = offered(Support::Extended);
            if !extended.is_empty() {
                problem = problem.hint(format!(
                    "in extended support, which costs more, are {}",
                    listed(&extended, 8)
                ));
            }
            Some(problem)
        }
        Some(ClusterVersion {
            support: Support::Extended,
            extended_until,
            ..
        }) => {
            let until = extended_until
                .as_ref()
                .map(|day| format!(", which ends on {day}"))
                .unwrap_or_default();
            Some(
                Problem::warning(
                    codes::CLUSTER_VERSION_EXTENDED,
                    format!("Kubernetes {version} is in extended support{until}"),
                )
                .note("each hour of a cluster in extended support costs several times as much")
                .hint(format!("in standard support are {standard}")),
            )
        }
        Some(_) => None,
    }
}

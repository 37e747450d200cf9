//! EKS: which clusters there are, and which Kubernetes versions.

use aws_sdk_eks::types::VersionStatus;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::error::AwsError;
use super::session::Session;
use crate::preflight::{ClusterVersion, Support};

/// The names of all clusters of the region.
pub async fn clusters(session: &Session) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .eks()
            .list_clusters()
            .max_results(100)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EKS", "ListClusters", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.clusters.unwrap_or_default());
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The Kubernetes versions that EKS knows, with those that it no longer supports.
pub async fn versions(session: &Session) -> Result<Vec<ClusterVersion>, AwsError> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = session
            .eks()
            .describe_cluster_versions()
            .include_all(true)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| AwsError::of("EKS", "DescribeClusterVersions", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        for one in page.cluster_versions.unwrap_or_default() {
            let support = match one.version_status() {
                Some(VersionStatus::StandardSupport) => Support::Standard,
                Some(VersionStatus::ExtendedSupport) => Support::Extended,
                Some(VersionStatus::Unsupported) => Support::Ended,
                // A part of life that is new here is not one to judge: the version is offered.
                _ => Support::Standard,
            };
            let version = ClusterVersion {
                version: one.cluster_version.clone().unwrap_or_default(),
                support,
                standard_until: one.end_of_standard_support_date().and_then(day),
                extended_until: one.end_of_extended_support_date().and_then(day),
            };
            if !found
                .iter()
                .any(|known: &ClusterVersion| known.version == version.version)
            {
                found.push(version);
            }
        }
        if token.is_none() {
            return Ok(found);
        }
    }
}

fn day(at: &DateTime) -> Option<String> {
    at.fmt(Format::DateTime).ok()?.get(..10).map(str::to_owned)
}

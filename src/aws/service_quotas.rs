//! Service Quotas: how much an account may have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::{AwsError, Kind};
use super::session::Session;
use crate::clock::Clock;
use crate::preflight::Quota;

/// The applied value of a quota; where none was applied, AWS's default.
pub async fn quota(session: &Session, service: &str, code: &str) -> Result<Quota, AwsError> {
    let applied = session
        .service_quotas()
        .get_service_quota()
        .service_code(service)
        .quota_code(code)
        .send()
        .await
        .map_err(|error| AwsError::of("Service Quotas", "GetServiceQuota", error));
    let found = match applied {
        Ok(answer) => answer.quota,
        Err(error) if is_absent(&error) => {
            session
                .service_quotas()
                .get_aws_default_service_quota()
                .service_code(service)
                .quota_code(code)
                .send()
                .await
                .map_err(|error| AwsError::of("Service Quotas", "GetAWSDefaultServiceQuota", error))?
                .quota
        }
        Err(error) => return Err(error),
    };
    found.as_ref().and_then(plain).ok_or_else(|| AwsError {
        service: "Service Quotas",
        operation: "GetServiceQuota",
        code: None,
        message: format!("no value for {service}/{code}"),
        request_id: None,
        kind: Kind::Other,
    })
}

/// The quotas of `service` by name, page by page until all of `wanted` are there; each page `within` that long, real time.
pub async fn quotas(
    session: &Session,
    service: &str,
    wanted: &BTreeSet<String>,
    within: Duration,
) -> Result<BTreeMap<String, Quota>, AwsError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    loop {
        let call = session
            .service_quotas()
            .list_service_quotas()
            .service_code(service)
            .max_results(100)
            .set_next_token(token);
        let page = Clock::real()
            .timeout(within, call.send())
            .await
            .map_err(|late| AwsError::deadline("Service Quotas", "ListServiceQuotas", late.0))?
            .map_err(|error| AwsError::of("Service Quotas", "ListServiceQuotas", error))?;
        token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        let quotas = page.quotas.unwrap_or_default();
        found.extend(quotas.iter().filter_map(plain).map(|quota| (quota.name.clone(), quota)));
        if token.is_none() || wanted.iter().all(|name| found.contains_key(name)) {
            return Ok(found);
        }
    }
}

fn plain(quota: &aws_sdk_servicequotas::types::ServiceQuota) -> Option<Quota> {
    Some(Quota {
        code: quota.quota_code()?.to_owned(),
        name: quota.quota_name()?.to_owned(),
        value: quota.value()?,
    })
}

fn is_absent(error: &AwsError) -> bool {
    error.kind == Kind::NotFound || error.code.as_deref() == Some("NoSuchResourceException")
}

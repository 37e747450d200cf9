//! Asks the account what a preflight needs to know: everything at once, each question with a deadline of its own.
//!
//! Nothing here fails: a question without an answer says why it has none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::{self, StreamExt};

use crate::aws::error::{AwsError, Kind};
use crate::aws::session::Session;
use crate::aws::{dynamodb, early_validation, ec2, ecr, eks, iam, s3, sagemaker, service_quotas};
use crate::clock::Clock;
use crate::preflight::{Action, Answer, Answers, Counted, Decision, Missing, NameKind, Needs, Taken, Why};

/// How long a question may take with its retries and pages. Real time: the network does not run faster because the
/// sandbox does.
const DEADLINE: Duration = Duration::from_secs(3);
/// SageMaker's quotas come in some twenty pages, one after the other.
const MANY_PAGES: Duration = Duration::from_secs(10);
/// How many names, quotas or change sets are asked for at once.
const AT_ONCE: usize = 8;

/// What the account says to what a plan needs. Makes no call if nothing is needed, and asks only for what is.
pub async fn survey(session: &Session, needs: &Needs) -> Answers {
    if needs.is_empty() {
        return Answers::default();
    }
    let types = needs.instance_types();
    let counts = |counted: Counted| needs.counted.contains_key(&counted);
    let has = |kind: NameKind| needs.names.iter().any(|named| named.kind == kind);
    let ml: BTreeSet<String> = needs.ml.iter().map(|(name, _, _)| name.clone()).collect();
    let wants_zones = !needs.zones.is_empty();
    let (network, capacity, kubernetes, storage) = tokio::join!(
        async {
            tokio::join!(
                ask(
                    wants_zones,
                    "ec2:DescribeAvailabilityZones",
                    ec2::availability_zones(session)
                ),
                ask(
                    counts(Counted::Vpcs) || !needs.networks.is_empty(),
                    "ec2:DescribeVpcs",
                    ec2::vpcs(session)
                ),
                ask(
                    counts(Counted::Addresses),
                    "ec2:DescribeAddresses",
                    ec2::addresses(session)
                ),
                ask(
                    !needs.nat_gateways.is_empty(),
                    "ec2:DescribeNatGateways",
                    ec2::nat_gateways(session)
                ),
            )
        },
        async {
            let patterns = needs.offerings();
            tokio::join!(
                ask(
                    !types.is_empty(),
                    "ec2:DescribeInstanceTypeOfferings",
                    ec2::offerings(session, &patterns)
                ),
                ask(
                    !types.is_empty(),
                    "ec2:DescribeInstanceTypes",
                    ec2::vcpus(session, &types)
                ),
                quotas(session, needs).boxed_local(),
                ask_for(
                    MANY_PAGES,
                    !ml.is_empty(),
                    "servicequotas:ListServiceQuotas",
                    service_quotas::quotas(session, "sagemaker", &ml, DEADLINE)
                ),
            )
        },
        async {
            tokio::join!(
                ask(
                    counts(Counted::Clusters) || has(NameKind::Cluster),
                    "eks:ListClusters",
                    eks::clusters(session)
                ),
                ask(
                    !needs.versions.is_empty(),
                    "eks:DescribeClusterVersions",
                    eks::versions(session)
                ),
                permissions(session, needs).boxed_local(),
            )
        },
        async {
            tokio::join!(
                ask(
                    counts(Counted::Buckets),
                    "s3:ListAllMyBuckets",
                    s3::bucket_count(session)
                ),
                ask(
                    has(NameKind::Repository),
                    "ecr:DescribeRepositories",
                    ecr::repositories(session)
                ),
                names(session, needs).boxed_local(),
                stacks(session, needs).boxed_local(),
                validations(session, needs).boxed_local(),
            )
        },
    );
    let (zones, vpcs, addresses, nat_gateways) = network;
    let (offerings, vcpus, quotas, ml_quotas) = capacity;
    let (clusters, versions, decisions) = kubernetes;
    let (buckets, repositories, mut names, stacks, validations) = storage;
    for named in &needs.names {
        let listed = match named.kind {
            NameKind::Repository => is_in(&repositories, |all| all.contains(&named.name)),
            NameKind::Cluster => is_in(&clusters, |all| all.contains(&named.name)),
            _ => continue,
        };
        names.insert((named.kind, named.name.clone()), listed);
    }
    let owners = owners(session, &names).boxed_local().await;
    Answers {
        zones,
        offerings,
        vcpus,
        quotas,
        ml_quotas,
        vpcs,
        addresses,
        nat_gateways,
        clusters,
        buckets,
        stacks,
        versions,
        names,
        owners,
        decisions,
        validations,
    }
}

fn ask<'a, T: 'a>(
    needed: bool,
    call: &'static str,
    question: impl Future<Output = Result<T, AwsError>> + 'a,
) -> LocalBoxFuture<'a, Answer<T>> {
    ask_for(DEADLINE, needed, call, question)
}

/// Boxed: a call of the SDK is a large future, and a dozen of them at once would be too much for a stack.
fn ask_for<'a, T: 'a>(
    deadline: Duration,
    needed: bool,
    call: &'static str,
    question: impl Future<Output = Result<T, AwsError>> + 'a,
) -> LocalBoxFuture<'a, Answer<T>> {
    if !needed {
        return async { Answer::NotAsked }.boxed_local();
    }
    async move {
        let why = match Clock::real().timeout(deadline, question).await {
            Ok(Ok(value)) => return Answer::Given(value),
            Ok(Err(error)) => {
                tracing::debug!(%error, call, "a question of the preflight has no answer");
                why(&error)
            }
            Err(_) => Why::Late,
        };
        Answer::Missing(Missing {
            call: call.to_owned(),
            why,
        })
    }
    .boxed_local()
}

/// Emulators say in many ways that they do not know a call.
fn why(error: &AwsError) -> Why {
    const UNKNOWN: [&str; 7] = [
        "InvalidAction",
        "UnknownOperation",
        "UnknownOperationException",
        "NotImplemented",
        "UnknownService",
        "UnsupportedOperation",
        "MethodNotAllowed",
    ];
    match error.kind {
        Kind::Denied => Why::Denied,
        Kind::Timeout | Kind::Throttled => Why::Late,
        Kind::NotFound => Why::Unknown,
        // A refusal without a code is no answer of AWS's.
        Kind::Validation | Kind::Other if error.code.is_none() => Why::Unknown,
        _ if error.message.starts_with("No route") => Why::Unknown,
        _ if error.code.as_deref().is_some_and(|code| UNKNOWN.contains(&code)) => Why::Unknown,
        _ => Why::Failed(error.code.clone().unwrap_or_else(|| error.message.clone())),
    }
}

fn is_in<T>(all: &Answer<T>, contains: impl FnOnce(&T) -> bool) -> Answer<Taken> {
    match all {
        Answer::NotAsked => Answer::NotAsked,
        Answer::Missing(missing) => Answer::Missing(missing.clone()),
        Answer::Given(all) => Answer::Given(if contains(all) { Taken::Here } else { Taken::Free }),
    }
}

async fn quotas(
    session: &Session,
    needs: &Needs,
) -> BTreeMap<crate::preflight::QuotaKey, Answer<crate::preflight::Quota>> {
    stream::iter(needs.quotas())
        .map(|key| async move {
            let question = service_quotas::quota(session, key.service, key.code);
            (key, ask(true, "servicequotas:GetServiceQuota", question).await)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

async fn names(session: &Session, needs: &Needs) -> BTreeMap<(NameKind, String), Answer<Taken>> {
    let taken = |exists: bool| if exists { Taken::Here } else { Taken::Free };
    let asked = needs
        .names
        .iter()
        // One listing has all of these.
        .filter(|named| !matches!(named.kind, NameKind::Repository | NameKind::Cluster));
    stream::iter(asked)
        .map(|named| async move {
            let name = named.name.as_str();
            let answer = match named.kind {
                NameKind::Bucket => ask(true, "s3:ListBucket", s3::taken(session, name)).await,
                NameKind::Role => {
                    let question = async { iam::role(session, name).await.map(|role| taken(role.is_some())) };
                    ask(true, "iam:GetRole", question).await
                }
                NameKind::InstanceProfile => {
                    let question = async { iam::has_instance_profile(session, name).await.map(taken) };
                    ask(true, "iam:GetInstanceProfile", question).await
                }
                NameKind::Table => {
                    let question = async { dynamodb::has_table(session, name).await.map(taken) };
                    ask(true, "dynamodb:DescribeTable", question).await
                }
                NameKind::Endpoint => {
                    let question = async { sagemaker::has_endpoint(session, name).await.map(taken) };
                    ask(true, "sagemaker:ListEndpoints", question).await
                }
                NameKind::Notebook => {
                    let question = async { sagemaker::has_notebook(session, name).await.map(taken) };
                    ask(true, "sagemaker:ListNotebookInstances", question).await
                }
                NameKind::ModelGroup => {
                    let question = async { sagemaker::has_model_group(session, name).await.map(taken) };
                    ask(true, "sagemaker:ListModelPackageGroups", question).await
                }
                NameKind::Repository | NameKind::Cluster => Answer::NotAsked,
            };
            ((named.kind, named.name.clone()), answer)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

async fn stacks(session: &Session, needs: &Needs) -> Answer<(u64, u64)> {
    let question = async {
        let (limit, count) = tokio::try_join!(
            early_validation::stack_limit(session),
            early_validation::stack_count(session)
        )?;
        // Without a limit nothing can be beyond it.
        Ok((limit.unwrap_or(u64::MAX), count))
    };
    ask(
        !needs.new_stacks.is_empty(),
        "cloudformation:DescribeAccountLimits",
        question,
    )
    .await
}

async fn validations(session: &Session, needs: &Needs) -> BTreeMap<String, Answer<Vec<crate::preflight::Validation>>> {
    stream::iter(&needs.change_sets)
        .map(|(stack, change_set)| async move {
            let question = early_validation::validations(session, change_set);
            (
                stack.clone(),
                ask(true, "cloudformation:DescribeEvents", question).await,
            )
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Whose the taken names are; a name whose owner cannot be told is in no answer.
async fn owners(session: &Session, names: &BTreeMap<(NameKind, String), Answer<Taken>>) -> BTreeMap<String, String> {
    let taken = names
        .iter()
        .filter(|(_, answer)| answer.given() == Some(&Taken::Here))
        .map(|((_, name), _)| name.clone());
    let found: Vec<Option<(String, String)>> = stream::iter(taken)
        .map(|name| async move {
            let question = early_validation::owner(session, &name);
            match ask(true, "cloudformation:DescribeStackResources", question).await {
                Answer::Given(Some(owner)) => Some((name, owner)),
                _ => None,
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    found.into_iter().flatten().collect()
}

type Decisions = BTreeMap<(String, Option<String>), Decision>;

/// Asks the simulator for all actions at once, on everything; what is not allowed on everything is asked for again on
/// what it would be made on, because a policy may name just that.
async fn permissions(session: &Session, needs: &Needs) -> Answer<Decisions> {
    let question = async {
        let Some(principal) = principal(session, needs).await? else {
            // The root user may do everything that the organisation lets it, and cannot be simulated.
            return Ok(None);
        };
        let names: BTreeSet<String> = needs.actions.iter().map(|action| action.action.clone()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let broad = iam::simulate(session, &principal, &names, None).await?;
        let mut decisions = Decisions::new();
        let mut again: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for Action { action, resource, .. } in &needs.actions {
            let decision = broad.get(action).copied().unwrap_or(Decision::Unclear);
            match (decision, resource) {
                (Decision::Allowed, _) | (_, None) => {
                    decisions.insert((action.clone(), resource.clone()), decision);
                }
                // Also a denial may leave this one thing out (`NotResource`).
                (_, Some(resource)) => {
                    again.entry(resource).or_default().insert(action.clone());
                }
            }
        }
        let narrow: Vec<Result<_, AwsError>> = stream::iter(again)
            .map(|(resource, actions)| {
                let principal = &principal;
                async move {
                    let actions: Vec<String> = actions.into_iter().collect();
                    let found = iam::simulate(session, principal, &actions, Some(resource)).await?;
                    Ok((resource, found))
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for answer in narrow {
            let (resource, found) = answer?;
            let keyed = found
                .into_iter()
                .map(|(action, decision)| ((action, Some(resource.to_owned())), decision));
            decisions.extend(keyed);
        }
        Ok(Some(decisions))
    };
    match ask(!needs.actions.is_empty(), "iam:SimulatePrincipalPolicy", question).await {
        Answer::Given(None) => Answer::Given(Decisions::new()),
        Answer::Given(Some(decisions)) => Answer::Given(decisions),
        Answer::Missing(missing) => Answer::Missing(missing),
        Answer::NotAsked => Answer::NotAsked,
    }
}

/// The user or role behind the caller. The ARN of an assumed role leaves the role's path out, so IAM is asked for it;
/// where it does not tell, the role that the environment names or one without a path is taken.
async fn principal(session: &Session, needs: &Needs) -> Result<Option<String>, AwsError> {
    let at = &needs.at;
    let resource = at.caller.splitn(6, ':').nth(5).unwrap_or_default();
    let Some(assumed) = resource.strip_prefix("assumed-role/") else {
        return Ok(resource.starts_with("user/").then(|| at.caller.clone()));
    };
    let name = assumed.split('/').next().unwrap_or_default();
    let named = at.role_arn.as_ref().filter(|arn| arn.ends_with(&format!("/{name}")));
    if let Some(arn) = named {
        return Ok(Some(arn.clone()));
    }
    match iam::role(session, name).await {
        Ok(Some(arn)) => Ok(Some(arn)),
        _ => Ok(Some(format!("arn:{}:iam::{}:role/{name}", at.partition, at.account))),
    }
}

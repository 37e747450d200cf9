//! How many run, where the number follows the load: Application Auto Scaling, for services of ECS and endpoints of SageMaker.
//!
//! Bounds and policy are a part of the release. They are set once the new version runs, so that nothing is scaled by them
//! that may yet be taken back; where a release wants a fixed number, scaling ends before it is rolled out. What somebody
//! else has set up for a workload that never asked for it is left alone.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::ecs::differences;
use super::{FieldChange, ObjectChange, ObjectFate, Release, Restored, Rolled, RolledOut, Scene, ShipFailure};
use crate::aws::scaling::{Action, call_patiently, end, policies, target};
use crate::diagnostic::{Problem, codes};
use crate::workload::scaling::{POLICY, Scaled};

/// How long throttling and a network that is away are borne, for each call.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a release asks for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    target: &'a Json,
    policy: &'a Json,
}

impl<'a> Wanted<'a> {
    /// None if its number is fixed.
    pub(super) fn of(release: &'a Release) -> Option<Self> {
        let request = |names: [&str; 2]| {
            let is_it = |object: &&Json| {
                let name = object
                    .get("action")
                    .or_else(|| object.get("kind"))
                    .and_then(Json::as_str);
                name.is_some_and(|name| names.contains(&name))
            };
            release.objects.iter().find(is_it)?.get("request")
        };
        Some(Self {
            target: request(["RegisterScalableTarget", "ScalableTarget"])?,
            policy: request(["PutScalingPolicy", "ScalingPolicy"])?,
        })
    }

    /// The least that run.
    pub(super) fn least(self) -> Option<u64> {
        self.target.get("MinCapacity")?.as_u64()
    }

    fn words(self) -> String {
        let part = |of: &Json, pointer: &str| of.pointer(pointer).map(Json::to_string).unwrap_or_default();
        format!(
            "between {} and {}",
            part(self.target, "/MinCapacity"),
            part(self.target, "/MaxCapacity")
        )
    }
}

/// What there is.
#[derive(Default)]
struct Found {
    target: Option<Json>,
    policy: Option<Json>,
    /// Policies of somebody else's.
    others: Vec<Json>,
}

impl Found {
    /// In what the bounds are not as `wanted`; tags aside, which are given once.
    fn bounds(&self, wanted: Wanted<'_>) -> Vec<FieldChange> {
        against(wanted.target, self.target.as_ref(), &["MinCapacity", "MaxCapacity"])
    }

    fn tracking(&self, wanted: Wanted<'_>) -> Vec<FieldChange> {
        against(
            wanted.policy,
            self.policy.as_ref(),
            &["PolicyType", "TargetTrackingScalingPolicyConfiguration"],
        )
    }

    /// Whether a workload has set it up that had `before` recorded: our policy tells, also where a run died before it
    /// could record anything.
    fn is_ours(&self, before: Option<Wanted<'_>>) -> bool {
        self.target.is_some() && (self.policy.is_some() || before.is_some())
    }

    /// Refuses policies of somebody else's that stand in the way: those that follow the same metric, which AWS takes once,
    /// and all of them where the scaling has to be set up `anew`.
    fn admits(&self, scene: &Scene<'_>, scaled: &Scaled, wanted: Wanted<'_>, anew: bool) -> Result<(), Problem> {
        let own = metric(wanted.policy);
        let Some(rival) = self.others.iter().find(|other| anew || metric(other) == own) else {
            return Ok(());
        };
        let name = rival.get("PolicyName").and_then(Json::as_str).unwrap_or_default();
        let problem = Problem::error(
            codes::SCALED_ELSEWHERE,
            format!(
                "`{}` is scaled already, by the policy `{name}` of somebody else's",
                scene.name()
            ),
        );
        let problem = match anew {
            true => problem.note("another instance type ends its scaling, and that policy would be lost"),
            false => problem.note("it follows the same metric, and AWS takes one policy for each"),
        };
        let asked = scaled.asked();
        let part = |member: &str| asked.get(member).and_then(Json::as_str).unwrap_or_default().to_owned();
        Err(problem.hint(format!(
            "delete it: `aws application-autoscaling delete-scaling-policy --policy-name {name} --service-namespace {} --resource-id {} --scalable-dimension {}`",
            part("ServiceNamespace"),
            part("ResourceId"),
            part("ScalableDimension"),
        )))
    }
}

/// What a policy follows; none if it tracks no target.
fn metric(policy: &Json) -> Option<(&str, &Json)> {
    let tracking = policy.get("TargetTrackingScalingPolicyConfiguration")?;
    let predefined = tracking.pointer("/PredefinedMetricSpecification/PredefinedMetricType");
    match predefined {
        Some(name) => Some(("predefined", name)),
        None => Some(("customized", tracking.get("CustomizedMetricSpecification")?)),
    }
}

fn against(wanted: &Json, found: Option<&Json>, members: &[&str]) -> Vec<FieldChange> {
    let asked: serde_json::Map<String, Json> = members
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), wanted.get(*member)?.clone())))
        .collect();
    differences(&Json::Object(asked), found.unwrap_or(&json!({})))
}

async fn look(scene: &Scene<'_>, scaled: &Scaled) -> Result<Found, Problem> {
    let asked = scaled.asked();
    let told = |error: crate::aws::error::AwsError| error.problem();
    let Some(target) = target(scene.session, &asked, PATIENCE).await.map_err(told)? else {
        return Ok(Found::default());
    };
    let policies = policies(scene.session, &asked, PATIENCE).await.map_err(told)?;
    let is_own = |policy: &Json| policy.get("PolicyName").and_then(Json::as_str) == Some(POLICY);
    let (own, others): (Vec<Json>, Vec<Json>) = policies.into_iter().partition(is_own);
    Ok(Found {
        target: Some(target),
        policy: own.into_iter().next(),
        others,
    })
}

/// As [`look`]. Who has never asked for scaling need not be allowed to look: for them nothing is scaled.
async fn look_if_concerned(
    scene: &Scene<'_>,
    scaled: &Scaled,
    wanted: Option<Wanted<'_>>,
    before: Option<Wanted<'_>>,
) -> Result<Found, Problem> {
    match look(scene, scaled).await {
        Err(_) if wanted.is_none() && before.is_none() => Ok(Found::default()),
        looked => looked,
    }
}

/// What shipping `release` in place of `serving` would change of the scaling, as [`around`] would. Nothing is changed.
///
/// # Errors
/// Whatever keeps the answer away.
pub(super) async fn review(
    scene: &Scene<'_>,
    scaled: &Scaled,
    release: &Release,
    serving: Option<&Release>,
    anew: bool,
) -> Result<Option<ObjectChange>, Problem> {
    let (wanted, before) = (Wanted::of(release), serving.and_then(Wanted::of));
    let found = look_if_concerned(scene, scaled, wanted, before).await?;
    let (fate, fields) = match (wanted, &found.target) {
        (None, _) if !found.is_ours(before) => return Ok(None),
        (None, _) => (ObjectFate::Delete, Vec::new()),
        (Some(wanted), None) => {
            let mut fields = found.bounds(wanted);
            fields.extend(found.tracking(wanted));
            (ObjectFate::Create, fields)
        }
        (Some(wanted), Some(_)) => {
            found.admits(scene, scaled, wanted, anew)?;
            let mut fields = found.bounds(wanted);
            fields.extend(found.tracking(wanted));
            let fate = if fields.is_empty() {
                ObjectFate::Unchanged
            } else {
                ObjectFate::Update
            };
            (fate, fields)
        }
    };
    Ok(Some(ObjectChange {
        object: format!("Scaling {}", scaled.resource()),
        fate,
        fields,
    }))
}

/// Rolls out with `rolling`, and scales as `release` wants it: what does not fit it ends before (with `anew`, whatever
/// there is), what it asks for is set once it runs. What was scaled before is so again if it comes back.
pub(super) async fn around(
    scene: &Scene<'_>,
    scaled: &Scaled,
    release: &Release,
    serving: Option<&Release>,
    anew: bool,
    rolling: impl Future<Output = Rolled>,
) -> Rolled {
    let (wanted, before) = (Wanted::of(release), serving.and_then(Wanted::of));
    // What may not be read, or stands in the way, is found now, and not when the new version runs.
    let found = match look_if_concerned(scene, scaled, wanted, before).await {
        Ok(found) => found,
        Err(problem) => return Err(failure(problem, Restored::Untouched)),
    };
    if let Some(wanted) = wanted
        && let Err(problem) = found.admits(scene, scaled, wanted, anew)
    {
        return Err(failure(problem, Restored::Untouched));
    }
    let ends = match wanted {
        None => found.is_ours(before),
        Some(_) => found.target.is_some() && anew,
    };
    if ends && let Err(error) = end(scene.session, &scaled.asked(), PATIENCE).await {
        return Err(failure(error.problem(), Restored::Untouched));
    }
    match (rolling.await, wanted) {
        (Ok(RolledOut::Unchanged), None) if ends => Ok(RolledOut::Done),
        (Ok(how), None) => Ok(how),
        (Ok(how), Some(wanted)) => match settle(scene, scaled, wanted).await {
            Ok(true) => Ok(RolledOut::Done),
            Ok(false) => Ok(how),
            Err(problem) => Err(failure(
                problem.note("the new version runs; its number does not follow the load"),
                Restored::Unneeded,
            )),
        },
        (Err(failed), _) => {
            let returns = match failed.restored {
                // Also where a run that died has ended it, or deleting the endpoint has: only what differs is set.
                Restored::Back => true,
                Restored::Untouched => ends,
                Restored::NothingBefore | Restored::Unneeded | Restored::Not(_) => false,
            };
            if let (true, Some(before)) = (returns, before)
                && let Err(problem) = settle(scene, scaled, before).await
            {
                scene
                    .tell
                    .note(format!("{} is not scaled as before: {}", scene.name(), problem.message));
            }
            Err(failed)
        }
    }
}

fn failure(problem: Problem, restored: Restored) -> Box<ShipFailure> {
    Box::new(ShipFailure { problem, restored })
}

/// Sets bounds and policy where they differ; gives whether they did.
async fn settle(scene: &Scene<'_>, scaled: &Scaled, wanted: Wanted<'_>) -> Result<bool, Problem> {
    let found = look(scene, scaled).await?;
    let put = async |action: Action, request: &Json| {
        let put = call_patiently(scene.session, action, request, PATIENCE).await;
        put.map(drop).map_err(|error| error.problem())
    };
    let mut changed = false;
    if !found.bounds(wanted).is_empty() {
        let mut request = wanted.target.clone();
        // "RegisterScalableTarget": tags are for what is new.
        if let (Some(_), Some(members)) = (&found.target, request.as_object_mut()) {
            members.remove("Tags");
        }
        put(Action::RegisterScalableTarget, &request).await?;
        changed = true;
    }
    if !found.tracking(wanted).is_empty() {
        put(Action::PutScalingPolicy, wanted.policy).await?;
        changed = true;
    }
    if changed {
        scene
            .tell
            .note(format!("{} is scaled {}", scene.name(), wanted.words()));
    }
    Ok(changed)
}

/// Ends the scaling that `release` asked for.
///
/// # Errors
/// Whatever AWS refuses.
pub(super) async fn remove(scene: &Scene<'_>, scaled: &Scaled, release: &Release) -> Result<(), Problem> {
    if Wanted::of(release).is_none() {
        return Ok(());
    }
    let ended = end(scene.session, &scaled.asked(), PATIENCE).await;
    ended.map_err(|error| error.problem())
}

//! A release rolled out: rehearsed in whole, applied, watched, and on failure what served before put back in whole.

use serde_json::Value as Json;

use super::api::{How, MANAGER};
use super::ground::{Ground, Placed};
use super::objects::{self, Apply};
use super::read::{count, number};
use super::watch::{self, Ended, Stop};
use super::{job, problem};
use crate::diagnostic::{Problem, codes};
use crate::ship::event::Phase;
use crate::ship::{Event, ObjectFate, Release, Restored, Rolled, RolledOut, ShipFailure};

/// Rolls `release` out in place of `serving`.
pub(super) async fn roll_out(
    ground: &Ground<'_>,
    release: &Release,
    serving: Option<&Release>,
    apply: Apply,
) -> Rolled {
    let prepared = match prepare(ground, release, serving, apply).await {
        Ok(prepared) => prepared,
        Err(problem) => return failed(problem, Restored::Untouched),
    };
    if ground.stop.is_cancelled() {
        return failed(ground.stopped(), Restored::Untouched);
    }
    if !prepared.is_to_do && is_settled(ground, &prepared.placed).await {
        return Ok(RolledOut::Unchanged);
    }
    let phase = if prepared.placed.iter().any(|one| one.is("Job")) {
        Phase::Run
    } else {
        Phase::RollOut
    };
    ground.tell(Event::Phase {
        workload: ground.workload.to_owned(),
        phase,
        subject: subject(&prepared.placed),
    });
    match carry_out(ground, release, &prepared.placed, apply).await {
        Ended::Complete => {
            if !prepared.left_over.is_empty() {
                ground.tell(Event::Phase {
                    workload: ground.workload.to_owned(),
                    phase: Phase::CleanUp,
                    subject: format!("{} objects", prepared.left_over.len()),
                });
                objects::take_away(ground, &prepared.left_over).await;
            }
            Ok(RolledOut::Done)
        }
        Ended::Failed(problem) => {
            let restored = put_back(ground, release, &prepared, serving).await;
            failed(problem, restored)
        }
        Ended::Stopped => {
            let restored = put_back(ground, release, &prepared, serving).await;
            failed(ground.stopped(), restored)
        }
        Ended::Overtaken(problem) => {
            let left = Problem::error(
                codes::ROLLOUT_DISTURBED,
                format!("`{}` is left as the other one made it", ground.workload),
            );
            failed(problem, Restored::Not(Box::new(left)))
        }
    }
}

fn failed(problem: Problem, restored: Restored) -> Rolled {
    Err(Box::new(ShipFailure { problem, restored }))
}

/// What is known before anything of the workload is changed.
struct Prepared<'a> {
    placed: Vec<Placed<'a>>,
    left_over: Vec<super::kind::Address>,
    is_to_do: bool,
}

/// Rehearses all of it: whatever the cluster would refuse is refused while nothing has been changed.
async fn prepare<'a>(
    ground: &Ground<'a>,
    release: &'a Release,
    serving: Option<&Release>,
    apply: Apply,
) -> Result<Prepared<'a>, Problem> {
    let placed = ground.placed(release).await?;
    let missing = objects::missing_namespaces(ground, &placed).await?;
    for namespace in &missing {
        objects::make_namespace(ground, namespace).await?;
        ground.tell.note(format!("the namespace {namespace} was made"));
    }
    let rehearsed = objects::rehearse(ground, &placed, &[], apply).await;
    let changes = match rehearsed {
        Ok(changes) => changes,
        Err(problem) => {
            // Nothing is in it yet.
            for namespace in &missing {
                let _stays = ground.api().delete(&objects::namespace_address(namespace)).await;
            }
            return Err(problem);
        }
    };
    let left_over = objects::left_over(ground, &placed, serving).await?;
    let is_to_do = !left_over.is_empty() || changes.iter().any(|change| change.fate != ObjectFate::Unchanged);
    Ok(Prepared {
        placed,
        left_over,
        is_to_do,
    })
}

fn subject(placed: &[Placed<'_>]) -> String {
    let of = |kind: &str| placed.iter().find(|one| one.is(kind));
    ["Deployment", "CronJob", "Job"]
        .iter()
        .find_map(|kind| of(kind))
        .or(placed.first())
        .map_or_else(String::new, |one| one.at.to_string())
}

/// Whether all that has to run runs, and all that has to end has ended.
async fn is_settled(ground: &Ground<'_>, placed: &[Placed<'_>]) -> bool {
    for one in placed {
        let settled = match one.at.kind.as_str() {
            "Deployment" => watch::is_complete(ground, &one.at, &watch::asked(one.object)).await,
            "Job" => {
                let path = one.at.path();
                let found = ground.api().get_patiently(&path).await;
                found.map(|job| job.is_some_and(|job| job::state(&job) == job::State::Complete))
            }
            _ => Ok(true),
        };
        // Not knowing is a reason to look longer.
        if !settled.unwrap_or_default() {
            return false;
        }
    }
    true
}

/// Applies everything in its order, then watches what has to run.
async fn carry_out(ground: &Ground<'_>, release: &Release, placed: &[Placed<'_>], apply: Apply) -> Ended {
    let how = How {
        dry: false,
        force: apply.force,
        manager: MANAGER,
    };
    let mut applied: Vec<(&Placed<'_>, Json)> = Vec::new();
    for one in placed {
        if ground.stop.is_cancelled() {
            return Ended::Stopped;
        }
        if one.is("Job")
            && let Err(problem) = job::clear(ground, one).await
        {
            return Ended::Failed(problem);
        }
        let done = match objects::hand_over(ground, one).await {
            Ok(()) => objects::put(ground, one, how).await,
            Err(problem) => Err(problem),
        };
        match done {
            Ok(object) => applied.push((one, object)),
            Err(problem) => return Ended::Failed(problem),
        }
    }
    for (one, object) in &applied {
        let ended = match one.at.kind.as_str() {
            "Deployment" => {
                let generation = number(object, "/metadata/generation");
                let asked = watch::asked(one.object);
                watch::deployment(ground, release, &one.at, &asked, generation, Stop::Heed).await
            }
            "Job" => job::watch(ground, release, &one.at).await,
            _ => Ended::Complete,
        };
        if !matches!(ended, Ended::Complete) {
            return ended;
        }
    }
    Ended::Complete
}

/// What becomes of what ran before, once `release` has failed.
async fn put_back(
    ground: &Ground<'_>,
    release: &Release,
    prepared: &Prepared<'_>,
    serving: Option<&Release>,
) -> Restored {
    // An unfinished job would go on trying, unseen; one that has failed is kept for its logs.
    let jobs: Vec<&Placed<'_>> = prepared.placed.iter().filter(|one| one.is("Job")).collect();
    for one in &jobs {
        if objects::may_go(ground, &one.at).await.unwrap_or_default() {
            objects::take_away(ground, std::slice::from_ref(&one.at)).await;
        }
    }
    match serving {
        Some(serving) if serving.digest() != release.digest() => {
            ground.tell(Event::Phase {
                workload: ground.workload.to_owned(),
                phase: Phase::Restore,
                subject: serving
                    .image
                    .tag
                    .clone()
                    .unwrap_or_else(|| serving.image.digest.clone()),
            });
            match restore(ground, &prepared.placed, serving).await {
                Ok(()) => Restored::Back,
                Err(problem) => Restored::Not(Box::new(problem)),
            }
        }
        Some(_) if !prepared.is_to_do => Restored::Untouched,
        Some(_) | None => Restored::NothingBefore,
    }
}

/// Puts `serving` back in full, takes away what it had not, and waits until all of it runs.
async fn restore(ground: &Ground<'_>, failed: &[Placed<'_>], serving: &Release) -> Result<(), Problem> {
    let before = ground.placed(serving).await?;
    // What was ours is taken back from whoever has it now.
    let how = How {
        dry: false,
        force: true,
        manager: MANAGER,
    };
    let mut watched = Vec::new();
    for namespace in objects::missing_namespaces(ground, &before).await? {
        objects::make_namespace(ground, &namespace).await?;
    }
    for one in &before {
        // A job that is applied again runs again.
        if one.is("Job") {
            continue;
        }
        objects::hand_over(ground, one).await?;
        let object = objects::put(ground, one, how).await?;
        if one.is("Deployment") {
            watched.push((one, number(&object, "/metadata/generation")));
        }
    }
    let mut extra = Vec::new();
    for one in failed {
        if !before.iter().any(|other| other.at.is_same(&one.at)) && objects::may_go(ground, &one.at).await? {
            extra.push(one.at.clone());
        }
    }
    let all_gone = objects::take_away(ground, &extra).await;
    for (one, generation) in watched {
        let asked = watch::asked(one.object);
        match watch::deployment(ground, serving, &one.at, &asked, generation, Stop::Ignore).await {
            Ended::Complete => {}
            Ended::Failed(problem) | Ended::Overtaken(problem) => return Err(problem),
            Ended::Stopped => return Err(ground.stopped()),
        }
    }
    if all_gone {
        return Ok(());
    }
    let names: Vec<String> = extra.iter().map(ToString::to_string).collect();
    Err(Problem::error(
        codes::ROLLOUT_DISTURBED,
        format!(
            "`{}` runs again, but objects of the failed release are still there",
            ground.workload
        ),
    )
    .note(names.join(", "))
    .hint("kubectl delete them, or ship again"))
}

/// Takes away all of a release.
pub(super) async fn remove(ground: &Ground<'_>, release: &Release) -> Result<(), Problem> {
    let objects = objects::left_over(ground, &[], Some(release)).await?;
    ground.tell(Event::Phase {
        workload: ground.workload.to_owned(),
        phase: Phase::CleanUp,
        subject: format!("{} objects", objects.len()),
    });
    let mut refused: Option<Problem> = None;
    for at in &objects {
        if let Err(error) = ground.api().delete(at).await {
            let problem = problem::refused(at, &error);
            refused.get_or_insert(problem);
        }
    }
    if let Some(problem) = refused {
        return Err(problem);
    }
    gone(ground, &objects).await
}

/// Waits until pods and load balancers that go with what was deleted are gone, as far as that can be seen.
async fn gone(ground: &Ground<'_>, objects: &[super::kind::Address]) -> Result<(), Problem> {
    let clock = ground.api().clock;
    let begun = clock.elapsed();
    for at in objects {
        let path = at.path();
        loop {
            let found = ground.api().get_patiently(&path).await;
            match found {
                Ok(None) => break,
                Ok(Some(_)) if clock.elapsed().saturating_sub(begun) < watch::AWAY && !ground.stop.is_cancelled() => {
                    clock.sleep(watch::LOOK).await;
                }
                Ok(Some(object)) => {
                    let held = super::read::list(&object, "/metadata/finalizers").len();
                    return Err(Problem::error(
                        codes::ROLLOUT_DISTURBED,
                        format!("`{}`: {at} is being deleted, and still there", ground.workload),
                    )
                    .note(format!(
                        "{held} finalizers hold it: a controller has to do its part first"
                    ))
                    .hint("a load balancer takes some minutes; run the same command again"));
                }
                Err(error) => return Err(problem::refused(at, &error)),
            }
        }
    }
    Ok(())
}

/// The number of completions that a job has to come to.
pub(super) fn completions(job: &Json) -> u32 {
    match count(job, "/spec/completions") {
        0 => count(job, "/spec/parallelism").max(1),
        completions => completions,
    }
}

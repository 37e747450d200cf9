//! Taking away what was shipped: workloads that the file no longer has, and those whose stack goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::platform;
use crate::commands::context::Context;
use crate::commands::world::{Reading, World};
use crate::diagnostic::{Source, Span};
use crate::plan::{Action, Plan};
use crate::ship::{Release, Scene, Tell};
use crate::spec::workload::{Architecture, Batch, Image, Kind, Platform, Scale, ServiceAccount};
use crate::spec::{Spanned, Workload};
use crate::state::{self, Shipped, ShippedWorkload};

/// Takes away what was shipped onto the stacks that `plan` deletes, before they go: a service keeps its cluster, a load
/// balancer its network, and an endpoint its price. What cannot be taken away is told and left: the stacks go all the
/// same, as far as AWS lets them.
pub async fn withdraw(
    world: &World,
    reading: &Reading,
    plan: &Plan,
    root: &std::path::Path,
    stop: &CancellationToken,
    note: &(dyn Fn(String) + Sync),
) {
    let Some((state, _)) = &reading.state else { return };
    let outputs = world.outputs(reading);
    let tell = Tell::nobody();
    for (name, known) in &state.workloads {
        let Some(shipped) = newest(known).filter(|shipped| goes(plan, &shipped.stack)) else {
            continue;
        };
        let workload = world
            .environment
            .workloads
            .get(name)
            .filter(|workload| workload.on.value == shipped.stack);
        let taken = async {
            let (session, backend) = (&world.session, &world.environment.backend);
            let Some(release) = state::release(session, backend, &world.key, &shipped.release).await? else {
                return Err(super::propose::gone(name, shipped));
            };
            let recorded = workload.cloned().unwrap_or_else(|| recorded(name, &release));
            let scene = Scene {
                session,
                environment: &world.environment,
                workload: &recorded,
                outputs: &outputs,
                root,
                tell: &tell,
                stop,
            };
            platform::remove(&scene, &release).await
        };
        note(match taken.await {
            Ok(()) => format!("{name}: taken away from {}", shipped.stack),
            Err(problem) => format!(
                "{name} cannot be taken away from {}: {}; the stack is deleted all the same",
                shipped.stack, problem.message
            ),
        });
    }
}

/// Says what [`withdraw`] would take away, beside a plan that is shown.
pub fn announce(context: &Context, reading: &Reading, plan: &Plan) {
    let shipped = reading.state.iter().flat_map(|(state, _)| &state.workloads);
    let leaving: Vec<String> = shipped
        .filter_map(|(name, known)| Some((name, newest(known)?)))
        .filter(|(_, shipped)| goes(plan, &shipped.stack))
        .map(|(name, shipped)| format!("{name} from {}", shipped.stack))
        .collect();
    if !leaving.is_empty() {
        context
            .view()
            .note(&format!("What was shipped is taken away first: {}", leaving.join(", ")));
    }
}

/// Whether `plan` deletes this stack.
fn goes(plan: &Plan, stack: &str) -> bool {
    let mut stacks = plan.stacks.iter().filter(|planned| planned.name == stack);
    stacks.any(|planned| planned.action == Action::Delete && planned.stack_id.is_some())
}

/// The release of which most may be there.
pub fn newest(known: &ShippedWorkload) -> Option<&Shipped> {
    known.attempted.as_ref().or(known.serving.as_ref())
}

/// A workload that the file no longer has, as far as its release tells what it was.
pub fn recorded(name: &str, release: &Release) -> Workload {
    let source = Arc::new(Source {
        path: "the state".into(),
        text: String::new(),
    });
    let spanned = |text: &str| Spanned {
        value: text.to_owned(),
        span: Span::new(&source, 0..0),
    };
    let is_batch = |object: &Json| {
        let kind = object.get("kind").or_else(|| object.get("action"));
        kind.and_then(Json::as_str)
            .is_some_and(|kind| matches!(kind, "Job" | "CronJob" | "RunTask" | "CreateSchedule" | "ProcessingJob"))
    };
    let namespace = |object: &Json| object.pointer("/metadata/namespace")?.as_str().map(str::to_owned);
    Workload {
        kind: if release.objects.iter().any(is_batch) {
            Kind::Batch
        } else {
            Kind::Api
        },
        namespace: release
            .objects
            .iter()
            .find_map(namespace)
            .unwrap_or_else(|| "default".to_owned()),
        image: Image::Reference(release.image.reference.clone()),
        ..bare(&spanned(name), &spanned(&release.stack), release.platform)
    }
}

/// A workload of which only name and place are known.
pub fn bare(name: &Spanned<String>, on: &Spanned<String>, platform: Platform) -> Workload {
    Workload {
        name: name.clone(),
        kind: Kind::Api,
        on: on.clone(),
        platform,
        image: Image::Reference(String::new()),
        architecture: Architecture::X86_64,
        model: None,
        scale: Scale::Fixed(1),
        milli_cpu: 1_000,
        memory_mib: 2_048,
        gpu: 0,
        instance_type: None,
        args: Vec::new(),
        env: BTreeMap::new(),
        secrets: BTreeMap::new(),
        port: 8080,
        probes: None,
        namespace: "default".to_owned(),
        service_account: ServiceAccount {
            name: name.value.clone(),
            identity: None,
        },
        ingress: None,
        stream: None,
        batch: Batch {
            schedule: None,
            time_zone: "Etc/UTC".to_owned(),
            parallelism: 1,
            retries: 0,
            timeout_seconds: 3_600,
        },
        grace_seconds: 60,
        node_selector: BTreeMap::new(),
        tolerations: Vec::new(),
        written: BTreeMap::new(),
    }
}

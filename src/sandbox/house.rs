//! One request at a time: load what others changed, move time on, answer, save.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use winterbaume_core::MockResponse;

use super::cloudformation::{CloudFormation, FaultSpec, FaultTask};
use super::faults::{Armed, Facts, Fault, Moment, Verdict};
use super::reply::{self, ApiError};
use super::request::{Name, Request};
use super::service::{Context, Service};
use super::store::{Held, Manifest, Store, VERSION};
use super::time::Fix;
use super::{Call, Item, SandboxError, action, kubernetes, printed, progress, scaling, services};
use crate::clock::Clock;

/// What every service answers when the sandbox's own folder cannot be used.
pub(super) const UNUSABLE: &str = "SandboxUnusable";
/// Calls that are remembered.
const MAX_CALLS: usize = 100_000;

/// All state of a sandbox, as this process knows it.
pub(super) struct House {
    account: String,
    region: String,
    store: Option<Store>,
    manifest: Manifest,
    stacks: Option<Loaded<CloudFormation>>,
    services: Services,
    armed: Armed,
    stack_faults: Vec<FaultSpec>,
    facts: Facts,
    calls: VecDeque<Call>,
}

/// A service in memory, and which generation of it.
struct Loaded<S> {
    state: S,
    generation: u64,
    changed: bool,
}

/// The services other than CloudFormation.
#[derive(Default)]
pub(super) struct Services(BTreeMap<Name, Loaded<Box<dyn Service>>>);

/// The services, within one request.
pub(super) struct Desk<'a> {
    services: &'a mut Services,
    store: Option<(&'a Store, &'a Held)>,
    manifest: &'a Manifest,
    pub(super) context: Context,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House")
            .field("account", &self.account)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl House {
    pub(super) fn open(
        account: &str,
        region: &str,
        directory: Option<&Path>,
        clock: &Clock,
        faults: &[Fault],
    ) -> Result<Self, SandboxError> {
        let store = directory.map(|root| Store::open(root, account, region)).transpose()?;
        let mut house = Self {
            account: account.to_owned(),
            region: region.to_owned(),
            store,
            manifest: new_manifest(clock),
            stacks: None,
            services: Services::default(),
            armed: Armed::new(faults),
            stack_faults: faults.iter().filter_map(stack_fault).collect(),
            facts: Facts::of(faults),
            calls: VecDeque::new(),
        };
        // Time starts to pass now, also if no request comes.
        house.within(clock, |house, _| {
            let begins = house.store.is_some() && house.manifest.services.is_empty();
            Ok(((), begins))
        })?;
        Ok(house)
    }

    pub(super) fn judge(&mut self, request: &Request) -> Verdict {
        self.armed.judge(request)
    }

    /// Answers `request`, or refuses it with `refusal`.
    pub(super) fn answer(&mut self, request: &Request, refusal: Option<ApiError>, clock: &Clock) -> MockResponse {
        let outcome = self.within(clock, |house, held| {
            let now = house.manifest.time.millis();
            if house.calls.len() == MAX_CALLS {
                house.calls.pop_front();
            }
            house.calls.push_back(Call {
                service: request.service.as_str().to_owned(),
                action: request.action.clone(),
                at: now,
            });
            house.advance(held)?;
            let response = match refusal {
                Some(error) => error.to_response(request),
                None => house.route(request, held)?,
            };
            Ok((response, false))
        });
        outcome.unwrap_or_else(|error| {
            let source = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            // No service says so, and nobody tries again: a file that is broken stays broken.
            ApiError::new(400, UNUSABLE, format!("{error}{source}")).to_response(request)
        })
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }

    pub(super) fn clear_calls(&mut self) {
        self.calls.clear();
    }

    pub(super) fn inventory(&mut self, clock: &Clock) -> Result<Vec<Item>, SandboxError> {
        self.within(clock, |house, held| {
            house.advance(held)?;
            let mut items = Vec::new();
            if let Some(stacks) = &house.stacks {
                for (name, status, resources) in stacks.state.inventory() {
                    items.push(Item::stack(name, status));
                    items.extend(
                        resources
                            .into_iter()
                            .map(|(kind, id)| Item::new("cloudformation", kind, id)),
                    );
                }
            }
            let known: Vec<Name> = Name::ALL
                .into_iter()
                .filter(|name| {
                    house.services.0.contains_key(name) || house.manifest.services.contains_key(name.as_str())
                })
                .collect();
            let (_, mut desk) = house.split(held);
            for name in known.into_iter().filter(|name| *name != Name::CloudFormation) {
                items.extend(desk.inventory(name)?);
            }
            Ok((items, false))
        })
    }

    pub(super) fn reset(&mut self, clock: &Clock) -> Result<(), SandboxError> {
        let held = self.store.as_ref().map(Store::hold).transpose()?;
        if let (Some(store), Some(held)) = (&self.store, &held) {
            store.clear(held)?;
        }
        self.unload();
        self.manifest = new_manifest(clock);
        if let (Some(store), Some(held)) = (&self.store, &held) {
            store.commit(held, &self.manifest, &[])?;
        }
        Ok(())
    }

    /// Runs `work` while holding the folder, on the state that is current, at the time that it is; then saves what
    /// changed. `work` says whether to save even if nothing changed.
    fn within<T>(
        &mut self,
        clock: &Clock,
        work: impl FnOnce(&mut Self, Option<&Held>) -> Result<(T, bool), SandboxError>,
    ) -> Result<T, SandboxError> {
        let held = self.store.as_ref().map(Store::hold).transpose()?;
        if let (Some(store), Some(held)) = (&self.store, &held)
            && let Some(manifest) = store.manifest(held)?
        {
            self.take_over(manifest);
        }
        self.manifest.time = self.manifest.time.now(clock);
        let outcome =
            work(self, held.as_ref()).and_then(|(value, save)| self.save(held.as_ref(), save).map(|()| value));
        if outcome.is_err() {
            // What is in memory may be half of something; what was saved is whole.
            if self.store.is_some() {
                self.unload();
            }
        }
        outcome
    }

    /// Forgets what another process has changed since.
    fn take_over(&mut self, manifest: Manifest) {
        if manifest.id != self.manifest.id {
            self.unload();
        }
        let current = |name: Name, generation: u64| manifest.services.get(name.as_str()) == Some(&generation);
        self.services.0.retain(|name, loaded| current(*name, loaded.generation));
        self.stacks = self
            .stacks
            .take()
            .filter(|loaded| current(Name::CloudFormation, loaded.generation));
        self.manifest = manifest;
    }

    fn unload(&mut self) {
        self.services.0.clear();
        self.stacks = None;
    }

    /// Lets everything happen in the stacks that was due until now.
    fn advance(&mut self, held: Option<&Held>) -> Result<(), SandboxError> {
        if self.manifest.services.contains_key(Name::CloudFormation.as_str()) {
            self.load_stacks(held)?;
        }
        let now = u64::try_from(self.manifest.time.millis()).unwrap_or_default();
        let (stacks, mut desk) = self.split(held);
        if let Some(stacks) = stacks
            && stacks.state.next_due().is_some_and(|due| due <= now)
        {
            stacks.state.advance(now, &mut desk);
            stacks.changed = true;
        }
        Ok(())
    }

    fn route(&mut self, request: &Request, held: Option<&Held>) -> Result<MockResponse, SandboxError> {
        if request.service != Name::CloudFormation {
            let sagemaker = Name::SageMaker;
            let prints = request.service == Name::Logs
                && (self.services.0.contains_key(&sagemaker)
                    || self.manifest.services.contains_key(sagemaker.as_str()));
            let (stacks, mut desk) = self.split(held);
            if prints {
                printed::carry(&mut desk)?;
            }
            let making = stacks.map(|stacks| stacks.state.making()).unwrap_or_default();
            if request.service == Name::Kubernetes {
                return kubernetes::answer(&mut desk, request, &making);
            }
            let answer = match scaling::across::answer(&mut desk, request)? {
                Some(answer) => answer,
                None => desk.send(request)?,
            };
            return Ok(progress::shown(request, answer, &making));
        }
        self.load_stacks(held)?;
        let now = u64::try_from(self.manifest.time.millis()).unwrap_or_default();
        let (stacks, mut desk) = self.split(held);
        let Some(stacks) = stacks else {
            return Ok(ApiError::new(500, "InternalFailure", "no stacks are loaded").to_response(request));
        };
        let answer = stacks.state.call(&request.action, &request.form(), now, &mut desk);
        stacks.changed |= answer.status < 400 && !action::reads_only(request.service, &request.method, &request.action);
        Ok(reply::xml(answer.status, answer.body))
    }

    fn load_stacks(&mut self, held: Option<&Held>) -> Result<(), SandboxError> {
        if self.stacks.is_some() {
            return Ok(());
        }
        let generation = self
            .manifest
            .services
            .get(Name::CloudFormation.as_str())
            .copied()
            .unwrap_or_default();
        let saved = match (&self.store, held) {
            (Some(store), Some(held)) if generation > 0 => Some(store.state(held, Name::CloudFormation, generation)?),
            _ => None,
        };
        let mut state = match saved {
            Some(text) => {
                serde_json::from_slice(&text).map_err(|error| broken(Name::CloudFormation, &error.to_string()))?
            }
            None => CloudFormation::new(&self.account, &self.region),
        };
        state.set_faults(self.stack_faults.clone());
        self.stacks = Some(Loaded {
            state,
            generation,
            changed: false,
        });
        Ok(())
    }

    fn split<'a>(&'a mut self, held: Option<&'a Held>) -> (Option<&'a mut Loaded<CloudFormation>>, Desk<'a>) {
        let desk = Desk {
            context: Context {
                now: self.manifest.time.millis(),
                account: self.account.clone(),
                region: self.region.clone(),
                facts: self.facts.clone(),
            },
            services: &mut self.services,
            store: self.store.as_ref().zip(held),
            manifest: &self.manifest,
        };
        (self.stacks.as_mut(), desk)
    }

    fn save(&mut self, held: Option<&Held>, even_if_unchanged: bool) -> Result<(), SandboxError> {
        let context = Context {
            now: self.manifest.time.millis(),
            account: self.account.clone(),
            region: self.region.clone(),
            facts: self.facts.clone(),
        };
        let mut changed = Vec::new();
        for (name, loaded) in self.services.0.iter_mut().filter(|(_, loaded)| loaded.changed) {
            loaded.changed = false;
            loaded.generation += 1;
            self.manifest
                .services
                .insert(name.as_str().to_owned(), loaded.generation);
            if self.store.is_some() {
                changed.push((
                    *name,
                    loaded.state.export(&context).map_err(|reason| broken(*name, &reason))?,
                ));
            }
        }
        if let Some(stacks) = self.stacks.as_mut().filter(|stacks| stacks.changed) {
            stacks.changed = false;
            stacks.generation += 1;
            self.manifest
                .services
                .insert(Name::CloudFormation.as_str().to_owned(), stacks.generation);
            if self.store.is_some() {
                let text = serde_json::to_vec(&stacks.state);
                changed.push((
                    Name::CloudFormation,
                    text.map_err(|error| broken(Name::CloudFormation, &error.to_string()))?,
                ));
            }
        }
        if let (Some(store), Some(held)) = (&self.store, held)
            && (even_if_unchanged || !changed.is_empty())
        {
            store.commit(held, &self.manifest, &changed)?;
        }
        for loaded in self.services.0.values_mut() {
            loaded.state.committed();
        }
        Ok(())
    }
}

impl Desk<'_> {
    /// Has a service answer a request.
    pub(super) fn send(&mut self, request: &Request) -> Result<MockResponse, SandboxError> {
        let context = self.context.clone();
        let loaded = self.load(request.service)?;
        let response = loaded.state.handle(request, &context);
        let outbox = loaded.state.outbox();
        loaded.changed |= !outbox.is_empty()
            || response.status < 400 && !action::reads_only(request.service, &request.method, &request.action);
        loaded.changed |= loaded.state.has_moved();
        for request in &outbox {
            // Whoever it is for may not be there any more: a log group that was deleted.
            self.send(request)?;
        }
        Ok(response)
    }

    /// Whether a service has ever been asked for anything.
    pub(super) fn knows(&self, name: Name) -> bool {
        self.services.0.contains_key(&name) || self.manifest.services.contains_key(name.as_str())
    }

    fn inventory(&mut self, name: Name) -> Result<Vec<Item>, SandboxError> {
        let context = self.context.clone();
        Ok(self.load(name)?.state.inventory(&context))
    }

    fn load(&mut self, name: Name) -> Result<&mut Loaded<Box<dyn Service>>, SandboxError> {
        let name = match name {
            // What is pushed to the registry is what ECR lists: one state for both.
            Name::Registry => Name::Ecr,
            other => other,
        };
        let Services(services) = &mut *self.services;
        let entry = match services.entry(name) {
            std::collections::btree_map::Entry::Occupied(entry) => return Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => entry,
        };
        let folder = self.store.map(|(store, _)| store.folder());
        let mut state = services::new(name, folder).ok_or_else(|| broken(name, "it is not a service of this kind"))?;
        let generation = self.manifest.services.get(name.as_str()).copied().unwrap_or_default();
        if let (Some((store, held)), true) = (self.store, generation > 0) {
            let text = store.state(held, name, generation)?;
            state
                .import(&text, &self.context)
                .map_err(|reason| broken(name, &reason))?;
        }
        Ok(entry.insert(Loaded {
            state,
            generation,
            // An emulator may begin with things that have random ids, such as the default VPC: they are to stay.
            changed: generation == 0,
        }))
    }
}

fn new_manifest(clock: &Clock) -> Manifest {
    Manifest {
        version: VERSION,
        id: uuid::Uuid::new_v4().to_string(),
        time: Fix::begin(clock),
        services: BTreeMap::new(),
    }
}

fn broken(name: Name, reason: &str) -> SandboxError {
    SandboxError::State {
        path: format!("the state of {}", name.as_str()).into(),
        reason: reason.to_owned(),
    }
}

fn stack_fault(fault: &Fault) -> Option<FaultSpec> {
    let Fault::Resource(fault) = fault else { return None };
    Some(FaultSpec {
        stack: fault.stack.clone(),
        logical_id: fault.resource.clone(),
        resource_type: fault.resource_type.clone(),
        task: fault.on.map(|moment| match moment {
            Moment::Create => FaultTask::Create,
            Moment::Update => FaultTask::Update,
            Moment::Delete => FaultTask::Delete,
            Moment::Rollback => FaultTask::Restore,
            Moment::Boot => FaultTask::Boot,
            Moment::Signal => FaultTask::Signal,
        }),
        nth: fault.nth,
        times: fault.times,
        late: fault.late,
        message: fault.message.clone(),
    })
}

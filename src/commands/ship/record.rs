//! What shipping writes down while it works, so that another run can go on from there.

use crate::commands::context::Context;
use crate::commands::world::World;
use crate::diagnostic::{Problem, codes};
use crate::lock::Lease;
use crate::ship::Release;
use crate::state::{
    self, ETag, OperationKind, OperationRecord, OperationResult, Shipped, State, WorkloadChange, WorkloadOutcome,
};

/// The state of a running operation; every change is written before the work goes on.
pub struct Log<'a> {
    world: &'a World,
    generation: u64,
    state: State,
    etag: ETag,
    /// The operation before this one, if that died.
    pub died: Option<OperationRecord>,
}

impl<'a> Log<'a> {
    /// Makes the state ours and notes what is begun.
    pub async fn begin(
        context: &Context,
        world: &'a World,
        lease: &Lease,
        kind: OperationKind,
        workloads: impl Iterator<Item = &str>,
    ) -> Result<Self, Problem> {
        let generation = lease.generation();
        let (session, backend, key) = (&world.session, &world.environment.backend, &world.key);
        let (mut state, etag) = state::claim(session, backend, key, generation).await?;
        let before = state.operation.take();
        if let Some(before) = &before {
            match state::record_history(session, backend, key, before).await {
                // It is there, and what its own process wrote is the better record.
                Err(problem) if problem.code == codes::RECORD_EXISTS => {}
                recorded => recorded?,
            }
        }
        let died = before.filter(|before| before.finished.is_none());
        let mut operation = OperationRecord::begin(kind, context.actor(), generation, &session.clock);
        operation.run_url = context.run_url();
        operation.commit = context.commit();
        operation.spec_digest = Some(world.spec_digest.clone());
        operation.resumes = died.as_ref().map(|died| died.id.clone());
        operation.workloads = workloads
            .map(|name| {
                let pending = WorkloadChange {
                    outcome: WorkloadOutcome::Pending,
                    release: None,
                    image: None,
                    model_version: None,
                    cause: None,
                };
                (name.to_owned(), pending)
            })
            .collect();
        state.operation = Some(operation);
        let mut log = Self {
            world,
            generation,
            state,
            etag,
            died,
        };
        log.write().await?;
        Ok(log)
    }

    /// The operation's id.
    pub fn operation(&self) -> String {
        self.state
            .operation
            .as_ref()
            .map(|operation| operation.id.clone())
            .unwrap_or_default()
    }

    /// The release that serves, in full; none if there is none.
    ///
    /// # Errors
    /// It is recorded, and no longer kept: what it was cannot be put back.
    pub async fn serving(&self, workload: &str) -> Result<Option<Release>, Problem> {
        match self.known(workload).serving {
            Some(shipped) => self.fetch(workload, &shipped).await.map(Some),
            None => Ok(None),
        }
    }

    /// The release before the one that serves, in full.
    pub async fn previous(&self, workload: &str) -> Result<Release, Problem> {
        match self.known(workload).previous {
            Some(shipped) => self.fetch(workload, &shipped).await,
            None => Err(Problem::error(
                codes::NOTHING_BEFORE,
                format!("`{workload}` has nothing to go back to"),
            )),
        }
    }

    /// The release of which most may be there, in full.
    pub async fn newest(&self, workload: &str) -> Result<Option<Release>, Problem> {
        match super::withdraw::newest(&self.known(workload)) {
            Some(shipped) => self.fetch(workload, shipped).await.map(Some),
            None => Ok(None),
        }
    }

    /// Notes that nothing is left of it.
    pub async fn removed(&mut self, workload: &str) -> Result<(), Problem> {
        self.state.workloads.remove(workload);
        self.change(workload, |change| change.outcome = WorkloadOutcome::Removed);
        self.write().await
    }

    async fn fetch(&self, workload: &str, shipped: &Shipped) -> Result<Release, Problem> {
        let world = self.world;
        state::release(&world.session, &world.environment.backend, &world.key, &shipped.release)
            .await?
            .ok_or_else(|| super::propose::gone(workload, shipped))
    }

    fn known(&self, workload: &str) -> state::ShippedWorkload {
        self.state.workloads.get(workload).cloned().unwrap_or_default()
    }

    /// Notes that a workload's turn has come.
    pub async fn started(&mut self, workload: &str) -> Result<(), Problem> {
        self.change(workload, |change| change.outcome = WorkloadOutcome::Running);
        self.write().await
    }

    /// Notes that its image was pushed, and that nothing else was asked for.
    pub async fn pushed(&mut self, workload: &str, image: &str) -> Result<(), Problem> {
        self.change(workload, |change| {
            change.outcome = WorkloadOutcome::Done;
            change.image = Some(image.to_owned());
        });
        self.write().await
    }

    /// Keeps `release` and notes that it is being rolled out.
    pub async fn attempts(&mut self, context: &Context, release: &Release) -> Result<(), Problem> {
        let world = self.world;
        let kept = state::put_release(&world.session, &world.environment.backend, &world.key, release).await?;
        let shipped = Shipped {
            release: kept.clone(),
            platform: release.platform,
            stack: release.stack.clone(),
            image: release.image.clone(),
            model: release.model.clone(),
            commit: release.commit.clone(),
            at: world.session.clock.wall().to_string(),
            actor: context.run_url().unwrap_or_else(|| context.actor()),
            operation: self.operation(),
        };
        self.change(&release.workload, |change| {
            change.release = Some(kept);
            change.image = Some(release.image.reference.clone());
            change.model_version = release.model.as_ref().and_then(|model| model.version.clone());
        });
        let known = self.state.workloads.entry(release.workload.clone()).or_default();
        known.attempted = Some(shipped);
        self.write().await
    }

    /// Notes that what was attempted is what serves.
    pub async fn serves(&mut self, workload: &str, outcome: WorkloadOutcome) -> Result<(), Problem> {
        let known = self.state.workloads.entry(workload.to_owned()).or_default();
        if let Some(attempted) = known.attempted.take() {
            match known.serving.take() {
                // The same again: it has been serving since it was first shipped, and what was before it stays before it.
                Some(serving) if serving.release == attempted.release => known.serving = Some(serving),
                serving => {
                    if serving.is_some() {
                        known.previous = serving;
                    }
                    known.serving = Some(attempted);
                }
            }
        }
        self.change(workload, |change| change.outcome = outcome);
        self.write().await
    }

    /// Notes that it failed, and whether what ran before runs.
    pub async fn failed(&mut self, workload: &str, outcome: WorkloadOutcome, cause: &str) -> Result<(), Problem> {
        if outcome == WorkloadOutcome::Restored
            && let Some(known) = self.state.workloads.get_mut(workload)
        {
            known.attempted = None;
        }
        self.change(workload, |change| {
            change.outcome = outcome;
            change.cause = Some(cause.to_owned());
        });
        self.write().await
    }

    /// Notes how all of it ended, and writes the operation's record.
    pub async fn end(&mut self, result: OperationResult) -> Result<(), Problem> {
        let world = self.world;
        let mut record = None;
        if let Some(operation) = &mut self.state.operation {
            operation.finish(result, &world.session.clock);
            record = Some(operation.clone());
        }
        self.write().await?;
        match record {
            Some(record) => {
                state::record_history(&world.session, &world.environment.backend, &world.key, &record).await
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, workload: &str, change: impl FnOnce(&mut WorkloadChange)) {
        let operation = self.state.operation.as_mut();
        if let Some(entry) = operation.and_then(|operation| operation.workloads.get_mut(workload)) {
            change(entry);
        }
    }

    async fn write(&mut self) -> Result<(), Problem> {
        let world = self.world;
        let (state, etag) = state::write(
            &world.session,
            &world.environment.backend,
            &world.key,
            &self.state,
            Some(&self.etag),
            self.generation,
        )
        .await?;
        self.state = state;
        self.etag = etag;
        Ok(())
    }
}

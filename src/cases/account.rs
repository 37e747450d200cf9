//! An account of the sandbox in memory, in which environments are planned and deployed by the real plan and engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::aws::session::{Endpoint, Session, SessionOptions};
use crate::aws::{backend, session};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::engine::event::Event;
use crate::engine::{self, Execution, Journal, Options, Stop, Summary, Templates};
use crate::module::RenderedEnvironment;
use crate::plan::{About, Deployed, Inputs, Kind, Plan};
use crate::sandbox::{Fault, Item, Sandbox, SandboxOptions};
use crate::spec::Environment;
use crate::state::{Key, OperationKind, OperationRecord};

/// An empty account with a place for the state, and a way into it.
#[derive(Debug)]
pub(crate) struct Account {
    /// What is really there.
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) session: Session,
    /// The name of the environment's state.
    pub(crate) key: Key,
    /// How many operations there were: the fencing token.
    pub(crate) generation: u64,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) summary: Summary,
    /// What the engine told on the way.
    #[cfg_attr(not(test), expect(dead_code, reason = "the engine's own tests read it"))]
    pub(crate) events: Vec<Event>,
    /// How much simulated time it took.
    #[cfg_attr(not(test), expect(dead_code, reason = "the engine's own tests read it"))]
    pub(crate) elapsed: Duration,
}

impl Account {
    /// The account that `environment` names, empty, with AWS living by the clock `aws`.
    pub(crate) async fn open(environment: &Environment, faults: Vec<Fault>, aws: Clock) -> Result<Self, Problem> {
        let (account, region) = (environment.account.value.clone(), environment.region.value.clone());
        let options = SandboxOptions {
            account: account.clone(),
            region: region.clone(),
            directory: None,
            clock: aws,
            faults,
        };
        let sandbox = Sandbox::open(options)
            .await
            .map_err(|error| Problem::error(codes::SANDBOX_UNUSABLE, error.to_string()))?;
        let options = SessionOptions {
            endpoint: Endpoint::Sandbox(Arc::clone(&sandbox)),
            region,
            account,
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        };
        let session = session::open(options).await?;
        let place = &environment.backend;
        backend::ensure(&session, &place.bucket, &place.table)
            .await
            .map_err(|error| error.problem())?;
        Ok(Self {
            sandbox,
            session,
            key: Key::of(environment),
            generation: 0,
        })
    }

    /// Reads what is deployed and plans against it.
    pub(crate) async fn plan(&self, rendered: &RenderedEnvironment, kind: Kind) -> Result<(Plan, Deployed), Problem> {
        let backend = &rendered.environment.backend;
        let (deployed, _) = engine::read_deployed(&self.session, backend, &self.key, Some(rendered)).await?;
        let about = About {
            id: uuid::Uuid::new_v4().to_string(),
            project: self.key.project.clone(),
            environment: self.key.environment.clone(),
            account: self.session.account.clone(),
            region: self.session.region.clone(),
            protect: rendered.environment.protect,
            ..About::default()
        };
        let inputs = Inputs {
            kind,
            rendered: Some(rendered),
            deployed: &deployed,
            drawn: &BTreeMap::new(),
            targets: &BTreeSet::new(),
            about: &about,
        };
        let plan = engine::complete(&self.session, &inputs, &self.templates(rendered)).await?;
        Ok((plan, deployed))
    }

    /// Carries out a plan. Errors: the state cannot be begun to be written.
    pub(crate) async fn execute(
        &mut self,
        rendered: &RenderedEnvironment,
        plan: &Plan,
        deployed: &Deployed,
        options: &Options,
        stop: &Stop,
    ) -> Result<Run, Problem> {
        self.generation += 1;
        let clock = self.session.clock;
        let backend = &rendered.environment.backend;
        let kind = match plan.kind {
            Kind::Apply => OperationKind::Apply,
            Kind::Destroy => OperationKind::Destroy,
        };
        let record = OperationRecord::begin(kind, "tester", self.generation, &clock);
        let operation = record.id.clone();
        let journal = Journal::begin(&self.session, backend, &self.key, self.generation, record, plan).await?;
        let (events, mut heard) = mpsc::unbounded_channel();
        let began = clock.elapsed();
        let summary = engine::execute(Execution {
            session: &self.session,
            plan,
            rendered: Some(rendered),
            deployed,
            operation: &operation,
            options,
            templates: &self.templates(rendered),
            journal: &journal,
            events: &events,
            stop,
            lost: &CancellationToken::new(),
        })
        .await;
        let elapsed = clock.elapsed().saturating_sub(began);
        let mut events = Vec::new();
        while let Ok(event) = heard.try_recv() {
            events.push(event);
        }
        Ok(Run {
            summary,
            events,
            elapsed,
        })
    }

    /// Everything that exists in it.
    pub(crate) fn inventory(&self) -> Result<Vec<Item>, Problem> {
        self.sandbox
            .inventory()
            .map_err(|error| Problem::error(codes::SANDBOX_UNUSABLE, error.to_string()))
    }

    /// Where templates are kept.
    pub(crate) fn templates<'a>(&'a self, rendered: &'a RenderedEnvironment) -> Templates<'a> {
        Templates {
            backend: &rendered.environment.backend,
            key: &self.key,
        }
    }
}

//! A stage for runs of the engine: the real SDK on the sandbox in memory, under paused time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::aws::session::{Endpoint, Session, SessionOptions};
use crate::aws::{backend, session};
use crate::clock::Clock;
use crate::diagnostic::Problem;
use crate::engine::event::{Event, Outcome};
use crate::engine::{self, Execution, Journal, Options, Stop, Summary, Templates};
use crate::module::{Catalogue, RenderedEnvironment, render};
use crate::plan::{About, Action, Deployed, Inputs, Kind, Plan};
use crate::sandbox::{Sandbox, SandboxOptions, parse_faults};
use crate::spec;
use crate::state::{Key, OperationKind, OperationRecord};

const ACCOUNT: &str = "111122223333";

/// One resource that takes 90 s, one that takes 3 s, an output, and a value from another stack if one is given.
const CONTRACT: &str = r#"
[module]
name    = "step"
summary = "A step"
doc     = "A step."

[inputs.before]
type     = "string"
doc      = "Where it stands."
optional = true

[inputs.also]
type     = "string"
doc      = "Where it stands, too."
optional = true

[inputs.note]
type    = "string"
doc     = "Can be changed in place."
default = "first"

[inputs.asn]
type    = "integer"
doc     = "Cannot be changed in place."
default = 64512

[outputs.gateway]
type = "string"
doc  = "The gateway."
"#;

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Gateway:
    Type: AWS::EC2::TransitGateway
    Properties:
      AmazonSideAsn: {{ asn }}
      Description: {{ note }}
  Note:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
{% if before %}
      Value: {{ before }}
{% else %}
      Value: {{ note }}
{% endif %}
{% if also %}
      Description: {{ also }}
{% endif %}
Outputs:
  Gateway:
    Value: !Ref Gateway
"#;

pub(super) struct Stage {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) session: Session,
    pub(super) environment: RenderedEnvironment,
    pub(super) key: Key,
    pub(super) options: Options,
    pub(super) generation: u64,
}

/// What a run left.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) summary: Summary,
    pub(super) events: Vec<Event>,
    pub(super) elapsed: Duration,
}

impl Stage {
    /// An environment of steps: each stack's name, and its inputs as TOML.
    pub(super) async fn steps(stacks: &[(&str, &str)], faults: &str) -> Self {
        Self::on(&steps(stacks), faults).await
    }

    pub(super) async fn on(text: &str, faults: &str) -> Self {
        Self::beside(text, faults, Clock::real()).await
    }

    /// An environment of steps on a CloudFormation that needs no time for anything.
    pub(super) async fn instant(stacks: &[(&str, &str)]) -> Self {
        Self::beside(&steps(stacks), "", Clock::scaled(1e6)).await
    }

    /// As [`Stage::on`], with modules of its own.
    pub(super) async fn with(text: &str, files: BTreeMap<String, String>, faults: &str) -> Self {
        Self::of(rendered_with(text, files), faults, Clock::real()).await
    }

    /// As [`Stage::on`], with AWS living by a clock of its own.
    async fn beside(text: &str, faults: &str, aws: Clock) -> Self {
        Self::of(rendered(text), faults, aws).await
    }

    async fn of(environment: RenderedEnvironment, faults: &str, aws: Clock) -> Self {
        let clock = Clock::real();
        let options = SandboxOptions {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            directory: None,
            clock: aws,
            faults: parse_faults(faults).unwrap(),
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let options = SessionOptions {
            endpoint: Endpoint::Sandbox(Arc::clone(&sandbox)),
            region: "us-east-1".to_owned(),
            account: ACCOUNT.to_owned(),
            role_arn: None,
            clock,
            profile: None,
        };
        let session = session::open(options).await.unwrap();
        let place = &environment.environment.backend;
        backend::ensure(&session, &place.bucket, &place.table).await.unwrap();
        sandbox.clear_calls();
        Self {
            sandbox,
            session,
            key: Key::of(&environment.environment),
            environment,
            options: Options {
                parallelism: 16,
                on_failure: spec::OnFailure::Delete,
                empty_buckets: false,
            },
            generation: 0,
        }
    }

    pub(super) fn edit(&mut self, stacks: &[(&str, &str)]) {
        self.environment = rendered(&steps(stacks));
    }

    pub(super) async fn plan(&self, kind: Kind) -> Result<(Plan, Deployed), Problem> {
        let backend = &self.environment.environment.backend;
        let read = engine::read_deployed(&self.session, backend, &self.key, Some(&self.environment));
        let (deployed, _) = read.await?;
        let about = About {
            id: uuid::Uuid::new_v4().to_string(),
            project: self.key.project.clone(),
            environment: self.key.environment.clone(),
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            protect: self.environment.environment.protect,
            ..About::default()
        };
        let inputs = Inputs {
            kind,
            rendered: Some(&self.environment),
            deployed: &deployed,
            drawn: &BTreeMap::new(),
            targets: &BTreeSet::new(),
            about: &about,
        };
        let plan = engine::complete(&self.session, &inputs, &self.templates()).await?;
        Ok((plan, deployed))
    }

    pub(super) async fn apply(&mut self) -> Run {
        let (plan, deployed) = self.plan(Kind::Apply).await.unwrap();
        self.execute(plan, &deployed, &Stop::default()).await
    }

    pub(super) async fn destroy(&mut self) -> Run {
        let (plan, deployed) = self.plan(Kind::Destroy).await.unwrap();
        self.execute(plan, &deployed, &Stop::default()).await
    }

    pub(super) async fn execute(&mut self, plan: Plan, deployed: &Deployed, stop: &Stop) -> Run {
        self.generation += 1;
        let clock = self.session.clock;
        let backend = &self.environment.environment.backend;
        let record = OperationRecord::begin(OperationKind::Apply, "tester", self.generation, &clock);
        let operation = record.id.clone();
        let journal = Journal::begin(&self.session, backend, &self.key, self.generation, record, &plan)
            .await
            .unwrap();
        let (events, mut heard) = mpsc::unbounded_channel();
        let began = clock.elapsed();
        let summary = engine::execute(Execution {
            session: &self.session,
            plan: &plan,
            rendered: Some(&self.environment),
            deployed,
            operation: &operation,
            options: &self.options,
            templates: &self.templates(),
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
        Run {
            plan,
            summary,
            events,
            elapsed,
        }
    }

    pub(super) fn templates(&self) -> Templates<'_> {
        Templates {
            backend: &self.environment.environment.backend,
            key: &self.key,
        }
    }

    /// How often an action was called since the calls were cleared.
    pub(super) fn calls(&self, action: &str) -> usize {
        self.sandbox.calls().iter().filter(|call| call.action == action).count()
    }
}

impl Run {
    pub(super) fn outcome(&self, stack: &str) -> &Outcome {
        &self
            .summary
            .stacks
            .iter()
            .find(|one| one.stack == stack)
            .unwrap()
            .outcome
    }

    pub(super) fn failure(&self, stack: &str) -> &Problem {
        match self.outcome(stack) {
            Outcome::Failed(problem) => problem,
            other => panic!("{stack}: {other:?}"),
        }
    }

    pub(super) fn assert_complete(&self) {
        let outcomes: Vec<String> = self
            .summary
            .stacks
            .iter()
            .map(|one| match &one.outcome {
                Outcome::Failed(problem) => format!("{}: {}", one.stack, problem.message),
                other => format!("{}: {other:?}", one.stack),
            })
            .collect();
        assert!(self.summary.is_complete(), "{outcomes:#?} {:?}", self.summary.problems);
    }

    pub(super) fn actions(&self) -> Vec<Action> {
        self.plan.stacks.iter().map(|stack| stack.action).collect()
    }
}

fn steps(stacks: &[(&str, &str)]) -> String {
    let mut text = format!(
        "[project]\nname = \"shop\"\n[environment]\naccount = \"{ACCOUNT}\"\nregion = \"us-east-1\"\nprotect = false\non_failure = \"delete\"\n"
    );
    for (name, inputs) in stacks {
        text.push_str(&format!("[stacks.{name}]\nmodule = \"step\"\n{inputs}\n"));
    }
    text
}

fn rendered(text: &str) -> RenderedEnvironment {
    let files = BTreeMap::from([
        ("modules/step.toml".to_owned(), CONTRACT.to_owned()),
        ("templates/cloudformation/step.yaml".to_owned(), TEMPLATE.to_owned()),
    ]);
    rendered_with(text, files)
}

fn rendered_with(text: &str, files: BTreeMap<String, String>) -> RenderedEnvironment {
    let mut read = |path: &str| match path {
        "environments/dev.toml" => Ok(text.to_owned()),
        "environments/common.toml" => Ok(include_str!("../../../environments/common.toml").to_owned()),
        other => Err(format!("no {other}")),
    };
    let environment = spec::load("dev", &mut read).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let catalogue = Catalogue::with_overrides(files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let (rendered, _) = render(&environment, &catalogue).unwrap_or_else(|problems| panic!("{problems:#?}"));
    rendered
}

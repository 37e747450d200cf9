//! A stage for runs of the engine: the real SDK on the sandbox in memory, under paused time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::session::Session;
use crate::cases::account::Account;
use crate::clock::Clock;
use crate::diagnostic::Problem;
use crate::engine::event::{Event, Outcome};
use crate::engine::{Options, Stop, Summary, Templates};
use crate::module::{Catalogue, RenderedEnvironment, render};
use crate::plan::{Action, Deployed, Kind, Plan};
use crate::sandbox::{Sandbox, parse_faults};
use crate::spec;
use crate::state::Key;

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
    pub(super) account: Account,
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
        let faults = parse_faults(faults).unwrap();
        let account = Account::open(&environment.environment, faults, aws).await.unwrap();
        account.sandbox.clear_calls();
        Self {
            sandbox: Arc::clone(&account.sandbox),
            session: account.session.clone(),
            key: account.key.clone(),
            account,
            environment,
            options: Options {
                parallelism: 16,
                on_failure: spec::OnFailure::Delete,
                empty_buckets: false,
            },
        }
    }

    pub(super) fn edit(&mut self, stacks: &[(&str, &str)]) {
        self.environment = rendered(&steps(stacks));
    }

    pub(super) async fn plan(&self, kind: Kind) -> Result<(Plan, Deployed), Problem> {
        self.account.plan(&self.environment, kind).await
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
        let options = self.options.clone();
        let ran = self
            .account
            .execute(&self.environment, &plan, deployed, &options, stop)
            .await
            .unwrap();
        Run {
            plan,
            summary: ran.summary,
            events: ran.events,
            elapsed: ran.elapsed,
        }
    }

    pub(super) fn templates(&self) -> Templates<'_> {
        self.account.templates(&self.environment)
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

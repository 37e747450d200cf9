//! An environment beside what is deployed of it: what plans, applies, destroys and statuses begin with.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::error::CommandError;
use super::{render, session};
use crate::aws::session::Session;
use crate::clock::Clock;
use crate::diagnostic::Problem;
use crate::engine::{self, Templates};
use crate::module::{self, Catalogue, RenderedEnvironment};
use crate::plan::{About, Deployed, Inputs, Kind, Plan};
use crate::policy::judged;
use crate::ship::Outputs;
use crate::spec::{self, Environment};
use crate::state::{self, Key, Stored};
use crate::workload;

/// An environment as the files have it, and a way into its account.
pub struct World {
    /// The environment.
    pub environment: Environment,
    /// Its stacks rendered; none if they cannot be, where that was allowed.
    pub rendered: Option<RenderedEnvironment>,
    /// The way into AWS.
    pub session: Session,
    /// SHA-256 over the environment's files and the contracts and templates of its modules.
    pub spec_digest: String,
    /// The name of its lock and of its state.
    pub key: Key,
    /// The modules.
    pub catalogue: Catalogue,
}

/// Whether the environment has to be without errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It will be applied, so the policy has its say too.
    Rendered,
    /// It will be looked at or taken away: what is deployed counts, and files in disorder only warn.
    WhateverIsThere,
}

/// What was read at one time.
pub struct Reading {
    /// The stacks, and what the state remembers of them.
    pub deployed: Deployed,
    /// The state; none if nothing was ever deployed.
    pub state: Option<Stored>,
}

impl World {
    /// Reads the files, then opens a session: nothing is asked of AWS while the files are wrong.
    pub async fn open(context: &Context, name: &str, need: Need) -> Result<Self, CommandError> {
        let project = context.project()?;
        let environment = project.environment(name)?;
        let catalogue = project.catalogue_of(&environment)?;
        let rendered = match need {
            Need::Rendered => {
                let today = Clock::real().today();
                let (rendered, warnings) = judged(&environment, &catalogue, &project.policy()?, today)?;
                context.warn(&warnings);
                // What could not be shipped to the stacks as they will be is told before they are changed.
                let workloads = workload::problems(&environment, &project.manifests()?);
                if workloads.has_errors() {
                    return Err(workloads.into());
                }
                Some(rendered)
            }
            // Whatever the policy says, what is there can be looked at and taken away.
            Need::WhateverIsThere => match module::render(&environment, &catalogue) {
                Ok((rendered, _)) => Some(rendered),
                Err(problems) => {
                    context.warn(&problems);
                    context
                        .view()
                        .note("The files have errors; going on with what is deployed.\n");
                    None
                }
            },
        };
        let spec_digest = digest(&environment, &catalogue);
        let key = Key::of(&environment);
        let session = session::open(context, &project, &environment).await?;
        Ok(Self {
            environment,
            rendered,
            session,
            spec_digest,
            key,
            catalogue,
        })
    }

    /// Reads the stacks and the state, at the same time.
    pub async fn read(&self) -> Result<Reading, Problem> {
        let backend = &self.environment.backend;
        let (deployed, state) =
            engine::read_deployed(&self.session, backend, &self.key, self.rendered.as_ref()).await?;
        Ok(Reading { deployed, state })
    }

    /// What the deployed stacks give, by the contract's names; lists as JSON arrays.
    pub fn outputs(&self, reading: &Reading) -> Outputs {
        let stacks = reading.deployed.stacks.iter();
        stacks
            .map(|(name, live)| (name.clone(), self.outputs_of(reading, name, &live.outputs)))
            .collect()
    }

    fn outputs_of(&self, reading: &Reading, name: &str, live: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let recorded = reading.state.as_ref().and_then(|(state, _)| state.stacks.get(name));
        let rendered = self.rendered.as_ref().and_then(|rendered| rendered.stacks.get(name));
        let module = recorded.map(|stack| stack.module.as_str()).or_else(|| {
            self.environment
                .stacks
                .get(name)
                .map(|stack| stack.module.value.as_str())
        });
        let contract = module.and_then(|module| self.catalogue.get(module));
        let is_list =
            |output: &str| contract.is_some_and(|contract| contract.outputs.get(output).is_some_and(|one| one.list));
        let names = recorded
            .map(|stack| &stack.outputs)
            .or(rendered.map(|stack| &stack.outputs));
        let values = names.into_iter().flatten().filter_map(|(output, key)| {
            let value = live.get(key)?;
            let value = if is_list(output) {
                serde_json::Value::from(value.split(',').filter(|part| !part.is_empty()).collect::<Vec<_>>())
                    .to_string()
            } else {
                value.clone()
            };
            Some((output.clone(), value))
        });
        values.collect()
    }

    /// Where templates are kept.
    pub fn templates(&self) -> Templates<'_> {
        Templates {
            backend: &self.environment.backend,
            key: &self.key,
        }
    }

    /// Plans `kind` for the stacks in `targets` (all if empty) against what was read.
    pub async fn plan(
        &self,
        context: &Context,
        kind: Kind,
        targets: &[String],
        reading: &Reading,
    ) -> Result<Plan, CommandError> {
        let targets = self.targets(targets, reading)?;
        let about = self.about(context);
        let inputs = Inputs {
            kind,
            rendered: self.rendered.as_ref(),
            deployed: &reading.deployed,
            drawn: &BTreeMap::new(),
            targets: &targets,
            about: &about,
        };
        let templates = self.templates();
        let planned = engine::complete(&self.session, &inputs, &templates);
        Ok(context.unless_stopped(planned).await??)
    }

    /// The names after `--target`, each of which the file or the state has to know.
    fn targets(&self, targets: &[String], reading: &Reading) -> Result<BTreeSet<String>, CommandError> {
        let known: Vec<String> = self
            .environment
            .stacks
            .keys()
            .chain(
                reading
                    .deployed
                    .recorded
                    .keys()
                    .filter(|name| !self.environment.stacks.contains_key(*name)),
            )
            .cloned()
            .collect();
        for target in targets {
            if !known.contains(target) {
                return Err(render::unknown(&self.environment.name, target, known.iter()).into());
            }
        }
        Ok(targets.iter().cloned().collect())
    }

    fn about(&self, context: &Context) -> About {
        About {
            id: state::new_id(&self.session.clock),
            project: self.environment.project.value.clone(),
            environment: self.environment.name.clone(),
            account: self.session.account.clone(),
            region: self.session.region.clone(),
            role_arn: self.environment.role_arn.as_ref().map(|role| role.value.clone()),
            created: self.session.clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            actor: context.run_url().unwrap_or_else(|| context.actor()),
            commit: context.commit(),
            spec_digest: self.spec_digest.clone(),
            protect: self.environment.protect,
        }
    }
}

/// Names exactly what the environment is made from: a plan is stale when it changes.
fn digest(environment: &Environment, catalogue: &Catalogue) -> String {
    let modules: BTreeSet<&str> = environment
        .stacks
        .values()
        .map(|stack| stack.module.value.as_str())
        .collect();
    let contracts = modules.into_iter().filter_map(|name| catalogue.get(name));
    let texts = contracts.flat_map(|contract| [&contract.source, &contract.template]);
    let sources: Vec<_> = environment.sources.iter().chain(texts).cloned().collect();
    spec::digest(&sources)
}

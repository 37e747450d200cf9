//! A project's own rules, `policy/*.toml`: declared, not programmed, and judged as those that are built in.

use std::collections::BTreeMap;

use super::rule::{Finding, rules};
use super::subject::Resource;
use crate::diagnostic::{Problems, Severity, Span};

mod condition;
mod paths;
mod read;

use condition::Condition;

/// The rules that hold in a project: those that are built in, and its own.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    own: Vec<OwnRule>,
}

/// A rule of a project.
#[derive(Debug, Clone)]
pub struct OwnRule {
    /// Its name in waivers and lists.
    pub id: String,
    /// Where it is written.
    pub span: Span,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What is wrong when it is broken; `{resource}` stands for the resource's logical id.
    pub message: String,
    /// Why it is a rule.
    pub reason: Option<String>,
    /// What to write instead.
    pub fix: String,
    /// The resource types that it is about.
    pub types: Vec<String>,
    /// The environments in which it holds; all of them if empty.
    pub environments: Vec<String>,
    when: Option<Condition>,
    require: Condition,
}

impl Policy {
    /// The rules that are built in and no others.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// With a project's own rules: texts by path relative to the project's root, `policy/storage.toml`. `environments`
    /// are those that the project has. Errors: every mistake in these files.
    pub fn with_own(files: BTreeMap<String, String>, environments: &[String]) -> Result<Self, Problems> {
        let own = read::rules(files, environments)?;
        Ok(Self { own })
    }

    /// The project's own rules, in the order of the files.
    pub fn own(&self) -> &[OwnRule] {
        &self.own
    }

    /// The ids of all rules.
    pub fn ids(&self) -> impl Iterator<Item = &str> + Clone {
        let built_in = rules().iter().map(|rule| rule.id);
        built_in.chain(self.own.iter().map(|rule| rule.id.as_str()))
    }

    /// The id of the rule that is called `name`: by its id, or a built-in one by its code.
    pub fn id_of(&self, name: &str) -> Option<&str> {
        match super::rule::find(name) {
            Some(rule) => Some(rule.id),
            None => self.own.iter().map(|rule| rule.id.as_str()).find(|id| *id == name),
        }
    }
}

impl OwnRule {
    /// Whether it is about resources of `kind` in `environment`.
    pub(super) fn is_about(&self, kind: &str, environment: Option<&str>) -> bool {
        let holds = self.environments.is_empty()
            || environment.is_some_and(|name| self.environments.iter().any(|listed| listed == name));
        holds && self.types.iter().any(|listed| listed == kind)
    }

    /// Where `resource` breaks it, if it certainly does.
    pub(super) fn check(&self, resource: &Resource<'_>) -> Option<Finding> {
        if self.when.as_ref().is_some_and(|when| !when.certainly_holds(resource)) {
            return None;
        }
        let place = self.require.failure(resource)?;
        let message = self.message.replace("{resource}", &format!("`{}`", resource.name));
        let finding = match place.span {
            Some(span) => Finding::at(&span, message),
            None => Finding::at(resource.span, message),
        };
        Some(finding.saying(place.label))
    }
}

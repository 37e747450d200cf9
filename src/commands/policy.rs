//! `mlinfra policy list` and `mlinfra policy show`.

use super::context::Context;
use super::{Done, Outcome};
use crate::cli::{PolicyListArgs, PolicyShowArgs};
use crate::clock::Clock;
use crate::diagnostic::{Problem, closest, codes};
use crate::policy::{self, OwnRule, Policy, Rule, Scope};
use crate::spec::Environment;
use crate::view::report::{RuleList, RuleReport, WaiverReport};

/// Lists the rules of the project; outside a project, those that are built in.
pub fn list(context: &Context, args: &PolicyListArgs) -> Outcome {
    let (policy, environment) = rules(context, args.environment.as_deref())?;
    let rules = reports(&policy, environment.as_ref());
    context.view().rules(&RuleList { rules });
    Ok(Done::Fine)
}

/// Shows one rule.
pub fn show(context: &Context, args: &PolicyShowArgs) -> Outcome {
    let (policy, environment) = rules(context, args.environment.as_deref())?;
    let Some(id) = policy.id_of(&args.rule) else {
        let problem = Problem::error(codes::UNKNOWN_RULE, format!("there is no rule `{}`", args.rule));
        return Err(match closest(&args.rule, policy.ids()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("`mlinfra policy list` shows the rules"),
        }
        .into());
    };
    let all = every(&policy, environment.as_ref());
    if let Some(report) = all.into_iter().find(|report| report.id == id) {
        context.view().rule(&report);
    }
    Ok(Done::Fine)
}

fn rules(context: &Context, environment: Option<&str>) -> Result<(Policy, Option<Environment>), super::CommandError> {
    let project = match context.project() {
        Ok(project) => project,
        Err(error) if environment.is_some() || context.global().project_dir.is_some() => return Err(error),
        Err(_) => return Ok((Policy::built_in(), None)),
    };
    let environment = environment.map(|name| project.environment(name)).transpose()?;
    Ok((project.policy()?, environment))
}

/// The rules that hold in `environment`, or all of them.
fn reports(policy: &Policy, environment: Option<&Environment>) -> Vec<RuleReport> {
    let holds = |report: &RuleReport| {
        environment.is_none_or(|environment| {
            let own = report.environments.is_empty() || report.environments.contains(&environment.name);
            own && (report.scope != Some(Scope::Protected) || environment.protect)
        })
    };
    every(policy, environment).into_iter().filter(holds).collect()
}

fn every(policy: &Policy, environment: Option<&Environment>) -> Vec<RuleReport> {
    let built_in = policy::rules().iter().map(|rule| built_in(rule, environment));
    let own = policy.own().iter().map(|rule| own(rule, environment));
    built_in.chain(own).collect()
}

fn built_in(rule: &Rule, environment: Option<&Environment>) -> RuleReport {
    RuleReport {
        id: rule.id.to_owned(),
        code: rule.code,
        severity: rule.severity,
        scope: Some(rule.scope),
        title: rule.code.title().to_owned(),
        reason: Some(rule.reason.to_owned()),
        fix: rule.fix.to_owned(),
        sources: rule.sources.iter().map(|&source| source.to_owned()).collect(),
        types: rule.types.iter().map(|&kind| kind.to_owned()).collect(),
        environments: Vec::new(),
        own: None,
        waivers: waivers(rule.id, environment),
    }
}

fn own(rule: &OwnRule, environment: Option<&Environment>) -> RuleReport {
    RuleReport {
        id: rule.id.clone(),
        code: codes::OWN_RULE,
        severity: rule.severity,
        scope: None,
        title: rule.message.clone(),
        reason: rule.reason.clone(),
        fix: rule.fix.clone(),
        sources: Vec::new(),
        types: rule.types.clone(),
        environments: rule.environments.clone(),
        own: Some(rule.span.place()),
        waivers: waivers(&rule.id, environment),
    }
}

/// The waivers of a rule in an environment's file, expired ones too.
fn waivers(id: &str, environment: Option<&Environment>) -> Vec<WaiverReport> {
    let today = Clock::real().today();
    let listed = environment
        .map(|environment| environment.waivers.as_slice())
        .unwrap_or_default();
    let is_of_rule = |name: &str| name == id || policy::find(name).is_some_and(|rule| rule.id == id);
    listed
        .iter()
        .filter(|waiver| is_of_rule(&waiver.rule.value))
        .map(|waiver| WaiverReport {
            stack: waiver.stack.as_ref().map(|stack| stack.value.clone()),
            resource: waiver.resource.as_ref().map(|resource| resource.value.clone()),
            reason: waiver.reason.value.clone(),
            expires: waiver.expires.value.to_string(),
            expired: waiver.expires.value < today,
            at: waiver.rule.span.place(),
        })
        .collect()
}

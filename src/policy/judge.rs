//! Judging templates and whole environments.

use jiff::civil::Date;

use super::own::{OwnRule, Policy};
use super::rule::{Finding, Rule, Scope, rules};
use super::subject::resources;
use super::waive::Waivers;
use crate::diagnostic::{Code, Problem, Problems, Severity, codes};
use crate::module::{self, Catalogue, RenderedEnvironment};
use crate::spec::Environment;
use crate::template::Document;

/// What is known about the place that a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Setting<'a> {
    /// The environment's name; none for a template that belongs to no environment.
    pub environment: Option<&'a str>,
    /// Whether rules for protected environments hold.
    pub protect: bool,
}

/// Judges one template, which may be anybody's. Problems point into it, in the order of its resources.
pub fn check_document(document: &Document, policy: &Policy, setting: Setting<'_>) -> Problems {
    let found = findings(document, policy, setting);
    found
        .into_iter()
        .map(|found| {
            let show = format!("`mlinfra policy show {}` tells more", found.rule.id);
            found.problem().hint(show)
        })
        .collect()
}

/// Renders an environment and holds it against the policy as it is on the day `today`; gives warnings beside it.
/// Errors: everything that is wrong, with the environment, its modules, their templates and the policy.
pub fn judged(
    environment: &Environment,
    catalogue: &Catalogue,
    policy: &Policy,
    today: Date,
) -> Result<(RenderedEnvironment, Problems), Problems> {
    let (rendered, mut problems) = module::attempt(environment, catalogue)?;
    problems.extend(judge(&rendered, policy, today));
    if problems.has_errors() {
        return Err(problems.sorted());
    }
    Ok((rendered, problems.sorted()))
}

/// Judges every stack of an environment on the day `today`, its waivers taken into account.
///
/// Problems point at the template's line and at the lines of the environment file that led there; those about waivers
/// at the waiver. Stacks that could not be rendered are not judged.
pub fn judge(rendered: &RenderedEnvironment, policy: &Policy, today: Date) -> Problems {
    let environment = &rendered.environment;
    let setting = Setting {
        environment: Some(&environment.name),
        protect: environment.protect,
    };
    let mut problems = Problems::default();
    let mut waivers = Waivers::of(rendered, policy, today, &mut problems);
    for stack in rendered.stacks.values() {
        for found in findings(&stack.document, policy, setting) {
            if waivers.take(&found, &stack.name) {
                continue;
            }
            let hint = format!(
                "if it has to be so, waive it in environments/{}.toml: [[waivers]] with rule = \"{}\", stack = \"{}\", \
                 resource = \"{}\", a reason and a day on which it `expires`",
                environment.name, found.rule.id, stack.name, found.resource
            );
            problems.push(module::relocate(stack, found.problem()).hint(hint));
        }
    }
    waivers.left(&mut problems);
    problems.sorted()
}

/// A rule that a resource breaks.
pub(super) struct Found<'a> {
    pub(super) rule: Broken<'a>,
    /// The resource's logical id.
    pub(super) resource: &'a str,
    finding: Finding,
}

/// What of a rule goes into a problem.
pub(super) struct Broken<'a> {
    pub(super) id: &'a str,
    code: Code,
    severity: Severity,
    note: String,
    fix: &'a str,
}

impl<'a> Broken<'a> {
    fn own(rule: &'a OwnRule) -> Self {
        let place = rule.span.place();
        Self {
            id: &rule.id,
            code: codes::OWN_RULE,
            severity: rule.severity,
            note: match &rule.reason {
                Some(reason) => format!("{reason} [{}; {place}]", rule.id),
                None => format!("the rule is `{}`, {place}", rule.id),
            },
            fix: &rule.fix,
        }
    }
}

impl Broken<'static> {
    fn by(rule: &'static Rule) -> Self {
        Broken {
            id: rule.id,
            code: rule.code,
            severity: rule.severity,
            note: format!("{} [{}; {}]", rule.reason, rule.id, rule.sources.join(", ")),
            fix: rule.fix,
        }
    }
}

impl Found<'_> {
    fn problem(&self) -> Problem {
        let Self { rule, finding, .. } = self;
        let severity = if finding.mild { Severity::Warning } else { rule.severity };
        Problem {
            severity,
            ..Problem::error(rule.code, finding.message.clone())
        }
        .at(finding.span.clone(), finding.label.clone())
        .note(rule.note.clone())
        .hint(rule.fix.to_owned())
    }
}

fn findings<'a>(document: &'a Document, policy: &'a Policy, setting: Setting<'_>) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for resource in resources(document) {
        for rule in rules().iter().filter(|rule| rule.types.contains(&resource.kind)) {
            if rule.scope == Scope::Everywhere || setting.protect {
                found.extend((rule.check)(&resource).into_iter().map(|finding| Found {
                    rule: Broken::by(rule),
                    resource: resource.name,
                    finding,
                }));
            }
        }
        let own = policy.own().iter();
        for rule in own.filter(|rule| rule.is_about(resource.kind, setting.environment)) {
            found.extend(rule.check(&resource).map(|finding| Found {
                rule: Broken::own(rule),
                resource: resource.name,
                finding,
            }));
        }
    }
    found
}

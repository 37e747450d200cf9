//! Waivers: which findings an environment accepts, and what is wrong with the waivers themselves.

use jiff::ToSpan;
use jiff::civil::Date;

use super::judge::Found;
use super::own::Policy;
use super::statement::covers;
use crate::diagnostic::{Problem, Problems, closest, codes};
use crate::module::RenderedEnvironment;
use crate::spec::Waiver;

/// How many days before its end a waiver begins to warn.
const NOTICE_DAYS: i64 = 14;

/// The waivers of an environment, and which of them were of use.
pub(super) struct Waivers<'a> {
    listed: Vec<Listed<'a>>,
    today: Date,
}

struct Listed<'a> {
    waiver: &'a Waiver,
    /// The rule's id; none if there is no such rule.
    rule: Option<&'a str>,
    /// Whether all that it is about was rendered, so that a waiver without use is known to be one.
    is_judged: bool,
    used: bool,
}

impl<'a> Waivers<'a> {
    /// Looks up what the waivers name; what does not exist is told.
    pub(super) fn of(
        rendered: &'a RenderedEnvironment,
        policy: &'a Policy,
        today: Date,
        problems: &mut Problems,
    ) -> Self {
        let listed = rendered.environment.waivers.iter();
        let listed = listed.map(|waiver| Listed {
            waiver,
            rule: rule_of(waiver, policy, problems),
            is_judged: resource_exists(waiver, rendered, problems),
            used: false,
        });
        Self {
            listed: listed.collect(),
            today,
        }
    }

    /// Whether a waiver that has not expired accepts `found` in `stack`.
    pub(super) fn take(&mut self, found: &Found<'_>, stack: &str) -> bool {
        let mut accepted = false;
        for listed in &mut self.listed {
            let Listed { waiver, rule, .. } = listed;
            let is_meant = *rule == Some(found.rule.id)
                && waiver.stack.as_ref().is_none_or(|name| name.value == stack)
                && waiver
                    .resource
                    .as_ref()
                    .is_none_or(|pattern| covers(&pattern.value, found.resource));
            if is_meant {
                listed.used = true;
                accepted |= self.today <= listed.waiver.expires.value;
            }
        }
        accepted
    }

    /// What is wrong with the waivers, now that it is known which were of use.
    pub(super) fn left(self, problems: &mut Problems) {
        for listed in &self.listed {
            if listed.rule.is_some() {
                problems.0.extend(self.fault(listed));
            }
        }
    }

    fn fault(
        &self,
        Listed {
            waiver,
            is_judged,
            used,
            ..
        }: &Listed<'_>,
    ) -> Option<Problem> {
        let (rule, end) = (&waiver.rule.value, waiver.expires.value);
        let place = waiver.expires.span.clone();
        let is_over = end < self.today;
        if !used {
            let message = format!("the waiver of `{rule}` waives nothing");
            let unused = Problem::warning(codes::WAIVER_UNUSED, message).at(waiver.rule.span.clone(), "");
            return is_judged.then(|| unused.hint("remove it: what it was for is mended or gone"));
        }
        if is_over {
            return Some(
                Problem::error(
                    codes::WAIVER_EXPIRED,
                    format!("the waiver of `{rule}` expired on {end}"),
                )
                .at(place, "")
                .note("what it waived counts again")
                .hint("mend what it waived and remove it; or look at it again and set a later day"),
            );
        }
        if self.today.checked_add(1.year()).is_ok_and(|latest| end > latest) {
            return Some(
                Problem::error(
                    codes::WAIVER_EXPIRY,
                    format!("the waiver of `{rule}` runs until {end}, which is more than a year ahead"),
                )
                .at(place, "")
                .note("a waiver is looked at again at least once a year")
                .hint("set an earlier day; it can be moved on when it comes near"),
            );
        }
        let soon = self
            .today
            .checked_add(NOTICE_DAYS.days())
            .is_ok_and(|notice| end <= notice);
        soon.then(|| {
            Problem::warning(
                codes::WAIVER_EXPIRED,
                format!("the waiver of `{rule}` expires on {end}"),
            )
            .at(place, "")
            .note("what it waives counts again on the day after")
            .hint("mend what it waives, or look at it again and set a later day")
        })
    }
}

fn rule_of<'a>(waiver: &Waiver, policy: &'a Policy, problems: &mut Problems) -> Option<&'a str> {
    let name = &waiver.rule.value;
    if let Some(id) = policy.id_of(name) {
        return Some(id);
    }
    let problem =
        Problem::error(codes::WAIVER_RULE, format!("there is no rule `{name}`")).at(waiver.rule.span.clone(), "");
    problems.push(match closest(name, policy.ids()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("`mlinfra policy list` shows the rules"),
    });
    None
}

/// Whether the stacks that a waiver is about were rendered; a resource that is in none of them is told.
fn resource_exists(waiver: &Waiver, rendered: &RenderedEnvironment, problems: &mut Problems) -> bool {
    let stacks: Vec<&str> = match &waiver.stack {
        Some(stack) => vec![&stack.value],
        None => rendered.environment.stacks.keys().map(String::as_str).collect(),
    };
    let is_rendered = stacks.iter().all(|stack| rendered.stacks.contains_key(*stack));
    let Some(pattern) = waiver.resource.as_ref().filter(|_| is_rendered) else {
        return is_rendered;
    };
    let documents = stacks.iter().filter_map(|stack| rendered.stacks.get(*stack));
    let known: Vec<&str> = documents
        .filter_map(|stack| stack.document.root.get("Resources"))
        .flat_map(|resources| resources.entries().iter().map(|(name, _, _)| name.as_str()))
        .collect();
    if known.iter().any(|name| covers(&pattern.value, name)) {
        return true;
    }
    let place = match &waiver.stack {
        Some(stack) => format!("the stack `{}`", stack.value),
        None => "this environment".to_owned(),
    };
    let message = format!("{place} has no resource `{}`", pattern.value);
    let problem = Problem::error(codes::WAIVER_RESOURCE, message).at(pattern.span.clone(), "");
    problems.push(match closest(&pattern.value, known) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!(
            "`mlinfra render {}` prints the resources; `*` stands for any text",
            rendered.environment.name
        )),
    });
    false
}

//! Strings, networks and ARNs; ranges, choices and patterns.

use std::net::IpAddr;

use super::super::contract::Pattern;
use super::reference::{is_account, is_secret_reference, secret_problem};
use super::{Place, Resolved, head, plain};
use crate::diagnostic::{Problem, codes};
use crate::spec::{Data, Value, field};

impl Place<'_> {
    pub(super) fn text(&mut self, text: &str, value: &Value) -> Option<Resolved> {
        if self.field.secret && !is_secret_reference(text) {
            self.problems.push(secret_problem(&self.path, &value.span));
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "no string here has 2^53 characters")]
        let length = text.chars().count() as f64;
        let fits = self.in_range(length, " characters long", value) && self.is_choice(value);
        if let Some(pattern) = self
            .field
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.regex.is_match(text))
        {
            let hint = self.mended(text, pattern);
            let message = format!("`{}` cannot be \"{text}\"", self.path);
            let problem = Problem::error(codes::INPUT_VALUE, message).at(head(&value.span), "");
            let problem = self
                .explain(problem)
                .note(format!("it has to match `{}`", pattern.text));
            self.problems.push(match hint {
                Some(hint) => problem.hint(hint),
                None => problem,
            });
            return None;
        }
        fits.then(|| Resolved::String(text.to_owned()))
    }

    /// What to write in place of a text that does not match: what was nearly written, or else what the contract shows.
    fn mended(&self, text: &str, pattern: &Pattern) -> Option<String> {
        let lower = text.to_lowercase();
        let number = text.trim_start_matches(['v', 'V']);
        let two_parts: Vec<&str> = match number.chars().all(|c| c.is_ascii_digit() || c == '.') {
            true => number.split('.').take(2).collect(),
            false => Vec::new(),
        };
        let tries = [
            lower.replace(' ', "-"),
            two_parts.join("."),
            format!("ml.{lower}"),
            lower,
        ];
        if let Some(near) = tries.iter().find(|near| pattern.regex.is_match(near)) {
            return Some(format!("did you mean \"{near}\"?"));
        }
        let shown = [&self.field.example, &self.field.default].into_iter().flatten();
        let fitting = shown.filter_map(|value| match &value.value {
            Data::String(text) if pattern.regex.is_match(text) => Some(text),
            _ => None,
        });
        fitting.map(|text| format!("for example \"{text}\"")).next()
    }

    pub(super) fn cidr(&mut self, text: &str, value: &Value) -> Option<Resolved> {
        let Ok(net) = text.parse::<ipnet::IpNet>() else {
            let hint = match text.parse::<IpAddr>() {
                Ok(_) => format!("write how many bits name the network: \"{text}/16\""),
                Err(_) => "for example \"10.0.0.0/16\"".into(),
            };
            return self.refuse_with(value, format!("`{}`: \"{text}\" is not a network", self.path), hint);
        };
        if net.trunc() != net {
            let message = format!("`{}`: {text} is an address inside a network, not a network", self.path);
            return self.refuse_with(value, message, format!("the network is {}", net.trunc()));
        }
        let length = f64::from(net.prefix_len());
        let fits = self.in_range(length, " bits of prefix", value) && self.is_choice(value);
        fits.then(|| Resolved::String(text.to_owned()))
    }

    pub(super) fn arn(&mut self, text: &str, value: &Value) -> Option<Resolved> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let is_arn = match parts.as_slice() {
            ["arn", partition, service, _, account, resource] => {
                partition.starts_with("aws")
                    && !service.is_empty()
                    && (account.is_empty() || *account == "aws" || is_account(account))
                    && !resource.is_empty()
            }
            _ => false,
        };
        if !is_arn {
            let message = format!("`{}`: \"{text}\" is not an ARN", self.path);
            return self.refuse_with(value, message, "for example arn:aws:iam::111122223333:role/name".into());
        }
        self.text(text, value)
    }

    pub(super) fn in_range(&mut self, number: f64, unit: &str, value: &Value) -> bool {
        let (min, max) = (self.field.min, self.field.max);
        if min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max) {
            return true;
        }
        let range = match (min, max) {
            (Some(min), Some(max)) if (min - max).abs() < f64::EPSILON => format!("{min}"),
            (Some(min), Some(max)) if unit.is_empty() => format!("from {min} to {max}"),
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (_, Some(max)) => format!("at most {max}"),
            (None, None) => return true,
        };
        let message = match unit {
            "" => format!("`{}` must be {range}, this is {number}", self.path),
            " characters long" => format!("`{}` must be {range}{unit}, this is {number}", self.path),
            _ => {
                let unit = if max.or(min) == Some(1.0) {
                    unit.trim_end_matches('s')
                } else {
                    unit
                };
                format!("`{}` must have {range}{unit}, this has {number}", self.path)
            }
        };
        self.refuse(value, message);
        false
    }

    pub(super) fn is_choice(&mut self, value: &Value) -> bool {
        let choices = &self.field.values;
        if choices.is_empty() || choices.iter().any(|choice| choice.value == value.value) {
            return true;
        }
        let names: Vec<String> = choices.iter().map(|choice| plain(&choice.value)).collect();
        let typed = plain(&value.value);
        let problem = Problem::error(codes::INPUT_VALUE, format!("`{}` cannot be `{typed}`", self.path))
            .at(value.span.clone(), "");
        let problem = self.explain(problem);
        let names = names.iter().map(String::as_str);
        // One number is as near to another as any.
        self.problems.push(match &value.value {
            Data::String(_) => field::with_suggestion(problem, &typed, names, "it can be"),
            _ => {
                let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                problem.hint(format!("it can be {}", names.join(", ")))
            }
        });
        false
    }

    pub(super) fn refuse(&mut self, value: &Value, message: String) -> Option<Resolved> {
        let problem = Problem::error(codes::INPUT_VALUE, message).at(head(&value.span), "");
        let problem = self.explain(problem);
        self.problems.push(problem);
        None
    }

    pub(super) fn refuse_with(&mut self, value: &Value, message: String, hint: String) -> Option<Resolved> {
        let problem = Problem::error(codes::INPUT_VALUE, message)
            .at(value.span.clone(), "")
            .hint(hint);
        let problem = self.explain(problem);
        self.problems.push(problem);
        None
    }
}

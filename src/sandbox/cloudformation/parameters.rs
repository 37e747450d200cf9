//! Parameter values: submitted, previous or default, held against their declarations ("Parameters section").

use indexmap::IndexMap;
use serde_json::Value;

use super::form::Form;
use super::function::scalar;
use super::refusal::{Answer, Refusal};
use super::state::Parameter;
use super::template::section;
use super::world::{Lookup, World};

/// The values of all parameters of `template`.
pub(super) fn resolve(
    template: &Value,
    form: &Form<'_>,
    previous: Option<&IndexMap<String, Parameter>>,
    world: &mut dyn World,
) -> Answer<IndexMap<String, Parameter>> {
    let mut submitted: IndexMap<String, Option<String>> = IndexMap::new();
    for item in form.items("Parameters") {
        let item = Form::new(&item);
        let key = item.required("ParameterKey")?.to_owned();
        let value = if item.flag("UsePreviousValue") {
            if previous.is_none() {
                return Err(Refusal::validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                )));
            }
            None
        } else {
            Some(item.get("ParameterValue").unwrap_or_default().to_owned())
        };
        submitted.insert(key, value);
    }
    let declared: Vec<(&str, &Value)> = section(template, "Parameters").collect();
    let strangers: Vec<&str> = submitted
        .keys()
        .map(String::as_str)
        .filter(|key| !declared.iter().any(|(name, _)| name == key))
        .collect();
    if !strangers.is_empty() {
        return Err(Refusal::validation(format!(
            "Parameters: [{}] do not exist in the template",
            strangers.join(", ")
        )));
    }
    let mut resolved = IndexMap::new();
    let mut missing = Vec::new();
    for (name, declaration) in declared {
        let given = match submitted.get(name) {
            Some(Some(value)) => Some(value.clone()),
            Some(None) => match previous.and_then(|previous| previous.get(name)) {
                Some(parameter) => Some(parameter.value.clone()),
                None => {
                    return Err(Refusal::validation(format!(
                        "Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                    )));
                }
            },
            None => declaration.get("Default").and_then(scalar),
        };
        match given {
            Some(value) => {
                resolved.insert(name.to_owned(), parameter(name, declaration, value, world)?);
            }
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        return Err(Refusal::validation(format!(
            "Parameters: [{}] must have values",
            missing.join(", ")
        )));
    }
    Ok(resolved)
}

fn parameter(name: &str, declaration: &Value, value: String, world: &mut dyn World) -> Answer<Parameter> {
    let kind = declaration.get("Type").and_then(Value::as_str).unwrap_or("String");
    let ssm = kind
        .strip_prefix("AWS::SSM::Parameter::Value<")
        .and_then(|inner| inner.strip_suffix('>'));
    let no_echo = declaration
        .get("NoEcho")
        .and_then(scalar)
        .is_some_and(|flag| flag == "true");
    if value.len() > 4096 {
        return Err(Refusal::validation(format!(
            "Parameter '{name}' exceeds the maximum length of 4096 bytes"
        )));
    }
    check(name, declaration, kind, &value)?;
    let resolved = match ssm {
        None => None,
        Some(_) => {
            let lookup = Lookup::Parameter {
                name: value.clone(),
                version: None,
                secure: false,
            };
            let found = world.lookup(&lookup).map_err(|_| {
                Refusal::validation(format!(
                    "Unable to fetch parameters [{value}] from parameter store for this account."
                ))
            })?;
            Some(found)
        }
    };
    let effective = ssm.unwrap_or(kind);
    let list = effective == "CommaDelimitedList" || effective.starts_with("List<");
    Ok(Parameter {
        value,
        resolved,
        no_echo,
        list,
    })
}

fn check(name: &str, declaration: &Value, kind: &str, value: &str) -> Answer<()> {
    let constraint = |fallback: String| {
        let described = declaration.get("ConstraintDescription").and_then(Value::as_str);
        Err(Refusal::validation(match described {
            Some(description) => format!("Parameter {name} failed to satisfy constraint: {description}"),
            None => format!("Parameter '{name}' {fallback}"),
        }))
    };
    let number = |key: &str| {
        declaration
            .get(key)
            .and_then(scalar)
            .and_then(|text| text.parse::<f64>().ok())
    };
    let items: Vec<&str> = match kind {
        "CommaDelimitedList" => value.split(',').map(str::trim).collect(),
        kind if kind.starts_with("List<") => value.split(',').map(str::trim).collect(),
        _ => vec![value],
    };
    if kind == "Number" || kind == "List<Number>" {
        for item in &items {
            let Ok(parsed) = item.parse::<f64>() else {
                return Err(Refusal::validation(format!("Parameter '{name}' must be a number.")));
            };
            if let Some(least) = number("MinValue").filter(|least| parsed < *least) {
                return constraint(format!("must be a number not less than {least}"));
            }
            if let Some(most) = number("MaxValue").filter(|most| parsed > *most) {
                return constraint(format!("must be a number not greater than {most}"));
            }
        }
    }
    if let Some(allowed) = declaration.get("AllowedValues").and_then(Value::as_array)
        && !items
            .iter()
            .all(|item| allowed.iter().any(|one| scalar(one).as_deref() == Some(item)))
    {
        let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
        return constraint(format!("must be one of AllowedValues [{}]", allowed.join(", ")));
    }
    if let Some(pattern) = declaration.get("AllowedPattern").and_then(Value::as_str) {
        let matches = regex::Regex::new(&format!("^(?:{pattern})$"));
        if matches.is_ok_and(|regex| !items.iter().all(|item| regex.is_match(item))) {
            return constraint(format!("must match pattern {pattern}"));
        }
    }
    let length = value.chars().count() as f64;
    if let Some(least) = number("MinLength").filter(|least| length < *least) {
        return constraint(format!("must contain at least {least} characters"));
    }
    if let Some(most) = number("MaxLength").filter(|most| length > *most) {
        return constraint(format!("must contain at most {most} characters"));
    }
    Ok(())
}

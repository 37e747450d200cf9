//! Parsers for values that clap does not know.

use std::time::Duration;

/// A switch from an environment variable; empty counts as off, because CI systems set variables to nothing.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A length of time: `90`, `90s`, `15m`, `1h`, `1h30m`; a bare number counts seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a length of time such as 90s, 15m or 1h30m";
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total: u64 = 0;
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(EXPECTED.to_owned()),
        };
        let count: u64 = digits.parse().map_err(|_| EXPECTED.to_owned())?;
        total = count
            .checked_mul(unit)
            .and_then(|seconds| total.checked_add(seconds))
            .ok_or_else(|| "this is longer than any operation lasts".to_owned())?;
        digits.clear();
    }
    if text.is_empty() || !digits.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok(Duration::from_secs(total))
}

/// How fast simulated time runs against real time; from 0.01 to 1,000,000.
pub fn time_scale(text: &str) -> Result<f64, String> {
    match text.trim().trim_end_matches('x').parse::<f64>() {
        Ok(scale) if (0.01..=1_000_000.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number from 0.01 to 1000000, such as 60 for one simulated minute a second".to_owned()),
    }
}

/// Twelve digits.
pub fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an AWS account id has twelve digits".to_owned())
    }
}

/// The shape of a region's name; which regions exist is for AWS to say.
pub fn region(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] if words.len() >= 2 && words.iter().all(word) && number.parse::<u8>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("expected a region such as us-east-1".to_owned()),
    }
}

/// A project's name: it becomes part of stack and bucket names, whose rules are stricter than ours.
pub fn project_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if starts_well && text.len() <= 20 && text.bytes().all(allowed) && !text.ends_with('-') && !text.contains("--") {
        Ok(text.to_owned())
    } else {
        Err("expected up to 20 lower-case letters, digits and single hyphens, beginning with a letter".to_owned())
    }
}

/// A module's name: it becomes the names of its files.
pub fn module_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if starts_well && text.len() <= 40 && text.bytes().all(allowed) && !text.ends_with('-') {
        Ok(text.to_owned())
    } else {
        Err("expected up to 40 lower-case letters, digits and hyphens, beginning with a letter".to_owned())
    }
}

/// A sentence that fits on a line of a list.
pub fn sentence(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) || text.chars().count() > 120 {
        return Err("expected one sentence on one line, of at most 120 characters".to_owned());
    }
    Ok(text.to_owned())
}

//! Schedules in the five fields of cron, as Kubernetes reads them ("CronJob", Schedule syntax).

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Name, least and greatest of each field.
const FIELDS: [(&str, u32, u32, &[&str], u32); 5] = [
    ("minute", 0, 59, &[], 0),
    ("hour", 0, 23, &[], 0),
    ("day of the month", 1, 31, &[], 0),
    ("month", 1, 12, &MONTHS, 1),
    ("day of the week", 0, 6, &DAYS, 0),
];

/// Why a schedule would be refused; none if it would not.
pub(super) fn fault(text: &str) -> Option<String> {
    if [
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ]
    .contains(&text)
    {
        return None;
    }
    if text.starts_with("cron(") || text.starts_with("rate(") {
        return Some("this is how EventBridge writes one".to_owned());
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let s = if fields.len() == 1 { "" } else { "s" };
        return Some(format!("it has {} field{s}", fields.len()));
    }
    FIELDS.iter().zip(fields).find_map(|(field, text)| {
        let (name, least, greatest, ..) = field;
        (!text.split(',').all(|part| is_part(part, field)))
            .then(|| format!("`{text}` does not fit the {name}, which goes from {least} to {greatest}"))
    })
}

fn is_part(part: &str, field: &(&str, u32, u32, &[&str], u32)) -> bool {
    let (_, least, greatest, names, first) = *field;
    let number = |text: &str| -> Option<u32> {
        let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let number = match named {
            Some(at) => u32::try_from(at).ok()? + first,
            None => text.parse().ok()?,
        };
        (least..=greatest).contains(&number).then_some(number)
    };
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let steps = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
    let ranged = match (range, range.split_once('-')) {
        ("*" | "?", _) => true,
        (_, Some((from, to))) => matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to),
        _ => number(range).is_some(),
    };
    steps && ranged
}

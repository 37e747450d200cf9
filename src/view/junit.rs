//! Results of tests as JUnit XML, which CI systems show.

use std::fmt::Write as _;

use crate::cases::{Failure, Tested, TestedCase, TestedModule};

/// The document: a suite for each module, a case for each case.
pub fn junit(tested: &Tested) -> String {
    let total = tested.passed + tested.failed;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites name=\"mlinfra module test\" tests=\"{total}\" failures=\"{}\" errors=\"0\" time=\"{}\">",
        tested.failed,
        seconds(tested.milliseconds)
    );
    for module in &tested.modules {
        let (_, failed) = module.counts();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{}\">",
            escaped(&module.module),
            module.cases.len(),
            seconds(module.milliseconds())
        );
        for case in &module.cases {
            text.push_str(&one(module, case));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn one(module: &TestedModule, case: &TestedCase) -> String {
    let head = format!(
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{}\"",
        escaped(&case.name),
        escaped(&module.module),
        escaped(&module.file),
        case.line,
        seconds(case.milliseconds)
    );
    let Some(first) = case.failures.first() else {
        return format!("{head}/>\n");
    };
    // A case has one failure element; its text holds all that is wrong.
    let message = match case.failures.len() {
        1 => first.message.clone(),
        several => format!("{} (and {} more)", first.message, several - 1),
    };
    let body: String = case.failures.iter().map(lines).collect();
    format!(
        "{head}>\n      <failure message=\"{}\" type=\"mismatch\">{}</failure>\n    </testcase>\n",
        escaped(&message),
        escaped(body.trim_end())
    )
}

fn lines(failure: &Failure) -> String {
    let mut text = format!("{}\n", failure.message);
    let places = [
        ("expected at", &failure.expected_at),
        ("template", &failure.template_at),
    ];
    for (what, place) in places {
        if let Some(place) = place {
            let _ = writeln!(text, "  {what} {place}");
        }
    }
    for line in &failure.more {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(problem) = &failure.problem {
        for label in &problem.labels {
            let _ = writeln!(text, "  at {} {}", label.span.place(), label.text);
        }
        for line in problem.notes.iter().chain(&problem.hints) {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
}

/// `text` as XML content or attribute. XML 1.0 has no way to write most control characters, so they become `U+FFFD`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // Attributes are normalised: a line break in one would become a space.
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn whatever_stands_in_a_message_is_text() {
        assert_eq!(
            escaped("<a b=\"c\">&'\u{1b}\u{0}\n"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&apos;\u{fffd}\u{fffd}&#10;"
        );
    }
}

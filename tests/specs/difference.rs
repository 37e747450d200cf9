//! How a text differs from the one that was reviewed, line by line.

/// The lines of `before` with `-` and those of `after` with `+` where they differ, with a few that agree around them.
pub fn difference(before: &str, after: &str) -> String {
    const AROUND: usize = 3;
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let pairs = before.iter().zip(&after);
    let head = pairs.take_while(|(a, b)| a == b).count();
    let pairs = before[head..].iter().rev().zip(after[head..].iter().rev());
    let tail = pairs.take_while(|(a, b)| a == b).count();
    let marked = |mark: &'static str, lines: &[&str]| -> Vec<String> {
        lines.iter().map(|line| format!("{mark}{line}")).collect()
    };
    let (end_before, end_after) = (before.len() - tail, after.len() - tail);
    let shown = [
        marked(" ", &before[head.saturating_sub(AROUND)..head]),
        marked("-", &before[head..end_before]),
        marked("+", &after[head..end_after]),
        marked(" ", &after[end_after..(end_after + AROUND).min(after.len())]),
    ];
    format!("differs from what was reviewed:\n{}", shown.concat().join("\n"))
}

#[test]
fn only_what_differs_is_marked() {
    let told = difference("a\nb\nc\nd\n", "a\nb\nx\ny\nd\n");
    assert_eq!(told, "differs from what was reviewed:\n a\n b\n-c\n+x\n+y\n d");
    assert_eq!(difference("a", "a\nb"), "differs from what was reviewed:\n a\n+b");
}

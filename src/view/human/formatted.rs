//! What `fmt` would change.

use crate::view::text::{ADD, DIM, NAME, REMOVE, paint};

/// A unified diff in colours.
pub fn diff(unified: &str) -> String {
    unified
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let style = match line.chars().next() {
                // The first two lines name the file.
                _ if index < 2 => NAME,
                Some('+') => ADD,
                Some('-') => REMOVE,
                Some('@' | '\\') => DIM,
                _ => return format!("{line}\n"),
            };
            format!("{}\n", paint(style, line))
        })
        .collect()
}

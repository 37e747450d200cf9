//! `.dockerignore`, by Docker's rules (moby/patternmatcher, "Dockerignore files"): the last pattern that fits decides,
//! `!` takes back, `*` stops at a slash, `**` does not, and what is in an ignored folder is ignored.

use regex::Regex;

/// The patterns of a file.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    takes_back: bool,
    text: String,
    regex: Regex,
}

/// What becomes of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    /// It is sent.
    Sent,
    /// It is not, but something in it may be.
    Entered,
    /// Nothing in it is.
    Skipped,
}

impl Ignore {
    /// Reads a `.dockerignore`.
    ///
    /// # Errors
    /// The pattern that is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for line in text.lines() {
            // A comment has its mark in the first column; a pattern may have blanks before it.
            let line = if line.starts_with('#') { "" } else { line.trim() };
            let (takes_back, rest) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let text = cleaned(rest);
            if rest.is_empty() || text.is_empty() {
                continue;
            }
            let regex = Regex::new(&translated(&text)).map_err(|_| line.to_owned())?;
            patterns.push(Pattern {
                takes_back,
                text,
                regex,
            });
        }
        Ok(Self { patterns })
    }

    /// Whether `path`, relative and with slashes, is left out.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let mut ignored = false;
        for pattern in &self.patterns {
            // Only a pattern that would change the answer has to be looked at.
            if pattern.takes_back == ignored && pattern.fits(path) {
                ignored = !pattern.takes_back;
            }
        }
        ignored
    }

    /// What becomes of the folder at `path`.
    pub(super) fn folder(&self, path: &str) -> Folder {
        if !self.ignores(path) {
            return Folder::Sent;
        }
        let inside = format!("{path}/");
        let may_hold = |pattern: &&Pattern| {
            // Up to its first wildcard a pattern is a plain path; either may lead into the other.
            let plain = pattern.text.split(['*', '?', '[', '\\']).next().unwrap_or_default();
            let whole = plain.len() == pattern.text.len();
            format!("{plain}/").starts_with(&inside) || !whole && inside.starts_with(plain)
        };
        let taken_back = self.patterns.iter().filter(|pattern| pattern.takes_back);
        match taken_back.filter(may_hold).count() {
            0 => Folder::Skipped,
            _ => Folder::Entered,
        }
    }
}

impl Pattern {
    /// Whether it fits a path or a folder that the path is in.
    fn fits(&self, path: &str) -> bool {
        let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        folders.chain([path]).any(|one| self.regex.is_match(one))
    }
}

/// A path without `.`, `..`, doubled slashes, and slashes at its ends, as Go's `filepath.Clean` leaves it.
fn cleaned(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if pattern.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A pattern as a regular expression.
fn translated(pattern: &str) -> String {
    let mut regex = String::from("^(?s:");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                if rest.peek() == Some(&'/') {
                    rest.next();
                }
                regex.push_str(if rest.peek().is_none() { ".*" } else { "(?:.*/)?" });
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' | ']' => regex.push(c),
            '\\' => {
                let escaped = rest.next().unwrap_or('\\');
                regex.push_str(&regex::escape(&escaped.to_string()));
            }
            '^' | '-' => regex.push(c),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push_str(")$");
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored<'p>(file: &str, paths: &[&'p str]) -> Vec<&'p str> {
        let ignore = Ignore::read(file).unwrap();
        paths.iter().copied().filter(|path| ignore.ignores(path)).collect()
    }

    #[test]
    fn patterns_fit_as_docker_says() {
        // "Dockerignore files" in Docker's documentation has these examples.
        let paths = ["temp", "atemp", "a/temp", "a/tempo", "a/b/temp", "temp/x", "tempa"];
        assert_eq!(ignored("*/temp*", &paths), ["a/temp", "a/tempo"]);
        assert_eq!(ignored("*/*/temp*", &paths), ["a/b/temp"]);
        assert_eq!(ignored("temp?", &paths), ["tempa"]);
        assert_eq!(ignored("temp", &paths), ["temp", "temp/x"]);
        assert_eq!(ignored("**/temp", &paths), ["temp", "a/temp", "a/b/temp", "temp/x"]);
        assert_eq!(ignored("/temp/", &paths), ["temp", "temp/x"]);
        assert_eq!(ignored("a/**", &paths), ["a/temp", "a/tempo", "a/b/temp"]);
        assert_eq!(ignored("[ab]temp", &paths), ["atemp"]);
        assert_eq!(ignored("# temp\n\n  tempa  \n", &paths), ["tempa"]);
        assert_eq!(ignored("./x/../temp", &paths), ["temp", "temp/x"]);
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let paths = ["README.md", "a.md", "README-secret.md", "src/lib.rs", "src/main.rs"];
        assert_eq!(
            ignored("*.md\n!README*.md\nREADME-secret.md", &paths),
            ["a.md", "README-secret.md"]
        );
        assert_eq!(ignored("*.md\nREADME-secret.md\n!README*.md", &paths), ["a.md"]);
        assert_eq!(
            ignored("*\n!src/lib.rs", &paths),
            ["README.md", "a.md", "README-secret.md", "src/main.rs"]
        );
        assert_eq!(ignored("*.(x)\n!**", &["a.(x)"]), Vec::<&str>::new());
    }

    #[test]
    fn an_ignored_folder_is_entered_only_if_something_in_it_may_be_taken_back() {
        let folder = |file: &str, path: &str| Ignore::read(file).unwrap().folder(path);
        assert_eq!(folder("target", "target"), Folder::Skipped);
        assert_eq!(folder("target", "src"), Folder::Sent);
        assert_eq!(folder("*\n!src/lib.rs", "src"), Folder::Entered);
        assert_eq!(folder("*\n!src/lib.rs", "target"), Folder::Skipped);
        assert_eq!(folder("*\n!src", "src"), Folder::Sent);
        assert_eq!(folder("*\n!**/keep.txt", "target"), Folder::Entered);
        assert_eq!(folder("*\n!src/*.rs", "src"), Folder::Entered);
        assert_eq!(folder("*\n!src/*.rs", "target"), Folder::Skipped);
    }

    #[test]
    fn a_pattern_that_is_none_is_named() {
        assert_eq!(Ignore::read("a\n[b").unwrap_err(), "[b");
    }
}

//! From one text to another that is nearly as well formed.

use fastrand::Rng;

/// Letters that break what counts bytes, columns or code points, or that the template markers use.
const ODD: &[char] = &[
    '\u{0}',
    '\u{7f}',
    '\u{85}',
    '\u{a0}',
    '\u{301}',
    '\u{200b}',
    '\u{202e}',
    '\u{2028}',
    '\u{e000}',
    '\u{e001}',
    '\u{e002}',
    '\u{feff}',
    '\u{fffd}',
    '\u{1f600}',
    'ß',
    'İ',
    '\t',
    '\r',
    '\n',
    '"',
    '\'',
    '\\',
    '`',
    '{',
    '}',
    '[',
    ']',
    ':',
    '-',
    '#',
    '!',
    '&',
    '*',
    '?',
    '|',
    '>',
    '%',
    '@',
    '$',
    '~',
    '=',
    ',',
    '.',
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "00",
    "0.1",
    "1e999",
    "-1e-999",
    "1_000",
    "0x7fffffffffffffff",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "1e400",
    "nan",
    "inf",
    ".inf",
    "4294967296",
    "2147483648",
    "65536",
    "1.7976931348623157e308",
    "0o17",
    "1.",
    "1e",
    "10.0.0.0/33",
    "::/0",
    "999999999999999999999",
];

/// Brackets that nest.
const NESTS: &[(&str, &str)] = &[
    ("[", "]"),
    ("{a: ", "}"),
    ("{\"a\": ", "}"),
    ("{\"Fn::Join\": [\"\", [", "]]}"),
    ("a.", ""),
    ("- ", ""),
    ("? ", ""),
    ("(", ")"),
    ("{{ ", " }}"),
    ("{% if x %}", "{% endif %}"),
    ("list<", ">"),
    ("!Sub ", ""),
    ("&a ", ""),
    ("not ", ""),
    ("-", ""),
];

/// One to six changes to `text`; the result has at most `largest` bytes.
pub fn mutate(text: &str, pool: &[String], words: &[&str], random: &mut Rng, largest: usize) -> String {
    let mut text = text.to_owned();
    for _ in 0..random.usize(1..=6) {
        text = change(&text, pool, words, random);
        if text.len() > largest {
            text.truncate(boundary(&text, largest));
        }
    }
    text
}

fn change(text: &str, pool: &[String], words: &[&str], random: &mut Rng) -> String {
    let other = random.choice(pool).map_or("", String::as_str);
    match random.u32(0..20) {
        0 => flip(text, random),
        1 => insert(text, &odd(random), random),
        2 => remove(text, random),
        3 => repeat(text, random),
        4 | 5 => lines(text, random),
        6 => {
            let lines: Vec<&str> = other.split_inclusive('\n').collect();
            let from = random.usize(0..=lines.len());
            let count = random.usize(0..=8);
            let piece: String = lines.into_iter().skip(from).take(count).collect();
            insert_line(text, &piece, random)
        }
        7 | 8 => {
            let piece = token(other, random)
                .map_or("", |(from, to)| &other[from..to])
                .to_owned();
            replace_token(text, &piece, random)
        }
        9..=11 => {
            let word = random.choice(words).copied().unwrap_or_default();
            if random.bool() {
                insert(text, word, random)
            } else {
                replace_token(text, word, random)
            }
        }
        12 => replace_token(text, random.choice(NUMBERS).copied().unwrap_or_default(), random),
        13 => nest(text, random),
        14 => {
            let piece = token(text, random).map_or("x", |(from, to)| &text[from..to]);
            let times = random.choice([2, 10, 64, 256, 5_000]).unwrap_or(2);
            let long = piece.repeat(times.min(1 + 20_000 / piece.len().max(1)));
            replace_token(text, &long, random)
        }
        15 => text[..boundary(text, random.usize(0..=text.len()))].to_owned(),
        16 => swap_tokens(text, random),
        17 => {
            // The first half of one, the second of another: by lines, so that much of it stays well formed.
            let (a, b) = (text.lines().count(), other.lines().count());
            let head: String = text.split_inclusive('\n').take(random.usize(0..=a)).collect();
            let tail: String = other.split_inclusive('\n').skip(random.usize(0..=b)).collect();
            head + &tail
        }
        18 => {
            let (from, to) = range(text, random);
            let piece = text[from..to].to_owned();
            insert(text, &piece, random)
        }
        _ => {
            let quote = random
                .choice(["\"", "'", "\"\"\"", "'''", "${", "}", "{{", "}}", "{%", "%}"])
                .unwrap_or("\"");
            insert(text, quote, random)
        }
    }
}

fn odd(random: &mut Rng) -> String {
    let count = random.usize(1..=4);
    (0..count).filter_map(|_| random.choice(ODD)).collect()
}

fn boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn range(text: &str, random: &mut Rng) -> (usize, usize) {
    let from = boundary(text, random.usize(0..=text.len()));
    let to = boundary(text, from + random.usize(0..=64));
    (from, to.max(from))
}

fn flip(text: &str, random: &mut Rng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(byte) = random.choice(&mut bytes) {
        *byte ^= 1 << random.u32(0..8);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn insert(text: &str, piece: &str, random: &mut Rng) -> String {
    let at = boundary(text, random.usize(0..=text.len()));
    format!("{}{piece}{}", &text[..at], &text[at..])
}

fn remove(text: &str, random: &mut Rng) -> String {
    let (from, to) = range(text, random);
    format!("{}{}", &text[..from], &text[to..])
}

fn repeat(text: &str, random: &mut Rng) -> String {
    let (from, to) = range(text, random);
    let times = random.choice([2, 3, 17, 200]).unwrap_or(2);
    format!("{}{}{}", &text[..from], text[from..to].repeat(times), &text[to..])
}

fn insert_line(text: &str, piece: &str, random: &mut Rng) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = random.usize(0..=lines.len());
    lines.insert(at, piece);
    lines.concat()
}

/// Takes a line away, doubles it, moves it, or changes its indentation.
fn lines(text: &str, random: &mut Rng) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let at = random.usize(0..lines.len());
    match random.u32(0..5) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let line = lines.remove(at);
            let to = random.usize(0..=lines.len());
            lines.insert(to, line);
        }
        3 => lines[at].insert_str(0, random.choice([" ", "  ", "\t", "- ", "# "]).unwrap_or(" ")),
        _ => lines[at] = lines[at].trim_start().to_owned(),
    }
    lines.concat()
}

/// A run of letters and digits, or a single sign.
fn token(text: &str, random: &mut Rng) -> Option<(usize, usize)> {
    let start = boundary(text, random.usize(0..=text.len()));
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let from = text[..start]
        .rfind(|c| !is_word(c))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let to = text[start..].find(|c| !is_word(c)).map_or(text.len(), |at| start + at);
    (from < to).then_some((from, to))
}

fn replace_token(text: &str, piece: &str, random: &mut Rng) -> String {
    match token(text, random) {
        Some((from, to)) => format!("{}{piece}{}", &text[..from], &text[to..]),
        None => insert(text, piece, random),
    }
}

fn swap_tokens(text: &str, random: &mut Rng) -> String {
    match (token(text, random), token(text, random)) {
        (Some(a), Some(b)) if a.1 <= b.0 => {
            let parts = [
                &text[..a.0],
                &text[b.0..b.1],
                &text[a.1..b.0],
                &text[a.0..a.1],
                &text[b.1..],
            ];
            parts.concat()
        }
        _ => text.to_owned(),
    }
}

fn nest(text: &str, random: &mut Rng) -> String {
    let (open, close) = random.choice(NESTS).copied().unwrap_or(("[", "]"));
    let depth = random.choice([1, 2, 30, 79, 81, 101, 300, 4_000]).unwrap_or(1);
    let (from, to) = token(text, random).unwrap_or((0, 0));
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    format!("{}{open}{}{close}{}", &text[..from], &text[from..to], &text[to..])
}

//! Seeds, mutation, judgement: the loop that every reader goes through.
//!
//! Deterministic: the same seeds and the same number of cases give the same inputs. Without coverage to steer by, an
//! input whose answer reads unlike all answers before it joins the pool that further inputs are made from.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::mutate::mutate;

/// A reader under test.
pub struct Reader {
    /// The folder below `tests/fuzz/corpus/` that its seeds lie in.
    pub name: &'static str,
    /// Seeds from elsewhere: the project's own files.
    pub seeds: Vec<String>,
    /// Words of the format.
    pub words: &'static [&'static str],
    /// Well-formed documents, or nearly so.
    pub grammar: BoxedStrategy<String>,
    /// Reads an input; gives what marks the answer, or what did not hold.
    pub check: fn(&str) -> Result<Answer, String>,
}

/// Hashes of what an answer says: two inputs with the same ones exercise the same code.
pub type Answer = Vec<u64>;

/// How many inputs a plain `cargo test` tries of each reader; a few seconds of an unoptimised build.
const CASES: u64 = 400;

/// Inputs grow by mutation up to here.
const LARGEST: usize = 64 * 1024;

/// Under a time limit, an input that takes longer than this is a hang, in an unoptimised build on a busy machine too.
const HANG: Duration = Duration::from_secs(30);

/// A mark for `text`; names and numbers in backticks are left out.
pub fn mark(text: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 0 {
            part.trim_matches(|c: char| c.is_ascii_digit()).hash(&mut hash);
        }
    }
    hash.finish()
}

/// Tries `reader` on its seeds and on what comes of them: for `MLINFRA_FUZZ_SECONDS`, else a fixed number of inputs.
/// Panics with the first input that does not hold, after it was made smaller and kept in the corpus.
pub fn run(reader: &Reader) {
    let seconds = std::env::var("MLINFRA_FUZZ_SECONDS").ok().map(|text| {
        let seconds = text.parse().expect("MLINFRA_FUZZ_SECONDS is a whole number");
        Duration::from_secs(seconds)
    });
    let watch = seconds.map(|_| Watch::start(reader.name));
    let mut pool = seeds(reader);
    let mut known = BTreeSet::new();
    for seed in &pool {
        known.extend(judge(reader, seed, watch.as_ref()));
    }
    let begun = Instant::now();
    let mut generator = TestRunner::deterministic();
    let mut slowest = (Duration::ZERO, String::new());
    let mut case = 0;
    while seconds.map_or(case < CASES, |limit| begun.elapsed() < limit) {
        let mut random = fastrand::Rng::with_seed(case);
        let grown = match case % 4 {
            0 => Some(reader.grammar.new_tree(&mut generator).expect("generates").current()),
            _ => None,
        };
        let input = match grown {
            Some(grown) if random.bool() => grown,
            Some(grown) => mutate(&grown, &pool, reader.words, &mut random, LARGEST),
            None => {
                let seed = random.choice(&pool).cloned().unwrap_or_default();
                mutate(&seed, &pool, reader.words, &mut random, LARGEST)
            }
        };
        let from = Instant::now();
        let answer = judge(reader, &input, watch.as_ref());
        if from.elapsed() > slowest.0 {
            slowest = (from.elapsed(), input.clone());
        }
        let before = known.len();
        known.extend(answer);
        if known.len() > before && pool.len() < 5_000 && input.len() <= LARGEST / 4 {
            pool.push(input);
        }
        case += 1;
    }
    if seconds.is_some() {
        let path = scratch(reader.name, "slowest");
        std::fs::write(&path, &slowest.1).expect("writes");
        say(&format!(
            "{}: {case} inputs, {} kinds of answers, the slowest took {:?} ({})",
            reader.name,
            known.len(),
            slowest.0,
            path.display()
        ));
    }
}

/// The kept corpus in the order of its names, then the project's own files.
fn seeds(reader: &Reader) -> Vec<String> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(corpus(reader.name))
        .map(|entries| entries.map(|entry| entry.expect("reads").path()).collect())
        .unwrap_or_default();
    paths.sort();
    let kept = paths.iter().map(|path| {
        let bytes = std::fs::read(path).expect("reads");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let seeds: Vec<String> = kept.chain(reader.seeds.iter().cloned()).collect();
    assert!(!seeds.is_empty(), "no seeds for {}", reader.name);
    seeds
}

fn judge(reader: &Reader, input: &str, watch: Option<&Watch>) -> Answer {
    if let Some(watch) = watch {
        watch.begin(input);
    }
    let verdict = trial(reader, input);
    if let Some(watch) = watch {
        watch.end();
    }
    match verdict {
        Ok(answer) => answer,
        Err(first) => {
            let small = minimise(reader, input);
            let why = trial(reader, &small).err().unwrap_or(first);
            let path = keep(reader.name, "crash", &small);
            panic!("{}: {why}\nthe input is kept in {}", reader.name, path.display());
        }
    }
}

/// Reads once; a panic is an answer that does not hold.
fn trial(reader: &Reader, input: &str) -> Result<Answer, String> {
    catch_unwind(AssertUnwindSafe(|| (reader.check)(input))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

/// Leaves lines, then characters, out as long as the rest still fails; a bounded number of attempts.
fn minimise(reader: &Reader, input: &str) -> String {
    let mut best = input.to_owned();
    let mut attempts = 2_000;
    for by_line in [true, false] {
        let split = |text: &str| -> Vec<String> {
            if by_line {
                text.split_inclusive('\n').map(str::to_owned).collect()
            } else {
                text.chars().map(String::from).collect()
            }
        };
        let mut pieces = split(&best);
        let mut size = pieces.len() / 2;
        while size > 0 && attempts > 0 {
            let mut at = 0;
            while at < pieces.len() && attempts > 0 {
                attempts -= 1;
                let end = (at + size).min(pieces.len());
                let rest = [&pieces[..at], &pieces[end..]].concat();
                if trial(reader, &rest.concat()).is_err() {
                    pieces = rest;
                } else {
                    at = end;
                }
            }
            size /= 2;
        }
        best = pieces.concat();
    }
    best
}

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(name)
}

/// Keeps an input for ever: from now on it is a seed.
fn keep(name: &str, what: &str, input: &str) -> PathBuf {
    let mut hash = DefaultHasher::new();
    input.hash(&mut hash);
    let folder = corpus(name);
    std::fs::create_dir_all(&folder).expect("makes the folder");
    let path = folder.join(format!("{what}-{:016x}", hash.finish()));
    std::fs::write(&path, input).expect("writes");
    path
}

/// Past the harness, which would keep it until the end.
fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").expect("writes");
}

fn scratch(name: &str, what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("mlinfra-fuzz-{name}-{what}"))
}

/// Sees that each input comes to an end. What kills the whole process (an overflowing stack) leaves its input behind.
struct Watch {
    name: &'static str,
    current: Arc<Mutex<String>>,
    /// Milliseconds since the start at which the input began, plus one; 0 between inputs.
    since: Arc<AtomicU64>,
    start: Instant,
}

impl Watch {
    fn start(name: &'static str) -> Self {
        let watch = Self {
            name,
            current: Arc::default(),
            since: Arc::default(),
            start: Instant::now(),
        };
        let (current, since, start) = (Arc::clone(&watch.current), Arc::clone(&watch.since), watch.start);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let began = since.load(Ordering::SeqCst);
                if began > 0 && start.elapsed() > Duration::from_millis(began) + HANG {
                    let path = keep(name, "hang", &current.lock().expect("not poisoned"));
                    say(&format!(
                        "{name}: no answer in {HANG:?}; the input is kept in {}",
                        path.display()
                    ));
                    std::process::abort();
                }
            }
        });
        watch
    }

    fn begin(&self, input: &str) {
        std::fs::write(scratch(self.name, "current"), input).expect("writes");
        input.clone_into(&mut self.current.lock().expect("not poisoned"));
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(now + 1, Ordering::SeqCst);
    }

    fn end(&self) {
        self.since.store(0, Ordering::SeqCst);
    }
}

//! Prints what the budgets of the design are and what this machine measures, beside the peers that are installed.
//!
//! `cargo bench --bench budgets`; `docs/benchmarks.md` explains the rows. Nothing here fails a build. Budgets that are not
//! about the wall clock (calls, simulated time) are asserted by tests, in `src/engine/tests/`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a program that measures"
)]

mod chain;
mod memory;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MLINFRA: &str = env!("CARGO_BIN_EXE_mlinfra");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some([_, mix]) = arguments.windows(2).find(|pair| pair[0] == "--memory") {
        return memory::measure_here(mix);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = std::env::temp_dir().join(format!("mlinfra-bench-{}", std::process::id()));
    fs_err::create_dir_all(&scratch).unwrap();
    heading();
    starting();
    validating(root, &scratch);
    applying(&scratch);
    applying_over_http(&scratch);
    row_of(
        "memory: 100 environments × 20 stacks",
        "200 MB",
        memory::peak(memory::Mix::Teams),
        "MB",
    );
    row_of(
        "  the same if all were four times prod",
        "",
        memory::peak(memory::Mix::FourTimesProd),
        "MB",
    );
    let size = fs_err::metadata(MLINFRA).unwrap().len() as f64 / (1024.0 * 1024.0);
    row_of("size of the binary", "35 MB", Some(size), "MB");
    fs_err::remove_dir_all(&scratch).ok();
}

fn starting() {
    row(
        "mlinfra --version",
        "5 ms",
        times(50, || run(Command::new(MLINFRA).arg("--version"))),
    );
    for (peer, arguments) in [("terraform", "version"), ("aws", "--version"), ("cdk", "--version")] {
        row(&format!("  {peer} {arguments}"), "", peer_times(peer, &[arguments], 3));
    }
}

fn validating(root: &Path, scratch: &Path) {
    let ours = times(30, || {
        run(Command::new(MLINFRA).args(["validate", "prod"]).current_dir(root))
    });
    let templates = rendered_templates(root, scratch);
    let named = |first: &str| -> Vec<String> { std::iter::once(first.to_owned()).chain(templates.clone()).collect() };
    let peer = peer_times("cfn-lint", &named("--"), 3);
    let faster = least(&peer).zip(least(&ours)).map(|(peer, ours)| peer / ours);
    row("mlinfra validate prod", "50 ms", ours);
    row(
        "mlinfra lint, the templates that prod renders",
        "",
        times(30, || run(Command::new(MLINFRA).args(named("lint")))),
    );
    row("  cfn-lint on the same templates", "", peer);
    row_of("  validate prod is faster than cfn-lint by", "30 x", faster, "x");
}

/// The shortest, in seconds: the one that the machine's other work disturbed least.
fn least(times: &[Duration]) -> Option<f64> {
    times.iter().min().map(Duration::as_secs_f64)
}

/// The sandbox in the same process, its state on disk.
fn applying(scratch: &Path) {
    let folder = chain::ours(&scratch.join("embedded"));
    let call = |arguments: &[&str]| {
        let mut command = Command::new(MLINFRA);
        command
            .args(arguments)
            .current_dir(&folder)
            .env("MLINFRA_SANDBOX", "1")
            .env("MLINFRA_SANDBOX_TIME_SCALE", "1000000");
        run(&mut command);
    };
    row(
        "apply, 10 stacks, 4 deep, instant backend",
        "1 s",
        times(1, || call(&["apply", "dev", "--yes"])),
    );
    row(
        "plan with nothing to do, 10 stacks",
        "150 ms",
        times(20, || call(&["plan", "dev"])),
    );
    row(
        "destroy, 10 stacks",
        "",
        times(1, || call(&["destroy", "dev", "--yes"])),
    );
}

/// The sandbox as a server: the engine's waits are real ones, as they are for a peer on the same server.
fn applying_over_http(scratch: &Path) {
    let served = chain::Served::start(MLINFRA);
    let folder = chain::ours(&scratch.join("served"));
    let call = |arguments: &[&str]| run(&mut served.call(MLINFRA, arguments, &folder));
    call(&["bootstrap", "dev"]);
    row(
        "apply, the same over HTTP",
        "1 s",
        times(1, || call(&["apply", "dev", "--yes"])),
    );
    row(
        "plan with nothing to do, over HTTP",
        "150 ms",
        times(10, || call(&["plan", "dev"])),
    );
    let peer = chain::sceptre(scratch);
    for (what, arguments) in [
        ("  sceptre launch, the same stacks", ["launch", "-y", "dev"]),
        ("  sceptre launch with nothing to do", ["launch", "-y", "dev"]),
    ] {
        let found = served.call("sceptre", &["--version"], &peer).output().is_ok();
        let took = found.then(|| times(1, || run(&mut served.call("sceptre", &arguments, &peer))));
        row(what, "", took.unwrap_or_default());
    }
}

fn heading() {
    println!("{:<46} {:>8} {:>12} {:>12}", "what", "budget", "median", "least");
}

/// A row of times; empty if there was nothing to measure.
fn row(what: &str, budget: &str, mut times: Vec<Duration>) {
    times.sort();
    let shown = |time: Option<&Duration>| {
        time.map_or_else(
            || "not here".to_owned(),
            |time| format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        )
    };
    println!(
        "{what:<46} {budget:>8} {:>12} {:>12}",
        shown(times.get(times.len() / 2)),
        shown(times.first())
    );
}

fn row_of(what: &str, budget: &str, amount: Option<f64>, unit: &str) {
    let amount = amount.map_or_else(|| "not here".to_owned(), |amount| format!("{amount:.1} {unit}"));
    println!("{what:<46} {budget:>8} {amount:>12}");
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn times(count: usize, mut action: impl FnMut()) -> Vec<Duration> {
    (0..count)
        .map(|_| {
            let began = Instant::now();
            action();
            began.elapsed()
        })
        .collect()
}

/// Times of a peer's command, none if the peer is not installed. cfn-lint exits with findings; that is no failure.
fn peer_times(program: &str, arguments: &[impl AsRef<std::ffi::OsStr>], count: usize) -> Vec<Duration> {
    let call = || Command::new(program).args(arguments).stdin(Stdio::null()).output();
    if call().is_err() {
        return Vec::new();
    }
    times(count, || {
        call().ok();
    })
}

/// The rendered templates of prod, one file each.
fn rendered_templates(root: &Path, scratch: &Path) -> Vec<String> {
    let output = Command::new(MLINFRA)
        .args(["render", "prod", "--format", "json"])
        .current_dir(root)
        .output()
        .unwrap();
    let rendered: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    rendered
        .iter()
        .map(|(stack, template)| {
            let path = scratch.join(format!("{stack}.json"));
            fs_err::write(&path, template.to_string()).unwrap();
            path.to_string_lossy().into_owned()
        })
        .collect()
}

//! Prints what the budgets of the design are and what this machine measures, beside the peers that are installed.
//!
//! `cargo bench --bench budgets`. Times are medians; nothing here fails a build.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program that measures"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MLINFRA: &str = env!("CARGO_BIN_EXE_mlinfra");

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = std::env::temp_dir().join(format!("mlinfra-bench-{}", std::process::id()));
    let chain = write_chain(&scratch);

    println!("{:<58} {:>12} {:>12}", "what", "budget", "here");
    let version = median(20, || run(Command::new(MLINFRA).arg("--version")));
    row("mlinfra --version", "5 ms", Some(version));
    for (peer, arguments) in [("terraform", "version"), ("aws", "--version"), ("cdk", "--version")] {
        row(&format!("  {peer} {arguments}"), "", peer_time(peer, &[arguments], 3));
    }

    let validate = median(20, || {
        run(Command::new(MLINFRA).args(["validate", "prod"]).current_dir(root))
    });
    row("mlinfra validate prod", "50 ms", Some(validate));
    let templates = rendered_templates(root, &scratch);
    let mut lint: Vec<&str> = vec!["--"];
    lint.extend(templates.iter().map(String::as_str));
    row(
        "  cfn-lint on the same rendered templates",
        "",
        peer_time("cfn-lint", &lint, 1),
    );

    let apply = once(|| run(&mut sandboxed(&chain, &["apply", "dev", "--yes"])));
    row("apply, 10 stacks, depth 4, instant backend", "1 s", Some(apply));
    let plan = median(5, || run(&mut sandboxed(&chain, &["plan", "dev"])));
    row(
        "plan with nothing to do, 10 stacks, instant backend",
        "150 ms",
        Some(plan),
    );
    let destroy = once(|| run(&mut sandboxed(&chain, &["destroy", "dev", "--yes"])));
    row("destroy, 10 stacks, instant backend", "", Some(destroy));

    let size = std::fs::metadata(MLINFRA).unwrap().len() as f64 / (1024.0 * 1024.0);
    println!(
        "{:<58} {:>12} {:>12}",
        "size of the binary",
        "35 MB",
        format!("{size:.1} MB")
    );
    std::fs::remove_dir_all(&scratch).ok();
}

fn row(what: &str, budget: &str, here: Option<Duration>) {
    let here = here.map_or_else(
        || "not here".to_owned(),
        |time| format!("{:.1} ms", time.as_secs_f64() * 1000.0),
    );
    println!("{what:<58} {budget:>12} {here:>12}");
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn once(action: impl FnOnce()) -> Duration {
    let began = Instant::now();
    action();
    began.elapsed()
}

fn median(times: usize, mut action: impl FnMut()) -> Duration {
    let mut all: Vec<Duration> = (0..times).map(|_| once(&mut action)).collect();
    all.sort();
    all[times / 2]
}

/// The median time of a peer's command, if the peer is installed. cfn-lint exits with findings; that is no failure.
fn peer_time(program: &str, arguments: &[&str], times: usize) -> Option<Duration> {
    let call = || Command::new(program).args(arguments).stdin(Stdio::null()).output();
    call().ok()?;
    Some(median(times, || {
        call().ok();
    }))
}

fn sandboxed(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(MLINFRA);
    command
        .args(arguments)
        .current_dir(folder)
        .env("MLINFRA_SANDBOX", "1")
        .env("MLINFRA_SANDBOX_TIME_SCALE", "1000000");
    command
}

/// The rendered templates of prod, one file each.
fn rendered_templates(root: &Path, scratch: &Path) -> Vec<String> {
    let output = Command::new(MLINFRA)
        .args(["render", "prod", "--format", "json"])
        .current_dir(root)
        .output()
        .unwrap();
    let rendered: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let stacks = rendered["stacks"].as_array().unwrap();
    stacks
        .iter()
        .map(|stack| {
            let path = scratch.join(format!("{}.json", stack["name"].as_str().unwrap()));
            std::fs::write(&path, stack["template"].to_string()).unwrap();
            path.to_string_lossy().into_owned()
        })
        .collect()
}

/// A project of ten stacks in four layers, each made of one cheap resource.
fn write_chain(scratch: &Path) -> PathBuf {
    for folder in ["environments", "modules", "templates/cloudformation"] {
        std::fs::create_dir_all(scratch.join(folder)).unwrap();
    }
    let module = "[module]\nname = \"link\"\nsummary = \"one parameter\"\n\n[inputs.previous]\ntype = \"string\"\ndefault = \"none\"\ndoc = \"what comes before\"\n\n[outputs.name]\ntype = \"string\"\ndoc = \"its name\"\n";
    let template = "Resources:\n  Link:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n      Value: {{ previous }}\nOutputs:\n  Name:\n    Value: !Ref Link\n";
    std::fs::write(scratch.join("modules/link.toml"), module).unwrap();
    std::fs::write(scratch.join("templates/cloudformation/link.yaml"), template).unwrap();
    let mut environment =
        "[project]\nname = \"chain\"\n\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n".to_owned();
    for number in 0..10 {
        environment.push_str(&format!("\n[stacks.link-{number}]\nmodule = \"link\"\n"));
        if number >= 3 {
            environment.push_str(&format!("previous = \"${{link-{}.name}}\"\n", number - 3));
        }
    }
    std::fs::write(scratch.join("environments/dev.toml"), environment).unwrap();
    scratch.to_owned()
}

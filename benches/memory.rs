//! How much memory a plan of very many stacks needs.
//!
//! The program plans one environment a run; here a hundred are rendered and planned in one process, and all of them are
//! kept: environments, templates with positions, and plans.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use mlinfra::module::{Catalogue, render};
use mlinfra::plan::{About, Deployed, Inputs, Kind, plan};
use mlinfra::spec;

const ENVIRONMENTS: usize = 100;

/// What an environment of twenty stacks is made of.
#[derive(Clone, Copy)]
pub enum Mix {
    /// One network, one cluster, one SageMaker domain, and buckets and repositories for many teams.
    Teams,
    /// Everything that prod has, four times over.
    FourTimesProd,
}

/// The most memory that a process of its own had in use, in MB: this program, called again with `--memory MIX`.
pub fn peak(mix: Mix) -> Option<f64> {
    let name = match mix {
        Mix::Teams => "teams",
        Mix::FourTimesProd => "prod",
    };
    let child = Command::new(std::env::current_exe().ok()?)
        .args(["--memory", name])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8_lossy(&child.stdout).trim().parse().ok()
}

/// Renders, plans, keeps, and prints the peak in MB.
pub fn measure_here(name: &str) {
    let text = match name {
        "teams" => teams(),
        _ => four_times_prod(),
    };
    let catalogue = Catalogue::built_in();
    let deployed = Deployed::default();
    let kept: Vec<_> = (0..ENVIRONMENTS)
        .map(|number| {
            let name = format!("e{number}");
            let mut read = |path: &str| match path.ends_with(&format!("/{name}.toml")) {
                true => Ok(text.clone()),
                false => Err(format!("no {path}")),
            };
            let environment = spec::load(&name, &mut read).unwrap_or_else(|problems| panic!("{problems:#?}"));
            let (rendered, _) = render(&environment, &catalogue).unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert_eq!(rendered.stacks.len(), 20);
            let draft = plan(&Inputs {
                kind: Kind::Apply,
                rendered: Some(&rendered),
                deployed: &deployed,
                drawn: &BTreeMap::new(),
                targets: &BTreeSet::new(),
                about: &About::default(),
            });
            assert!(draft.wanted.is_empty() && draft.plan.stacks.len() == 20);
            (rendered, draft.plan)
        })
        .collect();
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    drop(kept);
    if let Some(kilobytes) = kilobytes {
        println!("{:.0}", kilobytes / 1024.0);
    }
}

const HEAD: &str = "[project]\nname = \"many\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n";

fn teams() -> String {
    let mut text = format!("{HEAD}{}", family(0));
    for number in 1..9 {
        text.push_str(&format!("[stacks.storage-{number}]\nmodule = \"s3\"\n"));
    }
    for number in 1..8 {
        text.push_str(&format!(
            "[stacks.images-{number}]\nmodule = \"ecr\"\nrepositories = [\"team-{number}\"]\n"
        ));
    }
    text
}

fn four_times_prod() -> String {
    (0..4).fold(HEAD.to_owned(), |text, number| text + &family(number))
}

/// Five stacks as prod has them, wired to one another.
fn family(number: usize) -> String {
    FAMILY.replace('%', &number.to_string())
}

const FAMILY: &str = r#"
[stacks.network-%]
module = "vpc"
cidr = "10.3%.0.0/16"
availability_zones = 3
nat_gateways = "per-zone"
interface_endpoints = ["ecr.api", "ecr.dkr", "sts", "logs", "sagemaker.api", "sagemaker.runtime"]
flow_logs = "all"
flow_logs_kms = true

[stacks.storage-%]
module = "s3"
kms = true

[stacks.images-%]
module = "ecr"
repositories = ["scorer-%", "trainer-%"]
kms = true

[stacks.cluster-%]
module = "eks"
version = "1.34"
subnets = "${network-%.private_subnet_ids}"
models_bucket = "${storage-%.models_bucket}"
data_bucket = "${storage-%.data_bucket}"
bucket_kms_key_arn = "${storage-%.kms_key_arn}"
pod_identities.scorer = { namespace = "default", service_account = "scorer", models = "read" }

[stacks.ml-%]
module = "sagemaker"
vpc_id = "${network-%.vpc_id}"
subnets = "${network-%.private_subnet_ids}"
models_bucket = "${storage-%.models_bucket}"
data_bucket = "${storage-%.data_bucket}"
kms_key_arn = "${storage-%.kms_key_arn}"
repository_arns = "${images-%.repository_arns}"
domain = true
domain_users = ["ada", "grace"]
model_groups = ["scorer"]
"#;

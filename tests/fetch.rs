//! Modules that come from an archive in S3. Those from Git repositories are in tests/external/fetch.py, which needs Git.

use std::sync::Arc;

use mlinfra::aws::s3::{self, Expect};
use mlinfra::aws::session::{self, Endpoint, Session, SessionOptions};
use mlinfra::clock::Clock;
use mlinfra::sandbox::{Sandbox, SandboxOptions};

use crate::project::Project;

const CONTRACT: &str = "[module]\nname = \"queue\"\nsummary = \"A queue\"\n[inputs.seconds]\ntype = \"integer\"\ndoc = \
                        \"How long.\"\ndefault = 30\n";
const TEMPLATE: &str = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      VisibilityTimeout: {{ \
                        seconds }}\n      SqsManagedSseEnabled: true\n";
const ENVIRONMENT: &str = "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \
                           \"us-east-1\"\n[modules.queue]\ns3 = \"s3://modules/queue-1.tar.gz\"\n[stacks.jobs]\nmodule = \
                           \"queue\"\n";

/// A project that fetches its module from the bucket `modules` of its own sandbox.
fn project() -> Project {
    let project = Project::empty();
    project.write("environments/dev.toml", ENVIRONMENT);
    project
}

/// Puts an archive of these files where the project fetches from.
fn publish(project: &Project, files: &[(&str, &str)]) {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let bytes = archive.into_inner().unwrap().finish().unwrap();
    put(project, &bytes);
}

fn put(project: &Project, bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let session = open(project).await;
        s3::make_bucket(&session, "modules").await.unwrap();
        s3::put(&session, "modules", "queue-1.tar.gz", bytes, &Expect::Anything)
            .await
            .unwrap();
    });
}

pub async fn open(project: &Project) -> Session {
    // As fast as those of the programs that work on it beside.
    let clock = Clock::scaled(1000.0);
    let options = SandboxOptions {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        directory: Some(project.path(".mlinfra/sandbox")),
        clock,
        faults: Vec::new(),
    };
    let sandbox: Arc<Sandbox> = Sandbox::open(options).await.unwrap();
    let options = SessionOptions {
        endpoint: Endpoint::Sandbox(sandbox),
        region: "us-east-1".to_owned(),
        account: "111122223333".to_owned(),
        role_arn: None,
        clock,
        profile: None,
    };
    session::open(options).await.unwrap()
}

fn module(contract: &'static str) -> [(&'static str, &'static str); 2] {
    [
        ("modules/queue.toml", contract),
        ("templates/cloudformation/queue.yaml", TEMPLATE),
    ]
}

#[test]
fn an_archive_is_fetched_once_pinned_and_used_like_any_module() {
    let project = project();
    publish(&project, &module(CONTRACT));
    project.mlinfra("validate").exits(1).says("MLI1402");
    project
        .mlinfra("module fetch --sandbox")
        .exits(0)
        .says("fetched")
        .says("commit it");
    assert!(
        project
            .read("mlinfra.lock")
            .contains("source = \"s3://modules/queue-1.tar.gz\"")
    );
    let again = project
        .mlinfra("module fetch --sandbox --locked --format json")
        .exits(0)
        .json();
    assert_eq!(again["modules"][0]["fetched"], false);
    assert_eq!(again["lock_changed"], false);
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("module list").exits(0).says("fetched");
}

#[test]
fn an_archive_that_was_written_anew_is_refused_until_it_is_meant() {
    let project = project();
    publish(&project, &module(CONTRACT));
    project.mlinfra("module fetch --sandbox").exits(0);
    let pinned = project.read("mlinfra.lock");
    publish(&project, &module("[module]\nname = \"queue\"\nsummary = \"Another\"\n"));
    std::fs::remove_dir_all(project.path(".mlinfra/modules")).unwrap();
    project
        .mlinfra("module fetch --sandbox")
        .exits(1)
        .says("MLI1403")
        .says("--update");
    assert_eq!(project.read("mlinfra.lock"), pinned);
    assert!(!project.path(".mlinfra/modules").exists());
    // The other one lost the input that its template uses, which is told when it is used.
    project.mlinfra("module fetch --sandbox --update").exits(0);
    assert_ne!(project.read("mlinfra.lock"), pinned);
    project.mlinfra("validate").exits(1).says("seconds");
}

#[test]
fn what_is_no_module_is_told_and_leaves_nothing_behind() {
    let project = project();
    publish(&project, &[("modules/other.toml", CONTRACT)]);
    project
        .mlinfra("module fetch --sandbox")
        .exits(1)
        .says("MLI1405")
        .says("modules/other.toml");
    put(&project, b"no archive");
    project
        .mlinfra("module fetch --sandbox")
        .exits(1)
        .says("MLI1404")
        .says("gzipped tar");
    assert!(!project.path("mlinfra.lock").exists() && !project.path(".mlinfra/modules").exists());
}

//! Shipping as people do it: from a layout to replicas that run it, back again, and through everything that goes wrong.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::interrupted::{Run, SLOW};
use crate::project::Project;

mod elsewhere;

/// Everything that a workload needs on each platform, and no more.
const ENVIRONMENT: &str = r#"
[project]
name = "shop"

[environment]
account = "111122223333"
region  = "us-east-1"

[stacks.network]
module = "vpc"

[stacks.storage]
module = "s3"

[stacks.images]
module       = "ecr"
repositories = ["scorer"]

[stacks.cluster]
module = "eks"

[workloads.scorer]
kind  = "api"
on    = "cluster"
image = { layout = "build/scorer", repository = "scorer" }
"#;

/// Ten minutes of a rollout in less than a second, and still slow enough that a deadline of minutes is not over before a
/// busy machine has answered once.
const QUICK: &str = "1000";

/// An empty folder, with time at that pace.
fn empty() -> Project {
    Project::empty().with("MLINFRA_SANDBOX_TIME_SCALE", QUICK)
}

/// An OCI image layout whose one layer holds `content`; returns the digest of its manifest.
fn layout(folder: &Path, content: &str, architecture: &str) -> String {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(blobs.join(&digest), bytes).unwrap();
        (format!("sha256:{digest}"), bytes.len())
    };
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    archive.append_data(&mut header, "server", content.as_bytes()).unwrap();
    let tar = archive.into_inner().unwrap();
    let (unpacked, _) = put(&tar);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).unwrap();
    let (layer, layer_size) = put(&packed.finish().unwrap());
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Entrypoint": ["/server"] },
        "rootfs": { "type": "layers", "diff_ids": [unpacked] },
    });
    let (config, config_size) = put(config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": layer_size }],
    });
    let (manifest, manifest_size) = put(manifest.to_string().as_bytes());
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest,
            "size": manifest_size,
            "platform": { "architecture": architecture, "os": "linux" },
        }],
    });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    manifest
}

/// A project whose stacks are applied, with the first version of its image.
fn applied() -> (Project, String) {
    let project = empty();
    project.write("environments/dev.toml", ENVIRONMENT);
    let digest = layout(&project.path("build/scorer"), "one", "amd64");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    (project, digest)
}

/// What `workloads` says of one of them.
fn of(project: &Project, workload: &str) -> Value {
    let list = project.mlinfra("workloads dev --sandbox --format json").exits(0).json();
    let all = list["workloads"].as_array().unwrap();
    all.iter().find(|one| one["workload"] == workload).unwrap().clone()
}

/// The last operation, as `status` shows it.
fn last_operation(project: &Project) -> Value {
    project.mlinfra("status dev --sandbox --format json").exits(0).json()["last_operation"].clone()
}

#[track_caller]
fn serves(project: &Project, digest: &str) {
    let scorer = of(project, "scorer");
    let image = scorer["serving"]["image"].as_str().unwrap();
    assert!(image.ends_with(digest), "{scorer:#}");
    assert_eq!(scorer["running"]["healthy"], true, "{scorer:#}");
    let images = scorer["running"]["images"].as_array().unwrap();
    assert!(!images.is_empty(), "{scorer:#}");
    assert!(
        images.iter().all(|image| image.as_str().unwrap().ends_with(digest)),
        "{scorer:#}"
    );
}

#[test]
fn a_workload_is_shipped_changed_and_rolled_back() {
    let (project, one) = applied();
    project
        .mlinfra("ship dev --sandbox --plan --detailed-exitcode")
        .exits(2)
        .says("+ Deployment default/scorer")
        .says("would be pushed");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("Shipped to dev")
        .says("runs as asked");
    serves(&project, &one);
    assert_eq!(last_operation(&project)["kind"], "ship");

    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("Nothing to ship");
    project
        .mlinfra("rollback dev scorer --sandbox --yes")
        .exits(1)
        .says("MLI1531");

    let two = layout(&project.path("build/scorer"), "two", "amd64");
    assert_ne!(one, two);
    project
        .mlinfra("plan dev --sandbox --ship --detailed-exitcode")
        .exits(2)
        .says("~ Deployment default/scorer")
        .says("image");
    project.mlinfra("ship dev scorer --sandbox --yes").exits(0);
    serves(&project, &two);

    project
        .mlinfra("rollback dev scorer --sandbox --yes")
        .exits(0)
        .says("Rolled back dev");
    serves(&project, &one);
    assert_eq!(last_operation(&project)["kind"], "rollback");
    project.mlinfra("rollback dev scorer --sandbox --yes").exits(0);
    serves(&project, &two);
}

/// The words of a failure, by what goes wrong.
const FAILURES: [(&str, &str); 5] = [
    ("image-pull", "MLI16"),
    ("crash", "MLI16"),
    ("oom", "MLI16"),
    ("never-ready", "MLI16"),
    ("unschedulable", "MLI16"),
];

#[test]
fn a_release_that_does_not_come_to_run_is_explained_and_what_ran_before_is_put_back() {
    let (project, one) = applied();
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    let two = layout(&project.path("build/scorer"), "two", "amd64");
    for (fails, code) in FAILURES {
        project.write(
            "faults.toml",
            format!("[[fault]]\nworkload = \"scorer\"\nfails = \"{fails}\"\nimage = \"{two}\"\n"),
        );
        let mut command = project.command("ship dev --sandbox --yes".split(' '));
        command.env("MLINFRA_SANDBOX_FAULTS", project.path("faults.toml"));
        project
            .outcome(command)
            .exits(7)
            .says(code)
            .says("what ran before was put back");
        serves(&project, &one);
        let operation = last_operation(&project);
        assert_eq!(
            (&operation["kind"], &operation["result"]),
            (&json!("ship"), &json!("failed"))
        );
    }
    // What was in the way is gone: the same command ships it.
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    serves(&project, &two);
}

#[test]
fn what_is_missing_is_told_before_anything_is_changed() {
    let project = empty();
    project.write("environments/dev.toml", ENVIRONMENT);
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(1)
        .says("MLI1530")
        .says("mlinfra apply dev --sandbox");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project
        .mlinfra("ship dev scorr --sandbox --yes")
        .exits(1)
        .says("did you mean `scorer`?");
    // No layout is there.
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(1)
        .says("build/scorer")
        .says("MLI15");
    // One for another architecture.
    layout(&project.path("build/scorer"), "one", "arm64");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(1)
        .says("arm64")
        .says("amd64");
    // One of which a byte has changed.
    let digest = layout(&project.path("build/scorer"), "one", "amd64");
    let blob = project.path(&format!("build/scorer/blobs/{}", digest.replace(':', "/")));
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[0] = b' ';
    std::fs::write(&blob, bytes).unwrap();
    project.mlinfra("ship dev --sandbox --yes").exits(1).says("MLI15");
    assert_eq!(of(&project, "scorer")["drift"], "not_shipped");
    assert_eq!(last_operation(&project)["kind"], "apply");
}

#[test]
fn without_an_engine_a_folder_is_not_built_and_the_ways_without_one_are_told() {
    let project = empty().with("PATH", "");
    project.write(
        "environments/dev.toml",
        ENVIRONMENT.replace(
            "{ layout = \"build/scorer\", repository = \"scorer\" }",
            "{ context = \".\" }",
        ),
    );
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(1)
        .says("layout")
        .says("reference");
}

#[test]
fn apply_ships_too_when_asked_and_the_image_alone_is_printed_when_asked() {
    let project = empty();
    project.write("environments/dev.toml", ENVIRONMENT);
    let one = layout(&project.path("build/scorer"), "one", "amd64");
    project
        .mlinfra("apply dev --sandbox --yes --ship")
        .exits(0)
        .says("runs as asked");
    serves(&project, &one);
    let two = layout(&project.path("build/scorer"), "two", "amd64");
    let printed = project
        .mlinfra("ship dev scorer --sandbox --yes --image-only")
        .exits(0)
        .stdout;
    assert!(printed.trim().ends_with(&two), "{printed}");
    serves(&project, &one);
}

#[test]
fn what_runs_can_be_read_and_what_was_never_shipped_says_so() {
    let (project, _) = applied();
    project
        .mlinfra("workloads dev --sandbox")
        .exits(0)
        .says("never shipped");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    project
        .mlinfra("workloads dev --sandbox")
        .exits(0)
        .says("1 of 1 ready")
        .says("by ada@");
    let lines = project.mlinfra("logs dev scorer --sandbox").exits(0).stdout;
    assert!(lines.lines().count() > 0, "no line of a log");
    project
        .mlinfra("port-forward dev scorer --sandbox")
        .exits(1)
        .says("MLI1533");
}

#[test]
fn a_killed_ship_is_taken_up_and_ends_as_an_undisturbed_one() {
    for moment in ["lock taken", "pushing", "rolling out", "of 1 ready"] {
        let (project, one) = applied();
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", SLOW);
        Run::start(&project, "ship dev --sandbox --yes").until(moment).killed();
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", QUICK);
        project
            .mlinfra("ship dev --sandbox --yes")
            .exits(0)
            .says("on this machine is gone: taken over");
        serves(&project, &one);
        // The next one finds nothing to do: nothing was left half done.
        project
            .mlinfra("ship dev --sandbox --yes")
            .exits(0)
            .says("Nothing to ship");
    }
}

#[test]
fn a_killed_update_leaves_what_ran_before_known_and_goes_on() {
    for moment in ["pushing", "rolling out"] {
        let (project, one) = applied();
        project.mlinfra("ship dev --sandbox --yes").exits(0);
        let two = layout(&project.path("build/scorer"), "two", "amd64");
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", SLOW);
        Run::start(&project, "ship dev --sandbox --yes").until(moment).killed();
        let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", QUICK);
        let known = of(&project, "scorer");
        assert!(
            known["serving"]["image"].as_str().unwrap().ends_with(&one),
            "killed at {moment}: {known:#}"
        );
        project.mlinfra("ship dev --sandbox --yes").exits(0);
        serves(&project, &two);
        project.mlinfra("rollback dev scorer --sandbox --yes").exits(0);
        serves(&project, &one);
    }
}

#[test]
fn ctrl_c_during_a_rollout_puts_back_what_ran_before() {
    let (project, one) = applied();
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    layout(&project.path("build/scorer"), "two", "amd64");
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", SLOW);
    let (code, said) = Run::start(&project, "ship dev --sandbox --yes")
        .until("rolling out")
        .signalled("INT")
        .ended();
    assert_eq!(code, Some(130), "{said}");
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", QUICK);
    serves(&project, &one);
    project.mlinfra("lock status dev --sandbox").exits(0).says("free");
}

#[test]
fn of_two_ships_at_once_one_works_and_the_other_says_who_does() {
    let (project, one) = applied();
    // A rollout that takes as long as on AWS: it cannot be over before the second one has come to the lock.
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", "1");
    let first = Run::start(&project, "ship dev --sandbox --yes").until("rolling out");
    project
        .mlinfra("ship dev --sandbox --yes --lock-timeout 0")
        .exits(3)
        .says("is locked by ada@")
        .says("(ship)");
    first.killed();
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", QUICK);
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    serves(&project, &one);
}

#[test]
fn a_workload_that_the_file_no_longer_has_is_taken_away() {
    let (project, _) = applied();
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    project.edit("environments/dev.toml", "[workloads.scorer]", "[workloads.ranker]");
    project
        .mlinfra("workloads dev --sandbox")
        .exits(0)
        .says("no longer in the file");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("scorer  no longer in the file: would be taken away")
        .says("taken away");
    let list = project.mlinfra("workloads dev --sandbox --format json").exits(0).json();
    let names: Vec<&str> = list["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["workload"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ranker"]);
}

#[test]
fn destroy_takes_away_what_was_shipped_first() {
    let (project, _) = applied();
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    project
        .mlinfra("destroy dev --sandbox --yes --empty-buckets")
        .exits(0)
        .says("scorer: taken away from cluster");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    assert_eq!(of(&project, "scorer")["drift"], "not_shipped");
}

#[test]
fn a_model_of_the_project_is_uploaded_once_and_each_version_stays() {
    let project = empty();
    project.write(
        "environments/dev.toml",
        format!(
            "{}model = {{ path = \"models/scorer\" }}\n\n[stacks.cluster.pod_identities.scorer]\nservice_account = \"scorer\"\nmodels = \"read\"\n",
            ENVIRONMENT.trim_start()
        ),
    );
    layout(&project.path("build/scorer"), "one", "amd64");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(1)
        .says("MLI1534")
        .says("models/scorer");
    project.write("models/scorer/model.onnx", "weights, first");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    let first = of(&project, "scorer")["serving"]["model"]["uri"].clone();
    assert!(first.as_str().unwrap().contains("/scorer/"), "{first}");
    project.write("models/scorer/model.onnx", "weights, second");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("pushing the model");
    assert_ne!(of(&project, "scorer")["serving"]["model"]["uri"], first);
    project.mlinfra("rollback dev scorer --sandbox --yes").exits(0);
    assert_eq!(of(&project, "scorer")["serving"]["model"]["uri"], first);
}

/// The same scorer on the other platforms.

#[test]
fn the_plan_warns_of_a_processor_that_no_node_has() {
    let (project, _) = applied();
    project.edit(
        "environments/dev.toml",
        "on    = \"cluster\"",
        "on    = \"cluster\"\narchitecture = \"arm64\"",
    );
    layout(&project.path("build/scorer"), "one", "arm64");
    project
        .mlinfra("ship dev --sandbox --plan")
        .exits(0)
        .says("`scorer` is for arm64, and the cluster has no such node: ")
        .says("x amd64");
}

#[test]
fn a_release_that_is_no_longer_kept_is_not_put_back_by_halves() {
    let (project, _) = applied();
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    let two = layout(&project.path("build/scorer"), "two", "amd64");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let deleted = runtime.block_on(async {
        let session = crate::fetch::open(&project).await;
        let (bucket, prefix) = ("shop-mlinfra-111122223333-us-east-1", "shop/dev/releases/");
        let keys = mlinfra::aws::s3::list(&session, bucket, prefix).await.unwrap();
        for key in &keys {
            session
                .s3()
                .delete_object()
                .bucket(bucket)
                .key(key)
                .send()
                .await
                .unwrap();
        }
        keys.len()
    });
    assert_eq!(deleted, 2);
    project
        .mlinfra("rollback dev scorer --sandbox --yes")
        .exits(1)
        .says("MLI1532")
        .says("the bucket is versioned");
    serves(&project, &two);
}

#[test]
fn stacks_that_change_while_a_ship_waits_for_its_turn_are_not_shipped_onto() {
    use mlinfra::lock::{Holder, Wait, acquire};

    let (project, _) = applied();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let (session, lease) = runtime.block_on(async {
        let session = crate::fetch::open(&project).await;
        let environment = mlinfra::spec::load("dev", &mut |_| Ok(ENVIRONMENT.to_owned())).unwrap();
        let key = mlinfra::state::Key {
            project: "shop".to_owned(),
            environment: "dev".to_owned(),
        };
        let who = Holder {
            who: "grace@hopper".to_owned(),
            run_url: None,
            operation: "apply".to_owned(),
            process: None,
        };
        let lease = acquire(
            &session,
            &environment.backend,
            &key,
            &who,
            |_| (),
            Wait::UntilCertain,
            &stop,
        )
        .await;
        (session, lease.unwrap())
    });
    let waiting = Run::start(&project, "ship dev --sandbox --yes --lock-timeout 30m").until("waiting for the lock");
    runtime.block_on(async {
        let stacks = session.cloudformation();
        let name = "shop-dev-storage";
        let template = stacks.get_template().stack_name(name).send().await.unwrap();
        let mut template: Value = serde_json::from_str(template.template_body().unwrap()).unwrap();
        *template.pointer_mut("/Outputs/DataBucket/Value").unwrap() = json!("another-bucket");
        let update = stacks
            .update_stack()
            .stack_name(name)
            .template_body(template.to_string());
        let update = update.capabilities(aws_sdk_cloudformation::types::Capability::CapabilityNamedIam);
        update.send().await.unwrap();
        for _ in 0..600 {
            let described = stacks.describe_stacks().stack_name(name).send().await.unwrap();
            if described.stacks()[0].stack_status().unwrap().as_str() == "UPDATE_COMPLETE" {
                break;
            }
            session.clock.sleep(std::time::Duration::from_secs(1)).await;
        }
        lease.release().await.unwrap();
    });
    let (code, said) = waiting.ended();
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("the stacks changed since they were read; nothing was shipped"),
        "{said}"
    );
    assert!(of(&project, "scorer")["serving"].is_null(), "something was shipped");
}

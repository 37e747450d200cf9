//! Images on the sandbox: what is built, what is sent, what is refused before anything is.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::super::registry::manifest::digest_of;
use super::super::{Event, Outputs, Scene, Tell};
use super::context::Build;
use super::{Known, Options, deliver, look};
use crate::aws::session::{Endpoint, Session, SessionOptions, open};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::spec::{Environment, load};

const ACCOUNT: &str = "111122223333";
const HOST: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com";

const STACKS: &str = r#"
[project]
name = "shop"
[environment]
account = "111122223333"
region = "us-east-1"
[stacks.network]
module = "vpc"
[stacks.images]
module = "ecr"
repositories = ["w", "other"]
[stacks.cluster]
module = "eks"
[stacks.ml]
module = "sagemaker"
[workloads.w]
kind = "api"
"#;

/// A project on an account of the sandbox.
struct Bench {
    sandbox: Arc<Sandbox>,
    session: Session,
    environment: Environment,
    outputs: Outputs,
    root: tempfile::TempDir,
    tell: Tell,
    told: UnboundedReceiver<Event>,
    stop: CancellationToken,
    options: Options,
}

impl Bench {
    /// With the repositories of its stack.
    async fn new(workload: &str) -> Self {
        let bench = Self::undeployed(workload).await;
        let mut uris = Vec::new();
        for name in ["shop/dev/w", "shop/dev/other"] {
            let create = bench.session.ecr().create_repository().repository_name(name);
            create
                .image_tag_mutability(aws_sdk_ecr::types::ImageTagMutability::Immutable)
                .send()
                .await
                .unwrap();
            uris.push(format!("{HOST}/{name}"));
        }
        let uris = ("repository_uris".to_owned(), json!(uris).to_string());
        let outputs = Outputs::from([("images".to_owned(), [uris].into())]);
        Self { outputs, ..bench }
    }

    async fn undeployed(workload: &str) -> Self {
        let sandbox = Sandbox::open(SandboxOptions {
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
            directory: None,
            clock: Clock::real(),
            faults: Vec::new(),
        })
        .await
        .unwrap();
        let session = open(SessionOptions {
            endpoint: Endpoint::Sandbox(Arc::clone(&sandbox)),
            region: "us-east-1".into(),
            account: ACCOUNT.into(),
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        })
        .await
        .unwrap();
        let (listener, told) = unbounded_channel();
        Self {
            sandbox,
            session,
            environment: environment(workload),
            outputs: Outputs::default(),
            root: tempfile::tempdir().unwrap(),
            tell: Tell::to(listener),
            told,
            stop: CancellationToken::new(),
            // No engine, so that a test that builds by mistake fails.
            options: Options {
                engine: Some("/nonexistent/engine".into()),
                ..Options::default()
            },
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            session: &self.session,
            environment: &self.environment,
            workload: &self.environment.workloads["w"],
            outputs: &self.outputs,
            root: self.root.path(),
            tell: &self.tell,
            stop: &self.stop,
        }
    }

    async fn deliver(&self) -> Result<super::ImageAt, Problem> {
        deliver(&self.scene(), &self.options).await
    }

    async fn refused(&self) -> Problem {
        let problem = self.deliver().await.unwrap_err();
        assert_eq!(self.sent(), 0, "something was sent before the refusal");
        problem
    }

    /// How many requests changed something in the registry.
    fn sent(&self) -> usize {
        let calls = self.sandbox.calls().into_iter();
        calls
            .filter(|call| {
                call.service == "registry" && !call.action.starts_with("HEAD") && !call.action.starts_with("GET")
            })
            .count()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(event) = self.told.try_recv() {
            if let Event::BuildLine { line, .. } = event {
                lines.push(line);
            }
        }
        lines
    }

    /// Digests and tags that ECR lists.
    async fn listed(&self) -> Vec<(String, Vec<String>)> {
        let answer = self.session.ecr().describe_images().repository_name("shop/dev/w");
        let answer = answer.send().await.unwrap();
        let details = answer.image_details().iter();
        details
            .map(|one| (one.image_digest().unwrap().to_owned(), one.image_tags().to_vec()))
            .collect()
    }
}

fn environment(workload: &str) -> Environment {
    let on = if workload.contains("instance_type") {
        "on = \"ml\""
    } else {
        "on = \"cluster\""
    };
    let text = format!("{STACKS}{on}\n{workload}");
    load("dev", &mut |_| Ok(text.clone())).unwrap_or_else(|found| panic!("{workload}: {found:#?}"))
}

const LAYOUT: &str = "image = { layout = \"out\" }";

/// Writes a layout into `out`, with one image for each architecture; gives the digests of their manifests.
fn layout(bench: &Bench, architectures: &[&str]) -> Vec<String> {
    let put = |bytes: &[u8]| -> (String, usize) {
        let digest = digest_of(bytes);
        bench.write(&format!("out/blobs/{}", digest.replace(':', "/")), bytes);
        (digest, bytes.len())
    };
    let descriptor = |kind: &str, (digest, size): (String, usize)| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size });
    let mut manifests = Vec::new();
    for architecture in architectures {
        let config = json!({ "architecture": architecture, "os": "linux" }).to_string();
        let manifest = json!({
            "schemaVersion": 2,
            "config": descriptor("config.v1+json", put(config.as_bytes())),
            "layers": [descriptor("layer.v1.tar+gzip", put(format!("layer of {architecture}").as_bytes()))],
        });
        let mut listed = descriptor("manifest.v1+json", put(manifest.to_string().as_bytes()));
        listed["platform"] = json!({ "architecture": architecture, "os": "linux" });
        manifests.push(listed);
    }
    let digests = manifests.iter().map(|one| one["digest"].as_str().unwrap().to_owned());
    let digests = digests.collect();
    bench.write("out/oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    bench.write("out/index.json", index.to_string());
    digests
}

#[tokio::test(start_paused = true)]
async fn a_layout_is_sent_once_and_ecr_lists_it() {
    let bench = Bench::new(LAYOUT).await;
    let digests = layout(&bench, &["arm64", "amd64"]);
    let Known::ToSend(planned) = look(&bench.scene(), &bench.options).await.unwrap() else {
        panic!("it is not there yet")
    };
    assert_eq!(bench.sent(), 0, "looking sends nothing");
    let image = bench.deliver().await.unwrap();
    assert_eq!(image, planned);
    assert_eq!(image.reference, format!("{HOST}/shop/dev/w@{}", digests[1]));
    assert_eq!(image.bytes, 14);
    assert_eq!(image.architecture, "amd64");
    let tag = image.tag.clone().unwrap();
    assert_eq!(bench.listed().await, [(digests[1].clone(), vec![tag])]);

    let sent = bench.sent();
    assert_eq!(bench.deliver().await.unwrap(), image);
    assert_eq!(bench.sent(), sent, "a second run sends nothing");
    assert_eq!(look(&bench.scene(), &bench.options).await.unwrap(), Known::There(image));
}

#[tokio::test(start_paused = true)]
async fn a_layout_with_something_wrong_is_refused_before_anything_is_sent() {
    let bench = Bench::new(LAYOUT).await;
    let problem = bench.refused().await;
    assert_eq!(problem.code, codes::LAYOUT_UNUSABLE);
    assert!(problem.notes[0].contains("there is no folder"), "{problem:?}");
    assert!(!problem.labels.is_empty(), "it points into the file");

    layout(&bench, &["amd64"]);
    let layer = digest_of(b"layer of amd64").replace(':', "/");
    let path = format!("out/blobs/{layer}");
    bench.write(&path, "layer of amd65");
    let problem = bench.refused().await;
    assert!(problem.notes[0].contains("the digest sha256:"), "{problem:?}");
    bench.write(&path, "layer");
    let problem = bench.refused().await;
    assert!(problem.notes[0].contains("5 bytes and not 14"), "{problem:?}");
    fs_err::remove_file(bench.root.path().join(&path)).unwrap();
    let problem = bench.refused().await;
    assert!(problem.notes[0].contains("is missing"), "{problem:?}");
    bench.write("out/index.json", "{");
    assert_eq!(bench.refused().await.code, codes::LAYOUT_UNUSABLE);
    bench.write(
        "out/index.json",
        "{\"manifests\": [{\"size\": 1, \"digest\": \"sha256:../../x\"}]}",
    );
    let problem = bench.refused().await;
    assert!(problem.notes[0].contains("no SHA-256 digest"), "{problem:?}");
    bench.write("out/oci-layout", "{\"imageLayoutVersion\": \"2.0.0\"}");
    assert!(bench.refused().await.notes[0].contains("2.0.0"));
}

#[tokio::test(start_paused = true)]
async fn another_architecture_is_refused_naming_both_and_who_says_so() {
    let bench = Bench::new(LAYOUT).await;
    layout(&bench, &["arm64"]);
    let problem = bench.refused().await;
    assert_eq!(problem.code, codes::WRONG_ARCHITECTURE);
    assert_eq!(
        problem.message,
        "the image of `w` is for arm64, and the workload is for amd64"
    );
    assert!(problem.notes[0].contains("the configuration in"), "{problem:?}");
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.contains("architecture = \"arm64\""))
    );

    layout(&bench, &["arm64", "s390x"]);
    let problem = bench.refused().await;
    assert_eq!(problem.code, codes::WRONG_ARCHITECTURE);
    assert!(
        problem.notes[0].starts_with("arm64, s390x is what the index"),
        "{problem:?}"
    );

    let wanted = format!("{LAYOUT}\narchitecture = \"arm64\"");
    let environment = environment(&wanted);
    let bench = Bench { environment, ..bench };
    assert_eq!(bench.deliver().await.unwrap().architecture, "arm64");
}

#[tokio::test(start_paused = true)]
async fn sagemaker_gets_a_manifest_in_dockers_form() {
    let bench = Bench::new(&format!("{LAYOUT}\ninstance_type = \"ml.m6i.large\"")).await;
    let digests = layout(&bench, &["amd64"]);
    let image = bench.deliver().await.unwrap();
    assert_ne!(image.digest, digests[0]);
    let asked = bench.session.ecr().batch_get_image().repository_name("shop/dev/w");
    let id = aws_sdk_ecr::types::ImageIdentifier::builder()
        .image_digest(&image.digest)
        .build();
    let answer = asked.image_ids(id).send().await.unwrap();
    let manifest: Value = serde_json::from_str(answer.images()[0].image_manifest().unwrap()).unwrap();
    let kinds = [
        &manifest["mediaType"],
        &manifest["config"]["mediaType"],
        &manifest["layers"][0]["mediaType"],
    ];
    assert!(
        kinds.iter().all(|kind| kind.as_str().unwrap().contains("docker")),
        "{kinds:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_its_repository_nothing_is_sent_and_a_plan_says_what_would_be() {
    let bench = Bench::undeployed(LAYOUT).await;
    let digests = layout(&bench, &["amd64"]);
    let known = look(&bench.scene(), &bench.options).await.unwrap();
    let Known::ToSend(image) = known else {
        panic!("{known:?}")
    };
    assert_eq!(image.reference, format!("{HOST}/shop/dev/w@{}", digests[0]));
    let problem = bench.refused().await;
    assert_eq!(problem.code, codes::REPOSITORY_MISSING);
    assert!(problem.hints[0].contains("mlinfra apply dev"), "{problem:?}");

    // The stack is there, and somebody deleted its repository.
    let bench = Bench::new(LAYOUT).await;
    layout(&bench, &["amd64"]);
    let delete = bench.session.ecr().delete_repository().repository_name("shop/dev/w");
    delete.send().await.unwrap();
    assert_eq!(bench.refused().await.code, codes::REPOSITORY_MISSING);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_exists_is_pinned_by_its_digest_and_looked_at() {
    let sent = Bench::new(LAYOUT).await;
    layout(&sent, &["amd64"]);
    let image = sent.deliver().await.unwrap();
    let tag = image.tag.clone().unwrap();
    let refer =
        |reference: String, more: &str| environment(&format!("image = {{ reference = \"{reference}\" }}\n{more}"));

    let by_tag = refer(format!("{HOST}/shop/dev/w:{tag}"), "");
    let bench = Bench {
        environment: by_tag,
        ..sent
    };
    assert_eq!(bench.deliver().await.unwrap(), image);
    assert_eq!(
        look(&bench.scene(), &bench.options).await.unwrap(),
        Known::There(image.clone())
    );

    let by_digest = refer(image.reference.clone(), "");
    let bench = Bench {
        environment: by_digest,
        ..bench
    };
    let found = bench.deliver().await.unwrap();
    assert_eq!((found.reference, found.tag), (image.reference.clone(), None));

    let foreign = refer(image.reference.clone(), "architecture = \"arm64\"");
    let bench = Bench {
        environment: foreign,
        ..bench
    };
    assert_eq!(bench.deliver().await.unwrap_err().code, codes::WRONG_ARCHITECTURE);

    let missing = refer(format!("{HOST}/shop/dev/w:none"), "");
    let bench = Bench {
        environment: missing,
        ..bench
    };
    assert_eq!(bench.deliver().await.unwrap_err().code, codes::IMAGE_NOT_FOUND);
}

const CONTEXT: &str = "image = { context = \"app\" }";

fn write_context(bench: &Bench) {
    bench.write("app/Dockerfile", "FROM scratch\nCOPY . /\n");
    bench.write("app/src/main.py", "print(1)");
    bench.write("app/.dockerignore", "*.log\n");
}

#[tokio::test(start_paused = true)]
async fn what_the_repository_has_under_the_tag_of_the_content_is_not_built() {
    let bench = Bench::new(CONTEXT).await;
    write_context(&bench);
    let known = look(&bench.scene(), &bench.options).await.unwrap();
    let Known::ToBuild { repository, tag } = known else {
        panic!("{known:?}")
    };
    assert_eq!(repository, format!("{HOST}/shop/dev/w"));
    let problem = bench.refused().await;
    assert_eq!(problem.code, codes::NO_ENGINE, "{problem:?}");
    assert_eq!(problem.notes, ["/nonexistent/engine: is not installed"]);
    assert!(problem.hints.iter().any(|hint| hint.contains("layout =")));

    // Somebody with an engine has pushed it.
    let image = push_as(&bench, &tag).await;
    let found = bench.deliver().await.unwrap();
    assert_eq!(found.digest, image);
    assert!(matches!(
        look(&bench.scene(), &bench.options).await.unwrap(),
        Known::There(_)
    ));
    let anew = Options {
        rebuild: true,
        ..bench.options.clone()
    };
    assert_eq!(deliver(&bench.scene(), &anew).await.unwrap_err().code, codes::NO_ENGINE);
    assert!(matches!(
        look(&bench.scene(), &anew).await.unwrap(),
        Known::ToBuild { .. }
    ));
    // Another content is another image.
    bench.write("app/src/main.py", "print(2)");
    assert_eq!(bench.deliver().await.unwrap_err().code, codes::NO_ENGINE);
}

/// Puts an image under a tag, as another machine would; gives its digest.
async fn push_as(bench: &Bench, tag: &str) -> String {
    layout(bench, &["amd64"]);
    let scene = bench.scene();
    let wanted = super::Wanted::of(scene.workload);
    let package = super::layout::package(&bench.root.path().join("out"), &wanted, super::Form::AsItIs).unwrap();
    let opened = super::Repository::own(&scene, "shop/dev/w").await.unwrap();
    let sender = super::Sender {
        tell: &bench.tell,
        workload: "w",
        siblings: &[],
    };
    opened.push(&package, tag, sender).await.unwrap();
    package.digest
}

fn tag_of(root: &Path) -> String {
    let build = Build {
        context: root.join("app"),
        dockerfile: root.join("app/Dockerfile"),
        target: None,
        args: std::collections::BTreeMap::new(),
        architecture: "amd64",
    };
    build.tag().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tag_follows_what_is_built_from_and_nothing_else() {
    let bench = Bench::undeployed(CONTEXT).await;
    write_context(&bench);
    let root = bench.root.path();
    let first = tag_of(root);
    assert!(first.starts_with("ctx-") && first.len() == 20, "{first}");
    let mut seen = vec![first.clone()];
    let mut differs = |what: &str| {
        let tag = tag_of(root);
        assert!(!seen.contains(&tag), "{what} made no difference");
        seen.push(tag);
    };
    bench.write("app/build.log", "ignored");
    bench.write("elsewhere", "not in the context");
    bench.write("app/src/main.py", "print(1)");
    assert_eq!(tag_of(root), first);
    bench.write("app/src/main.py", "print(2)");
    differs("content");
    bench.write("app/empty", "");
    differs("a file without content");
    fs_err::rename(root.join("app/empty"), root.join("app/void")).unwrap();
    differs("a name");
    fs_err::create_dir(root.join("app/folder")).unwrap();
    differs("a folder");
    bench.write("app/Dockerfile", "FROM scratch\n");
    differs("the Dockerfile");
    bench.write("app/.dockerignore", "*.log\n*.txt\n");
    differs("the .dockerignore");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs_err::os::unix::fs::symlink("void", root.join("app/link")).unwrap();
        differs("a link");
        fs_err::set_permissions(root.join("app/void"), std::fs::Permissions::from_mode(0o755)).unwrap();
        differs("that a file can be executed");
        fs_err::set_permissions(root.join("app/void"), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(seen.last(), Some(&tag_of(root)), "by whom it can be does not count");
    }
    let of = |change: &dyn Fn(&mut Build)| {
        let mut build = super::build_of(&bench.scene());
        change(&mut build);
        build.tag().unwrap()
    };
    let plain = of(&|_| {});
    assert_eq!(plain, tag_of(root));
    assert_ne!(plain, of(&|build| build.architecture = "arm64"));
    assert_ne!(plain, of(&|build| build.target = Some("x".into())));
    assert_ne!(plain, of(&|build| build.args = [("A".into(), "1".into())].into()));
}

#[tokio::test(start_paused = true)]
async fn a_context_that_cannot_be_used_is_told_as_such() {
    let bench = Bench::new(CONTEXT).await;
    let problem = bench.refused().await;
    assert_eq!(problem.code, codes::CONTEXT_UNUSABLE);
    assert!(problem.message.contains("there is no folder"), "{problem:?}");
    bench.write("app/x", "");
    assert!(bench.refused().await.message.contains("there is no Dockerfile"));
    bench.write("app/Dockerfile", "FROM scratch");
    bench.write("app/.dockerignore", "[a");
    assert!(bench.refused().await.message.contains("`[a`"));
}

#[cfg(unix)]
mod with_an_engine {
    //! An engine is a process, and its time is real: nothing here waits for any.

    use std::io::Write as _;

    use super::*;

    /// A script that stands for Docker: it "builds" what lies in `image.tar`.
    fn engine(bench: &mut Bench, build: &str) {
        let path = bench.root.path().join("docker");
        let root = bench.root.path().display();
        let script = format!(
            "#!/bin/sh\ncase $1 in\nversion) echo 28.0;;\nbuild)\n  echo \"$*\" >{root}/asked\n  while [ $# -gt 0 ]; do [ \"$1\" = --iidfile ] && iid=$2; shift; done\n{build}\n  echo sha256:abc >\"$iid\";;\nimage) cp {root}/image.tar \"$4\";;\nesac\n"
        );
        // Another process writes it: a file that this one has open for writing cannot be run, and a test beside this one
        // that starts a process meanwhile would keep it open.
        let mut writer = std::process::Command::new("sh")
            .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
        bench.options.engine = Some(path.display().to_string());
    }

    /// What `docker image save` writes: layers not compressed, one of them twice, once as a link.
    fn archive(bench: &Bench, architecture: &str) {
        let layer = b"a layer, which is a tar archive in truth".repeat(100);
        let config = json!({
            "architecture": architecture, "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [digest_of(&layer), digest_of(&layer)] },
        });
        let manifest = json!([{ "Config": "config.json", "RepoTags": null, "Layers": ["a/layer.tar", "b/layer.tar"] }]);
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(bytes.len()).unwrap());
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes).unwrap();
        };
        add("a/layer.tar", &layer);
        add("config.json", config.to_string().as_bytes());
        add("manifest.json", manifest.to_string().as_bytes());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "b/layer.tar", "../a/layer.tar").unwrap();
        bench.write("image.tar", tar.into_inner().unwrap());
    }

    #[tokio::test]
    async fn an_image_is_built_compressed_and_sent_and_its_lines_are_told() {
        let text = "image = { context = \"app\", target = \"run\", args = { VERSION = \"2 b\" } }";
        let mut bench = Bench::new(text).await;
        write_context(&bench);
        archive(&bench, "amd64");
        engine(&mut bench, "  echo step one; printf 'step\\033[31m two\\r\\n' >&2");
        let image = bench.deliver().await.unwrap();
        let asked = fs_err::read_to_string(bench.root.path().join("asked")).unwrap();
        for part in [
            "build --platform linux/amd64 --file",
            "--target run",
            "--build-arg VERSION=2 b",
        ] {
            assert!(asked.contains(part), "{asked}");
        }
        let mut lines = bench.lines();
        lines.sort();
        assert_eq!(lines, ["step one", "step[31m two"]);
        assert_eq!(image.reference, format!("{HOST}/shop/dev/w@{}", image.digest));
        assert!(image.bytes > 0 && image.bytes < 1_000, "{}", image.bytes);
        assert_eq!(
            bench.listed().await,
            [(image.digest.clone(), vec![image.tag.clone().unwrap()])]
        );

        // Built again it is the same image, to the byte: nothing is sent, not even a tag.
        let sent = bench.sent();
        bench.options.rebuild = true;
        assert_eq!(bench.deliver().await.unwrap(), image);
        assert_eq!(bench.sent(), sent);
    }

    #[tokio::test]
    async fn an_image_that_is_built_anew_gets_a_tag_of_its_own_where_tags_cannot_be_moved() {
        let mut bench = Bench::new(CONTEXT).await;
        write_context(&bench);
        let known = look(&bench.scene(), &bench.options).await.unwrap();
        let Known::ToBuild { tag, .. } = known else {
            panic!("{known:?}")
        };
        push_as(&bench, &tag).await;
        archive(&bench, "amd64");
        engine(&mut bench, "");
        bench.options.rebuild = true;
        let image = bench.deliver().await.unwrap();
        let own = image.tag.unwrap();
        assert!(own.starts_with(&format!("{tag}-")), "{own}");
    }

    #[tokio::test]
    async fn an_image_that_the_engine_built_for_another_processor_is_not_sent() {
        let mut bench = Bench::new(CONTEXT).await;
        write_context(&bench);
        archive(&bench, "arm64");
        engine(&mut bench, "");
        assert_eq!(bench.refused().await.code, codes::WRONG_ARCHITECTURE);
    }

    #[tokio::test]
    async fn a_build_that_fails_shows_its_last_lines_and_how_to_repeat_it() {
        let mut bench = Bench::new(CONTEXT).await;
        write_context(&bench);
        engine(
            &mut bench,
            "  i=0; while [ $i -lt 30 ]; do echo line-$i; i=$((i+1)); done; exit 3",
        );
        let problem = bench.refused().await;
        assert_eq!(problem.code, codes::BUILD_FAILED);
        assert!(problem.notes[0].contains('3'), "{problem:?}");
        assert!(problem.notes[1].contains("line-29") && problem.notes[1].contains("line-10"));
        assert!(!problem.notes[1].contains("line-9\n"), "{problem:?}");
        assert!(problem.hints[0].contains("build --platform linux/amd64"), "{problem:?}");
        assert_eq!(bench.lines().len(), 30);
    }

    #[tokio::test]
    async fn a_stop_ends_the_build() {
        let mut bench = Bench::new(CONTEXT).await;
        write_context(&bench);
        engine(&mut bench, "  echo begun; exec sleep 600");
        let stop = bench.stop.clone();
        let mut told = std::mem::replace(&mut bench.told, unbounded_channel().1);
        let (ended, ()) = tokio::join!(bench.deliver(), async {
            while let Some(event) = told.recv().await {
                if matches!(event, Event::BuildLine { .. }) {
                    stop.cancel();
                    return;
                }
            }
        });
        assert_eq!(ended.unwrap_err().code, codes::INTERRUPTED);
    }

    #[tokio::test]
    async fn an_archive_that_is_not_what_it_says_is_not_sent() {
        let mut bench = Bench::new(CONTEXT).await;
        write_context(&bench);
        archive(&bench, "amd64");
        let path = bench.root.path().join("image.tar");
        let mut text = fs_err::read(&path).unwrap();
        let at = text.windows(7).position(|part| part == b"a layer").unwrap();
        text[at] = b'b';
        fs_err::write(&path, text).unwrap();
        engine(&mut bench, "");
        let problem = bench.refused().await;
        assert_eq!(problem.code, codes::LAYOUT_UNUSABLE, "{problem:?}");
        bench.write("image.tar", "this is no archive");
        assert_eq!(bench.refused().await.code, codes::LAYOUT_UNUSABLE);
    }
}

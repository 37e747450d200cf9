//! The program as an orchestrator sees it: ports, signals, exit codes, and a model in a bucket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use serde_json::{Value, json};

use crate::support::{model_folder, packed, row};

/// A running server. It is killed when the test ends.
struct Process {
    child: Child,
    log: std::io::Lines<BufReader<ChildStderr>>,
    address: SocketAddr,
}

impl Process {
    fn start(change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inference"));
        command
            .arg("serve")
            .env("INFERENCE_HOST", "127.0.0.1")
            .env("SAGEMAKER_BIND_TO_PORT", "0");
        command
            .env("SM_MODEL_DIR", model_folder())
            .env("INFERENCE_DRAIN_DELAY_MS", "0")
            .stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut process = Self {
            child,
            log,
            address: ([127, 0, 0, 1], 0).into(),
        };
        process.address = process.told("listening")["address"].as_str().unwrap().parse().unwrap();
        process
    }

    /// The next line of the log with this message.
    fn told(&mut self, message: &str) -> Value {
        for line in self.log.by_ref() {
            let line: Value = serde_json::from_str(&line.unwrap()).expect("the log is JSON lines");
            if line["message"] == message {
                return line;
            }
        }
        panic!("the log ended without `{message}`");
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args([name, &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    }

    /// Waits until the server has begun with a request that was sent and cannot end yet.
    fn until_one_is_under_way(&self) {
        while !self.get("/metrics").contains("\ninference_in_flight 1\n") {}
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        answer(&mut stream)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn invocation() -> String {
    let body = json!([row()]).to_string();
    format!(
        "POST /invocations HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn it_is_set_up_as_sagemaker_does_it_and_answers_over_a_socket() {
    let mut process = Process::start(|_| ());
    let ready = process.told("ready");
    assert_eq!(
        (&ready["model"], &ready["version"], &ready["level"]),
        (&json!("fraud"), &json!("1"), &json!("INFO"))
    );
    let answer = process.get("/ping");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = process.ask(&invocation());
    assert!(answer.contains("\"label\":0"), "{answer}");
    let line = process.told("answered");
    assert_eq!((&line["protocol"], &line["code"]), (&json!("sagemaker"), &json!(200)));
}

#[test]
fn sigterm_lets_requests_under_way_end() {
    let mut process = Process::start(|_| ());
    process.told("ready");
    let request = invocation();
    let (first, rest) = request.split_at(request.len() - 5);
    let mut slow = TcpStream::connect(process.address).unwrap();
    slow.write_all(first.as_bytes()).unwrap();
    process.until_one_is_under_way();
    process.signal("-TERM");
    process.told("draining");
    slow.write_all(rest.as_bytes()).unwrap();
    let answer = answer(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    process.told("drained");
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

#[test]
fn while_it_drains_ping_says_no_and_requests_are_still_answered() {
    let mut process = Process::start(|command| {
        command.env("INFERENCE_DRAIN_DELAY_MS", "60000");
    });
    process.told("ready");
    process.signal("-TERM");
    process.told("draining");
    let answer = process.get("/ping");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(process.ask(&invocation()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_request_that_does_not_end_in_time_is_cut_off_and_that_is_said() {
    let mut process = Process::start(|command| {
        command.env("INFERENCE_DRAIN_TIMEOUT_MS", "50");
    });
    process.told("ready");
    let mut stuck = TcpStream::connect(process.address).unwrap();
    stuck
        .write_all(b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n[")
        .unwrap();
    process.until_one_is_under_way();
    process.signal("-TERM");
    let told = process.told("1 requests were still running when the time to drain was over; they were cut off");
    assert_eq!(told["exit_code"], json!(1));
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

fn fails(change: impl FnOnce(&mut Command)) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inference"));
    command
        .arg("serve")
        .env("INFERENCE_HOST", "127.0.0.1")
        .env("INFERENCE_PORT", "0");
    change(&mut command);
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn without_a_usable_model_it_ends_with_a_code_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, log) = fails(|command| {
        command.arg("--model").arg(folder.path());
    });
    assert_eq!(code, 3, "{log}");
    assert!(
        log.contains("there is no model at") && log.contains("Give a folder with --model"),
        "{log}"
    );

    fs_err::write(folder.path().join("model.json"), "{}").unwrap();
    let (code, log) = fails(|command| {
        command.arg("--model").arg(folder.path());
    });
    assert_eq!(code, 4, "{log}");
    assert!(log.contains("missing field `name`"), "{log}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, log) = fails(|command| {
        command
            .arg("--model")
            .arg(model_folder())
            .arg("--port")
            .arg(taken.local_addr().unwrap().port().to_string());
    });
    assert_eq!(code, 2, "{log}");
    assert!(log.contains("cannot listen on 127.0.0.1"), "{log}");
}

/// The model of the package as a registry keeps it: in an archive, with a manifest that leaves the version to the
/// registry.
fn of_a_registry() -> Vec<u8> {
    let read = |name: &str| fs_err::read(model_folder().join(name)).unwrap();
    let mut manifest: Value = serde_json::from_slice(&read("model.json")).unwrap();
    manifest.as_object_mut().unwrap().remove("version");
    packed(&[
        ("./model.json", manifest.to_string().as_bytes()),
        ("./model.onnx", &read("model.onnx")),
        ("./golden.json", &read("golden.json")),
    ])
}

const VERSION: &str = "L4kqtJlcpXroDVBH40Nr8X8gdRQBpUMLUo";

/// A bucket with the model under `models/fraud/1/`, and an archive of it at `registry/fraud.tar.gz`. Of each object there
/// is one version; asked for another it has nothing.
async fn bucket(listener: tokio::net::TcpListener) {
    let object = |Path((_bucket, key)): Path<(String, String)>, uri: Uri| async move {
        let query = uri.query().unwrap_or_default();
        if query.contains("versionId=") && !query.contains(&format!("versionId={VERSION}")) {
            return Err(StatusCode::NOT_FOUND);
        }
        let body = match key.strip_prefix("models/fraud/1/") {
            Some(name) => fs_err::read(model_folder().join(name)).map_err(|_| StatusCode::NOT_FOUND)?,
            None if key == "registry/fraud.tar.gz" => of_a_registry(),
            None => return Err(StatusCode::NOT_FOUND),
        };
        Ok(([("x-amz-version-id", VERSION)], body))
    };
    axum::serve(listener, Router::new().route("/{bucket}/{*key}", get(object)))
        .await
        .unwrap();
}

/// Settings for a process that reads from such a bucket, given the rest of its settings.
async fn with_bucket() -> impl Fn(&mut Command, &[(&str, &str)]) + Clone + Send + 'static {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(bucket(listener));
    move |command: &mut Command, more: &[(&str, &str)]| {
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_MAX_ATTEMPTS", "1");
        command
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command.envs(more.iter().copied());
    }
}

#[tokio::test]
async fn a_model_comes_from_a_bucket() {
    let set_up = with_bucket().await;
    tokio::task::spawn_blocking(move || {
        let mut process =
            Process::start(|command| set_up(command, &[("INFERENCE_MODEL", "s3://artifacts/models/fraud/1")]));
        assert_eq!(process.told("ready")["object_version"], json!(VERSION));
        assert!(process.ask(&invocation()).contains("\"label\":0"));

        let (code, log) = fails(|command| set_up(command, &[("INFERENCE_MODEL", "s3://artifacts/models/fraud/2/")]));
        assert_eq!(code, 3, "{log}");
        assert!(
            log.contains("s3://artifacts/models/fraud/2/model.json") && log.contains("s3:GetObject"),
            "{log}"
        );
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_version_of_an_object_is_served_as_that_version_or_not_at_all() {
    let set_up = with_bucket().await;
    tokio::task::spawn_blocking(move || {
        let model = ("INFERENCE_MODEL", "s3://artifacts/models/fraud/1/model.onnx");
        let mut process = Process::start(|command| set_up(command, &[model, ("INFERENCE_MODEL_VERSION", VERSION)]));
        let ready = process.told("ready");
        assert_eq!(
            (&ready["version"], &ready["object_version"]),
            (&json!("1"), &json!(VERSION))
        );
        let metadata = process.get("/v2/models/fraud/versions/1");
        assert!(
            metadata.contains(&format!("\"object_version\":\"{VERSION}\"")),
            "{metadata}"
        );

        let other = ("INFERENCE_MODEL_VERSION", "pUMLUo.VBH40Nr8");
        let (code, log) = fails(|command| set_up(command, &[model, other]));
        assert_eq!(code, 3, "{log}");
        assert!(
            log.contains("model.onnx, version pUMLUo.VBH40Nr8") && log.contains("s3:GetObjectVersion"),
            "{log}"
        );
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_version_of_a_registry_is_told_as_the_models_and_one_that_differs_is_refused() {
    let set_up = with_bucket().await;
    tokio::task::spawn_blocking(move || {
        let seven = ("INFERENCE_MODEL_VERSION", "7");
        let archive = ("INFERENCE_MODEL", "s3://artifacts/registry/fraud.tar.gz");
        let mut process = Process::start(|command| set_up(command, &[archive, seven]));
        assert_eq!(process.told("ready")["version"], json!("7"));
        let metadata = process.get("/v2/models/fraud/versions/7");
        assert!(metadata.contains("\"versions\":[\"7\"]"), "{metadata}");

        let folder = ("INFERENCE_MODEL", "s3://artifacts/models/fraud/1/");
        let (code, log) = fails(|command| set_up(command, &[folder, seven]));
        assert_eq!(code, 4, "{log}");
        assert!(
            log.contains("it is version 1, and version 7 is to be served") && log.contains("INFERENCE_MODEL_VERSION"),
            "{log}"
        );

        let (code, log) = fails(|command| set_up(command, &[archive]));
        assert_eq!(code, 4, "{log}");
        assert!(log.contains("it has no `version`"), "{log}");
    })
    .await
    .unwrap();
}

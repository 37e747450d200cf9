//! The program as an orchestrator sees it: ports, signals, exit codes, and a model in a bucket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use crate::support::{model_folder, row};

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
    let answer = process.ask("GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = process.ask(&invocation());
    assert!(answer.contains("\"label\":0"), "{answer}");
    let line = process.told("answered");
    assert_eq!((&line["protocol"], &line["code"]), (&json!("sagemaker"), &json!(200)));
}

#[test]
fn sigterm_lets_requests_under_way_end_and_takes_no_new_ones() {
    let mut process = Process::start(|_| ());
    process.told("ready");
    let request = invocation();
    let (first, rest) = request.split_at(request.len() - 5);
    let mut slow = TcpStream::connect(process.address).unwrap();
    slow.write_all(first.as_bytes()).unwrap();
    // Once another request is answered, this one is under way: it was accepted before.
    process.ask(&invocation());
    process.signal("-TERM");
    process.told("draining");
    slow.write_all(rest.as_bytes()).unwrap();
    let answer = answer(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    process.told("drained");
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(process.address).is_err());
}

#[test]
fn while_it_drains_ping_says_no_and_requests_are_still_answered() {
    let mut process = Process::start(|command| {
        command.env("INFERENCE_DRAIN_DELAY_MS", "60000");
    });
    process.told("ready");
    process.signal("-TERM");
    process.told("draining");
    let answer = process.ask("GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
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
    process.ask(&invocation());
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

/// A bucket with the model under `models/fraud/1/`.
async fn bucket(listener: tokio::net::TcpListener) {
    let object = |Path((_bucket, key)): Path<(String, String)>| async move {
        let name = key.strip_prefix("models/fraud/1/").ok_or(StatusCode::NOT_FOUND)?;
        fs_err::read(model_folder().join(name)).map_err(|_| StatusCode::NOT_FOUND)
    };
    axum::serve(listener, Router::new().route("/{bucket}/{*key}", get(object)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_model_comes_from_a_bucket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(bucket(listener));
    let set_up = move |command: &mut Command, model: &str| {
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_MAX_ATTEMPTS", "1");
        command
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("INFERENCE_MODEL", model);
    };
    let there = set_up.clone();
    tokio::task::spawn_blocking(move || {
        let mut process = Process::start(|command| there(command, "s3://artifacts/models/fraud/1"));
        process.told("ready");
        assert!(process.ask(&invocation()).contains("\"label\":0"));
    })
    .await
    .unwrap();
    let (code, log) =
        tokio::task::spawn_blocking(move || fails(|command| set_up(command, "s3://artifacts/models/fraud/2/")))
            .await
            .unwrap();
    assert_eq!(code, 3, "{log}");
    assert!(
        log.contains("s3://artifacts/models/fraud/2/model.json") && log.contains("s3:GetObject"),
        "{log}"
    );
}

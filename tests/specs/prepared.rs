//! Codes that need more than files and commands: another process, a signal, a service that answers wrongly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use mlinfra::diagnostic::{Code, codes};

use crate::project::Project;
use crate::server::Server;

/// The codes that the tests below trip, and those of `tests/interrupted.rs`, which stops runs with signals.
pub const TRIPPED: &[Code] = &[
    codes::LOCK_INTERRUPTED,
    codes::NO_CONDITIONAL_WRITES,
    codes::WRONG_ACCOUNT,
    codes::ROLE_NOT_ASSUMED,
    codes::INTERRUPTED,
    codes::LEFT_AT_ONCE,
    codes::NO_RUNTIME,
];

fn serve(project: &Project, arguments: &[&str]) -> Server {
    Server::start(project.command::<&str>([]), arguments)
}

/// One stack of repositories, and credentials for whatever answers.
fn project(more: &str) -> Project {
    let project = Project::empty()
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test");
    let text = format!(
        "[project]\nname = \"shop\"\n\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n{more}\n\
         [stacks.images]\nmodule = \"ecr\"\nrepositories = [\"scorer\"]\n"
    );
    project.write("environments/dev.toml", text);
    project
}

#[test]
fn credentials_of_another_account_are_refused_before_anything_is_read() {
    let project = project("");
    let server = serve(&project, &["--account", "444455556666"]);
    project
        .mlinfra(&format!("plan dev --endpoint-url {}", server.url))
        .exits(5)
        .says("MLI0903")
        .says("444455556666")
        .says("111122223333");
}

#[test]
fn a_role_that_does_not_trust_the_caller_is_told_with_what_it_needs() {
    let project = project("role_arn = \"arn:aws:iam::111122223333:role/mlinfra-dev\"\n");
    project.write(
        "faults.toml",
        "[[fault]]\nservice = \"sts\"\naction = \"AssumeRole\"\n\
         error = { code = \"AccessDenied\", message = \"User: arn:aws:iam::111122223333:user/ada is not authorized to \
         perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/mlinfra-dev\", status = 403 }\n",
    );
    let server = serve(&project, &["--faults", "faults.toml"]);
    project
        .mlinfra(&format!("plan dev --endpoint-url {}", server.url))
        .exits(1)
        .says("MLI0904")
        .says("arn:aws:iam::111122223333:role/mlinfra-dev")
        .says("trust policy");
}

#[test]
fn a_store_that_ignores_conditions_on_writes_is_refused() {
    let project = project("");
    let server = serve(&project, &[]);
    let url = without_conditions(server.url.trim_start_matches("http://").to_owned());
    project.mlinfra(&format!("bootstrap dev --endpoint-url {url}")).exits(0);
    project
        .mlinfra(&format!("apply dev --yes --endpoint-url {url}"))
        .exits(1)
        .says("MLI0716")
        .says("If-None-Match");
}

/// A door to `upstream` that takes the condition `If-None-Match` out of every request; its URL.
fn without_conditions(upstream: String) -> String {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", door.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((stream, _)) = door.accept() {
            let upstream = upstream.clone();
            std::thread::spawn(move || drop(pass(stream, &upstream)));
        }
    });
    url
}

/// Passes one request on and its answer back; both connections end with it.
fn pass(mut from: TcpStream, upstream: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(from.try_clone()?);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "if-none-match" | "connection" => continue,
            "content-length" => length = value.trim().parse().unwrap_or_default(),
            // A client that asks first is told to go on, and the body is passed on with the head.
            "expect" => {
                from.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                continue;
            }
            _ => {}
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut to = TcpStream::connect(upstream)?;
    to.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    to.write_all(&body)?;
    std::io::copy(&mut to, &mut from).map(drop)
}

#[test]
fn a_system_that_refuses_descriptors_is_told_as_such() {
    let project = project("");
    let run = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 5; exec \"$0\" status dev --sandbox",
            env!("CARGO_BIN_EXE_mlinfra"),
        ])
        .current_dir(project.path(""))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{told}");
    assert!(told.contains("MLI1011"), "{told}");
}

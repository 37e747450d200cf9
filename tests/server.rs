//! The sandbox on a port, for tests with several processes or with clients of their own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A sandbox on a port, killed when it goes out of sight.
pub struct Server {
    pub child: Child,
    pub url: String,
}

impl Server {
    /// Starts `mlinfra`, ready to run in its folder, as a server with these arguments.
    pub fn start(mut mlinfra: Command, arguments: &[&str]) -> Self {
        let mut child = mlinfra
            .args(["sandbox", "serve", "--port", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

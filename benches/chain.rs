//! Ten stacks in four layers, each made of one cheap resource: as a project of mlinfra's and as one of Sceptre's.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const STACKS: usize = 10;
/// A stack needs the one so many before it.
const WIDTH: usize = 3;

const CONTRACT: &str = r#"[module]
name    = "link"
summary = "one parameter"

[inputs.previous]
type    = "string"
default = "none"
doc     = "what comes before"

[outputs.name]
type = "string"
doc  = "its name"
"#;

const TEMPLATE: &str = "Resources:
  Link:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: {{ previous }}
Outputs:
  Name:
    Value: !Ref Link
";

const SCEPTRE_TEMPLATE: &str = "Parameters:
  Previous: {Type: String, Default: none}
Resources:
  Link:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: !Ref Previous
Outputs:
  Name:
    Value: !Ref Link
";

/// Writes mlinfra's project; the folder.
pub fn ours(scratch: &Path) -> PathBuf {
    let folder = scratch.join("ours");
    write(&folder.join("modules/link.toml"), CONTRACT);
    write(&folder.join("templates/cloudformation/link.yaml"), TEMPLATE);
    let mut environment =
        "[project]\nname = \"chain\"\n\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n".to_owned();
    for number in 0..STACKS {
        environment.push_str(&format!("\n[stacks.link-{number}]\nmodule = \"link\"\n"));
        if let Some(previous) = number.checked_sub(WIDTH) {
            environment.push_str(&format!("previous = \"${{link-{previous}.name}}\"\n"));
        }
    }
    write(&folder.join("environments/dev.toml"), &environment);
    folder
}

/// Writes Sceptre's project of the same stacks; the folder.
pub fn sceptre(scratch: &Path) -> PathBuf {
    let folder = scratch.join("sceptre");
    write(
        &folder.join("config/config.yaml"),
        "project_code: peer\nregion: us-east-1\n",
    );
    write(&folder.join("templates/link.yaml"), SCEPTRE_TEMPLATE);
    for number in 0..STACKS {
        let mut stack = "template:\n  path: link.yaml\n  type: file\n".to_owned();
        if let Some(previous) = number.checked_sub(WIDTH) {
            stack.push_str(&format!(
                "parameters:\n  Previous: !stack_output dev/link-{previous}.yaml::Name\n"
            ));
        }
        write(&folder.join(format!("config/dev/link-{number}.yaml")), &stack);
    }
    folder
}

/// The sandbox over HTTP, in which a year of CloudFormation's work passes in half a minute.
pub struct Served {
    child: Child,
    endpoint: String,
}

impl Served {
    /// Starts it on a free port.
    pub fn start(mlinfra: &str) -> Self {
        let mut child = Command::new(mlinfra)
            .args(["sandbox", "serve", "--port", "0", "--time-scale", "1000000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut endpoint)
            .unwrap();
        Self {
            child,
            endpoint: endpoint.trim().to_owned(),
        }
    }

    /// `program` with this AWS as its own.
    pub fn call(&self, program: &str, arguments: &[&str], folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("MLINFRA_ENDPOINT_URL", &self.endpoint);
        command
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn write(path: &Path, text: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
}

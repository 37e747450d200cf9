//! What environments become: fixtures that the claims beside this file share.

use std::collections::BTreeMap;

use super::{Catalogue, RenderedEnvironment, RenderedStack, render};
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec;

mod boundary;
mod contracts;
mod examples;
mod explained;
mod gathering;
mod inputs;
mod lengths;
mod quoting;
mod reading;
mod samples;
mod schema;
mod templates;
mod wires;

const HEAD: &str = r#"[project]
name = "demo"
[environment]
account = "111122223333"
region = "us-east-1"
[tags]
team = "ml"
"#;

const NET_CONTRACT: &str = r#"
[module]
name = "net"
summary = "a network"

[inputs.cidr]
type = "cidr"
doc = "the addresses"
min = 16
max = 24
example = "10.0.0.0/16"

[inputs.zones]
type = "integer"
doc = "how many zones"
default = 2
min = 1
max = 3

[inputs.nat]
type = "string"
doc = "NAT gateways"
default = "single"
values = ["none", "single", "per-zone"]

[inputs.flow_logs]
type = "boolean"
doc = "whether traffic is logged"
default = false

[outputs.vpc_id]
type = "string"
doc = "the network"

[outputs.subnet_ids]
type = "list<string>"
doc = "the subnets"

[outputs.log_group]
type = "string"
doc = "where traffic is logged"
when = "flow_logs"
"#;

const NET_TEMPLATE: &str = r#"Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties:
      CidrBlock: {{ cidr }}
{% for index in range(zones) %}
  {{ "Subnet" ~ index }}:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: {{ cidr_subnet(cidr, 4, index) }}
{% endfor %}
{% if flow_logs %}
  Logs:
    Type: AWS::Logs::LogGroup
{% endif %}
Outputs:
  VpcId:
    Value: !Ref Vpc
  SubnetIds:
    Value: !Join [",", [{% for index in range(zones) %}!Ref {{ "Subnet" ~ index }}, {% endfor %}]]
{% if flow_logs %}
  LogGroup:
    Value: !Ref Logs
{% endif %}
"#;

const APP_CONTRACT: &str = r#"
[module]
name = "app"
summary = "an application"

[inputs.vpc_id]
type = "string"
doc = "the network that it runs in"
from = "net.vpc_id"

[inputs.subnet_ids]
type = "list<string>"
doc = "its subnets"
from = "net.subnet_ids"

[inputs.log_group]
type = "string"
doc = "logs of the network"
from = "net.log_group"
from_optional = true

[inputs.label]
type = "string"
doc = "what it is called"
default = "app"
pattern = "[a-z]+"
max = 8

[inputs.password]
type = "string"
doc = "for its database"
optional = true
secret = true

[inputs.role]
type = "arn"
doc = "its role"
optional = true

[inputs.groups]
type = "map<group>"
doc = "groups of machines"
default = {}

[types.group.fields.types]
type = "list<string>"
doc = "instance types"
default = ["m6i.large"]
min = 1

[types.group.fields.size]
type = "integer"
doc = "how many"
max = 10

[types.group.fields.note]
type = "string"
doc = "a remark"
optional = true

[outputs.name]
type = "string"
doc = "its name"
"#;

const APP_TEMPLATE: &str = r#"Resources:
  App:
    Type: Custom::App
    Properties:
      ServiceToken: {{ label }}
      VpcId: {{ vpc_id }}
{% if log_group %}
      LogGroup: {{ log_group }}
{% endif %}
      Subnets: {{ subnet_ids }}
{% for name, group in groups|items %}
  {{ "Group" ~ name|pascal }}:
    Type: Custom::Group
    Properties:
      Size: {{ group.size }}
      Types: {{ group.types }}
      ServiceToken: x
{% endfor %}
  Other:
    Type: Custom::Other
    Properties: {ServiceToken: x}
Outputs:
  Name:
    Value: !Ref App
"#;

fn files(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([
        ("modules/net.toml".to_owned(), NET_CONTRACT.to_owned()),
        ("templates/cloudformation/net.yaml".to_owned(), NET_TEMPLATE.to_owned()),
        ("modules/app.toml".to_owned(), APP_CONTRACT.to_owned()),
        ("templates/cloudformation/app.yaml".to_owned(), APP_TEMPLATE.to_owned()),
    ]);
    files.extend(
        changes
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned())),
    );
    files
}

fn environment(stacks: &str) -> spec::Environment {
    spec::load("dev", &mut |_| Ok(format!("{HEAD}{stacks}"))).unwrap_or_else(|problems| panic!("{:#?}", told(problems)))
}

fn rendered_with(changes: &[(&str, &str)], stacks: &str) -> Result<RenderedEnvironment, Problems> {
    let catalogue = Catalogue::with_overrides(files(changes))?;
    render(&environment(stacks), &catalogue).map(|(rendered, _)| rendered)
}

fn rendered(stacks: &str) -> RenderedEnvironment {
    rendered_with(&[], stacks).unwrap_or_else(|problems| panic!("{:#?}", told(problems)))
}

fn refused(stacks: &str) -> Vec<Problem> {
    rendered_with(&[], stacks).unwrap_err().0
}

/// `code place message | hint | hint`, one problem a line; lines of the environment file count from its stacks.
fn told(problems: Problems) -> Vec<String> {
    let head = HEAD.lines().count();
    problems
        .into_iter()
        .map(|problem| {
            let place = problem.labels.first().map(|label| {
                let (line, column) = label.span.line_column();
                match label.span.source.path.as_str() {
                    "environments/dev.toml" => format!("{}:{column}", line.saturating_sub(head)),
                    path => format!("{path}:{line}:{column}"),
                }
            });
            let hints: String = problem.hints.iter().map(|hint| format!(" | {hint}")).collect();
            format!(
                "{} {} {}{hints}",
                problem.code,
                place.unwrap_or_default(),
                problem.message
            )
        })
        .collect()
}

fn the_only(stacks: &str) -> String {
    let mut told = told(Problems(refused(stacks)));
    assert_eq!(told.len(), 1, "{told:#?}");
    told.remove(0)
}

fn the_only_with(changes: &[(&str, &str)], stacks: &str) -> Problem {
    let mut found = rendered_with(changes, stacks).unwrap_err().0;
    found.retain(|problem| problem.severity == crate::diagnostic::Severity::Error);
    assert_eq!(found.len(), 1, "{:#?}", told(Problems(found)));
    found.remove(0)
}

fn json(stack: &RenderedStack) -> serde_json::Value {
    serde_json::from_str(&stack.template).unwrap()
}

const NET: &str = "[stacks.network]\nmodule = \"net\"\ncidr = \"10.0.0.0/16\"\n";
const APP: &str = "[stacks.app]\nmodule = \"app\"\n";

fn net_and_app(app: &str) -> String {
    format!("{NET}{APP}{app}")
}

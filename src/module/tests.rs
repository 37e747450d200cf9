use std::collections::BTreeMap;

use super::{Catalogue, RenderedEnvironment, RenderedStack, render};
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec;

mod contracts;
mod quoting;
mod schema;

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

#[test]
fn known_inputs_are_written_in_and_the_digest_names_the_result() {
    let environment = rendered(NET);
    let network = &environment.stacks["network"];
    let document = json(network);
    assert_eq!(document["Resources"]["Vpc"]["Properties"]["CidrBlock"], "10.0.0.0/16");
    assert_eq!(
        document["Resources"]["Subnet1"]["Properties"]["CidrBlock"],
        "10.0.16.0/20"
    );
    assert_eq!(document["Resources"]["Subnet1"]["Properties"]["VpcId"]["Ref"], "Vpc");
    assert_eq!(network.stack_name, "demo-dev-network");
    assert_eq!(network.digest.len(), 64);
    assert_eq!(network.digest, rendered(NET).stacks["network"].digest);
    assert_ne!(
        network.digest,
        rendered(&NET.replace("10.0", "10.1")).stacks["network"].digest
    );
    assert!(network.parameters.is_empty() && network.depends_on.is_empty());
    assert_eq!(
        network
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>(),
        [
            "mlinfra:environment=dev",
            "mlinfra:module=net",
            "mlinfra:project=demo",
            "mlinfra:stack=network",
            "team=ml"
        ]
    );
}

#[test]
fn inputs_are_wired_to_the_only_stack_of_the_module_and_become_parameters() {
    // The application stands first in the file; it is still deployed second.
    let environment = rendered(&format!("{APP}{NET}"));
    assert_eq!(environment.stacks.keys().collect::<Vec<_>>(), ["network", "app"]);
    let app = &environment.stacks["app"];
    let wires: Vec<_> = app
        .parameters
        .iter()
        .map(|(name, from)| format!("{name}={}.{}/{}", from.stack, from.output, from.key))
        .collect();
    assert_eq!(
        wires,
        ["SubnetIds=network.subnet_ids/SubnetIds", "VpcId=network.vpc_id/VpcId"]
    );
    assert_eq!(app.depends_on.iter().collect::<Vec<_>>(), ["network"]);
    let document = json(app);
    assert_eq!(document["Parameters"]["VpcId"]["Type"], "String");
    assert_eq!(document["Parameters"]["SubnetIds"]["Type"], "CommaDelimitedList");
    assert_eq!(document["Resources"]["App"]["Properties"]["VpcId"]["Ref"], "VpcId");
    assert_eq!(
        document["Resources"]["App"]["Properties"]["Subnets"]["Ref"],
        "SubnetIds"
    );
    // The network makes no log group as it is configured, so the optional wire is not drawn.
    assert!(document["Resources"]["App"]["Properties"].get("LogGroup").is_none());
}

#[test]
fn an_output_that_depends_on_an_input_exists_only_with_it() {
    let environment = rendered(&format!("{NET}flow_logs = true\n{APP}"));
    assert_eq!(environment.stacks["network"].outputs["log_group"], "LogGroup");
    assert_eq!(environment.stacks["app"].parameters["LogGroup"].output, "log_group");
    assert!(!rendered(NET).stacks["network"].outputs.contains_key("log_group"));
    let told = the_only(&net_and_app("log_group = \"${network.log_group}\"\n"));
    assert_eq!(
        told,
        "MLI0216 6:13 `network` does not make `log_group` as it is configured | set `flow_logs` of `network`, or take \
         another output"
    );
}

#[test]
fn explicit_wires_choose_and_lists_can_be_put_together() {
    let stacks = "[stacks.a]\nmodule = \"net\"\ncidr = \"10.0.0.0/16\"\n[stacks.b]\nmodule = \"net\"\ncidr = \
                  \"10.1.0.0/16\"\n[stacks.app]\nmodule = \"app\"\nvpc_id = \"${b.vpc_id}\"\nsubnet_ids = [\"subnet-1\", \
                  \"${a.vpc_id}\"]\n";
    let app = rendered(stacks).stacks["app"].clone();
    assert_eq!(app.parameters["VpcId"].stack, "b");
    assert_eq!(app.parameters["SubnetIds1"].stack, "a");
    let subnets = &json(&app)["Resources"]["App"]["Properties"]["Subnets"];
    assert_eq!(*subnets, serde_json::json!(["subnet-1", {"Ref": "SubnetIds1"}]));
    assert_eq!(app.depends_on.iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn two_candidates_for_a_wire_are_both_named() {
    let other = NET.replace("network", "other");
    let problems = refused(&format!("{NET}{other}{APP}"));
    let told = told(Problems(problems.clone()));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(
        told[0],
        "MLI0213 7:9 `subnet_ids` of `app` could come from `network` or `other` | choose: subnet_ids = \
         \"${network.subnet_ids}\"  or  subnet_ids = \"${other.subnet_ids}\""
    );
    assert_eq!(problems[0].labels.len(), 3);
}

#[test]
fn a_wire_without_a_provider_says_which_module_is_missing() {
    let told = told(Problems(refused(APP)));
    assert_eq!(
        told[1],
        "MLI0214 1:9 `vpc_id` of `app` comes from a stack of module `net`, and there is none | add one:  [stacks.net]  \
         module = \"net\" | or give the value here: vpc_id = ..."
    );
}

#[test]
fn wrong_references_are_refused_where_they_stand_with_the_nearest_name() {
    for (app, expected) in [
        (
            "vpc_id = \"${netwrk.vpc_id}\"\n",
            "MLI0210 6:10 there is no stack `netwrk` | did you mean `network`?",
        ),
        (
            "vpc_id = \"${network.vpcid}\"\n",
            "MLI0211 6:10 the stack `network` (module `net`) has no output `vpcid` | did you mean `vpc_id`?",
        ),
        (
            "vpc_id = \"${network.subnet_ids}\"\n",
            "MLI0212 6:10 this place takes one value, network.subnet_ids is a list | outputs of `network` that are one \
             value: `vpc_id`, `log_group`",
        ),
        (
            "subnet_ids = \"${network.vpc_id}\"\n",
            "MLI0212 6:14 `subnet_ids` takes a list, network.vpc_id is one string | put it in brackets: \
             [\"${network.vpc_id}\"]",
        ),
        (
            "vpc_id = \"x-${network.vpc_id}\"\n",
            "MLI0209 6:10 `${network.vpc_id}` stands in the middle of a string | a reference is the whole string: \
             \"${network.vpc_id}\"",
        ),
        (
            "vpc_id = \"${network}\"\n",
            "MLI0209 6:10 `${network}` is not ${STACK.OUTPUT} | a reference is the whole string: \"${network.vpc_id}\"",
        ),
        (
            "groups = \"${network.vpc_id}\"\n",
            "MLI0212 6:10 `groups` cannot come from another stack: outputs are strings or lists of them",
        ),
    ] {
        assert_eq!(the_only(&net_and_app(app)), expected);
    }
}

#[test]
fn variables_of_cloudformation_and_iam_are_no_references() {
    rendered(&net_and_app("vpc_id = \"${AWS::StackName}-${aws:username}\"\n"));
}

#[test]
fn cycles_are_named_with_the_whole_path() {
    let a = "[stacks.a]\nmodule = \"app\"\nvpc_id = \"${b.name}\"\nsubnet_ids = []\n";
    let b = "[stacks.b]\nmodule = \"app\"\nvpc_id = \"${a.name}\"\nsubnet_ids = []\n";
    let problems = refused(&format!("{a}{b}"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0].message, "stacks need each other in a cycle: a -> b -> a");
    let labels: Vec<_> = problems[0].labels.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(labels, ["`vpc_id` of `a` needs b.name", "`vpc_id` of `b` needs a.name"]);
    assert!(the_only(&a.replace("${b.", "${a.")).contains("the stack `a` needs its own output"));
}

#[test]
fn every_wrong_input_is_reported_with_its_place() {
    let stacks = "[stacks.network]\nmodule = \"net\"\ncidr = \"10.0.0.1/16\"\nzones = \"2\"\nnat = \"perzone\"\nflow_log = \
                  true\n[stacks.app]\nmodule = \"app\"\nlabel = \"Nope\"\nrole = \"admin\"\nsubnet_ids = \
                  \"subnet-1\"\ngroups.gpu = { size = 11, types = [], sice = 1 }\ngroups.cpu = {}\n";
    assert_eq!(
        told(Problems(refused(stacks))),
        [
            "MLI0207 3:8 `cidr`: 10.0.0.1/16 is an address inside a network, not a network | the network is 10.0.0.0/16",
            "MLI0206 4:9 `zones` must be a whole number, this is a string | without quotes: 2",
            "MLI0207 5:7 `nat` cannot be `perzone` | did you mean `per-zone`?",
            "MLI0204 6:1 the module `net` has no input `flow_log` | did you mean `flow_logs`? | `mlinfra module show net` \
             explains them",
            "MLI0207 9:9 `label` must match `[a-z]+`, \"Nope\" does not",
            "MLI0207 10:8 `role`: \"admin\" is not an ARN | for example arn:aws:iam::111122223333:role/name",
            "MLI0206 11:14 `subnet_ids` must be a list of strings, this is a string | put it in brackets: [\"subnet-1\"]",
            "MLI0207 12:23 `groups.gpu.size` must be at most 10, 11 is not",
            "MLI0207 12:35 `groups.gpu.types` must have at least 1 items, this has 0",
            "MLI0204 12:39 `groups.gpu` has no key `sice` | did you mean `size`?",
            "MLI0205 13:14 `groups.cpu` has no `size`",
        ]
    );
}

#[test]
fn missing_inputs_and_unknown_modules_say_what_to_write() {
    assert_eq!(
        the_only("[stacks.network]\nmodule = \"net\"\n"),
        "MLI0205 1:9 the stack `network` has no `cidr` | for example: cidr = \"10.0.0.0/16\""
    );
    let told = the_only(&NET.replace("\"net\"", "\"nte\""));
    assert!(told.starts_with("MLI0203 2:10 there is no module `nte`"), "{told}");
    assert!(told.ends_with("did you mean `net`?"), "{told}");
}

#[test]
fn a_secret_in_a_file_is_refused_and_shown_nowhere() {
    let problems = refused(&net_and_app("password = \"hunter2-hunter2\"\n"));
    assert_eq!(problems[0].code, codes::SECRET_LITERAL);
    assert_eq!(problems[0].labels[0].span.line_column().1, 12);
    assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    for good in [
        "{{resolve:secretsmanager:db:SecretString:password}}",
        "{{resolve:ssm-secure:/db/password:1}}",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf",
        "${network.vpc_id}",
    ] {
        rendered(&net_and_app(&format!("password = \"{good}\"\n")));
    }
    for bad in [
        "{{resolve:ssm:/db/password}}",
        "x{{resolve:secretsmanager:a}}",
        "{{resolve:secretsmanager:}}",
    ] {
        assert!(
            the_only(&net_and_app(&format!("password = \"{bad}\"\n"))).starts_with("MLI0208"),
            "{bad}"
        );
    }
}

#[test]
fn records_get_their_defaults_and_keys_become_logical_ids() {
    let app = rendered(&net_and_app("groups.gpu-large = { size = 3 }\n")).stacks["app"].clone();
    assert_eq!(
        json(&app)["Resources"]["GroupGpuLarge"]["Properties"],
        serde_json::json!({"Size": 3, "Types": ["m6i.large"], "ServiceToken": "x"})
    );
}

/// The problem that an application's template causes, with `line` at the end of its properties.
fn template_problem(line: &str) -> Problem {
    let template = APP_TEMPLATE.replace("      Subnets: {{ subnet_ids }}\n", &format!("{line}\n"));
    the_only_with(
        &[("templates/cloudformation/app.yaml", &template)],
        &net_and_app("label = \"abc\"\n"),
    )
}

#[test]
fn what_needs_the_value_of_another_stack_is_refused_and_says_so() {
    for line in [
        "      A: {{ vpc_id ~ \"-x\" }}",
        "      A: {{ \"x-\" ~ vpc_id }}",
        "      A: {{ vpc_id|upper }}",
        "      A: {{ vpc_id|pascal }}",
        "      A: {{ (vpc_id ~ \"x\")|pascal }}",
        "      A: {{ vpc_id|string|first }}",
        "      A: {{ vpc_id[0] }}",
        "      A: {{ vpc_id.x }}",
        "      A: {{ cidr_subnet(vpc_id, 1, 1) }}",
        "{% if vpc_id == \"vpc-1\" %}{% endif %}",
        "{% if \"vpc-1\" != vpc_id %}{% endif %}",
        "{% if \"a\" in vpc_id %}{% endif %}",
        "{% for c in vpc_id %}{% endfor %}",
        "      A: {{ vpc_id|join(\",\") }}",
        "      A: {{ vpc_id|first }}",
        "{% for c in [vpc_id] %}\n      A: {{ c ~ \"x\" }}\n{% endfor %}",
    ] {
        let problem = template_problem(line);
        assert_eq!(problem.code, codes::DEFERRED_VALUE, "{line}: {problem:#?}");
        assert_eq!(
            problem.message,
            "the template needs the value of `vpc_id`, which is known only after `network` is deployed"
        );
        let line_number = problem.labels[0].span.line_column().0;
        assert!((10..=11).contains(&line_number), "{line}: {line_number}");
    }
}

#[test]
fn values_of_other_stacks_can_be_tested_put_into_text_selected_and_joined() {
    let template = APP_TEMPLATE.replace(
        "      Subnets: {{ subnet_ids }}\n",
        "      A: {{ sub(\"${AWS::Region}/${vpc}/${name}\", vpc=vpc_id, name=label) }}\n      B: {{ select(1, subnet_ids) \
         }}\n      C: {{ join(\",\", subnet_ids) }}\n      D: {{ vpc_id is none }}\n      E: {{ join(\"-\", [\"a\", \"b\"]) \
         }}\n      F: {{ join(\"-\", [\"a\", vpc_id]) }}\n      G: {{ vpc_id or \"x\" }}\n      H: {{ select(1, [\"a\", \
         \"b\"]) }}\n      I: {{ {\"x\": getatt(\"Other\", \"GroupId\"), \"y\": [ref(\"Other\")]} }}\n      J: {{ \
         cidr_size(\"10.0.0.0/24\") }}\n",
    );
    let changes = [("templates/cloudformation/app.yaml", template.as_str())];
    let environment = rendered_with(&changes, &net_and_app("")).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    let mut properties = json(&environment.stacks["app"])["Resources"]["App"]["Properties"].clone();
    for key in ["ServiceToken", "VpcId"] {
        properties.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(
        properties,
        serde_json::json!({
            "A": {"Fn::Sub": ["${AWS::Region}/${vpc}/${name}", {"vpc": {"Ref": "VpcId"}, "name": "app"}]},
            "B": {"Fn::Select": [1, {"Ref": "SubnetIds"}]},
            "C": {"Fn::Join": [",", {"Ref": "SubnetIds"}]},
            "D": false,
            "E": "a-b",
            "F": {"Fn::Join": ["-", ["a", {"Ref": "VpcId"}]]},
            "G": {"Ref": "VpcId"},
            "H": "b",
            "I": {"x": {"Fn::GetAtt": ["Other", "GroupId"]}, "y": [{"Ref": "Other"}]},
            "J": 256,
        })
    );
}

#[test]
fn mistakes_in_a_template_are_shown_at_its_line_with_the_inputs_behind_it() {
    let path = "templates/cloudformation/app.yaml";
    for (line, code, message, place) in [
        ("      A: {{ lable }}", codes::RENDER_UNDEFINED, "uses `lable`", "10:13"),
        (
            "      A: {{ label|nope }}",
            codes::RENDER_FAILED,
            "filter nope is unknown",
            "10:",
        ),
        (
            "      A: {{ fail(\"too few of \" ~ label) }}",
            codes::REFUSED_BY_TEMPLATE,
            "`app`: too few of abc",
            "10:13",
        ),
        ("      A: {{ label", codes::TEMPLATE_SYNTAX, "", "1"),
        (
            "      A: b-{{ label }}",
            codes::EXPRESSION_IN_TEXT,
            "middle of a string",
            "10:12",
        ),
        (
            "      A: {{ cidr_subnet(\"10.0.0.0/30\", 4, 0) }}",
            codes::RENDER_FAILED,
            "cannot be split",
            "10:13",
        ),
        (
            "      A: {{ select(5, [1]) }}",
            codes::RENDER_FAILED,
            "there is no element 5: the list has 1",
            "10:13",
        ),
    ] {
        let problem = template_problem(line);
        assert_eq!(problem.code, code, "{line}: {problem:#?}");
        assert!(problem.message.contains(message), "{line}: {}", problem.message);
        let found = problem.labels[0].span.place();
        assert!(found.starts_with(&format!("{path}:{place}")), "{line}: {found}");
    }
    let problem = template_problem("      A: {{ lable }}");
    assert_eq!(problem.hints, ["did you mean `label`?"]);
    let problem = template_problem("      A: {{ fail(\"too few of \" ~ label) }}");
    assert_eq!(problem.labels[1].span.text(), "label = \"abc\"");
}

#[test]
fn a_mistake_in_the_rendered_document_is_shown_at_the_template_line_and_the_input() {
    // `label` makes the second of two equal keys.
    let template = APP_TEMPLATE.replace("ServiceToken: {{ label }}", "abc: 1\n      {{ label }}: 2");
    let changes = [("templates/cloudformation/app.yaml", template.as_str())];
    let problem = the_only_with(&changes, &net_and_app("label = \"abc\"\n"));
    let texts: Vec<_> = problem
        .labels
        .iter()
        .map(|label| format!("{} {}", label.span.place(), label.span.text()))
        .collect();
    assert!(
        texts.contains(&"templates/cloudformation/app.yaml:6:7 {{ label }}: 2".to_owned()),
        "{texts:#?}"
    );
    assert!(
        texts.contains(&"environments/dev.toml:13:1 label = \"abc\"".to_owned()),
        "{texts:#?}"
    );
    assert!(
        problem.notes.contains(&"rendered as: \"abc\": 2".to_owned()),
        "{:?}",
        problem.notes
    );
}

#[test]
fn outputs_that_the_contract_promises_must_be_made() {
    let template = APP_TEMPLATE.replace("  Name:\n    Value: !Ref App\n", "  Nme:\n    Value: !Ref App\n");
    let problem = the_only_with(&[("templates/cloudformation/app.yaml", &template)], &net_and_app(""));
    assert_eq!(problem.code, codes::OUTPUT_MISSING);
    assert!(problem.message.contains("`Name`"));
    assert_eq!(problem.labels[1].span.source.path, "modules/app.toml");
}

#[test]
fn parameters_of_a_template_need_a_default_and_may_not_clash() {
    let with = |head: &str| {
        let template = format!("{head}{APP_TEMPLATE}");
        the_only_with(&[("templates/cloudformation/app.yaml", &template)], &net_and_app("")).code
    };
    assert_eq!(
        with("Parameters:\n  Own: {Type: String}\n"),
        codes::PARAMETER_WITHOUT_VALUE
    );
    assert_eq!(
        with("Parameters:\n  VpcId: {Type: String, Default: x}\n"),
        codes::PARAMETER_CONFLICT
    );
    let template = APP_TEMPLATE.replace("  Other:\n", "  VpcId:\n");
    let problem = the_only_with(&[("templates/cloudformation/app.yaml", &template)], &net_and_app(""));
    assert_eq!(problem.code, codes::PARAMETER_CONFLICT);
}

#[test]
fn a_resource_is_traced_to_its_template_line_and_inputs() {
    let environment = rendered(&net_and_app("label = \"abc\"\ngroups.gpu = { size = 3 }\n"));
    let app = &environment.stacks["app"];
    let shown = |id: &str| -> Vec<String> {
        app.trace(id)
            .iter()
            .map(|label| format!("{} {}", label.span.place(), label.span.text()))
            .collect()
    };
    assert_eq!(
        shown("App"),
        [
            "templates/cloudformation/app.yaml:2:3 App",
            "environments/dev.toml:13:1 label = \"abc\""
        ]
    );
    assert_eq!(
        shown("GroupGpu"),
        [
            "templates/cloudformation/app.yaml:12:3 {{ \"Group\" ~ name|pascal }}:",
            "environments/dev.toml:14:1 groups"
        ]
    );
    assert_eq!(app.origins.resources["GroupGpu"], 11);
    assert!(app.trace("Nothing").is_empty());
}

#[test]
fn every_built_in_module_is_read_without_a_problem() {
    let catalogue = Catalogue::built_in();
    assert!(catalogue.problems.is_empty(), "{:#?}", told(catalogue.problems));
}

/// The example environments, as a clone of the project has them.
fn example(name: &str) -> spec::Environment {
    let read = &mut |path: &str| {
        Ok(match path {
            "environments/common.toml" => {
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/common.toml"))
            }
            "environments/dev.toml" => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/dev.toml")),
            "environments/test.toml" => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/test.toml")),
            "environments/prod.toml" => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/prod.toml")),
            _ => return Err("no such file".to_owned()),
        }
        .to_owned())
    };
    spec::load(name, read).unwrap_or_else(|problems| panic!("{:#?}", told(problems)))
}

#[test]
fn every_example_environment_renders_with_no_problem_at_all() {
    for name in ["dev", "test", "prod"] {
        match render(&example(name), &Catalogue::built_in()) {
            Ok((rendered, warnings)) => {
                assert!(rendered.stacks.len() >= 5, "{name}");
                assert!(warnings.is_empty(), "{name}: {:#?}", told(warnings));
            }
            Err(problems) => panic!("{name}: {:#?}", told(problems)),
        }
    }
}

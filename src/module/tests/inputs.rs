//! What an environment file gives, against the contract.

use super::*;

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
            "MLI0207 9:9 `label` cannot be \"Nope\" | did you mean \"nope\"?",
            "MLI0207 10:8 `role`: \"admin\" is not an ARN | for example arn:aws:iam::111122223333:role/name",
            "MLI0206 11:14 `subnet_ids` must be a list of strings, this is a string | put it in brackets: [\"subnet-1\"]",
            "MLI0207 12:23 `groups.gpu.size` must be at most 10, this is 11",
            "MLI0207 12:35 `groups.gpu.types` must have at least 1 item, this has 0",
            "MLI0204 12:39 `groups.gpu` has no key `sice` | did you mean `size`?",
            "MLI0205 13:14 `groups.cpu` has no `size` | for example: size = 1",
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

//! What every request promises, whatever the file says.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{TrainingFacts, endpoint_name, is_named_by, objects, prefix, training_job};
use crate::diagnostic::{Problems, codes};
use crate::spec::{Environment, load};
use crate::workload::Facts;
use crate::workload::tests::golden;

fn environment(project: &str, workload: &str) -> Environment {
    let text = format!(
        "[project]\nname = \"{project}\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n\
         [tags]\nteam = \"ml\"\n[stacks.network]\nmodule = \"vpc\"\n[stacks.storage]\nmodule = \"s3\"\n\
         [stacks.ml]\nmodule = \"sagemaker\"\n[workloads.w]\non = \"ml\"\ninstance_type = \"ml.m6i.large\"\n\
         image = {{ reference = \"ghcr.io/shop/w:1\" }}\n{workload}"
    );
    load("dev", &mut |_| Ok(text.clone())).unwrap_or_else(|found| panic!("{workload}: {found:#?}"))
}

type Outputs = BTreeMap<String, String>;

fn host() -> Outputs {
    let outputs = [
        ("execution_role_arn", "arn:role"),
        ("training_role_arn", "arn:job"),
        ("training_subnet_ids", "[\"subnet-1\"]"),
        ("security_group_id", "sg-1"),
        ("training_security_group_id", "sg-2"),
    ];
    outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn made(workload: &str, host: &Outputs) -> Result<Vec<Json>, Problems> {
    let environment = environment("shop", workload);
    let facts = Facts {
        image: Some("registry/w@sha256:1".to_owned()),
        model_uri: environment.workloads["w"]
            .model
            .as_ref()
            .map(|_| "s3://b/m/".to_owned()),
        ..Facts::default()
    };
    objects(&environment, &environment.workloads["w"], &facts, None, Some(host))
}

#[test]
fn an_api_is_a_model_a_configuration_and_an_endpoint_that_name_each_other() {
    let made = made("kind = \"api\"\nreplicas = 2\nmodel = { key = \"m/\" }\n", &host()).unwrap();
    let kinds: Vec<&str> = made.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["Model", "EndpointConfig", "Endpoint"]);
    let requests: Vec<&Json> = made.iter().map(|object| &object["request"]).collect();
    assert_eq!(
        requests[1]["ProductionVariants"][0]["ModelName"],
        requests[0]["ModelName"]
    );
    assert_eq!(requests[1]["ProductionVariants"][0]["InitialInstanceCount"], 2);
    assert_eq!(requests[2]["EndpointConfigName"], requests[1]["EndpointConfigName"]);
    assert_eq!(requests[2]["EndpointName"], "shop-dev-w");
    assert_eq!(requests[0]["VpcConfig"]["Subnets"][0], "subnet-1");
    let source = &requests[0]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"];
    assert_eq!(
        (source["S3DataType"].as_str(), source["S3Uri"].as_str()),
        (Some("S3Prefix"), Some("s3://b/m/"))
    );
    for request in requests {
        let tags = request["Tags"].to_string();
        for tag in ["mlinfra:workload", "mlinfra:environment", "team"] {
            assert!(tags.contains(tag), "{tags}");
        }
    }
}

#[test]
fn names_follow_the_content_and_tags_are_no_part_of_it() {
    let name = |workload: &str| made(workload, &host()).unwrap()[0]["name"].clone();
    let plain = name("kind = \"api\"\n");
    assert_eq!(plain, name("kind = \"api\"\nreplicas = 5\n"), "the model is the same");
    assert_ne!(plain, name("kind = \"api\"\nenv = { A = \"1\" }\n"));
    assert!(is_named_by(plain.as_str().unwrap(), "shop-dev-w-"));
    assert!(!is_named_by("shop-dev-w-other-0123456789", "shop-dev-w-"));
}

#[test]
fn names_that_would_be_too_long_stay_apart() {
    let environment = environment("shop", "kind = \"api\"\n");
    let long = "w".repeat(60);
    let name = |last: &str| endpoint_name(&environment, &format!("{long}{last}"));
    assert_ne!(name("one"), name("two"));
    assert!(name("one").len() <= 63, "{}", name("one"));
    assert!(prefix(&environment, &long).len() <= 53);
}

#[test]
fn alarms_make_a_canary_go_first_and_the_old_instances_stand_by() {
    let mut host = host();
    let deployment = |host: &Outputs| {
        made("kind = \"api\"\nreplicas = 2\n", host).unwrap()[2]["request"]["DeploymentConfig"].clone()
    };
    let traffic = "/BlueGreenUpdatePolicy/TrafficRoutingConfiguration/Type";
    assert_eq!(deployment(&host).pointer(traffic).unwrap(), "ALL_AT_ONCE");
    host.insert("endpoint_alarm_names".to_owned(), "[\"other=theirs\"]".to_owned());
    assert_eq!(deployment(&host).pointer(traffic).unwrap(), "ALL_AT_ONCE");
    host.insert("endpoint_alarm_names".to_owned(), "other=theirs,w=errors".to_owned());
    let watched = deployment(&host);
    let alarms = watched.pointer("/AutoRollbackConfiguration/Alarms").unwrap();
    assert_eq!(alarms.as_array().unwrap().len(), 1, "{alarms}");
    assert_eq!(watched.pointer(traffic).unwrap(), "CANARY");
    assert_eq!(watched["AutoRollbackConfiguration"]["Alarms"][0]["AlarmName"], "errors");
    assert_eq!(watched["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"], 300);
}

#[test]
fn a_batch_is_a_processing_job_with_the_role_and_network_of_jobs() {
    let made = made("kind = \"batch\"\nargs = [\"batch\"]\ntimeout = \"2h\"\n", &host()).unwrap();
    assert_eq!(made.len(), 1);
    let request = &made[0]["request"];
    assert_eq!(request["RoleArn"], "arn:job");
    assert_eq!(request["NetworkConfig"]["VpcConfig"]["SecurityGroupIds"][0], "sg-2");
    assert_eq!(request["StoppingCondition"]["MaxRuntimeInSeconds"], 7200);
    assert_eq!(request["AppSpecification"]["ContainerArguments"][0], "batch");
}

#[test]
fn what_sagemaker_cannot_do_is_told_at_once_and_at_its_place() {
    let refused = made("kind = \"api\"\nargs = [\"serve\"]\nreplicas = 0\n", &host()).unwrap_err();
    assert_eq!(refused.0.len(), 2);
    assert!(
        refused
            .0
            .iter()
            .all(|problem| problem.code == codes::SAGEMAKER_SETTING && !problem.labels.is_empty())
    );
}

#[test]
fn what_is_not_known_yet_is_said_and_names_nothing() {
    let environment = environment("shop", "kind = \"api\"\n");
    let made = objects(&environment, &environment.workloads["w"], &Facts::default(), None, None).unwrap();
    let text = Json::Array(made).to_string();
    assert!(text.contains("(known after ml)"), "{text}");
    assert!(text.contains("shop-dev-w-(known when it is shipped)"), "{text}");
}

#[test]
fn processors_cannot_be_followed_where_nobody_knows_how_many_there_are() {
    let scaled = "kind = \"api\"\nautoscaling = { min = 1, max = 2, target_cpu = 50 }\n";
    let mut environment = environment("shop", scaled);
    let made = |environment: &Environment| {
        let workload = &environment.workloads["w"];
        objects(environment, workload, &Facts::default(), None, Some(&host()))
    };
    assert_eq!(
        made(&environment).unwrap()[4]["request"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"],
        100.0
    );
    environment.workloads["w"].instance_type = Some("ml.odd.huge".to_owned());
    let refused = made(&environment).unwrap_err();
    assert_eq!(refused.0[0].code, codes::SAGEMAKER_SETTING);
    assert!(refused.0[0].message.contains("ml.odd.huge"), "{refused:?}");
}

/// Held against AWS's own model of the API, and moto, by `tests/external/platforms.py`.
#[test]
fn the_requests_are_those_that_were_held_against_awss_model() {
    let mut watched = host();
    watched.insert("endpoint_alarm_names".to_owned(), "[\"errors\"]".to_owned());
    watched.insert(
        "execution_role_arn".to_owned(),
        "arn:aws:iam::111122223333:role/models".to_owned(),
    );
    watched.insert(
        "training_role_arn".to_owned(),
        "arn:aws:iam::111122223333:role/jobs".to_owned(),
    );
    let scaled = |by: &str| format!("kind = \"api\"\nautoscaling = {{ min = 2, max = 4, {by} }}\n");
    let cases = [
        (
            "api",
            "kind = \"api\"\nmodel = { key = \"m/\" }\nenv = { A = \"1\" }\n".to_owned(),
        ),
        ("scaled-by-requests", scaled("target_requests = 20")),
        ("scaled-by-processors", scaled("target_cpu = 70")),
        (
            "batch",
            "kind = \"batch\"\nargs = [\"batch\"]\ntimeout = \"2h\"\n".to_owned(),
        ),
    ];
    let mut all: serde_json::Map<String, Json> = cases
        .iter()
        .map(|(name, workload)| ((*name).to_owned(), Json::Array(made(workload, &watched).unwrap())))
        .collect();
    let environment = environment(
        "shop",
        "kind = \"batch\"\n[training.fraud]\non = \"ml\"\nimage = { reference = \"ghcr.io/shop/train:1\" }\n\
         instance_type = \"ml.m6i.large\"\nhyperparameters = { trees = \"100\" }\nmetrics = { auc = \"auc=(.*)\" }\n\
         channels = { train = { s3 = \"s3://shop-data/train/\", content_type = \"text/csv\" } }\n\
         output = { s3 = \"s3://shop-models/fraud/\" }\nspot = { max_wait = \"2h\" }\ntimeout = \"1h\"\n",
    );
    let facts = TrainingFacts {
        image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/jobs".to_owned(),
        subnets: vec!["subnet-1".to_owned()],
        security_group_id: Some("sg-2".to_owned()),
        ..TrainingFacts::default()
    };
    let training = &environment.training["fraud"];
    let job = training_job(&environment, training, &facts, "1").unwrap();
    let name = job["TrainingJobName"].clone();
    all.insert(
        "training".to_owned(),
        json!([{ "kind": "TrainingJob", "name": name, "request": job }]),
    );
    golden("sagemaker.json", &all);
}

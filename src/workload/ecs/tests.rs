//! What workloads become on ECS, without any AWS.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{fargate, notes, objects};
use crate::diagnostic::{Problems, codes};
use crate::spec::{self, Environment};
use crate::workload::Facts;
use crate::workload::tests::golden;

const API: &str =
    "[workloads.scorer]\nkind = \"api\"\non = \"tasks\"\nimage = { reference = \"example.com/scorer:1\" }\n";
const BATCH: &str =
    "[workloads.scorer]\nkind = \"batch\"\non = \"tasks\"\nimage = { reference = \"example.com/scorer:1\" }\n";
const STREAM: &str = "[workloads.scorer]\nkind = \"stream\"\non = \"tasks\"\nimage = { reference = \"example.com/scorer:1\" }\nstream = { brokers = [\"b:9098\"], topic = \"orders\" }\n";

fn environment(stack: &str, workloads: &str) -> Environment {
    let text = format!(
        "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n[tags]\nteam = \"ml\"\n[stacks.tasks]\nmodule = \"ecs\"\n{stack}\n{workloads}"
    );
    let mut read = |path: &str| match path {
        "environments/dev.toml" => Ok(text.clone()),
        other => Err(format!("no {other}")),
    };
    spec::load("dev", &mut read).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn made(stack: &str, workloads: &str) -> Result<Vec<Json>, Problems> {
    let environment = environment(stack, workloads);
    objects(&environment, &environment.workloads["scorer"], &Facts::default(), None)
}

fn refused(stack: &str, workloads: &str) -> (crate::diagnostic::Code, String) {
    let problems = made(stack, workloads).unwrap_err();
    (problems.0[0].code, problems.0[0].message.clone())
}

fn told(stack: &str, workloads: &str) -> Vec<String> {
    let environment = environment(stack, workloads);
    notes(&environment, &environment.workloads["scorer"], None)
}

#[test]
fn before_anything_is_deployed_what_is_known_later_stands_in_brackets() {
    let objects = made("task_roles = { scorer = {} }", API).unwrap();
    let (definition, service) = (&objects[0]["request"], &objects[1]["request"]);
    assert_eq!(objects[0]["action"], "RegisterTaskDefinition");
    assert_eq!(objects[1]["action"], "CreateService");
    assert_eq!(definition["family"], "shop-dev-scorer");
    for later in ["executionRoleArn", "taskRoleArn"] {
        assert_eq!(definition[later], "(known after tasks)", "{later}");
    }
    assert_eq!(definition["containerDefinitions"][0]["image"], "example.com/scorer:1");
    assert_eq!(service["cluster"], "(known after tasks)");
    assert_eq!(service["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE");
    assert_eq!(service["loadBalancers"][0]["containerPort"], 8080);
}

#[test]
fn a_container_is_nobody_writes_nowhere_and_has_no_capabilities() {
    let objects = made("", API).unwrap();
    let container = &objects[0]["request"]["containerDefinitions"][0];
    assert_eq!(container["user"], "65532:65532");
    assert_eq!(container["readonlyRootFilesystem"], true);
    assert_eq!(container["linuxParameters"]["capabilities"]["drop"][0], "ALL");
    assert_eq!(
        objects[1]["request"]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"],
        "DISABLED"
    );
}

#[test]
fn secrets_are_references_and_never_files() {
    let secrets = "secrets = { A = \"{{resolve:secretsmanager:shop/db:SecretString:password}}\", B = \"{{resolve:ssm-secure:/shop/token}}\", C = \"arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/x-AbCdEf\" }\n";
    let objects = made("", &format!("{API}{secrets}")).unwrap();
    let container = &objects[0]["request"]["containerDefinitions"][0];
    let from: Vec<&str> = (0..3)
        .map(|at| container["secrets"][at]["valueFrom"].as_str().unwrap())
        .collect();
    assert_eq!(
        from,
        [
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db:password::",
            "arn:aws:ssm:us-east-1:111122223333:parameter/shop/token",
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/x-AbCdEf",
        ]
    );
    let variables = container["environment"].to_string();
    assert!(!variables.contains("_FILE"), "{variables}");
}

#[test]
fn sizes_are_rounded_up_to_one_that_fargate_has() {
    let cases = [
        ((256, 512), Some((256, 512))),
        ((256, 513), Some((256, 1_024))),
        ((256, 1_200), Some((256, 2_048))),
        ((257, 512), Some((512, 1_024))),
        ((512, 5_000), Some((1_024, 5_120))),
        ((1_024, 2_048), Some((1_024, 2_048))),
        ((4_097, 1), Some((8_192, 16_384))),
        ((8_192, 16_385), Some((8_192, 20_480))),
        ((16_384, 122_880), Some((16_384, 122_880))),
        ((16_384, 122_881), None),
        ((16_385, 1), None),
    ];
    for ((cpu, memory), size) in cases {
        assert_eq!(fargate(cpu, memory), size, "{cpu} {memory}");
    }
}

#[test]
fn rounding_is_told_and_what_no_task_has_is_refused() {
    let small = format!("{API}cpu = 0.3\nmemory = \"700Mi\"\ngrace_period = \"5m\"\n");
    assert_eq!(
        told("", &small),
        [
            "scorer asks for 0.3 processors and 700 MiB; the next size of Fargate has 0.5 and 1024 MiB",
            "scorer asks for 300 s to finish; Fargate gives 120 s",
        ]
    );
    let objects = made("", &small).unwrap();
    assert_eq!(objects[0]["request"]["cpu"], "512");
    assert_eq!(objects[0]["request"]["containerDefinitions"][0]["stopTimeout"], 120);
    assert_eq!(told("", API), Vec::<String>::new());
    let (code, message) = refused("", &format!("{API}cpu = 32\n"));
    assert_eq!(code, codes::ECS_SIZE);
    assert!(message.contains("32 processors"), "{message}");
}

#[test]
fn gpus_are_asked_for_on_the_instances_that_have_them() {
    let stack = "capacity = { alpha = { instance_types = [\"m6i.large\"] }, zeta = { instance_types = [\"g6.xlarge\"], gpu = true } }";
    let environment = environment(stack, &format!("{API}gpu = 1\n"));
    let given = BTreeMap::from(
        [
            ("cluster_name", "shop-dev-tasks"),
            ("capacity_provider", "FARGATE"),
            ("capacity_providers", "[\"provider-alpha\",\"provider-zeta\"]"),
            ("subnet_ids", "[\"subnet-1\"]"),
            ("service_security_group_id", "sg-1"),
            ("execution_role_arn", "arn:role"),
            ("log_group", "logs"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let workload = &environment.workloads["scorer"];
    let objects = objects(&environment, workload, &Facts::default(), Some(&given)).unwrap();
    let (definition, service) = (&objects[0]["request"], &objects[1]["request"]);
    assert_eq!(
        service["capacityProviderStrategy"][0]["capacityProvider"],
        "provider-zeta"
    );
    assert_eq!(definition["requiresCompatibilities"][0], "EC2");
    assert_eq!(
        definition["containerDefinitions"][0]["resourceRequirements"][0]["type"],
        "GPU"
    );
    // Deployed without a load balancer: the outputs decide.
    assert!(service.get("loadBalancers").is_none());
    let mut less = given.clone();
    less.remove("log_group");
    let problems = super::objects(&environment, workload, &Facts::default(), Some(&less)).unwrap_err();
    assert_eq!(problems.0[0].code, codes::ECS_STACK);
    assert!(problems.0[0].message.contains("`log_group`"), "{:?}", problems.0[0]);
}

#[test]
fn what_ecs_has_no_counterpart_for_is_refused_with_what_does_the_same() {
    let clock = "schedules = true\n";
    let (code, message) = refused(clock, &format!("{BATCH}schedule = \"15 2 1 * mon\"\n"));
    assert_eq!(code, codes::ECS_UNSUPPORTED);
    assert!(message.contains("days of the month and days of the week"), "{message}");
    let (code, message) = refused(clock, &format!("{BATCH}schedule = \"@daily\"\ntimeout = \"1h\"\n"));
    assert_eq!(code, codes::ECS_UNSUPPORTED);
    assert!(message.contains("after its `timeout`"), "{message}");
    let (code, message) = refused(
        "load_balancer = false\n",
        &format!("{API}autoscaling = {{ min = 1, max = 3, target_requests = 70 }}\n"),
    );
    assert_eq!(code, codes::ECS_UNSUPPORTED);
    assert!(message.contains("counted by a load balancer"), "{message}");
    let (code, message) = refused("", &format!("{STREAM}autoscaling = {{ min = 1, max = 3, lag = 70 }}\n"));
    assert_eq!(code, codes::ECS_UNSUPPORTED);
    assert!(message.contains("messages of Kafka"), "{message}");
}

#[test]
fn what_the_stack_does_not_fit_is_told_before_anything_is_sent() {
    let (code, message) = refused("", &format!("{API}port = 9000\n"));
    assert_eq!(code, codes::ECS_STACK);
    assert!(
        message.contains("port 9000") && message.contains("reaches 8080 alone"),
        "{message}"
    );
    let two = format!("{API}{}", API.replace("scorer]", "other]"));
    let (code, message) = refused("", &two);
    assert_eq!(code, codes::ECS_STACK);
    assert!(message.contains("behind one load balancer"), "{message}");
    let nightly = format!("{BATCH}schedule = \"15 2 * * *\"\n");
    let (code, message) = refused("", &nightly);
    assert_eq!(code, codes::ECS_STACK);
    assert!(message.contains("nothing that could start it"), "{message}");
    assert_eq!(made("", &nightly).unwrap_err().0.len(), 1);
    let (code, message) = refused(
        "",
        &format!("{API}model = {{ bucket = \"models\", key = \"m.onnx\" }}\n"),
    );
    assert_eq!(code, codes::ECS_STACK);
    assert!(message.contains("no task role"), "{message}");
    let arm = "default_capacity = \"arm\"\ncapacity = { arm = { architecture = \"arm64\", instance_types = [\"m7g.large\"] } }";
    let (code, message) = refused(arm, API);
    assert_eq!(code, codes::ECS_STACK);
    assert!(message.contains("are arm64"), "{message}");
    assert!(made(arm, &format!("{API}architecture = \"arm64\"\n")).is_ok());
}

#[test]
fn a_path_that_the_load_balancer_does_not_ask_is_told() {
    let probes = format!("{API}probes = {{ path = \"/v2/health/ready\" }}\n");
    let told_of = told("", &probes);
    assert!(
        told_of[0].contains("for /ping") && told_of[0].contains("/v2/health/ready"),
        "{told_of:?}"
    );
    assert_eq!(
        told("health_check_path = \"/v2/health/ready\"", &probes),
        Vec::<String>::new()
    );
}

#[test]
fn the_label_tells_definitions_apart_and_nothing_else_moves_it() {
    let label =
        |workloads: &str| made("", workloads).unwrap()[0]["request"]["containerDefinitions"][0]["dockerLabels"].clone();
    assert_eq!(label(API), label(API));
    assert_ne!(label(API), label(&format!("{API}env = {{ A = \"1\" }}\n")));
    assert_eq!(label(API), label(&format!("{API}replicas = 5\n")));
}

#[test]
fn a_batch_runs_once_and_asks_for_no_port() {
    let objects = made("", BATCH).unwrap();
    assert_eq!(objects[1]["action"], "RunTask");
    assert_eq!(objects[1]["request"]["count"], 1);
    assert!(
        objects[0]["request"]["containerDefinitions"][0]
            .get("portMappings")
            .is_none()
    );
}

#[test]
fn a_batch_with_a_schedule_is_started_by_the_clock_of_its_time_zone() {
    let nightly = format!("{BATCH}schedule = \"15 2 * * mon-fri\"\ntime_zone = \"Europe/Berlin\"\n");
    let objects = made("schedules = true", &nightly).unwrap();
    let (action, schedule) = (&objects[1]["action"], &objects[1]["request"]);
    assert_eq!(action, "CreateSchedule");
    assert_eq!(schedule["ScheduleExpression"], "cron(15 2 ? * MON-FRI *)");
    assert_eq!(schedule["ScheduleExpressionTimezone"], "Europe/Berlin");
    assert_eq!(schedule["GroupName"], "(known after tasks)");
    let told_of = told("schedules = true", &nightly);
    assert!(
        told_of[0].contains("even while the one before still runs"),
        "{told_of:?}"
    );
}

/// Held against AWS's own model of the API, and moto, by `tests/external/platforms.py`.
#[test]
fn the_requests_are_those_that_were_held_against_awss_model() {
    let stack = "exec = true\nservice_connect = true\ntask_roles = { scorer = {} }\ncapacity = { gpu = { instance_types = [\"g6.xlarge\"], gpu = true } }";
    let more = "secrets = { A = \"{{resolve:secretsmanager:shop/db:SecretString:password}}\" }\nenv = { LEVEL = \"info\", MODE = \"fast\" }\nargs = [\"serve\"]\n";
    let given = BTreeMap::from(
        [
            ("cluster_name", "shop-dev-tasks"),
            ("capacity_provider", "FARGATE"),
            ("capacity_providers", "[\"shop-dev-tasks-gpu\"]"),
            ("subnet_ids", "[\"subnet-0123456789abcdef0\"]"),
            ("service_security_group_id", "sg-0123456789abcdef0"),
            ("execution_role_arn", "arn:aws:iam::111122223333:role/execution"),
            ("task_role_arns", "[\"arn:aws:iam::111122223333:role/scorer\"]"),
            ("log_group", "shop-dev-tasks-logs"),
            (
                "target_group_arn",
                "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/tasks/0123456789abcdef",
            ),
            ("load_balancer_arn_suffix", "app/tasks/0123456789abcdef"),
            ("target_group_arn_suffix", "targetgroup/tasks/0123456789abcdef"),
            (
                "cluster_arn",
                "arn:aws:ecs:us-east-1:111122223333:cluster/shop-dev-tasks",
            ),
            ("schedule_group", "shop-dev-tasks"),
            ("schedule_role_arn", "arn:aws:iam::111122223333:role/schedule"),
            (
                "namespace_arn",
                "arn:aws:servicediscovery:us-east-1:111122223333:namespace/ns-0123456789abcdef",
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let made = |name: &str, workload: &str| {
        let environment = environment(stack, workload);
        let objects = objects(
            &environment,
            &environment.workloads["scorer"],
            &Facts::default(),
            Some(&given),
        );
        (name.to_owned(), Json::Array(objects.unwrap()))
    };
    let all: serde_json::Map<String, Json> = [
        made("api", &format!("{API}{more}")),
        made("api-with-gpu", &format!("{API}gpu = 1\n")),
        made("stream", STREAM),
        made(
            "scaled-by-requests",
            &format!("{API}autoscaling = {{ min = 2, max = 6, target_requests = 50 }}\n"),
        ),
        made(
            "scaled-by-processors",
            &format!("{API}autoscaling = {{ min = 1, max = 3, target_cpu = 70 }}\n"),
        ),
        made("batch", &format!("{BATCH}env = {{ LEVEL = \"info\" }}\n")),
        made(
            "batch-by-the-clock",
            &format!("{BATCH}schedule = \"15 2 * * *\"\ntime_zone = \"Europe/Berlin\"\n"),
        ),
    ]
    .into_iter()
    .collect();
    golden("ecs.json", &all);
}

//! The shape of what workloads become: what every manifest promises, whatever the file says.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Facts, Manifest, Templates, manifests};
use crate::diagnostic::{Problems, codes};
use crate::spec::{Environment, load};

const STACKS: &str = r#"
[project]
name = "shop"
[environment]
account = "111122223333"
region = "us-east-1"
[stacks.network]
module = "vpc"
[stacks.storage]
module = "s3"
[stacks.images]
module = "ecr"
repositories = ["w"]
[stacks.cluster]
module = "eks"
[stacks.cluster.pod_identities.w]
service_account = "w"
models = "read"
[stacks.tasks]
module = "ecs"
[workloads.w]
on = "cluster"
"#;

const PULLED: &str = "image = { reference = \"ghcr.io/shop/w:1\" }\n";

fn environment(workload: &str) -> Environment {
    let text = format!("{STACKS}{workload}");
    load("dev", &mut |_| Ok(text.clone())).unwrap_or_else(|found| panic!("{workload}: {found:#?}"))
}

fn rendered(workload: &str) -> Vec<Manifest> {
    with(workload, BTreeMap::new(), &Facts::default()).unwrap()
}

fn with(workload: &str, own: BTreeMap<String, String>, facts: &Facts) -> Result<Vec<Manifest>, Problems> {
    let environment = environment(workload);
    manifests(
        &environment,
        &environment.workloads["w"],
        &Templates::with_own(own),
        facts,
    )
}

fn kinds(manifests: &[Manifest]) -> Vec<&str> {
    manifests
        .iter()
        .map(|manifest| manifest.object["kind"].as_str().unwrap())
        .collect()
}

fn object<'m>(manifests: &'m [Manifest], kind: &str) -> &'m Json {
    let found = manifests.iter().find(|manifest| manifest.object["kind"] == kind);
    &found
        .unwrap_or_else(|| panic!("no {kind} among {:?}", kinds(manifests)))
        .object
}

fn pod(manifests: &[Manifest]) -> Json {
    for (kind, path) in [
        ("Deployment", "/spec/template"),
        ("Job", "/spec/template"),
        ("CronJob", "/spec/jobTemplate/spec/template"),
    ] {
        if let Some(found) = manifests.iter().find(|manifest| manifest.object["kind"] == kind) {
            return found.object.pointer(path).unwrap().clone();
        }
    }
    panic!("nothing has pods")
}

/// Every kind of workload, with the settings that change most.
fn every_kind() -> Vec<(&'static str, String)> {
    let scaled = "autoscaling = { min = 2, max = 5, target_requests = 2.5 }\n";
    let stream = "stream = { brokers = [\"b:9092\"], topic = \"t\" }\n";
    vec![
        ("api", format!("kind = \"api\"\n{PULLED}")),
        (
            "scaled",
            format!("kind = \"api\"\n{PULLED}{scaled}gpu = 1\ningress = {{ host = \"w.example.com\" }}\n"),
        ),
        ("job", format!("kind = \"batch\"\n{PULLED}")),
        ("cron", format!("kind = \"batch\"\n{PULLED}schedule = \"@daily\"\n")),
        ("stream", format!("kind = \"stream\"\n{PULLED}{stream}")),
    ]
}

#[test]
fn each_kind_becomes_its_own_objects_and_no_others() {
    let manifests: Vec<(&str, Vec<Manifest>)> = every_kind()
        .iter()
        .map(|(name, workload)| (*name, rendered(workload)))
        .collect();
    let found: Vec<(&str, Vec<&str>)> = manifests.iter().map(|(name, made)| (*name, kinds(made))).collect();
    assert_eq!(
        found,
        [
            ("api", vec!["ServiceAccount", "Service", "Deployment"]),
            (
                "scaled",
                vec![
                    "ServiceAccount",
                    "Service",
                    "Deployment",
                    "HorizontalPodAutoscaler",
                    "PodDisruptionBudget",
                    "Ingress"
                ]
            ),
            ("job", vec!["ServiceAccount", "Job"]),
            ("cron", vec!["ServiceAccount", "CronJob"]),
            ("stream", vec!["ServiceAccount", "Deployment"]),
        ]
    );
}

#[test]
fn no_pod_is_root_or_privileged_or_writes_into_its_image() {
    for (name, workload) in every_kind() {
        let pod = pod(&rendered(&workload));
        let spec = &pod["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(
            spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        for container in spec["containers"].as_array().unwrap() {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(security["privileged"], false, "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            assert!(container["resources"]["requests"]["cpu"].is_string(), "{name}");
        }
    }
}

#[test]
fn selectors_find_their_pods_and_every_object_says_whose_it_is() {
    for (name, workload) in every_kind() {
        let manifests = rendered(&workload);
        let labels = pod(&manifests)["metadata"]["labels"].clone();
        for manifest in &manifests {
            let object = &manifest.object;
            assert_eq!(
                object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "mlinfra",
                "{name}"
            );
            assert_eq!(object["metadata"]["namespace"], "default", "{name}");
            for path in ["/spec/selector/matchLabels", "/spec/selector"] {
                let Some(Json::Object(selector)) = object.pointer(path) else {
                    continue;
                };
                for (key, value) in selector.iter().filter(|(_, value)| value.is_string()) {
                    assert_eq!(labels[key], *value, "{name}: {} selects by {key}", manifest.file);
                }
            }
        }
    }
}

#[test]
fn what_scales_a_deployment_is_alone_in_saying_how_many() {
    let scaled = rendered(&every_kind()[1].1);
    assert!(object(&scaled, "Deployment")["spec"].get("replicas").is_none());
    let scaler = object(&scaled, "HorizontalPodAutoscaler");
    assert_eq!(scaler["spec"]["minReplicas"], 2);
    assert_eq!(scaler["spec"]["metrics"][0]["pods"]["target"]["averageValue"], "2500m");
    let fixed = rendered(&format!("kind = \"api\"\n{PULLED}replicas = 3\n"));
    assert_eq!(object(&fixed, "Deployment")["spec"]["replicas"], 3);
    assert_eq!(object(&fixed, "PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
}

#[test]
fn an_old_pod_goes_only_when_a_new_one_is_ready() {
    let api = rendered(&every_kind()[0].1);
    let rolling = &object(&api, "Deployment")["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(rolling["maxUnavailable"], 0);
    let spec = pod(&api)["spec"].clone();
    let sleep = spec.pointer("/containers/0/lifecycle/preStop/sleep/seconds").unwrap();
    assert!(sleep.as_u64().unwrap() < spec["terminationGracePeriodSeconds"].as_u64().unwrap());
}

#[test]
fn a_gpu_brings_its_limit_and_the_toleration_of_its_taint() {
    let spec = pod(&rendered(&every_kind()[1].1))["spec"].clone();
    assert_eq!(
        spec.pointer("/containers/0/resources/limits/nvidia.com~1gpu").unwrap(),
        "1"
    );
    assert_eq!(
        spec["tolerations"],
        serde_json::json!([{ "key": "nvidia.com/gpu", "operator": "Exists" }])
    );
    let spec = pod(&rendered(&every_kind()[0].1))["spec"].clone();
    assert!(spec.get("tolerations").is_none());
}

#[test]
fn a_secret_reaches_the_pod_as_a_file_and_stands_in_no_object() {
    let manifests = rendered(&format!(
        "kind = \"api\"\n{PULLED}secrets = {{ A = \"{{{{resolve:secretsmanager:shop/db:SecretString:pass-word}}}}\", B = \"arn:aws:ssm:us-east-1:111122223333:parameter/shop/token\", C = \"arn:aws:ssm:us-east-1:111122223333:parameter/token\" }}\n"
    ));
    let class = object(&manifests, "SecretProviderClass");
    assert_eq!(class["spec"]["parameters"]["usePodIdentity"], "true");
    let objects: Json = serde_json::from_str(class["spec"]["parameters"]["objects"].as_str().unwrap()).unwrap();
    assert_eq!(objects[0]["objectName"], "shop/db");
    assert_eq!(
        objects[0]["jmesPath"][0],
        serde_json::json!({ "path": "\"pass-word\"", "objectAlias": "A" })
    );
    assert_eq!(objects[1]["objectName"], "/shop/token");
    assert_eq!(objects[2]["objectName"], "token");
    let container = pod(&manifests)["spec"]["containers"][0].clone();
    let file = serde_json::json!({ "name": "B_FILE", "value": "/var/run/mlinfra/secrets/B" });
    assert!(container["env"].as_array().unwrap().contains(&file), "{container:#}");
}

#[test]
fn what_is_not_known_yet_says_when_it_will_be_and_facts_take_its_place() {
    let workload = "kind = \"api\"\nimage = { context = \".\" }\nmodel = { key = \"w/model.onnx\" }\n";
    let container = pod(&rendered(workload))["spec"]["containers"][0].clone();
    assert_eq!(
        container["image"],
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/dev/w@sha256:(known after build)"
    );
    let told = container["env"].to_string();
    assert!(told.contains("s3://(known after storage)/w/model.onnx"), "{told}");
    let facts = Facts {
        image: Some("r/w@sha256:00".to_owned()),
        model_bucket: Some("models-1".to_owned()),
        model_version: Some("v7".to_owned()),
        model_uri: None,
    };
    let known = with(workload, BTreeMap::new(), &facts).unwrap();
    let all = super::list(&known).to_string();
    assert!(!all.contains("(known"), "{all}");
    assert!(
        all.contains("s3://models-1/w/model.onnx") && all.contains("\"v7\""),
        "{all}"
    );
}

#[test]
fn a_job_is_called_otherwise_if_anything_in_it_is_other_and_the_same_if_nothing_is() {
    let name = |extra: &str| {
        let manifests = rendered(&format!("kind = \"batch\"\n{PULLED}{extra}"));
        object(&manifests, "Job")["metadata"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(name(""), name(""));
    assert_ne!(name(""), name("env = { A = \"1\" }\n"));
    assert!(name("").starts_with("w-"));
}

#[test]
fn a_file_of_the_project_takes_the_place_of_a_built_in_one_and_another_adds_an_object() {
    let own = BTreeMap::from([
        (
            "templates/kubernetes/service.yaml".to_owned(),
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ workload ~ \"-x\" }}\n".to_owned(),
        ),
        (
            "templates/kubernetes/limits.yaml".to_owned(),
            "{% if kind == \"api\" %}\napiVersion: v1\nkind: LimitRange\nmetadata:\n  name: {{ workload }}\n{% endif %}\n".to_owned(),
        ),
    ]);
    let manifests = with(&every_kind()[0].1, own.clone(), &Facts::default()).unwrap();
    assert_eq!(
        kinds(&manifests),
        ["LimitRange", "ServiceAccount", "Service", "Deployment"]
    );
    assert_eq!(object(&manifests, "Service")["metadata"]["name"], "w-x");
    let job = with(&every_kind()[2].1, own, &Facts::default()).unwrap();
    assert_eq!(kinds(&job), ["ServiceAccount", "Service", "Job"]);
}

#[test]
fn what_a_template_gets_wrong_is_told_at_its_line_with_the_setting_that_led_there() {
    let own = BTreeMap::from([(
        "templates/kubernetes/deployment.yaml".to_owned(),
        "apiVersion: apps/v1\nkind: {{ port }}\nmetadata:\n  name: x\n".to_owned(),
    )]);
    let found = with(
        &format!("kind = \"api\"\n{PULLED}port = 9000\n"),
        own,
        &Facts::default(),
    )
    .unwrap_err();
    let problem = &found.0[0];
    assert_eq!(problem.code, codes::MANIFEST_INVALID);
    assert_eq!(
        problem.labels[0].span.place(),
        "templates/kubernetes/deployment.yaml:2:1"
    );
    assert_eq!(problem.labels[1].text, "`port` is given here");
}

#[test]
fn a_value_cannot_break_out_of_its_place() {
    let manifests = rendered(&format!(
        "kind = \"api\"\n{PULLED}env = {{ A = \"\\\"}}\\nkind: Secret\\n- {{{{ x }}}}: #\" }}\n"
    ));
    let env = pod(&manifests)["spec"]["containers"][0]["env"].clone();
    let given = env
        .as_array()
        .unwrap()
        .iter()
        .find(|variable| variable["name"] == "A")
        .unwrap();
    assert_eq!(given["value"], "\"}\nkind: Secret\n- {{ x }}: #");
    assert_eq!(kinds(&manifests), ["ServiceAccount", "Service", "Deployment"]);
}

#[test]
fn labels_stay_within_what_kubernetes_takes_and_apart() {
    let long = "a-very-long-name-of-a-project-that-somebody-made-up-on-a-long-day-in-the-office";
    let (one, other) = (
        super::values::label(&format!("{long}-one")),
        super::values::label(&format!("{long}-two")),
    );
    assert!(one.len() <= 63 && other.len() <= 63);
    assert_ne!(one, other);
}

#[test]
fn what_does_not_run_on_kubernetes_has_no_manifests() {
    let text = STACKS.replace("on = \"cluster\"", "on = \"tasks\"") + "kind = \"api\"\n" + PULLED;
    let environment = load("dev", &mut |_| Ok(text.clone())).unwrap();
    let found = manifests(
        &environment,
        &environment.workloads["w"],
        &Templates::built_in(),
        &Facts::default(),
    );
    assert_eq!(found.unwrap(), []);
}

/// Compares `document`, which others look at, with `tests/manifests/NAME`; with `MLINFRA_BLESS` it is written there first.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the file is written where that is asked for")]
pub(crate) fn golden(name: &str, document: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(document).unwrap() + "\n";
    let path = format!("{}/tests/manifests/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MLINFRA_BLESS").is_some() {
        fs_err::write(&path, &text).unwrap();
    }
    assert!(
        fs_err::read_to_string(&path).is_ok_and(|written| written == text),
        "tests/manifests/{name} is stale: `MLINFRA_BLESS=1 cargo test` writes it anew"
    );
}

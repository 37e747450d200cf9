//! Who owns what, and what is not taken.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::{Api, DEPLOYMENTS, image, scorer, wait};

#[tokio::test(start_paused = true)]
async fn applying_the_same_changes_nothing_and_a_dry_run_neither() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    wait(60).await;
    let before = api.get(&format!("{DEPLOYMENTS}/scorer")).await;
    assert_eq!(api.apply(&scorer(1), "").await, (200, before.clone()));
    let (status, would_be) = api.apply(&scorer(2), "&dryRun=All").await;
    assert_eq!((status, &would_be["metadata"]["generation"]), (200, &json!(2)));
    assert_eq!(would_be["spec"]["template"]["spec"]["containers"][0]["image"], image(2));
    let mut other = scorer(1);
    other["metadata"]["name"] = json!("other");
    assert_eq!(api.apply(&other, "&dryRun=All").await.0, 201);
    api.missing(&format!("{DEPLOYMENTS}/other")).await;
    assert_eq!(api.get(&format!("{DEPLOYMENTS}/scorer")).await, before);
    // What is filled in is nobody's, and amounts are written in one way.
    assert_eq!(before["spec"]["template"]["spec"]["restartPolicy"], "Always");
    assert_eq!(
        before["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"],
        "1"
    );
    let owned = before["metadata"]["managedFields"].to_string();
    assert!(
        owned.contains(r#"k:{\"name\":\"scorer\"}"#) && !owned.contains("restartPolicy"),
        "{owned}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_field_of_somebody_else_is_a_conflict_unless_it_is_forced_or_the_same() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    let merge = "application/merge-patch+json";
    let scorer_path = format!("{DEPLOYMENTS}/scorer");
    let wanted = json!({ "spec": { "replicas": 3 } });
    let (status, changed) = api.json("PATCH", &scorer_path, merge, &wanted).await;
    assert_eq!((status, &changed["metadata"]["generation"]), (200, &json!(2)));
    let (status, words) = api.refused(&scorer(1)).await;
    let expected = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
    assert_eq!((status, words.as_str()), (409, expected));

    let wanted = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "hand" } } });
    api.json("PATCH", &scorer_path, merge, &wanted).await;
    let (_, words) = api.refused(&scorer(1)).await;
    let expected = "Apply failed with 2 conflicts: conflicts with \"kubectl\" using apps/v1:\n- .metadata.labels.app.kubernetes.io/managed-by\n- .spec.replicas";
    assert_eq!(words, expected);

    let mut same = scorer(1);
    same["spec"]["replicas"] = json!(3);
    same["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("hand");
    api.applied(&same).await;
    let (status, forced) = api.apply(&scorer(1), "&force=true").await;
    assert_eq!((status, &forced["spec"]["replicas"]), (200, &json!(2)));
    api.applied(&scorer(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_applied_goes_and_what_others_added_stays() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    let added = json!({ "metadata": { "annotations": { "note": "mine" } } });
    let path = format!("{DEPLOYMENTS}/scorer");
    api.json("PATCH", &path, "application/merge-patch+json", &added).await;
    let mut less = scorer(1);
    less["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "B", "value": "3" }]);
    less["metadata"]["labels"]
        .as_object_mut()
        .unwrap()
        .remove("app.kubernetes.io/managed-by");
    let applied = api.applied(&less).await;
    assert_eq!(
        applied["spec"]["template"]["spec"]["containers"][0]["env"],
        json!([{ "name": "B", "value": "3" }])
    );
    assert_eq!(
        applied["metadata"]["labels"],
        json!({ "app.kubernetes.io/name": "scorer" })
    );
    assert_eq!(applied["metadata"]["annotations"]["note"], "mine");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_has_to_be_there_and_takes_nothing_while_it_ends() {
    let api = Api::new().await;
    let mut elsewhere = scorer(1);
    elsewhere["metadata"]["namespace"] = json!("shop");
    assert_eq!(
        api.refused(&elsewhere).await,
        (404, "namespaces \"shop\" not found".to_owned())
    );
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
    api.applied(&space).await;
    api.applied(&elsewhere).await;
    wait(60).await;
    let (status, ending) = api.json("DELETE", "/api/v1/namespaces/shop", "", &Value::Null).await;
    assert_eq!((status, &ending["status"]["phase"]), (200, &json!("Terminating")));
    elsewhere["metadata"]["name"] = json!("late");
    let (status, words) = api.refused(&elsewhere).await;
    let expected = "deployments.apps \"late\" is forbidden: unable to create new content in namespace shop because it is being terminated";
    assert_eq!((status, words.as_str()), (403, expected));
    wait(10).await;
    api.missing("/api/v1/namespaces/shop").await;
    let pods: Vec<Pod> = api.list("/api/v1/pods").await;
    assert!(pods.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_no_api_server_takes_is_refused_in_its_words() {
    let api = Api::new().await;
    api.applied(&scorer(1)).await;
    let changed = |pointer: &str, value: Value| {
        let mut object = scorer(1);
        *object.pointer_mut(pointer).unwrap() = value;
        object
    };
    let other = json!({ "matchLabels": { "app": "other" } });
    for (object, status, words) in [
        (
            changed("/spec/selector", other),
            422,
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"other\"}}: field is immutable",
        ),
        (
            changed("/spec/template/metadata/labels", json!({ "a": "b" })),
            422,
            "`selector` does not match template `labels`",
        ),
        (
            changed("/metadata/name", json!("Scorer")),
            422,
            "a lowercase RFC 1123 subdomain must consist of",
        ),
        (
            changed("/spec/template/spec/containers", json!([])),
            422,
            "spec.template.spec.containers: Required value",
        ),
        (
            changed("/spec/strategy", json!({ "typ": "x" })),
            500,
            ".spec.strategy.typ: field not declared in schema",
        ),
        (
            changed("/spec/replicas", json!("two")),
            500,
            "failed to create typed patch object (default/scorer; apps/v1, Kind=Deployment): ",
        ),
    ] {
        let (was, said) = api.refused(&object).await;
        assert!(was == status && said.contains(words), "{was} {said}");
    }
    let unknown = api
        .missing("/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects")
        .await;
    assert_eq!(unknown["message"], "the server could not find the requested resource");
    let gone = api.missing(&format!("{DEPLOYMENTS}/nothing")).await;
    assert_eq!(gone["message"], "deployments.apps \"nothing\" not found");
    let nobody = format!("{DEPLOYMENTS}/scorer");
    let (status, _) = api
        .json("PATCH", &nobody, "application/apply-patch+yaml", &scorer(1))
        .await;
    assert_eq!(status, 422, "an apply has a field manager");
    let (status, _) = api.json("POST", DEPLOYMENTS, "application/json", &scorer(1)).await;
    assert_eq!(status, 409);
}

#[tokio::test(start_paused = true)]
async fn an_admission_webhook_refuses_when_a_fault_says_so_in_a_dry_run_too() {
    let api = Api::with("[[fault]]\nworkload = 'scorer'\nfails = 'admission'\nmessage = 'no signature'").await;
    for more in ["", "&dryRun=All"] {
        let (status, answer) = api.apply(&scorer(1), more).await;
        assert_eq!(status, 403);
        let words = "admission webhook \"policies.sandbox.internal\" denied the request: no signature";
        assert_eq!(answer["message"], words);
    }
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_keeps_the_least_and_owns_the_number() {
    let api = Api::new().await;
    let mut scaled = scorer(1);
    scaled["spec"].as_object_mut().unwrap().remove("replicas");
    api.applied(&scaled).await;
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "scorer", "namespace": "default" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "scorer" },
            "minReplicas": 3, "maxReplicas": 5,
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 70 } } }],
        },
    });
    api.applied(&autoscaler).await;
    wait(90).await;
    assert_eq!(api.status().await.0, 3);
    let before = api.deployment().await;
    api.applied(&scaled).await;
    assert_eq!(api.deployment().await, before);
    let (status, words) = api.refused(&scorer(1)).await;
    let expected = "Apply failed with 1 conflict: conflict with \"kube-controller-manager\" with subresource \"scale\" using apps/v1: .spec.replicas";
    assert_eq!((status, words.as_str()), (409, expected));
}

#[tokio::test(start_paused = true)]
async fn services_have_addresses_and_ingresses_get_a_load_balancer() {
    let api = Api::new().await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "scorer", "namespace": "default" },
        "spec": { "selector": { "app.kubernetes.io/name": "scorer" }, "ports": [{ "name": "http", "port": 80, "targetPort": "http", "protocol": "TCP" }] },
    });
    let made = api.applied(&service).await;
    assert!(
        made["spec"]["clusterIP"].as_str().unwrap().starts_with("172.20."),
        "{made}"
    );
    assert_eq!(api.applied(&service).await, made);
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "scorer", "namespace": "default" },
        "spec": { "rules": [{ "host": "a.example", "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "scorer", "port": { "name": "http" } } } }] } }] },
    });
    let made = api.applied(&ingress).await;
    assert!(made["status"]["loadBalancer"]["ingress"].is_null());
    wait(100).await;
    let later = api.applied(&ingress).await;
    let host = later["status"]["loadBalancer"]["ingress"][0]["hostname"]
        .as_str()
        .unwrap();
    assert!(host.ends_with(".us-east-1.elb.amazonaws.com"), "{host}");
}

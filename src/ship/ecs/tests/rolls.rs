//! Rollouts that come to a good end, and what is done again after an interruption.

use std::time::Duration;

use super::*;
use crate::diagnostic::codes;
use crate::ship::ObjectFate;

#[tokio::test(start_paused = true)]
async fn the_first_ship_makes_a_service_and_ends_when_all_its_tasks_are_healthy() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    let fates = |changes: Vec<crate::ship::ObjectChange>| changes.into_iter().map(|one| one.fate).collect::<Vec<_>>();
    let tell = Tell::nobody();
    let changes = super::super::review(&stage.scene(&tell), &first, None).await.unwrap();
    assert_eq!(fates(changes), [ObjectFate::Create, ObjectFate::Create]);
    assert!(stage.running().await.is_none());

    let (rolled, events) = stage.ship_told(&first, None).await;
    assert_eq!(rolled.unwrap(), RolledOut::Done);
    stage.assert_serves(&first, 2).await;
    let running = stage.running().await.unwrap();
    assert_eq!(running.address.as_deref(), Some("http://tasks.elb.amazonaws.com"));
    assert!(running.since.is_some());
    let told = |words: &str| {
        events.iter().any(|event| match event {
            Event::Rollout {
                waiting_for: Some(text),
                ..
            } => text.contains(words),
            _ => false,
        })
    };
    assert!(told("2 of 2 tasks to start") && told("health checks"), "{events:#?}");

    let changes = super::super::review(&stage.scene(&tell), &first, None).await.unwrap();
    assert_eq!(fates(changes), [ObjectFate::Unchanged, ObjectFate::Unchanged]);
}

#[tokio::test(start_paused = true)]
async fn an_update_ends_when_every_task_runs_the_new_image_and_the_old_ones_are_gone() {
    let stage = Stage::new(API, "").await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    let tell = Tell::nobody();
    let changes = super::super::review(&stage.scene(&tell), &second, None).await.unwrap();
    let fields: Vec<&str> = changes[0].fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(fields, ["containerDefinitions[name=scorer].image"]);

    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&second, 2).await;
    assert_eq!(stage.revisions().await.len(), 2);
    assert_eq!(stage.service().await.deployments.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_should_be_is_left_alone() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.sandbox.clear_calls();
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Unchanged);
    assert_eq!(stage.changing_calls(), Vec::<String>::new());
    assert!(stage.sandbox.calls().len() <= 4, "{:?}", stage.sandbox.calls());
}

#[tokio::test(start_paused = true)]
async fn another_number_of_tasks_needs_no_other_revision() {
    let mut stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&API.replace("replicas = 2", "replicas = 4"));
    let more = stage.release(&digest('1'));
    assert_eq!(stage.ship(&more, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&more, 4).await;
    assert_eq!(stage.revisions().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tasks_are_made_anew_where_aws_would_leave_them_as_they_are() {
    let mut stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let cluster = stage.session.ecs().put_cluster_capacity_providers().cluster(CLUSTER);
    let cluster = cluster.capacity_providers("FARGATE").capacity_providers("FARGATE_SPOT");
    cluster
        .set_default_capacity_provider_strategy(Some(Vec::new()))
        .send()
        .await
        .unwrap();
    let before = stage.service().await.deployments[0].id.clone();
    let outputs = stage.outputs.get_mut("tasks").unwrap();
    outputs.insert("capacity_provider".to_owned(), "FARGATE_SPOT".to_owned());
    let spot = stage.release(&digest('1'));
    assert_eq!(stage.ship(&spot, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_ne!(stage.service().await.deployments[0].id, before);
    assert_eq!(stage.revisions().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_changed_the_service_by_hand_is_overruled() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let update = stage.session.ecs().update_service().cluster(CLUSTER).service("scorer");
    update.desired_count(1).send().await.unwrap();
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&first, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_at_any_moment_is_brought_to_its_end_by_the_next() {
    let clock = Clock::real();
    for seconds in [0.0, 0.001, 3.0, 12.0, 30.0, 45.0, 60.0, 75.0, 90.0, 110.0] {
        let stage = Stage::new(API, "[[fault]]\nservice = \"ecs\"\ndelay_seconds = 0.2").await;
        let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
        stage.ship(&first, None).await.unwrap();
        let killed = clock.timeout(Duration::from_secs_f64(seconds), stage.ship(&second, Some(&first)));
        let killed = killed.await;
        let again = stage.ship(&second, Some(&first)).await.unwrap();
        if killed.is_err() {
            assert_eq!(again, RolledOut::Done, "killed after {seconds} s");
        }
        stage.assert_serves(&second, 2).await;
        assert_eq!(stage.revisions().await.len(), 2, "killed after {seconds} s");
        assert!(stage.calls("UpdateService") <= 1, "killed after {seconds} s");
        assert_eq!(stage.calls("CreateService"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_was_registered_before_a_death_is_the_one_that_is_used() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    let wanted = super::super::request::Wanted::read(&first).unwrap();
    let registered = super::super::definition::ensure(&stage.session, &wanted).await.unwrap();
    stage.ship(&first, None).await.unwrap();
    assert_eq!(stage.revisions().await, [registered.as_str()]);
    assert_eq!(stage.service().await.definition, registered);
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_somebody_copied_and_changed_is_not_taken_for_ours() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    // As the console's "Create new revision" does: the label stays.
    let mut copied = first.objects[0]["request"].clone();
    copied["containerDefinitions"][0]["user"] = Json::from("0");
    let action = crate::aws::ecs::Action::RegisterTaskDefinition;
    let copied = crate::aws::ecs::call(&stage.session, action, &copied).await.unwrap();
    let copied = copied["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap()
        .to_owned();
    let update = stage.session.ecs().update_service().cluster(CLUSTER).service("scorer");
    update.task_definition(copied).send().await.unwrap();
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    assert!(stage.service().await.definition.ends_with(":1"));
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_throttling_make_nothing_twice() {
    for action in [
        "RegisterTaskDefinition",
        "CreateService",
        "DescribeServices",
        "DescribeTasks",
    ] {
        let fault = format!("[[fault]]\nservice = \"ecs\"\naction = \"{action}\"\ndrop_answer = 1");
        let stage = Stage::new(API, &fault).await;
        let first = stage.release(&digest('1'));
        assert_eq!(stage.ship(&first, None).await.unwrap(), RolledOut::Done, "{action}");
        stage.assert_serves(&first, 2).await;
    }
    let fault = "[[fault]]\nservice = \"ecs\"\naction = \"UpdateService\"\ndrop_answer = 1\n[[fault]]\nservice = \"ecs\"\nthrottle = { every = 2 }";
    let stage = Stage::new(API, fault).await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&second, 2).await;
}

#[tokio::test(start_paused = true)]
async fn watching_asks_seldom() {
    let stage = Stage::new(API, "").await;
    let clock = stage.session.clock;
    let before = clock.elapsed();
    stage.ship(&stage.release(&digest('1')), None).await.unwrap();
    let took = (clock.elapsed() - before).as_secs();
    let calls = stage.sandbox.calls().len() as u64;
    assert!(calls <= took / 2 + 6, "{calls} calls in {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_stream_needs_no_load_balancer() {
    let stream = "[workloads.scorer]\nkind = \"stream\"\non = \"tasks\"\nimage = { reference = \"example.com/scorer:1\" }\nstream = { brokers = [\"b:9098\"], topic = \"orders\" }\nreplicas = 1\n";
    let stage = Stage::new(stream, "").await;
    let first = stage.release(&digest('1'));
    assert!(first.objects[1]["request"].get("loadBalancers").is_none());
    assert_eq!(stage.ship(&first, None).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&first, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_workload_leaves_nothing_that_runs_and_can_be_shipped_again() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let tell = Tell::nobody();
    assert!(super::super::remove(&stage.scene(&tell), &first).await.unwrap());
    assert!(stage.running().await.is_none());
    assert_eq!(stage.revisions().await, Vec::<String>::new());
    let left: Vec<_> = stage
        .sandbox
        .inventory()
        .unwrap()
        .into_iter()
        .filter(|item| item.service == "ecs")
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!super::super::remove(&stage.scene(&tell), &first).await.unwrap());
    assert_eq!(stage.ship(&first, None).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&first, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_ship_waits_for_a_service_of_that_name_that_is_being_deleted() {
    let stage = Stage::new(API, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let delete = stage.session.ecs().delete_service().cluster(CLUSTER).service("scorer");
    delete.force(true).send().await.unwrap();
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    stage.assert_serves(&first, 2).await;
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_every_task_are_told_once() {
    let stage = Stage::new(API, "").await;
    stage.ship(&stage.release(&digest('1')), None).await.unwrap();
    let lines: Vec<(String, String)> = stage
        .logged(false)
        .await
        .into_iter()
        .map(|event| match event {
            Event::Log { source, line } => (source, line),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|(source, line)| source.starts_with("scorer/") && line == "scorer is up"),
        "{lines:?}"
    );
    assert_ne!(lines[0].0, lines[1].0);
}

#[tokio::test(start_paused = true)]
async fn without_its_cluster_nothing_begins() {
    let mut stage = Stage::new(API, "").await;
    let outputs = stage.outputs.get_mut("tasks").unwrap();
    outputs.insert("cluster_name".to_owned(), "gone".to_owned());
    let failure = stage.ship(&stage.release(&digest('1')), None).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched));
    assert_eq!(failure.problem.code, codes::ECS_STACK, "{:?}", failure.problem);
    assert_eq!(stage.changing_calls(), Vec::<String>::new());
}

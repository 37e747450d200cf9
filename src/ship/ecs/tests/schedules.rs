//! Batches that the clock starts.

use std::time::Duration;

use super::*;
use crate::diagnostic::codes;
use crate::ship::ObjectFate;

/// Every half an hour.
const NIGHTLY: &str = "
[workloads.nightly]
kind     = \"batch\"
on       = \"tasks\"
image    = { reference = \"example.com/nightly:1\" }
schedule = \"*/30 * * * *\"
";

impl Stage {
    /// A cluster whose stack makes what starts tasks by the clock.
    pub(super) async fn by_the_clock(workload: &str, faults: &str) -> Self {
        let mut stage = Self::new(workload, faults).await;
        let group = stage.session.scheduler().create_schedule_group().name(CLUSTER);
        group.send().await.unwrap();
        let outputs = stage.outputs.get_mut("tasks").unwrap();
        outputs.insert("schedule_group".to_owned(), CLUSTER.to_owned());
        let role = format!("arn:aws:iam::{ACCOUNT}:role/schedule");
        outputs.insert("schedule_role_arn".to_owned(), role);
        stage.sandbox.clear_calls();
        stage
    }

    async fn schedule(&self) -> Option<Json> {
        crate::aws::scheduler::find(&self.session, CLUSTER, "nightly", super::super::PATIENCE)
            .await
            .unwrap()
    }

    /// The number of the revision that the schedule runs.
    async fn scheduled_revision(&self) -> String {
        let schedule = self.schedule().await.unwrap();
        let revision = super::super::schedule::revision(&schedule).unwrap();
        revision.rsplit(':').next().unwrap().to_owned()
    }

    /// Until twenty minutes after the next full or half hour: what was due then is over and not yet forgotten, and nothing
    /// is due soon.
    async fn pass_once(&self) {
        self.schedule().await;
        let now = self.sandbox.calls().last().unwrap().at / 1000;
        let into = now.rem_euclid(1800).unsigned_abs();
        Clock::real().sleep(Duration::from_secs(3000 - into)).await;
    }

    async fn review(&self, release: &Release) -> Vec<ObjectFate> {
        let tell = Tell::nobody();
        let changes = super::super::review(&self.scene(&tell), release, None).await.unwrap();
        changes.into_iter().map(|change| change.fate).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn shipping_waits_for_no_clock_and_the_clock_starts_what_was_shipped() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    assert_eq!(stage.review(&first).await, [ObjectFate::Create, ObjectFate::Create]);
    assert_eq!(stage.ship(&first, None).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.calls("RunTask"), 0);
    let running = stage.running().await.unwrap();
    assert_eq!(running.images, [first.image.reference.as_str()]);
    assert_eq!(running.remarks, ["runs cron(0,30 * * * ? *) Etc/UTC"]);
    assert!(running.healthy && running.since.is_some(), "{running:?}");

    stage.pass_once().await;
    let running = stage.running().await.unwrap();
    assert!(
        running.remarks.contains(&"its task ended well".to_owned()),
        "{running:?}"
    );
    let lines = stage.logged(false).await.into_iter();
    let lines = lines.filter(|event| matches!(event, Event::Log { line, .. } if line == "nightly is up"));
    assert_eq!(lines.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_should_be_is_left_alone_and_another_version_takes_its_place() {
    let mut stage = Stage::by_the_clock(NIGHTLY, "").await;
    let (first, second) = (stage.release(&digest('1')), stage.release(&digest('2')));
    stage.ship(&first, None).await.unwrap();
    assert_eq!(
        stage.review(&first).await,
        [ObjectFate::Unchanged, ObjectFate::Unchanged]
    );
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Unchanged);
    assert_eq!(stage.review(&second).await, [ObjectFate::Update, ObjectFate::Update]);
    assert_eq!(stage.ship(&second, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scheduled_revision().await, "2");
    // Back again, as a rollback does.
    assert_eq!(stage.ship(&first, Some(&second)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scheduled_revision().await, "1");
    // Another time is no other revision.
    stage.edit(&NIGHTLY.replace("*/30", "*/20"));
    let later = stage.release(&digest('1'));
    assert_eq!(stage.review(&later).await, [ObjectFate::Unchanged, ObjectFate::Update]);
    assert_eq!(stage.ship(&later, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scheduled_revision().await, "1");
    let schedule = stage.schedule().await.unwrap();
    assert_eq!(schedule["ScheduleExpression"], "cron(0,20,40 * * * ? *)");
    assert_eq!((stage.calls("CreateSchedule"), stage.calls("UpdateSchedule")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn whoever_changed_the_schedule_by_hand_is_overruled() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let mut disabled = stage.schedule().await.unwrap();
    disabled["State"] = "DISABLED".into();
    crate::aws::scheduler::put(&stage.session, &disabled, true, super::super::PATIENCE)
        .await
        .unwrap();
    let running = stage.running().await.unwrap();
    assert!(running.remarks.contains(&"it is disabled".to_owned()), "{running:?}");
    stage.pass_once().await;
    assert!(
        !stage
            .running()
            .await
            .unwrap()
            .remarks
            .contains(&"its task ended well".to_owned())
    );
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.schedule().await.unwrap()["State"], "ENABLED");
}

#[tokio::test(start_paused = true)]
async fn without_its_schedule_a_batch_runs_once_and_no_more_by_the_clock() {
    let mut stage = Stage::by_the_clock(
        NIGHTLY,
        "[[fault]]\nworkload = \"nightly\"\nfails = \"crash\"\nimage = \"sha256:2222\"\n",
    )
    .await;
    stage.pass_once().await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&NIGHTLY.replace("schedule = \"*/30 * * * *\"", ""));
    // One that fails does not end what the clock starts.
    failed_and_restored(stage.ship(&stage.release(&digest('2')), Some(&first)).await);
    assert_eq!(stage.scheduled_revision().await, "1");
    let once = stage.release(&digest('3'));
    assert_eq!(stage.ship(&once, Some(&first)).await.unwrap(), RolledOut::Done);
    assert!(stage.schedule().await.is_none());
    assert_eq!(stage.running().await.unwrap().remarks, ["its task ended well"]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_batch_is_started_no_more() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let tell = Tell::nobody();
    assert!(super::super::remove(&stage.scene(&tell), &first).await.unwrap());
    assert!(stage.schedule().await.is_none());
    assert_eq!(stage.revisions().await, Vec::<String>::new());
    assert!(!super::super::remove(&stage.scene(&tell), &first).await.unwrap());
    // One whose stack no longer tells of the group is found by its record.
    let mut stage = Stage::by_the_clock(NIGHTLY, "").await;
    stage.ship(&first, None).await.unwrap();
    stage.outputs.get_mut("tasks").unwrap().remove("schedule_group");
    assert!(super::super::remove(&stage.scene(&tell), &first).await.unwrap());
    assert!(stage.schedule().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_and_a_lost_answer_leave_one_schedule() {
    let clock = Clock::real();
    for tenths in [1_u64, 3, 5, 7, 9, 11] {
        let stage = Stage::by_the_clock(NIGHTLY, "[[fault]]\nservice = \"scheduler\"\ndelay_seconds = 0.2\n[[fault]]\nservice = \"ecs\"\ndelay_seconds = 0.2").await;
        let release = stage.release(&digest('1'));
        let _killed = clock
            .timeout(Duration::from_millis(tenths * 100), stage.ship(&release, None))
            .await;
        stage.ship(&release, None).await.unwrap();
        assert_eq!(stage.scheduled_revision().await, "1", "killed after {tenths} tenths");
        assert_eq!(stage.revisions().await.len(), 1);
    }
    for action in ["CreateSchedule", "GetSchedule"] {
        let fault = format!("[[fault]]\nservice = \"scheduler\"\naction = \"{action}\"\ndrop_answer = 1");
        let stage = Stage::by_the_clock(NIGHTLY, &fault).await;
        let release = stage.release(&digest('1'));
        assert_eq!(stage.ship(&release, None).await.unwrap(), RolledOut::Done, "{action}");
        assert_eq!(stage.scheduled_revision().await, "1");
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_changes_nothing_and_a_role_that_is_new_is_waited_for() {
    let refusal = "[[fault]]\nservice = \"scheduler\"\naction = \"UpdateSchedule\"\nerror = { code = \"AccessDeniedException\", message = \"User: arn:aws:iam::111122223333:user/ci is not authorized to perform: scheduler:UpdateSchedule\" }";
    let stage = Stage::by_the_clock(NIGHTLY, refusal).await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let failure = stage
        .ship(&stage.release(&digest('2')), Some(&first))
        .await
        .unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:#?}");
    assert_eq!(failure.problem.code, codes::ACCESS_DENIED, "{failure:#?}");
    assert_eq!(stage.scheduled_revision().await, "1");

    let new = "[[fault]]\nservice = \"scheduler\"\naction = \"CreateSchedule\"\ntimes = 2\nerror = { code = \"ValidationException\", message = \"The execution role you provide must allow AWS EventBridge Scheduler to assume the role.\" }";
    let stage = Stage::by_the_clock(NIGHTLY, new).await;
    assert_eq!(
        stage.ship(&stage.release(&digest('1')), None).await.unwrap(),
        RolledOut::Done
    );
    assert_eq!(stage.calls("CreateSchedule"), 3);
    let never = new.replace("times = 2\n", "");
    let stage = Stage::by_the_clock(NIGHTLY, &never).await;
    let failure = stage.ship(&stage.release(&digest('1')), None).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Untouched), "{failure:#?}");
    assert!(failure.problem.notes[0].contains("assume the role"), "{failure:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_version_without_its_schedule_runs_once_and_its_schedule_goes() {
    let mut stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&NIGHTLY.replace("schedule = \"*/30 * * * *\"", ""));
    let once = stage.release(&digest('1'));
    let tell = Tell::nobody();
    let review = super::super::review(&stage.scene(&tell), &once, Some(&first))
        .await
        .unwrap();
    let fates: Vec<ObjectFate> = review.into_iter().map(|change| change.fate).collect();
    assert_eq!(fates, [ObjectFate::Unchanged, ObjectFate::Create, ObjectFate::Delete]);
    assert_eq!(stage.ship(&once, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.calls("RunTask"), 1);
    assert!(stage.schedule().await.is_none());
    assert_eq!(stage.ship(&once, Some(&once)).await.unwrap(), RolledOut::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_becomes_of_another_kind_leaves_nothing_of_the_kind_before() {
    let mut stage = Stage::by_the_clock(NIGHTLY, "").await;
    let batch = stage.release(&digest('1'));
    stage.ship(&batch, None).await.unwrap();
    let stream = NIGHTLY.replace("batch", "stream").replace(
        "schedule = \"*/30 * * * *\"",
        "stream = { brokers = [\"b:9098\"], topic = \"orders\" }",
    );
    stage.edit(&stream);
    let service = stage.release(&digest('1'));
    assert_eq!(stage.review(&service).await.last(), Some(&ObjectFate::Delete));
    assert_eq!(stage.ship(&service, Some(&batch)).await.unwrap(), RolledOut::Done);
    assert!(stage.schedule().await.is_none());
    assert_eq!(stage.running().await.unwrap().wanted, 1);
    stage.edit(NIGHTLY);
    assert_eq!(stage.review(&batch).await.last(), Some(&ObjectFate::Delete));
    assert_eq!(stage.ship(&batch, Some(&service)).await.unwrap(), RolledOut::Done);
    let found = super::super::service::find(&stage.session, CLUSTER, "nightly")
        .await
        .unwrap();
    assert!(found.is_none(), "{found:?}");
    assert!(stage.running().await.unwrap().scheduled);
}

#[tokio::test(start_paused = true)]
async fn what_was_added_to_a_schedule_by_hand_is_taken_away() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let mut changed = stage.schedule().await.unwrap();
    changed["Target"]["Input"] = "{\"containerOverrides\":[]}".into();
    crate::aws::scheduler::put(&stage.session, &changed, true, super::super::PATIENCE)
        .await
        .unwrap();
    assert_eq!(stage.review(&first).await, [ObjectFate::Unchanged, ObjectFate::Update]);
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    assert!(stage.schedule().await.unwrap().pointer("/Target/Input").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_was_deregistered_is_noticed_and_another_takes_its_place() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let [revision] = stage.revisions().await.try_into().unwrap();
    let gone = stage
        .session
        .ecs()
        .deregister_task_definition()
        .task_definition(revision);
    gone.send().await.unwrap();
    let running = stage.running().await.unwrap();
    assert!(
        !running.healthy && running.remarks[1].contains("deregistered"),
        "{running:?}"
    );
    assert_eq!(stage.review(&first).await, [ObjectFate::Create, ObjectFate::Update]);
    assert_eq!(stage.ship(&first, Some(&first)).await.unwrap(), RolledOut::Done);
    assert_eq!(stage.scheduled_revision().await, "2");
    assert!(stage.running().await.unwrap().healthy);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_for_another_stack_keeps_its_task_definitions() {
    let mut stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    let outputs = stage.outputs["tasks"].clone();
    stage.outputs.insert("before".to_owned(), outputs);
    let mut before = stage.environment.workloads["nightly"].clone();
    before.on.value = "before".to_owned();
    let tell = Tell::nobody();
    let scene = Scene {
        workload: &before,
        ..stage.scene(&tell)
    };
    assert!(super::super::remove(&scene, &first).await.unwrap());
    assert!(stage.schedule().await.is_none());
    assert_eq!(stage.revisions().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_task_that_ecs_has_forgotten_are_told_and_that_there_are_none() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.pass_once().await;
    assert!(
        super::super::remove(&stage.scene(&Tell::nobody()), &first)
            .await
            .unwrap()
    );
    let hours = async |hours: u64| Clock::real().sleep(Duration::from_secs(3600 * hours)).await;
    hours(2).await;
    let lines = stage.logged(false).await;
    assert!(
        matches!(lines.as_slice(), [Event::Log { .. }, Event::Log { line, .. }] if line == "all done"),
        "{lines:?}"
    );
    hours(24).await;
    let lines = stage.logged(false).await;
    assert!(
        matches!(lines.as_slice(), [Event::Note(note)] if note.contains("in the last 24 h")),
        "{lines:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_gone_is_told_with_what_makes_it() {
    let stage = Stage::by_the_clock(NIGHTLY, "").await;
    let group = stage.session.scheduler().delete_schedule_group().name(CLUSTER);
    group.send().await.unwrap();
    let failure = stage.ship(&stage.release(&digest('1')), None).await.unwrap_err();
    assert_eq!(failure.problem.code, codes::ECS_STACK, "{failure:#?}");
    assert!(failure.problem.hints[0].contains("schedules = true"), "{failure:#?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_task_that_runs_nothing_is_told_as_that_of_the_one_before() {
    let stage = Stage::new(API, "").await;
    stage.ship(&stage.release(&digest('1')), None).await.unwrap();
    assert!(!stage.logged(false).await.is_empty());
    let told = stage.logged(true).await;
    assert!(matches!(told.as_slice(), [Event::Note(_)]), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_cannot_be_ended_is_told_and_ended_by_the_next_ship() {
    let kept = "[[fault]]\nservice = \"scheduler\"\naction = \"DeleteSchedule\"\ntimes = 1\nerror = { code = \"AccessDeniedException\", message = \"no\" }";
    let mut stage = Stage::by_the_clock(NIGHTLY, kept).await;
    let first = stage.release(&digest('1'));
    stage.ship(&first, None).await.unwrap();
    stage.edit(&NIGHTLY.replace("schedule = \"*/30 * * * *\"", ""));
    let once = stage.release(&digest('1'));
    let failure = stage.ship(&once, Some(&first)).await.unwrap_err();
    assert!(matches!(failure.restored, Restored::Unneeded), "{failure:#?}");
    assert_eq!(failure.problem.code, codes::ACCESS_DENIED);
    assert!(stage.schedule().await.is_some());
    assert_eq!(stage.ship(&once, Some(&once)).await.unwrap(), RolledOut::Done);
    assert!(stage.schedule().await.is_none());
    assert_eq!(stage.calls("RunTask"), 1);
}

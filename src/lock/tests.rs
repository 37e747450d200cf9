use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::protocol::{Answer, Found, LEASE};
use super::*;
use crate::aws::backend::LOCK_KEY;
use crate::aws::dynamodb::Attribute;
use crate::aws::session::Session;
use crate::aws::testing::{FakeAws, Fault};

fn backend() -> Backend {
    Backend {
        bucket: "state".into(),
        table: "locks".into(),
    }
}

fn key() -> Key {
    Key {
        project: "shop".into(),
        environment: "dev".into(),
    }
}

fn who(name: &str) -> Holder {
    Holder {
        who: format!("{name}@host"),
        run_url: None,
        operation: "apply".into(),
        process: None,
    }
}

async fn world() -> (Arc<FakeAws>, Session) {
    let aws = FakeAws::new();
    let session = aws.session().await;
    dynamodb::make_table(&session, "locks", LOCK_KEY).await.unwrap();
    (aws, session)
}

async fn take(session: &Session, name: &str, wait: Option<Duration>) -> Result<Lease, LockError> {
    acquire(
        session,
        &backend(),
        &key(),
        &who(name),
        |_| {},
        Wait::AtMost(wait.unwrap_or_default()),
        &CancellationToken::new(),
    )
    .await
}

/// A process that dies: its heart stops and nothing is released.
fn crash(lease: Lease) {
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn a_free_lock_is_taken_with_one_call_and_the_generation_grows_with_each_acquisition() {
    let (aws, session) = world().await;
    for generation in 1..=3 {
        let before = aws.count("UpdateItem") + aws.count("GetItem");
        let lease = take(&session, "ann", None).await.unwrap();
        assert_eq!(aws.count("UpdateItem") + aws.count("GetItem") - before, 1);
        assert_eq!(lease.generation(), generation);
        assert_eq!(lease.release().await.unwrap(), Released::Now);
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_lock_is_refused_at_once_naming_the_holder() {
    let (_aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    let refused = take(&session, "bob", None).await.unwrap_err();
    let problem = refused.problem();
    assert_eq!(problem.code, codes::LOCK_HELD);
    assert_eq!(problem.message, "dev is locked by ann@host (apply)");
    lease.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_after_400_ms_for_whom_once_and_gets_the_lock_when_it_is_released() {
    let (_aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    let clock = Clock::real();
    let release = async {
        clock.sleep(Duration::from_secs(300)).await;
        lease.release().await.unwrap();
    };
    let mut told = Vec::new();
    let wait = async {
        let on_wait = |news: News<'_>| {
            let News::Waiting(record) = news else {
                panic!("{news:?}")
            };
            told.push((record.holder.who.clone(), clock.elapsed()));
        };
        acquire(
            &session,
            &backend(),
            &key(),
            &who("bob"),
            on_wait,
            Wait::AtMost(Duration::from_secs(600)),
            &CancellationToken::new(),
        )
        .await
    };
    let ((), lease) = tokio::join!(release, wait);
    assert_eq!(lease.unwrap().generation(), 2);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "ann@host");
    assert!(
        told[0].1 >= Duration::from_millis(400) && told[0].1 < Duration::from_secs(1),
        "{told:?}"
    );
    assert!(clock.elapsed() < Duration::from_secs(304), "{:?}", clock.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_renews_can_be_taken_after_one_lease_and_not_before() {
    let (_aws, session) = world().await;
    crash(take(&session, "ann", None).await.unwrap());
    let clock = Clock::real();
    let lease = take(&session, "bob", Some(Duration::from_secs(120))).await.unwrap();
    assert_eq!(lease.generation(), 2);
    let waited = clock.elapsed();
    assert!(waited >= LEASE && waited < LEASE + Duration::from_secs(3), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_living_holder_keeps_the_lock_and_a_waiter_gives_up_in_time() {
    let (_aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    let clock = Clock::real();
    let refused = take(&session, "bob", Some(Duration::from_secs(30 * 60)))
        .await
        .unwrap_err();
    assert!(matches!(refused, LockError::Held { .. }));
    assert_eq!(clock.elapsed().as_secs(), 30 * 60);
    lease.check().unwrap();
    assert_eq!(lease.release().await.unwrap(), Released::Now);
}

fn here(pid: u32) -> Process {
    let own = this_process().expect("these tests need /proc");
    Process { pid, ..own }
}

fn of(name: &str, process: Process) -> Holder {
    Holder {
        process: Some(process),
        ..who(name)
    }
}

/// No process has so high an id: Linux gives out 2^22 at most.
const NOBODY: u32 = 1 << 30;

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_lock_whose_process_on_this_machine_is_gone_is_taken_over_at_once_and_told() {
    let (_aws, session) = world().await;
    let (b, k, cancel) = (backend(), key(), CancellationToken::new());
    let own = this_process().unwrap();
    let ann = of("ann", here(NOBODY));
    let taken = acquire(&session, &b, &k, &ann, |_| {}, Wait::AtMost(Duration::ZERO), &cancel).await;
    crash(taken.unwrap());
    let seen = status(&session, &b, &k, Some(&own), Duration::ZERO).await.unwrap();
    let LockStatus::Stale { death, .. } = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(death.to_string(), "its process 1073741824 on this machine is gone");

    let clock = Clock::real();
    let mut told = Vec::new();
    let tell = |news: News<'_>| told.push(format!("{news:?}"));
    let bob = of("bob", own);
    let lease = acquire(&session, &b, &k, &bob, tell, Wait::AtMost(Duration::ZERO), &cancel)
        .await
        .unwrap();
    assert_eq!((lease.generation(), clock.elapsed()), (2, Duration::ZERO));
    assert!(
        told.len() == 1 && told[0].starts_with("TookOver") && told[0].contains("ann@host"),
        "{told:?}"
    );
    assert_eq!(lease.release().await.unwrap(), Released::Now);
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_holder_that_runs_on_this_machine_is_not_waited_for_unless_asked() {
    let (_aws, session) = world().await;
    let (b, k, cancel) = (backend(), key(), CancellationToken::new());
    let own = this_process().unwrap();
    let ann = of("ann", own.clone());
    let lease = acquire(&session, &b, &k, &ann, |_| {}, Wait::UntilCertain, &cancel)
        .await
        .unwrap();
    let clock = Clock::real();
    let bob = of("bob", own.clone());
    let refused = acquire(&session, &b, &k, &bob, |_| {}, Wait::UntilCertain, &cancel)
        .await
        .unwrap_err();
    assert_eq!(clock.elapsed(), Duration::ZERO);
    let problem = refused.problem();
    assert!(
        problem
            .notes
            .iter()
            .any(|note| note == &format!("it is alive: process {} on this machine", own.pid))
    );
    lease.release().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_process_of_another_machine_namespace_or_user_is_judged_by_its_heartbeats() {
    let (_aws, session) = world().await;
    let (b, k, cancel) = (backend(), key(), CancellationToken::new());
    let own = this_process().unwrap();
    let elsewhere = Process {
        place: "elsewhere".into(),
        ..here(NOBODY)
    };
    let ann = of("ann", elsewhere);
    crash(
        acquire(&session, &b, &k, &ann, |_| {}, Wait::UntilCertain, &cancel)
            .await
            .unwrap(),
    );
    let seen = status(&session, &b, &k, Some(&own), Duration::ZERO).await.unwrap();
    assert!(matches!(seen, LockStatus::Held { alive: false, .. }), "{seen:?}");
    let clock = Clock::real();
    let bob = of("bob", own);
    acquire(&session, &b, &k, &bob, |_| {}, Wait::UntilCertain, &cancel)
        .await
        .unwrap();
    assert!(clock.elapsed() >= LEASE, "{:?}", clock.elapsed());
}

#[test]
fn an_id_that_was_given_to_another_process_is_no_sign_of_life() {
    let holder = Process {
        place: "here".into(),
        pid: 7,
        started: 100,
    };
    let own = Process {
        pid: 8,
        ..holder.clone()
    };
    let life = |found| holder.life(&own, |_| found);
    assert_eq!(life(Found::Running { started: 100 }), Life::Alive { pid: 7 });
    assert_eq!(life(Found::Running { started: 200 }), Life::Dead { pid: 7 });
    assert_eq!(life(Found::Unclear), Life::Unknown);
    let far = Process {
        place: "there".into(),
        ..own
    };
    assert_eq!(holder.life(&far, |_| Found::Nobody), Life::Unknown);
}

#[tokio::test(start_paused = true)]
async fn without_a_time_a_living_holder_is_known_by_its_next_heartbeat_and_a_dead_one_is_waited_out() {
    let (_aws, session) = world().await;
    let (b, k, cancel) = (backend(), key(), CancellationToken::new());
    let lease = take(&session, "ann", None).await.unwrap();
    let bob = who("bob");
    let clock = Clock::real();
    let refused = acquire(&session, &b, &k, &bob, |_| {}, Wait::UntilCertain, &cancel)
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            LockError::Held {
                sign: Some(Sign::Renewed),
                ..
            }
        ),
        "{refused:?}"
    );
    assert!(
        clock.elapsed() < LEASE / 3 + Duration::from_secs(4),
        "{:?}",
        clock.elapsed()
    );
    crash(lease);
    let clock = Clock::real();
    let taken = acquire(&session, &b, &k, &bob, |_| {}, Wait::UntilCertain, &cancel)
        .await
        .unwrap();
    assert_eq!(taken.generation(), 2);
    assert!(
        clock.elapsed() >= LEASE && clock.elapsed() < LEASE + Duration::from_secs(3),
        "{:?}",
        clock.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_whose_answer_was_lost_is_recognised_as_our_own() {
    let (aws, session) = world().await;
    aws.fault("UpdateItem", Fault::LoseAnswer, 1);
    let lease = take(&session, "ann", None).await.unwrap();
    assert_eq!(lease.generation(), 1);
    assert_eq!(aws.count("UpdateItem"), 2, "the SDK repeated it");
    assert_eq!(lease.release().await.unwrap(), Released::Now);
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_that_hangs_is_recognised_as_our_own() {
    let (aws, session) = world().await;
    aws.fault("UpdateItem", Fault::Hang, 1);
    let lease = take(&session, "ann", None).await.unwrap();
    assert_eq!(lease.generation(), 1);
    assert_eq!(lease.release().await.unwrap(), Released::Now);
}

#[test]
fn an_acquisition_whose_answer_comes_after_the_lease_ended_grants_nothing() {
    let mut item = None;
    let change = Change::Acquire {
        lease_id: "a".into(),
        lease: LEASE,
        holder: who("ann"),
        acquired_at: "now".into(),
    };
    let answer = Write {
        guard: Guard::Free { lease_id: "a".into() },
        change,
    }
    .perform(&mut item);
    let tenure = Tenure::new(Duration::ZERO, LEASE);
    assert!(matches!(
        settle_acquire(answer.clone(), "a", &tenure, LEASE / 2),
        Acquired::Ours { .. }
    ));
    assert_eq!(settle_acquire(answer, "a", &tenure, LEASE), Acquired::Late);
}

#[tokio::test(start_paused = true)]
async fn a_release_whose_answer_was_lost_counts_as_done() {
    let (aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    aws.fault("UpdateItem", Fault::LoseAnswer, 1);
    assert_eq!(lease.release().await.unwrap(), Released::Now);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_whose_answer_was_lost_does_not_lose_the_lock() {
    let (aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    aws.fault("UpdateItem", Fault::LoseAnswer, 1);
    Clock::real().sleep(LEASE * 2).await;
    assert!(aws.count("UpdateItem") > 3);
    lease.check().unwrap();
    assert_eq!(lease.release().await.unwrap(), Released::Now);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_network_kept_back_cannot_take_the_lock_after_the_release() {
    let (aws, session) = world().await;
    aws.fault("UpdateItem", Fault::Late(Duration::from_secs(30)), 1);
    let lease = take(&session, "ann", None).await.unwrap();
    lease.release().await.unwrap();
    Clock::real().sleep(Duration::from_secs(31)).await;
    assert!(matches!(
        status(&session, &backend(), &key(), None, Duration::ZERO)
            .await
            .unwrap(),
        LockStatus::Free { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_hears_of_it_before_its_lease_ends() {
    let (aws, session) = world().await;
    let clock = Clock::real();
    let lease = take(&session, "ann", None).await.unwrap();
    aws.fault("UpdateItem", Fault::LoseRequest, usize::MAX);
    lease.lost().cancelled().await;
    let heard = clock.elapsed();
    assert!(heard > LEASE / 2 && heard < LEASE, "{heard:?}");
    let problem = lease.check().unwrap_err();
    assert_eq!(problem.code, codes::LOCK_LOST);
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_heartbeats_hang_hears_of_it_before_its_lease_ends() {
    let (aws, session) = world().await;
    let clock = Clock::real();
    let lease = take(&session, "ann", None).await.unwrap();
    Clock::real().sleep(LEASE).await;
    lease.check().unwrap();
    let last = clock.elapsed();
    aws.fault("UpdateItem", Fault::Hang, usize::MAX);
    lease.lost().cancelled().await;
    assert!(clock.elapsed() - last < LEASE, "{:?}", clock.elapsed());
}

#[tokio::test(start_paused = true)]
async fn short_trouble_with_the_table_is_outlasted() {
    let (aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    aws.fault("UpdateItem", Fault::Answer(400, "ThrottlingException"), usize::MAX);
    Clock::real().sleep(Duration::from_secs(35)).await;
    aws.heal();
    Clock::real().sleep(LEASE * 3).await;
    lease.check().unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_waiters_on_a_dead_lease_do_not_both_get_it() {
    let (_aws, session) = world().await;
    crash(take(&session, "ann", None).await.unwrap());
    let wait = Some(Duration::from_secs(90));
    let (bob, cem) = tokio::join!(take(&session, "bob", wait), take(&session, "cem", wait));
    assert!(bob.is_ok() != cem.is_ok());
}

#[tokio::test(start_paused = true)]
async fn of_twenty_contenders_never_two_are_inside_and_all_get_their_turn() {
    let (_aws, session) = world().await;
    let inside = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for n in 0..20 {
        let (session, inside) = (session.clone(), Arc::clone(&inside));
        tasks.push(tokio::spawn(async move {
            let lease = take(&session, &format!("p{n}"), Some(Duration::from_secs(3600)))
                .await
                .unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            Clock::real().sleep(Duration::from_secs(5)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            lease.release().await.unwrap();
            n
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_while_waiting_ends_the_wait_at_once_and_holds_nothing() {
    let (_aws, session) = world().await;
    let lease = take(&session, "ann", None).await.unwrap();
    let cancel = CancellationToken::new();
    let clock = Clock::real();
    let interrupt = async {
        clock.sleep(Duration::from_millis(2500)).await;
        cancel.cancel();
    };
    let bob = who("bob");
    let (b, k) = (backend(), key());
    let wait = acquire(&session, &b, &k, &bob, |_| {}, Wait::AtMost(LEASE), &cancel);
    let ((), outcome) = tokio::join!(interrupt, wait);
    assert!(matches!(outcome, Err(LockError::Interrupted)));
    assert_eq!(clock.elapsed(), Duration::from_millis(2500));
    lease.release().await.unwrap();
    assert!(matches!(
        status(&session, &b, &k, None, Duration::ZERO).await.unwrap(),
        LockStatus::Free { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_while_the_answer_is_on_its_way_gives_the_lock_back() {
    let (aws, session) = world().await;
    aws.fault("UpdateItem", Fault::Hang, 1);
    let cancel = CancellationToken::new();
    let clock = Clock::real();
    let interrupt = async {
        clock.sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    };
    let (ann, b, k) = (who("ann"), backend(), key());
    let ((), outcome) = tokio::join!(
        interrupt,
        acquire(&session, &b, &k, &ann, |_| {}, Wait::UntilCertain, &cancel)
    );
    assert!(matches!(outcome, Err(LockError::Interrupted)));
    assert!(matches!(
        status(&session, &b, &k, None, Duration::ZERO).await.unwrap(),
        LockStatus::Free { last: Some(_) }
    ));
}

#[tokio::test(start_paused = true)]
async fn status_tells_a_living_holder_from_a_dead_one() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    assert_eq!(
        status(&session, &b, &k, None, LEASE * 2).await.unwrap(),
        LockStatus::Free { last: None }
    );
    let lease = take(&session, "ann", None).await.unwrap();
    assert!(matches!(
        status(&session, &b, &k, None, LEASE * 2).await.unwrap(),
        LockStatus::Held { alive: true, .. }
    ));
    assert!(matches!(
        status(&session, &b, &k, None, Duration::ZERO).await.unwrap(),
        LockStatus::Held { alive: false, .. }
    ));
    crash(lease);
    assert!(matches!(
        status(&session, &b, &k, None, LEASE * 2).await.unwrap(),
        LockStatus::Stale { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_release_by_hand_frees_the_lock_that_was_seen_and_its_holder_notices() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let lease = take(&session, "ann", None).await.unwrap();
    let LockStatus::Held { record, .. } = status(&session, &b, &k, None, Duration::ZERO).await.unwrap() else {
        panic!()
    };
    force_release(&session, &b, &k, &record.lease_id, record.generation)
        .await
        .unwrap();
    Clock::real()
        .timeout(LEASE / 2, lease.lost().cancelled())
        .await
        .unwrap();
    assert!(lease.check().unwrap_err().notes[0].contains("by hand"));
    assert_eq!(take(&session, "bob", None).await.unwrap().generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_release_by_hand_never_hits_the_next_holder() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let ann = take(&session, "ann", None).await.unwrap();
    let (id, generation) = (ann.id().to_owned(), ann.generation());
    ann.release().await.unwrap();
    let bob = take(&session, "bob", None).await.unwrap();
    let refused = force_release(&session, &b, &k, &id, generation).await.unwrap_err();
    assert!(matches!(refused, LockError::Moved { now: Some(_) }));
    assert_eq!(bob.release().await.unwrap(), Released::Now);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_taken_over_leaves_the_new_holder_alone() {
    let (aws, session) = world().await;
    let ann = take(&session, "ann", None).await.unwrap();
    aws.fault("UpdateItem", Fault::LoseRequest, usize::MAX);
    ann.lost().cancelled().await;
    aws.heal();
    let bob = take(&session, "bob", Some(LEASE * 2)).await.unwrap();
    assert!(matches!(ann.release().await.unwrap(), Released::Before(Some(_))));
    bob.check().unwrap();
    assert_eq!(bob.release().await.unwrap(), Released::Now);
}

#[tokio::test(start_paused = true)]
async fn a_missing_table_says_bootstrap() {
    let aws = FakeAws::new();
    let session = aws.session().await;
    let problem = take(&session, "ann", None).await.unwrap_err().problem();
    assert_eq!(problem.code, codes::LOCK_TABLE_MISSING);
    assert!(problem.hints[0].contains("mlinfra bootstrap dev"), "{problem:?}");
}

/// The strings that go to DynamoDB mean what the protocol means: every guard against every kind of item.
#[tokio::test(start_paused = true)]
async fn the_expressions_mean_what_the_protocol_says() {
    let (_aws, session) = world().await;
    let change = |id: &str| Change::Acquire {
        lease_id: id.into(),
        lease: LEASE,
        holder: who("ann"),
        acquired_at: "now".into(),
    };
    let guards = [
        Guard::Free { lease_id: "a".into() },
        Guard::Free { lease_id: "b".into() },
        Guard::Unchanged {
            lease_id: "a".into(),
            version: 1,
        },
        Guard::Unchanged {
            lease_id: "b".into(),
            version: 1,
        },
        Guard::Mine {
            lease_id: "a".into(),
            version: 2,
        },
        Guard::Mine {
            lease_id: "a".into(),
            version: 1,
        },
        Guard::Exactly {
            lease_id: "a".into(),
            generation: 1,
        },
        Guard::Exactly {
            lease_id: "a".into(),
            generation: 2,
        },
    ];
    let take_it = Write {
        guard: guards[0].clone(),
        change: change("a"),
    };
    let beat = Write {
        guard: guards[4].clone(),
        change: Change::Renew { version: 2 },
    };
    let let_go = Write {
        guard: guards[6].clone(),
        change: Change::Release,
    };
    let histories: [&[&Write]; 4] = [&[], &[&take_it], &[&take_it, &beat], &[&take_it, &let_go]];
    let changes = [change("a"), change("b"), Change::Renew { version: 2 }, Change::Release];
    for (h, history) in histories.iter().enumerate() {
        for (g, guard) in guards.iter().enumerate() {
            for (c, change) in changes.iter().enumerate() {
                let key = ItemKey {
                    table: "locks".into(),
                    name: LOCK_KEY.into(),
                    value: format!("{h}/{g}/{c}"),
                };
                let mut item = None;
                for write in *history {
                    assert_eq!(
                        write_once(&session, &key, write).await.unwrap(),
                        write.perform(&mut item)
                    );
                }
                let write = Write {
                    guard: guard.clone(),
                    change: change.clone(),
                };
                // A renewal or release of an item that does not exist is never sent: only `Free` admits none.
                if item.is_none() && guard.admits(None) && !matches!(change, Change::Acquire { .. }) {
                    continue;
                }
                let real = write_once(&session, &key, &write).await.unwrap();
                assert_eq!(real, write.perform(&mut item), "{history:?} then {write:?}");
                assert!(matches!(real, Answer::Done(_) | Answer::Refused(_)));
            }
        }
    }
}

#[test]
fn an_item_that_another_program_wrote_is_refused_with_a_reason() {
    let item = [
        ("held".to_owned(), Attribute::Boolean(true)),
        ("lease_id".to_owned(), Attribute::Number(1)),
    ]
    .into();
    assert_eq!(expression::record(&item).unwrap_err(), "its `lease_id` is no string");
}

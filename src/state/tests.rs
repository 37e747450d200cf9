use std::sync::Arc;

use super::*;
use crate::aws::s3::{self, Expect};
use crate::aws::session::{Endpoint, Session};
use crate::aws::testing::{FakeAws, Fault};
use crate::clock::Clock;

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

async fn world() -> (Arc<FakeAws>, Session) {
    let aws = FakeAws::new();
    let session = aws.session().await;
    crate::aws::backend::ensure(&session, "state", "locks").await.unwrap();
    (aws, session)
}

fn with_stack(name: &str) -> State {
    let mut state = State::default();
    state.stacks.insert(
        name.into(),
        DeployedStack {
            stack_name: format!("shop-dev-{name}"),
            ..DeployedStack::default()
        },
    );
    state
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    assert_eq!(read(&session, &b, &k).await.unwrap(), None);
    let (empty, etag) = claim(&session, &b, &k, 1).await.unwrap();
    assert!(empty.stacks.is_empty());
    let (written, _) = write(&session, &b, &k, &with_stack("network"), Some(&etag), 1)
        .await
        .unwrap();
    let (found, _) = read(&session, &b, &k).await.unwrap().unwrap();
    assert_eq!(found, written);
    assert_eq!(found.generation, 1);
}

#[tokio::test(start_paused = true)]
async fn a_paused_old_holder_cannot_overwrite_the_state_once_a_new_one_has_claimed_it() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let (old, etag) = claim(&session, &b, &k, 1).await.unwrap();
    claim(&session, &b, &k, 2).await.unwrap();
    let problem = write(&session, &b, &k, &with_stack("ghost"), Some(&etag), 1)
        .await
        .unwrap_err();
    assert_eq!(problem.code, codes::STATE_FENCED);
    // Nor by reading again, nor by claiming again.
    let (now, etag) = read(&session, &b, &k).await.unwrap().unwrap();
    assert_eq!(
        write(&session, &b, &k, &now, Some(&etag), 1).await.unwrap_err().code,
        codes::STATE_FENCED
    );
    assert_eq!(claim(&session, &b, &k, 1).await.unwrap_err().code, codes::STATE_FENCED);
    assert!(read(&session, &b, &k).await.unwrap().unwrap().0.stacks.is_empty());
    assert_eq!(old.generation, 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_keeps_what_the_old_holder_had_written() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let (_, etag) = claim(&session, &b, &k, 1).await.unwrap();
    write(&session, &b, &k, &with_stack("network"), Some(&etag), 1)
        .await
        .unwrap();
    let (state, _) = claim(&session, &b, &k, 2).await.unwrap();
    assert!(state.stacks.contains_key("network"));
    assert_eq!(state.generation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_a_problem_and_nothing_is_overwritten() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let (_, etag) = claim(&session, &b, &k, 1).await.unwrap();
    write(&session, &b, &k, &with_stack("first"), Some(&etag), 1)
        .await
        .unwrap();
    let problem = write(&session, &b, &k, &with_stack("second"), Some(&etag), 1)
        .await
        .unwrap_err();
    assert_eq!(problem.code, codes::STATE_MOVED);
    let problem = write(&session, &b, &k, &with_stack("second"), None, 1)
        .await
        .unwrap_err();
    assert_eq!(problem.code, codes::STATE_MOVED);
    assert!(
        read(&session, &b, &k)
            .await
            .unwrap()
            .unwrap()
            .0
            .stacks
            .contains_key("first")
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_recognised_as_our_own() {
    let (aws, session) = world().await;
    let (b, k) = (backend(), key());
    let (_, etag) = claim(&session, &b, &k, 1).await.unwrap();
    aws.fault("S3 PUT", Fault::LoseAnswer, 1);
    let (_, etag) = write(&session, &b, &k, &with_stack("network"), Some(&etag), 1)
        .await
        .unwrap();
    write(&session, &b, &k, &with_stack("cluster"), Some(&etag), 1)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again() {
    let (aws, session) = world().await;
    aws.fault("S3 PUT", Fault::Answer(409, "ConditionalRequestConflict"), 6);
    claim(&session, &backend(), &key(), 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_ignores_conditions_is_refused_before_anything_is_written() {
    let aws = FakeAws::careless();
    let session = aws.session_at(Endpoint::Url("http://store.example".into())).await;
    s3::make_bucket(&session, "state").await.unwrap();
    let problem = claim(&session, &backend(), &key(), 1).await.unwrap_err();
    assert_eq!(problem.code, codes::NO_CONDITIONAL_WRITES);
    assert_eq!(read(&session, &backend(), &key()).await.unwrap(), None);

    let aws = FakeAws::new();
    let session = aws.session_at(Endpoint::Url("http://store.example".into())).await;
    s3::make_bucket(&session, "state").await.unwrap();
    claim(&session, &backend(), &key(), 1).await.unwrap();
    claim(&session, &backend(), &key(), 2).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_state_of_a_newer_format_is_refused_and_left_alone() {
    let (_aws, session) = world().await;
    let body = br#"{"version": 2, "galaxies": []}"#;
    s3::put(&session, "state", "shop/dev/state.json", body, &Expect::Anything)
        .await
        .unwrap();
    let problem = claim(&session, &backend(), &key(), 9).await.unwrap_err();
    assert_eq!(problem.code, codes::STATE_NEWER);
    assert_eq!(problem.hints, ["update mlinfra"]);
    assert_eq!(
        s3::get(&session, "state", "shop/dev/state.json")
            .await
            .unwrap()
            .unwrap()
            .body,
        body
    );
    s3::put(&session, "state", "shop/dev/state.json", b"<html>", &Expect::Anything)
        .await
        .unwrap();
    assert_eq!(
        read(&session, &backend(), &key()).await.unwrap_err().code,
        codes::STATE_UNREADABLE
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_bucket_says_bootstrap() {
    let aws = FakeAws::new();
    let session = aws.session().await;
    let problem = read(&session, &backend(), &key()).await.unwrap_err();
    assert_eq!(problem.code, codes::STATE_BUCKET_MISSING);
    assert!(problem.hints[0].contains("mlinfra bootstrap dev"));
    assert_eq!(
        claim(&session, &backend(), &key(), 1).await.unwrap_err().code,
        codes::STATE_BUCKET_MISSING
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_applied_once_and_the_second_time_says_who_did() {
    let (_aws, session) = world().await;
    let (b, k, clock) = (backend(), key(), Clock::real());
    let (one, two) = tokio::join!(
        claim_plan(&session, &b, &k, "p1", "op1", "ann@host", &clock),
        claim_plan(&session, &b, &k, "p1", "op2", "bob@host", &clock)
    );
    assert!(one.is_ok() != two.is_ok());
    let problem = one.and(two).unwrap_err();
    assert_eq!(problem.code, codes::PLAN_APPLIED);
    assert!(problem.notes[0].contains("@host applied it at"), "{problem:?}");
    assert!(plan_applied(&session, &b, &k, "p2").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_record_of_history_is_never_changed_and_the_newest_come_first() {
    let (_aws, session) = world().await;
    let (b, k, clock) = (backend(), key(), Clock::real());
    let mut ids = Vec::new();
    for n in 0..12 {
        let mut operation = OperationRecord::begin(OperationKind::Apply, "ann@host", n, &clock);
        operation.finish(OperationResult::Succeeded, &clock);
        record_history(&session, &b, &k, &operation).await.unwrap();
        record_history(&session, &b, &k, &operation).await.unwrap();
        let changed = OperationRecord {
            actor: "eve@host".into(),
            ..operation.clone()
        };
        assert_eq!(
            record_history(&session, &b, &k, &changed).await.unwrap_err().code,
            codes::RECORD_EXISTS
        );
        assert_eq!(
            read_history(&session, &b, &k, &operation.id).await.unwrap().unwrap(),
            operation
        );
        ids.push(operation.id);
        Clock::real().sleep(std::time::Duration::from_secs(1)).await;
    }
    let listed: Vec<_> = list_history(&session, &b, &k, 5)
        .await
        .unwrap()
        .into_iter()
        .map(|record| record.id)
        .collect();
    ids.reverse();
    assert_eq!(listed, ids[..5]);
}

#[tokio::test(start_paused = true)]
async fn templates_are_stored_once_under_their_digest_and_a_changed_one_is_noticed() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let sha = put_template(&session, &b, &k, "{}").await.unwrap();
    assert_eq!(sha, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    assert_eq!(put_template(&session, &b, &k, "{}").await.unwrap(), sha);
    assert_eq!(template(&session, &b, &k, &sha).await.unwrap().as_deref(), Some("{}"));
    assert_eq!(template(&session, &b, &k, "00").await.unwrap(), None);
    s3::put(
        &session,
        "state",
        &format!("shop/dev/templates/{sha}.json"),
        b"{ }",
        &Expect::Anything,
    )
    .await
    .unwrap();
    assert_eq!(
        template(&session, &b, &k, &sha).await.unwrap_err().code,
        codes::STATE_UNREADABLE
    );
    // What somebody planted under the digest of another template is not deployed in its place.
    assert_eq!(
        put_template(&session, &b, &k, "{}").await.unwrap_err().code,
        codes::STATE_UNREADABLE
    );
    assert_eq!(
        template_url(&session, &b, &k, &sha),
        format!("https://state.s3.us-east-1.amazonaws.com/shop/dev/templates/{sha}.json")
    );
}

fn release_of(image: &str) -> crate::ship::Release {
    crate::ship::Release {
        version: crate::ship::release::RELEASE_VERSION,
        workload: "scorer".into(),
        platform: crate::spec::workload::Platform::Eks,
        stack: "cluster".into(),
        image: crate::ship::ImageAt {
            reference: format!("registry/scorer@{image}"),
            digest: image.into(),
            tag: None,
            bytes: 7,
            architecture: "amd64".into(),
        },
        model: None,
        commit: Some("4f2a91c".into()),
        objects: vec![serde_json::json!({ "kind": "Deployment" })],
    }
}

#[tokio::test(start_paused = true)]
async fn releases_are_kept_whole_under_their_digest_and_a_planted_one_is_refused() {
    let (_aws, session) = world().await;
    let (b, k) = (backend(), key());
    let (one, two) = (release_of("sha256:1"), release_of("sha256:2"));
    let sha = put_release(&session, &b, &k, &one).await.unwrap();
    assert_eq!(put_release(&session, &b, &k, &one).await.unwrap(), sha);
    assert_ne!(put_release(&session, &b, &k, &two).await.unwrap(), sha);
    assert_eq!(release(&session, &b, &k, &sha).await.unwrap(), Some(one.clone()));
    assert_eq!(release(&session, &b, &k, "00").await.unwrap(), None);
    // Who may write to the bucket does not decide what is rolled back to.
    let object = format!("shop/dev/releases/{sha}.json");
    let planted = serde_json::to_vec(&two).unwrap();
    s3::put(&session, "state", &object, &planted, &Expect::Anything)
        .await
        .unwrap();
    assert_eq!(
        release(&session, &b, &k, &sha).await.unwrap_err().code,
        codes::STATE_UNREADABLE
    );
    assert_eq!(
        put_release(&session, &b, &k, &one).await.unwrap_err().code,
        codes::STATE_UNREADABLE
    );
}

#[tokio::test(start_paused = true)]
async fn a_versioned_bucket_is_emptied_to_the_last_marker() {
    let (_aws, session) = world().await;
    for n in 0..3 {
        for body in ["one", "two"] {
            s3::put(&session, "state", &format!("k{n}"), body.as_bytes(), &Expect::Anything)
                .await
                .unwrap();
        }
    }
    session
        .s3()
        .delete_object()
        .bucket("state")
        .key("k1")
        .send()
        .await
        .unwrap();
    assert_eq!(s3::empty_bucket(&session, "state").await.unwrap(), 7);
    assert_eq!(s3::empty_bucket(&session, "state").await.unwrap(), 0);
    session.s3().delete_bucket().bucket("state").send().await.unwrap();
    assert_eq!(s3::empty_bucket(&session, "state").await.unwrap(), 0);
}

//! S3 and DynamoDB.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ReturnValuesOnConditionCheckFailure,
    ScalarAttributeType,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, VersioningConfiguration};

use super::{config, in_memory};

pub(super) async fn make_table(client: &aws_sdk_dynamodb::Client) {
    client
        .create_table()
        .table_name("locks")
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name("id")
                .key_type(KeyType::Hash)
                .build()
                .unwrap(),
        )
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name("id")
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap(),
        )
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}

/// Whether `who` took the free lock `round`; a loser is told who did.
pub(super) async fn contend(client: aws_sdk_dynamodb::Client, round: usize, who: usize) -> bool {
    let put = client
        .put_item()
        .table_name("locks")
        .item("id", AttributeValue::S(format!("lock-{round}")))
        .item("holder", AttributeValue::N(who.to_string()))
        .condition_expression("attribute_not_exists(id)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match put.map_err(|error| error.into_service_error()) {
        Ok(_) => true,
        Err(aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refused)) => {
            assert!(refused.item().unwrap().contains_key("holder"));
            false
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_contenders_for_a_lock_exactly_one_wins_each_of_fifty_rounds() {
    let sandbox = in_memory().await;
    let client = aws_sdk_dynamodb::Client::new(&config(&sandbox));
    make_table(&client).await;
    for round in 0..50 {
        let contenders = (0..20).map(|who| tokio::spawn(contend(client.clone(), round, who)));
        let won = futures::future::join_all(contenders)
            .await
            .into_iter()
            .filter(|won| *won.as_ref().unwrap())
            .count();
        assert_eq!(won, 1, "round {round}");
    }
}

#[tokio::test]
async fn conditional_writes_of_objects_fail_as_on_aws() {
    let sandbox = in_memory().await;
    let s3 = aws_sdk_s3::Client::new(&config(&sandbox));
    s3.create_bucket().bucket("state-bucket").send().await.unwrap();
    let put = |body: &'static str| {
        s3.put_object()
            .bucket("state-bucket")
            .key("dev/state.json")
            .body(ByteStream::from_static(body.as_bytes()))
    };
    let code = |error: aws_sdk_s3::error::SdkError<aws_sdk_s3::operation::put_object::PutObjectError>| {
        let status = error.raw_response().unwrap().status().as_u16();
        (status, error.into_service_error().meta().code().unwrap().to_owned())
    };
    let missing = put("x").if_match("\"abc\"").send().await.unwrap_err();
    assert_eq!(code(missing), (404, "NoSuchKey".to_owned()));
    let first = put("one").if_none_match("*").send().await.unwrap();
    let lost = put("two").if_none_match("*").send().await.unwrap_err();
    assert_eq!(code(lost), (412, "PreconditionFailed".to_owned()));
    let second = put("two").if_match(first.e_tag().unwrap()).send().await.unwrap();
    let stale = put("three").if_match(first.e_tag().unwrap()).send().await.unwrap_err();
    assert_eq!(code(stale), (412, "PreconditionFailed".to_owned()));
    let got = s3
        .get_object()
        .bucket("state-bucket")
        .key("dev/state.json")
        .send()
        .await
        .unwrap();
    assert_eq!(got.e_tag(), second.e_tag());
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"two");
}

#[tokio::test]
async fn versions_are_kept_listed_by_the_page_and_stand_in_the_way_of_deleting_the_bucket() {
    let sandbox = in_memory().await;
    let s3 = aws_sdk_s3::Client::new(&config(&sandbox));
    s3.create_bucket().bucket("versioned").send().await.unwrap();
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning()
        .bucket("versioned")
        .versioning_configuration(enabled)
        .send()
        .await
        .unwrap();
    for number in 0..5 {
        let body = ByteStream::from(format!("{number}").into_bytes());
        s3.put_object()
            .bucket("versioned")
            .key("a b/ü.json")
            .body(body)
            .send()
            .await
            .unwrap();
    }
    s3.delete_object()
        .bucket("versioned")
        .key("a b/ü.json")
        .send()
        .await
        .unwrap();
    let gone = s3
        .get_object()
        .bucket("versioned")
        .key("a b/ü.json")
        .send()
        .await
        .unwrap_err();
    assert!(gone.into_service_error().is_no_such_key());
    let refused = s3
        .delete_bucket()
        .bucket("versioned")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(refused.meta().code(), Some("BucketNotEmpty"));
    let (mut found, mut pages) = (Vec::new(), 0);
    let (mut key, mut id): (Option<String>, Option<String>) = (None, None);
    loop {
        let page = s3
            .list_object_versions()
            .bucket("versioned")
            .max_keys(2)
            .set_key_marker(key)
            .set_version_id_marker(id)
            .send()
            .await
            .unwrap();
        pages += 1;
        let versions = page
            .versions()
            .iter()
            .map(|version| (version.key(), version.version_id()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|marker| (marker.key(), marker.version_id()));
        found.extend(versions.chain(markers).map(|(key, id)| {
            ObjectIdentifier::builder()
                .key(key.unwrap())
                .version_id(id.unwrap())
                .build()
                .unwrap()
        }));
        key = page.next_key_marker().map(str::to_owned);
        id = page.next_version_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) {
            break;
        }
    }
    assert_eq!((found.len(), pages), (6, 3));
    let delete = Delete::builder().set_objects(Some(found)).build().unwrap();
    let deleted = s3
        .delete_objects()
        .bucket("versioned")
        .delete(delete)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.deleted().len(), 6);
    s3.delete_bucket().bucket("versioned").send().await.unwrap();
    assert!(sandbox.inventory().unwrap().is_empty());
}

#[tokio::test]
async fn listings_are_paged_and_folded() {
    let sandbox = in_memory().await;
    let s3 = aws_sdk_s3::Client::new(&config(&sandbox));
    s3.create_bucket().bucket("listed").send().await.unwrap();
    for key in ["a/1", "a/2", "b", "c/1", "d"] {
        s3.put_object()
            .bucket("listed")
            .key(key)
            .body(ByteStream::from_static(b"x"))
            .send()
            .await
            .unwrap();
    }
    let (mut keys, mut prefixes, mut token) = (Vec::new(), Vec::new(), None);
    for _ in 0..2 {
        let page = s3
            .list_objects_v2()
            .bucket("listed")
            .delimiter("/")
            .max_keys(2)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        keys.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        prefixes.extend(
            page.common_prefixes()
                .iter()
                .map(|prefix| prefix.prefix().unwrap().to_owned()),
        );
        token = page.next_continuation_token().map(str::to_owned);
    }
    assert_eq!(
        (keys, prefixes, token),
        (
            vec!["b".into(), "d".into()],
            vec!["a/".to_owned(), "c/".into()],
            None::<String>
        )
    );
}

#[tokio::test]
async fn bodies_that_the_sdk_streams_from_files_arrive_whole() {
    let sandbox = in_memory().await;
    let s3 = aws_sdk_s3::Client::new(&config(&sandbox));
    s3.create_bucket().bucket("streamed").send().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("body");
    let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    fs_err::write(&path, &body).unwrap();
    let stream = ByteStream::from_path(&path).await.unwrap();
    s3.put_object()
        .bucket("streamed")
        .key("k")
        .body(stream)
        .send()
        .await
        .unwrap();
    let got = s3.get_object().bucket("streamed").key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), body);
    let part = s3
        .get_object()
        .bucket("streamed")
        .key("k")
        .range("bytes=4-7")
        .send()
        .await
        .unwrap();
    assert_eq!(part.body.collect().await.unwrap().to_vec(), 1_u32.to_le_bytes());
}

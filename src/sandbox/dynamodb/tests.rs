//! Conditions, updates, and the old item in refusals.

use serde_json::{Value, json};

use super::DynamoDb;
use crate::sandbox::request::{Name, Request};
use crate::sandbox::service::{Context, Service as _};

fn context() -> Context {
    Context {
        now: 1_800_000_000_000,
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        facts: super::super::faults::Facts::default(),
    }
}

/// A table `locks` with the key `id`.
fn table() -> DynamoDb {
    let mut service = DynamoDb::default();
    let made = call(
        &mut service,
        "CreateTable",
        json!({
            "TableName": "locks",
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "BillingMode": "PAY_PER_REQUEST",
        }),
    );
    assert_eq!(made.0, 200, "{}", made.1);
    service
}

fn call(service: &mut DynamoDb, action: &str, body: Value) -> (u16, Value) {
    let request = Request::json(Name::DynamoDb, "us-east-1", action, &body);
    let response = service.handle(&request, &context());
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn put(service: &mut DynamoDb, item: Value) {
    assert_eq!(
        call(service, "PutItem", json!({ "TableName": "locks", "Item": item })).0,
        200
    );
}

fn get(service: &mut DynamoDb) -> Value {
    call(
        service,
        "GetItem",
        json!({ "TableName": "locks", "Key": { "id": { "S": "a" } } }),
    )
    .1["Item"]
        .clone()
}

#[test]
fn a_refused_put_update_or_delete_tells_the_old_item_if_asked() {
    let mut service = table();
    let old = json!({ "id": { "S": "a" }, "version": { "N": "7" } });
    put(&mut service, old.clone());
    let condition = json!({
        "TableName": "locks",
        "ConditionExpression": "version = :v",
        "ExpressionAttributeValues": { ":v": { "N": "8" } },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let with = |more: Value| {
        let mut body = condition.clone();
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let key = json!({ "id": { "S": "a" } });
    let update = json!({
        "Key": key,
        "UpdateExpression": "SET holder = :v",
    });
    for (action, more) in [
        ("PutItem", json!({ "Item": { "id": { "S": "a" } } })),
        ("UpdateItem", update),
        ("DeleteItem", json!({ "Key": key })),
    ] {
        let (status, body) = call(&mut service, action, with(more));
        assert_eq!(status, 400, "{action}");
        assert!(
            body["__type"]
                .as_str()
                .unwrap()
                .ends_with("#ConditionalCheckFailedException"),
            "{action}: {body}"
        );
        assert_eq!(body["Item"], old, "{action}");
    }
    assert_eq!(get(&mut service), old, "nothing was changed");
}

#[test]
fn a_refusal_without_the_wish_tells_no_item() {
    let mut service = table();
    put(&mut service, json!({ "id": { "S": "a" } }));
    let (status, body) = call(
        &mut service,
        "PutItem",
        json!({
            "TableName": "locks",
            "Item": { "id": { "S": "a" } },
            "ConditionExpression": "attribute_not_exists(id)",
        }),
    );
    assert_eq!((status, body.get("Item")), (400, None));
}

#[test]
fn updates_compute_from_the_item_as_it_was() {
    let mut service = table();
    put(
        &mut service,
        json!({ "id": { "S": "a" }, "n": { "N": "41" }, "old": { "S": "x" }, "l": { "L": [{ "S": "1" }] } }),
    );
    let (status, body) = call(
        &mut service,
        "UpdateItem",
        json!({
            "TableName": "locks",
            "Key": { "id": { "S": "a" } },
            "UpdateExpression": "SET n = n + :one, twin = n, made = if_not_exists(made, :zero), l = list_append(l, :l), #m.x = :one REMOVE old",
            "ExpressionAttributeNames": { "#m": "map" },
            "ExpressionAttributeValues": { ":one": { "N": "1" }, ":zero": { "N": "0" }, ":l": { "L": [{ "S": "2" }] } },
            "ReturnValues": "ALL_NEW",
        }),
    );
    assert_eq!(status, 400, "a path through a map that is not there is refused: {body}");
    let (status, body) = call(
        &mut service,
        "UpdateItem",
        json!({
            "TableName": "locks",
            "Key": { "id": { "S": "a" } },
            "UpdateExpression": "SET n = n + :one, twin = n, made = if_not_exists(made, :zero), l = list_append(l, :l) REMOVE #old",
            "ExpressionAttributeNames": { "#old": "old" },
            "ExpressionAttributeValues": { ":one": { "N": "1" }, ":zero": { "N": "0" }, ":l": { "L": [{ "S": "2" }] } },
            "ReturnValues": "ALL_NEW",
        }),
    );
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["Attributes"],
        json!({
            "id": { "S": "a" }, "n": { "N": "42" }, "twin": { "N": "41" }, "made": { "N": "0" },
            "l": { "L": [{ "S": "1" }, { "S": "2" }] },
        })
    );
}

#[test]
fn counters_are_exact_beyond_what_a_double_holds() {
    let mut service = table();
    put(
        &mut service,
        json!({ "id": { "S": "a" }, "n": { "N": "9007199254740993" } }),
    );
    let (_, body) = call(
        &mut service,
        "UpdateItem",
        json!({
            "TableName": "locks",
            "Key": { "id": { "S": "a" } },
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": { ":one": { "N": "1" } },
            "ReturnValues": "UPDATED_NEW",
        }),
    );
    assert_eq!(body["Attributes"], json!({ "n": { "N": "9007199254740994" } }));
}

#[test]
fn conditions_mean_what_the_guide_says() {
    let item = json!({ "id": { "S": "a" }, "n": { "N": "5" }, "s": { "S": "hello" }, "ss": { "SS": ["x", "y"] } });
    let cases = [
        ("attribute_exists(id) AND NOT attribute_exists(gone)", true),
        ("n BETWEEN :low AND :high", true),
        ("n IN (:low, :high)", false),
        ("(n > :high OR n < :high) AND begins_with(s, :he)", true),
        ("contains(ss, :x) AND size(s) = :five", true),
        ("attribute_type(n, :type)", true),
        ("gone = :low", false),
        ("gone <> :low", true),
        ("n = :he", false),
    ];
    let values = json!({
        ":low": { "N": "1" }, ":high": { "N": "9.0" }, ":he": { "S": "he" }, ":x": { "S": "x" },
        ":five": { "N": "5" }, ":type": { "S": "N" },
    });
    for (condition, expected) in cases {
        let mut service = table();
        put(&mut service, item.clone());
        let used: serde_json::Map<String, Value> = values
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| condition.contains(key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut body = json!({ "TableName": "locks", "Item": item, "ConditionExpression": condition });
        if !used.is_empty() {
            body["ExpressionAttributeValues"] = Value::Object(used);
        }
        let (status, answer) = call(&mut service, "PutItem", body);
        assert_eq!(status == 200, expected, "{condition}: {answer}");
    }
}

#[test]
fn what_aws_refuses_is_refused() {
    let cases = [
        (
            json!({ "ConditionExpression": "owner = :v", "ExpressionAttributeValues": { ":v": { "S": "" } } }),
            "reserved keyword: owner",
        ),
        (json!({ "ConditionExpression": "n = :v" }), "attribute value: :v"),
        (
            json!({ "ConditionExpression": "#n = :v", "ExpressionAttributeValues": { ":v": { "S": "" } } }),
            "attribute name: #n",
        ),
        (
            json!({ "ConditionExpression": "attribute_exists(id)", "ExpressionAttributeValues": { ":v": { "S": "" } } }),
            "unused in expressions: keys: {:v}",
        ),
        (
            json!({ "ConditionExpression": "n = " }),
            "Syntax error; token: \"<EOF>\"",
        ),
        (
            json!({ "ConditionExpression": "exists(n)" }),
            "Invalid function name; function: exists",
        ),
        (
            json!({ "Item": { "other": { "S": "a" } } }),
            "Missing the key id in the item",
        ),
        (json!({ "Item": { "id": { "S": "" } } }), "empty string value. Key: id"),
        (
            json!({ "Item": { "id": { "N": "1" } } }),
            "Type mismatch for key id expected: S actual: N",
        ),
        (json!({ "TableName": "others" }), "Requested resource not found"),
    ];
    for (more, expected) in cases {
        let mut service = table();
        let mut body = json!({ "TableName": "locks", "Item": { "id": { "S": "a" } } });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let (status, answer) = call(&mut service, "PutItem", body);
        assert_eq!(status, 400, "{expected}");
        assert!(
            answer["message"].as_str().unwrap().contains(expected),
            "{expected}: {answer}"
        );
    }
}

#[test]
fn queries_are_sorted_paged_and_filtered() {
    let mut service = DynamoDb::default();
    call(
        &mut service,
        "CreateTable",
        json!({
            "TableName": "runs",
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }, { "AttributeName": "at", "KeyType": "RANGE" }],
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }, { "AttributeName": "at", "AttributeType": "N" }],
        }),
    );
    for at in ["10", "9", "100"] {
        let item = json!({ "id": { "S": "a" }, "at": { "N": at } });
        assert_eq!(
            call(&mut service, "PutItem", json!({ "TableName": "runs", "Item": item })).0,
            200
        );
    }
    let query = json!({
        "TableName": "runs",
        "KeyConditionExpression": "id = :id AND at >= :from",
        "ExpressionAttributeValues": { ":id": { "S": "a" }, ":from": { "N": "9" } },
        "Limit": 2,
    });
    // `at` is a reserved word: the query has to say it otherwise.
    assert!(
        call(&mut service, "Query", query.clone()).1["message"]
            .as_str()
            .unwrap()
            .contains("reserved keyword: at")
    );
    let mut query = query;
    query["KeyConditionExpression"] = json!("id = :id AND #at >= :from");
    query["ExpressionAttributeNames"] = json!({ "#at": "at" });
    let (_, first) = call(&mut service, "Query", query.clone());
    let order = |page: &Value| -> Vec<String> {
        page["Items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["at"]["N"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(order(&first), ["9", "10"]);
    query["ExclusiveStartKey"] = first["LastEvaluatedKey"].clone();
    let (_, second) = call(&mut service, "Query", query);
    assert_eq!(
        (order(&second), second.get("LastEvaluatedKey")),
        (vec!["100".to_owned()], None)
    );
}

//! A small AWS behind the SDK's HTTP client, for the tests of locks and states: a linearizable DynamoDB with just the
//! expressions that the lock uses, S3, STS, and a list of faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use winterbaume_core::{MockRequest, MockResponse, MockService};

use super::session::{Endpoint, Session, SessionOptions, with_client};
use crate::clock::Clock;

pub(crate) const ACCOUNT: &str = "111122223333";

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks before the service hears of the call.
    LoseRequest,
    /// The service does the work, then the connection breaks.
    LoseAnswer,
    /// The service hears of it, and nothing ever comes back.
    Hang,
    /// The network keeps the request back, tells the caller that it failed, and delivers it this much later.
    Late(Duration),
    /// The service answers with this status and code.
    Answer(u16, &'static str),
}

#[derive(Debug, Clone)]
struct Planned {
    action: &'static str,
    fault: Fault,
    left: usize,
}

/// The small AWS.
pub(crate) struct FakeAws {
    s3: winterbaume_s3::S3Service,
    tables: Mutex<HashMap<String, HashMap<String, Value>>>,
    faults: Mutex<Vec<Planned>>,
    calls: Mutex<Vec<String>>,
    /// Whether S3 heeds conditions.
    conditions: bool,
}

impl std::fmt::Debug for FakeAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeAws")
    }
}

impl FakeAws {
    pub(crate) fn new() -> Arc<Self> {
        Self::build(true)
    }

    /// One whose S3 ignores conditions on writes.
    pub(crate) fn careless() -> Arc<Self> {
        Self::build(false)
    }

    fn build(conditions: bool) -> Arc<Self> {
        Arc::new(Self {
            s3: winterbaume_s3::S3Service::new(),
            tables: Mutex::default(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            conditions,
        })
    }

    /// Lets the next `times` calls of `action` go wrong.
    pub(crate) fn fault(&self, action: &'static str, fault: Fault, times: usize) {
        self.faults.lock().unwrap().push(Planned {
            action,
            fault,
            left: times,
        });
    }

    /// Lets nothing go wrong any more.
    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// How many calls of `action` arrived.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| *call == action).count()
    }

    /// A session on it.
    pub(crate) async fn session(self: &Arc<Self>) -> Session {
        self.session_at(Endpoint::Aws).await
    }

    /// A session that believes to speak to `endpoint`.
    pub(crate) async fn session_at(self: &Arc<Self>, endpoint: Endpoint) -> Session {
        let options = SessionOptions {
            endpoint,
            region: "us-east-1".into(),
            account: ACCOUNT.into(),
            role_arn: None,
            clock: Clock::real(),
            profile: None,
        };
        with_client(options, self.http_client()).await.unwrap()
    }

    pub(crate) fn http_client(self: &Arc<Self>) -> SharedHttpClient {
        SharedHttpClient::new(Wire(Arc::clone(self)))
    }

    fn next_fault(&self, action: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let planned = faults
            .iter_mut()
            .find(|planned| planned.left > 0 && planned.action == action)?;
        planned.left -= 1;
        Some(planned.fault)
    }

    async fn serve(&self, action: &str, mut request: MockRequest) -> MockResponse {
        self.calls.lock().unwrap().push(action.to_owned());
        if request.headers.get("x-amz-target").is_some() {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let (status, answer) = self.dynamodb(action, &body);
            return MockResponse::json(status, answer.to_string());
        }
        if action == "GetCallerIdentity" {
            return MockResponse::xml(
                200,
                format!(
                    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                     <Arn>arn:aws:iam::{ACCOUNT}:user/tester</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>\
                     </GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
                ),
            );
        }
        if !self.conditions {
            request.headers.remove("if-none-match");
            request.headers.remove("if-match");
        }
        self.s3.handle(request).await
    }

    /// GetItem, UpdateItem and CreateTable; each under one lock, so linearizable.
    fn dynamodb(&self, action: &str, body: &Value) -> (u16, Value) {
        let mut tables = self.tables.lock().unwrap();
        let name = body["TableName"].as_str().unwrap().to_owned();
        if action == "CreateTable" {
            tables.entry(name).or_default();
            return (200, json!({}));
        }
        let Some(table) = tables.get_mut(&name) else {
            return (
                400,
                json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "Requested resource not found"}),
            );
        };
        let key = body["Key"]["LockId"]["S"].as_str().unwrap().to_owned();
        let old = table.get(&key).cloned();
        if action == "GetItem" {
            assert_eq!(body["ConsistentRead"], json!(true), "the lock reads consistently");
            return (200, old.map_or(json!({}), |item| json!({ "Item": item })));
        }
        assert_eq!(action, "UpdateItem");
        let resolve = |token: &str| body["ExpressionAttributeValues"][token].clone();
        let attribute = |token: &str| body["ExpressionAttributeNames"][token].as_str().unwrap().to_owned();
        let condition = body["ConditionExpression"].as_str().unwrap();
        if !holds(condition, old.as_ref(), &attribute, &resolve) {
            let mut refusal = json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "The conditional request failed"});
            if let Some(old) = old {
                assert_eq!(body["ReturnValuesOnConditionCheckFailure"], json!("ALL_OLD"));
                refusal["Item"] = old;
            }
            return (400, refusal);
        }
        let mut item = old.unwrap_or_else(|| json!({ "LockId": { "S": key } }));
        let expression = body["UpdateExpression"].as_str().unwrap();
        let (set, add) = expression.split_once(" ADD ").unwrap_or((expression, ""));
        for assignment in set.strip_prefix("SET ").unwrap().split(", ") {
            let (name, value) = assignment.trim().split_once(" = ").unwrap();
            item[attribute(name)] = resolve(value);
        }
        if let Some((name, value)) = add.split_once(' ') {
            let name = attribute(name);
            let number = |value: &Value| value["N"].as_str().map_or(0, |text| text.parse::<u64>().unwrap());
            item[&name] = json!({ "N": (number(&item[&name]) + number(&resolve(value))).to_string() });
        }
        table.insert(key, item.clone());
        (200, json!({ "Attributes": item }))
    }
}

/// A condition of ANDs under ORs, without parentheses.
fn holds(
    condition: &str,
    item: Option<&Value>,
    attribute: &dyn Fn(&str) -> String,
    resolve: &dyn Fn(&str) -> Value,
) -> bool {
    condition.split(" OR ").any(|all| {
        all.split(" AND ").all(|atom| {
            if let Some(name) = atom.strip_prefix("attribute_not_exists(") {
                return item.is_none_or(|item| item.get(attribute(name.trim_end_matches(')'))).is_none());
            }
            let [name, operator, value] = atom.split(' ').collect::<Vec<_>>()[..] else {
                panic!("condition {atom}")
            };
            let have = item.and_then(|item| item.get(attribute(name)));
            let want = resolve(value);
            match operator {
                "=" => have == Some(&want),
                // An attribute that is missing makes any comparison but this one false.
                "<>" => have != Some(&want),
                "<" => {
                    let number = |value: &Value| value["N"].as_str().unwrap().parse::<u64>().unwrap();
                    have.is_some_and(|have| number(have) < number(&want))
                }
                other => panic!("operator {other}"),
            }
        })
    })
}

#[derive(Debug, Clone)]
struct Wire(Arc<FakeAws>);

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = Arc::clone(&self.0);
        let body = request
            .body()
            .bytes()
            .map(bytes::Bytes::copy_from_slice)
            .unwrap_or_default();
        let mut headers = http::HeaderMap::new();
        for (name, value) in request.headers() {
            headers.insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let action = if let Some(target) = request.headers().get("x-amz-target") {
            target.rsplit('.').next().unwrap().to_owned()
        } else if request.uri().contains("sts") {
            "GetCallerIdentity".to_owned()
        } else {
            format!("S3 {}", request.method())
        };
        let request = MockRequest {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            headers,
            body,
        };
        HttpConnectorFuture::new(async move {
            let broken = || Err(ConnectorError::io("connection reset by peer".into()));
            match world.next_fault(&action) {
                None => Ok(to_http(world.serve(&action, request).await)),
                Some(Fault::LoseRequest) => broken(),
                Some(Fault::LoseAnswer) => {
                    world.serve(&action, request).await;
                    broken()
                }
                Some(Fault::Hang) => {
                    world.serve(&action, request).await;
                    std::future::pending().await
                }
                Some(Fault::Late(delay)) => {
                    let world = Arc::clone(&world);
                    tokio::spawn(async move {
                        Clock::real().sleep(delay).await;
                        world.serve(&action, request).await;
                    });
                    broken()
                }
                Some(Fault::Answer(status, code)) => {
                    let body = json!({ "__type": code, "message": "injected" }).to_string();
                    let error = format!("<Error><Code>{code}</Code><Message>injected</Message></Error>");
                    let query = format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>");
                    Ok(to_http(match action.as_str() {
                        "GetCallerIdentity" => MockResponse::xml(status, query),
                        s3 if s3.starts_with("S3") => MockResponse::xml(status, error),
                        _ => MockResponse::json(status, body),
                    }))
                }
            }
        })
    }
}

fn to_http(answer: MockResponse) -> HttpResponse {
    let mut response = HttpResponse::new(answer.status.try_into().unwrap(), SdkBody::from(answer.body));
    for (name, value) in &answer.headers {
        response
            .headers_mut()
            .insert(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
    }
    response
}

//! What CloudFormation is still making shows as being made in its own service, too.
//!
//! The emulators know no time, and a cluster is ACTIVE at once. Their answers are put right by what the stacks say: being
//! made until CloudFormation says that it is complete, at work from then on.

use serde_json::{Value, json};
use winterbaume_core::MockResponse;

use super::request::{Name, Request};

/// Puts the statuses in an answer right; `making` are the physical ids that stacks are making.
pub(super) fn shown(request: &Request, mut response: MockResponse, making: &[String]) -> MockResponse {
    let asked = request.action.as_str();
    let concerned = match request.service {
        Name::SageMaker => matches!(asked, "DescribeEndpoint" | "ListEndpoints"),
        Name::Eks => matches!(asked, "DescribeCluster" | "DescribeNodegroup"),
        _ => false,
    };
    if !concerned || response.status >= 400 {
        return response;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else {
        return response;
    };
    let is_made = |id: &Value| making.iter().any(|one| Some(one.as_str()) == id.as_str());
    match asked {
        "DescribeEndpoint" => endpoint(&mut body, &is_made),
        "ListEndpoints" => {
            for one in body
                .get_mut("Endpoints")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                endpoint(one, &is_made);
            }
        }
        "DescribeCluster" => {
            if let Some(cluster) = body
                .get_mut("cluster")
                .filter(|one| one.get("name").is_some_and(is_made))
            {
                set(cluster, "status", "CREATING");
            }
        }
        _ => {
            let named = |group: &Value| {
                let part = |key: &str| group.get(key).and_then(Value::as_str).unwrap_or_default();
                is_made(&json!(format!("{}/{}", part("clusterName"), part("nodegroupName"))))
            };
            if let Some(group) = body.get_mut("nodegroup").filter(|group| named(group)) {
                set(group, "status", "CREATING");
            }
        }
    }
    response.body = body.to_string().into();
    response.headers.remove(http::header::CONTENT_LENGTH);
    response
}

fn endpoint(one: &mut Value, is_made: &dyn Fn(&Value) -> bool) {
    if one.get("EndpointArn").is_some_and(is_made) {
        set(one, "EndpointStatus", "Creating");
    }
}

fn set(object: &mut Value, key: &str, value: &str) {
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), json!(value));
    }
}

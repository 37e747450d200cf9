//! Task definitions: the revision that is what a release asks for, found or registered.

use serde_json::{Value as Json, json};

use super::super::{FieldChange, ObjectChange, ObjectFate};
use super::PATIENCE;
use super::difference::differences;
use super::read::text;
use super::request::Wanted;
use crate::aws::ecs::{Action, call_patiently};
use crate::aws::error::{AwsError, Kind};
use crate::aws::session::Session;

/// So many of the newest revisions are looked at before another one is registered.
const NEWEST: usize = 5;

/// The ARN of an active revision that is just what is asked for: found among the newest, or registered.
///
/// One who was killed after registering finds that revision again.
pub(super) async fn ensure(session: &Session, wanted: &Wanted) -> Result<String, AwsError> {
    for arn in newest(session, wanted, NEWEST).await? {
        if is_same(session, wanted, &arn).await? {
            return Ok(arn);
        }
    }
    // A lost answer may leave a second revision; it is the same, and nothing runs it.
    let answer = call_patiently(session, Action::RegisterTaskDefinition, &wanted.definition, PATIENCE).await?;
    let arn = answer
        .pointer("/taskDefinition/taskDefinitionArn")
        .and_then(Json::as_str);
    Ok(arn.unwrap_or(&wanted.family).to_owned())
}

/// Whether a revision is active and just what is asked for.
pub(super) async fn is_same(session: &Session, wanted: &Wanted, arn: &str) -> Result<bool, AwsError> {
    let found = describe(session, arn).await?;
    Ok(found.is_some_and(|found| is_active(&found) && changes(&wanted.definition, &found).is_empty()))
}

/// What would become of the task definition: beside `current`, or without one beside the newest revision.
pub(super) async fn review(
    session: &Session,
    wanted: &Wanted,
    current: Option<&str>,
) -> Result<ObjectChange, AwsError> {
    let newest = match current {
        Some(arn) => Some(arn.to_owned()),
        None => newest(session, wanted, 1).await?.into_iter().next(),
    };
    let found = match &newest {
        Some(arn) => describe(session, arn).await?,
        None => None,
    };
    // One that is deregistered starts nothing any more.
    let found = found.filter(is_active);
    let fields = found.as_ref().map(|found| changes(&wanted.definition, found));
    Ok(ObjectChange {
        object: format!("TaskDefinition {}", wanted.family),
        fate: match &fields {
            None => ObjectFate::Create,
            Some(fields) if fields.is_empty() => ObjectFate::Unchanged,
            Some(_) => ObjectFate::Update,
        },
        fields: fields
            .unwrap_or_default()
            .into_iter()
            .filter(|change| !change.path.contains("dockerLabels"))
            .collect(),
    })
}

/// The ARNs of the newest active revisions, the newest first.
async fn newest(session: &Session, wanted: &Wanted, most: usize) -> Result<Vec<String>, AwsError> {
    let asked = json!({
        "familyPrefix": wanted.family, "status": "ACTIVE", "sort": "DESC", "maxResults": most,
    });
    let answer = call_patiently(session, Action::ListTaskDefinitions, &asked, PATIENCE).await?;
    let arns = answer
        .get("taskDefinitionArns")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    // The prefix finds `shop-dev-scorer-next` as well, if AWS takes it as one.
    let own = format!("/{}:", wanted.family);
    Ok(arns
        .filter_map(Json::as_str)
        .filter(|arn| arn.contains(&own))
        .map(str::to_owned)
        .collect())
}

/// The image of a revision's only container, and whether tasks of it can still be started; none if it is not there.
pub(super) async fn image(session: &Session, arn: &str) -> Result<Option<(String, bool)>, AwsError> {
    let found = describe(session, arn).await?;
    Ok(found.and_then(|found| {
        let image = found.pointer("/containerDefinitions/0/image")?.as_str()?;
        Some((image.to_owned(), is_active(&found)))
    }))
}

fn is_active(found: &Json) -> bool {
    text(found, "status") == Some("ACTIVE")
}

async fn describe(session: &Session, arn: &str) -> Result<Option<Json>, AwsError> {
    let asked = json!({ "taskDefinition": arn });
    match call_patiently(session, Action::DescribeTaskDefinition, &asked, PATIENCE).await {
        Ok(answer) => Ok(answer.get("taskDefinition").cloned()),
        // ECS says ClientException of one that is not there, or no more.
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::Validation | Kind::Other) => {
            match error.code.as_deref() {
                Some("ClientException") => Ok(None),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

fn changes(asked: &Json, found: &Json) -> Vec<FieldChange> {
    let mut asked = asked.clone();
    if let Some(members) = asked.as_object_mut() {
        // Tags stand beside a revision, and others may change them.
        members.remove("tags");
    }
    differences(&asked, found)
}

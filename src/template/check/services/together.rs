//! Values that have to go together, a few lines each.

use super::super::super::{Node, NodeValue, intrinsic};
use super::super::{Template, did_you_mean};
use super::{apart, literal, written_out};
use crate::diagnostic::Problems;

/// A whole number, or the text of one.
fn number(node: &Node) -> Option<i64> {
    match &node.value {
        NodeValue::Number(number) => number.as_i64(),
        NodeValue::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// "CreateAutoScalingGroup": the desired capacity lies between the least and the most.
pub(super) fn group_sizes(_: &Template, properties: &Node, problems: &mut Problems) {
    let size = |key: &str| properties.get(key).and_then(|node| Some((number(node)?, node)));
    if let (Some((least, _)), Some((most, at))) = (size("MinSize"), size("MaxSize"))
        && least > most
    {
        problems.push(apart(format!("`MaxSize`, {most}, is below `MinSize`, {least}"), at));
    }
    let Some((desired, at)) = size("DesiredCapacity") else {
        return;
    };
    if let Some((least, _)) = size("MinSize").filter(|(least, _)| desired < *least) {
        problems.push(apart(
            format!("`DesiredCapacity`, {desired}, is below `MinSize`, {least}"),
            at,
        ));
    }
    if let Some((most, _)) = size("MaxSize").filter(|(most, _)| desired > *most) {
        problems.push(apart(
            format!("`DesiredCapacity`, {desired}, is above `MaxSize`, {most}"),
            at,
        ));
    }
}

/// "Lifecycle" of AWS Backup: what is moved to cold storage stays there for at least 90 days.
pub(super) fn cold_storage(_: &Template, properties: &Node, problems: &mut Problems) {
    const LEAST_DAYS: i64 = 90;
    let rules = properties.get("BackupPlan").and_then(|plan| plan.get("BackupPlanRule"));
    for rule in rules.map(Node::items).unwrap_or_default() {
        let copies = rule.get("CopyActions").map(Node::items).unwrap_or_default();
        for lifecycle in core::iter::once(rule)
            .chain(copies)
            .filter_map(|holder| holder.get("Lifecycle"))
        {
            let days = |key: &str| lifecycle.get(key).and_then(number);
            if let (Some(moved), Some(deleted)) = (days("MoveToColdStorageAfterDays"), days("DeleteAfterDays"))
                && (0..moved + LEAST_DAYS).contains(&deleted)
                && let Some(at) = lifecycle.get("DeleteAfterDays")
            {
                problems.push(
                    apart(
                        format!("deleted after {deleted} days, {} after it went cold", deleted - moved),
                        at,
                    )
                    .note(format!("cold storage keeps a backup for at least {LEAST_DAYS} days"))
                    .hint(format!("`DeleteAfterDays: {}` is the least", moved + LEAST_DAYS)),
                );
            }
        }
    }
}

/// "CacheBehavior": the target is the id of an origin or origin group of the distribution.
pub(super) fn origins(_: &Template, properties: &Node, problems: &mut Problems) {
    let Some(configuration) = properties.get("DistributionConfig") else {
        return;
    };
    let Some(origins) = configuration.get("Origins").and_then(written_out) else {
        return;
    };
    let groups = configuration.get("OriginGroups").and_then(|groups| groups.get("Items"));
    let listed = origins.iter().chain(groups.map(Node::items).unwrap_or_default());
    // An id that only AWS knows may be any.
    let Some(known) = listed
        .map(|origin| origin.get("Id").and_then(literal))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let others = configuration.get("CacheBehaviors").map(Node::items).unwrap_or_default();
    for behaviour in configuration.get("DefaultCacheBehavior").into_iter().chain(others) {
        if let Some(target) = behaviour.get("TargetOriginId")
            && let Some(name) = literal(target)
            && !known.contains(&name)
        {
            let problem = apart(format!("the distribution has no origin `{name}`"), target);
            problems.push(match did_you_mean(name, known.iter().copied()) {
                Some(hint) => problem.hint(hint),
                None => problem.note(format!("it has {}", known.join(", "))),
            });
        }
    }
}

/// "CodePipeline pipeline structure reference": the first stage holds sources only, and no other stage holds one.
pub(super) fn stages(_: &Template, properties: &Node, problems: &mut Problems) {
    let Some(stages) = properties.get("Stages").and_then(written_out) else {
        return;
    };
    for (index, stage) in stages.iter().enumerate() {
        for action in stage.get("Actions").map(Node::items).unwrap_or_default() {
            let Some(category) = action.get("ActionTypeId").and_then(|kind| kind.get("Category")) else {
                continue;
            };
            match (index, literal(category)) {
                (0, Some(name)) if name != "Source" => problems.push(
                    apart(format!("a pipeline begins with sources, not with `{name}`"), category)
                        .hint("put a stage with `Category: Source` before it"),
                ),
                (1.., Some("Source")) => problems.push(apart(
                    "only the first stage of a pipeline can hold sources".to_owned(),
                    category,
                )),
                _ => {}
            }
        }
    }
}

/// "CreateService", `networkConfiguration`: needed by tasks whose network mode is `awsvpc`.
pub(super) fn task_network(template: &Template, properties: &Node, problems: &mut Problems) {
    let Some(task) = properties.get("TaskDefinition") else {
        return;
    };
    if properties.get("NetworkConfiguration").is_some() {
        return;
    }
    let mode = intrinsic::call(task)
        .filter(|(name, _)| *name == "Ref")
        .and_then(|(_, name)| {
            template
                .resources
                .get(name.as_str()?)?
                .get("Properties")?
                .get("NetworkMode")
        });
    if mode.and_then(literal) == Some("awsvpc") {
        problems.push(
            apart(
                "the service has no `NetworkConfiguration`, which its tasks need".to_owned(),
                task,
            )
            .note("the network mode of the task definition is `awsvpc`")
            .hint("add `NetworkConfiguration: {AwsvpcConfiguration: {Subnets: […]}}`"),
        );
    }
}

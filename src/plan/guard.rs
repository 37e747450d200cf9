//! What a plan may not do without consent.

use std::collections::BTreeSet;

use super::{Action, Kind, Leaves, Phase, Plan, Replacement, ResourceAction, ResourceChange, StackPlan, phase};
use crate::diagnostic::{Problem, Problems, codes};

/// What the user agreed to on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consents {
    /// `--confirm=NAME`: the environment's name, to destroy a protected one.
    pub confirm: Option<String>,
    /// `--allow-replacement STACK.LOGICALID`: data that may be lost; `STACK.*` for all of a stack.
    pub allow_replacement: BTreeSet<String>,
}

impl Consents {
    fn covers(&self, stack: &str, logical_id: &str) -> bool {
        self.allow_replacement.contains(&format!("{stack}.{logical_id}"))
            || self.allow_replacement.contains(&format!("{stack}.*"))
    }
}

/// Errors for what is refused (exit code 5), warnings for what loses data in an environment that is not protected.
pub fn guards(plan: &Plan, consents: &Consents) -> Problems {
    let mut problems = Problems::default();
    let confirmed = consents.confirm.as_deref() == Some(plan.environment.as_str());
    let guarded = plan.protect
        || plan
            .stacks
            .iter()
            .any(|stack| stack.action == Action::Delete && stack.set_protection == Some(false));
    if plan.kind == Kind::Destroy && guarded && !confirmed && plan.changes_anything() {
        let protected: Vec<&str> = plan
            .stacks
            .iter()
            .filter(|stack| stack.set_protection == Some(false))
            .map(|stack| stack.name.as_str())
            .collect();
        let mut problem = Problem::error(
            codes::DESTROY_UNCONFIRMED,
            format!(
                "the environment {} is protected and is not destroyed without its name",
                plan.environment
            ),
        )
        .hint(format!(
            "to destroy it all the same: --yes --confirm={}",
            plan.environment
        ));
        if !plan.protect {
            problem = problem.note(format!(
                "its file does not say `protect`, but termination protection is on for {}",
                protected.join(", ")
            ));
        }
        problems.push(problem);
    }
    problems.0.extend(refusing(plan));
    if plan.kind == Kind::Destroy {
        return problems;
    }
    for stack in &plan.stacks {
        for change in &stack.changes {
            if !is_stateful(&change.resource_type) || consents.covers(&stack.name, &change.logical_id) {
                continue;
            }
            let Some(what) = loses(change) else { continue };
            let message = format!(
                "{}.{} ({}) {what}{}",
                stack.name,
                change.logical_id,
                change.resource_type,
                remains(change)
            );
            let mut problem = if plan.protect {
                Problem::error(codes::STATEFUL_LOSS, message).hint(format!(
                    "if that is meant: --allow-replacement {}.{}",
                    stack.name, change.logical_id
                ))
            } else {
                Problem::warning(codes::STATEFUL_LOSS, message)
            };
            if change.stays() {
                problem = problem.note("its data stay, but no stack manages it any more, and what used it may lose it");
            }
            for property in change
                .properties
                .iter()
                .filter(|one| one.replacement != Replacement::Never)
            {
                problem = problem.note(format!("{} cannot be changed in place", property.path));
            }
            problems.push(problem);
        }
    }
    problems
}

/// The resources that would stop a deletion half-way, because their services refuse to delete them. No consent helps: it
/// would fail all the same, after other stacks are gone.
fn refusing(plan: &Plan) -> Vec<Problem> {
    // A stack that cannot be updated cannot be cured by an update either; its deletion says what holds it.
    let curable = |stack: &&StackPlan| {
        let status = stack.seen.as_ref().map_or("", |seen| seen.status.as_str());
        matches!(phase(status), Phase::Settled | Phase::RollbackStuck)
    };
    let stacks = plan.stacks.iter().filter(curable);
    let changes = stacks.flat_map(|stack| stack.changes.iter().map(move |change| (stack, change)));
    changes
        .filter(|(_, change)| change.action == ResourceAction::Remove)
        .filter_map(|(stack, change)| {
            let protection = change.protection.as_ref()?;
            let name = &stack.name;
            let off = match (&protection.input, protection.property.as_str()) {
                (Some(input), _) => format!("`{input} = false` in [stacks.{name}]"),
                (None, property) => format!("{property} off in its template"),
            };
            let cure = match plan.kind {
                Kind::Destroy => format!("first set {off}, apply, then destroy"),
                Kind::Apply => format!(
                    "first put it back with {} off, apply, then take it out",
                    protection.property
                ),
            };
            let problem = Problem::error(
                codes::DELETION_PROTECTED,
                format!(
                    "{name}.{} ({}) is protected against deletion by {}",
                    change.logical_id, change.resource_type, protection.property
                ),
            );
            Some(problem.note("nothing was changed").hint(cure))
        })
        .collect()
}

/// Whether a resource of this type holds data that a replacement or removal would lose.
pub fn is_stateful(resource_type: &str) -> bool {
    const TYPES: &[&str] = &[
        "AWS::Cognito::UserPool",
        "AWS::DocDB::DBCluster",
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
        "AWS::EC2::Volume",
        "AWS::ECR::Repository",
        "AWS::EFS::FileSystem",
        "AWS::EKS::Cluster",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::FSx::FileSystem",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::Logs::LogGroup",
        "AWS::MSK::Cluster",
        "AWS::Neptune::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SageMaker::Domain",
        "AWS::SageMaker::FeatureGroup",
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::SageMaker::NotebookInstance",
        "AWS::SecretsManager::Secret",
    ];
    TYPES.binary_search(&resource_type).is_ok()
}

/// What follows from a loss: what is left, where the deployed policies leave something.
fn remains(change: &ResourceChange) -> &'static str {
    match (change.leaves, change.action) {
        (None, _) => " and its data would be lost",
        (Some(Leaves::Snapshot), _) => " and only a snapshot of its data would be left",
        (Some(Leaves::Resource), ResourceAction::Remove) => ", unmanaged, and its name stays taken",
        (Some(Leaves::Resource), _) => " by an empty one; the old one would be left behind, unmanaged",
    }
}

fn loses(change: &ResourceChange) -> Option<&'static str> {
    match (change.action, change.replacement) {
        (ResourceAction::Remove, _) if change.stays() => Some("would be left behind"),
        (ResourceAction::Remove, _) => Some("would be removed"),
        (ResourceAction::Modify, Replacement::Always) => Some("would be replaced"),
        (ResourceAction::Modify, Replacement::Conditional) | (ResourceAction::Dynamic, _) => Some("might be replaced"),
        _ => None,
    }
}

//! Databases, as RDS refuses and keeps them ("CreateDBInstance", "ModifyDBInstance", "Deleting a DB instance", "Working
//! with a DB instance in a VPC", "Upgrading a DB instance engine version").

use serde_json::{Value, json};

use super::super::cloudformation::{ResourceRequest, physical_name};
use super::super::house::Desk;
use super::{Made, ledger, list, scalar, text, told, zone_of};

const CLUSTER: &str = "AWS::RDS::DBCluster";
const INSTANCE: &str = "AWS::RDS::DBInstance";
const SUBNETS: &str = "AWS::RDS::DBSubnetGroup";

pub(super) fn create(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let properties = request.properties;
    match request.resource_type {
        INSTANCE => {
            identifier("DBInstanceIdentifier", id)?;
            is_new(desk, "rds:db-instance", id, "DB instance already exists")?;
            groups(desk, properties)?;
            if let Some(cluster) = text(properties, "DBClusterIdentifier") {
                exists(
                    desk,
                    "rds:db-cluster",
                    &cluster,
                    format!("DBCluster {cluster} not found."),
                )?;
            } else if storage(properties).is_some_and(|size| size < 20) {
                return refuse(&invalid_storage(properties));
            }
            Ok(())
        }
        CLUSTER => {
            identifier("DBClusterIdentifier", id)?;
            is_new(desk, "rds:db-cluster", id, "DB Cluster already exists")?;
            groups(desk, properties)
        }
        SUBNETS => {
            is_new(
                desk,
                "rds:db-subnet-group",
                id,
                &format!("The DB subnet group '{id}' already exists."),
            )?;
            covers_zones(desk, properties)
        }
        "AWS::RDS::DBParameterGroup" => {
            let reason = format!("Parameter group {id} already exists");
            is_new(desk, "rds:db-parameter-group", id, &reason)
        }
        _ => {
            let reason = format!("Parameter group {id} already exists");
            is_new(desk, "rds:db-cluster-parameter-group", id, &reason)
        }
    }
}

pub(super) fn update(request: &ResourceRequest<'_>) -> Made<()> {
    let (old, new) = (request.previous, request.properties);
    if !matches!(request.resource_type, INSTANCE | CLUSTER) {
        return Ok(());
    }
    // Storage never shrinks, and grows by a tenth at least ("Increasing DB instance storage capacity").
    if let (INSTANCE, Some(before), Some(after)) = (request.resource_type, storage(old), storage(new))
        && after != before
        && after * 10 < before * 11
    {
        return refuse(&invalid_storage(new));
    }
    let engine = text(new, "Engine").unwrap_or_default();
    let version = |properties: &Value| text(properties, "EngineVersion").map(|version| numbers(&version));
    let (Some(before), Some(after)) = (version(old), version(new)) else {
        return Ok(());
    };
    let shared = before.len().min(after.len());
    if after.get(..shared) < before.get(..shared) {
        let from = text(old, "EngineVersion").unwrap_or_default();
        let to = text(new, "EngineVersion").unwrap_or_default();
        return refuse(&format!("Cannot upgrade {engine} from {from} to {to}"));
    }
    // MySQL's and MariaDB's major versions have two parts, Aurora MySQL's and PostgreSQL's one.
    let parts = if matches!(engine.as_str(), "mysql" | "mariadb") {
        2
    } else {
        1
    };
    let major = |version: &[u64]| version.iter().copied().take(parts).collect::<Vec<u64>>();
    // A cluster has no such property: its handler allows what the template asks for.
    let allowed = request.resource_type == CLUSTER
        || text(new, "AllowMajorVersionUpgrade").is_some_and(|allowed| allowed == "true");
    if major(&before) != major(&after) && !allowed {
        return refuse("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.");
    }
    Ok(())
}

pub(super) fn delete(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, id: &str) -> Made<()> {
    let protected = |value: &Value| text(value, "DeletionProtection").is_some_and(|on| on == "true");
    match request.resource_type {
        INSTANCE => {
            let in_cluster = request.properties.get("DBClusterIdentifier").is_some();
            if !in_cluster && ledger::find(desk, "rds:db-instance", id)?.is_some_and(|value| protected(&value)) {
                return refuse(
                    "Cannot delete protected DB Instance, please disable deletion protection and try again.",
                );
            }
            match request.leaves_snapshot && !in_cluster {
                true => keep(desk, request, "rds:db-snapshot", id),
                false => Ok(()),
            }
        }
        CLUSTER => {
            if ledger::find(desk, "rds:db-cluster", id)?.is_some_and(|value| protected(&value)) {
                return refuse("Cannot delete protected Cluster, please disable deletion protection and try again.");
            }
            let uses = |value: &Value| text(value, "DBClusterIdentifier").as_deref() == Some(id);
            if ledger::all(desk, "rds:db-instance")?
                .iter()
                .any(|(_, value)| uses(value))
            {
                return refuse("Cluster cannot be deleted, it still contains DB instances in non-deleting state.");
            }
            match request.leaves_snapshot {
                true => keep(desk, request, "rds:db-cluster-snapshot", id),
                false => Ok(()),
            }
        }
        SUBNETS => match user(desk, "DBSubnetGroupName", id)? {
            Some(database) => refuse(&format!(
                "Cannot delete the subnet group '{id}' because at least one database instance: {database} is still using it."
            )),
            None => Ok(()),
        },
        _ => {
            let users = [
                user(desk, "DBParameterGroupName", id)?,
                user(desk, "DBClusterParameterGroupName", id)?,
            ];
            match users.iter().any(Option::is_some) {
                true => refuse(&format!(
                    "One or more database instances are still members of this parameter group {id}, so the group cannot be deleted"
                )),
                false => Ok(()),
            }
        }
    }
}

/// The final snapshot, named as CloudFormation names them.
fn keep(desk: &mut Desk<'_>, request: &ResourceRequest<'_>, kind: &str, id: &str) -> Made<()> {
    let logical = format!("snapshot-{}", request.logical_id);
    let name = physical_name(request.resource_type, request.stack_name, &logical, request.seed);
    let snapshot = json!({ "Source": id, "SnapshotType": "manual", "Properties": request.properties });
    ledger::put(desk, kind, &name, &snapshot)
}

/// The database that has this value in this property.
fn user(desk: &mut Desk<'_>, property: &str, id: &str) -> Made<Option<String>> {
    for kind in ["rds:db-instance", "rds:db-cluster"] {
        let uses =
            |(_, value): &(String, Value)| text(value, property).is_some_and(|name| name.eq_ignore_ascii_case(id));
        if let Some((name, _)) = ledger::all(desk, kind)?.into_iter().find(uses) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The groups that a database names must be there; those of AWS are called `default` or begin so.
fn groups(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    let named = [
        (
            "DBSubnetGroupName",
            "rds:db-subnet-group",
            "DB subnet group '{}' does not exist.",
        ),
        (
            "DBParameterGroupName",
            "rds:db-parameter-group",
            "DBParameterGroup not found: {}",
        ),
        (
            "DBClusterParameterGroupName",
            "rds:db-cluster-parameter-group",
            "DBClusterParameterGroup not found: {}",
        ),
    ];
    for (property, kind, reason) in named {
        let name = text(properties, property).map(|name| name.to_lowercase());
        if let Some(name) = name.filter(|name| !name.starts_with("default")) {
            exists(desk, kind, &name, reason.replace("{}", &name))?;
        }
    }
    Ok(())
}

/// Subnets in two zones at least. Subnets that the sandbox does not hold are taken on trust.
fn covers_zones(desk: &mut Desk<'_>, properties: &Value) -> Made<()> {
    let mut zones = std::collections::BTreeSet::new();
    for subnet in list(properties, "SubnetIds").iter().filter_map(scalar) {
        match zone_of(desk, &subnet)? {
            Some(zone) => zones.insert(zone),
            None => return Ok(()),
        };
    }
    if zones.len() < 2 {
        let covered: Vec<String> = zones.into_iter().collect();
        return refuse(&format!(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: {}. Add subnets to cover at least 2 AZs.",
            covered.join(", ")
        ));
    }
    Ok(())
}

/// "CreateDBInstance": 1 to 63 letters, digits and hyphens.
fn identifier(field: &str, id: &str) -> Made<()> {
    let legal = id.len() <= 63
        && id.starts_with(|first: char| first.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !id.ends_with('-')
        && !id.contains("--");
    match legal {
        true => Ok(()),
        false => refuse(&format!(
            "The parameter {field} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
        )),
    }
}

fn is_new(desk: &mut Desk<'_>, kind: &str, id: &str, reason: &str) -> Made<()> {
    let names = ledger::all(desk, kind)?;
    match names.iter().any(|(name, _)| name.eq_ignore_ascii_case(id)) {
        true => refuse(reason),
        false => Ok(()),
    }
}

fn exists(desk: &mut Desk<'_>, kind: &str, id: &str, reason: String) -> Made<()> {
    let names = ledger::all(desk, kind)?;
    match names.iter().any(|(name, _)| name.eq_ignore_ascii_case(id)) {
        true => Ok(()),
        false => refuse(&reason),
    }
}

fn storage(properties: &Value) -> Option<u64> {
    text(properties, "AllocatedStorage")?.parse().ok()
}

fn invalid_storage(properties: &Value) -> String {
    format!(
        "Invalid storage size for engine name {} and storage type {}: {}",
        text(properties, "Engine").unwrap_or_default(),
        text(properties, "StorageType").unwrap_or_else(|| "gp2".to_owned()),
        storage(properties).unwrap_or_default()
    )
}

/// `16.4` as numbers; what is not a number ends them (`8.0.mysql_aurora.3.05.2`).
fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

fn refuse<T>(reason: &str) -> Made<T> {
    Err(told("Rds", reason))
}

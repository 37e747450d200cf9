//! RDS, Aurora, DocumentDB, Neptune, DynamoDB, ElastiCache and Redshift.

use super::super::possible::{Possible, boolean, number};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Absent, Resource, once};
use crate::diagnostic::{Severity, codes};

const INSTANCE: &str = "AWS::RDS::DBInstance";
const CLUSTER: &str = "AWS::RDS::DBCluster";
const TABLE: &str = "AWS::DynamoDB::Table";
const DOCUMENTS: &[&str] = &["AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster"];
const WAREHOUSE: &[&str] = &["AWS::Redshift::Cluster"];
const CACHE: &[&str] = &["AWS::ElastiCache::ReplicationGroup"];

/// AWS Backup and FSBP both take a week for enough.
const ENOUGH_DAYS: i64 = 7;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::PUBLIC_DATABASE,
        id: "rds-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a database with a public address is one open security group away from everybody",
        fix: "set `PubliclyAccessible` to false and reach it from inside the VPC",
        sources: &["FSBP RDS.2", "CIS 2.3.3"],
        types: &[INSTANCE],
        check: public,
    },
    Rule {
        code: codes::UNENCRYPTED_DATABASE,
        id: "rds-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "an unencrypted database has unencrypted snapshots, and cannot be encrypted later without copying it",
        fix: "set `StorageEncrypted` to true",
        sources: &["FSBP RDS.3", "FSBP RDS.27", "CIS 2.3.1"],
        types: &[INSTANCE, CLUSTER],
        check: encryption,
    },
    Rule {
        code: codes::UNENCRYPTED_DOCUMENTS,
        id: "document-db-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "an unencrypted cluster has unencrypted snapshots, and cannot be encrypted later without copying it",
        fix: "set `StorageEncrypted` to true",
        sources: &["FSBP DocumentDB.1", "FSBP Neptune.1"],
        types: DOCUMENTS,
        check: encryption,
    },
    Rule {
        code: codes::UNENCRYPTED_WAREHOUSE,
        id: "redshift-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "its blocks and snapshots can be read by whoever gets at the disks",
        fix: "set `Encrypted` to true",
        sources: &["FSBP Redshift.10"],
        types: WAREHOUSE,
        check: warehouse_encryption,
    },
    Rule {
        code: codes::PUBLIC_WAREHOUSE,
        id: "redshift-public",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a warehouse with a public address is one open security group away from everybody",
        fix: "set `PubliclyAccessible` to false",
        sources: &["FSBP Redshift.1"],
        types: &["AWS::Redshift::Cluster", "AWS::RedshiftServerless::Workgroup"],
        check: warehouse_public,
    },
    Rule {
        code: codes::UNENCRYPTED_CACHE,
        id: "elasticache-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "sessions and tokens lie in it, on disk when it takes backups and on the network always",
        fix: "set `AtRestEncryptionEnabled` and `TransitEncryptionEnabled` to true",
        sources: &["FSBP ElastiCache.4", "FSBP ElastiCache.5"],
        types: CACHE,
        check: cache_encryption,
    },
    Rule {
        code: codes::TABLE_WITHOUT_KEY,
        id: "dynamodb-key",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "DynamoDB's own key has no policy and no trace in CloudTrail",
        fix: "set `SSESpecification.SSEEnabled` to true: the account's key then",
        sources: &["AWS Config, dynamodb-table-encrypted-kms"],
        types: &[TABLE],
        check: table_key,
    },
    Rule {
        code: codes::NO_DATABASE_LOG,
        id: "rds-log-exports",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "logs on the instance go with the instance, and nobody watches them there",
        fix: "list the engine's logs under `EnableCloudwatchLogsExports`",
        sources: &["FSBP RDS.9", "FSBP RDS.34", "FSBP RDS.37"],
        types: &[INSTANCE, CLUSTER],
        check: log_exports,
    },
    Rule {
        code: codes::FEW_BACKUPS,
        id: "rds-backups",
        severity: Severity::Error,
        scope: Scope::Protected,
        reason: "a mistake that is seen after the last backup has gone cannot be undone",
        fix: "set `BackupRetentionPeriod` to 7 or more",
        sources: &["FSBP RDS.11", "FSBP DocumentDB.2", "FSBP Neptune.5"],
        types: &[INSTANCE, CLUSTER, "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster"],
        check: backups,
    },
    Rule {
        code: codes::NO_POINT_IN_TIME_RECOVERY,
        id: "dynamodb-recovery",
        severity: Severity::Error,
        scope: Scope::Protected,
        reason: "items that a program overwrites or deletes by mistake are gone otherwise",
        fix: "set `PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled` to true",
        sources: &["FSBP DynamoDB.2"],
        types: &[TABLE],
        check: recovery,
    },
    Rule {
        code: codes::UNPROTECTED_DATABASE,
        id: "rds-deletion-protection",
        severity: Severity::Error,
        scope: Scope::Protected,
        reason: "one wrong call, or a replacement that nobody noticed, and the database is gone",
        fix: "set `DeletionProtection` to true",
        sources: &["FSBP RDS.7", "FSBP RDS.8", "FSBP DocumentDB.5", "FSBP Neptune.4"],
        types: &[INSTANCE, CLUSTER, "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster"],
        check: deletion_protection,
    },
    Rule {
        code: codes::UNPROTECTED_TABLE,
        id: "dynamodb-deletion-protection",
        severity: Severity::Error,
        scope: Scope::Protected,
        reason: "one wrong call, or a replacement that nobody noticed, and the table is gone",
        fix: "set `DeletionProtectionEnabled` to true",
        sources: &["FSBP DynamoDB.6"],
        types: &[TABLE],
        check: table_protection,
    },
    Rule {
        code: codes::NO_MINOR_UPGRADES,
        id: "rds-minor-upgrades",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "minor versions carry the security updates",
        fix: "leave `AutoMinorVersionUpgrade` true and set a maintenance window that suits",
        sources: &["FSBP RDS.13", "FSBP RDS.35", "CIS 2.3.2"],
        types: &[INSTANCE, CLUSTER],
        check: minor_upgrades,
    },
    Rule {
        code: codes::NO_DATABASE_IAM,
        id: "rds-iam-authentication",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "passwords of programs are shared and rarely changed; tokens from IAM last a quarter of an hour",
        fix: "set `EnableIAMDatabaseAuthentication` to true",
        sources: &["FSBP RDS.10", "FSBP RDS.12"],
        types: &[INSTANCE, CLUSTER],
        check: iam_authentication,
    },
];

/// What is restored, replicated or part of a cluster is encrypted, backed up and protected as its source is.
fn follows_another(resource: &Resource<'_>) -> bool {
    const SOURCES: [&str; 11] = [
        "DBClusterIdentifier",
        "DBSnapshotIdentifier",
        "DBClusterSnapshotIdentifier",
        "SnapshotIdentifier",
        "SourceDBInstanceIdentifier",
        "SourceDBInstanceAutomatedBackupsArn",
        "SourceDBClusterIdentifier",
        "SourceDbiResourceId",
        "GlobalClusterIdentifier",
        "ReplicationSourceIdentifier",
        "RestoreToTime",
    ];
    SOURCES.iter().any(|source| !resource.lacks(&[source])) || is_engine(resource, "aurora", &[INSTANCE])
}

/// Whether the engine's name begins with `name`, for the types in `of`.
fn is_engine(resource: &Resource<'_>, name: &str, of: &[&str]) -> bool {
    let engines = resource.at(&["Engine"]).into_iter().filter_map(Possible::given);
    of.contains(&resource.kind)
        && engines
            .into_iter()
            .any(|engine| engine.as_str().is_some_and(|engine| engine.starts_with(name)))
}

fn public(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the database `{}` gets a public address", resource.name);
    resource.must_be_off(&["PubliclyAccessible"], &message)
}

fn encryption(resource: &Resource<'_>) -> Vec<Finding> {
    if follows_another(resource) {
        return Vec::new();
    }
    let message = format!("the database `{}` is not encrypted", resource.name);
    resource.must_be_on(&["StorageEncrypted"], Absent::IsOff, &message)
}

fn warehouse_encryption(resource: &Resource<'_>) -> Vec<Finding> {
    // Redshift has encrypted new clusters by itself since January 2025.
    let message = format!("the warehouse `{}` is not encrypted", resource.name);
    resource.must_be_on(&["Encrypted"], Absent::IsFine, &message)
}

fn warehouse_public(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the warehouse `{}` gets a public address", resource.name);
    resource.must_be_off(&["PubliclyAccessible"], &message)
}

fn cache_encryption(resource: &Resource<'_>) -> Vec<Finding> {
    let name = resource.name;
    // Valkey encrypts unless told otherwise; a snapshot brings its own setting for what is at rest.
    let engines = resource.at(&["Engine"]);
    let is_redis = engines.iter().all(|engine| match engine {
        Possible::Absent => true,
        Possible::Given(node) => node.as_str().is_some_and(|name| name.eq_ignore_ascii_case("redis")),
        Possible::Unknown(_) => false,
    });
    let absent = if is_redis { Absent::IsOff } else { Absent::IsFine };
    let at_rest = format!("the cache `{name}` is not encrypted at rest");
    let in_transit = format!("the cache `{name}` talks in clear text");
    let mut found = resource.must_be_on(&["AtRestEncryptionEnabled"], absent, &at_rest);
    found.extend(resource.must_be_on(&["TransitEncryptionEnabled"], absent, &in_transit));
    found
}

fn table_key(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!(
        "the table `{}` is encrypted with a key of DynamoDB's own",
        resource.name
    );
    resource.must_be_on(&["SSESpecification", "SSEEnabled"], Absent::IsOff, &message)
}

fn log_exports(resource: &Resource<'_>) -> Vec<Finding> {
    if !resource.lacks(&["DBClusterIdentifier"]) || is_engine(resource, "aurora", &[INSTANCE]) {
        return Vec::new();
    }
    let message = format!("the database `{}` exports no logs", resource.name);
    resource.must_have(&["EnableCloudwatchLogsExports"], &message)
}

fn backups(resource: &Resource<'_>) -> Vec<Finding> {
    if !resource.lacks(&["DBClusterIdentifier"])
        || !resource.lacks(&["SourceDBInstanceIdentifier"])
        || is_engine(resource, "aurora", &[INSTANCE])
    {
        return Vec::new();
    }
    let name = resource.name;
    let places = resource.at(&["BackupRetentionPeriod"]).into_iter();
    once(places.filter_map(|place| match place {
        Possible::Absent => {
            let message = format!("the database `{name}` keeps its backups for one day");
            Some(resource.missing("BackupRetentionPeriod", message))
        }
        Possible::Given(node) => {
            let days = number(node).filter(|days| *days < ENOUGH_DAYS)?;
            let message = match days {
                0 => format!("the database `{name}` keeps no backups"),
                1 => format!("the database `{name}` keeps its backups for one day"),
                days => format!("the database `{name}` keeps its backups for {days} days"),
            };
            Some(Finding::at(&node.span, message))
        }
        Possible::Unknown(_) => None,
    }))
}

fn recovery(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the table `{}` cannot be restored to a point in time", resource.name);
    let path = ["PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"];
    resource.must_be_on(&path, Absent::IsOff, &message)
}

fn deletion_protection(resource: &Resource<'_>) -> Vec<Finding> {
    // Instances of a cluster hold no data; the cluster is what is protected.
    if !resource.lacks(&["DBClusterIdentifier"]) {
        return Vec::new();
    }
    let message = format!("the database `{}` can be deleted by one call", resource.name);
    resource.must_be_on(&["DeletionProtection"], Absent::IsOff, &message)
}

fn table_protection(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the table `{}` can be deleted by one call", resource.name);
    resource.must_be_on(&["DeletionProtectionEnabled"], Absent::IsOff, &message)
}

fn minor_upgrades(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the database `{}` does not get minor versions by itself", resource.name);
    let off = resource
        .at(&["AutoMinorVersionUpgrade"])
        .into_iter()
        .filter_map(Possible::given);
    let off = off.filter(|node| boolean(node) == Some(false));
    once(off.map(|node| Finding::at(&node.span, message.clone())))
}

/// The engines that know IAM ("IAM database authentication for MariaDB, MySQL, and PostgreSQL", RDS User Guide).
fn iam_authentication(resource: &Resource<'_>) -> Vec<Finding> {
    let knows = ["mysql", "mariadb", "postgres", "aurora"];
    let kinds = [INSTANCE, CLUSTER];
    if !resource.lacks(&["DBClusterIdentifier"])
        || is_engine(resource, "aurora", &[INSTANCE])
        || !knows.iter().any(|engine| is_engine(resource, engine, &kinds))
    {
        return Vec::new();
    }
    let message = format!("the database `{}` knows only passwords", resource.name);
    resource.must_be_on(&["EnableIAMDatabaseAuthentication"], Absent::IsOff, &message)
}

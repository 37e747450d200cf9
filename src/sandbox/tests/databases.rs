//! Databases, as RDS holds and refuses them.

use super::Trial;

/// A network of two zones, its group of subnets, and `more` resources.
fn template(more: &str) -> String {
    format!(
        r#"
Resources:
  Vpc: {{Type: "AWS::EC2::VPC", Properties: {{CidrBlock: 10.0.0.0/16}}}}
  SubnetA: {{Type: "AWS::EC2::Subnet", Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}}}}
  SubnetB: {{Type: "AWS::EC2::Subnet", Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}}}}
  Subnets:
    Type: AWS::RDS::DBSubnetGroup
    Properties: {{DBSubnetGroupDescription: data, SubnetIds: [!Ref SubnetA, !Ref SubnetB]}}
{more}
"#
    )
}

fn instance(properties: &str) -> String {
    template(&format!(
        r#"
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceClass: db.m6g.large
      Engine: postgres
      MasterUsername: owner
      ManageMasterUserPassword: true
      DBSubnetGroupName: !Ref Subnets
      {}
Outputs:
  Address: {{Value: !GetAtt Database.Endpoint.Address}}
  Port: {{Value: !GetAtt Database.Endpoint.Port}}
  Secret: {{Value: !GetAtt Database.MasterUserSecret.SecretArn}}
  Resource: {{Value: !GetAtt Database.DbiResourceId}}
  Arn: {{Value: !GetAtt Database.DBInstanceArn}}"#,
        properties.replace('\n', "\n      ")
    ))
}

const PLAIN: &str = "StorageType: gp3\nAllocatedStorage: '100'\nEngineVersion: '16.4'";

const CLUSTER: &str = r#"
  Cluster:
    Type: AWS::RDS::DBCluster
    Properties:
      DBClusterIdentifier: features
      Engine: aurora-postgresql
      EngineVersion: "16.4"
      MasterUsername: owner
      ManageMasterUserPassword: true
      DBSubnetGroupName: !Ref Subnets
  Writer:
    Type: AWS::RDS::DBInstance
    Properties: {DBClusterIdentifier: !Ref Cluster, DBInstanceClass: db.r6g.large, Engine: aurora-postgresql}
Outputs:
  Address: {Value: !GetAtt Cluster.Endpoint.Address}
  Reader: {Value: !GetAtt Cluster.ReadEndpoint.Address}
  Port: {Value: !GetAtt Cluster.Endpoint.Port}
  Secret: {Value: !GetAtt Cluster.MasterUserSecret.SecretArn}
  Resource: {Value: !GetAtt Cluster.DBClusterResourceId}"#;

#[tokio::test(start_paused = true)]
async fn a_database_has_endpoints_a_secret_and_a_resource_id_and_keeps_them() {
    let trial = Trial::new().await;
    trial.make("data", &instance(PLAIN)).await;
    let address = trial.output("data", "Address").await;
    assert!(
        address.starts_with("data-database-") && address.ends_with(".us-east-1.rds.amazonaws.com"),
        "{address}"
    );
    assert_eq!(trial.output("data", "Port").await, "5432");
    let secret = trial.output("data", "Secret").await;
    assert!(
        secret.starts_with("arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-"),
        "{secret}"
    );
    let resource = trial.output("data", "Resource").await;
    assert!(resource.starts_with("db-") && resource.len() == 29, "{resource}");
    let arn = trial.output("data", "Arn").await;
    assert!(
        arn.starts_with("arn:aws:rds:us-east-1:111122223333:db:data-database-"),
        "{arn}"
    );

    trial.make("data", &instance(&PLAIN.replace("100", "200"))).await;
    assert_eq!(trial.output("data", "Resource").await, resource);
    assert_eq!(trial.output("data", "Secret").await, secret);

    let own = instance(PLAIN).replace("ManageMasterUserPassword: true", "MasterUserPassword: not-kept-by-rds");
    let words = "Requested attribute MasterUserSecret.SecretArn does not exist";
    trial.refuse("own", &own, words).await;

    trial.make("cluster", &template(CLUSTER)).await;
    let address = trial.output("cluster", "Address").await;
    assert!(address.starts_with("features.cluster-c"), "{address}");
    let reader = trial.output("cluster", "Reader").await;
    assert!(reader.starts_with("features.cluster-ro-c"), "{reader}");
    assert!(trial.output("cluster", "Secret").await.contains("secret:rds!cluster-"));
    let resource = trial.output("cluster", "Resource").await;
    assert!(resource.starts_with("cluster-"), "{resource}");
}

#[tokio::test(start_paused = true)]
async fn deletion_protection_stops_a_deletion_until_it_is_taken_off() {
    let trial = Trial::new().await;
    trial
        .make("data", &instance(&format!("{PLAIN}\nDeletionProtection: true")))
        .await;
    let (status, reasons) = trial.destroy("data").await;
    assert_eq!(status, "DELETE_FAILED");
    let words = "Cannot delete protected DB Instance, please disable deletion protection and try again. (Service: Rds";
    assert!(reasons.contains(words), "{reasons}");
    // A stack whose deletion failed takes no update; the database itself has to be changed, or the stack made again.
    let trial = Trial::new().await;
    trial
        .make("data", &instance(&format!("{PLAIN}\nDeletionProtection: true")))
        .await;
    trial
        .make("data", &instance(&format!("{PLAIN}\nDeletionProtection: false")))
        .await;
    let (status, reasons) = trial.destroy("data").await;
    assert_eq!(status, "DELETE_COMPLETE", "{reasons}");

    let protected = CLUSTER.replace(
        "DBClusterIdentifier: features\n",
        "DBClusterIdentifier: features\n      DeletionProtection: true\n",
    );
    trial.make("cluster", &template(&protected)).await;
    let (status, reasons) = trial.destroy("cluster").await;
    assert_eq!(status, "DELETE_FAILED");
    assert!(
        reasons.contains("Cannot delete protected Cluster, please disable deletion protection"),
        "{reasons}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_database_leaves_a_snapshot_unless_it_is_told_not_to() {
    let trial = Trial::new().await;
    trial.make("data", &instance(PLAIN)).await;
    trial.destroy("data").await;
    let left = trial.existing("rds");
    let [(kind, name)] = left.as_slice() else {
        panic!("{left:?}")
    };
    assert_eq!(kind, "db-snapshot");
    assert!(name.starts_with("data-snapshot-database-"), "{name}");

    let trial = Trial::new().await;
    trial.make("cluster", &template(CLUSTER)).await;
    trial.destroy("cluster").await;
    let kinds: Vec<String> = trial.existing("rds").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["db-cluster-snapshot"], "the cluster's own, none of its members");

    let trial = Trial::new().await;
    let told = instance(PLAIN).replace(
        "Type: AWS::RDS::DBInstance",
        "Type: AWS::RDS::DBInstance\n    DeletionPolicy: Delete",
    );
    trial.make("data", &told).await;
    trial.destroy("data").await;
    assert_eq!(trial.existing("rds"), []);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_subnets_covers_two_zones_and_stays_while_it_is_used() {
    let trial = Trial::new().await;
    let one = template("").replace("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA]");
    let words = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: us-east-1a.";
    trial.refuse("data", &one, words).await;
    trial
        .make(
            "groups",
            &format!("{}Outputs: {{Name: {{Value: !Ref Subnets}}}}", template("")),
        )
        .await;
    let name = trial.output("groups", "Name").await;
    let user = format!(
        "Resources: {{Database: {{Type: 'AWS::RDS::DBInstance', Properties: {{DBInstanceIdentifier: it, DBInstanceClass: db.t4g.micro, Engine: mysql, AllocatedStorage: '20', DBSubnetGroupName: {name}}}}}}}"
    );
    trial.make("data", &user).await;
    let (status, reasons) = trial.destroy("groups").await;
    assert_eq!(status, "DELETE_FAILED");
    let words = format!(
        "Cannot delete the subnet group '{name}' because at least one database instance: it is still using it."
    );
    assert!(reasons.contains(&words), "{reasons}");
    let nobody = user
        .replace("DBInstanceIdentifier: it", "DBInstanceIdentifier: that")
        .replace(&name, "nobody");
    trial
        .refuse("other", &nobody, "DB subnet group 'nobody' does not exist.")
        .await;
}

#[tokio::test(start_paused = true)]
async fn storage_grows_by_a_tenth_and_major_versions_want_consent() {
    let trial = Trial::new().await;
    trial.make("data", &instance(PLAIN)).await;
    let words = "Invalid storage size for engine name postgres and storage type gp3:";
    for size in ["50", "105"] {
        let other = instance(&PLAIN.replace("100", size));
        trial.refuse("data", &other, &format!("{words} {size}")).await;
    }
    trial.make("data", &instance(&PLAIN.replace("100", "110"))).await;
    let newer = PLAIN.replace("100", "110").replace("16.4", "17.2");
    let words = "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.";
    trial.refuse("data", &instance(&newer), words).await;
    trial
        .make("data", &instance(&PLAIN.replace("100", "110").replace("16.4", "16.8")))
        .await;
    trial
        .make("data", &instance(&format!("{newer}\nAllowMajorVersionUpgrade: true")))
        .await;
    let older = PLAIN.replace("100", "110");
    trial
        .refuse("data", &instance(&older), "Cannot upgrade postgres from 17.2 to 16.4")
        .await;
}

#[tokio::test(start_paused = true)]
async fn identifiers_of_databases_have_rules_and_one_owner() {
    let trial = Trial::new().await;
    for name in ["1st", "two--hyphens", "ends-", "under_score"] {
        let named = instance(&format!("{PLAIN}\nDBInstanceIdentifier: {name}"));
        trial.refuse("data", &named, "is not a valid identifier").await;
    }
    let named = instance(&format!("{PLAIN}\nDBInstanceIdentifier: taken"));
    let retained = named.replace(
        "Type: AWS::RDS::DBInstance",
        "Type: AWS::RDS::DBInstance\n    DeletionPolicy: Retain",
    );
    let retained = retained.replace(
        "Type: AWS::RDS::DBSubnetGroup",
        "Type: AWS::RDS::DBSubnetGroup\n    DeletionPolicy: Retain",
    );
    trial.make("data", &retained).await;
    trial.destroy("data").await;
    trial.refuse("again", &named, "DB instance already exists").await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_goes_to_another_major_version_without_more_words() {
    let trial = Trial::new().await;
    let cluster = |version: &str| {
        template(&format!(
            r#"
  Cluster:
    Type: AWS::RDS::DBCluster
    Properties:
      Engine: aurora-postgresql
      EngineVersion: "{version}"
      MasterUsername: owner
      ManageMasterUserPassword: true
      DBSubnetGroupName: !Ref Subnets"#
        ))
    };
    trial.make("data", &cluster("15.4")).await;
    trial.make("data", &cluster("16.4")).await;
    let words = "Cannot upgrade aurora-postgresql from 16.4 to 15.4";
    trial.refuse("data", &cluster("15.4"), words).await;
}

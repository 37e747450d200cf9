//! What a stack changes in place changes in the services.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::{Capability, StackStatus, Tag};

use serde_json::{Value, json};
use winterbaume_core::MockRequest;

use super::super::Sandbox;
use super::stacks::{explain, settled};
use super::{config, in_memory};

/// Creates or updates the stack `app` and waits for it.
async fn deploy(config: &SdkConfig, template: &str, stack_tag: &str) {
    let client = aws_sdk_cloudformation::Client::new(config);
    let tag = Tag::builder().key("team").value(stack_tag).build();
    let there = client.describe_stacks().stack_name("app").send().await.is_ok();
    if there {
        let update = client
            .update_stack()
            .stack_name("app")
            .template_body(template)
            .tags(tag);
        update
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .unwrap();
    } else {
        let create = client
            .create_stack()
            .stack_name("app")
            .template_body(template)
            .tags(tag);
        create
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .unwrap();
    }
    let status = settled(&client, "app").await;
    let wanted = match there {
        true => StackStatus::UpdateComplete,
        false => StackStatus::CreateComplete,
    };
    assert_eq!(status, wanted, "{}", explain(&client, "app").await);
}

/// The answer of CloudWatch Logs, whose SDK is no dependency.
async fn ask_logs(sandbox: &Sandbox, action: &str, body: Value) -> Value {
    let mut headers = http::HeaderMap::new();
    let target = format!("Logs_20140328.{action}").parse().unwrap();
    headers.insert("x-amz-target", target);
    let answer = sandbox
        .handle(MockRequest {
            method: "POST".to_owned(),
            uri: "https://logs.us-east-1.amazonaws.com/".to_owned(),
            headers,
            body: body.to_string().into(),
        })
        .await;
    assert_eq!(answer.status, 200, "{action}: {:?}", answer.body);
    serde_json::from_slice(&answer.body).unwrap()
}

fn resource(kind: &str, properties: &str) -> String {
    format!("{{\"Resources\": {{\"It\": {{\"Type\": \"{kind}\", \"Properties\": {properties}}}}}}}")
}

#[tokio::test(start_paused = true)]
async fn a_buckets_versioning_encryption_lifecycle_and_tags_follow_the_stack() {
    let sandbox = in_memory().await;
    let config = config(&sandbox);
    let s3 = aws_sdk_s3::Client::new(&config);
    let plain = r#"{"BucketName": "data"}"#;
    deploy(&config, &resource("AWS::S3::Bucket", plain), "one").await;
    let full = r#"{
        "BucketName": "data",
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": true}]},
        "LifecycleConfiguration": {"Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": 30}]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": true},
        "Tags": [{"Key": "purpose", "Value": "training"}]
    }"#;
    deploy(&config, &resource("AWS::S3::Bucket", full), "two").await;
    let versioning = s3.get_bucket_versioning().bucket("data").send().await.unwrap();
    assert_eq!(versioning.status().map(|status| status.as_str()), Some("Enabled"));
    let encryption = s3.get_bucket_encryption().bucket("data").send().await.unwrap();
    let rule = &encryption.server_side_encryption_configuration().unwrap().rules()[0];
    let by_default = rule.apply_server_side_encryption_by_default().unwrap();
    assert_eq!(by_default.sse_algorithm().as_str(), "aws:kms");
    let lifecycle = s3
        .get_bucket_lifecycle_configuration()
        .bucket("data")
        .send()
        .await
        .unwrap();
    let days = lifecycle.rules()[0]
        .expiration()
        .and_then(|expiration| expiration.days());
    assert_eq!(days, Some(30));
    let tags = s3.get_bucket_tagging().bucket("data").send().await.unwrap();
    let value = |key: &str| {
        tags.tag_set()
            .iter()
            .find(|tag| tag.key() == key)
            .map(|tag| tag.value().to_owned())
    };
    assert_eq!(value("purpose").as_deref(), Some("training"));
    assert_eq!(value("team").as_deref(), Some("two"));

    deploy(&config, &resource("AWS::S3::Bucket", plain), "two").await;
    let versioning = s3.get_bucket_versioning().bucket("data").send().await.unwrap();
    assert_eq!(versioning.status().map(|status| status.as_str()), Some("Suspended"));
    s3.get_bucket_lifecycle_configuration()
        .bucket("data")
        .send()
        .await
        .unwrap_err();
    s3.get_public_access_block().bucket("data").send().await.unwrap_err();
    let tags = s3.get_bucket_tagging().bucket("data").send().await.unwrap();
    assert!(tags.tag_set().iter().all(|tag| tag.key() != "purpose"), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_groups_retention_follows_the_stack_and_ends_with_the_property() {
    let sandbox = in_memory().await;
    let config = config(&sandbox);
    let retention = async || {
        let groups = ask_logs(&sandbox, "DescribeLogGroups", json!({})).await;
        groups.pointer("/logGroups/0/retentionInDays").and_then(Value::as_u64)
    };
    let group = |rest: &str| resource("AWS::Logs::LogGroup", &format!("{{\"LogGroupName\": \"/app\"{rest}}}"));
    deploy(&config, &group(", \"RetentionInDays\": 7"), "one").await;
    assert_eq!(retention().await, Some(7));
    deploy(&config, &group(", \"RetentionInDays\": 30"), "one").await;
    assert_eq!(retention().await, Some(30));
    deploy(&config, &group(""), "one").await;
    assert_eq!(retention().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_roles_policies_follow_the_stack() {
    let sandbox = in_memory().await;
    let config = config(&sandbox);
    let iam = aws_sdk_iam::Client::new(&config);
    let role = |action: &str, attached: &str, tag: &str| {
        resource(
            "AWS::IAM::Role",
            &format!(
                r#"{{"RoleName": "app", "AssumeRolePolicyDocument": {{"Statement": []}},
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/{attached}"],
                "Policies": [{{"PolicyName": "p", "PolicyDocument": {{"Statement": [{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}]}}}}],
                "Tags": [{{"Key": "{tag}", "Value": "x"}}]}}"#
            ),
        )
    };
    deploy(&config, &role("s3:GetObject", "AmazonEKSClusterPolicy", "old"), "one").await;
    deploy(
        &config,
        &role("s3:PutObject", "AmazonEKSWorkerNodePolicy", "new"),
        "two",
    )
    .await;
    let inline = iam
        .get_role_policy()
        .role_name("app")
        .policy_name("p")
        .send()
        .await
        .unwrap();
    assert!(inline.policy_document().contains("PutObject"), "{inline:?}");
    let attached = iam.list_attached_role_policies().role_name("app").send().await.unwrap();
    let names: Vec<_> = attached
        .attached_policies()
        .iter()
        .filter_map(|policy| policy.policy_name())
        .collect();
    assert_eq!(names, ["AmazonEKSWorkerNodePolicy"]);
    let listed = iam.list_role_tags().role_name("app").send().await.unwrap();
    let tags = listed.tags();
    let value = |key: &str| {
        tags.iter()
            .find(|tag| tag.key() == key)
            .map(|tag| tag.value().to_owned())
    };
    assert_eq!(
        (value("old"), value("new").as_deref(), value("team").as_deref()),
        (None, Some("x"), Some("two"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_managed_policy_may_change_any_number_of_times() {
    let sandbox = in_memory().await;
    let config = config(&sandbox);
    let iam = aws_sdk_iam::Client::new(&config);
    for round in 0..8 {
        let policy = resource(
            "AWS::IAM::ManagedPolicy",
            &format!(
                r#"{{"ManagedPolicyName": "p", "PolicyDocument": {{"Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/{round}"}}]}}}}"#
            ),
        );
        deploy(&config, &policy, "one").await;
    }
    let arn = "arn:aws:iam::111122223333:policy/p";
    let versions = iam.list_policy_versions().policy_arn(arn).send().await.unwrap();
    assert_eq!(versions.versions().len(), 1, "{versions:?}");
    let current = versions.versions()[0].version_id().unwrap();
    let version = iam
        .get_policy_version()
        .policy_arn(arn)
        .version_id(current)
        .send()
        .await
        .unwrap();
    let document = version.policy_version().unwrap().document().unwrap().to_owned();
    assert!(document.contains("b/7") || document.contains("b%2F7"), "{document}");
}

#[tokio::test(start_paused = true)]
async fn a_security_groups_rules_and_tags_follow_the_stack() {
    let sandbox = in_memory().await;
    let config = config(&sandbox);
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let group = |ports: &[u16], tag: &str| {
        let rules: Vec<String> = ports
            .iter()
            .map(|port| {
                format!(r#"{{"IpProtocol": "tcp", "FromPort": {port}, "ToPort": {port}, "CidrIp": "10.0.0.0/8"}}"#)
            })
            .collect();
        format!(
            r#"{{"Resources": {{
                "Vpc": {{"Type": "AWS::EC2::VPC", "Properties": {{"CidrBlock": "10.0.0.0/16"}}}},
                "Group": {{"Type": "AWS::EC2::SecurityGroup", "Properties": {{"GroupName": "app", "GroupDescription": "d", "VpcId": {{"Ref": "Vpc"}},
                    "SecurityGroupIngress": [{}], "Tags": [{{"Key": "{tag}", "Value": "x"}}]}}}}}}}}"#,
            rules.join(",")
        )
    };
    deploy(&config, &group(&[80, 443], "old"), "one").await;
    deploy(&config, &group(&[443, 8443], "new"), "two").await;
    let groups = ec2.describe_security_groups().send().await.unwrap();
    let group = groups
        .security_groups()
        .iter()
        .find(|group| group.group_name() == Some("app"))
        .unwrap();
    let mut ports: Vec<_> = group
        .ip_permissions()
        .iter()
        .filter_map(|rule| rule.from_port())
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [443, 8443]);
    let value = |key: &str| {
        group
            .tags()
            .iter()
            .find(|tag| tag.key() == Some(key))
            .and_then(|tag| tag.value())
    };
    assert_eq!(
        (value("old"), value("new"), value("team")),
        (None, Some("x"), Some("two"))
    );
}

#[tokio::test(start_paused = true)]
async fn tags_of_repositories_keys_tables_and_log_groups_follow_the_stack() {
    let sandbox = in_memory().await;
    let config = config(&sandbox);
    let template = |tag: &str| {
        format!(
            r#"{{"Resources": {{
                "Repository": {{"Type": "AWS::ECR::Repository", "Properties": {{"RepositoryName": "app", "Tags": [{{"Key": "{tag}", "Value": "x"}}]}}}},
                "Key": {{"Type": "AWS::KMS::Key", "Properties": {{"KeyPolicy": {{}}, "Tags": [{{"Key": "{tag}", "Value": "x"}}]}}}},
                "Table": {{"Type": "AWS::DynamoDB::Table", "Properties": {{"TableName": "app", "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{{"AttributeName": "id", "KeyType": "HASH"}}], "AttributeDefinitions": [{{"AttributeName": "id", "AttributeType": "S"}}],
                    "Tags": [{{"Key": "{tag}", "Value": "x"}}]}}}},
                "Logs": {{"Type": "AWS::Logs::LogGroup", "Properties": {{"LogGroupName": "/app", "Tags": [{{"Key": "{tag}", "Value": "x"}}]}}}}}},
              "Outputs": {{"Key": {{"Value": {{"Ref": "Key"}}}}}}}}"#
        )
    };
    deploy(&config, &template("old"), "one").await;
    deploy(&config, &template("new"), "two").await;
    let expect = |what: &str, tags: Vec<(String, String)>| {
        let value = |key: &str| {
            tags.iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(
            (value("old"), value("new"), value("team")),
            (None, Some("x"), Some("two")),
            "{what}: {tags:?}"
        );
    };
    let repository = "arn:aws:ecr:us-east-1:111122223333:repository/app";
    let ecr = aws_sdk_ecr::Client::new(&config);
    let found = ecr
        .list_tags_for_resource()
        .resource_arn(repository)
        .send()
        .await
        .unwrap();
    expect(
        "repository",
        found
            .tags()
            .iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect(),
    );
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let table = "arn:aws:dynamodb:us-east-1:111122223333:table/app";
    let found = dynamodb
        .list_tags_of_resource()
        .resource_arn(table)
        .send()
        .await
        .unwrap();
    expect(
        "table",
        found
            .tags()
            .iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect(),
    );
    let found = ask_logs(&sandbox, "ListTagsLogGroup", json!({ "logGroupName": "/app" })).await;
    let tags: std::collections::BTreeMap<String, String> = serde_json::from_value(found["tags"].clone()).unwrap();
    expect("log group", tags.into_iter().collect());
}

//! Descriptions, lists, pages, drift.

use super::*;

#[test]
fn events_come_newest_first_in_pages_that_new_events_do_not_shift() {
    let mut account = Account::new();
    let resources: Vec<String> = (0..60)
        .map(|i| format!(r#""T{i}":{{"Type":"AWS::SNS::Topic"}}"#))
        .collect();
    account.create("many", &format!(r#"{{"Resources":{{{}}}}}"#, resources.join(",")));
    let first = account.ok("DescribeStackEvents", &[("StackName", "many")]);
    assert_eq!(members(&first, "StackEvents").len(), 100);
    let token = one(&first, "NextToken");
    account.ok("DeleteStack", &[("StackName", "many")]);
    let second = account.ok("DescribeStackEvents", &[("StackName", "many"), ("NextToken", &token)]);
    assert_eq!(members(&second, "StackEvents").len(), 82);
    let mut ids = all(&first, "EventId");
    ids.extend(all(&second, "EventId"));
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 182);
    assert!(one(&first, "ResourceStatus") == "CREATE_COMPLETE");
}

#[test]
fn a_description_holds_what_the_api_reference_lists() {
    let mut account = Account::new();
    account.ok(
        "CreateStack",
        &[
            ("StackName", "network"),
            ("TemplateBody", NETWORK),
            ("EnableTerminationProtection", "true"),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "ml"),
            ("RoleARN", "arn:aws:iam::111122223333:role/x"),
        ],
    );
    account.settle();
    let body = account.ok("DescribeStacks", &[("StackName", "network")]);
    for part in [
        "<CreationTime>2026-09-21T14:13:20.000Z</CreationTime>",
        "<StackStatus>CREATE_COMPLETE</StackStatus>",
        "<EnableTerminationProtection>true</EnableTerminationProtection>",
        "<Tags><member><Key>team</Key><Value>ml</Value></member></Tags>",
        "<RoleARN>arn:aws:iam::111122223333:role/x</RoleARN>",
        "<ParameterKey>Cidr</ParameterKey><ParameterValue>10.0.0.0/16</ParameterValue>",
        "<OutputKey>VpcId</OutputKey>",
        "<Description>the network</Description>",
        "<StackDriftStatus>NOT_CHECKED</StackDriftStatus>",
        "<DisableRollback>false</DisableRollback>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert!(!body.contains("LastUpdatedTime"));
}

#[test]
fn deleted_stacks_are_listed_and_filtered_by_status() {
    let mut account = Account::new();
    account.create("one", BUCKET);
    account.create("two", BUCKET);
    account.ok("DeleteStack", &[("StackName", "one")]);
    account.settle();
    let listed = |account: &mut Account, status: &str| {
        all(
            &account.ok("ListStacks", &[("StackStatusFilter.member.1", status)]),
            "StackName",
        )
    };
    assert_eq!(listed(&mut account, "CREATE_COMPLETE"), ["two"]);
    assert_eq!(listed(&mut account, "DELETE_COMPLETE"), ["one"]);
    assert_eq!(all(&account.ok("DescribeStacks", &[]), "StackName"), ["two"]);
}

#[test]
fn a_name_is_free_again_after_the_deletion() {
    let mut account = Account::new();
    let old = account.create("data", BUCKET);
    account.ok("DeleteStack", &[("StackName", "data")]);
    account.settle();
    let new = account.create("data", BUCKET);
    assert_ne!(old, new);
    assert_eq!(account.status("data"), "CREATE_COMPLETE");
    assert_eq!(account.status(&old), "DELETE_COMPLETE");
}

#[test]
fn the_template_comes_back_as_it_was_submitted() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    assert_eq!(
        one(&account.ok("GetTemplate", &[("StackName", "network")]), "TemplateBody"),
        NETWORK
    );
    let processed = account.ok(
        "GetTemplate",
        &[("StackName", "network"), ("TemplateStage", "Processed")],
    );
    assert!(one(&processed, "TemplateBody").contains(r#"{"Ref":"Cidr"}"#));
}

#[test]
fn a_summary_names_parameters_types_and_capabilities() {
    let mut account = Account::new();
    let role = "Parameters: {P: {Type: String, Default: d, NoEcho: true}}\nResources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}";
    for action in ["GetTemplateSummary", "ValidateTemplate"] {
        let body = account.ok(action, &[("TemplateBody", role)]);
        assert_eq!(members(&body, "Capabilities"), ["CAPABILITY_IAM"], "{action}");
        assert_eq!(one(&body, "ParameterKey"), "P");
        assert_eq!(one(&body, "NoEcho"), "true");
    }
    let body = account.ok("GetTemplateSummary", &[("TemplateBody", role)]);
    assert_eq!(members(&body, "ResourceTypes"), ["AWS::IAM::Role"]);
}

#[test]
fn drift_names_the_property_that_differs() {
    struct Moved;
    impl World for Moved {
        fn observe(
            &mut self,
            request: &crate::sandbox::cloudformation::ResourceRequest<'_>,
        ) -> Option<Option<serde_json::Value>> {
            (request.logical_id == "Vpc").then(|| {
                let mut actual = request.properties.clone();
                actual["EnableDnsHostnames"] = serde_json::Value::Bool(false);
                Some(actual)
            })
        }
    }
    let mut account = Account::new();
    account.create("network", NETWORK);
    let fields = [("StackName".to_owned(), "network".to_owned())];
    let reply = account
        .service
        .call("DetectStackDrift", &fields, account.now, &mut Moved);
    let id = one(&reply.body, "StackDriftDetectionId");
    let status = account.ok("DescribeStackDriftDetectionStatus", &[("StackDriftDetectionId", &id)]);
    assert_eq!(one(&status, "DetectionStatus"), "DETECTION_IN_PROGRESS");
    account.pass(MINUTE);
    let status = account.ok("DescribeStackDriftDetectionStatus", &[("StackDriftDetectionId", &id)]);
    assert_eq!(
        (one(&status, "DetectionStatus"), one(&status, "StackDriftStatus")),
        ("DETECTION_COMPLETE".into(), "DRIFTED".into())
    );
    let drifts = account.ok(
        "DescribeStackResourceDrifts",
        &[
            ("StackName", "network"),
            ("StackResourceDriftStatusFilters.member.1", "MODIFIED"),
        ],
    );
    assert_eq!(one(&drifts, "PropertyPath"), "/EnableDnsHostnames");
    assert_eq!(
        (one(&drifts, "ExpectedValue"), one(&drifts, "ActualValue")),
        ("true".into(), "false".into())
    );
}

#[test]
fn attributes_have_the_shapes_that_aws_documents() {
    let mut account = Account::new();
    let template = r#"
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}, RoleName: cluster}}
  Cluster:
    Type: AWS::EKS::Cluster
    Properties: {Name: prod, RoleArn: !GetAtt Role.Arn, ResourcesVpcConfig: {SubnetIds: [subnet-1, subnet-2]}}
  Key: {Type: AWS::KMS::Key}
  Data: {Type: AWS::S3::Bucket, Properties: {BucketName: my-data}}
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /app}}
Outputs:
  Role: {Value: !GetAtt Role.Arn}
  Cluster: {Value: !Ref Cluster}
  ClusterArn: {Value: !GetAtt Cluster.Arn}
  Issuer: {Value: !GetAtt Cluster.OpenIdConnectIssuerUrl}
  Group: {Value: !GetAtt Cluster.ClusterSecurityGroupId}
  Key: {Value: !GetAtt Key.Arn}
  Data: {Value: !GetAtt Data.Arn}
  Log: {Value: !GetAtt Log.Arn}
"#;
    account.create("s", template);
    assert_eq!(account.status("s"), "CREATE_COMPLETE", "{:#?}", account.events("s"));
    assert_eq!(account.output("s", "Role"), "arn:aws:iam::111122223333:role/cluster");
    assert_eq!(account.output("s", "Cluster"), "prod");
    assert_eq!(
        account.output("s", "ClusterArn"),
        "arn:aws:eks:us-east-1:111122223333:cluster/prod"
    );
    assert!(
        account
            .output("s", "Issuer")
            .starts_with("https://oidc.eks.us-east-1.amazonaws.com/id/")
    );
    assert!(account.output("s", "Group").starts_with("sg-0"));
    assert!(
        account
            .output("s", "Key")
            .starts_with("arn:aws:kms:us-east-1:111122223333:key/")
    );
    assert_eq!(account.output("s", "Data"), "arn:aws:s3:::my-data");
    assert_eq!(
        account.output("s", "Log"),
        "arn:aws:logs:us-east-1:111122223333:log-group:/app:*"
    );
}

#[test]
fn every_attribute_of_every_type_that_modules_use_has_a_value() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/cloudformation");
    let mut types = std::collections::BTreeSet::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let text = fs_err::read_to_string(entry.unwrap().path()).unwrap();
        let declared = text.split("Type: ").skip(1).filter(|rest| rest.starts_with("AWS::"));
        types.extend(declared.map(|rest| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == ':';
            rest.split(|c| !is_name(c))
                .next()
                .unwrap()
                .trim_end_matches(':')
                .to_owned()
        }));
    }
    assert!(types.len() > 20, "{types:?}");
    for kind in types {
        // Not a type of a resource but of a parameter.
        let Some(schema) = super::super::resource_types::get(&kind) else {
            continue;
        };
        let made = super::super::synthesise(&super::super::ResourceRequest {
            stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/s/1",
            stack_name: "s",
            logical_id: "It",
            resource_type: &kind,
            physical_id: None,
            properties: &serde_json::json!({ "ManageMasterUserPassword": true }),
            previous: &serde_json::Value::Null,
            attributes: &Default::default(),
            tags: &[],
            account: "111122223333",
            region: "us-east-1",
            partition: "aws",
            at: 0,
            seed: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            leaves_snapshot: false,
        });
        assert!(!made.id.is_empty(), "{kind}");
        for attribute in schema.read_only().into_iter().chain(schema.attributes()) {
            assert!(made.attributes.contains_key(&attribute), "{kind}.{attribute}");
        }
    }
}

//! Change sets.

use super::*;

#[test]
fn a_change_set_is_created_while_its_caller_waits() {
    let mut account = Account::new();
    account.ok(
        "CreateChangeSet",
        &[
            ("StackName", "data"),
            ("ChangeSetName", "c1"),
            ("ChangeSetType", "CREATE"),
            ("TemplateBody", BUCKET),
        ],
    );
    let describe = [("StackName", "data"), ("ChangeSetName", "c1")];
    let status = |account: &mut Account| one(&account.ok("DescribeChangeSet", &describe), "Status");
    assert_eq!(status(&mut account), "CREATE_PENDING");
    assert_eq!(account.status("data"), "REVIEW_IN_PROGRESS");
    account.pass(SECOND);
    assert_eq!(status(&mut account), "CREATE_IN_PROGRESS");
    let refused = account.refused("ExecuteChangeSet", &describe);
    assert_eq!(refused.0, "InvalidChangeSetStatus");
    account.pass(4 * SECOND);
    assert_eq!(status(&mut account), "CREATE_COMPLETE");
    account.ok("ExecuteChangeSet", &describe);
    assert_eq!(
        account.status("data"),
        "REVIEW_IN_PROGRESS",
        "the execution does not show at once"
    );
    account.settle();
    assert_eq!(account.status("data"), "CREATE_COMPLETE");
    let described = account.ok("DescribeChangeSet", &describe);
    assert_eq!(one(&described, "ExecutionStatus"), "EXECUTE_COMPLETE");
    assert_eq!(
        one(&account.ok("DescribeStacks", &[]), "ChangeSetId"),
        one(&described, "ChangeSetId")
    );
}

#[test]
fn a_change_set_names_every_property_with_before_and_after_and_what_replaces() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let described = account.change_set(
        "network",
        "c1",
        "UPDATE",
        &NETWORK.replace("10.0.0.0/16", "10.9.0.0/16"),
    );
    assert_eq!(one(&described, "Status"), "CREATE_COMPLETE");
    let changes = members(&described, "Changes");
    let change = |name: &str| {
        changes
            .iter()
            .find(|change| one(change, "LogicalResourceId") == name)
            .unwrap()
            .clone()
    };
    let vpc = change("Vpc");
    assert_eq!(one(&vpc, "Action"), "Modify");
    assert_eq!(one(&vpc, "Replacement"), "True");
    assert_eq!(one(&vpc, "PolicyAction"), "ReplaceAndDelete");
    assert_eq!(one(&vpc, "Path"), "/Properties/CidrBlock");
    assert_eq!(one(&vpc, "RequiresRecreation"), "Always");
    assert_eq!(
        (one(&vpc, "BeforeValue"), one(&vpc, "AfterValue")),
        ("10.0.0.0/16".into(), "10.9.0.0/16".into())
    );
    assert_eq!(
        (one(&vpc, "ChangeSource"), one(&vpc, "CausingEntity")),
        ("ParameterReference".into(), "Cidr".into())
    );
    let subnet = change("First");
    assert_eq!(one(&subnet, "Replacement"), "Conditional");
    assert!(all(&subnet, "Evaluation").iter().all(|one| one == "Dynamic"));
    assert!(all(&subnet, "CausingEntity").contains(&"Vpc".to_owned()));
    assert!(all(&subnet, "AfterValue").contains(&"{{changeSet:KNOWN_AFTER_APPLY}}".to_owned()));
    assert!(
        !changes
            .iter()
            .any(|change| one(change, "LogicalResourceId") == "Address")
    );
    assert!(one(&vpc, "BeforeContext").contains(r#""CidrBlock":"10.0.0.0/16""#));
}

#[test]
fn a_change_in_place_is_no_replacement() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let described = account.change_set(
        "network",
        "c1",
        "UPDATE",
        &NETWORK.replace("EnableDnsHostnames: true", "EnableDnsHostnames: false"),
    );
    let changes = members(&described, "Changes");
    assert_eq!(changes.len(), 1, "{described}");
    assert_eq!(one(&changes[0], "Replacement"), "False");
    assert_eq!(
        (one(&changes[0], "BeforeValue"), one(&changes[0], "AfterValue")),
        ("true".into(), "false".into())
    );
}

#[test]
fn property_values_are_shown_only_when_asked_for() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    account.change_set("network", "c1", "UPDATE", &NETWORK.replace("true", "false"));
    let plain = account.ok(
        "DescribeChangeSet",
        &[("StackName", "network"), ("ChangeSetName", "c1")],
    );
    assert!(
        !plain.contains("BeforeValue")
            && !plain.contains("AfterContext")
            && plain.contains("<Name>EnableDnsHostnames</Name>")
    );
}

#[test]
fn an_empty_change_set_fails() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let described = account.change_set("network", "c1", "UPDATE", NETWORK);
    assert_eq!(
        (one(&described, "Status"), one(&described, "ExecutionStatus")),
        ("FAILED".into(), "UNAVAILABLE".into())
    );
    assert_eq!(
        one(&described, "StatusReason"),
        "The submitted information didn't contain changes. Submit different information to create a change set."
    );
    let described = account.change_set(
        "network",
        "c2",
        "UPDATE",
        &NETWORK.replace("\nParameters", "\nDescription: other\nParameters"),
    );
    assert_eq!(one(&described, "StatusReason"), "No updates are to be performed.");
}

#[test]
fn changed_outputs_alone_make_a_change_set_without_resources() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let described = account.change_set(
        "network",
        "c1",
        "UPDATE",
        &NETWORK.replace("VpcId: {Value", "Network: {Value"),
    );
    assert_eq!(one(&described, "Status"), "CREATE_COMPLETE");
    assert!(members(&described, "Changes").is_empty());
    account.ok("ExecuteChangeSet", &[("StackName", "network"), ("ChangeSetName", "c1")]);
    account.settle();
    assert!(account.output("network", "Network").starts_with("vpc-"));
}

#[test]
fn executing_one_change_set_ends_the_others() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    account.change_set("network", "c1", "UPDATE", &NETWORK.replace("true", "false"));
    account.change_set("network", "c2", "UPDATE", &NETWORK.replace("true", "'false'"));
    account.ok("ExecuteChangeSet", &[("StackName", "network"), ("ChangeSetName", "c1")]);
    account.settle();
    let refused = account.refused("ExecuteChangeSet", &[("StackName", "network"), ("ChangeSetName", "c2")]);
    assert_eq!(
        refused,
        ("ChangeSetNotFound".into(), "ChangeSet [c2] does not exist".into())
    );
}

#[test]
fn another_update_makes_a_change_set_obsolete() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    account.change_set("network", "c1", "UPDATE", &NETWORK.replace("true", "false"));
    account.update(
        "network",
        &NETWORK.replace("EnableDnsHostnames: true", "EnableDnsSupport: true"),
    );
    account.settle();
    let refused = account.refused("ExecuteChangeSet", &[("StackName", "network"), ("ChangeSetName", "c1")]);
    assert_eq!(refused.0, "InvalidChangeSetStatus");
    assert!(
        refused
            .1
            .ends_with("cannot be executed in its current status of [OBSOLETE]"),
        "{refused:?}"
    );
}

#[test]
fn a_creation_of_what_exists_and_an_update_of_what_does_not_are_refused() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let change = |stack, kind| {
        [
            ("StackName", stack),
            ("ChangeSetName", "c1"),
            ("ChangeSetType", kind),
            ("TemplateBody", BUCKET),
        ]
    };
    let refused = account.refused("CreateChangeSet", &change("network", "CREATE"));
    assert_eq!(
        refused.1,
        "Stack [network] already exists and cannot be created again with the changeSet [c1]."
    );
    let refused = account.refused("CreateChangeSet", &change("other", "UPDATE"));
    assert_eq!(refused.1, "Stack [other] does not exist");
}

#[test]
fn a_property_that_does_not_exist_fails_the_change_set_and_describe_events_says_where() {
    let mut account = Account::new();
    let template = r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket","Properties":{"Colour":"red"}},"S":{"Type":"AWS::EC2::Subnet"}}}"#;
    let described = account.change_set("data", "c1", "CREATE", template);
    assert_eq!(one(&described, "Status"), "FAILED");
    assert!(one(&described, "StatusReason").contains("AWS::EarlyValidation::PropertyValidation"));
    let events = account.ok("DescribeEvents", &[("ChangeSetName", &one(&described, "ChangeSetId"))]);
    let paths = all(&events, "ValidationPath");
    assert!(
        paths.contains(&"/Resources/Data/Properties/Colour".to_owned()),
        "{events}"
    );
    assert!(
        all(&events, "ValidationStatusReason").contains(&"#: required key [VpcId] not found".to_owned()),
        "{events}"
    );
}

#[test]
fn secrets_are_never_shown() {
    let mut account = Account::new();
    let template = r#"{"Parameters":{"Word":{"Type":"String","NoEcho":true,"Default":"s3cret-word"}},"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Ref":"Word"}}}}}"#;
    let described = account.change_set("app", "c1", "CREATE", template);
    assert!(!described.contains("s3cret-word"), "{described}");
    assert_eq!(one(&described, "ParameterValue"), "****");
}

#[test]
fn changes_come_in_pages() {
    let mut account = Account::new();
    let resources: Vec<String> = (0..130)
        .map(|i| format!(r#""T{i}":{{"Type":"AWS::SNS::Topic"}}"#))
        .collect();
    let template = format!(r#"{{"Resources":{{{}}}}}"#, resources.join(","));
    let described = account.change_set("many", "c1", "CREATE", &template);
    assert_eq!(members(&described, "Changes").len(), 100);
    let token = one(&described, "NextToken");
    let rest = account.ok(
        "DescribeChangeSet",
        &[("StackName", "many"), ("ChangeSetName", "c1"), ("NextToken", &token)],
    );
    assert_eq!(members(&rest, "Changes").len(), 30);
    assert!(!rest.contains("NextToken"));
}

#[test]
fn deleting_the_change_set_of_a_new_stack_leaves_the_stack_in_review() {
    let mut account = Account::new();
    account.change_set("ghost", "c1", "CREATE", BUCKET);
    account.ok("DeleteChangeSet", &[("StackName", "ghost"), ("ChangeSetName", "c1")]);
    assert_eq!(account.status("ghost"), "REVIEW_IN_PROGRESS");
    account.ok("DeleteStack", &[("StackName", "ghost")]);
    account.settle();
    assert!(account.service.inventory().is_empty());
}

#[test]
fn an_existing_bucket_is_imported() {
    let mut account = Account::new();
    let template = r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket","DeletionPolicy":"Retain","Properties":{"BucketName":"old-bucket"}}}}"#;
    account.ok(
        "CreateChangeSet",
        &[
            ("StackName", "data"),
            ("ChangeSetName", "c1"),
            ("ChangeSetType", "IMPORT"),
            ("TemplateBody", template),
            ("ResourcesToImport.member.1.ResourceType", "AWS::S3::Bucket"),
            ("ResourcesToImport.member.1.LogicalResourceId", "Data"),
            (
                "ResourcesToImport.member.1.ResourceIdentifier.entry.1.key",
                "BucketName",
            ),
            (
                "ResourcesToImport.member.1.ResourceIdentifier.entry.1.value",
                "old-bucket",
            ),
        ],
    );
    account.settle();
    account.ok("ExecuteChangeSet", &[("StackName", "data"), ("ChangeSetName", "c1")]);
    account.settle();
    assert_eq!(account.status("data"), "IMPORT_COMPLETE");
    assert_eq!(account.physical("data", "Data"), "old-bucket");
}

#[test]
fn changed_tags_change_every_resource_that_can_carry_them() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    account.ok(
        "CreateChangeSet",
        &[
            ("StackName", "network"),
            ("ChangeSetName", "c1"),
            ("UsePreviousTemplate", "true"),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "ml"),
        ],
    );
    account.settle();
    let described = account.ok(
        "DescribeChangeSet",
        &[("StackName", "network"), ("ChangeSetName", "c1")],
    );
    assert_eq!(members(&described, "Changes").len(), 5);
    assert!(all(&described, "Attribute").iter().all(|attribute| attribute == "Tags"));
}

#[test]
fn the_validation_before_deployment_can_be_switched_off() {
    let mut account = Account::new();
    let template = r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket","Properties":{"Colour":"red"}}}}"#;
    let fields = [
        ("StackName", "data"),
        ("ChangeSetName", "c1"),
        ("ChangeSetType", "CREATE"),
        ("TemplateBody", template),
        ("DisableValidation", "true"),
    ];
    account.ok("CreateChangeSet", &fields);
    account.settle();
    account.ok("ExecuteChangeSet", &[("StackName", "data"), ("ChangeSetName", "c1")]);
    account.settle();
    assert_eq!(account.status("data"), "ROLLBACK_COMPLETE");
}

#[test]
fn repeating_an_execution_with_its_token_starts_nothing_twice() {
    let mut account = Account::new();
    account.change_set("data", "c1", "CREATE", BUCKET);
    let fields = [
        ("StackName", "data"),
        ("ChangeSetName", "c1"),
        ("ClientRequestToken", "t"),
    ];
    account.ok("ExecuteChangeSet", &fields);
    account.ok("ExecuteChangeSet", &fields);
    account.settle();
    account.ok("ExecuteChangeSet", &fields);
    account.settle();
    let started = account
        .events("data")
        .iter()
        .filter(|event| *event == "data CREATE_IN_PROGRESS User Initiated")
        .count();
    assert_eq!(started, 1);
}

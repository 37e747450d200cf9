//! Creation, update, deletion over simulated time.

use super::*;

#[test]
fn a_stack_is_created_in_dependency_order_and_in_the_time_of_its_longest_path() {
    let mut account = Account::new();
    account.ok("CreateStack", &[("StackName", "network"), ("TemplateBody", NETWORK)]);
    assert_eq!(account.status("network"), "CREATE_IN_PROGRESS");
    let took = account.settle();
    assert_eq!(account.status("network"), "CREATE_COMPLETE");
    // VPC 12 s, subnet 4 s, NAT gateway 105 s and announcements between; the address is made beside them.
    assert!((121 * SECOND..128 * SECOND).contains(&took), "{took}");
    let events = account.events("network");
    let at = |line: &str| {
        events
            .iter()
            .position(|event| event == line)
            .unwrap_or_else(|| panic!("{line}: {events:#?}"))
    };
    assert_eq!(at("network CREATE_IN_PROGRESS User Initiated"), 0);
    assert!(at("Vpc CREATE_IN_PROGRESS") < at("Vpc CREATE_IN_PROGRESS Resource creation Initiated"));
    assert!(at("Vpc CREATE_COMPLETE") < at("First CREATE_IN_PROGRESS"));
    assert!(at("Second CREATE_COMPLETE") < at("Nat CREATE_COMPLETE"));
    assert!(
        at("Address CREATE_IN_PROGRESS") < at("Vpc CREATE_COMPLETE"),
        "independent resources run beside each other"
    );
    assert_eq!(at("network CREATE_COMPLETE"), events.len() - 1);
    assert!(account.output("network", "VpcId").starts_with("vpc-0"));
    assert!(account.output("network", "Subnets").contains(",subnet-0"));
}

#[test]
fn an_operation_goes_on_while_the_state_lies_on_disk() {
    let mut account = Account::new();
    account.ok("CreateStack", &[("StackName", "network"), ("TemplateBody", NETWORK)]);
    account.pass(20 * SECOND);
    let saved = serde_json::to_string(&account.service).unwrap();
    let mut undisturbed = account.service.clone();
    account.service = serde_json::from_str(&saved).unwrap();
    account.pass(10 * MINUTE);
    undisturbed.advance(account.now, &mut Shelf);
    assert_eq!(account.status("network"), "CREATE_COMPLETE");
    let events = |service: &mut CloudFormation| {
        let fields = [("StackName".to_owned(), "network".to_owned())];
        let body = service
            .call("DescribeStackEvents", &fields, 1_790_000_900_000, &mut Shelf)
            .body;
        all(&body, "Timestamp")
    };
    assert_eq!(events(&mut account.service), events(&mut undisturbed));
}

#[test]
fn equal_calls_at_equal_times_give_equal_answers() {
    let run = || {
        let mut account = Account::new();
        account.create("network", NETWORK);
        account.ok("DescribeStackEvents", &[("StackName", "network")])
    };
    assert_eq!(run(), run());
}

#[test]
fn an_update_changes_in_place_replaces_and_cleans_up() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let (vpc, nat) = (account.physical("network", "Vpc"), account.physical("network", "Nat"));
    let without_second = NETWORK
        .replace("EnableDnsHostnames: true", "EnableDnsHostnames: false")
        .replace("[1, !Cidr", "[0, !Cidr")
        .replace(
            "[0, !Cidr [!GetAtt Vpc.CidrBlock, 2, 8]]}\n  Second",
            "[1, !Cidr [!GetAtt Vpc.CidrBlock, 2, 8]]}\n  Second",
        );
    let first = account.physical("network", "First");
    account.update("network", &without_second);
    account.settle();
    assert_eq!(account.status("network"), "UPDATE_COMPLETE");
    assert_eq!(account.physical("network", "Vpc"), vpc, "changed in place");
    assert_ne!(account.physical("network", "First"), first, "replaced");
    assert_ne!(
        account.physical("network", "Nat"),
        nat,
        "replaced after what it stands in"
    );
    let events = account.events("network");
    let cleanup = events
        .iter()
        .position(|event| event == "network UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        .unwrap();
    let deleted: Vec<&str> = events[cleanup..]
        .iter()
        .filter(|event| event.contains("DELETE_COMPLETE"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        deleted,
        ["Second DELETE_COMPLETE", "Nat DELETE_COMPLETE", "First DELETE_COMPLETE"]
    );
    assert!(events.iter().any(|event| event == "First UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one."));
}

#[test]
fn a_removed_resource_is_deleted_during_the_cleanup() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let nat = NETWORK.find("  Nat:").unwrap();
    let outputs = NETWORK.find("Outputs:").unwrap();
    account.update("network", &format!("{}{}", &NETWORK[..nat], &NETWORK[outputs..]));
    account.settle();
    let listed = account.ok("ListStackResources", &[("StackName", "network")]);
    assert!(!all(&listed, "LogicalResourceId").contains(&"Nat".to_owned()));
    assert_eq!(account.status("network"), "UPDATE_COMPLETE");
}

#[test]
fn an_update_without_changes_is_refused() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let refused = account.refused("UpdateStack", &[("StackName", "network"), ("TemplateBody", NETWORK)]);
    assert_eq!(
        refused,
        ("ValidationError".into(), "No updates are to be performed.".into())
    );
}

#[test]
fn a_deletion_goes_backwards_and_the_stack_is_then_found_by_its_arn_only() {
    let mut account = Account::new();
    let id = account.create("network", NETWORK);
    account.ok("DeleteStack", &[("StackName", "network")]);
    assert_eq!(account.status("network"), "DELETE_IN_PROGRESS");
    account.settle();
    let refused = account.refused("DescribeStacks", &[("StackName", "network")]);
    assert_eq!(
        refused,
        ("ValidationError".into(), "Stack with id network does not exist".into())
    );
    assert_eq!(account.status(&id), "DELETE_COMPLETE");
    let events = account.events(&id);
    let at = |line: &str| events.iter().position(|event| event == line).unwrap();
    assert!(at("Nat DELETE_COMPLETE") < at("First DELETE_IN_PROGRESS"));
    assert!(at("First DELETE_COMPLETE") < at("Vpc DELETE_IN_PROGRESS"));
    assert!(account.service.inventory().is_empty());
}

#[test]
fn deleting_what_does_not_exist_succeeds() {
    Account::new().ok("DeleteStack", &[("StackName", "nothing")]);
}

#[test]
fn retained_resources_outlive_their_stack() {
    let mut account = Account::new();
    let id = account.create(
        "data",
        r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket","DeletionPolicy":"Retain"}}}"#,
    );
    account.ok("DeleteStack", &[("StackName", "data")]);
    account.settle();
    assert!(account.events(&id).contains(&"Data DELETE_SKIPPED".to_owned()));
    assert_eq!(account.status(&id), "DELETE_COMPLETE");
}

#[test]
fn a_client_request_token_begins_an_operation_once() {
    let mut account = Account::new();
    let fields = [
        ("StackName", "data"),
        ("TemplateBody", BUCKET),
        ("ClientRequestToken", "once"),
    ];
    let first = one(&account.ok("CreateStack", &fields), "StackId");
    assert_eq!(one(&account.ok("CreateStack", &fields), "StackId"), first);
    let events = account.ok("DescribeStackEvents", &[("StackName", "data")]);
    assert_eq!(one(&events, "ClientRequestToken"), "once");
    assert_eq!(members(&events, "StackEvents").len(), 1);
    account.settle();
    let another = [
        ("StackName", "data"),
        ("TemplateBody", NETWORK),
        ("ClientRequestToken", "once"),
    ];
    assert_eq!(
        account.refused("UpdateStack", &another).0,
        "TokenAlreadyExistsException"
    );
}

#[test]
fn names_are_made_up_as_cloudformation_does() {
    let mut account = Account::new();
    account.create("Data-Stack", BUCKET);
    let name = account.physical("Data-Stack", "Data");
    assert!(
        name.starts_with("data-stack-data-") && name.len() == "data-stack-data-".len() + 12,
        "{name}"
    );
}

#[test]
fn a_name_that_is_taken_fails_the_second_stack() {
    let mut account = Account::new();
    let template = r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"taken"}}}}"#;
    let owner = account.create("one", template);
    account.create("two", template);
    assert_eq!(account.status("two"), "ROLLBACK_COMPLETE");
    assert!(
        account
            .events("two")
            .contains(&format!("Data CREATE_FAILED taken already exists in stack {owner}"))
    );
}

#[test]
fn a_replaced_resource_may_be_retained() {
    let mut account = Account::new();
    let template = |cidr: &str| {
        format!(
            "Resources: {{Vpc: {{Type: AWS::EC2::VPC, UpdateReplacePolicy: Retain, Properties: {{CidrBlock: {cidr}}}}}}}"
        )
    };
    account.create("network", &template("10.0.0.0/16"));
    let old = account.physical("network", "Vpc");
    account.update("network", &template("10.1.0.0/16"));
    account.settle();
    assert_ne!(account.physical("network", "Vpc"), old);
    let events = account.ok("DescribeStackEvents", &[("StackName", "network")]);
    let skipped = members(&events, "StackEvents")
        .into_iter()
        .find(|event| one(event, "ResourceStatus") == "DELETE_SKIPPED");
    assert_eq!(one(&skipped.unwrap(), "PhysicalResourceId"), old);
}

#[test]
fn retain_except_on_create_retains_only_what_was_in_use() {
    let mut account = Account::new();
    let template = r#"{"Resources":{"A":{"Type":"AWS::SNS::Topic","DeletionPolicy":"RetainExceptOnCreate"},"B":{"Type":"AWS::S3::Bucket","DependsOn":"A"}}}"#;
    account.fault("B", FaultTask::Create, "no");
    account.create("failed", template);
    assert!(account.events("failed").contains(&"A DELETE_COMPLETE".to_owned()));
    let id = account.create("good", template);
    account.ok("DeleteStack", &[("StackName", "good")]);
    account.settle();
    assert!(account.events(&id).contains(&"A DELETE_SKIPPED".to_owned()));
}

#[test]
fn a_custom_name_stands_in_the_way_of_a_replacement() {
    let mut account = Account::new();
    let template = |encryption: &str| {
        format!(
            "Resources: {{R: {{Type: AWS::ECR::Repository, Properties: {{RepositoryName: own, EncryptionConfiguration: {{EncryptionType: {encryption}}}}}}}}}"
        )
    };
    account.create("images", &template("AES256"));
    account.update("images", &template("KMS"));
    account.settle();
    assert_eq!(
        account.status("images"),
        "UPDATE_ROLLBACK_COMPLETE",
        "{:#?}",
        account.events("images")
    );
    let reason = "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename own and update the stack again.";
    assert!(account.events("images").iter().any(|event| event.ends_with(reason)));
}

//! What protects stacks: termination protection, policies, exports, capabilities.

use super::*;

const EXPORTER: &str = r#"{"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"Arn":{"Value":{"Ref":"T"},"Export":{"Name":"topic"}}}}"#;
const IMPORTER: &str =
    r#"{"Resources":{"P":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::ImportValue":"topic"}}}}}"#;

#[test]
fn a_protected_stack_is_not_deleted() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    account.ok(
        "UpdateTerminationProtection",
        &[("StackName", "network"), ("EnableTerminationProtection", "true")],
    );
    let refused = account.refused("DeleteStack", &[("StackName", "network")]);
    assert_eq!(
        refused.1,
        "Stack [network] cannot be deleted while TerminationProtection is enabled"
    );
    account.ok(
        "UpdateTerminationProtection",
        &[("StackName", "network"), ("EnableTerminationProtection", "false")],
    );
    account.ok("DeleteStack", &[("StackName", "network")]);
}

#[test]
fn an_export_in_use_protects_its_stack() {
    let mut account = Account::new();
    let id = account.create("owner", EXPORTER);
    account.create("user", IMPORTER);
    assert_eq!(all(&account.ok("ListExports", &[]), "Name"), ["topic"]);
    let imports = account.ok("ListImports", &[("ExportName", "topic")]);
    assert_eq!(members(&imports, "Imports"), ["user"]);
    account.ok("DeleteStack", &[("StackName", "owner")]);
    account.settle();
    assert_eq!(account.status("owner"), "CREATE_COMPLETE");
    let events = account.events("owner");
    assert_eq!(
        events.last().unwrap(),
        "owner CREATE_COMPLETE Export topic cannot be deleted as it is in use by user"
    );
    account.update("owner", &EXPORTER.replace(r#","Export":{"Name":"topic"}"#, ""));
    account.settle();
    assert_eq!(account.status("owner"), "UPDATE_ROLLBACK_COMPLETE");
    account.ok("DeleteStack", &[("StackName", "user")]);
    account.settle();
    account.ok("DeleteStack", &[("StackName", "owner")]);
    account.settle();
    assert_eq!(account.status(&id), "DELETE_COMPLETE");
}

#[test]
fn an_export_has_one_owner() {
    let mut account = Account::new();
    account.create("owner", EXPORTER);
    account.create("rival", EXPORTER);
    assert_eq!(account.status("rival"), "ROLLBACK_COMPLETE");
}

#[test]
fn a_missing_export_fails_what_imports_it() {
    let mut account = Account::new();
    account.create("user", IMPORTER);
    assert_eq!(account.status("user"), "ROLLBACK_COMPLETE");
    assert!(
        account
            .events("user")
            .contains(&"P CREATE_FAILED No export named topic found.".to_owned())
    );
}

#[test]
fn a_stack_policy_stops_the_update_that_it_denies() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    let policy = r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},{"Effect":"Deny","Action":["Update:Replace","Update:Delete"],"Principal":"*","Resource":"LogicalResourceId/Vpc"}]}"#;
    account.ok(
        "SetStackPolicy",
        &[("StackName", "network"), ("StackPolicyBody", policy)],
    );
    assert!(
        one(
            &account.ok("GetStackPolicy", &[("StackName", "network")]),
            "StackPolicyBody"
        )
        .contains("Update:Replace")
    );
    account.update("network", &NETWORK.replace("true", "false"));
    account.settle();
    assert_eq!(account.status("network"), "UPDATE_COMPLETE", "in place is allowed");
    account.update("network", &NETWORK.replace("10.0.0.0/16", "10.3.0.0/16"));
    account.settle();
    assert_eq!(account.status("network"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(
        account
            .events("network")
            .iter()
            .any(|event| event.contains("Action denied by stack policy"))
    );
    account.update("network", BUCKET);
    account.settle();
    assert_eq!(
        account.status("network"),
        "UPDATE_ROLLBACK_COMPLETE",
        "nor may it be removed"
    );
}

#[test]
fn iam_resources_want_a_capability() {
    let mut account = Account::new();
    let role = r#"{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{}}}}}"#;
    let refused = account.refused("CreateStack", &[("StackName", "roles"), ("TemplateBody", role)]);
    assert_eq!(
        refused,
        (
            "InsufficientCapabilitiesException".into(),
            "Requires capabilities : [CAPABILITY_IAM]".into()
        )
    );
    let named = role.replace(
        r#""AssumeRolePolicyDocument":{}"#,
        r#""AssumeRolePolicyDocument":{},"RoleName":"x""#,
    );
    let refused = account.refused(
        "CreateStack",
        &[
            ("StackName", "roles"),
            ("TemplateBody", &named),
            ("Capabilities.member.1", "CAPABILITY_IAM"),
        ],
    );
    assert_eq!(refused.1, "Requires capabilities : [CAPABILITY_NAMED_IAM]");
}

#[test]
fn a_stack_at_work_takes_no_second_operation() {
    let mut account = Account::new();
    account.ok("CreateStack", &[("StackName", "network"), ("TemplateBody", NETWORK)]);
    let refused = account.refused("UpdateStack", &[("StackName", "network"), ("TemplateBody", BUCKET)]);
    assert!(
        refused
            .1
            .ends_with("is in CREATE_IN_PROGRESS state and can not be updated."),
        "{refused:?}"
    );
    account.settle();
    account.update("network", &NETWORK.replace("true", "false"));
    let refused = account.refused("DeleteStack", &[("StackName", "network")]);
    assert_eq!(
        refused.1,
        "Stack [network] cannot be deleted while in status UPDATE_IN_PROGRESS"
    );
}

//! Failures and the ways back.

use super::*;

#[test]
fn a_failed_creation_cancels_what_runs_and_deletes_what_was_made() {
    let mut account = Account::new();
    account.fault("First", FaultTask::Create, "The subnet limit is reached");
    account.create("network", NETWORK);
    assert_eq!(account.status("network"), "ROLLBACK_COMPLETE");
    let events = account.events("network");
    assert!(
        events.contains(&"First CREATE_FAILED The subnet limit is reached".to_owned()),
        "{events:#?}"
    );
    assert!(
        events.contains(&"Second CREATE_FAILED Resource creation cancelled".to_owned()),
        "{events:#?}"
    );
    let rollback = "network ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [First, Second, Address]. Rollback requested by user.";
    assert!(events.contains(&rollback.to_owned()), "{events:#?}");
    assert!(events.contains(&"Vpc DELETE_COMPLETE".to_owned()));
    let refused = account.refused("UpdateStack", &[("StackName", "network"), ("TemplateBody", BUCKET)]);
    assert!(
        refused
            .1
            .ends_with("is in ROLLBACK_COMPLETE state and can not be updated."),
        "{refused:?}"
    );
}

#[test]
fn on_failure_delete_leaves_no_stack_and_disable_rollback_keeps_everything() {
    let mut account = Account::new();
    account.fault("Data", FaultTask::Create, "no");
    account.ok(
        "CreateStack",
        &[("StackName", "gone"), ("TemplateBody", BUCKET), ("OnFailure", "DELETE")],
    );
    account.settle();
    account.refused("DescribeStacks", &[("StackName", "gone")]);

    account.fault("First", FaultTask::Create, "no");
    account.ok(
        "CreateStack",
        &[
            ("StackName", "kept"),
            ("TemplateBody", NETWORK),
            ("DisableRollback", "true"),
        ],
    );
    account.settle();
    assert_eq!(account.status("kept"), "CREATE_FAILED");
    assert!(account.physical("kept", "Vpc").starts_with("vpc-"));
    account.ok("RollbackStack", &[("StackName", "kept")]);
    account.settle();
    assert_eq!(account.status("kept"), "ROLLBACK_COMPLETE");
}

fn table(mode: &str, extra: &str) -> String {
    format!(
        r#"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {{AssumeRolePolicyDocument: {{}}, Description: {mode}}}
  Table:
    Type: AWS::Logs::LogGroup
    DependsOn: Role
    Properties: {{RetentionInDays: 7, Tags: [{{Key: mode, Value: {mode}}}]}}
  {extra}
"#
    )
}

#[test]
fn a_failed_update_puts_the_old_properties_and_resources_back() {
    let mut account = Account::new();
    account.create("app", &table("one", ""));
    let before = account.ok("DescribeStackResources", &[("StackName", "app")]);
    let template = account.ok("GetTemplate", &[("StackName", "app")]);
    account.fault("Table", FaultTask::Update, "throttled to death");
    account.update("app", &table("two", "Extra: {Type: AWS::SNS::Topic}"));
    account.settle();
    assert_eq!(account.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    let after = account.ok("DescribeStackResources", &[("StackName", "app")]);
    assert_eq!(all(&after, "PhysicalResourceId"), all(&before, "PhysicalResourceId"));
    assert_eq!(
        one(&account.ok("GetTemplate", &[("StackName", "app")]), "TemplateBody"),
        one(&template, "TemplateBody")
    );
    let events = account.events("app");
    assert!(
        events.contains(&"app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS".to_owned()),
        "{events:#?}"
    );
    assert!(
        events.contains(&"Extra DELETE_COMPLETE".to_owned())
            || !events.iter().any(|e| e.starts_with("Extra CREATE_COMPLETE"))
    );
    // And the old description really is in force: submitting it again changes nothing.
    let refused = account.refused(
        "UpdateStack",
        &[
            ("StackName", "app"),
            ("TemplateBody", &table("one", "")),
            ("Capabilities.member.1", "CAPABILITY_IAM"),
        ],
    );
    assert_eq!(refused.1, "No updates are to be performed.");
}

#[test]
fn a_replaced_resource_comes_back_when_the_update_fails() {
    let mut account = Account::new();
    let template = |cidr: &str, days: u8| {
        format!(
            "Resources:\n  Vpc: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: {cidr}}}}}\n  Log: {{Type: AWS::Logs::LogGroup, DependsOn: Vpc, Properties: {{RetentionInDays: {days}}}}}\n"
        )
    };
    account.create("app", &template("10.0.0.0/16", 7));
    let vpc = account.physical("app", "Vpc");
    account.fault("Log", FaultTask::Update, "no");
    account.update("app", &template("10.9.0.0/16", 14));
    account.settle();
    assert_eq!(account.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(account.physical("app", "Vpc"), vpc);
    let deleted = account
        .events("app")
        .iter()
        .filter(|event| *event == "Vpc DELETE_COMPLETE")
        .count();
    assert_eq!(deleted, 1, "the new one is deleted");
}

#[test]
fn a_rollback_that_fails_is_continued_or_its_resource_skipped() {
    for skip in [false, true] {
        let mut account = Account::new();
        account.create("app", &table("one", ""));
        account.service.set_faults(vec![
            fault("Table", FaultTask::Update, "first"),
            FaultSpec {
                times: if skip { None } else { Some(1) },
                ..fault("Role", FaultTask::Restore, "second")
            },
        ]);
        account.update("app", &table("two", ""));
        account.settle();
        assert_eq!(account.status("app"), "UPDATE_ROLLBACK_FAILED");
        account.refused(
            "ContinueUpdateRollback",
            &[("StackName", "app"), ("ResourcesToSkip.member.1", "Nothing")],
        );
        let mut fields = vec![("StackName", "app")];
        if skip {
            fields.push(("ResourcesToSkip.member.1", "Role"));
        }
        account.ok("ContinueUpdateRollback", &fields);
        account.settle();
        assert_eq!(account.status("app"), "UPDATE_ROLLBACK_COMPLETE", "skip: {skip}");
    }
}

#[test]
fn a_cancelled_update_goes_back() {
    let mut account = Account::new();
    account.create("network", NETWORK);
    account.refused("CancelUpdateStack", &[("StackName", "network")]);
    account.update("network", &NETWORK.replace("10.0.0.0/16", "10.7.0.0/16"));
    account.pass(3 * SECOND);
    account.ok("CancelUpdateStack", &[("StackName", "network")]);
    assert_eq!(account.status("network"), "UPDATE_ROLLBACK_IN_PROGRESS");
    account.settle();
    assert_eq!(account.status("network"), "UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn a_kept_failed_update_is_rolled_back_on_demand_or_tried_again() {
    for retry in [false, true] {
        let mut account = Account::new();
        account.create("app", &table("one", ""));
        account.fault("Table", FaultTask::Update, "no");
        let fields = [
            ("StackName", "app"),
            ("TemplateBody", &table("two", "")),
            ("DisableRollback", "true"),
            ("Capabilities.member.1", "CAPABILITY_IAM"),
        ];
        account.ok("UpdateStack", &fields);
        account.settle();
        assert_eq!(account.status("app"), "UPDATE_FAILED");
        if retry {
            account.update("app", &table("three", ""));
            account.settle();
            assert_eq!(account.status("app"), "UPDATE_COMPLETE");
        } else {
            account.ok("RollbackStack", &[("StackName", "app")]);
            account.settle();
            assert_eq!(account.status("app"), "UPDATE_ROLLBACK_COMPLETE");
        }
    }
}

#[test]
fn a_bucket_that_is_not_empty_fails_the_deletion_and_is_retained_or_forced() {
    for way in ["retain", "force"] {
        let mut account = Account::new();
        let template = r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"full-bucket"}},"Other":{"Type":"AWS::SNS::Topic"}}}"#;
        let id = account.create("data", template);
        account.refused(
            "DeleteStack",
            &[("StackName", "data"), ("DeletionMode", "FORCE_DELETE_STACK")],
        );
        account.ok("DeleteStack", &[("StackName", "data")]);
        account.settle();
        assert_eq!(account.status("data"), "DELETE_FAILED");
        let events = account.events("data");
        assert!(
            events.contains(&"Data DELETE_FAILED The bucket you tried to delete is not empty".to_owned()),
            "{events:#?}"
        );
        assert_eq!(
            events.last().unwrap(),
            "data DELETE_FAILED The following resource(s) failed to delete: [Data]."
        );
        match way {
            "retain" => account.ok(
                "DeleteStack",
                &[("StackName", "data"), ("RetainResources.member.1", "Data")],
            ),
            _ => account.ok(
                "DeleteStack",
                &[("StackName", "data"), ("DeletionMode", "FORCE_DELETE_STACK")],
            ),
        };
        account.settle();
        assert_eq!(account.status(&id), "DELETE_COMPLETE", "{way}");
    }
}

#[test]
fn a_stack_is_deleted_in_the_middle_of_its_creation() {
    let mut account = Account::new();
    account.ok("CreateStack", &[("StackName", "network"), ("TemplateBody", NETWORK)]);
    account.pass(30 * SECOND);
    account.ok("DeleteStack", &[("StackName", "network")]);
    account.settle();
    assert!(account.service.inventory().is_empty());
}

#[test]
fn a_late_fault_strikes_after_the_work_and_its_remains_are_deleted() {
    let mut account = Account::new();
    account.service.set_faults(vec![FaultSpec {
        late: true,
        ..fault("Nat", FaultTask::Create, "did not stabilize")
    }]);
    account.create("network", NETWORK);
    let events = account.events("network");
    assert!(events.contains(&"Nat CREATE_IN_PROGRESS Resource creation Initiated".to_owned()));
    assert!(events.contains(&"Nat DELETE_COMPLETE".to_owned()), "{events:#?}");
}

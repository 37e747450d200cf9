//! Resources that are complete only when they have been signalled.

use super::*;

const GATE: &str = r#"
Resources:
  Handle: {Type: "AWS::CloudFormation::WaitConditionHandle"}
  Gate:
    Type: AWS::CloudFormation::WaitCondition
    Properties: {Handle: !Ref Handle, Timeout: "600", Count: 2}
"#;

/// `{}` is the creation policy's signal.
fn instance(signal: &str) -> String {
    format!(
        r#"
Resources:
  Machine:
    Type: AWS::EC2::Instance
    CreationPolicy: {{ResourceSignal: {signal}}}
    Properties: {{ImageId: ami-0123456789abcdef0}}
"#
    )
}

fn signal(account: &mut Account, resource: &str, unique: &str, status: &str) {
    let why = reasons(account);
    assert_eq!(why, [""; 0]);
    account.ok(
        "SignalResource",
        &[
            ("StackName", "app"),
            ("LogicalResourceId", resource),
            ("UniqueId", unique),
            ("Status", status),
        ],
    );
}

fn begin(account: &mut Account, template: &str) {
    account.ok("CreateStack", &[("StackName", "app"), ("TemplateBody", template)]);
}

fn reasons(account: &mut Account) -> Vec<String> {
    let events = account.events("app");
    events.into_iter().filter(|event| event.contains("FAILED")).collect()
}

#[test]
fn a_wait_condition_that_nobody_signals_fails_after_its_timeout() {
    let mut account = Account::new();
    begin(&mut account, GATE);
    account.pass(590 * SECOND);
    assert_eq!(account.status("app"), "CREATE_IN_PROGRESS");
    account.settle();
    assert_eq!(account.status("app"), "ROLLBACK_COMPLETE");
    assert_eq!(
        reasons(&mut account),
        ["Gate CREATE_FAILED WaitCondition timed out. Received 0 conditions when expecting 2"]
    );
}

#[test]
fn a_wait_condition_is_complete_as_soon_as_it_has_its_signals() {
    let mut account = Account::new();
    begin(&mut account, GATE);
    account.pass(60 * SECOND);
    signal(&mut account, "Gate", "one", "SUCCESS");
    // The same id again is the same signal.
    signal(&mut account, "Gate", "one", "SUCCESS");
    account.pass(60 * SECOND);
    assert_eq!(account.status("app"), "CREATE_IN_PROGRESS");
    signal(&mut account, "Gate", "two", "SUCCESS");
    let took = account.settle();
    assert_eq!(account.status("app"), "CREATE_COMPLETE");
    assert!(took < 5 * SECOND, "{took}");
    let events = account.events("app");
    let received = "Gate CREATE_IN_PROGRESS Received SUCCESS signal with UniqueId two";
    assert!(events.contains(&received.to_owned()), "{events:#?}");
    let late = account.refused(
        "SignalResource",
        &[
            ("StackName", "app"),
            ("LogicalResourceId", "Gate"),
            ("UniqueId", "three"),
            ("Status", "SUCCESS"),
        ],
    );
    assert_eq!(
        late.1,
        "Resource Gate is in CREATE_COMPLETE state and cannot be signaled"
    );
}

#[test]
fn a_failure_signal_ends_a_wait_condition_at_once() {
    let mut account = Account::new();
    begin(&mut account, GATE);
    account.pass(60 * SECOND);
    signal(&mut account, "Gate", "one", "FAILURE");
    account.settle();
    assert_eq!(
        reasons(&mut account),
        ["Gate CREATE_FAILED WaitCondition received failed message: '' for uniqueId: one"]
    );
}

#[test]
fn a_creation_policy_holds_a_resource_until_it_is_signalled() {
    let mut account = Account::new();
    begin(&mut account, &instance("{Timeout: PT15M}"));
    account.pass(2 * MINUTE);
    assert_eq!(account.status("app"), "CREATE_IN_PROGRESS");
    signal(&mut account, "Machine", "i-0", "SUCCESS");
    account.settle();
    assert_eq!(account.status("app"), "CREATE_COMPLETE");

    let mut account = Account::new();
    begin(&mut account, &instance("{Timeout: PT15M, Count: 3}"));
    account.pass(2 * MINUTE);
    signal(&mut account, "Machine", "i-0", "SUCCESS");
    account.settle();
    assert_eq!(
        reasons(&mut account),
        ["Machine CREATE_FAILED Failed to receive 3 resource signal(s) within the specified duration"]
    );
}

#[test]
fn signals_survive_on_disk() {
    let mut account = Account::new();
    begin(&mut account, GATE);
    account.pass(60 * SECOND);
    signal(&mut account, "Gate", "one", "SUCCESS");
    let saved = serde_json::to_string(&account.service).unwrap();
    account.service = serde_json::from_str(&saved).unwrap();
    signal(&mut account, "Gate", "two", "SUCCESS");
    account.settle();
    assert_eq!(account.status("app"), "CREATE_COMPLETE");
}

#[test]
fn a_signal_of_another_kind_or_for_another_resource_is_refused() {
    let mut account = Account::new();
    begin(&mut account, GATE);
    account.pass(60 * SECOND);
    let signal = |resource, status| {
        [
            ("StackName", "app"),
            ("LogicalResourceId", resource),
            ("UniqueId", "one"),
            ("Status", status),
        ]
    };
    let (code, words) = account.refused("SignalResource", &signal("Gate", "MAYBE"));
    assert!(
        code == "ValidationError" && words.contains("[SUCCESS, FAILURE]"),
        "{words}"
    );
    let (_, words) = account.refused("SignalResource", &signal("Nobody", "SUCCESS"));
    assert_eq!(words, "Resource Nobody does not exist for stack app");
    let (_, words) = account.refused("SignalResource", &signal("Handle", "SUCCESS"));
    assert_eq!(
        words,
        "Resource Handle is in CREATE_COMPLETE state and cannot be signaled"
    );
}

//! Roles, policies and identity providers, as IAM refuses them.

use super::Trial;

const TRUST: &str = r#"{"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

/// One resource called `It`.
fn one(kind: &str, properties: &str) -> String {
    format!(r#"{{"Resources": {{"It": {{"Type": "{kind}", "Properties": {properties}}}}}}}"#)
}

fn role(rest: &str) -> String {
    one(
        "AWS::IAM::Role",
        &format!(r#"{{"AssumeRolePolicyDocument": {TRUST}{rest}}}"#),
    )
}

/// A policy document of about so many characters.
fn document(length: usize) -> String {
    let resources: Vec<String> = (0..length / 42)
        .map(|n| format!("\"arn:aws:s3:::a-bucket-of-the-team-{n:05}\""))
        .collect();
    format!(
        r#"{{"Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": [{}]}}]}}"#,
        resources.join(",")
    )
}

#[tokio::test(start_paused = true)]
async fn an_account_has_one_identity_provider_for_an_address() {
    let trial = Trial::new().await;
    let provider = one(
        "AWS::IAM::OIDCProvider",
        r#"{"Url": "https://token.actions.githubusercontent.com", "ClientIdList": ["sts.amazonaws.com"]}"#,
    );
    trial.make("first", &provider).await;
    let words = "Provider with url https://token.actions.githubusercontent.com already exists.";
    trial.refuse("second", &provider, words).await;
    trial.destroy("first").await;
    trial.make("second", &provider).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_role_or_a_policy_has_one_owner() {
    let trial = Trial::new().await;
    let iam = aws_sdk_iam::Client::new(&trial.config);
    iam.create_role()
        .role_name("plan")
        .assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap();
    let named = role(r#", "RoleName": "plan""#);
    trial.refuse("app", &named, "Role with name plan already exists.").await;
    let create = iam.create_policy().policy_name("limits").policy_document(document(100));
    create.send().await.unwrap();
    let policy = one(
        "AWS::IAM::ManagedPolicy",
        &format!(
            r#"{{"ManagedPolicyName": "limits", "PolicyDocument": {}}}"#,
            document(100)
        ),
    );
    let words = "A policy called limits already exists. Duplicate names are not allowed.";
    trial.refuse("app", &policy, words).await;
}

#[tokio::test(start_paused = true)]
async fn a_permissions_boundary_exists_before_it_is_put_on_a_role() {
    let trial = Trial::new().await;
    let arn = "arn:aws:iam::111122223333:policy/limits";
    let bounded = role(&format!(r#", "RoleName": "app", "PermissionsBoundary": "{arn}""#));
    let words = format!("Scope ARN: {arn} does not exist or is not attachable.");
    trial.refuse("app", &bounded, &words).await;
    let iam = aws_sdk_iam::Client::new(&trial.config);
    let create = iam.create_policy().policy_name("limits").policy_document(document(100));
    create.send().await.unwrap();
    trial.make("app", &bounded).await;
    let boundary = async || {
        let role = iam.get_role().role_name("app").send().await.unwrap();
        let boundary = role.role().unwrap().permissions_boundary().cloned();
        boundary.and_then(|boundary| boundary.permissions_boundary_arn().map(str::to_owned))
    };
    assert_eq!(boundary().await.as_deref(), Some(arn));
    trial.make("app", &role(r#", "RoleName": "app""#)).await;
    assert_eq!(boundary().await, None);
}

#[tokio::test(start_paused = true)]
async fn policies_have_lengths_and_roles_a_number_of_them() {
    let trial = Trial::new().await;
    let managed = |length| {
        one(
            "AWS::IAM::ManagedPolicy",
            &format!(r#"{{"PolicyDocument": {}}}"#, document(length)),
        )
    };
    trial
        .refuse("app", &managed(6_400), "Cannot exceed quota for PolicySize: 6144")
        .await;
    trial.make("managed", &managed(5_900)).await;
    let inline = |length| {
        role(&format!(
            r#", "RoleName": "app", "Policies": [{{"PolicyName": "p", "PolicyDocument": {}}}]"#,
            document(length)
        ))
    };
    trial
        .refuse(
            "app",
            &inline(10_600),
            "Maximum policy size of 10240 bytes exceeded for role app",
        )
        .await;
    trial.make("inline", &inline(9_900)).await;
    let many: Vec<String> = (0..11).map(|n| format!("\"arn:aws:iam::aws:policy/P{n}\"")).collect();
    let many = role(&format!(r#", "ManagedPolicyArns": [{}]"#, many.join(",")));
    trial
        .refuse("app", &many, "Cannot exceed quota for PoliciesPerRole: 10")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_trust_policy_says_who_may_assume_the_role_and_no_more() {
    let trial = Trial::new().await;
    let trusting = |statement: &str| {
        one(
            "AWS::IAM::Role",
            &format!(r#"{{"AssumeRolePolicyDocument": {{"Statement": [{statement}]}}}}"#),
        )
    };
    for (statement, words) in [
        (
            r#"{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Resource": "*"}"#,
            "Has prohibited field Resource",
        ),
        (
            r#"{"Effect": "Allow", "Action": "sts:AssumeRole"}"#,
            "Missing required field Principal",
        ),
        (
            r#"{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"}"#,
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            r#"{"Effect": "Maybe", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}"#,
            "Syntax errors in policy.",
        ),
    ] {
        trial.refuse("app", &trusting(statement), words).await;
    }
}

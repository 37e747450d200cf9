//! Values that go together, service by service.

use super::found;

fn of(kind: &str, properties: &str) -> Vec<String> {
    found(&format!(
        "Resources:\n  R:\n    Type: {kind}\n    Properties: {properties}\n"
    ))
}

#[test]
fn the_attributes_of_a_table_are_those_of_its_keys() {
    let table = |attributes: &str, keys: &str| {
        of(
            "AWS::DynamoDB::Table",
            &format!("{{BillingMode: PAY_PER_REQUEST, AttributeDefinitions: {attributes}, KeySchema: {keys}}}"),
        )
    };
    let id = "{AttributeName: id, AttributeType: S}";
    let key = "[{AttributeName: id, KeyType: HASH}]";
    assert_eq!(table(&format!("[{id}]"), key), Vec::<String>::new());
    assert_eq!(
        table(&format!("[{id}, {{AttributeName: total, AttributeType: N}}]"), key),
        ["0474 4:126 the attribute `total` is part of no key; remove it from `AttributeDefinitions`"]
    );
    assert_eq!(
        table(&format!("[{id}]"), "[{AttributeName: di, KeyType: HASH}]"),
        [
            "0474 4:87 the attribute `id` is part of no key; remove it from `AttributeDefinitions`",
            "0474 4:139 the key `di` is not in `AttributeDefinitions`; did you mean `id`?",
        ]
    );
    // What a function gives may be any name.
    assert_eq!(table(&format!("[{id}, !Ref AWS::NoValue]"), key), Vec::<String>::new());
}

#[test]
fn the_greatest_size_of_a_group_is_not_below_the_least() {
    let group = |sizes: &str| {
        of(
            "AWS::AutoScaling::AutoScalingGroup",
            &format!("{{AvailabilityZones: !GetAZs '', LaunchConfigurationName: x, {sizes}}}"),
        )
    };
    assert_eq!(
        group("MinSize: '2', MaxSize: '2', DesiredCapacity: '2'"),
        Vec::<String>::new()
    );
    assert_eq!(
        group("MinSize: '5', MaxSize: '2'"),
        ["0474 4:100 `MaxSize`, 2, is below `MinSize`, 5"]
    );
    assert_eq!(
        group("MinSize: 1, MaxSize: 2, DesiredCapacity: 3"),
        ["0474 4:118 `DesiredCapacity`, 3, is above `MaxSize`, 2"]
    );
}

#[test]
fn requests_go_to_origins_that_a_distribution_has() {
    let distribution = |target: &str| {
        of(
            "AWS::CloudFront::Distribution",
            &format!(
                "{{DistributionConfig: {{Enabled: true, Origins: [{{Id: bucket, DomainName: b.example.com, S3OriginConfig: {{}}}}], DefaultCacheBehavior: {{TargetOriginId: {target}, ViewerProtocolPolicy: https-only, CachePolicyId: x}}}}}}"
            ),
        )
    };
    assert_eq!(distribution("bucket"), Vec::<String>::new());
    assert_eq!(
        distribution("buckt"),
        ["0474 4:165 the distribution has no origin `buckt`; did you mean `bucket`?"]
    );
}

#[test]
fn a_pipeline_begins_with_sources_and_has_none_later() {
    let stage = |category: &str| {
        format!(
            "{{Name: {category}, Actions: [{{Name: a, ActionTypeId: {{Category: {category}, Owner: AWS, Provider: x, Version: '1'}}}}]}}"
        )
    };
    let pipeline = |first: &str, second: &str| {
        of(
            "AWS::CodePipeline::Pipeline",
            &format!(
                "{{RoleArn: 'arn:aws:iam::111122223333:role/x', ArtifactStore: {{Type: S3, Location: some-bucket}}, Stages: [{}, {}]}}",
                stage(first),
                stage(second)
            ),
        )
    };
    assert_eq!(pipeline("Source", "Build"), Vec::<String>::new());
    let says = |first, second, words: &str| pipeline(first, second).iter().any(|line| line.contains(words));
    assert!(says("Build", "Deploy", "begins with sources, not with `Build`"));
    assert!(says(
        "Source",
        "Source",
        "only the first stage of a pipeline can hold sources"
    ));
}

#[test]
fn a_backup_stays_in_cold_storage_for_ninety_days() {
    let plan = |days: u32| {
        of(
            "AWS::Backup::BackupPlan",
            &format!(
                "{{BackupPlan: {{BackupPlanName: p, BackupPlanRule: [{{RuleName: r, TargetBackupVault: v, Lifecycle: {{MoveToColdStorageAfterDays: 30, DeleteAfterDays: {days}}}}}]}}}}"
            ),
        )
    };
    assert_eq!(plan(120), Vec::<String>::new());
    assert_eq!(
        plan(119),
        ["0474 4:164 deleted after 119 days, 89 after it went cold; `DeleteAfterDays: 120` is the least"]
    );
}

#[test]
fn records_of_addresses_hold_addresses() {
    let record = |kind: &str, value: &str| {
        of(
            "AWS::Route53::RecordSet",
            &format!(
                "{{HostedZoneId: Z1, Name: a.example.com, Type: {kind}, TTL: '60', ResourceRecords: ['{value}']}}"
            ),
        )
    };
    assert_eq!(record("A", "192.0.2.1"), Vec::<String>::new());
    assert_eq!(record("AAAA", "2001:db8::1"), Vec::<String>::new());
    assert_eq!(record("CNAME", "b.example.com"), Vec::<String>::new());
    assert_eq!(
        record("A", "b.example.com"),
        [
            "0425 4:95 a record of type `A` holds an IPv4 address, not `b.example.com`; for a name use a record of type `CNAME`, or `AliasTarget`"
        ]
    );
    assert_eq!(record("AAAA", "192.0.2.1").len(), 1);
}

#[test]
fn a_state_machine_goes_from_state_to_state() {
    let machine = |definition: &str| {
        of(
            "AWS::StepFunctions::StateMachine",
            &format!("{{RoleArn: 'arn:aws:iam::111122223333:role/x', Definition: {definition}}}"),
        )
    };
    assert_eq!(
        machine(
            "{StartAt: A, States: {A: {Type: Choice, Choices: [{Next: B}], Default: C}, B: {Type: Pass, Next: C}, C: {Type: '${Kind}'}}}"
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        machine("{StartAt: Begin, States: {Only: {Type: Pas, Next: Olny}}}"),
        [
            "0475 4:85 there is no state `Begin`",
            "0475 4:114 `Pas` is not a type of a state; did you mean `Pass`?",
            "0475 4:125 there is no state `Olny`; did you mean `Only`?",
        ]
    );
    assert_eq!(machine("{States: {A: {End: true}}}").len(), 2);
}

#[test]
fn secure_parameters_stand_only_where_they_are_supported() {
    let reference = "'{{resolve:ssm-secure:/p:1}}'";
    assert_eq!(
        of("AWS::SNS::Topic", &format!("{{DisplayName: {reference}}}")),
        [
            "0454 4:31 `DisplayName` of `AWS::SNS::Topic` cannot take a secure parameter; `{{resolve:secretsmanager:…}}` works in every property"
        ]
    );
    assert_eq!(
        of(
            "AWS::IAM::User",
            &format!("{{LoginProfile: {{Password: {reference}}}}}")
        ),
        Vec::<String>::new()
    );
}

#[test]
fn a_service_whose_tasks_have_addresses_of_their_own_needs_a_network() {
    let with = |mode: &str, network: &str| {
        found(&format!(
            "Resources:\n  T: {{Type: AWS::ECS::TaskDefinition, Properties: {{NetworkMode: {mode}, ContainerDefinitions: [{{Name: a, Image: b, Memory: 100}}]}}}}\n  S: {{Type: AWS::ECS::Service, Properties: {{TaskDefinition: !Ref T{network}}}}}\n"
        ))
    };
    assert_eq!(with("bridge", ""), Vec::<String>::new());
    assert_eq!(
        with(
            "awsvpc",
            ", NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [subnet-0123456789abcdef0]}}"
        ),
        Vec::<String>::new()
    );
    assert_eq!(with("awsvpc", "").len(), 1);
}

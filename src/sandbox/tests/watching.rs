//! Topics, alarms, dashboards, workspaces and components, as their services hold and refuse them.

use super::Trial;

fn one(kind: &str, properties: &str) -> String {
    format!("Resources:\n  It: {{Type: '{kind}', Properties: {properties}}}\nOutputs: {{Ref: {{Value: !Ref It}}}}")
}

#[tokio::test(start_paused = true)]
async fn a_dashboard_is_a_json_object() {
    let trial = Trial::new().await;
    let dashboard = |body: &str| {
        one(
            "AWS::CloudWatch::Dashboard",
            &format!("{{DashboardName: team, DashboardBody: '{body}'}}"),
        )
    };
    for body in ["{\"widgets\": [}", "[]", "plain"] {
        trial
            .refuse(
                "watch",
                &dashboard(body),
                "The field DashboardBody must be a valid JSON object",
            )
            .await;
    }
    trial.make("watch", &dashboard("{\"widgets\": []}")).await;
    trial
        .refuse(
            "watch",
            &dashboard("{"),
            "The field DashboardBody must be a valid JSON object",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_composite_alarm_is_made_of_alarms_that_exist() {
    let trial = Trial::new().await;
    let composite = |rule: &str| {
        one(
            "AWS::CloudWatch::CompositeAlarm",
            &format!("{{AlarmName: all, AlarmRule: '{rule}'}}"),
        )
    };
    let rule = "ALARM(\"high\") OR ALARM(low)";
    let words = "Could not save the composite alarm as alarms [high, low] in the alarm rule do not exist";
    trial.refuse("all", &composite(rule), words).await;
    let single = "Resources:\n  High: {Type: 'AWS::CloudWatch::Alarm', Properties: {AlarmName: high, ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}}\n  Low: {Type: 'AWS::CloudWatch::Alarm', Properties: {AlarmName: low, ComparisonOperator: LessThanThreshold, EvaluationPeriods: 1}}";
    trial.make("single", single).await;
    trial.make("all", &composite(rule)).await;
    assert_eq!(trial.output("all", "Ref").await, "all");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_needs_its_topic() {
    let trial = Trial::new().await;
    let topic = "arn:aws:sns:us-east-1:111122223333:night";
    let subscription = one(
        "AWS::SNS::Subscription",
        &format!("{{TopicArn: '{topic}', Protocol: email, Endpoint: a@example.com}}"),
    );
    trial.refuse("people", &subscription, "Topic does not exist").await;
    trial.make("topic", &one("AWS::SNS::Topic", "{TopicName: night}")).await;
    assert_eq!(trial.output("topic", "Ref").await, topic);
    trial.make("people", &subscription).await;
    let arn = trial.output("people", "Ref").await;
    assert!(arn.starts_with(&format!("{topic}:")), "{arn}");
}

#[tokio::test(start_paused = true)]
async fn workspaces_components_and_scaling_have_the_ids_that_aws_documents() {
    let trial = Trial::new().await;
    let template = r#"
Resources:
  Metrics: {Type: "AWS::APS::Workspace", Properties: {Alias: team}}
  Charts:
    Type: AWS::Grafana::Workspace
    Properties: {AccountAccessType: CURRENT_ACCOUNT, AuthenticationProviders: [AWS_SSO], PermissionType: SERVICE_MANAGED}
  Budget:
    Type: AWS::Budgets::Budget
    Properties: {Budget: {BudgetName: team, BudgetType: COST, TimeUnit: MONTHLY, BudgetLimit: {Amount: 100, Unit: USD}}}
  Component:
    Type: AWS::SageMaker::InferenceComponent
    Properties: {InferenceComponentName: scorer, EndpointName: front, VariantName: a, RuntimeConfig: {CopyCount: 1}, Specification: {ModelName: m, ComputeResourceRequirements: {MinMemoryRequiredInMb: 1024}}}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties: {MinCapacity: 1, MaxCapacity: 4, ResourceId: service/jobs/scorer, ScalableDimension: "ecs:service:DesiredCount", ServiceNamespace: ecs}
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties: {PolicyName: load, PolicyType: TargetTrackingScaling, ScalingTargetId: !Ref Target}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties: {AutoScalingGroupName: machines, MinSize: "0", MaxSize: "2", AvailabilityZones: [us-east-1a]}
Outputs:
  Metrics: {Value: !GetAtt Metrics.WorkspaceId}
  Write: {Value: !GetAtt Metrics.PrometheusEndpoint}
  Charts: {Value: !GetAtt Charts.Endpoint}
  Budget: {Value: !Ref Budget}
  Component: {Value: !Ref Component}
  Target: {Value: !Ref Target}
  Policy: {Value: !Ref Policy}
  Group: {Value: !GetAtt Group.AutoScalingGroupARN}
"#;
    trial.make("team", template).await;
    let output = async |key: &str| trial.output("team", key).await;
    let metrics = output("Metrics").await;
    assert!(metrics.starts_with("ws-"), "{metrics}");
    assert_eq!(
        output("Write").await,
        format!("https://aps-workspaces.us-east-1.amazonaws.com/workspaces/{metrics}/")
    );
    let charts = output("Charts").await;
    assert!(
        charts.starts_with("g-") && charts.ends_with(".grafana-workspace.us-east-1.amazonaws.com"),
        "{charts}"
    );
    assert_eq!(output("Budget").await, "team");
    assert_eq!(
        output("Component").await,
        "arn:aws:sagemaker:us-east-1:111122223333:inference-component/scorer"
    );
    assert_eq!(
        output("Target").await,
        "service/jobs/scorer|ecs:service:DesiredCount|ecs"
    );
    let policy = output("Policy").await;
    assert!(
        policy.starts_with("arn:aws:autoscaling:us-east-1:111122223333:scalingPolicy:"),
        "{policy}"
    );
    assert!(
        policy.ends_with(":resource/ecs/service/jobs/scorer:policyName/load"),
        "{policy}"
    );
    let group = output("Group").await;
    assert!(group.ends_with(":autoScalingGroupName/machines"), "{group}");
    // Of some types a name stands for one thing only, whatever stack it is in or was in.
    let again = one(
        "AWS::Budgets::Budget",
        "{Budget: {BudgetName: team, BudgetType: COST, TimeUnit: MONTHLY}}",
    );
    trial.refuse("again", &again, "the budget already exists.").await;
}

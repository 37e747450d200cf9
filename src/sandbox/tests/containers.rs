//! Tasks, services and load balancers, as ECS and Elastic Load Balancing hold and refuse them.

#![expect(clippy::disallowed_methods, reason = "paused time is read here")]

use super::Trial;

const NETWORK: &str = r#"
  Vpc: {Type: "AWS::EC2::VPC", Properties: {CidrBlock: 10.0.0.0/16}}
  SubnetA: {Type: "AWS::EC2::Subnet", Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}}
  SubnetB: {Type: "AWS::EC2::Subnet", Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}}"#;

const CLUSTER: &str = r#"
  Cluster: {Type: "AWS::ECS::Cluster", Properties: {ClusterName: jobs}}
  Providers:
    Type: AWS::ECS::ClusterCapacityProviderAssociations
    Properties:
      Cluster: !Ref Cluster
      CapacityProviders: [FARGATE, FARGATE_SPOT]
      DefaultCapacityProviderStrategy: [{CapacityProvider: FARGATE, Weight: 1}]"#;

const TASK: &str = r#"
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: scorer
      Cpu: "1024"
      Memory: "4096"
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      ContainerDefinitions: [{Name: main, Image: scorer:1}]"#;

const SERVICE: &str = r#"
  Service:
    Type: AWS::ECS::Service
    DependsOn: [Listener, Providers]
    Properties:
      ServiceName: scorer
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Task
      DesiredCount: 2
      DeploymentConfiguration: {DeploymentCircuitBreaker: {Enable: true, Rollback: true}}
      CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT, Weight: 1}]
      NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [!Ref SubnetA, !Ref SubnetB]}}
      LoadBalancers: [{ContainerName: main, ContainerPort: 8080, TargetGroupArn: !Ref Group}]"#;

const BALANCER: &str = r#"
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Name: front, Scheme: internal, Subnets: [!Ref SubnetA, !Ref SubnetB]}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {Name: scorers, VpcId: !Ref Vpc, Port: 8080, Protocol: HTTP, TargetType: ip}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]"#;

const OUTPUTS: &str = r#"
Outputs:
  Task: {Value: !Ref Task}
  Service: {Value: !Ref Service}
  Name: {Value: !GetAtt Service.Name}
  Host: {Value: !GetAtt Balancer.DNSName}
  Full: {Value: !GetAtt Balancer.LoadBalancerFullName}
  Group: {Value: !GetAtt Group.TargetGroupFullName}
  Listener: {Value: !Ref Listener}"#;

fn template(parts: &[&str]) -> String {
    format!("Resources:{}", parts.concat())
}

fn whole() -> String {
    template(&[NETWORK, CLUSTER, TASK, BALANCER, SERVICE, OUTPUTS])
}

#[tokio::test(start_paused = true)]
async fn a_service_behind_a_load_balancer_has_the_names_that_aws_gives() {
    let trial = Trial::new().await;
    trial.make("app", &whole()).await;
    let output = async |key: &str| trial.output("app", key).await;
    assert_eq!(
        output("Task").await,
        "arn:aws:ecs:us-east-1:111122223333:task-definition/scorer:1"
    );
    assert_eq!(
        output("Service").await,
        "arn:aws:ecs:us-east-1:111122223333:service/jobs/scorer"
    );
    assert_eq!(output("Name").await, "scorer");
    let host = output("Host").await;
    assert!(
        host.starts_with("internal-front-") && host.ends_with(".us-east-1.elb.amazonaws.com"),
        "{host}"
    );
    let full = output("Full").await;
    assert!(full.starts_with("app/front/"), "{full}");
    let group = output("Group").await;
    assert!(group.starts_with("targetgroup/scorers/"), "{group}");
    let listener = output("Listener").await;
    assert!(listener.contains(&format!(":listener/{full}/")), "{listener}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_task_definition_is_a_new_revision_and_the_old_one_is_inactive() {
    let trial = Trial::new().await;
    trial.make("app", &whole()).await;
    trial.make("app", &whole().replace("scorer:1", "scorer:2")).await;
    let second = trial.output("app", "Task").await;
    assert!(second.ends_with("task-definition/scorer:2"), "{second}");
    let tasks = |items: Vec<(String, String)>| -> Vec<String> {
        let own = items.into_iter().filter(|(kind, _)| kind == "task-definition");
        own.map(|(_, id)| id).collect()
    };
    assert_eq!(tasks(trial.existing("ecs")), std::slice::from_ref(&second));
    let inactive = second.replace("scorer:2", "scorer:1");
    let user = whole()
        .replace("scorer:1", "scorer:2")
        .replace("!Ref Task\n", &format!("{inactive}\n"));
    trial.refuse("app", &user, "TaskDefinition is inactive").await;
    let (status, reasons) = trial.destroy("app").await;
    assert_eq!(status, "DELETE_COMPLETE", "{reasons}");
    assert_eq!(trial.sandbox.inventory().unwrap(), []);
    // Revisions are never given twice.
    trial.make("app", &whole()).await;
    let next = trial.output("app", "Task").await;
    assert!(next.ends_with("task-definition/scorer:3"), "{next}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_gets_stable_rolls_back_by_its_circuit_breaker_or_after_three_hours() {
    let fault = "[[fault]]\nresource = 'Service'\non = 'update'\nlate = true\nmessage = 'ECS Deployment Circuit Breaker was triggered'";
    let trial = Trial::with(fault).await;
    trial.make("app", &whole()).await;
    let before = tokio::time::Instant::now();
    let changed = whole().replace("scorer:1", "scorer:2");
    trial
        .refuse("app", &changed, "ECS Deployment Circuit Breaker was triggered")
        .await;
    assert!(
        before.elapsed() < std::time::Duration::from_secs(30 * 60),
        "{:?}",
        before.elapsed()
    );

    let patient = whole().replace("Enable: true, Rollback: true", "Enable: false, Rollback: false");
    let fault = "[[fault]]\nresource = 'Service'\non = 'create'\nlate = true\nmessage = 'Service did not stabilize'";
    let trial = Trial::with(fault).await;
    let before = tokio::time::Instant::now();
    trial.refuse("app", &patient, "Service did not stabilize").await;
    assert!(
        before.elapsed() > std::time::Duration::from_secs(3 * 60 * 60),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_needs_its_cluster_its_listener_and_its_capacity_providers() {
    let trial = Trial::new().await;
    let loose = whole().replace("DependsOn: [Listener, Providers]", "DependsOn: Providers");
    // The listener waits for the load balancer, the service does not.
    let words = "does not have an associated load balancer.";
    trial.refuse("app", &loose, words).await;
    let foreign = whole().replace(
        "CapacityProvider: FARGATE_SPOT, Weight",
        "CapacityProvider: machines, Weight",
    );
    let words = "cannot contain a capacity provider that is not associated with the cluster";
    trial.refuse("app", &foreign, words).await;
    let nowhere = whole().replace(
        "      ServiceName: scorer\n      Cluster: !Ref Cluster",
        "      ServiceName: scorer\n      Cluster: nowhere",
    );
    trial.refuse("app", &nowhere, "Cluster not found.").await;
    let unknown = whole().replace("[FARGATE, FARGATE_SPOT]", "[FARGATE, machines]");
    let words = "The specified capacity provider 'machines' was not found.";
    trial.refuse("app", &unknown, words).await;
    let odd = whole().replace("\"4096\"", "\"1024\"");
    let words = "No Fargate configuration exists for given values: 1024 CPU, 1024 memory.";
    trial.refuse("app", &odd, words).await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_services_a_used_target_group_and_a_protected_load_balancer_are_not_deleted() {
    let trial = Trial::new().await;
    let base = format!(
        "{}\nOutputs: {{Group: {{Value: !Ref Group}}, Balancer: {{Value: !Ref Balancer}}}}",
        template(&[NETWORK, CLUSTER, TASK, BALANCER])
    );
    trial.make("base", &base).await;
    let group = trial.output("base", "Group").await;
    let balancer = trial.output("base", "Balancer").await;
    let more = format!(
        r#"Resources:
  Service: {{Type: "AWS::ECS::Service", Properties: {{ServiceName: s, Cluster: jobs, TaskDefinition: scorer}}}}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {{LoadBalancerArn: "{balancer}", Port: 8080, Protocol: HTTP, DefaultActions: [{{Type: forward, TargetGroupArn: "{group}"}}]}}"#
    );
    trial.make("more", &more).await;
    let (status, reasons) = trial.destroy("base").await;
    assert_eq!(status, "DELETE_FAILED");
    assert!(
        reasons.contains("The Cluster cannot be deleted while Services are active."),
        "{reasons}"
    );
    let words = format!("Target group '{group}' is currently in use by a listener or a rule");
    assert!(reasons.contains(&words), "{reasons}");
    trial.destroy("more").await;
    let (status, reasons) = trial.destroy("base").await;
    assert_eq!(status, "DELETE_COMPLETE", "{reasons}");

    let guarded =
        "Properties: {LoadBalancerAttributes: [{Key: deletion_protection.enabled, Value: 'true'}], Name: front,";
    trial
        .make("base", &base.replace("Properties: {Name: front,", guarded))
        .await;
    let (status, reasons) = trial.destroy("base").await;
    assert_eq!(status, "DELETE_FAILED");
    assert!(
        reasons.contains("cannot be deleted because deletion protection is enabled"),
        "{reasons}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_is_in_two_zones_and_has_its_name_and_each_port_alone() {
    let trial = Trial::new().await;
    let one =
        template(&[NETWORK, BALANCER]).replace("Subnets: [!Ref SubnetA, !Ref SubnetB]", "Subnets: [!Ref SubnetA]");
    let words = "At least two subnets in two different Availability Zones must be specified";
    trial.refuse("front", &one, words).await;
    let same = template(&[NETWORK, BALANCER]).replace("us-east-1b", "us-east-1a");
    let words = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
    trial.refuse("front", &same, words).await;
    let second = BALANCER.split("\n  Listener:").nth(1).unwrap();
    let twice = format!("{}\n  Second:{second}", template(&[NETWORK, BALANCER]));
    trial
        .refuse(
            "front",
            &twice,
            "A listener already exists on this port for this load balancer",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_capacity_provider_in_use_is_not_deleted() {
    let trial = Trial::new().await;
    let provider = r#"Resources:
  Machines:
    Type: AWS::ECS::CapacityProvider
    Properties: {Name: machines, AutoScalingGroupProvider: {AutoScalingGroupArn: "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:x:autoScalingGroupName/g"}}"#;
    trial.make("provider", provider).await;
    let cluster = template(&[CLUSTER]).replace("[FARGATE, FARGATE_SPOT]", "[FARGATE, machines]");
    trial.make("cluster", &cluster).await;
    let (status, reasons) = trial.destroy("provider").await;
    assert_eq!(status, "DELETE_FAILED");
    assert!(
        reasons.contains("The specified capacity provider is in use and cannot be removed."),
        "{reasons}"
    );
}

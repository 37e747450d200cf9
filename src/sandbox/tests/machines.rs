//! Instances and volumes, as EC2 holds and refuses them.

use super::Trial;

/// A network of two zones, an instance in the first, and `more` resources.
fn template(machine: &str, more: &str) -> String {
    format!(
        r#"
Parameters:
  Image:
    Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>
    Default: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
Resources:
  Vpc: {{Type: "AWS::EC2::VPC", Properties: {{CidrBlock: 10.0.0.0/16}}}}
  SubnetA: {{Type: "AWS::EC2::Subnet", Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}}}}
  SubnetB: {{Type: "AWS::EC2::Subnet", Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}}}}
  Machine:
    Type: AWS::EC2::Instance
{machine}
{more}
Outputs:
  Id: {{Value: !Ref Machine}}
  InstanceId: {{Value: !GetAtt Machine.InstanceId}}
  Zone: {{Value: !GetAtt Machine.AvailabilityZone}}
  Address: {{Value: !GetAtt Machine.PrivateIp}}
"#
    )
}

fn plain(size: &str, subnet: &str) -> String {
    format!("    Properties: {{ImageId: !Ref Image, InstanceType: {size}, SubnetId: !Ref {subnet}}}")
}

/// An instance that waits for its user data, which ends with `last`.
fn signalling(last: &str) -> String {
    format!(
        r#"    CreationPolicy: {{ResourceSignal: {{Timeout: PT15M}}}}
    Properties:
      ImageId: !Ref Image
      SubnetId: !Ref SubnetA
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash -x
          dnf install -y git
          {last}"#
    )
}

const SIGNAL: &str =
    "/opt/aws/bin/cfn-signal -e $? --stack ${AWS::StackName} --resource Machine --region ${AWS::Region}";

#[tokio::test(start_paused = true)]
async fn an_instance_boots_and_signals_what_its_user_data_says() {
    let trial = Trial::new().await;
    let (status, reasons) = trial.apply("work", &template(&signalling(SIGNAL), "")).await;
    assert_eq!(status, "CREATE_COMPLETE", "{reasons}");
    let id = trial.output("work", "Id").await;
    assert!(
        reasons.contains(&format!("Received SUCCESS signal with UniqueId {id}")),
        "{reasons}"
    );
}

#[tokio::test(start_paused = true)]
async fn user_data_that_fails_or_never_signals_fails_the_instance() {
    let fails = "[[fault]]\nresource = 'Machine'\non = 'boot'\nmessage = 'dnf: no such package'";
    let trial = Trial::with(fails).await;
    let words = "Received 1 FAILURE signal(s) out of 1.";
    trial.refuse("work", &template(&signalling(SIGNAL), ""), words).await;

    let silent = "[[fault]]\nresource = 'Machine'\non = 'signal'\nmessage = 'no route to CloudFormation'";
    let trial = Trial::with(silent).await;
    let words = "Failed to receive 1 resource signal(s) within the specified duration";
    trial.refuse("work", &template(&signalling(SIGNAL), ""), words).await;

    // A script that signals for another resource never completes this one.
    let trial = Trial::new().await;
    let other = SIGNAL.replace("--resource Machine", "--resource Machina");
    trial.refuse("work", &template(&signalling(&other), ""), words).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_where_its_subnet_is_and_stops_for_another_type() {
    let trial = Trial::new().await;
    trial.make("work", &template(&plain("m6i.large", "SubnetB"), "")).await;
    let id = trial.output("work", "Id").await;
    assert_eq!(trial.output("work", "InstanceId").await, id);
    assert_eq!(trial.output("work", "Zone").await, "us-east-1b");
    let ec2 = aws_sdk_ec2::Client::new(&trial.config);
    let described = async || {
        let answer = ec2.describe_instances().instance_ids(&id).send().await.unwrap();
        answer.reservations()[0].instances()[0].clone()
    };
    let before = described().await;
    assert_eq!(
        before.private_ip_address(),
        Some(trial.output("work", "Address").await.as_str())
    );
    assert_eq!(before.placement().unwrap().availability_zone(), Some("us-east-1b"));
    let image = before.image_id().unwrap().to_owned();
    assert!(image.starts_with("ami-0"), "{image}");

    trial.make("work", &template(&plain("m6i.xlarge", "SubnetB"), "")).await;
    assert_eq!(
        trial.output("work", "Id").await,
        id,
        "a change of type keeps the instance"
    );
    let after = described().await;
    assert_eq!(after.instance_type().unwrap().as_str(), "m6i.xlarge");
    assert_eq!(after.state().unwrap().name().unwrap().as_str(), "running");

    trial.make("work", &template(&plain("m6i.xlarge", "SubnetA"), "")).await;
    assert_ne!(
        trial.output("work", "Id").await,
        id,
        "another subnet is another instance"
    );
    assert_eq!(
        described().await.state().unwrap().name().unwrap().as_str(),
        "terminated"
    );
}

const VOLUME: &str = r#"
  Data:
    Type: AWS::EC2::Volume
    DeletionPolicy: Snapshot
    Properties: {AvailabilityZone: us-east-1a, Size: 100, VolumeType: gp3, Encrypted: true}
  Attached: {Type: "AWS::EC2::VolumeAttachment", Properties: {VolumeId: !Ref Data, InstanceId: !Ref Machine, Device: /dev/sdf}}"#;

#[tokio::test(start_paused = true)]
async fn a_volume_is_attached_in_its_own_zone_only() {
    let trial = Trial::new().await;
    let words = "is not in the same availability zone as instance";
    trial
        .refuse("work", &template(&plain("m6i.large", "SubnetB"), VOLUME), words)
        .await;
    trial
        .make("work", &template(&plain("m6i.large", "SubnetA"), VOLUME))
        .await;
    let ec2 = aws_sdk_ec2::Client::new(&trial.config);
    let volumes = ec2.describe_volumes().send().await.unwrap();
    let volume = &volumes.volumes()[0];
    assert_eq!(
        volume.attachments()[0].instance_id(),
        Some(trial.output("work", "Id").await.as_str())
    );
    // CloudFormation attaches to the new instance before it lets the old one go.
    let words = "is already attached to an instance";
    let moved = template(
        &plain("m6i.large", "SubnetA").replace("!Ref Image", "ami-0123456789abcdef0"),
        VOLUME,
    );
    trial.refuse("work", &moved, words).await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_only_grows_is_kept_while_in_use_and_leaves_a_snapshot() {
    let trial = Trial::new().await;
    let machine = plain("m6i.large", "SubnetA");
    trial.make("work", &template(&machine, VOLUME)).await;
    trial
        .make("work", &template(&machine, &VOLUME.replace("100", "200")))
        .await;
    let smaller = template(&machine, &VOLUME.replace("100", "50"));
    trial
        .refuse("work", &smaller, "New size cannot be smaller than existing size")
        .await;
    let ec2 = aws_sdk_ec2::Client::new(&trial.config);
    let volumes = ec2.describe_volumes().send().await.unwrap();
    assert_eq!(volumes.volumes()[0].size(), Some(200));
    let volume = volumes.volumes()[0].volume_id().unwrap().to_owned();

    // Somebody attaches it to a machine that the stack does not know.
    let extra = template(
        &machine,
        &VOLUME.split("\n  Attached").next().unwrap().replace("100", "200"),
    );
    trial.make("work", &extra).await;
    let other = ec2
        .run_instances()
        .image_id("ami-1")
        .min_count(1)
        .max_count(1)
        .send()
        .await
        .unwrap();
    let other = other.instances()[0].instance_id().unwrap();
    let attach = ec2
        .attach_volume()
        .volume_id(&volume)
        .instance_id(other)
        .device("/dev/sdf");
    attach.send().await.unwrap();
    let (status, reasons) = trial.destroy("work").await;
    assert_eq!(status, "DELETE_FAILED");
    assert!(
        reasons.contains(&format!("Volume {volume} is currently attached to {other}")),
        "{reasons}"
    );
    ec2.detach_volume().volume_id(&volume).send().await.unwrap();
    let (status, reasons) = trial.destroy("work").await;
    assert_eq!(status, "DELETE_COMPLETE", "{reasons}");
    assert!(ec2.describe_volumes().send().await.unwrap().volumes().is_empty());
    let snapshots = ec2.describe_snapshots().owner_ids("self").send().await.unwrap();
    let snapshot = &snapshots.snapshots()[0];
    assert_eq!(
        (snapshot.volume_id(), snapshot.volume_size()),
        (Some(volume.as_str()), Some(200))
    );
    assert!(trial.existing("ec2").iter().any(|(kind, _)| kind == "snapshot"));
}

#[tokio::test(start_paused = true)]
async fn public_parameters_name_images_and_a_wrong_name_names_none() {
    let trial = Trial::new().await;
    let names = [
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-al2023/latest/ami-id",
        "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
        "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id",
    ];
    let machine =
        |name: &str| format!("    Properties: {{ImageId: '{{{{resolve:ssm:{name}}}}}', SubnetId: !Ref SubnetA}}");
    for (index, name) in names.iter().enumerate() {
        trial.make(&format!("work{index}"), &template(&machine(name), "")).await;
    }
    let wrong = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-gpu/latest/ami-id";
    trial
        .refuse("wrong", &template(&machine(wrong), ""), "Unable to fetch parameters")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_takes_no_other_zone_snapshot_or_key() {
    let trial = Trial::new().await;
    let volume = |rest: &str| {
        format!(
            "Resources:\n  Data:\n    Type: AWS::EC2::Volume\n    Properties: {{Size: 100, VolumeType: gp3, Encrypted: true, {rest}}}\n"
        )
    };
    trial.make("data", &volume("AvailabilityZone: us-east-1a")).await;
    for other in [
        "AvailabilityZone: us-east-1b",
        "AvailabilityZone: us-east-1a, SnapshotId: snap-0123456789abcdef0",
        "AvailabilityZone: us-east-1a, KmsKeyId: alias/other",
    ] {
        let words = "Volume properties other than AutoEnableIO, type, size, and IOPS cannot be updated.";
        trial.refuse("data", &volume(other), words).await;
    }
    trial
        .make("data", &volume("AvailabilityZone: us-east-1a, Iops: 4000"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_launch_template_has_another_version_and_its_users_see_it() {
    let trial = Trial::new().await;
    let launch = |size: &str| {
        format!(
            r#"
Resources:
  Launch: {{Type: "AWS::EC2::LaunchTemplate", Properties: {{LaunchTemplateData: {{InstanceType: {size}}}}}}}
  Kept: {{Type: "AWS::SSM::Parameter", Properties: {{Type: String, Value: !GetAtt Launch.LatestVersionNumber}}}}
  First: {{Type: "AWS::SSM::Parameter", Properties: {{Type: String, Value: !GetAtt Launch.DefaultVersionNumber}}}}
Outputs:
  Version: {{Value: !GetAtt Launch.LatestVersionNumber}}
  Default: {{Value: !GetAtt Launch.DefaultVersionNumber}}
"#
        )
    };
    trial.make("work", &launch("m6i.large")).await;
    assert_eq!(trial.output("work", "Version").await, "1");

    let client = aws_sdk_cloudformation::Client::new(&trial.config);
    let change = client
        .create_change_set()
        .stack_name("work")
        .change_set_name("larger")
        .template_body(launch("m6i.xlarge"));
    change.send().await.unwrap();
    let seen = loop {
        crate::clock::Clock::real()
            .sleep(std::time::Duration::from_secs(1))
            .await;
        let asked = client
            .describe_change_set()
            .stack_name("work")
            .change_set_name("larger");
        let seen = asked.send().await.unwrap();
        if seen.status().is_some_and(|status| status.as_str() == "CREATE_COMPLETE") {
            break seen;
        }
    };
    let changes: Vec<_> = seen
        .changes()
        .iter()
        .filter_map(|change| change.resource_change())
        .collect();
    let named: Vec<_> = changes
        .iter()
        .filter_map(|change| change.logical_resource_id())
        .collect();
    assert_eq!(named, ["Launch", "Kept"]);
    let detail = &changes[1].details()[0];
    assert_eq!(detail.evaluation().unwrap().as_str(), "Dynamic");
    assert_eq!(detail.causing_entity(), Some("Launch.LatestVersionNumber"));

    trial.make("work", &launch("m6i.xlarge")).await;
    assert_eq!(trial.output("work", "Version").await, "2");
    assert_eq!(trial.output("work", "Default").await, "1");
}

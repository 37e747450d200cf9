"""What single services ask for: ranges, ARNs, and values that go together."""

from documents import dropped, put, walk
from kinds import bad, good


def _of(data, kind):
    for name, resource in data["Resources"].items():
        if isinstance(resource, dict) and resource.get("Type") == kind and isinstance(resource.get("Properties"), dict):
            yield name, resource["Properties"]


def _set(data, name, key, value):
    return put(data, ("Resources", name, "Properties", *([key] if isinstance(key, str) else key)), value)


def _each(data, kind, key, value, given=None):
    for name, properties in _of(data, kind):
        if given is None or given in properties:
            yield name, _set(data, name, key, value)


@bad
def block_without_a_prefix_length(data):
    for kind in ("AWS::EC2::VPC", "AWS::EC2::Subnet"):
        yield from _each(data, kind, "CidrBlock", "10.0.0.0")


@bad
def block_with_a_prefix_length_of_33(data):
    for kind in ("AWS::EC2::VPC", "AWS::EC2::Subnet"):
        yield from _each(data, kind, "CidrBlock", "10.0.0.0/33")


@bad
def block_with_a_large_octet(data):
    for kind in ("AWS::EC2::VPC", "AWS::EC2::Subnet"):
        yield from _each(data, kind, "CidrBlock", "10.0.300.0/24")


@bad
def subnet_outside_of_its_network(data):
    for name, properties in _of(data, "AWS::EC2::Subnet"):
        network = properties["VpcId"].get("Ref")
        if network in data["Resources"]:
            yield name, _set(_set(data, network, "CidrBlock", "10.0.0.0/16"), name, "CidrBlock", "10.1.0.0/24")


@bad
def subnets_that_overlap(data):
    names = [name for name, _ in _of(data, "AWS::EC2::Subnet")]
    for one, other in zip(names, names[1:]):
        yield one, _set(_set(data, one, "CidrBlock", "10.20.0.0/24"), other, "CidrBlock", "10.20.0.128/25")


@bad
def source_of_a_rule_is_no_block(data):
    for path, value in walk(data["Resources"], ("Resources",)):
        if path[-1] == "CidrIp" and isinstance(value, str):
            yield ".".join(map(str, path[1:])), put(data, path, "anywhere")


@bad
def role_is_no_arn(data):
    yield from _each(data, "AWS::Lambda::Function", "Role", "worker")
    yield from _each(data, "AWS::EKS::Cluster", "RoleArn", "worker")
    yield from _each(data, "AWS::StepFunctions::StateMachine", "RoleArn", "worker")


@bad
def role_is_the_arn_of_a_bucket(data):
    yield from _each(data, "AWS::Lambda::Function", "Role", "arn:aws:s3:::bucket")
    yield from _each(data, "AWS::ECS::TaskDefinition", "ExecutionRoleArn", "arn:aws:s3:::bucket")


@bad
def role_by_its_name(data):
    for name, properties in _of(data, "AWS::Lambda::Function"):
        for role, _ in _of(data, "AWS::IAM::Role"):
            yield name, _set(data, name, "Role", {"Ref": role})


@bad
def subnet_by_a_group(data):
    for name, properties in _of(data, "AWS::EC2::Instance"):
        for parameter, declared in data.get("Parameters", {}).items():
            if declared["Type"] == "AWS::EC2::KeyPair::KeyName":
                yield name, _set(data, name, "SubnetId", {"Ref": parameter})


@bad
def image_is_no_id(data):
    yield from _each(data, "AWS::EC2::Instance", "ImageId", "my-image")


@bad
def group_is_no_id(data):
    yield from _each(data, "AWS::EC2::Instance", "SecurityGroupIds", ["web servers"])


@bad
def bucket_name_in_capitals(data):
    yield from _each(data, "AWS::S3::Bucket", "BucketName", "My_Bucket")


@bad
def tag_twice(data):
    for kind in ("AWS::EC2::VPC", "AWS::S3::Bucket", "AWS::EC2::Instance", "AWS::Lambda::Function"):
        yield from _each(data, kind, "Tags", [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}])


@bad
def runtime_long_gone(data):
    yield from _each(data, "AWS::Lambda::Function", "Runtime", "python2.7", given="Runtime")


@bad
def runtime_that_never_was(data):
    yield from _each(data, "AWS::Lambda::Function", "Runtime", "python4.0", given="Runtime")


@bad
def inline_code_for_java(data):
    for name, properties in _of(data, "AWS::Lambda::Function"):
        if "ZipFile" in properties["Code"]:
            yield name, _set(data, name, "Runtime", "java21")


@bad
def image_function_with_a_handler(data):
    for name, properties in _of(data, "AWS::Lambda::Function"):
        if properties.get("PackageType") == "Image":
            yield name, _set(_set(data, name, "Handler", "a.b"), name, "Runtime", "python3.13")


@bad
def zip_function_without_a_handler(data):
    for name, properties in _of(data, "AWS::Lambda::Function"):
        for key in ("Handler", "Runtime"):
            if key in properties:
                yield name, dropped(data, ("Resources", name, "Properties", key))


@bad
def reserved_environment_variable(data):
    for name, properties in _of(data, "AWS::Lambda::Function"):
        yield name, _set(data, name, "Environment", {"Variables": {"AWS_REGION": "us-east-1"}})


@bad
def environment_variable_with_a_dash(data):
    for name, properties in _of(data, "AWS::Lambda::Function"):
        yield name, _set(data, name, "Environment", {"Variables": {"some-name": "x"}})


@bad
def fargate_task_with_odd_memory(data):
    for name, properties in _of(data, "AWS::ECS::TaskDefinition"):
        if "FARGATE" in properties.get("RequiresCompatibilities", []):
            yield name, _set(data, name, "Memory", "700")


@bad
def fargate_task_on_a_bridge(data):
    for name, properties in _of(data, "AWS::ECS::TaskDefinition"):
        if "FARGATE" in properties.get("RequiresCompatibilities", []):
            yield name, _set(data, name, "NetworkMode", "bridge")


@bad
def fargate_task_without_cpu(data):
    for name, properties in _of(data, "AWS::ECS::TaskDefinition"):
        if "FARGATE" in properties.get("RequiresCompatibilities", []):
            yield name, dropped(data, ("Resources", name, "Properties", "Cpu"))


@bad
def task_without_an_essential_container(data):
    for name, properties in _of(data, "AWS::ECS::TaskDefinition"):
        yield name, _set(data, name, ("ContainerDefinitions", 0, "Essential"), False)


@bad
def fargate_service_as_a_daemon(data):
    for name, properties in _of(data, "AWS::ECS::Service"):
        if properties.get("LaunchType") == "FARGATE":
            yield name, _set(data, name, "SchedulingStrategy", "DAEMON")


@bad
def fargate_service_without_a_network(data):
    for name, properties in _of(data, "AWS::ECS::Service"):
        if properties.get("LaunchType") == "FARGATE":
            yield name, dropped(data, ("Resources", name, "Properties", "NetworkConfiguration"))


@bad
def attribute_not_used_as_a_key(data):
    for name, properties in _of(data, "AWS::DynamoDB::Table"):
        more = [*properties["AttributeDefinitions"], {"AttributeName": "extra", "AttributeType": "S"}]
        yield name, _set(data, name, "AttributeDefinitions", more)


@bad
def key_without_an_attribute(data):
    for name, properties in _of(data, "AWS::DynamoDB::Table"):
        yield name, _set(data, name, ("KeySchema", 0, "AttributeName"), "unknown")


@bad
def provisioned_table_without_throughput(data):
    for name, properties in _of(data, "AWS::DynamoDB::Table"):
        if "ProvisionedThroughput" in properties:
            yield name, dropped(data, ("Resources", name, "Properties", "ProvisionedThroughput"))


@bad
def throughput_of_an_on_demand_table(data):
    for name, properties in _of(data, "AWS::DynamoDB::Table"):
        if properties.get("BillingMode") == "PAY_PER_REQUEST":
            yield name, _set(data, name, "ProvisionedThroughput", {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})


@bad
def fifo_queue_without_the_suffix(data):
    for name, properties in _of(data, "AWS::SQS::Queue"):
        if properties.get("FifoQueue") is True:
            yield name, _set(data, name, "QueueName", "orders")


@bad
def standard_queue_with_deduplication(data):
    for name, properties in _of(data, "AWS::SQS::Queue"):
        if "FifoQueue" not in properties:
            yield name, _set(data, name, "ContentBasedDeduplication", True)


@bad
def balancer_with_one_subnet(data):
    for name, properties in _of(data, "AWS::ElasticLoadBalancingV2::LoadBalancer"):
        if properties.get("Type") == "application":
            yield name, _set(data, name, "Subnets", ["subnet-0123456789abcdef0"])


@bad
def https_listener_without_a_certificate(data):
    for name, properties in _of(data, "AWS::ElasticLoadBalancingV2::Listener"):
        if "Certificates" in properties:
            yield name, dropped(data, ("Resources", name, "Properties", "Certificates"))


@bad
def group_size_upside_down(data):
    for name, properties in _of(data, "AWS::AutoScaling::AutoScalingGroup"):
        yield name, _set(_set(data, name, "MinSize", "5"), name, "MaxSize", "2")


@bad
def origin_that_is_not_there(data):
    for name, _ in _of(data, "AWS::CloudFront::Distribution"):
        yield name, _set(data, name, ("DistributionConfig", "DefaultCacheBehavior", "TargetOriginId"), "nowhere")


@bad
def schedule_that_never_comes(data):
    for name, properties in _of(data, "AWS::Events::Rule"):
        if "ScheduleExpression" in properties:
            for expression in ("rate(5 minute)", "rate(0 minutes)", "cron(0 2 * * *)", "every day", "cron(0 2 * * * *)"):
                yield f"{name} {expression}", _set(data, name, "ScheduleExpression", expression)


@bad
def record_that_is_no_address(data):
    for name, properties in _of(data, "AWS::Route53::RecordSet"):
        if properties.get("Type") == "A" and "ResourceRecords" in properties:
            yield name, _set(data, name, "ResourceRecords", ["www.example.com"])


@bad
def record_with_records_and_an_alias(data):
    for name, properties in _of(data, "AWS::Route53::RecordSet"):
        if "AliasTarget" in properties:
            yield name, _set(_set(data, name, "ResourceRecords", ["192.0.2.1"]), name, "TTL", "60")


@bad
def alarm_over_17_seconds(data):
    for name, properties in _of(data, "AWS::CloudWatch::Alarm"):
        if "Period" in properties:
            yield name, _set(data, name, "Period", 17)


@bad
def ports_of_an_icmp_rule_missing(data):
    for path, value in walk(data["Resources"], ("Resources",)):
        if isinstance(value, dict) and value.get("IpProtocol") == "tcp" and "FromPort" in value:
            yield ".".join(map(str, path[1:])), dropped(data, (*path, "FromPort"))


@bad
def port_above_65535(data):
    for path, value in walk(data["Resources"], ("Resources",)):
        if path[-1] == "ToPort" and isinstance(value, int):
            yield ".".join(map(str, path[1:])), put(data, path, 70000)


@bad
def database_class_that_never_was(data):
    yield from _each(data, "AWS::RDS::DBInstance", "DBInstanceClass", "db.z9.huge")


@bad
def storage_size_of_an_aurora_instance(data):
    for name, properties in _of(data, "AWS::RDS::DBInstance"):
        if str(properties["Engine"]).startswith("aurora"):
            yield name, _set(data, name, "AllocatedStorage", "20")


@bad
def state_machine_without_a_start(data):
    for name, properties in _of(data, "AWS::StepFunctions::StateMachine"):
        if "Definition" in properties:
            yield name, dropped(data, ("Resources", name, "Properties", "Definition", "StartAt"))


@bad
def state_of_an_unknown_type(data):
    for name, properties in _of(data, "AWS::StepFunctions::StateMachine"):
        if "Definition" in properties:
            yield name, _set(data, name, ("Definition", "States", "Prepare", "Type"), "Tasks")


@bad
def source_of_a_queue_with_a_starting_position(data):
    for name, properties in _of(data, "AWS::Lambda::EventSourceMapping"):
        if "ScalingConfig" in properties:
            yield name, _set(data, name, "StartingPosition", "LATEST")


@bad
def two_resources_of_one_name(data):
    for name, properties in _of(data, "AWS::SQS::Queue"):
        resource = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "same"}}
        yield name, put(put(data, ("Resources", "One"), resource), ("Resources", "Other"), resource)


@bad
def backup_deleted_too_soon(data):
    for name, _ in _of(data, "AWS::Backup::BackupPlan"):
        yield name, _set(data, name, ("BackupPlan", "BackupPlanRule", 0, "Lifecycle"), {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 60})


@bad
def pipeline_that_begins_with_a_build(data):
    for name, properties in _of(data, "AWS::CodePipeline::Pipeline"):
        yield name, _set(data, name, "Stages", properties["Stages"][1:])


@bad
def instance_type_that_never_was(data):
    yield from _each(data, "AWS::EC2::Instance", "InstanceType", "z9.huge")
    yield from _each(data, "AWS::ElastiCache::CacheCluster", "CacheNodeType", "cache.z9.huge")
    yield from _each(data, "AWS::SageMaker::NotebookInstance", "InstanceType", "ml.z9.huge")


@good
def zone_by_name(data):
    yield from _each(data, "AWS::EC2::Subnet", "AvailabilityZone", "us-east-1a")


@good
def network_with_a_small_block(data):
    yield from _each(data, "AWS::EC2::VPC", "CidrBlock", "10.20.0.0/20")

"""The aws CLI and boto3 drive `mlinfra sandbox serve` through the life of a stack, as they would drive AWS."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

MLINFRA = os.environ["MLINFRA_BINARY"]
BIN = pathlib.Path(sys.executable).parent

TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Parameters": {"Range": {"Type": "String", "Default": "10.0.0.0/16"}},
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Ref": "Range"}}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": {"Fn::Select": [0, {"Fn::Cidr": [{"Ref": "Range"}, 4, 8]}]}},
        },
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "clients-suite-bucket"}},
        "Repository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "clients/scorer"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
                }
            },
        },
    },
    "Outputs": {"VpcId": {"Value": {"Ref": "Vpc"}}, "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
}


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class World:
    """The served sandbox and its clients."""

    def __init__(self, port, folder):
        self.endpoint = f"http://127.0.0.1:{port}"
        self.folder = pathlib.Path(folder)
        self.session = boto3.Session("test", "test", region_name="us-east-1")
        self.env = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                    "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service):
        return self.session.client(service, endpoint_url=self.endpoint, config=Config(retries={"max_attempts": 1}))

    def cli(self, *arguments, code=0):
        done = subprocess.run([BIN / "aws", *arguments], env=self.env, capture_output=True, text=True, timeout=120)
        expect(done.returncode == code, f"aws {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def cli_json(self, *arguments):
        return json.loads(self.cli(*arguments, "--output", "json"))

    def cli_refused(self, *arguments):
        done = subprocess.run([BIN / "aws", *arguments], env=self.env, capture_output=True, text=True, timeout=120)
        expect(done.returncode != 0, f"not refused: aws {' '.join(arguments)}: {done.stdout}")
        return done.stderr

    def status(self, stack):
        return self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]

    def settled(self, stack):
        """The status that the stack comes to rest in."""
        deadline = time.monotonic() + 60
        while (status := self.status(stack)).endswith("_IN_PROGRESS"):
            expect(time.monotonic() < deadline, f"{stack} stays {status}")
            time.sleep(0.1)
        return status

    def create(self, stack, template, **arguments):
        self.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template), **arguments)
        status = self.settled(stack)
        expect(status == "CREATE_COMPLETE", f"{stack}: {status}: {self.reasons(stack)}")

    def reasons(self, stack):
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if "ResourceStatusReason" in event]

    def refused(self, code, words, call, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            found = error.response["Error"]
            expect(found["Code"] == code and words in found["Message"], found)
            return
        raise AssertionError(f"not refused: {arguments}")

    def wait(self, waiter, **arguments):
        self.client("cloudformation").get_waiter(waiter).wait(**arguments, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def boto3_creates_and_the_other_services_show_it(world):
    cloudformation = world.client("cloudformation")
    created = cloudformation.create_change_set(
        StackName="clients", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"])
    world.wait("change_set_create_complete", ChangeSetName=created["Id"])
    shown = cloudformation.describe_change_set(ChangeSetName=created["Id"])
    expect({change["ResourceChange"]["Action"] for change in shown["Changes"]} == {"Add"}, shown["Changes"])
    expect(len(shown["Changes"]) == len(TEMPLATE["Resources"]), shown["Changes"])
    expect(cloudformation.describe_stacks(StackName="clients")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS", "not in review")
    cloudformation.execute_change_set(ChangeSetName=created["Id"])
    world.wait("stack_create_complete", StackName="clients")
    stack = cloudformation.describe_stacks(StackName="clients")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    vpcs = world.client("ec2").describe_vpcs(VpcIds=[outputs["VpcId"]])["Vpcs"]
    expect(vpcs[0]["CidrBlock"] == "10.0.0.0/16", vpcs)
    subnets = world.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])["Subnets"]
    expect([subnet["CidrBlock"] for subnet in subnets] == ["10.0.0.0/24"], subnets)
    world.client("s3").head_bucket(Bucket="clients-suite-bucket")
    repositories = world.client("ecr").describe_repositories(repositoryNames=["clients/scorer"])["repositories"]
    expect(len(repositories) == 1, repositories)
    role = outputs["RoleArn"].rsplit("/", 1)[1]
    expect(world.client("iam").get_role(RoleName=role)["Role"]["Arn"] == outputs["RoleArn"], role)


def boto3_sees_before_after_and_replacement(world):
    cloudformation = world.client("cloudformation")
    changed = cloudformation.create_change_set(
        StackName="clients", ChangeSetName="second", UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": "Range", "ParameterValue": "10.1.0.0/16"}])
    world.wait("change_set_create_complete", ChangeSetName=changed["Id"])
    shown = cloudformation.describe_change_set(ChangeSetName=changed["Id"], IncludePropertyValues=True)
    changes = {change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"] for change in shown["Changes"]}
    vpc = changes["Vpc"]
    expect(vpc["Replacement"] == "True", vpc)
    target = next(detail["Target"] for detail in vpc["Details"] if detail["Target"].get("Name") == "CidrBlock")
    expect((target["BeforeValue"], target["AfterValue"], target["RequiresRecreation"]) == ("10.0.0.0/16", "10.1.0.0/16", "Always"), target)
    expect("Subnet" in changes and "Bucket" not in changes, sorted(changes))
    cloudformation.delete_change_set(ChangeSetName=changed["Id"])


def an_empty_change_set_fails_with_cloudformations_words(world):
    cloudformation = world.client("cloudformation")
    empty = cloudformation.create_change_set(StackName="clients", ChangeSetName="empty", UsePreviousTemplate=True, Capabilities=["CAPABILITY_IAM"])
    try:
        world.wait("change_set_create_complete", ChangeSetName=empty["Id"])
        raise AssertionError("an empty change set became complete")
    except WaiterError:
        reason = cloudformation.describe_change_set(ChangeSetName=empty["Id"])["StatusReason"]
        expect("didn't contain changes" in reason or "No updates are to be performed" in reason, reason)


def what_aws_refuses_is_refused(world):
    cloudformation, refused = world.client("cloudformation"), world.refused
    body = json.dumps(TEMPLATE)
    refused("InsufficientCapabilitiesException", "CAPABILITY_IAM", cloudformation.create_stack, StackName="other", TemplateBody=body)
    refused("AlreadyExistsException", "clients", cloudformation.create_stack, StackName="clients", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    refused("ValidationError", "does not exist", cloudformation.describe_stacks, StackName="nowhere")
    refused("ValidationError", "Unrecognized resource types", cloudformation.create_stack, StackName="odd",
            TemplateBody=json.dumps({"Resources": {"X": {"Type": "AWS::No::Such"}}}))
    cloudformation.update_termination_protection(StackName="clients", EnableTerminationProtection=True)
    refused("ValidationError", "TerminationProtection", cloudformation.delete_stack, StackName="clients")
    cloudformation.update_termination_protection(StackName="clients", EnableTerminationProtection=False)


def a_taken_name_rolls_the_stack_back(world):
    cloudformation = world.client("cloudformation")
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "clients-suite-bucket"}}}}
    cloudformation.create_stack(StackName="taken", TemplateBody=json.dumps(template))
    try:
        world.wait("stack_create_complete", StackName="taken")
        raise AssertionError("a second bucket of the same name was made")
    except WaiterError:
        pass
    stack = cloudformation.describe_stacks(StackName="taken")["Stacks"][0]
    expect(stack["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_IN_PROGRESS"), stack["StackStatus"])
    events = cloudformation.describe_stack_events(StackName="taken")["StackEvents"]
    expect(any("already exists" in event.get("ResourceStatusReason", "") for event in events), events)


def the_aws_cli_deploys_updates_and_deletes(world):
    path = world.folder / "queue.yaml"
    path.write_text("Parameters:\n  Days:\n    Type: Number\n    Default: 1\nResources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      MessageRetentionPeriod: 86400\n"
                    "  Logs:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      RetentionInDays: !Ref Days\nOutputs:\n  Group:\n    Value: !Ref Logs\n")
    world.cli("cloudformation", "validate-template", "--template-body", f"file://{path}")
    world.cli("cloudformation", "deploy", "--stack-name", "cli", "--template-file", str(path))
    group = json.loads(world.cli("cloudformation", "describe-stacks", "--stack-name", "cli"))["Stacks"][0]["Outputs"][0]["OutputValue"]
    groups = json.loads(world.cli("logs", "describe-log-groups", "--log-group-name-prefix", group))["logGroups"]
    expect(groups[0]["retentionInDays"] == 1, groups)
    world.cli("cloudformation", "deploy", "--stack-name", "cli", "--template-file", str(path), "--parameter-overrides", "Days=7")
    # Nothing to do is no failure (version 1 of the CLI has to be told, version 2 does so by itself).
    world.cli("cloudformation", "deploy", "--stack-name", "cli", "--template-file", str(path), "--parameter-overrides", "Days=7", "--no-fail-on-empty-changeset")
    groups = json.loads(world.cli("logs", "describe-log-groups", "--log-group-name-prefix", group))["logGroups"]
    expect(groups[0]["retentionInDays"] == 7, groups)
    world.cli("s3", "cp", str(path), "s3://clients-suite-bucket/queue.yaml")
    expect("queue.yaml" in world.cli("s3", "ls", "s3://clients-suite-bucket/"), "the object is not listed")
    world.cli("cloudformation", "delete-stack", "--stack-name", "cli")
    world.wait("stack_delete_complete", StackName="cli")


def a_bucket_that_is_not_empty_stops_a_deletion(world):
    cloudformation = world.client("cloudformation")
    cloudformation.delete_stack(StackName="clients")
    try:
        world.wait("stack_delete_complete", StackName="clients")
        raise AssertionError("a stack with a full bucket was deleted")
    except WaiterError:
        pass
    stack = cloudformation.describe_stacks(StackName="clients")["Stacks"][0]
    expect(stack["StackStatus"] == "DELETE_FAILED", stack["StackStatus"])
    world.cli("s3", "rm", "s3://clients-suite-bucket", "--recursive")
    cloudformation.delete_stack(StackName="clients")
    world.wait("stack_delete_complete", StackName=stack["StackId"])
    expect(cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE", "by ARN a deleted stack is found")


def parameters(count, value="v", **more):
    """A template of quick resources that the services need not hold."""
    resources = {f"P{index}": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}} for index in range(count)}
    return {"Resources": {**resources, **more}}


GATE = {
    "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    "Gate": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "43200"}},
}


def events_come_in_pages_newest_first(world):
    world.create("pages", parameters(60))
    pages = list(world.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName="pages"))
    expect(len(pages) > 1 and len(pages[0]["StackEvents"]) == 100, [len(page["StackEvents"]) for page in pages])
    events = [event for page in pages for event in page["StackEvents"]]
    expect(len({event["EventId"] for event in events}) == len(events), "an event came twice")
    times = [event["Timestamp"] for event in events]
    expect(times == sorted(times, reverse=True), "not newest first")
    expect(events[0]["ResourceStatus"] == "CREATE_COMPLETE" and events[-1]["ResourceStatusReason"] == "User Initiated", (events[0], events[-1]))
    listed = world.cli_json("cloudformation", "list-stack-resources", "--stack-name", "pages")["StackResourceSummaries"]
    expect(len(listed) == 60, len(listed))


def drift_is_what_somebody_changed_by_hand(world):
    world.create("drift", {"Resources": {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/drift", "RetentionInDays": 7}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "drift-suite-bucket", "VersioningConfiguration": {"Status": "Enabled"}}},
        "Repository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "drift"}},
    }})

    def detect():
        started = world.cli_json("cloudformation", "detect-stack-drift", "--stack-name", "drift")["StackDriftDetectionId"]
        deadline = time.monotonic() + 30
        while True:
            found = world.cli_json("cloudformation", "describe-stack-drift-detection-status", "--stack-drift-detection-id", started)
            if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
            expect(time.monotonic() < deadline, found)
        drifts = world.cli_json("cloudformation", "describe-stack-resource-drifts", "--stack-name", "drift")["StackResourceDrifts"]
        return found["StackDriftStatus"], {drift["LogicalResourceId"]: drift for drift in drifts}

    status, drifts = detect()
    expect(status == "IN_SYNC", (status, drifts))
    world.cli("logs", "put-retention-policy", "--log-group-name", "/drift", "--retention-in-days", "30")
    world.cli("s3api", "put-bucket-versioning", "--bucket", "drift-suite-bucket", "--versioning-configuration", "Status=Suspended")
    world.cli("ecr", "delete-repository", "--repository-name", "drift")
    status, drifts = detect()
    expect(status == "DRIFTED", status)
    expect(drifts["Repository"]["StackResourceDriftStatus"] == "DELETED", drifts["Repository"])
    for name, path, wanted, found in (("Logs", "/RetentionInDays", "7", "30"), ("Bucket", "/VersioningConfiguration/Status", "Enabled", "Suspended")):
        differences = drifts[name]["PropertyDifferences"]
        expect([(one["PropertyPath"], one["ExpectedValue"], one["ActualValue"]) for one in differences] == [(path, wanted, found)], differences)


def a_signal_completes_what_waits_and_an_update_that_waits_is_cancelled(world):
    cloudformation = world.client("cloudformation")
    world.create("gate", parameters(1))
    cloudformation.update_stack(StackName="gate", TemplateBody=json.dumps(parameters(1, value="w", **GATE)))
    in_progress = lambda: [one for one in cloudformation.describe_stack_resources(StackName="gate")["StackResources"]
                           if one["LogicalResourceId"] == "Gate" and one.get("PhysicalResourceId")]
    deadline = time.monotonic() + 30
    while not in_progress():
        expect(time.monotonic() < deadline, "the gate is not begun")
    world.refused("ValidationError", "UPDATE_IN_PROGRESS", cloudformation.update_stack, StackName="gate", TemplateBody=json.dumps(parameters(2)))
    world.cli("cloudformation", "cancel-update-stack", "--stack-name", "gate")
    expect(world.settled("gate") == "UPDATE_ROLLBACK_COMPLETE", world.status("gate"))
    cloudformation.update_stack(StackName="gate", TemplateBody=json.dumps(parameters(1, value="w", **GATE)))
    while not in_progress():
        expect(time.monotonic() < deadline, "the gate is not begun")
    world.cli("cloudformation", "signal-resource", "--stack-name", "gate", "--logical-resource-id", "Gate", "--unique-id", "one", "--status", "SUCCESS")
    expect(world.settled("gate") == "UPDATE_COMPLETE", world.reasons("gate"))


def an_export_in_use_protects_its_stack(world):
    cloudformation = world.client("cloudformation")
    exporter = {**parameters(1), "Outputs": {"Name": {"Value": {"Ref": "P0"}, "Export": {"Name": "suite-name"}}}}
    world.create("exporter", exporter)
    world.create("importer", {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "suite-name"}}}}})
    expect([one["Name"] for one in world.cli_json("cloudformation", "list-exports")["Exports"]] == ["suite-name"], "exports")
    expect(world.cli_json("cloudformation", "list-imports", "--export-name", "suite-name")["Imports"] == ["importer"], "imports")
    # AWS takes the call, and the stack stays as it was with an event that says why (rlister/stax#40).
    cloudformation.delete_stack(StackName="exporter")
    expect(world.settled("exporter") == "CREATE_COMPLETE", world.status("exporter"))
    expect("Export suite-name cannot be deleted as it is in use by importer" in world.reasons("exporter"), world.reasons("exporter"))
    for stack in ("importer", "exporter"):
        world.cli("cloudformation", "delete-stack", "--stack-name", stack)
        world.wait("stack_delete_complete", StackName=stack)
        world.cli("cloudformation", "wait", "stack-delete-complete", "--stack-name", stack)


def a_stack_policy_denies_an_update(world):
    cloudformation = world.client("cloudformation")
    world.create("policy", parameters(2))
    policy = {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
                            {"Effect": "Deny", "Action": "Update:Modify", "Principal": "*", "Resource": "LogicalResourceId/P1"}]}
    world.cli("cloudformation", "set-stack-policy", "--stack-name", "policy", "--stack-policy-body", json.dumps(policy))
    expect(json.loads(cloudformation.get_stack_policy(StackName="policy")["StackPolicyBody"]) == policy, "another policy")
    cloudformation.update_stack(StackName="policy", TemplateBody=json.dumps(parameters(2, value="w")))
    expect(world.settled("policy") == "UPDATE_ROLLBACK_COMPLETE", world.status("policy"))
    expect(any("Action denied by stack policy" in reason for reason in world.reasons("policy")), world.reasons("policy"))


def the_cli_waits_and_says_what_does_not_exist(world):
    world.cli("cloudformation", "wait", "stack-exists", "--stack-name", "policy")
    world.cli("cloudformation", "wait", "stack-update-complete", "--stack-name", "gate")
    expect("does not exist" in world.cli_refused("cloudformation", "describe-stacks", "--stack-name", "nowhere"), "nowhere")
    expect("InvalidAction" in world.cli_refused("cloudformation", "list-stack-sets"), "not refused by name")


def objects_are_synchronised_versioned_and_written_conditionally(world):
    folder = world.folder / "sync"
    for name in ("a.txt", "deep/b.txt", "deep/er/c d.txt", "ünïcode.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name * 100)
    (folder / "large.bin").write_bytes(os.urandom(9 * 1024 * 1024))
    world.cli("s3", "mb", "s3://sync-suite-bucket")
    world.cli("s3api", "put-bucket-versioning", "--bucket", "sync-suite-bucket", "--versioning-configuration", "Status=Enabled")
    world.cli("s3", "sync", str(folder), "s3://sync-suite-bucket/in")
    expect(world.cli("s3", "sync", str(folder), "s3://sync-suite-bucket/in") == "", "everything was sent again")
    (folder / "a.txt").unlink()
    world.cli("s3", "sync", str(folder), "s3://sync-suite-bucket/in", "--delete")
    back = world.folder / "back"
    world.cli("s3", "sync", "s3://sync-suite-bucket/in", str(back))
    read = lambda root: {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    expect(read(folder) == read(back), "what came back is not what was sent")
    versions = world.cli_json("s3api", "list-object-versions", "--bucket", "sync-suite-bucket", "--prefix", "in/a.txt")
    expect(len(versions["Versions"]) == 1 and versions["DeleteMarkers"][0]["IsLatest"], versions)
    s3 = world.client("s3")
    first = s3.put_object(Bucket="sync-suite-bucket", Key="state", Body=b"1", IfNoneMatch="*")["ETag"]
    world.refused("PreconditionFailed", "", s3.put_object, Bucket="sync-suite-bucket", Key="state", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket="sync-suite-bucket", Key="state", Body=b"2", IfMatch=first)
    world.refused("PreconditionFailed", "", s3.put_object, Bucket="sync-suite-bucket", Key="state", Body=b"3", IfMatch=first)
    expect(s3.get_object(Bucket="sync-suite-bucket", Key="state", Range="bytes=0-0")["Body"].read() == b"2", "a range")
    with_presigned = s3.generate_presigned_url("get_object", Params={"Bucket": "sync-suite-bucket", "Key": "state"})
    expect(urllib.request.urlopen(with_presigned).read() == b"2", "a presigned address")


def one_of_many_conditional_writes_wins(world):
    world.cli("dynamodb", "create-table", "--table-name", "locks", "--billing-mode", "PAY_PER_REQUEST",
              "--key-schema", "AttributeName=id,KeyType=HASH", "--attribute-definitions", "AttributeName=id,AttributeType=S")
    world.cli("dynamodb", "wait", "table-exists", "--table-name", "locks")

    def put(who):
        command = [BIN / "aws", "dynamodb", "put-item", "--table-name", "locks", "--item", json.dumps({"id": {"S": "dev"}, "who": {"N": str(who)}}),
                   "--condition-expression", "attribute_not_exists(id)", "--return-values-on-condition-check-failure", "ALL_OLD"]
        done = subprocess.run(command, env=world.env, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0 or "ConditionalCheckFailedException" in done.stderr, done.stderr)
        return done.returncode == 0

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        won = list(pool.map(put, range(4)))
    expect(won.count(True) == 1, won)
    holder = world.cli_json("dynamodb", "get-item", "--table-name", "locks", "--key", '{"id": {"S": "dev"}}', "--consistent-read")["Item"]["who"]["N"]
    expect(won[int(holder)], (won, holder))
    dynamodb = world.client("dynamodb")
    try:
        dynamodb.put_item(TableName="locks", Item={"id": {"S": "dev"}}, ConditionExpression="attribute_not_exists(id)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
        raise AssertionError("written over")
    except ClientError as error:
        expect(error.response["Item"]["who"]["N"] == holder, error.response)

    def count(_):
        dynamodb.update_item(TableName="locks", Key={"id": {"S": "count"}}, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(200)))
    counted = dynamodb.get_item(TableName="locks", Key={"id": {"S": "count"}})["Item"]["n"]["N"]
    expect(counted == "200", f"{counted} of 200 increments are left")


def the_services_show_what_a_machine_learning_stack_made(world):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    subnet = lambda index: {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.9.{index}.0/24", "AvailabilityZone": f"us-east-1{'ab'[index]}"}}
    world.create("ml", {"Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}}, "A": subnet(0), "B": subnet(1),
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Cluster": {"Type": "AWS::EKS::Cluster", "Properties": {"Name": "ml", "Version": "1.34", "RoleArn": role, "ResourcesVpcConfig": {"SubnetIds": [{"Ref": "A"}, {"Ref": "B"}]}}},
        "Nodes": {"Type": "AWS::EKS::Nodegroup", "Properties": {"ClusterName": {"Ref": "Cluster"}, "NodegroupName": "gpu", "NodeRole": role, "Subnets": [{"Ref": "A"}],
                                                                "ScalingConfig": {"MinSize": 1, "MaxSize": 2, "DesiredSize": 1}}},
        "Repository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "ml/scorer"}},
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": {"ExecutionRoleArn": role, "PrimaryContainer": {"Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/ml/scorer:1"}}},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [
            {"ModelName": {"Fn::GetAtt": ["Model", "ModelName"]}, "VariantName": "all", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1}]}},
        "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": {"EndpointName": "scorer", "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}}},
    }}, Capabilities=["CAPABILITY_IAM"])
    cluster = world.cli_json("eks", "describe-cluster", "--name", "ml")["cluster"]
    expect((cluster["status"], cluster["version"]) == ("ACTIVE", "1.34"), cluster)
    expect(cluster["arn"] == "arn:aws:eks:us-east-1:111122223333:cluster/ml" and cluster["endpoint"].startswith("https://"), cluster)
    world.cli("eks", "wait", "cluster-active", "--name", "ml")
    expect(world.cli_json("eks", "list-nodegroups", "--cluster-name", "ml")["nodegroups"] == ["gpu"], "node groups")
    world.cli("eks", "update-kubeconfig", "--name", "ml", "--kubeconfig", str(world.folder / "kubeconfig"))
    endpoints = world.cli_json("sagemaker", "list-endpoints")["Endpoints"]
    expect([(one["EndpointName"], one["EndpointStatus"]) for one in endpoints] == [("scorer", "InService")], endpoints)
    repository = world.cli_json("ecr", "describe-repositories", "--repository-names", "ml/scorer")["repositories"][0]
    expect(repository["repositoryUri"] == "111122223333.dkr.ecr.us-east-1.amazonaws.com/ml/scorer", repository)
    expect(len(world.cli("ecr", "get-login-password").strip()) > 8, "no password")
    identity = world.cli_json("sts", "get-caller-identity")
    expect(identity["Account"] == "111122223333", identity)
    assumed = world.cli_json("sts", "assume-role", "--role-arn", "arn:aws:iam::111122223333:role/deployer", "--role-session-name", "suite")
    expect(assumed["AssumedRoleUser"]["Arn"].endswith("assumed-role/deployer/suite"), assumed)
    world.cli("cloudformation", "delete-stack", "--stack-name", "ml")
    expect(world.client("cloudformation").get_waiter("stack_delete_complete").wait(StackName="ml", WaiterConfig={"Delay": 1, "MaxAttempts": 60}) is None, "deleted")
    expect("ResourceNotFoundException" in world.cli_refused("eks", "describe-cluster", "--name", "ml"), "the cluster is there")
    expect(world.cli_json("sagemaker", "list-endpoints")["Endpoints"] == [], "the endpoint is there")


FAULTS = """
[[fault]]
stack    = "recover"
resource = "Second"
on       = "create"
message  = "The second log group is not wanted tonight"

[[fault]]
stack    = "recover"
resource = "First"
on       = "rollback"
times    = 1
message  = "The first log group cannot be put back"

[[fault]]
service  = "cloudformation"
action   = "ListStacks"
throttle = 2

[[fault]]
service     = "dynamodb"
action      = "PutItem"
drop_answer = 1

[[fault]]
service = "s3"
action  = "ListBuckets"
error   = { code = "AccessDenied", message = "Access Denied", status = 403 }
times   = 1
"""


def a_rollback_that_failed_is_continued(world):
    logs = lambda days: {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days}}
    world.create("recover", {"Resources": {"First": logs(7)}})
    after = {"Resources": {"First": logs(30), "Second": {**logs(7), "DependsOn": "First"}}}
    cloudformation = world.client("cloudformation")
    cloudformation.update_stack(StackName="recover", TemplateBody=json.dumps(after))
    expect(world.settled("recover") == "UPDATE_ROLLBACK_FAILED", world.reasons("recover"))
    reasons = world.reasons("recover")
    expect("The second log group is not wanted tonight" in reasons and "The first log group cannot be put back" in reasons, reasons)
    world.refused("ValidationError", "UPDATE_ROLLBACK_FAILED", cloudformation.update_stack, StackName="recover", TemplateBody=json.dumps(after))
    world.cli("cloudformation", "continue-update-rollback", "--stack-name", "recover")
    expect(world.settled("recover") == "UPDATE_ROLLBACK_COMPLETE", world.reasons("recover"))
    groups = world.client("logs").describe_log_groups()["logGroups"]
    expect([group["retentionInDays"] for group in groups] == [7], groups)


def throttled_lost_and_refused_answers_come_as_asked_for(world):
    world.refused("Throttling", "Rate exceeded", world.session.client("cloudformation", endpoint_url=world.endpoint, config=Config(retries={"total_max_attempts": 1})).list_stacks)
    world.cli("cloudformation", "list-stacks")  # one more throttled answer, and the CLI's own second try
    world.cli("dynamodb", "create-table", "--table-name", "locks", "--billing-mode", "PAY_PER_REQUEST",
              "--key-schema", "AttributeName=id,KeyType=HASH", "--attribute-definitions", "AttributeName=id,AttributeType=S")
    # The first answer is lost after the work was done: the CLI's retry meets its own item.
    lost = world.cli_refused("dynamodb", "put-item", "--table-name", "locks", "--item", '{"id": {"S": "dev"}}', "--condition-expression", "attribute_not_exists(id)")
    expect("ConditionalCheckFailedException" in lost, lost)
    world.refused("AccessDenied", "Access Denied", world.client("s3").list_buckets)
    world.client("s3").list_buckets()


@contextlib.contextmanager
def served(folder, *arguments):
    """A sandbox on a port of its own; it must end by itself when it is asked to."""
    port = free_port()
    log = pathlib.Path(folder) / "server.log"
    server = subprocess.Popen([MLINFRA, "sandbox", "serve", "--port", str(port), "--time-scale", "2000", *arguments], cwd=folder,
                              stdout=subprocess.DEVNULL, stderr=log.open("w"))
    try:
        deadline = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            expect(server.poll() is None and time.monotonic() < deadline, f"the sandbox does not start: {log.read_text()}")
            time.sleep(0.05)
        yield World(port, folder)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            raise AssertionError("the sandbox does not end on SIGTERM") from None


def run(world, scenarios):
    """How many passed and how many failed. Arguments of the program choose scenarios by a part of their names."""
    passed = failed = 0
    for scenario in scenarios:
        if len(sys.argv) > 1 and not any(part in scenario.__name__ for part in sys.argv[1:]):
            continue
        began = time.monotonic()
        try:
            scenario(world)
            passed += 1
            print(f"ok    {scenario.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as problem:
            failed += 1
            print(f"FAIL  {scenario.__name__}: {problem}", flush=True)
    return passed, failed


def main():
    with tempfile.TemporaryDirectory() as folder, served(folder) as world:
        counts = [run(world, (
            boto3_creates_and_the_other_services_show_it, boto3_sees_before_after_and_replacement,
            an_empty_change_set_fails_with_cloudformations_words, what_aws_refuses_is_refused,
            a_taken_name_rolls_the_stack_back, the_aws_cli_deploys_updates_and_deletes,
            a_bucket_that_is_not_empty_stops_a_deletion, events_come_in_pages_newest_first,
            drift_is_what_somebody_changed_by_hand, a_signal_completes_what_waits_and_an_update_that_waits_is_cancelled,
            an_export_in_use_protects_its_stack, a_stack_policy_denies_an_update, the_cli_waits_and_says_what_does_not_exist,
            objects_are_synchronised_versioned_and_written_conditionally, one_of_many_conditional_writes_wins,
            the_services_show_what_a_machine_learning_stack_made,
        ))]
    with tempfile.TemporaryDirectory() as folder:
        faults = pathlib.Path(folder) / "faults.toml"
        faults.write_text(FAULTS)
        with served(folder, "--faults", str(faults), "--directory", str(pathlib.Path(folder) / "state")) as world:
            counts.append(run(world, (a_rollback_that_failed_is_continued, throttled_lost_and_refused_answers_come_as_asked_for)))
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"clients: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()

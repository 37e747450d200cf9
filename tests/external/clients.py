"""The aws CLI and boto3 drive `mlinfra sandbox serve` through the life of a stack, as they would drive AWS."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

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
    cloudformation = world.client("cloudformation")

    def refused(code, words, call, **arguments):
        try:
            call(**arguments)
            raise AssertionError(f"not refused: {arguments}")
        except ClientError as error:
            expect(error.response["Error"]["Code"] == code and words in error.response["Error"]["Message"], error.response["Error"])

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
    world.cli("cloudformation", "deploy", "--stack-name", "cli", "--template-file", str(path), "--parameter-overrides", "Days=7")  # nothing to do: exit 0
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


def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([MLINFRA, "sandbox", "serve", "--port", str(port), "--time-scale", "200"], cwd=folder,
                                  stdout=subprocess.DEVNULL, stderr=open(pathlib.Path(folder) / "server.log", "w"))
        passed = failed = 0
        try:
            deadline = time.monotonic() + 30
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                expect(server.poll() is None and time.monotonic() < deadline, "the sandbox does not start")
                time.sleep(0.05)
            world = World(port, folder)
            for scenario in (
                boto3_creates_and_the_other_services_show_it, boto3_sees_before_after_and_replacement,
                an_empty_change_set_fails_with_cloudformations_words, what_aws_refuses_is_refused,
                a_taken_name_rolls_the_stack_back, the_aws_cli_deploys_updates_and_deletes,
                a_bucket_that_is_not_empty_stops_a_deletion,
            ):
                began = time.monotonic()
                try:
                    scenario(world)
                    passed += 1
                    print(f"ok    {scenario.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
                except Exception as problem:
                    failed += 1
                    print(f"FAIL  {scenario.__name__}: {problem}", flush=True)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                failed += 1
                print("FAIL  the sandbox does not end on SIGTERM")
                server.kill()
        print(f"clients: {passed} passed, {failed} failed")
        sys.exit(1 if failed else 0)


main()

"""The requests that workloads become on ECS, against AWS's own model of the API and against moto.

botocore's model knows every member of a request and its type: what it does not know is refused. moto, an independent
implementation, registers the definitions, and what it describes then has to hold all that was asked for: by that rule a
revision is found again, and none is registered twice. moto knows no deployments, so none is watched.
"""

import json
import pathlib
import socket
import subprocess
import sys
import time

import boto3
import botocore.session
import botocore.validate

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUESTS = ROOT / "tests/manifests/ecs.json"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def against_the_model(workloads):
    model = botocore.session.get_session().get_service_model("ecs")
    validator = botocore.validate.ParamValidator()
    for name, objects in workloads.items():
        for one in objects:
            shape = model.operation_model(one["action"]).input_shape
            report = validator.validate(one["request"], shape)
            expect(not report.has_errors(), f"{name}, {one['action']}: {report.generate_report()}")


def holds(asked, found, path=""):
    """The rule of src/ship/ecs/difference.rs: whatever was asked for is there; what was added is of no matter."""
    if isinstance(asked, dict):
        return [line for key, value in asked.items() for line in holds(value, (found or {}).get(key), f"{path}.{key}")]
    if isinstance(asked, list) and asked and isinstance(asked[0], dict):
        keyed = {item.get("name", index): item for index, item in enumerate(found or [])}
        if len(keyed) != len(asked):
            return [f"{path}: {len(asked)} asked for, {len(keyed)} there"]
        items = [(item.get("name", index), item) for index, item in enumerate(asked)]
        return [line for key, item in items for line in holds(item, keyed.get(key), f"{path}[{key}]")]
    return [] if asked == found or not asked and not found else [f"{path}: {asked!r} asked for, {found!r} there"]


def against_moto(workloads, port):
    session = boto3.Session("test", "test", region_name="us-east-1")
    address = {"endpoint_url": f"http://127.0.0.1:{port}"}
    ecs, ec2 = session.client("ecs", **address), session.client("ec2", **address)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    for name, objects in workloads.items():
        definition, run = (one["request"] for one in objects)
        run["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = [subnet]
        run["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = [groups[0]["GroupId"]]
        ecs.create_cluster(clusterName=run["cluster"])
        registered = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
        found = ecs.describe_task_definition(taskDefinition=registered)["taskDefinition"]
        asked = {key: value for key, value in definition.items() if key != "tags"}
        lost = holds(asked, found)
        expect(not lost, f"{name}: {lost}")
        if objects[1]["action"] == "CreateService":
            # Its load balancer is not there.
            request = {key: value for key, value in run.items() if key not in ("loadBalancers", "healthCheckGracePeriodSeconds")}
            made = ecs.create_service(**request)["service"]
            expect(made["taskDefinition"] == registered, f"{name}: {made['taskDefinition']}")
        # moto's RunTask adds up the memory of containers, which on Fargate stands at the task: it fails by itself.


def main():
    workloads = json.loads(REQUESTS.read_text())
    expect(len(workloads) >= 3, "too few workloads")
    against_the_model(workloads)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        against_moto(workloads, port)
    finally:
        server.terminate()
        server.wait()
    print(f"{len(workloads)} workloads are understood by AWS's model and by moto")


if __name__ == "__main__":
    main()

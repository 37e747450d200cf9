"""The requests that workloads become on ECS and SageMaker, against AWS's own model of the APIs and against moto.

botocore's model knows every member of a request and its type: what it does not know is refused. moto, an independent
implementation, takes them, and what it describes then has to hold all that was asked for: by that rule a revision of a
task definition is found again, and none is registered twice. moto knows no deployments, so none is watched.
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
SCALING = {
    "RegisterScalableTarget": "RegisterScalableTarget", "ScalableTarget": "RegisterScalableTarget",
    "PutScalingPolicy": "PutScalingPolicy", "ScalingPolicy": "PutScalingPolicy",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def operation(one):
    """The service and the operation of a request."""
    what = one.get("action") or one["kind"]
    if what in SCALING:
        return "application-autoscaling", SCALING[what]
    if what == "CreateSchedule":
        return "scheduler", what
    return ("ecs", what) if "action" in one else ("sagemaker", f"Create{what}")


def against_the_model(workloads):
    session, validator, checked = botocore.session.get_session(), botocore.validate.ParamValidator(), 0
    for name, objects in workloads.items():
        for one in objects:
            service, action = operation(one)
            shape = session.get_service_model(service).operation_model(action).input_shape
            report = validator.validate(one["request"], shape)
            expect(not report.has_errors(), f"{name}, {action}: {report.generate_report()}")
            checked += 1
    return checked


def calls_against_the_model():
    """Whatever is sent in the life of a workload: the SDK does not look into these bodies."""
    names = {"ECS": "ecs", "Application Auto Scaling": "application-autoscaling", "EventBridge Scheduler": "scheduler"}
    session, validator = botocore.session.get_session(), botocore.validate.ParamValidator()
    calls = json.loads((ROOT / "tests/manifests/ecs-calls.json").read_text())
    for call in calls:
        shape = session.get_service_model(names[call["service"]]).operation_model(call["action"]).input_shape
        report = validator.validate(call["request"], shape)
        expect(not report.has_errors(), f"{call['action']}: {report.generate_report()}")
    return len(calls)


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


def scaled_in_moto(scaling, name, objects):
    """Bounds and policy are taken, also a second time, and are found as they were asked for."""
    requests = {operation(one)[1]: one["request"] for one in objects if operation(one)[0] == "application-autoscaling"}
    if not requests:
        return 0
    target, policy = requests["RegisterScalableTarget"], requests["PutScalingPolicy"]
    for again in (False, True):
        # Tags are for what is new.
        scaling.register_scalable_target(**{key: value for key, value in target.items() if key != "Tags" or not again})
        scaling.put_scaling_policy(**policy)
    namespace, resource = target["ServiceNamespace"], target["ResourceId"]
    found = scaling.describe_scalable_targets(ServiceNamespace=namespace, ResourceIds=[resource])["ScalableTargets"]
    expect(len(found) == 1, f"{name}: {len(found)} targets")
    lost = holds({key: value for key, value in target.items() if key != "Tags"}, found[0])
    policies = scaling.describe_scaling_policies(ServiceNamespace=namespace, ResourceId=resource)["ScalingPolicies"]
    expect(len(policies) == 1, f"{name}: {len(policies)} policies")
    lost += holds(policy, policies[0])
    expect(not lost, f"{name}: {lost}")
    asked = {key: target[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    scaling.deregister_scalable_target(**asked)
    return 1


def scheduled_in_moto(scheduler, name, request):
    """A schedule is made and changed, and is found as it was asked for."""
    scheduler.create_schedule_group(Name=request["GroupName"])
    changed = {**request, "ScheduleExpression": "cron(0 3 ? * MON *)"}
    for call, asked in ((scheduler.create_schedule, request), (scheduler.update_schedule, changed)):
        call(**asked)
        lost = holds(asked, scheduler.get_schedule(GroupName=request["GroupName"], Name=request["Name"]))
        expect(not lost, f"{name}: {lost}")
    scheduler.delete_schedule(GroupName=request["GroupName"], Name=request["Name"])
    scheduler.delete_schedule_group(Name=request["GroupName"])


def ecs_in_moto(clients, workloads):
    ecs, ec2, scaled = clients("ecs"), clients("ec2"), 0
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    for name, objects in workloads.items():
        definition, run = (one["request"] for one in objects[:2])
        if objects[1]["action"] == "CreateSchedule":
            scheduled_in_moto(clients("scheduler"), name, run)
            continue
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
            scaled += scaled_in_moto(clients("application-autoscaling"), name, objects)
            ecs.delete_service(cluster=run["cluster"], service=run["serviceName"], force=True)
        # moto's RunTask adds up the memory of containers, which on Fargate stands at the task: it fails by itself.
    return scaled


# What moto does not keep: of containers and variants it describes some members only.
UNKEPT = {"Tags", "DeploymentConfig", "EnableManagedSpotTraining"}


def sagemaker_in_moto(clients, workloads):
    # moto knows instance types up to the fifth generation; AWS's model, which knows them all, has seen what is asked.
    workloads = json.loads(json.dumps(workloads).replace("ml.m6i.", "ml.m5."))
    sagemaker, scaled = clients("sagemaker"), 0
    methods = {
        "Model": ("create_model", "describe_model", "ModelName"),
        "EndpointConfig": ("create_endpoint_config", "describe_endpoint_config", "EndpointConfigName"),
        "Endpoint": ("create_endpoint", "describe_endpoint", "EndpointName"),
        "TrainingJob": ("create_training_job", "describe_training_job", "TrainingJobName"),
        "ProcessingJob": ("create_processing_job", "describe_processing_job", "ProcessingJobName"),
    }
    for name, objects in workloads.items():
        for one in objects:
            if one["kind"] not in methods:
                continue
            create, describe, named = methods[one["kind"]]
            getattr(sagemaker, create)(**one["request"])
            found = getattr(sagemaker, describe)(**{named: one["name"]})
            asked = {key: value for key, value in one["request"].items() if key not in UNKEPT and key in found}
            expect(named in asked and len(asked) > 1, f"{name}: {one['kind']} keeps nothing")
            # moto has metrics of its own.
            asked.get("AlgorithmSpecification", {}).pop("MetricDefinitions", None)
            lost = holds(asked, found)
            expect(not lost, f"{name}, {one['kind']}: {lost}")
        scaled += scaled_in_moto(clients("application-autoscaling"), name, objects)
        for one in objects:
            if one["kind"] == "Endpoint":
                sagemaker.delete_endpoint(EndpointName=one["name"])
    return scaled


def main():
    ecs, sagemaker = (
        json.loads((ROOT / f"tests/manifests/{platform}.json").read_text()) for platform in ("ecs", "sagemaker")
    )
    expect(len(ecs) >= 6 and len(sagemaker) >= 5, "too few workloads")
    checked = against_the_model(ecs) + against_the_model(sagemaker) + calls_against_the_model()
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
        session = boto3.Session("test", "test", region_name="us-east-1")

        def clients(service):
            return session.client(service, endpoint_url=f"http://127.0.0.1:{port}")

        scaled = ecs_in_moto(clients, ecs) + sagemaker_in_moto(clients, sagemaker)
        expect(scaled == 4, f"{scaled} workloads were scaled")
    finally:
        server.terminate()
        server.wait()
    print(f"{checked} requests are understood by AWS's model, {len(ecs) + len(sagemaker)} workloads by moto, {scaled} scaled")


if __name__ == "__main__":
    main()

"""The JSON Schemas are valid, accept what mlinfra accepts, and refuse what a schema can see to be wrong."""

import copy
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLINFRA = os.environ["MLINFRA_BINARY"]

# Problems that one file shows by itself: keys, types, choices and forms. The others take a second file, a second
# stack, arithmetic or AWS.
VISIBLE = {"MLI0104", "MLI0105", "MLI0107", "MLI0113", "MLI0202", "MLI0203", "MLI0204", "MLI0206"}

ENVIRONMENT = """
[project]
name = "acme-ml"
[environment]
account = "111122223333"
region = "us-east-1"
[tags]
owner = "ml"
[stacks.network]
module = "vpc"
cidr = "10.0.0.0/16"
[stacks.cluster]
module = "eks"
subnets = "${network.private_subnet_ids}"
[stacks.cluster.node_groups.main]
instance_types = ["m6i.large"]
[workloads.scorer]
kind = "api"
on = "cluster"
image = { reference = "ghcr.io/acme/scorer:1" }
"""

CONTRACT = """
[module]
name = "queue"
summary = "A queue"
[inputs.days]
type = "integer"
doc = "How long"
default = 3
[outputs.url]
type = "string"
doc = "Where"
"""

# What is wrong: the path to a value, and the value. None removes it.
WRONG_ENVIRONMENTS = [
    (["extends"], 1),
    (["extends"], "common.yaml"),
    (["extends"], ["common.toml", 2]),
    (["regions"], {}),
    (["region"], "us-east-1"),
    (["project", "name"], "Acme"),
    (["project", "name"], 1),
    (["project", "nme"], "x"),
    (["environment"], "dev"),
    (["environment", "account"], 111122223333),
    (["environment", "account"], "1111-2222-3333"),
    (["environment", "region"], "us-east-1a"),
    (["environment", "region"], "us-east"),
    (["environment", "role_arn"], "arn:aws:iam::1:role/x"),
    (["environment", "role_arn"], "arn:aws:iam::111122223333:user/x"),
    (["environment", "protect"], "true"),
    (["environment", "on_failure"], "destroy"),
    (["environment", "regoin"], "us-east-1"),
    (["backend"], {"bucket": "UPPER"}),
    (["backend"], {"table": "a"}),
    (["backend"], {"key": "x"}),
    (["tags", "aws:owner"], "x"),
    (["tags", "mlinfra:stage"], "x"),
    (["tags", "owner"], 4711),
    (["tags", "owner"], ""),
    (["tags", "owner"], "a;b"),
    (["tags"], {f"tag-{number}": "x" for number in range(47)}),
    (["stacks", "Network"], {"module": "vpc"}),
    (["stacks", "network"], "vpc"),
    (["stacks", "network", "module"], "vcp"),
    (["stacks", "network", "module"], 1),
    (["stacks", "network", "cidrs"], "10.0.0.0/16"),
    (["stacks", "network", "cidr"], "10.0.0.0"),
    (["stacks", "network", "cidr"], "10.0.0.0/8"),
    (["stacks", "network", "cidr"], "10.0.0.300/16"),
    (["stacks", "network", "availability_zones"], "2"),
    (["stacks", "network", "availability_zones"], 2.5),
    (["stacks", "network", "availability_zones"], 7),
    (["stacks", "network", "nat_gateways"], "one"),
    (["stacks", "network", "public_ports"], [80, "443"]),
    (["stacks", "network", "flow_logs_retention_days"], 8),
    (["stacks", "network", "flow_logs_kms"], 1),
    (["stacks", "network", "flow_logs_kms_key_arn"], "key/1"),
    (["stacks", "cluster", "version"], "1.9"),
    (["stacks", "cluster", "subnets"], "network.private_subnet_ids"),
    (["stacks", "cluster", "subnets"], ["subnet-1"]),
    (["stacks", "cluster", "compute"], "manual"),
    (["stacks", "cluster", "log_types"], ["everything"]),
    (["stacks", "cluster", "node_groups"], []),
    (["stacks", "cluster", "node_groups", "main", "instance_type"], "m6i.large"),
    (["stacks", "cluster", "node_groups", "main", "instance_types"], []),
    (["stacks", "cluster", "node_groups", "main", "disk_gib"], 5),
    (["stacks", "cluster", "node_groups", "main", "taints"], [{"key": "a", "effect": "NEVER"}]),
    (["stacks", "cluster", "endpoint_public"], "${network.vpc_id}"),
    (["workloads", "scorer", "kind"], "web"),
    (["workloads", "scorer", "on"], ["cluster"]),
    (["workloads", "Scorer"], {}),
    (["workloads", "scorer", "replica"], 2),
    (["workloads", "scorer", "replicas"], "2"),
    (["workloads", "scorer", "replicas"], 1001),
    (["workloads", "scorer", "cpu"], 500),
    (["workloads", "scorer", "memory"], "2 GB"),
    (["workloads", "scorer", "port"], 80),
    (["workloads", "scorer", "image"], "scorer:1"),
    (["workloads", "scorer", "image", "contxt"], "."),
    (["workloads", "scorer", "env"], {"log-level": "info"}),
    (["workloads", "scorer", "env"], {"LEVEL": 3}),
    (["workloads", "scorer", "probes"], {"path": "ping"}),
    (["workloads", "scorer", "autoscaling"], {"min": 0, "max": 3, "target_cpu": 70}),
    (["workloads", "scorer", "tolerations"], [{"value": "ml"}]),
    (["workloads", "scorer", "grace_period"], "one minute"),
    (["waivers"], {"rule": "x"}),
    (["waivers"], [{"rule": "x", "reason": "y"}]),
    (["waivers"], [{"rule": "x", "reason": " ", "expires": "2027-06-30"}]),
    (["waivers"], [{"rule": "x", "reason": "y", "expires": "next year"}]),
    (["waivers"], [{"rule": "x", "reason": "y", "expires": "2027-06-30", "until": 1}]),
]

RIGHT_ENVIRONMENTS = [
    (["extends"], ["common.toml", "eu/base.toml"]),
    (["environment", "region"], "us-gov-west-1"),
    (["environment", "role_arn"], "arn:aws-us-gov:iam::111122223333:role/path/to/deploy"),
    (["backend"], {"bucket": "a-bucket", "table": "a_table.of-locks"}),
    (["tags", "größe"], "Größe: 12 @ a/b+c=d_e.f-g"),
    (["stacks"], {"network": {"cidr": "10.1.0.0/16"}}),
    (["stacks", "network", "cidr"], "${other.cidr}"),
    (["stacks", "network", "availability_zones"], "${other.count}"),
    (["stacks", "network", "zone_names"], ["${other.zone}", "us-east-1a"]),
    (["stacks", "cluster", "subnets"], ["${network.a}", "subnet-2"]),
    (["workloads", "scorer", "image"], {"reference": "ghcr.io/acme/scorer@sha256:" + "0" * 64}),
    (["workloads", "scorer", "autoscaling"], {"min": 1, "max": 3, "target_requests": 2.5}),
    (["workloads", "scorer", "tolerations"], [{"key": "team", "value": "ml", "effect": "NoExecute"}]),
    (["workloads", "scorer", "args"], ["serve"]),
    (["workloads", "scorer", "node_selector"], {"karpenter.sh/capacity-type": "spot"}),
    (["waivers"], [{"rule": "x", "stack": "network", "reason": "y", "expires": "2027-06-30"}]),
    (["project"], None),
    (["environment"], None),
    (["stacks"], None),
]

WRONG_CONTRACTS = [
    (["module"], None),
    (["module", "summary"], None),
    (["module", "name"], "Queue"),
    (["module", "title"], "x"),
    (["input"], {}),
    (["inputs", "Days"], {"type": "integer", "doc": "x"}),
    (["inputs", "days", "doc"], None),
    (["inputs", "days", "type"], None),
    (["inputs", "days", "type"], "list<"),
    (["inputs", "days", "typ"], "integer"),
    (["inputs", "days", "optional"], "yes"),
    (["inputs", "days", "values"], 1),
    (["inputs", "days", "min"], "1"),
    (["inputs", "days", "from"], "vpc"),
    (["types"], {"record": {"doc": "x"}}),
    (["types"], {"record": {"fields": {"a": {"type": "string", "doc": "x", "from": "vpc.vpc_id"}}}}),
    (["outputs", "url", "type"], "integer"),
    (["outputs", "url", "doc"], None),
    (["outputs", "url", "export"], True),
]

passed = failed = 0


def check(claim, holds, detail=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"not so: {claim}\n{detail}")


def mlinfra(*arguments, cwd):
    run = subprocess.run([MLINFRA, *arguments], cwd=cwd, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"mlinfra {' '.join(arguments)}:\n{run.stdout}{run.stderr}")
    return run.stdout


def plain(value):
    """TOML as JSON: dates are strings."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value


def read(path):
    return plain(tomllib.loads(path.read_text(encoding="utf-8-sig")))


def validator(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)


def faults(schema, document):
    return [f"  {'.'.join(map(str, error.path))}: {error.message[:200]}" for error in schema.iter_errors(document)]


def accepts(schema, document, name):
    found = faults(schema, document)
    check(f"the schema accepts {name}", not found, "\n".join(found))


def refuses(schema, document, name):
    check(f"the schema refuses {name}", faults(schema, document))


def changed(document, path, value):
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def code_of(path):
    return path.name.split("-")[0]


def in_editors(scaffold):
    """The language servers of TOML editors find the schema by the first line of a file, and use it."""
    tools = pathlib.Path(sys.executable).parent
    dev = scaffold / "environments/dev.toml"
    slip = scaffold / "environments/slip.toml"
    slip.write_text(dev.read_text().replace("availability_zones =", "availability_zone ="))
    for command in (["taplo", "check"], ["tombi", "lint", "--offline"]):
        for path, fine in ((dev, True), (slip, False)):
            run = subprocess.run(
                [tools / command[0], *command[1:], str(path)], cwd=scaffold, capture_output=True, text=True,
            )
            said = run.stdout + run.stderr
            right = run.returncode == 0 if fine else run.returncode != 0 and "availability_zone" in said
            check(f"{' '.join(command)} {'accepts' if fine else 'refuses'} {path.name}", right, said)
    slip.unlink()


def main():
    with tempfile.TemporaryDirectory() as folder:
        outside = pathlib.Path(folder)
        general = validator(json.loads(mlinfra("schema", "environment", cwd=outside)))
        contract = validator(json.loads(mlinfra("schema", "module", cwd=outside)))

        scaffold = outside / "scaffold"
        mlinfra("init", "scaffold", "--name", "scaffold", cwd=outside)
        own = validator(json.loads((scaffold / "environments/.schema.json").read_text()))
        for path in sorted((scaffold / "environments").glob("*.toml")):
            accepts(general, read(path), f"{path.name} of init")
            accepts(own, read(path), f"{path.name} of init, by its own schema")
        in_editors(scaffold)
        refuses(own, {"stacks": {"network": {"kms": True}}}, "an input of another module in a stack that is known")
        accepts(general, {"stacks": {"network": {"kms": True}}}, "the same where the stack's module is not known")

    of_example = validator(json.loads(mlinfra("schema", "environment", cwd=ROOT)))
    for path in sorted((ROOT / "environments").glob("*.toml")):
        accepts(general, read(path), path.name)
        accepts(of_example, read(path), f"{path.name}, by its project's schema")
    contracts = [path for path in (ROOT / "modules").glob("*.toml") if not path.name.endswith(".test.toml")]
    for path in sorted(contracts) + [ROOT / "templates/bootstrap.toml"]:
        accepts(contract, read(path), path.name)

    small = ROOT / "tests/external/project"
    accepts(
        validator(json.loads(mlinfra("schema", "environment", cwd=small))),
        read(small / "environments/dev.toml"),
        "a project with modules of its own",
    )
    refuses(general, read(small / "environments/dev.toml"), "that project without its modules")
    for path in sorted((small / "modules").glob("*.toml")):
        accepts(contract, read(path), path.name)

    for text, schema, wrong, right in (
        (ENVIRONMENT, general, WRONG_ENVIRONMENTS, RIGHT_ENVIRONMENTS),
        (CONTRACT, contract, WRONG_CONTRACTS, []),
    ):
        good = tomllib.loads(text)
        accepts(schema, good, "what the wrong ones are made of")
        for path, value in wrong:
            refuses(schema, changed(good, path, value), f"{'.'.join(path)} = {value!r}")
        for path, value in right:
            accepts(schema, changed(good, path, value), f"{'.'.join(path)} = {value!r}")

    corpus = ROOT / "tests/specs"
    for path in sorted(corpus.glob("good/*.toml")):
        accepts(general, read(path), f"good/{path.name}")
    for path in sorted(corpus.glob("bad/*.toml")):
        if code_of(path) in VISIBLE:
            try:
                refuses(general, read(path), f"bad/{path.name}")
            except tomllib.TOMLDecodeError as error:
                check(f"bad/{path.name} is TOML", False, str(error))

    print(f"schemas: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()

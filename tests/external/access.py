"""The roles of the module `access` may do what mlinfra and the built-in modules need, and no more than is claimed.

What is needed is read where it stands: the calls in src/aws, the table in docs/access.md, the handlers in the public schemas
of every resource type that the modules use, and the preflight's own table. access.toml has the exceptions, with reasons.
Conditions are left out of account: what they narrow is tried by the module's own cases.
"""

import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import cfnlint

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLINFRA = os.environ["MLINFRA_BINARY"]
SCHEMAS = pathlib.Path(cfnlint.__file__).parent / "data" / "schemas"
ACCOUNT = "111122223333"
# IAM and AWS STS quotas: characters without white space, and managed policies of one role.
MOST = {"managed policy": 6144, "inline policies": 10240, "trust": 2048, "attached": 10}
# Operations whose permission is called otherwise (Service Authorization Reference, Amazon S3).
PERMISSION = {
    "s3:HeadBucket": "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket", "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:DeleteObjects": "s3:DeleteObject", "s3:ListBuckets": "s3:ListAllMyBuckets", "s3:HeadObject": "s3:GetObject",
    "ecs:GetLogEvents": "logs:GetLogEvents",
}
SERVICES = {"artifacts": "s3", "scaling": "application-autoscaling", "early_validation": "cloudformation", "service_quotas": "servicequotas"}


def render(project, environment, region, protect):
    """The template of an `access` stack with everything in it, `Ref`s to its own policies resolved."""
    text = f"""
[project]
name = "{project}"
[environment]
account = "{ACCOUNT}"
region  = "{region}"
protect = {"true" if protect else "false"}
[stacks.access]
module            = "access"
repository        = "acme/ml-platform"
owner_id          = 123456789
repository_id     = 987654321
plan_branches     = ["main"]
apply_environment = "{environment}"
apply_branches    = ["main"]
apply_workflows   = ["acme/workflows/.github/workflows/apply.yml@refs/heads/main"]
require_boundary  = true
viewer_arns       = ["arn:aws:iam::{ACCOUNT}:role/viewer"]
operator_arns     = ["arn:aws:iam::{ACCOUNT}:role/oncall"]
state_kms_key_arn = "arn:aws:kms:{region}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
"""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "environments").mkdir()
        (pathlib.Path(folder) / "environments" / f"{environment}.toml").write_text(text)
        for name in ("modules", "templates"):
            (pathlib.Path(folder) / name).symlink_to(ROOT / name)
        run = subprocess.run(
            [MLINFRA, "-C", folder, "render", environment, "access", "--format", "json"],
            capture_output=True, text=True,
        )
    if run.returncode:
        sys.exit(f"access cannot be rendered:\n{run.stdout}{run.stderr}")
    found = json.loads(run.stdout)
    return found.get("access", found)["Resources"]


def listed(value):
    return value if isinstance(value, list) else [value]


def documents(resource):
    properties = resource["Properties"]
    if "PolicyDocument" in properties:
        return [properties["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in properties.get("Policies", [])]


def statements(resources, logical_id):
    """Of a role: its own and those of the policies that it refers to."""
    attached = [arn["Ref"] for arn in resources[logical_id]["Properties"].get("ManagedPolicyArns", []) if "Ref" in arn]
    return [
        statement
        for name in [logical_id, *attached]
        for document in documents(resources[name])
        for statement in document["Statement"]
    ]


def matches(pattern, text):
    # Only `*` and `?` are special in a policy.
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def speaks(statement, call, resource):
    """Whether a statement is about a call; `resource` none: on anything."""
    if not any(matches(action.lower(), call.lower()) for action in listed(statement["Action"])):
        return False
    if resource is None:
        return True
    if "NotResource" in statement:
        return not any(matches(arn, resource) for arn in listed(statement["NotResource"]))
    return any(matches(arn, resource) for arn in listed(statement["Resource"]))


class Roles:
    def __init__(self, resources):
        self.resources = resources
        self.boundary = statements(resources, "Boundary")
        self.own = {name: statements(resources, name) for name in ("PlanRole", "ApplyRole")}

    def may(self, role, call, resource=None):
        def allows(found):
            return any(one["Effect"] == "Allow" and speaks(one, call, resource) for one in found)

        # On anything at all, a denial on something says nothing.
        denied = resource is not None and any(
            one["Effect"] == "Deny" and "Condition" not in one and speaks(one, call, resource) for one in self.boundary
        )
        return allows(self.own[role]) and allows(self.boundary) and not denied


def sizes(resources):
    """What exceeds a quota. A reference counts as the longest ARN that it can be."""
    def written(node):
        if isinstance(node, dict) and set(node) in ({"Ref"}, {"Fn::GetAtt"}):
            return f"arn:aws-us-gov:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
        if isinstance(node, dict):
            return {key: written(value) for key, value in node.items()}
        return [written(item) for item in node] if isinstance(node, list) else node

    def size(document):
        return len(json.dumps(written(document), separators=(",", ":")))

    for name, resource in resources.items():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            yield name, "managed policy", size(documents(resource)[0])
        if resource["Type"] == "AWS::IAM::Role":
            yield name, "inline policies", sum(map(size, documents(resource)))
            yield name, "trust", size(resource["Properties"]["AssumeRolePolicyDocument"])
            # Two and two are left for those of the user (read_policy_arns, apply_policy_arns).
            yield name, "attached", len(resource["Properties"]["ManagedPolicyArns"]) + 4


def types():
    """The resource types of the built-in modules that CI applies."""
    found = set()
    for path in sorted((ROOT / "templates/cloudformation").glob("*.yaml")):
        if path.stem not in ("access", "bootstrap"):
            found |= set(re.findall(r"^\s*Type: (AWS::\w+::\w+)\s*$", path.read_text(), re.MULTILINE))
    return found


def handlers(wanted):
    """The calls that the schemas say CloudFormation makes, with the types that they are made for."""
    calls = {}
    for path in (SCHEMAS / "resources").glob("*.json"):
        schema = json.loads(path.read_text())
        if schema.get("typeName") in wanted:
            for name, handler in schema.get("handlers", {}).items():
                for call in handler.get("permissions", []) if name != "list" else []:
                    if ":" in call:
                        calls.setdefault(call, set()).add(schema["typeName"])
    return calls


def asked():
    """The permissions behind the calls in src/aws."""
    folder = ROOT / "src/aws"
    for path in sorted(folder.rglob("*.rs")):
        service = path.relative_to(folder).parts[0].removesuffix(".rs")
        service, text = SERVICES.get(service, service), path.read_text()
        operations = re.findall(r'AwsError::of\(\s*(?:SERVICE|"[^"]+"),\s*"(\w+)"', text)
        # A list of actions, each with its method.
        operations += [name for listed in re.findall(r"^actions! \{(.*?)^\}", text, re.DOTALL | re.MULTILINE)
                       for name in re.findall(r"(\w+): \w+;", listed)]
        for operation in operations:
            yield PERMISSION.get(f"{service}:{operation}", f"{service}:{operation}")


def documented():
    """The rows of the table of verbs: the calls, and whether each role has them."""
    text = (ROOT / "docs/access.md").read_text().split("## What each verb asks of AWS")[1].split("\n## ")[0]
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)[1:]:
        verb, calls, plan, apply = row.split(" | ")
        service, found = "", []
        for prefix, name in re.findall(r"`(?:([a-z0-9-]+):)?([A-Z]\w+)`", calls):
            service = prefix or service
            found.append(f"{service}:{name}")
        yield verb, found, plan.startswith("yes"), apply.startswith("yes")


def preflight(wanted, prefix, region):
    """The preflight's own table: calls with what they are made on."""
    kind = ""
    for line in (ROOT / "src/preflight/data/actions.txt").read_text().splitlines():
        if line.startswith("AWS::"):
            kind = line.strip()
        elif line.startswith("  ") and kind in wanted:
            _, call, on, *_ = line.split()
            name = {"AWS::ECR::Repository": "acme-ml/prod/x", "AWS::S3::Bucket": f"{prefix}-s-b-1"}.get(kind, f"{prefix}-s-B-1")
            on = re.sub(r"\{of:[^}]*\}", f"{prefix}-cluster", on).replace("{name}", name)
            service, _, rest = on.partition(":")
            if on.startswith("@"):
                yield kind, call, f"arn:aws:iam::{ACCOUNT}:role/{prefix}-s-Role-1"
            elif on == "*":
                yield kind, call, "*"
            else:
                place = {"s3": ":", "iam": f":{ACCOUNT}"}.get(service, f"{region}:{ACCOUNT}")
                yield kind, call, f"arn:aws:{service}:{place}:{rest}" if service != "s3" else f"arn:aws:s3:::{rest}"


def main():
    known = tomllib.loads((ROOT / "tests/external/access.toml").read_text())
    region, prefix = "us-east-1", "acme-ml-prod"
    state = f"arn:aws:s3:::acme-ml-mlinfra-{ACCOUNT}-{region}/acme-ml/prod"
    resources = render("acme-ml", "prod", region, True)
    roles, passed, problems = Roles(resources), 0, []

    def expect(holds, otherwise):
        nonlocal passed
        passed += bool(holds)
        problems.extend([] if holds else [otherwise])

    # The longest names that the module takes, in a long region, with what protection leaves out.
    for found in (resources, render("twelve-chars", "production", "ap-southeast-1", False)):
        for name, what, count in sizes(found):
            expect(count <= MOST[what], f"{name}: {what} has {count}, IAM takes {MOST[what]}")

    wanted = types()
    excuses = {call for line in known["without"] for call in line["calls"]}
    unused = set(excuses)
    for call, kinds in sorted(handlers(wanted).items()):
        excused = {pattern for pattern in excuses if fnmatch.fnmatchcase(call, pattern)}
        if roles.may("ApplyRole", call):
            passed += 1
        else:
            unused -= excused
            expect(excused, f"{call} is not allowed to the apply role, and {', '.join(sorted(kinds))} may need it")
    for call in sorted(unused):
        problems.append(f"access.toml excuses {call}, which nothing needs")

    for kind, call, resource in preflight(wanted, prefix, region):
        expect(roles.may("ApplyRole", call, resource), f"the apply role may not {call} on {resource}, which {kind} needs")

    told = set()
    for verb, calls, plan, apply in documented():
        told |= set(calls)
        for call in calls:
            for role, column in (("PlanRole", plan), ("ApplyRole", apply)):
                if column and not call.startswith("sts:"):
                    expect(roles.may(role, call) or call.startswith("s3:Delete") or call == "s3:ListBucketVersions",
                           f"docs/access.md says that {role} may {call} for {verb}")
    for call in sorted(set(asked()) - {one for line in known["unasked"] for one in line["calls"]}):
        expect(call in told, f"src/aws calls {call}, and the table in docs/access.md has it not")

    for claim in known["claims"]:
        resource = claim["resource"].replace("STATE", state).replace("PREFIX", prefix)
        resource = resource.replace("REGION", region).replace("ACCOUNT", ACCOUNT)
        for role, key in (("PlanRole", "plan"), ("ApplyRole", "apply")):
            may = roles.may(role, claim["call"], resource)
            expect(may == claim[key], f"{role} {'may' if may else 'may not'} {claim['call']} on {resource}")

    for problem in problems:
        print(problem)
    print(f"access: {passed} passed, {len(problems)} failed")
    sys.exit(1 if problems or not passed else 0)


main()

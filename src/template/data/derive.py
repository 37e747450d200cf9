#!/usr/bin/env python3
"""Derives schemas.bin and actions.bin from the public provider schemas and rules in the package cfn-lint.

    python3 src/template/data/derive.py            write schemas.bin and actions.bin
    python3 src/template/data/derive.py --check    exit 1 if they do not hold what would be written
    python3 src/template/data/derive.py --show T   print the derived schema of type T

Needs `pip install cfn-lint==VERSION` (the version is in the first line of schemas.bin) and the zstd command.
`--check` compares contents, not bytes: another zstd may compress the same text differently.

What goes: prose and links (description, title, examples, documentationUrl, ...), handlers, permissions.
What stays: everything that says whether a value is valid, which attributes there are, and what a change does.
What is added: `attributes`, what Fn::GetAtt may name; `rules`, the conditional schemas that cfn-lint holds against parts
of a type, each as [path below Properties, schema] or [path, schema, "warning"]. Lists of what a region offers are
united over all regions, and are warnings. `shutDown` is the day on which AWS ended the service; `retired` holds values
that a service does not take any more, with the day and the successor. `creationPolicy` and `updatePolicy` are schemas
of those attributes.

actions.bin is zstd of text, one line per IAM service prefix: the prefix and its actions, in small letters.

schemas.bin, integers being 32 bits little-endian:
    one line of text: `mlinfra-schemas 1 cfn-lint VERSION types N`
    length and bytes of a zstd dictionary
    length and bytes of the index, a zstd frame of JSON: [[bytes of frame, bytes unpacked, [type name, ...]], ...]
    the frames, each zstd with the dictionary: one line of JSON per type, in the order of the index
"""

import argparse
import importlib.metadata
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import cfnlint
from cfnlint.core import get_rules
from cfnlint.rules.jsonschema.CfnLintJsonSchema import CfnLintJsonSchema
from cfnlint.rules.jsonschema.CfnLintJsonSchemaRegional import CfnLintJsonSchemaRegional
from cfnlint.schema import Schema

TARGET = pathlib.Path(__file__).with_name("schemas.bin")
ACTIONS = pathlib.Path(__file__).with_name("actions.bin")
DATA = pathlib.Path(cfnlint.__file__).parent / "data"
PROVIDERS = DATA / "schemas" / "providers"
RESOURCES = DATA / "schemas" / "resources"
# Where a type differs between regions, the first region that has it wins.
FIRST_REGIONS = ["us-east-1", "us-west-2", "eu-west-1"]
# Rules that judge versions, which appear faster than this file is derived; rules whose Python code says more than their
# schema; lists by engine and region, megabytes of them.
VERSION_RULES = {"E3690", "E3691", "W3690", "W3691"}
RULES_LEFT_OUT = {"E3025", "E3051", "E3062", "E3601", "E3063", "I3011", "I3013", "W3011", "W3663", "W3664", "W3689"}
# A frame is closed once it holds this much text: small enough to unpack in well under a millisecond.
FRAME_BYTES = 160_000
DICTIONARY_BYTES = 48 * 1024

KEPT_AT_THE_TOP = {
    "additionalProperties", "allOf", "anyOf", "oneOf", "conditionalCreateOnlyProperties", "createOnlyProperties",
    "definitions", "dependencies", "dependentExcluded", "dependentRequired", "deprecatedProperties",
    "patternProperties", "primaryIdentifier", "properties", "readOnlyProperties", "replacementStrategy", "required",
    "requiredOr", "requiredXor", "tagging", "type", "writeOnlyProperties",
}
DROPPED_INSIDE = {
    "description", "title", "examples", "$comment", "$id", "$schema", "relationshipRef", "documentationUrl",
    "propertyTransform", "resourceLink", "insertionOrder", "arrayType", "markdownDescription",
}
MAPS_OF_SCHEMAS = {"properties", "definitions", "patternProperties"}
PLAIN_VALUES = {"enum", "const", "default", "required", "requiredXor", "requiredOr", "dependentExcluded",
                "dependentRequired", "enumCaseInsensitive", "type"}


def strip(schema, top=False):
    if isinstance(schema, list):
        return [strip(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if (top and key not in KEPT_AT_THE_TOP) or key in DROPPED_INSIDE:
            continue
        if key == "uniqueItems" and value is False:
            continue
        if key == "tagging":
            value = {name: value[name] for name in ("taggable", "tagProperty", "tagUpdatable") if name in value}
        elif key in MAPS_OF_SCHEMAS and isinstance(value, dict):
            value = {name: strip(item) for name, item in value.items()}
        elif key not in PLAIN_VALUES:
            value = strip(value)
        kept[key] = value
    return kept


def attributes(schema):
    """What Fn::GetAtt may name, where the documentation allows other things than the read-only properties."""
    known = sorted(name.replace("\\.", ".") for name in Schema(schema).get_atts)
    read_only = sorted(".".join(path.split("/")[2:]) for path in schema.get("readOnlyProperties", []))
    return None if known == read_only or ".*" in "".join(known) else known


def united(by_region):
    """The values that any region allows, if the rule says nothing else."""
    schemas = [schema for schema in by_region.values() if isinstance(schema, dict)]
    if not all(list(schema) == ["enum"] for schema in schemas):
        return None
    return {"enum": sorted({value for schema in schemas for value in schema["enum"]})}


def classes(by_region):
    """All values of DBInstanceClass and its like that any engine in any region allows."""
    found = {}

    def walk(schema):
        if isinstance(schema, list):
            for item in schema:
                walk(item)
        elif isinstance(schema, dict):
            for name, inner in (schema.get("properties") or {}).items():
                if name.endswith("InstanceClass") and isinstance(inner, dict) and "enum" in inner:
                    found.setdefault(name, set()).update(inner["enum"])
            for inner in schema.values():
                walk(inner)

    walk(list(by_region.values()))
    return {"properties": {name: {"enum": sorted(values)} for name, values in found.items()}} if found else None


def whatever_case(schema):
    """`Engine` of RDS may be written in any case."""
    if isinstance(schema, list):
        return [whatever_case(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: whatever_case(value) for key, value in schema.items()}
    engine = (changed.get("properties") or {}).get("Engine")
    if isinstance(engine, dict):
        allowed = engine.pop("enum", None) or ([engine.pop("const")] if "const" in engine else None)
        if allowed:
            engine["enumCaseInsensitive"] = allowed
    return changed


def rules():
    """By type: [path below Properties, schema] or [path, schema, "warning"]."""
    by_type = {}
    for rule in sorted(get_rules([], [], ["I", "W", "E"]), key=lambda rule: rule.id):
        if not isinstance(rule, CfnLintJsonSchema) or not rule.schema:
            continue
        schema, level = rule.schema, [] if rule.id[0] == "E" and rule.id not in VERSION_RULES else ["warning"]
        if isinstance(rule, CfnLintJsonSchemaRegional):
            schema, level = united(schema) or classes(schema), ["warning"]
        elif rule.id in RULES_LEFT_OUT:
            continue
        for keyword in sorted(rule.keywords):
            where = keyword.split("/")
            if len(where) < 3 or where[0] != "Resources" or where[2] != "Properties" or not schema:
                continue
            if where[1].startswith("AWS::") and not where[1].startswith("AWS::Serverless::"):
                stripped = strip(schema)
                if where[1].startswith("AWS::RDS::"):
                    stripped = whatever_case(stripped)
                by_type.setdefault(where[1], []).append(["/".join(where[3:]), stripped, *level])
    return by_type


def update_policies():
    """By type: the schema of its UpdatePolicy, without references."""
    whole = json.loads((DATA / "schemas" / "other" / "resources" / "update_policy.json").read_text())

    def inline(schema):
        if isinstance(schema, list):
            return [inline(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return inline(whole["definitions"][schema["$ref"].rsplit("/", 1)[1]])
        return {key: inline(value) for key, value in schema.items()}

    found = {}
    for part in whole["allOf"]:
        kind = part["if"]["properties"]["Type"]
        schema = part.get("then", {}).get("properties", {}).get("UpdatePolicy")
        for name in kind.get("enum", [kind.get("const")]) if schema else []:
            found[name] = strip(inline(schema))
    return found


SIGNAL = {
    "additionalProperties": False,
    "properties": {"Count": {"type": "integer", "minimum": 0}, "Timeout": {"type": "string", "pattern": "^P"}},
    "type": "object",
}
# "CreationPolicy attribute"; a Timeout is a duration of ISO 8601.
CREATION_POLICIES = {
    "AWS::AppStream::Fleet": {"StartFleet": {"type": "boolean"}},
    "AWS::AutoScaling::AutoScalingGroup": {
        "AutoScalingCreationPolicy": {
            "additionalProperties": False,
            "properties": {"MinSuccessfulInstancesPercent": {"maximum": 100, "minimum": 0, "type": "integer"}},
            "type": "object",
        },
        "ResourceSignal": SIGNAL,
    },
    "AWS::CloudFormation::WaitCondition": {"ResourceSignal": SIGNAL},
    "AWS::EC2::Instance": {"ResourceSignal": SIGNAL},
}


def retired_runtimes(known_on):
    """By runtime: the day since which Lambda updates no function that has it, and what to use instead."""
    runtimes = json.loads((DATA / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json").read_text())
    return {
        name: [about["update-block"], about["successor"]]
        for name, about in sorted(runtimes.items())
        if about["update-block"] and about["update-block"] <= known_on
    }


def actions():
    services = json.loads((DATA / "AdditionalSpecs" / "Policies.json").read_text())
    return "\n".join(" ".join([name, *sorted(services[name].get("Actions", {}))]) for name in sorted(services))


def derive():
    regions = [path.stem for path in PROVIDERS.glob("*.json") if path.stem != "sam"]
    types = {}
    for region in FIRST_REGIONS + sorted(set(regions) - set(FIRST_REGIONS)):
        for name, digest in json.loads((PROVIDERS / f"{region}.json").read_text()).items():
            if name.startswith(("AWS::", "Alexa::")):
                types.setdefault(name, digest)
    by_type, updates = rules(), update_policies()
    known_on = json.loads((DATA / "schemas" / "version.json").read_text())["schema_date"][:10]
    derived = {}
    for name in sorted(types):
        schema = json.loads((RESOURCES / f"{types[name]}.json").read_text())
        stripped = strip(schema, top=True)
        allowed = attributes(schema)
        if allowed is not None:
            stripped["attributes"] = allowed
        if name in by_type:
            stripped["rules"] = by_type[name]
        if name in updates:
            stripped["updatePolicy"] = updates[name]
        if name in CREATION_POLICIES:
            stripped["creationPolicy"] = {
                "additionalProperties": False, "properties": CREATION_POLICIES[name], "type": "object"
            }
        lifecycle = schema.get("lifecycle", {})
        if lifecycle.get("status") == "shutdown" and lifecycle.get("date", "9") <= known_on:
            stripped["shutDown"] = lifecycle["date"]
        if name == "AWS::Lambda::Function":
            stripped["retired"] = {"Runtime": retired_runtimes(known_on)}
        derived[name] = json.dumps(stripped, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return derived


def zstd(data, *arguments):
    return subprocess.run(["zstd", "-q", "-c", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def frames(derived):
    frame, size = [], 0
    for name, text in derived.items():
        frame.append(name)
        size += len(text)
        if size >= FRAME_BYTES:
            yield frame
            frame, size = [], 0
    if frame:
        yield frame


def pack(derived):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number, text in enumerate(derived.values()):
            (folder / f"{number:05}").write_text(text)
        dictionary = folder / "dictionary"
        samples = sorted(str(path) for path in folder.iterdir())
        subprocess.run(["zstd", "-q", "--train", *samples, f"--maxdict={DICTIONARY_BYTES}", "--dictID=1",
                        "-o", str(dictionary)], check=True, stderr=subprocess.DEVNULL)
        index, packed = [], []
        for names in frames(derived):
            text = "\n".join(derived[name] for name in names)
            frame = zstd(text.encode(), "--ultra", "-22", "--no-check", "-D", str(dictionary))
            index.append([len(frame), len(text.encode()), names])
            packed.append(frame)
        dictionary = dictionary.read_bytes()
    index = zstd(json.dumps(index, separators=(",", ":")).encode(), "-19", "--no-check")
    version = importlib.metadata.version("cfn-lint")
    head = f"mlinfra-schemas 1 cfn-lint {version} types {len(derived)}\n".encode()
    return b"".join([head, struct.pack("<I", len(dictionary)), dictionary, struct.pack("<I", len(index)), index, *packed])


def unpack(data):
    head, _, rest = data.partition(b"\n")
    size = struct.unpack_from("<I", rest)[0]
    dictionary, rest = rest[4 : 4 + size], rest[4 + size :]
    size = struct.unpack_from("<I", rest)[0]
    index, rest = json.loads(zstd(rest[4 : 4 + size], "-d")), rest[4 + size :]
    held = {}
    with tempfile.NamedTemporaryFile() as file:
        file.write(dictionary)
        file.flush()
        for size, _, names in index:
            text = zstd(rest[:size], "-d", "-D", file.name).decode()
            rest = rest[size:]
            held.update(zip(names, text.split("\n"), strict=True))
    return head.decode(), held


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--show", metavar="TYPE")
    arguments = parser.parse_args()
    derived = derive()
    if arguments.show:
        print(json.dumps(json.loads(derived[arguments.show]), indent=1))
        return 0
    if arguments.check:
        if zstd(ACTIONS.read_bytes(), "-d").decode() != actions():
            print(f"{ACTIONS.name} differs from cfn-lint {importlib.metadata.version('cfn-lint')}", file=sys.stderr)
            return 1
        head, held = unpack(TARGET.read_bytes())
        version = importlib.metadata.version("cfn-lint")
        if held == derived and f"cfn-lint {version} " in head:
            print(f"{TARGET.name} is what cfn-lint {version} says: {len(held)} types")
            return 0
        changed = sorted(name for name in held.keys() | derived.keys() if held.get(name) != derived.get(name))
        print(f"{TARGET.name} ({head}) differs from cfn-lint {version} in {len(changed)} types: {changed[:10]}",
              file=sys.stderr)
        return 1
    data = pack(derived)
    assert unpack(data)[1] == derived
    TARGET.write_bytes(data)
    ACTIONS.write_bytes(zstd(actions().encode(), "--ultra", "-22", "--no-check"))
    print(f"{TARGET.name}: {len(derived)} types, {sum(map(len, derived.values())):,} bytes of JSON in {len(data):,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

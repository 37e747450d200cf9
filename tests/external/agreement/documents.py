"""Templates as plain data and back: short tags become long forms when read, and are used again when YAML is written."""

import copy
import json
import pathlib

import yaml

TEMPLATES = pathlib.Path(__file__).with_name("templates")


class Reader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: tags are functions, and dates are text."""


def _tagged(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if name == "Fn::GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name: value}


Reader.add_multi_constructor("!", _tagged)
Reader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Writer(yaml.SafeDumper):
    """YAML with short tags and without aliases."""

    def ignore_aliases(self, data):
        return True


SHORT = {"Ref": "!Ref", "Fn::Sub": "!Sub", "Fn::Join": "!Join", "Fn::Select": "!Select", "Fn::FindInMap": "!FindInMap",
         "Fn::If": "!If", "Fn::Equals": "!Equals"}


def _mapping(writer, data):
    if len(data) == 1:
        (name, value), = data.items()
        if name in SHORT and isinstance(value, str):
            return writer.represent_scalar(SHORT[name], value)
        if name in SHORT and isinstance(value, list):
            return writer.represent_sequence(SHORT[name], value)
    return writer.represent_mapping("tag:yaml.org,2002:map", data, flow_style=None)


Writer.add_representer(dict, _mapping)


def read(path):
    """The template in the file as plain data."""
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.load(text, Reader)


def write(data, suffix):
    """The text of `data`, as JSON or YAML."""
    if suffix == ".json":
        return json.dumps(data, indent=2) + "\n"
    return yaml.dump(data, Dumper=Writer, sort_keys=False, width=140, default_flow_style=None, allow_unicode=True)


def is_call(value):
    """Whether `value` is a call of an intrinsic function."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def at(data, path):
    """What stands at `path`."""
    for step in path:
        data = data[step]
    return data


class Mutant:
    """A template and what is to be changed in it; the copy is made only for those that are chosen."""

    def __init__(self, data, steps):
        self.data, self.steps = data, steps

    def made(self):
        """A copy with the changes."""
        data = copy.deepcopy(self.data)
        for path, change in self.steps:
            *way, last = path
            change(at(data, way), last)
        return data


def changed(data, path, change):
    """The mutant in which `change(holder, key)` is applied to what holds the last step of `path`."""
    if isinstance(data, Mutant):
        return Mutant(data.data, [*data.steps, (path, change)])
    return Mutant(data, [(path, change)])


def put(data, path, value):
    """The mutant with `value` at `path`."""
    def change(holder, key):
        holder[key] = value
    return changed(data, path, change)


def dropped(data, path):
    """The mutant without what stands at `path`."""
    def change(holder, key):
        del holder[key]
    return changed(data, path, change)


def renamed(data, path, name):
    """The mutant in which the last key of `path` is called `name`, in the same place."""
    def change(holder, key):
        entries = [(name if at == key else at, value) for at, value in holder.items()]
        holder.clear()
        holder.update(entries)
    return changed(data, path, change)


def walk(value, path=()):
    """Every value below and with `value`, with its path, in order; into the arguments of functions too."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))


def calls(data, name, under=("Resources", "Outputs", "Conditions")):
    """The paths and arguments of all calls of the function `name`."""
    for section in under:
        for path, value in walk(data.get(section, {}), (section,)):
            if is_call(value) and name in value:
                yield (*path, name), value[name]


def resources(data):
    """(logical id, type, properties) of the resources that have properties written out."""
    for name, resource in data["Resources"].items():
        if not name.startswith("Fn::") and isinstance(resource.get("Properties"), dict) and not is_call(resource["Properties"]):
            yield name, resource["Type"], resource["Properties"]


def swapped(word):
    """`word` with two neighbouring different letters in its middle exchanged: a typical slip."""
    for at in range(len(word) // 2, len(word) - 1):
        if word[at] != word[at + 1]:
            return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    return word + "x"

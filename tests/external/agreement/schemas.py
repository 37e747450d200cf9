"""Where in a template the provider schemas ask something of a value."""

import json
import pathlib

import cfnlint.data.schemas

from documents import is_call, resources

_DATA = pathlib.Path(cfnlint.data.schemas.__file__).parent
_TYPES = json.loads((_DATA / "providers" / "us-east-1.json").read_text())
_LOADED = {}


def schema_of(kind):
    """The schema of a resource type, or None."""
    if kind not in _LOADED:
        digest = _TYPES.get(kind)
        _LOADED[kind] = json.loads((_DATA / "resources" / f"{digest}.json").read_text()) if digest else None
    return _LOADED[kind]


def resolve(root, schema):
    """Follows `$ref`s."""
    while isinstance(schema, dict) and "$ref" in schema:
        target = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def values(data):
    """(path, value, schema) of everything that is written out in the properties, the properties as a whole included."""
    for name, kind, properties in resources(data):
        root = schema_of(kind)
        if root:
            yield from _values(root, root, properties, ("Resources", name, "Properties"))


def _values(root, schema, value, path):
    schema = resolve(root, schema)
    if is_call(value):
        return
    yield path, value, schema
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                yield from _values(root, schema["properties"][key], inner, (*path, key))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, inner in enumerate(value):
            yield from _values(root, schema["items"], inner, (*path, index))


def types(schema):
    """The JSON types that a schema allows, as a list."""
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else given

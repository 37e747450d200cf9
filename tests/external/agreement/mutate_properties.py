"""One property at a time, led by the provider schemas."""

from documents import dropped, is_call, put, renamed, resources, swapped
from kinds import bad, good
from schemas import resolve, schema_of, types, values


def _named(schema, value):
    return isinstance(value, dict) and isinstance(schema.get("properties"), dict) and schema["properties"]


def _scalar(value):
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


@bad
def property_misspelt(data):
    for name, kind, properties in resources(data):
        schema = schema_of(kind)
        for key in properties:
            if schema and key in schema["properties"]:
                yield f"{name}.{key}", renamed(data, ("Resources", name, "Properties", key), swapped(key))


@bad
def nested_property_misspelt(data):
    for path, value, schema in values(data):
        if len(path) > 3 and _named(schema, value) and schema.get("additionalProperties") is False:
            for key in value:
                if key in schema["properties"]:
                    yield ".".join(map(str, path[1:])), renamed(data, (*path, key), swapped(key))


@bad
def property_in_the_wrong_case(data):
    for path, value, schema in values(data):
        if _named(schema, value) and schema.get("additionalProperties") is False:
            for key in value:
                other = key[0].swapcase() + key[1:]
                if key in schema["properties"] and other not in schema["properties"]:
                    yield f"{path[1]}.{key}", renamed(data, (*path, key), other)


@bad
def required_missing(data):
    for path, value, schema in values(data):
        for key in schema.get("required", []):
            if len(path) == 3 and isinstance(value, dict) and key in value:
                yield f"{path[1]}.{key}", dropped(data, (*path, key))


@bad
def nested_required_missing(data):
    for path, value, schema in values(data):
        for key in schema.get("required", []):
            if len(path) > 3 and isinstance(value, dict) and key in value:
                yield f"{path[1]}.{key}", dropped(data, (*path, key))


@bad
def list_where_one_is_wanted(data):
    for path, value, schema in values(data):
        if _scalar(value) and types(schema) == ["string"]:
            yield ".".join(map(str, path[1:])), put(data, path, [value])


@bad
def string_where_a_list_is_wanted(data):
    for path, value, schema in values(data):
        if isinstance(value, list) and types(schema) == ["array"]:
            yield ".".join(map(str, path[1:])), put(data, path, "one")


@bad
def string_where_a_mapping_is_wanted(data):
    for path, value, schema in values(data):
        if len(path) > 3 and _named(schema, value) and types(schema) == ["object"]:
            yield ".".join(map(str, path[1:])), put(data, path, "one")


@bad
def list_where_a_mapping_is_wanted(data):
    for path, value, schema in values(data):
        if len(path) > 3 and _named(schema, value) and types(schema) == ["object"]:
            yield ".".join(map(str, path[1:])), put(data, path, [value])


@bad
def mapping_where_a_string_is_wanted(data):
    for path, value, schema in values(data):
        if _scalar(value) and types(schema) == ["string"]:
            yield ".".join(map(str, path[1:])), put(data, path, {"Value": value})


@bad
def mapping_where_a_list_is_wanted(data):
    for path, value, schema in values(data):
        if isinstance(value, list) and types(schema) == ["array"] and value and isinstance(value[0], dict) and not is_call(value[0]):
            yield ".".join(map(str, path[1:])), put(data, path, value[0])


@bad
def word_for_a_boolean(data):
    for path, value, schema in values(data):
        if isinstance(value, bool) and types(schema) == ["boolean"]:
            yield ".".join(map(str, path[1:])), put(data, path, "enabled")


@bad
def word_for_a_number(data):
    for path, value, schema in values(data):
        if _scalar(value) and types(schema) in (["integer"], ["number"]):
            yield ".".join(map(str, path[1:])), put(data, path, "many")


@bad
def fraction_for_an_integer(data):
    for path, value, schema in values(data):
        if isinstance(value, int) and types(schema) == ["integer"] and not isinstance(value, bool):
            yield ".".join(map(str, path[1:])), put(data, path, value + 0.5)


@bad
def value_not_among_the_allowed(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and schema.get("enum") and len(schema["enum"]) <= 20:
            yield ".".join(map(str, path[1:])), put(data, path, swapped(value))


@bad
def allowed_value_in_the_wrong_case(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and schema.get("enum") and len(schema["enum"]) <= 20 and value.swapcase() not in schema["enum"]:
            yield ".".join(map(str, path[1:])), put(data, path, value.swapcase())


@bad
def pattern_not_matched(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and "pattern" in schema and "resolve:" not in value:
            yield ".".join(map(str, path[1:])), put(data, path, value[:1] + "§ \t" + value[1:])


@bad
def above_the_maximum(data):
    for path, value, schema in values(data):
        if "maximum" in schema and _scalar(value):
            yield ".".join(map(str, path[1:])), put(data, path, schema["maximum"] + 1)


@bad
def below_the_minimum(data):
    for path, value, schema in values(data):
        if "minimum" in schema and _scalar(value):
            yield ".".join(map(str, path[1:])), put(data, path, schema["minimum"] - 1)


@bad
def too_long(data):
    for path, value, schema in values(data):
        if schema.get("maxLength", 5000) < 5000 and isinstance(value, str) and "resolve:" not in value and types(schema) == ["string"]:
            yield ".".join(map(str, path[1:])), put(data, path, (value or "x") + "x" * schema["maxLength"])


@bad
def too_short(data):
    for path, value, schema in values(data):
        if schema.get("minLength", 0) > 0 and isinstance(value, str) and types(schema) == ["string"]:
            yield ".".join(map(str, path[1:])), put(data, path, "")


@bad
def too_many_items(data):
    for path, value, schema in values(data):
        if schema.get("maxItems", 500) < 500 and isinstance(value, list) and value and isinstance(value[0], (str, dict)):
            item = value[0]
            many = [f"{item}{n}" if isinstance(item, str) else item for n in range(schema["maxItems"] + 1)]
            yield ".".join(map(str, path[1:])), put(data, path, many)


@bad
def too_few_items(data):
    for path, value, schema in values(data):
        if schema.get("minItems", 0) > 0 and isinstance(value, list):
            yield ".".join(map(str, path[1:])), put(data, path, [])


@bad
def item_twice(data):
    for path, value, schema in values(data):
        if schema.get("uniqueItems") and isinstance(value, list) and value and len(value) < schema.get("maxItems", 9):
            yield ".".join(map(str, path[1:])), put(data, path, [*value, value[0]])


@bad
def read_only_property_given(data):
    for name, kind, properties in resources(data):
        schema = schema_of(kind)
        settable = set((schema or {}).get("createOnlyProperties", [])) | set((schema or {}).get("writeOnlyProperties", []))
        for pointer in (schema or {}).get("readOnlyProperties", []):
            steps = pointer.split("/")[2:]
            known = resolve(schema, schema["properties"].get(steps[0], {}))
            if len(steps) == 1 and pointer not in settable and steps[0] not in properties and types(known) == ["string"]:
                yield f"{name}.{steps[0]}", put(data, ("Resources", name, "Properties", steps[0]), "given")


@bad
def null_property(data):
    for path, value, _ in values(data):
        if len(path) > 3 and isinstance(path[-1], str):
            yield ".".join(map(str, path[1:])), put(data, path, None)


@bad
def null_item(data):
    for path, value, schema in values(data):
        if isinstance(value, list) and value and types(schema) == ["array"]:
            yield ".".join(map(str, path[1:])), put(data, (*path, 0), None)


@bad
def properties_that_exclude_each_other(data):
    for path, value, schema in values(data):
        if not isinstance(value, dict):
            continue
        for key, others in schema.get("dependentExcluded", {}).items():
            for other in others:
                if key in value and other not in value and other in schema.get("properties", {}):
                    kind = types(resolve(schema_of(data["Resources"][path[1]]["Type"]), schema["properties"][other]))
                    yield f"{path[1]}.{key}+{other}", put(data, (*path, other), {"boolean": True, "integer": 5}.get(kind and kind[0], "given"))


@bad
def one_of_several_missing(data):
    for path, value, schema in values(data):
        for names in (schema.get("requiredXor"), schema.get("requiredOr")):
            given = [name for name in names or [] if isinstance(value, dict) and name in value]
            if len(given) == 1:
                yield f"{path[1]}.{given[0]}", dropped(data, (*path, given[0]))


@bad
def needed_beside_another_missing(data):
    for path, value, schema in values(data):
        for key, others in schema.get("dependentRequired", {}).items():
            for other in others:
                if isinstance(value, dict) and key in value and other in value and other not in schema.get("required", []):
                    yield f"{path[1]}.{other}", dropped(data, (*path, other))


@bad
def property_one_level_too_high(data):
    for name, _, properties in resources(data):
        for key, value in properties.items():
            if key not in ("Description", "Metadata", "Condition", "Type", "Version"):
                yield f"{name}.{key}", put(dropped(data, ("Resources", name, "Properties", key)), ("Resources", name, key), value)


@bad
def property_one_level_too_deep(data):
    for path, value, schema in values(data):
        if len(path) == 4 and _named(schema, value) and schema.get("additionalProperties") is False:
            yield ".".join(map(str, path[1:])), put(data, path, {path[-1]: value})


@good
def number_as_text(data):
    for path, value, schema in values(data):
        if isinstance(value, int) and not isinstance(value, bool) and types(schema) == ["integer"]:
            yield ".".join(map(str, path[1:])), put(data, path, str(value))


@good
def boolean_as_text(data):
    for path, value, schema in values(data):
        if isinstance(value, bool) and types(schema) == ["boolean"]:
            yield ".".join(map(str, path[1:])), put(data, path, str(value).lower())


@good
def optional_property_left_out(data):
    for path, value, schema in values(data):
        if isinstance(value, dict) and "properties" in schema and len(path) == 3:
            for key in value:
                bound = [schema.get("required", []), *schema.get("dependentRequired", {}).values(), schema.get("requiredXor", []),
                         schema.get("requiredOr", [])]
                if key == "Tags" and not any(key in names for names in bound):
                    yield f"{path[1]}.{key}", dropped(data, (*path, key))

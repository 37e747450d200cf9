"""Sections, declarations and what stands beside the properties of a resource."""

from documents import dropped, put, renamed, swapped
from kinds import bad, good


def _entries(data, section):
    for name, entry in data.get(section, {}).items():
        if isinstance(entry, dict) and not name.startswith("Fn::"):
            yield name, entry


def _resources(data):
    return _entries(data, "Resources")


# Resource types.

@bad
def type_misspelt(data):
    for name, resource in _resources(data):
        if resource["Type"].startswith("AWS::"):
            yield name, put(data, ("Resources", name, "Type"), swapped(resource["Type"]))


@bad
def type_of_an_unknown_service(data):
    for name, resource in _resources(data):
        yield name, put(data, ("Resources", name, "Type"), "AWS::Nowhere::" + resource["Type"].split("::")[-1])


@bad
def type_without_colons(data):
    for name, resource in _resources(data):
        yield name, put(data, ("Resources", name, "Type"), resource["Type"].replace("::", "."))


@bad
def type_missing(data):
    for name, _ in _resources(data):
        yield name, dropped(data, ("Resources", name, "Type"))


@bad
def type_is_a_list(data):
    for name, resource in _resources(data):
        yield name, put(data, ("Resources", name, "Type"), [resource["Type"]])


# Resource attributes.

@bad
def attribute_misspelt(data):
    for name, resource in _resources(data):
        for key in resource:
            if key not in ("Type",):
                yield f"{name}.{key}", renamed(data, ("Resources", name, key), swapped(key))


@bad
def properties_are_a_list(data):
    for name, resource in _resources(data):
        if isinstance(resource.get("Properties"), dict):
            yield name, put(data, ("Resources", name, "Properties"), [resource["Properties"]])


@bad
def resource_is_a_text(data):
    for name, resource in _resources(data):
        yield name, put(data, ("Resources", name), resource["Type"])


@bad
def depends_on_nothing(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "DependsOn"), "Nothing")


@bad
def depends_on_a_parameter(data):
    for name, _ in _resources(data):
        for parameter in data.get("Parameters", {}):
            yield name, put(data, ("Resources", name, "DependsOn"), parameter)


@bad
def depends_on_itself(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "DependsOn"), name)


@bad
def depends_on_is_a_mapping(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "DependsOn"), {"Ref": next(iter(data["Resources"]))})


@bad
def two_depend_on_each_other(data):
    names = [name for name, _ in _resources(data)]
    for one, other in zip(names, names[1:]):
        yield f"{one} {other}", put(put(data, ("Resources", one, "DependsOn"), other), ("Resources", other, "DependsOn"), one)


@bad
def resource_under_an_unknown_condition(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "Condition"), "Nowhere")


@bad
def resource_under_a_condition_written_out(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "Condition"), {"Fn::Equals": ["a", "b"]})


@bad
def deletion_policy_misspelt(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "DeletionPolicy"), "Keep")


@bad
def deletion_policy_is_a_list(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "DeletionPolicy"), ["Retain"])


@bad
def snapshot_of_what_has_none(data):
    for name, resource in _resources(data):
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::EC2::VPC", "AWS::IAM::Role"):
            yield name, put(data, ("Resources", name, "DeletionPolicy"), "Snapshot")


@bad
def replace_policy_of_deletions_only(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "UpdateReplacePolicy"), "RetainExceptOnCreate")


@bad
def creation_policy_with_an_unknown_key(data):
    for name, resource in _resources(data):
        if "CreationPolicy" in resource:
            yield name, put(data, ("Resources", name, "CreationPolicy", "ResourceSignals"), {"Count": 1})


@bad
def creation_policy_with_a_wrong_count(data):
    for name, resource in _resources(data):
        if "ResourceSignal" in resource.get("CreationPolicy", {}):
            yield name, put(data, ("Resources", name, "CreationPolicy", "ResourceSignal", "Count"), "many")


@bad
def creation_policy_where_there_is_none(data):
    for name, resource in _resources(data):
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::IAM::Role"):
            yield name, put(data, ("Resources", name, "CreationPolicy"), {"ResourceSignal": {"Count": 1}})


@bad
def update_policy_with_an_unknown_key(data):
    for name, resource in _resources(data):
        for policy in resource.get("UpdatePolicy", {}):
            if isinstance(resource["UpdatePolicy"][policy], dict):
                yield name, put(data, ("Resources", name, "UpdatePolicy", policy, "Nothing"), 1)
            yield name, renamed(data, ("Resources", name, "UpdatePolicy", policy), swapped(policy))


@bad
def update_policy_with_a_wrong_type(data):
    for name, resource in _resources(data):
        for policy, value in resource.get("UpdatePolicy", {}).items():
            if isinstance(value, dict):
                for key, inner in value.items():
                    yield name, put(data, ("Resources", name, "UpdatePolicy", policy, key), {"a": inner})


@bad
def update_policy_where_there_is_none(data):
    for name, resource in _resources(data):
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::IAM::Role"):
            yield name, put(data, ("Resources", name, "UpdatePolicy"), {"AutoScalingRollingUpdate": {"MaxBatchSize": 1}})


@bad
def metadata_of_a_resource_is_a_text(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name, "Metadata"), "owner: me")


# Names.

@bad
def logical_id_with_a_dash(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name + "-1"), {"Type": "AWS::SNS::Topic"})


@bad
def logical_id_too_long(data):
    for name, _ in _resources(data):
        yield name, put(data, ("Resources", name + "x" * 255), {"Type": "AWS::SNS::Topic"})


@bad
def parameter_name_with_an_underscore(data):
    yield "parameters", put(put(data, ("Parameters",), {**data.get("Parameters", {}), "Some_Name": {"Type": "String"}}),
                            ("Outputs",), {**data.get("Outputs", {}), "Some": {"Value": {"Ref": "Some_Name"}}})


@bad
def output_name_with_an_underscore(data):
    yield "outputs", put(data, ("Outputs",), {**data.get("Outputs", {}), "Some_Name": {"Value": "x"}})


@bad
def resource_named_like_a_parameter(data):
    for name in data.get("Parameters", {}):
        yield name, put(data, ("Resources", name), {"Type": "AWS::SNS::Topic"})


@bad
def output_named_twice_is_a_list(data):
    for name, output in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name), [output])


# Sections.

@bad
def section_misspelt(data):
    for section in data:
        yield section, renamed(data, (section,), swapped(section))


@bad
def section_unknown(data):
    yield "Variables", put(data, ("Variables",), {"A": 1})


@bad
def section_is_a_list(data):
    for section in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        if section in data:
            yield section, put(data, (section,), [data[section]])


@bad
def section_is_null(data):
    for section in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        yield section, put(data, (section,), None)


@bad
def section_is_empty(data):
    yield "Resources", put(data, ("Resources",), {})


@bad
def version_of_another_year(data):
    yield "version", put(data, ("AWSTemplateFormatVersion",), "2012-10-17")


@bad
def description_too_long(data):
    yield "description", put(data, ("Description",), "x" * 1025)


@bad
def description_is_a_mapping(data):
    yield "description", put(data, ("Description",), {"Text": "x"})


@bad
def description_is_computed(data):
    yield "description", put(data, ("Description",), {"Fn::Sub": "${AWS::StackName}"})


@bad
def metadata_is_a_list(data):
    yield "metadata", put(data, ("Metadata",), ["x"])


@bad
def transform_is_a_mapping_without_a_name(data):
    if "Transform" not in data:
        yield "transform", put(data, ("Transform",), {"Parameters": {"A": "b"}})


# Limits.

@bad
def too_many_outputs(data):
    yield "outputs", put(data, ("Outputs",), {f"Output{n}": {"Value": "x"} for n in range(201)})


@bad
def too_many_parameters(data):
    many = {f"Parameter{n}": {"Type": "String", "Default": "x"} for n in range(201)}
    used = {"Fn::Join": ["", [{"Ref": name} for name in many]]}
    yield "parameters", put(put(data, ("Parameters",), {**data.get("Parameters", {}), **many}), ("Outputs",), {"All": {"Value": used}})


@bad
def too_many_mappings(data):
    yield "mappings", put(data, ("Mappings",), {**data.get("Mappings", {}), **{f"Map{n}": {"a": {"b": "c"}} for n in range(201)}})


@bad
def too_many_resources(data):
    yield "resources", put(data, ("Resources",), {**data["Resources"], **{f"Topic{n}": {"Type": "AWS::SNS::Topic"} for n in range(501)}})


# Parameters.

@bad
def parameter_without_a_type(data):
    for name, _ in _entries(data, "Parameters"):
        yield name, dropped(data, ("Parameters", name, "Type"))


@bad
def parameter_of_an_unknown_type(data):
    for name, parameter in _entries(data, "Parameters"):
        for kind in ("Text", "string", "Boolean", "Integer", "List<Integer>", "AWS::EC2::Vpc::Id", "AWS::SSM::Parameter::Value<Text>"):
            yield f"{name} {kind}", put(data, ("Parameters", name, "Type"), kind)


@bad
def parameter_with_an_unknown_key(data):
    for name, _ in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name, "Required"), True)


@bad
def parameter_is_a_text(data):
    for name, _ in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name), "String")


@bad
def default_not_among_the_allowed_values(data):
    for name, parameter in _entries(data, "Parameters"):
        if "AllowedValues" in parameter:
            yield name, put(data, ("Parameters", name, "Default"), "4711")


@bad
def default_against_the_pattern(data):
    for name, parameter in _entries(data, "Parameters"):
        if "AllowedPattern" in parameter:
            yield name, put(data, ("Parameters", name, "Default"), "§§ §§")


@bad
def default_out_of_range(data):
    for name, parameter in _entries(data, "Parameters"):
        if "MaxValue" in parameter:
            yield name, put(data, ("Parameters", name, "Default"), parameter["MaxValue"] + 1)
        if "MinValue" in parameter:
            yield name, put(data, ("Parameters", name, "Default"), parameter["MinValue"] - 1)


@bad
def default_too_long_or_short(data):
    for name, parameter in _entries(data, "Parameters"):
        if "MaxLength" in parameter:
            yield name, put(data, ("Parameters", name, "Default"), "x" * (int(parameter["MaxLength"]) + 1))
        if "MinLength" in parameter:
            yield name, put(data, ("Parameters", name, "Default"), "")


@bad
def default_not_a_number(data):
    for name, parameter in _entries(data, "Parameters"):
        if parameter["Type"] == "Number":
            yield name, put(dropped(data, ("Parameters", name)), ("Parameters", name), {"Type": "Number", "Default": "many"})


@bad
def default_is_a_list(data):
    for name, parameter in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name, "Default"), ["a"])


@bad
def default_is_a_function(data):
    for name, parameter in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name, "Default"), {"Ref": "AWS::Region"})


@bad
def default_is_null(data):
    for name, parameter in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name, "Default"), None)


@bad
def default_in_a_list_not_allowed(data):
    for name, parameter in _entries(data, "Parameters"):
        if parameter["Type"] == "CommaDelimitedList":
            yield name, put(data, ("Parameters", name), {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"], "Default": "a,c"})


@bad
def allowed_values_are_a_text(data):
    for name, parameter in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name, "AllowedValues"), "a,b")


@bad
def allowed_pattern_does_not_compile(data):
    for name, parameter in _entries(data, "Parameters"):
        if parameter["Type"] == "String":
            yield name, put(dropped(data, ("Parameters", name)), ("Parameters", name), {"Type": "String", "AllowedPattern": "[a-z", "Default": "a"})


@bad
def bound_is_a_word(data):
    for name, parameter in _entries(data, "Parameters"):
        for key in ("MinLength", "MaxLength", "MinValue", "MaxValue"):
            yield f"{name} {key}", put(data, ("Parameters", name, key), "many")


@bad
def no_echo_is_a_word(data):
    for name, _ in _entries(data, "Parameters"):
        yield name, put(data, ("Parameters", name, "NoEcho"), "always")


@bad
def length_of_a_number(data):
    for name, parameter in _entries(data, "Parameters"):
        if parameter["Type"] == "Number":
            yield name, put(data, ("Parameters", name, "MinLength"), 1)


@bad
def range_of_a_text(data):
    for name, parameter in _entries(data, "Parameters"):
        if parameter["Type"] == "String":
            yield name, put(data, ("Parameters", name, "MinValue"), 1)


@good
def parameter_never_used(data):
    yield "parameter", put(data, ("Parameters",), {**data.get("Parameters", {}), "Unused": {"Type": "String", "Default": "x"}})


@good
def mapping_never_used(data):
    yield "mapping", put(data, ("Mappings",), {**data.get("Mappings", {}), "Unused": {"a": {"b": "c"}}})


@good
def condition_never_used(data):
    yield "condition", put(data, ("Conditions",), {**data.get("Conditions", {}), "Unused": {"Fn::Equals": ["a", "b"]}})


# Mappings.

@bad
def mapping_with_a_third_level(data):
    for name, mapping in _entries(data, "Mappings"):
        for first, entries in mapping.items():
            for second in entries:
                yield f"{name}.{first}.{second}", put(data, ("Mappings", name, first, second), {"a": "b"})


@bad
def mapping_with_one_level(data):
    for name, mapping in _entries(data, "Mappings"):
        for first in mapping:
            yield f"{name}.{first}", put(data, ("Mappings", name, first), "x")


@bad
def mapping_with_a_function(data):
    for name, mapping in _entries(data, "Mappings"):
        for first, entries in mapping.items():
            for second in entries:
                yield f"{name}.{first}.{second}", put(data, ("Mappings", name, first, second), {"Ref": "AWS::Region"})


@bad
def mapping_with_a_null(data):
    for name, mapping in _entries(data, "Mappings"):
        for first, entries in mapping.items():
            for second in entries:
                yield f"{name}.{first}.{second}", put(data, ("Mappings", name, first, second), None)


@bad
def mapping_is_a_list(data):
    for name, mapping in _entries(data, "Mappings"):
        yield name, put(data, ("Mappings", name), [mapping])


# Conditions.

@bad
def condition_that_is_no_function(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), "yes")


@bad
def condition_by_another_function(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Join": ["", ["a"]]})


@bad
def condition_with_an_unknown_function(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Xor": ["a", "b"]})


@bad
def condition_of_a_resource(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Equals": [{"Ref": next(iter(data["Resources"]))}, "b"]})


@bad
def condition_of_an_attribute(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Equals": [{"Fn::GetAtt": [next(iter(data["Resources"])), "Arn"]}, "b"]})


@bad
def condition_of_an_unknown_condition(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Not": [{"Condition": "Nowhere"}]})


@bad
def condition_of_itself(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Not": [{"Condition": name}]})


@bad
def equals_with_one_argument(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Equals": ["a"]})


@bad
def equals_with_three_arguments(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Equals": ["a", "b", "c"]})


@bad
def equals_of_a_condition(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Equals": [{"Fn::Equals": ["a", "b"]}, "c"]})


@bad
def and_of_one(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::And": [{"Fn::Equals": ["a", "b"]}]})


@bad
def or_of_eleven(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Or": [{"Fn::Equals": ["a", str(n)]} for n in range(11)]})


@bad
def and_of_texts(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::And": ["a", "b"]})


@bad
def not_of_two(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Not": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": ["a", "b"]}]})


@bad
def not_without_a_list(data):
    for name in data.get("Conditions", {}):
        yield name, put(data, ("Conditions", name), {"Fn::Not": {"Fn::Equals": ["a", "b"]}})


@bad
def if_in_a_condition(data):
    names = list(data.get("Conditions", {}))
    for name, other in zip(names, names[1:]):
        yield name, put(data, ("Conditions", other), {"Fn::If": [name, "a", "b"]})


# Outputs.

@bad
def output_without_a_value(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, dropped(data, ("Outputs", name, "Value"))


@bad
def output_is_a_list(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Value"), ["a", "b"])


@bad
def output_is_a_mapping(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Value"), {"a": "b"})


@bad
def output_is_a_list_parameter(data):
    for name, _ in _entries(data, "Outputs"):
        for parameter, declared in _entries(data, "Parameters"):
            if "List" in declared["Type"]:
                yield name, put(data, ("Outputs", name, "Value"), {"Ref": parameter})


@bad
def output_is_the_zones(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Value"), {"Fn::GetAZs": ""})


@bad
def output_is_a_split(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Value"), {"Fn::Split": [",", "a,b"]})


@bad
def output_with_an_unknown_key(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Type"), "String")


@bad
def output_under_an_unknown_condition(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Condition"), "Nowhere")


@bad
def output_description_is_computed(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Description"), {"Fn::Sub": "${AWS::StackName}"})


@bad
def export_without_a_name(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Export"), {})


@bad
def export_with_an_unknown_key(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Export"), {"Name": "some-name", "Region": "us-east-1"})


@bad
def export_is_a_text(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Export"), "some-name")


@bad
def export_name_is_a_list(data):
    for name, _ in _entries(data, "Outputs"):
        yield name, put(data, ("Outputs", name, "Export"), {"Name": ["some-name"]})


# Rules and metadata.

@bad
def rule_without_assertions(data):
    for name, _ in _entries(data, "Rules"):
        yield name, dropped(data, ("Rules", name, "Assertions"))


@bad
def rule_with_an_unknown_key(data):
    for name, _ in _entries(data, "Rules"):
        yield name, put(data, ("Rules", name, "Message"), "x")


@bad
def rule_without_an_assert(data):
    for name, _ in _entries(data, "Rules"):
        yield name, put(data, ("Rules", name, "Assertions"), [{"AssertDescription": "x"}])


@bad
def rule_with_an_unknown_function(data):
    for name, _ in _entries(data, "Rules"):
        yield name, put(data, ("Rules", name, "Assertions"), [{"Assert": {"Fn::Contain": [["a"], "a"]}}])


@bad
def rule_of_an_unknown_parameter(data):
    for name, _ in _entries(data, "Rules"):
        yield name, put(data, ("Rules", name, "RuleCondition"), {"Fn::Equals": [{"Ref": "Nowhere"}, "a"]})


@bad
def interface_with_an_unknown_parameter(data):
    yield "interface", put(data, ("Metadata",), {"AWS::CloudFormation::Interface": {"ParameterGroups": [{"Parameters": ["Nowhere"]}]}})


@bad
def interface_with_an_unknown_key(data):
    yield "interface", put(data, ("Metadata",), {"AWS::CloudFormation::Interface": {"Groups": []}})

"""Intrinsic functions and references."""

from documents import calls, is_call, put, renamed, swapped, walk
from kinds import bad, good
from schemas import types, values

PLAIN = ("Resources", "Outputs")


def _place(path):
    return ".".join(map(str, path[1:]))


@bad
def ref_to_nothing(data):
    for path, target in calls(data, "Ref", PLAIN):
        if not target.startswith("AWS::"):
            yield _place(path), put(data, path, target + "x")


@bad
def ref_to_an_unknown_pseudo_parameter(data):
    for path, target in calls(data, "Ref", PLAIN):
        if target.startswith("AWS::"):
            yield _place(path), put(data, path, target[:-1])


@bad
def ref_to_a_condition(data):
    for path, _ in calls(data, "Ref", PLAIN):
        for name in data.get("Conditions", {}):
            yield _place(path), put(data, path, name)


@bad
def getatt_of_nothing(data):
    for path, argument in calls(data, "Fn::GetAtt", PLAIN):
        yield _place(path), put(data, path, [argument[0] + "x", *argument[1:]])


@bad
def getatt_of_an_unknown_attribute(data):
    for path, argument in calls(data, "Fn::GetAtt", PLAIN):
        if not data["Resources"][argument[0]]["Type"].startswith(("Custom::", "AWS::CloudFormation", "AWS::Serverless")):
            yield _place(path), put(data, path, [argument[0], swapped(argument[1])])


@bad
def getatt_of_a_parameter(data):
    for path, _ in calls(data, "Fn::GetAtt", PLAIN):
        for name in data.get("Parameters", {}):
            yield _place(path), put(data, path, [name, "Arn"])


@bad
def getatt_without_an_attribute(data):
    for path, argument in calls(data, "Fn::GetAtt", PLAIN):
        yield _place(path), put(data, path, [argument[0]])


@bad
def sub_of_an_unknown_variable(data):
    for path, argument in calls(data, "Fn::Sub", PLAIN):
        if isinstance(argument, str):
            yield _place(path), put(data, path, argument + "${Nowhere}")


@bad
def sub_of_an_unknown_attribute(data):
    for path, argument in calls(data, "Fn::Sub", PLAIN):
        for name, resource in data["Resources"].items():
            if isinstance(argument, str) and isinstance(resource, dict) and resource["Type"] in ("AWS::S3::Bucket", "AWS::IAM::Role", "AWS::KMS::Key"):
                yield _place(path), put(data, path, argument + "${" + name + ".Nothing}")


@bad
def sub_with_a_list_for_its_text(data):
    for path, argument in calls(data, "Fn::Sub", PLAIN):
        if isinstance(argument, str):
            yield _place(path), put(data, path, [[argument], {}])


@bad
def sub_with_three_arguments(data):
    for path, argument in calls(data, "Fn::Sub", PLAIN):
        if isinstance(argument, str):
            yield _place(path), put(data, path, [argument, {"A": "a"}, "b"])


@bad
def sub_variables_not_a_mapping(data):
    for path, argument in calls(data, "Fn::Sub", PLAIN):
        if isinstance(argument, list):
            yield _place(path), put(data, path, [argument[0], "x"])


@bad
def sub_missing_around_a_text(data):
    for path, argument in calls(data, "Fn::Sub", PLAIN):
        if isinstance(argument, str) and "${" in argument:
            yield _place(path), put(data, path[:-1], argument)


@bad
def join_of_no_list(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        yield _place(path), put(data, path, [argument[0], "a text"])


@bad
def join_with_three_arguments(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        yield _place(path), put(data, path, [*argument, "x"])


@bad
def join_with_a_call_for_its_delimiter(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        yield _place(path), put(data, path, [{"Ref": "AWS::Region"}, argument[1]])


@bad
def join_of_a_mapping(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        if isinstance(argument[1], list):
            yield _place(path), put(data, path, [argument[0], [*argument[1], {"a": "b"}]])


@bad
def join_of_a_list_in_a_list(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        if isinstance(argument[1], list):
            yield _place(path), put(data, path, [argument[0], [*argument[1], ["a", "b"]]])


@bad
def join_of_a_string_parameter(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        for name, parameter in data.get("Parameters", {}).items():
            if parameter["Type"] == "String":
                yield _place(path), put(data, path, [argument[0], {"Ref": name}])


@bad
def join_of_a_list_parameter_in_a_list(data):
    for path, argument in calls(data, "Fn::Join", PLAIN):
        for name, parameter in data.get("Parameters", {}).items():
            if "List" in parameter["Type"] and isinstance(argument[1], list):
                yield _place(path), put(data, path, [argument[0], [*argument[1], {"Ref": name}]])


@bad
def select_beyond_the_end(data):
    for path, argument in calls(data, "Fn::Select", PLAIN):
        yield _place(path), put(data, path, [7, ["a", "b"]])


@bad
def select_by_a_word(data):
    for path, argument in calls(data, "Fn::Select", PLAIN):
        yield _place(path), put(data, path, ["first", argument[1]])


@bad
def select_by_a_negative_index(data):
    for path, argument in calls(data, "Fn::Select", PLAIN):
        yield _place(path), put(data, path, [-1, argument[1]])


@bad
def select_from_a_text(data):
    for path, argument in calls(data, "Fn::Select", PLAIN):
        yield _place(path), put(data, path, [argument[0], "a"])


@bad
def select_with_one_argument(data):
    for path, argument in calls(data, "Fn::Select", PLAIN):
        yield _place(path), put(data, path, [argument[1]])


@bad
def select_from_a_string_parameter(data):
    for path, argument in calls(data, "Fn::Select", PLAIN):
        for name, parameter in data.get("Parameters", {}).items():
            if parameter["Type"] == "String":
                yield _place(path), put(data, path, [argument[0], {"Ref": name}])


@bad
def split_with_one_argument(data):
    for path, argument in calls(data, "Fn::Split", PLAIN):
        yield _place(path), put(data, path, [argument[1]])


@bad
def split_of_a_list(data):
    for path, argument in calls(data, "Fn::Split", PLAIN):
        yield _place(path), put(data, path, [argument[0], ["a", "b"]])


@bad
def split_with_a_call_for_its_delimiter(data):
    for path, argument in calls(data, "Fn::Split", PLAIN):
        yield _place(path), put(data, path, [{"Ref": "AWS::Region"}, argument[1]])


@bad
def split_where_a_string_is_wanted(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and types(schema) == ["string"]:
            yield _place(path), put(data, path, {"Fn::Split": [",", value or "a,b"]})


@bad
def join_where_a_list_is_wanted(data):
    for path, value, schema in values(data):
        if isinstance(value, list) and types(schema) == ["array"]:
            yield _place(path), put(data, path, {"Fn::Join": [",", ["a", "b"]]})


@bad
def list_parameter_where_a_string_is_wanted(data):
    for path, value, schema in values(data):
        for name, parameter in data.get("Parameters", {}).items():
            if isinstance(value, str) and types(schema) == ["string"] and "List" in parameter["Type"]:
                yield _place(path), put(data, path, {"Ref": name})


@bad
def string_parameter_where_a_list_is_wanted(data):
    for path, value, schema in values(data):
        for name, parameter in data.get("Parameters", {}).items():
            if isinstance(value, list) and types(schema) == ["array"] and parameter["Type"] == "String":
                yield _place(path), put(data, path, {"Ref": name})


@bad
def attribute_that_is_a_list_where_a_string_is_wanted(data):
    for path, value, schema in values(data):
        for name, resource in data["Resources"].items():
            lists = {"AWS::Route53::HostedZone": "NameServers", "AWS::EC2::VPC": "CidrBlockAssociations", "AWS::EC2::VPCEndpoint": "DnsEntries"}
            if isinstance(resource, dict) and resource["Type"] in lists and isinstance(value, str) and types(schema) == ["string"] and path[1] != name:
                yield _place(path), put(data, path, {"Fn::GetAtt": [name, lists[resource["Type"]]]})


@bad
def if_with_two_arguments(data):
    for path, argument in calls(data, "Fn::If", PLAIN):
        yield _place(path), put(data, path, argument[:2])


@bad
def if_with_an_unknown_condition(data):
    for path, argument in calls(data, "Fn::If", PLAIN):
        yield _place(path), put(data, path, [argument[0] + "x", *argument[1:]])


@bad
def if_with_a_condition_written_out(data):
    for path, argument in calls(data, "Fn::If", PLAIN):
        yield _place(path), put(data, path, [{"Fn::Equals": ["a", "b"]}, *argument[1:]])


@bad
def wrong_value_in_a_branch_of_if(data):
    for path, argument in calls(data, "Fn::If", ("Resources",)):
        if isinstance(argument[1], bool):
            yield _place(path), put(data, path, [argument[0], "enabled", argument[2]])
        if isinstance(argument[1], list):
            yield _place(path), put(data, path, [argument[0], "one", argument[2]])


@bad
def cidr_of_no_block(data):
    for path, argument in calls(data, "Fn::Cidr", PLAIN):
        yield _place(path), put(data, path, ["10.0.0.0", *argument[1:]])


@bad
def cidr_with_a_count_of_300(data):
    for path, argument in calls(data, "Fn::Cidr", PLAIN):
        yield _place(path), put(data, path, [argument[0], 300, *argument[2:]])


@bad
def cidr_with_200_bits(data):
    for path, argument in calls(data, "Fn::Cidr", PLAIN):
        yield _place(path), put(data, path, [argument[0], argument[1], 200])


@bad
def cidr_with_one_argument(data):
    for path, argument in calls(data, "Fn::Cidr", PLAIN):
        yield _place(path), put(data, path, argument[:1])


@bad
def zones_of_a_resource(data):
    for path, argument in calls(data, "Fn::GetAZs", PLAIN):
        yield _place(path), put(data, path, {"Fn::GetAtt": [next(iter(data["Resources"])), "Arn"]})


@bad
def zones_of_a_list(data):
    for path, argument in calls(data, "Fn::GetAZs", PLAIN):
        yield _place(path), put(data, path, ["us-east-1"])


@bad
def zones_of_no_region(data):
    for path, argument in calls(data, "Fn::GetAZs", PLAIN):
        yield _place(path), put(data, path, "us-east-9")


@bad
def base64_of_a_list(data):
    for path, argument in calls(data, "Fn::Base64", PLAIN):
        yield _place(path), put(data, path, ["a"])


@bad
def findinmap_of_an_unknown_mapping(data):
    for path, argument in calls(data, "Fn::FindInMap"):
        yield _place(path), put(data, path, [argument[0] + "x", *argument[1:]])


@bad
def findinmap_of_an_unknown_first_key(data):
    for path, argument in calls(data, "Fn::FindInMap"):
        yield _place(path), put(data, path, [argument[0], "nowhere", argument[2]])


@bad
def findinmap_of_an_unknown_second_key(data):
    for path, argument in calls(data, "Fn::FindInMap"):
        yield _place(path), put(data, path, [*argument[:2], "Nothing"])


@bad
def findinmap_with_two_arguments(data):
    for path, argument in calls(data, "Fn::FindInMap"):
        yield _place(path), put(data, path, argument[:2])


@bad
def findinmap_by_an_attribute(data):
    for path, argument in calls(data, "Fn::FindInMap", ("Resources",)):
        yield _place(path), put(data, path, [argument[0], {"Fn::GetAtt": [next(iter(data["Resources"])), "Arn"]}, argument[2]])


@bad
def importvalue_of_a_list(data):
    for path, _ in calls(data, "Fn::ImportValue", PLAIN):
        yield _place(path), put(data, path, ["a"])


@bad
def importvalue_of_a_resource(data):
    for path, _ in calls(data, "Fn::ImportValue", PLAIN):
        yield _place(path), put(data, path, {"Ref": next(iter(data["Resources"]))})


@bad
def unknown_function(data):
    for name in ("Fn::Join", "Fn::Sub", "Fn::GetAtt", "Fn::If", "Fn::Select"):
        for path, _ in calls(data, name, PLAIN):
            yield _place(path), renamed(data, path, swapped(name))


@bad
def function_that_does_not_belong_here(data):
    for path, value, schema in values(data):
        if isinstance(value, bool):
            yield _place(path), put(data, path, {"Fn::Equals": ["a", "a"]})


@bad
def key_beside_a_function(data):
    for path, value in walk(data["Resources"], ("Resources",)):
        if is_call(value) and "Fn::Sub" in value:
            yield _place(path), put(data, (*path, "Other"), "x")


@bad
def dynamic_reference_to_an_unknown_service(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and types(schema) == ["string"]:
            yield _place(path), put(data, path, "{{resolve:parameterstore:/a/b}}")


@bad
def dynamic_reference_without_a_name(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and types(schema) == ["string"]:
            yield _place(path), put(data, path, "{{resolve:ssm}}")


@bad
def secure_parameter_where_it_is_not_supported(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and types(schema) == ["string"] and path[-1] in ("Description", "Name", "BucketName", "Value", "Handler"):
            yield _place(path), put(data, path, "{{resolve:ssm-secure:/a/b:1}}")


@good
def number_by_select(data):
    for path, value, schema in values(data):
        if isinstance(value, int) and not isinstance(value, bool) and types(schema) == ["integer"]:
            yield _place(path), put(data, path, {"Fn::Select": [0, [str(value)]]})


@good
def text_by_sub(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and types(schema) == ["string"] and not {"pattern", "enum", "format"} & set(schema) and path[-1] in ("Description", "Comment"):
            yield _place(path), put(data, path, {"Fn::Sub": value + " ${AWS::StackName}"})


@good
def dynamic_reference_for_a_text(data):
    for path, value, schema in values(data):
        if isinstance(value, str) and types(schema) == ["string"] and path[-1] in ("Description", "Comment", "Name"):
            yield _place(path), put(data, path, "{{resolve:ssm:/some/text:3}}")

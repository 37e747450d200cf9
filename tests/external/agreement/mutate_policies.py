"""Policy documents of IAM, in roles, policies and on resources."""

from documents import dropped, put, renamed, swapped, walk
from kinds import bad, good


def statements(data):
    """(path, statement) of every statement in the template's policy documents."""
    for path, value in walk(data["Resources"], ("Resources",)):
        if isinstance(value, dict) and "Statement" in value:
            listed = value["Statement"]
            if isinstance(listed, dict) and "Effect" in listed:
                yield (*path, "Statement"), listed
            for index, statement in enumerate(listed if isinstance(listed, list) else []):
                yield (*path, "Statement", index), statement


def documents(data):
    for path, value in walk(data["Resources"], ("Resources",)):
        if isinstance(value, dict) and "Statement" in value and "Version" in value:
            yield path, value


def _place(path):
    return ".".join(map(str, path[1:]))


@bad
def effect_misspelt(data):
    for path, _ in statements(data):
        yield _place(path), put(data, (*path, "Effect"), "Permit")


@bad
def effect_in_the_wrong_case(data):
    for path, statement in statements(data):
        yield _place(path), put(data, (*path, "Effect"), statement["Effect"].lower())


@bad
def effect_missing(data):
    for path, _ in statements(data):
        yield _place(path), dropped(data, (*path, "Effect"))


@bad
def action_missing(data):
    for path, statement in statements(data):
        if "Action" in statement:
            yield _place(path), dropped(data, (*path, "Action"))


@bad
def action_and_not_action(data):
    for path, statement in statements(data):
        if "Action" in statement:
            yield _place(path), put(data, (*path, "NotAction"), statement["Action"])


@bad
def resource_of_a_statement_missing(data):
    for path, statement in statements(data):
        if "Resource" in statement and "PolicyDocument" in path and "Principal" not in statement:
            yield _place(path), dropped(data, (*path, "Resource"))


@bad
def resource_and_not_resource(data):
    for path, statement in statements(data):
        if "Resource" in statement:
            yield _place(path), put(data, (*path, "NotResource"), statement["Resource"])


@bad
def statement_with_an_unknown_key(data):
    for path, statement in statements(data):
        key = "Action" if "Action" in statement else "Effect"
        yield _place(path), put(data, (*path, swapped(key)), "x")


@bad
def statement_key_misspelt(data):
    for path, statement in statements(data):
        for key in statement:
            yield f"{_place(path)}.{key}", renamed(data, (*path, key), swapped(key))


@bad
def statement_is_a_text(data):
    for path, _ in statements(data):
        yield _place(path), put(data, path, "Allow")


@bad
def policy_version_of_today(data):
    for path, _ in documents(data):
        yield _place(path), put(data, (*path, "Version"), "2024-01-01")


@bad
def policy_without_statements(data):
    for path, _ in documents(data):
        yield _place(path), dropped(data, (*path, "Statement"))


@bad
def policy_with_an_unknown_key(data):
    for path, _ in documents(data):
        yield _place(path), put(data, (*path, "Statements"), [])


@bad
def principal_in_a_policy_of_an_identity(data):
    for path, statement in statements(data):
        if data["Resources"][path[1]]["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy") and "Principal" not in statement:
            yield _place(path), put(data, (*path, "Principal"), "*")


@bad
def principal_of_a_trust_policy_missing(data):
    for path, statement in statements(data):
        if "AssumeRolePolicyDocument" in path and "Principal" in statement:
            yield _place(path), dropped(data, (*path, "Principal"))


@bad
def resource_in_a_trust_policy(data):
    for path, _ in statements(data):
        if "AssumeRolePolicyDocument" in path:
            yield _place(path), put(data, (*path, "Resource"), "*")


@bad
def principal_of_an_unknown_kind(data):
    for path, statement in statements(data):
        if isinstance(statement.get("Principal"), dict):
            kind = next(iter(statement["Principal"]))
            yield _place(path), renamed(data, (*path, "Principal", kind), "Services" if kind == "Service" else kind.lower())


@bad
def principal_is_no_arn(data):
    for path, statement in statements(data):
        if isinstance(statement.get("Principal"), dict) and "AWS" in statement["Principal"]:
            yield _place(path), put(data, (*path, "Principal", "AWS"), "everybody")


@bad
def action_is_a_mapping(data):
    for path, _ in statements(data):
        yield _place(path), put(data, (*path, "Action"), {"s3": "GetObject"})


@bad
def action_without_a_service(data):
    for path, statement in statements(data):
        if "Action" in statement and "AssumeRolePolicyDocument" not in path:
            yield _place(path), put(data, (*path, "Action"), "GetObject")


@bad
def resource_is_no_arn(data):
    for path, statement in statements(data):
        if "Resource" in statement:
            yield _place(path), put(data, (*path, "Resource"), "my-bucket")


@bad
def condition_of_a_statement_is_a_text(data):
    for path, _ in statements(data):
        yield _place(path), put(data, (*path, "Condition"), "always")


@bad
def condition_with_an_unknown_operator(data):
    for path, _ in statements(data):
        yield _place(path), put(data, (*path, "Condition"), {"StringEqual": {"aws:SourceAccount": "111122223333"}})


@bad
def condition_without_an_operator(data):
    for path, _ in statements(data):
        yield _place(path), put(data, (*path, "Condition"), {"aws:SourceAccount": "111122223333"})


@bad
def sid_with_a_space(data):
    for path, _ in statements(data):
        if data["Resources"][path[1]]["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::Group"):
            yield _place(path), put(data, (*path, "Sid"), "some sid")


@bad
def managed_policy_is_no_arn(data):
    for name, resource in data["Resources"].items():
        if isinstance(resource, dict) and resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::Group"):
            yield name, put(data, ("Resources", name, "Properties", "ManagedPolicyArns"), ["AdministratorAccess"])


@good
def condition_with_a_known_operator(data):
    for path, statement in statements(data):
        if "Condition" not in statement:
            for operator in ("StringEqualsIgnoreCase", "ForAnyValue:StringLike", "ArnLikeIfExists", "NotIpAddress", "DateGreaterThan", "Null"):
                value = {"NotIpAddress": "10.0.0.0/8", "DateGreaterThan": "2024-01-01T00:00:00Z", "Null": "true"}.get(operator, "arn:aws:s3:::x")
                yield f"{_place(path)} {operator}", put(data, (*path, "Condition"), {operator: {"aws:SourceArn": value}})


@good
def action_in_a_list(data):
    for path, statement in statements(data):
        if isinstance(statement.get("Action"), str):
            yield _place(path), put(data, (*path, "Action"), [statement["Action"]])

//! Well-formed documents by the grammar of each format, so that what lies behind the syntax is reached too.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON value, a few levels deep.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        string().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((string(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// JSON documents.
pub fn json() -> impl Strategy<Value = String> {
    (value(), any::<bool>()).prop_map(|(value, pretty)| {
        if pretty {
            format!("{value:#}")
        } else {
            value.to_string()
        }
    })
}

/// Strings that formats have opinions about.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-zA-Z0-9]{0,8}",
        "\\PC{0,12}",
        any::<String>(),
        prop::sample::select(vec![
            "",
            "~",
            "null",
            "yes",
            "true",
            "1.0",
            "0x1f",
            "1e3",
            "22:22",
            "2012-10-17",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "!Ref a",
            "&a",
            "*a",
            "%a",
            "@a",
            "`a`",
            "{{a}}",
            "${a}",
            "${!a}",
            "${A.B}",
            "\\",
            "\"",
            "'",
            " a ",
            "a\nb",
            "\t",
            "\r\n",
            "|",
            ">",
            "?",
            ":",
            "---",
        ])
        .prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[a-z][a-z0-9_]{0,6}", 1 => string()]
}

/// Templates: resources of real types with properties of any form, functions, and references that may exist.
pub fn template() -> impl Strategy<Value = String> {
    let types = prop::sample::select(vec![
        "AWS::S3::Bucket",
        "AWS::EC2::SecurityGroup",
        "AWS::IAM::Role",
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::RDS::DBInstance",
        "AWS::SNS::Topic",
        "AWS::Lambda::Function",
        "AWS::EKS::Cluster",
        "AWS::Nothing::Such",
        "Custom::Thing",
        "AWS::CloudFormation::WaitCondition",
        "AWS::ECS::TaskDefinition",
        "AWS::KMS::Key",
    ]);
    let properties = prop::sample::select(vec![
        "BucketName",
        "Tags",
        "CidrBlock",
        "VpcId",
        "SecurityGroupIngress",
        "AssumeRolePolicyDocument",
        "Policies",
        "Timeout",
        "Runtime",
        "StorageEncrypted",
        "PubliclyAccessible",
        "MasterUserPassword",
        "KeyPolicy",
        "ContainerDefinitions",
        "Xyz",
        "GroupDescription",
    ]);
    let property = (properties, prop_oneof![3 => value(), 2 => function()]);
    let resource = (
        types,
        prop::collection::vec(property, 0..5),
        prop::option::of(prop_oneof![Just("A"), Just("B"), Just("Zz")]),
    );
    let resources = prop::collection::vec(("[A-C]", resource), 1..5);
    let section = prop::sample::select(vec![
        "Parameters",
        "Conditions",
        "Mappings",
        "Outputs",
        "Metadata",
        "Transform",
        "Rules",
    ]);
    let sections = prop::collection::vec((section, value()), 0..3);
    (resources, sections, 0..3u8).prop_map(|(resources, sections, form)| {
        let mut root = serde_json::Map::new();
        for (section, value) in sections {
            root.insert(section.to_owned(), value);
        }
        let resources: serde_json::Map<String, Value> = resources
            .into_iter()
            .map(|(id, (kind, properties, after))| {
                let properties: serde_json::Map<String, Value> = properties
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                let mut body = json!({ "Type": kind, "Properties": properties });
                if let (Some(after), Some(body)) = (after, body.as_object_mut()) {
                    body.insert("DependsOn".to_owned(), Value::from(after));
                }
                (id, body)
            })
            .collect();
        root.insert("Resources".to_owned(), Value::Object(resources));
        let root = Value::Object(root);
        match form {
            0 => root.to_string(),
            1 => format!("# YAML\n{root}"),
            _ => block(&root, 0),
        }
    })
}

fn function() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["A", "B", "AWS::Region", "AWS::NoValue", "Zz"])
            .prop_map(|name| json!({ "Ref": name })),
        ("[A-C]", name()).prop_map(|(id, attribute)| json!({ "Fn::GetAtt": [id, attribute] })),
        string().prop_map(|text| json!({ "Fn::Sub": text })),
        value().prop_map(|argument| json!({ "Fn::Sub": argument })),
    ];
    leaf.prop_recursive(4, 20, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!({ "Fn::Join": [",", items] })),
            (inner.clone(), inner.clone()).prop_map(|(yes, no)| json!({ "Fn::If": ["C", yes, no] })),
            (any::<u8>(), inner.clone()).prop_map(|(at, list)| json!({ "Fn::Select": [at, list] })),
            inner.clone().prop_map(|list| json!({ "Fn::Cidr": [list, 4, 8] })),
            inner.prop_map(|argument| json!({ "Fn::Nothing": argument })),
        ]
    })
}

/// Block YAML: keys and strings in double quotes, which JSON's escapes are valid in.
fn block(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(entries) if !entries.is_empty() => entries
            .iter()
            .map(|(key, value)| format!("{pad}{}:{}", Value::from(key.as_str()), behind(value, indent)))
            .collect(),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| format!("{pad}-{}", behind(item, indent)))
            .collect(),
        other => format!("{pad}{other}\n"),
    }
}

fn behind(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(entries) if !entries.is_empty() => format!("\n{}", block(value, indent + 2)),
        Value::Array(items) if !items.is_empty() => format!("\n{}", block(value, indent + 2)),
        other => format!(" {other}\n"),
    }
}

/// A TOML value; JSON's strings are TOML's basic strings but for `\/` and lone surrogates, which are not written here.
fn toml(value: &Value) -> String {
    match value {
        Value::Null => "1979-05-27".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), toml(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn setting() -> impl Strategy<Value = String> {
    prop_oneof![
        value().prop_map(|value| toml(&value)),
        prop::sample::select(vec![
            "\"10.0.0.0/16\"",
            "\"vpc\"",
            "\"s3\"",
            "\"eks\"",
            "\"${a.vpc_id}\"",
            "\"${b.x}\"",
            "[\"${a.private_subnet_ids}\"]",
            "true",
            "2",
            "\"single\"",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Environment files: all sections, with stacks of real modules and inputs that may exist.
pub fn environment() -> impl Strategy<Value = String> {
    let stack = (
        name(),
        prop::sample::select(vec!["vpc", "s3", "eks", "ecr", "sagemaker", "vpx"]),
        prop::collection::vec(
            (
                prop::sample::select(vec![
                    "cidr",
                    "availability_zones",
                    "nat_gateways",
                    "vpc_id",
                    "subnet_ids",
                    "version",
                    "node_groups",
                    "x",
                ]),
                setting(),
            ),
            0..4,
        ),
    );
    let workload = (
        name(),
        prop::sample::select(vec!["api", "batch", "stream", "x"]),
        setting(),
    );
    let extra = prop::collection::vec(
        (
            prop::sample::select(vec!["environment", "backend", "tags", "project", "x"]),
            name(),
            setting(),
        ),
        0..3,
    );
    (prop::collection::vec(stack, 0..4), prop::collection::vec(workload, 0..2), extra, any::<bool>()).prop_map(
        |(stacks, workloads, extra, whole)| {
            let key = |name: &str| Value::from(name).to_string();
            let mut text = String::new();
            if whole {
                text.push_str("extends = \"common.toml\"\n");
            }
            for (section, name, value) in extra {
                text.push_str(&format!("{section}.{} = {value}\n", key(&name)));
            }
            if !whole {
                text.push_str("project.name = \"acme\"\nenvironment.account = \"111122223333\"\nenvironment.region = \"us-east-1\"\n");
            }
            for (name, module, inputs) in stacks {
                text.push_str(&format!("[stacks.{}]\nmodule = \"{module}\"\n", key(&name)));
                for (input, value) in inputs {
                    text.push_str(&format!("{input} = {value}\n"));
                }
            }
            for (name, kind, value) in workloads {
                text.push_str(&format!("[workloads.{}]\nkind = \"{kind}\"\non = \"a\"\nimage = {value}\n", key(&name)));
            }
            text
        },
    )
}

/// Contracts: inputs of types that may exist, with defaults that may fit.
pub fn contract() -> impl Strategy<Value = String> {
    let types = prop::sample::select(vec![
        "string",
        "integer",
        "number",
        "boolean",
        "cidr",
        "arn",
        "list<string>",
        "map<string>",
        "list<list<integer>>",
        "rule",
        "map<rule>",
        "strin",
    ]);
    let key = prop::sample::select(vec![
        "default",
        "values",
        "pattern",
        "min",
        "max",
        "from",
        "from_optional",
        "secret",
        "optional",
        "example",
        "x",
    ]);
    let input = (name(), types.clone(), prop::collection::vec((key, setting()), 0..3));
    let output = (name(), prop::sample::select(vec!["string", "list<string>", "integer"]));
    let inputs = prop::collection::vec(input, 0..5);
    (
        inputs,
        prop::collection::vec(output, 0..3),
        prop::option::of((name(), types)),
    )
        .prop_map(|(inputs, outputs, field)| {
            let key = |name: &str| Value::from(name).to_string();
            let mut text = "[module]\nname = \"fuzzed\"\nsummary = \"what is fuzzed\"\n".to_owned();
            if let Some((name, ty)) = field {
                text.push_str(&format!(
                    "[types.rule.fields.{}]\ntype = \"{ty}\"\ndoc = \"d\"\n",
                    key(&name)
                ));
            }
            for (name, ty, settings) in inputs {
                text.push_str(&format!("[inputs.{}]\ntype = \"{ty}\"\ndoc = \"d\"\n", key(&name)));
                for (setting, value) in settings {
                    text.push_str(&format!("{setting} = {value}\n"));
                }
            }
            for (name, ty) in outputs {
                text.push_str(&format!("[outputs.{}]\ntype = \"{ty}\"\ndoc = \"d\"\n", key(&name)));
            }
            text
        })
}

/// Jinja: a template of one resource with statements and expressions around and in it.
pub fn jinja() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        prop::sample::select(vec![
            "text",
            "count",
            "ratio",
            "flag",
            "network",
            "list",
            "map",
            "record",
            "record.name",
            "absent",
            "later",
            "later_list",
            "protect",
            "account",
            "x",
            "loop.index",
            "nothing",
            "list[0]",
            "map.a",
            "range(3)",
            "1",
            "2.5",
            "true",
            "none",
            "'a'",
            "[1, 2]",
            "{'a': 1}",
        ])
        .prop_map(str::to_owned),
        string().prop_map(|text| Value::from(text).to_string()),
    ];
    let expression = atom.prop_recursive(4, 16, 3, |inner| {
        let sign = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "//",
            "%",
            "**",
            "~",
            "==",
            "!=",
            "<",
            ">=",
            "in",
            "not in",
            "and",
            "or",
            "is sameas",
        ]);
        let filter = prop::sample::select(vec![
            "upper",
            "length",
            "list",
            "sort",
            "pascal",
            "join(', ')",
            "first",
            "last",
            "items",
            "int",
            "default('d')",
            "replace('a', 'bb')",
            "unique",
            "map('upper')",
            "select",
            "tojson",
            "indent(2)",
            "dictsort",
            "batch(2)",
            "string",
            "bool",
            "abs",
            "round",
            "title",
            "reverse",
            "split(',')",
        ]);
        prop_oneof![
            (inner.clone(), sign, inner.clone()).prop_map(|(a, sign, b)| format!("({a} {sign} {b})")),
            (inner.clone(), filter).prop_map(|(a, filter)| format!("{a} | {filter}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} if {b} else {a})")),
            (inner.clone(), 0..9u8).prop_map(|(a, bits)| format!("cidr_subnet({a}, {bits}, 1)")),
            inner.clone().prop_map(|a| format!("sub('${{v}}', v={a})")),
            (0..3u8, inner.clone()).prop_map(|(at, a)| format!("select({at}, {a})")),
            inner.clone().prop_map(|a| format!("join(',', {a})")),
            inner.prop_map(|a| format!("({a} is defined)")),
        ]
    });
    let line = (expression, 0..9u8).prop_map(|(expression, form)| match form {
        0 => format!("{{% if {expression} %}}\n      K: 1\n{{% endif %}}\n"),
        1 => format!("{{% for x in {expression} %}}\n      {{{{ 'K' ~ loop.index }}}}: {{{{ x }}}}\n{{% endfor %}}\n"),
        2 => format!("{{% set x = {expression} %}}\n"),
        3 => format!("      # {{{{ {expression} }}}}\n"),
        4 => format!("{{% set x %}}{{{{ {expression} }}}}{{% endset %}}\n"),
        5 => format!("{{% macro m(a) %}}{{{{ a ~ {expression} }}}}{{% endmacro %}}\n"),
        _ => format!("      {{{{ 'K{form}' }}}}: {{{{ {expression} }}}}\n"),
    });
    prop::collection::vec(line, 1..6).prop_map(|lines| {
        format!(
            "Resources:\n  It:\n    Type: Custom::Thing\n    Properties:\n      ServiceToken: a\n{}",
            lines.concat()
        )
    })
}

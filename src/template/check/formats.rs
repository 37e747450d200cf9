//! The `format` of strings in the schemas: ids, ARNs and names of other resources.
//!
//! A literal that cannot be such an id is wrong, and so is a `Ref` or `Fn::GetAtt` that gives the id of something else.

use core::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::super::schema::{self, ResourceSchema};
use super::super::{Node, intrinsic};
use super::{Template, is_unknown, pattern};
use crate::diagnostic::{Problem, codes};

/// What is wrong with `node` where the schema wants the formats that `given` names.
pub(super) fn check(template: &Template, given: &Value, node: &Node, name: impl FnOnce() -> String) -> Option<Problem> {
    match node.as_str() {
        Some(text) if !is_unknown(node) => literal(&wanted(given)?, text, node, &name()),
        Some(_) => None,
        None if intrinsic::call(node).is_some() => {
            let wanted = wanted(given).or_else(|| role_by_pattern(given))?;
            reference(template, &wanted, node, &name())
        }
        None => None,
    }
}

/// Many schemas ask for the ARN of a role by a pattern alone. The pattern itself judges literals.
fn role_by_pattern(given: &Value) -> Option<Vec<&'static Known>> {
    let pattern = given.get("pattern").and_then(Value::as_str)?;
    let is_role = pattern.starts_with("^arn:") && pattern.contains(":iam::") && pattern.contains(":role/");
    let role = KNOWN.iter().find(|known| known.format == "AWS::IAM::Role.Arn")?;
    is_role.then(|| vec![role])
}

/// Whether `text` can be of `format`; none for formats that are not known here.
pub(super) fn literal_fits(format: &str, text: &str) -> Option<bool> {
    match format {
        "ipv4-network" => return Some(is_network(text, |address| address.parse::<Ipv4Addr>().is_ok(), 32)),
        "ipv6-network" => return Some(is_network(text, |address| address.parse::<Ipv6Addr>().is_ok(), 128)),
        _ => {}
    }
    let known = KNOWN.iter().find(|known| known.format == format)?;
    // EC2 itself resolves `resolve:ssm:NAME` in place of an image.
    if text.is_empty() || text.starts_with("resolve:ssm:") {
        return None;
    }
    pattern::matches(known.pattern, text)
}

fn is_network(text: &str, is_address: impl Fn(&str) -> bool, most_bits: u8) -> bool {
    text.split_once('/')
        .is_some_and(|(address, bits)| is_address(address) && bits.parse::<u8>().is_ok_and(|bits| bits <= most_bits))
}

struct Known {
    format: &'static str,
    /// As people call it.
    name: &'static str,
    pattern: &'static str,
    example: &'static str,
    /// Whether only types whose schema says so give it: then a reference to another type is wrong.
    exclusive: bool,
}

/// The formats of cfn-lint's "format keyword" page, with the forms that the services' references give.
const KNOWN: &[Known] = &[
    Known {
        format: "AWS::EC2::VPC.Id",
        name: "the id of a VPC",
        pattern: "^vpc-([0-9A-Fa-f]{8}|[0-9A-Fa-f]{17})$",
        example: "vpc-0123456789abcdef0",
        exclusive: true,
    },
    Known {
        format: "AWS::EC2::Subnet.Id",
        name: "the id of a subnet",
        pattern: "^subnet-([0-9A-Fa-f]{8}|[0-9A-Fa-f]{17})$",
        example: "subnet-0123456789abcdef0",
        exclusive: true,
    },
    Known {
        format: "AWS::EC2::SecurityGroup.Id",
        name: "the id of a security group",
        pattern: "^sg-([0-9A-Fa-f]{8}|[0-9A-Fa-f]{17})$",
        example: "sg-0123456789abcdef0",
        exclusive: true,
    },
    Known {
        format: "AWS::EC2::SecurityGroup.Name",
        name: "the name of a security group",
        pattern: r"^[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+$",
        example: "web",
        exclusive: true,
    },
    Known {
        format: "AWS::EC2::Image.Id",
        name: "the id of an image",
        pattern: "^ami-([0-9a-z]{8}|[0-9a-z]{17})$",
        example: "ami-0123456789abcdef0",
        exclusive: true,
    },
    Known {
        format: "AWS::IAM::Role.Arn",
        name: "the ARN of a role",
        pattern: r"^arn:aws[a-zA-Z-]*:iam::\d{12}:role/.+$",
        example: "arn:aws:iam::111122223333:role/NAME",
        exclusive: true,
    },
    Known {
        format: "AWS::KMS::Key.Arn",
        name: "the ARN of a key",
        pattern: r"^arn:aws[a-zA-Z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+$",
        example: "arn:aws:kms:us-east-1:111122223333:key/ID",
        exclusive: false,
    },
    Known {
        format: "AWS::KMS::Key.Id",
        name: "the id of a key",
        pattern: "^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}|alias/[a-zA-Z0-9/_-]+)$",
        example: "1234abcd-12ab-34cd-56ef-1234567890ab",
        exclusive: false,
    },
    Known {
        format: "AWS::KMS::Alias.AliasName",
        name: "the alias of a key",
        pattern: "^alias/[a-zA-Z0-9:/_-]+$",
        example: "alias/NAME",
        exclusive: false,
    },
    Known {
        format: "AWS::S3::Bucket.Name",
        name: "the name of a bucket",
        pattern: r"^(?![.\-])(?!.*\.\.)(?!.*\-\.)(?!.*\.\-)[a-z0-9.\-]{3,63}(?<![.\-])$",
        example: "my-bucket",
        exclusive: false,
    },
    Known {
        format: "AWS::Logs::LogGroup.Name",
        name: "the name of a log group",
        pattern: r"^[.\-_/#A-Za-z0-9]{1,512}$",
        example: "/my/logs",
        exclusive: false,
    },
    Known {
        format: "AWS::SNS::Topic.Arn",
        name: "the ARN of a topic",
        pattern: r"^arn:aws[a-zA-Z-]*:sns:[a-z0-9-]+:\d{12}:.+$",
        example: "arn:aws:sns:us-east-1:111122223333:NAME",
        exclusive: true,
    },
    Known {
        format: "AWS::Lambda::Function.Arn",
        name: "the ARN of a function",
        pattern: r"^arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:function:.+$",
        example: "arn:aws:lambda:us-east-1:111122223333:function:NAME",
        exclusive: true,
    },
    Known {
        format: "AWS::ACM::Certificate.Arn",
        name: "the ARN of a certificate",
        pattern: r"^arn:aws[a-zA-Z-]*:acm:[a-z0-9-]+:\d{12}:certificate/.+$",
        example: "arn:aws:acm:us-east-1:111122223333:certificate/ID",
        exclusive: true,
    },
];

/// The formats that fit, if the schema says so: its own, or one for each alternative.
fn wanted(given: &Value) -> Option<Vec<&'static Known>> {
    let known = |given: &Value| {
        let format = given.get("format").and_then(Value::as_str)?;
        KNOWN.iter().find(|known| known.format == format)
    };
    if given.get("format").is_some() {
        return known(given).map(|known| vec![known]);
    }
    let alternatives = given.get("anyOf").or_else(|| given.get("oneOf"))?.as_array()?;
    alternatives
        .iter()
        .map(known)
        .collect::<Option<Vec<_>>>()
        .filter(|known| !known.is_empty())
}

fn names(wanted: &[&Known]) -> String {
    let names: Vec<&str> = wanted.iter().map(|known| known.name).collect();
    names.join(" or ")
}

fn literal(wanted: &[&'static Known], text: &str, node: &Node, name: &str) -> Option<Problem> {
    if !wanted
        .iter()
        .all(|known| literal_fits(known.format, text) == Some(false))
    {
        return None;
    }
    let example = wanted.first().map_or("", |known| known.example);
    let message = format!("`{name}` must be {}, not `{text}`", names(wanted));
    Some(
        Problem::error(codes::VALUE_FORMAT, message)
            .at(node.span.clone(), "")
            .hint(format!("for example `{example}`")),
    )
}

fn reference(template: &Template, wanted: &[&'static Known], node: &Node, name: &str) -> Option<Problem> {
    let (target, attribute) = match intrinsic::call(node)? {
        ("Ref", argument) => (argument.as_str()?, None),
        ("Fn::GetAtt", argument) => match (argument.as_str(), argument.items()) {
            (Some(text), _) => text
                .split_once('.')
                .map(|(target, attribute)| (target, Some(attribute.to_owned())))?,
            (None, [target, rest @ ..]) => {
                let parts: Option<Vec<&str>> = rest.iter().map(Node::as_str).collect();
                (target.as_str()?, Some(parts?.join(".")))
            }
            _ => return None,
        },
        _ => return None,
    };
    if template.transforms != super::Transforms::None {
        return None;
    }
    let given = match template.resources.get(target) {
        Some(resource) => {
            let type_name = resource.get("Type")?.as_str()?;
            from_resource(wanted, type_name, attribute.as_deref())?
        }
        None => from_parameter(wanted, template.parameters.get(target)?.get("Type")?.as_str()?)?,
    };
    let written = match &attribute {
        Some(attribute) => format!("!GetAtt {target}.{attribute}"),
        None => format!("!Ref {target}"),
    };
    let message = format!("`{name}` must be {}, but `{written}` gives {given}", names(wanted));
    let problem = Problem::error(codes::VALUE_FORMAT, message).at(node.span.clone(), "");
    let resource = template
        .resources
        .get(target)
        .and_then(|resource| resource.get("Type")?.as_str());
    Some(match resource.and_then(|type_name| better(wanted, type_name, target)) {
        Some(better) => problem.hint(format!("write `{better}`")),
        None => problem,
    })
}

/// What the reference gives instead of what is wanted; none if it fits, or if that is not certain.
fn from_resource(wanted: &[&Known], type_name: &str, attribute: Option<&str>) -> Option<String> {
    let outside = !type_name.starts_with("AWS::")
        || matches!(
            (type_name, attribute),
            (
                "AWS::CloudFormation::Stack"
                    | "AWS::CloudFormation::CustomResource"
                    | "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
                _
            ) | ("AWS::SSM::Parameter", Some("Value"))
        );
    if outside {
        return None;
    }
    let schema = schema::get(type_name)?;
    let source = match attribute {
        Some(attribute) => property(&schema, attribute)?,
        None => match schema.primary_identifier().as_slice() {
            [only] => property(&schema, only)?,
            _ => return None,
        },
    };
    let formats = formats(source);
    let fits = formats
        .iter()
        .any(|format| wanted.iter().any(|known| known.format == *format));
    let known: Vec<&Known> = KNOWN.iter().filter(|known| formats.contains(&known.format)).collect();
    match (fits, formats.is_empty()) {
        (true, _) => None,
        (false, false) if known.len() == formats.len() => Some(names(&known)),
        (false, true) if wanted.iter().all(|known| known.exclusive) => {
            // What a schema says nothing about can still be anything that AWS calls by another word.
            let is_text = source.get("type").and_then(Value::as_str) == Some("string");
            is_text.then(|| match attribute {
                Some(_) => format!("something else of {type_name}"),
                None => format!("what names an {type_name}"),
            })
        }
        _ => None,
    }
}

fn from_parameter(wanted: &[&Known], type_name: &str) -> Option<String> {
    let format = match type_name {
        "AWS::EC2::VPC::Id" => "AWS::EC2::VPC.Id",
        "AWS::EC2::Subnet::Id" => "AWS::EC2::Subnet.Id",
        "AWS::EC2::SecurityGroup::Id" => "AWS::EC2::SecurityGroup.Id",
        "AWS::EC2::Image::Id" => "AWS::EC2::Image.Id",
        _ => return None,
    };
    let given = KNOWN.iter().find(|known| known.format == format)?;
    let ids_only = wanted
        .iter()
        .all(|known| known.exclusive && known.format != given.format);
    ids_only.then(|| given.name.to_owned())
}

fn formats(source: &Value) -> Vec<&str> {
    let own = source.get("format").and_then(Value::as_str);
    let alternatives = source
        .get("anyOf")
        .or_else(|| source.get("oneOf"))
        .and_then(Value::as_array);
    let others = alternatives
        .into_iter()
        .flatten()
        .filter_map(|given| given.get("format")?.as_str());
    own.into_iter().chain(others).collect()
}

/// The schema of a property by its dotted path.
fn property<'a>(schema: &'a ResourceSchema, dotted: &str) -> Option<&'a Value> {
    let mut at = schema.json();
    for segment in dotted.split('.') {
        at = schema.resolve(at).get("properties")?.get(segment)?;
    }
    Some(schema.resolve(at))
}

/// The reference to the same resource that gives what is wanted.
fn better(wanted: &[&Known], type_name: &str, target: &str) -> Option<String> {
    let schema = schema::get(type_name)?;
    let fits = |name: &String| {
        let source = property(&schema, name);
        source.is_some_and(|source| {
            formats(source)
                .iter()
                .any(|format| wanted.iter().any(|known| known.format == *format))
        })
    };
    if let [only] = schema.primary_identifier().as_slice()
        && fits(only)
    {
        return Some(format!("!Ref {target}"));
    }
    schema
        .attributes()
        .iter()
        .find(|name| fits(name))
        .map(|name| format!("!GetAtt {target}.{name}"))
}

//! Claims about the service, each as its callers see it: calls in, XML out, simulated time between.

use super::{CloudFormation, FaultSpec, FaultTask, Lookup, Millis, Pretend, Reply, World};

mod change_sets;
mod describing;
mod protection;
mod recovering;
mod refusing;
mod running;
mod templates;
mod waiting;

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

/// An account in which time passes only when the test says so.
struct Account {
    service: CloudFormation,
    now: Millis,
}

impl Account {
    fn new() -> Self {
        Self {
            service: CloudFormation::new("111122223333", "us-east-1"),
            now: 1_790_000_000_000,
        }
    }

    fn call(&mut self, action: &str, fields: &[(&str, &str)]) -> Reply {
        let fields: Vec<(String, String)> = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.service.call(action, &fields, self.now, &mut Shelf)
    }

    fn ok(&mut self, action: &str, fields: &[(&str, &str)]) -> String {
        let reply = self.call(action, fields);
        assert_eq!(reply.status, 200, "{action}: {}", reply.body);
        reply.body
    }

    /// The code and message of a refusal.
    fn refused(&mut self, action: &str, fields: &[(&str, &str)]) -> (String, String) {
        let reply = self.call(action, fields);
        assert_ne!(reply.status, 200, "{action}: {}", reply.body);
        (one(&reply.body, "Code"), one(&reply.body, "Message"))
    }

    fn pass(&mut self, millis: Millis) {
        self.now += millis;
        self.service.advance(self.now, &mut Shelf);
    }

    /// Lets time pass until nothing is under way; tells how long it took.
    fn settle(&mut self) -> Millis {
        let from = self.now;
        while let Some(due) = self.service.next_due() {
            self.now = due;
            self.service.advance(due, &mut Shelf);
        }
        self.now - from
    }

    fn create(&mut self, name: &str, template: &str) -> String {
        let body = self.ok(
            "CreateStack",
            &[
                ("StackName", name),
                ("TemplateBody", template),
                ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
            ],
        );
        self.settle();
        one(&body, "StackId")
    }

    fn update(&mut self, name: &str, template: &str) {
        self.ok(
            "UpdateStack",
            &[
                ("StackName", name),
                ("TemplateBody", template),
                ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
            ],
        );
    }

    fn status(&mut self, name: &str) -> String {
        let body = self.ok("DescribeStacks", &[("StackName", name)]);
        one(&body, "StackStatus")
    }

    /// A change set that has settled: the description.
    fn change_set(&mut self, stack: &str, name: &str, kind: &str, template: &str) -> String {
        self.ok(
            "CreateChangeSet",
            &[
                ("StackName", stack),
                ("ChangeSetName", name),
                ("ChangeSetType", kind),
                ("TemplateBody", template),
                ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
            ],
        );
        self.pass(6 * SECOND);
        self.ok(
            "DescribeChangeSet",
            &[
                ("StackName", stack),
                ("ChangeSetName", name),
                ("IncludePropertyValues", "true"),
            ],
        )
    }

    /// `LogicalId STATUS reason`, oldest first.
    fn events(&mut self, name: &str) -> Vec<String> {
        let mut events = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut fields = vec![("StackName", name)];
            if let Some(token) = &token {
                fields.push(("NextToken", token));
            }
            let body = self.ok("DescribeStackEvents", &fields);
            events.extend(members(&body, "StackEvents").iter().map(|event| {
                let reason = all(event, "ResourceStatusReason").pop().unwrap_or_default();
                let line = format!(
                    "{} {} {reason}",
                    one(event, "LogicalResourceId"),
                    one(event, "ResourceStatus")
                );
                line.trim().to_owned()
            }));
            token = all(&body, "NextToken").pop();
            if token.is_none() {
                events.reverse();
                return events;
            }
        }
    }

    fn fault(&mut self, logical_id: &str, task: FaultTask, message: &str) {
        self.service.set_faults(vec![fault(logical_id, task, message)]);
    }

    /// The physical ids of a stack's resources, by logical id.
    fn physical(&mut self, stack: &str, logical_id: &str) -> String {
        let body = self.ok(
            "DescribeStackResource",
            &[("StackName", stack), ("LogicalResourceId", logical_id)],
        );
        one(&body, "PhysicalResourceId")
    }

    fn output(&mut self, stack: &str, key: &str) -> String {
        let body = self.ok("DescribeStacks", &[("StackName", stack)]);
        let outputs = members(&body, "Outputs");
        let found = outputs.iter().find(|output| one(output, "OutputKey") == key).unwrap();
        one(found, "OutputValue")
    }
}

fn fault(logical_id: &str, task: FaultTask, message: &str) -> FaultSpec {
    FaultSpec {
        stack: None,
        logical_id: Some(logical_id.to_owned()),
        resource_type: None,
        task: Some(task),
        nth: 1,
        times: Some(1),
        late: false,
        message: message.to_owned(),
    }
}

/// A world with a parameter, a secret and a template in S3.
struct Shelf;

impl World for Shelf {
    fn lookup(&mut self, lookup: &Lookup) -> Result<String, String> {
        match lookup {
            Lookup::Parameter { name, .. } if name == "/ami" => Ok("ami-0123456789abcdef0".to_owned()),
            Lookup::Secret { id, key: Some(key), .. } if id == "db" && key == "password" => Ok("hunter2".to_owned()),
            other => Pretend.lookup(other),
        }
    }

    fn fetch(&mut self, url: &str) -> Result<String, String> {
        match url {
            "https://bucket.s3.amazonaws.com/big.json" => Ok(format!("{}{}", BUCKET, " ".repeat(60_000))),
            other => Pretend.fetch(other),
        }
    }

    fn delete(&mut self, request: &super::ResourceRequest<'_>) -> Result<(), String> {
        if request.physical_id == Some("full-bucket") {
            return Err("The bucket you tried to delete is not empty".to_owned());
        }
        Ok(())
    }
}

/// The texts of all elements of this name.
fn all(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close).map(|(text, _)| text.to_owned()))
        .map(|text| {
            text.replace("&quot;", "\"")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
        })
        .collect()
}

/// The text of the first element of this name.
fn one(xml: &str, name: &str) -> String {
    all(xml, name)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no <{name}> in {xml}"))
}

/// The items of the list of this name.
fn members(xml: &str, list: &str) -> Vec<String> {
    let (open, close) = (format!("<{list}>"), format!("</{list}>"));
    let Some((_, rest)) = xml.split_once(&open) else {
        return Vec::new();
    };
    let (inner, _) = rest.split_once(&close).unwrap();
    let mut found = Vec::new();
    let (mut depth, mut current) = (0, String::new());
    for part in inner.split_inclusive('>') {
        if part.ends_with("<member>") {
            depth += 1;
            if depth == 1 {
                current.clear();
                continue;
            }
        } else if part.ends_with("</member>") {
            depth -= 1;
            if depth == 0 {
                found.push(format!("{current}{}", part.trim_end_matches("</member>")));
                continue;
            }
        }
        current.push_str(part);
    }
    found
}

const BUCKET: &str = r#"{"Resources":{"Data":{"Type":"AWS::S3::Bucket"}}}"#;

/// A network: a VPC, two subnets, a NAT gateway on an address.
const NETWORK: &str = r#"
Parameters:
  Cidr: {Type: String, Default: 10.0.0.0/16}
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: !Ref Cidr, EnableDnsHostnames: true}
  First:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: !Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 2, 8]]}
  Second:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: !Select [1, !Cidr [!GetAtt Vpc.CidrBlock, 2, 8]]}
  Address:
    Type: AWS::EC2::EIP
    Properties: {Domain: vpc}
  Nat:
    Type: AWS::EC2::NatGateway
    Properties: {SubnetId: !Ref First, AllocationId: !GetAtt Address.AllocationId}
Outputs:
  VpcId: {Value: !Ref Vpc, Description: the network}
  Subnets: {Value: !Join [',', [!Ref First, !Ref Second]]}
"#;

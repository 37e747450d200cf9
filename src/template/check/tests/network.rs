//! Blocks, ports, zones.

use super::{found, problems, resource};
use crate::diagnostic::Severity;

#[test]
fn blocks_of_networks_have_a_size_and_begin_where_they_begin() {
    assert_eq!(
        resource("AWS::EC2::VPC", "CidrBlock: 10.0.0.0/8"),
        [
            "0447 5:18 the block `10.0.0.0/8` is too large for a VPC: from /16 to /28 are allowed; for example `10.0.0.0/16`"
        ]
    );
    assert_eq!(
        resource("AWS::EC2::Subnet", "VpcId: vpc-12345678\nCidrBlock: 10.0.0.0/30"),
        [
            "0447 6:18 the block `10.0.0.0/30` is too small for a subnet: from /16 to /28 are allowed; for example `10.0.0.0/28`"
        ]
    );
    let text = super::template("AWS::EC2::VPC", "CidrBlock: 10.0.5.0/16");
    let all = problems(&text);
    assert_eq!((all.0[0].code.0, all.0[0].severity), (447, Severity::Warning));
    assert_eq!(
        resource("AWS::EC2::VPC", "CidrBlock: !Ref AWS::Region"),
        Vec::<String>::new(),
        "what only AWS knows is not judged"
    );
}

const VPC: &str = "Mappings: {M: {a: {b: 10.0.0.0/16}}}\nResources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties: {CidrBlock: !FindInMap [M, a, b]}\n";

fn subnet(name: &str, block: &str, rest: &str) -> String {
    format!("  {name}:\n    Type: AWS::EC2::Subnet\n{rest}    Properties: {{VpcId: !Ref Vpc, CidrBlock: {block}}}\n")
}

#[test]
fn subnets_lie_inside_their_vpc_and_beside_each_other() {
    let good = format!(
        "{VPC}{}{}",
        subnet("A", "!Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 4, 8]]", ""),
        subnet("B", "!Select [1, !Cidr [10.0.0.0/16, 4, 8]]", "")
    );
    assert_eq!(found(&good), Vec::<String>::new());
    let bad = format!(
        "{VPC}{}{}{}",
        subnet("A", "10.1.0.0/24", ""),
        subnet("B", "10.0.0.0/20", ""),
        subnet("C", "!Select [2, !Cidr [!GetAtt Vpc.CidrBlock, 4, 8]]", "")
    );
    assert_eq!(
        found(&bad),
        [
            "0448 8:46 the subnet `A`, `10.1.0.0/24`, lies outside its VPC, `10.0.0.0/16`",
            "0448 14:46 the subnets `B` and `C` overlap: `10.0.0.0/20` and `10.0.2.0/24`",
        ]
    );
}

#[test]
fn subnets_that_may_never_exist_together_may_overlap_and_added_blocks_count() {
    let condition = |name: &str| format!("    Condition: {name}\n");
    let text = format!(
        "Conditions: {{C: !Equals [!Ref AWS::Region, x], D: !Not [!Condition C]}}\n{VPC}{}{}",
        subnet("A", "10.0.0.0/24", &condition("C")),
        subnet("B", "10.0.0.0/24", &condition("D"))
    );
    assert_eq!(found(&text), Vec::<String>::new());
    let added = format!(
        "{VPC}  More:\n    Type: AWS::EC2::VPCCidrBlock\n    Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.1.0.0/16}}\n{}",
        subnet("A", "10.1.0.0/24", "")
    );
    assert_eq!(found(&added), Vec::<String>::new());
}

fn rules(rules: &str) -> Vec<String> {
    resource(
        "AWS::EC2::SecurityGroup",
        &format!("GroupDescription: x\nSecurityGroupIngress:\n{rules}"),
    )
}

#[test]
fn ports_and_protocols_go_together() {
    assert_eq!(
        rules(
            "- {IpProtocol: tcp, FromPort: 443, ToPort: 80, CidrIp: 10.0.0.0/8}\n- {IpProtocol: udp, FromPort: 53, ToPort: 70000, CidrIp: 10.0.0.0/8}\n- {IpProtocol: tpc, CidrIp: 10.0.0.0/8}\n- {IpProtocol: 50, CidrIp: 10.0.0.0/8}"
        ),
        [
            "0449 7:50 the ports begin at 443 and end at 80; write the smaller one as `FromPort`",
            "0449 8:49 there is no port 70000; ports go from 0 to 65535",
            "0449 9:22 `tpc` is not a protocol; did you mean `tcp`?",
        ]
    );
    assert_eq!(
        rules("- {IpProtocol: tcp, FromPort: 443, CidrIp: 10.0.0.0/8}"),
        ["0428 7:9 `SecurityGroupIngress.0` of `AWS::EC2::SecurityGroup` needs `ToPort` when `IpProtocol` is `tcp`"]
    );
}

#[test]
fn one_rule_does_not_stand_twice() {
    let twice = "- {IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/8, Description: a}\n- {IpProtocol: tcp, FromPort: '443', CidrIp: 10.0.0.0/8, ToPort: 443}";
    assert_eq!(rules(twice), ["0449 8:9 a security group has the same rule twice"]);
    assert_eq!(rules(&twice.replace("'443'", "442")), Vec::<String>::new());
}

#[test]
fn numbers_of_acl_rules_and_destinations_of_routes_are_unique() {
    let entry = |name: &str, number: &str, egress: &str| {
        format!(
            "  {name}:\n    Type: AWS::EC2::NetworkAclEntry\n    Properties: {{NetworkAclId: acl-1, RuleNumber: {number}, Egress: {egress}, Protocol: -1, RuleAction: allow, CidrBlock: 0.0.0.0/0}}\n"
        )
    };
    let text = format!(
        "Resources:\n{}{}{}{}",
        entry("A", "100", "true"),
        entry("B", "100", "false"),
        entry("C", "'100'", "'true'"),
        entry("D", "40000", "true")
    );
    assert_eq!(
        found(&text),
        [
            "0450 10:51 `A` and `C` have the same number, 100",
            "0450 13:51 the number of a rule goes from 1 to 32766, and is not 40000",
        ]
    );
    let route = |name: &str| {
        format!(
            "  {name}:\n    Type: AWS::EC2::Route\n    Properties: {{RouteTableId: rtb-1, DestinationCidrBlock: 0.0.0.0/0, GatewayId: igw-1}}\n"
        )
    };
    assert_eq!(
        found(&format!("Resources:\n{}{}", route("A"), route("B"))),
        ["0455 7:61 `A` and `B` lead to the same destination, `0.0.0.0/0`"]
    );
}

#[test]
fn zones_of_two_regions_do_not_meet_in_one_stack() {
    let volume = |name: &str, zone: &str| {
        format!("  {name}:\n    Type: AWS::EC2::Volume\n    Properties: {{Size: 1, AvailabilityZone: {zone}}}\n")
    };
    let text = |second: &str| format!("Resources:\n{}{}", volume("A", "us-east-1a"), volume("B", second));
    assert_eq!(found(&text("us-east-1b")), Vec::<String>::new());
    assert_eq!(
        found(&text("us-west-2a")),
        [
            "0456 7:45 a stack lives in one region, but this template names zones of us-east-1 and us-west-2; `!Select [0, !GetAZs \"\"]` is the first zone of whatever region the stack is in"
        ]
    );
}

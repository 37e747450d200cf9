//! Ids, ARNs and names of other resources.

use super::{found, resource};

#[test]
fn a_literal_that_cannot_be_such_an_id_is_wrong() {
    assert_eq!(
        resource("AWS::EC2::Subnet", "VpcId: vpc-xyz\nCidrBlock: 10.0.0.0/24"),
        ["0438 5:14 `VpcId` must be the id of a VPC, not `vpc-xyz`; for example `vpc-0123456789abcdef0`"]
    );
    assert_eq!(
        resource(
            "AWS::EC2::Subnet",
            "VpcId: '{{resolve:ssm:/vpc}}'\nCidrBlock: 10.0.0.0/24"
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        resource("AWS::EC2::Instance", "ImageId: resolve:ssm:/aws/service/x"),
        Vec::<String>::new()
    );
    assert_eq!(
        resource("AWS::S3::Bucket", "BucketName: a..bucket"),
        ["0438 5:19 `BucketName` must be the name of a bucket, not `a..bucket`; for example `my-bucket`"]
    );
}

const OTHERS: &str = "Parameters:\n  Net: {Type: 'AWS::EC2::Subnet::Id'}\n  Any: {Type: String}\nResources:\n  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}\n  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}\n  Fn:\n    Type: AWS::Lambda::Function\n    Properties: {Code: {ImageUri: x}, PackageType: Image, Role: ROLE}\n  Sub:\n    Type: AWS::EC2::Subnet\n    Properties: {CidrBlock: 10.0.0.0/24, VpcId: VPC}\n";

fn references(role: &str, vpc: &str) -> Vec<String> {
    let text = OTHERS.replace("ROLE", role).replace("VPC}", &format!("{vpc}}}"));
    let listed = found(&text).into_iter();
    listed
        .filter(|line| !line.starts_with("0437") && !line.starts_with("0440"))
        .collect()
}

#[test]
fn a_reference_gives_what_the_property_takes() {
    assert_eq!(references("!GetAtt Role.Arn", "!Ref Vpc"), Vec::<String>::new());
    assert_eq!(references("!Ref Any", "!GetAtt Vpc.VpcId"), Vec::<String>::new());
    assert_eq!(
        references("!Ref Role", "!Ref Net"),
        [
            "0438 9:65 `Role` must be the ARN of a role, but `!Ref Role` gives what names an AWS::IAM::Role; write `!GetAtt Role.Arn`",
            "0438 12:49 `VpcId` must be the id of a VPC, but `!Ref Net` gives the id of a subnet",
        ]
    );
    assert_eq!(
        references("!GetAtt Role.Arn", "!GetAtt Vpc.DefaultSecurityGroup"),
        [
            "0438 12:49 `VpcId` must be the id of a VPC, but `!GetAtt Vpc.DefaultSecurityGroup` gives the id of a security group; write `!Ref Vpc`"
        ]
    );
}

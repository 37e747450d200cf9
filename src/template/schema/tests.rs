use std::sync::Arc;

use super::*;

fn schema(name: &str) -> Arc<ResourceSchema> {
    get(name).unwrap_or_else(|| panic!("{name} is embedded"))
}

#[test]
fn every_embedded_type_unpacks() {
    let names: Vec<_> = type_names().collect();
    assert!(names.len() > 1_500, "{}", names.len());
    assert!(names.is_sorted());
    for name in names {
        let schema = schema(name);
        assert_eq!(schema.name(), name);
        assert!(schema.json().is_object(), "{name}");
    }
    assert!(origin().starts_with("cfn-lint "));
}

#[test]
fn a_type_that_aws_does_not_have_is_unknown() {
    assert!(get("AWS::EC2::VCP").is_none());
}

#[test]
fn create_only_properties_replace_and_others_do_not() {
    let vpc = schema("AWS::EC2::VPC");
    assert_eq!(vpc.replacement(&["CidrBlock"]), Update::Replace);
    assert_eq!(vpc.replacement(&["EnableDnsSupport"]), Update::InPlace);
    assert_eq!(vpc.replacement(&["InstanceTenancy"]), Update::Conditional);
    assert_eq!(vpc.replacement(&["Tags", "0", "Value"]), Update::InPlace);
}

#[test]
fn a_part_of_a_create_only_property_replaces_and_a_mapping_that_contains_one_may() {
    let cluster = schema("AWS::EKS::Cluster");
    let path = ["AccessConfig", "BootstrapClusterCreatorAdminPermissions"];
    assert_eq!(cluster.replacement(&path), Update::Replace);
    assert_eq!(cluster.replacement(&["AccessConfig"]), Update::Conditional);
    assert_eq!(
        cluster.replacement(&["AccessConfig", "AuthenticationMode"]),
        Update::InPlace
    );
    let variants = schema("AWS::SageMaker::EndpointConfig");
    assert_eq!(
        variants.replacement(&["ProductionVariants", "0", "InstanceType"]),
        Update::Replace
    );
}

#[test]
fn attributes_are_the_read_only_properties_and_what_the_documentation_adds() {
    assert!(schema("AWS::S3::Bucket").has_attribute("Arn"));
    assert!(schema("AWS::RDS::DBInstance").has_attribute("Endpoint.Address"));
    assert!(schema("AWS::SageMaker::Model").has_attribute("ModelName"));
    assert!(schema("AWS::CloudFormation::Stack").has_attribute("Outputs.VpcId"));
    assert!(!schema("AWS::S3::Bucket").has_attribute("ARN"));
}

#[test]
fn what_a_schema_says_can_be_asked() {
    let bucket = schema("AWS::S3::Bucket");
    assert_eq!(bucket.primary_identifier(), ["BucketName"]);
    assert_eq!(bucket.taggable().as_deref(), Some("Tags"));
    assert_eq!(schema("AWS::EC2::SecurityGroup").required(), ["GroupDescription"]);
    assert!(
        schema("AWS::RDS::DBInstance")
            .write_only()
            .contains(&"MasterUserPassword".to_owned())
    );
    assert_eq!(schema("AWS::EC2::Route").taggable(), None);
}

//! The registry of problem codes. A code is never reused for another meaning.
//!
//! 00xx files and syntax, 01xx environment files, 02xx modules and wiring, 03xx rendering, 04xx template checks,
//! 05xx security baseline, 06xx plan, 07xx lock and state, 08xx engine and CloudFormation, 09xx sessions and accounts,
//! 10xx command line, 11xx sandbox.

use super::Code;

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($number);)*

        /// Every code with its title, in ascending order.
        pub const ALL: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    FILE_UNREADABLE = 1, "a file cannot be read";
    TOML_SYNTAX = 2, "a file is not valid TOML";
    TEMPLATE_SYNTAX = 3, "a template is not valid YAML or Jinja";

    TEMPLATE_TOO_LARGE = 401, "a template is larger than CloudFormation takes";
    TEMPLATE_TOO_DEEP = 402, "a template nests too deeply";
    UNKNOWN_TAG = 403, "a YAML tag is unknown to CloudFormation";
    DUPLICATE_KEY = 404, "a key stands twice in a mapping";
    UNSUPPORTED_YAML = 405, "a YAML feature that CloudFormation does not support";
    NULL_VALUE = 406, "a value is null";
    TEMPLATE_SECTION = 410, "a template section is unknown or has the wrong form";
    LOGICAL_ID = 411, "a logical id is not valid";
    TEMPLATE_LIMIT = 412, "a template exceeds a CloudFormation limit";
    PARAMETER_DECLARATION = 413, "a template parameter is declared wrongly";
    OUTPUT_DECLARATION = 414, "a template output is declared wrongly";
    RESOURCE_ATTRIBUTE = 415, "a resource attribute is unknown or has the wrong form";
    MAPPING_DECLARATION = 416, "a template mapping is declared wrongly";
    CONDITION_DECLARATION = 417, "a template condition is declared wrongly";
    UNKNOWN_RESOURCE_TYPE = 420, "a resource type is unknown";
    UNKNOWN_PROPERTY = 421, "a property is unknown";
    MISSING_PROPERTY = 422, "a required property is missing";
    PROPERTY_TYPE = 423, "a property has the wrong type";
    PROPERTY_VALUE = 424, "a property has a value that is not allowed";
    PROPERTY_PATTERN = 425, "a property does not match its pattern";
    PROPERTY_RANGE = 426, "a property is too long, too short or out of range";
    READ_ONLY_PROPERTY = 427, "a property that only AWS sets is given";
    PROPERTY_COMBINATION = 428, "properties that exclude or need each other";
    UNRESOLVED_REFERENCE = 430, "a reference to something that the template does not declare";
    UNKNOWN_ATTRIBUTE = 431, "a resource has no such attribute";
    UNKNOWN_CONDITION = 432, "a condition is not declared";
    UNKNOWN_MAPPING = 433, "a mapping or one of its keys is not declared";
    DEPENDENCY_CYCLE = 434, "resources or conditions depend on each other in a circle";
    INTRINSIC_FORM = 435, "an intrinsic function has the wrong arguments";
    UNKNOWN_INTRINSIC = 436, "an intrinsic function is unknown";
    UNUSED_DECLARATION = 437, "a parameter, condition or mapping is never used";

    PUBLIC_BUCKET = 501, "a bucket is open to the public";
    BUCKET_WITHOUT_ACCESS_BLOCK = 502, "a bucket does not block public access";
    OPEN_INGRESS = 503, "a port is open to the whole internet";
    WILDCARD_POLICY = 504, "a policy allows every action on every resource";
    UNENCRYPTED_STORAGE = 505, "storage is not encrypted";
    PUBLIC_DATABASE = 506, "a database is reachable from the internet";
    LITERAL_SECRET = 507, "a secret stands in a template as text";
    OPEN_TRUST = 508, "a role or resource trusts everybody";
}

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
    FILE_TOO_LARGE = 4, "a file is too large to be what it should be";
    NOT_A_FILE = 5, "a device or pipe stands where a file should be";
    TOO_MANY_FILES = 6, "a folder holds too many files";
    EXTENDS_TOO_LONG = 7, "environment files extend each other through too many files";

    ENVIRONMENT_NAME = 101, "an environment has an unusable name";
    EXTENDS_INVALID = 102, "`extends` names something that cannot be extended";
    EXTENDS_CYCLE = 103, "environment files extend each other in a cycle";
    UNKNOWN_KEY = 104, "a key that nothing reads";
    WRONG_TYPE = 105, "a value of the wrong type";
    MISSING_SETTING = 106, "a required setting is missing";
    INVALID_ACCOUNT = 107, "not an AWS account id";
    INVALID_REGION = 108, "not an AWS region";
    INVALID_NAME = 109, "a name that AWS would refuse";
    INVALID_ROLE = 110, "not a role of this account";
    INVALID_BACKEND = 111, "an unusable bucket or table name";
    INVALID_TAG = 112, "a tag that AWS would refuse";
    INVALID_CHOICE = 113, "a value that is not one of the choices";
    NUMBER_TOO_LARGE = 114, "a number that does not fit into 64 bits";
    WORKLOAD_TARGET = 115, "a workload runs on a stack that does not exist";

    CONTRACT_INVALID = 201, "a module's contract is wrong";
    CONTRACT_UNKNOWN_KEY = 202, "a module's contract has a key that nothing reads";
    UNKNOWN_MODULE = 203, "a module that does not exist";
    UNKNOWN_INPUT = 204, "an input that the module does not have";
    MISSING_INPUT = 205, "a required input is missing";
    INPUT_TYPE = 206, "an input has the wrong type";
    INPUT_VALUE = 207, "an input has a value that the module does not accept";
    SECRET_LITERAL = 208, "a secret is written into a file";
    WIRE_MALFORMED = 209, "a reference to another stack is malformed";
    WIRE_UNKNOWN_STACK = 210, "a reference to a stack that does not exist";
    WIRE_UNKNOWN_OUTPUT = 211, "a reference to an output that does not exist";
    WIRE_TYPE = 212, "a reference to an output of another type";
    WIRE_AMBIGUOUS = 213, "more than one stack could provide an input";
    WIRE_NO_STACK = 214, "no stack provides an input";
    WIRE_CYCLE = 215, "stacks depend on each other in a cycle";
    WIRE_OUTPUT_ABSENT = 216, "a reference to an output that the stack does not make as it is configured";
    TEMPLATE_MISSING = 217, "a module has no template";

    RENDER_FAILED = 301, "a template cannot be rendered";
    RENDER_UNDEFINED = 302, "a template uses a name that is not defined";
    DEFERRED_VALUE = 303, "a template needs a value that is known only after a deployment";
    REFUSED_BY_TEMPLATE = 304, "a template refuses its inputs";
    OUTPUT_MISSING = 305, "a template does not make an output that its contract promises";
    EXPRESSION_IN_TEXT = 306, "an expression in the middle of a string";
    PARAMETER_WITHOUT_VALUE = 307, "a template declares a parameter that nothing fills";
    PARAMETER_CONFLICT = 308, "a template uses a name that an input needs";
    RENDER_TOO_MUCH = 309, "rendering a template takes more than any stack needs";

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
    DEPENDENCY_CYCLE = 434, "resources or conditions depend on each other in a cycle";
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

    DESTROY_UNCONFIRMED = 601, "a protected environment is not destroyed without its name";
    STATEFUL_LOSS = 602, "a change would lose data";
    PLAN_UNREADABLE = 603, "a saved plan cannot be read";
    PLAN_STALE = 604, "something moved since the plan was made";

    LOCK_HELD = 700, "the lock is held by somebody else";
    LOCK_TABLE_MISSING = 701, "the lock table does not exist";
    LOCK_LOST = 702, "the lock was lost while working";
    LOCK_MOVED = 703, "the lock changed hands before it could be released";
    LOCK_UNREADABLE = 704, "the lock's item cannot be understood";
    LOCK_INTERRUPTED = 705, "waiting for the lock was interrupted";
    LOCK_UNCERTAIN = 706, "whether the lock was taken or released is not known";
    STATE_BUCKET_MISSING = 710, "the state bucket does not exist";
    STATE_NEWER = 711, "a record was written by a newer mlinfra";
    STATE_MOVED = 712, "the state changed since it was read";
    STATE_FENCED = 713, "a newer holder of the lock has written the state";
    STATE_UNREADABLE = 714, "a record in the state bucket cannot be understood";
    PLAN_APPLIED = 715, "the plan has been applied already";
    NO_CONDITIONAL_WRITES = 716, "the object store ignores conditions on writes";
    RECORD_EXISTS = 717, "an immutable record exists already with other content";

    STACK_FAILED = 801, "a stack failed";
    CHANGE_SET_FAILED = 802, "CloudFormation refuses a change set";
    UNSEEN_CHANGE = 803, "a replacement or removal that nobody reviewed";
    STACK_OUTPUT_MISSING = 804, "a stack lacks an output that another one uses";
    DELETE_FAILED = 805, "a stack cannot be deleted";
    CLOUDFORMATION_CALL = 806, "a call to CloudFormation failed";
    STACK_STUCK = 807, "a stack stays stuck";

    NO_CREDENTIALS = 900, "no usable AWS credentials";
    CREDENTIALS_EXPIRED = 901, "the AWS credentials have expired";
    ENDPOINT_UNREACHABLE = 902, "the AWS endpoint cannot be reached";
    WRONG_ACCOUNT = 903, "the credentials belong to another account";
    ROLE_NOT_ASSUMED = 904, "the role cannot be assumed";
    ACCESS_DENIED = 905, "AWS denied a call";
    AWS_THROTTLED = 906, "AWS throttles calls";
    AWS_TIMEOUT = 907, "AWS did not answer in time";
    AWS_NOT_FOUND = 908, "something in AWS does not exist";
    AWS_REFUSED = 909, "AWS refused a call";

    NO_PROJECT = 1001, "no project is here";
    UNKNOWN_ENVIRONMENT = 1002, "an environment that does not exist";
    UNKNOWN_STACK = 1003, "a stack that the environment does not have";
    UNKNOWN_OUTPUT = 1004, "an output that the stack does not have";
    UNKNOWN_MODULE_NAME = 1005, "a module that the catalogue does not have";
    NEEDS_ANSWER = 1006, "an answer is needed and nobody can be asked";
    DECLINED = 1007, "the answer was no";
    INTERRUPTED = 1008, "the run was interrupted";
    FILE_EXISTS = 1009, "a file is there already";
    FILE_UNWRITABLE = 1010, "a file cannot be written";
    NO_RUNTIME = 1011, "the program cannot start working";
    BAD_VARIABLE = 1012, "an environment variable has an unusable value";
    LEFT_AT_ONCE = 1013, "the run was left while AWS was at work";
    OUTPUT_UNWRITTEN = 1014, "output could not be written";

    SANDBOX_UNUSABLE = 1101, "the sandbox cannot be used";
}

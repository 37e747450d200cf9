//! The registry of problem codes. A code is never reused for another meaning.
//!
//! 00xx files and syntax, 01xx environment files, 02xx modules and wiring, 03xx rendering, 04xx template checks,
//! 05xx policy, 06xx plan, 07xx lock and state, 08xx engine and CloudFormation, 09xx sessions and accounts,
//! 10xx command line, 11xx sandbox.
//! 05xx security baseline, 06xx plan, 07xx lock and state, 08xx engine and CloudFormation, 09xx sessions and accounts,
//! 10xx command line, 11xx sandbox, 12xx preflight.

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
    WAIVER_RULE = 116, "a waiver of a rule that does not exist";
    WAIVER_STACK = 117, "a waiver for a stack that does not exist";
    WAIVER_RESOURCE = 118, "a waiver for a resource that does not exist";
    WAIVER_EXPIRY = 119, "a waiver does not end on a day within a year";
    WAIVER_EXPIRED = 120, "a waiver has expired or is about to";
    WAIVER_UNUSED = 121, "a waiver that waives nothing";
    WAIVER_REASON = 122, "a waiver without a reason";

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
    OVERRIDE_UNFIT = 218, "a project's own module lacks what others take from it";

    RENDER_FAILED = 301, "a template cannot be rendered";
    RENDER_UNDEFINED = 302, "a template uses a name that is not defined";
    DEFERRED_VALUE = 303, "a template needs a value that is known only after a deployment";
    REFUSED_BY_TEMPLATE = 304, "a template refuses its inputs";
    OUTPUT_MISSING = 305, "a template does not make an output that its contract promises";
    EXPRESSION_IN_TEXT = 306, "an expression in the middle of a string";
    PARAMETER_WITHOUT_VALUE = 307, "a template declares a parameter that nothing fills";
    PARAMETER_CONFLICT = 308, "a template uses a name that an input needs";
    RENDER_TOO_MUCH = 309, "rendering a template takes more than any stack needs";
    TEMPLATE_FILE = 310, "a template reads a file that is not there";

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
    VALUE_FORMAT = 438, "a value that cannot be such an id, ARN or name";
    RETIRED = 439, "something that AWS has shut down";
    POLICY_FORM = 440, "a policy document has the wrong form";
    POLICY_STATEMENT = 441, "a policy statement lacks an element or has one that does not belong there";
    POLICY_PRINCIPAL = 442, "a policy names a principal that cannot be one";
    POLICY_CONDITION = 443, "a policy condition has an unknown operator or a wrong value";
    POLICY_ACTION = 444, "a policy names an action that does not exist";
    POLICY_RESOURCE = 445, "a policy names a resource that cannot be one";
    POLICY_SIZE = 446, "a policy is larger than IAM takes";
    NETWORK_BLOCK = 447, "a CIDR block that EC2 would refuse";
    SUBNET_RANGE = 448, "a subnet lies outside its VPC or overlaps another one";
    PORT_RANGE = 449, "a rule's ports and protocol do not go together";
    RULE_NUMBER = 450, "two rules of a network ACL have the same number";
    TAG_INVALID = 451, "a tag that CloudFormation or the service would refuse";
    RESOURCE_NAME = 452, "a name that the service would refuse";
    DEPLOYMENT_POLICY = 453, "a CreationPolicy or UpdatePolicy that does not fit its resource";
    DYNAMIC_REFERENCE = 454, "a dynamic reference has the wrong form";
    SAME_NAME = 455, "two resources have the same name";
    ZONES_APART = 456, "availability zones of different regions in one template";
    SCHEDULE = 457, "a schedule that EventBridge would refuse";
    FUNCTION_RESULT = 470, "a function gives another kind of value than is wanted";
    RULE_DECLARATION = 471, "a template rule is declared wrongly";
    METADATA_INVALID = 472, "metadata that CloudFormation reads has the wrong form";
    MISSING_SUB = 473, "a text holds a variable that nothing replaces";
    VALUES_APART = 474, "values of a resource that do not go together";
    STATE_MACHINE = 475, "a state machine whose definition would be refused";

    PUBLIC_BUCKET = 501, "a bucket is open to the public";
    BUCKET_WITHOUT_ACCESS_BLOCK = 502, "a bucket does not block public access";
    OPEN_INGRESS = 503, "a port is open to the whole internet";
    WILDCARD_POLICY = 504, "a policy allows every action on every resource";
    UNENCRYPTED_VOLUME = 505, "a volume is not encrypted";
    PUBLIC_DATABASE = 506, "a database is reachable from the internet";
    LITERAL_SECRET = 507, "a secret stands in a template as text";
    OPEN_TRUST = 508, "a role trusts everybody";
    OPEN_ADMIN_PORT = 509, "a port for administration is open to the whole internet";
    OPEN_DATABASE_PORT = 510, "a database's port is open to the whole internet";
    OPEN_NETWORK_ACL = 511, "a network ACL lets the whole internet reach a port for administration";
    NO_ACCESS_LOG = 512, "a bucket does not log who reads it";
    BUCKET_ENCRYPTION_UNSAID = 513, "a bucket does not say how it is encrypted";
    BUCKET_WITHOUT_TLS = 514, "a bucket answers without TLS";
    BUCKET_UNVERSIONED = 515, "a bucket keeps no old versions";
    UNENCRYPTED_DATABASE = 516, "a database is not encrypted";
    UNENCRYPTED_FILE_SYSTEM = 517, "a file system is not encrypted";
    UNENCRYPTED_QUEUE = 518, "a queue is not encrypted";
    UNENCRYPTED_TOPIC = 519, "a topic is not encrypted";
    TABLE_WITHOUT_KEY = 520, "a table is encrypted with a key that nobody in the account sees";
    LOG_WITHOUT_KEY = 521, "a log group is encrypted with a key that nobody in the account sees";
    REPOSITORY_WITHOUT_KEY = 522, "a repository is encrypted with a key that nobody in the account sees";
    KUBERNETES_SECRETS_WITHOUT_KEY = 523, "Kubernetes secrets are not encrypted with a key of the account";
    SAGEMAKER_WITHOUT_KEY = 524, "SageMaker's volumes are not encrypted with a key of the account";
    UNENCRYPTED_STREAM = 525, "a stream is not encrypted";
    UNENCRYPTED_WAREHOUSE = 526, "a data warehouse is not encrypted";
    UNENCRYPTED_SEARCH = 527, "a search domain is not encrypted";
    UNENCRYPTED_CACHE = 528, "a cache is not encrypted";
    UNENCRYPTED_DOCUMENTS = 529, "a document or graph database is not encrypted";
    BROKERS_WITHOUT_TLS = 530, "brokers talk without TLS";
    PUBLIC_ADDRESS = 531, "an instance gets a public address";
    TASK_PUBLIC_ADDRESS = 532, "containers get public addresses";
    SUBNET_PUBLIC_ADDRESSES = 533, "a subnet gives everything in it a public address";
    OPEN_KUBERNETES_API = 534, "a Kubernetes API answers to the whole internet";
    NOTEBOOK_INTERNET = 535, "a notebook reaches the internet past the VPC";
    NOTEBOOK_ROOT = 536, "users of a notebook are root";
    OPEN_QUEUE = 537, "a queue is open to everybody";
    OPEN_TOPIC = 538, "a topic is open to everybody";
    OPEN_FUNCTION = 539, "a function is open to everybody";
    OPEN_SECRET = 540, "a secret is open to everybody";
    OPEN_REPOSITORY = 541, "a repository is open to everybody";
    OPEN_KEY = 542, "a key is open to everybody";
    SERVICE_WILDCARD = 543, "a policy allows everything that a service can do, on everything";
    ALLOW_ALL_BUT = 544, "a policy allows everything but a list";
    PASS_ANY_ROLE = 545, "a policy lets any role be passed to any service";
    PRIVILEGE_ESCALATION = 546, "a policy lets its holder give itself more permissions";
    ASSUME_ANY_ROLE = 547, "a policy lets any role be assumed";
    USER_POLICY = 548, "a user holds policies directly";
    ADMINISTRATOR_ACCESS = 549, "an identity is an administrator of the account";
    OPEN_FEDERATION = 550, "a role trusts everybody at an identity provider";
    NO_FLOW_LOG = 551, "a VPC does not log its traffic";
    NO_AUDIT_LOG = 552, "a Kubernetes cluster does not log who did what";
    NO_BALANCER_LOG = 553, "a load balancer does not log requests";
    WEAK_TRAIL = 554, "a trail misses something or can be tampered with";
    NO_DATABASE_LOG = 555, "a database does not export its logs";
    ENDLESS_LOG = 556, "a log group keeps everything for ever";
    FEW_BACKUPS = 557, "a database keeps backups for too short a time";
    NO_POINT_IN_TIME_RECOVERY = 558, "a table cannot be restored to a point in time";
    UNPROTECTED_DATABASE = 559, "a database can be deleted by one call";
    UNPROTECTED_TABLE = 560, "a table can be deleted by one call";
    UNPROTECTED_CLUSTER = 561, "a Kubernetes cluster can be deleted by one call";
    UNPROTECTED_BALANCER = 562, "a load balancer can be deleted by one call";
    STATEFUL_DELETED = 563, "data is deleted with its stack";
    OLD_METADATA_SERVICE = 564, "an instance answers requests for credentials without a session";
    LISTENER_WITHOUT_TLS = 565, "a listener takes requests without TLS";
    OLD_TLS = 566, "a listener accepts old versions of TLS";
    MUTABLE_TAGS = 567, "an image's tag can be moved";
    NO_IMAGE_SCAN = 568, "images are not scanned when they arrive";
    KEY_NOT_ROTATED = 569, "a key is never rotated";
    DEFAULT_SECURITY_GROUP = 570, "a VPC's default security group is used";
    OLD_RUNTIME = 571, "a function's runtime is no longer maintained";
    NO_MINOR_UPGRADES = 572, "a database does not get its security updates";
    NO_DATABASE_IAM = 573, "a database knows only passwords";
    PRIVILEGED_CONTAINER = 574, "a container is privileged";
    ROOT_CONTAINER = 575, "a container runs as root";
    HOST_NAMESPACE = 576, "a container shares namespaces with its host";
    SECRET_IN_ENVIRONMENT = 577, "a secret stands in an environment variable as text";
    NO_CONTAINER_LOG = 578, "a container's output is kept nowhere";
    NOTEBOOK_OUTSIDE_VPC = 579, "a notebook is outside of the VPC";
    PUBLIC_WAREHOUSE = 580, "a data warehouse is reachable from the internet";
    SEARCH_WITHOUT_TLS = 581, "a search domain answers without current TLS";
    OPEN_SEARCH_DOMAIN = 582, "a search domain is open to everybody";
    DISTRIBUTION_WITHOUT_TLS = 583, "a distribution answers without TLS";
    NO_PRIVATE_PATH = 584, "traffic to S3 leaves the private network";
    OWN_RULE = 590, "a rule of this project is broken";
    OWN_RULE_INVALID = 591, "a rule of this project is written wrongly";
    OWN_RULE_UNKNOWN = 592, "a rule of this project names something that does not exist";
    UNKNOWN_RULE = 593, "a rule that does not exist";

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
    UNKNOWN_CODE = 1015, "nothing is known about a code";
    NOT_FORMATTED = 1020, "a file is not formatted";
    STDIN_ALONE = 1021, "standard input is formatted alone";
    NOT_FORMATTED_HERE = 1022, "a file of a kind that is not formatted";
    SCHEMA_STALE = 1023, "a schema file is out of date";

    SANDBOX_UNUSABLE = 1101, "the sandbox cannot be used";

    PERMISSION_MISSING = 1201, "the caller may not do what the plan needs";
    ORGANISATION_DENIES = 1202, "a policy of the organisation or a boundary denies what the plan needs";
    ZONE_UNAVAILABLE = 1203, "an availability zone that the account does not have";
    INSTANCE_TYPE_UNAVAILABLE = 1204, "an instance type that the region does not offer";
    INSTANCE_TYPE_ELSEWHERE = 1205, "an instance type that none of the zones in use offers";
    QUOTA_EXCEEDED = 1206, "more is asked for than a quota allows";
    CLUSTER_VERSION_UNSUPPORTED = 1207, "a Kubernetes version that EKS does not offer";
    CLUSTER_VERSION_EXTENDED = 1208, "a Kubernetes version in extended support";
    CLUSTER_VERSION_STEP = 1209, "a step between Kubernetes versions that EKS refuses";
    NAME_TAKEN = 1210, "a name that is taken already";
    NETWORK_OVERLAPS = 1211, "a network overlaps with one that is there";
    PEERS_OVERLAP = 1212, "networks that are to be peered overlap";
    VALIDATION_REFUSES = 1213, "CloudFormation's own validation finds fault with a change";
}

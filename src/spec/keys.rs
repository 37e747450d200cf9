//! Which keys the files of a project have: one table that the checker, the formatter and the JSON Schema all read, so
//! that none of them knows a key that the others do not.

mod training;
mod workload;

pub use training::{CHANNEL, CHANNEL_NAME, OUTPUT, REGISTER, SPOT, TRAINING};
pub use workload::{AUTOSCALING, IMAGE, INGRESS, MODEL, PROBES, STREAM, TOLERATION, WORKLOAD};

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is for: what editors show.
    pub doc: &'static str,
    /// Whether its table is refused without it. In environment files any file of the `extends` chain may give it.
    pub required: bool,
    /// What holds without it, as TOML or in words.
    pub default: Option<&'static str>,
    /// A value as TOML.
    pub example: Option<&'static str>,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A string; where there is a pattern, one that matches it.
    Text(Option<&'static str>),
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// true or false.
    Boolean,
    /// A number, whole or not.
    Number,
    /// A number, whole or not, from the first to the second.
    Within(f64, f64),
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// A string or a whole number: a version that may be either.
    TextOrWhole,
    /// One string or an array of them, each matching the pattern.
    Texts(&'static str),
    /// An array of values of any type.
    Values,
    /// Any value.
    Any,
    /// The tags of a stack: a table of strings.
    Tags,
    /// A table of strings under names of the author's choice.
    Strings(Strings),
    /// A day, as TOML writes it.
    Date,
    /// A table with these keys and no others.
    Table(&'static [Key]),
    /// A list of tables with these keys: `[[waivers]]`.
    Tables(&'static [Key]),
    /// A table of tables, each with a name that matches the pattern.
    Named(Named),
}

/// Tables that their author names: `[stacks.NAME]`.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// What one of them is called.
    pub what: &'static str,
    /// What their names match.
    pub name: &'static str,
    /// The keys of each.
    pub keys: &'static [Key],
    /// Whether they take other keys too.
    pub rest: Rest,
}

/// A table of strings: `env = { LOG_LEVEL = "info" }`.
#[derive(Debug, Clone, Copy)]
pub struct Strings {
    /// What the names match.
    pub name: &'static str,
    /// What the strings match; anything if none.
    pub value: Option<&'static str>,
}

/// What a table does with keys that are not in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// They are refused.
    Refused,
    /// They are the inputs of the module that the table names.
    Inputs,
}

impl Key {
    /// A key that may be absent.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            doc,
            required: false,
            default: None,
            example: None,
        }
    }

    /// The same key, which has to be there.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same key with what holds without it.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// The same key with a value to show.
    #[must_use]
    pub const fn example(self, example: &'static str) -> Self {
        Self {
            example: Some(example),
            ..self
        }
    }
}

/// The names of `keys`, in their order.
pub fn names(keys: &'static [Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The choices of the key `name`; none if it has no such key or takes anything else.
pub fn choices(keys: &'static [Key], name: &str) -> &'static [&'static str] {
    match keys.iter().find(|key| key.name == name).map(|key| key.kind) {
        Some(Kind::Choice(choices)) => choices,
        _ => &[],
    }
}

/// Names of projects, environments, stacks, workloads and modules; `check::is_name` decides.
pub const NAME: &str = "^[a-z]([a-z0-9-]*[a-z0-9])?$";

/// Twelve digits; `check::check_account` decides.
const ACCOUNT: &str = "^[0-9]{12}$";
/// Two or three words and a number; `check::check_region` decides.
const REGION: &str = "^[a-z]+(-[a-z]+){1,2}-[0-9]{1,2}$";
/// `check::check_role` decides, and compares account and partition too.
const ROLE: &str = "^arn:[^:]*:iam::[^:]{12}:role/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]$";
const BOUNDARY: &str = "^arn:[^:]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]$";
/// The general form; `check::bucket_fault` knows reserved prefixes and suffixes too.
const BUCKET: &str = "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$";
/// "Naming rules", Amazon DynamoDB Developer Guide.
const TABLE: &str = "^[A-Za-z0-9_.-]{3,255}$";

/// What stands for a secret; `secret::is_reference` decides.
pub const SECRET: &str = r"^(\{\{resolve:(secretsmanager|ssm-secure):[^\n{]*\}\}|arn:[^:]*:secretsmanager:[^:]*:[0-9]{12}:secret[\s\S]*|arn:[^:]*:ssm:[^:]*:[0-9]{12}:parameter[\s\S]*)$";

/// Tags that mlinfra puts on every stack itself: project, environment, stack, module.
pub const OWN_TAGS: usize = 4;
/// "Tag naming limits", CloudFormation: at most 50 tags a stack.
pub const MAX_TAGS: usize = 50 - OWN_TAGS;

/// `environments/*.toml`, in the order in which the formatter writes them.
pub const FILE: &[Key] = &[
    Key::new(
        "extends",
        Kind::Texts("\\.toml$"),
        "The file, or files, that this one adds to, relative to environments/. Tables are merged key by key, what this file says wins, arrays are replaced as a whole.",
    )
    .example("\"common.toml\""),
    Key::new("project", Kind::Table(PROJECT), "What all environments belong to."),
    Key::new(
        "environment",
        Kind::Table(ENVIRONMENT),
        "Where everything goes, and how careful to be there.",
    ),
    Key::new("backend", Kind::Table(BACKEND), "Where the state and the lock live."),
    Key::new(
        "tags",
        Kind::Tags,
        "Put on every stack; CloudFormation puts them on every resource that takes tags.",
    ),
    Key::new(
        "modules",
        Kind::Named(Named {
            what: "module",
            name: NAME,
            keys: FETCHED,
            rest: Rest::Refused,
        }),
        "Modules that are fetched from a Git repository or an S3 archive, by name; `mlinfra module fetch` fetches them and pins them in mlinfra.lock.",
    ),
    Key::new(
        "stacks",
        Kind::Named(Named {
            what: "stack",
            name: NAME,
            keys: STACK,
            rest: Rest::Inputs,
        }),
        "The stacks by name: each is one CloudFormation stack, made from a module.",
    ),
    Key::new(
        "workloads",
        Kind::Named(Named {
            what: "workload",
            name: NAME,
            keys: WORKLOAD,
            rest: Rest::Refused,
        }),
        "What `mlinfra ship` builds, pushes and rolls out, by name.",
    ),
    Key::new(
        "training",
        Kind::Named(Named {
            what: "training job",
            name: NAME,
            keys: TRAINING,
            rest: Rest::Refused,
        }),
        "The jobs that `mlinfra train` runs on SageMaker, by name.",
    ),
    Key::new(
        "waivers",
        Kind::Tables(WAIVER),
        "Findings of the policy that are accepted for a while.",
    ),
];

/// `[project]`.
pub const PROJECT: &[Key] = &[Key::new(
    "name",
    Kind::Text(Some(NAME)),
    "The first part of every stack's name, PROJECT-ENVIRONMENT-STACK: lower-case letters, digits and hyphens. Changing it means other stacks.",
)
.required()
.example("\"acme-ml\"")];

/// `[environment]`.
pub const ENVIRONMENT: &[Key] = &[
    Key::new(
        "account",
        Kind::Text(Some(ACCOUNT)),
        "The AWS account, twelve digits. Credentials for any other are refused before anything is read or changed.",
    )
    .required()
    .example("\"111122223333\""),
    Key::new("region", Kind::Text(Some(REGION)), "The AWS region.")
        .required()
        .example("\"us-east-1\""),
    Key::new(
        "role_arn",
        Kind::Text(Some(ROLE)),
        "A role of this account that is assumed before anything is read.",
    )
    .example("\"arn:aws:iam::111122223333:role/mlinfra-dev\""),
    Key::new(
        "permissions_boundary",
        Kind::Text(Some(BOUNDARY)),
        "A policy that every role of every stack carries as its permissions boundary, unless its template names one.",
    )
    .example("\"arn:aws:iam::111122223333:policy/acme-ml-dev-access-boundary\""),
    Key::new(
        "protect",
        Kind::Boolean,
        "Termination protection on every stack; `destroy` asks for --confirm=NAME, and replacing what holds data needs consent.",
    )
    .default("false"),
    Key::new(
        "on_failure",
        Kind::Choice(&["delete", "rollback", "keep"]),
        "What becomes of a stack that fails. `delete`: a failed creation is deleted again, a failed update rolled back. `rollback`: both are rolled back, a failed creation stays as ROLLBACK_COMPLETE. `keep`: what was made stays as it is.",
    )
    .default("\"rollback\""),
];

/// `[backend]`.
pub const BACKEND: &[Key] = &[
    Key::new(
        "bucket",
        Kind::Text(Some(BUCKET)),
        "The versioned S3 bucket of states, history, templates and plans.",
    )
    .default("PROJECT-mlinfra-ACCOUNT-REGION"),
    Key::new("table", Kind::Text(Some(TABLE)), "The DynamoDB table of locks.").default("PROJECT-mlinfra-locks"),
];

/// `[modules.NAME]`.
pub const FETCHED: &[Key] = &[
    Key::new(
        "git",
        Kind::Text(None),
        "The Git repository: https, ssh or git@host:path. Credentials are Git's own affair.",
    )
    .example("\"https://github.com/acme/ml-modules\""),
    Key::new("tag", Kind::Text(None), "The tag of the repository.").example("\"v1.0.0\""),
    Key::new(
        "commit",
        Kind::Text(Some("^[0-9a-f]{40}([0-9a-f]{24})?$")),
        "The commit of the repository in place of a tag, all digits.",
    ),
    Key::new(
        "s3",
        Kind::Text(Some("^s3://[^/]+/.+\\.(tar\\.gz|tgz)$")),
        "A gzipped tar archive in S3, in place of a repository; read with the environment's credentials.",
    )
    .example("\"s3://acme-modules/feature-store-1.0.0.tar.gz\""),
    Key::new(
        "folder",
        Kind::Text(None),
        "The folder, inside of what is fetched, that holds modules/ and templates/; without it the top.",
    ),
];

/// `[stacks.NAME]`.
pub const STACK: &[Key] = &[Key::new(
    "module",
    Kind::Text(Some(NAME)),
    "The module that the stack is made from; `mlinfra module list` shows what there is.",
)
.required()
.example("\"vpc\"")];

/// `[[waivers]]`.
pub const WAIVER: &[Key] = &[
    Key::new("rule", Kind::Text(None), "The rule that does not hold, by its name.")
        .required()
        .example("\"s3-access-logging\""),
    Key::new(
        "stack",
        Kind::Text(Some(NAME)),
        "The stack for which it does not hold; without it, all of them.",
    ),
    Key::new(
        "resource",
        Kind::Text(None),
        "The resource, by its name in the template; without it, all of them.",
    ),
    Key::new(
        "reason",
        Kind::Text(Some("\\S")),
        "Why it is safe here: what somebody has to know who finds it in a year.",
    )
    .required(),
    Key::new(
        "expires",
        Kind::Date,
        "The day from which the rule counts again, without quotes.",
    )
    .required()
    .example("2027-06-30"),
];

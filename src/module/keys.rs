//! Which keys a contract has, in the order in which the formatter writes them.

use crate::spec::format::{self, Layout};
use crate::spec::keys::{Key, Kind, NAME, Named, Rest};

/// Names of inputs, outputs, fields and record types; `types::is_identifier` decides.
pub(super) const IDENTIFIER: &str = "^[a-z][a-z0-9_]*$";

/// `modules/*.toml`.
pub(super) const CONTRACT: &[Key] = &[
    Key::new("module", Kind::Table(MODULE), "What the module is.").required(),
    Key::new(
        "inputs",
        Kind::Named(Named {
            what: "input",
            name: IDENTIFIER,
            keys: INPUT,
            rest: Rest::Refused,
        }),
        "What a stack made from it can say, by name. The template sees each as `{{ name }}`.",
    ),
    Key::new(
        "types",
        Kind::Named(Named {
            what: "type",
            name: IDENTIFIER,
            keys: RECORD,
            rest: Rest::Refused,
        }),
        "Record types that inputs use, by name: `list<NAME>`, `map<NAME>`.",
    ),
    Key::new(
        "outputs",
        Kind::Named(Named {
            what: "output",
            name: IDENTIFIER,
            keys: OUTPUT,
            rest: Rest::Refused,
        }),
        "What it gives to other stacks and to people, by name: the template's output of the same name in PascalCase.",
    ),
    Key::new(
        "price",
        Kind::Tables(PRICE),
        "What it costs money for, without amounts: they differ by region and change.",
    ),
];

/// `[module]`.
pub(super) const MODULE: &[Key] = &[
    Key::new(
        "name",
        Kind::Text(Some(NAME)),
        "The module's name, which is the file's too.",
    )
    .required()
    .example("\"queue\""),
    Key::new("summary", Kind::Text(None), "One sentence: what it makes.").required(),
    Key::new(
        "doc",
        Kind::Text(None),
        "A longer text in Markdown, for `mlinfra module show`.",
    ),
    Key::new("template", Kind::Text(None), "The template, relative to templates/.").default("cloudformation/NAME.yaml"),
];

const TYPE: Key = Key::new(
    "type",
    Kind::Text(Some("^\\s*((list|map)\\s*<\\s*)*[a-z][a-z0-9_]*(\\s*>)*\\s*$")),
    "`string`, `integer`, `number`, `boolean`, `cidr`, `arn`, `list<…>`, `map<…>` or the name of a record type.",
)
.required()
.example("\"list<string>\"");
const DOC: Key = Key::new("doc", Kind::Text(None), "What it is for, in a sentence.").required();
const FROM: Key = Key::new(
    "from",
    Kind::Texts("^[a-z]([a-z0-9-]*[a-z0-9])?\\.[a-z][a-z0-9_]*$"),
    "The output, MODULE.OUTPUT, that it is wired to where the file gives no value: that of the only stack of this module.",
)
.example("\"vpc.private_subnet_ids\"");
const FROM_OPTIONAL: Key = Key::new(
    "from_optional",
    Kind::Boolean,
    "Where no stack provides the output, the default or nothing takes its place.",
)
.default("false");
const SECRET: Key = Key::new(
    "secret",
    Kind::Boolean,
    "Takes only a reference to Secrets Manager or Parameter Store, never the secret itself.",
)
.default("false");
const VALUES: Key = Key::new("values", Kind::Values, "The only values that it takes.");
const PATTERN: Key = Key::new(
    "pattern",
    Kind::Text(None),
    "A regular expression that the whole string, or each item of a list, must match.",
);
const OPTIONAL: Key = Key::new(
    "optional",
    Kind::Boolean,
    "May be absent although there is no default; the template then sees none.",
)
.default("false");
const DEFAULT: Key = Key::new("default", Kind::Any, "The value where none is given.");
const MIN: Key = Key::new(
    "min",
    Kind::Number,
    "The least number, length of a string, number of items, or prefix length of a network.",
);
const MAX: Key = Key::new(
    "max",
    Kind::Number,
    "The greatest number, length of a string, number of items, or prefix length of a network.",
);
const EXAMPLE: Key = Key::new("example", Kind::Any, "A value to show in documentation and editors.");

/// `[inputs.NAME]`.
pub(super) const INPUT: &[Key] = &[
    TYPE,
    DOC,
    FROM,
    FROM_OPTIONAL,
    SECRET,
    VALUES,
    PATTERN,
    OPTIONAL,
    DEFAULT,
    MIN,
    MAX,
    EXAMPLE,
];

/// `[types.NAME.fields.NAME]`: no wires and no secrets inside of records.
pub(super) const FIELD: &[Key] = &[TYPE, DOC, VALUES, PATTERN, OPTIONAL, DEFAULT, MIN, MAX, EXAMPLE];

/// `[types.NAME]`.
pub(super) const RECORD: &[Key] = &[
    Key::new("doc", Kind::Text(None), "What it is for, in a sentence."),
    Key::new(
        "fields",
        Kind::Named(Named {
            what: "field",
            name: IDENTIFIER,
            keys: FIELD,
            rest: Rest::Refused,
        }),
        "Its fields, by name.",
    )
    .required(),
];

/// `[outputs.NAME]`.
pub(super) const OUTPUT: &[Key] = &[
    Key::new(
        "type",
        Kind::Choice(&["string", "list<string>"]),
        "`string`, or `list<string>` that the template joins with commas.",
    )
    .required(),
    DOC,
    Key::new(
        "when",
        Kind::Text(Some(IDENTIFIER)),
        "The input that must be true, or given, for the output to exist.",
    ),
];

/// `[[price]]`.
pub(super) const PRICE: &[Key] = &[
    Key::new("item", Kind::Text(None), "What is paid for.")
        .required()
        .example("\"NAT gateway\""),
    Key::new("unit", Kind::Text(None), "By what it is counted.")
        .required()
        .example("\"hour and GB processed\""),
    Key::new(
        "inputs",
        Kind::Texts(IDENTIFIER),
        "The inputs that decide how much of it there is.",
    )
    .default("[]"),
    Key::new("doc", Kind::Text(None), "What makes it more or less, in a sentence.").required(),
];

/// Contracts. A record type may stand beside the input that uses it.
pub const LAYOUT: Layout = Layout {
    keys: CONTRACT,
    among: &[("types", "inputs")],
};

/// The layout of a file of which only the text is known: a contract has `[module]`, an environment file something of
/// its own, anything else is formatted without changing the place of anything.
pub fn layout(text: &str) -> &'static Layout {
    let Ok(table) = text.parse::<toml::Table>() else {
        return &format::PLAIN;
    };
    let of = |layout: &Layout| layout.keys.iter().any(|key| table.contains_key(key.name));
    if table.contains_key("module") || table.contains_key("inputs") {
        &LAYOUT
    } else if of(&format::ENVIRONMENT) {
        &format::ENVIRONMENT
    } else {
        &format::PLAIN
    }
}

//! What the template language knows by name: so that a misspelt one gets a suggestion.

use crate::diagnostic::closest;

/// Filters and functions that templates may use, and the statements; for suggestions.
const NAMES: &[(&str, &[&str])] = &[
    (
        "filter ",
        &[
            "abs",
            "attr",
            "batch",
            "bool",
            "capitalize",
            "chain",
            "count",
            "default",
            "dictsort",
            "first",
            "float",
            "groupby",
            "indent",
            "int",
            "items",
            "join",
            "last",
            "length",
            "lines",
            "list",
            "lower",
            "map",
            "max",
            "min",
            "pascal",
            "reject",
            "rejectattr",
            "replace",
            "reverse",
            "round",
            "select",
            "selectattr",
            "slice",
            "sort",
            "split",
            "string",
            "sum",
            "title",
            "trim",
            "unique",
            "upper",
            "zip",
        ],
    ),
    (
        "test ",
        &[
            "boolean",
            "defined",
            "divisibleby",
            "endingwith",
            "eq",
            "even",
            "false",
            "float",
            "ge",
            "gt",
            "in",
            "integer",
            "iterable",
            "le",
            "lower",
            "lt",
            "mapping",
            "ne",
            "none",
            "number",
            "odd",
            "sequence",
            "startingwith",
            "string",
            "true",
            "undefined",
            "upper",
        ],
    ),
    (
        "function ",
        &[
            "cidr_size",
            "cidr_subnet",
            "dict",
            "fail",
            "file",
            "getatt",
            "join",
            "namespace",
            "range",
            "ref",
            "select",
            "sub",
        ],
    ),
    (
        "unknown statement ",
        &[
            "call",
            "elif",
            "else",
            "endcall",
            "endfilter",
            "endfor",
            "endif",
            "endmacro",
            "endset",
            "endwith",
            "filter",
            "for",
            "if",
            "macro",
            "set",
            "with",
        ],
    ),
];

/// Filters that other places need, and why none of them does anything here.
const NEEDLESS: [(&[&str], &str); 2] = [
    (
        &["tojson", "to_json", "to_nice_json", "json", "jsonencode"],
        "every value is written as JSON already",
    ),
    (
        &["safe", "escape", "e", "quote", "forceescape"],
        "every value is quoted as it needs to be",
    ),
];

/// The nearest name, for an error that says that one is unknown.
pub(in crate::module) fn suggestion(detail: &str) -> Option<String> {
    // Functions are told without saying that they are functions: "cidr_subnt is unknown".
    let function;
    let detail = match detail.strip_suffix(" is unknown") {
        Some(name) if !name.contains(' ') => {
            function = format!("function {name}");
            &function
        }
        _ => detail,
    };
    if let Some((_, name)) = detail.split_once("filter ")
        && let Some((_, why)) = NEEDLESS
            .iter()
            .find(|(names, _)| names.contains(&name.trim_end_matches(" is unknown")))
    {
        return Some(format!("leave it out: {why}"));
    }
    NAMES.iter().find_map(|(lead, names)| {
        let (_, rest) = detail.split_once(lead)?;
        let typed = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        let near = closest(typed, names.iter().copied()).filter(|near| *near != typed)?;
        Some(format!("did you mean `{near}`?"))
    })
}

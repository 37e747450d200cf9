//! The types of inputs: `string`, `list<string>`, `map<node_group>`.

/// A type as a contract writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `string`
    String,
    /// `integer`
    Integer,
    /// `number`, whole or not
    Number,
    /// `boolean`
    Boolean,
    /// `cidr`: a network such as `10.0.0.0/16`, host bits zero
    Cidr,
    /// `arn`
    Arn,
    /// `list<T>`
    List(Box<Type>),
    /// `map<T>`: keys are strings
    Map(Box<Type>),
    /// A record type of the contract.
    Record(String),
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Integer => f.write_str("integer"),
            Self::Number => f.write_str("number"),
            Self::Boolean => f.write_str("boolean"),
            Self::Cidr => f.write_str("cidr"),
            Self::Arn => f.write_str("arn"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Map(item) => write!(f, "map<{item}>"),
            Self::Record(name) => f.write_str(name),
        }
    }
}

/// Deeper nesting than any contract needs; keeps the reader's recursion small.
const MAX_DEPTH: usize = 8;

impl Type {
    /// Reads a type; the error names the part that is not one. Whether a record type exists is checked elsewhere.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_at(text.trim(), 0)
    }

    fn parse_at(text: &str, depth: usize) -> Result<Self, String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} deep"));
        }
        let inner = |name: &str| {
            let rest = text
                .strip_prefix(name)?
                .trim_start()
                .strip_prefix('<')?
                .strip_suffix('>')?;
            Some(Self::parse_at(rest.trim(), depth + 1).map(Box::new))
        };
        if let Some(item) = inner("list") {
            return item.map(Self::List);
        }
        if let Some(item) = inner("map") {
            return item.map(Self::Map);
        }
        Ok(match text {
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "cidr" => Self::Cidr,
            "arn" => Self::Arn,
            name if is_identifier(name) => Self::Record(name.to_owned()),
            other => return Err(format!("`{other}` is not a type")),
        })
    }

    /// The record type that it is made of, if any.
    pub fn record(&self) -> Option<&str> {
        match self {
            Self::Record(name) => Some(name),
            Self::List(item) | Self::Map(item) => item.record(),
            _ => None,
        }
    }

    /// The innermost type: `string` for `map<list<string>>`.
    pub fn item(&self) -> &Self {
        match self {
            Self::List(item) | Self::Map(item) => item.item(),
            other => other,
        }
    }

    /// With an article, for sentences: `a string`, `a list of strings`, `a map of node_group`.
    pub fn describe(&self) -> String {
        match self {
            Self::String => "a string".into(),
            Self::Integer => "a whole number".into(),
            Self::Number => "a number".into(),
            Self::Boolean => "true or false".into(),
            Self::Cidr => "a network such as \"10.0.0.0/16\"".into(),
            Self::Arn => "an ARN".into(),
            Self::List(item) => match **item {
                Self::String | Self::Cidr | Self::Arn => "a list of strings".into(),
                _ => format!("a list of {item}"),
            },
            Self::Map(item) => format!("a table of {item}"),
            Self::Record(name) => format!("a table ({name})"),
        }
    }
}

/// The names of inputs, outputs, fields and record types: `^[a-z][a-z0-9_]*$`.
pub(super) fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

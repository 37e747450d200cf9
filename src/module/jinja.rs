//! The template language: MiniJinja, with values that come out as JSON and values that are not known yet.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::contract::pascal;
use super::typing::{Resolved, Wire};
use crate::template::read::MAXIMUM_DEPTH;

mod deferred;
pub(super) mod files;
mod names;

use deferred::Deferred;
pub(super) use deferred::deferred_parameter;
pub(super) use names::suggestion;

/// Begins the detail of errors that say "known only after a deployment"; the parameter's name follows.
pub(super) const DEFERRED: char = '\u{E002}';
/// Begins the detail of errors that a template raises with `fail`.
pub(super) const REFUSED: char = '\u{E003}';

/// Begins the detail of errors that say that a template does more than any stack needs.
pub(super) const TOO_MUCH: char = '\u{E004}';

/// How many steps a rendering may take; the built-in modules take a few thousand.
pub(super) const MOST_STEPS: u64 = 1_000_000;
/// How many bytes a rendering may write, those counted that a `set` block or a macro captured: sixteen times what
/// CloudFormation takes.
const MOST_BYTES: usize = 16 << 20;
/// How deep macros and loops may call each other; the interpreter counts a macro as several levels.
const DEEPEST: usize = 64;

/// The language without templates.
pub(super) fn language() -> Environment<'static> {
    let mut language = Environment::new();
    language.set_recursion_limit(DEEPEST);
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    // Keeps what macros and `set` blocks captured from being written as a JSON string once more.
    language.set_auto_escape_callback(|_| AutoEscape::Json);
    language.set_debug(true);
    language.set_formatter(format);
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    if let Ok(syntax) = syntax.build() {
        language.set_syntax(syntax);
    }
    // These would let text through that is not JSON.
    for filter in ["safe", "escape", "e", "tojson"] {
        language.remove_filter(filter);
    }
    // The one way for a loop to carry a value into its next round, and so to make values of any depth and size.
    language.remove_global("namespace");
    language.add_filter("pascal", |value: &Value| -> Result<String, Error> {
        known(value)?;
        let text = value.to_string();
        if text.contains(DEFERRED) {
            Err(Error::new(ErrorKind::InvalidOperation, text))
        } else {
            Ok(pascal(&text))
        }
    });
    for name in ["length", "count"] {
        language.add_filter(name, length);
    }
    language.add_function("cidr_subnet", cidr_subnet);
    language.add_function("cidr_size", cidr_size);
    language.add_function("sub", sub);
    language.add_function("ref", |id: &str| intrinsic("Ref", Value::from(id)));
    language.add_function("getatt", |id: &str, attribute: &str| {
        intrinsic("Fn::GetAtt", Value::from(vec![Value::from(id), Value::from(attribute)]))
    });
    language.add_function("select", select);
    language.add_function("join", join);
    language.add_function("fail", |message: &str| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{REFUSED}{message}")))
    });
    language
}

/// A typed value as templates see it. `length` knows how many items a list of another stack has.
pub(super) fn value(resolved: &Resolved, length: &dyn Fn(&Wire) -> Option<usize>) -> Value {
    match resolved {
        Resolved::None => Value::from(()),
        Resolved::String(text) => Value::from(text.as_str()),
        Resolved::Integer(number) => Value::from(*number),
        Resolved::Number(number) => Value::from(*number),
        Resolved::Boolean(value) => Value::from(*value),
        Resolved::List(items) => Value::from(items.iter().map(|item| value(item, length)).collect::<Vec<_>>()),
        Resolved::Map(entries) => Value::from_pairs(
            entries
                .iter()
                .map(|(key, inner)| (Value::from(key.as_str()), value(inner, length))),
        ),
        Resolved::Deferred(wire) => Deferred::value(wire, length(wire)),
    }
}

fn intrinsic(name: &'static str, argument: Value) -> Value {
    Value::from_pairs([(Value::from(name), argument)])
}

/// Renders a template, within bounds of work and of size.
pub(super) fn render(template: &minijinja::Template<'_, '_>, context: Value) -> Result<String, Error> {
    let mut text = Bounded(Vec::new());
    match template.render_captured_to(context, &mut text) {
        Ok(_) => String::from_utf8(text.0).map_err(|_| Error::from(ErrorKind::WriteFailure)),
        Err(_) if text.0.len() >= MOST_BYTES => Err(too_large()),
        Err(error) => Err(error),
    }
}

/// A text that takes no more than [`MOST_BYTES`].
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = MOST_BYTES.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(room)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether an error's detail says that the template does too much, in the interpreter's words or in ours.
pub(super) fn is_too_much(detail: &str) -> bool {
    let reasons = [
        "ran out of fuel",
        "recursion limit exceeded",
        "range has too many elements",
    ];
    detail.contains(TOO_MUCH) || reasons.iter().any(|reason| detail.contains(reason))
}

fn too_large() -> Error {
    Error::new(ErrorKind::WriteFailure, format!("{TOO_MUCH}"))
}

/// How much a rendering has written so far, captured text included.
#[derive(Default)]
struct Written(usize);

/// Writes a value as JSON that is YAML too. Everything goes through here, so quoting cannot go wrong.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let mut text = String::new();
    let written = if value.is_safe() {
        // What a macro or a `set` block has rendered: its values went through here already.
        value.as_str().unwrap_or_default()
    } else {
        json(value, &mut text, 0)?;
        &text
    };
    let total = state.get_or_insert_extension_with(Written::default);
    total.0 = total.0.saturating_add(written.len());
    if total.0 > MOST_BYTES {
        return Err(too_large());
    }
    write(out, written)
}

fn write(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    out.write_str(text).map_err(|_| Error::from(ErrorKind::WriteFailure))
}

fn json(value: &Value, out: &mut String, depth: usize) -> Result<(), Error> {
    if depth > MAXIMUM_DEPTH || out.len() > MOST_BYTES {
        return Err(too_large());
    }
    if let Some(deferred) = value.downcast_object_ref::<Deferred>() {
        return json(&deferred.written(), out, depth);
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => {
            let text = value.to_string();
            if text.contains("inf") || text.contains("NaN") {
                return Err(Error::new(ErrorKind::BadSerialization, "this number is not finite"));
            }
            out.push_str(&text);
        }
        ValueKind::String => string(value.as_str().unwrap_or_default(), out)?,
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                json(&item, out, depth + 1)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                match key.as_str() {
                    Some(text) => string(text, out)?,
                    None => string(&key.to_string(), out)?,
                }
                out.push_str(": ");
                json(&value.get_item(&key)?, out, depth + 1)?;
            }
            out.push('}');
        }
        ValueKind::Undefined => return Err(Error::new(ErrorKind::UndefinedError, "there is no value here")),
        ValueKind::Invalid => return value.get_attr("").and(Err(Error::from(ErrorKind::BadSerialization))),
        kind => {
            return Err(Error::new(
                ErrorKind::BadSerialization,
                format!("a {kind} cannot be written out"),
            ));
        }
    }
    Ok(())
}

/// A string literal that means the same in JSON and in YAML: control characters, line separators, the byte order mark,
/// private-use characters and noncharacters are escaped.
fn string(text: &str, out: &mut String) -> Result<(), Error> {
    if text.len() > MOST_BYTES {
        return Err(too_large());
    }
    if text.contains(DEFERRED) {
        let detail = text.to_owned();
        return Err(Error::new(ErrorKind::InvalidOperation, detail));
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f'
            | '\x7f'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{E000}'..='\u{F8FF}'
            | '\u{FEFF}'
            | '\u{FFFE}'
            | '\u{FFFF}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

/// The interpreter's own filter, which would not say why the length of a list is not known.
fn length(value: &Value) -> Result<usize, Error> {
    match value.downcast_object_ref::<Deferred>() {
        Some(deferred) => deferred.length().ok_or_else(|| deferred.error()),
        None => minijinja::filters::length(value),
    }
}

/// `cidr_subnet("10.0.0.0/16", 4, 2)`: the third of the sixteen networks with four more bits of prefix.
fn cidr_subnet(cidr: &Value, new_bits: u8, index: u32) -> Result<String, Error> {
    let net = network(cidr)?;
    let bits = if net.addr().is_ipv4() { 32 } else { 128 };
    let length = net.prefix_len().saturating_add(new_bits);
    if length > bits {
        return Err(failed(format!("{net} cannot be split into networks with /{length}")));
    }
    if u32::from(new_bits) < 32 && u64::from(index) >= 1u64 << new_bits {
        return Err(failed(format!(
            "{net} has {} networks with /{length}, there is no number {index}",
            1u64 << new_bits
        )));
    }
    let shift = u32::from(bits - length);
    let subnet = match net {
        ipnet::IpNet::V4(net) => {
            let offset = u32::try_from(u64::from(index) << shift).map_err(|_| failed("out of range".into()))?;
            let start = u32::from(net.network()) | offset;
            format!("{}/{length}", std::net::Ipv4Addr::from(start))
        }
        ipnet::IpNet::V6(net) => {
            let offset = u128::from(index).checked_shl(shift).unwrap_or(0);
            let start = u128::from(net.network()) | offset;
            format!("{}/{length}", std::net::Ipv6Addr::from(start))
        }
    };
    Ok(subnet)
}

/// How many addresses a network has.
fn cidr_size(cidr: &Value) -> Result<u64, Error> {
    let net = network(cidr)?;
    let bits = if net.addr().is_ipv4() { 32 } else { 128 };
    1u64.checked_shl(u32::from(bits - net.prefix_len()))
        .ok_or_else(|| failed(format!("{net} has more addresses than can be counted")))
}

fn network(cidr: &Value) -> Result<ipnet::IpNet, Error> {
    known(cidr)?;
    let text = cidr.to_string();
    text.parse().map_err(|_| failed(format!("\"{text}\" is not a network")))
}

/// `sub("arn:${AWS::Partition}:s3:::${bucket}/*", bucket=name)`
fn sub(text: &str, values: Kwargs) -> Result<Value, Error> {
    let names: Vec<String> = values.args().map(str::to_owned).collect();
    let mut pairs = Vec::new();
    for name in &names {
        if !text.contains(&format!("${{{name}}}")) {
            return Err(failed(format!(
                "`sub` is given `{name}`, but its text has no ${{{name}}}"
            )));
        }
        let value: Value = values.get(name)?;
        let part = match value.downcast_object_ref::<Deferred>() {
            Some(deferred) if deferred.is_list() => {
                return Err(failed(format!("`{name}` is a list: write join(\",\", ...) around it")));
            }
            Some(_) => value,
            None => match value.kind() {
                ValueKind::String | ValueKind::Map => value,
                ValueKind::Number | ValueKind::Bool => Value::from(value.to_string()),
                kind => return Err(failed(format!("`{name}` is a {kind}, which `sub` cannot insert"))),
            },
        };
        pairs.push((Value::from(name.as_str()), part));
    }
    values.assert_all_used()?;
    if pairs.is_empty() {
        return Ok(intrinsic("Fn::Sub", Value::from(text)));
    }
    Ok(intrinsic(
        "Fn::Sub",
        Value::from(vec![Value::from(text), Value::from_pairs(pairs)]),
    ))
}

/// `select(0, subnet_ids)`: one element of a list, now if it is known, else when CloudFormation knows it.
fn select(index: u32, list: Value) -> Result<Value, Error> {
    let deferred = list.downcast_object_ref::<Deferred>();
    if deferred.is_some_and(|deferred| !deferred.is_list()) {
        return Err(failed("`select` needs a list, this is one value".into()));
    }
    let unknown = deferred.is_some_and(|deferred| deferred.length().is_none());
    if unknown || list.kind() == ValueKind::Map {
        return Ok(intrinsic("Fn::Select", Value::from(vec![Value::from(index), list])));
    }
    let length = list.len().unwrap_or(0);
    match list.try_iter()?.nth(index as usize) {
        Some(item) => Ok(item),
        None => Err(failed(format!("there is no element {index}: the list has {length}"))),
    }
}

/// `join(",", list)`: a string if every element is known, else `Fn::Join`.
fn join(separator: &str, list: Value) -> Result<Value, Error> {
    let deferred = list.downcast_object_ref::<Deferred>();
    if deferred.is_some_and(|deferred| !deferred.is_list()) {
        return Err(failed("`join` needs a list, this is one value".into()));
    }
    let later = || intrinsic("Fn::Join", Value::from(vec![Value::from(separator), list.clone()]));
    if deferred.is_some() || list.kind() == ValueKind::Map {
        return Ok(later());
    }
    let items: Vec<Value> = list.try_iter()?.collect();
    if items.iter().any(|item| item.as_object().is_some()) {
        return Ok(later());
    }
    let texts: Vec<String> = items.iter().map(Value::to_string).collect();
    Ok(Value::from(texts.join(separator)))
}

fn known(value: &Value) -> Result<(), Error> {
    match value.downcast_object_ref::<Deferred>() {
        Some(deferred) => Err(deferred.error()),
        None => Ok(()),
    }
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

//! YAML events to nodes.

use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::super::{Node, NodeValue};
use super::{Entries, MAXIMUM_DEPTH, MOST_PROBLEMS, mistakes, number, tags, too_deep};
use crate::diagnostic::{Problem, Problems, Source, Span, codes, merge_conflict};

/// Reads the only document of `source`. There is no node after a syntax error; other problems are gathered.
pub(super) fn read(source: &Arc<Source>) -> (Option<Node>, Problems) {
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut reader = Reader {
        source,
        offsets: Offsets::of(text, source.text.len() - text.len()),
        parser: Parser::new_from_str(text),
        problems: Problems::default(),
    };
    let root = reader.document().ok();
    (root, reader.problems)
}

/// How far before its value a tag is looked for, in bytes; comments may stand between them.
const MAXIMUM_DISTANCE: usize = 4_096;

/// A problem that ends reading was recorded.
struct Stop;

struct Reader<'a> {
    source: &'a Arc<Source>,
    offsets: Offsets,
    parser: Parser<'a, StrInput<'a>>,
    problems: Problems,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                _ if root.is_some() => {
                    return self.stop(
                        Problem::error(
                            codes::UNSUPPORTED_YAML,
                            "a template is one YAML document; here a second one begins",
                        )
                        .at(span, "")
                        .hint("put it into a file of its own"),
                    );
                }
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        match root {
            Some(root) => Ok(root),
            None => self.stop(
                Problem::error(codes::TEMPLATE_SYNTAX, "the template is empty")
                    .at(Span::new(self.source, 0..0), "")
                    .hint("a template needs a `Resources` section with at least one resource"),
            ),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        if depth > MAXIMUM_DEPTH {
            return self.stop(too_deep(span));
        }
        match event {
            Event::Scalar(text, style, _, tag) => Ok(self.scalar(&text, style, tag.as_deref(), span)),
            Event::SequenceStart(_, tag) => {
                let mut items = Vec::new();
                let end = loop {
                    let (event, at) = self.next()?;
                    if event == Event::SequenceEnd {
                        break at;
                    }
                    items.push(self.node(event, at, depth + 1)?);
                };
                items.shrink_to_fit();
                let end = self.end_of(items.last().map(|item| &item.span), &span, &end);
                let node = Node {
                    value: NodeValue::List(items),
                    span: self.cover(&span, end),
                };
                Ok(self.collection(node, tag.as_deref(), span, "seq"))
            }
            Event::MappingStart(_, tag) => {
                let mut entries = Entries::default();
                let end = loop {
                    let (event, at) = self.next()?;
                    if event == Event::MappingEnd {
                        break at;
                    }
                    let (key, at) = self.key(event, at)?;
                    let (event, value_at) = self.next()?;
                    let aliases = matches!(event, Event::Alias(_));
                    let node = self.node(event, value_at, depth + 1)?;
                    // In quotes it is a key as any other.
                    if key == "<<" && !at.text().starts_with(['"', '\'']) {
                        if aliases {
                            // One mistake: what is merged is an alias nearly always.
                            self.problems.0.pop();
                        }
                        self.problems.push(
                            Problem::error(
                                codes::UNSUPPORTED_YAML,
                                "CloudFormation does not know YAML's merge key `<<`",
                            )
                            .at(at, "")
                            .hint("write the merged keys out"),
                        );
                        continue;
                    }
                    entries.push(key, at, node, &mut self.problems);
                };
                let entries = entries.finish();
                let end = self.end_of(entries.last().map(|(_, _, node)| &node.span), &span, &end);
                let node = Node {
                    value: NodeValue::Map(entries),
                    span: self.cover(&span, end),
                };
                Ok(self.collection(node, tag.as_deref(), span, "map"))
            }
            Event::Alias(_) => {
                self.problems.push(
                    Problem::error(codes::UNSUPPORTED_YAML, "CloudFormation does not know YAML aliases")
                        .at(span.clone(), "")
                        .hint("repeat the value, or put it into `Mappings` and use `!FindInMap`"),
                );
                Ok(Node {
                    value: NodeValue::Null,
                    span,
                })
            }
            _ => self.stop(Problem::error(codes::TEMPLATE_SYNTAX, "a value is missing here").at(span, "")),
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span) -> Result<(String, Span), Stop> {
        match event {
            Event::Scalar(text, _, _, None) => Ok((text.into_owned(), span)),
            Event::Scalar(text, _, _, Some(tag)) if is_string_tag(&tag) => Ok((text.into_owned(), span)),
            _ if self.is_expression(&span) => self.stop(
                Problem::error(codes::TEMPLATE_SYNTAX, "`{{ … }}` is no CloudFormation")
                    .at(span, "")
                    .hint("this is a module's template: check the stacks that use it with `mlinfra validate`"),
            ),
            _ => self.stop(
                Problem::error(codes::TEMPLATE_SYNTAX, "a key must be a plain or quoted string")
                    .at(span, "")
                    .hint("quote it if it begins with one of `! & * [ {`"),
            ),
        }
    }

    /// Whether a mapping begins here inside of another one, as in `{{ name }}`.
    fn is_expression(&self, span: &Span) -> bool {
        let before = self.source.text.get(..span.bytes.start).unwrap_or_default();
        span.text().starts_with('{') && before.ends_with('{')
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let string = |span| Node {
            value: NodeValue::String(text.to_owned()),
            span,
        };
        let Some(tag) = tag else {
            let value = match style {
                ScalarStyle::Plain => plain(text),
                _ => NodeValue::String(text.to_owned()),
            };
            return Node { value, span };
        };
        if tag.is_yaml_core_schema() {
            let value = match (tag.suffix.as_str(), plain(text)) {
                ("str", _) => NodeValue::String(text.to_owned()),
                ("null", value @ NodeValue::Null) | ("bool", value @ NodeValue::Boolean(_)) => value,
                ("int" | "float", _) => number(text),
                _ => {
                    self.unknown_tag(tag, span.clone());
                    NodeValue::Null
                }
            };
            return Node { value, span };
        }
        match self.function(tag, &span) {
            Some(function) => {
                let at = self.tag_span(tag, &span);
                tags::wrap(function, at.clone(), string(self.behind(&at, &span)))
            }
            None => string(span),
        }
    }

    fn collection(&mut self, node: Node, tag: Option<&Tag>, span: Span, core: &str) -> Node {
        match tag {
            None => node,
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == core => node,
            Some(tag) if tag.is_yaml_core_schema() => {
                self.unknown_tag(tag, span);
                node
            }
            Some(tag) => match self.function(tag, &span) {
                Some(function) => tags::wrap(function, self.tag_span(tag, &span), node),
                None => node,
            },
        }
    }

    fn function(&mut self, tag: &Tag, span: &Span) -> Option<&'static str> {
        if is_string_tag(tag) {
            return None;
        }
        let function = if tag.handle == "!" {
            tags::long_form(&tag.suffix)
        } else {
            None
        };
        if function.is_none() {
            self.unknown_tag(tag, self.tag_span(tag, span));
        }
        function
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        let written = if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            format!("{}{}", tag.handle, tag.suffix)
        };
        let message = format!("CloudFormation does not know the tag `{written}`");
        let mut problem = Problem::error(codes::UNKNOWN_TAG, message).at(span, "");
        let suffix = tag.suffix.strip_prefix("Fn::").unwrap_or(&tag.suffix);
        if let Some(name) = tags::suggest(suffix) {
            problem = problem.hint(format!("did you mean `!{name}`?"));
        }
        self.problems.push(problem);
    }

    /// Where a tag stands: on the line of the value, or on one before it, nearest to the value's start.
    fn tag_span(&self, tag: &Tag, value: &Span) -> Span {
        let written = format!("{}{}", tag.handle, tag.suffix);
        if value.text().starts_with(&written) {
            return Span::new(self.source, value.bytes.start..value.bytes.start + written.len());
        }
        // A tag that is written in another way (`!<…>`, `%TAG`) is nowhere; that is not looked for in the whole text.
        let mut from = value.bytes.start.saturating_sub(MAXIMUM_DISTANCE);
        while !self.source.text.is_char_boundary(from) {
            from += 1;
        }
        let before = self.source.text.get(from..value.bytes.start).unwrap_or_default();
        match before.rfind(&written) {
            Some(at) => Span::new(self.source, from + at..from + at + written.len()),
            None => value.clone(),
        }
    }

    /// A tagged scalar without its tag; the parser's span begins with it.
    fn behind(&self, tag: &Span, value: &Span) -> Span {
        if tag.bytes.start != value.bytes.start || tag.bytes.end > value.bytes.end {
            return value.clone();
        }
        let rest = self.source.text.get(tag.bytes.end..value.bytes.end).unwrap_or_default();
        Span::new(self.source, value.bytes.end - rest.trim_start().len()..value.bytes.end)
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        if self.problems.0.len() >= MOST_PROBLEMS {
            return Err(Stop);
        }
        match self.parser.next_event() {
            Some(Ok((event, at))) => Ok((event, self.span(&at.start, &at.end))),
            Some(Err(error)) => {
                let at = self.offsets.byte(error.marker().index());
                let conflict = "a merge conflict was left in the template";
                let problem = merge_conflict(self.source, codes::TEMPLATE_SYNTAX, conflict)
                    .unwrap_or_else(|| mistakes::yaml(self.source, at, error.info()));
                self.stop(problem)
            }
            None => Err(Stop),
        }
    }

    fn stop<T>(&mut self, problem: Problem) -> Result<T, Stop> {
        self.problems.push(problem);
        Err(Stop)
    }

    fn span(&self, start: &Marker, end: &Marker) -> Span {
        Span::new(
            self.source,
            self.offsets.byte(start.index())..self.offsets.byte(end.index()),
        )
    }

    fn cover(&self, start: &Span, end: usize) -> Span {
        Span::new(self.source, start.bytes.start..end.max(start.bytes.start))
    }

    /// A block collection ends where its last child ends, not where the parser noticed; a flow one at its bracket.
    fn end_of(&self, last: Option<&Span>, start: &Span, end: &Span) -> usize {
        let closes = matches!(end.text(), "]" | "}");
        match last {
            Some(last) if !closes => last.bytes.end,
            _ if closes => end.bytes.end,
            _ => start.bytes.end,
        }
    }
}

/// `!` and `!!str` say "a string", whatever it looks like.
fn is_string_tag(tag: &Tag) -> bool {
    let non_specific = tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty();
    non_specific || tag.is_yaml_core_schema() && tag.suffix == "str"
}

/// A plain scalar by YAML 1.2's core schema, except that only numbers which JSON keeps as written become numbers.
/// `yes`, `on` and `22:22` (boolean and sexagesimal in YAML 1.1) stay strings.
fn plain(text: &str) -> NodeValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeValue::Null,
        "true" | "True" | "TRUE" => NodeValue::Boolean(true),
        "false" | "False" | "FALSE" => NodeValue::Boolean(false),
        _ => number(text),
    }
}

/// From character offsets, which the parser counts in, to byte offsets.
enum Offsets {
    /// Every character is one byte.
    Ascii { skipped: usize },
    /// The byte offset of each character, and of the end.
    Table(Vec<usize>),
}

impl Offsets {
    fn of(text: &str, skipped: usize) -> Self {
        if text.is_ascii() {
            return Self::Ascii { skipped };
        }
        let ends = [text.len() + skipped];
        Self::Table(text.char_indices().map(|(at, _)| at + skipped).chain(ends).collect())
    }

    fn byte(&self, character: usize) -> usize {
        match self {
            Self::Ascii { skipped } => character + skipped,
            Self::Table(offsets) => offsets.get(character).or(offsets.last()).copied().unwrap_or_default(),
        }
    }
}

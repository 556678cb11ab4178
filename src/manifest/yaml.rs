//! Reads one YAML document: its value, as kubectl would read it, and where each part stands.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, Tag};
use serde_json::{Map, Value};

use super::ManifestError;
use super::node::{Content, Entry, Node, Style, Tree};
use super::scalar;

/// Deeper documents are refused: nothing in Kubernetes is nested so deep, and JSON readers stop at 128.
const DEEPEST: usize = 100;
/// How much aliases may add to a document, counted by [`weight`]: enough for any real one, too little for a bomb.
const HEAVIEST_ALIASES: usize = 8 * 1024 * 1024;

/// What `!!` stands for.
const CORE_TAGS: &str = "tag:yaml.org,2002:";

type Result<T> = std::result::Result<T, Failure>;

/// A failure at a byte.
struct Failure {
    offset: usize,
    message: String,
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self { offset: error.marker().byte_offset().unwrap_or(0), message: error.info() }
    }
}

/// What an anchor names.
struct Anchored {
    value: Value,
    depth: usize,
    weight: usize,
}

struct Reader<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Anchored>,
    duplicates: Vec<(usize, String)>,
    aliases: usize,
}

/// Reads a text that holds one document at most; `None` where there is none.
pub(super) fn read(text: &str, first_line: usize) -> std::result::Result<Option<Tree>, ManifestError> {
    let options = granit_parser::options! {
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        duplicates: Vec::new(),
        aliases: 0,
    };
    reader.stream().map_err(|failure| ManifestError::at(text, failure.offset, first_line, failure.message))
}

impl<'t> Reader<'t> {
    fn stream(&mut self) -> Result<Option<Tree>> {
        let mut tree = None;
        while let Some(next) = self.parser.next() {
            let (event, span) = next?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                _ if tree.is_some() => {
                    return Err(self.failure(&span, "a second document without `---` before it"));
                }
                event => {
                    let (root, value) = self.node(event, &span, 0)?;
                    let duplicates = std::mem::take(&mut self.duplicates);
                    tree = Some(Tree { root, value, duplicates });
                }
            }
        }
        Ok(tree)
    }

    fn next(&mut self) -> Result<(Event<'t>, Span)> {
        match self.parser.next() {
            Some(next) => Ok(next?),
            None => {
                Err(Failure { offset: self.text.len(), message: "the document ends too early".to_owned() })
            }
        }
    }

    fn failure(&self, span: &Span, message: impl Into<String>) -> Failure {
        let offset = span.byte_range().map_or(0, |range| range.start.min(self.text.len()));
        Failure { offset, message: message.into() }
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<(Node, Value)> {
        if depth > DEEPEST {
            return Err(self.failure(span, format!("nested deeper than {DEEPEST} levels")));
        }
        let range = span.byte_range().unwrap_or_default();
        let (node, value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), span)?;
                let node = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let start = self.block_header(range.start);
                        Node { span: start..range.end, content: Content::BlockScalar }
                    }
                    _ => Node { span: range, content: Content::Scalar },
                };
                (node, value, anchor)
            }
            Event::Alias(anchor) => {
                let value = self.alias(anchor, span, depth)?;
                (Node { span: range, content: Content::Alias }, value, 0)
            }
            Event::SequenceStart(style, anchor, _) => {
                let (items, values, end) = self.list(depth)?;
                let content = Content::List(style_of(style), items);
                (Node { span: range.start..end, content }, Value::Array(values), anchor)
            }
            Event::MappingStart(style, anchor, _) => {
                let (entries, values, end) = self.map(depth)?;
                let content = Content::Map(style_of(style), entries);
                (Node { span: range.start..end, content }, Value::Object(values), anchor)
            }
            _ => return Err(self.failure(span, "a value is missing")),
        };
        if anchor != 0 {
            let anchored = Anchored { depth: depth_of(&value), weight: weight(&value), value: value.clone() };
            self.anchors.insert(anchor, anchored);
        }
        Ok((node, value))
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Value> {
        let core = tag.map(|tag| (tag.handle() == CORE_TAGS, tag.suffix()));
        let value = match core {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            Some((true, "null" | "bool" | "int" | "float")) => scalar::resolve(text),
            Some((true, "binary")) => binary(text),
            _ => Ok(Value::String(text.to_owned())),
        };
        value.map_err(|message| self.failure(span, message))
    }

    fn alias(&mut self, anchor: usize, span: &Span, depth: usize) -> Result<Value> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.failure(span, "an alias inside its own anchor"));
        };
        self.aliases += anchored.weight;
        if self.aliases > HEAVIEST_ALIASES {
            return Err(self.failure(span, "the document grows too large by its aliases"));
        }
        if depth + anchored.depth > DEEPEST {
            return Err(self.failure(span, format!("nested deeper than {DEEPEST} levels by its aliases")));
        }
        Ok(anchored.value.clone())
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, Vec<Value>, usize)> {
        let (mut items, mut values) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((items, values, span.byte_range().unwrap_or_default().end));
            }
            let (node, value) = self.node(event, &span, depth + 1)?;
            items.push(node);
            values.push(value);
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<Entry>, Map<String, Value>, usize)> {
        let (mut entries, mut values): (Vec<Entry>, _) = (Vec::new(), Map::new());
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, values, span.byte_range().unwrap_or_default().end));
            }
            let key_span = span.byte_range().unwrap_or_default();
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, &span, depth + 1)?.1;
            let (event, value_span) = self.next()?;
            let (mut value_node, value) = self.node(event, &value_span, depth + 1)?;
            if value_node.span.is_empty() {
                let at = self.behind_colon(key_span.end);
                value_node.span = at..at;
            }
            let key = if merges {
                merge(&mut values, value).map_err(|message| self.failure(&value_span, message))?;
                None
            } else {
                let key = name(key).map_err(|message| self.failure(&span, message))?;
                let known = values.contains_key(&key);
                if known && entries.iter().any(|entry| entry.key.as_ref() == Some(&key)) {
                    self.duplicates.push((key_span.start, key.clone()));
                }
                values.insert(key.clone(), value);
                Some(key)
            };
            entries.push(Entry { key, key_span, value: value_node });
        }
    }

    /// Where the `|` or `>` stands of a block whose text begins there: the parser's span leaves it out.
    fn block_header(&self, content: usize) -> usize {
        let before = self.text.get(..content).unwrap_or_default().trim_end();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = &before[line_start..];
        let code = line.find(" #").map_or(line, |comment| &line[..comment]);
        code.rfind(['|', '>']).map_or(content, |header| line_start + header)
    }

    /// Where the value of a key would stand that has none.
    fn behind_colon(&self, key_end: usize) -> usize {
        let behind = self.text.get(key_end..).unwrap_or_default();
        behind.find(':').map_or(key_end, |colon| key_end + colon + 1)
    }
}

const fn style_of(style: StructureStyle) -> Style {
    match style {
        StructureStyle::Block => Style::Block,
        StructureStyle::Flow => Style::Flow,
    }
}

fn binary(text: &str) -> std::result::Result<Value, &'static str> {
    use base64::Engine as _;
    let compact: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Value::String).ok_or("!!binary is no base64 of a text")
}

/// A key as JSON knows it.
fn name(key: Value) -> std::result::Result<String, &'static str> {
    match key {
        Value::String(name) => Ok(name),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Err("a key is empty or null"),
        Value::Array(_) | Value::Object(_) => Err("a key must be a text"),
    }
}

/// `<<`: like kubectl, in the order written, so that a key behind it wins and a key before it loses.
fn merge(values: &mut Map<String, Value>, source: Value) -> std::result::Result<(), &'static str> {
    const WRONG: &str = "`<<` takes a mapping or a list of mappings";
    match source {
        Value::Object(source) => values.extend(source),
        Value::Array(sources) => {
            for source in sources.into_iter().rev() {
                let Value::Object(source) = source else { return Err(WRONG) };
                values.extend(source);
            }
        }
        _ => return Err(WRONG),
    }
    Ok(())
}

/// How much memory a value takes, roughly.
fn weight(value: &Value) -> usize {
    const EACH: usize = 16;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        _ => 0,
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

//! YAML text as a tree with places. Only what a manifest needs of YAML is taken: one document, text keys, no tags, no merge
//! keys, and aliases within a budget. Plain words are read as JSON would read them: `no`, `014` and `1_000` stay text, so
//! that no value changes its type behind its author's back.

use std::collections::{HashMap, HashSet};

use serde_json::Number;
use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span as YamlSpan, StructureStyle, Tag};

use super::{
    folder::MAX_YAML,
    node::{Entry, Kind, Node, Span, place},
};
use crate::finding::{
    Finding,
    rules::text::{
        ALIAS_UNKNOWN, DUPLICATE_KEY, EMPTY_DOCUMENT, EMPTY_KEY, FILE_TOO_LARGE, KEY_NOT_TEXT, MERGE_KEY, NESTED_TOO_DEEP,
        NOT_UTF8, SEVERAL_DOCUMENTS, TAG, TOO_MANY_NODES, YAML_SYNTAX,
    },
};

/// Deepest nesting of lists and maps.
pub const MAX_NESTING: usize = 32;
/// Most values in a file, those that aliases repeat counted again.
pub const MAX_NODES: usize = 20_000;

/// Parses a file. The tree is there when it can be relied on; the findings say everything that was wrong, as far as the
/// syntax could be followed.
pub fn parse(file: &str, bytes: &[u8]) -> (Option<Node>, Vec<Finding>) {
    if bytes.len() > MAX_YAML {
        let message = format!("the file is larger than {} KiB", MAX_YAML / 1024);
        return (None, vec![Finding::new(&FILE_TOO_LARGE, message).at(start_of(file))]);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let message = format!("the byte at offset {} does not belong to UTF-8 text", error.valid_up_to());
            return (None, vec![Finding::new(&NOT_UTF8, message).at(place(file, span_at(valid)))]);
        }
    };
    let mut composer = Composer::new(file, text);
    let root = match composer.document() {
        Ok(root) => root,
        Err(stop) => {
            composer.findings.extend(stop.0);
            None
        }
    };
    let sound = composer.findings.is_empty();
    (root.filter(|_| sound), composer.findings)
}

/// The first character of a file.
pub fn start_of(file: &str) -> crate::finding::Place {
    place(file, Span { line: 1, column: 1, start: 0, end: 0 })
}

/// The place after some valid text.
fn span_at(valid: &[u8]) -> Span {
    let text = String::from_utf8_lossy(valid);
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Span { line: narrow(line), column: narrow(column), start: narrow(valid.len()), end: narrow(valid.len() + 1) }
}

/// Nothing more can be read; the finding that says why, unless it has been said.
struct Stop(Option<Finding>);

struct Composer<'a> {
    file: &'a str,
    text: &'a str,
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    findings: Vec<Finding>,
}

impl<'a> Composer<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        let mut options = Options::default();
        options.emit_comments = false;
        // One more than ours, so that the finding is ours and has a place.
        options.flow_nesting_limit = MAX_NESTING + 2;
        options.block_nesting_limit = MAX_NESTING + 2;
        let parser = Parser::new_from_str_with_options(text, options);
        Self { file, text, parser, anchors: HashMap::new(), nodes: 0, findings: Vec::new() }
    }

    fn next(&mut self) -> Result<(Event<'a>, YamlSpan), Stop> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let span = self.span(error.marker(), error.marker());
                let span = Span { end: span.end.max(span.start), ..span };
                let info = error.info();
                let finding = if info.contains("nesting") || info.contains("recursion") {
                    Finding::new(&NESTED_TOO_DEEP, format!("lists and maps are nested more than {MAX_NESTING} deep"))
                } else {
                    Finding::new(&YAML_SYNTAX, format!("this is not YAML: {info}"))
                };
                Err(Stop(Some(finding.at(place(self.file, span)))))
            }
            None => Err(Stop(None)),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        let mut documents = 0;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        let place = place(self.file, self.span(&span.start, &span.end));
                        self.findings.push(
                            Finding::new(&SEVERAL_DOCUMENTS, "a second document starts here")
                                .at(place)
                                .help("move it to a file of its own"),
                        );
                        return Ok(None);
                    }
                }
                event if event.is_node() => root = Some(self.node(event, &span, 0)?),
                _ => {}
            }
        }
        match root {
            Some(Node { kind: Kind::Null, .. }) | None => {
                self.findings.push(Finding::new(&EMPTY_DOCUMENT, "the file holds nothing").at(start_of(self.file)));
                Ok(None)
            }
            root => Ok(root),
        }
    }

    fn node(&mut self, event: Event<'a>, at: &YamlSpan, depth: usize) -> Result<Node, Stop> {
        let span = self.span(&at.start, &at.end);
        if depth > MAX_NESTING {
            let message = format!("lists and maps are nested more than {MAX_NESTING} deep");
            return Err(self.stop(&NESTED_TOO_DEEP, message, span));
        }
        self.count(1, span)?;
        self.refuse_tag(event.tag(), at);
        let before = self.nodes;
        let anchor = event.anchor_id();
        let node = match event {
            Event::Scalar(text, style, _, _) => Node { span: self.one_line(span), block: false, kind: scalar(&text, style) },
            Event::SequenceStart(style, _, _) => self.list(style, span, depth)?,
            Event::MappingStart(style, _, _) => self.map(style, span, depth)?,
            Event::Alias(id) => return self.alias(id, span),
            _ => return Err(self.stop(&YAML_SYNTAX, "this is not YAML: a value is missing here".to_owned(), span)),
        };
        if let Some(anchor) = anchor {
            let size = self.nodes - before + 1;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    /// The value of an alias, at the place of the alias; what is inside keeps the place where it is written.
    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some((_, size)) = self.anchors.get(&id) else {
            return Err(self.stop(&ALIAS_UNKNOWN, "the alias stands inside of what it names".to_owned(), span));
        };
        self.count(*size, span)?;
        let (node, _) = &self.anchors[&id];
        Ok(Node { span, block: false, kind: node.kind.clone() })
    }

    fn list(&mut self, style: StructureStyle, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let span = self.collection(style, start, &at);
                return Ok(Node { span, block: style == StructureStyle::Block, kind: Kind::List(items) });
            }
            items.push(self.node(event, &at, depth + 1)?);
        }
    }

    fn map(&mut self, style: StructureStyle, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let span = match entries.first() {
                    Some(entry) if style == StructureStyle::Block => entry.span,
                    _ => self.collection(style, start, &at),
                };
                return Ok(Node { span, block: style == StructureStyle::Block, kind: Kind::Map(entries) });
            }
            let key = self.key(event, &at, depth)?;
            let (event, at) = self.next()?;
            let value = self.node(event, &at, depth + 1)?;
            let Some((key, span)) = key else { continue };
            if !seen.insert(key.clone()) {
                let first = entries.iter().find(|entry| entry.key == key).map_or(0, |entry| entry.span.line);
                let message = format!("the key `{key}` stands twice in this map, first in line {first}");
                self.findings.push(Finding::new(&DUPLICATE_KEY, message).at(place(self.file, span)));
                continue;
            }
            entries.push(Entry { key, span, value });
        }
    }

    /// A key as text; `None` when it cannot be used, which has been said.
    fn key(&mut self, event: Event<'a>, at: &YamlSpan, depth: usize) -> Result<Option<(String, Span)>, Stop> {
        let span = self.one_line(self.span(&at.start, &at.end));
        let plain = match &event {
            Event::Scalar(text, style, _, _) => Some((text.clone().into_owned(), *style)),
            _ => None,
        };
        self.node(event, at, depth + 1)?;
        let Some((key, style)) = plain else {
            self.findings.push(Finding::new(&KEY_NOT_TEXT, "a key has to be plain text").at(place(self.file, span)));
            return Ok(None);
        };
        if key == "<<" && style == ScalarStyle::Plain {
            self.findings.push(
                Finding::new(&MERGE_KEY, "merge keys are not taken")
                    .at(place(self.file, span))
                    .help("write the keys out, so that each value stands where it is read"),
            );
            return Ok(None);
        }
        if span.start == span.end && style == ScalarStyle::Plain {
            self.findings.push(Finding::new(&EMPTY_KEY, "the key before this `:` is empty").at(place(self.file, span)));
            return Ok(None);
        }
        Ok(Some((key, span)))
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("the file has more than {MAX_NODES} values, what its aliases repeat included");
        Err(self.stop(&TOO_MANY_NODES, message, span))
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, at: &YamlSpan) {
        let Some(tag) = tag else { return };
        let span = at.tag_span().map_or_else(|| self.span(&at.start, &at.end), |tag| self.span(&tag.start, &tag.end));
        let message = format!("the tag `{}` is not taken", tag.original());
        self.findings.push(
            Finding::new(&TAG, message)
                .at(place(self.file, span))
                .help("leave it out; put a value that has to be text in quotes"),
        );
    }

    fn stop(&self, rule: &'static crate::finding::Rule, message: String, span: Span) -> Stop {
        Stop(Some(Finding::new(rule, message).at(place(self.file, span))))
    }

    /// The whole of a flow collection that ends in the line where it starts; else its first character.
    fn collection(&self, style: StructureStyle, start: Span, end: &YamlSpan) -> Span {
        let end_offset = end.end.byte_offset().map_or(start.end, narrow);
        if style == StructureStyle::Flow { self.one_line(Span { end: end_offset, ..start }) } else { start }
    }

    /// The part of a span that lies in its first line.
    fn one_line(&self, span: Span) -> Span {
        let covered = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        match covered.find(['\n', '\r']) {
            Some(length) => Span { end: span.start + narrow(length), ..span },
            None => span,
        }
    }

    fn span(&self, start: &Marker, end: &Marker) -> Span {
        let first = start.byte_offset().unwrap_or(start.index());
        let last = end.byte_offset().unwrap_or(end.index());
        Span { line: narrow(start.line()), column: narrow(start.col() + 1), start: narrow(first), end: narrow(last.max(first)) }
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A plain word is a number, a boolean or nothing only where JSON (or YAML's core schema, for `~` and capitals) says so.
fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).map_or_else(|| Kind::Text(text.to_owned()), Kind::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let first = text.bytes().next()?;
    (first == b'-' || first.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn value(text: &str) -> serde_json::Value {
        let (node, findings) = parse("a.yaml", text.as_bytes());
        assert!(findings.is_empty(), "{findings:?}");
        node.unwrap().to_value()
    }

    fn codes(text: &str) -> Vec<&'static str> {
        parse("a.yaml", text.as_bytes()).1.iter().map(|finding| finding.rule.name).collect()
    }

    #[test]
    fn odd_numbers_and_words_stay_text() {
        let read = value("[no, yes, 014, 1_000, 0x1f, .5, +1, 1., .inf, 12:30, 2.0.0, 2027-12-31, 'true', \"1\"]");
        assert!(read.as_array().unwrap().iter().all(serde_json::Value::is_string), "{read}");
        assert_eq!(value("[1, -2, 1.5, 1e3, true, False, null, ~]"), json!([1, -2, 1.5, 1000.0, true, false, null, null]));
    }

    #[test]
    fn a_byte_order_mark_and_windows_lines_do_not_matter() {
        assert_eq!(value("\u{feff}a: 1\r\nb: x\r\n"), json!({"a": 1, "b": "x"}));
    }

    #[test]
    fn places_are_exact() {
        let (node, _) = parse("a.yaml", "ä: 1\nb:\n  - c: \"x y\"\n    d: {e: [1, 2]}\n".as_bytes());
        let node = node.unwrap();
        let cursor = super::super::node::Cursor::new("a.yaml", &node);
        let place = cursor.pointer("/b/0/c").place();
        assert_eq!((place.line, place.column, place.start, place.end), (3, 8, 16, 21));
        let place = cursor.pointer("/b/0/c").key_place();
        assert_eq!((place.line, place.column), (3, 5));
        let place = cursor.pointer("/b/0/d").place();
        assert_eq!((place.line, place.column, place.end - place.start), (4, 8, "{e: [1, 2]}".len()));
        assert_eq!(cursor.pointer("/b").place().line, 2);
    }

    #[test]
    fn an_alias_bomb_is_a_finding() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            let list = [before.as_str(); 9].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert_eq!(codes(&text), ["too-many-values"]);
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(codes(&"[".repeat(50_000)), ["nested-too-deep"]);
        assert_eq!(codes(&(0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>()), ["nested-too-deep"]);
        assert_eq!(codes(&"- ".repeat(10_000)), ["nested-too-deep"]);
    }

    #[test]
    fn keys_collide_as_text() {
        assert_eq!(codes("1: a\n'1': b\n1: c\n"), ["duplicate-key", "duplicate-key"]);
    }

    #[test]
    fn tags_merge_keys_and_odd_keys_are_refused() {
        assert_eq!(codes("a: !!str 1\nb: &b {c: 1}\nd: {<<: *b}\n? [x]\n: y\n"), ["yaml-tag", "merge-key", "key-not-text"]);
        assert_eq!(codes("a: 1\n---\nb: 2\n"), ["several-documents"]);
        assert_eq!(codes("# nothing\n"), ["empty-file"]);
        assert_eq!(codes("a: *nobody\n"), ["yaml-syntax"]);
        assert_eq!(codes(": x\n"), ["empty-key"]);
        assert_eq!(value("'': x\n"), json!({"": "x"}));
    }

    #[test]
    fn an_alias_inside_its_own_anchor_is_refused() {
        assert_eq!(codes("a: &a [*a]\n"), ["alias-unknown"]);
    }
}

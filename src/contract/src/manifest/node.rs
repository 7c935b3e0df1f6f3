//! A YAML document as a tree in which every key and every value knows its place, and [`Cursor`], which walks it to say where
//! a finding is. It knows nothing of the format.

use serde_json::{Map, Number, Value};

use crate::finding::Place;

/// A stretch of a file. Lines and columns count from 1, columns in characters; `start` and `end` are byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The token of a scalar, the brackets of a flow collection, the first token of a block collection.
    pub span: Span,
    /// Whether the place of the value says little by itself (a block collection), so that its key should be shown.
    pub block: bool,
    /// The value.
    pub kind: Kind,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing, written as `null`, `~` or not at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as JSON spells it.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order written; keys are unique.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Place of the key.
    pub span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of a key; `None` when this is no map or has no such key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map, none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list, none of anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The value as text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect::<Map<_, _>>())
            }
        }
    }

    /// What the value is, for messages: `text`, `a number`, …
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// A position in a document, from which keys and items are reached. A step to something that is not written stays where it
/// is, so that a finding about an absent field is shown at the closest thing that exists.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    file: &'a str,
    node: &'a Node,
    key: Option<Span>,
}

impl<'a> Cursor<'a> {
    /// At the root of a document.
    pub fn new(file: &'a str, root: &'a Node) -> Self {
        Self { file, node: root, key: None }
    }

    /// The node here.
    pub fn node(self) -> &'a Node {
        self.node
    }

    /// The file that is walked.
    pub fn file(self) -> &'a str {
        self.file
    }

    /// At the value of a key.
    pub fn key(self, name: &str) -> Self {
        match self.node.get(name) {
            Some(entry) => Self { file: self.file, node: &entry.value, key: Some(entry.span) },
            None => self,
        }
    }

    /// At an item of a list.
    pub fn index(self, position: usize) -> Self {
        match self.node.items().get(position) {
            Some(node) => Self { file: self.file, node, key: None },
            None => self,
        }
    }

    /// At the end of a JSON pointer (RFC 6901), or as far as it leads.
    pub fn pointer(self, pointer: &str) -> Self {
        pointer.split('/').skip(1).fold(self, |cursor, token| match &cursor.node.kind {
            Kind::List(_) => token.parse().map_or(cursor, |position| cursor.index(position)),
            _ => cursor.key(&token.replace("~1", "/").replace("~0", "~")),
        })
    }

    /// Where the value is; a block collection is shown by its key.
    pub fn place(self) -> Place {
        let span = if self.node.block { self.key.unwrap_or(self.node.span) } else { self.node.span };
        place(self.file, span)
    }

    /// Where the key of this value is, or the value when it has none.
    pub fn key_place(self) -> Place {
        place(self.file, self.key.unwrap_or(self.node.span))
    }

    /// Where a key of this map is, or this value when it is not written.
    pub fn place_of_key(self, name: &str) -> Place {
        self.node.get(name).map_or_else(|| self.place(), |entry| place(self.file, entry.span))
    }

    /// Where the first key of this map is, or this value.
    pub fn first_key_place(self) -> Place {
        self.node.entries().first().map_or_else(|| self.place(), |entry| place(self.file, entry.span))
    }
}

/// A span in a file.
pub fn place(file: &str, span: Span) -> Place {
    Place { file: file.to_owned(), line: span.line, column: span.column, start: span.start as usize, end: span.end as usize }
}

//! Checks a document against the schema of its type: one walker over the generated JSON Schema, so that the format is
//! written down once, in [`super::model`]. jsonschema itself is not used here, because its errors about unions name no
//! culprit; a union of objects is told apart by its kind key, the first required key of the variant.
//!
//! What does not fit is reported and left out of the value that is handed on, so that the rest of a document with one
//! misspelt key is still understood and checked.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    node::{Cursor, Entry, Kind, Node, place},
    shape::{Object, Shape, one_of},
};
use crate::finding::{
    Finding, did_you_mean,
    rules::structure::{
        FORMAT_VERSION, KIND_AMBIGUOUS, KIND_MISSING, KIND_NOT_FIRST, MALFORMED, MISSING_FIELD, OUT_OF_RANGE, UNKNOWN_KEY,
        UNKNOWN_VALUE, WRONG_LENGTH, WRONG_TYPE,
    },
};

/// A schema, compiled for the walker.
#[derive(Debug)]
pub struct Structure {
    root: Shape,
    definitions: HashMap<String, Shape>,
}

impl Structure {
    /// Compiles a generated schema.
    pub fn new(schema: &Value) -> Self {
        let definitions = schema["$defs"].as_object().into_iter().flatten();
        Self {
            root: Shape::new(schema),
            definitions: definitions.map(|(name, schema)| (name.clone(), Shape::new(schema))).collect(),
        }
    }

    /// Checks a document. The value holds what fits; it is `None` when the document lacks too much to be understood.
    pub fn check(&self, cursor: Cursor<'_>) -> (Option<Value>, Vec<Finding>) {
        let mut walker = Walker { structure: self, findings: Vec::new() };
        let value = walker.walk(&self.root, cursor, "the document");
        (value, walker.findings)
    }

    fn resolve<'a>(&'a self, shape: &'a Shape) -> &'a Shape {
        match shape {
            Shape::Reference(name) => self.definitions.get(name).map_or(&Shape::Any, |shape| self.resolve(shape)),
            shape => shape,
        }
    }
}

struct Walker<'s> {
    structure: &'s Structure,
    findings: Vec<Finding>,
}

impl<'s> Walker<'s> {
    /// `name` is what the value is called in messages. `None` when the value cannot be used.
    fn walk(&mut self, shape: &'s Shape, at: Cursor<'_>, name: &str) -> Option<Value> {
        match (self.structure.resolve(shape), &at.node().kind) {
            (Shape::Any, _) => Some(at.node().to_value()),
            (Shape::Bool, Kind::Bool(value)) => Some(Value::Bool(*value)),
            (Shape::Integer { minimum, maximum }, Kind::Number(number)) => self.integer(number, *minimum, *maximum, at, name),
            (Shape::Text { pattern, minimum, maximum }, Kind::Text(text)) => {
                self.text(text, pattern.as_ref(), *minimum, *maximum, at, name)
            }
            (Shape::Words(words), Kind::Text(text)) => self.word(text, words, None, at, name),
            (Shape::List { item, minimum }, Kind::List(items)) => self.list(item, items, *minimum, at, name),
            (Shape::Table(item), Kind::Map(entries)) => Some(self.table(item, entries, at)),
            (Shape::Object(object), Kind::Map(entries)) => self.object(object, entries, at, name),
            (Shape::Union(variants), _) => self.union(variants, at, name),
            (shape, _) => {
                let expected = shape.describe();
                self.wrong_type(&expected, at, name);
                None
            }
        }
    }

    fn wrong_type(&mut self, expected: &str, at: Cursor<'_>, name: &str) {
        let found = at.node();
        let message = format!("{name} takes {expected}, and this is {}", found.describe());
        let help = match (&found.kind, expected) {
            (Kind::Null, _) => Some("give it a value, or leave the key out"),
            (Kind::Bool(_) | Kind::Number(_), "text") => Some("put the value in quotes"),
            (Kind::Text(text), "a whole number") if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') => {
                Some("write it as plain digits, without leading zeros or quotes")
            }
            (Kind::Text(text), "true or false") if ["yes", "no", "on", "off"].contains(&text.to_lowercase().as_str()) => {
                Some("write `true` or `false`")
            }
            _ => None,
        };
        let place = if found.kind == Kind::Null { at.key_place() } else { at.place() };
        let finding = Finding::new(&WRONG_TYPE, message).at(place);
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    fn integer(&mut self, number: &serde_json::Number, minimum: i64, maximum: i64, at: Cursor<'_>, name: &str) -> Option<Value> {
        let Some(value) = number.as_i64() else {
            self.wrong_type("a whole number", at, name);
            return None;
        };
        if (minimum..=maximum).contains(&value) {
            return Some(Value::from(value));
        }
        let finding = if name == "`schema`" {
            Finding::new(&FORMAT_VERSION, format!("format {value} is not known to this build")).help("write `schema: 1`")
        } else {
            let bounds = match (minimum, maximum) {
                (_, i64::MAX) => format!("at least {minimum}"),
                _ => format!("between {minimum} and {maximum}"),
            };
            Finding::new(&OUT_OF_RANGE, format!("{name} is {bounds}, and this is {value}"))
        };
        self.findings.push(finding.at(at.place()));
        None
    }

    fn text(
        &mut self,
        text: &str,
        pattern: Option<&Regex>,
        minimum: usize,
        maximum: usize,
        at: Cursor<'_>,
        name: &str,
    ) -> Option<Value> {
        let length = text.chars().count();
        if length < minimum || text.trim().is_empty() && minimum > 0 {
            self.findings.push(Finding::new(&WRONG_LENGTH, format!("{name} is empty")).at(at.place()));
            return None;
        }
        if length > maximum {
            let message = format!("{name} has {length} characters, and {maximum} are the most");
            self.findings.push(Finding::new(&WRONG_LENGTH, message).at(at.place()));
            return None;
        }
        let Some(pattern) = pattern.filter(|pattern| !pattern.is_match(text)) else {
            return Some(Value::String(text.to_owned()));
        };
        let finding = Finding::new(&MALFORMED, format!("`{text}` does not have the form of {name}")).at(at.place());
        self.findings.push(finding.help(form_of(pattern.as_str())));
        None
    }

    /// `otherwise` is what may stand in place of a word.
    fn word(&mut self, text: &str, words: &[String], otherwise: Option<&str>, at: Cursor<'_>, name: &str) -> Option<Value> {
        if words.iter().any(|word| word == text) {
            return Some(Value::String(text.to_owned()));
        }
        let known = || words.iter().map(String::as_str);
        let help = did_you_mean(text, known()).unwrap_or_else(|| match otherwise {
            Some(otherwise) => format!("write {} or {otherwise}", one_of(known())),
            None => format!("write {}", one_of(known())),
        });
        let message = format!("`{text}` is not a value of {name}");
        self.findings.push(Finding::new(&UNKNOWN_VALUE, message).at(at.place()).help(help));
        None
    }

    fn list(&mut self, item: &'s Shape, items: &[Node], minimum: usize, at: Cursor<'_>, name: &str) -> Option<Value> {
        if items.len() < minimum {
            let message = format!("{name} has {} items, and {minimum} is the least", items.len());
            self.findings.push(Finding::new(&WRONG_LENGTH, message).at(at.place()));
            return None;
        }
        let name = format!("an item of {name}");
        let kept: Vec<Value> = (0..items.len()).filter_map(|position| self.walk(item, at.index(position), &name)).collect();
        (kept.len() >= minimum).then_some(Value::Array(kept))
    }

    fn table(&mut self, item: &'s Shape, entries: &[Entry], at: Cursor<'_>) -> Value {
        let mut table = Map::new();
        for entry in entries {
            if let Some(value) = self.walk(item, at.key(&entry.key), &format!("`{}`", entry.key)) {
                table.insert(entry.key.clone(), value);
            }
        }
        Value::Object(table)
    }

    fn object(&mut self, object: &'s Object, entries: &[Entry], at: Cursor<'_>, name: &str) -> Option<Value> {
        let mut map = Map::new();
        for entry in entries {
            let Some(shape) = object.properties.get(&entry.key) else {
                self.unknown_key(object, entry, at, name);
                continue;
            };
            if let Some(value) = self.walk(shape, at.key(&entry.key), &format!("`{}`", entry.key)) {
                map.insert(entry.key.clone(), value);
            }
        }
        let missing: Vec<&String> = object.required.iter().filter(|key| at.node().get(key).is_none()).collect();
        for key in &missing {
            let place = if entries.is_empty() { at.place() } else { at.first_key_place() };
            let message = format!("{name} lacks `{key}`");
            self.findings.push(Finding::new(&MISSING_FIELD, message).at(place).help(format!("add `{key}:`")));
        }
        object.required.iter().all(|key| map.contains_key(key)).then_some(Value::Object(map))
    }

    fn unknown_key(&mut self, object: &Object, entry: &Entry, at: Cursor<'_>, name: &str) {
        let absent = object.names.iter().map(String::as_str).filter(|known| at.node().get(known).is_none());
        let help = did_you_mean(&entry.key, absent).unwrap_or_else(|| {
            format!("{name} takes {}", one_of(object.names.iter().map(String::as_str)).replace(" or ", " and "))
        });
        let message = format!("`{}` is not a key of {name}", entry.key);
        self.findings.push(Finding::new(&UNKNOWN_KEY, message).at(place(at.file(), entry.span)).help(help));
    }

    fn union(&mut self, variants: &'s [Shape], at: Cursor<'_>, name: &str) -> Option<Value> {
        let fitting: Vec<&'s Shape> =
            variants.iter().map(|variant| self.structure.resolve(variant)).filter(|shape| shape.takes(&at.node().kind)).collect();
        match fitting.as_slice() {
            [] => {
                let mut kinds: Vec<String> = variants.iter().map(|variant| self.structure.resolve(variant).describe()).collect();
                kinds.dedup();
                self.wrong_type(&kinds.join(" or "), at, name);
                None
            }
            [only] => match (only, &at.node().kind) {
                (Shape::Words(words), Kind::Text(text)) => {
                    let others = variants.iter().map(|variant| self.structure.resolve(variant));
                    let other = others.filter(|shape| !matches!(shape, Shape::Words(_))).map(Shape::describe).next();
                    self.word(text, words, other.as_deref(), at, name)
                }
                _ => self.walk(only, at, name),
            },
            several => {
                let objects: Vec<&'s Object> = several
                    .iter()
                    .filter_map(|shape| if let Shape::Object(object) = shape { Some(object) } else { None })
                    .collect();
                let object = self.by_kind(&objects, at, name)?;
                let kind = object.kind.as_deref().unwrap_or_default();
                self.object(object, at.node().entries(), at, &format!("a `{kind}` item"))
            }
        }
    }

    /// The variant whose kind key the item has. A key that is an ordinary property of another variant present does not
    /// count: `{credential: X, bearer: true}` is a credential.
    fn by_kind(&mut self, objects: &[&'s Object], at: Cursor<'_>, name: &str) -> Option<&'s Object> {
        let node = at.node();
        let has = |object: &&&'s Object| object.kind.as_deref().is_some_and(|kind| node.get(kind).is_some());
        let present: Vec<&'s Object> = objects.iter().filter(has).copied().collect();
        let owned_by = |inner: &Object, outer: &Object| match (&inner.kind, &outer.kind) {
            (Some(inner_kind), Some(outer_kind)) if inner_kind != outer_kind => {
                outer.properties.contains_key(inner_kind) && !inner.properties.contains_key(outer_kind)
            }
            _ => false,
        };
        let chosen: Vec<&'s Object> =
            present.iter().filter(|object| !present.iter().any(|other| owned_by(object, other))).copied().collect();
        match chosen.as_slice() {
            [object] => {
                let kind = object.kind.as_deref().unwrap_or_default();
                if node.entries().first().is_some_and(|entry| entry.key != kind) {
                    let message = format!("`{kind}` says what this item is and should be its first key");
                    self.findings.push(Finding::new(&KIND_NOT_FIRST, message).at(at.place_of_key(kind)));
                }
                Some(object)
            }
            [] => {
                let kinds = || objects.iter().filter_map(|object| object.kind.as_deref());
                let close = node.entries().iter().find_map(|entry| did_you_mean(&entry.key, kinds()));
                let message = format!("{name} has none of the keys that say what it is");
                let help = close.unwrap_or_else(|| format!("start it with {}", one_of(kinds())));
                self.findings.push(Finding::new(&KIND_MISSING, message).at(at.first_key_place()).help(help));
                None
            }
            several => {
                let kinds: Vec<&str> = several.iter().filter_map(|object| object.kind.as_deref()).collect();
                let second = node.entries().iter().filter(|entry| kinds.contains(&entry.key.as_str())).nth(1);
                let place = second.map_or_else(|| at.place(), |entry| place(at.file(), entry.span));
                let message = format!("{name} is several things at once: {}", kinds.join(", "));
                self.findings.push(Finding::new(&KIND_AMBIGUOUS, message).at(place).help("make an item of each"));
                None
            }
        }
    }
}

/// A pattern in words.
fn form_of(pattern: &str) -> String {
    match pattern {
        r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$" => "write lower-case words joined by hyphens, as `plane-webhook`".to_owned(),
        r"^[A-Z][A-Z0-9_]*$" => "write the name of a variable in upper case, as `PLANE_WEBHOOK_SECRET`".to_owned(),
        r"^/" => "a path starts with `/`".to_owned(),
        r"^/.*\*$" => "a family starts with `/` and ends in `*`, as `/api/v1/*`".to_owned(),
        r"^\d{4}-\d{2}-\d{2}$" => "write a day as `2027-12-31`".to_owned(),
        pattern => format!("it has to match {pattern}"),
    }
}

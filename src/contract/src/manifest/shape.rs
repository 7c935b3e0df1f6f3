//! What a document may look like: the generated JSON Schema, compiled for the walker in [`super::structure`]. Only the
//! keywords that the types of the format produce are known here; anything else takes any value.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::node::Kind;

/// A schema, compiled.
#[derive(Debug)]
pub(super) enum Shape {
    Any,
    Bool,
    Integer { minimum: i64, maximum: i64 },
    Text { pattern: Option<Regex>, minimum: usize, maximum: usize },
    Words(Vec<String>),
    List { item: Box<Shape>, minimum: usize },
    Table(Box<Shape>),
    Object(Object),
    Union(Vec<Shape>),
    Reference(String),
}

/// A map with known keys.
#[derive(Debug)]
pub(super) struct Object {
    /// The first required key: what tells this object apart in a union.
    pub(super) kind: Option<String>,
    pub(super) properties: HashMap<String, Shape>,
    /// The keys in the order of the type, for messages.
    pub(super) names: Vec<String>,
    pub(super) required: Vec<String>,
}

impl Shape {
    /// Compiles a schema.
    pub(super) fn new(schema: &Value) -> Self {
        if let Some(reference) = schema["$ref"].as_str() {
            return Self::Reference(reference.trim_start_matches("#/$defs/").to_owned());
        }
        if let Some(variants) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            let words: Option<Vec<String>> =
                variants.iter().map(|variant| variant["const"].as_str().map(str::to_owned)).collect();
            return words.map_or_else(|| Self::Union(variants.iter().map(Self::new).collect()), Self::Words);
        }
        if let Some(words) = schema["enum"].as_array() {
            return Self::Words(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        if let Some(word) = schema["const"].as_str() {
            return Self::Words(vec![word.to_owned()]);
        }
        let size = |key: &str| schema[key].as_u64().and_then(|size| usize::try_from(size).ok());
        match schema["type"].as_str() {
            Some("boolean") => Self::Bool,
            Some("integer") => Self::Integer {
                minimum: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                maximum: schema["maximum"].as_i64().unwrap_or(i64::MAX),
            },
            Some("string") => Self::Text {
                pattern: schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok()),
                minimum: size("minLength").unwrap_or(0),
                maximum: size("maxLength").unwrap_or(usize::MAX),
            },
            Some("array") => Self::List { item: Box::new(Self::new(&schema["items"])), minimum: size("minItems").unwrap_or(0) },
            Some("object") => match schema["properties"].as_object() {
                Some(properties) => Self::Object(Object::new(properties, &schema["required"])),
                None => Self::Table(Box::new(Self::new(&schema["additionalProperties"]))),
            },
            _ => Self::Any,
        }
    }

    /// What the shape takes, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Any => "a value".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer { .. } => "a whole number".to_owned(),
            Self::Text { .. } => "text".to_owned(),
            Self::Words(words) => one_of(words.iter().map(String::as_str)),
            Self::List { .. } => "a list".to_owned(),
            Self::Table(_) | Self::Object(_) | Self::Reference(_) | Self::Union(_) => "a map".to_owned(),
        }
    }

    /// Whether a value is of the kind that the shape takes.
    pub(super) fn takes(&self, kind: &Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Bool => matches!(kind, Kind::Bool(_)),
            Self::Integer { .. } => matches!(kind, Kind::Number(_)),
            Self::Text { .. } | Self::Words(_) => matches!(kind, Kind::Text(_)),
            Self::List { .. } => matches!(kind, Kind::List(_)),
            Self::Table(_) | Self::Object(_) => matches!(kind, Kind::Map(_)),
            Self::Union(_) | Self::Reference(_) => false,
        }
    }
}

impl Object {
    fn new(properties: &Map<String, Value>, required: &Value) -> Self {
        let required: Vec<String> =
            required.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Self {
            kind: required.first().cloned(),
            properties: properties.iter().map(|(name, schema)| (name.clone(), Shape::new(schema))).collect(),
            names: properties.keys().cloned().collect(),
            required,
        }
    }
}

/// Words in a row: `a`, `b` or `c`.
pub(super) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

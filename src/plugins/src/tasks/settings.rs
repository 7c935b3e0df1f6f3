//! The settings of `tasks.upsert`, as they are after the templates were rendered. A template that is one expression keeps its
//! JSON type, so a key or a title may come as a number, and a list of labels as a list.

use std::fmt;

use domain::{Lane, Priority};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// Settings of `tasks.upsert`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Id or key of the project; a new key makes the project.
    #[schemars(with = "String")]
    pub(super) project: Text,
    /// The sender's own key of the work item: what has the same key is the same task.
    #[schemars(with = "String")]
    pub(super) key: Text,
    /// Title.
    #[schemars(with = "String")]
    pub(super) title: Text,
    /// Body in Markdown; left alone when it is left out or null.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) body: Option<Text>,
    /// Lane; left alone when it is left out or null. A new task begins in the backlog.
    #[serde(default)]
    pub(super) lane: Option<Lane>,
    /// Priority; left alone when it is left out or null.
    #[serde(default)]
    pub(super) priority: Option<Priority>,
    /// Labels: a list of names; left alone when it is left out or null.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) labels: Option<Vec<Text>>,
    /// Who has it, by name; an empty one takes it from whoever had it. Left alone when it is left out or null.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) assignee: Option<Text>,
    /// The system that the keys belong to; `contract:` and the contract's id when it is left out.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) source: Option<Text>,
    /// When the work item was changed at the sender (RFC 3339): what is older than what was applied is not applied.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) updated_at: Option<Timestamp>,
}

/// Text, or a number or boolean as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }
}

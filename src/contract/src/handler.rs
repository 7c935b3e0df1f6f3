//! What the contract crate knows of a handler: its description, never its code. The engine's `Handler` trait hands one out
//! for each registered name, and the catalog, OpenAPI, the tools and the documents are built from it.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

mod plain;

/// Description of a registered handler.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerInfo {
    /// Name as manifests write it: `plane.receive_event`.
    pub name: &'static str,
    /// One line, in the imperative, without a full stop.
    pub summary: &'static str,
    /// What it does, in Markdown.
    pub description: &'static str,
    /// Whether it only reads.
    pub effect: Effect,
    /// Path parameters that it needs, with their meaning.
    pub params: &'static [(&'static str, &'static str)],
    /// Query parameters that it reads.
    pub query: Vec<QueryParam>,
    /// JSON Schema (2020-12) of `with`; `None` when it takes none.
    pub with: Option<Value>,
    /// JSON Schema of the request body; `None` when it takes none or any.
    pub input: Option<Value>,
    /// The answers on success.
    pub replies: Vec<ReplyInfo>,
    /// Statuses of the problems that it answers beside the engine's own, each with when.
    pub problems: &'static [(u16, &'static str)],
}

/// What a handler does to state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reads only; may run on a read replica, never opens a write transaction.
    Read,
    /// Writes.
    Write,
}

/// A query parameter that a handler reads.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryParam {
    /// Name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// JSON Schema of its value.
    pub schema: Value,
}

/// An answer on success.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyInfo {
    /// Status code.
    pub status: u16,
    /// When it is given.
    pub description: &'static str,
    /// Media type of the body.
    pub media_type: &'static str,
    /// JSON Schema of the body; `None` when it is not JSON or empty.
    pub schema: Option<Value>,
}

impl HandlerInfo {
    /// A description with everything optional left out: add to it with struct update syntax.
    pub fn new(name: &'static str, summary: &'static str, effect: Effect) -> Self {
        Self {
            name,
            summary,
            description: "",
            effect,
            params: &[],
            query: Vec::new(),
            with: None,
            input: None,
            replies: Vec::new(),
            problems: &[],
        }
    }
}

impl ReplyInfo {
    /// A JSON answer of type `T`.
    pub fn json<T: JsonSchema>(status: u16, description: &'static str) -> Self {
        Self { status, description, media_type: "application/json", schema: Some(schema_of::<T>()) }
    }
}

/// The JSON Schema (2020-12) of a type, as handlers state it for their input, output and settings. Subschemas are inlined,
/// so that the document stands alone wherever it is put, and what does not fit is told plainly.
pub fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    }));
    plain::plain(generator.into_root_schema_for::<T>().to_value())
}

/// Why a value does not fit a schema, without the value, which may be long or confidential; every word that would fit is named.
pub fn misfit(error: &ValidationError<'_>) -> String {
    let ValidationErrorKind::Enum { options } = error.kind() else { return error.masked_with("the value").to_string() };
    let options: Vec<String> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
    format!("the value is none of {}", options.join(", "))
}

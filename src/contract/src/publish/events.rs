//! The envelope of outgoing events: CloudEvents 1.0 in structured JSON, unless a `call` has a body of its own.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Media type of the envelope (CloudEvents 1.0, JSON event format, section 3).
pub const CLOUD_EVENT_MEDIA_TYPE: &str = "application/cloudevents+json";

/// An event of this service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CloudEvent {
    /// Version of the CloudEvents specification; always `1.0`.
    pub specversion: String,
    /// Id of the event; the same for every attempt, so that a receiver can drop repeats.
    pub id: String,
    /// The service that emits it, as a URI reference.
    pub source: String,
    /// Type of the event, as `task.created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about; events of one subject arrive in order.
    pub subject: String,
    /// When it happened.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// Media type of `data`; always `application/json`.
    pub datacontenttype: String,
    /// The event's own data.
    pub data: Value,
}

/// JSON Schema of the envelope for an event type or a pattern of types, as `task.*`.
pub(super) fn envelope_schema(pattern: &str) -> Value {
    let mut schema = crate::handler::schema_of::<CloudEvent>();
    if let Some(kind) = schema.pointer_mut("/properties/type").and_then(Value::as_object_mut) {
        match pattern.strip_suffix('*') {
            None => kind.insert("const".into(), pattern.into()),
            Some(prefix) => kind.insert("pattern".into(), format!("^{}", prefix.replace('.', "\\.")).into()),
        };
    }
    schema
}

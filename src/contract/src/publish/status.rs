//! `/healthz`, `/readyz`, `/versionz` and the problem document: small answers whose shape is promised here. Readiness and
//! problems are filled in by the engine, which knows them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{CONTRACT_SCHEMA, DOCUMENT_SCHEMA, json_text};
use crate::catalog::Catalog;

/// `/healthz`: that the process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Health {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Always `ok`: a process that cannot say so does not answer.
    pub status: &'static str,
}

/// `/readyz`: whether the service can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Readiness {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// The worst of the checks.
    pub status: ReadyStatus,
    /// The checks by name.
    pub checks: IndexMap<String, Check>,
}

/// A check behind readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What it found.
    pub status: ReadyStatus,
    /// What it found, in words.
    pub detail: String,
}

/// Whether something can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadyStatus {
    /// All is well.
    Ready,
    /// It works, but something needs attention.
    Degraded,
    /// It does not work; `/readyz` answers 503.
    Unready,
}

impl ReadyStatus {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Unready => "unready",
        }
    }
}

impl Readiness {
    /// The document of these checks; its status is the worst of theirs.
    pub fn of(checks: IndexMap<String, Check>) -> Self {
        let status = checks.values().map(|check| check.status).max().unwrap_or(ReadyStatus::Ready);
        Self { schema: DOCUMENT_SCHEMA, status, checks }
    }

    /// The document's text.
    pub fn text(&self) -> String {
        json_text(self)
    }
}

/// `/versionz`: what is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Version {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Machine name of the service.
    pub service: String,
    /// Version of the product.
    pub version: String,
    /// Commit that the program was built from; `unknown` when the build did not know.
    pub commit: String,
    /// Version of the contract schema that it reads.
    pub contract_schema: u32,
    /// Digest of the catalog.
    pub digest: String,
}

/// A problem document (RFC 9457): every error of this service. Some problems carry further members.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ProblemDocument {
    /// Class of the problem, as `urn:mission-control:problem:conflict`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Title of the class.
    pub title: String,
    /// HTTP status.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// What happened, where, and what to do.
    pub detail: String,
    /// Path of the request.
    pub instance: String,
    /// Contract of the route, when the request reached one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// `X-Request-Id` of the request, as the log names it.
    pub request_id: String,
    /// Single failures inside the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Failure>>,
}

/// One failure inside a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// JSON pointer (RFC 6901) into the body, or a name of a query parameter or header after `/`.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// The answer to a durable delivery, given once it is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AcceptedDelivery {
    /// Id of the delivery, as `mission-control deliveries show` takes it.
    #[schemars(extend("format" = "uuid"))]
    pub delivery_id: String,
    /// Always `accepted`: it is stored and will be handled.
    pub status: String,
    /// Whether a delivery with the same idempotency key was stored earlier; then this is its id.
    pub replayed: bool,
}

/// `/healthz`.
pub fn healthz() -> String {
    json_text(&Health { schema: DOCUMENT_SCHEMA, status: "ok" })
}

/// `/versionz`.
pub fn versionz(catalog: &Catalog, commit: &str) -> String {
    json_text(&Version {
        schema: DOCUMENT_SCHEMA,
        service: catalog.service.name.clone(),
        version: catalog.service.version.clone(),
        commit: commit.to_owned(),
        contract_schema: CONTRACT_SCHEMA,
        digest: catalog.digest.clone(),
    })
}

/// JSON Schema of a document's type, with its dialect and identifier.
pub(super) fn document_schema<T: JsonSchema>(name: &str) -> Value {
    named(crate::handler::schema_of::<T>(), name)
}

/// A schema that stands in a file of its own: with its dialect and identifier.
pub(super) fn named(mut schema: Value, name: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.shift_insert(0, "$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        members.shift_insert(1, "$id".into(), format!("https://helpifyr.com/schemas/mission-control/{name}.schema.json").into());
    }
    schema
}

//! Problem documents (RFC 9457): the one shape of every error that leaves the service.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::storage::StorageError;

/// An error on its way to a caller. The outer half (`kind`, `detail`, `errors`) is shown; the inner half (`cause`) is only
/// logged.
#[derive(Debug)]
pub struct Problem {
    /// What class of problem; decides status, type and title.
    pub kind: ProblemKind,
    /// What happened, where, and what to do, in one or two sentences. Never holds a secret.
    pub detail: String,
    /// Single failures inside the request.
    pub errors: Vec<Violation>,
    /// Further members of the document.
    pub extensions: Map<String, Value>,
    /// Further response headers (`Allow`, `Retry-After`, `WWW-Authenticate`).
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The inner message, for the log.
    pub cause: Option<String>,
}

/// One failure inside a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the body; `/` and a name for a query parameter or header.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $slug:literal $title:literal;)*) => {
        /// Class of a problem: its status, its `type` and its `title`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $(#[doc = $title] $name,)*
        }
        impl ProblemKind {
            /// Every kind, for the documents.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// HTTP status.
            pub fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }
            /// Last segment of the `type` URI.
            pub fn slug(self) -> &'static str { match self { $(Self::$name => $slug,)* } }
            /// The `title`.
            pub fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

kinds! {
    MalformedRequest = 400 "malformed-request" "The request cannot be understood";
    Unauthorized = 401 "unauthorized" "The credential is missing or wrong";
    Forbidden = 403 "forbidden" "The credential does not allow this";
    NotFound = 404 "not-found" "There is nothing here";
    MethodNotAllowed = 405 "method-not-allowed" "The method is not available here";
    RequestTimeout = 408 "request-timeout" "The request did not arrive in time";
    Conflict = 409 "conflict" "The request contradicts what is stored";
    Gone = 410 "gone" "This is over";
    PreconditionFailed = 412 "precondition-failed" "The resource has changed";
    PayloadTooLarge = 413 "payload-too-large" "The body is too large";
    UriTooLong = 414 "uri-too-long" "The URI is too long";
    UnsupportedMediaType = 415 "unsupported-media-type" "The media type is not supported";
    Invalid = 422 "invalid" "The request is understood but not valid";
    TooManyRequests = 429 "too-many-requests" "Too many requests";
    Internal = 500 "internal" "Something went wrong here";
    BadGateway = 502 "bad-gateway" "The far side answered wrongly";
    Unconfigured = 503 "unconfigured" "The contract is not configured";
    Unavailable = 503 "unavailable" "The service cannot do this right now";
    Timeout = 504 "timeout" "The request took too long";
}

impl ProblemKind {
    /// Whether a durable delivery that failed with this is worth another attempt. What the sender got wrong stays wrong.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Internal | Self::BadGateway | Self::Unconfigured | Self::Unavailable | Self::Timeout | Self::TooManyRequests
        )
    }
}

impl Problem {
    /// A problem of a kind with its detail.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), extensions: Map::new(), headers: Vec::new(), cause: None }
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::NotFound, detail)
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Conflict, detail)
    }

    /// 422 with the failures.
    pub fn invalid(detail: impl Into<String>, errors: Vec<Violation>) -> Self {
        Self { errors, ..Self::new(ProblemKind::Invalid, detail) }
    }

    /// 500; the caller learns nothing but the request id, the log everything.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                ProblemKind::Internal,
                "An internal error was logged under this request id; the request may be sent again",
            )
        }
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the inner message.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The document. `instance` is the request's path.
    pub fn document(&self, instance: &str, contract: Option<&str>, request_id: &str) -> Value {
        let mut document = Map::new();
        document.insert("type".into(), format!("urn:mission-control:problem:{}", self.kind.slug()).into());
        document.insert("title".into(), self.kind.title().into());
        document.insert("status".into(), self.kind.status().into());
        document.insert("detail".into(), self.detail.as_str().into());
        document.insert("instance".into(), instance.into());
        if let Some(contract) = contract {
            document.insert("contract".into(), contract.into());
        }
        document.insert("request_id".into(), request_id.into());
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(|error| json!({"pointer": error.pointer, "detail": error.detail})).collect();
            document.insert("errors".into(), Value::Array(errors));
        }
        document.extend(self.extensions.clone());
        Value::Object(document)
    }

    /// The response.
    pub fn respond(&self, instance: &str, contract: Option<&str>, request_id: &str) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.document(instance, contract, request_id).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.kind.title(), self.detail)?;
        for error in &self.errors {
            let place = if error.pointer.is_empty() { "" } else { ": " };
            write!(formatter, "; {}{place}{}", error.pointer, error.detail)?;
        }
        self.cause.iter().try_for_each(|cause| write!(formatter, " ({cause})"))
    }
}

impl std::error::Error for Problem {}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(cause) => Self::new(
                ProblemKind::Unavailable,
                "The database cannot be reached; nothing was changed, send the request again later",
            )
            .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
            .because(cause),
            StorageError::Conflict(cause) => Self::new(
                ProblemKind::Unavailable,
                "The same thing was changed at the same time; nothing was changed here, send the request again",
            )
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
            .because(cause),
            StorageError::Internal(cause) => Self::internal(cause),
        }
    }
}

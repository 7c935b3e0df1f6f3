//! The handler: the one thing that plugins add to the engine.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use contract::{
    catalog::{Contract, Role, Route, Scope},
    handler::HandlerInfo,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    mount::Mounted,
    problem::{Problem, ProblemKind, Violation},
    storage::{Access, AuditEntry, NewDelivery, Transaction},
};

/// A Rust function with a typed, described input and output, registered by name.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The description. Called when the registry is built, not per request.
    fn info(&self) -> HandlerInfo;

    /// Handles one request or one durable delivery. On `Ok` the engine commits the context's transaction (with the mark
    /// "done" of a delivery in it), on `Err` it rolls everything back. A problem of a transient kind is retried when the
    /// delivery is durable; any other sends it to the dead letters.
    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem>;
}

/// A request that passed its guard, or a delivery on its way to its effect.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path as it was sent, parameters filled in, without the query.
    pub path: String,
    /// Path parameters, percent-decoded, in the order of the template.
    pub params: Vec<(String, String)>,
    /// Query parameters, percent-decoded, credentials dropped.
    pub query: Vec<(String, String)>,
    /// Headers, credentials dropped.
    pub headers: HeaderMap,
    /// The body as it came, but for secrets of this process that stood in it.
    pub body: Bytes,
    /// The route that matched.
    pub route: Arc<Route>,
    /// Its contract.
    pub contract: Arc<Contract>,
    /// `X-Request-Id`.
    pub request_id: String,
    /// Who calls.
    pub principal: Principal,
    /// Set when this is a durable delivery: its id, when it arrived and which attempt this is, from 1.
    pub delivery: Option<DeliveryContext>,
}

/// The durable delivery behind a request.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryContext {
    /// Id.
    pub id: Uuid,
    /// When it arrived.
    pub received_at: Timestamp,
    /// From 1.
    pub attempt: u32,
}

/// Who calls, as the guard found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody was asked for.
    Anonymous,
    /// The far side of a contract, known by a shared secret, token or signature: `contract:plane-webhook`.
    Contract(String),
    /// An operator with a session.
    Operator {
        /// Id.
        id: Uuid,
        /// Name.
        name: String,
        /// Role.
        role: Role,
    },
    /// The holder of an API token.
    Token {
        /// Id.
        id: Uuid,
        /// Name.
        name: String,
        /// Scope.
        scope: Scope,
    },
    /// The service itself, or an earlier caller as stored with a delivery.
    Recorded(String),
}

impl Principal {
    /// The name for audit entries: `anonymous`, `contract:ID`, `operator:NAME`, `token:NAME`.
    pub fn actor(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Contract(id) => ["contract:", id].concat(),
            Self::Operator { name, .. } => format!("operator:{name}"),
            Self::Token { name, .. } => format!("token:{name}"),
            Self::Recorded(actor) => actor.clone(),
        }
    }
}

impl Principal {
    /// Who it is beyond doubt: names of operators and tokens may repeat, ids do not.
    pub fn identity(&self) -> String {
        match self {
            Self::Operator { id, .. } | Self::Token { id, .. } => id.to_string(),
            _ => self.actor(),
        }
    }
}

impl Request {
    /// A path parameter. The catalog made sure that the route has the parameters its handler names in its description.
    pub fn param(&self, name: &str) -> Result<&str, Problem> {
        self.params
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
            .ok_or_else(|| Problem::internal(format!("route {} has no parameter `{name}`", self.route.path)))
    }

    /// The first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// The first header of this name, when it is visible ASCII or UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// The body as a type. 400 when it is not JSON, 422 with a pointer when it does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let value = self.value()?;
        serde_json::from_value(value).map_err(|error| {
            Problem::invalid(
                "The body does not fit this request",
                vec![Violation { pointer: String::new(), detail: error.to_string() }],
            )
        })
    }

    /// The body as a JSON value. 400 when it is not JSON.
    pub fn value(&self) -> Result<Value, Problem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::new(ProblemKind::MalformedRequest, format!("The body is not JSON: {error}")))
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body.
    pub body: ReplyBody,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// No body.
    Empty,
    /// Bytes at hand.
    Bytes(Bytes),
    /// A stream (server-sent events); such an answer is never kept for repeats.
    Stream(Body),
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Empty }
    }

    /// A JSON answer.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(Problem::internal)?;
        Ok(Self::bytes(status, HeaderValue::from_static("application/json"), body.into()))
    }

    /// Bytes of a media type.
    pub fn bytes(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Self {
        Self { status, headers: vec![(http::header::CONTENT_TYPE, media_type)], body: ReplyBody::Bytes(body) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// An event of this service's domain, on its way to every `call` that asked for its type.
#[derive(Debug, Clone)]
pub struct Event {
    /// Type, as `task.created`.
    pub kind: String,
    /// What it is about, as `task/018f…`; events of one subject are delivered in order.
    pub subject: String,
    /// The CloudEvents `data`.
    pub data: Value,
}

/// What a handler may use beside its request. It lives as long as one call.
pub struct Context<'a> {
    /// The running engine: catalog, documents, metrics, storage.
    pub engine: &'a Arc<crate::Engine>,
    /// The time of the call; handlers take the time from here.
    pub now: Timestamp,
    pub(crate) access: Access,
    pub(crate) transaction: Option<Box<dyn Transaction>>,
    pub(crate) events: Vec<Event>,
    pub(crate) actor: String,
    pub(crate) contract: String,
    pub(crate) request_id: String,
    pub(crate) mounted: Arc<Mounted>,
    pub(crate) enqueued: bool,
}

impl Context<'_> {
    /// The catalog that this call belongs to; a reload in between does not change it.
    pub fn mounted(&self) -> &Arc<Mounted> {
        &self.mounted
    }

    /// The transaction of this call, begun at first use: for reading when the handler's effect is `Read`, else for writing.
    pub async fn transaction(&mut self) -> Result<&mut dyn Transaction, Problem> {
        if self.transaction.is_none() {
            self.transaction = Some(self.engine.storage().begin(self.access).await?);
        }
        match self.transaction.as_deref_mut() {
            Some(transaction) => Ok(transaction),
            None => Err(Problem::internal("the transaction vanished")),
        }
    }

    /// Commits what was done so far, events included; a later use begins a new transaction. For handlers that have to act
    /// on the outside (files) between two commits. Not for durable deliveries: it would part the effect from the mark "done".
    pub async fn commit(&mut self) -> Result<(), Problem> {
        self.engine.flush_events(self).await?;
        if let Some(transaction) = self.transaction.take() {
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Stores an outbound delivery in this transaction.
    pub(crate) async fn enqueue(&mut self, delivery: NewDelivery) -> Result<(), Problem> {
        self.enqueued = true;
        Ok(self.transaction().await?.enqueue(&[delivery]).await?)
    }

    /// Emits an event in this transaction.
    pub fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Writes an audit entry in this transaction.
    pub async fn audit(&mut self, action: &str, object_kind: &str, object_id: &str, details: Value) -> Result<(), Problem> {
        let entry = AuditEntry {
            id: Uuid::now_v7(),
            at: self.now,
            actor: self.actor.clone(),
            contract: self.contract.clone(),
            request_id: self.request_id.clone(),
            action: action.to_owned(),
            object_kind: object_kind.to_owned(),
            object_id: object_id.to_owned(),
            details,
        };
        Ok(self.transaction().await?.audit(&entry).await?)
    }

    /// The route's `with`, rendered for this request.
    pub fn settings<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Problem> {
        crate::settings::render(self, request)
    }

    /// The value of a declared variable, or its default. `None` when it has neither.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.engine.environment().get(name)
    }
}

//! The resolved, immutable meaning of a folder of manifests. Every rendering (router, guard, documents, checks) reads this
//! and nothing else; a value here is complete: presets merged, defaults filled in, inheritance applied, names checked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::handler::HandlerInfo;
pub use crate::manifest::model::{
    CarrierStatus, ContractType, DeliveryMode, Deprecation, Direction, Example, KeyEncoding, MacAlgorithm, MacEncoding, Mode,
    Role, Scope, Stability,
};
use crate::template::{KeyExpression, SignatureShape, SignedPayload, Templates};

/// Everything that a folder of manifests declares.
#[derive(Debug)]
pub struct Catalog {
    /// Identity of the service.
    pub service: Service,
    /// Contracts by section, then by the position of their id.
    pub contracts: Vec<Arc<Contract>>,
    /// Every declared variable by name.
    pub variables: BTreeMap<String, Variable>,
    /// `sha256:` and 64 hex digits over the canonical form of all contracts; independent of the environment.
    pub digest: String,
}

/// Identity of the service, from `service.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Machine name.
    pub name: String,
    /// Human title.
    pub title: String,
    /// One paragraph.
    pub description: String,
    /// Version of the product (from the build, not from the manifest).
    pub version: String,
    /// Owner.
    pub owner: String,
    /// SPDX licence expression.
    pub license: String,
    /// Home page.
    pub homepage: Option<String>,
    /// Roles for Fabric.
    pub roles: Vec<String>,
    /// Whether the service is a Fabric control plane.
    pub control_plane: bool,
    /// What the service provides.
    pub provides: Vec<String>,
    /// What the service does not provide.
    pub excludes: Vec<String>,
    /// Titles of the sections by their folder, in order.
    pub sections: IndexMap<String, String>,
}

/// One resolved contract.
#[derive(Debug)]
pub struct Contract {
    /// Stable identifier.
    pub id: String,
    /// Human title.
    pub name: String,
    /// Section: the folder.
    pub section: String,
    /// Who opens the conversation.
    pub direction: Direction,
    /// What kind of contract.
    pub kind: ContractType,
    /// Resolved surface in the order written; empty when planned. Each method and alias of a route is an item of its own.
    pub surface: Vec<SurfaceItem>,
    /// Auth as written at the contract; empty for `none`.
    pub auth: Vec<AuthMethod>,
    /// Whether auth was written as `not defined yet`.
    pub auth_undefined: bool,
    /// The promise made about change.
    pub stability: Stability,
    /// How the surface is versioned.
    pub versioning: String,
    /// Owner.
    pub owner: String,
    /// What the contract does.
    pub mode: Option<Mode>,
    /// What sets it in motion.
    pub trigger: Option<String>,
    /// Names of the variables this contract declares, in order.
    pub declares: Vec<String>,
    /// Names of the variables without which it is unconfigured: those its guarding methods, calls and credentials name.
    pub needs: Vec<String>,
    /// Outbound retries and timeouts.
    pub delivery: DeliveryPolicy,
    /// Examples with their body files read in.
    pub examples: Vec<ResolvedExample>,
    /// What proves the contract.
    pub verify: Vec<String>,
    /// Further facts.
    pub notes: Vec<String>,
    /// `sha256:` and 64 hex digits over the canonical form of this contract.
    pub digest: String,
    /// The file it came from, as it was named to the loader.
    pub file: String,
}

/// A resolved item of a surface.
#[derive(Debug)]
pub enum SurfaceItem {
    /// A mounted endpoint: one method on one path.
    Route(Arc<Route>),
    /// An outbound endpoint.
    Call(Call),
    /// Scheduled work.
    Job(Job),
    /// An MCP tool.
    Tool(Tool),
    /// An executable.
    Command(String),
    /// A contract carried by a variable.
    Env {
        /// The variable.
        name: String,
        /// Glob of migrations.
        migrations: Option<String>,
    },
    /// A file contract.
    File {
        /// Glob.
        glob: String,
        /// Whether `mission-control docs` writes it.
        generated: bool,
        /// Texts it has to contain.
        must_contain: Vec<String>,
        /// Where its version comes from.
        version_from: Option<String>,
    },
    /// A script contract.
    Script {
        /// Path.
        path: String,
        /// Where the version of what it makes comes from.
        version_from: Option<String>,
    },
    /// A route family: a prefix and the methods and paths found below it, in the catalog's order.
    Family {
        /// The pattern as written, ending in `*`.
        pattern: String,
        /// `METHOD /path` of each route below it.
        routes: Vec<String>,
    },
    /// A route of another contract.
    See {
        /// The path.
        path: String,
        /// The contract that mounts it.
        contract: String,
    },
}

/// HTTP method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET; HEAD is answered from it.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    /// The method's token (RFC 9110 section 9).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One method on one path: everything needed to mount, guard and document it.
#[derive(Debug)]
pub struct Route {
    /// Id of the contract that mounts it.
    pub contract: String,
    /// Method.
    pub method: Method,
    /// Path template, as matchit and OpenAPI spell it: `/a/{b}`.
    pub path: String,
    /// Names of the parameters in order.
    pub params: Vec<String>,
    /// Description of the handler.
    pub handler: Arc<HandlerInfo>,
    /// Settings as written, defaults not filled in.
    pub with: Value,
    /// Settings compiled: every string a template.
    pub templates: Templates,
    /// One line.
    pub summary: String,
    /// Methods that guard this route, in order; empty means open to everybody, on purpose. Only guarding methods.
    pub auth: Vec<AuthMethod>,
    /// Whether `auth` differs from the contract's.
    pub own_auth: bool,
    /// Delivery.
    pub delivery: DeliveryPolicy,
    /// Limits.
    pub limits: LimitPolicy,
    /// Set when this is an alias: the canonical path.
    pub alias_of: Option<String>,
    /// Set when the route is deprecated (an alias on its way out).
    pub deprecated: Option<Deprecation>,
}

/// A method of auth.
#[derive(Debug, Clone, PartialEq)]
pub enum AuthMethod {
    /// A shared secret.
    Secret {
        /// Variable.
        variable: String,
        /// Carriers in order.
        carriers: Vec<Carrier>,
    },
    /// A bearer token equal to a variable.
    Bearer {
        /// Variable.
        variable: String,
    },
    /// A MAC over the body.
    Signature(Box<Signature>),
    /// A session cookie.
    Session {
        /// Least role.
        role: Role,
    },
    /// An API token.
    Token {
        /// Scope.
        scope: Scope,
    },
    /// Outbound: a credential in a variable.
    Credential {
        /// Variable.
        variable: String,
        /// Header it is sent in.
        header: Option<String>,
        /// Sent as bearer.
        bearer: bool,
    },
    /// Outbound: a stored connection.
    Connection {
        /// Provider.
        provider: String,
    },
    /// OpenID sign-in.
    Oidc {
        /// Variable with the issuer.
        variable: String,
    },
    /// Enforced elsewhere.
    External {
        /// In words.
        text: String,
    },
}

impl AuthMethod {
    /// Whether the method guards routes (`secret bearer signature session token`).
    pub fn guards(&self) -> bool {
        matches!(self, Self::Secret { .. } | Self::Bearer { .. } | Self::Signature(_) | Self::Session { .. } | Self::Token { .. })
    }

    /// The variable that the method reads.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Secret { variable, .. }
            | Self::Bearer { variable }
            | Self::Credential { variable, .. }
            | Self::Oidc { variable } => Some(variable),
            Self::Signature(signature) => Some(&signature.variable),
            Self::Session { .. } | Self::Token { .. } | Self::Connection { .. } | Self::External { .. } => None,
        }
    }

    /// The key of the method in the format: `secret`, `bearer`, …
    pub fn name(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "secret",
            Self::Bearer { .. } => "bearer",
            Self::Signature(_) => "signature",
            Self::Session { .. } => "session",
            Self::Token { .. } => "token",
            Self::Credential { .. } => "credential",
            Self::Connection { .. } => "connection",
            Self::Oidc { .. } => "oidc",
            Self::External { .. } => "external",
        }
    }
}

/// Where a secret may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// Header or query.
    pub place: CarrierPlace,
    /// Name of the header (as written) or the query parameter.
    pub name: String,
    /// Standing.
    pub status: CarrierStatus,
    /// Deprecation.
    pub deprecated: Option<Deprecation>,
}

/// Where a credential stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CarrierPlace {
    /// A request header.
    Header,
    /// The query string.
    Query,
    /// The `Cookie` header.
    Cookie,
}

/// A signature method, preset merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Variable that holds the key.
    pub variable: String,
    /// Name of the preset, for the documents.
    pub preset: Option<String>,
    /// Header of the signature.
    pub header: String,
    /// Algorithm.
    pub algorithm: MacAlgorithm,
    /// Encoding.
    pub encoding: MacEncoding,
    /// Text before the signature in the header (before each, where several are sent).
    pub prefix: String,
    /// What is signed.
    pub payload: SignedPayload,
    /// Time of signing.
    pub timestamp: Option<SignedTime>,
    /// Header with the message id.
    pub id_header: Option<String>,
    /// Shape of the signature header, when it has parts.
    pub shape: Option<SignatureShape>,
    /// How the variable becomes the key.
    pub key: KeyEncoding,
}

/// The time of signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTime {
    /// Header with Unix seconds; `None` when it is a part of the signature header.
    pub header: Option<String>,
    /// Greatest distance from now, either way.
    pub tolerance: Duration,
}

/// How deliveries are handled and repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryPolicy {
    /// Durable or in the request.
    pub mode: DeliveryMode,
    /// Idempotency key.
    pub key: Option<KeyExpression>,
    /// Status of the answer to a durable delivery.
    pub respond: u16,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// First delay.
    pub first: Duration,
    /// Longest delay.
    pub max: Duration,
}

/// Limits of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitPolicy {
    /// Largest body in bytes.
    pub body: u64,
    /// Requests in a period.
    pub rate: Option<Rate>,
    /// Requests at the same time.
    pub concurrency: Option<u32>,
    /// Longest time for a request.
    pub timeout: Duration,
}

/// Requests in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In which time.
    pub period: Duration,
}

/// An outbound endpoint.
#[derive(Debug)]
pub struct Call {
    /// Variable with the URL.
    pub variable: String,
    /// Method token.
    pub method: &'static str,
    /// Event types delivered here; a trailing `*` matches any ending.
    pub on: Vec<String>,
    /// Body template; `None` means a CloudEvents envelope.
    pub body: Option<Templates>,
}

/// Scheduled work.
#[derive(Debug)]
pub struct Job {
    /// Handler.
    pub handler: Arc<HandlerInfo>,
    /// When it runs.
    pub schedule: Schedule,
    /// Settings as written.
    pub with: Value,
    /// Settings compiled: every string a template over the contract and the time.
    pub templates: Templates,
}

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At an interval of whole seconds, counted from 1970.
    Every(Duration),
    /// By a cron expression in UTC, as written.
    Cron(String),
}

/// An MCP tool.
#[derive(Debug)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Handler.
    pub handler: Arc<HandlerInfo>,
    /// Family.
    pub family: Option<String>,
    /// Whether it changes state.
    pub writes: bool,
}

/// A declared variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Never shown.
    pub secret: bool,
    /// The service cannot start without it.
    pub required: bool,
    /// Default.
    pub default: Option<String>,
    /// Example.
    pub example: Option<String>,
    /// What it is for.
    pub description: String,
    /// The contract that declares it; `None` for `service.yaml`.
    pub contract: Option<String>,
}

/// An example with its body read in.
#[derive(Debug, Clone)]
pub struct ResolvedExample {
    /// As written.
    pub example: Example,
    /// The body's bytes: the file's, or the JSON of `body`.
    pub body: Option<Vec<u8>>,
}

impl Catalog {
    /// The contract with this id.
    pub fn contract(&self, id: &str) -> Option<&Arc<Contract>> {
        self.contracts.iter().find(|contract| contract.id == id)
    }

    /// Every mounted route in the catalog's order, aliases included.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.contracts.iter().flat_map(|contract| {
            contract.surface.iter().filter_map(|item| match item {
                SurfaceItem::Route(route) => Some(route),
                _ => None,
            })
        })
    }
}

/// What the environment makes of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its routes answer.
    Mounted,
    /// A variable that it needs is unset; its routes answer 503.
    Unconfigured,
    /// It mounts no routes: calls, files, variables.
    Declared,
    /// Reserved.
    Planned,
}

impl Contract {
    /// The state in an environment; `is_set` tells whether a variable has a value.
    pub fn state(&self, is_set: &dyn Fn(&str) -> bool) -> State {
        if self.stability == Stability::Planned {
            return State::Planned;
        }
        if self.needs.iter().any(|name| !is_set(name)) {
            return State::Unconfigured;
        }
        let mounts = self.surface.iter().any(|item| matches!(item, SurfaceItem::Route(_)));
        if mounts { State::Mounted } else { State::Declared }
    }
}

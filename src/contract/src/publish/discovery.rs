//! `/contractz`: every contract as programs read it. Names of variables appear here, their values never.

use schemars::JsonSchema;
use serde::Serialize;

use super::{DOCUMENT_SCHEMA, json_text, words};
use crate::catalog::{
    AuthMethod, Carrier, CarrierPlace, CarrierStatus, Catalog, Contract, ContractType, Deprecation, Direction, MacAlgorithm,
    MacEncoding, Mode, Role, Route, Scope, Signature, Stability, SurfaceItem,
};

/// Names of the cookie of an operator's session, the stronger first: the first over HTTPS, the second over plain HTTP on a
/// loopback address.
pub const SESSION_COOKIES: [&str; 2] = ["__Host-mc_session", "mc_session"];

/// `/contractz`: the whole catalog.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContractList {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// The service that answers.
    pub service: ServiceIdentity,
    /// Digest of the catalog: `sha256:` and 64 hex digits, independent of the environment.
    pub digest: String,
    /// Every contract, by section and id.
    pub contracts: Vec<ContractEntry>,
}

/// `/contractz/{id}`: one contract.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContractDocument {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// The contract.
    #[serde(flatten)]
    pub contract: ContractEntry,
}

/// Identity of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServiceIdentity {
    /// Machine name.
    pub name: String,
    /// Human title.
    pub title: String,
    /// Version of the product.
    pub version: String,
}

/// One contract.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ContractEntry {
    /// Stable identifier.
    pub id: String,
    /// Human title.
    pub name: String,
    /// Section of the contract document.
    pub section: String,
    /// Who opens the conversation.
    pub direction: Direction,
    /// Kind of contract.
    #[serde(rename = "type")]
    pub kind: ContractType,
    /// Where the contract can be touched; empty when it is planned.
    pub surface: Vec<SurfaceEntry>,
    /// Methods of auth in the order they are tried; empty for none, and when `auth_undefined` is set.
    pub auth: Vec<AuthEntry>,
    /// Present and true when the auth of a planned contract is not defined yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auth_undefined: bool,
    /// The promise made about change.
    pub stability: Stability,
    /// How the surface is versioned.
    pub versioning: String,
    /// The system that owns the contract surface.
    pub owner: String,
    /// What the contract does to the two sides; null when not stated.
    pub mode: Option<Mode>,
    /// What sets it in motion; null when not stated.
    pub trigger: Option<String>,
    /// Commands and endpoints that prove the contract.
    pub verify: Vec<String>,
    /// Facts that no other member carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the environment makes of it: `mounted`, `unconfigured` (a variable is unset, its routes answer 503), `declared`
    /// (it mounts no routes) or `planned`.
    #[schemars(extend("enum" = ["mounted", "unconfigured", "declared", "planned"]))]
    pub state: &'static str,
    /// Digest of the contract: `sha256:` and 64 hex digits, independent of the environment.
    pub digest: String,
}

/// An item of a surface; `kind` says what it is, and the member of that name holds its target.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SurfaceEntry {
    /// A mounted endpoint: one method on one path.
    Route {
        /// HTTP method.
        method: &'static str,
        /// Path template.
        path: String,
        /// Name of its handler.
        handler: String,
        /// Whether it is on its way out.
        deprecated: bool,
        /// The path to use instead, when this one is an alias.
        #[serde(skip_serializing_if = "Option::is_none")]
        alias_of: Option<String>,
        /// Auth of this route, where it differs from the contract's.
        #[serde(skip_serializing_if = "Option::is_none")]
        auth: Option<Vec<AuthEntry>>,
    },
    /// An outbound HTTP endpoint.
    Call {
        /// The variable that holds its URL.
        call: String,
        /// HTTP method.
        method: &'static str,
        /// Event types delivered there.
        on: Vec<String>,
    },
    /// Work that runs on a schedule.
    Job {
        /// Name of its handler.
        job: String,
        /// When it runs.
        schedule: String,
    },
    /// A tool of the Model Context Protocol.
    Tool {
        /// Name of the tool.
        tool: String,
        /// Name of its handler.
        handler: String,
        /// Family that it is listed under.
        #[serde(skip_serializing_if = "Option::is_none")]
        family: Option<String>,
        /// Whether it changes state.
        writes: bool,
    },
    /// An executable.
    Command {
        /// Its name.
        command: String,
    },
    /// A contract carried by a variable.
    Env {
        /// The variable.
        env: String,
        /// Glob of the migrations that version it.
        #[serde(skip_serializing_if = "Option::is_none")]
        migrations: Option<String>,
    },
    /// A file contract.
    File {
        /// Glob of the files.
        file: String,
        /// Whether `mission-control docs` writes them.
        generated: bool,
    },
    /// A script contract.
    Script {
        /// Path of the script.
        script: String,
    },
    /// A route family.
    Family {
        /// Path prefix, ending in `*`.
        family: String,
        /// Method and path of each route below it, whichever contract mounts it.
        routes: Vec<String>,
    },
    /// A route that another contract mounts.
    See {
        /// Path of the route.
        see: String,
        /// Id of the contract that mounts it.
        contract: String,
    },
}

/// A method of auth.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AuthEntry {
    /// Kind of credential: `secret`, `bearer`, `signature`, `session`, `token`, `credential`, `connection`, `oidc` or `external`.
    pub method: &'static str,
    /// Name of the variable that holds the secret; null when there is none. Never its value.
    pub secret: Option<String>,
    /// Where the credential stands in a request, in the order looked at.
    pub carriers: Vec<CarrierEntry>,
    /// Least role of a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Scope that a token has to carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// How a signature is computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureEntry>,
    /// Provider of a stored connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What enforces it outside this service, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
}

/// Where a credential stands in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CarrierEntry {
    /// Part of the request: `header`, `query` or `cookie`.
    #[serde(rename = "in")]
    #[schemars(extend("enum" = ["header", "query", "cookie"]))]
    pub place: &'static str,
    /// Name of the header, query parameter or cookie.
    pub name: String,
    /// Standing of the carrier.
    pub status: CarrierStatus,
    /// Set when the carrier is on its way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<DeprecationEntry>,
}

/// Since when something is deprecated, when it goes, and what to use instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeprecationEntry {
    /// Version or date of the deprecation.
    pub since: String,
    /// Last day of service; null when not decided.
    pub sunset: Option<String>,
    /// What to use instead; null when there is nothing.
    #[serde(rename = "use")]
    pub replacement: Option<String>,
}

/// How a signature is computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SignatureEntry {
    /// MAC algorithm.
    pub algorithm: MacAlgorithm,
    /// Encoding of the signature.
    pub encoding: MacEncoding,
    /// What is signed, with `{body}`, `{timestamp}` and `{id}` standing for their values.
    pub payload: String,
    /// Value of the header, with `{signature}` and `{timestamp}` standing for their values.
    pub format: String,
    /// Name of the preset that these settings came from; null when they were written out.
    pub preset: Option<String>,
    /// Header with the time of signing; null when there is none or it is part of the signature header.
    pub timestamp_header: Option<String>,
    /// Header with the id of the message; null when there is none.
    pub id_header: Option<String>,
    /// Seconds that the time of signing may be from now; null when no time is signed.
    pub tolerance_seconds: Option<u64>,
}

/// `/contractz`.
pub fn contractz(catalog: &Catalog, is_set: &dyn Fn(&str) -> bool) -> String {
    json_text(&ContractList {
        schema: DOCUMENT_SCHEMA,
        service: ServiceIdentity {
            name: catalog.service.name.clone(),
            title: catalog.service.title.clone(),
            version: catalog.service.version.clone(),
        },
        digest: catalog.digest.clone(),
        contracts: catalog.contracts.iter().map(|contract| contract_entry(contract, is_set)).collect(),
    })
}

/// `/contractz/{id}`.
pub fn contract(contract: &Contract, is_set: &dyn Fn(&str) -> bool) -> String {
    json_text(&ContractDocument { schema: DOCUMENT_SCHEMA, contract: contract_entry(contract, is_set) })
}

/// One contract, for lists of other shapes.
pub fn contract_entry(contract: &Contract, is_set: &dyn Fn(&str) -> bool) -> ContractEntry {
    ContractEntry {
        id: contract.id.clone(),
        name: contract.name.clone(),
        section: contract.section.clone(),
        direction: contract.direction,
        kind: contract.kind,
        surface: contract.surface.iter().map(surface_entry).collect(),
        auth: contract.auth.iter().map(auth_entry).collect(),
        auth_undefined: contract.auth_undefined,
        stability: contract.stability,
        versioning: contract.versioning.clone(),
        owner: contract.owner.clone(),
        mode: contract.mode,
        trigger: contract.trigger.clone(),
        verify: contract.verify.clone(),
        notes: contract.notes.clone(),
        state: words::state(contract.state(is_set)),
        digest: contract.digest.clone(),
    }
}

fn surface_entry(item: &SurfaceItem) -> SurfaceEntry {
    match item {
        SurfaceItem::Route(route) => route_entry(route),
        SurfaceItem::Call(call) => SurfaceEntry::Call { call: call.variable.clone(), method: call.method, on: call.on.clone() },
        SurfaceItem::Job(job) => SurfaceEntry::Job { job: job.handler.name.to_owned(), schedule: words::schedule(&job.schedule) },
        SurfaceItem::Tool(tool) => SurfaceEntry::Tool {
            tool: tool.name.clone(),
            handler: tool.handler.name.to_owned(),
            family: tool.family.clone(),
            writes: tool.writes,
        },
        SurfaceItem::Command(command) => SurfaceEntry::Command { command: command.clone() },
        SurfaceItem::Env { name, migrations } => SurfaceEntry::Env { env: name.clone(), migrations: migrations.clone() },
        SurfaceItem::File { glob, generated, .. } => SurfaceEntry::File { file: glob.clone(), generated: *generated },
        SurfaceItem::Script { path, .. } => SurfaceEntry::Script { script: path.clone() },
        SurfaceItem::Family { pattern, routes } => SurfaceEntry::Family { family: pattern.clone(), routes: routes.clone() },
        SurfaceItem::See { path, contract } => SurfaceEntry::See { see: path.clone(), contract: contract.clone() },
    }
}

fn route_entry(route: &Route) -> SurfaceEntry {
    SurfaceEntry::Route {
        method: route.method.as_str(),
        path: route.path.clone(),
        handler: route.handler.name.to_owned(),
        deprecated: route.deprecated.is_some(),
        alias_of: route.alias_of.clone(),
        auth: route.own_auth.then(|| route.auth.iter().map(auth_entry).collect()),
    }
}

/// A method of auth as it is published.
pub(super) fn auth_entry(method: &AuthMethod) -> AuthEntry {
    let mut entry = AuthEntry {
        method: method.name(),
        secret: method.variable().map(str::to_owned),
        carriers: carriers(method).iter().map(carrier_entry).collect(),
        role: None,
        scope: None,
        signature: None,
        provider: None,
        external: None,
    };
    match method {
        AuthMethod::Session { role } => entry.role = Some(*role),
        AuthMethod::Token { scope } => entry.scope = Some(*scope),
        AuthMethod::Signature(signature) => entry.signature = Some(signature_entry(signature)),
        AuthMethod::Connection { provider } => entry.provider = Some(provider.clone()),
        AuthMethod::External { text } => entry.external = Some(text.clone()),
        AuthMethod::Secret { .. } | AuthMethod::Bearer { .. } | AuthMethod::Credential { .. } | AuthMethod::Oidc { .. } => {}
    }
    entry
}

/// Where the credential of a method stands in a request, in the order looked at.
pub(super) fn carriers(method: &AuthMethod) -> Vec<Carrier> {
    let preferred =
        |place, name: &str| Carrier { place, name: name.to_owned(), status: CarrierStatus::Preferred, deprecated: None };
    match method {
        AuthMethod::Secret { carriers, .. } => carriers.clone(),
        AuthMethod::Bearer { .. } | AuthMethod::Token { .. } | AuthMethod::Credential { bearer: true, .. } => {
            vec![preferred(CarrierPlace::Header, "Authorization")]
        }
        AuthMethod::Signature(signature) => vec![preferred(CarrierPlace::Header, &signature.header)],
        AuthMethod::Session { .. } => {
            let [secure, loopback] = SESSION_COOKIES.map(|name| preferred(CarrierPlace::Cookie, name));
            vec![secure, Carrier { status: CarrierStatus::Compatibility, ..loopback }]
        }
        AuthMethod::Credential { header: Some(header), .. } => vec![preferred(CarrierPlace::Header, header)],
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            Vec::new()
        }
    }
}

fn carrier_entry(carrier: &Carrier) -> CarrierEntry {
    CarrierEntry {
        place: words::place(carrier.place),
        name: carrier.name.clone(),
        status: carrier.status,
        deprecated: carrier.deprecated.as_ref().map(deprecation_entry),
    }
}

fn deprecation_entry(deprecation: &Deprecation) -> DeprecationEntry {
    DeprecationEntry {
        since: deprecation.since.clone(),
        sunset: deprecation.sunset.clone(),
        replacement: deprecation.replacement.clone(),
    }
}

fn signature_entry(signature: &Signature) -> SignatureEntry {
    SignatureEntry {
        algorithm: signature.algorithm,
        encoding: signature.encoding,
        payload: signature.payload.to_string(),
        format: signature_format(signature),
        preset: signature.preset.clone(),
        timestamp_header: signature.timestamp.as_ref().and_then(|time| time.header.clone()),
        id_header: signature.id_header.clone(),
        tolerance_seconds: signature.timestamp.as_ref().map(|time| time.tolerance.as_secs()),
    }
}

/// The value of the signature header with `{signature}` and `{timestamp}` in place of their values.
pub(super) fn signature_format(signature: &Signature) -> String {
    match &signature.shape {
        Some(shape) => shape.write("{timestamp}", &format!("{}{{signature}}", signature.prefix)),
        None => format!("{}{{signature}}", signature.prefix),
    }
}

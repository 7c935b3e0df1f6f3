//! The types of a contract manifest, one to one with the YAML of format 1.
//!
//! These types are the single source of `schemas/contract.schema.json`: every field carries its description, every object
//! refuses unknown keys, and a union is told apart by its first key (its *kind key*), which is the first entry of the
//! variant's `required` list.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One integration, declared. The seven required fields come first and in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest format; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Stable identifier of the contract: lower-case words joined by hyphens, equal to the file's name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))]
    pub id: String,
    /// Human title of the contract.
    #[schemars(length(min = 1, max = 120))]
    pub name: String,
    /// Who opens the conversation: the far side, this service, or both.
    pub direction: Direction,
    /// What kind of contract this is.
    #[serde(rename = "type")]
    pub kind: ContractType,
    /// Where the contract can be touched: routes, calls, jobs, tools, files, or `not implemented` when it is planned.
    pub surface: Surface,
    /// How a caller proves who it is: `none`, a list of methods tried in the order written, or `not defined yet` when planned.
    pub auth: Auth,
    /// The promise made about change.
    pub stability: Stability,
    /// How the surface is versioned today.
    #[schemars(length(min = 1))]
    pub versioning: String,
    /// The system that owns the contract surface.
    #[schemars(length(min = 1))]
    pub owner: String,
    /// What the contract does to the two sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What sets the contract in motion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Variables that this contract declares; each variable is declared once in the whole catalog.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, VariableDeclaration>,
    /// How deliveries are made durable and what makes two of them the same; a route may state its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Limits that guard the routes of this contract; a route may state its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Requests that show the contract at work; shown in the documents and executed by `verify`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// Commands and endpoints that prove the contract.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// Facts worth knowing that no field carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Who opens the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The far side calls this service.
    Inbound,
    /// This service calls the far side.
    Outbound,
    /// Both sides call.
    Bidirectional,
}

/// What kind of contract this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ContractType {
    /// An HTTP API.
    #[serde(rename = "REST API")]
    RestApi,
    /// Events posted by their source.
    #[serde(rename = "webhook")]
    Webhook,
    /// An answer to something asked earlier.
    #[serde(rename = "callback")]
    Callback,
    /// Tools of the Model Context Protocol.
    #[serde(rename = "MCP")]
    Mcp,
    /// A database and its schema.
    #[serde(rename = "database contract")]
    Database,
    /// Files and scripts of this repository.
    #[serde(rename = "file contract")]
    File,
    /// Anything else.
    #[serde(rename = "other")]
    Other,
}

/// The promise made about change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stability {
    /// Breaking changes are announced and deprecated first.
    Stable,
    /// May change with the product.
    Internal,
    /// May change or go at any time.
    Experimental,
    /// Reserved: not implemented, mounts nothing.
    Planned,
}

/// What the contract does to the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing is changed.
    ReadOnly,
    /// State is read and changed.
    ReadWrite,
    /// The far side reports back.
    Callback,
    /// One side steers the other.
    Control,
    /// Identity is established.
    Auth,
    /// Artifacts are produced.
    Build,
}

/// Where the contract can be touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Surface {
    /// The surface of a planned contract.
    NotImplemented(NotImplemented),
    /// The items of the surface; the first key of each says its kind.
    Items(Vec<SurfaceItem>),
}

/// The words that stand for the surface of a planned contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotImplemented {
    /// Nothing is mounted.
    #[serde(rename = "not implemented")]
    NotImplemented,
}

/// One item of a surface; its first key says its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SurfaceItem {
    /// An endpoint that this contract mounts.
    Route(Box<RouteItem>),
    /// An outbound HTTP endpoint.
    Call(CallItem),
    /// Work that runs on a schedule.
    Job(JobItem),
    /// A tool of the Model Context Protocol.
    Tool(ToolItem),
    /// An executable of this package.
    Command(CommandItem),
    /// A contract carried by a variable.
    Env(EnvItem),
    /// A file contract.
    File(FileItem),
    /// A script contract.
    Script(ScriptItem),
    /// A route family, mounted by this contract and others.
    Family(FamilyItem),
    /// A route that another contract mounts.
    See(SeeItem),
}

/// An endpoint that this contract mounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteItem {
    /// Path template; parameters in braces fill one segment each: `/api/v1/projects/{project_id}`.
    #[schemars(regex(pattern = r"^/"))]
    pub route: String,
    /// Handler of GET (and HEAD).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<Operation>,
    /// Handler of POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Operation>,
    /// Handler of PUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<Operation>,
    /// Handler of PATCH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Operation>,
    /// Handler of DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Operation>,
    /// Other paths that lead to the same handlers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
}

/// A handler name, or a handler with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Operation {
    /// The name of a registered handler.
    Handler(String),
    /// A handler with settings of its own.
    Detailed(Box<OperationDetail>),
}

/// A handler with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationDetail {
    /// The name of a registered handler.
    pub handler: String,
    /// Settings of the handler; strings are templates over `body headers query path contract now`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<IndexMap<String, Value>>,
    /// One line for the documents; the handler's own summary when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Auth of this operation in place of the contract's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Delivery of this operation in place of the contract's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Limits of this operation in place of the contract's, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Another path to the same handlers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// Path template with the same parameters as the route.
    #[schemars(regex(pattern = r"^/"))]
    pub path: String,
    /// Set when the alias is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecation>,
}

/// Since when something is deprecated, when it goes, and what to use instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecation {
    /// The product version (`2.0.0`) or the date (`2026-11-01`) of the deprecation.
    pub since: String,
    /// The last day of service, as `YYYY-MM-DD` (RFC 8594).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub sunset: Option<String>,
    /// What to use instead: a path, a header.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// An outbound HTTP endpoint whose URL is in a variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallItem {
    /// The variable that holds the URL.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub call: String,
    /// HTTP method; POST when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<CallMethod>,
    /// Event types that are delivered here; a trailing `*` matches any ending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// Body as a template over `event contract now`; a CloudEvents 1.0 JSON envelope when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<IndexMap<String, Value>>,
}

/// HTTP method of an outbound call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CallMethod {
    /// GET.
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

/// Work that runs on a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobItem {
    /// The handler that does the work.
    pub job: String,
    /// Interval between two runs, as `15m`, `1h30m` or `45s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Cron expression with five fields, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Settings of the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<IndexMap<String, Value>>,
}

/// A tool of the Model Context Protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolItem {
    /// Name of the tool, at most 64 characters.
    pub tool: String,
    /// The handler behind the tool; the one of the tool's own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// The family that the tool is listed under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Set when the tool changes state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writes: bool,
}

/// An executable of this package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandItem {
    /// Name of the executable.
    pub command: String,
}

/// A contract carried by a variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvItem {
    /// The variable.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub env: String,
    /// Glob of the schema migrations that version the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<String>,
}

/// A file contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileItem {
    /// Glob of the files, relative to the repository.
    pub file: String,
    /// Set when the files are written by `mission-control docs`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generated: bool,
    /// Texts that every file has to contain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_contain: Vec<String>,
    /// The file that the version in these files comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_from: Option<String>,
}

/// A script contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptItem {
    /// Path of the script, relative to the repository.
    pub script: String,
    /// The file that the version of what it makes comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_from: Option<String>,
}

/// A route family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FamilyItem {
    /// Path prefix that ends in `*`; published with the routes found below it.
    #[schemars(regex(pattern = r"^/.*\*$"))]
    pub family: String,
    /// Auth of the routes below it that state none and whose contract states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// A route that another contract mounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeeItem {
    /// Path of the route.
    #[schemars(regex(pattern = r"^/"))]
    pub see: String,
}

/// How a caller proves who it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Auth {
    /// A word in place of a list.
    Word(AuthWord),
    /// Methods, tried in the order written.
    Methods(Vec<AuthMethod>),
}

/// The words that stand in place of a list of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthWord {
    /// Open to everybody, on purpose.
    #[serde(rename = "none")]
    None,
    /// The auth of a planned contract.
    #[serde(rename = "not defined yet")]
    NotDefinedYet,
}

/// One method of auth; its first key says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AuthMethod {
    /// A shared secret in one of several carriers.
    Secret(SecretAuth),
    /// A bearer token equal to a variable's value.
    Bearer(BearerAuth),
    /// A MAC over the raw body.
    Signature(SignatureAuth),
    /// An operator session cookie.
    Session(SessionAuth),
    /// An API token issued by this service.
    Token(TokenAuth),
    /// Outbound: a credential that the far side asks of this service.
    Credential(CredentialAuth),
    /// Outbound: a connection stored for each project.
    Connection(ConnectionAuth),
    /// Sign-in at an OpenID provider.
    Oidc(OidcAuth),
    /// Enforced outside this service.
    External(ExternalAuth),
}

/// A shared secret in one of several carriers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretAuth {
    /// The variable that holds the secret.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub secret: String,
    /// Where the secret may stand; the first carrier present decides.
    #[schemars(length(min = 1))]
    pub carriers: Vec<Carrier>,
}

/// Where a secret may stand: exactly one of `header` and `query`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Carrier {
    /// In a request header.
    Header(HeaderCarrier),
    /// In the query string.
    Query(QueryCarrier),
}

/// A secret in a request header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderCarrier {
    /// Name of the header.
    pub header: String,
    /// Standing of the carrier; `preferred` when absent.
    #[serde(default)]
    pub status: CarrierStatus,
    /// Set when the carrier is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecation>,
}

/// A secret in the query string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryCarrier {
    /// Name of the query parameter.
    pub query: String,
    /// Standing of the carrier; a query carrier may not be `preferred`.
    #[serde(default)]
    pub status: CarrierStatus,
    /// Set when the carrier is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecation>,
}

/// Standing of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CarrierStatus {
    /// The carrier to use.
    #[default]
    Preferred,
    /// Accepted for callers that cannot use the preferred one.
    Compatibility,
    /// Accepted for old callers; answers carry deprecation headers and uses are counted.
    Legacy,
}

/// A bearer token (RFC 6750) equal to a variable's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BearerAuth {
    /// The variable that holds the token.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub bearer: String,
}

/// A MAC over the raw body. With a preset, the other keys replace the preset's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureAuth {
    /// The variable that holds the key.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub signature: String,
    /// Name of a file under `contracts/presets/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Header that carries the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// MAC algorithm; the preset's, else `hmac-sha256` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<MacAlgorithm>,
    /// Encoding of the signature; the preset's, else `hex` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<MacEncoding>,
    /// Text before the signature, as `sha256=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What is signed: a template over `{body}`, `{timestamp}` and `{id}`; `{body}` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Where the time of signing stands and how old it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampSource>,
    /// Where the id of the message stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdSource>,
    /// Shape of a signature header with parts, as `t={timestamp},v1={signature}`; a part named `signature` may repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse: Option<String>,
    /// How the variable's value becomes the key; `raw` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyEncoding>,
}

/// Settings of a signature under a name: a file of `contracts/presets/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name of the preset, equal to the file's name.
    pub name: String,
    /// The vendor's page that states these facts.
    pub source: String,
    /// Header that carries the signature.
    pub header: String,
    /// MAC algorithm.
    pub algorithm: MacAlgorithm,
    /// Encoding of the signature.
    pub encoding: MacEncoding,
    /// Text before the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What is signed: a template over `{body}`, `{timestamp}` and `{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Where the time of signing stands and how old it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampSource>,
    /// Where the id of the message stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<IdSource>,
    /// Shape of a signature header with parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse: Option<String>,
    /// How the variable's value becomes the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyEncoding>,
}

/// MAC algorithm (RFC 2104).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MacAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-1, for vendors that offer nothing better.
    HmacSha1,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// Encoding of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MacEncoding {
    /// Hexadecimal.
    Hex,
    /// Base64, standard alphabet, padded (RFC 4648 section 4).
    Base64,
}

/// How a variable's value becomes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyEncoding {
    /// The bytes of the value.
    #[default]
    Raw,
    /// The value is base64.
    Base64,
    /// The value is `whsec_` followed by base64 (Standard Webhooks).
    Whsec,
}

/// Where the time of signing stands and how old it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampSource {
    /// Header with the time in Unix seconds; absent when `parse` finds it in the signature header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// How far the time may be from ours, either way, as `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<String>,
}

/// Where the id of the message stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdSource {
    /// Header with the id.
    pub header: String,
}

/// An operator session cookie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionAuth {
    /// The least role that is let in.
    pub session: Role,
}

/// Role of an operator; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read.
    Viewer,
    /// May read and write.
    Operator,
    /// May also manage operators, tokens and contracts.
    Admin,
}

/// An API token issued by this service, sent as bearer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenAuth {
    /// The scope that the token has to carry.
    pub token: Scope,
}

/// Scope of an API token; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reads.
    Read,
    /// Reads and writes.
    Write,
    /// Also the administration of the service.
    Admin,
}

/// Outbound: a credential that the far side asks of this service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialAuth {
    /// The variable that holds the credential.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub credential: String,
    /// Header that the engine sends it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Set when the engine sends it as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bearer: bool,
}

/// Outbound: OAuth or an access token stored for each project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionAuth {
    /// Name of the provider.
    pub connection: String,
}

/// Sign-in at the OpenID provider that a variable names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcAuth {
    /// The variable that holds the issuer's URL.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"))]
    pub oidc: String,
}

/// Enforced outside this service; published as just that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalAuth {
    /// What enforces it, in words.
    pub external: String,
}

/// A variable of the environment, declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariableDeclaration {
    /// Set when the value must never be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Set when the service cannot start without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Value used when it is unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// A value to show in documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// What the variable is for.
    #[schemars(length(min = 1))]
    pub description: String,
}

/// How deliveries are made durable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// `durable` commits the delivery before it is answered and handles it afterwards; `sync` handles it in the request. When
    /// absent, `durable` for contracts of type `webhook` and `callback` where the handler writes and the method is not GET;
    /// `sync` everywhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<DeliveryMode>,
    /// The idempotency key: `header.NAME`, `query.NAME`, `path.NAME`, `body.FIELD.FIELD`, or a template with `{{ }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Status of the answer to an accepted durable delivery; 202 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200, max = 299))]
    pub respond: Option<u16>,
    /// Longest time for one attempt, as `10s`; `30s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How failed attempts are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Whether a delivery is stored before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// Committed first, handled afterwards, with retries.
    Durable,
    /// Handled in the request.
    Sync,
}

/// How failed attempts are repeated: exponential backoff with full jitter between `first` and `max`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included; 8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub attempts: Option<u32>,
    /// Delay before the second attempt; `1s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Longest delay; `10m` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

/// Limits that guard a route.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest body, as `256KiB`; `1MiB` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Requests in a period for each caller, as `120/1m`; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// Requests of this route at the same time; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub concurrency: Option<u32>,
    /// Longest time for a request, as `30s`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// A request that shows the contract at work, and the answer to expect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What the example shows.
    pub name: String,
    /// The request.
    pub request: ExampleRequest,
    /// The answer.
    pub expect: ExampleExpectation,
}

/// The request of an example. The engine adds the credentials of the route's first guarding method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExampleRequest {
    /// HTTP method.
    pub method: ExampleMethod,
    /// Path with query, parameters filled in.
    #[schemars(regex(pattern = r"^/"))]
    pub path: String,
    /// Further headers.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// File with the body, relative to `contracts/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_file: Option<String>,
}

/// HTTP method of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExampleMethod {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// The answer that an example expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExampleExpectation {
    /// Status code.
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// Values at JSON pointers (RFC 6901) of the answer's body.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub body: IndexMap<String, Value>,
}

/// `contracts/service.yaml`: the identity of this service and the order and titles of the sections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceManifest {
    /// Version of the manifest format; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Machine name of the service.
    pub service: String,
    /// Human title of the service.
    pub title: String,
    /// One paragraph that says what the service is.
    pub description: String,
    /// Who owns the service.
    pub owner: String,
    /// SPDX expression of its licence.
    pub license: String,
    /// Home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Roles that the service plays for Fabric.
    pub roles: Vec<String>,
    /// Whether the service is a Fabric control plane.
    #[serde(default)]
    pub control_plane: bool,
    /// What this service provides to Fabric today.
    pub provides: Vec<String>,
    /// What this service does not provide.
    pub excludes: Vec<String>,
    /// Sections in the order of the documents, each with its title.
    pub sections: IndexMap<String, String>,
    /// Variables of the service itself.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, VariableDeclaration>,
}

//! What the engine asks of a database. The `store` crate implements these traits on SQLite and PostgreSQL; both behave the
//! same, and one test suite holds them to it.
//!
//! A *delivery* is one message that the service has promised to handle: `inbound` (a webhook that was acknowledged) or
//! `outbound` (an event owed to a call). Its life: `pending` → `running` (under a lease) → `done`, or back to `pending` with
//! a later `due_at`, or `dead` when its attempts are spent or it can never succeed; a replay makes it `pending` again.

use std::{any::Any, time::Duration};

use async_trait::async_trait;
use contract::catalog::{Role, Scope};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// Why the database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// It cannot be reached, is full or is busy: the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A concurrent writer won (unique or serialization failure).
    #[error("a concurrent change conflicts: {0}")]
    Conflict(String),
    /// A mistake in the program or in stored data.
    #[error("the database refused: {0}")]
    Internal(String),
}

/// Result of a storage call.
pub type StorageResult<T> = Result<T, StorageError>;

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads of one consistent state.
    Read,
    /// Reads and writes (SQLite: `BEGIN IMMEDIATE`).
    Write,
}

/// Which way a delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// Received here.
    Inbound,
    /// Owed to the outside.
    Outbound,
}

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Waits for its time.
    Pending,
    /// Leased by a worker.
    Running,
    /// Took effect.
    Done,
    /// Given up; waits for an operator.
    Dead,
}

/// A delivery to be stored. Headers, query and body are already scrubbed of every declared credential.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// UUIDv7.
    pub id: Uuid,
    /// Direction.
    pub flow: Flow,
    /// Contract.
    pub contract: String,
    /// Inbound: `METHOD /path/{template}` of the route. Outbound: the variable of the call.
    pub target: String,
    /// Inbound: the handler's name. Outbound: the event's type.
    pub handler: String,
    /// Idempotency key; unique within contract, target, flow and scope. `None`: every delivery is its own.
    pub key: Option<String>,
    /// What the key is one key for, beside contract and target: path parameters and sender. Empty where that is all.
    pub key_scope: String,
    /// Outbound: deliveries of one contract, target and subject are sent in order.
    pub subject: Option<String>,
    /// The message.
    pub message: Message,
    /// Request that caused it.
    pub request_id: String,
    /// Caller, as the guard named it.
    pub actor: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Attempts that it may have.
    pub max_attempts: u32,
    /// `Done` for deliveries that need no handling (`engine.accept`), else `Pending`.
    pub state: DeliveryState,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
pub struct Message {
    /// Path with parameters filled in; empty for outbound.
    pub path: String,
    /// Path parameters.
    pub params: Vec<(String, String)>,
    /// Query parameters, credentials dropped.
    pub query: Vec<(String, String)>,
    /// Headers with lower-case names, credentials dropped.
    pub headers: Vec<(String, String)>,
    /// Raw body. Outbound: the event as JSON.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// What became of a delivery offered for storing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is committed under the id that it was offered with.
    Stored,
    /// Its key is known: this is the earlier delivery.
    Repeated(Uuid),
    /// Its key is known, and the earlier delivery had another body.
    Contradicts(Uuid),
}

/// A delivery that a worker holds.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Id.
    pub id: Uuid,
    /// Direction.
    pub flow: Flow,
    /// Contract.
    pub contract: String,
    /// See [`NewDelivery::target`].
    pub target: String,
    /// See [`NewDelivery::handler`].
    pub handler: String,
    /// Subject.
    pub subject: Option<String>,
    /// The message.
    pub message: Message,
    /// Request that caused it.
    pub request_id: String,
    /// Caller.
    pub actor: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Attempts that it may have.
    pub max_attempts: u32,
    /// Proof of the lease: a stale holder cannot finish the delivery.
    pub lease: Uuid,
}

/// What to do with a delivery whose attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Try again at this time.
    Retry(Timestamp),
    /// Give up.
    Dead,
}

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Of this contract.
    pub contract: Option<String>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// In this direction.
    pub flow: Option<Flow>,
    /// Older than this id.
    pub before: Option<Uuid>,
    /// At most this many.
    pub limit: u32,
}

/// A stored delivery.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryRecord {
    /// Id.
    pub id: Uuid,
    /// Direction.
    pub flow: Flow,
    /// Contract.
    pub contract: String,
    /// See [`NewDelivery::target`].
    pub target: String,
    /// See [`NewDelivery::handler`].
    pub handler: String,
    /// Idempotency key.
    pub key: Option<String>,
    /// Subject.
    pub subject: Option<String>,
    /// State.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// When the next attempt is due.
    pub due_at: Timestamp,
    /// When it arrived.
    pub received_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
    /// The last failure.
    pub last_error: Option<String>,
    /// Request that caused it.
    pub request_id: String,
    /// Caller.
    pub actor: String,
    /// What a synchronous handler answered: status and body.
    pub reply: Option<StoredReply>,
    /// The message; left out of lists.
    #[serde(skip)]
    pub message: Option<Message>,
}

/// An answer kept for repeats of a synchronous request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredReply {
    /// Status.
    pub status: u16,
    /// `Content-Type`.
    pub media_type: String,
    /// Body.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// What a synchronous request with a key finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClaim {
    /// The key is new and now taken by this transaction.
    New,
    /// The key took effect earlier: the earlier message's body and the answer.
    Taken {
        /// SHA-256 of the earlier body.
        body_digest: Vec<u8>,
        /// The answer.
        reply: StoredReply,
    },
}

/// How much waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDepth {
    /// Contract.
    pub contract: String,
    /// Direction.
    pub flow: Flow,
    /// State.
    pub state: DeliveryState,
    /// How many.
    pub count: u64,
}

/// A use of something deprecated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeprecatedUse {
    /// Contract.
    pub contract: String,
    /// `header X-Name`, `query name` or the alias's path.
    pub surface: String,
    /// Caller: the client's address, or the operator or token.
    pub caller: String,
}

/// Uses of something deprecated, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeprecatedUses {
    /// Contract.
    pub contract: String,
    /// Surface.
    pub surface: String,
    /// Caller.
    pub caller: String,
    /// How often.
    pub count: u64,
    /// First time.
    pub first_at: Timestamp,
    /// Last time.
    pub last_at: Timestamp,
}

/// An operator's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Operator.
    pub operator_id: Uuid,
    /// Name to show.
    pub name: String,
    /// Role.
    pub role: Role,
    /// After this it is over.
    pub expires_at: Timestamp,
}

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Id.
    pub id: Uuid,
    /// Name to show.
    pub name: String,
    /// Scope.
    pub scope: Scope,
    /// After this it is over.
    pub expires_at: Option<Timestamp>,
}

/// A database under the engine.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Begins a transaction.
    async fn begin(&self, access: Access) -> StorageResult<Box<dyn Transaction>>;
    /// Whether the database answers and its schema is this program's; the text says which database.
    async fn ping(&self) -> StorageResult<String>;

    /// Commits a group of deliveries in one transaction; the answers stand in the order of the group.
    async fn accept(&self, group: &[NewDelivery]) -> StorageResult<Vec<Accepted>>;
    /// Leases up to `limit` due deliveries of a direction, oldest first; expired leases count as due. Of the outbound ones
    /// only the oldest unfinished of each contract, target and subject.
    async fn claim(&self, flow: Flow, limit: u32, lease: Duration, now: Timestamp) -> StorageResult<Vec<Claimed>>;
    /// Records a failed attempt. `false` when the lease was lost.
    async fn fail(&self, claimed: &Claimed, error: &str, verdict: Verdict, now: Timestamp) -> StorageResult<bool>;
    /// Hands back leases without counting the attempt.
    async fn release(&self, claimed: &[Claimed]) -> StorageResult<()>;
    /// Lists deliveries, newest first.
    async fn deliveries(&self, filter: &DeliveryFilter) -> StorageResult<Vec<DeliveryRecord>>;
    /// One delivery with its message.
    async fn delivery(&self, id: Uuid) -> StorageResult<Option<DeliveryRecord>>;
    /// Makes a `done` or `dead` delivery pending again, with all its attempts. `false` when there is none, it is on its way, or
    /// it was answered in its request (it has a kept reply): the caller knows that it took effect.
    async fn replay(&self, id: Uuid, now: Timestamp) -> StorageResult<bool>;
    /// Removes deliveries finished before `done_before` or given up before `dead_before`; at most `limit`. Answers how many.
    async fn prune(&self, done_before: Timestamp, dead_before: Timestamp, limit: u32) -> StorageResult<u64>;
    /// The greatest idempotency key of the inbound deliveries of a target, as texts compare: of a job, its newest tick.
    async fn newest_key(&self, contract: &str, target: &str) -> StorageResult<Option<String>>;
    /// Whether an inbound delivery of a target is pending or running, the one with this key left out.
    async fn has_unfinished(&self, contract: &str, target: &str, but_key: &str) -> StorageResult<bool>;
    /// How much waits, by contract, direction and state.
    async fn depths(&self) -> StorageResult<Vec<QueueDepth>>;

    /// Adds uses of deprecated surfaces.
    async fn count_deprecated(&self, uses: &[(DeprecatedUse, u64)], now: Timestamp) -> StorageResult<()>;
    /// Every use of deprecated surfaces.
    async fn deprecated_uses(&self) -> StorageResult<Vec<DeprecatedUses>>;

    /// The session whose token has this SHA-256, when it has not expired.
    async fn session(&self, token_digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<SessionRecord>>;
    /// The API token with this SHA-256, when it is neither expired nor revoked; its last use is noted (at most once a minute).
    async fn token(&self, token_digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<TokenRecord>>;
}

/// A transaction. Dropped without `commit` it is rolled back. The store's own type is reached through `Any` by the store
/// alone (it hands the plugins an accessor for the domain's repositories).
#[async_trait]
pub trait Transaction: Any + Send {
    /// Takes the key of a synchronous request; the delivery is stored as `done` with its reply by [`Self::keep_reply`].
    /// A concurrent holder of the same key is waited for.
    async fn take_key(&mut self, delivery: &NewDelivery, body_digest: &[u8]) -> StorageResult<KeyClaim>;
    /// Keeps the answer of a synchronous request whose key this transaction took.
    async fn keep_reply(&mut self, delivery: Uuid, reply: &StoredReply, now: Timestamp) -> StorageResult<()>;
    /// Marks a leased delivery done. `false` when the lease was lost: the caller has to roll back.
    async fn finish(&mut self, claimed: &Claimed, now: Timestamp) -> StorageResult<bool>;
    /// Stores outbound deliveries.
    async fn enqueue(&mut self, deliveries: &[NewDelivery]) -> StorageResult<()>;
    /// Adds an audit entry.
    async fn audit(&mut self, entry: &AuditEntry) -> StorageResult<()>;
    /// Begins a savepoint inside the transaction.
    async fn savepoint(&mut self) -> StorageResult<()>;
    /// Undoes everything since the last savepoint and removes it.
    async fn undo(&mut self) -> StorageResult<()>;
    /// Removes the last savepoint and keeps what was done since.
    async fn keep(&mut self) -> StorageResult<()>;
    /// Commits.
    async fn commit(self: Box<Self>) -> StorageResult<()>;
    /// Rolls back.
    async fn rollback(self: Box<Self>) -> StorageResult<()>;
}

/// A trace of a write.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// UUIDv7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Through which contract.
    pub contract: String,
    /// In which request.
    pub request_id: String,
    /// What was done: `task.created`, `approval.decided`.
    pub action: String,
    /// Kind of the object: `task`, `project`, `approval`.
    pub object_kind: String,
    /// Id of the object.
    pub object_id: String,
    /// What changed; never a secret.
    pub details: Value,
}

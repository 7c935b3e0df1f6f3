//! The storage traits of `engine` and `domain` on sqlx, for SQLite and PostgreSQL, behaving alike: one SQL text for each
//! statement, one suite of tests for both. It knows how things are kept, not what they are for.
//!
//! A text with a NUL character is kept with U+FFFD in its place (PostgreSQL has no NUL in text). Times are kept to the
//! microsecond.

mod accounts;
mod audit;
mod connect;
mod deliveries;
mod deprecated;
mod error;
mod migrate;
mod repositories;
mod sql;
mod transaction;

use std::time::Duration;

use async_trait::async_trait;
use contract::catalog::{Role, Scope};
use engine::storage::{
    Accepted, Access, AuditEntry, Claimed, DeliveryFilter, DeliveryRecord, DeprecatedUse, DeprecatedUses, Flow, NewDelivery,
    QueueDepth, SessionRecord, Storage, StorageError, StorageResult, TokenRecord, Transaction, Verdict,
};
use jiff::Timestamp;
use uuid::Uuid;

pub use accounts::{ApiToken, Operator};
pub use connect::ConnectOptions;
pub use error::StoreError;
pub use migrate::PendingMigration;
pub use transaction::{StoreTransaction, repositories};

/// How plugins reach the domain's repositories inside a transaction of the engine: [`repositories`] has this shape.
pub type DomainAccess = fn(&mut dyn Transaction) -> &mut dyn domain::Repositories;

/// An open database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    db: connect::Db,
}

impl Store {
    /// Opens `sqlite://PATH` (folder and file are made when missing) or `postgres://…`. The schema is left as it is; see
    /// [`Self::migrate`]. No error shows a password.
    pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, StoreError> {
        Ok(Self { db: connect::Db::open(url, options).await? })
    }

    /// The database for people, without its password.
    pub fn name(&self) -> &str {
        &self.db.name
    }

    /// Brings the schema up to date. Safe to repeat, and safe with any number of processes at once. Refuses a database that a
    /// newer program migrated.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrate::apply(&self.db).await
    }

    /// What [`Self::migrate`] would apply. Refuses a database that a newer program migrated.
    pub async fn pending_migrations(&self) -> Result<Vec<PendingMigration>, StoreError> {
        migrate::pending(&self.db).await
    }

    /// Closes every connection once it is given back; later calls fail.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Adds an operator. A name that is taken is a conflict.
    pub async fn add_operator(&self, name: &str, role: Role) -> StorageResult<Uuid> {
        accounts::add_operator(&self.db, name, role).await
    }

    /// Every operator by name.
    pub async fn operators(&self) -> StorageResult<Vec<Operator>> {
        accounts::operators(&self.db).await
    }

    /// Adds a session by the SHA-256 of its token; sessions that are over are removed on this occasion.
    pub async fn add_session(&self, operator: Uuid, digest: &[u8; 32], expires_at: Timestamp) -> StorageResult<()> {
        accounts::add_session(&self.db, operator, digest, expires_at).await
    }

    /// Ends a session. `false` when there is none.
    pub async fn remove_session(&self, digest: &[u8; 32]) -> StorageResult<bool> {
        accounts::remove_session(&self.db, digest).await
    }

    /// Adds an API token by its SHA-256.
    pub async fn add_token(
        &self,
        name: &str,
        scope: Scope,
        digest: &[u8; 32],
        expires_at: Option<Timestamp>,
    ) -> StorageResult<Uuid> {
        accounts::add_token(&self.db, name, scope, digest, expires_at).await
    }

    /// Every API token, oldest first, revoked ones included.
    pub async fn tokens(&self) -> StorageResult<Vec<ApiToken>> {
        accounts::tokens(&self.db).await
    }

    /// Revokes an API token. `false` when there is none, or it is revoked.
    pub async fn revoke_token(&self, id: Uuid) -> StorageResult<bool> {
        accounts::revoke_token(&self.db, id).await
    }

    /// Audit entries older than `before`, newest first.
    pub async fn audit_entries(&self, limit: u32, before: Option<Uuid>) -> StorageResult<Vec<AuditEntry>> {
        audit::entries(&self.db, limit, before).await
    }
}

#[async_trait]
impl Storage for Store {
    async fn begin(&self, access: Access) -> StorageResult<Box<dyn Transaction>> {
        Ok(Box::new(StoreTransaction::begin(&self.db, access).await?))
    }

    async fn ping(&self) -> StorageResult<String> {
        let (found, known) = (migrate::found(&self.db).await?, migrate::known());
        // This text is published by `/readyz`: no host, no user, no path.
        let name = if self.db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        if found != known {
            let text = format!("{name} has schema {found} and this program needs {known}; run `mission-control migrate`");
            return Err(StorageError::Unavailable(text));
        }
        if !self.db.is_postgres() {
            // A file that another program keeps locked can be read and not written, and then nothing can be accepted.
            self.begin(Access::Write).await?.rollback().await?;
        }
        Ok(format!("{name}, schema {found}"))
    }

    async fn accept(&self, group: &[NewDelivery]) -> StorageResult<Vec<Accepted>> {
        deliveries::inbox::accept(&self.db, group).await
    }

    async fn claim(&self, flow: Flow, limit: u32, lease: Duration, now: Timestamp) -> StorageResult<Vec<Claimed>> {
        deliveries::queue::claim(&self.db, flow, limit, lease, now).await
    }

    async fn fail(&self, claimed: &Claimed, error: &str, verdict: Verdict, now: Timestamp) -> StorageResult<bool> {
        deliveries::queue::fail(&self.db, claimed, error, &verdict, now).await
    }

    async fn release(&self, claimed: &[Claimed]) -> StorageResult<()> {
        deliveries::queue::release(&self.db, claimed).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> StorageResult<Vec<DeliveryRecord>> {
        deliveries::list::deliveries(&self.db, filter).await
    }

    async fn delivery(&self, id: Uuid) -> StorageResult<Option<DeliveryRecord>> {
        deliveries::list::delivery(&self.db, id).await
    }

    async fn replay(&self, id: Uuid, now: Timestamp) -> StorageResult<bool> {
        deliveries::queue::replay(&self.db, id, now).await
    }

    async fn prune(&self, done_before: Timestamp, dead_before: Timestamp, limit: u32) -> StorageResult<u64> {
        deliveries::queue::prune(&self.db, done_before, dead_before, limit).await
    }

    async fn newest_key(&self, contract: &str, target: &str) -> StorageResult<Option<String>> {
        deliveries::list::newest_key(&self.db, contract, target).await
    }

    async fn has_unfinished(&self, contract: &str, target: &str, but_key: &str) -> StorageResult<bool> {
        deliveries::list::has_unfinished(&self.db, contract, target, but_key).await
    }

    async fn depths(&self) -> StorageResult<Vec<QueueDepth>> {
        deliveries::list::depths(&self.db).await
    }

    async fn count_deprecated(&self, uses: &[(DeprecatedUse, u64)], now: Timestamp) -> StorageResult<()> {
        deprecated::count(&self.db, uses, now).await
    }

    async fn deprecated_uses(&self) -> StorageResult<Vec<DeprecatedUses>> {
        deprecated::all(&self.db).await
    }

    async fn session(&self, token_digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<SessionRecord>> {
        accounts::session(&self.db, token_digest, now).await
    }

    async fn token(&self, token_digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<TokenRecord>> {
        accounts::token(&self.db, token_digest, now).await
    }
}

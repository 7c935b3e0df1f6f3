//! The transaction: begin, savepoints, commit, and what a handler's transaction may do with deliveries.
//!
//! PostgreSQL gives up a transaction at its first failed statement and then answers COMMIT with a silent rollback; SQLite
//! goes on. Here both behave alike: after a failed statement everything but [`Transaction::undo`] and
//! [`Transaction::rollback`] is refused, and so is the commit.

use std::any::Any;

use async_trait::async_trait;
use engine::storage::{
    Access, AuditEntry, Claimed, KeyClaim, NewDelivery, StorageError, StorageResult, StoredReply, Transaction,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    audit,
    connect::Db,
    deliveries::{inbox, queue},
    error::internal,
    sql::{Arg, Link, Row, Sql},
};

/// The store's transaction, for the engine ([`Transaction`]) and for the domain ([`domain::Repositories`]).
pub struct StoreTransaction {
    /// `None` once it is over.
    link: Option<Link>,
    access: Access,
    savepoints: usize,
    failed: Option<Failure>,
}

/// The statement that spoiled the transaction, and how many savepoints were open then.
struct Failure {
    depth: usize,
    error: StorageError,
}

/// The domain's repositories inside a transaction of this store: the accessor that plugins are given.
///
/// # Panics
/// When the transaction is another storage's: the wiring of the program is wrong then.
pub fn repositories(transaction: &mut dyn Transaction) -> &mut dyn domain::Repositories {
    let any: &mut dyn Any = transaction;
    any.downcast_mut::<StoreTransaction>().expect("the transaction was begun by this store")
}

impl StoreTransaction {
    pub(crate) async fn begin(db: &Db, access: Access) -> StorageResult<Self> {
        let mut link = db.link(access).await?;
        let statement = match (link.is_postgres(), access) {
            (true, Access::Write) => "BEGIN",
            (true, Access::Read) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (false, Access::Write) => "BEGIN IMMEDIATE",
            (false, Access::Read) => "BEGIN",
        };
        link.control(statement).await?;
        Ok(Self { link: Some(link), access, savepoints: 0, failed: None })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.link.as_ref().is_some_and(Link::is_postgres)
    }

    /// Whether rows and keys are locked as they are read: a writing transaction on PostgreSQL. SQLite has one writer.
    pub(crate) fn locks(&self) -> bool {
        self.is_postgres() && self.access == Access::Write
    }

    /// Runs a statement that reads.
    pub(crate) async fn rows(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<Vec<Row>> {
        let outcome = self.link()?.rows(sql, args).await;
        self.note(outcome)
    }

    /// Runs a statement that reads at most one row.
    pub(crate) async fn row(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<Option<Row>> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Runs a statement that writes and says how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<u64> {
        let outcome = self.writable()?.execute(sql, args).await;
        self.note(outcome)
    }

    /// Runs a statement that writes and answers with rows.
    pub(crate) async fn returning(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<Vec<Row>> {
        let outcome = self.writable()?.rows(sql, args).await;
        self.note(outcome)
    }

    /// Holds a name until the transaction ends, so that what is missing under it is made once. Nothing where there is one writer.
    pub(crate) async fn lock_name(&mut self, name: String) -> StorageResult<()> {
        if self.locks() {
            self.rows("SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS TEXT)", vec![Arg::from(name)]).await?;
        }
        Ok(())
    }

    /// The connection for a write through code that takes a [`Link`]; its outcome has to pass [`Self::note`].
    pub(crate) fn writable(&mut self) -> StorageResult<&mut Link> {
        if self.access == Access::Read {
            return Err(internal("a transaction for reading was asked to write; begin it with Access::Write"));
        }
        self.link()
    }

    pub(crate) fn note<T>(&mut self, outcome: StorageResult<T>) -> StorageResult<T> {
        if let Err(error) = &outcome {
            self.failed.get_or_insert_with(|| Failure { depth: self.savepoints, error: error.clone() });
        }
        outcome
    }

    fn link(&mut self) -> StorageResult<&mut Link> {
        if let Some(failure) = &self.failed {
            return Err(spoiled(&failure.error));
        }
        match &mut self.link {
            Some(link) if !link.is_busy() => Ok(link),
            Some(_) => Err(StorageError::Unavailable("a call in this transaction was abandoned before its end".to_owned())),
            None => Err(internal("the transaction is over")),
        }
    }

    /// The connection for going back, which a spoiled transaction may.
    fn link_to_go_back(&mut self) -> StorageResult<&mut Link> {
        self.link.as_mut().ok_or_else(|| internal("the transaction is over"))
    }
}

/// The first failure again, in its kind, so that the caller still sees whether to retry.
fn spoiled(error: &StorageError) -> StorageError {
    let text = |cause: &str| format!("the transaction failed earlier and can only be rolled back: {cause}");
    match error {
        StorageError::Unavailable(cause) => StorageError::Unavailable(text(cause)),
        StorageError::Conflict(cause) => StorageError::Conflict(text(cause)),
        StorageError::Internal(cause) => StorageError::Internal(text(cause)),
    }
}

async fn roll_back(mut link: Link) -> StorageResult<()> {
    let outcome = link.control("ROLLBACK").await;
    if outcome.is_err() {
        // Closing the connection ends what is left of the transaction.
        link.discard();
    }
    outcome
}

#[async_trait]
impl Transaction for StoreTransaction {
    async fn take_key(&mut self, delivery: &NewDelivery, body_digest: &[u8]) -> StorageResult<KeyClaim> {
        let outcome = inbox::take_key(self.writable()?, delivery, body_digest).await;
        self.note(outcome)
    }

    async fn keep_reply(&mut self, delivery: Uuid, reply: &StoredReply, now: Timestamp) -> StorageResult<()> {
        let outcome = inbox::keep_reply(self.writable()?, delivery, reply, now).await;
        self.note(outcome)
    }

    async fn finish(&mut self, claimed: &Claimed, now: Timestamp) -> StorageResult<bool> {
        let outcome = queue::finish(self.writable()?, claimed, now).await;
        self.note(outcome)
    }

    async fn enqueue(&mut self, deliveries: &[NewDelivery]) -> StorageResult<()> {
        let deliveries: Vec<&NewDelivery> = deliveries.iter().collect();
        let outcome = inbox::insert(self.writable()?, &deliveries).await;
        self.note(outcome).map(drop)
    }

    async fn audit(&mut self, entry: &AuditEntry) -> StorageResult<()> {
        let outcome = audit::insert(self.writable()?, entry).await;
        self.note(outcome)
    }

    async fn savepoint(&mut self) -> StorageResult<()> {
        let statement = format!("SAVEPOINT mark_{}", self.savepoints + 1);
        let outcome = self.link()?.control(statement).await;
        self.note(outcome)?;
        self.savepoints += 1;
        Ok(())
    }

    async fn undo(&mut self) -> StorageResult<()> {
        let depth = self.savepoints.checked_sub(1).ok_or_else(|| internal("there is no savepoint to go back to"))?;
        let statement = format!("ROLLBACK TO SAVEPOINT mark_{0}; RELEASE SAVEPOINT mark_{0}", self.savepoints);
        let link = self.link_to_go_back()?;
        if link.is_busy() {
            return Err(StorageError::Unavailable("a call in this transaction was abandoned before its end".to_owned()));
        }
        let outcome = link.control(statement).await;
        self.note(outcome)?;
        self.savepoints = depth;
        self.failed.take_if(|failure| failure.depth > depth);
        Ok(())
    }

    async fn keep(&mut self) -> StorageResult<()> {
        let depth = self.savepoints.checked_sub(1).ok_or_else(|| internal("there is no savepoint to keep"))?;
        let statement = format!("RELEASE SAVEPOINT mark_{}", self.savepoints);
        let outcome = self.link()?.control(statement).await;
        self.note(outcome)?;
        self.savepoints = depth;
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> StorageResult<()> {
        self.link()?.control("COMMIT").await.inspect_err(|_| {
            if let Some(link) = &mut self.link {
                link.discard();
            }
        })?;
        self.link = None;
        Ok(())
    }

    async fn rollback(mut self: Box<Self>) -> StorageResult<()> {
        match self.link.take() {
            // Nothing is known of the connection: dropping it closes it, which rolls back.
            Some(link) if link.is_busy() => Ok(()),
            Some(link) => roll_back(link).await,
            None => Ok(()),
        }
    }
}

impl Drop for StoreTransaction {
    fn drop(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        if link.is_busy() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    if let Err(error) = roll_back(link).await {
                        tracing::warn!(%error, "a dropped transaction ended with its connection, not by a rollback");
                    }
                });
            }
            Err(_) => link.discard(),
        }
    }
}

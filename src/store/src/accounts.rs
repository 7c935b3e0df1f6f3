//! Operators, their sessions, and API tokens. Tokens are known by their SHA-256 alone; who reads the database cannot sign in.

use contract::catalog::{Role, Scope};
use engine::storage::{Access, SessionRecord, StorageError, StorageResult, TokenRecord};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    connect::Db,
    error::internal,
    sql::{Arg, args},
};

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// UUIDv7.
    pub id: Uuid,
    /// Name; unique.
    pub name: String,
    /// Role.
    pub role: Role,
    /// When it was added.
    pub created_at: Timestamp,
}

/// An API token as it is listed; the token itself is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// UUIDv7.
    pub id: Uuid,
    /// Name to show.
    pub name: String,
    /// Scope.
    pub scope: Scope,
    /// When it was issued.
    pub created_at: Timestamp,
    /// After this it is over.
    pub expires_at: Option<Timestamp>,
    /// Last use, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The word that a role or scope has in manifests.
fn word(value: impl Serialize) -> StorageResult<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        other => Err(internal(format!("{other:?} is no word"))),
    }
}

pub(crate) async fn add_operator(db: &Db, name: &str, role: Role) -> StorageResult<Uuid> {
    let id = Uuid::now_v7();
    let sql = "INSERT INTO operators (id, name, role, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING";
    match db.link(Access::Write).await?.execute(sql, args![id, name, word(role)?, Timestamp::now()]).await? {
        0 => Err(StorageError::Conflict(format!("there is an operator `{name}` already"))),
        _ => Ok(id),
    }
}

pub(crate) async fn operators(db: &Db) -> StorageResult<Vec<Operator>> {
    let rows =
        db.link(Access::Read).await?.rows("SELECT id, name, role, created_at FROM operators ORDER BY name", Vec::new()).await?;
    let operator = |row: &crate::sql::Row| {
        Ok(Operator {
            id: row.uuid("id")?,
            name: row.text("name")?,
            role: row.named("role")?,
            created_at: row.time("created_at")?,
        })
    };
    rows.iter().map(operator).collect()
}

pub(crate) async fn add_session(db: &Db, operator: Uuid, digest: &[u8; 32], expires_at: Timestamp) -> StorageResult<()> {
    let now = Timestamp::now();
    let mut link = db.link(Access::Write).await?;
    link.execute("DELETE FROM sessions WHERE expires_at <= $1", args![now]).await?;
    let sql = "INSERT INTO sessions (digest, operator_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    link.execute(sql, args![digest.as_slice(), operator, now, expires_at]).await.map(drop)
}

pub(crate) async fn remove_session(db: &Db, digest: &[u8; 32]) -> StorageResult<bool> {
    let sql = "DELETE FROM sessions WHERE digest = $1";
    Ok(db.link(Access::Write).await?.execute(sql, args![digest.as_slice()]).await? == 1)
}

pub(crate) async fn session(db: &Db, digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<SessionRecord>> {
    let sql = "SELECT s.operator_id, o.name, o.role, s.expires_at FROM sessions AS s JOIN operators AS o ON o.id = s.operator_id \
               WHERE s.digest = $1 AND s.expires_at > $2";
    let Some(row) = db.link(Access::Read).await?.row(sql, args![digest.as_slice(), now]).await? else { return Ok(None) };
    Ok(Some(SessionRecord {
        operator_id: row.uuid("operator_id")?,
        name: row.text("name")?,
        role: row.named("role")?,
        expires_at: row.time("expires_at")?,
    }))
}

pub(crate) async fn add_token(
    db: &Db,
    name: &str,
    scope: Scope,
    digest: &[u8; 32],
    expires_at: Option<Timestamp>,
) -> StorageResult<Uuid> {
    let id = Uuid::now_v7();
    let sql = "INSERT INTO api_tokens (id, name, scope, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let args = args![id, name, word(scope)?, digest.as_slice(), Timestamp::now(), expires_at];
    db.link(Access::Write).await?.execute(sql, args).await?;
    Ok(id)
}

pub(crate) async fn tokens(db: &Db) -> StorageResult<Vec<ApiToken>> {
    let sql = "SELECT id, name, scope, created_at, expires_at, last_used_at, revoked_at FROM api_tokens ORDER BY id";
    let rows = db.link(Access::Read).await?.rows(sql, Vec::new()).await?;
    let token = |row: &crate::sql::Row| {
        Ok(ApiToken {
            id: row.uuid("id")?,
            name: row.text("name")?,
            scope: row.named("scope")?,
            created_at: row.time("created_at")?,
            expires_at: row.opt_time("expires_at")?,
            last_used_at: row.opt_time("last_used_at")?,
            revoked_at: row.opt_time("revoked_at")?,
        })
    };
    rows.iter().map(token).collect()
}

pub(crate) async fn revoke_token(db: &Db, id: Uuid) -> StorageResult<bool> {
    let sql = "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(db.link(Access::Write).await?.execute(sql, args![id, Timestamp::now()]).await? == 1)
}

pub(crate) async fn token(db: &Db, digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<TokenRecord>> {
    let sql = "SELECT id, name, scope, expires_at, last_used_at FROM api_tokens \
               WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    let Some(row) = db.link(Access::Read).await?.row(sql, args![digest.as_slice(), now]).await? else { return Ok(None) };
    let record = TokenRecord {
        id: row.uuid("id")?,
        name: row.text("name")?,
        scope: row.named("scope")?,
        expires_at: row.opt_time("expires_at")?,
    };
    note_use(db, record.id, row.opt_time("last_used_at")?, now).await;
    Ok(Some(record))
}

/// At most once a minute, and never the reason why a good token is refused.
async fn note_use(db: &Db, id: Uuid, last: Option<Timestamp>, now: Timestamp) {
    let minute_ago = now.saturating_sub(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MIN);
    if last.is_some_and(|last| last > minute_ago) {
        return;
    }
    let sql = "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
    let args: Vec<Arg<'_>> = args![id, now, minute_ago];
    let outcome = match db.link(Access::Write).await {
        Ok(mut link) => link.execute(sql, args).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, token = %id, "the use of an API token could not be noted");
    }
}

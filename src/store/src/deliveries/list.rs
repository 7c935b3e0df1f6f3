//! Showing deliveries: lists, single ones, how many wait. Nothing here changes anything.

use engine::storage::{Access, DeliveryFilter, DeliveryRecord, DeliveryState, QueueDepth, StorageResult};
use uuid::Uuid;

use super::{flow_of, flow_word, inbox::reply_of, message_of, state_of, state_word};
use crate::{
    connect::Db,
    sql::{Arg, Row, args},
};

const SHOWN: &str = "id, flow, contract, target, handler, idempotency_key, subject, state, attempts, max_attempts, due_at, \
                     received_at, finished_at, last_error, request_id, actor, reply_status, reply_type, reply_body";

/// The condition of the index over what is not done. SQLite uses a partial index only where the query says the same.
const WAITING: &str = "state IN ('pending', 'running', 'dead')";

/// See [`engine::storage::Storage::deliveries`].
pub(crate) async fn deliveries(db: &Db, filter: &DeliveryFilter) -> StorageResult<Vec<DeliveryRecord>> {
    let (sql, args) = list_query(filter);
    let rows = db.link(Access::Read).await?.rows(sql, args).await?;
    rows.iter().map(of_row).collect()
}

/// Built from the conditions that are asked for: one text for all of them would hide the indexes from the planner.
pub(super) fn list_query(filter: &DeliveryFilter) -> (String, Vec<Arg<'_>>) {
    let mut conditions = Vec::new();
    let mut values: Vec<Arg<'_>> = Vec::new();
    if let Some(state) = filter.state {
        if state != DeliveryState::Done {
            conditions.push(WAITING.to_owned());
        }
        conditions.push(format!("state = '{}'", state_word(state)));
    }
    if let Some(flow) = filter.flow {
        conditions.push(format!("flow = '{}'", flow_word(flow)));
    }
    if let Some(contract) = &filter.contract {
        values.push(Arg::from(contract));
        conditions.push(format!("contract = ${}", values.len()));
    }
    if let Some(before) = filter.before {
        values.push(Arg::from(before));
        conditions.push(format!("id < ${}", values.len()));
    }
    let condition = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    values.push(Arg::from(filter.limit));
    // The ids come from indexes alone; only the rows that are shown are read.
    let ids = format!("SELECT id FROM deliveries{condition} ORDER BY id DESC LIMIT ${}", values.len());
    (format!("SELECT {SHOWN} FROM deliveries WHERE id IN ({ids}) ORDER BY id DESC"), values)
}

/// See [`engine::storage::Storage::delivery`].
pub(crate) async fn delivery(db: &Db, id: Uuid) -> StorageResult<Option<DeliveryRecord>> {
    let sql = format!("SELECT {SHOWN}, message, body FROM deliveries WHERE id = $1");
    let Some(row) = db.link(Access::Read).await?.row(sql, args![id]).await? else { return Ok(None) };
    Ok(Some(DeliveryRecord { message: Some(message_of(&row)?), ..of_row(&row)? }))
}

fn of_row(row: &Row) -> StorageResult<DeliveryRecord> {
    Ok(DeliveryRecord {
        id: row.uuid("id")?,
        flow: flow_of(row)?,
        contract: row.text("contract")?,
        target: row.text("target")?,
        handler: row.text("handler")?,
        key: row.opt_text("idempotency_key")?,
        subject: row.opt_text("subject")?,
        state: state_of(row)?,
        attempts: row.count("attempts")?,
        max_attempts: row.count("max_attempts")?,
        due_at: row.time("due_at")?,
        received_at: row.time("received_at")?,
        finished_at: row.opt_time("finished_at")?,
        last_error: row.opt_text("last_error")?,
        request_id: row.text("request_id")?,
        actor: row.text("actor")?,
        reply: reply_of(row)?,
        message: None,
    })
}

pub(super) const NEWEST_KEY: &str = "SELECT idempotency_key FROM deliveries \
                                     WHERE flow = 'inbound' AND contract = $1 AND target = $2 AND idempotency_key IS NOT NULL \
                                     ORDER BY idempotency_key DESC LIMIT 1";

/// See [`engine::storage::Storage::newest_key`].
pub(crate) async fn newest_key(db: &Db, contract: &str, target: &str) -> StorageResult<Option<String>> {
    let row = db.link(Access::Read).await?.row(NEWEST_KEY, args![contract, target]).await?;
    row.map(|row| row.text("idempotency_key")).transpose()
}

/// The index over what waits is the right one, however many deliveries of the target are done: flow and target are written so
/// that no planner looks for them in the index of keys.
pub(super) const UNFINISHED: &str = "SELECT id FROM deliveries \
                                     WHERE state IN ('pending', 'running', 'dead') AND state IN ('pending', 'running') \
                                     AND contract = $1 AND flow || '' = 'inbound' AND target || '' = $2 \
                                     AND (idempotency_key IS NULL OR idempotency_key <> $3) LIMIT 1";

/// See [`engine::storage::Storage::has_unfinished`].
pub(crate) async fn has_unfinished(db: &Db, contract: &str, target: &str, but_key: &str) -> StorageResult<bool> {
    let row = db.link(Access::Read).await?.row(UNFINISHED, args![contract, target, but_key]).await?;
    Ok(row.is_some())
}

pub(super) const DEPTHS: &str = "SELECT state, contract, flow, COUNT(*) AS waiting FROM deliveries \
                                 WHERE state IN ('pending', 'running', 'dead') \
                                 GROUP BY state, contract, flow ORDER BY contract, flow, state";

/// See [`engine::storage::Storage::depths`]. What is done does not wait and is not counted.
pub(crate) async fn depths(db: &Db) -> StorageResult<Vec<QueueDepth>> {
    let rows = db.link(Access::Read).await?.rows(DEPTHS, Vec::new()).await?;
    let depth = |row: &Row| {
        Ok(QueueDepth {
            contract: row.text("contract")?,
            flow: flow_of(row)?,
            state: state_of(row)?,
            count: row.count("waiting")?,
        })
    };
    rows.iter().map(depth).collect()
}

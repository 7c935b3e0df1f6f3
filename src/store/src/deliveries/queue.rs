//! The life of a delivery after it was stored: claimed under a lease, then done, tried again or given up.
//!
//! A running delivery's `due_at` is the end of its lease, so that what is due and what was abandoned are one condition over one
//! index. A lease is known by its token; whoever lost it can change nothing.

use std::time::Duration;

use engine::storage::{Access, Claimed, Flow, StorageResult, Verdict};
use jiff::Timestamp;
use uuid::Uuid;

use super::{flow_of, message_of};
use crate::{
    connect::Db,
    error::internal,
    sql::{Link, Row, args},
};

/// Longest failure text that is kept.
const LONGEST_ERROR: usize = 4000;

/// $1 lease, $2 its end, $3 now, $4 limit. An abandoned delivery whose attempts are spent comes back dead: were it tried for
/// ever, a message that kills the process would kill it for ever.
macro_rules! claim {
    ($condition:literal, $lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (SELECT seq FROM deliveries AS d WHERE ", $condition,
            " AND d.state IN ('pending', 'running') AND d.due_at <= $3 ORDER BY d.due_at, d.seq LIMIT $4", $lock, ") ",
            "UPDATE deliveries SET ",
            "state = CASE WHEN state = 'running' AND attempts >= max_attempts THEN 'dead' ELSE 'running' END, ",
            "attempts = CASE WHEN state = 'running' AND attempts >= max_attempts THEN attempts ELSE attempts + 1 END, ",
            "lease = CASE WHEN state = 'running' AND attempts >= max_attempts THEN NULL ELSE $1 END, ",
            "due_at = CASE WHEN state = 'running' AND attempts >= max_attempts THEN due_at ELSE $2 END, ",
            "finished_at = CASE WHEN state = 'running' AND attempts >= max_attempts THEN CAST($3 AS BIGINT) ELSE NULL END, ",
            "last_error = CASE WHEN state = 'running' AND attempts >= max_attempts ",
            "THEN 'the process died during the attempt' ELSE last_error END ",
            "WHERE seq IN (SELECT seq FROM due) ",
            "RETURNING seq, id, flow, contract, target, handler, subject, state, attempts, max_attempts, received_at, request_id, ",
            "actor, message, body"
        )
    };
}

macro_rules! claim_outbound {
    ($lock:literal) => {
        claim!(
            "d.flow = 'outbound' AND NOT EXISTS (SELECT 1 FROM deliveries AS earlier WHERE earlier.flow = 'outbound' \
             AND earlier.state IN ('pending', 'running') AND earlier.subject IS NOT NULL AND earlier.contract = d.contract \
             AND earlier.target = d.target AND earlier.subject = d.subject AND earlier.seq < d.seq)",
            $lock
        )
    };
}

pub(super) fn claim_text(flow: Flow, postgres: bool) -> &'static str {
    match (flow, postgres) {
        (Flow::Inbound, true) => claim!("d.flow = 'inbound'", " FOR UPDATE SKIP LOCKED"),
        (Flow::Inbound, false) => claim!("d.flow = 'inbound'", ""),
        (Flow::Outbound, true) => claim_outbound!(" FOR UPDATE SKIP LOCKED"),
        (Flow::Outbound, false) => claim_outbound!(""),
    }
}

/// See [`engine::storage::Storage::claim`].
pub(crate) async fn claim(db: &Db, flow: Flow, limit: u32, lease: Duration, now: Timestamp) -> StorageResult<Vec<Claimed>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let token = Uuid::now_v7();
    let end = now.checked_add(lease).map_err(|error| internal(format!("a lease of {} s: {error}", lease.as_secs())))?;
    let mut link = db.link(Access::Write).await?;
    let rows = link.rows(claim_text(flow, link.is_postgres()), args![token, end, now, limit]).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let (order, id, contract) = (row.int("seq")?, row.uuid("id")?, row.text("contract")?);
        if row.text("state")? == "dead" {
            tracing::warn!(%id, contract, "a delivery was given up: the process died during its last attempt");
            continue;
        }
        claimed.push((order, of_row(&row, token)?));
    }
    // RETURNING has no order.
    claimed.sort_by_key(|(order, _)| *order);
    Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
}

fn of_row(row: &Row, lease: Uuid) -> StorageResult<Claimed> {
    Ok(Claimed {
        id: row.uuid("id")?,
        flow: flow_of(row)?,
        contract: row.text("contract")?,
        target: row.text("target")?,
        handler: row.text("handler")?,
        subject: row.opt_text("subject")?,
        message: message_of(row)?,
        request_id: row.text("request_id")?,
        actor: row.text("actor")?,
        received_at: row.time("received_at")?,
        attempt: row.count("attempts")?,
        max_attempts: row.count("max_attempts")?,
        lease,
    })
}

/// See [`engine::storage::Transaction::finish`].
pub(crate) async fn finish(link: &mut Link, claimed: &Claimed, now: Timestamp) -> StorageResult<bool> {
    let sql = "UPDATE deliveries SET state = 'done', finished_at = $3, lease = NULL \
               WHERE id = $1 AND lease = $2 AND state = 'running'";
    Ok(link.execute(sql, args![claimed.id, claimed.lease, now]).await? == 1)
}

/// See [`engine::storage::Storage::fail`].
pub(crate) async fn fail(db: &Db, claimed: &Claimed, error: &str, verdict: &Verdict, now: Timestamp) -> StorageResult<bool> {
    let mut link = db.link(Access::Write).await?;
    let error = clip(error, LONGEST_ERROR);
    let touched = match verdict {
        Verdict::Retry(at) => {
            let sql = "UPDATE deliveries SET state = 'pending', due_at = $3, last_error = $4, lease = NULL \
                       WHERE id = $1 AND lease = $2 AND state = 'running'";
            link.execute(sql, args![claimed.id, claimed.lease, *at, error]).await?
        }
        Verdict::Dead => {
            let sql = "UPDATE deliveries SET state = 'dead', finished_at = $3, last_error = $4, lease = NULL \
                       WHERE id = $1 AND lease = $2 AND state = 'running'";
            link.execute(sql, args![claimed.id, claimed.lease, now, error]).await?
        }
    };
    Ok(touched == 1)
}

/// The first `most` bytes, cut between characters.
pub(crate) fn clip(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// See [`engine::storage::Storage::release`]. What is handed back is due at once.
pub(crate) async fn release(db: &Db, claimed: &[Claimed]) -> StorageResult<()> {
    if claimed.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE deliveries SET state = 'pending', attempts = attempts - 1, due_at = received_at, lease = NULL \
               WHERE id = $1 AND lease = $2 AND state = 'running'";
    let mut link = db.link(Access::Write).await?;
    for delivery in claimed {
        link.execute(sql, args![delivery.id, delivery.lease]).await?;
    }
    Ok(())
}

/// See [`engine::storage::Storage::replay`].
pub(crate) async fn replay(db: &Db, id: Uuid, now: Timestamp) -> StorageResult<bool> {
    let sql = "UPDATE deliveries SET state = 'pending', attempts = 0, due_at = $2, lease = NULL, finished_at = NULL \
               WHERE id = $1 AND state IN ('done', 'dead') AND reply_status IS NULL";
    Ok(db.link(Access::Write).await?.execute(sql, args![id, now]).await? == 1)
}

macro_rules! prune {
    ($state:literal, $lock:literal) => {
        concat!(
            "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE state = '",
            $state,
            "' AND finished_at < $1 ORDER BY finished_at LIMIT $2",
            $lock,
            ")"
        )
    };
}

/// For what is done and for what is dead: $1 the time, $2 the limit.
pub(super) fn prune_texts(postgres: bool) -> [&'static str; 2] {
    if postgres {
        [prune!("done", " FOR UPDATE SKIP LOCKED"), prune!("dead", " FOR UPDATE SKIP LOCKED")]
    } else {
        [prune!("done", ""), prune!("dead", "")]
    }
}

/// See [`engine::storage::Storage::prune`]. Each statement commits by itself and takes at most `limit` rows, so that nobody
/// waits long; call it again while it answers `limit`.
pub(crate) async fn prune(db: &Db, done_before: Timestamp, dead_before: Timestamp, limit: u32) -> StorageResult<u64> {
    let [done, dead] = prune_texts(db.is_postgres());
    let mut link = db.link(Access::Write).await?;
    let removed = link.execute(done, args![done_before, limit]).await?;
    let rest = u64::from(limit).saturating_sub(removed);
    match u32::try_from(rest) {
        Ok(rest) if rest > 0 => Ok(removed + link.execute(dead, args![dead_before, rest]).await?),
        _ => Ok(removed),
    }
}

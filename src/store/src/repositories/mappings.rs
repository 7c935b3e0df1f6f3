//! Ties to remote objects, and counts of remote events that nothing here handles.

use domain::{ExternalMapping, MappedKind};
use engine::storage::StorageResult;
use jiff::Timestamp;
use uuid::Uuid;

use super::locked;
use crate::{
    deliveries::queue::clip,
    sql::{Row, args},
    transaction::StoreTransaction,
};

/// Longest kind of event that is kept: it comes from outside.
const LONGEST_KIND: usize = 200;

pub(super) async fn find(
    transaction: &mut StoreTransaction,
    source: &str,
    kind: MappedKind,
    external_id: &str,
) -> StorageResult<Option<ExternalMapping>> {
    let [plain, locking] = locked!("SELECT * FROM external_mappings WHERE source = $1 AND kind = $2 AND external_id = $3");
    let args = || args![source, kind.as_str(), external_id];
    let name = || format!("mapping\u{1f}{source}\u{1f}{kind}\u{1f}{external_id}");
    let row = super::find_locked(transaction, plain, locking, args, name).await?;
    row.as_ref().map(of_row).transpose()
}

pub(super) async fn of_local(
    transaction: &mut StoreTransaction,
    kind: MappedKind,
    local_id: Uuid,
) -> StorageResult<Vec<ExternalMapping>> {
    let sql = "SELECT * FROM external_mappings WHERE kind = $1 AND local_id = $2 ORDER BY source, external_id";
    transaction.rows(sql, args![kind.as_str(), local_id]).await?.iter().map(of_row).collect()
}

pub(super) async fn put(transaction: &mut StoreTransaction, mapping: &ExternalMapping) -> StorageResult<()> {
    let sql = "INSERT INTO external_mappings (source, kind, external_id, local_id, source_updated_at, deleted_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source, kind, external_id) DO UPDATE SET local_id = excluded.local_id, \
               source_updated_at = excluded.source_updated_at, deleted_at = excluded.deleted_at";
    let args = args![
        &mapping.source,
        mapping.kind.as_str(),
        &mapping.external_id,
        mapping.local_id,
        mapping.source_updated_at,
        mapping.deleted_at,
    ];
    transaction.execute(sql, args).await.map(drop)
}

pub(super) async fn count_unknown(
    transaction: &mut StoreTransaction,
    source: &str,
    kind: &str,
    now: Timestamp,
) -> StorageResult<()> {
    let sql = "INSERT INTO unknown_events AS known (source, kind, events, first_at, last_at) VALUES ($1, $2, 1, $3, $3) \
               ON CONFLICT (source, kind) DO UPDATE SET events = known.events + 1, last_at = excluded.last_at";
    transaction.execute(sql, args![source, clip(kind, LONGEST_KIND), now]).await.map(drop)
}

fn of_row(row: &Row) -> StorageResult<ExternalMapping> {
    Ok(ExternalMapping {
        source: row.text("source")?,
        kind: row.word("kind")?,
        external_id: row.text("external_id")?,
        local_id: row.uuid("local_id")?,
        source_updated_at: row.opt_time("source_updated_at")?,
        deleted_at: row.opt_time("deleted_at")?,
    })
}

//! Counts of uses of deprecated surfaces.

use engine::storage::{Access, DeprecatedUse, DeprecatedUses, StorageResult, Transaction as _};
use jiff::Timestamp;

use crate::{
    connect::Db,
    deliveries::queue::clip,
    sql::{Row, args},
    transaction::StoreTransaction,
};

/// Longest name of a caller or surface that is kept: both can come from outside.
const LONGEST: usize = 200;

pub(crate) async fn count(db: &Db, uses: &[(DeprecatedUse, u64)], now: Timestamp) -> StorageResult<()> {
    if uses.is_empty() {
        return Ok(());
    }
    // In one order, so that two processes never wait for each other.
    let mut ordered: Vec<_> = uses.iter().collect();
    ordered.sort_by(|(one, _), (other, _)| {
        (&one.contract, &one.surface, &one.caller).cmp(&(&other.contract, &other.surface, &other.caller))
    });
    let sql = "INSERT INTO deprecated_uses AS known (contract, surface, caller, uses, first_at, last_at) VALUES ($1, $2, $3, $4, $5, $5) \
               ON CONFLICT (contract, surface, caller) DO UPDATE SET uses = known.uses + excluded.uses, last_at = excluded.last_at";
    let mut transaction = Box::new(StoreTransaction::begin(db, Access::Write).await?);
    for (used, times) in ordered {
        let times = i64::try_from(*times).unwrap_or(i64::MAX);
        let args = args![&used.contract, clip(&used.surface, LONGEST), clip(&used.caller, LONGEST), times, now];
        transaction.execute(sql, args).await?;
    }
    transaction.commit().await
}

pub(crate) async fn all(db: &Db) -> StorageResult<Vec<DeprecatedUses>> {
    let sql = "SELECT contract, surface, caller, uses, first_at, last_at FROM deprecated_uses ORDER BY contract, surface, caller";
    let rows = db.link(Access::Read).await?.rows(sql, Vec::new()).await?;
    let uses = |row: &Row| {
        Ok(DeprecatedUses {
            contract: row.text("contract")?,
            surface: row.text("surface")?,
            caller: row.text("caller")?,
            count: row.count("uses")?,
            first_at: row.time("first_at")?,
            last_at: row.time("last_at")?,
        })
    };
    rows.iter().map(uses).collect()
}

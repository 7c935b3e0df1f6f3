//! The audit log: entries are added, read, and never changed.

use engine::storage::{Access, AuditEntry, StorageResult};
use uuid::Uuid;

use crate::{
    connect::Db,
    sql::{Link, Row, args},
};

pub(crate) async fn insert(link: &mut Link, entry: &AuditEntry) -> StorageResult<()> {
    let sql = "INSERT INTO audit_entries (id, at, actor, contract, request_id, action, object_kind, object_id, details) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let args = args![
        entry.id,
        entry.at,
        &entry.actor,
        &entry.contract,
        &entry.request_id,
        &entry.action,
        &entry.object_kind,
        &entry.object_id,
        &entry.details,
    ];
    link.execute(sql, args).await.map(drop)
}

pub(crate) async fn entries(db: &Db, limit: u32, before: Option<Uuid>) -> StorageResult<Vec<AuditEntry>> {
    let mut link = db.link(Access::Read).await?;
    let rows = match before {
        Some(before) => {
            link.rows("SELECT * FROM audit_entries WHERE id < $1 ORDER BY id DESC LIMIT $2", args![before, limit]).await?
        }
        None => link.rows("SELECT * FROM audit_entries ORDER BY id DESC LIMIT $1", args![limit]).await?,
    };
    rows.iter().map(of_row).collect()
}

fn of_row(row: &Row) -> StorageResult<AuditEntry> {
    Ok(AuditEntry {
        id: row.uuid("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        contract: row.text("contract")?,
        request_id: row.text("request_id")?,
        action: row.text("action")?,
        object_kind: row.text("object_kind")?,
        object_id: row.text("object_id")?,
        details: row.json("details")?,
    })
}

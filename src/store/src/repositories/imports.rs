//! Setup imports.

use domain::{ProjectionState, SetupImport};
use engine::storage::{StorageError, StorageResult};
use uuid::Uuid;

use super::locked;
use crate::{
    error::internal,
    sql::{Row, args, missing},
    transaction::StoreTransaction,
};

pub(super) async fn find(
    transaction: &mut StoreTransaction,
    source: &str,
    import_id: &str,
) -> StorageResult<Option<SetupImport>> {
    let [plain, locking] = locked!("SELECT * FROM setup_imports WHERE source = $1 AND import_id = $2");
    let name = || format!("import\u{1f}{source}\u{1f}{import_id}");
    let row = super::find_locked(transaction, plain, locking, || args![source, import_id], name).await?;
    row.as_ref().map(of_row).transpose()
}

/// The project is held until the transaction ends: two imports of one project cannot come to the same next revision.
pub(super) async fn last_revision(transaction: &mut StoreTransaction, project: Uuid) -> StorageResult<i64> {
    transaction.lock_name(format!("imports of\u{1f}{project}")).await?;
    let sql = "SELECT COALESCE(MAX(revision), 0) AS revision FROM setup_imports WHERE project_id = $1";
    transaction.row(sql, args![project]).await?.ok_or_else(|| internal("no revision"))?.int("revision")
}

pub(super) async fn newest(transaction: &mut StoreTransaction) -> StorageResult<Vec<SetupImport>> {
    let sql = "SELECT * FROM setup_imports AS i WHERE NOT EXISTS (SELECT 1 FROM setup_imports AS later \
               WHERE later.task_id = i.task_id AND later.revision > i.revision) ORDER BY i.project_id, i.revision";
    transaction.rows(sql, Vec::new()).await?.iter().map(of_row).collect()
}

pub(super) async fn add(transaction: &mut StoreTransaction, import: &SetupImport) -> StorageResult<()> {
    let sql = "INSERT INTO setup_imports (source, import_id, digest, project_id, task_id, payload, revision, projection, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let args = args![
        &import.source,
        &import.import_id,
        &import.digest,
        import.project_id,
        import.task_id,
        &import.payload,
        import.revision,
        import.projection.as_str(),
        import.created_at,
    ];
    match transaction.execute(sql, args).await? {
        0 => Err(StorageError::Conflict(format!(
            "the import {} of {} or revision {} of its project is there already",
            import.import_id, import.source, import.revision
        ))),
        _ => Ok(()),
    }
}

pub(super) async fn set_projection(
    transaction: &mut StoreTransaction,
    source: &str,
    import_id: &str,
    state: ProjectionState,
) -> StorageResult<()> {
    let sql = "UPDATE setup_imports SET projection = $3 WHERE source = $1 AND import_id = $2";
    match transaction.execute(sql, args![source, import_id, state.as_str()]).await? {
        0 => Err(missing(&format!("import {import_id} of {source}"))),
        _ => Ok(()),
    }
}

pub(super) async fn pending(transaction: &mut StoreTransaction) -> StorageResult<Vec<SetupImport>> {
    let sql = "SELECT * FROM setup_imports WHERE projection = 'pending' ORDER BY created_at, revision, import_id";
    transaction.rows(sql, Vec::new()).await?.iter().map(of_row).collect()
}

fn of_row(row: &Row) -> StorageResult<SetupImport> {
    Ok(SetupImport {
        import_id: row.text("import_id")?,
        source: row.text("source")?,
        digest: row.bytes("digest")?,
        project_id: row.uuid("project_id")?,
        task_id: row.uuid("task_id")?,
        payload: row.json("payload")?,
        revision: row.int("revision")?,
        projection: row.word("projection")?,
        created_at: row.time("created_at")?,
    })
}

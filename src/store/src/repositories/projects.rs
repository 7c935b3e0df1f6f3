//! Projects.

use domain::Project;
use engine::storage::{StorageError, StorageResult};
use uuid::Uuid;

use crate::{
    sql::{Row, args, missing},
    transaction::StoreTransaction,
};

pub(super) async fn find(transaction: &mut StoreTransaction, id_or_key: &str) -> StorageResult<Option<Project>> {
    let row = match id_or_key.parse::<Uuid>() {
        Ok(id) => transaction.row("SELECT id, key, title, created_at, updated_at FROM projects WHERE id = $1", args![id]).await?,
        Err(_) => {
            let key = id_or_key.to_ascii_uppercase();
            transaction.row("SELECT id, key, title, created_at, updated_at FROM projects WHERE key = $1", args![key]).await?
        }
    };
    row.as_ref().map(of_row).transpose()
}

pub(super) async fn list(transaction: &mut StoreTransaction, after: Option<&str>, limit: u32) -> StorageResult<Vec<Project>> {
    // No key is empty, so the empty text stands before every key.
    let after = after.unwrap_or_default().to_ascii_uppercase();
    let sql = "SELECT id, key, title, created_at, updated_at FROM projects WHERE key > $1 ORDER BY key LIMIT $2";
    transaction.rows(sql, args![after, limit]).await?.iter().map(of_row).collect()
}

pub(super) async fn add(transaction: &mut StoreTransaction, project: &Project) -> StorageResult<()> {
    let sql = "INSERT INTO projects (id, key, title, created_at, updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let args = args![project.id, project.key.as_str(), &project.title, project.created_at, project.updated_at];
    match transaction.execute(sql, args).await? {
        0 => Err(StorageError::Conflict(format!("there is a project {} already", project.key))),
        _ => Ok(()),
    }
}

pub(super) async fn update(transaction: &mut StoreTransaction, project: &Project) -> StorageResult<()> {
    let sql = "UPDATE projects SET title = $2, updated_at = $3 WHERE id = $1";
    match transaction.execute(sql, args![project.id, &project.title, project.updated_at]).await? {
        0 => Err(missing(&format!("project {}", project.id))),
        _ => Ok(()),
    }
}

fn of_row(row: &Row) -> StorageResult<Project> {
    Ok(Project {
        id: row.uuid("id")?,
        key: row.word("key")?,
        title: row.text("title")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

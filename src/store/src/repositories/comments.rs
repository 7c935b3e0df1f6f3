//! Comments on tasks.

use domain::Comment;
use engine::storage::StorageResult;
use uuid::Uuid;

use crate::{
    sql::{Row, args},
    transaction::StoreTransaction,
};

pub(super) async fn of_task(transaction: &mut StoreTransaction, task: Uuid) -> StorageResult<Vec<Comment>> {
    let sql = "SELECT * FROM comments WHERE task_id = $1 AND deleted_at IS NULL ORDER BY created_at, id";
    transaction.rows(sql, args![task]).await?.iter().map(of_row).collect()
}

pub(super) async fn find(transaction: &mut StoreTransaction, id: Uuid) -> StorageResult<Option<Comment>> {
    let row = transaction.row("SELECT * FROM comments WHERE id = $1", args![id]).await?;
    row.as_ref().map(of_row).transpose()
}

pub(super) async fn put(transaction: &mut StoreTransaction, comment: &Comment) -> StorageResult<()> {
    let sql = "INSERT INTO comments (id, task_id, author, body, created_at, updated_at, deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (id) DO UPDATE SET task_id = excluded.task_id, author = excluded.author, body = excluded.body, \
               created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at";
    let args = args![
        comment.id,
        comment.task_id,
        &comment.author,
        &comment.body,
        comment.created_at,
        comment.updated_at,
        comment.deleted_at,
    ];
    transaction.execute(sql, args).await.map(drop)
}

fn of_row(row: &Row) -> StorageResult<Comment> {
    Ok(Comment {
        id: row.uuid("id")?,
        task_id: row.uuid("task_id")?,
        author: row.text("author")?,
        body: row.text("body")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        deleted_at: row.opt_time("deleted_at")?,
    })
}

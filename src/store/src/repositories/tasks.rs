//! Tasks and their numbers.

use std::borrow::Cow;

use domain::{Task, TaskFilter, TaskKey};
use engine::storage::{StorageError, StorageResult};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    sql::{Arg, Row, args, clean, missing},
    transaction::StoreTransaction,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.project_id, p.key AS project_key, t.number, t.title, t.body, t.lane, t.priority, t.labels, t.assignee, ",
            "t.created_at, t.updated_at, t.deleted_at, t.revision FROM tasks AS t JOIN projects AS p ON p.id = t.project_id ",
            $rest
        )
    };
}

pub(super) async fn next_number(transaction: &mut StoreTransaction, project: Uuid) -> StorageResult<i64> {
    let sql = "UPDATE projects SET last_task_number = last_task_number + 1 WHERE id = $1 RETURNING last_task_number";
    let rows = transaction.returning(sql, args![project]).await?;
    rows.first().ok_or_else(|| missing(&format!("project {project}")))?.int("last_task_number")
}

/// Writes the row whether or not the counter is lower: the write is what locks it.
pub(super) async fn raise_number(transaction: &mut StoreTransaction, project: Uuid, number: i64) -> StorageResult<()> {
    let sql =
        "UPDATE projects SET last_task_number = CASE WHEN last_task_number < $2 THEN $2 ELSE last_task_number END WHERE id = $1";
    match transaction.execute(sql, args![project, number]).await? {
        0 => Err(missing(&format!("project {project}"))),
        _ => Ok(()),
    }
}

pub(super) async fn find(transaction: &mut StoreTransaction, id: Uuid) -> StorageResult<Option<Task>> {
    let row = transaction.row(select!("WHERE t.id = $1"), args![id]).await?;
    row.as_ref().map(of_row).transpose()
}

pub(super) async fn find_by_key(transaction: &mut StoreTransaction, key: &TaskKey) -> StorageResult<Option<Task>> {
    let row = transaction.row(select!("WHERE p.key = $1 AND t.number = $2"), args![key.project.as_str(), key.number]).await?;
    row.as_ref().map(of_row).transpose()
}

pub(super) async fn list(transaction: &mut StoreTransaction, project: Uuid, filter: &TaskFilter) -> StorageResult<Vec<Task>> {
    let lane = Arg::from(filter.lane.map(|lane| lane.as_str()));
    let args = args![project, filter.after.unwrap_or(0), lane, filter.label.as_deref(), filter.limit];
    // The databases name their JSON functions differently; the rest is one text.
    let sql = if transaction.is_postgres() {
        select!(
            "WHERE t.project_id = $1 AND t.deleted_at IS NULL AND t.number > $2 AND ($3 IS NULL OR t.lane = $3) AND ($4 IS NULL OR \
             EXISTS (SELECT 1 FROM json_array_elements_text(CAST(t.labels AS json)) AS label (value) WHERE label.value = $4)) \
             ORDER BY t.number LIMIT $5"
        )
    } else {
        select!(
            "WHERE t.project_id = $1 AND t.deleted_at IS NULL AND t.number > $2 AND ($3 IS NULL OR t.lane = $3) AND ($4 IS NULL OR \
             EXISTS (SELECT 1 FROM json_each(t.labels) AS label WHERE label.value = $4)) \
             ORDER BY t.number LIMIT $5"
        )
    };
    transaction.rows(sql, args).await?.iter().map(of_row).collect()
}

pub(super) async fn add(transaction: &mut StoreTransaction, task: &Task) -> StorageResult<()> {
    let sql = "INSERT INTO tasks (id, project_id, number, title, body, lane, priority, labels, assignee, created_at, updated_at, \
               deleted_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
    match transaction.execute(sql, values(task)).await? {
        0 => Err(StorageError::Conflict(format!("there is a task {} already", task.key))),
        _ => Ok(()),
    }
}

pub(super) async fn update(transaction: &mut StoreTransaction, task: &Task) -> StorageResult<()> {
    let sql = "UPDATE tasks SET project_id = $2, number = $3, title = $4, body = $5, lane = $6, priority = $7, labels = $8, \
               assignee = $9, created_at = $10, updated_at = $11, deleted_at = $12, revision = $13 \
               WHERE id = $1 AND revision = $13 - 1";
    match transaction.execute(sql, values(task)).await? {
        0 => Err(StorageError::Conflict(format!("task {} is not at revision {} any more", task.key, task.revision - 1))),
        _ => Ok(()),
    }
}

fn values(task: &Task) -> Vec<Arg<'_>> {
    // A NUL would be an escape that PostgreSQL cannot take apart again.
    let labels = Value::from_iter(task.labels.iter().map(|label| clean(Cow::Borrowed(label)).into_owned()));
    args![
        task.id,
        task.project_id,
        task.key.number,
        &task.title,
        &task.body,
        task.lane.as_str(),
        task.priority.as_str(),
        &labels,
        task.assignee.as_deref(),
        task.created_at,
        task.updated_at,
        task.deleted_at,
        task.revision,
    ]
}

fn of_row(row: &Row) -> StorageResult<Task> {
    Ok(Task {
        id: row.uuid("id")?,
        project_id: row.uuid("project_id")?,
        key: TaskKey { project: row.word("project_key")?, number: row.int("number")? },
        title: row.text("title")?,
        body: row.text("body")?,
        lane: row.word("lane")?,
        priority: row.word("priority")?,
        labels: row.json("labels")?,
        assignee: row.opt_text("assignee")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        deleted_at: row.opt_time("deleted_at")?,
        revision: row.int("revision")?,
    })
}

//! Approvals and their decisions.

use domain::{Approval, ApprovalSource, Decision};
use engine::storage::StorageResult;

use super::locked;
use crate::{
    sql::{Arg, Row, args},
    transaction::StoreTransaction,
};

pub(super) async fn find(
    transaction: &mut StoreTransaction,
    source: ApprovalSource,
    approval_id: &str,
) -> StorageResult<Option<Approval>> {
    let [plain, locking] = locked!("SELECT * FROM approvals WHERE source = $1 AND approval_id = $2");
    let name = || format!("approval\u{1f}{source}\u{1f}{approval_id}");
    let row = super::find_locked(transaction, plain, locking, || args![source.as_str(), approval_id], name).await?;
    row.as_ref().map(of_row).transpose()
}

pub(super) async fn by_id(transaction: &mut StoreTransaction, approval_id: &str) -> StorageResult<Vec<Approval>> {
    let sql = "SELECT * FROM approvals WHERE approval_id = $1 ORDER BY source";
    transaction.rows(sql, args![approval_id]).await?.iter().map(of_row).collect()
}

pub(super) async fn pending(
    transaction: &mut StoreTransaction,
    source: Option<ApprovalSource>,
    limit: u32,
) -> StorageResult<Vec<Approval>> {
    let sql = "SELECT * FROM approvals WHERE state = 'pending' AND ($1 IS NULL OR source = $1) \
               ORDER BY requested_at, approval_id LIMIT $2";
    let source = Arg::from(source.map(|source| source.as_str()));
    transaction.rows(sql, args![source, limit]).await?.iter().map(of_row).collect()
}

pub(super) async fn of_task(
    transaction: &mut StoreTransaction,
    project_id: &str,
    task_key: &str,
) -> StorageResult<Vec<Approval>> {
    let sql = "SELECT * FROM approvals WHERE project_id = $1 AND task_key = $2 ORDER BY requested_at DESC, approval_id DESC";
    transaction.rows(sql, args![project_id, task_key]).await?.iter().map(of_row).collect()
}

pub(super) async fn put(transaction: &mut StoreTransaction, approval: &Approval) -> StorageResult<()> {
    let sql = "INSERT INTO approvals (source, approval_id, project_id, task_key, title, summary, requested_by, requested_at, \
               expires_at, state, verdict, decided_by, decided_at, note, payload, source_updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
               ON CONFLICT (source, approval_id) DO UPDATE SET project_id = excluded.project_id, task_key = excluded.task_key, \
               title = excluded.title, summary = excluded.summary, requested_by = excluded.requested_by, \
               requested_at = excluded.requested_at, expires_at = excluded.expires_at, state = excluded.state, \
               verdict = excluded.verdict, decided_by = excluded.decided_by, decided_at = excluded.decided_at, \
               note = excluded.note, payload = excluded.payload, source_updated_at = excluded.source_updated_at";
    let decision = approval.decision.as_ref();
    let args = args![
        approval.source.as_str(),
        &approval.approval_id,
        &approval.project_id,
        &approval.task_key,
        &approval.title,
        &approval.summary,
        &approval.requested_by,
        approval.requested_at,
        approval.expires_at,
        approval.state.as_str(),
        decision.map(|decision| decision.verdict.as_str()),
        decision.map(|decision| decision.decided_by.as_str()),
        decision.map(|decision| decision.decided_at),
        decision.map(|decision| decision.note.as_str()),
        &approval.payload,
        approval.source_updated_at,
    ];
    transaction.execute(sql, args).await.map(drop)
}

fn of_row(row: &Row) -> StorageResult<Approval> {
    Ok(Approval {
        approval_id: row.text("approval_id")?,
        source: row.word("source")?,
        project_id: row.text("project_id")?,
        task_key: row.text("task_key")?,
        title: row.text("title")?,
        summary: row.text("summary")?,
        requested_by: row.text("requested_by")?,
        requested_at: row.time("requested_at")?,
        expires_at: row.opt_time("expires_at")?,
        state: row.word("state")?,
        decision: decision_of(row)?,
        payload: row.json("payload")?,
        source_updated_at: row.opt_time("source_updated_at")?,
    })
}

fn decision_of(row: &Row) -> StorageResult<Option<Decision>> {
    let Some(decided_at) = row.opt_time("decided_at")? else { return Ok(None) };
    Ok(Some(Decision {
        verdict: row.word("verdict")?,
        decided_by: row.text("decided_by")?,
        decided_at,
        note: row.opt_text("note")?.unwrap_or_default(),
    }))
}

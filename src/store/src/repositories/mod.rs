//! The domain's repositories inside a transaction; a file for each kind of object.

mod approvals;
mod comments;
mod imports;
mod mappings;
mod projects;
mod tasks;

use async_trait::async_trait;
use domain::{
    Approval, ApprovalSource, Comment, ExternalMapping, MappedKind, Project, ProjectionState, Repositories, RepositoryResult,
    SetupImport, Task, TaskFilter, TaskKey,
};
use engine::storage::StorageResult;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    error::of_domain,
    sql::{Arg, Row},
    transaction::StoreTransaction,
};

/// A query as it is and with its row locked.
macro_rules! locked {
    ($query:literal) => {
        [$query, concat!($query, " FOR UPDATE")]
    };
}
use locked;

/// One row, held until the transaction ends where that means something. A row that is there is locked itself, in one round
/// trip; for one that is missing its name is locked, and then it is looked for again, since the former holder of the name may
/// have made it (a statement sees what was committed before it began).
async fn find_locked<'a>(
    transaction: &mut StoreTransaction,
    plain: &'static str,
    locking: &'static str,
    args: impl Fn() -> Vec<Arg<'a>>,
    name: impl Fn() -> String,
) -> StorageResult<Option<Row>> {
    if !transaction.locks() {
        return transaction.row(plain, args()).await;
    }
    if let Some(row) = transaction.row(locking, args()).await? {
        return Ok(Some(row));
    }
    transaction.lock_name(name()).await?;
    transaction.row(locking, args()).await
}

#[async_trait]
impl Repositories for StoreTransaction {
    async fn project(&mut self, id_or_key: &str) -> RepositoryResult<Option<Project>> {
        projects::find(self, id_or_key).await.map_err(of_domain)
    }

    async fn projects(&mut self, after: Option<&str>, limit: u32) -> RepositoryResult<Vec<Project>> {
        projects::list(self, after, limit).await.map_err(of_domain)
    }

    async fn add_project(&mut self, project: &Project) -> RepositoryResult<()> {
        projects::add(self, project).await.map_err(of_domain)
    }

    async fn update_project(&mut self, project: &Project) -> RepositoryResult<()> {
        projects::update(self, project).await.map_err(of_domain)
    }

    async fn next_task_number(&mut self, project: Uuid) -> RepositoryResult<i64> {
        tasks::next_number(self, project).await.map_err(of_domain)
    }

    async fn raise_task_number(&mut self, project: Uuid, number: i64) -> RepositoryResult<()> {
        tasks::raise_number(self, project, number).await.map_err(of_domain)
    }

    async fn task(&mut self, id: Uuid) -> RepositoryResult<Option<Task>> {
        tasks::find(self, id).await.map_err(of_domain)
    }

    async fn task_by_key(&mut self, key: &TaskKey) -> RepositoryResult<Option<Task>> {
        tasks::find_by_key(self, key).await.map_err(of_domain)
    }

    async fn tasks(&mut self, project: Uuid, filter: &TaskFilter) -> RepositoryResult<Vec<Task>> {
        tasks::list(self, project, filter).await.map_err(of_domain)
    }

    async fn add_task(&mut self, task: &Task) -> RepositoryResult<()> {
        tasks::add(self, task).await.map_err(of_domain)
    }

    async fn update_task(&mut self, task: &Task) -> RepositoryResult<()> {
        tasks::update(self, task).await.map_err(of_domain)
    }

    async fn comments(&mut self, task: Uuid) -> RepositoryResult<Vec<Comment>> {
        comments::of_task(self, task).await.map_err(of_domain)
    }

    async fn comment(&mut self, id: Uuid) -> RepositoryResult<Option<Comment>> {
        comments::find(self, id).await.map_err(of_domain)
    }

    async fn put_comment(&mut self, comment: &Comment) -> RepositoryResult<()> {
        comments::put(self, comment).await.map_err(of_domain)
    }

    async fn mapping(&mut self, source: &str, kind: MappedKind, external_id: &str) -> RepositoryResult<Option<ExternalMapping>> {
        mappings::find(self, source, kind, external_id).await.map_err(of_domain)
    }

    async fn mappings_of(&mut self, kind: MappedKind, local_id: Uuid) -> RepositoryResult<Vec<ExternalMapping>> {
        mappings::of_local(self, kind, local_id).await.map_err(of_domain)
    }

    async fn put_mapping(&mut self, mapping: &ExternalMapping) -> RepositoryResult<()> {
        mappings::put(self, mapping).await.map_err(of_domain)
    }

    async fn import(&mut self, source: &str, import_id: &str) -> RepositoryResult<Option<SetupImport>> {
        imports::find(self, source, import_id).await.map_err(of_domain)
    }

    async fn last_import_revision(&mut self, project: Uuid) -> RepositoryResult<i64> {
        imports::last_revision(self, project).await.map_err(of_domain)
    }

    async fn newest_imports(&mut self) -> RepositoryResult<Vec<SetupImport>> {
        imports::newest(self).await.map_err(of_domain)
    }

    async fn add_import(&mut self, import: &SetupImport) -> RepositoryResult<()> {
        imports::add(self, import).await.map_err(of_domain)
    }

    async fn set_projection(&mut self, source: &str, import_id: &str, state: ProjectionState) -> RepositoryResult<()> {
        imports::set_projection(self, source, import_id, state).await.map_err(of_domain)
    }

    async fn pending_projections(&mut self) -> RepositoryResult<Vec<SetupImport>> {
        imports::pending(self).await.map_err(of_domain)
    }

    async fn approval(&mut self, source: ApprovalSource, approval_id: &str) -> RepositoryResult<Option<Approval>> {
        approvals::find(self, source, approval_id).await.map_err(of_domain)
    }

    async fn approvals_by_id(&mut self, approval_id: &str) -> RepositoryResult<Vec<Approval>> {
        approvals::by_id(self, approval_id).await.map_err(of_domain)
    }

    async fn pending_approvals(&mut self, source: Option<ApprovalSource>, limit: u32) -> RepositoryResult<Vec<Approval>> {
        approvals::pending(self, source, limit).await.map_err(of_domain)
    }

    async fn approvals_of_task(&mut self, project_id: &str, task_key: &str) -> RepositoryResult<Vec<Approval>> {
        approvals::of_task(self, project_id, task_key).await.map_err(of_domain)
    }

    async fn put_approval(&mut self, approval: &Approval) -> RepositoryResult<()> {
        approvals::put(self, approval).await.map_err(of_domain)
    }

    async fn count_unknown_event(&mut self, source: &str, kind: &str, now: Timestamp) -> RepositoryResult<()> {
        mappings::count_unknown(self, source, kind, now).await.map_err(of_domain)
    }
}

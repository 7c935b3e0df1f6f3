//! What the domain asks of its storage. One object gives access to everything inside one transaction; lookups return
//! `Option`; nothing is deleted, only marked.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    Approval, ApprovalSource, Comment, ExternalMapping, Lane, MappedKind, Project, ProjectKey, ProjectionState, SetupImport,
    Task, TaskKey,
};

/// Why the storage did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RepositoryError {
    /// It cannot be reached or is busy.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A concurrent writer won.
    #[error("a concurrent change conflicts: {0}")]
    Conflict(String),
    /// A mistake in the program or in stored data.
    #[error("the database refused: {0}")]
    Internal(String),
}

/// Result of a repository call.
pub type RepositoryResult<T> = Result<T, RepositoryError>;

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// In this lane.
    pub lane: Option<Lane>,
    /// With this label.
    pub label: Option<String>,
    /// With a number greater than this (cursor).
    pub after: Option<i64>,
    /// At most this many.
    pub limit: u32,
}

/// The domain's storage inside one transaction.
#[async_trait]
pub trait Repositories: Send {
    /// A project by its UUID or, in any case, its key.
    async fn project(&mut self, id_or_key: &str) -> RepositoryResult<Option<Project>>;
    /// Projects by key, after a key, at most `limit`.
    async fn projects(&mut self, after: Option<&str>, limit: u32) -> RepositoryResult<Vec<Project>>;
    /// Adds a project. A key that is taken is a conflict.
    async fn add_project(&mut self, project: &Project) -> RepositoryResult<()>;
    /// Changes title and `updated_at` of a project.
    async fn update_project(&mut self, project: &Project) -> RepositoryResult<()>;

    /// The next task number of a project, given once.
    async fn next_task_number(&mut self, project: Uuid) -> RepositoryResult<i64>;
    /// Raises the counter of [`Self::next_task_number`] to `number` when it is lower, and changes nothing else: from then on
    /// that number is never given. The counter stays locked until the transaction ends. For a sender that names the number.
    async fn raise_task_number(&mut self, project: Uuid, number: i64) -> RepositoryResult<()>;
    /// A task by id, deleted ones included.
    async fn task(&mut self, id: Uuid) -> RepositoryResult<Option<Task>>;
    /// A task by key, deleted ones included.
    async fn task_by_key(&mut self, key: &TaskKey) -> RepositoryResult<Option<Task>>;
    /// Tasks of a project by number, deleted ones left out.
    async fn tasks(&mut self, project: Uuid, filter: &TaskFilter) -> RepositoryResult<Vec<Task>>;
    /// Adds a task.
    async fn add_task(&mut self, task: &Task) -> RepositoryResult<()>;
    /// Writes every field of a task; `task.revision` is the new one, and the stored one has to be one less, else it is a conflict.
    async fn update_task(&mut self, task: &Task) -> RepositoryResult<()>;

    /// Comments of a task, oldest first, deleted ones left out.
    async fn comments(&mut self, task: Uuid) -> RepositoryResult<Vec<Comment>>;
    /// A comment by id.
    async fn comment(&mut self, id: Uuid) -> RepositoryResult<Option<Comment>>;
    /// Adds a comment or writes every field of it.
    async fn put_comment(&mut self, comment: &Comment) -> RepositoryResult<()>;

    /// A mapping by its remote side. With PostgreSQL the row is locked until the transaction ends, and a missing row's key is
    /// locked too (advisory), so that two first events of one object do not make two.
    async fn mapping(&mut self, source: &str, kind: MappedKind, external_id: &str) -> RepositoryResult<Option<ExternalMapping>>;
    /// The mappings of a local object.
    async fn mappings_of(&mut self, kind: MappedKind, local_id: Uuid) -> RepositoryResult<Vec<ExternalMapping>>;
    /// Adds a mapping or writes every field of it.
    async fn put_mapping(&mut self, mapping: &ExternalMapping) -> RepositoryResult<()>;

    /// An import by its source and id; the key is locked as in [`Self::mapping`].
    async fn import(&mut self, source: &str, import_id: &str) -> RepositoryResult<Option<SetupImport>>;
    /// The highest revision among the imports of a project; 0 when there is none.
    async fn last_import_revision(&mut self, project: Uuid) -> RepositoryResult<i64>;
    /// The newest import (highest revision) of each task, of every project: by project id, then revision. The folder that
    /// imports are projected into is shared by all projects.
    async fn newest_imports(&mut self) -> RepositoryResult<Vec<SetupImport>>;
    /// Adds an import.
    async fn add_import(&mut self, import: &SetupImport) -> RepositoryResult<()>;
    /// Sets the state of an import's projection.
    async fn set_projection(&mut self, source: &str, import_id: &str, state: ProjectionState) -> RepositoryResult<()>;
    /// Imports whose files are still to be written, oldest first.
    async fn pending_projections(&mut self) -> RepositoryResult<Vec<SetupImport>>;

    /// An approval; the key is locked as in [`Self::mapping`].
    async fn approval(&mut self, source: ApprovalSource, approval_id: &str) -> RepositoryResult<Option<Approval>>;
    /// Approvals with that id of any source.
    async fn approvals_by_id(&mut self, approval_id: &str) -> RepositoryResult<Vec<Approval>>;
    /// Stored-as-pending approvals of a source (of every source when `None`), by time of request then id; those past their end included.
    async fn pending_approvals(&mut self, source: Option<ApprovalSource>, limit: u32) -> RepositoryResult<Vec<Approval>>;
    /// The approvals of one task as the asking systems name it, newest request first.
    async fn approvals_of_task(&mut self, project_id: &str, task_key: &str) -> RepositoryResult<Vec<Approval>>;
    /// Adds an approval or writes every field of it.
    async fn put_approval(&mut self, approval: &Approval) -> RepositoryResult<()>;

    /// Counts an event of a kind that nothing here handles.
    async fn count_unknown_event(&mut self, source: &str, kind: &str, now: jiff::Timestamp) -> RepositoryResult<()>;
}

/// A project by id or key, made when its key is new. `title` is used then.
pub async fn project_or_new(
    repositories: &mut dyn Repositories,
    id_or_key: &str,
    title: &str,
    now: jiff::Timestamp,
    new_id: Uuid,
) -> RepositoryResult<Result<(Project, bool), String>> {
    if let Some(project) = repositories.project(id_or_key).await? {
        return Ok(Ok((project, false)));
    }
    if id_or_key.parse::<Uuid>().is_ok() {
        return Ok(Err(format!("There is no project {id_or_key}")));
    }
    let key: ProjectKey = match id_or_key.parse() {
        Ok(key) => key,
        Err(reason) => return Ok(Err(reason)),
    };
    let project = Project { id: new_id, key, title: title.to_owned(), created_at: now, updated_at: now };
    match repositories.add_project(&project).await {
        Ok(()) => Ok(Ok((project, true))),
        // Somebody else made it since it was looked for.
        Err(RepositoryError::Conflict(reason)) => match repositories.project(id_or_key).await? {
            Some(theirs) => Ok(Ok((theirs, false))),
            None => Err(RepositoryError::Conflict(reason)),
        },
        Err(error) => Err(error),
    }
}

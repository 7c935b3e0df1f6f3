//! An in-memory stand-in for the domain's storage, for tests of rules: the same answers as the store, no SQL, no locks. What
//! the store itself promises is proven in its own crate.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    Approval, ApprovalSource, ApprovalState, Comment, ExternalMapping, MappedKind, Project, ProjectionState, Repositories,
    RepositoryError, RepositoryResult, SetupImport, Task, TaskFilter, TaskKey,
};
use jiff::Timestamp;
use uuid::Uuid;

/// The stand-in; tests look into its fields.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory {
    pub(crate) projects: Vec<Project>,
    pub(crate) numbers: BTreeMap<Uuid, i64>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) mappings: Vec<ExternalMapping>,
    pub(crate) imports: Vec<SetupImport>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) unknown: BTreeMap<String, u32>,
    /// Calls that wrote.
    pub(crate) writes: u32,
}

/// A time, in seconds.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a second in range")
}

fn put<T>(list: &mut Vec<T>, item: &T, same: impl Fn(&T) -> bool)
where
    T: Clone,
{
    match list.iter_mut().find(|stored| same(stored)) {
        Some(stored) => stored.clone_from(item),
        None => list.push(item.clone()),
    }
}

#[async_trait]
impl Repositories for Memory {
    async fn project(&mut self, id_or_key: &str) -> RepositoryResult<Option<Project>> {
        let found =
            |project: &&Project| project.id.to_string() == id_or_key || project.key.as_str().eq_ignore_ascii_case(id_or_key);
        Ok(self.projects.iter().find(found).cloned())
    }
    async fn projects(&mut self, after: Option<&str>, limit: u32) -> RepositoryResult<Vec<Project>> {
        let mut list: Vec<_> =
            self.projects.iter().filter(|project| after.is_none_or(|after| project.key.as_str() > after)).cloned().collect();
        list.sort_by(|a, b| a.key.cmp(&b.key));
        list.truncate(limit as usize);
        Ok(list)
    }
    async fn add_project(&mut self, project: &Project) -> RepositoryResult<()> {
        self.writes += 1;
        if self.projects.iter().any(|stored| stored.key == project.key) {
            return Err(RepositoryError::Conflict("key".into()));
        }
        self.projects.push(project.clone());
        Ok(())
    }
    async fn update_project(&mut self, project: &Project) -> RepositoryResult<()> {
        self.writes += 1;
        put(&mut self.projects, project, |stored| stored.id == project.id);
        Ok(())
    }
    async fn next_task_number(&mut self, project: Uuid) -> RepositoryResult<i64> {
        self.writes += 1;
        let number = self.numbers.entry(project).or_default();
        *number += 1;
        Ok(*number)
    }
    async fn raise_task_number(&mut self, project: Uuid, number: i64) -> RepositoryResult<()> {
        let last = self.numbers.entry(project).or_default();
        *last = number.max(*last);
        Ok(())
    }
    async fn task(&mut self, id: Uuid) -> RepositoryResult<Option<Task>> {
        Ok(self.tasks.iter().find(|task| task.id == id).cloned())
    }
    async fn task_by_key(&mut self, key: &TaskKey) -> RepositoryResult<Option<Task>> {
        Ok(self.tasks.iter().find(|task| task.key == *key).cloned())
    }
    async fn tasks(&mut self, project: Uuid, filter: &TaskFilter) -> RepositoryResult<Vec<Task>> {
        let mut list: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| task.project_id == project && task.deleted_at.is_none())
            .filter(|task| filter.lane.is_none_or(|lane| task.lane == lane))
            .filter(|task| filter.label.as_ref().is_none_or(|label| task.labels.contains(label)))
            .filter(|task| filter.after.is_none_or(|after| task.key.number > after))
            .cloned()
            .collect();
        list.sort_by_key(|task| task.key.number);
        list.truncate(filter.limit as usize);
        Ok(list)
    }
    async fn add_task(&mut self, task: &Task) -> RepositoryResult<()> {
        self.writes += 1;
        if self.tasks.iter().any(|stored| stored.key == task.key) {
            return Err(RepositoryError::Conflict("key".into()));
        }
        self.tasks.push(task.clone());
        Ok(())
    }
    async fn update_task(&mut self, task: &Task) -> RepositoryResult<()> {
        self.writes += 1;
        match self.tasks.iter_mut().find(|stored| stored.id == task.id && stored.revision + 1 == task.revision) {
            Some(stored) => stored.clone_from(task),
            None => return Err(RepositoryError::Conflict("revision".into())),
        }
        Ok(())
    }
    async fn comments(&mut self, task: Uuid) -> RepositoryResult<Vec<Comment>> {
        Ok(self.comments.iter().filter(|comment| comment.task_id == task && comment.deleted_at.is_none()).cloned().collect())
    }
    async fn comment(&mut self, id: Uuid) -> RepositoryResult<Option<Comment>> {
        Ok(self.comments.iter().find(|comment| comment.id == id).cloned())
    }
    async fn put_comment(&mut self, comment: &Comment) -> RepositoryResult<()> {
        self.writes += 1;
        put(&mut self.comments, comment, |stored| stored.id == comment.id);
        Ok(())
    }
    async fn mapping(&mut self, source: &str, kind: MappedKind, external_id: &str) -> RepositoryResult<Option<ExternalMapping>> {
        let found = |m: &&ExternalMapping| m.source == source && m.kind == kind && m.external_id == external_id;
        Ok(self.mappings.iter().find(found).cloned())
    }
    async fn mappings_of(&mut self, kind: MappedKind, local_id: Uuid) -> RepositoryResult<Vec<ExternalMapping>> {
        Ok(self.mappings.iter().filter(|m| m.kind == kind && m.local_id == local_id).cloned().collect())
    }
    async fn put_mapping(&mut self, mapping: &ExternalMapping) -> RepositoryResult<()> {
        self.writes += 1;
        put(&mut self.mappings, mapping, |m| {
            (&m.source, m.kind, &m.external_id) == (&mapping.source, mapping.kind, &mapping.external_id)
        });
        Ok(())
    }
    async fn import(&mut self, source: &str, import_id: &str) -> RepositoryResult<Option<SetupImport>> {
        Ok(self.imports.iter().find(|import| import.source == source && import.import_id == import_id).cloned())
    }
    async fn last_import_revision(&mut self, project: Uuid) -> RepositoryResult<i64> {
        let of_project = self.imports.iter().filter(|import| import.project_id == project);
        Ok(of_project.map(|import| import.revision).max().unwrap_or(0))
    }
    async fn newest_imports(&mut self) -> RepositoryResult<Vec<SetupImport>> {
        let mut newest: BTreeMap<Uuid, SetupImport> = BTreeMap::new();
        for import in &self.imports {
            let stored = newest.entry(import.task_id).or_insert_with(|| import.clone());
            if import.revision > stored.revision {
                stored.clone_from(import);
            }
        }
        let mut list: Vec<_> = newest.into_values().collect();
        list.sort_by_key(|import| (import.project_id, import.revision));
        Ok(list)
    }
    async fn add_import(&mut self, import: &SetupImport) -> RepositoryResult<()> {
        self.writes += 1;
        self.imports.push(import.clone());
        Ok(())
    }
    async fn set_projection(&mut self, source: &str, import_id: &str, state: ProjectionState) -> RepositoryResult<()> {
        self.writes += 1;
        for import in self.imports.iter_mut().filter(|import| import.source == source && import.import_id == import_id) {
            import.projection = state;
        }
        Ok(())
    }
    async fn pending_projections(&mut self) -> RepositoryResult<Vec<SetupImport>> {
        Ok(self.imports.iter().filter(|import| import.projection == ProjectionState::Pending).cloned().collect())
    }
    async fn approval(&mut self, source: ApprovalSource, approval_id: &str) -> RepositoryResult<Option<Approval>> {
        Ok(self.approvals.iter().find(|a| a.source == source && a.approval_id == approval_id).cloned())
    }
    async fn approvals_by_id(&mut self, approval_id: &str) -> RepositoryResult<Vec<Approval>> {
        Ok(self.approvals.iter().filter(|a| a.approval_id == approval_id).cloned().collect())
    }
    async fn pending_approvals(&mut self, source: Option<ApprovalSource>, limit: u32) -> RepositoryResult<Vec<Approval>> {
        let pending = |a: &&Approval| a.state == ApprovalState::Pending && source.is_none_or(|source| a.source == source);
        let mut list: Vec<_> = self.approvals.iter().filter(pending).cloned().collect();
        list.sort_by(|a, b| (a.requested_at, &a.approval_id).cmp(&(b.requested_at, &b.approval_id)));
        list.truncate(limit as usize);
        Ok(list)
    }
    async fn approvals_of_task(&mut self, project_id: &str, task_key: &str) -> RepositoryResult<Vec<Approval>> {
        let mut list: Vec<_> =
            self.approvals.iter().filter(|a| a.project_id == project_id && a.task_key == task_key).cloned().collect();
        list.sort_by_key(|approval| std::cmp::Reverse(approval.requested_at));
        Ok(list)
    }
    async fn put_approval(&mut self, approval: &Approval) -> RepositoryResult<()> {
        self.writes += 1;
        put(&mut self.approvals, approval, |a| a.source == approval.source && a.approval_id == approval.approval_id);
        Ok(())
    }
    async fn count_unknown_event(&mut self, _source: &str, kind: &str, _now: Timestamp) -> RepositoryResult<()> {
        self.writes += 1;
        *self.unknown.entry(kind.to_owned()).or_default() += 1;
        Ok(())
    }
}

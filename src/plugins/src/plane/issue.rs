//! Plane's issues, as tasks.

use domain::{ExternalMapping, MappedKind, Project, Repositories, Task, TaskPatch, mapping::is_news};
use engine::problem::Problem;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Outcome, event::Object, mapping};
use crate::support::{self, Effects, refused, tasks};

/// Applies news of an issue: its task is made in `project`, or changed wherever it is.
pub(super) async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    news: Object<TaskPatch>,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let Some(mapping) = mapping::find(repositories, MappedKind::Task, &news.id).await? else {
        let task = tasks::add(repositories, effects, project, news.says, now).await?;
        tie(repositories, &news.id, task.id, news.at).await?;
        return Ok(Outcome::Applied);
    };
    if mapping.deleted_at.is_some() || !is_news(mapping.source_updated_at, news.at) {
        return Ok(Outcome::Unchanged);
    }
    let Some((project, task)) = living(repositories, &mapping).await? else { return Ok(Outcome::Unchanged) };
    let (_, changed) = tasks::change(repositories, effects, &project, task, news.says, now).await?;
    if news.at.is_some() && news.at != mapping.source_updated_at {
        repositories.put_mapping(&ExternalMapping { source_updated_at: news.at, ..mapping }).await.map_err(refused)?;
    }
    Ok(if changed { Outcome::Applied } else { Outcome::Unchanged })
}

/// Deletes the task of an issue. An issue that was never seen leaves a tombstone, so that its late news makes no task.
pub(super) async fn delete(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    news: Object<()>,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let Some(tombstone) = mapping::bury(repositories, MappedKind::Task, &news, now).await? else {
        return Ok(Outcome::Unchanged);
    };
    let found = living(repositories, &tombstone).await?;
    if let Some((project, task)) = &found {
        tasks::delete(repositories, effects, project, task, now).await?;
    }
    Ok(if found.is_some() { Outcome::Applied } else { Outcome::Unchanged })
}

/// Ties an issue to its task.
pub(super) async fn tie(
    repositories: &mut dyn Repositories,
    issue: &str,
    task: Uuid,
    at: Option<Timestamp>,
) -> Result<(), Problem> {
    repositories.put_mapping(&mapping::link(MappedKind::Task, issue, task, at)).await.map_err(refused)
}

/// The task behind a mapping with its project; `None` when there is none or it was deleted here.
async fn living(repositories: &mut dyn Repositories, mapping: &ExternalMapping) -> Result<Option<(Project, Task)>, Problem> {
    let task = repositories.task(mapping.local_id).await.map_err(refused)?;
    let Some(task) = task.filter(|task| task.deleted_at.is_none()) else { return Ok(None) };
    let project = support::project(repositories, &task.project_id.to_string()).await?;
    Ok(Some((project, task)))
}

//! Plane's comments.
//!
//! A comment may come before its issue: its webhook overtook the issue's, or the issue is older than the webhook. The first
//! mends itself in seconds, the second never does, so waiting (retrying until the issue is there) would lose the comments of
//! every older issue to the dead letters. Instead the task is made at once, with a title that says where it comes from, and
//! the issue's own news, of whatever time, fills it in. Either order then ends in the same task. A comment on a deleted
//! issue is dropped.

use domain::{Comment, ExternalMapping, MappedKind, Project, Repositories, TaskPatch, mapping::is_news};
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{
    Outcome,
    event::{CommentNews, Object},
    issue, mapping,
};
use crate::support::{Effect, Effects, refused, tasks, text};

/// The author of a comment of which no event has named the author yet.
const UNKNOWN_AUTHOR: &str = "someone in Plane";

/// Applies news of a comment.
pub(super) async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    news: Object<CommentNews>,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let mapping = mapping::find(repositories, MappedKind::Comment, &news.id).await?;
    let Some(mapping) = mapping else { return add(repositories, effects, project, news, now).await };
    if mapping.deleted_at.is_some() || !is_news(mapping.source_updated_at, news.at) {
        return Ok(Outcome::Unchanged);
    }
    let Some(comment) = repositories.comment(mapping.local_id).await.map_err(refused)? else { return Ok(Outcome::Unchanged) };
    let changed = Comment {
        body: news.says.body.unwrap_or_else(|| comment.body.clone()),
        author: news.says.author.unwrap_or_else(|| comment.author.clone()),
        ..comment.clone()
    };
    if news.at.is_some() && news.at != mapping.source_updated_at {
        repositories.put_mapping(&ExternalMapping { source_updated_at: news.at, ..mapping }).await.map_err(refused)?;
    }
    if changed == comment {
        return Ok(Outcome::Unchanged);
    }
    put(repositories, effects, "comment.updated", Comment { updated_at: now, ..changed }).await?;
    Ok(Outcome::Applied)
}

async fn add(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    news: Object<CommentNews>,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let issue = mapping::find(repositories, MappedKind::Task, &news.says.issue).await?;
    if issue.as_ref().is_some_and(|issue| issue.deleted_at.is_some()) {
        return Ok(Outcome::Unchanged);
    }
    let task_id = match issue {
        Some(issue) => issue.local_id,
        None => {
            let title = Some(text::title(&format!("Plane issue {}", news.says.issue)));
            let task = tasks::add(repositories, effects, project, TaskPatch { title, ..TaskPatch::default() }, now).await?;
            issue::tie(repositories, &news.says.issue, task.id, None).await?;
            task.id
        }
    };
    let comment = Comment {
        id: Uuid::now_v7(),
        task_id,
        author: news.says.author.unwrap_or_else(|| UNKNOWN_AUTHOR.to_owned()),
        body: news.says.body.unwrap_or_default(),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    repositories.put_mapping(&mapping::link(MappedKind::Comment, &news.id, comment.id, news.at)).await.map_err(refused)?;
    put(repositories, effects, "comment.created", comment).await?;
    Ok(Outcome::Applied)
}

/// Deletes a comment; one that was never seen leaves a tombstone.
pub(super) async fn delete(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    news: Object<()>,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let Some(tombstone) = mapping::bury(repositories, MappedKind::Comment, &news, now).await? else {
        return Ok(Outcome::Unchanged);
    };
    let comment = repositories.comment(tombstone.local_id).await.map_err(refused)?;
    let Some(comment) = comment.filter(|comment| comment.deleted_at.is_none()) else { return Ok(Outcome::Unchanged) };
    put(repositories, effects, "comment.deleted", Comment { deleted_at: Some(now), updated_at: now, ..comment }).await?;
    Ok(Outcome::Applied)
}

async fn put(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    action: &'static str,
    comment: Comment,
) -> Result<(), Problem> {
    repositories.put_comment(&comment).await.map_err(refused)?;
    effects.note(Effect {
        action,
        kind: "comment",
        id: comment.id.to_string(),
        subject: tasks::subject(comment.task_id),
        details: json!({"task_id": comment.task_id, "author": comment.author}),
        data: json!({ "comment": comment }),
    });
    Ok(())
}

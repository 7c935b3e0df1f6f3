//! `tasks.show`: one task with its comments and the remote objects that it is tied to.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::{Comment, ExternalMapping, MappedKind, Repositories, Task, TaskKey};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    DomainAccess,
    support::{refused, text},
};

/// The handler.
pub(crate) struct ShowTask {
    pub(crate) access: DomainAccess,
}

/// A task with what belongs to it.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    /// The task.
    #[serde(flatten)]
    task: Task,
    /// Its comments, oldest first.
    comments: Vec<Comment>,
    /// The remote objects that it is tied to.
    external: Vec<ExternalMapping>,
}

#[async_trait]
impl Handler for ShowTask {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Shows a task with its comments and external mappings. The `ETag` is the task's revision, to be sent \
                          back as `If-Match` with an update; comments do not change it.",
            params: &[("task_id", "Id of the task, or its key as `KEY-12`")],
            replies: vec![ReplyInfo::json::<Shown>(200, "The task")],
            problems: &[(404, "There is no such task, or it was deleted")],
            ..HandlerInfo::new("tasks.show", "Show a task", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let shown = show((self.access)(context.transaction().await?), request.param("task_id")?).await?;
        let tag = HeaderValue::try_from(format!("\"{}\"", shown.task.revision)).map_err(Problem::internal)?;
        // The tag stands for the task alone, so the answer as a whole must not be kept under it.
        let reply = Reply::json(StatusCode::OK, &shown)?.header(header::ETAG, tag);
        Ok(reply.header(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
    }
}

async fn show(repositories: &mut dyn Repositories, id: &str) -> Result<Shown, Problem> {
    let found = match (id.parse::<Uuid>(), id.parse::<TaskKey>()) {
        (Ok(id), _) => repositories.task(id).await.map_err(refused)?,
        (_, Ok(key)) => repositories.task_by_key(&key).await.map_err(refused)?,
        _ => None,
    };
    let task = found.filter(|task| task.deleted_at.is_none());
    let task = task.ok_or_else(|| Problem::not_found(format!("There is no task `{}`", text::excerpt(id))))?;
    Ok(Shown {
        comments: repositories.comments(task.id).await.map_err(refused)?,
        external: repositories.mappings_of(MappedKind::Task, task.id).await.map_err(refused)?,
        task,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::TaskPatch;

    use super::*;
    use crate::{
        support::{self, Effects, tasks},
        testing::{Memory, at},
    };

    #[tokio::test]
    async fn tasks_show_answers_to_id_and_key() {
        let mut memory = Memory::default();
        let project = support::project_or_new(&mut memory, &mut Effects::default(), "demo", "Demo", at(1)).await.unwrap();
        let task = tasks::add(&mut memory, &mut Effects::default(), &project, TaskPatch::default(), at(1)).await.unwrap();
        for id in [task.id.to_string(), "DEMO-1".to_owned(), "demo-1".to_owned()] {
            assert_eq!(show(&mut memory, &id).await.unwrap().task, task, "{id}");
        }
        for id in ["DEMO-2", "nothing", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(show(&mut memory, id).await.unwrap_err().kind.status(), 404, "{id}");
        }
        memory.tasks[0] = task.deleted(at(2));
        assert_eq!(show(&mut memory, "DEMO-1").await.unwrap_err().kind.status(), 404);
    }
}

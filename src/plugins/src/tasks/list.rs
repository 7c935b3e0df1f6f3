//! `tasks.list`: the tasks of a project.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, QueryParam, ReplyInfo, schema_of};
use domain::{Lane, Repositories, Task, TaskFilter};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use serde_json::json;

use crate::{
    DomainAccess,
    support::{self, Page, cursor_query, invalid, limit_of, limit_query, refused},
};

/// Tasks that one page may hold.
const MOST: u32 = 500;

/// The handler.
pub(crate) struct ListTasks {
    pub(crate) access: DomainAccess,
}

#[async_trait]
impl Handler for ListTasks {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Lists the tasks of a project by number, page by page; deleted ones are left out.",
            params: &[("project_id", "Id or key of the project")],
            query: vec![
                QueryParam { name: "lane", description: "Only tasks in this lane", schema: schema_of::<Lane>() },
                QueryParam { name: "label", description: "Only tasks with this label", schema: json!({"type": "string"}) },
                limit_query(MOST),
                cursor_query(),
            ],
            replies: vec![ReplyInfo::json::<Page<Task>>(200, "A page of tasks")],
            problems: &[(404, "There is no such project"), (422, "A query parameter does not fit")],
            ..HandlerInfo::new("tasks.list", "List the tasks of a project", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let (project, limit) = (request.param("project_id")?, limit_of(request, MOST)?);
        let filter = TaskFilter {
            lane: request
                .query("lane")
                .map(|lane| lane.parse().map_err(|detail: String| invalid("/lane", detail)))
                .transpose()?,
            label: request.query("label").map(str::to_owned),
            after: request.query("cursor").map(cursor).transpose()?,
            limit: limit + 1,
        };
        let repositories = (self.access)(context.transaction().await?);
        Reply::json(StatusCode::OK, &page(repositories, project, &filter, limit).await?)
    }
}

fn cursor(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| invalid("/cursor", "this is no `next_cursor` of a page of this list"))
}

async fn page(
    repositories: &mut dyn Repositories,
    project: &str,
    filter: &TaskFilter,
    limit: u32,
) -> Result<Page<Task>, Problem> {
    let project = support::project(repositories, project).await?;
    let tasks = repositories.tasks(project.id, filter).await.map_err(refused)?;
    Ok(Page::cut(tasks, limit, |task| task.key.number.to_string()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::TaskPatch;

    use super::*;
    use crate::{
        support::{Effects, tasks},
        testing::{Memory, at},
    };

    #[tokio::test]
    async fn tasks_list_pages_through_everything_once() {
        let mut memory = Memory::default();
        let project = support::project_or_new(&mut memory, &mut Effects::default(), "demo", "Demo", at(1)).await.unwrap();
        for _ in 0..5 {
            tasks::add(&mut memory, &mut Effects::default(), &project, TaskPatch::default(), at(1)).await.unwrap();
        }
        let (mut numbers, mut after) = (Vec::new(), None);
        loop {
            let filter = TaskFilter { after, limit: 3, ..TaskFilter::default() };
            let page = page(&mut memory, "demo", &filter, 2).await.unwrap();
            numbers.extend(page.items.iter().map(|task| task.key.number));
            let Some(next) = page.next_cursor else { break };
            after = Some(cursor(&next).unwrap());
        }
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn tasks_list_of_no_project_is_not_found() {
        let problem = page(&mut Memory::default(), "nope", &TaskFilter::default(), 1).await.unwrap_err();
        assert_eq!(problem.kind.status(), 404);
        assert_eq!(cursor("x").unwrap_err().errors[0].pointer, "/cursor");
    }
}

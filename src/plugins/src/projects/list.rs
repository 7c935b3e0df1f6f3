//! `projects.list`: every project.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::{Project, Repositories};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;

use crate::{
    DomainAccess,
    support::{Page, cursor_query, limit_of, limit_query, refused},
};

/// Projects that one page may hold.
const MOST: u32 = 500;

/// The handler.
pub(crate) struct ListProjects {
    pub(crate) access: DomainAccess,
}

#[async_trait]
impl Handler for ListProjects {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Lists every project by its key, page by page.",
            query: vec![limit_query(MOST), cursor_query()],
            replies: vec![ReplyInfo::json::<Page<Project>>(200, "A page of projects")],
            problems: &[(422, "A query parameter does not fit")],
            ..HandlerInfo::new("projects.list", "List the projects", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let limit = limit_of(request, MOST)?;
        let repositories = (self.access)(context.transaction().await?);
        Reply::json(StatusCode::OK, &page(repositories, request.query("cursor"), limit).await?)
    }
}

async fn page(repositories: &mut dyn Repositories, after: Option<&str>, limit: u32) -> Result<Page<Project>, Problem> {
    let projects = repositories.projects(after, limit + 1).await.map_err(refused)?;
    Ok(Page::cut(projects, limit, |project| project.key.to_string()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::{
        support::{self, Effects},
        testing::{Memory, at},
    };

    #[tokio::test]
    async fn projects_list_pages_by_key() {
        let mut memory = Memory::default();
        for key in ["cc", "aa", "bb"] {
            support::project_or_new(&mut memory, &mut Effects::default(), key, key, at(1)).await.unwrap();
        }
        let first = page(&mut memory, None, 2).await.unwrap();
        assert_eq!(first.next_cursor.as_deref(), Some("BB"));
        let last = page(&mut memory, Some("BB"), 2).await.unwrap();
        assert_eq!((last.items[0].key.as_str(), last.next_cursor), ("CC", None));
    }
}

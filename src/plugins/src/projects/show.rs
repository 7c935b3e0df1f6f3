//! `projects.show`: one project.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::Project;
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::{HeaderValue, StatusCode, header};

use crate::{DomainAccess, support};

/// The handler.
pub(crate) struct ShowProject {
    pub(crate) access: DomainAccess,
}

#[async_trait]
impl Handler for ShowProject {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Shows a project by its id or key. The `ETag` stands for its last change, to be sent back as \
                          `If-Match` with an update.",
            params: &[("project_id", "Id or key of the project")],
            replies: vec![ReplyInfo::json::<Project>(200, "The project")],
            problems: &[(404, "There is no such project")],
            ..HandlerInfo::new("projects.show", "Show a project", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let repositories = (self.access)(context.transaction().await?);
        let project = support::project(repositories, request.param("project_id")?).await?;
        Ok(Reply::json(StatusCode::OK, &project)?.header(header::ETAG, tag(&project)?))
    }
}

/// A project has no revision; the time of its last change stands for one.
fn tag(project: &Project) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(format!("\"{}\"", project.updated_at.as_microsecond())).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::{
        support::Effects,
        testing::{Memory, at},
    };

    #[tokio::test]
    async fn projects_show_answers_to_id_and_key() {
        let mut memory = Memory::default();
        let project = support::project_or_new(&mut memory, &mut Effects::default(), "demo", "Demo", at(1)).await.unwrap();
        for id in [project.id.to_string(), "demo".to_owned(), "DEMO".to_owned()] {
            assert_eq!(support::project(&mut memory, &id).await.unwrap(), project);
        }
        assert_eq!(support::project(&mut memory, "nope").await.unwrap_err().kind.status(), 404);
        assert_eq!(tag(&project).unwrap(), "\"1000000\"");
    }
}

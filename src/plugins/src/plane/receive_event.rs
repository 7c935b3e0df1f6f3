//! `plane.receive_event`: one event of a Plane webhook.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::Repositories;
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Outcome, SOURCE, comment,
    event::{self, News},
    issue, project,
};
use crate::{
    DomainAccess,
    support::{self, Effects, refused},
};

/// The handler.
pub(crate) struct ReceiveEvent {
    pub(crate) access: DomainAccess,
}

/// The answer when the handler runs in the request; a durable delivery is answered by the engine.
#[derive(Debug, Serialize, JsonSchema)]
struct Received {
    /// `applied`, `unchanged` (a repeat, old news, or news of something deleted) or `counted` (a kind that is only counted).
    outcome: &'static str,
}

#[async_trait]
impl Handler for ReceiveEvent {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Takes an event of a Plane webhook. `issue` events (`created`, `updated`, `deleted`, or in the older \
                          spelling `create`, `update`, `delete`) make, change and delete the task that is tied to the issue; \
                          `issue_comment` events its comments; `project` events the title of the project that the path \
                          names, which is made when its key is new. The newest `updated_at` of an object wins, a repeat \
                          changes nothing, and what was deleted stays deleted, in whatever order events arrive. Every other \
                          event is counted and acknowledged.\n\nThe lane of a task follows the group of the issue's state \
                          (`backlog`; `unstarted`: ready; `started`: in progress; `completed` and `cancelled`: done), and of \
                          open states the name: one with `review` or `block` in it means that lane.",
            params: &[("project_id", "Id or key of the project that the events belong to; a new key makes the project")],
            input: Some(input()),
            replies: vec![ReplyInfo::json::<Received>(200, "The event was taken")],
            problems: &[
                (404, "The path names a project by an id that does not exist, or by what cannot be a key"),
                (422, "The event does not say which object it is about"),
            ],
            ..HandlerInfo::new("plane.receive_event", "Take an event of a Plane webhook", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let (now, project, body) = (context.now, request.param("project_id")?.to_owned(), request.value()?);
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let outcome = apply(repositories, &mut effects, &project, &body, now).await?;
        effects.flush(context).await?;
        let outcome = match outcome {
            Outcome::Applied => "applied",
            Outcome::Unchanged => "unchanged",
            Outcome::Counted => "counted",
        };
        Reply::json(StatusCode::OK, &Received { outcome })
    }
}

/// What an event looks like. It describes and refuses nothing: an event of a shape that is new to us has to be accepted, since
/// Plane does not send again what was refused.
fn input() -> Value {
    json!({
        "title": "Plane event",
        "description": "An event as the sending Plane instance shapes it; further members are ignored",
        "properties": {
            "event": {"description": "`issue`, `issue_comment`, `project`; others are counted", "examples": ["issue"]},
            "action": {"description": "`created`, `updated`, `deleted`, or `create`, `update`, `delete`", "examples": ["updated"]},
            "webhook_id": {"description": "Id of the webhook in Plane"},
            "workspace_id": {"description": "Id of the workspace in Plane"},
            "data": {
                "description": "The object after the change; `id` and `updated_at` decide what is applied",
                "properties": {
                    "id": {"description": "Id of the object in Plane; needed for the events that are handled"},
                    "updated_at": {"description": "When it was changed there (RFC 3339); the newest wins"},
                    "name": {"description": "Title of an issue or project"},
                    "description_stripped": {"description": "Description of an issue as text"},
                    "description_html": {"description": "Description of an issue as HTML; used where the text is empty"},
                    "priority": {"description": "`none`, `low`, `medium`, `high` or `urgent`"},
                    "state": {"description": "State of an issue with its `name` and `group`, which decide the lane"},
                    "labels": {"description": "Labels of an issue, each with its `name`"},
                    "assignees": {"description": "People of an issue, each with a `display_name`"},
                    "comment_html": {"description": "Text of a comment"},
                    "issue": {"description": "Id of the issue that a comment is on"},
                },
            },
            "activity": {"description": "What was changed (`field`, `old_value`, `new_value`) and by whom (`actor`)"},
        },
    })
}

/// Applies an event to the project that the path names.
async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    id_or_key: &str,
    body: &Value,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let news = event::read(body)?.believed(now);
    if let News::Unknown(kind) = &news {
        repositories.count_unknown_event(SOURCE, kind, now).await.map_err(refused)?;
        return Ok(Outcome::Counted);
    }
    let title = match &news {
        News::Project(news) => news.says.as_deref(),
        _ => None,
    };
    let local = support::project_or_new(repositories, effects, id_or_key, title.unwrap_or(id_or_key), now).await?;
    match news {
        News::Issue(news) => issue::apply(repositories, effects, &local, news, now).await,
        News::IssueDeleted(news) => issue::delete(repositories, effects, news, now).await,
        News::Comment(news) => comment::apply(repositories, effects, &local, news, now).await,
        News::CommentDeleted(news) => comment::delete(repositories, effects, news, now).await,
        News::Project(news) => project::apply(repositories, effects, local, news, now).await,
        News::Unknown(_) => Ok(Outcome::Counted),
    }
}

#[cfg(test)]
#[path = "receive_event_tests.rs"]
mod tests;

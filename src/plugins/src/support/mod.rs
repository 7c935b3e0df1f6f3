//! What several integrations need: refusals of the storage as problems, effects (events and audit entries) gathered while
//! the domain's rules run, reading a project, and text from strangers. It knows no integration.

pub(crate) mod tasks;
pub(crate) mod text;

use domain::{Project, Repositories, RepositoryError};
use engine::{
    handler::{Context, Event},
    problem::{Problem, ProblemKind, Violation},
};
use http::{HeaderValue, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// A refusal of the storage as a problem. A lost race is worth another attempt, so both it and a database that is away are
/// transient: a durable delivery is tried again.
pub(crate) fn refused(error: RepositoryError) -> Problem {
    let later = |detail: &str, seconds: &'static str| {
        Problem::new(ProblemKind::Unavailable, detail).header(header::RETRY_AFTER, HeaderValue::from_static(seconds))
    };
    match error {
        RepositoryError::Unavailable(cause) => {
            later("The database cannot be reached; nothing was changed, send the request again later", "5").because(cause)
        }
        RepositoryError::Conflict(cause) => {
            later("The same thing was changed at the same time; nothing was written, send the request again", "1").because(cause)
        }
        RepositoryError::Internal(cause) => Problem::internal(cause),
    }
}

/// 422 for one place in the body.
pub(crate) fn invalid(pointer: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    let violation = Violation { pointer: pointer.to_owned(), detail: detail.clone() };
    Problem::invalid(format!("{pointer}: {detail}"), vec![violation])
}

/// A sender's time as it is kept, to the microsecond: a repeat then equals what is stored.
pub(crate) fn kept(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// What happened, told twice: to the audit trail and, as an event, to the outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    /// `task.created`: the audit entry's action and the event's type.
    pub(crate) action: &'static str,
    /// Kind of the object.
    pub(crate) kind: &'static str,
    /// Id of the object.
    pub(crate) id: String,
    /// What the event is about; events of one subject keep their order.
    pub(crate) subject: String,
    /// What changed, for the audit trail.
    pub(crate) details: Value,
    /// The event's data.
    pub(crate) data: Value,
}

/// Gathers effects while rules run without a context, so that the rules can be tested alone.
#[derive(Debug, Default)]
pub(crate) struct Effects(pub(crate) Vec<Effect>);

impl Effects {
    /// Notes one.
    pub(crate) fn note(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Writes the audit entries and emits the events in the context's transaction.
    pub(crate) async fn flush(self, context: &mut Context<'_>) -> Result<(), Problem> {
        for effect in self.0 {
            context.audit(effect.action, effect.kind, &effect.id, effect.details).await?;
            context.emit(Event { kind: effect.action.to_owned(), subject: effect.subject, data: effect.data });
        }
        Ok(())
    }

    /// The actions noted so far.
    #[cfg(test)]
    pub(crate) fn actions(&self) -> Vec<&'static str> {
        self.0.iter().map(|effect| effect.action).collect()
    }
}

/// A project by id or key. 404 when there is none.
pub(crate) async fn project(repositories: &mut dyn Repositories, id_or_key: &str) -> Result<Project, Problem> {
    let project = repositories.project(id_or_key).await.map_err(refused)?;
    project.ok_or_else(|| Problem::not_found(format!("There is no project `{}`", text::excerpt(id_or_key))))
}

/// A project by id or key, made under that key when the key is new. A UUID that is not known names nothing: 404.
pub(crate) async fn project_or_new(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    id_or_key: &str,
    title: &str,
    now: Timestamp,
) -> Result<Project, Problem> {
    let found = domain::repository::project_or_new(repositories, id_or_key, title, now, Uuid::now_v7()).await;
    let (project, new) = found.map_err(refused)?.map_err(Problem::not_found)?;
    if new {
        effects.note(project_effect("project.created", &project, json!({"key": project.key, "title": project.title})));
    }
    Ok(project)
}

/// The effect of a change to a project.
pub(crate) fn project_effect(action: &'static str, project: &Project, details: Value) -> Effect {
    let id = project.id.to_string();
    Effect { action, kind: "project", subject: format!("project/{id}"), id, details, data: json!({ "project": project }) }
}

/// The query parameter `limit` of a list.
pub(crate) fn limit_of(request: &engine::handler::Request, most: u32) -> Result<u32, Problem> {
    let Some(text) = request.query("limit") else { return Ok(most.min(DEFAULT_LIMIT)) };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(invalid("/limit", format!("a number from 1 to {most} is needed here"))),
    }
}

/// Items of a list that asks for no number of them.
pub(crate) const DEFAULT_LIMIT: u32 = 50;

/// The description of the query parameter `limit`.
pub(crate) fn limit_query(most: u32) -> contract::handler::QueryParam {
    let default = most.min(DEFAULT_LIMIT);
    contract::handler::QueryParam {
        name: "limit",
        description: "The most items that the answer may hold",
        schema: json!({"type": "integer", "minimum": 1, "maximum": most, "default": default}),
    }
}

/// The description of the query parameter `cursor`.
pub(crate) fn cursor_query() -> contract::handler::QueryParam {
    contract::handler::QueryParam {
        name: "cursor",
        description: "The `next_cursor` of the page before; without it the list begins at its start",
        schema: json!({"type": "string"}),
    }
}

/// A list as every list of this service is answered.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// To be sent as `cursor` for the next page; `null` at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` out of `items`, of which one more was asked for; `cursor` names the last item kept.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(cursor) } else { None };
        Self { items, next_cursor }
    }
}

//! `tasks.upsert`: creates or updates a task from templates.
//!
//! The task of a sender's key is found by an external mapping of the source. Keys are unique within a source: the same key
//! for another project is refused rather than taken for the same work item; a `source` that names the project parts them.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use domain::{
    ExternalMapping, MappedKind, Repositories, TaskKey, TaskPatch,
    mapping::{believed, is_news},
};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::{Problem, ProblemKind},
};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::settings::{Settings, Text};
use crate::{
    DomainAccess,
    support::{self, Effects, refused, tasks, text},
};

/// The handler.
pub(crate) struct UpsertTask {
    pub(crate) access: DomainAccess,
}

/// The answer.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct Upserted {
    /// Id of the project.
    project_id: Uuid,
    /// Key of the task.
    task_key: TaskKey,
    /// Whether the task is new.
    created: bool,
    /// Whether anything is different now.
    changed: bool,
}

#[async_trait]
impl Handler for UpsertTask {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Creates the task of a sender's key, or updates it, from the settings, each of which may be a \
                          template over the request. A setting that is left out, or whose template gives null, leaves its \
                          field as it is; a request that changes nothing writes nothing. With `updated_at` the newest wins, \
                          in whatever order requests arrive.",
            with: Some(schema_of::<Settings>()),
            replies: vec![
                ReplyInfo::json::<Upserted>(201, "The task is new"),
                ReplyInfo::json::<Upserted>(200, "The task was there; `changed` says whether it is different now"),
            ],
            problems: &[
                (404, "There is no project of that id"),
                (409, "The key belongs to a task of another project"),
                (410, "The task was deleted here"),
                (422, "The request does not have what the templates take from it, or it does not fit"),
            ],
            ..HandlerInfo::new("tasks.upsert", "Create or update a task from templates", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let settings: Settings = context.settings(request)?;
        let (now, fallback) = (context.now, format!("contract:{}", request.contract.id));
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let upserted = apply(repositories, &mut effects, settings, fallback, now).await?;
        effects.flush(context).await?;
        Reply::json(if upserted.created { StatusCode::CREATED } else { StatusCode::OK }, &upserted)
    }
}

async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    settings: Settings,
    fallback: String,
    now: Timestamp,
) -> Result<Upserted, Problem> {
    let source = named(settings.source.as_ref(), "source")?.unwrap_or(fallback);
    let Some(key) = named(Some(&settings.key), "key")? else { return Err(unfit("key", "it is empty")) };
    let title = text::title(&settings.title.0);
    if title.is_empty() {
        return Err(unfit("title", "it is empty"));
    }
    let project_ref = settings.project.0.trim();
    let project = support::project_or_new(repositories, effects, project_ref, project_ref, now).await?;
    let (at, patch) = (settings.updated_at.map(|at| support::kept(believed(at, now))), patch(settings, title));
    let Some(mapping) = repositories.mapping(&source, MappedKind::Task, &key).await.map_err(refused)? else {
        let task = tasks::add(repositories, effects, &project, patch, now).await?;
        let mapping = ExternalMapping {
            source,
            kind: MappedKind::Task,
            external_id: key,
            local_id: task.id,
            source_updated_at: at,
            deleted_at: None,
        };
        repositories.put_mapping(&mapping).await.map_err(refused)?;
        return Ok(Upserted { project_id: project.id, task_key: task.key, created: true, changed: true });
    };
    let task = repositories.task(mapping.local_id).await.map_err(refused)?;
    let Some(task) = task.filter(|task| task.deleted_at.is_none() && mapping.deleted_at.is_none()) else {
        let detail = format!("The task of key `{}` from {source} was deleted here and is not made again", text::excerpt(&key));
        return Err(Problem::new(ProblemKind::Gone, detail));
    };
    if task.project_id != project.id {
        let detail = format!(
            "Key `{}` from {source} belongs to task {} of another project; give each project a `source` of its own",
            text::excerpt(&key),
            task.key
        );
        return Err(Problem::conflict(detail).with("task_key", task.key.to_string()));
    }
    if !is_news(mapping.source_updated_at, at) {
        return Ok(Upserted { project_id: project.id, task_key: task.key, created: false, changed: false });
    }
    if at.is_some() && at != mapping.source_updated_at {
        repositories.put_mapping(&ExternalMapping { source_updated_at: at, ..mapping }).await.map_err(refused)?;
    }
    let (task, changed) = tasks::change(repositories, effects, &project, task, patch, now).await?;
    Ok(Upserted { project_id: project.id, task_key: task.key, created: false, changed })
}

fn patch(settings: Settings, title: String) -> TaskPatch {
    TaskPatch {
        title: Some(title),
        body: settings.body.map(|body| text::body(&body.0)),
        lane: settings.lane,
        priority: settings.priority,
        labels: settings.labels.map(|labels| labels.iter().map(|label| text::name(&label.0)).collect()),
        assignee: settings.assignee.map(|name| Some(text::name(&name.0)).filter(|name| !name.is_empty())),
    }
}

/// A name that ties things together: it is never cut, since two that are cut could be one.
fn named(value: Option<&Text>, setting: &str) -> Result<Option<String>, Problem> {
    const LIMIT: usize = 200;
    let Some(value) = value.map(|value| value.0.trim()).filter(|value| !value.is_empty()) else { return Ok(None) };
    if value.len() > LIMIT || value.chars().any(char::is_control) {
        return Err(unfit(setting, &format!("it has more than {LIMIT} bytes or control characters")));
    }
    Ok(Some(value.to_owned()))
}

fn unfit(setting: &str, why: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, format!("The setting `{setting}` does not fit what came with the request: {why}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::Lane;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Memory, at};

    async fn upsert(memory: &mut Memory, settings: Value) -> Result<Upserted, Problem> {
        let settings = serde_json::from_value(settings).unwrap();
        apply(memory, &mut Effects::default(), settings, "contract:acme".into(), at(5)).await
    }

    fn settings() -> Value {
        json!({"project": "demo", "key": 42, "title": "First", "lane": "ready", "labels": ["b", "a"], "body": null})
    }

    #[tokio::test]
    async fn tasks_upsert_creates_then_repeats_then_changes() {
        let mut memory = Memory::default();
        let first = upsert(&mut memory, settings()).await.unwrap();
        assert_eq!((first.task_key.to_string().as_str(), first.created, first.changed), ("DEMO-1", true, true));
        assert_eq!((memory.mappings[0].source.as_str(), memory.mappings[0].external_id.as_str()), ("contract:acme", "42"));
        let writes = memory.writes;
        let again = upsert(&mut memory, settings()).await.unwrap();
        assert!(!again.created && !again.changed && memory.writes == writes);
        let changed = upsert(&mut memory, json!({"project": "DEMO", "key": "42", "title": "Second"})).await.unwrap();
        assert!(!changed.created && changed.changed);
        let task = &memory.tasks[0];
        assert_eq!((task.title.as_str(), task.lane, &task.labels[..]), ("Second", Lane::Ready, &["a".into(), "b".into()][..]));
    }

    #[tokio::test]
    async fn tasks_upsert_the_newest_wins() {
        let mut memory = Memory::default();
        let dated = |second: i64, title: &str| json!({"project": "demo", "key": "k", "title": title, "updated_at": at(second)});
        upsert(&mut memory, dated(9, "new")).await.unwrap();
        assert!(!upsert(&mut memory, dated(8, "old")).await.unwrap().changed);
        assert_eq!(memory.tasks[0].title, "new");
        assert!(upsert(&mut memory, dated(10, "newer")).await.unwrap().changed);
    }

    #[tokio::test]
    async fn tasks_upsert_is_not_frozen_by_a_clock_that_is_ahead() {
        let mut memory = Memory::default();
        let dated = |time: &str, title: &str| json!({"project": "demo", "key": "k", "title": title, "updated_at": time});
        upsert(&mut memory, dated("2099-01-01T00:00:00Z", "from the future")).await.unwrap();
        assert_eq!(memory.mappings[0].source_updated_at, Some(at(305)));
        let correct = at(306).to_string();
        assert!(upsert(&mut memory, dated(&correct, "corrected")).await.unwrap().changed);
    }

    #[tokio::test]
    async fn tasks_upsert_keeps_projects_apart() {
        let mut memory = Memory::default();
        upsert(&mut memory, settings()).await.unwrap();
        let mut other = settings();
        other["project"] = json!("other");
        assert_eq!(upsert(&mut memory, other.clone()).await.unwrap_err().kind.status(), 409);
        other["source"] = json!("acme/other");
        assert_eq!(upsert(&mut memory, other).await.unwrap().task_key.to_string(), "OTHER-1");
    }

    #[tokio::test]
    async fn tasks_upsert_makes_no_task_of_what_was_deleted() {
        let mut memory = Memory::default();
        upsert(&mut memory, settings()).await.unwrap();
        memory.tasks[0] = memory.tasks[0].deleted(at(6));
        assert_eq!(upsert(&mut memory, settings()).await.unwrap_err().kind.status(), 410);
    }

    #[tokio::test]
    async fn tasks_upsert_refuses_what_cannot_be_a_key_or_title() {
        for (setting, value) in [("key", " "), ("key", "a\u{0}"), ("title", " \n"), ("source", "a\nb")] {
            let mut bad = settings();
            bad[setting] = json!(value);
            let problem = upsert(&mut Memory::default(), bad).await.unwrap_err();
            assert_eq!(problem.kind.status(), 422, "{setting}");
            assert!(problem.detail.contains(setting), "{problem}");
        }
        let mut bad = settings();
        bad["project"] = json!("0190b2f0-0000-7000-8000-000000000000");
        assert_eq!(upsert(&mut Memory::default(), bad).await.unwrap_err().kind.status(), 404);
    }
}

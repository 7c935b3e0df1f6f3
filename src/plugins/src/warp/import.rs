//! A setup import's effect in the database: the project, the work item and the record of the import, in one transaction.
//!
//! The task of a work item is found by an external mapping from Warp's key, `PROJECT/KEY`. A new one takes the number that
//! Warp's key names when it reads as a task key of that project (`DEMO-7`) and the number is free, so that both sides speak
//! of the same key; else it takes the next number. A task that someone else made under that key is never taken over.

use domain::{ExternalMapping, MappedKind, Project, ProjectKey, ProjectionState, Repositories, SetupImport, Task, TaskKey};
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{SOURCE, payload, payload::Payload};
use crate::support::{self, Effect, Effects, project_effect, refused, tasks};

/// The highest number that a sender may name; far above it the counter would be of no use to anybody else.
const HIGHEST_NUMBER: i64 = 1_000_000;

/// What came of an import.
#[derive(Debug)]
pub(super) struct Imported {
    /// The record.
    pub(super) import: SetupImport,
    /// The work item.
    pub(super) task: Task,
    /// Whether the same import had been applied earlier.
    pub(super) replayed: bool,
}

/// Applies an import; `body` is the payload as it was sent.
pub(super) async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    payload: &Payload,
    body: Value,
    now: Timestamp,
) -> Result<Imported, Problem> {
    let digest = payload::digest(&body);
    let key = payload.project_key()?;
    if let Some(earlier) = repositories.import(SOURCE, &payload.import_id).await.map_err(refused)? {
        return replay(repositories, earlier, &digest).await;
    }
    let project = project(repositories, effects, payload, &key, now).await?;
    // The counter's lock also orders the imports of a project, so that each gets a revision of its own.
    let wanted = wanted_key(&payload.work_item.key, &key);
    repositories.raise_task_number(project.id, wanted.as_ref().map_or(0, |key| key.number)).await.map_err(refused)?;
    let task = work_item(repositories, effects, payload, &project, wanted, now).await?;
    let revision = repositories.last_import_revision(project.id).await.map_err(refused)? + 1;
    let import = SetupImport {
        import_id: payload.import_id.clone(),
        source: SOURCE.to_owned(),
        digest,
        project_id: project.id,
        task_id: task.id,
        payload: body,
        revision,
        projection: ProjectionState::Pending,
        created_at: now,
    };
    repositories.add_import(&import).await.map_err(refused)?;
    note(effects, &import, &project, &task);
    Ok(Imported { import, task, replayed: false })
}

async fn replay(repositories: &mut dyn Repositories, earlier: SetupImport, digest: &[u8]) -> Result<Imported, Problem> {
    if earlier.digest != digest {
        let detail = format!(
            "Import `{}` was taken at {} with another body; a changed setup needs an import_id of its own",
            earlier.import_id, earlier.created_at
        );
        return Err(Problem::conflict(detail));
    }
    let task = repositories.task(earlier.task_id).await.map_err(refused)?;
    let task = task.ok_or_else(|| Problem::internal(format!("import {} names a task that is gone", earlier.import_id)))?;
    Ok(Imported { import: earlier, task, replayed: true })
}

/// The project, made when its key is new. One that an event made under its bare key is given its name; a name that somebody
/// chose stays.
async fn project(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    payload: &Payload,
    key: &ProjectKey,
    now: Timestamp,
) -> Result<Project, Problem> {
    let name = support::text::title(&payload.project.name);
    let project = support::project_or_new(repositories, effects, key.as_str(), &name, now).await?;
    if !project.title.eq_ignore_ascii_case(key.as_str()) || project.title == name {
        return Ok(project);
    }
    let renamed = Project { title: name, updated_at: now, ..project };
    repositories.update_project(&renamed).await.map_err(refused)?;
    effects.note(project_effect("project.updated", &renamed, json!({"key": renamed.key, "changed": ["title"]})));
    Ok(renamed)
}

fn wanted_key(key: &str, project: &ProjectKey) -> Option<TaskKey> {
    key.parse::<TaskKey>().ok().filter(|key| key.project == *project && key.number <= HIGHEST_NUMBER)
}

async fn work_item(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    payload: &Payload,
    project: &Project,
    wanted: Option<TaskKey>,
    now: Timestamp,
) -> Result<Task, Problem> {
    let external_id = format!("{}/{}", project.key, payload.work_item.key);
    let mapping = repositories.mapping(SOURCE, MappedKind::Task, &external_id).await.map_err(refused)?;
    if let Some(mapping) = mapping {
        let task = repositories.task(mapping.local_id).await.map_err(refused)?;
        let task = task.ok_or_else(|| Problem::internal(format!("mapping {external_id} names a task that is gone")))?;
        // Warp sets the work item up anew: one that was deleted here comes back.
        let task =
            if task.deleted_at.is_some() { tasks::restore(repositories, effects, project, &task, now).await? } else { task };
        return Ok(tasks::change(repositories, effects, project, task, payload.patch(), now).await?.0);
    }
    let free = match wanted {
        Some(key) => repositories.task_by_key(&key).await.map_err(refused)?.is_none().then_some(key),
        None => None,
    };
    let task = match free {
        Some(key) => tasks::add_as(repositories, effects, project, key, payload.patch(), now).await?,
        None => tasks::add(repositories, effects, project, payload.patch(), now).await?,
    };
    let mapping = ExternalMapping {
        source: SOURCE.to_owned(),
        kind: MappedKind::Task,
        external_id,
        local_id: task.id,
        source_updated_at: None,
        deleted_at: None,
    };
    repositories.put_mapping(&mapping).await.map_err(refused)?;
    Ok(task)
}

fn note(effects: &mut Effects, import: &SetupImport, project: &Project, task: &Task) {
    let facts = json!({
        "import_id": import.import_id, "source": import.source, "revision": import.revision,
        "project_id": project.id, "task_id": task.id, "task_key": task.key,
    });
    effects.note(Effect {
        action: "setup.imported",
        kind: "setup_import",
        id: import.import_id.clone(),
        subject: tasks::subject(task.id),
        details: facts.clone(),
        data: facts,
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::Lane;

    use super::{super::payload::tests::body, *};
    use crate::testing::{Memory, at};

    async fn import(memory: &mut Memory, body: Value) -> Result<Imported, Problem> {
        let payload: Payload = serde_json::from_value(body.clone()).unwrap();
        apply(memory, &mut Effects::default(), &payload, body, at(5)).await
    }

    #[tokio::test]
    async fn setup_import_makes_project_and_work_item_under_the_senders_key() {
        let mut memory = Memory::default();
        let imported = import(&mut memory, body("i-1", "demo-7", "Set up")).await.unwrap();
        assert_eq!(imported.task.key.to_string(), "DEMO-7");
        assert_eq!((imported.import.revision, imported.replayed), (1, false));
        assert_eq!(memory.projects[0].title, "Demo");
        assert_eq!((imported.task.lane, imported.task.assignee.as_deref()), (Lane::Ready, Some("pm-lead")));
        assert_eq!(imported.task.body, "Make it so\n\n## Acceptance\n\n- it works");
        let next = import(&mut memory, body("i-2", "W-x", "Other")).await.unwrap();
        assert_eq!(next.task.key.to_string(), "DEMO-8");
    }

    #[tokio::test]
    async fn setup_import_takes_over_no_task_of_somebody_else() {
        let mut memory = Memory::default();
        import(&mut memory, body("i-1", "anything", "First")).await.unwrap();
        let imported = import(&mut memory, body("i-2", "DEMO-1", "Second")).await.unwrap();
        assert_eq!(imported.task.key.to_string(), "DEMO-2");
        assert_eq!(memory.tasks[0].title, "First");
    }

    #[tokio::test]
    async fn setup_import_again_replays_and_writes_nothing() {
        let mut memory = Memory::default();
        import(&mut memory, body("i-1", "DEMO-7", "Set up")).await.unwrap();
        let writes = memory.writes;
        let again = import(&mut memory, body("i-1", "DEMO-7", "Set up")).await.unwrap();
        assert!(again.replayed && again.task.key.number == 7 && memory.writes == writes);
    }

    #[tokio::test]
    async fn setup_import_with_another_body_conflicts() {
        let mut memory = Memory::default();
        import(&mut memory, body("i-1", "DEMO-7", "Set up")).await.unwrap();
        let problem = import(&mut memory, body("i-1", "DEMO-7", "Something else")).await.unwrap_err();
        assert_eq!(problem.kind.status(), 409);
        assert!(problem.detail.contains("i-1"), "{problem}");
    }

    #[tokio::test]
    async fn setup_import_of_a_known_work_item_updates_it_and_leaves_alone_what_it_does_not_say() {
        let mut memory = Memory::default();
        import(&mut memory, body("i-1", "DEMO-7", "Set up")).await.unwrap();
        let mut second = body("i-2", "DEMO-7", "Set up, again");
        second["work_item"].as_object_mut().unwrap().remove("lane");
        second["work_item"].as_object_mut().unwrap().remove("labels");
        let imported = import(&mut memory, second).await.unwrap();
        assert_eq!((memory.tasks.len(), imported.import.revision), (1, 2));
        assert_eq!((imported.task.title.as_str(), imported.task.lane), ("Set up, again", Lane::Ready));
        assert_eq!(imported.task.labels, ["setup"]);
    }

    #[tokio::test]
    async fn setup_import_brings_a_deleted_work_item_back() {
        let mut memory = Memory::default();
        import(&mut memory, body("i-1", "DEMO-7", "Set up")).await.unwrap();
        memory.tasks[0] = memory.tasks[0].deleted(at(6));
        let imported = import(&mut memory, body("i-2", "DEMO-7", "Set up")).await.unwrap();
        assert_eq!((imported.task.deleted_at, imported.task.revision), (None, 3));
    }

    #[tokio::test]
    async fn setup_import_names_a_project_that_an_event_had_made() {
        let mut memory = Memory::default();
        support::project_or_new(&mut memory, &mut Effects::default(), "demo", "demo", at(1)).await.unwrap();
        import(&mut memory, body("i-1", "DEMO-7", "Set up")).await.unwrap();
        assert_eq!(memory.projects[0].title, "Demo");
    }
}

//! Writing tasks with everything that belongs to it: revision, audit entry and events. A change that changes nothing writes
//! nothing.

use domain::{Project, Repositories, Task, TaskKey, TaskPatch};
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Effect, Effects, refused};

/// Adds a task under the next number of its project.
pub(crate) async fn add(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    patch: TaskPatch,
    now: Timestamp,
) -> Result<Task, Problem> {
    let number = repositories.next_task_number(project.id).await.map_err(refused)?;
    add_as(repositories, effects, project, TaskKey { project: project.key.clone(), number }, patch, now).await
}

/// Adds a task under a key that is known to be free.
pub(crate) async fn add_as(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    key: TaskKey,
    patch: TaskPatch,
    now: Timestamp,
) -> Result<Task, Problem> {
    let task = patch.into_task(Uuid::now_v7(), project.id, key, now);
    repositories.add_task(&task).await.map_err(refused)?;
    effects.note(effect("task.created", project, &task, json!({"key": task.key, "lane": task.lane}), &[]));
    Ok(task)
}

/// Changes a task; answers it as it is now and whether it is another than before.
pub(crate) async fn change(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    task: Task,
    patch: TaskPatch,
    now: Timestamp,
) -> Result<(Task, bool), Problem> {
    let Some(changed) = patch.apply(&task, now) else { return Ok((task, false)) };
    repositories.update_task(&changed).await.map_err(refused)?;
    note_change(effects, project, &task, &changed);
    Ok((changed, true))
}

/// Marks a task as deleted.
pub(crate) async fn delete(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    task: &Task,
    now: Timestamp,
) -> Result<Task, Problem> {
    let deleted = task.deleted(now);
    repositories.update_task(&deleted).await.map_err(refused)?;
    effects.note(effect("task.deleted", project, &deleted, json!({"key": deleted.key}), &[]));
    Ok(deleted)
}

/// Brings a deleted task back.
pub(crate) async fn restore(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: &Project,
    task: &Task,
    now: Timestamp,
) -> Result<Task, Problem> {
    let restored = task.restored(now);
    repositories.update_task(&restored).await.map_err(refused)?;
    effects.note(effect("task.restored", project, &restored, json!({"key": restored.key}), &[]));
    Ok(restored)
}

/// A move between lanes is an event of its own, beside the one for the other fields.
fn note_change(effects: &mut Effects, project: &Project, before: &Task, after: &Task) {
    let (mut moved, mut other) = (false, Vec::new());
    for field in after.differences(before) {
        if field == "lane" { moved = true } else { other.push(field) }
    }
    if moved {
        let details = json!({"key": after.key, "from": before.lane, "to": after.lane});
        let way = [("from", json!(before.lane)), ("to", json!(after.lane))];
        effects.note(effect("task.moved", project, after, details, &way));
    }
    if !other.is_empty() {
        let details = json!({"key": after.key, "changed": other});
        effects.note(effect("task.updated", project, after, details, &[("changed", json!(other))]));
    }
}

fn effect(action: &'static str, project: &Project, task: &Task, details: Value, more: &[(&str, Value)]) -> Effect {
    let mut data = json!({"project": {"id": project.id, "key": project.key, "title": project.title}, "task": task});
    for (name, value) in more {
        data[*name] = value.clone();
    }
    Effect { action, kind: "task", id: task.id.to_string(), subject: subject(task.id), details, data }
}

/// The subject of everything about a task, its comments included.
pub(crate) fn subject(task: Uuid) -> String {
    format!("task/{task}")
}

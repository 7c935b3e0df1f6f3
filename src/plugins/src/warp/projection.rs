//! What the workspace's files say: read from the database, rendered without IO.
//!
//! The workspace is one folder for every project that Warp sets up. `board.json` lists every imported work item as it is now,
//! and for each project the revision that it came from; the folder of a work item has its task and its next action; the next
//! action at the top is that of the newest import. Everything comes from this service's own state, so no entry that somebody
//! else wrote into an earlier board survives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::{Lane, Priority, Project, Repositories, SetupImport, Task, TaskKey};
use engine::problem::Problem;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::payload::{Link, Payload};
use crate::support::{refused, text};

/// Name of the board.
pub(super) const BOARD: &str = "board.json";
const NEXT_ACTION: &str = "NEXT_AUTONOMOUS_ACTION.md";

/// An imported work item as it is now.
#[derive(Debug, Clone)]
pub(super) struct Item {
    project: Project,
    task: Task,
    import: SetupImport,
    payload: Payload,
}

/// A file to be written: its path below the root, with `/`, and its text.
pub(super) type FileText = (String, String);

/// The board as a file.
#[derive(Debug, Serialize)]
struct Board<'a> {
    schema: u32,
    revision: String,
    import_id: &'a str,
    source: &'a str,
    project: ProjectEntry<'a>,
    projects: Vec<ProjectEntry<'a>>,
    lanes: BTreeMap<&'static str, Vec<&'a TaskKey>>,
    tasks: Vec<TaskEntry<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct ProjectEntry<'a> {
    id: Uuid,
    key: &'a str,
    name: &'a str,
    revision: String,
    import_id: &'a str,
}

#[derive(Debug, Serialize)]
struct TaskEntry<'a> {
    key: &'a TaskKey,
    project: &'a str,
    work_item: &'a str,
    title: &'a str,
    lane: Lane,
    priority: Priority,
    labels: &'a [String],
    lead: &'a str,
    revision: String,
    import_id: &'a str,
    files: Vec<String>,
}

/// What is read back of a board that is there already.
#[derive(Debug, Deserialize)]
struct EarlierBoard {
    #[serde(default)]
    projects: Vec<EarlierProject>,
}

#[derive(Debug, Deserialize)]
struct EarlierProject {
    id: Uuid,
    revision: String,
}

/// Every imported work item, from one consistent state of the database; deleted ones are left out.
pub(super) async fn read(repositories: &mut dyn Repositories) -> Result<Vec<Item>, Problem> {
    let mut projects: BTreeMap<Uuid, Project> = BTreeMap::new();
    let mut items = Vec::new();
    for import in repositories.newest_imports().await.map_err(refused)? {
        let task = repositories.task(import.task_id).await.map_err(refused)?;
        let Some(task) = task.filter(|task| task.deleted_at.is_none()) else { continue };
        let project = match projects.get(&import.project_id) {
            Some(project) => project.clone(),
            None => crate::support::project(repositories, &import.project_id.to_string()).await?,
        };
        projects.insert(project.id, project.clone());
        let payload = serde_json::from_value(import.payload.clone())
            .map_err(|error| Problem::internal(format!("the stored import {} cannot be read: {error}", import.import_id)))?;
        items.push(Item { project, task, import, payload });
    }
    Ok(items)
}

/// The paths of the files of a work item's import, in the order in which they are written.
pub(super) fn paths(key: &TaskKey) -> Vec<String> {
    vec![format!("tasks/{key}/TASK.md"), format!("tasks/{key}/{NEXT_ACTION}"), NEXT_ACTION.to_owned(), BOARD.to_owned()]
}

/// The files for the work item `task`, the board last: a board never names a file that is not there yet.
pub(super) fn files(items: &[Item], task: Uuid) -> Result<Vec<FileText>, Problem> {
    let projects = newest_by_project(items);
    let Some(newest) = projects.values().copied().max_by_key(|item| item.import.created_at) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    if let Some(item) = items.iter().find(|item| item.task.id == task) {
        let key = &item.task.key;
        files.push((format!("tasks/{key}/TASK.md"), task_text(item)));
        files.push((format!("tasks/{key}/{NEXT_ACTION}"), next_action_text(item)));
    }
    files.push((NEXT_ACTION.to_owned(), next_action_text(newest)));
    files.push((BOARD.to_owned(), board_text(items, projects, newest)?));
    Ok(files)
}

/// The item of the newest import of each project, by the project's key. Within a project the revision decides: it was given
/// under the project's lock, while the time is that of the request, which may have waited for the lock.
fn newest_by_project(items: &[Item]) -> BTreeMap<&str, &Item> {
    let mut newest: BTreeMap<&str, &Item> = BTreeMap::new();
    for item in items {
        let last = newest.entry(item.project.key.as_str()).or_insert(item);
        if item.import.revision > last.import.revision {
            *last = item;
        }
    }
    newest
}

/// The revision of each project, as the items have it.
pub(super) fn revisions(items: &[Item]) -> BTreeMap<Uuid, i64> {
    let mut revisions = BTreeMap::new();
    for item in items {
        let revision = revisions.entry(item.project.id).or_insert(0);
        *revision = item.import.revision.max(*revision);
    }
    revisions
}

/// The keys of the items' tasks.
pub(super) fn task_keys(items: &[Item]) -> BTreeSet<String> {
    items.iter().map(|item| item.task.key.to_string()).collect()
}

/// The key of a project among the items.
pub(super) fn project_key(items: &[Item], project: Uuid) -> String {
    items.iter().find(|item| item.project.id == project).map(|item| item.project.key.to_string()).unwrap_or_default()
}

/// The revision of each project, as a board on disk has it. A board that somebody else wrote has none.
pub(super) fn revisions_on_disk(board: &str) -> BTreeMap<Uuid, i64> {
    let Ok(board) = serde_json::from_str::<EarlierBoard>(board) else { return BTreeMap::new() };
    let number = |text: &str| text.strip_prefix('r')?.parse().ok();
    board.projects.iter().filter_map(|project| Some((project.id, number(&project.revision)?))).collect()
}

/// A revision as files and answers name it.
pub(super) fn revision_name(revision: i64) -> String {
    format!("r{revision}")
}

fn board_text(items: &[Item], projects: BTreeMap<&str, &Item>, newest: &Item) -> Result<String, Problem> {
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by_key(|item| &item.task.key);
    let mut lanes: BTreeMap<&'static str, Vec<&TaskKey>> = Lane::ALL.iter().map(|lane| (lane.as_str(), Vec::new())).collect();
    for item in &sorted {
        lanes.entry(item.task.lane.as_str()).or_default().push(&item.task.key);
    }
    let board = Board {
        schema: 1,
        revision: revision_name(newest.import.revision),
        import_id: &newest.import.import_id,
        source: &newest.import.source,
        project: project_entry(newest),
        projects: projects.into_values().map(project_entry).collect(),
        lanes,
        tasks: sorted.into_iter().map(task_entry).collect(),
    };
    let mut text = serde_json::to_string_pretty(&board).map_err(Problem::internal)?;
    text.push('\n');
    Ok(text)
}

fn project_entry(item: &Item) -> ProjectEntry<'_> {
    ProjectEntry {
        id: item.project.id,
        key: item.project.key.as_str(),
        name: &item.project.title,
        revision: revision_name(item.import.revision),
        import_id: &item.import.import_id,
    }
}

fn task_entry(item: &Item) -> TaskEntry<'_> {
    TaskEntry {
        key: &item.task.key,
        project: item.project.key.as_str(),
        work_item: &item.payload.work_item.key,
        title: &item.task.title,
        lane: item.task.lane,
        priority: item.task.priority,
        labels: &item.task.labels,
        lead: &item.payload.team.lead,
        revision: revision_name(item.import.revision),
        import_id: &item.import.import_id,
        files: paths(&item.task.key).into_iter().take(2).collect(),
    }
}

/// Facts at the head of each Markdown file: what it is about and what it came from.
fn head(item: &Item) -> String {
    format!(
        "- Task: {}\n- Project: {} ({})\n- Lead: {}\n- Lane: {}\n- Priority: {}\n- Revision: {}\n- Import: {}\n",
        item.task.key,
        item.project.key,
        item.project.title,
        item.payload.team.lead,
        item.task.lane,
        item.task.priority,
        revision_name(item.import.revision),
        item.import.import_id,
    )
}

fn task_text(item: &Item) -> String {
    let mut text = format!("# {}: {}\n\n{}", item.task.key, item.task.title, head(item));
    if !item.task.labels.is_empty() {
        push(&mut text, format_args!("- Labels: {}\n", item.task.labels.join(", ")));
    }
    if !item.task.body.is_empty() {
        push(&mut text, format_args!("\n{}\n", item.task.body));
    }
    if !item.payload.team.agents.is_empty() {
        text.push_str("\n## Team\n\n");
    }
    for agent in &item.payload.team.agents {
        let facts: Vec<String> =
            [&agent.role, &agent.profile].into_iter().map(|fact| text::name(fact)).filter(|fact| !fact.is_empty()).collect();
        let separator = if facts.is_empty() { "" } else { ": " };
        push(&mut text, format_args!("- {}{separator}{}\n", agent.slug, facts.join(", ")));
    }
    if !item.payload.links.is_empty() {
        text.push_str("\n## Links\n\n");
    }
    for link in &item.payload.links {
        match link {
            Link::Plain(url) => push(&mut text, format_args!("- <{url}>\n")),
            Link::Titled(link) if link.title.trim().is_empty() => push(&mut text, format_args!("- <{}>\n", link.url)),
            Link::Titled(link) => push(&mut text, format_args!("- {}: <{}>\n", text::title(&link.title), link.url)),
        }
    }
    text
}

fn next_action_text(item: &Item) -> String {
    format!("# Next autonomous action\n\n{}\n{}\n", head(item), text::body(&item.payload.next_action))
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(part);
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{
        super::{import, payload::tests::body},
        *,
    };
    use crate::{
        support::Effects,
        testing::{Memory, at},
    };

    /// The state after imports of these ids and work items, and the task of the last.
    pub(in crate::warp) async fn state(imports: &[(&str, &str)]) -> (Vec<Item>, Uuid) {
        let mut memory = Memory::default();
        let mut last = Uuid::nil();
        for (second, (id, key)) in (1..).zip(imports) {
            let body = body(id, key, "Set up");
            let payload: Payload = serde_json::from_value(body.clone()).unwrap();
            let imported = import::apply(&mut memory, &mut Effects::default(), &payload, body, at(second)).await.unwrap();
            last = imported.task.id;
        }
        (read(&mut memory).await.unwrap(), last)
    }

    /// Makes items of another run those of the same project.
    pub(in crate::warp) fn as_project_of(items: &mut [Item], of: &[Item]) {
        for item in items {
            item.project = of[0].project.clone();
        }
    }

    #[tokio::test]
    async fn setup_import_every_file_names_its_revision_and_import() {
        let (items, task) = state(&[("i-1", "DEMO-1"), ("i-2", "DEMO-2")]).await;
        let files = files(&items, task).unwrap();
        let names: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(names, paths(&"DEMO-2".parse().unwrap()));
        for (path, text) in &files {
            assert!(text.contains("r2") && text.contains("i-2"), "{path}:\n{text}");
        }
    }

    #[tokio::test]
    async fn setup_import_the_board_lists_every_imported_task_in_its_lane() {
        let (items, task) = state(&[("i-1", "DEMO-1"), ("i-2", "DEMO-2"), ("i-3", "DEMO-1")]).await;
        let (_, text) = files(&items, task).unwrap().pop().unwrap();
        let board: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(board["lanes"]["ready"], serde_json::json!(["DEMO-1", "DEMO-2"]));
        assert_eq!(board["tasks"][0]["revision"], "r3");
        assert_eq!(board["tasks"][1]["revision"], "r2");
        assert_eq!(revisions_on_disk(&text), revisions(&items));
    }

    #[tokio::test]
    async fn setup_import_the_task_file_reads_well() {
        let (items, task) = state(&[("i-1", "DEMO-1")]).await;
        let (_, text) = files(&items, task).unwrap().remove(0);
        assert_eq!(
            text,
            "# DEMO-1: Set up\n\n- Task: DEMO-1\n- Project: DEMO (Demo)\n- Lead: pm-lead\n- Lane: ready\n- Priority: high\n\
             - Revision: r1\n- Import: i-1\n- Labels: setup\n\nMake it so\n\n## Acceptance\n\n- it works\n\n## Team\n\n\
             - dev-1: engineer, rust\n\n## Links\n\n- <https://example.test/a>\n- B: <https://example.test/b>\n"
        );
    }

    #[test]
    fn a_foreign_board_has_no_revisions() {
        for board in ["", "{}", "[]", r#"{"tasks": {"LIVE-1": {}}}"#, r#"{"projects": [{"id": "x"}]}"#] {
            assert!(revisions_on_disk(board).is_empty(), "{board}");
        }
    }
}

//! Tests of `plane.receive_event` on rules alone: recorded shapes, order, repeats.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use domain::{Lane, Priority};
use proptest::prelude::*;

use super::*;
use crate::testing::{Memory, at};

const ISSUE: &str = "1ede1b0f-80c3-40c9-ba2a-2c651d3d302d";
const COMMENT: &str = "99bd8fa4-5b01-4628-878f-89efb595710d";
const PLANE_PROJECT: &str = "82beac4c-d2fa-45c3-815d-9ef09d094ddd";
const STATES: [(&str, &str); 4] =
    [("backlog", "Backlog"), ("unstarted", "Todo"), ("started", "In Review"), ("completed", "Done")];

fn issue_event(action: &str, issue: &str, second: i64, title: &str, state: (&str, &str)) -> Value {
    json!({
        "event": "issue", "action": action,
        "data": {
            "id": issue, "name": title, "updated_at": at(second).to_string(), "deleted_at": null, "priority": "high",
            "state": {"id": "s", "name": state.1, "group": state.0, "color": "#60646C"},
            "labels": [{"id": "l", "name": "bug"}], "assignees": [{"id": "a", "display_name": "ann"}],
            "description_html": format!("<p>{title} &amp; more</p>"), "description_stripped": "", "project": PLANE_PROJECT,
        },
        "activity": {"field": null, "actor": {"id": "a", "display_name": "ann"}},
    })
}

fn comment_event(action: &str, comment: &str, issue: &str, second: i64, text: &str) -> Value {
    json!({
        "event": "issue_comment", "action": action,
        "data": {"id": comment, "issue": issue, "updated_at": at(second).to_string(), "comment_html": format!("<p>{text}</p>"), "actor": "a"},
        "activity": {"actor": {"id": "a", "display_name": "ann"}},
    })
}

fn project_event(second: i64, name: &str) -> Value {
    json!({"event": "project", "action": "updated", "data": {"id": PLANE_PROJECT, "name": name, "updated_at": at(second).to_string()}})
}

fn deleted(event: &str, id: &str) -> Value {
    json!({"event": event, "action": "deleted", "data": {"id": id}})
}

/// Applies events one by one at later and later times; answers the actions noted.
fn run<'a>(memory: &mut Memory, events: impl IntoIterator<Item = &'a Value>) -> Vec<&'static str> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut effects = Effects::default();
    for (index, event) in events.into_iter().enumerate() {
        let now = at(1_000_000 + i64::try_from(index).unwrap());
        runtime.block_on(apply(memory, &mut effects, "demo", event, now)).unwrap();
    }
    effects.actions()
}

fn fail(memory: &mut Memory, project: &str, event: &Value) -> Problem {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(apply(memory, &mut Effects::default(), project, event, at(0))).unwrap_err()
}

#[test]
fn plane_webhook_an_issue_becomes_a_task_in_a_new_project() {
    let mut memory = Memory::default();
    let actions = run(&mut memory, [&issue_event("created", ISSUE, 1, "Ünïcode → 日本", STATES[2])]);
    assert_eq!(actions, ["project.created", "task.created"]);
    let task = &memory.tasks[0];
    assert_eq!((task.key.to_string().as_str(), task.title.as_str()), ("DEMO-1", "Ünïcode → 日本"));
    assert_eq!((task.lane, task.priority, task.assignee.as_deref()), (Lane::Review, Priority::High, Some("ann")));
    assert_eq!((task.body.as_str(), &task.labels[..]), ("Ünïcode → 日本 & more", &["bug".to_owned()][..]));
}

#[test]
fn plane_webhook_an_update_moves_and_renames() {
    let mut memory = Memory::default();
    let events = [issue_event("create", ISSUE, 1, "a", STATES[0]), issue_event("update", ISSUE, 2, "b", STATES[1])];
    let actions = run(&mut memory, &events);
    assert_eq!(actions, ["project.created", "task.created", "task.moved", "task.updated"]);
    assert_eq!((memory.tasks[0].lane, memory.tasks[0].revision), (Lane::Ready, 2));
}

#[test]
fn plane_webhook_a_clock_that_is_ahead_freezes_nothing() {
    let far = 4_070_908_800;
    let mut memory = Memory::default();
    run(&mut memory, &[issue_event("created", ISSUE, far, "a", STATES[0]), comment_event("created", COMMENT, ISSUE, far, "x")]);
    let correct =
        [issue_event("updated", ISSUE, 1_000_400, "b", STATES[1]), comment_event("updated", COMMENT, ISSUE, 1_000_400, "y")];
    run(&mut memory, &correct);
    assert_eq!((memory.tasks[0].title.as_str(), memory.comments[0].body.as_str()), ("b", "y"));
}

#[test]
fn plane_webhook_a_repeat_writes_nothing() {
    let mut memory = Memory::default();
    let events = [
        project_event(1, "Demo"),
        issue_event("created", ISSUE, 2, "a", STATES[0]),
        comment_event("created", COMMENT, ISSUE, 3, "hi"),
    ];
    run(&mut memory, &events);
    let writes = memory.writes;
    assert_eq!(run(&mut memory, &events), Vec::<&str>::new());
    assert_eq!(memory.writes, writes);
}

#[test]
fn plane_webhook_equal_times_apply_again() {
    let mut memory = Memory::default();
    let events = [issue_event("updated", ISSUE, 2, "a", STATES[0]), issue_event("updated", ISSUE, 2, "a", STATES[3])];
    run(&mut memory, &events);
    assert_eq!(memory.tasks[0].lane, Lane::Done);
}

#[test]
fn plane_webhook_old_news_is_not_applied() {
    let mut memory = Memory::default();
    run(&mut memory, &[issue_event("updated", ISSUE, 9, "new", STATES[3]), issue_event("created", ISSUE, 1, "old", STATES[0])]);
    assert_eq!((memory.tasks[0].title.as_str(), memory.tasks[0].lane), ("new", Lane::Done));
}

#[test]
fn plane_webhook_what_was_deleted_stays_deleted() {
    let mut memory = Memory::default();
    let (delete, late) = (deleted("issue", ISSUE), issue_event("updated", ISSUE, 9, "late", STATES[0]));
    run(&mut memory, [&delete, &late]);
    assert!(memory.tasks.is_empty());
    let mut memory = Memory::default();
    let actions = run(&mut memory, [&issue_event("created", ISSUE, 1, "a", STATES[0]), &delete, &late, &delete]);
    assert_eq!(actions, ["project.created", "task.created", "task.deleted"]);
    assert!(memory.tasks[0].deleted_at.is_some());
}

#[test]
fn plane_webhook_a_comment_before_its_issue_makes_the_task() {
    let mut memory = Memory::default();
    run(
        &mut memory,
        &[comment_event("created", COMMENT, ISSUE, 50, "first"), issue_event("created", ISSUE, 1, "real", STATES[1])],
    );
    assert_eq!((memory.tasks.len(), memory.tasks[0].title.as_str()), (1, "real"));
    assert_eq!((memory.comments[0].author.as_str(), memory.comments[0].body.as_str()), ("ann", "first"));
}

#[test]
fn plane_webhook_comments_change_and_go() {
    let mut memory = Memory::default();
    let events = [
        issue_event("created", ISSUE, 1, "a", STATES[0]),
        comment_event("created", COMMENT, ISSUE, 2, "hi"),
        comment_event("updated", COMMENT, ISSUE, 3, "hi there"),
        deleted("issue_comment", COMMENT),
        comment_event("updated", COMMENT, ISSUE, 4, "too late"),
    ];
    let actions = run(&mut memory, &events);
    assert_eq!(actions[2..], ["comment.created", "comment.updated", "comment.deleted"]);
    assert!(memory.comments[0].deleted_at.is_some() && memory.comments[0].body == "hi there");
}

#[test]
fn plane_webhook_other_events_are_counted() {
    let mut memory = Memory::default();
    let events = [json!({"event": "cycle", "action": "created", "data": {"id": "c"}}), json!({"got": "out"}), json!(null)];
    assert!(run(&mut memory, &events).is_empty());
    assert_eq!(memory.unknown, BTreeMap::from([("cycle.created".to_owned(), 1), ("none".to_owned(), 2)]));
    assert!(memory.projects.is_empty());
}

#[test]
fn plane_webhook_an_unknown_project_id_goes_to_the_dead_letters() {
    let event = issue_event("created", ISSUE, 1, "a", STATES[0]);
    for project in ["0190b2f0-0000-7000-8000-000000000000", "../etc", "x"] {
        let problem = fail(&mut Memory::default(), project, &event);
        assert_eq!((problem.kind.status(), problem.kind.is_transient()), (404, false), "{project}");
    }
}

#[test]
fn plane_webhook_a_second_plane_project_renames_nothing() {
    let mut memory = Memory::default();
    let mut other = project_event(9, "Other");
    other["data"]["id"] = json!("another");
    run(&mut memory, [&project_event(1, "Demo"), &other, &project_event(2, "Demo 2"), &project_event(1, "Demo")]);
    assert_eq!(memory.projects[0].title, "Demo 2");
    assert_eq!(memory.mappings.len(), 1);
}

#[test]
fn plane_webhook_hostile_text_is_kept_as_text() {
    let mut memory = Memory::default();
    let mut event = issue_event("created", ISSUE, 1, "a\u{0}b", STATES[0]);
    event["data"]["description_html"] = json!("<script>steal()</script><b>ok</b>");
    run(&mut memory, [&event]);
    assert_eq!((memory.tasks[0].title.as_str(), memory.tasks[0].body.as_str()), ("a b", "ok"));
}

/// What an operator sees: the project's title, and by issue the task with its comments.
type Seen = (String, BTreeMap<String, (String, String, Lane, Vec<(String, String)>)>);

fn seen(memory: &Memory) -> Seen {
    let mut tasks = BTreeMap::new();
    for mapping in memory.mappings.iter().filter(|mapping| mapping.kind == domain::MappedKind::Task) {
        let Some(task) = memory.tasks.iter().find(|task| task.id == mapping.local_id && task.deleted_at.is_none()) else {
            continue;
        };
        let of_task = memory.comments.iter().filter(|comment| comment.task_id == task.id && comment.deleted_at.is_none());
        let mut comments: Vec<_> = of_task.map(|comment| (comment.author.clone(), comment.body.clone())).collect();
        comments.sort();
        tasks.insert(mapping.external_id.clone(), (task.title.clone(), task.body.clone(), task.lane, comments));
    }
    (memory.projects[0].title.clone(), tasks)
}

/// A history in the order in which it happened.
fn history() -> Vec<Value> {
    vec![
        project_event(1, "Demo"),
        issue_event("created", "one", 2, "One", STATES[0]),
        issue_event("created", "two", 3, "Two", STATES[0]),
        comment_event("created", "c1", "one", 4, "first"),
        issue_event("updated", "one", 5, "One again", STATES[1]),
        comment_event("created", "c2", "two", 6, "second"),
        comment_event("updated", "c1", "one", 7, "first, edited"),
        issue_event("updated", "one", 8, "One again", STATES[2]),
        comment_event("created", "c3", "one", 9, "third"),
        deleted("issue_comment", "c3"),
        project_event(10, "Demo project"),
        issue_event("updated", "two", 11, "Two", STATES[3]),
        deleted("issue", "two"),
        comment_event("created", "c4", "older", 12, "on an issue of which no event ever came"),
    ]
}

proptest! {
    #[test]
    fn plane_webhook_any_order_and_any_repeats_end_the_same(
        order in Just((0..14_usize).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(0..14_usize, 0..10),
    ) {
        let history = history();
        let mut ordered = Memory::default();
        run(&mut ordered, &history);
        let mut shuffled = Memory::default();
        run(&mut shuffled, order.iter().chain(&repeats).map(|index| &history[*index]));
        prop_assert_eq!(seen(&shuffled), seen(&ordered));
    }

    #[test]
    fn plane_webhook_any_json_is_answered(text in "[a-z{}\\[\\]\":,0-9 ]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            for body in [value.clone(), json!({"event": "issue", "action": "updated", "data": value})] {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let outcome = runtime.block_on(apply(&mut Memory::default(), &mut Effects::default(), "demo", &body, at(0)));
                prop_assert!(outcome.map_or_else(|problem| !problem.errors.is_empty(), |_| true));
            }
        }
    }
}

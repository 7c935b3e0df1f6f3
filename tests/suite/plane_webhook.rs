//! What Plane sends becomes projects, tasks, lanes and comments: in either spelling, in whatever order, however often.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use black_box::{
    Answer, Call, Operator, Server, World, on_both,
    operator::delivery_id,
    plane::{self, SECRET, VARIABLE, WEBHOOK, about, event, fixture},
    program,
};
use serde_json::{Value, json};
use uuid::Uuid;

const ISSUE: &str = "0c7e4a7b-3d5f-4b16-8f2a-9e6d1c5b4a30";
const METRIC: &str = "mission_control_deliveries_accepted_total";

async fn serve(world: &World) -> Server {
    world.serve().variable(VARIABLE, SECRET).start().await
}

/// Plane sends events, one after another; each has taken effect before the next.
async fn plane_sends(server: &Server, operator: &Operator, events: &[Value]) {
    for body in events {
        let acknowledgement = event(server, body).send().await.expect(200);
        operator.done(&acknowledgement).await;
    }
}

/// The task of the issue of the fixtures.
async fn task(operator: &Operator) -> Value {
    operator.reads("/api/v1/tasks/DEMO-1").await
}

on_both!(events_become_project_task_lane_mapping_and_comments, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;

    plane_sends(&server, &operator, &[fixture("project-created")]).await;
    let project = operator.reads("/api/v1/projects/demo").await;
    assert_eq!((project["key"].as_str(), project["title"].as_str()), (Some("DEMO"), Some("Plant maintenance")));
    plane_sends(&server, &operator, &[fixture("project-updated")]).await;
    assert_eq!(operator.reads("/api/v1/projects/DEMO").await["title"], "Plant maintenance and repair");

    plane_sends(&server, &operator, &[fixture("issue-created")]).await;
    let created = task(&operator).await;
    assert_eq!(created["project_id"], project["id"]);
    assert_eq!(created["title"], "Valve 3 of the cooling loop leaks");
    assert_eq!(created["body"], "Seen during the morning round; the pan below it is full.");
    assert_eq!((&created["lane"], &created["priority"], &created["revision"]), (&json!("backlog"), &json!("high"), &json!(1)));
    let mapping = &created["external"][0];
    assert_eq!((&mapping["source"], &mapping["kind"], &mapping["external_id"]), (&json!("plane"), &json!("task"), &json!(ISSUE)));
    assert_eq!(mapping["source_updated_at"], "2026-11-20T08:14:07.180331Z");

    plane_sends(&server, &operator, &[fixture("issue-renamed")]).await;
    assert_eq!(task(&operator).await["title"], "Valve 3 of the cooling loop leaks again");
    plane_sends(&server, &operator, &[fixture("issue-updated")]).await;
    assert_eq!(task(&operator).await["lane"], "in_progress");
    plane_sends(&server, &operator, &[fixture("comment-created"), fixture("comment-updated")]).await;
    let comments = task(&operator).await["comments"].clone();
    assert_eq!(comments.as_array().unwrap().len(), 1, "{comments:#}");
    assert_eq!(
        (&comments[0]["author"], &comments[0]["body"]),
        (&json!("mara"), &json!("The seal is cracked; a new one is ordered."))
    );
    plane_sends(&server, &operator, &[fixture("issue-done")]).await;
    assert_eq!(task(&operator).await["lane"], "done");
    let board = operator.reads("/api/v1/projects/demo/board").await;
    let done = board["lanes"].as_array().unwrap().iter().find(|lane| lane["lane"] == "done").unwrap();
    assert_eq!(done["tasks"][0]["key"], "DEMO-1");

    let mut actions: Vec<String> = world.audit().await.into_iter().map(|entry| entry.action).collect();
    actions.retain(|action| !action.starts_with("token."));
    actions.reverse();
    assert_eq!(
        actions,
        [
            "project.created",
            "project.updated",
            "task.created",
            "task.updated",
            "task.moved",
            "task.updated",
            "comment.created",
            "comment.updated",
            "task.moved"
        ]
    );
});

on_both!(every_lane_can_be_reached, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let states = [
        ("triage", "Triage", "backlog"),
        ("unstarted", "Todo", "ready"),
        ("started", "In Progress", "in_progress"),
        ("started", "In Review", "review"),
        ("started", "Blocked", "blocked"),
        ("completed", "Done", "done"),
        ("cancelled", "Cancelled", "done"),
    ];
    for (second, (group, name, lane)) in states.into_iter().enumerate() {
        let mut body = fixture("issue-updated");
        body["data"]["state"] = json!({"id": Uuid::now_v7(), "group": group, "name": name});
        body["data"]["updated_at"] = format!("2026-11-20T09:00:{second:02}Z").into();
        plane_sends(&server, &operator, &[body]).await;
        assert_eq!(task(&operator).await["lane"], lane, "{group} {name}");
    }
});

on_both!(the_older_spelling_of_actions_does_the_same, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    plane_sends(&server, &operator, &[fixture("issue-created-older-spelling")]).await;
    assert_eq!(task(&operator).await["lane"], "backlog");
    plane_sends(&server, &operator, &[fixture("issue-updated-older-spelling")]).await;
    assert_eq!(task(&operator).await["lane"], "in_progress");
    plane_sends(&server, &operator, &[fixture("issue-deleted")]).await;
    operator.get("/api/v1/tasks/DEMO-1").send().await.expect_problem(404);
    assert!(operator.lists("/api/v1/projects/demo/tasks").await.is_empty());
});

/// Deliveries of a running Plane 1.3.1, as they came; only the signature is ours.
fn recorded() -> Vec<(Option<String>, String, String)> {
    let path = program::repository().join("tests/fixtures/plane-recorded.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let header = |name: &str| line["headers"][name].as_str().map(str::to_owned);
        let id = header("x-plane-delivery").unwrap_or_else(|| Uuid::now_v7().to_string());
        (header("x-plane-event"), id, line["body"].as_str().unwrap().to_owned())
    };
    text.lines().map(read).collect()
}

on_both!(recorded_deliveries_of_a_running_plane_are_understood, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let recorded = recorded();
    for (name, id, body) in &recorded {
        let call = plane::delivery(&server, WEBHOOK, id, name.as_deref(), body.as_bytes());
        operator.done(&call.send().await.expect(200)).await;
    }
    assert_eq!(operator.reads("/api/v1/projects/demo").await["title"], "Éngine tests");
    let tasks = operator.lists("/api/v1/projects/demo/tasks").await;
    let titles: Vec<&str> = tasks.iter().map(|task| task["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["renamed", "via redis broker"]);
    let first = task(&operator).await;
    assert_eq!((&first["revision"], first["comments"].as_array().unwrap().len()), (&json!(2), 1), "{first:#}");

    let unknown = "SELECT kind || ' ' || CAST(events AS TEXT) FROM unknown_events WHERE source = 'plane' ORDER BY kind";
    assert_eq!(world.database.texts(unknown).await, ["cycle.created 1", "module.created 1", "none 1"]);
    let deliveries = operator.lists("/api/v1/deliveries?contract=plane-webhook").await;
    assert_eq!(deliveries.len(), recorded.len(), "every delivery is stored, unknown ones too");
});

on_both!(what_is_not_known_is_stored_counted_and_acknowledged, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let bodies = [
        fixture("cycle-created"),
        json!({"event": "issue", "action": "archived", "data": {"id": ISSUE}}),
        json!({"event": "cycle", "action": "created"}),
        json!({"got": "out"}),
        json!({}),
        json!([]),
        json!(null),
        json!({"event": {"a": 1}, "action": [2]}),
    ];
    plane_sends(&server, &operator, &bodies).await;
    let count = "SELECT kind || ' ' || CAST(events AS TEXT) FROM unknown_events ORDER BY kind";
    assert_eq!(world.database.texts(count).await, ["cycle.created 2", "issue.archived 1", "none 5"]);
    assert!(operator.lists("/api/v1/projects").await.is_empty());
    assert_eq!(operator.metric(METRIC, &["contract=\"plane-webhook\"", "outcome=\"stored\""]).await, 8.0);
});

on_both!(what_can_never_take_effect_is_a_dead_letter_that_says_why, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let nameless = json!({"event": "issue", "action": "updated", "data": {"name": "whose?"}});
    let delivery = operator.settled(&event(&server, &nameless).send().await.expect(200)).await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("dead"), &json!(1)), "{delivery:#}");
    assert!(delivery["last_error"].as_str().unwrap().contains("/data/id"), "{delivery:#}");

    let body = fixture("issue-created").to_string();
    let path = WEBHOOK.replace("demo", "0190b2f0-0000-7000-8000-000000000000");
    let call = plane::delivery(&server, &path, "d-1", Some("issue"), body.as_bytes());
    let delivery = operator.settled(&call.send().await.expect(200)).await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("dead"), &json!(1)), "{delivery:#}");

    let not_json = plane::delivery(&server, WEBHOOK, "d-2", Some("issue"), b"{\"event\": ");
    not_json.send().await.expect_problem(400);
});

on_both!(a_repeat_under_a_new_delivery_id_changes_nothing, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let history = ["project-created", "issue-created", "comment-created", "issue-updated", "comment-updated"].map(fixture);
    plane_sends(&server, &operator, &history).await;
    let (before, audit) = (task(&operator).await, world.audit().await.len());
    plane_sends(&server, &operator, &history).await;
    plane_sends(&server, &operator, &history).await;
    assert_eq!(task(&operator).await, before);
    assert_eq!(world.audit().await.len(), audit);
    assert_eq!(operator.lists("/api/v1/deliveries").await.len(), 15, "every repeat is stored");
});

on_both!(a_repeat_under_the_same_delivery_id_is_the_same_delivery, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let body = fixture("issue-created").to_string();
    let send =
        || plane::delivery(&server, WEBHOOK, "6f0b2c1e-6f3c-4b8e-9a51-0d6f4c2a7e01", Some("issue"), body.as_bytes()).send();
    let first = send().await.expect(200);
    assert_eq!(first.json()["replayed"], false);
    for _ in 0..3 {
        let again = send().await.expect(200);
        assert_eq!((delivery_id(&again), &again.json()["replayed"]), (delivery_id(&first), &json!(true)));
    }
    operator.done(&first).await;
    assert_eq!(operator.lists("/api/v1/deliveries").await.len(), 1);
    assert_eq!(operator.metric(METRIC, &["contract=\"plane-webhook\"", "outcome=\"repeated\""]).await, 3.0);
});

on_both!(another_body_under_a_delivery_id_that_came_before_is_refused, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let send = |name: &str| {
        let body = fixture(name).to_string();
        plane::delivery(&server, WEBHOOK, "one-delivery", Some("issue"), body.as_bytes()).send()
    };
    operator.done(&send("issue-created").await.expect(200)).await;
    send("issue-done").await.expect_problem(409);
    assert_eq!(task(&operator).await["lane"], "backlog");
    assert_eq!(operator.lists("/api/v1/deliveries").await.len(), 1);
});

on_both!(a_clock_that_runs_ahead_freezes_nothing, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    for (name, time, lane) in
        [("issue-updated", "2199-01-01T00:00:00Z", "in_progress"), ("issue-done", "2099-01-01T00:00:00Z", "done")]
    {
        let mut body = fixture(name);
        body["data"]["updated_at"] = time.into();
        plane_sends(&server, &operator, &[body]).await;
        assert_eq!(task(&operator).await["lane"], lane, "{time}");
    }
});

/// Every order of the items.
fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in items.iter().enumerate() {
        let rest = [&items[..index], &items[index + 1..]].concat();
        all.extend(orders(&rest).into_iter().map(|order| [vec![first.clone()], order].concat()));
    }
    all
}

/// Sends every order of the events, each about an issue of its own; answers the ids of the issues.
async fn send_every_order(server: &Server, operator: &Operator, events: &[Value]) -> Vec<String> {
    let mut issues = Vec::new();
    for order in orders(events) {
        let (issue, comment) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        for body in order {
            let mut body = about(body, &issue);
            if body["event"] == "issue_comment" {
                body["data"]["id"] = comment.as_str().into();
            }
            event(server, &body).send().await.expect(200);
        }
        issues.push(issue);
    }
    operator.all_settled().await;
    issues
}

on_both!(every_order_of_events_ends_in_the_same_task, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let events = ["issue-created", "issue-renamed", "comment-created", "issue-done"].map(fixture);
    let issues = send_every_order(&server, &operator, &events).await;
    let tasks = operator.lists("/api/v1/projects/demo/tasks?limit=500").await;
    assert_eq!((tasks.len(), issues.len()), (24, 24));
    for task in &tasks {
        assert_eq!((&task["title"], &task["lane"]), (&json!("Valve 3 of the cooling loop leaks"), &json!("done")), "{task:#}");
    }
    let comments = "SELECT author || ': ' || body FROM comments WHERE deleted_at IS NULL";
    let comments = world.database.texts(comments).await;
    assert_eq!(comments.len(), 24);
    assert!(comments.iter().all(|comment| comment == "mara: The seal is cracked."), "{:?}", comments[0]);
});

on_both!(what_was_deleted_stays_deleted_in_every_order, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let events = ["issue-created", "issue-updated", "issue-done", "issue-deleted"].map(fixture);
    let issues = send_every_order(&server, &operator, &events).await;
    assert!(operator.lists("/api/v1/projects/demo/tasks").await.is_empty());
    let tombstones = "SELECT external_id FROM external_mappings WHERE kind = 'task' AND deleted_at IS NOT NULL";
    assert_eq!(world.database.texts(tombstones).await.len(), issues.len());

    let late = about(fixture("issue-done"), &issues[0]);
    plane_sends(&server, &operator, &[late]).await;
    assert!(operator.lists("/api/v1/projects/demo/tasks").await.is_empty(), "late news brings nothing back");
});

on_both!(of_events_of_one_time_all_apply_and_the_last_decides, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    // Plane sends one event for each changed field, all with the same time; each carries the whole object.
    let (mut field, whole) = (fixture("issue-updated"), fixture("issue-updated"));
    field["data"]["state"] = fixture("issue-created")["data"]["state"].clone();
    plane_sends(&server, &operator, &[field, whole.clone()]).await;
    let moved = task(&operator).await;
    assert_eq!((&moved["lane"], &moved["revision"]), (&json!("in_progress"), &json!(2)));
    plane_sends(&server, &operator, &[whole]).await;
    assert_eq!(task(&operator).await, moved);
});

/// A request that carries the secret itself, or nothing.
fn unsigned(server: &Server, query: &str) -> Call {
    let call = server.post(&format!("{WEBHOOK}{query}")).header("content-type", "application/json");
    call.header("x-plane-delivery", Uuid::now_v7().to_string()).body(fixture("issue-created").to_string())
}

fn is_deprecated(answer: &Answer) -> bool {
    assert_eq!(answer.header("deprecation").is_some(), answer.header("sunset").is_some(), "{}", answer.describe());
    answer.header("deprecation").is_some()
}

on_both!(every_carrier_of_the_secret_opens_and_the_legacy_one_says_so, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let signed = event(&server, &fixture("issue-created")).send().await.expect(200);
    let preferred = unsigned(&server, "").header("x-plane-webhook-secret", SECRET).send().await.expect(200);
    let compatible = unsigned(&server, "").header("x-webhook-secret", SECRET).send().await.expect(200);
    assert!(![&signed, &preferred, &compatible].into_iter().any(is_deprecated));

    for _ in 0..2 {
        let legacy = unsigned(&server, &format!("?secret={SECRET}")).send().await.expect(200);
        assert!(legacy.header("deprecation").is_some_and(|date| date.starts_with('@')), "{}", legacy.describe());
        assert_eq!(legacy.header("sunset"), Some("Fri, 31 Dec 2027 23:59:59 GMT"), "{}", legacy.describe());
        let stored = operator.reads(&format!("/api/v1/deliveries/{}", delivery_id(&legacy))).await;
        assert!(!stored.to_string().contains(SECRET), "{stored:#}");
    }
    let labels = ["contract=\"plane-webhook\"", "surface=\"query secret\""];
    assert_eq!(operator.metric("mission_control_deprecated_uses_total", &labels).await, 2.0);
    operator.all_settled().await;
    assert!(server.stop().await.success());
    let uses = "SELECT contract || ' ' || surface || ' ' || caller || ' ' || CAST(uses AS TEXT) FROM deprecated_uses";
    assert_eq!(world.database.texts(uses).await, ["plane-webhook query secret 127.0.0.1 2"]);
});

on_both!(a_wrong_secret_is_refused_and_nothing_is_stored, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let body = fixture("issue-created").to_string();
    let signed = |value: &str| unsigned(&server, "").header("x-plane-signature", value);
    let right = plane::signature(SECRET, body.as_bytes());
    let refused = [
        unsigned(&server, ""),
        unsigned(&server, "?secret=wrong"),
        unsigned(&server, "?secret="),
        unsigned(&server, "").header("x-plane-webhook-secret", "wrong"),
        unsigned(&server, "").header("x-webhook-secret", &SECRET[1..]),
        signed(&plane::signature("wrong", body.as_bytes())),
        signed(&right[..63]),
        signed(&format!("sha256={right}")),
        signed(&right).body(format!("{body} ")),
        // The signature decides, not the weaker carrier that stands beside it.
        signed(&plane::signature("wrong", body.as_bytes())).header("x-plane-webhook-secret", SECRET),
        unsigned(&server, "").bearer(SECRET),
    ];
    for call in refused {
        call.send().await.expect_problem(401);
    }
    assert!(operator.lists("/api/v1/deliveries").await.is_empty());
    assert!(operator.lists("/api/v1/projects").await.is_empty());
});

on_both!(without_the_secret_the_contract_is_unconfigured, |world| async move {
    let server = world.serve().start().await;
    let problem = event(&server, &fixture("issue-created")).send().await.expect_problem(503);
    assert!(problem["detail"].as_str().unwrap().contains(VARIABLE), "{problem:#}");
    assert_eq!(problem["contract"], "plane-webhook");
    let contract = server.get("/contractz/plane-webhook").send().await.expect(200).json();
    assert_eq!(contract["state"], "unconfigured");
});

//! The operator API as a program or an operator's browser uses it: lists page by page, filters, tags, replays. Who may do what
//! is the matrix's business.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use black_box::{
    Operator, Server, World, on_both,
    plane::{self, SECRET, VARIABLE, about, event, fixture},
};
use contract::catalog::{Role, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

async fn serve(world: &World) -> Server {
    world.serve().variable(VARIABLE, SECRET).start().await
}

/// An issue in a lane with a label.
fn issue(number: usize, group: &str, label: &str) -> Value {
    let mut body = about(fixture("issue-created"), &Uuid::now_v7().to_string());
    body["data"]["name"] = format!("Issue {number}").into();
    body["data"]["state"] = json!({"group": group, "name": group});
    body["data"]["labels"] = json!([{"name": label}]);
    body
}

/// Sends an event to a project and waits for its effect.
async fn sends(server: &Server, operator: &Operator, project: &str, body: &Value) {
    let path = format!("/api/v1/projects/{project}/integrations/plane/webhook");
    let id = Uuid::now_v7().to_string();
    let call = plane::delivery(server, &path, &id, body["event"].as_str(), body.to_string().as_bytes());
    operator.done(&call.send().await.expect(200)).await;
}

fn texts(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}

on_both!(projects_are_listed_by_key_and_shown_by_id_or_key, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    for project in ["cc", "aa", "ee", "bb", "dd"] {
        sends(&server, &operator, project, &issue(1, "backlog", "x")).await;
    }
    let first = operator.reads("/api/v1/projects?limit=2").await;
    assert_eq!(texts(first["items"].as_array().unwrap(), "key"), ["AA", "BB"]);
    assert!(first["next_cursor"].is_string());
    assert_eq!(texts(&operator.lists("/api/v1/projects?limit=2").await, "key"), ["AA", "BB", "CC", "DD", "EE"]);
    let last = operator.reads("/api/v1/projects?limit=5").await;
    assert_eq!(last["next_cursor"], Value::Null, "a full page that is the last says so");

    let id = first["items"][0]["id"].as_str().unwrap();
    let by_id = operator.reads(&format!("/api/v1/projects/{id}")).await;
    assert_eq!(by_id, operator.reads("/api/v1/projects/aa").await);
    for path in ["/api/v1/projects/NOWHERE", "/api/v1/projects/0190b2f0-0000-7000-8000-000000000000", "/api/v1/projects/a%2Fb"] {
        let problem = operator.get(path).send().await.expect_problem(404);
        assert_eq!(problem["contract"], "frontend-to-backend", "{problem:#}");
    }
    for query in ["limit=0", "limit=501", "limit=x", "limit=-1"] {
        let problem = operator.get(&format!("/api/v1/projects?{query}")).send().await.expect_problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/limit", "{problem:#}");
    }
});

on_both!(tasks_are_listed_by_number_and_filtered, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    for number in 1..=7 {
        let (group, label) = if number % 2 == 0 { ("started", "even") } else { ("unstarted", "odd") };
        sends(&server, &operator, "demo", &issue(number, group, label)).await;
    }
    let path = "/api/v1/projects/demo/tasks";
    let all = operator.lists(&format!("{path}?limit=3")).await;
    assert_eq!(texts(&all, "key"), (1..=7).map(|number| format!("DEMO-{number}")).collect::<Vec<_>>());
    for (query, expected) in [
        ("lane=in_progress", vec!["DEMO-2", "DEMO-4", "DEMO-6"]),
        ("label=odd", vec!["DEMO-1", "DEMO-3", "DEMO-5", "DEMO-7"]),
        ("lane=ready&label=even", vec![]),
        ("lane=in_progress&limit=1", vec!["DEMO-2", "DEMO-4", "DEMO-6"]),
        ("label=%25", vec![]),
        ("label=o", vec![]),
    ] {
        assert_eq!(texts(&operator.lists(&format!("{path}?{query}")).await, "key"), expected, "{query}");
    }
    for (query, pointer) in [("lane=soon", "/lane"), ("cursor=x", "/cursor"), ("limit=9999", "/limit")] {
        let problem = operator.get(&format!("{path}?{query}")).send().await.expect_problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
    }
    operator.get("/api/v1/projects/nowhere/tasks").send().await.expect_problem(404);
    operator.get("/api/v1/projects/nowhere/board").send().await.expect_problem(404);

    let board = operator.reads("/api/v1/projects/demo/board").await;
    let lanes = board["lanes"].as_array().unwrap();
    assert_eq!(texts(lanes, "lane"), ["backlog", "ready", "in_progress", "review", "blocked", "done"]);
    assert_eq!(texts(lanes[1]["tasks"].as_array().unwrap(), "key"), ["DEMO-1", "DEMO-3", "DEMO-5", "DEMO-7"]);
    assert_eq!(board["project"]["key"], "DEMO");
});

on_both!(a_task_answers_to_id_and_key_with_a_tag_that_moves_with_it, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    for name in ["issue-created", "comment-created"] {
        operator.done(&event(&server, &fixture(name)).send().await.expect(200)).await;
    }
    let by_key = operator.get("/api/v1/tasks/DEMO-1").send().await.expect(200);
    let task = by_key.json();
    let by_id = operator.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())).send().await.expect(200);
    assert_eq!((by_id.json(), by_id.header("etag")), (task.clone(), by_key.header("etag")));
    let project = operator.get("/api/v1/projects/demo").send().await.expect(200);
    assert!([&by_key, &project].iter().all(|answer| answer.header("etag").is_some_and(|tag| tag.starts_with('"'))));

    operator.done(&event(&server, &fixture("issue-done")).send().await.expect(200)).await;
    let changed = operator.get("/api/v1/tasks/DEMO-1").send().await.expect(200);
    assert_ne!(changed.header("etag"), by_key.header("etag"));
    assert_eq!(operator.get("/api/v1/projects/demo").send().await.header("etag"), project.header("etag"));
    for id in ["DEMO-2", "DEMO-0", "nothing", "0190b2f0-0000-7000-8000-000000000000"] {
        operator.get(&format!("/api/v1/tasks/{id}")).send().await.expect_problem(404);
    }
});

on_both!(deliveries_are_listed_newest_first_and_shown_whole, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    for number in 1..=5 {
        sends(&server, &operator, "demo", &issue(number, "backlog", "x")).await;
    }
    let dead = event(&server, &json!({"event": "issue", "action": "created", "data": {}})).send().await.expect(200);
    assert_eq!(operator.settled(&dead).await["state"], "dead");

    let all = operator.lists("/api/v1/deliveries?limit=2").await;
    assert_eq!(all.len(), 6);
    let received = texts(&all, "received_at");
    assert!(
        received.windows(2).all(|pair| pair[0].parse::<jiff::Timestamp>().unwrap() >= pair[1].parse().unwrap()),
        "{received:?}"
    );
    for (query, count) in [
        ("state=dead", 1),
        ("state=done", 5),
        ("state=pending", 0),
        ("contract=plane-webhook", 6),
        ("contract=warp-setup-import", 0),
        ("flow=inbound", 6),
        ("flow=outbound", 0),
        ("state=done&contract=plane-webhook&flow=inbound&limit=1", 5),
    ] {
        assert_eq!(operator.lists(&format!("/api/v1/deliveries?{query}")).await.len(), count, "{query}");
    }
    for query in ["state=lost", "flow=sideways", "limit=0", "limit=201", "cursor=x"] {
        operator.get(&format!("/api/v1/deliveries?{query}")).send().await.expect_problem(422);
    }

    let shown = operator.reads(&format!("/api/v1/deliveries/{}", all[1]["id"].as_str().unwrap())).await;
    assert!(all[1].get("message").is_none(), "a list has no bodies");
    assert_eq!((&shown["actor"], &shown["handler"]), (&json!("contract:plane-webhook"), &json!("plane.receive_event")));
    let body: Value = serde_json::from_str(shown["message"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["data"]["name"], "Issue 5");
    let headers = shown["message"]["headers"].as_array().unwrap();
    assert!(headers.iter().any(|header| header[0] == "x-plane-event" && header[1] == "issue"), "{shown:#}");
    assert!(!shown.to_string().contains("x-plane-signature"), "{shown:#}");
    for id in ["0190b2f0-0000-7000-8000-000000000000", "nothing"] {
        operator.get(&format!("/api/v1/deliveries/{id}")).send().await.expect_problem(404);
    }
});

on_both!(a_delivery_can_be_replayed, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let project = Uuid::now_v7();
    let path = format!("/api/v1/projects/{project}/integrations/plane/webhook");
    let call = plane::delivery(&server, &path, "d-1", Some("issue"), fixture("issue-created").to_string().as_bytes());
    let acknowledged = call.send().await.expect(200);
    assert_eq!(operator.settled(&acknowledged).await["state"], "dead");
    let insert = format!(
        "INSERT INTO projects (id, key, title, last_task_number, created_at, updated_at) VALUES ('{project}', 'LATE', 'Late', 0, 1, 1)"
    );
    world.database.execute(&insert).await;

    let id = acknowledged.json()["delivery_id"].as_str().unwrap().to_owned();
    let replay = format!("/api/v1/deliveries/{id}/replay");
    let again = operator.post(&replay).send().await.expect(202).json();
    assert_eq!((&again["id"], &again["attempts"]), (&json!(id), &json!(0)), "{again:#}");
    operator.done(&acknowledged).await;
    assert_eq!(operator.reads("/api/v1/tasks/LATE-1").await["title"], "Valve 3 of the cooling loop leaks");
    let audit = world.audit().await;
    let replayed = audit.iter().find(|entry| entry.action == "delivery.replayed").unwrap();
    assert_eq!((replayed.actor.as_str(), replayed.object_id.as_str()), ("token:suite", id.as_str()));

    operator.post(&replay).send().await.expect(202);
    operator.done(&acknowledged).await;
    assert_eq!(operator.reads("/api/v1/tasks/LATE-1").await["revision"], 1, "what is known already changes nothing");
    operator.post("/api/v1/deliveries/0190b2f0-0000-7000-8000-000000000000/replay").send().await.expect_problem(404);
    let writer = world.token(Scope::Write).await;
    server.post(&replay).bearer(&writer).send().await.expect(202);
    let reader = world.token(Scope::Read).await;
    server.post(&replay).bearer(&reader).send().await.expect_problem(403);
});

on_both!(a_delivery_on_its_way_cannot_be_replayed, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let acknowledged = event(&server, &fixture("issue-created")).send().await.expect(200);
    operator.done(&acknowledged).await;
    let id = acknowledged.json()["delivery_id"].as_str().unwrap().to_owned();
    // Due in the year 2100.
    world
        .database
        .execute(&format!("UPDATE deliveries SET state = 'pending', due_at = 4102444800000000 WHERE id = '{id}'"))
        .await;
    operator.post(&format!("/api/v1/deliveries/{id}/replay")).send().await.expect_problem(409);
});

on_both!(sessions_of_operators_open_the_same_routes, |world| async move {
    let server = serve(&world).await;
    let (viewer, operator, admin) =
        (world.session(Role::Viewer).await, world.session(Role::Operator).await, world.session(Role::Admin).await);
    for cookie in [&viewer, &operator, &admin] {
        for path in ["/api/v1/projects", "/api/v1/deliveries", "/api/v1/contracts", "/api/v1/contracts/plane-webhook"] {
            server.get(path).header("cookie", cookie).send().await.expect(200);
        }
    }
    let unknown = "/api/v1/deliveries/0190b2f0-0000-7000-8000-000000000000/replay";
    server.post(unknown).header("cookie", &viewer).send().await.expect_problem(403);
    server.post(unknown).header("cookie", &operator).send().await.expect_problem(404);
    let reload = "/api/v1/contracts/reload";
    server.post(reload).header("cookie", &operator).send().await.expect_problem(403);
    server.post(reload).header("cookie", &admin).send().await.expect(200);
    let entries = world.audit().await;
    let reloaded = entries.iter().find(|entry| entry.action == "contracts.reloaded").unwrap();
    assert_eq!(reloaded.actor, "operator:suite Admin");
});

on_both!(contracts_are_listed_as_they_are_published, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let published = server.get("/contractz").send().await.expect(200).json();
    let listed = operator.reads("/api/v1/contracts").await;
    assert_eq!((&listed["items"], &listed["next_cursor"]), (&published["contracts"], &Value::Null));
    let shown = operator.reads("/api/v1/contracts/plane-webhook").await;
    assert_eq!((&shown["id"], &shown["state"]), (&json!("plane-webhook"), &json!("mounted")));
    operator.get("/api/v1/contracts/nothing").send().await.expect_problem(404);
    let reloaded = operator.post("/api/v1/contracts/reload").send().await.expect(200).json();
    assert_eq!((&reloaded["outcome"], &reloaded["digest"]), (&json!("unchanged"), &published["digest"]));
});

on_both!(uses_of_what_is_deprecated_are_listed_by_caller, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    for _ in 0..3 {
        let call = server.post(&format!("{}?secret={SECRET}", plane::WEBHOOK)).json(&fixture("issue-created"));
        operator.done(&call.send().await.expect(200)).await;
    }
    assert!(server.stop().await.success(), "a stop writes what is counted");
    let server = serve(&world).await;
    let uses = operator.at(&server).lists("/api/v1/deprecated-uses").await;
    let [used] = &uses[..] else { panic!("{uses:#?}") };
    assert_eq!((&used["contract"], &used["surface"]), (&json!("plane-webhook"), &json!("query secret")));
    assert_eq!((&used["caller"], &used["count"]), (&json!("127.0.0.1"), &json!(3)));
    let time = |member: &str| used[member].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("first_at") <= time("last_at"), "{used:#}");
});

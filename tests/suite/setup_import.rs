//! Setup imports of Warp: one work item and its files, once, whatever is repeated, refused or interrupted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use black_box::{Call, Server, World, on_both, program, server::eventually, world::write};
use serde_json::{Value, json};

const TOKEN: &str = "warp-token-5d1f7e";
const FILES: [&str; 4] =
    ["tasks/HARBOR-1/TASK.md", "tasks/HARBOR-1/NEXT_AUTONOMOUS_ACTION.md", "NEXT_AUTONOMOUS_ACTION.md", "board.json"];

async fn serve(world: &World) -> Server {
    world.serve().variable("PLANE_API_TOKEN", TOKEN).start().await
}

/// The workspace of the world.
fn workspace(world: &World) -> PathBuf {
    PathBuf::from(&world.variables["OPENCLAW_WORKSPACE_ROOT"])
}

fn fixture(name: &str) -> Value {
    let path = program::repository().join("contracts/fixtures/warp").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An import of another work item of the same project.
fn another(import_id: &str, key: &str) -> Value {
    let mut body = fixture("setup-import.json");
    body["import_id"] = import_id.into();
    body["work_item"]["key"] = key.into();
    body
}

/// Warp sends an import.
fn import(server: &Server, body: &Value) -> Call {
    server.post("/api/setup-import").bearer(TOKEN).json(body)
}

fn read(root: &Path, file: &str) -> String {
    std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn board(root: &Path) -> Value {
    serde_json::from_str(&read(root, "board.json")).unwrap()
}

on_both!(an_import_makes_the_work_item_and_its_files, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let answer = import(&server, &fixture("setup-import.json")).send().await.expect(201).json();
    let project = operator.reads("/api/v1/projects/HARBOR").await;
    assert_eq!(project["title"], "Harbor relaunch");
    let root = workspace(&world);
    assert_eq!(
        answer,
        json!({
            "project_id": project["id"], "task_key": "HARBOR-1", "replayed": false,
            "projection": {"root": root.display().to_string(), "revision": "r1", "files": FILES},
        })
    );
    let task = operator.reads("/api/v1/tasks/HARBOR-1").await;
    assert_eq!(
        (&task["title"], &task["lane"], &task["priority"]),
        (&json!("Set up the harbor team"), &json!("ready"), &json!("high"))
    );
    assert_eq!((&task["labels"], &task["assignee"]), (&json!(["setup", "warp"]), &json!("harbor-lead")));

    for file in FILES {
        let text = read(&root, file);
        assert!(text.contains("r1") && text.contains("warp-2026-11-20-0007"), "{file} names its revision and import:\n{text}");
    }
    let text = read(&root, FILES[0]);
    for part in ["Set up the harbor team", "Every agent has a profile", "harbor-build", "https://warp.example.org/setups/0007"] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    assert!(read(&root, FILES[1]).contains("harbor-lead reads the brief and opens one task for each agent."));
    let board = board(&root);
    assert_eq!(board["lanes"]["ready"], json!(["HARBOR-1"]));
    assert_eq!((&board["revision"], &board["tasks"][0]["key"]), (&json!("r1"), &json!("HARBOR-1")));
});

on_both!(the_same_import_replays_and_another_body_conflicts, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let first = import(&server, &fixture("setup-import.json")).send().await.expect(201).json();
    let (task, audit) = (operator.reads("/api/v1/tasks/HARBOR-1").await, world.audit().await.len());

    let again = import(&server, &fixture("setup-import.json")).send().await.expect(200).json();
    assert_eq!(again["replayed"], true);
    for member in ["project_id", "task_key", "projection"] {
        assert_eq!(again[member], first[member], "{member}");
    }
    // Layout does not make it another body.
    let laid_out = serde_json::to_string_pretty(&fixture("setup-import.json")).unwrap();
    let call = server.post("/api/setup-import").bearer(TOKEN).header("content-type", "application/json; charset=utf-8");
    assert_eq!(call.body(laid_out).send().await.expect(200).json()["replayed"], true);

    let problem = import(&server, &fixture("setup-import-changed.json")).send().await.expect_problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("warp-2026-11-20-0007"), "{problem:#}");
    assert_eq!(operator.reads("/api/v1/tasks/HARBOR-1").await, task);
    assert_eq!(world.audit().await.len(), audit);
});

on_both!(a_later_import_updates_the_work_item_and_raises_the_revision, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    import(&server, &fixture("setup-import.json")).send().await.expect(201);
    let mut second = fixture("setup-import-changed.json");
    second["import_id"] = "warp-2".into();
    let answer = import(&server, &second).send().await.expect(201).json();
    assert_eq!((&answer["task_key"], &answer["projection"]["revision"]), (&json!("HARBOR-1"), &json!("r2")));
    import(&server, &another("warp-3", "HARBOR-NEXT")).send().await.expect(201);
    let root = workspace(&world);
    assert_eq!(board(&root)["lanes"]["ready"], json!(["HARBOR-1", "HARBOR-2"]));
    assert!(read(&root, "tasks/HARBOR-2/TASK.md").contains("r3"));
    assert!(read(&root, FILES[0]).contains("Set up the harbor team differently"));
    assert_eq!(operator.reads("/api/v1/tasks/HARBOR-1").await["title"], "Set up the harbor team differently");
});

on_both!(nothing_of_an_earlier_board_survives, |world| async move {
    let root = workspace(&world);
    let earlier = json!({"tasks": [{"key": "LIVE-1"}], "lanes": {"ready": ["LIVE-1", "LIVE-2"]}});
    write(&root.join("board.json"), &earlier.to_string());
    write(&root.join("tasks/LIVE-1/TASK.md"), "an agent would go on with this");
    write(&root.join("tasks/LIVE-2/NEXT_AUTONOMOUS_ACTION.md"), "and this");
    write(&root.join("NEXT_AUTONOMOUS_ACTION.md"), "go on with LIVE-2");
    write(&root.join("notes/kept.md"), "somebody's own");
    let server = serve(&world).await;
    import(&server, &fixture("setup-import.json")).send().await.expect(201);
    for file in FILES {
        assert!(!read(&root, file).contains("LIVE-"), "{file}");
    }
    let mut left: Vec<String> =
        std::fs::read_dir(root.join("tasks")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["HARBOR-1"]);
    assert_eq!(read(&root, "notes/kept.md"), "somebody's own");
});

on_both!(what_does_not_fit_is_refused_with_its_places, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let changed = |pointer: &str, value: Option<Value>| {
        let mut body = fixture("setup-import.json");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(name.to_owned(), value)),
            None => drop(parent.remove(name)),
        }
        body
    };
    let cases = [
        ("/contract_version", Some(json!("v2")), "/contract_version"),
        ("/source", Some(json!("someone")), "/source"),
        ("/import_id", Some(json!(7)), "/import_id"),
        ("/work_item/lane", Some(json!("soon")), "/work_item/lane"),
        ("/work_item/acceptance", Some(json!("it works")), "/work_item/acceptance"),
        ("/project/key", Some(json!("no key!")), "/project/key"),
        ("/project/key", Some(json!("HARBOR-1")), "/project/key"),
        ("/team/agents", Some(json!([{"slug": "../etc"}])), "/team/agents/0/slug"),
        ("/surprise", Some(json!(true)), "/surprise"),
        ("/work_item/surprise", Some(json!(true)), "/work_item/surprise"),
        ("/work_item/title", None, "/work_item/title"),
        ("/next_action", None, "/next_action"),
    ];
    for (pointer, value, expected) in cases {
        let problem = import(&server, &changed(pointer, value)).send().await.expect_problem(422);
        let places: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(places, [expected], "{problem:#}");
        assert!(problem["errors"][0]["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem:#}");
    }
    let two = json!({"contract_version": 1, "import_id": "i", "source": "jhf-warp", "team": []});
    let problem = import(&server, &two).send().await.expect_problem(422);
    assert!(problem["errors"].as_array().unwrap().len() >= 3, "every place is named at once: {problem:#}");

    import(&server, &json!({})).body("{\"contract_version\":").send().await.expect_problem(400);
    let text = server.post("/api/setup-import").bearer(TOKEN).header("content-type", "text/plain").body("{}");
    text.send().await.expect_problem(415);
    let large = another("large", "L").to_string().replace("Bring", &"x".repeat(300_000));
    import(&server, &json!({})).body(large).send().await.expect_problem(413);
    server.post("/api/setup-import").bearer("another").json(&fixture("setup-import.json")).send().await.expect_problem(401);
    assert!(operator.lists("/api/v1/projects").await.is_empty(), "nothing of it took effect");
    assert!(!workspace(&world).exists());
});

on_both!(equal_imports_at_the_same_time_take_effect_once, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let body = fixture("setup-import.json");
    let send = || import(&server, &body).send();
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    let answers: Vec<Value> = [&a, &b, &c, &d].iter().map(|answer| answer.json()).collect();
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 201], "{answers:#?}");
    assert!(answers.iter().all(|answer| answer["task_key"] == "HARBOR-1" && answer["projection"]["revision"] == "r1"));
    assert_eq!(operator.lists("/api/v1/projects/HARBOR/tasks").await.len(), 1);
    assert_eq!(world.audit().await.iter().filter(|entry| entry.action == "setup.imported").count(), 1);
});

on_both!(different_imports_at_the_same_time_all_take_effect, |world| async move {
    let server = serve(&world).await;
    let bodies: Vec<Value> = (1..=4).map(|number| another(&format!("i-{number}"), &format!("W-{number}"))).collect();
    let send = |index: usize| import(&server, &bodies[index]).send();
    let (a, b, c, d) = tokio::join!(send(0), send(1), send(2), send(3));
    let mut revisions: Vec<String> =
        [a, b, c, d].map(|answer| answer.expect(201).json()["projection"]["revision"].as_str().unwrap().to_owned()).into();
    revisions.sort();
    assert_eq!(revisions, ["r1", "r2", "r3", "r4"]);
    let board = board(&workspace(&world));
    assert_eq!((board["tasks"].as_array().unwrap().len(), &board["revision"]), (4, &json!("r4")), "{board:#}");
});

on_both!(when_the_files_cannot_be_written_the_same_request_finishes_later, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    let root = workspace(&world);
    write(&root, "a file where the folder has to be");
    let body = fixture("setup-import.json");
    for _ in 0..2 {
        let answer = import(&server, &body).send().await;
        assert!(answer.header("retry-after").is_some(), "{}", answer.describe());
        let problem = answer.expect_problem(503);
        let detail = problem["detail"].as_str().unwrap();
        for part in ["HARBOR-1 is stored", &root.display().to_string(), "Send the same request again"] {
            assert!(detail.contains(part), "{part} is missing from: {detail}");
        }
    }
    assert_eq!(operator.reads("/api/v1/tasks/HARBOR-1").await["revision"], 1);

    std::fs::remove_file(&root).unwrap();
    let answer = import(&server, &body).send().await.expect(200).json();
    assert_eq!((&answer["replayed"], &answer["projection"]["files"]), (&json!(true), &json!(FILES)));
    assert_eq!(board(&root)["tasks"][0]["key"], "HARBOR-1");
    assert_eq!(operator.reads("/api/v1/tasks/HARBOR-1").await["revision"], 1);
});

on_both!(a_start_finishes_what_a_killed_process_left, |world| async move {
    let root = workspace(&world);
    write(&root, "a file where the folder has to be");
    let server = serve(&world).await;
    for number in 1..=3 {
        import(&server, &another(&format!("i-{number}"), &format!("W-{number}"))).send().await.expect_problem(503);
    }
    server.kill();
    std::fs::remove_file(&root).unwrap();
    let _server = serve(&world).await;
    eventually("the next start writes the files", async || {
        let pending = "SELECT import_id FROM setup_imports WHERE projection = 'pending'";
        world.database.texts(pending).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(board(&root)["lanes"]["ready"], json!(["HARBOR-1", "HARBOR-2", "HARBOR-3"]));
    for number in 1..=3 {
        assert!(read(&root, &format!("tasks/HARBOR-{number}/TASK.md")).contains(&format!("i-{number}")));
    }
});

on_both!(a_process_killed_in_the_middle_of_imports_loses_none, |world| async move {
    let root = workspace(&world);
    let server = serve(&world).await;
    let bodies: Vec<Value> = (1..=12).map(|number| another(&format!("i-{number}"), &format!("W-{number}"))).collect();
    import(&server, &bodies[0]).send().await.expect(201);
    let calls = bodies[1..].iter().map(|body| tokio::spawn(import(&server, body).try_send())).collect::<Vec<_>>();
    eventually("some imports are stored", async || {
        (world.database.texts("SELECT import_id FROM setup_imports").await.len() >= 4).then_some(())
    })
    .await;
    server.kill();
    let mut acknowledged = 1;
    for call in calls {
        acknowledged += usize::from(call.await.unwrap().is_ok_and(|answer| answer.status == 201));
    }
    let server = serve(&world).await;
    let stored = world.database.texts("SELECT import_id FROM setup_imports").await;
    assert!(stored.len() >= acknowledged, "{} stored, {acknowledged} acknowledged", stored.len());
    for body in &bodies {
        import(&server, body).send().await;
    }
    eventually("every import is projected", async || {
        (world.database.texts("SELECT import_id FROM setup_imports WHERE projection = 'written'").await.len() == 12).then_some(())
    })
    .await;
    let board = board(&root);
    assert_eq!(board["tasks"].as_array().unwrap().len(), 12, "{board:#}");
    assert_eq!(world.database.texts("SELECT id FROM tasks").await.len(), 12);
});

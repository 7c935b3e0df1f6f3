//! Approvals from ClawLedger and Spindle: every route, every state, every conflict.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use black_box::{Call, Server, World, on_both, program, server::eventually};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const TOKEN: &str = "clawledger-4f0b9a";
const FAR: &str = "2099-12-31T00:00:00Z";
const PAST: &str = "2026-01-01T00:00:00Z";

async fn serve(world: &World) -> Server {
    world.serve().variable("CLAWLEDGER_SHARED_SECRET", TOKEN).start().await
}

fn get(server: &Server, path: &str) -> Call {
    server.get(path).header("x-clawledger-token", TOKEN)
}

fn post(server: &Server, path: &str, body: &Value) -> Call {
    server.post(path).header("x-clawledger-token", TOKEN).json(body)
}

fn fixture(name: &str) -> Value {
    let path = program::repository().join("contracts/fixtures/clawledger").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A pending approval of a task of the project `demo`.
fn approval(id: &str, task: &str) -> Value {
    json!({
        "approval_id": id, "source": "clawledger", "project_id": "demo", "task_key": task, "title": format!("Decide on {id}"),
        "summary": "why", "requested_by": "agent", "requested_at": "2026-11-20T11:30:00Z", "expires_at": FAR, "state": "pending",
        "payload": {"change": id},
    })
}

/// The approval in another state at a later time.
fn later(id: &str, state: &str, time: &str) -> Value {
    let mut event = approval(id, "DEMO-1");
    (event["state"], event["updated_at"]) = (state.into(), time.into());
    event
}

async fn receives(server: &Server, event: &Value) -> Value {
    post(server, "/api/approvals/clawledger", event).send().await.expect(200).json()
}

async fn decides(server: &Server, id: &str, verdict: &str) -> black_box::Answer {
    let body = json!({"approval_id": id, "verdict": verdict, "decided_by": "mara", "note": "seen"});
    post(server, "/api/approvals/clawledger/decision", &body).send().await
}

async fn pending(server: &Server, source: &str) -> Vec<String> {
    let page = get(server, &format!("/api/approvals/{source}/pending")).send().await.expect(200).json();
    assert_eq!(page["next_cursor"], Value::Null);
    page["items"].as_array().unwrap().iter().map(|item| item["approval_id"].as_str().unwrap().to_owned()).collect()
}

on_both!(an_event_is_an_approval_that_waits, |world| async move {
    let server = serve(&world).await;
    let received = receives(&server, &fixture("event.json")).await;
    assert_eq!(received["outcome"], "created");
    let page = get(&server, "/api/approvals/clawledger/pending").send().await.expect(200).json();
    assert_eq!(
        page["items"],
        json!([{
            "approval_id": "CL-4001", "source": "clawledger", "project_id": "demo", "task_key": "DEMO-7",
            "title": "Switch the pump controller to the new firmware",
            "summary": "The change was rehearsed on the staging system without findings.",
            "requested_by": "release-agent", "requested_at": "2026-11-20T11:30:00Z", "expires_at": "2099-12-31T00:00:00Z",
            "state": "pending", "decision": null, "payload": {"change": "chg-4001", "risk": "low"},
        }])
    );
    assert!(pending(&server, "jhf-spindle").await.is_empty(), "each system has its own list");
    assert_eq!(receives(&server, &fixture("event.json")).await["outcome"], "unchanged");
});

on_both!(the_older_paths_answer_the_same_say_so_and_are_counted, |world| async move {
    let server = serve(&world).await;
    let operator = world.operator(&server).await;
    post(&server, "/api/approvals/clawledger/sync", &fixture("sync.json")).send().await.expect(200);
    for source in ["clawledger", "jhf-spindle"] {
        let (path, alias) = (format!("/api/approvals/{source}/pending"), format!("/api/v1/approvals/{source}/pending"));
        let (now, old) = (get(&server, &path).send().await.expect(200), get(&server, &alias).send().await.expect(200));
        assert_eq!(now.json(), old.json());
        assert_eq!(now.json()["items"].as_array().unwrap().len(), 1);
        assert!(now.header("deprecation").is_none() && now.header("sunset").is_none(), "{}", now.describe());
        assert!(old.header("deprecation").is_some_and(|date| date.starts_with('@')), "{}", old.describe());
        assert_eq!(old.header("sunset"), Some("Fri, 31 Dec 2027 23:59:59 GMT"));
        assert_eq!(old.header("link"), Some(format!("<{path}>; rel=\"successor-version\"").as_str()));
        let labels = [format!("surface=\"{alias}\"")];
        assert_eq!(operator.metric("mission_control_deprecated_uses_total", &[&labels[0]]).await, 1.0);
    }
    let document = server.get("/fabric-compatibilityz").send().await.expect(200).json();
    let aliases =
        document["deprecations"].as_array().unwrap().iter().filter(|found| found["contract"] == "clawledger-approval-callback");
    assert_eq!(aliases.count(), 2, "{document:#}");
    assert!(server.stop().await.success());
    let uses = "SELECT surface || ' ' || CAST(uses AS TEXT) FROM deprecated_uses ORDER BY surface";
    let expected = ["/api/v1/approvals/clawledger/pending 1", "/api/v1/approvals/jhf-spindle/pending 1"];
    assert_eq!(world.database.texts(uses).await, expected);
});

on_both!(a_decision_is_taken_once_repeated_and_never_turned, |world| async move {
    let server = serve(&world).await;
    for (id, verdict, state, opposite) in [("A", "approve", "approved", "reject"), ("R", "reject", "rejected", "approve")] {
        receives(&server, &approval(id, "DEMO-1")).await;
        let first = decides(&server, id, verdict).await.expect(200).json();
        assert_eq!((&first["replayed"], &first["state"]), (&json!(false), &json!(state)));
        let decision = &first["decision"];
        assert_eq!(
            (&decision["verdict"], &decision["decided_by"], &decision["note"]),
            (&json!(verdict), &json!("mara"), &json!("seen"))
        );
        assert!(decision["decided_at"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{decision:#}");

        let again = decides(&server, id, verdict).await.expect(200).json();
        assert_eq!((&again["replayed"], &again["decision"]), (&json!(true), decision));
        let problem = decides(&server, id, opposite).await.expect_problem(409);
        assert_eq!((&problem["state"], &problem["approval_id"]), (&json!(state), &json!(id)));
        assert!(pending(&server, "clawledger").await.is_empty());
    }
    let decided = world.audit().await.into_iter().filter(|entry| entry.action == "approval.decided").count();
    assert_eq!(decided, 2);
});

on_both!(two_opposite_decisions_at_once_end_in_one, |world| async move {
    let server = serve(&world).await;
    for round in 0..5 {
        let id = format!("race-{round}");
        receives(&server, &approval(&id, "DEMO-1")).await;
        let (yes, no) = tokio::join!(decides(&server, &id, "approve"), decides(&server, &id, "reject"));
        let mut statuses = [yes.status, no.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{}\n{}", yes.describe(), no.describe());
    }
});

on_both!(what_ran_out_is_gone, |world| async move {
    let server = serve(&world).await;
    let mut over = approval("over", "DEMO-1");
    over["expires_at"] = PAST.into();
    assert_eq!(receives(&server, &over).await["state"], "expired");
    let mut told = later("told", "expired", "2026-11-21T00:00:00Z");
    told["expires_at"] = FAR.into();
    receives(&server, &told).await;
    // This one is decided in time, and runs out afterwards.
    let mut soon = approval("soon", "DEMO-2");
    let end = Timestamp::now() + SignedDuration::from_millis(800);
    soon["expires_at"] = end.to_string().into();
    receives(&server, &soon).await;
    let decided = decides(&server, "soon", "approve").await;

    for id in ["over", "told"] {
        let problem = decides(&server, id, "approve").await.expect_problem(410);
        assert_eq!(problem["approval_id"], id);
    }
    let by_task = post(&server, "/api/approvals/clawledger/demo/DEMO-1/decision", &json!({"verdict": "reject"}));
    by_task.send().await.expect_problem(410);
    assert!(pending(&server, "clawledger").await.is_empty());
    if decided.status == 200 {
        eventually("its time runs out", async || (Timestamp::now() > end).then_some(())).await;
        assert_eq!(decides(&server, "soon", "approve").await.expect(200).json()["replayed"], true);
        decides(&server, "soon", "reject").await.expect_problem(409);
    } else {
        decided.expect_problem(410);
    }
    let mut prolonged = later("over", "pending", "2026-11-22T00:00:00Z");
    prolonged["expires_at"] = FAR.into();
    assert_eq!(receives(&server, &prolonged).await["outcome"], "updated");
    decides(&server, "over", "approve").await.expect(200);
});

on_both!(what_was_cancelled_cannot_be_decided, |world| async move {
    let server = serve(&world).await;
    receives(&server, &approval("C", "DEMO-1")).await;
    let event = json!({"event": "approval.cancelled", "approval": {"approval_id": "C"}, "occurred_at": "2026-11-21T00:00:00Z"});
    assert_eq!(receives(&server, &event).await["state"], "cancelled");
    let problem = decides(&server, "C", "approve").await.expect_problem(409);
    assert_eq!(problem["state"], "cancelled");
    assert!(pending(&server, "clawledger").await.is_empty());
});

on_both!(events_tell_of_decisions_taken_elsewhere, |world| async move {
    let server = serve(&world).await;
    receives(&server, &approval("E", "DEMO-1")).await;
    let mut approved = later("E", "approved", "2026-11-21T00:00:00Z");
    approved["decision"] = json!({"verdict": "approve", "decided_by": "ann", "decided_at": "2026-11-21T00:00:00Z"});
    let received = receives(&server, &approved).await;
    assert_eq!((&received["outcome"], &received["decision"]["decided_by"]), (&json!("updated"), &json!("ann")));
    for repeat in [approved, later("E", "pending", "2026-11-20T12:00:00Z"), later("E", "pending", "2026-11-25T00:00:00Z")] {
        let received = receives(&server, &repeat).await;
        assert_eq!((&received["outcome"], &received["state"]), (&json!("unchanged"), &json!("approved")), "{received:#}");
    }
    let rejected = later("E", "rejected", "2026-11-26T00:00:00Z");
    post(&server, "/api/approvals/clawledger", &rejected).send().await.expect_problem(409);
    decides(&server, "E", "reject").await.expect_problem(409);
    assert_eq!(decides(&server, "E", "approve").await.expect(200).json()["replayed"], true);
});

on_both!(a_batch_is_taken_whole_and_counted, |world| async move {
    let server = serve(&world).await;
    let sync = |body: Value| post(&server, "/api/approvals/clawledger/sync", &body).send();
    let counts = sync(fixture("sync.json")).await.expect(200).json();
    assert_eq!(counts, json!({"received": 2, "created": 2, "updated": 0, "unchanged": 0}));
    assert_eq!(
        sync(fixture("sync.json")).await.expect(200).json(),
        json!({"received": 2, "created": 0, "updated": 0, "unchanged": 2})
    );
    assert_eq!(pending(&server, "clawledger").await, ["CL-4002"]);
    assert_eq!(pending(&server, "jhf-spindle").await, ["CL-4003"]);

    let mut changed = later("CL-4002", "approved", "2026-11-22T00:00:00Z");
    changed["task_key"] = "DEMO-8".into();
    let counts = sync(json!([changed, approval("CL-5000", "DEMO-1")])).await.expect(200).json();
    assert_eq!(counts, json!({"received": 2, "created": 1, "updated": 1, "unchanged": 0}));

    let problem = sync(json!([approval("CL-5001", "DEMO-1"), later("CL-4002", "rejected", "2026-11-23T00:00:00Z")])).await;
    assert_eq!(problem.expect_problem(409)["approval_ids"], json!(["CL-4002"]));
    let problem =
        sync(json!({"approvals": [approval("CL-5002", "DEMO-1"), {"approval_id": 7}, {"approval_id": "x", "state": "maybe"}]}));
    let problem = problem.await.expect_problem(422);
    let places: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert!(places.contains(&"/approvals/1/approval_id") && places.contains(&"/approvals/2/state"), "{problem:#}");
    assert_eq!(pending(&server, "clawledger").await, ["CL-5000"], "nothing of a refused batch was taken");
    assert_eq!(sync(json!([])).await.expect(200).json()["received"], 0);
    sync(json!("x")).await.expect_problem(422);
});

on_both!(a_task_names_its_approval_unless_there_are_several, |world| async move {
    let server = serve(&world).await;
    let decide =
        |task: &str, body: Value| post(&server, &format!("/api/approvals/clawledger/demo/{task}/decision"), &body).send();
    receives(&server, &approval("one", "DEMO-1")).await;
    let decided = decide("DEMO-1", fixture("task-decision.json")).await.expect(200).json();
    assert_eq!(
        (&decided["approval_id"], &decided["state"], &decided["replayed"]),
        (&json!("one"), &json!("rejected"), &json!(false))
    );
    assert_eq!(decide("DEMO-1", fixture("task-decision.json")).await.expect(200).json()["replayed"], true);
    decide("DEMO-1", json!({"verdict": "approve"})).await.expect_problem(409);

    for id in ["two", "three"] {
        receives(&server, &approval(id, "DEMO-2")).await;
    }
    let problem = decide("DEMO-2", json!({"verdict": "approve"})).await.expect_problem(409);
    let mut named: Vec<&str> = problem["approval_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["three", "two"], "{problem:#}");
    let two = json!({"verdict": "approve", "approval_id": "two"});
    assert_eq!(decide("DEMO-2", two).await.expect(200).json()["approval_id"], "two");
    assert_eq!(decide("DEMO-2", json!({"verdict": "reject"})).await.expect(200).json()["approval_id"], "three");

    decide("DEMO-3", json!({"verdict": "approve"})).await.expect_problem(404);
    decide("DEMO-2", json!({"verdict": "approve", "approval_id": "none"})).await.expect_problem(404);
});

on_both!(an_id_of_two_systems_needs_its_source, |world| async move {
    let server = serve(&world).await;
    receives(&server, &approval("same", "DEMO-1")).await;
    let mut spindle = approval("same", "DEMO-9");
    spindle["source"] = "jhf-spindle".into();
    receives(&server, &spindle).await;
    let problem = decides(&server, "same", "approve").await.expect_problem(409);
    assert_eq!(problem["sources"], json!(["clawledger", "jhf-spindle"]));
    let body = json!({"approval_id": "same", "source": "jhf-spindle", "decision": {"verdict": "approve", "decided_by": "ann"}});
    let decided = post(&server, "/api/approvals/clawledger/decision", &body).send().await.expect(200).json();
    assert_eq!((&decided["task_key"], &decided["decision"]["decided_by"]), (&json!("DEMO-9"), &json!("ann")));
    assert_eq!(pending(&server, "clawledger").await, ["same"]);
});

on_both!(what_is_wrong_is_refused_and_changes_nothing, |world| async move {
    let server = serve(&world).await;
    receives(&server, &approval("W", "DEMO-1")).await;
    let decision = "/api/approvals/clawledger/decision";
    for (path, body, status) in [
        (decision, json!({"approval_id": "unknown", "verdict": "approve"}), 404),
        (decision, json!({"approval_id": "W", "verdict": "perhaps"}), 422),
        (decision, json!({"approval_id": "W"}), 422),
        (decision, json!({"verdict": "approve"}), 422),
        (decision, json!({"approval_id": "W", "verdict": "approve", "decided_at": "2099-01-01T00:00:00Z"}), 422),
        ("/api/approvals/clawledger", json!({"approval_id": "new"}), 422),
        ("/api/approvals/clawledger", json!([]), 422),
    ] {
        let problem = post(&server, path, &body).send().await.expect_problem(status);
        assert_eq!(problem["errors"].is_array(), status == 422, "{problem:#}");
    }
    post(&server, decision, &json!({})).body("{").send().await.expect_problem(400);
    let routes = [
        ("GET", "/api/approvals/jhf-spindle/pending"),
        ("GET", "/api/v1/approvals/clawledger/pending"),
        ("POST", "/api/approvals/clawledger"),
        ("POST", "/api/approvals/clawledger/sync"),
        ("POST", decision),
        ("POST", "/api/approvals/clawledger/demo/DEMO-1/decision"),
    ];
    for (method, path) in routes {
        for token in [None, Some("wrong"), Some("")] {
            let call = server.call(method, path).json(&json!({"approval_id": "W", "verdict": "approve"}));
            let call = token.into_iter().fold(call, |call, token| call.header("x-clawledger-token", token));
            call.send().await.expect_problem(401);
        }
    }
    assert_eq!(pending(&server, "clawledger").await, ["W"]);
});

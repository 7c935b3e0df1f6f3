//! The database as operators meet it: away, locked, shared, migrated, too new, with a password.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, process::Output};

use black_box::{
    Server, World,
    database::Kind,
    on_both,
    plane::{SECRET, VARIABLE, about, event, fixture},
    proxy::{PASSWORD, Proxy},
    server::eventually,
    world::run,
};
use contract::catalog::Scope;
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn issue() -> Value {
    about(fixture("issue-created"), &Uuid::now_v7().to_string())
}

/// While the database is away: nothing is acknowledged, the service says so, and it lives.
async fn refuses_but_lives(server: &Server) {
    let answer = event(server, &issue()).send().await;
    assert!(answer.header("retry-after").is_some(), "{}", answer.describe());
    let problem = answer.expect_problem(503);
    assert!(problem["detail"].as_str().unwrap().contains("database"), "{problem:#}");
    let ready = server.get("/readyz").send().await.expect(503).json();
    assert_eq!((&ready["status"], &ready["checks"]["database"]["status"]), (&json!("unready"), &json!("unready")), "{ready:#}");
    assert!(!ready.to_string().contains(PASSWORD), "{ready:#}");
    assert_eq!(server.get("/healthz").send().await.expect(200).json()["status"], "ok");
    assert_eq!(server.get("/fabric-presencez").send().await.expect(200).json()["status"], "unready");
    server.get("/contractz").send().await.expect(200);
}

/// Once it is back: the service needs no hand.
async fn recovers(server: &Server) {
    eventually("the service is ready again", async || (server.get("/readyz").send().await.status == 200).then_some(())).await;
    eventually("a delivery is acknowledged again", async || (event(server, &issue()).send().await.status == 200).then_some(()))
        .await;
}

/// Of what was refused nothing was stored; what was acknowledged took effect.
async fn only_the_acknowledged_took_effect(world: &World, server: &Server) {
    let operator = world.operator(server).await;
    operator.all_settled().await;
    assert_eq!(operator.lists("/api/v1/deliveries").await.len(), 2);
    assert_eq!(operator.lists("/api/v1/projects/demo/tasks").await.len(), 2);
}

#[test]
fn while_postgresql_is_away_nothing_is_acknowledged() {
    run(Kind::Postgres, |world| async move {
        let proxy = Proxy::before(&world.database.url).await;
        // What is being handled when the database goes away is taken up again when its lease ends.
        let setup = world.serve().variable("DATABASE_URL", &proxy.url).variable("MISSION_CONTROL_LEASE", "1s");
        let server = setup.variable(VARIABLE, SECRET).start().await;
        event(&server, &issue()).send().await.expect(200);
        let token = world.token(Scope::Read).await;
        proxy.cut();
        refuses_but_lives(&server).await;
        // Neither can a token be looked up, nor is anybody let in because of that.
        server.get("/api/v1/projects").bearer(&token).send().await.expect_problem(503);
        proxy.mend();
        recovers(&server).await;
        server.get("/api/v1/projects").bearer(&token).send().await.expect(200);
        only_the_acknowledged_took_effect(&world, &server).await;
        assert!(!server.log().contains(PASSWORD), "{}", server.log());
    });
}

#[test]
fn while_sqlite_is_locked_nothing_is_acknowledged() {
    run(Kind::Sqlite, |world| async move {
        let server = world.serve().variable(VARIABLE, SECRET).start().await;
        event(&server, &issue()).send().await.expect(200);
        world.operator(&server).await.all_settled().await;
        let mut other_program = world.database.sqlite().await;
        other_program.execute("BEGIN IMMEDIATE").await.unwrap();
        refuses_but_lives(&server).await;
        other_program.execute("ROLLBACK").await.unwrap();
        recovers(&server).await;
        only_the_acknowledged_took_effect(&world, &server).await;
    });
}

on_both!(deliveries_that_waited_for_the_database_are_handled_after_a_restart, |world| async move {
    let server = world.serve().variable(VARIABLE, SECRET).start().await;
    let operator = world.operator(&server).await;
    event(&server, &issue()).send().await.expect(200);
    operator.all_settled().await;
    assert!(server.stop().await.success());
    // As if the process had stopped between the acknowledgement and the handling.
    let waiting = "UPDATE deliveries SET state = 'pending', attempts = 0, finished_at = NULL, due_at = received_at";
    world.database.execute(waiting).await;
    world.database.execute("DELETE FROM external_mappings").await;
    world.database.execute("DELETE FROM tasks").await;
    let server = world.serve().variable(VARIABLE, SECRET).start().await;
    let operator = operator.at(&server);
    operator.all_settled().await;
    assert_eq!(operator.lists("/api/v1/projects/demo/tasks").await.len(), 1);
});

on_both!(migrations_are_applied_once_and_shown_beforehand, |world| async move {
    let migrate = |arguments: &[&str]| world.program(&[&["migrate"], arguments].concat());
    if world.database.kind == Kind::Postgres {
        let planned = migrate(&["--dry-run"]);
        assert!(planned.status.success() && text(&planned).contains("0001 initial"), "{}", text(&planned));
    } else {
        let missing = migrate(&["--dry-run"]);
        assert_eq!(missing.status.code(), Some(1), "a look makes no database: {}", text(&missing));
    }
    let first = migrate(&["--json"]);
    let report: Value = serde_json::from_slice(&first.stdout).unwrap_or_else(|_| panic!("{}", text(&first)));
    assert_eq!((&report["applied"], &report["migrations"][0]["version"]), (&json!(true), &json!(1)), "{report:#}");
    for _ in 0..2 {
        let again = migrate(&[]);
        assert!(again.status.success() && text(&again).contains("up to date"), "{}", text(&again));
    }
    let applied = world.database.texts("SELECT CAST(version AS TEXT) FROM _sqlx_migrations").await;
    assert_eq!(applied.len(), 1);
    world.serve().start().await.get("/readyz").send().await.expect(200);
});

on_both!(a_schema_of_a_newer_release_is_refused_at_the_start, |world| async move {
    assert!(world.program(&["migrate"]).status.success());
    let newer = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
                 SELECT 9999, 'later', installed_on, success, checksum, execution_time FROM _sqlx_migrations";
    world.database.execute(newer).await;
    for arguments in [&["serve", "--listen", "127.0.0.1:0"] as &[&str], &["migrate"], &["deliveries", "list"]] {
        let refused = world.program(arguments);
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
        let told = text(&refused);
        for part in ["schema 9999", "newer release", "backup"] {
            assert!(told.contains(part), "{part} is missing from: {told}");
        }
        assert!(!told.contains("listens on"), "{told}");
    }
});

on_both!(several_processes_may_start_on_an_empty_database_at_once, |world| async move {
    let (first, second) = tokio::join!(world.serve().start(), world.serve().start());
    for server in [&first, &second] {
        server.get("/readyz").send().await.expect(200);
    }
});

#[test]
fn replicas_share_the_deliveries_and_each_takes_effect_once() {
    run(Kind::Postgres, |world| async move {
        let start = || world.serve().variable(VARIABLE, SECRET).start();
        let (first, second) = tokio::join!(start(), start());
        let (one, other) = (world.operator(&first).await, world.operator(&second).await);
        let labels = ["contract=\"plane-webhook\"", "outcome=\"done\""];
        let mut sent = 0;
        // Until both have worked; each looks again at once for what it acknowledged, and after a while for what others did.
        loop {
            for round in 0..40 {
                let server = if round % 2 == 0 { &first } else { &second };
                event(server, &issue()).send().await.expect(200);
            }
            sent += 40;
            let worked = [&one, &other].map(|operator| operator.metric("mission_control_delivery_attempts_total", &labels));
            let [a, b] = worked;
            if a.await > 0.0 && b.await > 0.0 {
                break;
            }
            assert!(sent < 4_000, "one of two replicas did all the work");
        }
        one.all_settled().await;
        let deliveries = world.database.texts("SELECT state || ' ' || CAST(attempts AS TEXT) FROM deliveries").await;
        assert_eq!(deliveries.len(), sent);
        assert_eq!(deliveries.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["done 1".to_owned()]));
        assert_eq!(world.database.texts("SELECT id FROM tasks").await.len(), sent);
        let created = world.audit().await.into_iter().filter(|entry| entry.action == "task.created").count();
        assert_eq!(created, sent);
    });
}

#[test]
fn a_service_that_is_started_before_its_database_waits_for_it() {
    run(Kind::Postgres, |world| async move {
        let proxy = Proxy::before(&world.database.url).await;
        proxy.cut();
        let (server, ()) = tokio::join!(world.serve().variable("DATABASE_URL", &proxy.url).start(), async {
            proxy.refused().await;
            proxy.mend();
        });
        server.get("/readyz").send().await.expect(200);
        assert!(!server.log().contains(PASSWORD), "{}", server.log());
    });
}

#[test]
fn the_password_of_the_database_is_shown_nowhere() {
    run(Kind::Postgres, |world| async move {
        let proxy = Proxy::before(&world.database.url).await;
        let unreachable = format!("postgres://ann:{PASSWORD}@127.0.0.1:9/mission_control");
        let odd = format!("mysql://ann:{PASSWORD}@127.0.0.1/mission_control");
        let malformed = format!("postgres://ann:{PASSWORD}@127.0.0.1:port/mission_control");
        for url in [&unreachable, &odd, &malformed] {
            for arguments in [&["serve", "--listen", "127.0.0.1:0"] as &[&str], &["migrate"], &["operator", "list"]] {
                if url == &unreachable && arguments[0] == "serve" {
                    // It waits for a database that may still be starting: see the next test.
                    continue;
                }
                let output = world.command().args(arguments).env("DATABASE_URL", url).output().unwrap();
                assert_eq!(output.status.code(), Some(1), "{}", text(&output));
                assert!(!text(&output).contains(PASSWORD), "{}", text(&output));
                assert!(text(&output).to_lowercase().contains("database"), "{}", text(&output));
            }
        }
        let server = world.serve().variable("DATABASE_URL", &proxy.url).variable("RUST_LOG", "debug").start().await;
        for path in ["/readyz", "/contractz", "/metrics", "/fabric-manifest.json", "/openapi.json"] {
            let answer = server.get(path).send().await.expect(200);
            assert!(!answer.describe().contains(PASSWORD), "{path}");
        }
        proxy.cut();
        eventually("the service notices", async || (server.get("/readyz").send().await.status == 503).then_some(())).await;
        assert!(!server.log().contains(PASSWORD));
        for arguments in [&["explain", "backend-to-postgresql"] as &[&str], &["routes"], &["migrate", "--dry-run"]] {
            let output = world.command().args(arguments).env("DATABASE_URL", &proxy.url).output().unwrap();
            assert!(!text(&output).contains(PASSWORD), "{}", text(&output));
        }
    });
}

//! The command line as people and programs use it: help, exit codes, formats, what is shown and what never is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, path::Path, process::Output, sync::Arc};

use black_box::{
    World,
    database::Kind,
    on_both,
    operator::delivery_id,
    plane::{SECRET, VARIABLE, event, fixture},
    program,
    world::{run, write},
};
use serde_json::{Value, json};

const COMMANDS: [&[&str]; 20] = [
    &[],
    &["serve"],
    &["check"],
    &["docs"],
    &["new"],
    &["routes"],
    &["handlers"],
    &["explain"],
    &["deliveries"],
    &["deliveries", "list"],
    &["deliveries", "show"],
    &["deliveries", "replay"],
    &["migrate"],
    &["operator"],
    &["operator", "list"],
    &["operator", "token"],
    &["operator", "token", "create"],
    &["operator", "token", "list"],
    &["operator", "token", "revoke"],
    &["completions"],
];

/// A contract with two mistakes in its form: an unknown key and a wrong word.
const BAD: &str = "schema: 1
id: bad
name: Bad

direction: inbound
type: webhok
surface:
  - route: /bad
    post: engine.accept
auth: none
stability: internal
versioning: with the test
owner: the test

modes: callback
";

/// A contract with a mistake in its meaning: an unknown handler.
const WORSE: &str = "schema: 1
id: worse
name: Worse

direction: inbound
type: webhook
surface:
  - route: /worse
    post: engine.acept
auth: none
stability: internal
versioning: with the test
owner: the test
";

/// A folder with both.
fn bad_folder(world: &World) -> String {
    let folder = world.contracts_of(&[("external/bad.yaml", BAD), ("external/worse.yaml", WORSE)]);
    folder.to_str().unwrap().to_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(output: &Output) -> String {
    format!("{}{}", stdout(output), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn succeeds(world: &World, arguments: &[&str]) -> String {
    exits(world, arguments, 0)
}

/// Runs a command that ends with this code; answers its standard output.
#[track_caller]
fn exits(world: &World, arguments: &[&str], code: i32) -> String {
    let output = world.program(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}", text(&output));
    stdout(&output)
}

#[track_caller]
fn json_of(world: &World, arguments: &[&str]) -> Value {
    let shown = succeeds(world, arguments);
    serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{shown}"))
}

/// A test that needs no server.
fn alone(test: impl FnOnce(Arc<World>)) {
    run(Kind::Sqlite, |world| async move { test(world) });
}

#[test]
fn every_help_has_an_example_and_every_command_a_help() {
    alone(|world| {
        for command in COMMANDS {
            let help = succeeds(&world, &[command, &["--help"]].concat());
            let example = help.split_once("Example").unwrap_or_else(|| panic!("{command:?} shows no example:\n{help}")).1;
            let start = format!("mission-control {}", command.join(" "));
            assert!(example.contains(start.trim_end()), "{command:?}:\n{help}");
            let short = succeeds(&world, &[command, &["-h"]].concat());
            assert!(short.contains("Usage:"), "{command:?}:\n{short}");
        }
        let top = succeeds(&world, &["--help"]);
        for command in COMMANDS.iter().filter(|command| command.len() == 1) {
            assert!(top.contains(command[0]), "{command:?} is missing from\n{top}");
        }
        assert!(succeeds(&world, &["--version"]).starts_with("mission-control 2."));
        let unknown = world.program(&["chekc"]);
        assert!(unknown.status.code() == Some(2) && text(&unknown).contains("check"), "{}", text(&unknown));
    });
}

#[test]
fn check_is_clean_finds_or_cannot_run() {
    alone(|world| {
        let contracts = program::repository().join("contracts");
        let clean = succeeds(&world, &["check", contracts.to_str().unwrap()]);
        assert!(clean.contains("0 errors, 0 warnings"), "{clean}");
        assert_eq!(exits(&world, &["check", "/nowhere/contracts"], 2), "");
        exits(&world, &["check", "--format", "xml"], 2);

        let found = exits(&world, &["check", &bad_folder(&world)], 1);
        for part in [
            "external/bad.yaml:6:7",
            "webhok",
            "`webhook`",
            "engine.acept",
            "did you mean `engine.accept`?",
            "modes",
            "`mode`",
            "^",
        ] {
            assert!(found.contains(part), "{part} is missing from\n{found}");
        }
        assert!(!found.contains('\u{1b}'), "no colour in a file: {found}");
    });
}

/// What `check` says of the bad contract in a format.
fn findings(world: &World, format: &str) -> String {
    exits(world, &["check", "--format", format, &bad_folder(world)], 1)
}

#[test]
fn findings_are_written_as_json() {
    alone(|world| {
        let report: Value = serde_json::from_str(&findings(&world, "json")).unwrap();
        let list = report["findings"].as_array().unwrap();
        assert!(list.len() >= 3 && report["errors"].as_u64().unwrap() >= 3, "{report:#}");
        for finding in list.iter().filter(|finding| finding["file"] == "external/bad.yaml") {
            assert!(finding["code"].as_str().unwrap().starts_with("MC"), "{finding:#}");
            assert!(finding["line"].as_u64().unwrap() > 0 && finding["column"].as_u64().unwrap() > 0, "{finding:#}");
            assert!(finding["message"].as_str().is_some_and(|message| !message.is_empty()), "{finding:#}");
        }
        let clean = program::repository().join("contracts");
        let clean = json_of(&world, &["check", "--format", "json", clean.to_str().unwrap()]);
        assert_eq!((&clean["findings"], &clean["errors"]), (&json!([]), &json!(0)));
    });
}

/// The essentials of SARIF 2.1.0 that code scanning services ask for.
#[test]
fn findings_are_written_as_sarif() {
    alone(|world| {
        let report: Value = serde_json::from_str(&findings(&world, "sarif")).unwrap();
        assert_eq!(report["version"], "2.1.0");
        assert!(report["$schema"].as_str().unwrap().contains("sarif-schema-2.1.0.json"));
        let run = &report["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], "mission-control");
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rules.len(), "each rule stands there once");
        let results = run["results"].as_array().unwrap();
        assert!(results.len() >= 3, "{run:#}");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(matches!(result["level"].as_str(), Some("error" | "warning" | "note")), "{result:#}");
            assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{result:#}");
        }
        let placed = results.iter().find(|result| result["message"]["text"].as_str().unwrap().contains("webhok")).unwrap();
        let place = &placed["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.ends_with("external/bad.yaml") && !uri.contains('\\') && !uri.contains(' '), "{uri}");
        assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&json!(6), &json!(7)));
    });
}

#[test]
fn findings_are_written_for_a_workflow_on_github() {
    alone(|world| {
        let report = findings(&world, "github");
        let lines: Vec<&str> = report.lines().collect();
        assert!(
            lines.len() >= 3 && lines.iter().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")),
            "{report}"
        );
        let line = lines.iter().find(|line| line.contains("webhok")).unwrap();
        assert!(line.contains("external/bad.yaml,line=6,col=7,title=MC"), "{line}");
    });
}

#[test]
fn a_new_manifest_of_every_kind_is_clean() {
    alone(|world| {
        let contracts = world.copy_contracts();
        let folder = contracts.to_str().unwrap().to_owned();
        // What the manifests name in their repository.
        for file in ["README.md", "migrations/sqlite/0001_initial.sql", "migrations/postgres/0001_initial.sql"] {
            write(&world.folder().join(file), "");
        }
        let kinds = ["webhook", "api", "callback", "call", "file", "planned"];
        for kind in kinds {
            let id = format!("acme-{kind}");
            let shown = succeeds(&world, &["new", kind, &id, "--dry-run", "--contracts", &folder]);
            assert!(shown.contains(&format!("id: {id}")), "{shown}");
            succeeds(&world, &["new", kind, &id, "--contracts", &folder]);
            exits(&world, &["new", kind, &id, "--contracts", &folder], 1);
        }
        for preset in ["github", "gitlab", "gitea", "plane", "shopify", "slack", "standard-webhooks", "stripe"] {
            succeeds(&world, &["new", "webhook", &format!("from-{preset}"), "--preset", preset, "--contracts", &folder]);
        }
        let clean = succeeds(&world, &["check", &folder]);
        assert!(clean.contains("0 errors, 0 warnings"), "{clean}");
        let routes = json_of(&world, &["routes", "--json", "--contracts", &folder]);
        let contracts: BTreeSet<&str> =
            routes.as_array().unwrap().iter().map(|route| route["contract"].as_str().unwrap()).collect();
        assert!(
            ["acme-webhook", "acme-api", "acme-callback", "from-stripe"].iter().all(|id| contracts.contains(id)),
            "{contracts:?}"
        );
        for (kind, id) in [("webhook", "Not An Id"), ("webhook", "../escape"), ("webhook", "plane-webhook"), ("sonnet", "acme")] {
            let refused = world.program(&["new", kind, id, "--contracts", &folder]);
            assert!(matches!(refused.status.code(), Some(1 | 2)), "{kind} {id}: {}", text(&refused));
        }
        assert!(!world.folder().join("escape.yaml").exists());
    });
}

#[test]
fn routes_handlers_and_explanations_show_the_catalog() {
    alone(|world| {
        let routes = json_of(&world, &["routes", "--json"]);
        let catalog = world.catalog(&world.contracts);
        assert_eq!(routes.as_array().unwrap().len(), catalog.routes().count());
        let table = succeeds(&world, &["routes", "--contract", "plane-webhook"]);
        for part in ["METHOD", "POST", "/api/v1/projects/{project_id}/integrations/plane/webhook", "unconfigured"] {
            assert!(table.contains(part), "{part} is missing from\n{table}");
        }
        exits(&world, &["routes", "--contract", "plane-webhok"], 1);

        let handlers = json_of(&world, &["handlers", "--json"]);
        let names: Vec<&str> = handlers.as_array().unwrap().iter().map(|handler| handler["name"].as_str().unwrap()).collect();
        assert!(names.is_sorted() && names.contains(&"tasks.upsert") && names.contains(&"engine.accept"), "{names:?}");
        let one = json_of(&world, &["handlers", "tasks.upsert", "--json"]);
        assert!(one["with"]["properties"]["title"].is_object(), "{one:#}");
        let unknown = world.program(&["handlers", "tasks.upsrt"]);
        assert!(unknown.status.code() == Some(1) && text(&unknown).contains("tasks.upsert"), "{}", text(&unknown));

        for target in ["plane-webhook", "POST /api/setup-import", "/healthz", "fabric-registration"] {
            assert!(!succeeds(&world, &["explain", target]).is_empty());
            assert!(json_of(&world, &["explain", target, "--json"]).as_array().is_some_and(|steps| !steps.is_empty()));
        }
        let unknown = world.program(&["explain", "POST", "/healthz"]);
        assert!(unknown.status.code() == Some(1) && text(&unknown).contains("GET"), "{}", text(&unknown));
    });
}

#[test]
fn every_shell_gets_completions() {
    alone(|world| {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = succeeds(&world, &["completions", shell]);
            assert!(script.contains("deliveries") && script.contains("mission-control"), "{shell}");
        }
        exits(&world, &["completions", "tcsh"], 2);
    });
}

on_both!(deliveries_are_listed_shown_and_replayed_beside_a_running_service, |world| async move {
    let server = world.serve().variable(VARIABLE, SECRET).start().await;
    let operator = world.operator(&server).await;
    let done = event(&server, &fixture("issue-created")).send().await.expect(200);
    operator.done(&done).await;
    let dead = event(&server, &json!({"event": "issue", "action": "created"})).send().await.expect(200);
    operator.settled(&dead).await;

    let list = json_of(&world, &["deliveries", "list", "--json"]);
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|delivery| delivery["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [delivery_id(&dead), delivery_id(&done)]);
    let table = succeeds(&world, &["deliveries", "list", "--state", "dead", "--contract", "plane-webhook", "--limit", "5"]);
    assert!(table.contains(&delivery_id(&dead)) && !table.contains(&delivery_id(&done)), "{table}");
    let shown = succeeds(&world, &["deliveries", "show", &delivery_id(&dead)]);
    for part in ["dead", "plane.receive_event", "x-plane-event: issue", "\"action\": \"created\"", "/data/id"] {
        assert!(shown.contains(part), "{part} is missing from\n{shown}");
    }
    assert!(!shown.contains(SECRET) && !shown.contains("x-plane-signature"), "{shown}");
    let details = json_of(&world, &["deliveries", "show", "--json", &delivery_id(&done)]);
    assert_eq!(details["message"]["body"]["data"]["name"], "Valve 3 of the cooling loop leaks");

    let before = operator.metric("mission_control_delivery_attempts_total", &["outcome=\"dead\""]).await;
    let replayed = succeeds(&world, &["deliveries", "replay", &delivery_id(&dead)]);
    assert!(replayed.contains("1 delivery replayed"), "{replayed}");
    black_box::server::eventually("the running service tries it again", async || {
        (operator.metric("mission_control_delivery_attempts_total", &["outcome=\"dead\""]).await > before).then_some(())
    })
    .await;
    let nothing = "0190b2f0-0000-7000-8000-000000000000";
    let missing = exits(&world, &["deliveries", "replay", nothing, &delivery_id(&done)], 1);
    assert!(missing.contains("there is no such delivery") && missing.contains("1 delivery replayed"), "{missing}");
    exits(&world, &["deliveries", "show", nothing], 1);
    exits(&world, &["deliveries", "show", "not-an-id"], 2);
});

on_both!(tokens_are_made_listed_and_revoked, |world| async move {
    let server = world.serve().start().await;
    let made = json_of(&world, &["operator", "token", "create", "ci", "--scope", "write", "--expires", "30d", "--json"]);
    let (id, token) = (made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned());
    server.get("/api/v1/projects").bearer(&token).send().await.expect(200);
    server.post("/api/v1/contracts/reload").bearer(&token).send().await.expect_problem(403);

    let plain = world.program(&["operator", "token", "create", "reader", "--scope", "read"]);
    let shown = stdout(&plain);
    assert_eq!(shown.lines().count(), 1, "the token alone goes to standard output: {}", text(&plain));
    server.get("/api/v1/projects").bearer(shown.trim()).send().await.expect(200);
    let list = succeeds(&world, &["operator", "token", "list"]);
    assert!(list.contains("ci") && list.contains("reader") && !list.contains(&token) && !list.contains(shown.trim()), "{list}");
    assert!(!world.program(&["operator", "token", "create", " ", "--scope", "read"]).status.success());
    exits(&world, &["operator", "token", "create", "x", "--scope", "king"], 2);
    exits(&world, &["operator", "token", "create", "x", "--scope", "read", "--expires", "soon"], 1);

    succeeds(&world, &["operator", "token", "revoke", &id]);
    server.get("/api/v1/projects").bearer(&token).send().await.expect_problem(401);
    exits(&world, &["operator", "token", "revoke", &id], 1);
    assert!(succeeds(&world, &["operator", "list"]).is_empty());
    let actions: Vec<String> = world.audit().await.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["token.revoked", "token.created", "token.created"]);
});

#[test]
fn a_bad_folder_at_the_start_mounts_nothing() {
    alone(|world| {
        let bad = bad_folder(&world);
        let output =
            world.command().args(["serve", "--listen", "127.0.0.1:0"]).env("MISSION_CONTROL_CONTRACTS", bad).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        for part in ["external/bad.yaml:6:7", "engine.acept", "nothing was mounted"] {
            assert!(text(&output).contains(part), "{part} is missing from\n{}", text(&output));
        }
        assert!(!stdout(&output).contains("listens on"));
        assert!(!world.folder().join("mission-control.db").exists(), "the database is not touched");
    });
}

/// Variables from `.env` and from files; a variable that is set already wins.
#[test]
fn variables_come_from_env_files_too() {
    run(Kind::Sqlite, |world| async move {
        write(&world.folder().join("plane-secret"), &format!("{SECRET}\n"));
        let dotenv = "# secrets\nPLANE_WEBHOOK_SECRET_FILE=plane-secret\nCLAWLEDGER_SHARED_SECRET='of the file'\nPLANE_API_TOKEN=\"token\"\n";
        write(&world.folder().join(".env"), dotenv);
        let server = world.serve().variable("CLAWLEDGER_SHARED_SECRET", "given").start().await;
        event(&server, &fixture("issue-created")).send().await.expect(200);
        let pending = |token: &str| server.get("/api/approvals/clawledger/pending").header("x-clawledger-token", token).send();
        pending("given").await.expect(200);
        pending("of the file").await.expect_problem(401);
        server.post("/api/setup-import").bearer("token").json(&json!({})).send().await.expect_problem(422);

        let unset = succeeds(&world, &["explain", "plane-webhook"]);
        assert!(!unset.contains("PLANE_WEBHOOK_SECRET unset"), "{unset}");
        write(&world.folder().join(".env"), "PLANE_WEBHOOK_SECRET 'canary-3f1c\n");
        let broken = world.program(&["routes"]);
        assert!(broken.status.code() == Some(2) && text(&broken).contains("line 1"), "{}", text(&broken));
        assert!(!text(&broken).contains("canary-3f1c"), "{}", text(&broken));
    });
}

/// Every command that shows something, with secrets all around it.
#[test]
fn no_command_shows_a_secret() {
    run(Kind::Sqlite, |world| async move {
        let canaries: Vec<String> = (0..5).map(|number| format!("canary-{number}-8d2e41c7")).collect();
        let names = [
            "PLANE_WEBHOOK_SECRET",
            "PLANE_WEBHOOK_SECRET_PREVIOUS",
            "PLANE_API_TOKEN",
            "CLAWLEDGER_SHARED_SECRET",
            "MISSION_CONTROL_SECRET_KEY",
        ];
        let server =
            names.iter().zip(&canaries).fold(world.serve(), |setup, (name, value)| setup.variable(name, value)).start().await;
        let call = server.post("/api/v1/projects/demo/integrations/plane/webhook?secret=canary-0-8d2e41c7");
        call.json(&fixture("issue-created")).send().await.expect(200);
        let refused = server.post("/api/v1/projects/demo/integrations/plane/webhook?secret=canary-wrong-8d2e41c7");
        refused.json(&fixture("issue-created")).send().await.expect_problem(401);
        world.operator(&server).await.all_settled().await;
        let list = world.program(&["deliveries", "list", "--json"]);
        let list: Value = serde_json::from_slice(&list.stdout).unwrap();
        let delivery = list[0]["id"].as_str().unwrap();
        let commands: [&[&str]; 14] = [
            &["check"],
            &["check", "--format", "json"],
            &["routes"],
            &["routes", "--json"],
            &["handlers", "--json"],
            &["explain", "plane-webhook"],
            &["explain", "--json", "POST", "/api/v1/projects/demo/integrations/plane/webhook?secret=canary-0-8d2e41c7"],
            &["explain", "GET /api/approvals/clawledger/pending"],
            &["deliveries", "list"],
            &["deliveries", "show", delivery],
            &["deliveries", "show", "--json", delivery],
            &["operator", "list"],
            &["operator", "token", "list", "--json"],
            &["migrate"],
        ];
        for arguments in commands {
            let mut command = world.command();
            command.args(arguments).envs(names.iter().zip(&canaries));
            let output = command.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", text(&output));
            assert!(!text(&output).contains("8d2e41c7"), "{arguments:?} shows a secret:\n{}", text(&output));
        }
        assert!(!server.log().contains("8d2e41c7"), "{}", server.log());
    });
}

#[test]
fn without_a_folder_the_contracts_inside_the_program_serve() {
    run(Kind::Sqlite, |world| async move {
        assert!(!Path::new(&world.folder().join("contracts")).exists());
        let mut command = world.command();
        command.env_remove("MISSION_CONTROL_CONTRACTS").args(["serve", "--listen", "127.0.0.1:0"]);
        let server = black_box::Server::start(command).await;
        let published = server.get("/contractz").send().await.expect(200).json();
        let shipped = world.catalog(&world.contracts);
        assert_eq!(published["digest"], json!(shipped.digest));
        server.get("/readyz").send().await.expect(200);
    });
}

//! Reloading: an edit is seen without a restart, a mistake changes nothing but readiness, and no request fails meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use black_box::{Server, World, database::Kind, server::eventually, world};
use contract::catalog::Scope;
use serde_json::{Value, json};

fn once<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    world::run(Kind::Sqlite, test);
}

/// A contract that answers with a text, at a path.
fn greeting(path: &str, text: &str) -> String {
    format!(
        "schema: 1\nid: greeting\nname: Greeting\n\ndirection: inbound\ntype: REST API\n\
         surface:\n  - route: {path}\n    get: {{handler: engine.respond, with: {{body: '{text}'}}}}\n\
         \x20 - route: {path}/kept\n    post: {{handler: engine.accept, delivery: {{mode: durable, key: header.X-Key}}}}\n\
         auth: none\nstability: experimental\nversioning: none\nowner: the suite\n\n\
         verify: ['cargo test -p black-box reload::']\n"
    )
}

/// Writes as editors do: beside, then renamed.
fn save(contracts: &Path, text: &str) {
    let beside = contracts.join("external/.greeting.yaml.new");
    world::write(&beside, text);
    fs::rename(beside, contracts.join("external/greeting.yaml")).expect("the file is renamed");
}

async fn answers(server: &Server, path: &str, text: &str) {
    eventually(&format!("{path} answers {text}"), async || {
        let answer = server.get(path).send().await;
        (answer.status == 200 && answer.text() == text).then_some(())
    })
    .await;
}

async fn readiness(server: &Server, status: &str) -> Value {
    eventually(&format!("the service is {status}"), async || {
        let answer = server.get("/readyz").send().await.expect(200).json();
        (answer["status"] == status).then_some(answer)
    })
    .await
}

async fn digest(server: &Server) -> String {
    server.get("/healthz").send().await.header("x-contract-digest").expect("a digest").to_owned()
}

#[test]
fn an_edit_changes_routes_documents_and_digest() {
    once(|world| async move {
        let contracts = world.copy_contracts();
        save(&contracts, &greeting("/greeting/one", "first"));
        let server = world.serve().contracts(&contracts).start().await;
        let started = server.get("/fabric-presencez").send().await.expect(200).json()["started_at"].clone();
        let mut digests = vec![digest(&server).await];
        answers(&server, "/greeting/one", "first").await;

        for (path, text) in [("/greeting/one", "second"), ("/greeting/two", "third")] {
            save(&contracts, &greeting(path, text));
            answers(&server, path, text).await;
            let new = digest(&server).await;
            assert!(!digests.contains(&new), "the digest stays {new}");
            digests.push(new);
        }
        server.get("/greeting/one").send().await.expect_problem(404);
        let openapi = server.get("/openapi.json").send().await.expect(200).json();
        assert!(openapi["paths"]["/greeting/two"]["get"].is_object() && openapi["paths"]["/greeting/one"].is_null());
        let published = server.get("/contractz/greeting").send().await.expect(200).json();
        assert_eq!(published["surface"][0]["path"], "/greeting/two", "{published:#}");
        let all = server.get("/contractz").send().await.expect(200).json();
        assert_eq!(all["digest"].as_str(), digests.last().map(String::as_str));
        let metrics = server.get("/metrics").send().await.expect(200).text();
        assert!(metrics.contains(&format!("digest=\"{}\"", digests[2])) && !metrics.contains(&digests[0]), "{metrics}");

        fs::remove_file(contracts.join("external/greeting.yaml")).expect("the file is removed");
        eventually("the contract is gone", async || (server.get("/contractz/greeting").send().await.status == 404).then_some(()))
            .await;
        server.get("/greeting/two").send().await.expect_problem(404);
        // What it was before has the digest of before.
        save(&contracts, &greeting("/greeting/one", "first"));
        answers(&server, "/greeting/one", "first").await;
        assert_eq!(digest(&server).await, digests[0]);
        assert_eq!(server.get("/fabric-presencez").send().await.expect(200).json()["started_at"], started, "it was restarted");
    });
}

#[test]
fn a_mistake_keeps_the_earlier_catalog() {
    once(|world| async move {
        let contracts = world.copy_contracts();
        save(&contracts, &greeting("/greeting", "good"));
        let server = world.serve().contracts(&contracts).start().await;
        let before = digest(&server).await;
        let ours = "external/greeting.yaml:";
        let mistakes = [
            (greeting("/greeting", "bad").replace("auth: none\n", ""), "MC0", ours),
            (greeting("/healthz", "bad"), "MC0403", "discovery/runtime-discovery-surfaces.yaml:"),
            ("id: [greeting".to_owned(), "MC0", ours),
            (greeting("/greeting", "bad").replace("engine.respond", "engine.respnod"), "MC0601", ours),
        ];
        for (mistake, code, file) in mistakes {
            save(&contracts, &mistake);
            let degraded = readiness(&server, "degraded").await;
            let catalog = &degraded["checks"]["catalog"];
            let detail = catalog["detail"].as_str().expect("a detail").to_owned();
            assert_eq!(catalog["status"], "degraded");
            assert!(detail.contains(code) && detail.contains(file), "{detail}");
            assert_eq!(degraded["checks"]["database"]["status"], "ready");
            assert_eq!(digest(&server).await, before);
            answers(&server, "/greeting", "good").await;
            assert_eq!(server.get("/fabric-presencez").send().await.expect(200).json()["status"], "degraded");

            save(&contracts, &greeting("/greeting", "good"));
            readiness(&server, "ready").await;
        }
        let log = server.log();
        assert!(
            log.contains("--> external/greeting.yaml:") && log.contains("did you mean") || log.contains("engine.respond`"),
            "{log}"
        );
        let metrics = server.get("/metrics").send().await.expect(200).text();
        assert!(metrics.contains("mission_control_catalog_reloads_total{outcome=\"refused\"}"), "{metrics}");

        // A folder that cannot be read at all is no other case.
        fs::rename(&contracts, world.folder().join("away")).expect("the folder is moved");
        readiness(&server, "degraded").await;
        answers(&server, "/greeting", "good").await;
        fs::rename(world.folder().join("away"), &contracts).expect("the folder is moved back");
        readiness(&server, "ready").await;
        save(&contracts, &greeting("/greeting", "better"));
        answers(&server, "/greeting", "better").await;
    });
}

#[test]
fn a_reload_on_request_reads_secrets_anew() {
    once(|world| async move {
        let contracts = world.copy_contracts();
        save(&contracts, &greeting("/greeting", "good"));
        let (secret, previous) = (world.folder().join("token"), world.folder().join("token.previous"));
        let import =
            async |server: &Server, token: &str| server.post("/api/setup-import").bearer(token).body("{}").send().await.status;
        let (old, new) = ("the-token-of-before", "the-token-from-now-on");
        world::write(&secret, old);
        world::write(&previous, "");
        let server = world
            .serve()
            .contracts(&contracts)
            .variable("PLANE_API_TOKEN_FILE", secret.display().to_string())
            .variable("PLANE_API_TOKEN_PREVIOUS_FILE", previous.display().to_string())
            .start()
            .await;
        assert_eq!([import(&server, old).await, import(&server, new).await], [422, 401]);

        let admin = world.token(Scope::Admin).await;
        let reload = || server.post("/api/v1/contracts/reload");
        reload().send().await.expect_problem(401);
        for scope in [Scope::Read, Scope::Write] {
            reload().bearer(&world.token(scope).await).send().await.expect_problem(403);
        }
        world::write(&secret, new);
        world::write(&previous, old);
        let answer = reload().bearer(&admin).send().await.expect(200).json();
        assert_eq!((&answer["outcome"], answer["digest"].as_str()), (&json!("unchanged"), Some(&*digest(&server).await)));
        assert_eq!([import(&server, old).await, import(&server, new).await], [422, 422], "both while it is rotated");
        let metrics = server.get("/metrics").send().await.expect(200).text();
        let line = "mission_control_auth_previous_secret_total{contract=\"warp-setup-import\",method=\"bearer\"} 1";
        assert!(metrics.contains(line), "{metrics}");

        world::write(&previous, "");
        server.signal("HUP");
        eventually("the old token is over", async || (import(&server, old).await == 401).then_some(())).await;
        assert_eq!(import(&server, new).await, 422);

        save(&contracts, "no manifest");
        let problem = reload().bearer(&admin).send().await.expect_problem(409);
        assert!(problem["report"].as_str().is_some_and(|report| report.contains("external/greeting.yaml")), "{problem:#}");
        save(&contracts, &greeting("/greeting", "other"));
        let answer = reload().bearer(&admin).send().await.expect(200).json();
        assert_eq!(answer["digest"].as_str(), Some(&*digest(&server).await));
        answers(&server, "/greeting", "other").await;
        let audit = world.audit().await;
        assert!(audit.iter().any(|entry| entry.action == "contracts.reloaded" && entry.actor == "token:suite"), "{audit:?}");
    });
}

/// Two ways of swapping a folder in one step: a ConfigMap mount of Kubernetes, and a link to a release.
#[test]
fn a_folder_swapped_by_a_link_is_followed() {
    once(|world| async move {
        let version = |folder: PathBuf, text: &str| {
            world::copy_folder(&world.contracts, &folder);
            world::write(&folder.join("external/greeting.yaml"), &greeting("/greeting", text));
        };
        let turn = |link: PathBuf, target: &str| {
            let beside = link.with_file_name(".turning");
            symlink(target, &beside).expect("the link is made");
            fs::rename(beside, link).expect("the link is turned");
        };

        let mount = world.folder().join("mount");
        version(mount.join("..2026_11_01"), "one");
        symlink("..2026_11_01", mount.join("..data")).expect("the link is made");
        for entry in fs::read_dir(mount.join("..data")).expect("the version is read") {
            let name = entry.expect("the version is read").file_name();
            symlink(Path::new("..data").join(&name), mount.join(&name)).expect("the link is made");
        }
        let releases = world.folder().join("releases");
        version(releases.join("1"), "one");
        symlink("releases/1", world.folder().join("current")).expect("the link is made");

        let mounted = world.serve().contracts(&mount).start().await;
        let released =
            world.serve().contracts(world.folder().join("current")).variable("DATABASE_URL", other(&world)).start().await;
        for (number, text) in [(2, "two"), (3, "three"), (4, "four")] {
            version(mount.join(format!("..2026_11_0{number}")), text);
            turn(mount.join("..data"), &format!("..2026_11_0{number}"));
            fs::remove_dir_all(mount.join(format!("..2026_11_0{}", number - 1))).expect("the earlier version is removed");
            version(releases.join(number.to_string()), text);
            turn(world.folder().join("current"), &format!("releases/{number}"));
            answers(&mounted, "/greeting", text).await;
            answers(&released, "/greeting", text).await;
        }
        // An edit inside what the link leads to is seen as well.
        world::write(&releases.join("4/external/greeting.yaml"), &greeting("/greeting", "edited"));
        answers(&released, "/greeting", "edited").await;
        for server in [&mounted, &released] {
            readiness(server, "ready").await;
        }
    });
}

/// A database for a second server.
fn other(world: &World) -> String {
    format!("sqlite://{}", world.folder().join("other.db").display())
}

#[test]
fn no_request_fails_while_the_catalog_is_swapped() {
    const EDITS: usize = 30;
    once(|world| async move {
        let contracts = world.copy_contracts();
        save(&contracts, &greeting("/greeting", "0"));
        let server = Arc::new(world.serve().contracts(&contracts).start().await);
        let admin = world.token(Scope::Admin).await;
        // Which text belongs to which digest: an answer comes from one catalog, never from two.
        let texts = Arc::new(Mutex::new(BTreeMap::from([(digest(&server).await, "0".to_owned())])));
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..4 {
            let (server, over, sent) = (server.clone(), over.clone(), sent.clone());
            clients.spawn(async move {
                let mut seen = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let answer = server.get("/greeting").send().await.expect(200);
                    seen.push((answer.header("x-contract-digest").expect("a digest").to_owned(), answer.text()));
                    let key = format!("{client}-{number}");
                    server.post("/greeting/kept").header("x-key", key).body("{}").send().await.expect(202);
                    server.get("/contractz/greeting").send().await.expect(200);
                }
                seen
            });
        }
        for edit in 1..=EDITS {
            save(&contracts, &greeting("/greeting", &edit.to_string()));
            if edit % 3 == 0 {
                // The watcher's own pace.
                answers(&server, "/greeting", &edit.to_string()).await;
            } else {
                server.post("/api/v1/contracts/reload").bearer(&admin).send().await.expect(200);
            }
            let known = digest(&server).await;
            texts.lock().expect("the texts").insert(known, edit.to_string());
        }
        over.store(true, Ordering::Relaxed);
        let seen: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
        let texts = texts.lock().expect("the texts");
        assert_eq!(texts.len(), EDITS + 1, "each edit is another catalog");
        for (digest, text) in &seen {
            assert_eq!(texts.get(digest), Some(text), "an answer of two catalogs");
        }
        let swapped = seen.iter().map(|(digest, _)| digest).collect::<std::collections::BTreeSet<_>>().len();
        println!("{} requests during {EDITS} edits, answered by {swapped} catalogs", sent.load(Ordering::Relaxed) * 3);
        assert!(swapped > EDITS / 2, "the clients saw {swapped} catalogs only");
    });
}

#[test]
fn a_bad_folder_at_the_start_is_told_and_not_served() {
    once(|world| async move {
        let contracts = world.copy_contracts();
        save(&contracts, &greeting("/greeting", "bad").replace("auth: none\n", "auth: nobody\n"));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("its address").to_string();
        drop(listener);
        let start = |folder: &Path| {
            let mut command = world.command();
            command.args(["serve", "--listen", &address, "--contracts"]).arg(folder).stdin(Stdio::null());
            let output = command.output().expect("the program starts");
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stdout).into_owned(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )
        };
        let (code, said, errors) = start(&contracts);
        assert_eq!(code, Some(1), "{errors}");
        assert!(said.is_empty(), "it says that it listens: {said}");
        assert!(errors.contains("error[MC0") && errors.contains("--> external/greeting.yaml:"), "{errors}");
        assert!(errors.contains("nobody") && errors.contains('^'), "the excerpt with a caret: {errors}");
        assert!(!world.folder().join("mission-control.db").exists(), "nothing is made for a catalog that is not served");

        let (code, _, errors) = start(&world.folder().join("nowhere"));
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains("nowhere"), "{errors}");
    });
}

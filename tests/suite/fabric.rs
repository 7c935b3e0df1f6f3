//! What Fabric polls: a view for reading, whose facts agree with the catalog and with one another.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use black_box::{Server, World, database::Kind, world::run};
use serde_json::{Value, json};

const DOCUMENTS: [&str; 3] = ["/fabric-manifest.json", "/fabric-presencez", "/fabric-compatibilityz"];

async fn read(server: &Server, path: &str) -> Value {
    server.get(path).send().await.expect(200).json()
}

fn contracts(document: &Value) -> &[Value] {
    document["contracts"].as_array().unwrap()
}

async fn serve(world: &World) -> Server {
    world.serve().variable("PLANE_WEBHOOK_SECRET", "s").start().await
}

#[test]
fn the_manifest_says_what_this_service_is_and_is_not() {
    run(Kind::Sqlite, |world| async move {
        let server = serve(&world).await;
        let manifest = read(&server, "/fabric-manifest.json").await;
        assert_eq!((&manifest["schema"], &manifest["manifest_schema"]), (&json!(1), &json!(1)));
        assert_eq!((&manifest["service"], &manifest["license"]), (&json!("mission-control"), &json!("AGPL-3.0-or-later")));
        assert_eq!(manifest["roles"], json!(["operator-ui", "service"]));
        assert_eq!(manifest["control_plane"], false);
        let joined =
            |member: &str| manifest[member].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect::<String>();
        for part in ["operator-ui", "supporting service", "Discovery", "read-only view"] {
            assert!(joined("provides").contains(part), "{part}: {manifest:#}");
        }
        for part in ["Registration", "events", "policies", "write"] {
            assert!(joined("excludes").contains(part), "{part}: {manifest:#}");
        }
        for path in manifest["endpoints"].as_object().unwrap().values() {
            server.get(path.as_str().unwrap()).send().await.expect(200);
        }
        for name in ["contracts", "fabric_presence", "fabric_compatibility"] {
            assert!(manifest["endpoints"][name].is_string(), "{name}: {manifest:#}");
        }
    });
}

#[test]
fn every_contract_of_the_manifest_leads_to_itself() {
    run(Kind::Sqlite, |world| async move {
        let server = serve(&world).await;
        let (manifest, list) = (read(&server, "/fabric-manifest.json").await, read(&server, "/contractz").await);
        assert_eq!(contracts(&manifest).len(), contracts(&list).len());
        for (short, whole) in contracts(&manifest).iter().zip(contracts(&list)) {
            let one = read(&server, short["href"].as_str().unwrap()).await;
            for member in ["id", "type", "direction", "stability", "state", "digest"] {
                assert_eq!((&short[member], &short[member]), (&whole[member], &one[member]), "{member} of {short:#}");
            }
        }
        let state =
            |id: &str| contracts(&manifest).iter().find(|contract| contract["id"] == id).map(|found| found["state"].clone());
        assert_eq!(state("plane-webhook"), Some(json!("mounted")));
        assert_eq!(state("clawledger-approval-callback"), Some(json!("unconfigured")));
        for planned in ["fabric-registration", "fabric-event-emission"] {
            assert_eq!(state(planned), Some(json!("planned")));
        }
    });
}

#[test]
fn the_digests_of_every_document_agree() {
    run(Kind::Sqlite, |world| async move {
        let server = serve(&world).await;
        let version = server.get("/versionz").send().await.expect(200);
        let digest = version.json()["digest"].clone();
        for path in ["/fabric-manifest.json", "/fabric-presencez", "/contractz"] {
            assert_eq!(read(&server, path).await["digest"], digest, "{path}");
        }
        for path in DOCUMENTS {
            let answer = server.get(path).send().await.expect(200);
            assert_eq!(answer.header("x-contract-digest"), digest.as_str(), "{path}");
        }
        assert_eq!(digest, json!(world.catalog(&world.contracts).digest));
    });
}

#[test]
fn presence_is_of_this_process() {
    run(Kind::Sqlite, |world| async move {
        let server = serve(&world).await;
        let presence = read(&server, "/fabric-presencez").await;
        assert_eq!((&presence["status"], &presence["service"]), (&json!("ready"), &json!("mission-control")));
        assert_eq!(presence["version"], read(&server, "/versionz").await["version"]);
        assert!(presence["started_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() <= jiff::Timestamp::now());
        assert_eq!(read(&server, "/fabric-presencez").await, presence);
        assert!(server.stop().await.success());
        let next = serve(&world).await;
        assert_ne!(read(&next, "/fabric-presencez").await["instance"], presence["instance"]);
    });
}

#[test]
fn compatibility_names_versions_promises_and_what_is_on_its_way_out() {
    run(Kind::Sqlite, |world| async move {
        let server = serve(&world).await;
        let document = read(&server, "/fabric-compatibilityz").await;
        assert_eq!(document["supports"], json!({"manifest_schema": [1], "contract_schema": [1], "api": ["v1"]}));
        let list = read(&server, "/contractz").await;
        for (promise, contract) in contracts(&document).iter().zip(contracts(&list)) {
            for member in ["id", "stability", "versioning"] {
                assert_eq!(promise[member], contract[member]);
            }
        }
        let deprecations = document["deprecations"].as_array().unwrap();
        let query = deprecations.iter().find(|found| found["contract"] == "plane-webhook").unwrap();
        assert_eq!(
            *query,
            json!({
                "contract": "plane-webhook", "surface": "query secret", "since": "2.0.0", "sunset": "2027-12-31",
                "use": "header X-Plane-Webhook-Secret",
            })
        );
    });
}

#[test]
fn fabric_can_only_read() {
    run(Kind::Sqlite, |world| async move {
        let server = serve(&world).await;
        for path in DOCUMENTS {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let answer = server.call(method, path).json(&json!({})).send().await;
                assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"), "{}", answer.describe());
                answer.expect_problem(405);
            }
        }
        for path in ["/fabric-register", "/fabric-events", "/api/v1/fabric"] {
            server.post(path).json(&json!({})).send().await.expect_problem(404);
        }
    });
}

//! The discovery surfaces: documents that fit their schemas, say the same of one catalog wherever they are made, and are
//! cheap to poll.

use std::{collections::BTreeMap, fs, sync::Arc};

use black_box::{Answer, Server, World, credentials::Credentials, database::Kind, program, world};
use serde_json::{Value, json};

use crate::auth_matrix::everything;

/// Each document with its schema under `schemas/`.
const DOCUMENTS: [(&str, &str); 7] = [
    ("/healthz", "healthz"),
    ("/readyz", "readyz"),
    ("/versionz", "versionz"),
    ("/contractz", "contractz"),
    ("/fabric-manifest.json", "fabric-manifest"),
    ("/fabric-presencez", "fabric-presencez"),
    ("/fabric-compatibilityz", "fabric-compatibilityz"),
];

/// Everything that is the same wherever the same catalog is served.
const DETERMINED: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/versionz",
    "/contractz",
    "/contractz/plane-webhook",
    "/fabric-manifest.json",
    "/fabric-compatibilityz",
    "/openapi.json",
    "/asyncapi.json",
];

fn once<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    world::run(Kind::Sqlite, test);
}

/// Holds a document to its schema, formats included.
#[track_caller]
fn fits(answer: &Answer, schema: &str) {
    let path = program::repository().join(format!("schemas/{schema}.schema.json"));
    let schema: Value = serde_json::from_slice(&fs::read(&path).expect("the schema is there")).expect("the schema is JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{}", path.display());
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("the schema is valid");
    let document = answer.json();
    let errors: Vec<_> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}:\n{}\n{}", path.display(), errors.join("\n"), answer.describe());
}

#[test]
fn every_document_fits_its_schema() {
    once(|world| async move {
        let contracts = everything(&world);
        for folder in [&world.contracts, &contracts] {
            let mut setup = world.serve().contracts(folder);
            // Half of the contracts stay unconfigured, so that every state is seen.
            for (index, (name, value)) in Credentials::of(&world.catalog(folder)).variables().into_iter().enumerate() {
                if index % 4 < 2 {
                    setup = setup.variable(&name, value);
                }
            }
            let server = setup.start().await;
            for (path, schema) in DOCUMENTS {
                let answer = server.get(path).send().await.expect(200);
                assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.describe());
                assert_eq!(answer.json()["schema"], 1, "{path}");
                fits(&answer, schema);
            }
            let list = server.get("/contractz").send().await.expect(200).json();
            for contract in list["contracts"].as_array().expect("contracts") {
                let id = contract["id"].as_str().expect("an id");
                let one = server.get(&format!("/contractz/{id}")).send().await.expect(200);
                fits(&one, "contractz-contract");
                let mut whole = one.json();
                assert_eq!(whole.as_object_mut().expect("an object").remove("schema"), Some(json!(1)));
                assert_eq!(whole, *contract, "/contractz/{id} and /contractz disagree");
            }
            for (method, path) in [("GET", "/contractz/nothing"), ("POST", "/healthz"), ("GET", "/nowhere")] {
                fits(&server.call(method, path).send().await, "problem");
            }
            drop(server);
        }
        let server = world.serve().variable("PLANE_WEBHOOK_SECRET", "the-secret-of-plane").start().await;
        let plane = server.post("/api/v1/projects/demo/integrations/plane/webhook");
        let answer = plane.header("x-plane-webhook-secret", "the-secret-of-plane").json(&json!({"event": "cycle"})).send().await;
        fits(&answer.expect(200), "accepted-delivery");
        let states = server.get("/contractz").send().await.json();
        let states: Vec<_> = states["contracts"].as_array().expect("contracts").iter().map(|one| one["state"].clone()).collect();
        for state in ["mounted", "unconfigured", "declared", "planned"] {
            assert!(states.contains(&json!(state)), "{state}: {states:?}");
        }
    });
}

#[test]
fn documents_are_cheap_to_poll() {
    once(|world| async move {
        let server = world.serve().start().await;
        for path in DETERMINED.into_iter().chain(["/fabric-presencez", "/docs", "/redoc", "/docs/assets/pages.css"]) {
            let first = server.get(path).send().await.expect(200);
            let etag = first.header("etag").unwrap_or_else(|| panic!("no ETag: {}", first.describe())).to_owned();
            assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag} is not strong");
            assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
            for known in [etag.clone(), format!("W/{etag}"), "*".to_owned(), format!("\"a\", {etag} , \"b\"")] {
                for method in ["GET", "HEAD"] {
                    let answer = server.call(method, path).header("if-none-match", &known).send().await.expect(304);
                    let told = (answer.header("etag"), answer.header("cache-control"), answer.body.len());
                    assert_eq!(told, (Some(&*etag), Some("no-cache"), 0), "{}", answer.describe());
                    assert!(answer.headers.contains_key("x-contract-digest"), "{}", answer.describe());
                }
            }
            for other in ["\"other\"".to_owned(), etag.trim_matches('"').to_owned(), String::new(), etag.to_uppercase() + "x"] {
                assert_eq!(server.get(path).header("if-none-match", other).send().await.expect(200).body, first.body);
            }
            let head = server.call("HEAD", path).send().await.expect(200);
            let length = head.header("content-length").and_then(|length| length.parse().ok());
            assert_eq!((head.header("etag"), length), (Some(&*etag), Some(first.body.len())), "{path}");
        }
        let metrics = server.get("/metrics").send().await.expect(200);
        assert_eq!(metrics.header("etag"), None, "metrics are never the same");
    });
}

#[test]
fn the_same_catalog_gives_the_same_bytes() {
    once(|world| async move {
        // The same files, made in another order, at another place, for another database.
        let copy = world.folder().join("copied");
        let mut files = Vec::new();
        collect(&world.contracts, &mut files);
        for file in files.iter().rev() {
            let target = copy.join(file.strip_prefix(&world.contracts).expect("it stands inside"));
            world::write(&target, &fs::read_to_string(file).expect("the file is read"));
        }
        let (one, other) = (world.serve().start().await, {
            let database = format!("sqlite://{}", world.folder().join("other.db").display());
            world.serve().contracts(&copy).variable("DATABASE_URL", database).start().await
        });
        for path in DETERMINED {
            let (mut first, mut second) = (one.get(path).send().await.expect(200), other.get(path).send().await.expect(200));
            assert_eq!(first.text(), second.text(), "{path}");
            for answer in [&mut first, &mut second] {
                for name in ["date", "x-request-id"] {
                    answer.headers.remove(name);
                }
            }
            assert_eq!(first.headers, second.headers, "{path}");
            assert_eq!(one.get(path).send().await.body, first.body, "{path} changes from request to request");
        }
    });
}

fn collect(folder: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is read") {
        let path = entry.expect("the folder is read").path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

#[test]
fn digests_name_the_contracts_and_not_their_secrets() {
    once(|world| async move {
        let catalog = world.catalog(&world.contracts);
        let facts = async |server: &Server| {
            let list = server.get("/contractz").send().await.expect(200).json();
            let of = |member: &'static str| {
                let contracts = list["contracts"].as_array().expect("contracts").iter();
                contracts.map(|one| (one["id"].to_string(), one[member].to_string())).collect::<BTreeMap<_, _>>()
            };
            for path in ["/versionz", "/fabric-manifest.json", "/fabric-presencez", "/contractz"] {
                let answer = server.get(path).send().await.expect(200);
                assert_eq!(answer.json()["digest"], catalog.digest, "{path}");
                assert_eq!(answer.header("x-contract-digest"), Some(&*catalog.digest), "{path}");
            }
            (of("digest"), of("state"))
        };
        let bare = facts(&world.serve().start().await).await;
        let mut setup = world.serve();
        for (name, value) in Credentials::of(&catalog).variables() {
            setup = setup.variable(&name, value);
        }
        let configured = facts(&setup.start().await).await;
        assert_eq!(bare.0, configured.0, "a digest depends on the environment");
        assert_ne!(bare.1, configured.1);
        assert!(bare.1.values().any(|state| state.contains("unconfigured")), "{bare:?}");
        assert!(configured.1.values().all(|state| !state.contains("unconfigured")), "{configured:?}");
        for contract in &catalog.contracts {
            assert_eq!(bare.0[&json!(contract.id).to_string()], json!(contract.digest).to_string());
        }

        // One word in one contract: its own digest and that of the whole are others, all the rest stay.
        let edited = world.copy_contracts();
        let file = edited.join("external/plane-webhook.yaml");
        let text = fs::read_to_string(&file).expect("the manifest is read");
        world::write(&file, &text.replace("attempts: 8", "attempts: 9"));
        let after = world.catalog(&edited);
        assert_ne!(after.digest, catalog.digest);
        for (before, after) in catalog.contracts.iter().zip(&after.contracts) {
            assert_eq!(before.digest != after.digest, before.id == "plane-webhook", "{}", before.id);
        }
    });
}

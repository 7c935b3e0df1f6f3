//! A secret appears nowhere. Canaries stand in for every secret and are sent, right and wrong, through every carrier of every
//! route, and in places that no contract names; then everything that the service leaves behind is searched for them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use aho_corasick::AhoCorasick;
use black_box::{
    Answer, Call, Operator, Receiver, Server, World,
    credentials::{Credentials, Outgoing, encode},
    database::Kind,
    on_both,
    server::eventually,
    world,
};
use contract::{
    catalog::{CarrierPlace, Catalog, Method},
    plan::auth_checks,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::auth_matrix::everything;

/// Part of each canary that is searched for: the middle, so that one that was cut or decorated is found as well.
fn core(canary: &str) -> &str {
    let text = canary.trim_start_matches("whsec_").trim_start_matches("mc_");
    &text[4..30]
}

/// A far side whose address, query, credentials and template all hold canaries, and one that does not answer.
const OUTWARD: &str = "
schema: 1
id: canary-out
name: Calls with secrets

direction: bidirectional
type: webhook
surface:
  - route: /canary/out
    post: {handler: engine.emit, with: {type: canary.sung, subject: '{{ body.subject }}', data: '{{ body }}'}}
  - call: CANARY_URL
    on: [canary.sung]
  - call: CANARY_NOWHERE_URL
    on: [canary.sung]
auth:
  - bearer: CANARY_TOKEN
  - credential: CANARY_FAR_TOKEN
    header: X-Far-Token
stability: experimental
versioning: none
owner: the suite

environment:
  CANARY_TOKEN: {secret: true, description: Token of the sender}
  CANARY_FAR_TOKEN: {secret: true, description: Token that the far side asks of us}
  CANARY_URL: {secret: true, description: Address with a secret in its query}
  CANARY_NOWHERE_URL: {secret: true, description: Address that does not answer}
delivery: {mode: durable, retry: {attempts: 2, first: 10ms, max: 20ms}}
verify: ['cargo test -p black-box canary::']
";

/// The repository's contracts, every method and preset, and the calls above.
fn contracts(world: &World) -> PathBuf {
    let folder = everything(world);
    for section in ["external", "internal"] {
        world::copy_folder(&world.contracts.join(section), &folder.join(section));
    }
    world::copy_folder(&world.contracts.join("fixtures"), &folder.join("fixtures"));
    world::write(&folder.join("external/canary-out.yaml"), OUTWARD);
    folder
}

/// Everything that the service said over HTTP.
#[derive(Default)]
struct Heard(Vec<String>);

impl Heard {
    /// Sends calls, some at a time, and notes their answers.
    async fn all(&mut self, calls: Vec<Call>) {
        let calls = Arc::new(Mutex::new(calls.into_iter()));
        let mut senders = JoinSet::new();
        for _ in 0..16 {
            let calls = calls.clone();
            senders.spawn(async move {
                let mut answers = Vec::new();
                let next = || calls.lock().expect("the calls").next();
                while let Some(call) = next() {
                    answers.push(call.send().await);
                }
                answers
            });
        }
        senders.join_all().await.iter().flatten().for_each(|answer| self.note(answer));
    }

    fn note(&mut self, answer: &Answer) {
        // The first line of the description is the request, which holds what was sent.
        let described = answer.describe();
        self.0.push(described.split_once('\n').map_or_else(String::new, |(_, answer)| answer.to_owned()));
    }
}

on_both!(secrets_appear_nowhere, |world| async move {
    let folder = contracts(&world);
    let catalog = world.catalog(&folder);
    let (collector, far) = (Receiver::start().await, Receiver::start().await);
    let mut credentials = Credentials::of(&catalog);
    let hidden = hex::encode(black_box::credentials::random());
    credentials.others.insert("CANARY_URL".to_owned(), format!("{}/in/{hidden}?key={hidden}", far.url));
    credentials.others.insert("CANARY_NOWHERE_URL".to_owned(), format!("http://user:{hidden}@127.0.0.1:9/{hidden}?key={hidden}"));
    let store = world.store().await;
    credentials.register(&store).await;
    store.close().await;

    let mut setup = world
        .serve()
        .contracts(&folder)
        .variable("RUST_LOG", "trace")
        .variable("MISSION_CONTROL_LOG_FORMAT", if world.database.kind == Kind::Sqlite { "text" } else { "json" })
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone());
    for (name, value) in credentials.variables() {
        setup = setup.variable(&name, value);
    }
    if world.database.kind == Kind::Postgres {
        setup = setup.variable("DATABASE_URL", world.database.url.replace("postgres@", &format!("postgres:{hidden}@")));
    }
    let server = setup.start().await;

    let mut heard = Heard::default();
    heard.all(through_every_carrier(&server, &catalog, &credentials)).await;
    heard.all(in_other_places(&server, &catalog, &credentials)).await;
    imports(&server, &credentials, &mut heard).await;
    for variable in ["CANARY_TOKEN", "CANARY_FAR_TOKEN"] {
        let body = json!({"subject": "s", "text": credentials.secrets[variable].current, "hidden": hidden});
        let call = server.post("/canary/out").bearer(&credentials.secrets["CANARY_TOKEN"].current).json(&body);
        heard.note(&call.send().await.expect(202));
    }
    let operator = world.operator(&server).await;
    operator.all_settled().await;
    assert_eq!(
        far.received().last().map(|last| last.header("x-far-token").to_owned()),
        Some(credentials.secrets["CANARY_FAR_TOKEN"].current.clone())
    );
    show_everything(&world, &folder, &operator, &mut heard).await;
    let token = operator.token.clone();
    let mut server = server;
    server.signal("TERM");
    assert!(server.wait().await.success(), "{}", last(&server.log()));

    let mut places = BTreeMap::from([("the log".to_owned(), server.log().into_bytes())]);
    let spans: Vec<u8> = collector.received().iter().flat_map(|received| received.body.clone()).collect();
    places.insert("the spans".to_owned(), spans);
    places.insert("the answers".to_owned(), heard.0.join("\n").into_bytes());
    places.extend(database(&world).await);
    let sent: Vec<u8> = far.received().iter().flat_map(|received| received.body.clone()).collect();
    places.insert("what was sent to the far side".to_owned(), sent);

    // The search would find what is there: ordinary texts of the same requests are in all of these places.
    for (place, marker) in [("the log", "/matrix/secrets/"), ("the spans", "matrix-secrets"), ("the answers", "request_id")] {
        assert!(contains(&places[place], marker), "{marker} is not in {place}; is it the right place to search?");
    }
    let stored = places.iter().filter(|(place, _)| place.starts_with("the database"));
    assert!(stored.into_iter().any(|(_, bytes)| contains(bytes, "a-tame-canary")), "the requests are not in the database");

    let mut canaries = credentials.confidential();
    canaries.extend([hidden, token]);
    let found: Vec<_> = places.iter().flat_map(|(place, bytes)| find(place, bytes, &canaries)).collect();
    assert!(found.is_empty(), "{} finds:\n{}", found.len(), found.iter().take(30).cloned().collect::<Vec<_>>().join("\n"));
});

/// Every check of the plan: right, wrong and mangled credentials in every carrier, and in wrong ones.
fn through_every_carrier(server: &Server, catalog: &Catalog, credentials: &Credentials) -> Vec<Call> {
    let checks = catalog.routes().flat_map(|route| auth_checks(route).into_iter().map(move |check| (route, check)));
    checks.map(|(route, check)| credentials.request(route, &check).call(server)).collect()
}

/// Secrets where no contract expects them: in bodies, undeclared headers, the query, paths, ids and keys.
fn in_other_places(server: &Server, catalog: &Catalog, credentials: &Credentials) -> Vec<Call> {
    let mut calls = Vec::new();
    for route in catalog.routes() {
        let right = auth_checks(route).into_iter().find(|check| check.case == contract::plan::Case::Right);
        for (name, secret) in &credentials.secrets {
            // Each route with its own secrets, and one of another contract.
            if !route.auth.iter().any(|method| method.variable() == Some(name)) && name != "CLAWLEDGER_SHARED_SECRET" {
                continue;
            }
            let mut request = Outgoing::plain(route);
            if route.method != Method::Get {
                request.body = json!({"matrix": request.id, "echo": secret.current, "tame": "a-tame-canary",
                    "nested": [{"event": format!("before {} after", secret.previous)}]})
                .to_string()
                .into_bytes();
            }
            for (place, name) in [(CarrierPlace::Header, "x-echo"), (CarrierPlace::Query, "note"), (CarrierPlace::Cookie, "note")]
            {
                request.place(place, name, &secret.current);
            }
            request.query.push(encode(&secret.current));
            request.set("referer", &format!("https://a.example/?key={}", encode(&secret.current)));
            request.set("user-agent", &format!("agent {}", secret.current));
            if let Some(check) = &right {
                credentials.add(&mut request, route, check);
            }
            calls.push(request.call(server));
            for wanted in ["x-request-id", "x-matrix-key", "idempotency-key"] {
                let mut named = request.clone();
                named.set(wanted, &secret.current);
                calls.push(named.call(server));
            }
            let mut pathed = request.clone();
            pathed.path = route
                .params
                .iter()
                .fold(route.path.clone(), |path, name| path.replace(&format!("{{{name}}}"), &encode(&secret.current)));
            calls.push(pathed.call(server));
            pathed.path = format!("/nowhere/{}", encode(&secret.current));
            calls.push(pathed.call(server));
        }
    }
    calls
}

/// Handlers that store what they are told: a secret in a field is not kept.
async fn imports(server: &Server, credentials: &Credentials, heard: &mut Heard) {
    let read = |name: &str| -> Value {
        let path = black_box::program::repository().join("contracts/fixtures").join(name);
        serde_json::from_slice(&fs::read(path).expect("the fixture is read")).expect("the fixture is JSON")
    };
    let (plane, claw) =
        (&credentials.secrets["PLANE_API_TOKEN"].current, &credentials.secrets["CLAWLEDGER_SHARED_SECRET"].current);
    let mut import = read("warp/setup-import.json");
    import["work_item"]["summary"] = json!(format!("The token is {plane}."));
    heard.note(&server.post("/api/setup-import").bearer(plane).json(&import).send().await.expect(201));
    let mut approval = read("clawledger/event.json");
    approval["title"] = json!(format!("Is {claw} good?"));
    approval["payload"] = json!({"token": claw});
    heard.note(
        &server.post("/api/approvals/clawledger").header("x-clawledger-token", claw).json(&approval).send().await.expect(200),
    );
    // What is no JSON is quoted by no message.
    let broken = format!("{{\"token\": {claw}");
    let call =
        server.post("/api/approvals/clawledger").header("x-clawledger-token", claw).header("content-type", "application/json");
    heard.note(&call.body(broken).send().await.expect(400));
    let mut wrong = read("warp/setup-import.json");
    wrong["source"] = json!(plane);
    wrong[plane.as_str()] = json!(plane);
    heard.note(&server.post("/api/setup-import").bearer(plane).json(&wrong).send().await.expect(422));
}

/// What operators and tools look at.
async fn show_everything(world: &World, folder: &Path, operator: &Operator, heard: &mut Heard) {
    let open = [
        "/metrics",
        "/readyz",
        "/contractz",
        "/openapi.json",
        "/asyncapi.json",
        "/fabric-manifest.json",
        "/fabric-compatibilityz",
    ];
    for path in open.into_iter().chain(["/api/v1/contracts", "/api/v1/projects", "/api/v1/deliveries?limit=200&state=dead"]) {
        heard.note(&operator.get(path).send().await.expect(200));
    }
    for delivery in operator.lists("/api/v1/deliveries?limit=200").await {
        let id = delivery["id"].as_str().expect("an id");
        heard.note(&operator.get(&format!("/api/v1/deliveries/{id}")).send().await.expect(200));
    }
    let dead = operator.lists("/api/v1/deliveries?state=dead&contract=canary-out").await;
    let id =
        dead.first().expect("the far side that does not answer leaves dead letters")["id"].as_str().expect("an id").to_owned();
    let folder = folder.to_str().expect("a path");
    let commands: [&[&str]; 8] = [
        &["deliveries", "list"],
        &["deliveries", "list", "--json"],
        &["deliveries", "show", &id],
        &["deliveries", "show", &id, "--json"],
        &["routes", "--contracts", folder],
        &["explain", "canary-out", "--contracts", folder],
        &["explain", "POST /canary/out", "--contracts", folder],
        &["check", folder],
    ];
    for arguments in commands {
        let output = world.program(arguments);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!said.trim().is_empty(), "{arguments:?} says nothing");
        heard.0.push(format!("{arguments:?}\n{said}"));
    }
}

/// Every table of the database, or every byte of its files.
async fn database(world: &World) -> BTreeMap<String, Vec<u8>> {
    let mut places = BTreeMap::new();
    if world.database.kind == Kind::Sqlite {
        for file in fs::read_dir(world.folder()).expect("the folder is read") {
            let path = file.expect("the folder is read").path();
            if path.is_file() {
                places.insert(format!("the database, {}", path.display()), fs::read(path).expect("the file is read"));
            }
        }
        return places;
    }
    let columns = world
        .database
        .texts(
            "SELECT table_name || '|' || string_agg(CASE data_type WHEN 'bytea' THEN 'encode(' || quote_ident(column_name) || \
             ', ''escape'')' ELSE quote_ident(column_name) || '::text' END, ', ') FROM information_schema.columns \
             WHERE table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY table_schema, table_name",
        )
        .await;
    for table in columns {
        let (name, columns) = table.split_once('|').expect("a table with columns");
        let rows = world.database.texts(&format!("SELECT concat_ws(E'\\n', {columns}) FROM {name}")).await;
        places.insert(format!("the database, {name}"), rows.join("\n").into_bytes());
    }
    places
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every canary that stands in a place, with what stands around it: in its own spelling, percent-encoded or in hexadecimal.
fn find(place: &str, bytes: &[u8], canaries: &[String]) -> Vec<String> {
    let spellings: Vec<_> = canaries
        .iter()
        .flat_map(|canary| [core(canary).to_owned(), encode(core(canary)), hex::encode(core(canary))].map(|text| (text, canary)))
        .collect();
    let search = AhoCorasick::new(spellings.iter().map(|(text, _)| text)).expect("the spellings make a search");
    let mut found = BTreeMap::new();
    for hit in search.find_iter(bytes) {
        let around = || &bytes[hit.start().saturating_sub(200)..(hit.end() + 60).min(bytes.len())];
        let canary = spellings[hit.pattern()].1;
        found.entry(canary).or_insert_with(|| {
            format!("{canary} is in {place}: …{}…", String::from_utf8_lossy(around()).replace(|c: char| c.is_control(), "⏎"))
        });
    }
    found.into_values().collect()
}

fn last(text: &str) -> &str {
    &text[text.len().saturating_sub(2_000)..]
}

/// Values that cannot be used are as secret as those that can.
#[test]
fn values_that_cannot_be_used_are_not_told() {
    world::run(Kind::Sqlite, |world| async move {
        let folder = contracts(&world);
        let catalog = world.catalog(&folder);
        let credentials = Credentials::of(&catalog);
        let canary = hex::encode(black_box::credentials::random());
        let missing = world.folder().join("absent");
        let mut setup = world.serve().contracts(&folder).variable("RUST_LOG", "trace");
        for (index, name) in credentials.secrets.keys().enumerate() {
            // Neither base64 nor a header value; every third is to come from a file that is not there.
            setup = match index % 3 {
                0 => setup.variable(&format!("{name}_FILE"), missing.display().to_string()),
                1 => setup.variable(name, format!("!{canary}!")),
                _ => {
                    setup.variable(name, format!("{canary}\n\u{1}é")).variable(&format!("{name}_PREVIOUS"), format!("!{canary}!"))
                }
            };
        }
        for (name, value) in &credentials.others {
            setup = setup.variable(name, if name.contains("URL") { format!("not a url {canary}") } else { value.clone() });
        }
        let server = setup.start().await;
        let mut heard = Heard::default();
        heard.all(through_every_carrier(&server, &catalog, &credentials)).await;
        let operator = world.operator(&server).await;
        for path in ["/readyz", "/contractz", "/metrics"] {
            heard.note(&operator.get(path).send().await.expect(200));
        }
        let unusable = heard.0.iter().filter(|answer| answer.contains("cannot be used")).count();
        assert!(unusable > 0, "no value was found unusable");
        eventually("the missing file is logged", async || server.log().contains("absent").then_some(())).await;
        for (place, text) in [("the log", server.log()), ("the answers", heard.0.join("\n"))] {
            let found = find(place, text.as_bytes(), std::slice::from_ref(&canary));
            assert!(found.is_empty(), "{found:?}");
        }
    });
}

#[test]
fn the_canaries_are_worth_searching_for() {
    world::run(Kind::Sqlite, |world| async move {
        let credentials = Arc::new(Credentials::of(&world.catalog(&contracts(&world))));
        let canaries = credentials.confidential();
        let cores: std::collections::BTreeSet<&str> = canaries.iter().map(|canary| core(canary)).collect();
        assert_eq!(cores.len(), canaries.len(), "two canaries have one core");
        for text in [canaries[0].clone(), encode(&canaries[0]), format!("x{}", hex::encode(core(&canaries[0])))] {
            assert_eq!(find("a place", format!("…{text}…").as_bytes(), &canaries).len(), 1, "{text}");
        }
    });
}

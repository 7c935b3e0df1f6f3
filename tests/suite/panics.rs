//! A handler that panics. No shipped handler does, so the engine runs here with one that is made to, in this process; all else
//! is the real thing, the database, the listener and the workers.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use black_box::{World, on_both, server::eventually};
use contract::{
    catalog::{self, Catalog, Options},
    handler::{Effect, HandlerInfo, ReplyInfo},
    manifest::Folder,
};
use engine::{
    Config, Engine, Parts,
    documents::Instance,
    environment::Environment,
    handler::{Context, Event, Handler, Reply, Request},
    problem::Problem,
    registry::Registry,
    reload::{CatalogSource, LoadedCatalog},
    storage::{DeliveryFilter, DeliveryState, Flow, Storage},
};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// Panics after it wrote, as often as it is told to.
struct Panicking {
    left: Arc<AtomicUsize>,
}

#[async_trait]
impl Handler for Panicking {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Writes, emits and panics.",
            replies: vec![ReplyInfo { status: 200, description: "It did not panic", media_type: "", schema: None }],
            ..HandlerInfo::new("test.panic", "Panic", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, _: &Request) -> Result<Reply, Problem> {
        context.audit("test.called", "test", "1", json!({})).await?;
        context.emit(Event { kind: "test.called".to_owned(), subject: "test".to_owned(), data: Value::Null });
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            panic!("the panic of the test");
        }
        Ok(Reply::empty(StatusCode::OK))
    }
}

const PANICS: &str = "
schema: 1
id: panics
name: Panics

direction: bidirectional
type: webhook
surface:
  - route: /now
    post: {handler: test.panic, delivery: {mode: sync}}
  - route: /keyed
    post: {handler: test.panic, delivery: {mode: sync, key: header.X-Key}}
  - route: /later
    post: {handler: test.panic, delivery: {mode: durable, retry: {attempts: 3, first: 10ms, max: 20ms}}}
  - call: FAR_URL
    on: [test.called]
auth: none
stability: experimental
versioning: none
owner: the suite
environment:
  FAR_URL: {description: A far side}
verify: ['cargo test -p black-box panics::']
";

struct Fixed;

impl CatalogSource for Fixed {
    fn load(&self) -> LoadedCatalog {
        LoadedCatalog { catalog: None, errors: 1, first_error: None, report: String::new() }
    }

    fn folder(&self) -> Option<PathBuf> {
        None
    }
}

fn catalog(world: &World, registry: &Registry) -> Catalog {
    let contracts = world.contracts_of(&[("external/panics.yaml", PANICS)]);
    let folder = Folder::read(&contracts).expect("the folder is read");
    let options = Options { handlers: &registry.infos(), today: None, version: "0.0.0", repository: None };
    let resolution = catalog::resolve(&folder, &options);
    resolution.catalog.unwrap_or_else(|| panic!("{}", contract::finding::render_human(&resolution.findings, &folder, false)))
}

on_both!(a_panic_costs_one_request, |world| async move {
    let left = Arc::new(AtomicUsize::new(0));
    let handler: Arc<dyn Handler> = Arc::new(Panicking { left: left.clone() });
    let registry = Registry::new([handler]).expect("the handlers are registered");
    let store = world.store().await;
    let far = HashMap::from([("FAR_URL".to_owned(), "http://127.0.0.1:9/".to_owned())]);
    let mut tasks = JoinSet::new();
    let parts = Parts {
        catalog: catalog(&world, &registry),
        registry,
        environment: Environment::new(far),
        storage: Arc::new(store.clone()),
        source: Arc::new(Fixed),
        instance: Instance { id: "test".to_owned(), started_at: Timestamp::now(), commit: None },
        config: Config::default(),
    };
    let engine = Engine::build(parts, &mut tasks).expect("the engine is built");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    let (stopper, stop) = watch::channel(false);
    let running = tokio::task::spawn_local(engine::serve::run(engine.clone(), listener, stop, tasks));
    let client = reqwest::Client::builder().build().expect("a client");
    let post = async |path: &str| client.post(format!("{base}{path}")).header("x-key", "one").send().await.expect("an answer");
    let panics = || engine.metrics().panics.with_label_values(&["panics"]).get();

    // In the request: 500 that tells nothing of the inside, nothing is kept, the connection and the process go on.
    left.store(2, Ordering::SeqCst);
    for path in ["/now", "/keyed"] {
        let answer = post(path).await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let text = answer.text().await.expect("a body");
        let problem: Value = serde_json::from_str(&text).expect("a problem");
        assert_eq!(problem["type"], "urn:mission-control:problem:internal");
        assert!(problem["request_id"].is_string() && !text.contains("panic of the test"), "{text}");
    }
    assert_eq!(panics(), 2);
    assert!(store.audit_entries(10, None).await.expect("the audit is read").is_empty(), "what it wrote is rolled back");
    let answer = post("/keyed").await;
    assert_eq!((answer.status(), answer.headers().get("idempotent-replayed")), (StatusCode::OK, None), "the key was not taken");
    assert_eq!(post("/keyed").await.headers()["idempotent-replayed"], "true");

    // A durable delivery: tried again, and done or given up like after any other failure.
    let deliveries = async || {
        let filter = DeliveryFilter { flow: Some(Flow::Inbound), limit: 10, ..DeliveryFilter::default() };
        let all = store.deliveries(&filter).await.expect("the deliveries are listed");
        all.into_iter().filter(|delivery| delivery.target == "POST /later").collect::<Vec<_>>()
    };
    for (times, state, attempts) in [(1, DeliveryState::Done, 2), (3, DeliveryState::Dead, 3)] {
        left.store(times, Ordering::SeqCst);
        assert_eq!(post("/later").await.status(), 202);
        let settled = async || deliveries().await.into_iter().next().filter(|newest| newest.state == state);
        let newest = eventually("the delivery is settled", settled).await;
        assert_eq!(newest.attempts, attempts, "{newest:?}");
    }
    assert_eq!(panics(), 6);
    let audit = store.audit_entries(10, None).await.expect("the audit is read");
    assert_eq!(audit.len(), 2, "one for each call that did not panic: {audit:?}");

    stopper.send_replace(true);
    running.await.expect("it stops without a panic");
    store.close().await;
});

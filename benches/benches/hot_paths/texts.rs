//! What is done to the text of a request: the scope of its templates, an idempotency key and settings rendered from it,
//! secrets searched for and dropped, a body held to a schema.

use std::{fs, hint::black_box, path::Path};

use bench::manifests::PAYLOAD;
use bytes::Bytes;
use contract::template::{KeyExpression, ROOTS, Scope, Templates};
use criterion::Criterion;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::mounted::{SECRET, mounted, registry};

const HEADERS: [(&str, &str); 6] = [
    ("host", "mission-control.example.org"),
    ("user-agent", "autopilot"),
    ("content-type", "application/json"),
    ("x-plane-event", "issue"),
    ("x-plane-delivery", "6f0b2c1e-6f3c-4b8e-9a51-0d6f4c2a7e01"),
    ("x-bench-secret", SECRET),
];

pub(crate) fn benchmark(criterion: &mut Criterion) {
    templates(criterion);
    scrubber(criterion);
    validation(criterion);
}

fn scope() -> Scope {
    let body: Value = serde_json::from_str(PAYLOAD).expect("the payload is JSON");
    Scope::request(&body, HEADERS, [("page", "1")], [("project_id", "demo")], ("bench", "Bench"), "2026-11-23T12:00:00Z")
}

fn templates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("templates");
    group.bench_function("scope of a request", |bencher| bencher.iter(scope));
    let scope = scope();
    let source = "{{ headers['x-plane-event'] }}:{{ body.data.id }}";
    let Ok(KeyExpression::Template { template, .. }) = KeyExpression::compile(source) else { panic!("{source} is a template") };
    group.bench_function("idempotency key", |bencher| bencher.iter(|| template.render(black_box(&scope)).expect("it renders")));
    let settings = json!({
        "project": "{{ path.project_id }}", "key": "PLANE-{{ body.data.sequence_id }}", "title": "{{ body.data.name }}",
        "body": "{{ body.data.description_stripped }}", "priority": "{{ body.data.priority }}", "labels": ["plane"]
    });
    let settings = Templates::compile(&settings, ROOTS).expect("the settings compile");
    group.bench_function("settings of tasks.upsert", |bencher| {
        bencher.iter(|| settings.render(black_box(&scope)).expect("they render"))
    });
    group.finish();
}

fn scrubber(criterion: &mut Criterion) {
    let mounted = mounted();
    let scrubber = &mounted.scrubber;
    let headers: HeaderMap =
        HEADERS.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    assert!(!scrubber.headers(&headers).contains_key("x-bench-secret"), "the credential is dropped");
    let clean = Bytes::from_static(PAYLOAD.as_bytes());
    let echoed = Bytes::from(PAYLOAD.replace("autopilot", SECRET) + SECRET);
    let mut group = criterion.benchmark_group("scrubber");
    group.bench_function("headers", |bencher| bencher.iter(|| scrubber.headers(black_box(&headers))));
    group.bench_function("body without a secret", |bencher| bencher.iter(|| scrubber.body(black_box(&clean))));
    group.bench_function("body with a secret", |bencher| bencher.iter(|| scrubber.body(black_box(&echoed))));
    group.bench_function("query", |bencher| bencher.iter(|| scrubber.query(black_box("page=1&limit=50&sort=-updated_at"))));
    group.finish();
}

fn validation(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/fixtures/warp/setup-import.json");
    let text = fs::read(file).expect("the fixture is there");
    let body: Value = serde_json::from_slice(&text).expect("the fixture is JSON");
    let registry = registry();
    let handler = registry.get("warp.setup_import").expect("the handler is registered");
    assert!(handler.takes_json() && handler.validate(&body).is_ok(), "the fixture fits the handler");
    let mut wrong = body.clone();
    wrong["work_item"]["title"] = json!(7);
    wrong["contract_version"] = json!("v9");
    let mut group = criterion.benchmark_group("validation");
    group.bench_function("parse", |bencher| bencher.iter(|| serde_json::from_slice::<Value>(black_box(&text))));
    group.bench_function("fits", |bencher| bencher.iter(|| handler.validate(black_box(&body)).is_ok()));
    group.bench_function("does not fit", |bencher| bencher.iter(|| handler.validate(black_box(&wrong)).is_ok()));
    group.finish();
}

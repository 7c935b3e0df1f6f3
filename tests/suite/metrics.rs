//! The metrics: the text format, names and labels that are promised, and counters that move.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use black_box::{Server, World, database::Kind, on_both, program, server::eventually, world};
use contract::catalog::Scope;
use engine::observe::METRICS;
use serde_json::json;

/// One family of the exposition.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    /// Labels and value of each sample, by its full name.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads the text format (version 0.0.4) strictly: HELP and TYPE come first, once, and every sample belongs to its family.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line is not ended");
    let (mut families, mut current) = (BTreeMap::<String, Family>::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(!families.contains_key(name), "{name} stands twice");
            current = name.to_owned();
            families.insert(current.clone(), Family { help: help.to_owned(), ..Family::default() });
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, current, "TYPE without HELP before it");
            families.get_mut(name).expect("the family").kind = kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').expect("the labels end")),
                None => (series, ""),
            };
            let family = families.get_mut(&current).expect("a sample after its HELP");
            let base = match family.kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name),
                _ => name,
            };
            assert_eq!(base, current, "a sample outside its family: {line}");
            let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            family.samples.push((name.to_owned(), read_labels(labels), value));
        }
    }
    families
}

/// `a="b",c="d"`; values escape backslash, quote and newline.
fn read_labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap_or_else(|| panic!("no label: {text}"));
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().expect("the value ends") {
                (end, '"') => break end,
                (_, '\\') => value.push(characters.next().expect("an escaped character").1),
                (_, character) => value.push(character),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} stands twice");
        text = rest[end + 1..].trim_start_matches(',');
    }
    labels
}

async fn scrape(server: &Server) -> BTreeMap<String, Family> {
    let answer = server.get("/metrics").send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    parse(&answer.text())
}

const SECRET: &str = "the-secret-of-plane";

/// A server that had every kind of request that a metric counts, but a panic.
async fn exercised(world: &Arc<World>) -> Server {
    let contracts = world.copy_contracts();
    let server = world
        .serve()
        .contracts(&contracts)
        .variable("PLANE_WEBHOOK_SECRET", SECRET)
        .variable("PLANE_WEBHOOK_SECRET_PREVIOUS", "the-secret-of-before")
        .variable("CLAWLEDGER_SHARED_SECRET", "the-secret-of-clawledger")
        .start()
        .await;
    let operator = world.operator(&server).await;
    let plane = |key: &str| {
        let call = server.post("/api/v1/projects/demo/integrations/plane/webhook").header("x-plane-delivery", key);
        call.json(&json!({"event": "cycle", "action": "created"}))
    };
    let first = plane("1").header("x-plane-webhook-secret", SECRET).send().await.expect(200);
    operator.done(&first).await;
    plane("1").header("x-plane-webhook-secret", SECRET).send().await.expect(200);
    plane("2").header("x-webhook-secret", "the-secret-of-before").send().await.expect(200);
    plane("3").header("x-webhook-secret", "wrong").send().await.expect(401);
    plane("4").send().await.expect(401);
    let legacy = format!("/api/v1/projects/demo/integrations/plane/webhook?secret={SECRET}");
    server.post(&legacy).json(&json!({"event": "cycle"})).send().await.expect(200);
    let alias = server.get("/api/v1/approvals/clawledger/pending").header("x-clawledger-token", "the-secret-of-clawledger");
    alias.send().await.expect(200);
    server.post("/api/approvals/clawledger").header("content-length", "99999999").body("").try_send().await.ok();
    plane("5").header("x-plane-webhook-secret", SECRET).body(vec![b' '; 2 << 20]).send().await.expect(413);
    operator.post("/api/v1/contracts/reload").send().await.expect(200);
    for (method, path) in [("GET", "/a/b"), ("GET", "/a/c?d=e"), ("BREW", "/healthz"), ("PUT", "/healthz"), ("HEAD", "/versionz")]
    {
        server.call(method, path).send().await;
    }
    server
}

#[test]
fn names_and_labels_are_the_promised_ones() {
    world::run(Kind::Sqlite, |world| async move {
        let server = exercised(&world).await;
        let families = scrape(&server).await;
        let listed = std::fs::read_to_string(program::repository().join("docs/METRICS.md")).expect("the list is there");
        for (name, family) in &families {
            assert!(name.starts_with("mission_control_"), "{name}");
            assert!(!family.help.is_empty() && !family.samples.is_empty(), "{name}: {family:?}");
            match METRICS.iter().find(|metric| metric.name == name) {
                Some(metric) => {
                    assert!(listed.contains(&format!("`{name}` | {}", metric.kind)), "docs/METRICS.md lacks {name}");
                    assert_eq!((family.kind.as_str(), family.help.as_str()), (metric.kind, metric.help), "{name}");
                    for (_, labels, _) in &family.samples {
                        let names: BTreeSet<&str> = labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
                        assert_eq!(names, metric.labels.iter().copied().collect(), "{name}");
                    }
                }
                None => assert!(listed.contains(&format!("`{name}`")), "docs/METRICS.md lacks {name}"),
            }
        }
        let silent: Vec<_> = METRICS.iter().map(|metric| metric.name).filter(|name| !families.contains_key(*name)).collect();
        // No handler panicked and no contract has a job; what waits is counted every few seconds, and may be nothing.
        let expected = ["handler_panics_total", "deliveries", "job_ticks_total"].map(|name| format!("mission_control_{name}"));
        assert!(
            silent.iter().all(|name| expected.iter().any(|expected| expected == name)),
            "no test makes these move: {silent:?}"
        );
        assert!(families.keys().any(|name| name.starts_with("mission_control_process_")), "{:?}", families.keys());
    });
}

#[test]
fn histograms_add_up() {
    world::run(Kind::Sqlite, |world| async move {
        let families = scrape(&exercised(&world).await).await;
        for (name, family) in families.iter().filter(|(_, family)| family.kind == "histogram") {
            let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
            let mut counts = BTreeMap::new();
            for (sample, labels, value) in &family.samples {
                let mut labels = labels.clone();
                match (labels.remove("le"), sample.ends_with("_count")) {
                    (Some(bound), _) => {
                        let bound = bound.replace("+Inf", "inf").parse().expect("a bound");
                        series.entry(labels).or_default().push((bound, *value));
                    }
                    (None, true) => drop(counts.insert(labels, *value)),
                    (None, false) => assert!(*value >= 0.0, "{name}"),
                }
            }
            assert!(!series.is_empty(), "{name}");
            for (labels, buckets) in series {
                assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name} {labels:?}: {buckets:?}");
                let (bound, all) = *buckets.last().expect("buckets");
                assert!(bound.is_infinite() && counts.get(&labels) == Some(&all), "{name} {labels:?}: {buckets:?}");
            }
        }
    });
}

on_both!(counters_move, |world| async move {
    let server = exercised(&world).await;
    let operator = world.operator(&server).await;
    let plane = "contract=\"plane-webhook\"";
    let moved: [(&str, &[&str], f64); 13] = [
        ("mission_control_deliveries_accepted_total", &[plane, "outcome=\"repeated\""], 1.0),
        ("mission_control_auth_previous_secret_total", &[plane, "method=\"secret\""], 1.0),
        ("mission_control_auth_refusals_total", &[plane, "method=\"secret\""], 1.0),
        ("mission_control_auth_refusals_total", &[plane, "method=\"none\""], 1.0),
        ("mission_control_deprecated_uses_total", &[plane, "surface=\"query secret\""], 1.0),
        ("mission_control_deprecated_uses_total", &["surface=\"/api/v1/approvals/clawledger/pending\""], 1.0),
        ("mission_control_limited_requests_total", &[plane, "limit=\"body\""], 1.0),
        ("mission_control_catalog_reloads_total", &["outcome=\"unchanged\""], 1.0),
        (
            "mission_control_http_requests_total",
            &["route=\"none\"", "contract=\"none\"", "method=\"GET\"", "status=\"404\""],
            2.0,
        ),
        ("mission_control_http_requests_total", &["route=\"/healthz\"", "method=\"other\"", "status=\"405\""], 1.0),
        ("mission_control_http_requests_total", &["route=\"/healthz\"", "method=\"PUT\"", "status=\"405\""], 1.0),
        ("mission_control_http_requests_total", &["route=\"/versionz\"", "method=\"HEAD\"", "status=\"200\""], 1.0),
        ("mission_control_handler_panics_total", &[], 0.0),
    ];
    for (name, labels, expected) in moved {
        assert_eq!(operator.metric(name, labels).await, expected, "{name} {labels:?}");
    }
    operator.all_settled().await;
    eventually("what was accepted is attempted", async || {
        let done = ["flow=\"inbound\"", "outcome=\"done\"", plane];
        (operator.metric("mission_control_delivery_attempts_total", &done).await == 3.0).then_some(())
    })
    .await;
    assert!(operator.metric("mission_control_http_connections", &[]).await >= 1.0);
    assert_eq!(operator.metric("mission_control_catalog_info", &[]).await, 1.0);
    let contracts = world.catalog(&world.contracts).contracts.len();
    assert_eq!(operator.metric("mission_control_contracts", &[]).await, contracts as f64);
    // Whatever callers send, the number of series stays: labels come from the catalog.
    let series = async || scrape(&server).await.values().map(|family| family.samples.len()).sum::<usize>();
    let token = world.token(Scope::Read).await;
    server.get("/api/v1/projects/first").bearer(&token).send().await.expect(404);
    let before = series().await;
    for number in 0..50 {
        server.get(&format!("/wild/{number}")).header("user-agent", format!("{number}")).send().await.expect(404);
        server.get(&format!("/api/v1/projects/p{number}")).bearer(&token).send().await.expect(404);
    }
    assert_eq!(series().await, before);
});

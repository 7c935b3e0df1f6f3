//! The documents of a small catalog that has one of everything, resolved from text.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, sync::Arc};

use indexmap::IndexMap;
use jiff::civil::date;
use serde_json::{Value, json};

use super::*;
use crate::{
    catalog::{Catalog, Options, resolve},
    handler::{Effect, HandlerInfo, ReplyInfo},
    manifest::Folder,
};

const SERVICE: &str = "
schema: 1
service: sample
title: Sample | <b>service</b>
description: A service for tests
owner: Tests
license: AGPL-3.0-or-later
homepage: https://example.org
roles: [operator-ui, service]
control_plane: false
provides: [A view that only reads]
excludes: [Registration]
sections: {internal: Internal, external: External, release: Release, discovery: Discovery, fabric: Fabric, planned: Planned}
environment:
  SAMPLE_LISTEN: {default: '127.0.0.1:8080', description: Where it listens}
";

const SHOP: &str = "
schema: 1
id: shop
name: Shop
direction: bidirectional
type: webhook
surface:
  - route: /api/v1/shops/{shop_id}/hook
    post: shop.receive
    aliases:
      - path: /hooks/{shop_id}
        deprecated: {since: 2.0.0, sunset: 2099-12-31, use: '/api/v1/shops/{shop_id}/hook'}
  - call: SHOP_URL
    on: [task.created, 'approval.*']
auth:
  - signature: SHOP_SECRET
    header: X-Shop-Signature
    algorithm: hmac-sha256
    encoding: hex
    payload: '{timestamp}.{body}'
    timestamp: {tolerance: 5m}
    parse: 't={timestamp},v1={signature}'
  - secret: SHOP_SECRET
    carriers:
      - header: X-Shop-Secret
      - query: secret
        status: legacy
        deprecated: {since: 2.0.0, sunset: 2099-12-31, use: header X-Shop-Secret}
  - credential: SHOP_TOKEN
    bearer: true
stability: internal
versioning: by the <far> side | as it likes
owner: Shop
mode: callback
trigger: events
environment:
  SHOP_SECRET: {secret: true, description: Secret shared with the shop}
  SHOP_TOKEN: {secret: true, description: Token for the shop}
  SHOP_URL: {example: 'https://shop.example.org/hook', description: Where the shop listens}
delivery: {mode: durable, key: header.X-Shop-Delivery, respond: 200}
limits: {rate: 120/1m, body: 256KiB}
examples:
  - name: it's an order
    request: {method: POST, path: /api/v1/shops/7/hook, body: {order: 'it''s 1'}}
    expect: {status: 200, body: {/status: accepted}}
verify: ['cargo test -p black-box shop::']
notes: ['Never <script>alert(1)</script> | *really*']
";

const DISCOVERY: &str = "
schema: 1
id: surfaces
name: Surfaces
direction: inbound
type: REST API
surface:
  - route: /contractz
    get: discovery.contracts
  - route: /contractz/{contract_id}
    get: discovery.contract
auth: none
stability: stable
versioning: with the product
owner: Sample
verify: [GET /contractz]
";

const OPERATORS: &str = "
schema: 1
id: operators
name: Operators
direction: inbound
type: REST API
surface:
  - family: /api/v1/*
  - route: /api/v1/things
    post:
      handler: things.create
      auth: [{session: operator}, {token: write}]
  - route: /api/v1/things/{thing_id}
    get: things.show
auth: [{session: viewer}, {token: read}]
stability: internal
versioning: v1
owner: Sample
";

const PLANNED: &str = "
schema: 1
id: later
name: Later
direction: outbound
type: other
surface: not implemented
auth: not defined yet
stability: planned
versioning: not defined yet
owner: someone
";

fn handlers() -> Vec<Arc<HandlerInfo>> {
    let tree = json!({
        "type": "object",
        "properties": {"child": {"$ref": "#/$defs/Tree"}},
        "$defs": {"Tree": {"type": "object", "properties": {"child": {"$ref": "#/$defs/Tree"}}}},
    });
    [
        HandlerInfo {
            params: &[("shop_id", "Id of the shop")],
            input: Some(json!({"type": "object", "properties": {"order": {"type": "string", "description": "An order"}}})),
            ..HandlerInfo::new("shop.receive", "Takes an order", Effect::Write)
        },
        HandlerInfo {
            input: Some(tree.clone()),
            replies: vec![ReplyInfo { status: 201, description: "Made", media_type: "application/json", schema: Some(tree) }],
            problems: &[(409, "It is there"), (422, "A tree with a loop")],
            ..HandlerInfo::new("things.create", "Makes a thing", Effect::Write)
        },
        HandlerInfo {
            params: &[("thing_id", "Id of the thing")],
            problems: &[(404, "There is no such thing")],
            ..HandlerInfo::new("things.show", "Shows a thing", Effect::Read)
        },
        HandlerInfo::new("discovery.contracts", "Lists the contracts", Effect::Read),
        HandlerInfo {
            params: &[("contract_id", "Id of the contract")],
            ..HandlerInfo::new("discovery.contract", "Shows a contract", Effect::Read)
        },
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}

fn catalog() -> Catalog {
    let folder = Folder::from_files([
        ("service.yaml", SERVICE.as_bytes()),
        ("external/shop.yaml", SHOP.as_bytes()),
        ("discovery/surfaces.yaml", DISCOVERY.as_bytes()),
        ("internal/operators.yaml", OPERATORS.as_bytes()),
        ("planned/later.yaml", PLANNED.as_bytes()),
    ]);
    let handlers = handlers();
    let options = Options { handlers: &handlers, today: Some(date(2026, 11, 23)), version: "2.0.0", repository: None };
    let resolution = resolve(&folder, &options);
    resolution.catalog.unwrap_or_else(|| panic!("the sample does not resolve: {:#?}", resolution.findings))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn nothing_set(_: &str) -> bool {
    false
}

#[test]
fn every_document_fits_its_own_schema() {
    let catalog = catalog();
    let check = |status, detail: &str| Check { status, detail: detail.to_owned() };
    let checks = IndexMap::from([
        ("database".to_owned(), check(ReadyStatus::Ready, "answers")),
        ("catalog".to_owned(), check(ReadyStatus::Degraded, "the manifests on the disk have errors")),
    ]);
    let documents = [
        ("healthz", healthz()),
        ("readyz", Readiness::of(checks).text()),
        ("versionz", versionz(&catalog, "abc")),
        ("contractz", contractz(&catalog, &nothing_set)),
        ("contractz-contract", contract(catalog.contract("shop").unwrap(), &nothing_set)),
        ("fabric-manifest", fabric_manifest(&catalog, &nothing_set)),
        ("fabric-presencez", fabric_presence(&catalog, "i-1", "2026-11-23T00:00:00Z", "ready")),
        ("fabric-compatibilityz", fabric_compatibility(&catalog)),
    ];
    let schemas: std::collections::BTreeMap<_, _> = generated::document_schemas().into_iter().collect();
    for (name, text) in documents {
        let validator = jsonschema::draft202012::new(&schemas[name]).unwrap();
        let errors: Vec<String> = validator.iter_errors(&parsed(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name} does not fit its schema: {errors:?}\n{text}");
        assert!(text.contains("\"schema\": 1"), "{name} names no schema");
    }
}

#[test]
fn every_property_of_a_document_is_described() {
    for (name, schema) in generated::document_schemas() {
        assert!(schema["description"].is_string(), "{name} is not described");
        assert_described(name, &schema);
    }
}

fn assert_described(place: &str, schema: &Value) {
    match schema {
        Value::Object(members) => {
            for (name, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let described = property.get("description").is_some() || property.get("const").is_some();
                assert!(described, "{place}/{name} is not described");
            }
            members.iter().for_each(|(name, member)| assert_described(&format!("{place}/{name}"), member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_described(place, item)),
        _ => {}
    }
}

#[test]
fn contractz_says_what_is_mounted_and_never_a_value() {
    let catalog = catalog();
    let list = parsed(&contractz(&catalog, &|name| name != "SHOP_SECRET"));
    let shop = list["contracts"].as_array().unwrap().iter().find(|contract| contract["id"] == "shop").unwrap();
    assert_eq!(shop["state"], "unconfigured");
    assert_eq!(shop["type"], "webhook");
    let alias = shop["surface"].as_array().unwrap().iter().find(|item| item["path"] == "/hooks/{shop_id}").unwrap();
    let expected = json!({
        "kind": "route", "method": "POST", "path": "/hooks/{shop_id}", "handler": "shop.receive", "deprecated": true,
        "alias_of": "/api/v1/shops/{shop_id}/hook",
    });
    assert_eq!(alias, &expected);
    assert_eq!(shop["auth"][0]["carriers"], json!([{"in": "header", "name": "X-Shop-Signature", "status": "preferred"}]));
    assert_eq!(shop["auth"][1]["secret"], "SHOP_SECRET");
    assert_eq!(shop["auth"][1]["carriers"][1]["status"], "legacy");

    let state = |id: &str| list["contracts"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap()["state"].clone();
    assert_eq!((state("later"), state("surfaces")), (json!("planned"), json!("mounted")));
    let things = parsed(&contract(catalog.contract("operators").unwrap(), &nothing_set));
    assert_eq!(things["surface"][1]["auth"][0]["role"], "operator");
    assert!(things["surface"][2].get("auth").is_none());
}

#[test]
fn fabric_sees_endpoints_promises_and_deprecations() {
    let catalog = catalog();
    let manifest = parsed(&fabric_manifest(&catalog, &nothing_set));
    assert_eq!(manifest["endpoints"], json!({"contracts": "/contractz"}));
    assert_eq!(manifest["control_plane"], false);
    assert!(manifest["contracts"].as_array().unwrap().iter().any(|contract| contract["href"] == "/contractz/shop"));
    let compatibility = parsed(&fabric_compatibility(&catalog));
    assert_eq!(compatibility["supports"], json!({"manifest_schema": [1], "contract_schema": [1], "api": ["v1"]}));
    let surfaces: Vec<&str> =
        compatibility["deprecations"].as_array().unwrap().iter().map(|entry| entry["surface"].as_str().unwrap()).collect();
    assert_eq!(surfaces, ["POST /hooks/{shop_id}", "query secret"]);
}

#[test]
fn openapi_describes_every_route_and_every_reference_leads_somewhere() {
    let catalog = catalog();
    let document = parsed(&openapi(&catalog));
    assert_references(&document, &document);
    let mut ids = BTreeSet::new();
    for route in catalog.routes() {
        let operation = &document["paths"][&route.path][route.method.as_str().to_ascii_lowercase()];
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "an operationId is given twice");
        assert_eq!(operation["deprecated"] == true, route.deprecated.is_some(), "{}", route.path);
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), route.auth.is_empty(), "{}", route.path);
        for requirement in operation["security"].as_array().unwrap() {
            for name in requirement.as_object().unwrap().keys() {
                assert!(document["components"]["securitySchemes"].get(name).is_some(), "{name} is not defined");
            }
        }
    }
    let hook = &document["paths"]["/api/v1/shops/{shop_id}/hook"]["post"];
    let statuses: Vec<&String> = hook["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "400", "401", "408", "413", "415", "422", "429", "500", "503"]);
    assert_eq!(hook["requestBody"]["content"]["application/json"]["examples"]["it-s-an-order"]["value"]["order"], "it's 1");
    assert_eq!(hook["parameters"][0]["example"], "7");
    let create = &document["paths"]["/api/v1/things"]["post"]["responses"];
    assert_eq!(create["409"]["description"], "It is there");
    assert!(create["422"]["description"].as_str().unwrap().ends_with("A tree with a loop"));
    assert_eq!(document["webhooks"].as_object().unwrap().len(), 2);
}

#[test]
fn asyncapi_receives_and_sends() {
    let document = parsed(&asyncapi(&catalog()));
    assert_references(&document, &document);
    let actions: Vec<&str> =
        document["operations"].as_object().unwrap().values().map(|operation| operation["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["receive", "send"]);
}

fn assert_references(document: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            }
            members.values().for_each(|member| assert_references(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references(document, item)),
        _ => {}
    }
}

#[test]
fn pages_escape_what_manifests_say() {
    let catalog = catalog();
    let shop = catalog.contract("shop").unwrap();
    for page in [integrations_md(&catalog), contract_page(shop, &catalog), contract_index(&catalog), environment_md(&catalog)] {
        assert!(page.starts_with("<!-- Generated by `mission-control docs`"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
    }
    let page = contract_page(shop, &catalog);
    assert!(page.contains("Never &lt;script&gt;alert(1)&lt;/script&gt; \\| \\*really\\*"), "{page}");
    assert!(page.contains("**Versioning:** by the &lt;far&gt; side \\| as it likes"), "{page}");
}

#[test]
fn a_signed_example_is_a_command_that_signs() {
    let catalog = catalog();
    let page = contract_page(catalog.contract("shop").unwrap(), &catalog);
    let expected = r#"BODY=$(mktemp)
printf '%s' '{"order":"it'\''s 1"}' > "$BODY"
TIMESTAMP=$(date +%s)
SIGNATURE=$({ printf '%s' "$TIMESTAMP"'.'; cat "$BODY"; } | openssl dgst -sha256 -hmac "$SHOP_SECRET" -binary | od -An -vtx1 | tr -d ' \n')
curl -i -X POST "$MISSION_CONTROL_URL/api/v1/shops/7/hook" \
  -H 'Content-Type: application/json' \
  -H "X-Shop-Signature: t=$TIMESTAMP,v1=$SIGNATURE" \
  --data-binary "@$BODY"
"#;
    assert!(page.contains(expected), "{page}");
}

#[test]
fn the_contract_document_has_the_seven_fields_in_order() {
    let document = integrations_md(&catalog());
    let entry = document.split("### Shop").nth(1).unwrap();
    let places: Vec<usize> = ["Direction", "Type", "Surface", "Auth", "Stability", "Versioning", "Owner", "Mode", "Trigger"]
        .iter()
        .map(|field| entry.find(&format!("- **{field}:**")).unwrap_or_else(|| panic!("{field} is missing in {entry}")))
        .collect();
    assert!(places.is_sorted(), "{entry}");
    assert!(entry.contains("preferred header `X-Shop-Secret`") && entry.contains("legacy query `?secret=`"), "{entry}");
    assert!(document.contains("## Planned") && document.contains("- **Surface:** not implemented"), "{document}");
}

#[test]
fn the_environment_example_changes_nothing_when_copied() {
    let example = env_example(&catalog());
    assert!(example.lines().all(|line| line.is_empty() || line.starts_with('#')), "{example}");
    assert!(example.contains("#SHOP_SECRET=\n") && example.contains("#SHOP_URL=https://shop.example.org/hook\n"), "{example}");
}

#[test]
fn the_same_catalog_gives_the_same_files() {
    let handlers = handlers();
    let files = || {
        let catalog = catalog();
        generated_files(&GeneratedInputs { catalog: &catalog, handlers: &handlers, metrics: &[], rules: &[] })
    };
    let (first, second) = (files(), files());
    assert_eq!(first, second);
    for path in ["docs/INTEGRATIONS.md", ".env.example", "docs/reference/contracts/shop.md", "schemas/contractz.schema.json"] {
        assert!(first.contains_key(path), "{path} is missing");
    }
    assert_eq!(openapi(&catalog()), openapi(&catalog()));
}

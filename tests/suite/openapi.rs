//! The API descriptions: exactly what is mounted, with its security; and the pages over them, which need nothing from elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use black_box::{Server, World, database::Kind, program, world};
use contract::catalog::{AuthMethod, CarrierPlace, Catalog, DeliveryMode, Route};
use serde_json::{Value, json};

use crate::{auth_matrix::everything, one_yaml_file::EMIT};

fn once<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    world::run(Kind::Sqlite, test);
}

async fn read(server: &Server, path: &str) -> Value {
    server.get(path).send().await.expect(200).json()
}

/// The operations of a description by method and path.
fn operations(openapi: &Value) -> BTreeMap<(String, String), &Value> {
    const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let paths = openapi["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path item");
        item.iter()
            .filter(|(key, _)| METHODS.contains(&&***key))
            .map(move |(method, operation)| ((method.to_uppercase(), path.clone()), operation))
    });
    all.collect()
}

#[test]
fn exactly_the_mounted_routes_are_described() {
    once(|world| async move {
        let contracts = everything(&world);
        for folder in [&world.contracts, &contracts] {
            let catalog = world.catalog(folder);
            let server = world.serve().contracts(folder).start().await;
            let openapi = read(&server, "/openapi.json").await;
            assert_eq!(openapi["openapi"], "3.1.0");
            let described = operations(&openapi);
            let mounted: BTreeSet<_> =
                catalog.routes().map(|route| (route.method.as_str().to_owned(), route.path.clone())).collect();
            assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), mounted);
            let mut ids = BTreeSet::new();
            for route in catalog.routes() {
                let operation = described[&(route.method.as_str().to_owned(), route.path.clone())];
                let id = operation["operationId"].as_str().expect("an operationId");
                assert!(ids.insert(id), "{id} stands twice");
                agrees(&openapi, operation, route);
                // What is described is there: OPTIONS answers, and names the method.
                let path = route.path.replace(['{', '}'], "");
                let options = server.call("OPTIONS", &path).send().await.expect(204);
                assert!(
                    options.header("allow").is_some_and(|allow| allow.contains(route.method.as_str())),
                    "{}",
                    options.describe()
                );
            }
            references_resolve(&openapi, &openapi);
        }
    });
}

/// What the description of a route says of its parameters, security and deprecation.
fn agrees(openapi: &Value, operation: &Value, route: &Route) {
    let name = format!("{} {}", route.method.as_str(), route.path);
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let in_path: Vec<_> = parameters.iter().filter(|parameter| parameter["in"] == "path").collect();
    assert_eq!(in_path.iter().filter_map(|found| found["name"].as_str()).collect::<Vec<_>>(), route.params, "{name}");
    assert!(in_path.iter().all(|parameter| parameter["required"] == true), "{name}");
    assert_eq!(operation["deprecated"] == true, route.deprecated.is_some(), "{name}");
    assert_eq!(operation["tags"], json!([route.contract]), "{name}");

    let schemes = &openapi["components"]["securitySchemes"];
    let security = operation["security"].as_array().cloned().unwrap_or_default();
    assert_eq!(security.is_empty(), route.auth.is_empty(), "{name}: {security:?}");
    let required: Vec<&Value> = security
        .iter()
        .flat_map(|requirement| requirement.as_object().expect("a requirement").keys())
        .map(|scheme| schemes.get(scheme).unwrap_or_else(|| panic!("{name} names the scheme {scheme}, which is not there")))
        .collect();
    let has = |kind: &str, place: &str, carrier: &str| {
        let fits = |scheme: &&&Value| match kind {
            "http" => scheme["type"] == "http" && scheme["scheme"] == "bearer",
            _ => {
                let named = scheme["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(carrier));
                scheme["type"] == "apiKey" && scheme["in"] == place && named
            }
        };
        assert!(required.iter().find(fits).is_some(), "{name} lacks {kind} {place} {carrier}: {security:#?}");
    };
    for method in &route.auth {
        match method {
            AuthMethod::Secret { carriers, .. } => {
                for carrier in carriers {
                    has("apiKey", if carrier.place == CarrierPlace::Query { "query" } else { "header" }, &carrier.name);
                }
            }
            AuthMethod::Bearer { .. } | AuthMethod::Token { .. } => has("http", "", ""),
            AuthMethod::Signature(signature) => has("apiKey", "header", &signature.header),
            AuthMethod::Session { .. } => has("apiKey", "cookie", "mc_session"),
            other => panic!("`{}` does not guard routes", other.name()),
        }
    }
    let responses = operation["responses"].as_object().expect("responses");
    if !route.auth.is_empty() {
        assert!(responses.contains_key("401"), "{name} does not tell of 401");
    }
    if route.delivery.mode == DeliveryMode::Durable {
        assert!(responses.contains_key(&route.delivery.respond.to_string()), "{name} does not tell what it answers");
    }
    if route.limits.rate.is_some() {
        assert!(responses.contains_key("429"), "{name} does not tell of 429");
    }
}

/// Every `$ref` leads somewhere inside the document.
fn references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(map) => {
            if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leads outside"));
                assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            }
            map.values().for_each(|value| references_resolve(document, value));
        }
        Value::Array(items) => items.iter().for_each(|item| references_resolve(document, item)),
        _ => {}
    }
}

#[test]
fn examples_fit_the_schemas_beside_them() {
    once(|world| async move {
        let server = world.serve().start().await;
        let openapi = read(&server, "/openapi.json").await;
        let (mut checked, schemas) = (0, openapi["components"].clone());
        for (name, operation) in operations(&openapi) {
            let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
            for media in content.values() {
                let Some(mut schema) = media.get("schema").cloned().filter(Value::is_object) else { continue };
                schema["components"] = schemas.clone();
                let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name:?}: {error}"));
                for (title, example) in media["examples"].as_object().into_iter().flatten() {
                    let errors: Vec<_> = validator.iter_errors(&example["value"]).map(|error| error.to_string()).collect();
                    assert!(errors.is_empty(), "{name:?}, {title}: {errors:?}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 5, "{checked} examples only");
    });
}

#[test]
fn webhooks_and_channels_are_described() {
    once(|world| async move {
        let contracts = world.copy_contracts();
        world::write(&contracts.join("external/shop-orders.yaml"), EMIT);
        let catalog: Catalog = world.catalog(&contracts);
        let server = world.serve().contracts(&contracts).start().await;
        let openapi = read(&server, "/openapi.json").await;
        let webhooks = openapi["webhooks"].as_object().expect("webhooks");
        assert!(!webhooks.is_empty() && webhooks.values().any(|item| item.to_string().contains("shop.order.")), "{webhooks:#?}");

        let asyncapi = read(&server, "/asyncapi.json").await;
        assert_eq!(asyncapi["asyncapi"], "3.0.0");
        references_resolve(&asyncapi, &asyncapi);
        let channels = asyncapi["channels"].to_string();
        let webhook = catalog.routes().find(|route| route.contract == "plane-webhook").expect("the webhook");
        assert!(channels.contains(&webhook.path), "{channels}");
        assert!(asyncapi.to_string().contains("shop.order."), "the events that are sent");
        let actions: BTreeSet<_> =
            asyncapi["operations"].as_object().expect("operations").values().map(|one| one["action"].to_string()).collect();
        assert_eq!(actions, BTreeSet::from(["\"receive\"".to_owned(), "\"send\"".to_owned()]));
    });
}

#[test]
fn the_pages_load_nothing_from_elsewhere() {
    once(|world| async move {
        let server = world.serve().start().await;
        for page in ["/docs", "/redoc"] {
            let answer = server.get(page).send().await.expect(200);
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            let policy = answer.header("content-security-policy").expect("a policy").to_owned();
            for directive in policy.split(';').map(str::trim) {
                let (name, sources) = directive.split_once(' ').expect("a directive");
                let known = ["'none'", "'self'", "'unsafe-inline'", "data:", "blob:"];
                assert!(sources.split(' ').all(|source| known.contains(&source)), "{directive}");
                assert!(!(name.starts_with("script") && sources.contains("unsafe")), "{directive}");
            }
            for needed in
                ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
            {
                assert!(policy.contains(needed), "{needed}: {policy}");
            }
            let html = answer.text();
            assert!(
                !html.contains("://") && !html.contains("\"//") && !html.contains("<script>") && !html.contains("style="),
                "{html}"
            );
            let assets = targets(&html);
            assert!(assets.iter().any(|target| target.ends_with(".js")), "{assets:?}");
            for target in &assets {
                let target = target.split('?').next().expect("a path");
                let asset = server.get(&format!("/{target}")).send().await.expect(200);
                let media_type = asset.header("content-type").expect("a media type");
                let expected = match target.rsplit('.').next() {
                    Some("js") => "text/javascript",
                    Some("css") => "text/css",
                    Some("svg") => "image/svg+xml",
                    Some("json") => "application/json",
                    _ => "",
                };
                assert!(media_type.starts_with(expected) && !asset.body.is_empty(), "{target} is {media_type}");
                let is_packed = asset.header("content-encoding") == Some("gzip");
                assert_eq!(is_packed, asset.body.starts_with(&[0x1f, 0x8b]), "{target}: the encoding is not what is said");
            }
        }
        // What our own scripts load in turn is here as well.
        for script in ["docs.js", "redoc.js"] {
            let text = server.get(&format!("/docs/assets/{script}")).send().await.expect(200).text();
            assert!(!text.contains("://") && !text.contains("eval("), "{text}");
            let named = ["openapi.json", "asyncapi.json", "redoc.standalone.js"].into_iter().filter(|name| text.contains(name));
            for name in named.collect::<Vec<_>>() {
                let path = if name.ends_with(".js") { format!("/docs/assets/{name}") } else { format!("/{name}") };
                server.get(&path).send().await.expect(200);
            }
        }
        for name in ["nothing.js", "swagger-ui.css.gz", "docs.html", "README.md", ".."] {
            let answer = server.get(&format!("/docs/assets/{}", name.replace("..", "%2e%2e"))).send().await;
            answer.expect_problem(404);
        }
        let shipped = std::fs::read_dir(program::repository().join("src/engine/assets")).expect("the assets are read");
        assert!(shipped.count() > 5);
    });
}

/// Values of `href` and `src`.
fn targets(html: &str) -> Vec<String> {
    let after = ["href=\"", "src=\""].into_iter().flat_map(|name| html.split(name).skip(1));
    after.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

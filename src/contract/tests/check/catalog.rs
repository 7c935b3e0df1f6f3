//! What a catalog holds when nothing is wrong, and what its digests depend on.

use std::{fmt::Write, time::Instant};

use contract::{
    catalog::{AuthMethod, Catalog, Contract, DeliveryMode, State, SurfaceItem},
    manifest::Folder,
};

use crate::{fixtures::read_fixture, handlers::resolve_folder};

fn clean() -> Catalog {
    catalog(&read_fixture("clean"))
}

fn catalog(folder: &Folder) -> Catalog {
    let resolution = resolve_folder(folder);
    resolution.catalog.unwrap_or_else(|| panic!("{:#?}", resolution.findings))
}

#[test]
fn everything_that_matters_is_in_the_catalog() {
    let catalog = clean();
    let mut text = String::new();
    for contract in &catalog.contracts {
        describe(contract, &mut text);
    }
    for variable in catalog.variables.values() {
        let _ = writeln!(text, "{} secret={} of {:?}", variable.name, variable.secret, variable.contract);
    }
    insta::assert_snapshot!(text);
}

fn describe(contract: &Contract, text: &mut String) {
    let _ = writeln!(text, "{}/{} ({}) needs {:?}", contract.section, contract.id, contract.name, contract.needs);
    for method in &contract.auth {
        let _ = writeln!(text, "  auth {}", auth(method));
    }
    for item in &contract.surface {
        let SurfaceItem::Route(route) = item else {
            let _ = writeln!(text, "  {}", describe_item(item));
            continue;
        };
        let guards: Vec<&str> = route.auth.iter().map(AuthMethod::name).collect();
        let _ = writeln!(text, "  {} {} {} guarded by {guards:?}", route.method.as_str(), route.path, route.handler.name);
        let _ = writeln!(
            text,
            "    own auth {}, alias of {:?}, deprecated {}",
            route.own_auth,
            route.alias_of,
            route.deprecated.is_some()
        );
        let key = route.delivery.key.as_ref().map(contract::template::KeyExpression::source);
        let _ = writeln!(
            text,
            "    {:?} key {key:?} respond {} timeout {:?}",
            route.delivery.mode, route.delivery.respond, route.delivery.timeout
        );
        let _ = writeln!(text, "    {:?}", route.limits);
    }
    for example in &contract.examples {
        let _ = writeln!(text, "  example {} with {:?} bytes", example.example.name, example.body.as_ref().map(Vec::len));
    }
}

fn auth(method: &AuthMethod) -> String {
    match method {
        AuthMethod::Signature(signature) => format!(
            "signature {} in {} by {:?} {:?} over {} time {:?} id {:?} shape {:?}",
            signature.variable,
            signature.header,
            signature.algorithm,
            signature.encoding,
            signature.payload,
            signature.timestamp,
            signature.id_header,
            signature.shape.as_ref().map(ToString::to_string)
        ),
        other => format!("{} {:?}", other.name(), other.variable()),
    }
}

fn describe_item(item: &SurfaceItem) -> String {
    match item {
        SurfaceItem::Job(job) => format!("job {} {:?}", job.handler.name, job.schedule),
        SurfaceItem::Tool(tool) => format!("tool {} {} writes {}", tool.name, tool.handler.name, tool.writes),
        SurfaceItem::Call(call) => format!("call {} {} on {:?}", call.method, call.variable, call.on),
        other => format!("{other:?}"),
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(resolve_folder(&read_fixture("clean")).findings, []);
}

#[test]
fn the_digest_does_not_know_formatting_or_order() {
    let folder = read_fixture("clean");
    let mut other = folder.clone();
    let text = String::from_utf8(other.files["internal/tools.yaml"].clone()).expect("text");
    let reformatted = format!("# a comment\n{}", text.replace("type: MCP", "type:   'MCP'"));
    other.files.insert("internal/tools.yaml".to_owned(), reformatted.into_bytes());
    assert_eq!(catalog(&folder).digest, catalog(&other).digest);
}

#[test]
fn the_digest_knows_presets_and_bodies() {
    let folder = read_fixture("clean");
    let digest = |folder: &Folder| {
        let catalog = catalog(folder);
        (catalog.digest.clone(), catalog.contract("shop-orders").expect("the contract").digest.clone())
    };
    let before = digest(&folder);
    for (file, from, to) in [("presets/shop.yaml", "tolerance: 5m", "tolerance: 6m"), ("fixtures/order.json", "7", "8")] {
        let mut changed = folder.clone();
        let text = String::from_utf8(changed.files[file].clone()).expect("text").replace(from, to);
        changed.files.insert(file.to_owned(), text.into_bytes());
        let after = digest(&changed);
        assert!(after.0 != before.0 && after.1 != before.1, "{file} is not in the digest");
    }
}

#[test]
fn a_contract_is_unconfigured_while_a_variable_it_needs_is_unset() {
    let catalog = clean();
    let orders = catalog.contract("shop-orders").expect("the contract");
    assert_eq!(orders.state(&|_| true), State::Mounted);
    assert_eq!(orders.state(&|name| name != "SHOP_SECRET"), State::Unconfigured);
    assert_eq!(catalog.contract("later").expect("the contract").state(&|_| false), State::Planned);
    assert_eq!(catalog.contract("bundle").expect("the contract").state(&|_| false), State::Declared);
}

#[test]
fn a_webhook_that_writes_is_durable_unless_it_says_otherwise() {
    let catalog = clean();
    let mode = |path: &str, method: &str| {
        let route = catalog.routes().find(|route| route.path == path && route.method.as_str() == method).expect("the route");
        route.delivery.mode
    };
    assert_eq!(mode("/api/v1/shops/{shop_id}/orders", "POST"), DeliveryMode::Durable);
    assert_eq!(mode("/api/v1/shops/{shop_id}/orders", "GET"), DeliveryMode::Sync);
    assert_eq!(mode("/auth/callback", "POST"), DeliveryMode::Sync);
    assert_eq!(mode("/api/v1/things", "POST"), DeliveryMode::Sync);
}

/// Many contracts take time in proportion: no stage looks at every other contract for each one.
#[test]
fn a_thousand_contracts_resolve_in_proportion() {
    let template = String::from_utf8(read_fixture("clean").files["external/shop-orders.yaml"].clone()).expect("text");
    let many = |count: usize| -> Folder {
        let mut folder = read_fixture("clean");
        folder.files.remove("external/shop-orders.yaml");
        for number in 0..count {
            let text = template
                .replace("shop-orders", &format!("shop-{number}"))
                .replace("shops/", &format!("shops-{number}/"))
                .replace("/shop/", &format!("/shop-{number}/"))
                .replace("SHOP_", &format!("SHOP{number}_"));
            folder.files.insert(format!("external/shop-{number}.yaml"), text.into_bytes());
        }
        folder
    };
    let time = |folder: &Folder| {
        let start = Instant::now();
        let contracts = catalog(folder).contracts.len();
        (contracts, start.elapsed())
    };
    let (small, large) = (many(100), many(1000));
    time(&small);
    let ((few, short), (lots, long)) = (time(&small), time(&large));
    assert_eq!((few, lots), (107, 1007));
    eprintln!("{few} contracts in {short:?}, {lots} in {long:?}");
    assert!(long < short * 40, "{few} contracts took {short:?}, {lots} took {long:?}");
}

//! The matrix of credentials, derived from the catalog: every mounted route, every method it declares, every case that the
//! plan knows. Nothing here names a route, so a new manifest is covered without a new test; the second folder of contracts
//! proves it by using every method and every preset there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use black_box::{
    Answer, Server, World,
    credentials::{Credentials, Outgoing},
    database::Kind,
    on_both, program,
    server::eventually,
    world,
};
use contract::{
    catalog::{AuthMethod, CarrierPlace, Catalog, DeliveryMode, Route},
    plan::{AuthCheck, Case, Expectation, auth_checks},
};
use engine::storage::{DeliveryFilter, Storage};
use store::Store;

on_both!(every_mounted_route, |world| async move {
    let contracts = world.contracts.clone();
    matrix(&world, &contracts).await;
});

on_both!(every_method_and_preset, |world| async move {
    let contracts = everything(&world);
    let catalog = world.catalog(&contracts);
    let methods: BTreeSet<&str> = catalog.routes().flat_map(|route| &route.auth).map(AuthMethod::name).collect();
    assert_eq!(methods, BTreeSet::from(["bearer", "secret", "session", "signature", "token"]));
    matrix(&world, &contracts).await;
});

/// A folder of contracts that use every guarding method, alone and together, and every preset of the repository.
pub fn everything(world: &World) -> PathBuf {
    let target = world.contracts_of(&[]);
    world::copy_folder(&program::repository().join("contracts/discovery"), &target.join("discovery"));
    world::copy_folder(&program::repository().join("tests/fixtures/matrix"), &target);
    for preset in fs::read_dir(target.join("presets")).expect("the presets are read") {
        let file = preset.expect("the presets are read").path();
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let variable = format!("PRESET_{}_KEY", name.to_uppercase().replace('-', "_"));
        let manifest = format!(
            "schema: 1\nid: preset-{name}\nname: Preset {name}\n\ndirection: inbound\ntype: webhook\n\
             surface:\n  - route: /matrix/presets/{name}\n    post: engine.accept\n\
             auth:\n  - signature: {variable}\n    preset: {name}\n\
             stability: experimental\nversioning: none\nowner: the suite\n\n\
             environment:\n  {variable}: {{secret: true, description: Key of the matrix}}\n\
             delivery: {{mode: durable, key: header.X-Matrix-Key}}\n\
             verify: ['cargo test -p black-box auth_matrix::']\n"
        );
        world::write(&target.join(format!("external/preset-{name}.yaml")), &manifest);
    }
    target
}

/// Runs the whole matrix of a folder of contracts against one server, and what needs unset variables against a second one.
async fn matrix(world: &Arc<World>, contracts: &Path) {
    let catalog = world.catalog(contracts);
    let plan: Vec<(Arc<Route>, Vec<AuthCheck>)> = catalog.routes().map(|route| (route.clone(), auth_checks(route))).collect();
    plan.iter().for_each(|(route, checks)| is_complete(route, checks));

    let credentials = Arc::new(Credentials::of(&catalog));
    let store = world.store().await;
    credentials.register(&store).await;
    let mut setup = world.serve().contracts(contracts);
    for (name, value) in credentials.variables() {
        setup = setup.variable(&name, value);
    }
    let server = Arc::new(setup.start().await);
    let digest = server.get("/healthz").send().await.expect(200).header("x-contract-digest").map(str::to_owned);
    assert_eq!(digest.as_deref(), Some(catalog.digest.as_str()), "the server mounts another catalog than the one planned for");

    // Routes side by side, the checks of a route one by one: a route may allow one request at a time.
    let mut running = tokio::task::JoinSet::new();
    for (route, checks) in plan.clone() {
        let (server, credentials, store) = (server.clone(), credentials.clone(), store.clone());
        running.spawn(async move {
            let mut faults = Vec::new();
            for check in checks.iter().filter(|check| !matches!(check.case, Case::VariableUnset(_))) {
                let fault = run(&server, &credentials, &store, &route, check).await;
                faults.extend(fault.map(|fault| format!("{} {}: {check}: {fault}", route.method.as_str(), route.path)));
            }
            faults
        });
    }
    let mut faults: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert_eq!(server.log().matches("panicked").count(), 0, "{}", server.log());
    drop(server);
    faults.extend(unset(world, contracts, &credentials, &plan).await);

    let checks: usize = plan.iter().map(|(_, checks)| checks.len()).sum();
    println!("auth matrix of {}: {} routes, {checks} checks", contracts.display(), plan.len());
    assert!(faults.is_empty(), "{} of {checks} checks failed:\n{}", faults.len(), faults.join("\n"));
}

/// A route without a check, or a method or carrier without its cases, would be a hole in the matrix.
fn is_complete(route: &Route, checks: &[AuthCheck]) {
    let name = format!("{} {}", route.method.as_str(), route.path);
    assert!(!checks.is_empty(), "{name} has no check");
    for (index, method) in route.auth.iter().enumerate() {
        let carriers = match method {
            AuthMethod::Secret { carriers, .. } => (0..carriers.len()).map(Some).collect(),
            _ => vec![None],
        };
        for carrier in carriers {
            let has = |case: &Case| {
                checks.iter().any(|check| check.method == Some(index) && check.carrier == carrier && check.case == *case)
            };
            for case in [Case::Right, Case::Wrong, Case::Empty, Case::Twice, Case::Truncated, Case::Replayed] {
                assert!(has(&case), "{name}: method {index} ({}), carrier {carrier:?} has no case {case:?}", method.name());
            }
            assert_eq!(has(&Case::PreviousSecret), method.variable().is_some(), "{name}: method {index}, carrier {carrier:?}");
        }
    }
}

/// Sends what a check says; `Some` tells what is wrong with the answer.
async fn run(server: &Server, credentials: &Credentials, store: &Store, route: &Route, check: &AuthCheck) -> Option<String> {
    let request = credentials.request(route, check);
    let answer = send(server, route, &request).await;
    if !check.expect.holds(answer.status) || answer.status >= 500 && check.expect != Expectation::Unconfigured {
        return Some(answer.describe());
    }
    match check.expect {
        Expectation::Refused | Expectation::Forbidden | Expectation::Unconfigured => refusal_fault(&answer, route),
        _ if check.case == Case::Replayed => {
            let again = send(server, route, &request).await;
            let without_effect = check.expect == Expectation::AdmittedWithoutEffect;
            replay_fault(&answer, &again, store, route, &request, without_effect).await
        }
        _ => None,
    }
}

/// Each request to a route with a rate limit comes from an address of its own, or the limit would answer for the guard.
async fn send(server: &Server, route: &Route, request: &Outgoing) -> Answer {
    let mut call = request.call(server);
    if route.limits.rate.is_some() {
        let [a, b, c, ..] = black_box::credentials::random();
        let client = reqwest::Client::builder().local_address(Some([127, a, b, c.max(2)].into())).build();
        call = call.through(client.expect("a client"));
    }
    call.send().await
}

/// What a refusal has to look like, whatever it refuses.
fn refusal_fault(answer: &Answer, route: &Route) -> Option<String> {
    let Ok(problem) = serde_json::from_slice::<serde_json::Value>(&answer.body) else {
        return Some(format!("no problem document: {}", answer.describe()));
    };
    let complete = answer.header("content-type") == Some("application/problem+json")
        && problem["status"] == answer.status
        && problem["contract"] == route.contract
        && problem["request_id"].as_str() == answer.header("x-request-id")
        && (answer.status != 401 || answer.headers.contains_key("www-authenticate"));
    (!complete).then(|| answer.describe())
}

/// A replay is accepted and says that it is one; one delivery is stored.
async fn replay_fault(
    first: &Answer,
    again: &Answer,
    store: &Store,
    route: &Route,
    request: &Outgoing,
    without_effect: bool,
) -> Option<String> {
    if again.status != first.status {
        return Some(format!("the replay is answered otherwise: {}", again.describe()));
    }
    if !without_effect || first.status >= 300 {
        return None;
    }
    let says_so = if route.delivery.mode == DeliveryMode::Durable {
        first.json()["replayed"] == false
            && again.json()["replayed"] == true
            && first.json()["delivery_id"] == again.json()["delivery_id"]
    } else {
        again.header("idempotent-replayed") == Some("true") && first.body == again.body
    };
    let filter = DeliveryFilter { contract: Some(route.contract.clone()), limit: 10_000, ..DeliveryFilter::default() };
    let stored = store.deliveries(&filter).await.expect("the deliveries are listed");
    let stored = stored.iter().filter(|delivery| delivery.key.as_deref() == Some(&*request.id)).count();
    (!says_so || stored != 1).then(|| format!("{stored} deliveries are stored; {}{}", first.describe(), again.describe()))
}

/// The checks with an unset variable: every secret comes from a file, and one file after the other is emptied and read anew.
async fn unset(world: &World, contracts: &Path, credentials: &Credentials, plan: &[(Arc<Route>, Vec<AuthCheck>)]) -> Vec<String> {
    let folder = world.folder().join("secrets");
    let mut setup = world.serve().contracts(contracts);
    for (name, secret) in &credentials.secrets {
        world::write(&folder.join(name), &format!("{}\n", secret.current));
        setup = setup.variable(&format!("{name}_FILE"), folder.join(name).display().to_string());
    }
    for (name, value) in &credentials.others {
        setup = setup.variable(name, value.clone());
    }
    let server = setup.start().await;
    let mut faults = Vec::new();
    for (name, secret) in &credentials.secrets {
        world::write(&folder.join(name), "\n");
        reread(&server).await;
        for (route, checks) in plan {
            for check in checks.iter().filter(|check| check.case == Case::VariableUnset(name.clone())) {
                let answer = send(&server, route, &credentials.request(route, check)).await;
                let holds = check.expect.holds(answer.status) && answer.json()["variables"] == serde_json::json!([name]);
                if !holds || !answer.json()["detail"].as_str().is_some_and(|detail| detail.contains(name)) {
                    faults.push(format!("{} {}: {check}: {}", route.method.as_str(), route.path, answer.describe()));
                }
            }
        }
        world::write(&folder.join(name), &secret.current);
    }
    faults
}

/// SIGHUP, and waits until the secrets were read.
async fn reread(server: &Server) {
    let reloads = async || {
        let metrics = server.get("/metrics").send().await.expect(200).text();
        let lines = metrics.lines().filter(|line| line.starts_with("mission_control_catalog_reloads_total{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    let before = reloads().await;
    server.signal("HUP");
    eventually("the secrets are read anew", async || (reloads().await > before).then_some(())).await;
}

#[test]
fn without_secrets_nothing_is_open() {
    world::run(Kind::Sqlite, |world| async move {
        let contracts = everything(&world);
        for folder in [world.contracts.clone(), contracts] {
            let catalog = world.catalog(&folder);
            let credentials = Credentials::of(&catalog);
            let mut setup = world.serve().contracts(&folder);
            // What is left of a rotation opens nothing by itself.
            for (name, secret) in &credentials.secrets {
                setup = setup.variable(&format!("{name}_PREVIOUS"), secret.previous.clone()).variable(name, "");
            }
            let server = setup.start().await;
            assert!(catalog.routes().any(|route| !variables(route).is_empty()));
            for route in catalog.routes() {
                closed(&server, &catalog, &credentials, route).await;
            }
        }
    });
}

fn variables(route: &Route) -> BTreeSet<&str> {
    route.auth.iter().filter_map(AuthMethod::variable).collect()
}

/// Whatever is sent: 503 with every variable of the route, or 401 where sessions and tokens alone guard it.
async fn closed(server: &Server, catalog: &Catalog, credentials: &Credentials, route: &Route) {
    let needs = &catalog.contract(&route.contract).expect("its contract").needs;
    let unset: BTreeSet<&str> = variables(route).into_iter().chain(needs.iter().map(String::as_str)).collect();
    let unset: BTreeSet<&str> = unset.into_iter().filter(|name| credentials.secrets.contains_key(*name)).collect();
    for check in auth_checks(route) {
        let answer = send(server, route, &credentials.request(route, &check)).await;
        if !unset.is_empty() {
            let problem = answer.clone().expect_problem(503);
            assert_eq!(problem["type"], "urn:mission-control:problem:unconfigured", "{check}: {}", answer.describe());
            let named: BTreeSet<&str> =
                problem["variables"].as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
            assert_eq!(named, unset, "{check}: {}", answer.describe());
            assert!(unset.iter().all(|name| problem["detail"].as_str().is_some_and(|detail| detail.contains(name))));
        } else if !route.auth.is_empty() {
            // No account was registered here, so every session and token is unknown.
            assert!(matches!(answer.status, 401 | 403), "{check}: {}", answer.describe());
        }
    }
}

#[test]
fn wrong_credentials_are_answered_alike() {
    world::run(Kind::Sqlite, |world| async move {
        let contracts = everything(&world);
        let catalog = world.catalog(&contracts);
        let credentials = Credentials::of(&catalog);
        let mut setup = world.serve().contracts(&contracts);
        for (name, value) in credentials.variables() {
            setup = setup.variable(&name, value);
        }
        let server = setup.start().await;
        for route in catalog.routes().filter(|route| !route.auth.is_empty()) {
            let mut seen: BTreeMap<String, String> = BTreeMap::new();
            let plain = Outgoing::plain(route);
            for (place, name, right) in carriers(&credentials, route) {
                for wrong in wrongs(&right) {
                    let mut request = plain.clone();
                    request.place(place, &name, &wrong);
                    request.set("x-request-id", "the-same");
                    let mut answer = send(&server, route, &request).await.expect(401);
                    answer.headers.remove("date");
                    seen.insert(format!("{:?}\n{}", answer.headers, answer.text()), format!("{name}: {wrong}"));
                }
            }
            assert_eq!(seen.len(), 1, "{} is answered in different ways: {seen:#?}", route.path);
        }
    });
}

/// Every place that a credential may stand in, with one that is right.
fn carriers(credentials: &Credentials, route: &Route) -> Vec<(CarrierPlace, String, String)> {
    let mut places = Vec::new();
    for method in &route.auth {
        let secret = method.variable().map(|name| credentials.secrets[name].current.clone()).unwrap_or_default();
        match method {
            AuthMethod::Secret { carriers, .. } => {
                places.extend(carriers.iter().map(|carrier| (carrier.place, carrier.name.clone(), secret.clone())));
            }
            AuthMethod::Bearer { .. } => {
                places.push((CarrierPlace::Header, "authorization".to_owned(), format!("Bearer {secret}")))
            }
            AuthMethod::Signature(signature) => places.push((CarrierPlace::Header, signature.header.clone(), secret)),
            AuthMethod::Session { .. } => {
                places.push((CarrierPlace::Cookie, "mc_session".to_owned(), credentials.unknown_session.clone()));
            }
            AuthMethod::Token { .. } => {
                let text = format!("Bearer {}", credentials.unknown_token);
                places.push((CarrierPlace::Header, "authorization".to_owned(), text));
            }
            other => panic!("`{}` does not guard routes", other.name()),
        }
    }
    places
}

/// Wrong texts of many lengths: parts of the right one, the right one with more, and others.
fn wrongs(right: &str) -> Vec<String> {
    let mut texts: Vec<String> = [1, right.len() / 2, right.len() - 1].map(|length| right[..length].to_owned()).into();
    texts.extend([1, 100, 4_000].map(|more| format!("{right}{}", "x".repeat(more))));
    texts.extend([1, 7, 32, 43, 64, 1_000, 8_000].map(|length| "y".repeat(length)));
    texts.push("Bearer y".to_owned());
    texts
}

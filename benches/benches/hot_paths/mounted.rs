//! A small catalog with one contract for each auth method, resolved and mounted as the service does it.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use contract::{
    catalog::{self, Options, Resolution},
    finding::render_human,
    manifest::Folder,
};
use engine::{documents::Instance, environment::Environment, mount::Mounted, registry::Registry};
use jiff::Timestamp;

/// A secret that is a key for every method, the Standard Webhooks' base64 included.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Auth by the name of a contract: the YAML below `auth:`.
pub(crate) const METHODS: [(&str, &str); 7] = [
    ("secret", "  - secret: BENCH_KEY\n    carriers:\n      - header: X-Bench-Secret\n"),
    ("bearer", "  - bearer: BENCH_KEY\n"),
    ("github", "  - signature: BENCH_KEY\n    preset: github\n"),
    ("stripe", "  - signature: BENCH_KEY\n    preset: stripe\n"),
    ("standard-webhooks", "  - signature: BENCH_KEY\n    preset: standard-webhooks\n"),
    ("session", "  - session: viewer\n"),
    ("token", "  - token: read\n"),
];

/// The files of the shipped `contracts/` that every folder needs.
pub(crate) fn shipped() -> Vec<(String, Vec<u8>)> {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let read = |name: String| {
        let content = fs::read(contracts.join(&name)).unwrap_or_else(|error| panic!("contracts/{name}: {error}"));
        (name, content)
    };
    let presets = ["github", "stripe", "standard-webhooks"].map(|preset| format!("presets/{preset}.yaml"));
    presets.into_iter().chain(["service.yaml".to_owned()]).map(read).collect()
}

/// Every handler.
pub(crate) fn registry() -> Registry {
    Registry::new(plugins::all(store::repositories)).expect("the handlers are registered")
}

/// Resolves a folder.
pub(crate) fn resolve(folder: &Folder, registry: &Registry) -> Resolution {
    catalog::resolve(folder, &Options { handlers: &registry.infos(), today: None, version: "2.0.0", repository: None })
}

/// The catalog of [`METHODS`], mounted; the route of a method is `/NAME`.
pub(crate) fn mounted() -> Mounted {
    let registry = registry();
    let manifests = METHODS.iter().map(|(name, auth)| (format!("external/bench-{name}.yaml"), manifest(name, auth).into_bytes()));
    let folder: Folder = shipped().into_iter().chain(manifests).collect();
    let resolution = resolve(&folder, &registry);
    let Some(catalog) = resolution.catalog else { panic!("{}", render_human(&resolution.findings, &folder, false)) };
    let environment = Environment::new(HashMap::from([("BENCH_KEY".to_owned(), SECRET.to_owned())]));
    environment.load(catalog.variables.values());
    let instance = Instance { id: "bench".to_owned(), started_at: Timestamp::now(), commit: None };
    Mounted::new(Arc::new(catalog), &registry, &environment, &instance, None).expect("the catalog is mounted")
}

fn manifest(name: &str, auth: &str) -> String {
    let declared = if name == "secret" { "environment:\n  BENCH_KEY:\n    secret: true\n    description: A key\n" } else { "" };
    let method = if name == "session" { "get" } else { "post" };
    format!(
        "schema: 1\nid: bench-{name}\nname: {name}\n\ndirection: inbound\ntype: webhook\nsurface:\n  - route: /{name}\n    \
         {method}: {{handler: engine.respond, with: {{body: {{status: ok}}}}}}\nauth:\n{auth}stability: internal\nversioning: none\n\
         owner: the benchmark\n\n{declared}"
    )
}

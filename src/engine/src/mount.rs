//! A mounted catalog: everything a request needs, worked out once. It is immutable and swapped as a whole, so that a request
//! sees exactly one catalog from its first byte to its last.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contract::{
    catalog::{Call, Catalog, Contract, DeliveryMode, Method, Route, SurfaceItem},
    template::KeyExpression,
};
use http::HeaderValue;

use crate::{
    documents::{Documents, Instance},
    environment::Environment,
    guard::{Guard, Scrubber},
    limits::Limits,
    registry::{Registered, Registry},
};

/// A catalog with its routing table, guards, limits and documents.
pub struct Mounted {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// The documents made of it.
    pub documents: Documents,
    /// `X-Contract-Digest`.
    pub digest: HeaderValue,
    /// Drops every declared credential from what is stored or logged.
    pub scrubber: Arc<Scrubber>,
    table: matchit::Router<Arc<Endpoint>>,
    by_target: HashMap<(String, String), Arc<MountedRoute>>,
}

/// Everything on one path.
pub struct Endpoint {
    /// Path template.
    pub path: String,
    /// Routes by method.
    pub routes: Vec<Arc<MountedRoute>>,
    /// Value of `Allow`.
    pub allow: HeaderValue,
}

impl Endpoint {
    /// The contract to name where no route of the path was chosen.
    pub fn contract(&self) -> &str {
        self.routes.first().map_or("none", |mounted| &mounted.contract.id)
    }
}

/// One mounted route.
pub struct MountedRoute {
    /// The route.
    pub route: Arc<Route>,
    /// Its contract.
    pub contract: Arc<Contract>,
    /// `METHOD /path/{template}`: how stored deliveries name it.
    pub target: String,
    /// Its handler.
    pub handler: Arc<Registered>,
    /// Its guard.
    pub guard: Guard,
    /// Its limits.
    pub limits: Arc<Limits>,
    /// Whether deliveries are committed before they are answered.
    pub durable: bool,
    /// Whether the settings or the idempotency key are taken from the body, which therefore has to be JSON.
    pub reads_body: bool,
    /// Whether storing the delivery is all there is to do.
    pub only_stores: bool,
}

/// A catalog that the registry cannot serve. Resolution checks handler names, so this means that the two were given
/// different registries.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// No handler of that name.
    #[error("route {0} names handler `{1}`, which is not registered")]
    Handler(String, String),
    /// Two routes that exclude one another.
    #[error("route {0} cannot be mounted: {1}")]
    Route(String, String),
}

impl Mounted {
    /// Mounts a catalog. Limits of routes whose policy is the same go on from `earlier`.
    pub fn new(
        catalog: Arc<Catalog>,
        registry: &Registry,
        environment: &Environment,
        instance: &Instance,
        earlier: Option<&Mounted>,
    ) -> Result<Self, MountError> {
        let mut endpoints: BTreeMap<String, Vec<Arc<MountedRoute>>> = BTreeMap::new();
        let mut by_target = HashMap::new();
        for contract in &catalog.contracts {
            for item in &contract.surface {
                let SurfaceItem::Route(route) = item else { continue };
                let mounted = Arc::new(mount_route(contract, route, registry, environment, earlier)?);
                by_target.insert((contract.id.clone(), mounted.target.clone()), mounted.clone());
                endpoints.entry(route.path.clone()).or_default().push(mounted);
            }
        }
        let mut table = matchit::Router::new();
        for (path, routes) in endpoints {
            let endpoint = Endpoint { allow: allow(&routes), path: path.clone(), routes };
            table.insert(&path, Arc::new(endpoint)).map_err(|error| MountError::Route(path, error.to_string()))?;
        }
        let documents = Documents::new(&catalog, environment, instance);
        let digest = HeaderValue::from_str(&catalog.digest).unwrap_or(HeaderValue::from_static("sha256:unknown"));
        let scrubber = Arc::new(Scrubber::new(&catalog, environment));
        Ok(Self { catalog, documents, digest, scrubber, table, by_target })
    }

    /// The endpoint at a path, with its raw parameters. A parameter is never empty: `/a//b` is not `/a/{x}/b`.
    pub fn at<'m, 'p>(&'m self, path: &'p str) -> Option<(&'m Arc<Endpoint>, matchit::Params<'m, 'p>)> {
        let found = self.table.at(path).ok().filter(|found| found.params.iter().all(|(_, value)| !value.is_empty()))?;
        Some((found.value, found.params))
    }

    /// The route that a stored delivery names.
    pub fn by_target(&self, contract: &str, target: &str) -> Option<&Arc<MountedRoute>> {
        self.by_target.get(&(contract.to_owned(), target.to_owned()))
    }

    /// A call of a contract by its variable.
    pub fn call(&self, contract: &str, variable: &str) -> Option<(&Arc<Contract>, &Call)> {
        let contract = self.catalog.contract(contract)?;
        contract.surface.iter().find_map(|item| match item {
            SurfaceItem::Call(call) if call.variable == variable => Some((contract, call)),
            _ => None,
        })
    }

    /// Every call that asked for events of a type, with its contract.
    pub fn calls_for<'m>(&'m self, kind: &'m str) -> impl Iterator<Item = (&'m Arc<Contract>, &'m Call)> {
        self.catalog.contracts.iter().flat_map(move |contract| {
            contract.surface.iter().filter_map(move |item| match item {
                SurfaceItem::Call(call) if call.on.iter().any(|pattern| matches_kind(pattern, kind)) => Some((contract, call)),
                _ => None,
            })
        })
    }
}

/// Whether a pattern of a call's `on` names an event type; a trailing `*` matches any ending.
fn matches_kind(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => pattern == kind,
    }
}

fn mount_route(
    contract: &Arc<Contract>,
    route: &Arc<Route>,
    registry: &Registry,
    environment: &Environment,
    earlier: Option<&Mounted>,
) -> Result<MountedRoute, MountError> {
    let target = format!("{} {}", route.method.as_str(), route.path);
    let handler = registry
        .get(route.handler.name)
        .cloned()
        .ok_or_else(|| MountError::Handler(target.clone(), route.handler.name.to_owned()))?;
    let limits = earlier
        .and_then(|earlier| earlier.by_target(&contract.id, &target))
        .filter(|mounted| mounted.route.limits == route.limits)
        .map_or_else(|| Arc::new(Limits::new(&route.limits)), |mounted| mounted.limits.clone());
    let only_stores = handler.info.name == crate::builtin::ACCEPT;
    let guard = Guard::compile(route, environment).needing(&contract.needs, environment);
    for warning in guard.warnings() {
        tracing::warn!(contract = contract.id, "{warning}");
    }
    Ok(MountedRoute {
        guard,
        durable: route.delivery.mode == DeliveryMode::Durable || only_stores,
        only_stores,
        reads_body: route.templates.names("body") || route.delivery.key.as_ref().is_some_and(KeyExpression::reads_body),
        route: route.clone(),
        contract: contract.clone(),
        target,
        handler,
        limits,
    })
}

/// `Allow` (RFC 9110 section 10.2.1): what is mounted, HEAD where there is GET, and OPTIONS.
fn allow(routes: &[Arc<MountedRoute>]) -> HeaderValue {
    let mut methods: Vec<&str> = Vec::new();
    for method in [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete] {
        if routes.iter().any(|mounted| mounted.route.method == method) {
            methods.push(method.as_str());
            if method == Method::Get {
                methods.push("HEAD");
            }
        }
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

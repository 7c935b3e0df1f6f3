//! A mounted catalog: everything a request needs, worked out once. It is immutable and swapped as a whole, so that a request
//! sees exactly one catalog from its first byte to its last.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contract::{
    catalog::{
        Call, Catalog, Contract, DeliveryMode, Job, LimitPolicy, Method, Route, Schedule, State, SurfaceItem, ticks::Ticks,
        units::format_duration,
    },
    handler::Effect,
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
    jobs: Vec<MountedJob>,
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
    /// The target that its deliveries are stored under: that of the route which an alias stands for, so that one key is one key
    /// on all of them.
    pub stored_as: String,
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

/// One job of a contract that is configured.
pub struct MountedJob {
    /// What runs it: a route that is not in the routing table. Its target is `JOB handler`, followed by the schedule where the
    /// contract has several jobs of that handler; its path is the target too.
    pub route: Arc<MountedRoute>,
    /// When it runs.
    pub ticks: Ticks,
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
    /// A schedule that is none.
    #[error("{0} cannot be scheduled: {1}")]
    Schedule(String, String),
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
        let mut by_target: HashMap<(String, String), Arc<MountedRoute>> = HashMap::new();
        let mut jobs = Vec::new();
        for contract in &catalog.contracts {
            let configured = contract.state(&|name| environment.is_set(name)) != State::Unconfigured;
            for item in &contract.surface {
                let mounted = match item {
                    SurfaceItem::Route(route) => {
                        let target = format!("{} {}", route.method.as_str(), route.path);
                        let mounted = Arc::new(mount_route(contract, route, target, registry, environment, earlier)?);
                        endpoints.entry(route.path.clone()).or_default().push(mounted.clone());
                        mounted
                    }
                    SurfaceItem::Job(job) => {
                        let is_taken = |target: &str| by_target.contains_key(&(contract.id.clone(), target.to_owned()));
                        let target = job_target(job, &is_taken);
                        let ticks = Ticks::compile(&job.schedule).map_err(|error| MountError::Schedule(target.clone(), error))?;
                        let route = Arc::new(job_route(contract, job, &target));
                        let route = Arc::new(mount_route(contract, &route, target, registry, environment, earlier)?);
                        if configured {
                            jobs.push(MountedJob { route: route.clone(), ticks });
                        }
                        route
                    }
                    _ => continue,
                };
                by_target.insert((contract.id.clone(), mounted.target.clone()), mounted);
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
        Ok(Self { catalog, documents, digest, scrubber, table, by_target, jobs })
    }

    /// The endpoint at a path, with its raw parameters. A parameter is never empty: `/a//b` is not `/a/{x}/b`.
    pub fn at<'m, 'p>(&'m self, path: &'p str) -> Option<(&'m Arc<Endpoint>, matchit::Params<'m, 'p>)> {
        let found = self.table.at(path).ok().filter(|found| found.params.iter().all(|(_, value)| !value.is_empty()))?;
        Some((found.value, found.params))
    }

    /// Lets every limiter forget callers that have not come for a while.
    pub fn tidy(&self) {
        self.by_target.values().for_each(|mounted| mounted.limits.tidy());
    }

    /// The route or the job that a stored delivery names.
    pub fn by_target(&self, contract: &str, target: &str) -> Option<&Arc<MountedRoute>> {
        self.by_target.get(&(contract.to_owned(), target.to_owned()))
    }

    /// The jobs of every contract that is configured.
    pub fn jobs(&self) -> &[MountedJob] {
        &self.jobs
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

/// How the deliveries of a job name it. The handler alone is enough for the first job of it; further ones add their schedule,
/// and a number should two have the same.
fn job_target(job: &Job, is_taken: &dyn Fn(&str) -> bool) -> String {
    let short = format!("JOB {}", job.handler.name);
    if !is_taken(&short) {
        return short;
    }
    let long = match &job.schedule {
        Schedule::Every(period) => format!("{short} every {}", format_duration(*period)),
        Schedule::Cron(expression) => format!("{short} cron {expression}"),
    };
    if !is_taken(&long) {
        return long;
    }
    (2..).map(|number| format!("{long} ({number})")).find(|target| !is_taken(target)).unwrap_or(long)
}

/// Handlers are called with a route. A job has none, so it gets one that nobody can call: it is never in the routing table, and
/// its path is no path.
fn job_route(contract: &Contract, job: &Job, target: &str) -> Route {
    Route {
        contract: contract.id.clone(),
        method: Method::Post,
        path: target.to_owned(),
        params: Vec::new(),
        handler: job.handler.clone(),
        with: job.with.clone(),
        templates: job.templates.clone(),
        summary: job.handler.summary.to_owned(),
        auth: Vec::new(),
        own_auth: false,
        delivery: contract.delivery.clone(),
        limits: LimitPolicy { body: 0, rate: None, concurrency: None, timeout: contract.delivery.timeout },
        alias_of: None,
        deprecated: None,
    }
}

fn mount_route(
    contract: &Arc<Contract>,
    route: &Arc<Route>,
    target: String,
    registry: &Registry,
    environment: &Environment,
    earlier: Option<&Mounted>,
) -> Result<MountedRoute, MountError> {
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
        durable: (route.delivery.mode == DeliveryMode::Durable && handler.info.effect == Effect::Write) || only_stores,
        stored_as: route.alias_of.as_ref().map_or_else(|| target.clone(), |path| format!("{} {path}", route.method.as_str())),
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

//! A running catalog.
//!
//! The engine serves what a [`contract::catalog::Catalog`] declares: it mounts the routes, guards them, makes deliveries
//! durable, dispatches events and publishes the documents. It names no plugin and no domain type; a catalog of `engine.*`
//! handlers alone is served in full.

pub mod builtin;
pub mod documents;
pub mod environment;
mod execute;
pub mod guard;
pub mod handler;
mod inbox;
mod jobs;
pub mod limits;
pub mod mount;
pub mod observe;
pub mod outbound;
mod outbox;
mod pipeline;
pub mod problem;
pub mod registry;
pub mod reload;
pub mod serve;
pub mod settings;
mod span;
pub mod storage;
mod uri;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use contract::catalog::{Catalog, State};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use documents::Instance;
use environment::Environment;
use handler::Context;
use inbox::{accept::Committer, upkeep::DeprecatedCounts};
use mount::{MountError, Mounted};
use observe::Metrics;
use problem::Problem;
use registry::Registry;
use reload::{CatalogSource, LastReload};
use storage::{Flow, Storage};

/// Memory that the bodies of all requests may take together, in bytes.
const BODY_MEMORY: usize = 256 * 1024 * 1024;
/// Bytes that memory is counted in.
const MEMORY_UNIT: usize = 1024;

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a worker may hold a delivery; after a crash it is due again when this has passed.
    pub lease: Duration,
    /// Inbound deliveries that are handled at once.
    pub workers: usize,
    /// Outbound deliveries that are sent at once; they mostly wait for the far side.
    pub senders: usize,
    /// Tasks that commit acknowledgements; SQLite has one writer and wants one, PostgreSQL gains from a few.
    pub committers: usize,
    /// How long done deliveries are kept.
    pub keep_done: Duration,
    /// How long dead letters are kept.
    pub keep_dead: Duration,
    /// How long a shutdown may take.
    pub drain: Duration,
    /// Whether somebody collects spans. If not, a request opens one only when a line is logged inside.
    pub spans: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            workers: 4,
            senders: 32,
            committers: 1,
            keep_done: Duration::from_secs(30 * 86_400),
            keep_dead: Duration::from_secs(90 * 86_400),
            drain: Duration::from_secs(30),
            spans: true,
        }
    }
}

/// What an engine is made of.
pub struct Parts {
    /// The handlers.
    pub registry: Registry,
    /// Where variables come from.
    pub environment: Environment,
    /// The database.
    pub storage: Arc<dyn Storage>,
    /// Where catalogs come from.
    pub source: Arc<dyn CatalogSource>,
    /// The first catalog.
    pub catalog: Catalog,
    /// This process.
    pub instance: Instance,
    /// Settings.
    pub config: Config,
}

/// An engine that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The catalog names what the registry does not have.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Two metrics of one name.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// The running engine. Handlers reach everything that is shared through it.
pub struct Engine {
    registry: Registry,
    environment: Environment,
    storage: Arc<dyn Storage>,
    source: Arc<dyn CatalogSource>,
    mounted: ArcSwap<Mounted>,
    reloading: tokio::sync::Mutex<()>,
    last_reload: ArcSwap<LastReload>,
    metrics: Arc<Metrics>,
    committer: Committer,
    client: outbound::Client,
    memory: Arc<Semaphore>,
    deprecated: DeprecatedCounts,
    inbox_woken: Notify,
    outbox_woken: Notify,
    draining: AtomicBool,
    instance: Instance,
    config: Config,
}

impl Engine {
    /// Builds an engine; its committing tasks run in `tasks`. [`serve::run`] starts the rest.
    pub fn build(parts: Parts, tasks: &mut JoinSet<()>) -> Result<Arc<Self>, BuildError> {
        let metrics = Arc::new(Metrics::new()?);
        let Parts { registry, environment, storage, source, catalog, instance, config } = parts;
        for problem in environment.load(catalog.variables.values()) {
            tracing::error!("{problem}");
        }
        let mounted = Mounted::new(Arc::new(catalog), &registry, &environment, &instance, None)?;
        let committer = Committer::start(storage.clone(), metrics.clone(), config.committers, tasks);
        let engine = Self {
            client: outbound::Client::new().map_err(|error| BuildError::Client(error.to_string()))?,
            memory: Arc::new(Semaphore::new(BODY_MEMORY / MEMORY_UNIT)),
            last_reload: ArcSwap::from_pointee(LastReload::default()),
            reloading: tokio::sync::Mutex::default(),
            deprecated: DeprecatedCounts::default(),
            inbox_woken: Notify::new(),
            outbox_woken: Notify::new(),
            draining: AtomicBool::new(false),
            mounted: ArcSwap::from_pointee(mounted),
            registry,
            environment,
            storage,
            source,
            metrics,
            committer,
            instance,
            config,
        };
        engine.describe_catalog();
        Ok(Arc::new(engine))
    }

    /// The database.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The variables.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The catalog that answers now.
    pub fn mounted(&self) -> Arc<Mounted> {
        self.mounted.load_full()
    }

    /// The handlers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// This process.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What came of the last reload.
    pub fn last_reload(&self) -> Arc<LastReload> {
        self.last_reload.load_full()
    }

    /// Whether the service is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn committer(&self) -> &Committer {
        &self.committer
    }

    pub(crate) fn client(&self) -> &outbound::Client {
        &self.client
    }

    pub(crate) fn deprecated_uses(&self) -> &DeprecatedCounts {
        &self.deprecated
    }

    /// A share of the memory for bodies; `None` when it is spent.
    pub(crate) fn hold_memory(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).ok()?;
        self.memory.clone().try_acquire_many_owned(units).ok()
    }

    pub(crate) fn wake_inbox(&self) {
        self.inbox_woken.notify_one();
    }

    /// Wakes the dispatcher when the context left something for it.
    pub(crate) fn wake(&self, context: &Context<'_>) {
        if context.enqueued {
            self.outbox_woken.notify_one();
        }
    }

    /// Wakes both workers.
    pub(crate) fn wake_all(&self) {
        self.inbox_woken.notify_one();
        self.outbox_woken.notify_one();
    }

    pub(crate) async fn woken(&self, flow: Flow) {
        match flow {
            Flow::Inbound => self.inbox_woken.notified().await,
            Flow::Outbound => self.outbox_woken.notified().await,
        }
    }

    /// Turns the context's events into outbound deliveries of its transaction.
    pub(crate) async fn flush_events(&self, context: &mut Context<'_>) -> Result<(), Problem> {
        if context.events.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut context.events);
        let deliveries = outbox::deliveries(context, &events);
        if !deliveries.is_empty() {
            context.transaction().await?.enqueue(&deliveries).await?;
            context.enqueued = true;
        }
        Ok(())
    }

    /// Sets the gauges that describe the catalog.
    pub(crate) fn describe_catalog(&self) {
        let mounted = self.mounted.load();
        self.metrics.catalog_info.reset();
        self.metrics.catalog_info.with_label_values(&[mounted.catalog.digest.as_str(), &mounted.catalog.service.version]).set(1);
        for (state, name) in [
            (State::Mounted, "mounted"),
            (State::Unconfigured, "unconfigured"),
            (State::Declared, "declared"),
            (State::Planned, "planned"),
        ] {
            let count = mounted
                .catalog
                .contracts
                .iter()
                .filter(|contract| contract.state(&|name| self.environment.is_set(name)) == state);
            self.metrics.contracts.with_label_values(&[name]).set(i64::try_from(count.count()).unwrap_or(i64::MAX));
        }
    }
}

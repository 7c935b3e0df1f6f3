//! Puts the parts together: the contracts folder, the handlers, the database and the environment. Commands take what they
//! need from here and nothing else.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use contract::{
    catalog::{self, Options, Repository, Resolution},
    finding::render_human,
    manifest::Folder,
};
use engine::{
    environment::Environment,
    registry::Registry,
    reload::{CatalogSource, LoadedCatalog},
};
use jiff::{Timestamp, tz::TimeZone};
use rust_embed::RustEmbed;
use store::{ConnectOptions, Store, StoreError};

use crate::dotenv::Variables;

/// Version of the product.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit that the program was built from.
pub const COMMIT: Option<&str> = option_env!("MISSION_CONTROL_COMMIT");
/// How long a starting service waits for its database.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);
/// Where deliveries and tasks live when nothing else is said.
pub const DEFAULT_DATABASE: &str = "sqlite://data/mission-control.db";

/// The copy of `contracts/` inside the program.
#[derive(RustEmbed)]
#[folder = "../../contracts"]
struct Embedded;

/// Where manifests come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderOrigin {
    /// A folder.
    Disk(PathBuf),
    /// The copy inside the program.
    Embedded,
}

impl FolderOrigin {
    /// The folder named on the command line or by `MISSION_CONTROL_CONTRACTS`, else `contracts` when it is there, else the
    /// copy inside the program. A named folder has to exist.
    pub fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let variable = std::env::var_os("MISSION_CONTROL_CONTRACTS").filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(folder) = named.map(Path::to_path_buf).or(variable) {
            if !folder.is_dir() {
                bail!("the contracts folder {} is not there; name another one or make it", folder.display());
            }
            return Ok(Self::Disk(folder));
        }
        let usual = PathBuf::from("contracts");
        Ok(if usual.is_dir() { Self::Disk(usual) } else { Self::Embedded })
    }

    /// The name to show.
    pub fn name(&self) -> String {
        match self {
            Self::Disk(folder) => folder.display().to_string(),
            Self::Embedded => "the contracts inside the program".to_owned(),
        }
    }

    /// Reads the files.
    pub fn read(&self) -> anyhow::Result<Folder> {
        match self {
            Self::Disk(folder) => Folder::read(folder).with_context(|| format!("{} cannot be read", folder.display())),
            Self::Embedded => {
                let names: Vec<_> = Embedded::iter().collect();
                let files: Vec<_> = names.iter().filter_map(|name| Some((name.as_ref(), Embedded::get(name)?.data))).collect();
                Ok(Folder::from_files(files.iter().map(|(name, data)| (*name, data.as_ref()))))
            }
        }
    }
}

/// The engine's handlers and every plugin's.
pub fn registry() -> anyhow::Result<Registry> {
    Registry::new(plugins::all(store::repositories))
        .context("the handlers cannot be registered; this is a mistake in the program")
}

/// Resolves a folder of manifests against the registered handlers.
pub fn resolve(folder: &Folder, registry: &Registry, repository: Option<&Repository>) -> Resolution {
    let today = Some(Timestamp::now().to_zoned_datetime(TimeZone::UTC).date());
    catalog::resolve(folder, &Options { handlers: &registry.infos(), today, version: VERSION, repository })
}

/// Resolves a folder of manifests to be served: without a repository beside it, and whatever the day.
pub fn resolve_to_serve(folder: &Folder, handlers: &[Arc<contract::handler::HandlerInfo>]) -> Resolution {
    catalog::resolve(folder, &Options { handlers, today: None, version: VERSION, repository: None })
}

/// The process environment with the declared variables of a catalog read in.
pub fn environment(catalog: &catalog::Catalog) -> Environment {
    let environment = Environment::new(Variables::new());
    for problem in environment.load(catalog.variables.values()) {
        eprintln!("warning: {problem}");
    }
    environment
}

/// `DATABASE_URL`, or the default.
pub fn database_url() -> anyhow::Result<String> {
    let environment = Environment::new(Variables::new());
    let value = environment.raw("DATABASE_URL").map_err(anyhow::Error::msg)?;
    Ok(value.unwrap_or_else(|| DEFAULT_DATABASE.to_owned()))
}

/// Opens the database and brings its schema up to date.
pub async fn open_store() -> anyhow::Result<Store> {
    let store = Store::connect(&database_url()?, &ConnectOptions::default()).await?;
    store.migrate().await?;
    Ok(store)
}

/// Opens the database as [`open_store`] does, and waits for one that does not answer yet: beside it, it may still be starting.
pub async fn wait_for_store() -> anyhow::Result<Store> {
    let deadline = tokio::time::Instant::now() + DATABASE_PATIENCE;
    let mut told = false;
    loop {
        let error = match open_store().await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        let may_pass = error.downcast_ref::<StoreError>().is_some_and(StoreError::may_pass);
        if !may_pass || tokio::time::Instant::now() >= deadline {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("{error:#}; trying again for {DATABASE_PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A duration of the environment, as `30d` or `1h30m`.
pub fn duration_variable(environment: &Environment, name: &str, default: Duration) -> anyhow::Result<Duration> {
    match environment.get(name) {
        None => Ok(default),
        Some(text) => catalog::units::parse_duration(&text).map_err(|reason| anyhow::anyhow!("{name} is wrong: {reason}")),
    }
}

/// The source that a running engine reloads from.
pub struct Source {
    /// Where the manifests are.
    pub origin: FolderOrigin,
    /// The handlers that they may name.
    pub handlers: Vec<Arc<contract::handler::HandlerInfo>>,
}

impl CatalogSource for Source {
    fn load(&self) -> LoadedCatalog {
        let folder = match self.origin.read() {
            Ok(folder) => folder,
            Err(error) => {
                let text = format!("{error:#}");
                return LoadedCatalog { catalog: None, errors: 1, first_error: Some(text.clone()), report: text };
            }
        };
        loaded(resolve_to_serve(&folder, &self.handlers), &folder)
    }

    fn folder(&self) -> Option<PathBuf> {
        match &self.origin {
            FolderOrigin::Disk(folder) => Some(folder.clone()),
            FolderOrigin::Embedded => None,
        }
    }
}

fn loaded(resolution: Resolution, folder: &Folder) -> LoadedCatalog {
    let errors: Vec<_> = resolution.findings.iter().filter(|finding| finding.is_error()).collect();
    let first_error = errors.first().map(|finding| {
        let place =
            finding.place.as_ref().map(|place| format!(" ({}:{}:{})", place.file, place.line, place.column)).unwrap_or_default();
        // Published by `/readyz`: what stands there may be a secret in the wrong line, so only the rule and the place are named.
        format!("{} {}{place}", finding.rule.code, finding.rule.name)
    });
    LoadedCatalog {
        errors: errors.len(),
        first_error,
        report: render_human(&resolution.findings, folder, false),
        catalog: resolution.catalog,
    }
}

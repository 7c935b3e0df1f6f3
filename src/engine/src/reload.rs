//! Reloading: a changed folder is parsed, resolved and mounted beside the running catalog, then swapped in one atomic store.
//! A folder with errors changes nothing but the readiness document.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contract::catalog::Catalog;
use jiff::Timestamp;
use notify::{RecursiveMode, Watcher};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::{Engine, mount::Mounted, problem::Problem};

/// Changes that follow one another this closely are one change.
const DEBOUNCE: Duration = Duration::from_millis(150);

/// When a folder that cannot be watched is looked for again.
const WATCH_AGAIN: Duration = Duration::from_secs(1);

/// Where catalogs come from: a folder, read and resolved.
pub trait CatalogSource: Send + Sync + 'static {
    /// Reads and resolves. Blocking.
    fn load(&self) -> LoadedCatalog;
    /// The folder to watch; `None` for the embedded copy.
    fn folder(&self) -> Option<PathBuf>;
}

/// What a source found.
pub struct LoadedCatalog {
    /// The catalog, when nothing is wrong with it.
    pub catalog: Option<Catalog>,
    /// How many findings fail the check.
    pub errors: usize,
    /// The first of them: its code and its place, without what stands there, which may be a secret in the wrong line.
    pub first_error: Option<String>,
    /// All findings as text for people, with excerpts.
    pub report: String,
}

/// What came of the last reload.
#[derive(Debug, Clone, Serialize)]
pub struct LastReload {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub outcome: ReloadOutcome,
    /// Digest of the catalog that answers since.
    pub digest: String,
    /// Number of errors.
    pub errors: usize,
    /// The first error: its code and place.
    pub first_error: Option<String>,
    /// All findings as text.
    pub report: String,
}

/// What happened at a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadOutcome {
    /// The first catalog, at the start.
    Started,
    /// Another catalog answers.
    Swapped,
    /// The folder means what it meant; secrets were read anew.
    Unchanged,
    /// The folder has errors; the earlier catalog goes on.
    Refused,
}

impl Default for LastReload {
    fn default() -> Self {
        Self {
            at: Timestamp::now(),
            outcome: ReloadOutcome::Started,
            digest: String::new(),
            errors: 0,
            first_error: None,
            report: String::new(),
        }
    }
}

impl Engine {
    /// Reloads now. One reload at a time; requests go on meanwhile.
    pub async fn reload(self: &Arc<Self>) -> Result<Arc<LastReload>, Problem> {
        let _one_at_a_time = self.reloading.lock().await;
        let engine = self.clone();
        let outcome = tokio::task::spawn_blocking(move || engine.reload_blocking()).await.map_err(Problem::internal)?;
        Ok(outcome)
    }

    fn reload_blocking(&self) -> Arc<LastReload> {
        let loaded = self.source.load();
        let earlier = self.mounted();
        let mut last = LastReload {
            errors: loaded.errors,
            first_error: loaded.first_error,
            report: loaded.report,
            digest: earlier.catalog.digest.clone(),
            outcome: ReloadOutcome::Refused,
            ..LastReload::default()
        };
        // A folder with errors must not keep a leaked secret alive: the earlier catalog goes on with the secrets of now.
        let refused = loaded.catalog.is_none();
        let catalog = loaded.catalog.map_or_else(|| earlier.catalog.clone(), Arc::new);
        for problem in self.environment.load(catalog.variables.values()) {
            tracing::error!("{problem}");
        }
        let same = catalog.digest == earlier.catalog.digest;
        match Mounted::new(catalog, &self.registry, &self.environment, &self.instance, Some(&earlier)) {
            Ok(mounted) => {
                last.digest.clone_from(&mounted.catalog.digest);
                last.outcome = match (refused, same) {
                    (true, _) => ReloadOutcome::Refused,
                    (false, true) => ReloadOutcome::Unchanged,
                    (false, false) => ReloadOutcome::Swapped,
                };
                self.mounted.store(Arc::new(mounted));
                self.describe_catalog();
            }
            Err(error) => {
                last.errors = 1;
                last.first_error = Some(error.to_string());
                last.report = error.to_string();
            }
        }
        let word = match last.outcome {
            ReloadOutcome::Refused => {
                tracing::error!(errors = last.errors, "the contracts have errors; the earlier catalog goes on\n{}", last.report);
                "refused"
            }
            ReloadOutcome::Unchanged => {
                tracing::info!(digest = last.digest, "the contracts were read again and mean what they meant");
                "unchanged"
            }
            ReloadOutcome::Swapped | ReloadOutcome::Started => {
                tracing::info!(digest = last.digest, "the contracts were reloaded");
                "swapped"
            }
        };
        self.metrics.reloads.with_label_values(&[word]).inc();
        let last = Arc::new(last);
        self.last_reload.store(last.clone());
        last
    }
}

/// Watches the folder of the source until `stop` says so. A folder that is swapped (renamed, or a symbolic link that is
/// turned, as Kubernetes does) is followed: the watch is set anew before each reload.
pub async fn watch_folder(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let Some(folder) = engine.source.folder() else {
        let _ = stop.changed().await;
        return;
    };
    let (changes, mut changed) = mpsc::channel::<()>(1);
    let (mut current, mut due) = (None, false);
    while !*stop.borrow() {
        // The new watch begins before the old one ends and before the folder is read: no change falls between.
        let lost = match watcher(&folder, changes.clone()) {
            Ok(watcher) => {
                drop(current.replace(watcher));
                false
            }
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the contracts folder cannot be watched; trying again");
                true
            }
        };
        if std::mem::take(&mut due)
            && let Err(problem) = engine.reload().await
        {
            tracing::error!(%problem, "the contracts could not be reloaded");
        }
        tokio::select! {
            _ = stop.changed() => return,
            _ = changed.recv() => {}
            // What happened meanwhile is read once the folder is there again.
            () = folder_returns(&folder), if lost => {}
        }
        due = true;
        let settled = async { while let Ok(Some(())) = tokio::time::timeout(DEBOUNCE, changed.recv()).await {} };
        // A folder that never comes to rest is read all the same.
        let _ = tokio::time::timeout(DEBOUNCE * 10, settled).await;
    }
}

async fn folder_returns(folder: &Path) {
    loop {
        tokio::time::sleep(WATCH_AGAIN).await;
        if folder.is_dir() {
            return;
        }
    }
}

fn watcher(folder: &Path, changes: mpsc::Sender<()>) -> notify::Result<notify::RecommendedWatcher> {
    let real = folder.canonicalize()?;
    let link = std::fs::symlink_metadata(folder)?.is_symlink().then(|| folder.to_path_buf());
    let (inside, turned) = (real.clone(), link.clone());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let ours =
            event.paths.iter().any(|path| path.starts_with(&inside) || turned.as_ref().is_some_and(|link| path.ends_with(link)));
        if (ours || event.need_rescan()) && !event.kind.is_access() {
            // A full channel means that a change is already noted.
            let _ = changes.try_send(());
        }
    })?;
    watcher.watch(&real, RecursiveMode::Recursive)?;
    if let Some(link) = link {
        // A link that is turned changes only the folder that it stands in.
        let parent = link.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        watcher.watch(parent, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

//! Writing the files that a committed import owes: after its commit, and at the next start when a crash came between.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use domain::{ProjectionState, SetupImport};
use engine::{
    problem::{Problem, ProblemKind},
    storage::{Access, Storage},
};
use http::{HeaderValue, header};

use super::{
    projection::{self, Item},
    workspace::{self, Workspace},
};
use crate::{DomainAccess, support::refused};

/// The variable that names the workspace.
pub(super) const ROOT_VARIABLE: &str = "OPENCLAW_WORKSPACE_ROOT";
const DEFAULT_ROOT: &str = "~/.openclaw/workspace/jhf-pattern/projects/openclaw-runtime-live";

/// What the start of the service found and did.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// Imports whose files were written now.
    pub finished: Vec<String>,
    /// Imports whose files could not be written, with why; they stay pending.
    pub failed: Vec<(String, String)>,
    /// Set when the database could not be asked.
    pub error: Option<String>,
}

/// Finishes every import whose files are pending, oldest first; one that fails does not hold up the others.
pub(crate) async fn recover(
    access: DomainAccess,
    storage: &dyn Storage,
    variable: impl Fn(&str) -> Option<String>,
) -> RecoveryReport {
    let mut report = RecoveryReport::default();
    let pending = match pending(access, storage).await {
        Ok(pending) => pending,
        Err(problem) => {
            report.error = Some(problem.to_string());
            return report;
        }
    };
    let root = variable(ROOT_VARIABLE);
    for import in pending {
        match finish(access, storage, root.as_deref(), &import).await {
            Ok(_) => report.finished.push(import.import_id),
            Err(problem) => report.failed.push((import.import_id, problem.to_string())),
        }
    }
    report
}

async fn pending(access: DomainAccess, storage: &dyn Storage) -> Result<Vec<SetupImport>, Problem> {
    let mut transaction = storage.begin(Access::Read).await?;
    let pending = access(&mut *transaction).pending_projections().await.map_err(refused)?;
    transaction.rollback().await?;
    Ok(pending)
}

/// Writes the files of an import and sets its mark; answers the root that they stand under. No transaction is open while the
/// lock is waited for, and the database is read under the lock: so writers order themselves, and none writes an older state
/// over a newer one.
pub(super) async fn finish(
    access: DomainAccess,
    storage: &dyn Storage,
    root: Option<&str>,
    import: &SetupImport,
) -> Result<PathBuf, Problem> {
    let root = root_of(root)?;
    let path = root.clone();
    let workspace = blocking(&root, move || workspace::open(&path)).await?;
    let mut transaction = storage.begin(Access::Read).await?;
    let items = projection::read(access(&mut *transaction)).await?;
    transaction.rollback().await?;
    let task = import.task_id;
    let (workspace, written) = blocking(&root, move || {
        let written = write(&workspace, &items, task);
        Ok((workspace, written))
    })
    .await?;
    written.map_err(|error| error.into_problem(&root))?;
    let mut transaction = storage.begin(Access::Write).await?;
    let repositories = access(&mut *transaction);
    repositories.set_projection(&import.source, &import.import_id, ProjectionState::Written).await.map_err(refused)?;
    transaction.commit().await?;
    drop(workspace);
    Ok(root)
}

/// Why the files were not written.
enum Failure {
    Io(io::Error),
    Stale { key: String, on_disk: i64, known: i64 },
    Other(Problem),
}

impl Failure {
    fn into_problem(self, root: &Path) -> Problem {
        match self {
            Self::Io(error) => unwritable(root, &error),
            Self::Stale { key, on_disk, known } => Problem::new(
                ProblemKind::Unavailable,
                format!(
                    "The board in {} is at revision r{on_disk} of project {key}, this database only at r{known}; it was written \
                     from another database, and is not overwritten: move it away or set {ROOT_VARIABLE} to another folder",
                    root.display()
                ),
            ),
            Self::Other(problem) => problem,
        }
    }
}

/// Writes the files, unless the board on disk is newer than the database: then that database is not the one that wrote it.
fn write(workspace: &Workspace, items: &[Item], task: uuid::Uuid) -> Result<(), Failure> {
    let on_disk = projection::revisions_on_disk(&workspace.board().map_err(Failure::Io)?);
    let known = projection::revisions(items);
    for (project, known) in known {
        match on_disk.get(&project) {
            Some(on_disk) if *on_disk > known => {
                let key = projection::project_key(items, project);
                return Err(Failure::Stale { key, on_disk: *on_disk, known });
            }
            _ => {}
        }
    }
    let files = projection::files(items, task).map_err(Failure::Other)?;
    let own: BTreeSet<String> = projection::task_keys(items);
    workspace.write(&files, &own).map_err(Failure::Io)
}

async fn blocking<T: Send + 'static>(root: &Path, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| unwritable(root, &error)),
        Err(error) => Err(Problem::internal(error)),
    }
}

fn unwritable(root: &Path, error: &io::Error) -> Problem {
    Problem::new(ProblemKind::Unavailable, format!("The files under {} could not be written: {error}", root.display()))
        .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
}

/// The workspace's folder, `~` standing for the home of this process.
pub(super) fn root_of(setting: Option<&str>) -> Result<PathBuf, Problem> {
    let setting = setting.filter(|setting| !setting.trim().is_empty()).unwrap_or(DEFAULT_ROOT);
    let below_home = match setting.strip_prefix('~') {
        Some("") => "",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => return Ok(PathBuf::from(setting)),
    };
    let home = std::env::home_dir().ok_or_else(|| {
        let detail = format!("This process has no home folder, which {ROOT_VARIABLE} needs; set it to an absolute path");
        Problem::new(ProblemKind::Unavailable, detail)
    })?;
    Ok(home.join(below_home))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::Task;
    use jiff::Timestamp;
    use store::{ConnectOptions, Store};

    use super::{
        super::{SOURCE, import, payload::tests::body, projection::tests::state},
        *,
    };
    use crate::support::Effects;

    /// A database with an import that was committed and no further, as a crash leaves it.
    async fn interrupted(folder: &Path) -> (Store, Task) {
        let url = format!("sqlite://{}", folder.join("test.db").display());
        let store = Store::connect(&url, &ConnectOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let body = body("i-1", "DEMO-7", "Set up");
        let payload = serde_json::from_value(body.clone()).unwrap();
        let mut transaction = store.begin(Access::Write).await.unwrap();
        let repositories = store::repositories(&mut *transaction);
        let imported = import::apply(repositories, &mut Effects::default(), &payload, body, Timestamp::UNIX_EPOCH).await.unwrap();
        transaction.commit().await.unwrap();
        (store, imported.task)
    }

    async fn projection_of(store: &Store) -> ProjectionState {
        let mut transaction = store.begin(Access::Write).await.unwrap();
        let import = store::repositories(&mut *transaction).import(SOURCE, "i-1").await.unwrap().unwrap();
        transaction.rollback().await.unwrap();
        import.projection
    }

    #[tokio::test]
    async fn setup_import_a_start_finishes_what_a_crash_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let (store, task) = interrupted(folder.path()).await;
        let root = folder.path().join("workspace");
        let variable = |name: &str| (name == ROOT_VARIABLE).then(|| root.display().to_string());
        let report = recover(store::repositories, &store, variable).await;
        assert_eq!((report.finished, report.failed, report.error), (vec!["i-1".to_owned()], vec![], None));
        assert_eq!(projection_of(&store).await, ProjectionState::Written);
        for path in projection::paths(&task.key) {
            let text = std::fs::read_to_string(root.join(&path)).unwrap();
            assert!(text.contains("r1") && text.contains("DEMO-7"), "{path}: {text}");
        }
        assert!(recover(store::repositories, &store, variable).await.finished.is_empty());
    }

    #[tokio::test]
    async fn setup_import_files_that_cannot_be_written_stay_owed() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = interrupted(folder.path()).await;
        let root = folder.path().join("workspace");
        std::fs::write(&root, "in the way").unwrap();
        let variable = |_: &str| Some(root.display().to_string());
        let report = recover(store::repositories, &store, variable).await;
        assert_eq!(report.failed.len(), 1);
        assert!(report.failed[0].1.contains("could not be written"), "{:?}", report.failed);
        assert_eq!(projection_of(&store).await, ProjectionState::Pending);
        std::fs::remove_file(&root).unwrap();
        assert_eq!(recover(store::repositories, &store, variable).await.finished, ["i-1"]);
    }

    #[test]
    fn setup_import_the_root_may_begin_at_home() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(root_of(Some("~/w")).unwrap(), home.join("w"));
        assert_eq!(root_of(Some("~")).unwrap(), home.join(""));
        assert_eq!(root_of(Some("/srv/~/w")).unwrap(), Path::new("/srv/~/w"));
        assert!(root_of(None).unwrap().ends_with("projects/openclaw-runtime-live"));
    }

    #[tokio::test]
    async fn setup_import_no_live_entry_of_an_earlier_board_survives() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("board.json"), r#"{"tasks": [{"key": "LIVE-1"}]}"#).unwrap();
        let (items, task) = state(&[("i-1", "DEMO-1")]).await;
        let workspace = workspace::open(root.path()).unwrap();
        assert!(write(&workspace, &items, task).is_ok());
        let board = workspace.board().unwrap();
        assert!(board.contains("DEMO-1") && !board.contains("LIVE-"), "{board}");
    }

    #[tokio::test]
    async fn setup_import_an_older_state_never_overwrites_a_newer_one() {
        let root = tempfile::tempdir().unwrap();
        let workspace = workspace::open(root.path()).unwrap();
        let (newer, task) = state(&[("i-1", "DEMO-1"), ("i-2", "DEMO-1")]).await;
        assert!(write(&workspace, &newer, task).is_ok());
        let board = workspace.board().unwrap();
        let (mut older, task) = state(&[("i-1", "DEMO-1")]).await;
        projection::tests::as_project_of(&mut older, &newer);
        let Err(failure) = write(&workspace, &older, task) else { panic!("the older state was written") };
        assert!(failure.into_problem(root.path()).detail.contains("revision r2 of project DEMO"));
        assert_eq!(workspace.board().unwrap(), board);
    }
}

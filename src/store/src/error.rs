//! What goes wrong: errors of opening a database, and the sorting of a database's own errors into the engine's three kinds.

use engine::storage::StorageError;
use sqlx::error::{DatabaseError, ErrorKind};

/// Why a database cannot be opened, migrated or asked. No message holds a URL's password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is not one of a database that this program knows.
    #[error("the database URL cannot be used: {0}; write sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Url(String),
    /// The folder or file of a SQLite database cannot be made.
    #[error("cannot make the database file {path}: {source}; check the folder's owner and the free space")]
    File {
        /// Path.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The database does not let us in.
    #[error("cannot open the database {database}: {cause}")]
    Open {
        /// The database without its password.
        database: String,
        /// Cause.
        cause: StorageError,
    },
    /// The database was migrated by a newer program.
    #[error(
        "the database {database} has schema {found}, and this program knows schemas up to {known}: it was migrated by a newer \
         release; start that release, or restore the backup taken before the upgrade"
    )]
    Newer {
        /// The database without its password.
        database: String,
        /// Version found.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// A migration that was applied earlier has another text now.
    #[error(
        "migration {version} of the database {database} was applied with another text than this program carries: \
         the program was built from changed sources; build an unchanged release"
    )]
    Changed {
        /// The database without its password.
        database: String,
        /// Version.
        version: i64,
    },
    /// A migration failed; nothing of it is kept.
    #[error("the database {database} could not be migrated, and its schema is as before: {cause}")]
    Migrate {
        /// The database without its password.
        database: String,
        /// Cause.
        cause: String,
    },
    /// A later call failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl StoreError {
    /// Whether the same call may succeed later, as while a database server is starting.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Open { cause: StorageError::Unavailable(_), .. } | Self::Storage(StorageError::Unavailable(_)))
    }
}

/// A mistake in the program or in stored data.
pub(crate) fn internal(message: impl Into<String>) -> StorageError {
    StorageError::Internal(message.into())
}

/// Sorts an error of sqlx: what may pass is `Unavailable`, what another writer caused is `Conflict`, the rest is `Internal`.
pub(crate) fn classify(error: &sqlx::Error) -> StorageError {
    use sqlx::Error as E;
    match error {
        E::Database(database) => classify_answer(database.as_ref()),
        E::PoolTimedOut => StorageError::Unavailable("no connection could be had in time".to_owned()),
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => {
            StorageError::Unavailable(error.to_string())
        }
        _ => StorageError::Internal(error.to_string()),
    }
}

fn classify_answer(error: &(dyn DatabaseError + 'static)) -> StorageError {
    let code = error.code().unwrap_or_default();
    let message = format!("{} [{code}]", error.message());
    if error.kind() == ErrorKind::UniqueViolation {
        return StorageError::Conflict(message);
    }
    let postgres = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some();
    let (unavailable, conflict) = if postgres { sort_sqlstate(&code) } else { (sqlite_passes(&code), false) };
    match (unavailable, conflict) {
        (true, _) => StorageError::Unavailable(message),
        (_, true) => StorageError::Conflict(message),
        _ => StorageError::Internal(message),
    }
}

/// SQLSTATE (PostgreSQL manual, appendix A): whether it may pass, and whether another transaction caused it.
fn sort_sqlstate(code: &str) -> (bool, bool) {
    // 08 connection, 28 credentials (being changed), 53 resources (disk full, connections), 57 operator (shutdown, timeouts),
    // 58 I/O, 25006 read-only (a fail-over under way), 3D000 the database is missing (being restored), 55P03 a lock's wait.
    let unavailable =
        matches!(code.get(..2), Some("08" | "28" | "53" | "57" | "58")) || matches!(code, "25006" | "3D000" | "55P03");
    // 40 rollbacks: serialization failures and deadlocks.
    (unavailable, code.starts_with("40"))
}

/// Primary result codes of SQLite that may pass: busy, locked, out of memory, read-only, interrupted, I/O, full, cannot open,
/// locking protocol.
fn sqlite_passes(code: &str) -> bool {
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15))
}

/// The domain's view of the same failure.
pub(crate) fn of_domain(error: StorageError) -> domain::RepositoryError {
    match error {
        StorageError::Unavailable(text) => domain::RepositoryError::Unavailable(text),
        StorageError::Conflict(text) => domain::RepositoryError::Conflict(text),
        StorageError::Internal(text) => domain::RepositoryError::Internal(text),
    }
}

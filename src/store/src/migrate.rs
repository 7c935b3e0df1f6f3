//! The schema: applying migrations, and telling a database that is behind or ahead of this program. Migrations only go
//! forward; a text that was released is never changed.

use std::time::Duration;

use engine::storage::{Access, StorageError, StorageResult};
use sqlx::{
    ConnectOptions as _, Connection as _, SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{
    connect::{Db, Pools},
    error::{StoreError, classify, internal},
};

/// Version, name, text for SQLite, text for PostgreSQL.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[(
    1,
    "initial",
    include_str!("../../../migrations/sqlite/0001_initial.sql"),
    include_str!("../../../migrations/postgres/0001_initial.sql"),
)];

/// A migration may run longer than a request may wait, and a replica waits for the one that migrates.
const PATIENCE: Duration = Duration::from_secs(600);

/// A migration that is still to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingMigration {
    /// Version.
    pub version: i64,
    /// Name.
    pub name: &'static str,
}

/// The newest schema that this program knows.
pub(crate) fn known() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// The schema that the database has; 0 when it has none.
pub(crate) async fn found(db: &Db) -> StorageResult<i64> {
    let mut link = db.link(Access::Read).await?;
    let there = if db.is_postgres() {
        "SELECT CAST(COUNT(to_regclass('_sqlx_migrations')) AS BIGINT) AS n"
    } else {
        "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'"
    };
    let count = link.row(there, Vec::new()).await?.ok_or_else(|| internal("no count"))?.int("n")?;
    if count == 0 {
        return Ok(0);
    }
    let row = link.row("SELECT COALESCE(MAX(version), 0) AS version FROM _sqlx_migrations", Vec::new()).await?;
    row.ok_or_else(|| internal("no version"))?.int("version")
}

/// What [`apply`] would do.
pub(crate) async fn pending(db: &Db) -> Result<Vec<PendingMigration>, StoreError> {
    let found = found(db).await?;
    refuse_newer(db, found)?;
    let later = MIGRATIONS.iter().filter(|(version, ..)| *version > found);
    Ok(later.map(|&(version, name, ..)| PendingMigration { version, name }).collect())
}

/// Brings the schema up to date. Any number of processes may do this at once: one works, the others wait and find it done.
pub(crate) async fn apply(db: &Db) -> Result<(), StoreError> {
    refuse_newer(db, found(db).await?)?;
    let outcome = match db.pools() {
        Pools::Postgres(pool) => {
            let options = (*pool.connect_options()).clone().options([("statement_timeout", "0")]);
            run_postgres(options).await
        }
        Pools::Sqlite { writer, .. } => run_sqlite((*writer.connect_options()).clone().busy_timeout(PATIENCE)).await,
    };
    outcome.map_err(|error| explain(db, error))
}

/// `run_direct` is `run` for a connection at hand; the future of `run` cannot be sent between threads.
///
/// On a connection of its own: sqlx's advisory lock belongs to the session and ends with it, whatever happens.
async fn run_postgres(options: sqlx::postgres::PgConnectOptions) -> Result<(), MigrateError> {
    let mut connection = options.connect().await?;
    let outcome = migrator(true).run_direct(None, &mut connection, false).await;
    connection.close().await?;
    outcome
}

/// All of it in one transaction that holds SQLite's write lock from its first statement.
async fn run_sqlite(options: sqlx::sqlite::SqliteConnectOptions) -> Result<(), MigrateError> {
    let mut connection = options.connect().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrator(false).run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

fn migrator(postgres: bool) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|&(version, name, for_sqlite, for_postgres)| {
        let text = if postgres { for_postgres } else { for_sqlite };
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

fn refuse_newer(db: &Db, found: i64) -> Result<(), StoreError> {
    let known = known();
    if found > known {
        return Err(StoreError::Newer { database: db.name.clone(), found, known });
    }
    Ok(())
}

fn explain(db: &Db, error: MigrateError) -> StoreError {
    let database = db.name.clone();
    match error {
        MigrateError::VersionMissing(found) => StoreError::Newer { database, found, known: known() },
        MigrateError::VersionMismatch(version) => StoreError::Changed { database, version },
        MigrateError::Execute(error) => match classify(&error) {
            StorageError::Internal(cause) => StoreError::Migrate { database, cause },
            cause => StoreError::Open { database, cause },
        },
        other => StoreError::Migrate { database, cause: other.to_string() },
    }
}

//! Opening and migrating databases, and URLs that are refused.

use engine::storage::{Storage, StorageError};
use sqlx::{AssertSqlSafe, Connection as _};
use store::{ConnectOptions, Store, StoreError};

use crate::fixture::{Blank, Fixture, inbound, on_both};

/// Eight processes start at once on an empty database.
async fn migrate_at_once(blank: &Blank) {
    let mut work = Vec::new();
    for _ in 0..8 {
        let store = Store::connect(&blank.url(), &ConnectOptions::default()).await.unwrap();
        work.push(tokio::spawn(async move {
            store.migrate().await.unwrap();
            store.accept(&[inbound(None)]).await.unwrap();
        }));
    }
    for worker in work {
        worker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_migrators_at_once_on_sqlite() {
    migrate_at_once(&Blank::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_migrators_at_once_on_postgres() {
    let blank = Blank::postgres().await;
    migrate_at_once(&blank).await;
    blank.remove().await;
}

async fn run(fixture: &Fixture, statement: &str) {
    let statement = AssertSqlSafe(statement);
    match &fixture.blank {
        Blank::Sqlite { .. } => {
            let mut connection = sqlx::SqliteConnection::connect(&fixture.blank.url()).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        }
        Blank::Postgres { url } => {
            let mut connection = sqlx::PgConnection::connect(url.as_str()).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        }
    }
}

on_both! {
    /// An empty database is told from a migrated one, and migrating again changes nothing.
    async fn migrations_are_pending_once(fixture) {
        assert_eq!(fixture.store.pending_migrations().await.unwrap(), []);
        fixture.store.migrate().await.unwrap();
        assert!(fixture.store.ping().await.unwrap().ends_with(", schema 1"));
        run(&fixture, "DROP TABLE _sqlx_migrations").await;
        let pending = fixture.store.pending_migrations().await.unwrap();
        assert_eq!(pending.iter().map(|pending| (pending.version, pending.name)).collect::<Vec<_>>(), [(1, "initial")]);
        let error = fixture.store.ping().await.unwrap_err();
        assert!(matches!(&error, StorageError::Unavailable(text) if text.contains("mission-control migrate")), "{error}");
        let error = fixture.store.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::Migrate { .. }), "the tables are there: {error}");
    }

    /// A database of a newer release is left alone.
    async fn a_newer_schema_is_refused(fixture) {
        run(&fixture, "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                       VALUES (99, 'future', TRUE, '', 0)").await;
        for error in [fixture.store.migrate().await.unwrap_err(), fixture.store.pending_migrations().await.unwrap_err()] {
            assert!(matches!(error, StoreError::Newer { found: 99, known: 1, .. }), "{error}");
            assert!(error.to_string().contains("newer release"), "{error}");
        }
        assert!(fixture.store.ping().await.is_err());
    }

    /// A released migration whose text was changed is refused.
    async fn a_changed_migration_is_refused(fixture) {
        run(&fixture, "UPDATE _sqlx_migrations SET checksum = '00'").await;
        let error = fixture.store.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { version: 1, .. }), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_database_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::sqlite().await;
    fixture.store.accept(&[inbound(None)]).await.unwrap();
    let Blank::Sqlite { folder } = &fixture.blank else { unreachable!() };
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new"), 0o700);
    for name in ["new/mission-control.db", "new/mission-control.db-wal", "new/mission-control.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[tokio::test]
async fn urls_that_cannot_work_are_explained() {
    for url in
        ["", "no-scheme", "mysql://root:hunter2@host/db", "sqlite::memory:", "sqlite://", "postgres://u:hunter2@host:port/db"]
    {
        let error = Store::connect(url, &ConnectOptions::default()).await.unwrap_err();
        assert!(matches!(error, StoreError::Url(_)), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let url = format!("sqlite://{}/file/db", folder.path().display());
    let error = Store::connect(&url, &ConnectOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error}");
}

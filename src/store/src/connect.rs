//! Opening a database: URLs, pools and the settings that make a commit durable. It does not touch the schema.

use std::{path::Path, str::FromStr, time::Duration};

use engine::storage::{Access, StorageError, StorageResult};
use sqlx::{
    Connection as _, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    error::{StoreError, classify},
    sql::{Link, Raw},
};

/// How to connect. The defaults suit a service.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// PostgreSQL: most connections at a time.
    pub max_connections: u32,
    /// SQLite: connections for reading beside the one that writes.
    pub readers: u32,
    /// Longest wait for a connection.
    pub acquire_timeout: Duration,
    /// SQLite: longest wait for another writer, of this process or another one.
    pub busy_timeout: Duration,
    /// Longest run of one statement.
    pub statement_timeout: Duration,
    /// PostgreSQL: a transaction in which nothing happens for this long is ended, so that a frozen process holds no lock.
    pub idle_in_transaction_timeout: Duration,
    /// PostgreSQL: the name that the server's views show.
    pub application_name: String,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            readers: 4,
            acquire_timeout: Duration::from_secs(3),
            busy_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15),
            idle_in_transaction_timeout: Duration::from_secs(120),
            application_name: "mission-control".to_owned(),
        }
    }
}

/// An open database.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pools: Pools,
    /// For people: the database without its password.
    pub(crate) name: String,
    deadline: Duration,
}

#[derive(Debug, Clone)]
pub(crate) enum Pools {
    Postgres(PgPool),
    /// SQLite has one writer at a time anyway: one connection queues them fairly, where many would collide.
    Sqlite {
        writer: SqlitePool,
        reader: SqlitePool,
    },
}

impl Db {
    pub(crate) async fn open(url: &str, options: &ConnectOptions) -> Result<Self, StoreError> {
        let deadline = options.statement_timeout + Duration::from_secs(2);
        let (pools, name) = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => open_sqlite(url, options).await?,
            Some("postgres" | "postgresql") => open_postgres(url, options).await?,
            Some(scheme) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                return Err(StoreError::Url(format!("`{scheme}` is not a database that this program knows")));
            }
            _ => return Err(StoreError::Url("it has no scheme".to_owned())),
        };
        Ok(Self { pools, name, deadline })
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    /// A connection.
    pub(crate) async fn link(&self, access: Access) -> StorageResult<Link> {
        let raw = match (&self.pools, access) {
            (Pools::Postgres(pool), _) => pool.acquire().await.map(Raw::Postgres),
            (Pools::Sqlite { writer, .. }, Access::Write) => writer.acquire().await.map(Raw::Sqlite),
            (Pools::Sqlite { reader, .. }, Access::Read) => reader.acquire().await.map(Raw::Sqlite),
        };
        match raw {
            Ok(raw) => Ok(Link::new(raw, self.deadline)),
            Err(error) => Err(refused(&error)),
        }
    }

    pub(crate) async fn close(&self) {
        match &self.pools {
            Pools::Postgres(pool) => pool.close().await,
            Pools::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
        }
    }
}

/// While a connection is made every failure is of the kind that may pass: a server that starts, a password being changed.
fn refused(error: &sqlx::Error) -> StorageError {
    match classify(error) {
        StorageError::Internal(text) => StorageError::Unavailable(text),
        other => other,
    }
}

async fn open_postgres(url: &str, options: &ConnectOptions) -> Result<(Pools, String), StoreError> {
    let connect = PgConnectOptions::from_str(url).map_err(|error| StoreError::Url(error.to_string()))?;
    let name = postgres_name(&connect);
    let connect = connect.application_name(&options.application_name).options([
        ("statement_timeout", options.statement_timeout.as_millis().to_string()),
        ("idle_in_transaction_session_timeout", options.idle_in_transaction_timeout.as_millis().to_string()),
        // Claims and keys count on each statement seeing what was committed before it.
        ("default_transaction_isolation", "read committed".to_owned()),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        // A connection in steady use needs no test, which would cost a round trip on each use.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > Duration::from_secs(1) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(connect);
    if let Err(error) = pool.acquire().await {
        return Err(StoreError::Open { database: name, cause: refused(&error) });
    }
    Ok((Pools::Postgres(pool), name))
}

fn postgres_name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("postgres:{}/{database}", socket.display()),
        None => format!("postgres://{}@{}:{}/{database}", options.get_username(), options.get_host(), options.get_port()),
    }
}

async fn open_sqlite(url: &str, options: &ConnectOptions) -> Result<(Pools, String), StoreError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(StoreError::Url("a database in memory keeps nothing".to_owned()));
    }
    let connect = SqliteConnectOptions::from_str(url).map_err(|error| StoreError::Url(error.to_string()))?;
    let path = connect.get_filename().to_path_buf();
    if path.as_os_str().is_empty() {
        return Err(StoreError::Url("it names no file".to_owned()));
    }
    make_file(&path).map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
    let name = format!("sqlite://{}", path.display());
    let connect = connect
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        // Keeps a burst's write-ahead log from holding its room for ever.
        .pragma("journal_size_limit", "67108864")
        // A page that many commits change is copied to the main file once, not after every thousand pages.
        .pragma("wal_autocheckpoint", "8000");
    let pool = |most: u32, wait: Duration| {
        let pool = SqlitePoolOptions::new().max_connections(most).acquire_timeout(wait);
        pool.idle_timeout(None).max_lifetime(None).test_before_acquire(false)
    };
    let writer = pool(1, options.busy_timeout).connect_lazy_with(connect.clone());
    let reader = pool(options.readers, options.acquire_timeout).connect_lazy_with(connect.pragma("query_only", "ON"));
    // The writer's connection comes first: it turns the write-ahead log on.
    if let Err(error) = writer.acquire().await {
        return Err(StoreError::Open { database: name, cause: refused(&error) });
    }
    Ok((Pools::Sqlite { writer, reader }, name))
}

/// Makes the folder and the file, readable by their owner alone. SQLite gives its companion files the file's mode.
fn make_file(path: &Path) -> std::io::Result<()> {
    let mut folder = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    folder.recursive(true);
    file.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder.create(parent)?;
    }
    file.open(path).map(drop)
}

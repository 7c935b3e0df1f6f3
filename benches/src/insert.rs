//! What a database can do by itself: rows inserted and committed one at a time, each in its own transaction, as durable as the
//! service commits (SQLite: write-ahead log with `synchronous=FULL`; PostgreSQL: `fsync` and `synchronous_commit`). The table is
//! the plainest possible, a key and the payload, so that the comparison is the hardest possible.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use url::Url;
use uuid::Uuid;

use crate::manifests::PAYLOAD;

const INSERT: &str = "INSERT INTO rows_of_their_own (id, body) VALUES ($1, $2)";

/// A database that the benchmark may fill.
#[derive(Debug, Clone)]
pub struct Database {
    /// URL as `DATABASE_URL` takes it.
    pub url: String,
    /// Whether it is PostgreSQL.
    pub is_postgres: bool,
}

impl Database {
    /// A new database of a PostgreSQL server. It has to commit for good, or every number would be worthless.
    pub async fn of_server(server: &str, name: &str) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(server).await.context("PostgreSQL does not answer")?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value: String = sqlx::query_scalar(AssertSqlSafe(format!("SHOW {setting}"))).fetch_one(&mut connection).await?;
            ensure!(value == "on", "PostgreSQL runs with {setting}={value}: its commits would not be durable");
        }
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let mut url = Url::parse(server)?;
        url.set_path(name);
        Ok(Self { url: url.into(), is_postgres: true })
    }

    /// What the server says of its version.
    pub async fn version(server: &str) -> anyhow::Result<(String, String)> {
        let mut postgres = PgConnection::connect(server).await?;
        let mut sqlite = SqliteConnection::connect("sqlite::memory:").await?;
        let postgres = sqlx::query_scalar("SHOW server_version").fetch_one(&mut postgres).await?;
        Ok((sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut sqlite).await?, postgres))
    }

    async fn postgres(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect_with(&PgConnectOptions::from_str(&self.url)?).await?)
    }

    async fn sqlite(&self) -> anyhow::Result<SqliteConnection> {
        let options = SqliteConnectOptions::from_str(&self.url)?.create_if_missing(true);
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        Ok(SqliteConnection::connect_with(&options).await?)
    }

    /// Inserts for this long over this many connections at a time; answers the rows committed in a second.
    pub async fn insert(&self, connections: u32, time: Duration) -> anyhow::Result<f64> {
        self.make_table().await?;
        let mut tasks = tokio::task::JoinSet::new();
        let started = Instant::now();
        for _ in 0..connections {
            let database = self.clone();
            tasks.spawn(async move { database.insert_in_turn(time).await });
        }
        let mut rows = 0_u32;
        while let Some(outcome) = tasks.join_next().await {
            rows += outcome??;
        }
        Ok(f64::from(rows) / started.elapsed().as_secs_f64())
    }

    async fn make_table(&self) -> anyhow::Result<()> {
        if self.is_postgres {
            let table = "CREATE TABLE IF NOT EXISTS rows_of_their_own (id TEXT PRIMARY KEY, body BYTEA NOT NULL)";
            sqlx::query(table).execute(&mut self.postgres().await?).await?;
        } else {
            let table = "CREATE TABLE IF NOT EXISTS rows_of_their_own (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT";
            sqlx::query(table).execute(&mut self.sqlite().await?).await?;
        }
        Ok(())
    }

    async fn insert_in_turn(&self, time: Duration) -> anyhow::Result<u32> {
        let mut rows = 0;
        if self.is_postgres {
            let mut connection = self.postgres().await?;
            let started = Instant::now();
            while started.elapsed() < time {
                sqlx::query(INSERT).bind(new_id()).bind(PAYLOAD.as_bytes()).execute(&mut connection).await?;
                rows += 1;
            }
        } else {
            let mut connection = self.sqlite().await?;
            let started = Instant::now();
            while started.elapsed() < time {
                sqlx::query(INSERT).bind(new_id()).bind(PAYLOAD.as_bytes()).execute(&mut connection).await?;
                rows += 1;
            }
        }
        Ok(rows)
    }

    /// Deliveries that the service stored for a contract, and how many of them took effect.
    pub async fn deliveries(&self, contract: &str) -> anyhow::Result<(i64, i64)> {
        let text = "SELECT count(*), count(*) FILTER (WHERE state = 'done') FROM deliveries WHERE contract = $1";
        Ok(if self.is_postgres {
            sqlx::query_as(text).bind(contract).fetch_one(&mut self.postgres().await?).await?
        } else {
            sqlx::query_as(text).bind(contract).fetch_one(&mut self.sqlite().await?).await?
        })
    }
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

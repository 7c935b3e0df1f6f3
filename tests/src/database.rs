//! Databases of tests: a file in the world's folder, or a database of its own on the PostgreSQL that `scripts/test` started.

use std::path::Path;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};

/// The variable with the URL of a PostgreSQL server whose user may create databases.
pub const POSTGRES: &str = "MISSION_CONTROL_TEST_POSTGRES_URL";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A database of one test.
#[derive(Debug)]
pub struct Database {
    /// `DATABASE_URL`.
    pub url: String,
    /// Which.
    pub kind: Kind,
    name: Option<String>,
}

impl Database {
    /// Makes one. Without PostgreSQL the test fails and says what to do.
    pub async fn make(kind: Kind, folder: &Path) -> Result<Self> {
        match kind {
            Kind::Sqlite => {
                Ok(Self { url: format!("sqlite://{}", folder.join("mission-control.db").display()), kind, name: None })
            }
            Kind::Postgres => {
                let name = format!("mc_{}", uuid::Uuid::now_v7().simple());
                let mut connection = PgConnection::connect(&server()?).await.context("the test PostgreSQL does not answer")?;
                connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
                connection.close().await?;
                Ok(Self { url: with_name(&server()?, &name)?, kind, name: Some(name) })
            }
        }
    }

    /// Runs a statement, past the service.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        let outcome = match self.kind {
            Kind::Sqlite => self.sqlite().await.execute(sql).await.map(drop),
            Kind::Postgres => self.postgres().await.execute(sql).await.map(drop),
        };
        outcome.expect("the statement runs");
    }

    /// The first column of every row, past the service: for facts that no surface shows. It has to be text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::Sqlite => {
                let rows = self.sqlite().await.fetch_all(sql).await.expect("the query runs");
                rows.iter().map(|row| row.get(0)).collect()
            }
            Kind::Postgres => {
                let rows = self.postgres().await.fetch_all(sql).await.expect("the query runs");
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// A connection to the file.
    pub async fn sqlite(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url).await.expect("the file opens")
    }

    /// A connection to the server.
    pub async fn postgres(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the server answers")
    }

    /// Removes it.
    pub async fn remove(&self) -> Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        let mut connection = PgConnection::connect(&server()?).await?;
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
        Ok(connection.close().await?)
    }
}

fn server() -> Result<String> {
    std::env::var(POSTGRES).with_context(|| {
        format!(
            "{POSTGRES} is unset: this test needs PostgreSQL; run scripts/test, which starts one, or set it to a superuser's URL"
        )
    })
}

/// The URL with another database name.
fn with_name(url: &str, name: &str) -> Result<String> {
    let (start, query) = url.split_once('?').map_or((url, None), |(start, query)| (start, Some(query)));
    let scheme_end = start.find("://").context("the URL has no scheme")? + 3;
    let path = start[scheme_end..].find('/').map_or(start.len(), |slash| scheme_end + slash);
    Ok(match query {
        Some(query) => format!("{}/{name}?{query}", &start[..path]),
        None => format!("{}/{name}", &start[..path]),
    })
}

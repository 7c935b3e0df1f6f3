//! One SQL text for two databases: arguments, rows and a connection that hide which of the two is behind them. It knows
//! statements and their failures, not what they mean.
//!
//! PostgreSQL has no NUL in text. Every text that goes to either database passes through [`Arg`], which puts U+FFFD in its
//! place, so that both keep the same. JSON is safe: its NUL is written as an escape.

use std::{borrow::Cow, str::FromStr, time::Duration};

use engine::storage::{StorageError, StorageResult};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite, pool::PoolConnection, postgres::PgRow, sqlite::SqliteRow,
};
use uuid::Uuid;

use crate::error::{classify, internal};

/// A value bound to a placeholder. A null keeps its type: PostgreSQL asks for it.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    Text(Option<Cow<'a, str>>),
    Int(Option<i64>),
    Bytes(Option<Cow<'a, [u8]>>),
    /// PostgreSQL only, for `UNNEST`.
    Texts(Vec<Option<Cow<'a, str>>>),
    /// PostgreSQL only.
    Ints(Vec<Option<i64>>),
    /// PostgreSQL only.
    Blobs(Vec<&'a [u8]>),
}

/// Text that both databases can hold.
pub(crate) fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { text }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(clean(Cow::Borrowed(text))))
    }
}
impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(clean(Cow::Owned(text))))
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}
impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text.map(|text| clean(Cow::Borrowed(text))))
    }
}
impl<'a> From<Cow<'a, str>> for Arg<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(Some(clean(text)))
    }
}
impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}
impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self::Int(Some(number.into()))
    }
}
impl From<Uuid> for Arg<'_> {
    fn from(id: Uuid) -> Self {
        Self::Text(Some(Cow::Owned(id.to_string())))
    }
}
impl From<Timestamp> for Arg<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Int(Some(time.as_microsecond()))
    }
}
impl From<Option<Timestamp>> for Arg<'_> {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Int(time.map(|time| time.as_microsecond()))
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(bytes)))
    }
}
impl<'a> From<&'a Vec<u8>> for Arg<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}
impl From<&Value> for Arg<'_> {
    fn from(value: &Value) -> Self {
        Self::Text(Some(Cow::Owned(value.to_string())))
    }
}

/// Arguments in the order of the placeholders.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Arg::from($value)),*] };
}
pub(crate) use args;

/// A statement's text. Fixed ones are prepared once per connection.
pub(crate) enum Sql {
    Fixed(&'static str),
    Built(String),
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}
impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self::Built(text)
    }
}

impl Sql {
    fn parts(self) -> (SqlStr, bool) {
        match self {
            Self::Fixed(text) => (text.into_sql_str(), true),
            // Built from fixed pieces and placeholder numbers alone; values are bound.
            Self::Built(text) => (AssertSqlSafe(text).into_sql_str(), false),
        }
    }
}

/// A row of either database.
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

macro_rules! getters {
    ($($name:ident: $type:ty;)*) => {
        $(pub(crate) fn $name(&self, column: &'static str) -> StorageResult<$type> {
            match self {
                Self::Postgres(row) => row.try_get(column),
                Self::Sqlite(row) => row.try_get(column),
            }
            .map_err(|error| internal(format!("column `{column}`: {error}")))
        })*
    };
}

impl Row {
    getters! {
        text: String;
        opt_text: Option<String>;
        int: i64;
        opt_int: Option<i64>;
        bytes: Vec<u8>;
        opt_bytes: Option<Vec<u8>>;
    }

    pub(crate) fn uuid(&self, column: &'static str) -> StorageResult<Uuid> {
        self.word(column)
    }

    pub(crate) fn time(&self, column: &'static str) -> StorageResult<Timestamp> {
        timestamp(column, self.int(column)?)
    }

    pub(crate) fn opt_time(&self, column: &'static str) -> StorageResult<Option<Timestamp>> {
        self.opt_int(column)?.map(|micros| timestamp(column, micros)).transpose()
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> StorageResult<T> {
        serde_json::from_str(&self.text(column)?).map_err(|error| internal(format!("column `{column}`: {error}")))
    }

    /// A text that stands for a value: an enum's word, a key, an id.
    pub(crate) fn word<T: FromStr<Err: std::fmt::Display>>(&self, column: &'static str) -> StorageResult<T> {
        self.text(column)?.parse().map_err(|error| internal(format!("column `{column}`: {error}")))
    }

    /// The same for a type that knows its words through serde.
    pub(crate) fn named<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> StorageResult<T> {
        serde_json::from_value(Value::String(self.text(column)?)).map_err(|error| internal(format!("column `{column}`: {error}")))
    }

    pub(crate) fn count<T: TryFrom<i64>>(&self, column: &'static str) -> StorageResult<T> {
        let number = self.int(column)?;
        T::try_from(number).map_err(|_| internal(format!("column `{column}`: {number} is out of range")))
    }
}

fn timestamp(column: &str, micros: i64) -> StorageResult<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| internal(format!("column `{column}`: {error}")))
}

/// A connection taken from a pool.
pub(crate) struct Link {
    raw: Raw,
    /// A statement was begun and its end was not seen: the connection's state is unknown, it is closed instead of reused.
    busy: bool,
    /// Longest wait for a statement, above the database's own limit: a network that swallows packets must not hang us.
    deadline: Duration,
}

pub(crate) enum Raw {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

macro_rules! bound {
    ($database:ty, $sql:expr, $args:expr, $arrays:ident) => {{
        let (text, persistent) = $sql.parts();
        let mut query = sqlx::query::<$database>(text).persistent(persistent);
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text),
                Arg::Int(number) => query.bind(number),
                Arg::Bytes(bytes) => query.bind(bytes),
                arrays => $arrays!(query, arrays),
            };
        }
        query
    }};
}

macro_rules! arrays {
    ($query:ident, $arg:ident) => {
        match $arg {
            Arg::Texts(texts) => $query.bind(texts),
            Arg::Ints(numbers) => $query.bind(numbers),
            Arg::Blobs(blobs) => $query.bind(blobs),
            Arg::Text(_) | Arg::Int(_) | Arg::Bytes(_) => $query,
        }
    };
}

macro_rules! no_arrays {
    ($query:ident, $arg:ident) => {{
        return Err(internal(format!("SQLite has no arrays: {:?}", $arg)));
    }};
}

impl Link {
    pub(crate) fn new(raw: Raw, deadline: Duration) -> Self {
        Self { raw, busy: false, deadline }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.raw, Raw::Postgres(_))
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Runs a statement and gives its rows.
    pub(crate) async fn rows(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<Vec<Row>> {
        let sql = sql.into();
        self.busy = true;
        let outcome = match &mut self.raw {
            Raw::Postgres(connection) => {
                let query = bound!(Postgres, sql, args, arrays);
                within(self.deadline, query.fetch_all(&mut **connection))
                    .await
                    .map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
            Raw::Sqlite(connection) => {
                let query = bound!(Sqlite, sql, args, no_arrays);
                within(self.deadline, query.fetch_all(&mut **connection))
                    .await
                    .map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
        };
        self.settle(outcome)
    }

    /// Runs a statement and gives its first row.
    pub(crate) async fn row(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<Option<Row>> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, args: Vec<Arg<'_>>) -> StorageResult<u64> {
        let sql = sql.into();
        self.busy = true;
        let outcome = match &mut self.raw {
            Raw::Postgres(connection) => {
                let query = bound!(Postgres, sql, args, arrays);
                within(self.deadline, query.execute(&mut **connection)).await.map(|done| done.rows_affected())
            }
            Raw::Sqlite(connection) => {
                let query = bound!(Sqlite, sql, args, no_arrays);
                within(self.deadline, query.execute(&mut **connection)).await.map(|done| done.rows_affected())
            }
        };
        self.settle(outcome)
    }

    /// Runs a statement of transaction control, which is not worth preparing.
    pub(crate) async fn control(&mut self, sql: impl Into<Sql>) -> StorageResult<()> {
        let (text, _) = sql.into().parts();
        self.busy = true;
        let outcome = match &mut self.raw {
            Raw::Postgres(connection) => within(self.deadline, sqlx::raw_sql(text).execute(&mut **connection)).await.map(drop),
            Raw::Sqlite(connection) => within(self.deadline, sqlx::raw_sql(text).execute(&mut **connection)).await.map(drop),
        };
        self.settle(outcome)
    }

    /// An answer of the database, good or bad, leaves the connection in step; anything else does not.
    fn settle<T>(&mut self, outcome: Result<T, sqlx::Error>) -> StorageResult<T> {
        self.busy = !matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_)));
        outcome.map_err(|error| classify(&error))
    }

    /// Has the connection closed instead of given back.
    pub(crate) fn discard(&mut self) {
        match &mut self.raw {
            Raw::Postgres(connection) => connection.close_on_drop(),
            Raw::Sqlite(connection) => connection.close_on_drop(),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.busy {
            self.discard();
        }
    }
}

async fn within<T>(deadline: Duration, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
        Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("the database did not answer within {} s", deadline.as_secs()),
        )))
    })
}

/// A failure that no statement reports: what is stored is not what the program expects.
pub(crate) fn missing(what: &str) -> StorageError {
    internal(format!("{what} is not stored"))
}

//! The database, for commands that use it directly: beside a running service or without one. `serve` has its own way.

use std::{future::Future, path::Path};

use anyhow::{Context as _, bail};
use engine::storage::{Access, AuditEntry, Storage as _};
use jiff::Timestamp;
use serde_json::Value;
use store::{ConnectOptions, Store};
use uuid::Uuid;

use crate::wiring;

/// Who acts when a command of this program does: audit entries name it.
pub(crate) const ACTOR: &str = "command line";

/// Runs database work to its end on this thread.
pub(crate) fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime cannot be started")?;
    runtime.block_on(work)
}

/// Opens the database as it is; a SQLite file is made when it is missing.
pub(crate) async fn connect() -> anyhow::Result<Store> {
    let options = ConnectOptions { max_connections: 2, readers: 1, ..ConnectOptions::default() };
    Ok(Store::connect(&wiring::database_url()?, &options).await?)
}

/// Opens a database that is there; a missing SQLite file is an error, so that looking makes nothing.
pub(crate) async fn existing() -> anyhow::Result<Store> {
    let url = wiring::database_url()?;
    if let Some(path) = sqlite_file(&url)
        && !Path::new(path).exists()
    {
        bail!(
            "there is no database {path}; `mission-control serve` or `mission-control migrate` makes it, or set DATABASE_URL to another one"
        );
    }
    connect().await
}

/// Opens a database that is there and has this program's schema.
pub(crate) async fn ready() -> anyhow::Result<Store> {
    let store = existing().await?;
    let pending = store.pending_migrations().await?;
    if !pending.is_empty() {
        bail!("{} lacks migrations of this program; run `mission-control migrate` first", store.name());
    }
    Ok(store)
}

/// The file that a SQLite URL names.
fn sqlite_file(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    Some(path.split('?').next().unwrap_or(path)).filter(|path| !path.is_empty())
}

/// Adds a trace of what a command changed.
pub(crate) async fn audit(
    store: &Store,
    contract: &str,
    action: &str,
    object: (&str, &str),
    details: Value,
) -> anyhow::Result<()> {
    let entry = AuditEntry {
        id: Uuid::now_v7(),
        at: Timestamp::now(),
        actor: ACTOR.to_owned(),
        contract: contract.to_owned(),
        request_id: Uuid::now_v7().to_string(),
        action: action.to_owned(),
        object_kind: object.0.to_owned(),
        object_id: object.1.to_owned(),
        details,
    };
    let mut transaction = store.begin(Access::Write).await?;
    transaction.audit(&entry).await?;
    transaction.commit().await.context("the audit entry cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_url_names_its_file() {
        assert_eq!(sqlite_file("sqlite://data/a.db?mode=rw"), Some("data/a.db"));
        assert_eq!(sqlite_file("sqlite:///var/a.db"), Some("/var/a.db"));
        assert_eq!(sqlite_file("sqlite:a.db"), Some("a.db"));
        assert_eq!(sqlite_file("postgres://localhost/a"), None);
    }
}

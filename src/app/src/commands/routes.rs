//! `mission-control routes`: what a contracts folder mounts, one line for each method and path.

use std::path::PathBuf;

use clap::Args;
use contract::catalog::{AuthMethod, Catalog, DeliveryMode, Route, State};
use serde::Serialize;

use crate::{
    loaded,
    output::{self, Cell, Look, Tone, word},
};

/// List what is mounted: methods, paths, contracts and how they are guarded
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control routes\n  mission-control routes --contract plane-webhook --json")]
pub(crate) struct Routes {
    /// Only the routes of this contract
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Folder of manifests; MISSION_CONTROL_CONTRACTS, `contracts` or the copy inside the program when left out
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
}

/// One mounted route.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    method: &'static str,
    path: String,
    contract: String,
    handler: &'static str,
    auth: Vec<String>,
    delivery: String,
    state: State,
    alias_of: Option<String>,
    deprecated: bool,
}

impl Routes {
    /// Writes the list.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let loaded = loaded::load(self.contracts.as_deref())?;
        if let Some(id) = &self.contract {
            super::explain::find_contract(&loaded.catalog, id)?;
        }
        let mut rows = rows(&loaded.catalog, &|name| loaded.environment.is_set(name));
        rows.retain(|row| self.contract.as_ref().is_none_or(|id| row.contract == *id));
        if self.json {
            output::print_json(&rows)?;
        } else {
            output::print(&text(rows, Look::stdout()))?;
        }
        Ok(true)
    }
}

/// The routes in the catalog's order.
fn rows(catalog: &Catalog, is_set: &dyn Fn(&str) -> bool) -> Vec<Row> {
    let row = |route: &Route| Row {
        method: route.method.as_str(),
        path: route.path.clone(),
        contract: route.contract.clone(),
        handler: route.handler.name,
        auth: route.auth.iter().map(guard).collect(),
        delivery: delivery(route),
        state: catalog.contract(&route.contract).map_or(State::Mounted, |contract| contract.state(is_set)),
        alias_of: route.alias_of.clone(),
        deprecated: route.deprecated.is_some(),
    };
    catalog.routes().map(|route| row(route)).collect()
}

/// A method of auth in two words: `signature PLANE_WEBHOOK_SECRET`, `session viewer`.
fn guard(method: &AuthMethod) -> String {
    match method {
        AuthMethod::Session { role } => format!("session {}", word(role)),
        AuthMethod::Token { scope } => format!("token {}", word(scope)),
        other => format!("{} {}", other.name(), other.variable().unwrap_or_default()).trim_end().to_owned(),
    }
}

fn delivery(route: &Route) -> String {
    match (&route.delivery.key, route.delivery.mode) {
        (Some(key), mode) => format!("{} {}", word(&mode), key.source()),
        (None, DeliveryMode::Durable) => "durable".to_owned(),
        (None, DeliveryMode::Sync) => "sync".to_owned(),
    }
}

/// The colour of a state.
pub(super) fn state_tone(state: State) -> Tone {
    match state {
        State::Mounted => Tone::Good,
        State::Unconfigured => Tone::Warn,
        State::Declared | State::Planned => Tone::Dim,
    }
}

fn text(rows: Vec<Row>, look: Look) -> String {
    let cells = |row: Row| -> Vec<Cell> {
        let remark = match (&row.alias_of, row.deprecated) {
            (Some(_), true) => " (deprecated alias)",
            (Some(_), false) => " (alias)",
            (None, true) => " (deprecated)",
            (None, false) => "",
        };
        let auth = if row.auth.is_empty() { "none".to_owned() } else { row.auth.join(", ") };
        vec![
            row.method.into(),
            format!("{}{remark}", row.path).into(),
            row.contract.into(),
            row.handler.into(),
            auth.into(),
            row.delivery.into(),
            Cell::new(word(&row.state), state_tone(row.state)),
        ]
    };
    let rows = rows.into_iter().map(cells).collect();
    output::table(&["METHOD", "PATH", "CONTRACT", "HANDLER", "AUTH", "DELIVERY", "STATE"], rows, look)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_route_is_a_line_with_its_guard_and_state() {
        let loaded = super::super::explain::embedded();
        let rows = rows(&loaded.catalog, &|_| false);
        let plane = rows.iter().find(|row| row.contract == "plane-webhook").unwrap();
        assert_eq!(plane.auth, ["signature PLANE_WEBHOOK_SECRET", "secret PLANE_WEBHOOK_SECRET"]);
        assert_eq!(plane.delivery, "durable header.x-plane-delivery".replace("x-plane-delivery", "X-Plane-Delivery"));
        assert_eq!(plane.state, State::Unconfigured);
        let text = text(rows, Look::PLAIN);
        assert!(text.lines().any(|line| line.starts_with("GET") && line.contains("/healthz") && line.contains("none")), "{text}");
    }
}

//! A running catalog.
//!
//! The engine serves what a [`contract::catalog::Catalog`] declares: it mounts the routes, guards them, makes deliveries
//! durable, dispatches events and publishes the documents. It names no plugin and no domain type; a catalog of `engine.*`
//! handlers alone is served in full.

pub mod environment;
pub mod guard;
pub mod handler;
pub mod problem;
pub mod settings;
pub mod storage;

use std::sync::Arc;

use environment::Environment;
use handler::Context;
use problem::Problem;
use storage::Storage;

/// The running engine. Handlers reach everything that is shared through it.
pub struct Engine {
    environment: Environment,
    storage: Arc<dyn Storage>,
}

impl Engine {
    /// The database.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The variables.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Turns the context's events into outbound deliveries of its transaction.
    pub(crate) async fn flush_events(&self, context: &mut Context<'_>) -> Result<(), Problem> {
        let _ = context;
        Ok(())
    }
}

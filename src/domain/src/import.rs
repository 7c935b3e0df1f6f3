//! Setup imports: what another system set up here, once per import id, and the state of the files projected from it.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::lane::words;

words! {
    /// Whether the files of an import have been written.
    ProjectionState {
        /// Committed, files still to be written.
        Pending = "pending",
        /// Written.
        Written = "written",
    }
}

/// A setup import that took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct SetupImport {
    /// The sender's id of the import; unique by source.
    pub import_id: String,
    /// The sender, as `jhf-warp`.
    pub source: String,
    /// SHA-256 of the payload in its canonical form.
    pub digest: Vec<u8>,
    /// Project that it set up.
    pub project_id: Uuid,
    /// Task that it set up.
    pub task_id: Uuid,
    /// The payload.
    pub payload: Value,
    /// Revision that the projected files name; grows with each import of a project.
    pub revision: i64,
    /// State of the projection.
    pub projection: ProjectionState,
    /// When.
    pub created_at: Timestamp,
}

//! Warp: a setup import makes a work item here and projects it into the OpenClaw workspace.
//!
//! An import takes effect in two steps, since a database and a folder do not commit together. First the work item and the
//! import, marked "files pending", are committed. Then the files are written from what the database says *now*, under a lock
//! of the folder, and the mark is set to "written". A crash in between leaves the mark, and the next start, or the same
//! request again, finishes. Because the database is read after the lock is held, whoever writes last writes the newest state.

mod import;
mod payload;
mod projection;
mod recovery;
pub(crate) mod setup_import;
mod workspace;

pub use recovery::RecoveryReport;
pub(crate) use recovery::recover;

/// The source of imports and external mappings of this integration.
const SOURCE: &str = "jhf-warp";

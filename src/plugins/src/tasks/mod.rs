//! Tasks: reading them, and `tasks.upsert`, with which an integration of one YAML file and no Rust makes tasks.

pub(crate) mod list;
pub(crate) mod settings;
pub(crate) mod show;
pub(crate) mod upsert;

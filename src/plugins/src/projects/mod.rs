//! Projects: reading them and their boards.

pub(crate) mod board;
pub(crate) mod list;
pub(crate) mod show;

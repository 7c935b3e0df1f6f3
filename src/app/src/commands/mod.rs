//! The commands, a file each. A command is the arguments that clap fills in and a `run` that answers whether all is well;
//! its text is made by pure functions, so that a test can read it.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod deliveries;
pub(crate) mod deprecations;
pub(crate) mod docs;
pub(crate) mod explain;
pub(crate) mod handlers;
pub(crate) mod migrate;
pub(crate) mod new;
pub(crate) mod operator;
pub(crate) mod routes;

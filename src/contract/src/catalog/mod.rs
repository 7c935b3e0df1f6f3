//! Knows meaning.
pub mod model;
pub use model::*;

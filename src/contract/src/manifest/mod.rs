//! Knows text: a folder of YAML files with positions, and the types that mirror them.
//!
//! The way of a file: bytes ([`folder`]) → a tree with exact places ([`yaml`]) → checked against the schema that is
//! generated from the types ([`structure`], [`schema`]) → a typed document ([`load`]). What the documents mean together is
//! the business of [`crate::catalog`].

pub mod folder;
pub mod load;
pub mod model;
pub mod node;
pub(crate) mod parallel;
pub mod schema;
mod shape;
pub mod structure;
pub mod yaml;

pub use folder::Folder;
pub use load::{Document, Documents, load};
pub use schema::{preset_schema, schema, service_schema};

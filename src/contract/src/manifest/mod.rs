//! Knows text: YAML files with positions, and the types that mirror them.
pub mod model;

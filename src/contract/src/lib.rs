//! The contract format and its meaning.
//!
//! Data flows one way through this crate: [`manifest`] knows text (YAML with positions), [`catalog`] knows meaning (one
//! immutable, resolved [`catalog::Catalog`]), [`publish`] turns a catalog into documents and [`plan`] into the checks that
//! it implies. Everything is a pure function: no sockets, no database, no clock that was not handed in.

pub mod catalog;
pub mod finding;
pub mod handler;
pub mod manifest;
pub mod plan;
pub mod publish;
pub mod template;

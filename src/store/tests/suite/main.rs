//! One suite for both databases: what a test asks of SQLite it asks of PostgreSQL too.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod claims;
mod fixture;
mod inbox;
mod keys;
mod locks;
mod opening;
mod outages;
mod proxy;
mod repositories;
mod transactions;

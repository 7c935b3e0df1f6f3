//! Support of the black-box suite: real processes on real databases, driven over HTTP and the command line.
//!
//! A test has a [`World`] (a temporary folder, a database, variables, a contracts folder), starts [`Server`]s in it and talks
//! to them with [`Call`]s that read as actor, verb, expectation. Nothing here knows the inside of the service; what the
//! matrix of auth checks needs of the catalog comes from the same crates that the service is made of.

pub mod credentials;
pub mod database;
pub mod operator;
pub mod plane;
pub mod program;
pub mod proxy;
pub mod raw;
pub mod receiver;
pub mod request;
pub mod server;
pub mod world;

pub use database::Database;
pub use operator::Operator;
pub use receiver::Receiver;
pub use request::{Answer, Call};
pub use server::Server;
pub use world::World;

/// Declares a test that runs on both databases: `on_both!(name, |world| async move { … })`.
#[macro_export]
macro_rules! on_both {
    ($(#[$meta:meta])* $name:ident, $body:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "a test may need nothing of its module")]
            use super::*;

            $(#[$meta])*
            #[test]
            fn sqlite() {
                $crate::world::run($crate::database::Kind::Sqlite, $body);
            }

            $(#[$meta])*
            #[test]
            fn postgres() {
                $crate::world::run($crate::database::Kind::Postgres, $body);
            }
        }
    };
}

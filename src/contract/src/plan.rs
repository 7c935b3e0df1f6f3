//! The checks that a manifest implies.

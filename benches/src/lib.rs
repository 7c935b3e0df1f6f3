//! The benchmark of the whole program: it starts the real binary on real databases, loads it with `wrk`, and holds what comes
//! out to the goals of the project, all in one run and in one table.
//!
//! `scripts/bench` prepares what is needed and calls this. Nothing here is part of the service, and nothing here knows its
//! inside but [`loading`], which times the steps from a folder to a mounted catalog in this process. The micro-benchmarks of
//! single functions are in `benches/hot_paths`.

pub mod bare;
pub mod durable;
pub mod host;
pub mod insert;
pub mod load;
pub mod loading;
pub mod manifests;
pub mod peers;
pub mod plan;
pub mod process;
pub mod route;
pub mod scale;
pub mod service;
pub mod start;
pub mod statistics;
pub mod table;

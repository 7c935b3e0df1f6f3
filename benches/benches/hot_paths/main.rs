//! Micro-benchmarks of what every request and every reload goes through: `cargo bench -p bench`. They show where a change in
//! the table of `scripts/bench` comes from; no goal is held to them.

mod guard;
mod mounted;
mod resolving;
mod routing;
mod texts;

use criterion::{criterion_group, criterion_main};

criterion_group!(hot_paths, guard::benchmark, texts::benchmark, routing::benchmark, resolving::benchmark);
criterion_main!(hot_paths);

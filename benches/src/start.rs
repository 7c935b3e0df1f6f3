//! Starting and resting: from the start of the process to the first `200` of `/readyz` with the shipped contracts on a SQLite
//! database that is there already, and the memory that it holds when nobody asks anything.

use std::time::{Duration, Instant};

use crate::{
    plan::Plan,
    process::Server,
    service::{Service, sqlite},
    statistics::{median, range},
    table::Row,
};

/// Most milliseconds from start to ready.
const READY: f64 = 150.0;
/// Most mebibytes of resident memory.
const RESIDENT: f64 = 40.0;
/// After this a new process has settled.
const SETTLED: Duration = Duration::from_secs(2);

/// Measures both.
pub fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let database = sqlite(&plan.work.join("start/service.db"));
    let service = Service { contracts: plan.contracts.clone(), database, pinned: false };
    service.start(plan)?.stop()?;
    let mut times = Vec::new();
    for _ in 0..plan.repeats {
        let started = Instant::now();
        let server = Server::start(service.command(plan), &plan.work.join("start.log"))?;
        server.wait_until_ready()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        server.stop()?;
    }
    let (fastest, slowest) = range(&times);
    let ready = median(times);
    let server = service.start(plan)?;
    std::thread::park_timeout(SETTLED);
    let resident = server.memory("status", "VmRSS:")? / 1024.0;
    let own = server.memory("status", "RssAnon:")? / 1024.0;
    let shared = server.memory("smaps_rollup", "Pss:")? / 1024.0;
    server.stop()?;
    Ok(vec![
        Row::new("Start to ready", format!("{ready:.0} ms ({fastest:.0} to {slowest:.0})"))
            .goal(format!("under {READY:.0} ms"), ready < READY),
        Row::new("Resident memory when idle", format!("{resident:.1} MiB (proportional {shared:.1}, anonymous {own:.1})"))
            .goal(format!("under {RESIDENT:.0} MiB"), resident < RESIDENT),
    ])
}

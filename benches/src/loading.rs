//! Loading and reloading a thousand contracts: the steps from the folder to a mounted catalog, timed in this process, and
//! reloads of a service under load, of which no request may notice anything.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use contract::{
    catalog::{self, Options},
    finding::render_human,
    manifest::Folder,
};
use engine::{
    documents::Instance,
    environment::{Environment, ProcessEnvironment},
    mount::Mounted,
    registry::Registry,
};

use crate::{
    load::{self, Load},
    manifests::{PAYLOAD, RESPOND, path_of},
    plan::Plan,
    process::Server,
    service::Service,
    statistics::{median, range},
    table::{Row, count},
};

const CONTRACTS: usize = 1_000;
/// Most milliseconds from the folder to a mounted catalog.
const GOAL: f64 = 300.0;
/// Between two reloads.
const BETWEEN: Duration = Duration::from_millis(400);

/// Measures both.
pub fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let service = Service::new(plan, "thousand", CONTRACTS)?;
    Ok(vec![load_and_mount(plan, &service.contracts)?, reload_under_load(plan, &service)?])
}

/// Milliseconds of the steps.
struct Steps {
    read: f64,
    resolve: f64,
    mount: f64,
}

impl Steps {
    fn all(&self) -> f64 {
        self.read + self.resolve + self.mount
    }
}

fn load_and_mount(plan: &Plan, folder: &Path) -> anyhow::Result<Row> {
    let registry = Registry::new(plugins::all(store::repositories))?;
    let steps = (0..plan.repeats).map(|_| load_once(folder, &registry)).collect::<anyhow::Result<Vec<_>>>()?;
    let all: Vec<f64> = steps.iter().map(Steps::all).collect();
    let (fastest, slowest) = range(&all);
    let total = median(all);
    let of = |step: fn(&Steps) -> f64| median(steps.iter().map(step));
    let (read, resolve, mount) = (of(|steps| steps.read), of(|steps| steps.resolve), of(|steps| steps.mount));
    let parts = format!("read {read:.0}, resolve {resolve:.0}, mount {mount:.0}");
    let result = format!("{total:.0} ms ({fastest:.0} to {slowest:.0}; {parts})");
    Ok(Row::new("Load and mount 1,000 contracts", result).goal(format!("under {GOAL:.0} ms"), total < GOAL))
}

fn load_once(folder: &Path, registry: &Registry) -> anyhow::Result<Steps> {
    let started = Instant::now();
    let files = Folder::read(folder)?;
    let read = started.elapsed();
    let options = Options { handlers: &registry.infos(), today: None, version: env!("CARGO_PKG_VERSION"), repository: None };
    let resolution = catalog::resolve(&files, &options);
    let findings = || render_human(&resolution.findings, &files, false);
    let catalog = Arc::new(resolution.catalog.with_context(|| format!("the generated contracts have errors:\n{}", findings()))?);
    let resolved = started.elapsed();
    let environment = Environment::new(ProcessEnvironment);
    environment.load(catalog.variables.values());
    let instance = Instance { id: "bench".to_owned(), started_at: jiff::Timestamp::now(), commit: None };
    let mounted = Mounted::new(catalog, registry, &environment, &instance, None)?;
    let all = started.elapsed();
    ensure!(mounted.at(&path_of(CONTRACTS - 1)).is_some(), "the last contract is not mounted");
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(Steps { read: millis(read), resolve: millis(resolved - read), mount: millis(all - resolved) })
}

/// Edits a manifest and sends SIGHUP, again and again, while the load runs.
fn reload_under_load(plan: &Plan, service: &Service) -> anyhow::Result<Row> {
    let server = service.start(plan)?;
    let mut paths: Vec<String> = (0..200).map(|index| path_of(index * 5)).collect();
    paths.push(RESPOND.to_owned());
    let load = Load { paths, body: PAYLOAD, keyed: false, seconds: plan.long, pinned: true };
    let mut running = load::start(plan, &server, &load)?;
    let mut edits = 0;
    while running.goes_on()? {
        edits += 1;
        edit(&service.contracts, edits)?;
        if edits % 2 == 0 {
            server.signal("HUP")?;
        }
        std::thread::park_timeout(BETWEEN);
    }
    let outcome = running.finish()?;
    let reloads = reloads(&server)?;
    server.stop()?;
    ensure!(reloads > 0.0, "the service did not reload once while {edits} edits were made");
    let failed = outcome.refused + outcome.broken;
    let result = format!("{failed} of {} requests failed, {reloads:.0} reloads", count(outcome.requests as f64));
    Ok(Row::new("Reload 1,000 contracts under load", result)
        .latency(outcome.p50, outcome.p99)
        .goal("not one failed request", failed == 0))
}

/// Changes what one contract means, by replacing its file whole.
fn edit(contracts: &Path, number: usize) -> anyhow::Result<()> {
    let file = contracts.join(format!("external/bench-many-n{}.yaml", number % CONTRACTS));
    let text = fs::read_to_string(&file)?;
    let text = text.replace("versioning: made for one run", &format!("versioning: edited {number} times"));
    let beside = contracts.join("external/.edited");
    fs::write(&beside, text)?;
    Ok(fs::rename(beside, file)?)
}

/// Catalogs that were swapped in, as the service counts them.
fn reloads(server: &Server) -> anyhow::Result<f64> {
    let (_, metrics) = server.get("/metrics")?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("mission_control_catalog_reloads_total{outcome=\"swapped\"} "));
    Ok(line.map_or(Ok(0.0), str::parse)?)
}

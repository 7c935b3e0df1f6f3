//! Durable acknowledgements: how many deliveries in a second are committed and then answered, against what the same database
//! commits when it is given one row at a time. Afterwards the database is asked whether everything that was acknowledged is
//! there.

use std::time::Duration;

use anyhow::ensure;
use tokio::runtime::Runtime;

use crate::{
    insert::Database,
    load::{self, Load, Outcome},
    manifests::{ACCEPT, ACCEPT_ID, PAYLOAD, UPSERT, UPSERT_ID},
    plan::{CONNECTIONS, Plan},
    process::Server,
    service::{Service, sqlite},
    statistics::median,
    table::{Row, count},
};

/// Measures both databases.
pub fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = of_database(plan, &runtime, "SQLite")?;
    rows.extend(of_database(plan, &runtime, "PostgreSQL")?);
    Ok(rows)
}

/// A new database of this kind for each thing that is measured, so that none of them pays for the rows of another.
fn database(plan: &Plan, runtime: &Runtime, kind: &str, purpose: &str) -> anyhow::Result<Database> {
    if kind == "PostgreSQL" {
        return runtime.block_on(Database::of_server(&plan.postgres, &format!("bench_{purpose}")));
    }
    let folder = plan.work.join(format!("durable-{purpose}"));
    std::fs::create_dir_all(&folder)?;
    Ok(Database { url: sqlite(&folder.join("bench.db")), is_postgres: false })
}

fn of_database(plan: &Plan, runtime: &Runtime, kind: &str) -> anyhow::Result<Vec<Row>> {
    let rounds = plan.rounds.min(3);
    let alone = database(plan, runtime, kind, "alone")?;
    let accepting = Measured::start(plan, database(plan, runtime, kind, "accept")?, kind, ACCEPT_ID)?;
    let turn = Duration::from_secs(plan.turn.into());
    let (mut single, mut together, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        single.push(runtime.block_on(alone.insert(1, turn))?);
        accepted.push(accepting.load(plan, ACCEPT, plan.turn)?);
        if alone.is_postgres {
            together.push(runtime.block_on(alone.insert(CONNECTIONS, turn))?);
        }
    }
    let (single, together) = (median(single), median(together));
    let accept = accepting.finish(runtime, accepted)?;
    let upserting = Measured::start(plan, database(plan, runtime, kind, "upsert")?, kind, UPSERT_ID)?;
    let upserted = vec![upserting.load(plan, UPSERT, plan.long)?];
    let upsert = upserting.finish(runtime, upserted)?;

    let mut rows =
        vec![Row::new(format!("{kind}: single-row inserts, each committed, 1 connection"), format!("{}/s", count(single)))];
    if together.is_finite() {
        let what = format!("{kind}: single-row inserts, each committed, {CONNECTIONS} connections");
        rows.push(Row::new(what, format!("{}/s", count(together))));
    }
    for (handler, tally) in [("engine.accept", accept), ("tasks.upsert, handled meanwhile", upsert)] {
        rows.push(row(kind, handler, &tally, single, together));
    }
    Ok(rows)
}

fn row(kind: &str, handler: &str, tally: &Tally, single: f64, together: f64) -> Row {
    let mut result = format!("{}/s, {:.1} times one connection", count(tally.rate), tally.rate / single);
    if together.is_finite() {
        result += &format!(" and {:.1} times {CONNECTIONS}", tally.rate / together);
    }
    let stored = format!("{} acknowledged, {} stored, 0 lost", count(tally.acknowledged), count(tally.stored));
    Row::new(format!("{kind}: durable deliveries acknowledged ({handler})"), format!("{result}; {stored}"))
        .latency(tally.p50, tally.p99)
        .goal("above single-row inserts", tally.rate > single)
}

/// A service with a database, and the contract that is loaded.
struct Measured {
    database: Database,
    server: Server,
    contract: &'static str,
    warm_up: Outcome,
}

/// What a database has to show for a load.
struct Tally {
    rate: f64,
    p50: f64,
    p99: f64,
    acknowledged: f64,
    stored: f64,
}

impl Measured {
    fn start(plan: &Plan, database: Database, kind: &str, contract: &'static str) -> anyhow::Result<Self> {
        // The database works on the same processors as the service and the load, so nothing is pinned here.
        let name = format!("{contract}-{kind}");
        let service = Service { database: database.url.clone(), pinned: false, ..Service::new(plan, &name, 0)? };
        let server = service.start(plan)?;
        let path = if contract == ACCEPT_ID { ACCEPT } else { UPSERT };
        let warm_up = deliver(plan, &server, path, 1)?;
        Ok(Self { database, server, contract, warm_up })
    }

    fn load(&self, plan: &Plan, path: &str, seconds: u32) -> anyhow::Result<Outcome> {
        deliver(plan, &self.server, path, seconds)
    }

    /// Stops the service and counts. Every run may leave one delivery on each connection that was stored when the load no
    /// longer waited for its answer; fewer stored than acknowledged would be a loss.
    fn finish(self, runtime: &Runtime, outcomes: Vec<Outcome>) -> anyhow::Result<Tally> {
        self.server.stop()?;
        let (stored, _done) = runtime.block_on(self.database.deliveries(self.contract))?;
        let acknowledged = self.warm_up.accepted() + outcomes.iter().map(Outcome::accepted).sum::<u64>();
        let unanswered = u64::from(CONNECTIONS) * (outcomes.len() as u64 + 1);
        let stored = u64::try_from(stored)?;
        ensure!(stored >= acknowledged, "{}: {acknowledged} deliveries were acknowledged and {stored} are stored", self.contract);
        ensure!(
            stored <= acknowledged + unanswered,
            "{}: {stored} deliveries are stored, {acknowledged} were acknowledged and at most {unanswered} can have been cut off",
            self.contract
        );
        let of = |value: fn(&Outcome) -> f64| median(outcomes.iter().map(value));
        Ok(Tally {
            rate: of(Outcome::rate),
            p50: of(|outcome| outcome.p50),
            p99: of(|outcome| outcome.p99),
            acknowledged: acknowledged as f64,
            stored: stored as f64,
        })
    }
}

fn deliver(plan: &Plan, server: &Server, path: &str, seconds: u32) -> anyhow::Result<Outcome> {
    let load = Load { paths: vec![path.to_owned()], body: PAYLOAD, keyed: true, seconds, pinned: false };
    load::run(plan, server, &load)?.flawless(path)
}

//! Whether the number of contracts shows in a request: the same load against a service with ten contracts and against one with
//! ten thousand. The requests go round a thousand paths of the large one, and the ten of the small one, so that neither is
//! served from a warm corner.

use crate::{
    load::{self, Load},
    manifests::path_of,
    plan::Plan,
    route::slowdown,
    service::Service,
    table::{Row, count},
};

const FEW: usize = 10;
const MANY: usize = 10_000;
/// Requests that are made beforehand.
const PATHS: usize = 1_000;
/// Most that the larger one may be slower.
const SLOWER: f64 = 0.10;

/// Measures both.
pub fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let few = Service::new(plan, "few", FEW)?.start(plan)?;
    let many = Service::new(plan, "many", MANY)?.start(plan)?;
    let load = |contracts: usize| {
        // A prime step walks through all of them in no order.
        let paths = (0..PATHS).map(|index| path_of(index * 7_919 % contracts)).collect();
        Load { paths, body: "{}", keyed: false, seconds: plan.turn, pinned: true }
    };
    let contenders = [("few contracts", &few, load(FEW)), ("many contracts", &many, load(MANY))];
    let turns = load::take_turns(plan, plan.rounds, &contenders)?;
    let (median, p99) =
        (slowdown(|outcome| outcome.p50, &turns[0], &turns[1]), slowdown(|outcome| outcome.p99, &turns[0], &turns[1]));
    let row = |contracts: usize, index: usize| {
        let turns = &turns[index];
        let what = format!("Requests with {} contracts", count(u32::try_from(contracts).unwrap_or(u32::MAX).into()));
        Row::new(what, format!("{} req/s", count(turns.rate()))).latency(turns.p50(), turns.p99()).processor(turns.processor())
    };
    let larger = row(MANY, 1);
    let result = format!("{}; p50 {:+.0} %, p99 {:+.0} %", larger.result, median * 100.0, p99 * 100.0);
    few.stop()?;
    many.stop()?;
    Ok(vec![row(FEW, 0), Row { result, ..larger }.goal("latency the same within 10 %", median <= SLOWER && p99 <= SLOWER)])
}

//! Whether the number of contracts shows in a request: the same load against a service with ten contracts and against one with
//! ten thousand, asking ten different routes of each. A third load asks a thousand different routes of the larger one: there the
//! processor's caches have to hold a hundred times more, which has no goal and is shown all the same.

use crate::{
    load::{self, Load, Turns},
    manifests::path_of,
    plan::Plan,
    route::slowdown,
    service::Service,
    table::{Row, count},
};

const FEW: usize = 10;
const MANY: usize = 10_000;
/// Different routes that are asked.
const ASKED: usize = 10;
const ASKED_WIDELY: usize = 1_000;
/// Most that the larger one may be slower.
const SLOWER: f64 = 0.10;

/// Measures both.
pub fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let few = Service::new(plan, "few", FEW)?.start(plan)?;
    let many = Service::new(plan, "many", MANY)?.start(plan)?;
    let load = |contracts: usize, asked: usize| {
        // As many requests are made beforehand for each, so that the load costs the same; a prime step takes them from everywhere.
        let paths = (0..ASKED_WIDELY).map(|index| path_of(index % asked * 7_919 % contracts)).collect();
        Load { paths, body: "{}", keyed: false, seconds: plan.turn, pinned: true }
    };
    let contenders = [
        ("few contracts", &few, load(FEW, ASKED)),
        ("many contracts", &many, load(MANY, ASKED)),
        ("many contracts, asked widely", &many, load(MANY, ASKED_WIDELY)),
    ];
    let turns = load::take_turns(plan, plan.rounds, &contenders)?;
    few.stop()?;
    many.stop()?;
    let mut rows = vec![row(FEW, ASKED, &turns[0])];
    for (asked, turns_of_many) in [(ASKED, &turns[1]), (ASKED_WIDELY, &turns[2])] {
        let median = slowdown(|outcome| outcome.p50, &turns[0], turns_of_many);
        let p99 = slowdown(|outcome| outcome.p99, &turns[0], turns_of_many);
        let row = row(MANY, asked, turns_of_many);
        let result = format!("{}; p50 {:+.0} %, p99 {:+.0} %", row.result, median * 100.0, p99 * 100.0);
        let goal = (asked == ASKED).then(|| ("latency the same within 10 %".to_owned(), median <= SLOWER && p99 <= SLOWER));
        rows.push(Row { result, goal, ..row });
    }
    Ok(rows)
}

fn row(contracts: usize, asked: usize, turns: &Turns) -> Row {
    let number = |number: usize| count(number as f64);
    let what = format!("{} contracts, {} of them asked", number(contracts), number(asked));
    Row::new(what, format!("{} req/s", count(turns.rate()))).latency(turns.p50(), turns.p99()).processor(turns.processor())
}

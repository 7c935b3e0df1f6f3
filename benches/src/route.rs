//! What a contract costs: the authenticated no-op route of a manifest against the same thing written by hand, and against other
//! programs that do the same check on the same payload.

use anyhow::ensure;

use crate::{
    load::{self, Load, Outcome, Turns},
    manifests::{PAYLOAD, RESPOND, SECRET, SECRET_VARIABLE},
    peers,
    plan::Plan,
    process::{Server, command_on},
    service::Service,
    table::{Row, count},
};

/// Least share of the hand-written handler's requests per second.
const SHARE: f64 = 0.90;

/// Measures the route of a contract, the hand-written one and, when the plan has them, the other programs.
pub fn measure(plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let bare = start_bare(plan)?;
    let service = Service::new(plan, "route", 0)?.start(plan)?;
    let load = |path: &str| Load { paths: vec![path.to_owned()], body: PAYLOAD, keyed: false, seconds: plan.turn, pinned: true };
    for server in [&bare, &service] {
        hold_to_the_check(server, RESPOND)?;
    }
    let contenders = [("the bare handler", &bare, load(RESPOND)), ("the contract route", &service, load(RESPOND))];
    let turns = load::take_turns(plan, plan.rounds, &contenders)?;
    let share = load::compare(&turns[1], &turns[0], |ours, bare| ours.rate() / bare.rate());
    let result = format!("{} req/s, {share:.2} of it", count(turns[1].rate()));
    let mut rows = vec![
        row("axum handler with the same check, written by hand", &turns[0]),
        Row { result, ..row("Contract route: authenticated no-op", &turns[1]) }
            .goal(format!("at least {SHARE:.2} of it"), share >= SHARE),
    ];
    bare.stop()?;
    service.stop()?;
    if let Some(settings) = &plan.peers {
        for peer in peers::start(plan, settings)? {
            hold_to_the_check(&peer.server, peer.path)?;
            let turns = load::take_turns(plan, plan.rounds.min(3), &[(&peer.name, &peer.server, load(peer.path))])?;
            rows.push(row(&peer.name, &turns[0]));
        }
    }
    Ok(rows)
}

fn row(what: &str, turns: &Turns) -> Row {
    Row::new(what, format!("{} req/s", count(turns.rate()))).latency(turns.p50(), turns.p99()).processor(turns.processor())
}

fn start_bare(plan: &Plan) -> anyhow::Result<Server> {
    let processors = plan.processors.as_ref().map(|processors| processors.server.as_str());
    let mut command = command_on(processors, &plan.itself);
    command.arg("bare").env(SECRET_VARIABLE, SECRET);
    Server::start(command, &plan.work.join("bare.log"))
}

/// A comparison is only fair when everybody does the check: no secret and a wrong one are refused, the right one is not.
fn hold_to_the_check(server: &Server, path: &str) -> anyhow::Result<()> {
    let status = |header: &str| -> anyhow::Result<u16> {
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{header}\r\n{PAYLOAD}",
            PAYLOAD.len()
        );
        Ok(server.request(&text)?.0)
    };
    let header = crate::manifests::SECRET_HEADER;
    let answers = (status("")?, status(&format!("{header}: {SECRET}x\r\n"))?, status(&format!("{header}: {SECRET}\r\n"))?);
    ensure!(answers == (401, 401, 200), "{path} answers {answers:?} without, with a wrong and with the right secret");
    Ok(())
}

/// How much slower `later` is than `earlier`, as a share: 0.1 is 10 % slower.
pub fn slowdown(of: impl Fn(&Outcome) -> f64, earlier: &Turns, later: &Turns) -> f64 {
    load::compare(later, earlier, |later, earlier| of(later) / of(earlier)) - 1.0
}

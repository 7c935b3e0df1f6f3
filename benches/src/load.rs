//! Load: `wrk` with a script made for each run, and what it counted.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::{
    manifests::{SECRET, SECRET_HEADER},
    plan::{CONNECTIONS, Plan},
    process::{Server, command_on},
    statistics::median,
};

/// What is sent.
#[derive(Debug, Clone)]
pub struct Load<'a> {
    /// Paths, taken in turn.
    pub paths: Vec<String>,
    /// The JSON body of each request.
    pub body: &'a str,
    /// Whether each request carries a delivery id of its own.
    pub keyed: bool,
    /// Seconds.
    pub seconds: u32,
    /// Whether the load stays on its own processors.
    pub pinned: bool,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Outcome {
    /// Answers.
    pub requests: u64,
    /// Microseconds that it took.
    pub micros: u64,
    /// Median latency in microseconds.
    pub p50: f64,
    /// 99th percentile in microseconds.
    pub p99: f64,
    /// Answers with a status of 400 and above.
    pub refused: u64,
    /// Connections that could not be made, broke, or were silent for too long.
    pub broken: u64,
}

impl Outcome {
    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.micros as f64
    }

    /// Answers that say yes.
    pub fn accepted(&self) -> u64 {
        self.requests - self.refused
    }

    /// Fails when anything but yes was answered.
    pub fn flawless(self, what: &str) -> anyhow::Result<Self> {
        ensure!(self.requests > 0, "{what}: nothing was answered");
        ensure!(self.refused == 0, "{what}: {} of {} answers were refusals", self.refused, self.requests);
        ensure!(self.broken == 0, "{what}: {} connections broke", self.broken);
        Ok(self)
    }
}

/// Runs a load to its end.
pub fn run(plan: &Plan, server: &Server, load: &Load<'_>) -> anyhow::Result<Outcome> {
    start(plan, server, load)?.finish()
}

/// A load that runs.
#[derive(Debug)]
pub struct Running {
    child: std::process::Child,
}

impl Running {
    /// Whether it still runs.
    pub fn goes_on(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for the end.
    pub fn finish(self) -> anyhow::Result<Outcome> {
        let output = self.child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk ended with {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
        read(&text)
    }
}

/// Starts a load.
pub fn start(plan: &Plan, server: &Server, load: &Load<'_>) -> anyhow::Result<Running> {
    let script = write_script(&plan.work, server, load)?;
    let processors = plan.processors.as_ref().filter(|_| load.pinned).map(|processors| processors.load.as_str());
    let threads = plan.load_threads().to_string();
    let (connections, duration) = (CONNECTIONS.to_string(), format!("{}s", load.seconds));
    let child = command_on(processors, Path::new("wrk"))
        .args(["--threads", &threads, "--connections", &connections, "--duration", &duration, "--timeout", "10s", "--script"])
        .arg(&script)
        .arg(format!("http://{}", server.address))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("wrk cannot be started; scripts/bench installs it")?;
    Ok(Running { child })
}

fn write_script(work: &Path, server: &Server, load: &Load<'_>) -> anyhow::Result<PathBuf> {
    let mut script = String::from("heads = {\n");
    for path in &load.paths {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{SECRET_HEADER}: {SECRET}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            server.address,
            load.body.len(),
        );
        writeln!(script, "{},", quoted(&head))?;
    }
    writeln!(script, "}}\nbody = {}", quoted(load.body))?;
    if load.keyed {
        writeln!(script, "key = {}", quoted(&uuid::Uuid::now_v7().to_string()))?;
    }
    script.push_str(include_str!("load.lua"));
    let path = work.join("load.lua");
    std::fs::write(&path, script)?;
    Ok(path)
}

/// A Lua string; every byte that is not plain becomes a decimal escape.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => out.push_str(&format!("\\{byte:03}")),
            byte => out.push(char::from(byte)),
        }
    }
    out.push('"');
    out
}

fn read(output: &str) -> anyhow::Result<Outcome> {
    let line = output.lines().find(|line| line.starts_with('{')).with_context(|| format!("wrk printed no result:\n{output}"))?;
    Ok(serde_json::from_str(line)?)
}

/// The turns of one server.
#[derive(Debug, Default)]
pub struct Turns {
    /// What came of each turn.
    pub outcomes: Vec<Outcome>,
    /// Microseconds of the server's processor time for each request.
    pub processor: Vec<f64>,
}

impl Turns {
    /// Answers in a second, the median of the turns.
    pub fn rate(&self) -> f64 {
        median(self.outcomes.iter().map(Outcome::rate))
    }

    /// Median latency, the median of the turns.
    pub fn p50(&self) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.p50))
    }

    /// 99th percentile, the median of the turns.
    pub fn p99(&self) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.p99))
    }

    /// Processor time for each request, the median of the turns.
    pub fn processor(&self) -> f64 {
        median(self.processor.iter().copied())
    }
}

/// Loads servers in turn, so that whatever disturbs the machine disturbs all of them; every other round goes backwards, and
/// each server is warmed up first.
pub fn take_turns(plan: &Plan, rounds: usize, contenders: &[(&str, &Server, Load<'_>)]) -> anyhow::Result<Vec<Turns>> {
    let mut turns: Vec<Turns> = contenders.iter().map(|_| Turns::default()).collect();
    for (name, server, load) in contenders {
        run(plan, server, &Load { seconds: 1, ..load.clone() })?.flawless(name)?;
    }
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let (name, server, load) = &contenders[index];
            let before = server.processor_time()?;
            let outcome = run(plan, server, load)?.flawless(name)?;
            let spent = server.processor_time()?.saturating_sub(before);
            turns[index].processor.push(spent.as_secs_f64() * 1e6 / outcome.requests as f64);
            turns[index].outcomes.push(outcome);
        }
    }
    Ok(turns)
}

/// The median over the rounds of what `of` makes of the turns of two servers in the same round.
pub fn compare(left: &Turns, right: &Turns, of: impl Fn(&Outcome, &Outcome) -> f64) -> f64 {
    median(left.outcomes.iter().zip(&right.outcomes).map(|(left, right)| of(left, right)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_result_is_found_between_other_lines() {
        let text = "Running 1s test\n{\"requests\":10,\"micros\":2000000,\"p50\":5,\"p99\":9,\"refused\":1,\"broken\":0}\n";
        let outcome = read(text).unwrap();
        assert!((outcome.rate() - 5.0).abs() < 1e-9);
        assert_eq!(outcome.accepted(), 9);
        assert!(outcome.flawless("x").is_err());
        assert!(read("nothing").is_err());
    }

    #[test]
    fn lua_strings_keep_every_byte() {
        assert_eq!(quoted("a\"\r\n\\é"), "\"a\\034\\013\\010\\092\\195\\169\"");
    }
}

//! The machine and the programs that a table was measured with, in one paragraph: numbers mean nothing without it.

use std::{fs, path::Path, process::Command};

use jiff::Timestamp;

use crate::plan::Plan;

/// Load of the machine, over the last minute, above which results are doubtful.
const BUSY: f64 = 0.7;

/// Runnable processes over the last minute, before anything is measured.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// A warning when something else is at work on the machine.
pub fn warning(load: f64) -> Option<String> {
    (load > BUSY)
        .then(|| format!("warning: the machine is busy (load {load:.2}); wait until it is idle, or the results mean little"))
}

/// The paragraph. `databases` are the versions of SQLite and PostgreSQL.
pub fn description(plan: &Plan, load: f64, databases: &(String, String)) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory: f64 =
        field("/proc/meminfo", "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse().ok()).unwrap_or(0.0);
    let mut facts = vec![
        format!("{cores} cores of {model}"),
        format!("{:.0} GiB of memory", memory / 1024.0 / 1024.0),
        format!("Linux {}", output("uname", &["-r"])),
        system(),
        format!("databases on {}", file_system(&plan.work)),
        output("rustc", &["--version"]),
        format!("SQLite {}", databases.0),
        format!("PostgreSQL {}", databases.1),
        output("wrk", &["-v"]).split(" [").next().unwrap_or_default().to_owned(),
    ];
    if let Some(peers) = &plan.peers {
        facts.push(output(&peers.webhook.display().to_string(), &["-version"]));
        let versions = "import fastapi, uvicorn, sys; print(f'FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}, Python {sys.version.split()[0]}')";
        facts.push(output(&peers.python.display().to_string(), &["-c", versions]));
    }
    facts.push(format!("commit {}", commit()));
    facts.push(format!("{} UTC", Timestamp::now().strftime("%Y-%m-%d %H:%M")));
    facts.push(format!("load before the run {load:.2}"));
    format!("Measured on {}.", facts.join(", "))
}

/// The value of `name : value` or `name: value` in a file of `/proc`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn system() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("an unknown system").trim_matches('"').to_owned()
}

fn file_system(folder: &Path) -> String {
    output("stat", &["--file-system", "--format=%T", &folder.display().to_string()])
}

fn commit() -> String {
    let changed = !output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    format!("{}{}", output("git", &["rev-parse", "--short=12", "HEAD"]), if changed { " with changes" } else { "" })
}

/// The first line that a command prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let text = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}

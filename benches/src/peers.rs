//! Other programs that receive webhooks, doing the same check of a header on the same payload: Debian's `webhook`, and FastAPI
//! on uvicorn with its fast event loop and parser, one worker on the processors that the other servers have.
//!
//! `webhook` cannot answer without running a command; it runs `/bin/true`, whose processor time is counted as its own.

use std::path::Path;

use serde_json::json;

use crate::{
    manifests::{SECRET, SECRET_HEADER, SECRET_VARIABLE},
    plan::{Peers, Plan},
    process::{Server, command_on, free_address},
};

/// Another program that runs.
#[derive(Debug)]
pub struct Peer {
    /// What the table calls it.
    pub name: String,
    /// The process.
    pub server: Server,
    /// Where it takes the payload.
    pub path: &'static str,
}

/// Starts them all. They wait idle while another one is measured.
pub fn start(plan: &Plan, peers: &Peers) -> anyhow::Result<Vec<Peer>> {
    Ok(vec![
        Peer { name: "webhook (Debian)".to_owned(), server: webhook(plan, &peers.webhook)?, path: "/hooks/bench" },
        Peer { name: "FastAPI on uvicorn".to_owned(), server: fastapi(plan, peers)?, path: "/bench" },
    ])
}

fn webhook(plan: &Plan, program: &Path) -> anyhow::Result<Server> {
    let hooks = json!([{
        "id": "bench",
        "execute-command": "/bin/true",
        // Else the command runs after the answer, and as many at a time as there are requests.
        "include-command-output-in-response": true,
        "response-headers": [{"name": "Content-Type", "value": "application/json"}],
        "trigger-rule-mismatch-http-response-code": 401,
        "trigger-rule": {
            "match": {"type": "value", "value": SECRET, "parameter": {"source": "header", "name": SECRET_HEADER}}
        }
    }]);
    let file = plan.work.join("hooks.json");
    std::fs::write(&file, hooks.to_string())?;
    let address = free_address()?;
    let (host, port) = address.split_once(':').unwrap_or((&address, ""));
    let mut command = command_on(processors(plan), program);
    command.arg("-hooks").arg(&file).args(["-ip", host, "-port", port]);
    Server::start_at(command, address, &plan.work.join("webhook.log"))
}

fn fastapi(plan: &Plan, peers: &Peers) -> anyhow::Result<Server> {
    let address = free_address()?;
    let (host, port) = address.split_once(':').unwrap_or((&address, ""));
    let mut command = command_on(processors(plan), &peers.python);
    command.args(["-m", "uvicorn", "receive:app", "--host", host, "--port", port, "--workers", "1"]);
    command.args(["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning", "--app-dir"]);
    command.arg(&peers.settings).env(SECRET_VARIABLE, SECRET).env("PYTHONDONTWRITEBYTECODE", "1");
    Server::start_at(command, address, &plan.work.join("fastapi.log"))
}

fn processors(plan: &Plan) -> Option<&str> {
    plan.processors.as_ref().map(|processors| processors.server.as_str())
}

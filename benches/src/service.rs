//! Starting the program that is measured, as an operator would: its own process, its usual settings, a folder of contracts and
//! a database.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    manifests::{SECRET, SECRET_VARIABLE, write_folder},
    plan::Plan,
    process::{Server, command_on},
};

/// A service to be started.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its folder of contracts.
    pub contracts: PathBuf,
    /// `DATABASE_URL`.
    pub database: String,
    /// Whether it stays on the processors of servers.
    pub pinned: bool,
}

impl Service {
    /// A service with the measured contracts and `more` others, and a new SQLite database. `name` names both.
    pub fn new(plan: &Plan, name: &str, more: usize) -> anyhow::Result<Self> {
        let contracts = plan.work.join(name).join("contracts");
        write_folder(&contracts, &plan.contracts, more)?;
        Ok(Self { contracts, database: sqlite(&plan.work.join(name).join("service.db")), pinned: true })
    }

    /// The command that starts it.
    pub fn command(&self, plan: &Plan) -> Command {
        let processors = plan.processors.as_ref().filter(|_| self.pinned).map(|processors| processors.server.as_str());
        let mut command = command_on(processors, &plan.program);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir(&plan.work);
        command.env("DATABASE_URL", &self.database).env(SECRET_VARIABLE, SECRET);
        command.args(["serve", "--listen", "127.0.0.1:0", "--contracts"]).arg(&self.contracts);
        command
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self, plan: &Plan) -> anyhow::Result<Server> {
        let server = Server::start(self.command(plan), &plan.work.join("service.log"))?;
        server.wait_until_ready()?;
        Ok(server)
    }
}

/// The URL of a SQLite file.
pub fn sqlite(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

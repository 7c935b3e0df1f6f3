//! `bench run` measures everything and prints one table; `bench bare` is the hand-written server that it measures against.
//! `scripts/bench` prepares what both need.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use bench::{
    bare, durable, host,
    insert::Database,
    loading,
    plan::{Peers, Plan, Processors},
    route, scale, start,
    table::{Row, Table},
};
use clap::{Args, Parser, Subcommand};

/// The benchmark of Mission Control; scripts/bench runs it
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(Run),
    /// Serve the hand-written handler
    Bare {
        /// Address to listen on
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

/// Measure and print the table
#[derive(Debug, Args)]
struct Run {
    /// The program to measure
    #[arg(long)]
    program: PathBuf,
    /// Empty folder on the disk to measure
    #[arg(long)]
    work: PathBuf,
    /// URL of a PostgreSQL server that databases may be made on
    #[arg(long)]
    postgres: String,
    /// The shipped contracts
    #[arg(long, default_value = "contracts")]
    contracts: PathBuf,
    /// File to write the table to, beside printing it
    #[arg(long)]
    table: Option<PathBuf>,
    /// Measure less, for a first impression
    #[arg(long)]
    quick: bool,
    /// Measure one part only; may be repeated
    #[arg(long, value_parser = PARTS.map(|(name, _)| name))]
    only: Vec<String>,
    /// Debian's webhook, to be measured too
    #[arg(long, requires = "python")]
    webhook: Option<PathBuf>,
    /// A Python that has FastAPI and uvicorn, to be measured too
    #[arg(long, requires = "webhook")]
    python: Option<PathBuf>,
}

type Part = fn(&Plan) -> anyhow::Result<Vec<Row>>;

const PARTS: [(&str, Part); 5] = [
    ("start", start::measure),
    ("load", loading::measure),
    ("route", route::measure),
    ("scale", scale::measure),
    ("durable", durable::measure),
];

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Verb::Run(run) => run.measure(),
        Verb::Bare { listen } => bare::serve(listen),
    }
}

impl Run {
    fn measure(self) -> anyhow::Result<()> {
        let load = host::load();
        if let Some(warning) = host::warning(load) {
            eprintln!("{warning}");
        }
        let plan = self.plan()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let databases = runtime.block_on(Database::version(&plan.postgres))?;
        let mut table = Table::default();
        for (name, measure) in PARTS.iter().filter(|(name, _)| self.only.is_empty() || self.only.iter().any(|only| only == name))
        {
            eprintln!("{name}");
            table.add(measure(&plan).with_context(|| format!("the part `{name}` could not be measured"))?);
        }
        let missed = match table.missed() {
            0 => "Every goal is met.".to_owned(),
            missed => format!("Goals missed: {missed}."),
        };
        let text = format!("{table}\n{}\n\n{missed}\n", host::description(&plan, load, &databases));
        println!("\n{text}");
        if let Some(file) = self.table {
            std::fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        Ok(())
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let absolute = |path: &PathBuf| path.canonicalize().with_context(|| format!("{} is not there", path.display()));
        let contracts = absolute(&self.contracts)?;
        let settings = contracts.with_file_name("benches").join("peers");
        let peers = self.webhook.clone().zip(self.python.clone());
        Ok(Plan {
            program: absolute(&self.program)?,
            itself: std::env::current_exe()?,
            work: absolute(&self.work)?,
            postgres: self.postgres.clone(),
            contracts,
            peers: peers.map(|(webhook, python)| Peers { webhook, python, settings }),
            rounds: if self.quick { 3 } else { 7 },
            turn: if self.quick { 2 } else { 5 },
            long: if self.quick { 4 } else { 10 },
            repeats: if self.quick { 5 } else { 11 },
            processors: Processors::share(std::thread::available_parallelism()?.get()),
        })
    }
}

//! `mission-control serve`: the service itself.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use contract::finding::render_human;
use engine::{Config, Engine, Parts, documents::Instance, environment::Environment, serve::run, storage::Storage};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use uuid::Uuid;

use crate::{
    dotenv::Variables,
    telemetry,
    wiring::{self, COMMIT, FolderOrigin, Source},
};

/// Run the service
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  mission-control serve --listen 127.0.0.1:8080 --contracts ./contracts")]
pub struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", env = "MISSION_CONTROL_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder of contract manifests; `contracts` when it is there, else the copy inside the program
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
}

impl Serve {
    /// Runs until SIGTERM or SIGINT. `Ok(false)` when the manifests have errors and nothing was mounted.
    pub fn run(self) -> anyhow::Result<bool> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")?;
        let telemetry = telemetry::start()?;
        let outcome = runtime.block_on(self.serve(telemetry.collects_spans()));
        runtime.shutdown_timeout(Duration::from_secs(1));
        telemetry.stop();
        outcome
    }

    async fn serve(self, spans: bool) -> anyhow::Result<bool> {
        let origin = FolderOrigin::find(self.contracts.as_deref())?;
        let registry = wiring::registry()?;
        let folder = origin.read()?;
        let resolution = wiring::resolve_to_serve(&folder, &registry.infos());
        if !resolution.findings.is_empty() {
            eprint!("{}", render_human(&resolution.findings, &folder, false));
        }
        let Some(catalog) = resolution.catalog else {
            eprintln!("error: {} has errors, nothing was mounted; mend them and start again", origin.name());
            return Ok(false);
        };
        drop(folder);

        let environment = Environment::new(Variables::new());
        environment.load(catalog.variables.values());
        let missing: Vec<_> =
            catalog.variables.values().filter(|variable| variable.required && !environment.is_set(&variable.name)).collect();
        if let Some(variable) = missing.first() {
            anyhow::bail!("{} is required and unset: {}", variable.name, variable.description);
        }
        let store = wiring::wait_for_store().await?;
        let config = Config { spans, ..config(&environment, wiring::database_url()?.starts_with("postgres"))? };
        let storage: Arc<dyn Storage> = Arc::new(store);
        let source = Source { origin: origin.clone(), handlers: registry.infos() };
        let instance =
            Instance { id: Uuid::now_v7().to_string(), started_at: Timestamp::now(), commit: COMMIT.map(str::to_owned) };
        let contracts = catalog.contracts.len();
        let parts = Parts {
            registry,
            environment: environment.clone(),
            storage: storage.clone(),
            source: Arc::new(source),
            catalog,
            instance,
            config,
        };
        let mut tasks = JoinSet::new();
        let engine = Engine::build(parts, &mut tasks)?;
        let listener = TcpListener::bind(self.listen).await.with_context(|| format!("{} cannot be listened on", self.listen))?;
        let address = listener.local_addr()?;
        println!(
            "Mission Control {} listens on http://{address} with {contracts} contracts from {}",
            wiring::VERSION,
            origin.name()
        );

        tasks.spawn(async move {
            let report = plugins::recover(store::repositories, storage, move |name: &str| environment.get(name)).await;
            for import in &report.finished {
                tracing::info!(import, "finished the projection that an earlier process left");
            }
            for (import, reason) in &report.failed {
                tracing::error!(
                    import,
                    reason,
                    "a projection that an earlier process left cannot be finished; the next start tries again"
                );
            }
            if let Some(error) = &report.error {
                tracing::error!(error, "projections left by an earlier process cannot be read; the next start tries again");
            }
        });
        let (stopper, stop) = watch::channel(false);
        tasks.spawn(signals(engine.clone(), stopper));
        run(engine, listener, stop, tasks).await;
        tracing::info!("stopped");
        Ok(true)
    }
}

fn config(environment: &Environment, postgres: bool) -> anyhow::Result<Config> {
    let usual = Config::default();
    Ok(Config {
        lease: wiring::duration_variable(environment, "MISSION_CONTROL_LEASE", usual.lease)?,
        keep_done: wiring::duration_variable(environment, "MISSION_CONTROL_RETENTION_DONE", usual.keep_done)?,
        keep_dead: wiring::duration_variable(environment, "MISSION_CONTROL_RETENTION_DEAD", usual.keep_dead)?,
        committers: if postgres { 4 } else { 1 },
        workers: if postgres { 8 } else { 2 },
        ..usual
    })
}

/// SIGTERM and SIGINT stop, SIGHUP reloads.
async fn signals(engine: Arc<Engine>, stopper: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals cannot be received; the service stops only when it is killed");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                if let Err(problem) = engine.reload().await {
                    tracing::error!(%problem, "the contracts could not be reloaded");
                }
            }
        }
    }
    tracing::info!("stopping: no new connections, what runs is finished");
    stopper.send_replace(true);
    // A second signal ends at once.
    tokio::select! {
        _ = terminate.recv() => std::process::exit(130),
        _ = interrupt.recv() => std::process::exit(130),
        () = std::future::pending() => {}
    }
}

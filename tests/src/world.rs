//! What surrounds a server in a test.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use contract::{
    catalog::{self, Catalog, Options},
    manifest::Folder,
};
use engine::registry::Registry;
use store::{ConnectOptions, Store};

use crate::{
    database::{Database, Kind},
    program,
    server::Server,
};

/// A temporary folder with a database, variables and contracts.
pub struct World {
    folder: tempfile::TempDir,
    /// The database.
    pub database: Database,
    /// Variables of the programs that are started here.
    pub variables: BTreeMap<String, String>,
    /// The contracts folder: the repository's own until [`World::copy_contracts`] makes a copy to be edited.
    pub contracts: PathBuf,
}

/// Runs a test in a world of its own and removes its database afterwards, whatever came of it.
pub fn run<F>(kind: Kind, test: impl FnOnce(Arc<World>) -> F)
where
    F: Future<Output = ()>,
{
    // A client can only be built with a provider at hand; a second installation is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let world = Arc::new(World::make(kind).await.unwrap_or_else(|error| panic!("{error:#}")));
        let outcome = std::panic::AssertUnwindSafe(test(world.clone()));
        let outcome = tokio::task::LocalSet::new().run_until(catch(outcome)).await;
        world.database.remove().await.unwrap_or_else(|error| eprintln!("the database stays behind: {error:#}"));
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

async fn catch<F: Future<Output = ()>>(future: std::panic::AssertUnwindSafe<F>) -> Result<(), Box<dyn std::any::Any + Send>> {
    let mut future = Box::pin(future.0);
    std::future::poll_fn(move |context| {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        }
    })
    .await
}

impl World {
    async fn make(kind: Kind) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = Database::make(kind, folder.path()).await?;
        let workspace = folder.path().join("openclaw");
        let variables = BTreeMap::from([("OPENCLAW_WORKSPACE_ROOT".to_owned(), workspace.display().to_string())]);
        Ok(Self { folder, database, variables, contracts: program::repository().join("contracts") })
    }

    /// A world of its own, for tests that need other variables or contracts. Its database is removed by [`run`] only when it
    /// is the one that was handed out, so this shares it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets up a server: `world.serve().variable("X", "y").start().await`.
    pub fn serve(&self) -> ServerSetup<'_> {
        ServerSetup { world: self, variables: self.variables.clone(), contracts: self.contracts.clone() }
    }

    /// Copies the repository's contracts into the world and answers the copy's path.
    pub fn copy_contracts(&self) -> PathBuf {
        let target = self.folder().join("contracts");
        copy_folder(&program::repository().join("contracts"), &target);
        target
    }

    /// Makes a contracts folder of these manifests beside the repository's `service.yaml` and presets.
    pub fn contracts_of(&self, manifests: &[(&str, &str)]) -> PathBuf {
        let target = self.folder().join(format!("contracts-{}", uuid::Uuid::now_v7().simple()));
        let source = program::repository().join("contracts");
        copy_folder(&source.join("presets"), &target.join("presets"));
        std::fs::copy(source.join("service.yaml"), target.join("service.yaml")).expect("service.yaml is copied");
        for (path, text) in manifests {
            write(&target.join(path), text);
        }
        target
    }

    /// The world's database, with its schema up to date.
    pub async fn store(&self) -> Store {
        let store = Store::connect(&self.database.url, &ConnectOptions::default()).await.expect("the database opens");
        store.migrate().await.expect("the schema is made");
        store
    }

    /// Runs the program with arguments in the world's folder.
    pub fn program(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("the program starts")
    }

    /// The program with the world's variables and nothing else of this process but what it needs to run.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program::binary());
        command.current_dir(self.folder()).env_clear();
        for name in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("DATABASE_URL", &self.database.url).envs(&self.variables).env("MISSION_CONTROL_CONTRACTS", &self.contracts);
        command
    }

    /// The catalog of a contracts folder, resolved as the program resolves it.
    pub fn catalog(&self, contracts: &Path) -> Catalog {
        let registry = Registry::new(plugins::all(store::repositories)).expect("the handlers are registered");
        let folder = Folder::read(contracts).expect("the folder is read");
        let options = Options { handlers: &registry.infos(), today: None, version: env!("CARGO_PKG_VERSION"), repository: None };
        let resolution = catalog::resolve(&folder, &options);
        resolution.catalog.unwrap_or_else(|| panic!("{}", contract::finding::render_human(&resolution.findings, &folder, false)))
    }
}

/// A server to be started.
pub struct ServerSetup<'w> {
    world: &'w World,
    variables: BTreeMap<String, String>,
    contracts: PathBuf,
}

impl ServerSetup<'_> {
    /// Sets a variable of the server.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets its contracts folder.
    #[must_use]
    pub fn contracts(mut self, folder: impl Into<PathBuf>) -> Self {
        self.contracts = folder.into();
        self
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = self.world.command();
        command.env("MISSION_CONTROL_CONTRACTS", &self.contracts).envs(&self.variables);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command
    }

    /// Starts it and waits until it listens.
    pub async fn start(self) -> Server {
        Server::start(self.command()).await
    }
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("the folder is made");
    std::fs::write(path, text).expect("the file is written");
}

/// Copies a folder.
pub fn copy_folder(source: &Path, target: &Path) {
    std::fs::create_dir_all(target).expect("the folder is made");
    for entry in std::fs::read_dir(source).unwrap_or_else(|error| panic!("{}: {error}", source.display())) {
        let path = entry.expect("the folder is read").path();
        let to = target.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("the file is copied");
        }
    }
}

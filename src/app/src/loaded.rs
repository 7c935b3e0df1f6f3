//! A contracts folder, read and resolved, for the commands that show what it means. A folder with errors shows nothing: what
//! it would mean is not known.

use std::path::Path;

use anyhow::bail;
use contract::{catalog::Catalog, finding::render_human};
use engine::{environment::Environment, registry::Registry};

use crate::{
    output::{self, Look},
    wiring::{self, FolderOrigin},
};

/// A resolved folder with its surroundings.
pub(crate) struct Loaded {
    /// The handlers.
    pub(crate) registry: Registry,
    /// What the manifests declare.
    pub(crate) catalog: Catalog,
    /// Which variables are set.
    pub(crate) environment: Environment,
}

/// Loads the folder that is named, or the usual one.
pub(crate) fn load(named: Option<&Path>) -> anyhow::Result<Loaded> {
    let origin = FolderOrigin::find(named)?;
    let registry = wiring::registry()?;
    let folder = origin.read()?;
    let resolution = wiring::resolve(&folder, &registry, None);
    let Some(catalog) = resolution.catalog else {
        output::note(&render_human(&resolution.findings, &folder, Look::stderr().colour));
        bail!("{} cannot be used before its errors are mended; `mission-control check` shows them again", origin.name());
    };
    let environment = wiring::environment(&catalog);
    Ok(Loaded { registry, catalog, environment })
}

//! Knows meaning: turns the documents of a folder into one immutable [`Catalog`], or says everything that stands against it.
//!
//! [`resolve`] is the whole way on one screen. Each stage has a file, takes the named results of those before it, and
//! returns what it made together with what it found; nothing is decided anywhere else.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use jiff::civil::Date;

use crate::{
    finding::{Finding, rules::ABSENCES},
    handler::HandlerInfo,
    manifest::{self, Folder},
};

mod assemble;
mod auth;
mod compatibility;
pub mod cron;
mod delivery;
mod digest;
mod environment;
mod examples;
mod files;
mod handlers;
mod identity;
mod items;
pub mod model;
mod paths;
mod references;
mod routes;
mod signature;
pub mod ticks;
pub mod units;

pub use model::*;

/// What resolving depends on beside the folder.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The handlers that this build knows.
    pub handlers: &'a [Arc<HandlerInfo>],
    /// Today, in UTC: sunsets before it are findings. `None` when the folder is to be served: a day that passes while a program
    /// is in use must not keep it from starting.
    pub today: Option<Date>,
    /// Version of the product.
    pub version: &'a str,
    /// The repository, for `file`, `script`, `migrations` and `version_from`; `None` when there is none at hand, and nothing is
    /// checked against it.
    pub repository: Option<&'a Repository>,
}

/// The repository around a contracts folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its folder.
    pub root: PathBuf,
    /// Paths of its files, relative to the folder and joined by `/`.
    pub files: Vec<String>,
}

/// What came of a folder.
#[derive(Debug)]
pub struct Resolution {
    /// The catalog; `None` when a finding is an error.
    pub catalog: Option<Catalog>,
    /// Everything that was found, by file and place.
    pub findings: Vec<Finding>,
}

/// Resolves a folder of manifests.
pub fn resolve(folder: &Folder, options: &Options<'_>) -> Resolution {
    let mut findings = Findings::default();
    let documents = findings.of(manifest::load(folder));

    let registry: Registry<'_> = options.handlers.iter().map(|handler| (handler.name, handler)).collect();
    let identity = findings.of(identity::resolve(&documents, options.version));
    let contracts = identity.contracts.as_slice();
    let presets = findings.of(signature::presets(&documents));
    let operations = findings.of(routes::operations(contracts));
    let mounts = findings.of(routes::mount(contracts, &operations));
    let auth = findings.of(auth::methods(contracts, &presets));
    let guards = findings.of(auth::guards(contracts, &operations, &auth, &presets));
    let uses = findings.of(handlers::resolve(&operations, &registry));
    let policies = findings.of(delivery::resolve(contracts, &operations, &uses));
    let items = findings.of(items::resolve(contracts, &operations, &mounts, &registry));
    let variables = findings.of(environment::resolve(&documents, contracts));
    let examples = findings.of(examples::resolve(contracts, &operations, &mounts, &guards, &uses, &policies, folder));
    findings.all.extend(compatibility::check(contracts, &mounts, options.today));
    findings.all.extend(references::check(contracts, &operations, &uses, &items));
    findings.all.extend(files::check(contracts, options.repository));

    let findings = findings.settle(documents.incomplete);
    let catalog = findings.iter().all(|finding| !finding.is_error()).then(|| {
        let digests = digest::digests(&identity.contracts, &presets, &examples);
        let parts = assemble::Parts { digests, operations, auth, guards, uses, policies, items, variables, examples };
        assemble::catalog(identity, documents.service.as_ref(), parts)
    });
    Resolution { catalog: catalog.flatten(), findings }
}

/// The handlers by name.
type Registry<'a> = HashMap<&'a str, &'a Arc<HandlerInfo>>;

/// What a stage made and what it found.
type Stage<T> = (T, Vec<Finding>);

#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
}

impl Findings {
    fn of<T>(&mut self, (made, found): Stage<T>) -> T {
        self.all.extend(found);
        made
    }

    /// The findings in the order of a reader, each once. While a file could not be read whole, what seems to be absent is
    /// left unsaid.
    fn settle(mut self, incomplete: bool) -> Vec<Finding> {
        if incomplete {
            self.all.retain(|finding| !ABSENCES.contains(&finding.rule));
        }
        self.all.sort_by(|left, right| key(left).cmp(&key(right)));
        self.all.dedup();
        self.all
    }
}

fn key(finding: &Finding) -> (Option<(&str, usize)>, &str, &str) {
    let place = finding.place.as_ref().map(|place| (place.file.as_str(), place.start));
    (place, finding.rule.code, &finding.message)
}

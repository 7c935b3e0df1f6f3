//! `mission-control new`: a manifest to start from. What is written is held to `check` together with the folder that it goes
//! into, before it is written: a file that `check` would complain about is never made.

mod kind;
mod payload;
mod steps;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use contract::{
    catalog::Resolution,
    finding::{Finding, did_you_mean, render_human},
    handler::HandlerInfo,
    manifest::Folder,
};
use engine::registry::Registry;

pub(super) use kind::Kind;

use crate::{
    output::{self, Look, count},
    repository,
    wiring::{self, FolderOrigin},
};

/// Write a contract manifest to start from, clean under `check`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control new webhook acme-tickets --preset standard-webhooks\n  \
                        mission-control new call acme-notify --dry-run\n  \
                        mission-control new api status-page --handler projects.list")]
pub(crate) struct New {
    /// What to make
    #[arg(value_enum)]
    kind: Kind,
    /// Id of the contract, and name of its file: lower-case words joined by hyphens
    #[arg(value_name = "ID")]
    id: String,
    /// Title; made from the id when left out
    #[arg(long, value_name = "TITLE")]
    name: Option<String>,
    /// Section that the contract is put into; the usual one of its kind when left out
    #[arg(long, value_name = "SECTION")]
    section: Option<String>,
    /// Signature settings of a vendor: a file of contracts/presets
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,
    /// Handler behind the route; `mission-control handlers` lists them
    #[arg(long, value_name = "HANDLER")]
    handler: Option<String>,
    /// With `file`: the files, as a path or a glob in the repository; README.md when left out
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// Write nothing; show the manifest
    #[arg(long)]
    dry_run: bool,
    /// Folder of manifests; MISSION_CONTROL_CONTRACTS or `contracts` when left out
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
}

/// What a manifest is made of.
#[derive(Debug, Clone)]
struct Plan<'a> {
    kind: Kind,
    id: &'a str,
    title: String,
    section: String,
    preset: Option<&'a str>,
    handler: Option<&'a HandlerInfo>,
    path: Option<&'a str>,
    /// Variables that the folder declares already.
    declared: Vec<String>,
}

impl New {
    /// Writes the manifest and says what comes next.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let FolderOrigin::Disk(root) = FolderOrigin::find(self.contracts.as_deref())? else {
            bail!("there is no folder `contracts` here to write into; run this in a checkout, or name a folder with --contracts");
        };
        let origin = FolderOrigin::Disk(root.clone());
        let registry = wiring::registry()?;
        let mut folder = origin.read()?;
        let repository = repository::files(&origin)?;
        let before = wiring::resolve(&folder, &registry, repository.as_ref());
        let plan = self.plan(&registry, &before)?;
        let (file, text) = (plan.file(), kind::manifest(&plan));
        ensure!(
            !root.join(&file).exists(),
            "{} is there already; choose another id or edit that file",
            root.join(&file).display()
        );
        folder.files.insert(file.clone(), text.clone().into_bytes());
        let after = wiring::resolve(&folder, &registry, repository.as_ref());
        refuse_findings(&before, &after, &folder)?;
        if self.dry_run {
            output::print(&text)?;
            return Ok(true);
        }
        let path = write(&root, &file, &text)?;
        output::print(&steps::text(&path, self.kind, &self.id, after.catalog.as_ref()))?;
        Ok(true)
    }

    /// Holds the arguments to one another and to the folder.
    fn plan<'a>(&'a self, registry: &'a Registry, before: &Resolution) -> anyhow::Result<Plan<'a>> {
        ensure!(is_id(&self.id), "`{}` is not an id: write lower-case words joined by hyphens, as acme-tickets", self.id);
        for (option, given, takes) in [
            ("--preset", self.preset.is_some(), self.kind.is_guarded_by_secret()),
            ("--handler", self.handler.is_some(), self.kind.has_route()),
            ("--path", self.path.is_some(), self.kind == Kind::File),
        ] {
            ensure!(!given || takes, "{option} means nothing for `{}`; leave it out", self.kind.word());
        }
        let title = self.name.as_deref().map_or_else(|| title_of(&self.id), |name| name.trim().to_owned());
        ensure!(!title.is_empty() && title.chars().count() <= 120, "the title has 1 to 120 characters");
        let declared = before.catalog.iter().flat_map(|catalog| catalog.variables.keys().cloned()).collect();
        Ok(Plan {
            kind: self.kind,
            id: &self.id,
            title,
            section: self.section.clone().unwrap_or_else(|| self.kind.section().to_owned()),
            preset: self.preset.as_deref(),
            handler: self.handler.as_deref().map(|name| find_handler(name, registry)).transpose()?,
            path: self.path.as_deref(),
            declared,
        })
    }
}

fn find_handler<'a>(name: &str, registry: &'a Registry) -> anyhow::Result<&'a HandlerInfo> {
    let Some(registered) = registry.get(name) else {
        let infos = registry.infos();
        let hint = did_you_mean(name, infos.iter().map(|info| info.name));
        bail!("there is no handler `{name}`; {}", hint.unwrap_or_else(|| "`mission-control handlers` lists them".to_owned()));
    };
    Ok(&registered.info)
}

impl Plan<'_> {
    /// The manifest's path below the contracts folder.
    fn file(&self) -> String {
        format!("{}/{}.yaml", self.section, self.id)
    }
}

/// `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`, as the format has it.
fn is_id(id: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    id.starts_with(|first: char| first.is_ascii_lowercase()) && id.split('-').all(word)
}

/// `acme-tickets` → `Acme tickets`.
fn title_of(id: &str) -> String {
    let mut title = id.replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// What the new manifest brings with it is not accepted; what was there before is only remarked on.
fn refuse_findings(before: &Resolution, after: &Resolution, folder: &Folder) -> anyhow::Result<()> {
    let new: Vec<Finding> = after.findings.iter().filter(|finding| !before.findings.contains(finding)).cloned().collect();
    if !new.is_empty() {
        output::note(render_human(&new, folder, Look::stderr().colour).trim_end());
        bail!("the manifest would not be clean under `check`, so nothing was written; change the id or the options");
    }
    let errors = before.findings.iter().filter(|finding| finding.is_error()).count();
    if errors > 0 {
        let errors = count(errors, "error");
        output::note(&format!(
            "note: the folder had {errors} before, so nothing of it can be mounted; see `mission-control check`"
        ));
    }
    Ok(())
}

/// Never over a file that is there.
fn write(root: &Path, file: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = root.join(file);
    let failed = || format!("{} cannot be written", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let mut made = fs::OpenOptions::new().write(true).create_new(true).open(&path).with_context(failed)?;
    made.write_all(text.as_bytes()).with_context(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests;

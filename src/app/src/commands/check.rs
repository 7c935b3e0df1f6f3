//! `mission-control check`: says everything that is wrong with a folder of manifests. The rules are the contract crate's.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use contract::{
    finding::{Finding, render_github, render_human, render_json, render_sarif},
    manifest::{
        Folder,
        load::{FIXTURES, PRESETS},
    },
};

use crate::{
    output::{self, Look, count},
    repository,
    wiring::{self, FolderOrigin, VERSION},
};

/// Check a folder of contract manifests
///
/// Every finding is shown in one run, each with its code, its place and what to do. Exit 0: nothing that fails the check.
/// Exit 1: at least one error. Exit 2: the check could not run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control check contracts\n  mission-control check --format sarif > findings.sarif")]
pub(crate) struct Check {
    /// Folder of manifests; MISSION_CONTROL_CONTRACTS, `contracts` or the copy inside the program when left out
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How the findings are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, with excerpts
    Human,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
}

impl Check {
    /// `Ok(false)` when an error was found.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let origin = FolderOrigin::find(self.folder.as_deref())?;
        let folder = origin.read()?;
        let repository = repository::files(&origin)?;
        let findings = wiring::resolve(&folder, &wiring::registry()?, repository.as_ref()).findings;
        let prefix = repository::prefix(&origin);
        output::print(&match self.format {
            Format::Human => human(&findings, &folder, &origin.name(), Look::stdout()),
            Format::Json => render_json(&findings),
            Format::Sarif => render_sarif(&findings, VERSION, &prefix),
            Format::Github => render_github(&findings, &prefix),
        })?;
        Ok(!findings.iter().any(Finding::is_error))
    }
}

/// The findings, and one line that sums them up.
fn human(findings: &[Finding], folder: &Folder, name: &str, look: Look) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let rendered = render_human(findings, folder, look.colour);
    // The renderer ends with its own count; the one below says more.
    let excerpts = rendered.trim_end().rsplit_once('\n').map_or("", |(excerpts, _)| excerpts);
    let counts = [count(contracts(folder), "contract"), count(errors, "error"), count(findings.len() - errors, "warning")];
    let blank = if excerpts.is_empty() { "" } else { "\n" };
    format!("{excerpts}{blank}{name}: {}\n", counts.join(", "))
}

/// How many contract manifests a folder has, whether or not they can be read.
fn contracts(folder: &Folder) -> usize {
    let is_contract = |path: &&String| match path.split_once('/') {
        Some((section, name)) => ![PRESETS, FIXTURES].contains(&section) && !name.contains('/') && name.ends_with(".yaml"),
        None => false,
    };
    folder.files.keys().filter(is_contract).count()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn check(files: &[(&str, &str)]) -> (Vec<Finding>, Folder) {
        let folder = Folder::from_files(files.iter().map(|(path, text)| (*path, text.as_bytes())));
        let findings = wiring::resolve(&folder, &wiring::registry().unwrap(), None).findings;
        (findings, folder)
    }

    #[test]
    fn the_embedded_contracts_are_clean() {
        let folder = FolderOrigin::Embedded.read().unwrap();
        let findings = wiring::resolve(&folder, &wiring::registry().unwrap(), None).findings;
        let text = human(&findings, &folder, "contracts", Look::PLAIN);
        assert!(findings.is_empty(), "{text}");
        assert!(text.starts_with("contracts: ") && text.ends_with(" contracts, 0 errors, 0 warnings\n"), "{text}");
    }

    #[test]
    fn findings_are_shown_and_summed_up_once() {
        let (findings, folder) = check(&[("external/a.yaml", "schema: 1\nidd: a\n")]);
        let text = human(&findings, &folder, "here", Look::PLAIN);
        assert!(text.contains("external/a.yaml:2"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("here: 1 contract, ") && last.contains(" error"), "{text}");
        assert_eq!(text.lines().filter(|line| line.ends_with(" warnings")).count(), 1, "{text}");
    }
}

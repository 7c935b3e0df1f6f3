//! `mission-control deprecations`: who still uses what is deprecated. The service counts the uses; this shows what it wrote down.

use clap::Args;
use engine::storage::{DeprecatedUses, Storage as _};
use jiff::Timestamp;

use crate::{
    database,
    output::{self, Look},
};

/// Show who still uses legacy carriers and deprecated aliases
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control deprecations\n  mission-control deprecations --json")]
pub(crate) struct Deprecations {
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Deprecations {
    /// Writes the uses.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let uses = database::run(async { Ok(database::ready().await?.deprecated_uses().await?) })?;
        if self.json {
            output::print_json(&uses)?;
        } else if uses.is_empty() {
            output::note("nothing deprecated was used yet");
        } else {
            output::print(&table(uses, Look::stdout()))?;
        }
        Ok(true)
    }
}

fn table(uses: Vec<DeprecatedUses>, look: Look) -> String {
    let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    let cells = |used: DeprecatedUses| {
        let (first, last) = (minute(used.first_at), minute(used.last_at));
        vec![
            used.contract.into(),
            used.surface.into(),
            used.caller.into(),
            used.count.to_string().into(),
            first.into(),
            last.into(),
        ]
    };
    output::table(
        &["CONTRACT", "SURFACE", "CALLER", "COUNT", "FIRST (UTC)", "LAST (UTC)"],
        uses.into_iter().map(cells).collect(),
        look,
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_use_is_shown_with_its_caller_and_its_times() {
        let (first_at, last_at) = ("2026-11-22T10:00:00Z".parse().unwrap(), "2026-11-23T11:30:59Z".parse().unwrap());
        let (contract, surface, caller) = ("plane-webhook".to_owned(), "query secret".to_owned(), "10.0.0.7".to_owned());
        let text = table(vec![DeprecatedUses { contract, surface, caller, count: 12, first_at, last_at }], Look::PLAIN);
        for part in ["plane-webhook", "query secret", "10.0.0.7", "12", "2026-11-22 10:00", "2026-11-23 11:30"] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
    }
}

//! `mission-control migrate`: brings the database's schema up to date before a new release is started, or says what that
//! would do. The service does the same when it starts.

use clap::Args;
use serde::Serialize;

use crate::{
    database,
    output::{self, count},
};

/// Bring the database's schema up to date
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control migrate --dry-run\n  DATABASE_URL=postgres://… mission-control migrate\n\n\
                        The database is the one in DATABASE_URL; sqlite://data/mission-control.db when that is unset.")]
pub(crate) struct Migrate {
    /// Only say what would be applied
    #[arg(long)]
    dry_run: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// What was, or would be, done.
#[derive(Debug, Serialize)]
struct Report {
    database: String,
    applied: bool,
    migrations: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    version: i64,
    name: &'static str,
}

impl Migrate {
    /// Applies what is missing.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let report = database::run(async {
            let store = if self.dry_run { database::existing().await? } else { database::connect().await? };
            let migrations = store
                .pending_migrations()
                .await?
                .into_iter()
                .map(|step| Step { version: step.version, name: step.name })
                .collect();
            if !self.dry_run {
                store.migrate().await?;
            }
            Ok(Report { database: store.name().to_owned(), applied: !self.dry_run, migrations })
        })?;
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&text(&report))?;
        }
        Ok(true)
    }
}

fn text(report: &Report) -> String {
    let Report { database, applied, migrations } = report;
    if migrations.is_empty() {
        return format!("{database}: the schema is up to date\n");
    }
    let verb = if *applied { "applied" } else { "to apply" };
    let mut text = format!("{database}: {} {verb}\n", count(migrations.len(), "migration"));
    for Step { version, name } in migrations {
        text.push_str(&format!("  {version:04} {name}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_was_and_what_would_be_done() {
        let mut report = Report {
            database: "sqlite://a.db".to_owned(),
            applied: false,
            migrations: vec![Step { version: 1, name: "initial" }],
        };
        assert_eq!(text(&report), "sqlite://a.db: 1 migration to apply\n  0001 initial\n");
        report.migrations.clear();
        assert_eq!(text(&report), "sqlite://a.db: the schema is up to date\n");
    }
}

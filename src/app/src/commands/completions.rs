//! `mission-control completions`: the script with which a shell completes this program's commands and options.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::{cli::Cli, output};

/// Write the completion script of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  mission-control completions bash > ~/.local/share/bash-completion/completions/mission-control"
)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Writes the script to standard output.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        output::print(&String::from_utf8(script(self.shell))?)?;
        Ok(true)
    }
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "mission-control", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_has_a_script_that_knows_the_commands() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8_lossy(&script(*shell)).into_owned();
            assert!(script.contains("deliveries") && script.contains("explain"), "{shell}");
        }
    }
}

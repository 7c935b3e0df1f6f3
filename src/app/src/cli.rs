//! The command line as clap reads it: the list of commands, and how the outcome of one becomes the exit code.

use std::{process::ExitCode, sync::LazyLock};

use clap::{Parser, Subcommand};

use crate::{commands, output, serve, wiring};

/// A declarative integration engine: contract manifests in, guarded and durable routes out.
#[derive(Debug, Parser)]
#[command(
    name = "mission-control",
    version = VERSION.as_str(),
    about = "A declarative integration engine driven by contract manifests",
    after_help = "Examples:\n  mission-control serve\n  mission-control check contracts\n  \
                  mission-control explain 'POST /api/setup-import'\n\n\
                  A file .env in the working folder is read first; a variable that is already set is left alone.",
    propagate_version = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order of the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Check(commands::check::Check),
    Docs(commands::docs::Docs),
    New(commands::new::New),
    Routes(commands::routes::Routes),
    Handlers(commands::handlers::Handlers),
    Explain(commands::explain::Explain),
    Deliveries(commands::deliveries::Deliveries),
    Deprecations(commands::deprecations::Deprecations),
    Migrate(commands::migrate::Migrate),
    Operator(commands::operator::Operator),
    Completions(commands::completions::Completions),
}

impl Command {
    /// Runs the command. A command answers whether all is well (exit 0) or something was found (exit 1); a failure is
    /// reported and ends with 1, or with 2 for `check`, where 1 means findings.
    pub(crate) fn run(self) -> ExitCode {
        let could_not_run = if matches!(self, Self::Check(_)) { 2 } else { 1 };
        let outcome = match self {
            Self::Serve(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Docs(command) => command.run(),
            Self::New(command) => command.run(),
            Self::Routes(command) => command.run(),
            Self::Handlers(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Deliveries(command) => command.run(),
            Self::Deprecations(command) => command.run(),
            Self::Migrate(command) => command.run(),
            Self::Operator(command) => command.run(),
            Self::Completions(command) => command.run(),
        };
        match outcome {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                output::report(&error);
                ExitCode::from(could_not_run)
            }
        }
    }
}

/// The version and, where it is known, the commit.
static VERSION: LazyLock<String> = LazyLock::new(|| match wiring::COMMIT {
    Some(commit) => format!("{} ({commit})", wiring::VERSION),
    None => wiring::VERSION.to_owned(),
});

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use clap::CommandFactory as _;

    use super::*;

    /// The command and all below it, by the words that lead there.
    fn all(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let mut found = vec![(path.to_owned(), command.clone())];
        for below in command.get_subcommands() {
            found.extend(all(below, &format!("{path} {}", below.get_name())));
        }
        found
    }

    fn commands() -> Vec<(String, clap::Command)> {
        let mut root = Cli::command();
        root.build();
        all(&root, "mission-control")
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_has_an_example_that_parses() {
        for (path, mut command) in commands() {
            let help = command.render_long_help().to_string();
            let examples = help.split_once("Example").unwrap_or_else(|| panic!("`{path} --help` shows no example:\n{help}")).1;
            let line = examples.lines().map(str::trim).find(|line| line.starts_with("mission-control"));
            let line = line.unwrap_or_else(|| panic!("the example of `{path}` is not a command line"));
            assert!(line.starts_with(&path), "the example of `{path}` is of another command: {line}");
            let line = line.split(" > ").next().unwrap();
            Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("the example of `{path}` does not parse: {error}"));
        }
    }

    /// Splits as a shell does, for single quotes alone.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            match index % 2 {
                1 => words.push(part.to_owned()),
                _ => words.extend(part.split_whitespace().map(str::to_owned)),
            }
        }
        words
    }

    #[test]
    fn every_command_and_option_is_described() {
        for (path, command) in commands() {
            assert!(command.get_about().is_some(), "`{path}` has no description");
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "`{}` of `{path}` is not described", argument.get_id());
            }
        }
    }

    #[test]
    fn what_is_not_there_yet_is_not_offered() {
        let names: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        assert_eq!(
            names,
            [
                "serve",
                "check",
                "docs",
                "new",
                "routes",
                "handlers",
                "explain",
                "deliveries",
                "deprecations",
                "migrate",
                "operator",
                "completions"
            ]
        );
    }
}

//! The program `mission-control`: reads `.env`, understands the command line and runs one command. What a command does is in
//! [`commands`], a file each; what they share is in [`wiring`] (the parts), [`loaded`] (a resolved folder) and [`output`].

mod cli;
mod commands;
mod database;
mod dotenv;
mod fields;
mod loaded;
mod output;
mod repository;
mod serve;
mod telemetry;
mod wiring;

use std::{path::Path, process::ExitCode};

use clap::Parser as _;

/// Before anything else, so that every command and every variable of the command line sees `.env`, and while there is one
/// thread alone, as changing the environment demands.
fn main() -> ExitCode {
    if let Err(error) = dotenv::load(Path::new(".env")) {
        output::report(&error);
        return ExitCode::from(2);
    }
    cli::Cli::parse().command.run()
}

//! The project's own build commands: `cargo xtask <COMMAND>`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing to whoever runs it is what a build command does"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod advisories;
mod assets;
mod bench;
mod browser;
mod cache;
mod checks;
mod demo;
mod faults;
mod generate;
mod golang;
mod helm;
mod images;
mod licences;
mod monitoring;
mod node;
mod one_more_rule;
mod packages;
mod prometheus;
mod run;
mod sbom;
mod test;
mod tls;
mod workloads;

/// The project's own build commands.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what the end-to-end tests run against: Kubernetes' programs, a node's, and images
    Assets,
    /// Build the image as `Dockerfile` says, with a base made here, and print the archive's name and the image's digest
    Image(images::Args),
    /// Unit, golden and property tests, then end-to-end tests on two Kubernetes versions and on a node
    Test {
        /// Only tests whose name contains this, and other arguments for the test runners
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure the engine, the server, and the way through a real API server
    Bench(bench::Args),
    /// Create pods on a node while something breaks, and write the table of docs/faults.md
    Faults(faults::Args),
    /// Run ordinary servers on a node, as they are and hardened in several ways, and write the table of docs/workloads.md
    Workloads(workloads::Args),
    /// Start the server and a Prometheus on loopback, drive some traffic, and say where to look; ends with Ctrl-C
    Demo(demo::Args),
    /// Check the formatting
    Fmt,
    /// Lint every target, warnings denied
    Clippy,
    /// Write what is generated from the code: policies, schema, reference pages, parts of the README
    Generate {
        /// Write nothing; fail where a file is not fresh
        #[arg(long)]
        check: bool,
    },
    /// Check the dependencies: one TLS provider, allowed licences, known advisories, bill of materials
    Deps,
    /// Write what is linked into the program, as CycloneDX
    Sbom {
        /// To this file; without it, it is printed
        file: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Assets => assets::print_folders(),
        Command::Image(args) => images::make(&args),
        Command::Test { args } => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::Workloads(args) => workloads::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Fmt => checks::fmt(),
        Command::Clippy => checks::clippy(),
        Command::Generate { check } => generate::run(check),
        Command::Deps => checks::deps(),
        Command::Sbom { file } => sbom::write(file.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

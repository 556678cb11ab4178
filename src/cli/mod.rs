//! The command line: which commands there are, and what they exit with.

mod explain;
mod harden;
mod input;
mod output;
mod policy;
mod say;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use pod_hardener::serve::{self, ServeError};
use pod_hardener::settings;
use time::OffsetDateTime;

/// What the program exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done = 0,
    /// `--check`: something would change.
    WouldChange = 1,
    /// The command line is wrong, or the policy that it names.
    Usage = 2,
    /// Some input could not be read.
    Unreadable = 3,
}

const EXAMPLES: &str = "\
Examples:
  pod-hardener harden deploy.yaml | kubectl apply -f -
  helm template shop ./chart | pod-hardener harden | kubectl apply -f -
  pod-hardener harden --check manifests/
  pod-hardener explain seccomp";

const SERVE_HELP: &str = "\
Examples:
  pod-hardener serve
  pod-hardener serve --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key --policy enforced
  POD_HARDENER_LOG_LEVEL=debug pod-hardener serve --config hardener.toml

Exit codes: 0 ended by SIGTERM or SIGINT, 1 by a second signal, 2 wrong settings or policy, 3 could not start or go on.";

/// Gives every Kubernetes pod secure settings at deploy time, and leaves it running.
#[derive(Debug, Parser)]
#[command(name = "pod-hardener", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the webhook
    #[command(after_help = SERVE_HELP)]
    Serve(serve::Args),
    /// Show the webhook's settings
    #[command(subcommand)]
    Config(Config),
    /// Harden the pods in manifests
    Harden(harden::Args),
    /// Explain the rules
    Explain(explain::Args),
    /// Show and check policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Print a completion script
    #[command(after_help = "Example:\n  source <(pod-hardener completions bash)")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum Config {
    /// Print the resolved settings, and where each comes from
    #[command(
        after_help = "Example:\n  POD_HARDENER_POLICY=enforced pod-hardener config show --config hardener.toml"
    )]
    Show(settings::Flags),
}

/// Runs the program.
pub(crate) fn run(now: OffsetDateTime) -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Serve(args) => match serve::run(args) {
            Ok(code) => return code,
            Err(error @ (ServeError::Settings(_) | ServeError::Policy(_))) => usage(error),
            Err(error) => Err(error.into()),
        },
        Command::Config(Config::Show(flags)) => {
            settings::show(&flags, &mut io::stdout().lock()).map(|()| Exit::Done).or_else(usage)
        }
        Command::Harden(args) => harden::run(&args, now),
        Command::Explain(args) => explain::run(&args),
        Command::Policy(command) => policy::run(&command),
        Command::Completions { shell } => completions(shell),
    };
    match exit {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::from(Exit::Unreadable as u8)
        }
    }
}

/// Settings and policy are part of what the user wrote.
fn usage(error: impl Into<anyhow::Error>) -> anyhow::Result<Exit> {
    let error = error.into();
    if is_broken_pipe(&error) {
        return Err(error);
    }
    say::error(&format!("{error:#}"));
    Ok(Exit::Usage)
}

/// Who reads our output has read enough (`| head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pod-hardener", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

//! The command line: which commands there are, and what they exit with.

mod cluster;
mod copy_up;
mod exemptions;
mod explain;
mod generate;
mod harden;
mod input;
mod output;
mod plugin;
mod policy;
mod policy_explain;
mod print;
mod profiles;
mod report;
mod say;
mod serve;
mod status;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use time::OffsetDateTime;

/// What the program exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done = 0,
    /// `--check`: something would change; `exemptions expiring`: one ends soon.
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

/// Gives every Kubernetes pod secure settings at deploy time, and leaves it running.
#[derive(Debug, Parser)]
#[command(name = "pod-hardener", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Harden the pods in manifests
    Harden(harden::Args),
    /// Report what would change where, and what stays insecure
    Report(report::Args),
    /// Run the admission webhook
    #[command(after_help = serve::HELP)]
    Serve(pod_hardener::serve::Args),
    /// Show the settings of the webhook
    #[command(subcommand)]
    Config(serve::Config),
    /// Show the exemptions in a cluster
    #[command(subcommand)]
    Exemptions(exemptions::Command),
    /// Write manifests for the cluster
    #[command(subcommand)]
    Generate(generate::Command),
    /// Explain the rules
    Explain(explain::Args),
    /// Show and check policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Show and check facts about images
    #[command(subcommand)]
    Profiles(profiles::Command),
    /// Show how a cluster stands: the webhook, its certificate, policies, profiles and pods
    Status(status::Args),
    /// Fill volumes with what an image has in its directories
    #[command(hide = true)]
    CopyUp(copy_up::Args),
    /// Print a completion script
    #[command(after_help = "Example:\n  source <(pod-hardener completions bash)")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program.
pub(crate) fn run(now: OffsetDateTime) -> ExitCode {
    if plugin::completes() {
        return exit_code(plugin::complete(Cli::command()));
    }
    let matches = plugin::command(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    exit_code(match cli.command {
        Command::Harden(args) => harden::run(&args, now),
        Command::Report(args) => report::run(&args, now),
        Command::Serve(args) => return serve::run(args),
        Command::Status(args) => status::run(&args, now),
        Command::Config(command) => serve::config(&command),
        Command::Exemptions(command) => exemptions::run(&command, now),
        Command::Generate(command) => generate::run(&command),
        Command::Explain(args) => explain::run(&args),
        Command::Policy(command) => policy::run(&command),
        Command::Profiles(command) => profiles::run(&command),
        Command::CopyUp(args) => copy_up::run(&args),
        Command::Completions { shell } => completions(shell),
    })
}

fn exit_code(exit: anyhow::Result<Exit>) -> ExitCode {
    match exit {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::from(Exit::Unreadable as u8)
        }
    }
}

/// Who reads our output has read enough (`| head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The same where the exit code says what was found: it does so whether or not anybody read to the end.
fn read_enough(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pod-hardener", &mut script);
    let mut script = String::from_utf8(script)?;
    if shell == clap_complete::Shell::Bash {
        // It takes the hyphen in our name for a step to a subcommand, in one of the two places where it writes the name.
        script = script.replace("pod__subcmd__hardener", "pod__hardener");
    }
    io::stdout().lock().write_all(script.as_bytes())?;
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

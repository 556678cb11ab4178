//! `pod-hardener serve` and `pod-hardener config`

use std::io;
use std::process::ExitCode;

use pod_hardener::serve::{Args, ServeError};
use pod_hardener::settings::{self, Flags, SettingsError};

use super::{Exit, say};

/// What is said after the flags of `serve`.
pub(super) const HELP: &str = "\
Examples:
  pod-hardener serve
  pod-hardener serve --listen 0.0.0.0:8443 --tls-cert tls.crt --tls-key tls.key --client-ca ca.crt
  pod-hardener serve --listen 0.0.0.0:8443 --certificates self-managed
  POD_HARDENER_LOG_LEVEL=debug pod-hardener serve --policy observe

Exit codes:
  0  shut down in order
  1  a second signal cut the shutdown short
  2  the flags, the settings or the policy are wrong
  3  a certificate cannot be used, an address not be listened on, or the cluster not be found";

/// Show the settings of the webhook.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Config {
    /// Print every setting as a TOML file, and where each comes from
    #[command(after_help = "\
Later ones win: built-in, the file, POD_HARDENER_* variables (POD_HARDENER_LOG_LEVEL for log_level), flags.

Examples:
  pod-hardener config show > pod-hardener.toml
  POD_HARDENER_MAX_REQUESTS=128 pod-hardener config show --config pod-hardener.toml")]
    Show(Flags),
}

pub(super) fn run(args: Args) -> ExitCode {
    pod_hardener::serve::run(args).unwrap_or_else(|error| {
        say::error(&error);
        let exit = match error {
            ServeError::Settings(_)
            | ServeError::Policy(_)
            | ServeError::NoCertificate(_)
            | ServeError::Certificates(_) => Exit::Usage,
            _ => Exit::Unreadable,
        };
        ExitCode::from(exit as u8)
    })
}

pub(super) fn config(command: &Config) -> anyhow::Result<Exit> {
    let Config::Show(flags) = command;
    match settings::show(flags, &mut io::stdout().lock()) {
        Ok(()) => Ok(Exit::Done),
        Err(SettingsError::Print(error)) => Err(error.into()),
        Err(error) => {
            say::error(&error);
            Ok(Exit::Usage)
        }
    }
}

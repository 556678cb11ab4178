//! From which commit an image is.

use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// Where an image is from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    revision: String,
    /// Seconds since 1970.
    time: String,
    created: String,
}

impl Origin {
    /// The commit that is checked out. Of what is not committed it says so, and takes the commit's time.
    pub(super) fn of_checkout() -> Result<Self> {
        let git = |args: &[&str]| {
            run::read(Command::new("git").args(args).env("TZ", "UTC").current_dir(run::root()))
        };
        // Without the history, as in an archive of the sources, nobody knows.
        let Ok(shown) =
            git(&["show", "--no-patch", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%H %ct %cd"])
        else {
            return Ok(Self::default());
        };
        let mut words = shown.split_whitespace().map(str::to_owned);
        let mut next = || words.next().context("git show said too little");
        let mut origin = Self { revision: next()?, time: next()?, created: next()? };
        if !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty() {
            origin.revision.push_str("-modified");
        }
        Ok(origin)
    }

    pub(super) fn args(&self) -> Vec<String> {
        let mut args = vec![format!("--timestamp={}", if self.time.is_empty() { "0" } else { &self.time })];
        for (name, value) in [
            ("SOURCE_DATE_EPOCH", self.time.as_str()),
            ("REVISION", &self.revision),
            ("CREATED", &self.created),
            ("VERSION", env!("CARGO_PKG_VERSION")),
        ] {
            if !value.is_empty() {
                args.push(format!("--build-arg={name}={value}"));
            }
        }
        args
    }
}

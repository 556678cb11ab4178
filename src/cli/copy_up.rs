//! `pod-hardener copy-up`: what the init containers run that the webhook adds.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use pod_hardener::copy_up::{CopyError, Outcome, Request, TERMINATION_LOG, copy};

use super::{Exit, say};

/// So much of a message reaches the pod's status.
const LONGEST_MESSAGE: usize = 4096;

/// Fill volumes with what an image has in its directories, as this user
///
/// The webhook adds init containers that run this, where an image's profile says `content: needed` and policy names
/// `copyUp.image`. A target that is there already stays as it is. What this user may not read is left out and named;
/// extended attributes are not kept.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the image is mounted
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Where the last message goes
    #[arg(long, value_name = "FILE", default_value = TERMINATION_LOG)]
    message: PathBuf,
    /// A directory of the image, what is to become a copy of it, and how much that may hold
    #[arg(required = true, value_name = "DIRECTORY:TARGET[:LIMIT]")]
    copies: Vec<Request>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut message = String::new();
    let done = args.copies.iter().try_for_each(|request| one(args, request, &mut message));
    if let Err(error) = &done {
        // Writing to a string cannot fail.
        let _ = writeln!(message, "{error}");
    }
    let ends = message.char_indices().map(|(start, c)| start + c.len_utf8());
    message.truncate(ends.take_while(|end| *end <= LONGEST_MESSAGE).last().unwrap_or(0));
    // Outside of a pod there is no such file, and the log has it all.
    let _ = fs::OpenOptions::new()
        .write(true)
        .open(&args.message)
        .and_then(|mut file| file.write_all(message.as_bytes()));
    done?;
    Ok(Exit::Done)
}

fn one(args: &Args, request: &Request, message: &mut String) -> Result<(), CopyError> {
    let path = &request.path;
    match copy(&args.from, request)? {
        Outcome::There => say::note(&format!("{path}: it is there already, and stays as it is")),
        Outcome::Copied(report) => {
            let line = format!("{path}: {report}");
            if report.left_out > 0 || report.missing {
                say::warning(&line);
                let _ = writeln!(message, "{line}");
            } else {
                say::note(&line);
            }
        }
    }
    Ok(())
}

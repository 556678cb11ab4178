//! As a plugin of kubectl: called `kubectl-harden`, the program is `kubectl harden`.
//!
//! kubectl runs what is so called on the PATH, and to complete a line what is called `kubectl_complete-harden`, which
//! answers as kubectl's own commands do. Links to the program are enough for both.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, Command};

use super::Exit;

/// The program's own name.
const OWN: &str = "pod-hardener";
/// As people call the plugin.
const PLUGIN: &str = "kubectl harden";

/// The name by which people call the program.
pub(super) fn name() -> &'static str {
    if is_plugin() { PLUGIN } else { OWN }
}

/// Whether kubectl runs it.
pub(super) fn is_plugin() -> bool {
    matches!(called().as_deref(), Some("kubectl-harden" | "kubectl_harden"))
}

/// Whether kubectl wants a line completed.
pub(super) fn completes() -> bool {
    called().as_deref() == Some("kubectl_complete-harden")
}

/// What the program was called.
fn called() -> Option<String> {
    let path = std::env::args_os().next()?;
    Some(Path::new(&path).file_stem()?.to_str()?.to_owned())
}

/// The command line, under the name by which it was called.
pub(super) fn command(command: Command) -> Command {
    if is_plugin() { as_plugin(command) } else { command }
}

fn as_plugin(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    renamed(command, &names)
        .name("kubectl-harden")
        .bin_name(PLUGIN)
        // Its scripts are for the program's own name.
        .mut_subcommand("completions", |completions| completions.hide(true))
}

/// With the plugin's name in what it says of itself: `pod-hardener explain` becomes `kubectl harden explain`, and the
/// namespace `pod-hardener` stays.
fn renamed(command: Command, names: &[String]) -> Command {
    let rename = |text: Option<&StyledStr>| {
        let text = text?.to_string();
        let renamed = names.iter().fold(text.clone(), |text, name| {
            text.replace(&format!("{OWN} {name}"), &format!("{PLUGIN} {name}"))
        });
        (renamed != text).then_some(renamed)
    };
    let (about, long, after) =
        (rename(command.get_about()), rename(command.get_long_about()), rename(command.get_after_help()));
    let mut command = command;
    if let Some(text) = about {
        command = command.about(text);
    }
    if let Some(text) = long {
        command = command.long_about(text);
    }
    if let Some(text) = after {
        command = command.after_help(text);
    }
    command
        .mut_args(|arg| match (rename(arg.get_help()), rename(arg.get_long_help())) {
            (Some(help), Some(long)) => arg.help(help).long_help(long),
            (Some(help), None) => arg.help(help),
            (None, Some(long)) => arg.long_help(long),
            (None, None) => arg,
        })
        .mut_subcommands(|below| renamed(below, names))
}

/// Completes the line that the arguments are.
pub(super) fn complete(command: Command) -> anyhow::Result<Exit> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut command = as_plugin(command);
    command.build();
    let mut out = io::stdout().lock();
    let (found, files) = completed(&command, &words);
    for (word, what) in found {
        writeln!(out, "{word}\t{what}")?;
    }
    // As cobra has it: 4, no names of files instead; 0, names of files where nothing was found.
    writeln!(out, ":{}", if files { 0 } else { 4 })?;
    Ok(Exit::Done)
}

/// What the last word can become, each with what it is; and whether it may be the name of a file.
fn completed(command: &Command, words: &[String]) -> (Vec<(String, String)>, bool) {
    let Some((last, before)) = words.split_last() else { return (Vec::new(), false) };
    let mut here = command;
    let mut awaits: Option<&Arg> = None;
    for word in before {
        if awaits.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            awaits = option(here, word).filter(|arg| takes_value(arg) && !word.contains('='));
        } else if let Some(below) = here.find_subcommand(word) {
            here = below;
        }
    }
    if let Some(arg) = awaits {
        return values(arg, last, "");
    }
    if let Some((name, value)) = last.split_once('=').filter(|(name, _)| name.starts_with("--")) {
        return option(here, name).map_or((Vec::new(), false), |arg| values(arg, value, &format!("{name}=")));
    }
    if last.starts_with('-') {
        let flags = here.get_arguments().filter(|arg| !arg.is_hide_set());
        let flags = flags.filter_map(|arg| Some((format!("--{}", arg.get_long()?), summary(arg.get_help()))));
        return (flags.filter(|(flag, _)| flag.starts_with(last)).collect(), false);
    }
    let below = here.get_subcommands().filter(|below| !below.is_hide_set());
    let mut found: Vec<(String, String)> = below
        .map(|below| (below.get_name().to_owned(), summary(below.get_about())))
        .filter(|(name, _)| name.starts_with(last))
        .collect();
    let mut files = false;
    for arg in here.get_positionals() {
        let (more, may_be_file) = values(arg, last, "");
        found.extend(more);
        files |= may_be_file;
    }
    (found, files)
}

fn option<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    let name = word.split('=').next().unwrap_or_default();
    command.get_arguments().find(|arg| match name.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => name.strip_prefix('-').is_some_and(|short| {
            let mut letters = short.chars();
            letters.next() == arg.get_short() && letters.next().is_none() && arg.get_short().is_some()
        }),
    })
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// The values that an argument can have; where it can have any, it may be the name of a file.
fn values(arg: &Arg, begun: &str, prefix: &str) -> (Vec<(String, String)>, bool) {
    let possible = arg.get_possible_values();
    if possible.is_empty() {
        let names = arg.get_value_names().unwrap_or_default();
        return (
            Vec::new(),
            names.iter().any(|name| ["FILE", "FOLDER", "PATH", "DIR"].iter().any(|word| name.contains(word))),
        );
    }
    let visible = possible.iter().filter(|value| !value.is_hide_set() && value.get_name().starts_with(begun));
    let named = visible.map(|value| (format!("{prefix}{}", value.get_name()), summary(value.get_help())));
    (named.collect(), false)
}

fn summary(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn found(line: &str) -> (Vec<String>, bool) {
        let mut command = as_plugin(Cli::command());
        command.build();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (found, files) = completed(&command, &words);
        (found.into_iter().map(|(word, _)| word).collect(), files)
    }

    #[test]
    fn every_text_names_the_plugin() {
        fn look(command: &mut Command, seen: &mut usize) {
            let help = command.render_long_help().to_string();
            assert!(!help.contains("pod-hardener "), "{}: {help}", command.get_name());
            *seen += help.matches(PLUGIN).count();
            command.get_subcommands_mut().for_each(|below| look(below, seen));
        }
        let mut command = as_plugin(Cli::command());
        command.build();
        command.clone().debug_assert();
        let mut seen = 0;
        look(&mut command, &mut seen);
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn lines_are_completed_as_far_as_they_go() {
        for (line, expected, files) in [
            ("exem", &["exemptions"][..], false),
            ("exemptions ", &["list", "expiring", "help"], false),
            ("exemptions list -o ", &["table", "wide", "json", "yaml", "name"], false),
            ("exemptions list -o j", &["json"], false),
            ("exemptions list --output=y", &["--output=yaml"], false),
            ("exemptions list -n shop --sel", &["--selector"], false),
            ("exemptions list --kubeconfig ", &[], true),
            ("compl", &[], false),
            ("harden ", &[], true),
        ] {
            let (found, may_be_file) = found(line);
            assert_eq!(
                (found.iter().map(String::as_str).collect::<Vec<_>>(), may_be_file),
                (expected.to_vec(), files),
                "{line}"
            );
        }
        assert_eq!(completed(&as_plugin(Cli::command()), &[]), (Vec::new(), false));
    }
}

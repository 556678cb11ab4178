//! `pod-hardener profiles`

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use pod_hardener::docs::profiles::profile_schema;
use pod_hardener::manifest::to_yaml;
use pod_hardener::policy::{API_VERSION, Metadata, PolicyError, Texts};
use pod_hardener::posture::Posture;
use pod_hardener::profiles::{
    self, Content, ImageProfile, ImageUser, KIND, Profile, ProfileSet, Reference, with_built_in,
};

use super::{Exit, say};

/// Show and check facts about images.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the profiles that are built in, and yours
    #[command(after_help = "\
Examples:
  pod-hardener profiles list
  pod-hardener profiles list --profiles profiles/")]
    List(Sources),
    /// Print a profile as a file: a start for one of your own
    #[command(after_help = "\
Example:
  pod-hardener profiles show nginx > nginx.yaml")]
    Show {
        /// The profile's name
        name: String,
        #[command(flatten)]
        sources: Sources,
    },
    /// Say whether profile files, or the files of folders, are valid, and what is wrong with them
    #[command(after_help = "\
Exit codes:
  0  all are valid
  3  one is not

Example:
  pod-hardener profiles validate profiles/")]
    Validate {
        /// Profile files, or folders of them
        #[arg(required = true, value_name = "FILE|FOLDER")]
        files: Vec<PathBuf>,
    },
    /// Say what is known of an image, and by which profile
    #[command(after_help = "\
Examples:
  pod-hardener profiles explain postgres:17-alpine
  pod-hardener profiles explain registry.example.com/team/app:1 -n shop --profiles profiles/")]
    Explain {
        /// The image, as a pod writes it
        image: String,
        /// The pod's namespace
        #[arg(short, long, default_value = "")]
        namespace: String,
        #[command(flatten)]
        sources: Sources,
    },
    /// Print the JSON Schema of profile files
    #[command(after_help = "\
Example:
  pod-hardener profiles schema > imageprofile.schema.json")]
    Schema,
}

/// Where profiles are.
#[derive(Debug, clap::Args)]
pub(super) struct Sources {
    /// Profiles beside those that are built in: a file or a folder of them
    #[arg(long, value_name = "FILE|FOLDER")]
    profiles: Option<PathBuf>,
}

pub(super) fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(sources) => with(sources, list),
        Command::Show { name, sources } => with(sources, |set| show(set, name)),
        Command::Validate { files } => validate(files),
        Command::Explain { image, namespace, sources } => with(sources, |set| explain(set, image, namespace)),
        Command::Schema => {
            io::stdout().lock().write_all(profile_schema().as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

/// The profiles in a file or a folder.
pub(super) fn load(path: Option<&Path>) -> Result<Arc<ProfileSet>, PolicyError> {
    let own = path.map_or(Ok(Vec::new()), |path| profiles::load(&Texts::read(path)?))?;
    Ok(with_built_in(own))
}

fn with(sources: &Sources, run: impl FnOnce(&ProfileSet) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    match load(sources.profiles.as_deref()) {
        Ok(set) => run(&set),
        Err(error) => {
            say::error(&error);
            Ok(Exit::Usage)
        }
    }
}

fn list(set: &ProfileSet) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    let width = set.profiles().iter().map(|profile| profile.name.len()).max().unwrap_or(0);
    for profile in set.profiles() {
        let facts = &profile.facts;
        writeln!(
            out,
            "{:<width$}  {:<13}  {:<8}  {:<7}  {}{}",
            profile.name,
            facts.source.as_str(),
            facts.posture.unwrap_or(Posture::Full).as_str(),
            facts.user.map_or_else(|| "-".to_owned(), |user| user.to_string()),
            facts.images.repositories.join(", "),
            if facts.images.tags.is_empty() {
                String::new()
            } else {
                format!(" ({})", facts.images.tags.join(", "))
            },
        )?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn show(set: &ProfileSet, name: &str) -> anyhow::Result<Exit> {
    let Some(profile) = set.profiles().iter().find(|profile| profile.name == name) else {
        say::error(&format!("no profile is named `{name}`; `pod-hardener profiles list` lists them"));
        return Ok(Exit::Usage);
    };
    let document = ImageProfile {
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        metadata: Metadata { name: profile.name.clone() },
        spec: profile.facts.clone(),
    };
    let document = serde_json::to_value(document).context("writing the profile")?;
    io::stdout().lock().write_all(to_yaml(&document).as_bytes())?;
    Ok(Exit::Done)
}

fn validate(files: &[PathBuf]) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for file in files {
        match Texts::read(file).and_then(|texts| profiles::load(&texts)) {
            Ok(found) => {
                let names: Vec<&str> = found.iter().map(|profile| profile.metadata.name.as_str()).collect();
                writeln!(io::stdout().lock(), "{}: valid: {}", file.display(), names.join(", "))?;
            }
            Err(error) => {
                say::error(&error);
                exit = Exit::Unreadable;
            }
        }
    }
    Ok(exit)
}

fn explain(set: &ProfileSet, image: &str, namespace: &str) -> anyhow::Result<Exit> {
    let Some(reference) = Reference::parse(image) else {
        say::error(&format!("`{image}` is no image"));
        return Ok(Exit::Usage);
    };
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "image     {}", reference.repository())?;
    let version = [reference.tag.map(|tag| format!("tag {tag}")), reference.digest.map(str::to_owned)];
    writeln!(out, "version   {}", version.into_iter().flatten().collect::<Vec<_>>().join(", "))?;
    let found = set.all(image, namespace);
    let Some((first, others)) = found.split_first() else {
        writeln!(out, "profile   none: policy's posture.unknown says how far it is hardened")?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    writeln!(out, "profile   {}", first.title())?;
    for (name, text) in facts(first) {
        writeln!(out, "{name:<9} {text}")?;
    }
    for other in others {
        writeln!(out, "behind it {}", other.title())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What a profile says, a line a fact.
fn facts(profile: &Profile) -> Vec<(&'static str, String)> {
    let facts = &profile.facts;
    let mut lines = vec![("posture", facts.posture.unwrap_or(Posture::Full).as_str().to_owned())];
    let starts = match facts.image_user {
        Some(ImageUser::Root) => "; the image starts as root",
        Some(ImageUser::Named) => "; the image starts as it by name",
        Some(ImageUser::Numeric) => "; the image starts as it, and is left to",
        None => "",
    };
    let user = facts.user.map_or_else(|| "policy's".to_owned(), |user| user.to_string());
    let group = facts.group.map_or_else(String::new, |group| format!(":{group}"));
    lines.push(("user", format!("{user}{group}{starts}")));
    let paths = facts.writable_paths.as_ref().map_or_else(
        || "not known".to_owned(),
        |paths| {
            let path = |path: &profiles::WritablePath| match path.content {
                Content::Empty => path.path.clone(),
                Content::Needed => {
                    format!(
                        "{} (what is there is needed: it is copied, or the root stays writable)",
                        path.path
                    )
                }
            };
            if paths.is_empty() {
                "nothing beside /tmp".to_owned()
            } else {
                paths.iter().map(path).collect::<Vec<_>>().join(", ")
            }
        },
    );
    lines.push(("writes", paths));
    if !facts.capabilities.is_empty() {
        lines.push(("keeps", facts.capabilities.join(", ")));
    }
    for (name, value) in &facts.environment {
        lines.push(("sets", format!("{name}={value}")));
    }
    let verified = if facts.verified { "run with these settings" } else { "not run with these settings" };
    let date = facts.date.as_deref().map_or_else(String::new, |date| format!(", as of {date}"));
    lines.push(("verified", format!("{verified}{date}")));
    lines.extend(facts.evidence.iter().map(|evidence| ("evidence", evidence.clone())));
    lines
}

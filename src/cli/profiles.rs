//! `pod-hardener profiles`

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use pod_hardener::docs::profiles::profile_schema;
use pod_hardener::guard::approve::{ApproveError, approve as guard_approve};
use pod_hardener::inventory::overview;
use pod_hardener::manifest::to_yaml;
use pod_hardener::policy::{API_VERSION, Metadata, PolicyError, Texts};
use pod_hardener::posture::Posture;
use pod_hardener::profiles::{
    self, Content, ImageProfile, ImageUser, KIND, Profile, ProfileSet, ProfileSpec, Reference, with_built_in,
};

use super::cluster::Cluster;
use super::print::{self, Output};
use super::{Exit, plugin, say};

/// Show and check facts about images.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the profiles that are built in, and yours
    #[command(after_help = "\
Examples:
  pod-hardener profiles list
  pod-hardener profiles list -o wide --profiles profiles/
  pod-hardener profiles list --context production -o name")]
    List {
        #[command(flatten)]
        sources: Sources,
        /// How to print them
        #[arg(short, long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
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
    /// Put a suggestion of the guard in force
    #[command(after_help = "\
Exit codes:
  0  it is in force
  2  there is no such suggestion
  3  the cluster did not take it

Examples:
  kubectl get imageprofiles
  pod-hardener profiles approve learnt-shop-app-0123456789ab")]
    Approve {
        /// The profile's name
        name: String,
        #[command(flatten)]
        cluster: Cluster,
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
    /// Ask no cluster: kubectl's plugin asks for the profiles in it, the program only where a cluster is named
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    cluster: Cluster,
}

pub(super) fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::List { sources, output } => with(sources, |set| list(set, *output)),
        Command::Show { name, sources } => with(sources, |set| show(set, name)),
        Command::Validate { files } => validate(files),
        Command::Explain { image, namespace, sources } => with(sources, |set| explain(set, image, namespace)),
        Command::Approve { name, cluster } => approve(name, cluster),
        Command::Schema => {
            io::stdout().lock().write_all(profile_schema().as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

/// The profiles in a file or a folder.
pub(super) fn load(path: Option<&Path>) -> Result<Arc<ProfileSet>, PolicyError> {
    own(path).map(with_built_in)
}

fn own(path: Option<&Path>) -> Result<Vec<ImageProfile>, PolicyError> {
    path.map_or(Ok(Vec::new()), |path| profiles::load(&Texts::read(path)?))
}

fn with(sources: &Sources, run: impl FnOnce(&ProfileSet) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let own = match own(sources.profiles.as_deref()) {
        Ok(own) => own,
        Err(error) => {
            say::error(&error);
            return Ok(Exit::Usage);
        }
    };
    let asks = !sources.offline && (sources.cluster.is_named() || plugin::is_plugin());
    let mut all = if asks { sources.cluster.run(in_cluster)? } else { Vec::new() };
    // As the webhook has it: one in the cluster takes the place of one of the same name in a file.
    let names: Vec<String> = all.iter().map(|profile| profile.metadata.name.clone()).collect();
    all.extend(own.into_iter().filter(|profile| !names.contains(&profile.metadata.name)));
    run(&with_built_in(all))
}

/// The profiles in a cluster; one that is wrong is left out, with a warning.
async fn in_cluster(client: Client) -> anyhow::Result<Vec<ImageProfile>> {
    let listed = overview::profiles(&client).await.context("reading the profiles of the cluster")?;
    let mut valid = Vec::new();
    for (name, spec) in listed {
        match profiles::parse_object(&name, spec.as_ref()) {
            Ok(profile) => valid.push(profile),
            Err(why) => say::warning(&format!("the profile {name} of the cluster is not in force: {why}")),
        }
    }
    Ok(valid)
}

fn list(set: &ProfileSet, output: Output) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    let documents = || set.profiles().iter().map(document).collect::<Vec<_>>();
    if print::value(&mut out, &documents(), output)? {
        out.flush()?;
        return Ok(Exit::Done);
    }
    let cells = |profile: &Profile| {
        let facts = &profile.facts;
        let user = facts.user.map_or_else(String::new, |user| user.to_string());
        let posture = facts.posture.unwrap_or(Posture::Full).as_str().to_owned();
        [profile.name.clone(), facts.source.as_str().to_owned(), posture, user, images(facts)]
    };
    match output {
        Output::Name => set.profiles().iter().try_for_each(|profile| {
            writeln!(out, "imageprofile.pod-hardener.dev/{}", say::printable(&profile.name))
        })?,
        Output::Wide => {
            let head = ["NAME", "SOURCE", "POSTURE", "USER", "IMAGES", "VERIFIED", "DATE", "WRITES"];
            print::table(
                &mut out,
                head,
                set.profiles().iter().map(|profile| {
                    let [name, source, posture, user, images] = cells(profile);
                    let verified = if profile.facts.verified { "yes" } else { "no" }.to_owned();
                    let date = profile.facts.date.clone().unwrap_or_default();
                    let paths = profile.facts.writable_paths.iter().flatten().map(|path| path.path.as_str());
                    let paths = paths.collect::<Vec<_>>().join(",");
                    [name, source, posture, user, images, verified, date, paths]
                }),
            )?;
        }
        _ => {
            let head = ["NAME", "SOURCE", "POSTURE", "USER", "IMAGES"];
            print::table(&mut out, head, set.profiles().iter().map(cells))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn images(facts: &ProfileSpec) -> String {
    let repositories = facts.images.repositories.join(",");
    if facts.images.tags.is_empty() {
        return repositories;
    }
    format!("{repositories} ({})", facts.images.tags.join(","))
}

/// A profile as a file.
fn document(profile: &Profile) -> ImageProfile {
    ImageProfile {
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        metadata: Metadata { name: profile.name.clone() },
        spec: profile.facts.clone(),
    }
}

fn show(set: &ProfileSet, name: &str) -> anyhow::Result<Exit> {
    let Some(profile) = set.profiles().iter().find(|profile| profile.name == name) else {
        say::error(&format!("no profile is named `{name}`; `{} profiles list` lists them", plugin::name()));
        return Ok(Exit::Usage);
    };
    let document = serde_json::to_value(document(profile)).context("writing the profile")?;
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

fn approve(name: &str, cluster: &Cluster) -> anyhow::Result<Exit> {
    match cluster.run(async |client| Ok(guard_approve(client, name).await))? {
        Ok(profile) => {
            let gains = profile.spec.gains_on_node();
            let images = profile.spec.images;
            let (images, namespaces) = (images.repositories.join(", "), images.namespaces.join(", "));
            writeln!(
                io::stdout().lock(),
                "{name} is in force: {images} in {namespaces}. Pods that start from now on get it.{}",
                if gains { " Setuid programs work in them, and may make them root on the node." } else { "" }
            )?;
            Ok(Exit::Done)
        }
        Err(ApproveError::Cluster(error)) => Err(anyhow::Error::new(*error).context("approving the profile")),
        Err(error) => {
            say::error(&error);
            Ok(Exit::Usage)
        }
    }
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
    if let Some(approved) = facts.approved {
        lines.push(("approved", if approved { "yes" } else { "no: it is not in force" }.to_owned()));
    }
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
    if facts.allow_privilege_escalation {
        let border = if facts.gains_on_node() { ", also on the node" } else { ", in a user namespace" };
        lines.push(("gains", format!("privileges by setuid programs{border}")));
    }
    if let Some(memory) = &facts.memory {
        lines.push(("memory", memory.clone()));
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

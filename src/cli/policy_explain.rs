//! `pod-hardener policy explain`

pub(super) mod sources;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use pod_hardener::facts::{Facts, Space};
use pod_hardener::manifest::PodIn;
use pod_hardener::policy::{By, PolicySet, Step, explain, together};
use pod_hardener::rules::{RuleId, RuleSet};
use pod_hardener::subject::{Reach, Subject};
use pod_hardener::view::Pod;
use serde::Serialize;

use self::sources::{Known, Places};
use super::cluster::Cluster;
use super::{Exit, say};

pub(super) const HELP: &str = "\
The namespace's label pod-hardener.dev/policy comes first, then the policies' own selectors in
their order, then the built-in restricted. What a pod's author controls may only strengthen what
the namespace has.

The policies are the custom resources of the cluster and those of --policy. With --offline the
cluster is not asked: what a Namespace in the file says is then all that is known of it.

Examples:
  pod-hardener policy explain -n shop
  pod-hardener policy explain -n shop -f deploy.yaml
  pod-hardener policy explain --offline --policy policies.yaml -f namespace-and-pods.yaml -o json";

/// Which policy, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The namespace; unset: what the objects in the file say
    #[arg(short, long)]
    namespace: Option<String>,
    /// A file with pods or workloads, or - for standard input; unset: what every pod of the namespace gets
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A preset or a policy file, as the webhook has it
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Ask no cluster
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    cluster: Cluster,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One array
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let read = match sources::read(args.file.as_deref()) {
        Ok(read) => read,
        Err(errors) => {
            errors.iter().for_each(|error| say::error(error));
            return Ok(Exit::Unreadable);
        }
    };
    let mut policies = Vec::new();
    if let Some(name) = &args.policy {
        match pod_hardener::policy::load(name) {
            Ok(loaded) => policies = loaded.policies().to_vec(),
            Err(error) => {
                say::error(&error);
                return Ok(Exit::Usage);
            }
        }
    }
    let of_pods = read.pods.iter().filter_map(|pod| pod.namespace.clone());
    let asked = args.namespace.clone().into_iter().chain(of_pods).chain(read.spaces.keys().cloned());
    let mut namespaces: Vec<String> = asked.collect();
    namespaces.dedup();
    if namespaces.is_empty() && !args.offline {
        say::error(&"which namespace? give --namespace");
        return Ok(Exit::Usage);
    }
    let mut known = Known { spaces: read.spaces, policies: Vec::new(), notes: Vec::new() };
    if !args.offline {
        known = args.cluster.run(async |client| sources::ask(&client, &namespaces).await)?;
    }
    let places = Places::new(args.policy.as_deref(), &known.policies);
    // One in the cluster stands for one of the same name in a file, and those of the cluster come first.
    let policies = PolicySet::new(together(std::mem::take(&mut known.policies), policies));
    let all = explain_all(args, &read.pods, &namespaces, &known, &policies, &places)?;
    print(&all, args.output)
}

fn explain_all(
    args: &Args,
    pods: &[PodIn],
    namespaces: &[String],
    known: &Known,
    policies: &PolicySet,
    places: &Places,
) -> anyhow::Result<Vec<Explained>> {
    if pods.is_empty() {
        let namespace = namespaces.first().map_or("", String::as_str);
        return Ok(vec![explain_one(None, namespace, known, policies, places)?]);
    }
    let one = |pod: &PodIn| {
        let namespace = pod.namespace.as_deref().or(args.namespace.as_deref()).unwrap_or_default();
        explain_one(Some(pod), namespace, known, policies, places)
    };
    pods.iter().map(one).collect()
}

fn explain_one(
    pod: Option<&PodIn>,
    namespace: &str,
    known: &Known,
    policies: &PolicySet,
    places: &Places,
) -> anyhow::Result<Explained> {
    let space: Option<Arc<Space>> = known.spaces.get(namespace).cloned();
    let facts = Facts { space, ..Facts::of_namespace(namespace) };
    let text = pod.map(|pod| pod.pod.to_string());
    let view: Option<Pod<'_>> = text.as_deref().map(serde_json::from_str).transpose()?;
    let subject = view.as_ref().and_then(|view| Subject::new(view, Reach::Pod));
    let explanation = explain(policies, &facts, subject.as_ref());
    let selection = explanation.selection;
    Ok(Explained {
        namespace: namespace.to_owned(),
        object: pod.map(|pod| format!("{}/{}", pod.kind, pod.name)),
        policy: selection.policy.name.clone(),
        by: match selection.by {
            By::Label => "label",
            By::Selector => "selector",
            By::Default => "default",
        },
        base: selection.base.name.clone(),
        weakens: rule_names(selection.weakens),
        steps: explanation.steps.iter().map(|step| Tried::new(step, places)).collect(),
        notes: known.notes.iter().cloned().chain(explanation.notes).collect(),
    })
}

fn rule_names(rules: RuleSet) -> Vec<&'static str> {
    rules.iter().map(RuleId::as_str).collect()
}

/// What is printed of one pod or namespace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    policy: String,
    by: &'static str,
    base: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weakens: Vec<&'static str>,
    steps: Vec<Tried>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tried {
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    result: &'static str,
    why: String,
}

impl Tried {
    fn new(step: &Step<'_>, places: &Places) -> Self {
        let policy = step.policy.map(|policy| policy.name.clone());
        let place = policy.as_deref().and_then(|name| places.of(name));
        Self { policy, place, result: step.result.as_str(), why: step.why.clone() }
    }
}

fn print(all: &[Explained], output: Output) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    if output == Output::Json {
        serde_json::to_writer_pretty(&mut out, all)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    for explained in all {
        let Explained { namespace, policy, .. } = explained;
        let what = match &explained.object {
            None => format!("namespace {namespace}"),
            Some(object) => format!("{object} in namespace {namespace}"),
        };
        writeln!(out, "{}", say::printable(&format!("{what}: policy {policy}")))?;
        for step in &explained.steps {
            let what = step.policy.as_ref().map_or_else(
                || "label pod-hardener.dev/policy of the namespace".to_owned(),
                |name| format!("policy {name}"),
            );
            let place = step.place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
            let verdict = match step.result {
                "no" if step.policy.is_some() => "does not match: ",
                "no" => "",
                "decides" => "decides: ",
                "depends" => "comes first for pods with ",
                _ => "matches, and may only strengthen: ",
            };
            writeln!(out, "  {}", say::printable(&format!("{what}{place}: {verdict}{}", step.why)))?;
        }
        for note in &explained.notes {
            writeln!(out, "  note: {}", say::printable(note))?;
        }
    }
    Ok(Exit::Done)
}

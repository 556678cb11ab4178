//! `pod-hardener harden`

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;

use pod_hardener::manifest::{Manifest, Outcome};
use pod_hardener::policy::{self, PolicySet};
use time::OffsetDateTime;

use super::input::{self, Input};
use super::output::{Format, Sink};
use super::{Exit, profiles, read_enough, say};

const HELP: &str = "\
Pods are found in Pod, PodTemplate, Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet, Job and
CronJob, in List and every kind of list, and in other groups' kinds whose spec.template is surely a pod template
(Argo Rollout, OpenShift DeploymentConfig, OpenKruise CloneSet …; not a Knative Service). Everything else passes
byte for byte. Changed YAML keeps its comments, key order and quotes, except where a change falls into an anchor
that others share: that document is written anew, without its comments.

Output:
  yaml     the manifests, hardened; several files are joined by `---`
  json     the same as JSON: one document for one, several one after another (as jq reads them)
  patch    for each changed document one line of JSON with its RFC 6902 operations
  diff     a unified diff for each changed file
  summary  what each rule did, for people

Exit codes:
  0  done
  1  --check: something would change
  2  the command line is wrong, or the policy
  3  some input could not be read (the rest was done); goes before 1

Examples:
  pod-hardener harden deploy.yaml > hardened.yaml
  helm template shop ./chart | pod-hardener harden -n shop | kubectl apply -f -
  pod-hardener harden -o diff manifests/
  pod-hardener harden --check --policy enforced manifests/
  pod-hardener harden -q -o json pod.json | jq .spec.securityContext";

/// Harden the pods in manifests.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Files, directories (walked for .yaml, .yml, .json), or - for standard input (also the default)
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What to print; yaml, unless --check says what would change
    #[arg(short, long, value_enum)]
    output: Option<Format>,
    /// Change nothing; exit with 1 if something would change
    #[arg(long)]
    check: bool,
    /// A preset (restricted, enforced, observe, safe), a policy file or a folder of them
    #[arg(long, value_name = "NAME|FILE|FOLDER", default_value = "restricted")]
    policy: String,
    /// Facts about images beside those that are built in: a file of ImageProfiles or a folder of them
    #[arg(long, value_name = "FILE|FOLDER")]
    profiles: Option<PathBuf>,
    /// The namespace of objects that name none
    #[arg(short, long)]
    namespace: Option<String>,
    /// Print no warnings
    #[arg(short, long)]
    quiet: bool,
}

/// A file that was hardened: each document with what came of it.
pub(super) struct Hardened<'m, 't> {
    pub(super) name: &'m str,
    pub(super) manifest: &'m Manifest<'t>,
    pub(super) outcomes: &'m [Outcome],
}

struct Run<'a> {
    args: &'a Args,
    policies: PolicySet,
    now: OffsetDateTime,
    changed: bool,
    failed: bool,
}

pub(super) fn run(args: &Args, now: OffsetDateTime) -> anyhow::Result<Exit> {
    if args.paths.is_empty() && io::stdin().is_terminal() {
        say::error(&"nothing to read: name a file or a directory, or pipe manifests in (see --help)");
        return Ok(Exit::Usage);
    }
    let profiles = profiles::load(args.profiles.as_deref());
    let policies = policy::load(&args.policy);
    let policies = match profiles.and_then(|profiles| Ok(policies?.with_profiles(profiles))) {
        Ok(policies) => policies,
        Err(error) => {
            say::error(&error);
            return Ok(Exit::Usage);
        }
    };
    let format = args.output.unwrap_or(if args.check { Format::Changes } else { Format::Yaml });
    let mut sink = Sink::new(format, BufWriter::new(io::stdout().lock()));
    let mut run = Run { args, policies, now, changed: false, failed: false };
    for input in input::expand(&args.paths) {
        match input {
            Ok(input) => run.input(&input, &mut sink)?,
            Err(error) => run.fail(&error),
        }
    }
    read_enough(sink.finish())?;
    Ok(match run {
        Run { failed: true, .. } => Exit::Unreadable,
        Run { changed: true, .. } if args.check => Exit::WouldChange,
        _ => Exit::Done,
    })
}

impl Run<'_> {
    fn fail(&mut self, message: &str) {
        self.failed = true;
        say::error(&message);
    }

    /// One file: done whole or not at all.
    fn input<W: Write>(&mut self, input: &Input, sink: &mut Sink<W>) -> io::Result<()> {
        let name = input.name();
        let text = match input.read() {
            Ok(text) => text,
            Err(error) => {
                self.fail(&format!("{name}{error}"));
                return Ok(());
            }
        };
        match Manifest::read(&text, input.syntax(&text)) {
            Ok(manifest) => self.manifest(&name, &manifest, sink),
            Err(errors) => {
                for error in errors {
                    self.fail(&format!("{name}:{error}"));
                }
                Ok(())
            }
        }
    }

    fn manifest<W: Write>(
        &mut self,
        name: &str,
        manifest: &Manifest<'_>,
        sink: &mut Sink<W>,
    ) -> io::Result<()> {
        let mut outcomes = Vec::with_capacity(manifest.documents.len());
        for document in &manifest.documents {
            match document.harden(&self.policies, self.args.namespace.as_deref(), self.now) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => self.fail(&format!("{name}:{error}")),
            }
        }
        if outcomes.len() < manifest.documents.len() {
            return Ok(());
        }
        self.changed |= outcomes.iter().any(|outcome| outcome.after.is_some());
        if !self.args.quiet {
            warn(name, manifest, &outcomes);
        }
        read_enough(sink.write(&Hardened { name, manifest, outcomes: &outcomes }))
    }
}

fn warn(name: &str, manifest: &Manifest<'_>, outcomes: &[Outcome]) {
    for (document, outcome) in manifest.documents.iter().zip(outcomes) {
        for duplicate in document.duplicate_keys() {
            say::warning(&format!("{name}:{duplicate}"));
        }
        for workload in &outcome.workloads {
            for warning in &workload.warnings {
                let warning = warning.strip_prefix("pod-hardener: ").unwrap_or(warning);
                say::warning(&format!("{name}: {}: {warning}", workload.label()));
            }
        }
    }
}

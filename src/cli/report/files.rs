//! The report of files.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt as _};
use pod_hardener::facts::Facts;
use pod_hardener::manifest::{Manifest, PodIn};
use pod_hardener::policy::PolicySet;
use pod_hardener::profiles::with_built_in;
use pod_hardener::report::{Gather, Looker, Place, Report};
use serde_json::Value;
use time::OffsetDateTime;

use super::{Args, Made, Named};
use crate::cli::input::{self, Input};
use crate::cli::policy_explain::sources::{Spaces, namespace_in};
use crate::cli::say;

/// What stands in the files.
#[derive(Default)]
struct Read {
    /// Each with its file.
    pods: Vec<(String, PodIn)>,
    spaces: Spaces,
    failed: bool,
}

pub(super) fn report(args: &Args, named: Named, now: OffsetDateTime) -> Made {
    let policies = PolicySet::new(named.policies).with_profiles(with_built_in(named.profiles));
    let mut read = Read::default();
    for input in input::expand(&args.paths) {
        match input {
            Ok(input) => read.input(&input),
            Err(error) => read.fail(&error),
        }
    }
    let looker = Looker::new(&policies, now);
    let mut gather = Gather::default();
    for (name, space) in &read.spaces {
        let facts = Facts { space: Some(space.clone()), ..Facts::of_namespace(name) };
        gather.add_exemptions(looker.of_namespace(&facts));
    }
    for (file, pod) in std::mem::take(&mut read.pods) {
        if !args.selector.as_ref().is_none_or(|selector| selects(selector, &pod.pod)) {
            continue;
        }
        let namespace = pod.namespace.or_else(|| args.namespace.clone()).unwrap_or_default();
        let facts = Facts { space: read.spaces.get(&namespace).cloned(), ..Facts::of_namespace(&namespace) };
        let (kind, name, line) = (pod.kind, pod.name, pod.line);
        match looker.look(&pod.pod.to_string(), &facts) {
            Ok(None) => {}
            Ok(Some(looked)) => {
                let place = Place {
                    namespace: namespace.clone(),
                    kind,
                    name,
                    api_version: pod.api_version,
                    uid: None,
                    file: Some(file),
                    line: Some(line),
                };
                gather.add(place, 0, looked);
            }
            Err(error) => read.fail(&format!("{file}:{line}: {kind}/{name}: {error}")),
        }
    }
    Made { report: Report::new("files", Vec::new(), gather, now), complete: !read.failed }
}

impl Read {
    fn fail(&mut self, message: &str) {
        self.failed = true;
        say::error(&message);
    }

    /// One file: read whole or not at all.
    fn input(&mut self, input: &Input) {
        let name = input.name();
        let text = match input.read() {
            Ok(text) => text,
            Err(error) => return self.fail(&format!("{name}{error}")),
        };
        match Manifest::read(&text, input.syntax(&text)) {
            Ok(manifest) => {
                for document in &manifest.documents {
                    self.pods.extend(document.pods().into_iter().map(|pod| (name.clone(), pod)));
                    self.spaces.extend(namespace_in(document));
                }
            }
            Err(errors) => errors.iter().for_each(|error| self.fail(&format!("{name}:{error}"))),
        }
    }
}

/// Whether a pod, or those of a template, have the labels.
pub(super) fn selects(selector: &Selector, pod: &Value) -> bool {
    let labels = pod.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels: BTreeMap<String, String> =
        labels.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect();
    selector.matches(&labels)
}

//! The standards that workloads are counted against, before and after: by the sources that the rules themselves name.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::pod_security;
use crate::rules::{RuleId, RuleSet, Source};
use crate::subject::Subject;
use crate::view::Container;

/// A standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Standard {
    /// Pod Security Standards, `baseline`.
    #[serde(rename = "pod-security-baseline")]
    Baseline,
    /// Pod Security Standards, what `restricted` asks for beyond `baseline`.
    #[serde(rename = "pod-security-restricted")]
    Restricted,
    /// CIS Kubernetes Benchmark, section 5, as far as it is about pods.
    #[serde(rename = "cis")]
    Cis,
    /// OWASP Kubernetes Top Ten, K01 Insecure Workload Configurations: the same in 2022 and 2025.
    #[serde(rename = "owasp")]
    Owasp,
}

impl Standard {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Baseline, Self::Restricted, Self::Cis, Self::Owasp];

    /// In JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "pod-security-baseline",
            Self::Restricted => "pod-security-restricted",
            Self::Cis => "cis",
            Self::Owasp => "owasp",
        }
    }

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Baseline => "Pod Security baseline",
            Self::Restricted => "Pod Security restricted",
            Self::Cis => "CIS Kubernetes Benchmark, section 5",
            Self::Owasp => "OWASP Kubernetes Top Ten (2025 and 2022)",
        }
    }
}

/// One control of a standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Control {
    /// Of which.
    pub standard: Standard,
    /// Its number there, or its name where it has none.
    pub id: &'static str,
}

/// The one control of OWASP's list that is about pods.
const K01: Control = Control { standard: Standard::Owasp, id: "K01" };

impl Control {
    /// Every control of every standard, in its order.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let sources = RuleId::ALL.iter().flat_map(|rule| rule.meta().sources);
        let cis: BTreeSet<&'static str> = sources.filter_map(cis_id).collect();
        let mut cis: Vec<&'static str> = cis.into_iter().collect();
        cis.sort_by_key(|id| id.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>());
        let cis = cis.into_iter().map(|id| Self { standard: Standard::Cis, id });
        pod_security::controls().chain(cis).chain([K01]).collect()
    }

    /// What it asks for.
    #[must_use]
    pub fn title(self) -> &'static str {
        let sources = RuleId::ALL.iter().flat_map(|rule| rule.meta().sources);
        match self.standard {
            Standard::Cis => sources
                .filter_map(|source| match source {
                    Source::Cis(id, title) if *id == self.id => Some(*title),
                    _ => None,
                })
                .next()
                .unwrap_or(self.id),
            Standard::Owasp => "Insecure Workload Configurations",
            Standard::Baseline | Standard::Restricted => self.id,
        }
    }
}

impl Serialize for Control {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.standard.as_str(), self.id))
    }
}

const fn cis_id(source: &Source) -> Option<&'static str> {
    match source {
        Source::Cis(id, _) => Some(id),
        _ => None,
    }
}

/// The controls that a pod does not meet, given the rules that it does not keep.
pub(super) fn unmet(pod: &Subject<'_, '_>, broken: RuleSet) -> BTreeSet<Control> {
    let mut unmet: BTreeSet<Control> = pod_security::violations(pod).collect();
    for rule in broken.iter() {
        for source in rule.meta().sources {
            if matches!(source, Source::OwaspK01) {
                unmet.insert(K01);
            }
        }
    }
    for rule in RuleId::ALL {
        for id in rule.meta().sources.iter().filter_map(cis_id) {
            if fails(id, pod, broken.contains(*rule)) {
                unmet.insert(Control { standard: Standard::Cis, id });
            }
        }
    }
    unmet
}

/// Whether a pod fails a control. Where one rule stands for several of them, the pod says which are meant.
fn fails(id: &str, pod: &Subject<'_, '_>, broken: bool) -> bool {
    let spec = pod.spec;
    let any =
        |fails: fn(&Container<'_>) -> bool| pod.is_linux() && pod.slots.iter().any(|slot| fails(slot.view));
    match id {
        // Used is an account by a pod that has its token.
        "5.1.5" => broken && spec.account() == "default",
        "5.2.3" => spec.host_pid == Some(true),
        "5.2.4" => spec.host_ipc == Some(true),
        "5.2.5" => spec.host_network == Some(true),
        "5.2.8" => any(|container| {
            let names = |name: &str| matches!(name, "ALL" | "NET_RAW");
            !container.dropped_capabilities().iter().any(|name| names(name))
                || container.added_capabilities().iter().any(|name| names(name))
        }),
        "5.2.9" => {
            any(|container| container.added_capabilities().iter().any(|name| *name != "NET_BIND_SERVICE"))
        }
        "5.2.10" => any(|container| !container.dropped_capabilities().iter().any(|name| *name == "ALL")),
        _ => broken,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::subject::Reach;
    use crate::view::Pod;

    fn cis(pod: &Value, broken: &[RuleId]) -> Vec<&'static str> {
        let text = pod.to_string();
        let view: Pod<'_> = serde_json::from_str(&text).expect("a pod");
        let subject = Subject::new(&view, Reach::Pod).expect("a spec");
        let unmet = unmet(&subject, broken.iter().copied().collect());
        unmet
            .into_iter()
            .filter(|control| control.standard == Standard::Cis)
            .map(|control| control.id)
            .collect()
    }

    #[test]
    fn controls_are_in_their_standards_order() {
        let all = Control::all();
        let position = |id: &str| all.iter().position(|control| control.id == id).expect(id);
        assert!(position("5.1.5") < position("5.2.2") && position("5.2.9") < position("5.2.10"));
        assert!(position("HostProcess") < position("Volume Types") && position("5.7.3") < position("K01"));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "each once");
        assert_eq!(
            Control { standard: Standard::Cis, id: "5.2.2" }.title(),
            "Minimize the admission of privileged containers"
        );
    }

    #[test]
    fn one_rule_for_several_controls_fails_only_those_that_are_meant() {
        let plain = json!({"spec": {"hostPID": true, "containers": [{"name": "a"}]}});
        assert_eq!(cis(&plain, &[]), ["5.2.10", "5.2.3", "5.2.8"]);
        let dropped = |add: Value| {
            json!({"spec": {"containers": [{"name": "a", "securityContext": {"capabilities": {
                "drop": ["ALL"], "add": add}}}]}})
        };
        assert_eq!(cis(&dropped(json!(["NET_BIND_SERVICE"])), &[]), [] as [&str; 0]);
        assert_eq!(cis(&dropped(json!(["CHOWN"])), &[]), ["5.2.9"]);
        assert_eq!(cis(&dropped(json!(["NET_RAW"])), &[]), ["5.2.8", "5.2.9"]);
    }

    #[test]
    fn the_default_account_counts_only_where_it_is_used() {
        let of = |account: Value| json!({"spec": {"os": {"name": "windows"}, "serviceAccountName": account, "containers": []}});
        let token = [RuleId::service_account_token];
        assert_eq!(cis(&of(json!(null)), &token), ["5.1.5", "5.1.6"]);
        assert_eq!(cis(&of(json!("shop")), &token), ["5.1.6"]);
        assert_eq!(cis(&of(json!(null)), &[]), [] as [&str; 0]);
    }
}

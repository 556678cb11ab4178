//! What may break a workload: evidence, from what would change and what is known of its images.

use serde::Serialize;

use super::workload::Found;
use crate::annotation::{self, RUN_AS_USER, WRITABLE_PATHS};
use crate::posture::persistent_volume;
use crate::profiles::Profile;
use crate::rules::{RuleResult, unprivileged_ports};
use crate::subject::Subject;
use crate::view::ContainerType;

/// How likely a piece of evidence makes it that the workload breaks, the least likely first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Likelihood {
    /// Most live with it.
    Low,
    /// Some do not.
    Medium,
    /// Many do not: try it first.
    High,
}

impl Likelihood {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// In JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// So much it counts where several come together.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Low => 1,
            Self::Medium => 3,
            Self::High => 9,
        }
    }
}

/// Why a workload may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// What its author set would be replaced.
    Replaced,
    /// An image that nobody knows would run as another user than its own.
    OtherUser,
    /// The files in a volume belong to the user that the image had.
    VolumeOwnership,
    /// A port below 1024, without root.
    LowPort,
    /// The image may write to its root file system.
    RootFilesystem,
    /// Capabilities that runtimes give would be gone.
    Capabilities,
    /// The token for the API server would be gone.
    Token,
    /// A limit where there was none.
    MemoryLimit,
    /// What is known of the image was not tried with these settings.
    Untried,
}

impl Cause {
    /// In JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::OtherUser => "other-user",
            Self::VolumeOwnership => "volume-ownership",
            Self::LowPort => "low-port",
            Self::RootFilesystem => "root-filesystem",
            Self::Capabilities => "capabilities",
            Self::Token => "token",
            Self::MemoryLimit => "memory-limit",
            Self::Untried => "untried",
        }
    }
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// Why.
    pub cause: Cause,
    /// How likely that makes it.
    pub likelihood: Likelihood,
    /// In which container; `None`: in the pod as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What exactly.
    pub evidence: String,
}

/// What is to be compared.
pub(super) struct Change<'c, 'v, 'a, 'w, 'b> {
    pub(super) before: &'c Subject<'v, 'a>,
    pub(super) after: &'c Subject<'w, 'b>,
    pub(super) findings: &'c [Found],
    /// The prefix of the annotations that policy reads.
    pub(super) prefix: &'c str,
    /// Whether a cluster says whom bindings reach.
    pub(super) knows_account: bool,
}

/// All that speaks for it that the pod breaks; `known` finds what is known of an image.
pub(super) fn find<'p>(
    change: &Change<'_, '_, '_, '_, '_>,
    known: impl Fn(&str) -> Option<&'p Profile>,
) -> Vec<Risk> {
    let replaced = change.findings.iter().filter(|found| found.result == RuleResult::Replaced);
    let mut risks: Vec<Risk> = replaced
        .map(|found| Risk {
            cause: Cause::Replaced,
            likelihood: Likelihood::High,
            container: found.container.clone(),
            evidence: format!("{} replaces what its author set: {}", found.rule, found.note),
        })
        .collect();
    risks.extend(token(change));
    if change.before.is_linux() {
        for (number, slot) in change.before.slots.iter().enumerate() {
            if slot.kind != ContainerType::Ephemeral {
                let profile = known(slot.view.image.as_deref().unwrap_or_default());
                let container = Container { change, number, profile };
                let found = container.risks();
                risks.extend(found.into_iter().map(|(cause, likelihood, evidence)| Risk {
                    cause,
                    likelihood,
                    container: Some(slot.view.name.as_str().to_owned()),
                    evidence,
                }));
            }
        }
    }
    risks
}

fn token(change: &Change<'_, '_, '_, '_, '_>) -> Option<Risk> {
    let goes = change.after.spec.automount_service_account_token == Some(false)
        && change.before.spec.automount_service_account_token != Some(false);
    let account = change.before.spec.account();
    let (likelihood, why) = match (change.knows_account, account) {
        (true, _) => (Likelihood::Low, "which no binding reaches"),
        (false, "default") => (Likelihood::Low, "which mostly may do nothing"),
        (false, _) => (Likelihood::Medium, "and no cluster was asked what it may do"),
    };
    goes.then(|| Risk {
        cause: Cause::Token,
        likelihood,
        container: None,
        evidence: format!("gets no token of the account {account}, {why}"),
    })
}

/// One container before and after.
struct Container<'r, 'c, 'v, 'a, 'w, 'b, 'p> {
    change: &'r Change<'c, 'v, 'a, 'w, 'b>,
    number: usize,
    profile: Option<&'p Profile>,
}

type Evidence = (Cause, Likelihood, String);

impl Container<'_, '_, '_, '_, '_, '_, '_> {
    fn risks(&self) -> Vec<Evidence> {
        let all = [
            self.other_user(),
            self.volume_ownership(),
            self.low_port(),
            self.root_filesystem(),
            self.capabilities(),
            self.memory_limit(),
        ];
        all.into_iter().flatten().collect()
    }

    /// The uid that it would run as, where that is another one.
    fn new_user(&self) -> Option<i64> {
        let [was, is] = [self.change.before, self.change.after].map(|pod| user(pod, self.number));
        is.filter(|_| was != is)
    }

    fn other_user(&self) -> Option<Evidence> {
        let uid = self.new_user().filter(|_| !self.is_tuned(RUN_AS_USER))?;
        match self.profile {
            None => {
                let evidence = format!("runs as uid {uid}; which user its image has is not known");
                Some((Cause::OtherUser, Likelihood::High, evidence))
            }
            Some(profile) if profile.facts.verified => None,
            Some(profile) => {
                let evidence =
                    format!("runs as uid {uid}, as profile {} says; nobody has tried that", profile.name);
                Some((Cause::Untried, Likelihood::Low, evidence))
            }
        }
    }

    fn volume_ownership(&self) -> Option<Evidence> {
        let uid = self.new_user()?;
        let context = self.change.after.spec.security_context.as_ref();
        if context.is_some_and(|context| context.fs_group.is_some()) {
            return None;
        }
        let volume = persistent_volume(self.change.before, self.number).or_else(|| self.host_path())?;
        let evidence = format!("runs as uid {uid}; the files in volume {volume} may be another user's");
        Some((Cause::VolumeOwnership, Likelihood::High, evidence))
    }

    /// A directory of the node that it mounts.
    fn host_path(&self) -> Option<&str> {
        let pod = self.change.before;
        let is_host_path = |name: &str| {
            let mut volumes = pod.spec.volumes().iter();
            volumes.any(|volume| *volume.name == *name && volume.kind.as_deref() == Some("hostPath"))
        };
        let mounts = pod.slots[self.number].view.mounts().iter();
        mounts.map(|mount| mount.name.as_str()).find(|name| is_host_path(name))
    }

    fn low_port(&self) -> Option<Evidence> {
        let [was, is] = [self.change.before, self.change.after].map(|pod| is_not_root(pod, self.number));
        if was || !is {
            return None;
        }
        let ports = self.change.before.slots[self.number].view.ports().iter();
        let port = ports.filter_map(|port| port.container_port).find(unprivileged_ports::is_low)?;
        if unprivileged_ports::has_sysctl(self.change.after.spec) {
            let evidence = format!("listens on port {port} without root, which a sysctl lets it");
            return Some((Cause::LowPort, Likelihood::Low, evidence));
        }
        let evidence = format!("listens on port {port} without root, and no sysctl lets it");
        Some((Cause::LowPort, Likelihood::High, evidence))
    }

    fn root_filesystem(&self) -> Option<Evidence> {
        let read_only = |pod: &Subject<'_, '_>| {
            let context = pod.slots[self.number].view.security_context.as_ref();
            context.and_then(|context| context.read_only_root_filesystem) == Some(true)
        };
        let is_known = self.profile.is_some_and(|profile| profile.facts.writable_paths.is_some());
        if read_only(self.change.before)
            || !read_only(self.change.after)
            || is_known
            || self.is_tuned(WRITABLE_PATHS)
        {
            return None;
        }
        let evidence = "its root becomes read-only; where its image writes is not known".to_owned();
        Some((Cause::RootFilesystem, Likelihood::Medium, evidence))
    }

    fn capabilities(&self) -> Option<Evidence> {
        let drops_all = |pod: &Subject<'_, '_>| {
            let view = pod.slots[self.number].view;
            view.dropped_capabilities().iter().any(|name| name.eq_ignore_ascii_case("ALL"))
        };
        if self.profile.is_some() || drops_all(self.change.before) || !drops_all(self.change.after) {
            return None;
        }
        let evidence = "loses capabilities; which of them its image uses is not known".to_owned();
        Some((Cause::Capabilities, Likelihood::Low, evidence))
    }

    fn memory_limit(&self) -> Option<Evidence> {
        let [was, is] = [self.change.before, self.change.after].map(|pod| {
            let resources = pod.slots[self.number].view.resources.as_ref();
            resources
                .and_then(|resources| resources.limits.as_ref())
                .and_then(|limits| limits.memory.as_ref())
        });
        let limit = is.filter(|_| was.is_none())?;
        let evidence = format!("gets a memory limit of {}, and had none", limit.as_str());
        Some((Cause::MemoryLimit, Likelihood::Low, evidence))
    }

    /// Whether the author said it by annotation.
    fn is_tuned(&self, name: &str) -> bool {
        let pod = self.change.before;
        let own = pod.slots[self.number].view.name.as_str();
        let mut entries = annotation::ours(pod.pod.annotations(), self.change.prefix);
        entries.any(|entry| entry.name == name && entry.container.is_none_or(|container| container == own))
    }
}

/// The uid that the pod's text names for a container.
fn user(pod: &Subject<'_, '_>, number: usize) -> Option<i64> {
    let own = pod.slots[number].view.security_context.as_ref().and_then(|context| context.run_as_user);
    own.or_else(|| pod.spec.security_context.as_ref().and_then(|context| context.run_as_user))
}

fn is_not_root(pod: &Subject<'_, '_>, number: usize) -> bool {
    let own = pod.slots[number].view.security_context.as_ref().and_then(|context| context.run_as_non_root);
    let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.run_as_non_root);
    user(pod, number).map_or(own.or(of_pod) == Some(true), |user| user != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Cause::*;
    use super::*;
    use crate::facts::Facts;
    use crate::policy::{PolicySet, Preset};
    use crate::report::Looker;

    fn risks(preset: Preset, pod: &Value) -> Vec<(Cause, Likelihood)> {
        let policies = PolicySet::from(preset);
        let looker = Looker::new(&policies, time::OffsetDateTime::UNIX_EPOCH);
        let looked = looker.look(&pod.to_string(), &Facts::of_namespace("shop")).expect("a pod");
        looked.expect("a spec").risks.iter().map(|risk| (risk.cause, risk.likelihood)).collect()
    }

    fn of(image: &str, more: &Value) -> Value {
        let mut container = json!({"name": "a", "image": image});
        for (name, value) in more.as_object().into_iter().flatten() {
            container[name] = value.clone();
        }
        json!({"metadata": {}, "spec": {"automountServiceAccountToken": false,
            "volumes": [{"name": "node", "hostPath": {"path": "/x"}}, {"name": "tmp", "emptyDir": {}}],
            "containers": [container]}})
    }

    #[test]
    fn what_is_known_of_an_image_speaks_against_it() {
        use Likelihood::{High, Low, Medium};
        let limits = json!({"resources": {"limits": {"memory": "1Gi"}}});
        let unknown = [(OtherUser, High), (RootFilesystem, Medium), (Capabilities, Low)];
        assert_eq!(risks(Preset::Restricted, &of("shop:1", &limits)), unknown);
        assert_eq!(risks(Preset::Restricted, &of("mongo:8", &limits)), [(Untried, Low)]);
        assert_eq!(risks(Preset::Observe, &of("shop:1", &json!({}))), []);
        assert_eq!(
            risks(Preset::Restricted, &of("mongo:8", &json!({}))),
            [(Untried, Low), (MemoryLimit, Low)]
        );
        let port = json!({"ports": [{"containerPort": 80}], "resources": limits["resources"]});
        assert_eq!(risks(Preset::Restricted, &of("mongo:8", &port)), [(Untried, Low), (LowPort, Low)]);
    }

    #[test]
    fn what_its_author_said_by_annotation_does_too() {
        let mut pod = of("shop:1", &json!({"resources": {"limits": {"memory": "1Gi"}}}));
        pod["metadata"]["annotations"] = json!({"pod-hardener.dev/run-as-user": "7",
            "a.pod-hardener.dev/writable-paths": "/var/x"});
        assert_eq!(risks(Preset::Restricted, &pod), [(Capabilities, Likelihood::Low)]);
        pod["metadata"]["annotations"] = json!({"b.pod-hardener.dev/writable-paths": "/var/x"});
        assert_eq!(risks(Preset::Restricted, &pod).len(), 3);
    }

    #[test]
    fn volumes_ports_tokens_and_what_is_replaced() {
        let mut pod = of(
            "shop:1",
            &json!({"volumeMounts": [{"name": "tmp"}, {"name": "node"}],
            "ports": [{"containerPort": 8080}, {"containerPort": 53}]}),
        );
        pod["spec"]["hostNetwork"] = json!(true);
        let found = risks(Preset::Restricted, &pod);
        assert!(found.contains(&(VolumeOwnership, Likelihood::High)), "{found:?}");
        assert!(found.contains(&(LowPort, Likelihood::High)), "{found:?}");
        assert!(!found.iter().any(|(cause, _)| matches!(cause, Replaced | Token)), "{found:?}");
        let found = risks(Preset::Enforced, &pod);
        assert!(found.contains(&(Replaced, Likelihood::High)), "{found:?}");
        assert!(found.contains(&(LowPort, Likelihood::Low)), "{found:?}");
        pod["spec"]["automountServiceAccountToken"] = json!(null);
        assert!(risks(Preset::Enforced, &pod).contains(&(Token, Likelihood::Low)));
    }
}

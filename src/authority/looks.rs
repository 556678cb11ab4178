//! What is insecure under each rule, said twice: for this program, and in CEL for the API server.
//!
//! Both give the same words for the same pod, so that "weaker than before" means the same: a word that was not there.
//! A worse value has the words of the better ones too: going from `Unconfined` to nothing at all is no new word.

mod containers;
mod pods;

use crate::rules::RuleId;
use crate::view::{Container, Pod, Spec};

/// What is looked at.
#[derive(Clone, Copy)]
pub(super) struct Seen<'s, 'a> {
    pub(super) pod: &'s Pod<'a>,
    pub(super) spec: &'s Spec<'a>,
}

/// Where a rule looks, and for what.
pub(super) enum Look {
    /// At the pod as a whole.
    Pod { find: fn(Seen<'_, '_>) -> Vec<String>, cel: fn() -> String },
    /// At each container, `c` in CEL.
    Container { find: fn(Seen<'_, '_>, &Container<'_>) -> Vec<String>, cel: fn() -> String },
    /// At each container that is no ephemeral one.
    Lasting { find: fn(Seen<'_, '_>, &Container<'_>) -> Vec<String>, cel: fn() -> String },
}

/// In CEL the pod's spec, and its annotations; put in by [`Look::cel`].
const SPEC: &str = "$spec";
const NOTES: &str = "$notes";

impl Look {
    /// A list of words in CEL.
    pub(super) fn cel(&self, spec: &str, notes: &str) -> String {
        let (Self::Pod { cel, .. } | Self::Container { cel, .. } | Self::Lasting { cel, .. }) = self;
        cel().replace(SPEC, spec).replace(NOTES, notes)
    }
}

/// Where each rule looks. A rule that only adds something, and forbids nothing, looks nowhere; neither does one for which
/// nobody has written it yet: its exemptions are asked about where they appear, and with new containers and images.
pub(super) const fn looks(rule: RuleId) -> &'static [Look] {
    match rule {
        RuleId::privileged => containers::PRIVILEGED,
        RuleId::host_process => containers::HOST_PROCESS,
        RuleId::host_namespaces => pods::HOST_NAMESPACES,
        RuleId::host_ports => containers::HOST_PORTS,
        RuleId::run_as_non_root => containers::RUN_AS_NON_ROOT,
        RuleId::capabilities => containers::CAPABILITIES,
        RuleId::privilege_escalation => containers::PRIVILEGE_ESCALATION,
        RuleId::seccomp => containers::SECCOMP,
        RuleId::read_only_root_filesystem => containers::READ_ONLY_ROOT_FILESYSTEM,
        RuleId::service_account_token => pods::SERVICE_ACCOUNT_TOKEN,
        RuleId::resources => containers::RESOURCES,
        RuleId::proc_mount => containers::PROC_MOUNT,
        RuleId::apparmor => containers::APPARMOR,
        RuleId::selinux => containers::SELINUX,
        RuleId::user_namespace => pods::USER_NAMESPACE,
        RuleId::service_links => pods::SERVICE_LINKS,
        RuleId::host_path => pods::HOST_PATH,
        RuleId::volume_types => pods::VOLUME_TYPES,
        RuleId::sysctls => pods::SYSCTLS,
        RuleId::probe_host => containers::PROBE_HOST,
        _ => &[],
    }
}

/// Those of the words whose condition holds.
fn words(all: &[(bool, &str)]) -> Vec<String> {
    all.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| (*word).to_owned()).collect()
}

/// The same in CEL.
fn cel_words(all: &[(String, &str)]) -> String {
    let each: Vec<String> = all.iter().map(|(is_so, word)| format!("({is_so} ? ['{word}'] : [])")).collect();
    each.join(" + ")
}

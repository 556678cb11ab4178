//! What rules would change in the pod as a whole, in CEL.

use super::candidates::Candidates;
use super::shared::{account, each, is_enforced, may_be_root, of_pod, on_linux};
use crate::rules::service_account_token::Scope;
use crate::rules::unprivileged_ports::SYSCTL;

pub(super) fn host_namespaces() -> String {
    let network = "(variables.spec.?hostNetwork.orValue(false) && !variables.hostProcess)";
    of_pod(&format!(
        "variables.isNew && {} && (variables.spec.?hostPID.orValue(false) || \
         variables.spec.?hostIPC.orValue(false) || {network})",
        is_enforced("host-namespaces")
    ))
}

/// Whether a binding reaches an account the API server cannot say, nor what is written at it: only where neither counts
/// there is something to see.
pub(super) fn service_account_token(candidates: &Candidates<'_>) -> Option<String> {
    let is_seen = |scope: Scope| {
        candidates.by_policy(|policy| {
            let params = &policy.rules.service_account_token;
            (params.workload_identity.is_empty() && params.scope == scope).to_string()
        })
    };
    let (all, default) = (is_seen(Scope::All), is_seen(Scope::DefaultAccount));
    if all == "(false)" && default == "(false)" {
        return None;
    }
    let injected = "variables.spec.?volumes.orValue([]).exists(v, v.name.startsWith('kube-api-access-') && \
                    v.?projected.?sources.orValue([]).exists(s, s.?serviceAccountToken.hasValue()))";
    Some(of_pod(&format!(
        "variables.isNew && ({all} || ({default} && {} == 'default')) && \
         (variables.spec.?automountServiceAccountToken.orValue(true) ? {} : {injected})",
        account(),
        is_enforced("service-account-token"),
    )))
}

pub(super) fn unprivileged_ports() -> String {
    let sysctls = "variables.context.?sysctls.orValue([])";
    let needs = format!(
        "!({}) && c.?ports.orValue([]).exists(p, p.?containerPort.orValue(0) > 0 && p.?containerPort.orValue(0) < 1024)",
        may_be_root()
    );
    on_linux(&format!(
        "!variables.isNew || variables.spec.?hostNetwork.orValue(false) || \
         {sysctls}.exists(s, s.name.replace('/', '.') == '{SYSCTL}') ? [] : {}",
        each("unprivileged-ports", &needs)
    ))
}

pub(super) fn user_namespace() -> String {
    let spec = "variables.spec";
    let obstacle = format!(
        "({spec}.?hostNetwork.orValue(false) || {spec}.?hostPID.orValue(false) || {spec}.?hostIPC.orValue(false) || \
         variables.containers.exists(c, c.?volumeDevices.orValue([]).size() > 0) || \
         {spec}.?volumes.orValue([]).exists(v, v.?nfs.hasValue()))"
    );
    on_linux(&of_pod(&format!(
        "variables.isNew && !{obstacle} && ({spec}.?hostUsers.hasValue() ? {spec}.hostUsers && {} : true)",
        is_enforced("user-namespace")
    )))
}

pub(super) fn service_links() -> String {
    of_pod("variables.isNew && variables.spec.?enableServiceLinks.orValue(true)")
}

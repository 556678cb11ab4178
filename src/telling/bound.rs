//! A binding that reaches an account whose running pods have no token: they were started when none was needed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};

use super::{About, Reason, Tale, Teller};
use crate::annotation::{DEFAULT_PREFIX, HARDENED};
use crate::cluster::{BindingSubject, Cluster};
use crate::rules::RuleId;

/// How often new bindings are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// So many pods are listed at once.
const PAGE: u32 = 200;

/// Tells the owners, for as long as the server lives. To be started when the bindings that were there are known.
pub(super) async fn run(client: Client, cluster: Arc<Cluster>, teller: Teller) {
    drop(newly_reached(&cluster));
    loop {
        tokio::time::sleep(INTERVAL).await;
        for subject in newly_reached(&cluster) {
            let (namespace, account) = match subject {
                BindingSubject::Account(namespace, name) => (namespace, Some(name)),
                BindingSubject::Namespace(namespace) => (namespace, None),
                // Every account there is: whoever grants that does not do it for one workload.
                BindingSubject::Everyone => continue,
            };
            if let Err(error) = tell(&client, &teller, &namespace, account.as_deref()).await {
                tracing::debug!(%error, "the pods of a newly bound account could not be listed");
            }
        }
    }
}

fn newly_reached(cluster: &Cluster) -> Vec<BindingSubject> {
    cluster.bindings.write().map(|mut bindings| bindings.take_newly_reached()).unwrap_or_default()
}

async fn tell(
    client: &Client,
    teller: &Teller,
    namespace: &str,
    account: Option<&str>,
) -> Result<(), kube::Error> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut page = ListParams::default().limit(PAGE);
    if let Some(account) = account {
        page = page.fields(&format!("spec.serviceAccountName={account}"));
    }
    let mut told = HashSet::new();
    loop {
        let pods = api.list(&page).await?;
        for pod in pods.items.iter().filter(|pod| lacks_token(pod)) {
            let tale = tale(pod);
            if told.insert(tale.about.clone()) {
                teller.tell(tale);
            }
        }
        match pods.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// Whether the pod runs without a token because of us.
fn lacks_token(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let off = pod.spec.as_ref().and_then(|spec| spec.automount_service_account_token) == Some(false);
    let annotations = pod.metadata.annotations.as_ref();
    let ours = annotations.and_then(|all| all.get(&format!("{DEFAULT_PREFIX}/{HARDENED}")));
    let by_us = ours.and_then(|value| value.split_once(": ")).is_some_and(|(_, rules)| {
        rules.split(',').any(|rule| rule == RuleId::service_account_token.as_str())
    });
    off && by_us && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn tale(pod: &Pod) -> Tale {
    let account =
        pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    let note = format!(
        "a binding now reaches the service account {account}, but pods of it run without a token, as it had no \
         rights when they started: restart them to give them one"
    );
    Tale { about: About::of_pod(&pod.metadata), reason: Reason::TokenMissing, note }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_running_pods_that_lost_it_by_us_lack_a_token() {
        let pod = |automount: bool, hardened: &str, phase: &str| {
            let pod = json!({
                "metadata": {"name": "p", "annotations": {"pod-hardener.dev/hardened": hardened}},
                "spec": {"automountServiceAccountToken": automount, "containers": []},
                "status": {"phase": phase},
            });
            lacks_token(&serde_json::from_value(pod).expect("a pod"))
        };
        assert!(pod(false, "restricted: seccomp,service-account-token", "Running"));
        assert!(!pod(true, "restricted: seccomp,service-account-token", "Running"));
        assert!(!pod(false, "restricted: seccomp", "Running"));
        assert!(!pod(false, "restricted: seccomp,service-account-token", "Failed"));
    }
}

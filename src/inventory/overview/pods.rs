//! How pods stand, by what they say of themselves.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod as KubePod;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde::Serialize;

use super::{PAGE, Which};
use crate::annotation::HARDENED;
use crate::inventory::stored::all;
use crate::inventory::{EXEMPTED_LABEL, Mark, names};
use crate::posture::Posture;

/// Pods that have ended are of no interest.
const LIVING: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// How many pods of a namespace stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Space {
    /// The namespace.
    pub namespace: String,
    /// How many there are.
    pub pods: usize,
    /// Hardened, every container in full.
    pub full: usize,
    /// Hardened, and a container that keeps its image's user, in a user namespace.
    pub isolated: usize,
    /// Hardened, and a container for which only what nobody notices was done.
    pub safe: usize,
    /// Without a mark: older than the webhook, out of its reach, or in need of nothing.
    pub unmarked: usize,
    /// Living on an exemption, whatever else they are.
    pub exempted: usize,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The policy by which it was hardened, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its posture, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posture: Option<Posture>,
    /// The rules that hold for it, by name.
    pub rules: String,
    /// Whether it lives on an exemption.
    pub exempted: bool,
}

/// Lists and counts; the pods themselves only where they are wanted.
pub(super) async fn read(client: &Client, which: Which<'_>) -> Result<(Vec<Space>, Vec<Pod>), kube::Error> {
    let api: Api<PartialObjectMeta<KubePod>> = match which.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut page = ListParams::default().fields(LIVING).limit(PAGE);
    if let Some(selector) = which.selector {
        page = page.labels(selector);
    }
    let pods: Vec<Pod> = all(&api, page).await?.iter().map(|pod| stand(pod, which.prefix)).collect();
    let spaces = count(&pods);
    Ok((spaces, if which.each { pods } else { Vec::new() }))
}

fn stand(pod: &PartialObjectMeta<KubePod>, prefix: &str) -> Pod {
    let metadata = &pod.metadata;
    let annotation = metadata.annotations.as_ref().and_then(|all| all.get(&format!("{prefix}/{HARDENED}")));
    let mark = annotation.and_then(|value| Mark::read(value));
    let label = metadata.labels.as_ref().and_then(|all| all.get(&format!("{prefix}/{EXEMPTED_LABEL}")));
    Pod {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        policy: mark.as_ref().map(|mark| mark.policy.to_owned()),
        posture: mark.as_ref().map(|mark| mark.posture),
        rules: mark.map(|mark| names(mark.rules).into_owned()).unwrap_or_default(),
        exempted: label.is_some_and(|value| value == "true"),
    }
}

fn count(pods: &[Pod]) -> Vec<Space> {
    let mut spaces: BTreeMap<&str, Space> = BTreeMap::new();
    for pod in pods {
        let space = spaces.entry(&pod.namespace).or_default();
        space.pods += 1;
        space.exempted += usize::from(pod.exempted);
        *match pod.posture {
            Some(Posture::Full) => &mut space.full,
            Some(Posture::Isolated) => &mut space.isolated,
            Some(Posture::Safe) => &mut space.safe,
            None => &mut space.unmarked,
        } += 1;
    }
    spaces.into_iter().map(|(namespace, space)| Space { namespace: namespace.to_owned(), ..space }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_are_counted_by_what_they_say() {
        let pod = |name: &str, namespace: &str, hardened: Option<&str>, exempted: &str| {
            let mut object = json!({"metadata": {"name": name, "namespace": namespace,
                "labels": {"pod-hardener.dev/exempted": exempted}}});
            if let Some(value) = hardened {
                object["metadata"]["annotations"] = json!({"pod-hardener.dev/hardened": value});
            }
            stand(&serde_json::from_value(object).expect("metadata"), "pod-hardener.dev")
        };
        let pods = [
            pod("a", "shop", Some("restricted: seccomp"), "true"),
            pod("b", "shop", Some("restricted (safe): seccomp"), "no"),
            pod("c", "shop", None, ""),
            pod("d", "bank", Some("forged"), ""),
        ];
        let spaces = count(&pods);
        let bank = Space { namespace: "bank".to_owned(), pods: 1, unmarked: 1, ..Space::default() };
        let shop = Space {
            namespace: "shop".to_owned(),
            pods: 3,
            full: 1,
            safe: 1,
            unmarked: 1,
            exempted: 1,
            isolated: 0,
        };
        assert_eq!(spaces, [bank, shop]);
        assert_eq!((pods[0].policy.as_deref(), pods[0].rules.as_str()), (Some("restricted"), "seccomp"));
    }
}

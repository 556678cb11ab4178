//! The webhook: how it is registered, which replicas there are, who manages the certificate and until when it holds.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::taken;
use crate::certificates::{CONFIGURATION, SECRET};
use crate::leader::Office;

/// The label of the webhook's pods, in all that is shipped to install it.
const PODS: &str = "app.kubernetes.io/name=pod-hardener";

/// The webhook.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// How the API server calls it, and under which conditions; empty: it does not.
    pub registered: Vec<Registered>,
    /// Where its pods are.
    pub namespace: Option<String>,
    /// Its pods.
    pub replicas: Vec<Replica>,
    /// The replica that manages the certificate, where the webhook does that itself.
    pub certificate_leader: Option<String>,
    /// When the certificate ends (RFC 3339), where its Secret can be read.
    pub certificate_until: Option<String>,
    /// When the first of the authorities ends that the API server trusts.
    pub authority_until: Option<String>,
}

/// One webhook of a configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// `mutating` or `validating`
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What becomes of a request while it does not answer.
    pub failure_policy: String,
    /// How long it may take, in seconds.
    pub timeout_seconds: i32,
}

/// A pod of the webhook.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// Its name.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Its image.
    pub image: String,
}

/// Reads what can be read.
pub(super) async fn read(client: &Client, unread: &mut Vec<String>) -> Server {
    let mut server = Server::default();
    let mut configs: Vec<WebhookClientConfig> = Vec::new();
    let mut add = |kind, name, failure_policy: Option<String>, timeout: Option<i32>, config| {
        let (failure_policy, timeout_seconds) =
            (failure_policy.unwrap_or_default(), timeout.unwrap_or_default());
        server.registered.push(Registered { kind, name, failure_policy, timeout_seconds });
        configs.push(config);
    };
    let read = Api::<MutatingWebhookConfiguration>::all(client.clone()).get_opt(CONFIGURATION).await;
    let mutating = taken("the MutatingWebhookConfiguration", read, unread);
    for webhook in mutating.into_iter().flat_map(|found| found.webhooks.unwrap_or_default()) {
        let config = webhook.client_config;
        add("mutating", webhook.name, webhook.failure_policy, webhook.timeout_seconds, config);
    }
    let read = Api::<ValidatingWebhookConfiguration>::all(client.clone()).get_opt(CONFIGURATION).await;
    let validating = taken("the ValidatingWebhookConfiguration", read, unread);
    for webhook in validating.into_iter().flat_map(|found| found.webhooks.unwrap_or_default()) {
        let config = webhook.client_config;
        add("validating", webhook.name, webhook.failure_policy, webhook.timeout_seconds, config);
    }
    let bundles = configs.iter().filter_map(|config| config.ca_bundle.as_ref());
    server.authority_until = bundles.filter_map(|bundle| first_end(&bundle.0)).min().and_then(written);
    server.namespace = configs.into_iter().find_map(|config| config.service.map(|service| service.namespace));
    let Some(namespace) = server.namespace.clone() else { return server };
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let listed = pods.list(&ListParams::default().labels(PODS)).await.map(|pods| pods.items);
    server.replicas = taken("the webhook's pods", listed, unread).into_iter().map(replica).collect();
    let lease =
        Api::<Lease>::namespaced(client.clone(), &namespace).get_opt(Office::Certificates.lease()).await;
    let lease = taken("the Lease", lease, unread);
    server.certificate_leader = lease.and_then(|lease| lease.spec?.holder_identity);
    let secret = Api::<Secret>::namespaced(client.clone(), &namespace).get_opt(SECRET).await;
    let secret = taken("the Secret with the certificate", secret, unread);
    let pem = secret.and_then(|secret| secret.data?.remove("tls.crt"));
    server.certificate_until = pem.and_then(|pem| first_end(&pem.0)).and_then(written);
    server
}

fn replica(pod: Pod) -> Replica {
    let conditions = pod.status.and_then(|status| status.conditions).unwrap_or_default();
    let image = pod.spec.and_then(|spec| spec.containers.into_iter().next()?.image);
    Replica {
        name: pod.metadata.name.unwrap_or_default(),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        image: image.unwrap_or_default(),
    }
}

/// When the first of these certificates (PEM) ends, in seconds since 1970.
fn first_end(pem: &[u8]) -> Option<i64> {
    let ends = CertificateDer::pem_slice_iter(pem).filter_map(|der| {
        let der = der.ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
        Some(certificate.validity().not_after.timestamp())
    });
    ends.min()
}

fn written(seconds: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_end_counts() {
        let certificate = |days: i64| {
            let mut params = rcgen::CertificateParams::new(vec!["a".to_owned()]).expect("parameters");
            params.not_after = OffsetDateTime::UNIX_EPOCH + time::Duration::days(days);
            let key = rcgen::KeyPair::generate().expect("a key");
            params.self_signed(&key).expect("a certificate").pem()
        };
        let both = format!("{}{}", certificate(20_000), certificate(10_000));
        assert_eq!(first_end(both.as_bytes()), Some(10_000 * 24 * 3600));
        assert_eq!(first_end(b"nothing"), None);
        assert_eq!(written(0).as_deref(), Some("1970-01-01T00:00:00Z"));
    }

    #[test]
    fn a_replica_is_ready_when_its_condition_says_so() {
        let of = |status: &str| {
            let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]},
                "status": {"conditions": [{"type": "Ready", "status": status}]}});
            replica(serde_json::from_value(pod).expect("a pod"))
        };
        assert!(of("True").ready && !of("False").ready);
        assert_eq!(of("True").image, "i:1");
    }
}

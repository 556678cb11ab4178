//! What is known of the cluster: the Secret, and both configurations.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;

use super::trust::Call;

/// An object of which the name is known.
#[derive(Debug, Clone)]
pub(super) enum Seen<T> {
    /// It was not looked for yet, or could not be; with why.
    Unknown(Option<String>),
    /// There is none.
    Absent,
    /// This is it, as last seen.
    Here(Box<T>),
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self::Unknown(None)
    }
}

impl<T> Seen<T> {
    pub(super) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(object) => Some(object),
            _ => None,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// It cannot be looked at now; what was seen stays.
    pub(super) fn failed(&mut self, why: String) {
        if let Self::Unknown(known) = self {
            *known = Some(why);
        }
    }
}

/// As last seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) secret: Seen<Secret>,
    pub(super) mutating: Seen<MutatingWebhookConfiguration>,
    pub(super) validating: Seen<ValidatingWebhookConfiguration>,
}

impl Known {
    /// Every webhook of both configurations; `None`: not all is known.
    pub(super) fn calls(&self) -> Option<Vec<Call>> {
        if !self.mutating.is_known() || !self.validating.is_known() {
            return None;
        }
        let mut calls = self.mutating.here().map(Registered::calls).unwrap_or_default();
        calls.extend(self.validating.here().map(Registered::calls).unwrap_or_default());
        Some(calls)
    }

    /// What is not known yet, and why.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut look = |name: &str, unknown: Option<&Option<String>>| {
            if let Some(why) = unknown {
                let why = why.as_deref().unwrap_or("not listed yet");
                missing.push(format!("{name}: {why}"));
            }
        };
        look("the Secret", unknown(&self.secret));
        look("the MutatingWebhookConfiguration", unknown(&self.mutating));
        look("the ValidatingWebhookConfiguration", unknown(&self.validating));
        missing
    }
}

fn unknown<T>(seen: &Seen<T>) -> Option<&Option<String>> {
    match seen {
        Seen::Unknown(why) => Some(why),
        _ => None,
    }
}

/// One of the two kinds of configuration.
pub(super) trait Registered {
    /// Its webhooks.
    fn calls(&self) -> Vec<Call>;
}

impl Registered for MutatingWebhookConfiguration {
    fn calls(&self) -> Vec<Call> {
        let webhooks = self.webhooks.iter().flatten();
        webhooks.map(|webhook| call(&webhook.name, &webhook.client_config)).collect()
    }
}

impl Registered for ValidatingWebhookConfiguration {
    fn calls(&self) -> Vec<Call> {
        let webhooks = self.webhooks.iter().flatten();
        webhooks.map(|webhook| call(&webhook.name, &webhook.client_config)).collect()
    }
}

fn call(webhook: &str, config: &WebhookClientConfig) -> Call {
    let server = match (&config.service, &config.url) {
        (Some(service), _) => format!("{}.{}.svc", service.name, service.namespace),
        (None, Some(url)) => {
            let host = url.parse::<hyper::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
            host.unwrap_or_default()
        }
        (None, None) => String::new(),
    };
    let bundle = config.ca_bundle.as_ref().map(|ByteString(bytes)| bytes.clone()).unwrap_or_default();
    Call { webhook: webhook.to_owned(), server, bundle }
}

//! Which policy a pod falls under.

use super::{Compensation, Policy, Preset, Selector};
use crate::facts::Facts;
use crate::subject::Subject;

/// Policies in the order in which they are tried, and the one for the rest.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: Vec<Policy>,
    fallback: Policy,
}

impl PolicySet {
    /// The first policy that selects a pod wins; the built-in `restricted` takes those that none selects.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        Self { policies, fallback: Preset::Restricted.into() }
    }

    /// The policy for a pod.
    #[must_use]
    pub fn select(&self, facts: &Facts<'_>, subject: &Subject<'_, '_>) -> &Policy {
        self.policies.iter().find(|policy| policy.selector.matches(facts, subject)).unwrap_or(&self.fallback)
    }

    /// The policy for what could not even be read: the first one that is for everything.
    #[must_use]
    pub fn for_unreadable(&self) -> &Policy {
        let everything = Selector::default();
        let first = self.policies.iter().find(|policy| policy.selector == everything);
        first.unwrap_or(&self.fallback)
    }

    /// Whether an answer may depend on whether the nodes have user namespaces.
    #[must_use]
    pub fn compensates(&self) -> bool {
        let wants = |policy: &Policy| policy.exemptions.compensation == Compensation::UserNamespace;
        self.policies.iter().any(wants)
    }

    /// The policies, without the fallback.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }
}

impl From<Preset> for PolicySet {
    fn from(preset: Preset) -> Self {
        Self::new(vec![preset.into()])
    }
}

impl Selector {
    fn matches(&self, facts: &Facts<'_>, subject: &Subject<'_, '_>) -> bool {
        let labels = subject.pod.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
        let any = |patterns: &[String], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| glob(pattern, name))
        };
        let space = facts.space.as_deref();
        let of_space = |key: &str| space.and_then(|space| space.labels.get(key)).map(|value| &**value);
        any(&self.namespaces, facts.namespace)
            && self.namespace_labels.iter().all(|(key, value)| of_space(key) == Some(value.as_str()))
            && any(&self.service_accounts, subject.spec.account())
            && self
                .pod_labels
                .iter()
                .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value.as_str()))
            && (self.images.is_empty()
                || subject
                    .slots
                    .iter()
                    .all(|slot| any(&self.images, slot.view.image.as_deref().unwrap_or_default())))
    }
}

/// `*` is any run of characters, `?` is one; everything else is itself.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::subject::Reach;
    use crate::view::Pod;

    #[test]
    fn globs() {
        for (pattern, name, expected) in [
            ("prod-*", "prod-a", true),
            ("prod-*", "dev-a", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*/nginx:*", "reg.example/nginx:1", true),
            ("*a*b", "xaxbxab", true),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn every_part_of_a_selector_must_match() {
        let json = r#"{"metadata":{"labels":{"app":"web"}},
            "spec":{"serviceAccountName":"sa","containers":[{"name":"a","image":"nginx:1"}]}}"#;
        let pod: Pod<'_> = serde_json::from_str(json).expect("valid");
        let subject = Subject::new(&pod, Reach::Pod).expect("has a spec");
        let facts = &Facts::of_namespace("prod");
        let base = || Selector {
            namespaces: vec!["pro*".into()],
            namespace_labels: BTreeMap::new(),
            pod_labels: [("app".to_owned(), "web".to_owned())].into(),
            service_accounts: vec!["s?".into()],
            images: vec!["nginx:*".into()],
        };
        assert!(base().matches(facts, &subject));
        assert!(Selector::default().matches(facts, &subject));
        for wrong in [
            Selector { namespaces: vec!["dev".into()], ..base() },
            Selector { pod_labels: [("app".to_owned(), "db".to_owned())].into(), ..base() },
            Selector { service_accounts: vec!["default".into()], ..base() },
            Selector { images: vec!["redis".into()], ..base() },
        ] {
            assert!(!wrong.matches(facts, &subject));
        }
    }
}

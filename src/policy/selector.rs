//! Whether a policy's selector matches, and what of it does not.

use super::Selector;
use crate::facts::Facts;
use crate::subject::Subject;

/// The first part of a selector that does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch<'s> {
    /// `namespaces`
    Namespaces,
    /// `namespaceLabels`: this one.
    NamespaceLabel(&'s str, &'s str),
    /// `podLabels`: this one.
    PodLabel(&'s str, &'s str),
    /// `serviceAccounts`
    ServiceAccounts,
    /// `images`
    Images,
}

impl Selector {
    /// Whether it selects by what the pod's author controls: labels, account and images of the pod.
    #[must_use]
    pub fn is_tenants(&self) -> bool {
        !self.pod_labels.is_empty() || !self.service_accounts.is_empty() || !self.images.is_empty()
    }

    /// What does not match of the parts that administrators control: the namespace's name and labels.
    #[must_use]
    pub fn misses_space(&self, facts: &Facts<'_>) -> Option<Mismatch<'_>> {
        if !any(&self.namespaces, facts.namespace) {
            return Some(Mismatch::Namespaces);
        }
        let space = facts.space.as_deref();
        let of_space = |key: &str| space.and_then(|space| space.labels.get(key)).map(|value| &**value);
        let missed = self.namespace_labels.iter().find(|(key, value)| of_space(key) != Some(value.as_str()));
        missed.map(|(key, value)| Mismatch::NamespaceLabel(key, value))
    }

    /// What does not match of the parts that the pod's author controls.
    #[must_use]
    pub fn misses_pod(&self, subject: &Subject<'_, '_>) -> Option<Mismatch<'_>> {
        if !any(&self.service_accounts, subject.spec.account()) {
            return Some(Mismatch::ServiceAccounts);
        }
        let labels = subject.pod.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
        let of_pod = |key: &str| labels.and_then(|labels| labels.get(key));
        if let Some((key, value)) =
            self.pod_labels.iter().find(|(key, value)| of_pod(key) != Some(value.as_str()))
        {
            return Some(Mismatch::PodLabel(key, value));
        }
        let missed = !self.images.is_empty()
            && !subject
                .slots
                .iter()
                .all(|slot| any(&self.images, slot.view.image.as_deref().unwrap_or_default()));
        missed.then_some(Mismatch::Images)
    }

    /// Whether all of it matches.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>, subject: &Subject<'_, '_>) -> bool {
        self.misses_space(facts).is_none() && self.misses_pod(subject).is_none()
    }
}

fn any(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| glob(pattern, name))
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

//! Whom RoleBindings and ClusterRoleBindings reach.

use std::collections::{BTreeMap, HashMap};

use super::Key;

/// Whom one binding names, as far as it can reach a service account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `ServiceAccount` (or the user `system:serviceaccount:NAMESPACE:NAME`)
    Account(Box<str>, Box<str>),
    /// The group `system:serviceaccounts:NAMESPACE`
    Namespace(Box<str>),
    /// The groups `system:serviceaccounts` and `system:authenticated`
    Everyone,
}

/// How many bindings reach each subject.
#[derive(Debug, Default)]
pub struct Bindings {
    /// Whom each binding names; the namespace is empty for a ClusterRoleBinding.
    by_binding: BTreeMap<Key, Vec<Subject>>,
    reached: HashMap<Subject, u32>,
    /// Who was reached by none before; taken by whoever tells of it.
    newly: Vec<Subject>,
}

/// So many are kept for whoever tells of them: a first list may bring very many.
const MOST_NEWLY: usize = 1024;

impl Bindings {
    /// Puts a binding in, or a newer one in its place; one that names nobody of interest is kept out.
    pub fn apply(&mut self, binding: Key, subjects: Vec<Subject>) {
        let before: Vec<Subject> =
            subjects.iter().filter(|subject| self.reached.contains_key(*subject)).cloned().collect();
        self.delete(&binding);
        if subjects.is_empty() {
            return;
        }
        for subject in &subjects {
            *self.reached.entry(subject.clone()).or_default() += 1;
            if !before.contains(subject) && self.newly.len() < MOST_NEWLY {
                self.newly.push(subject.clone());
            }
        }
        self.by_binding.insert(binding, subjects);
    }

    /// Whom bindings reached since the last call, whom none had reached before.
    pub fn take_newly_reached(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.newly)
    }

    /// Takes a binding out.
    pub fn delete(&mut self, binding: &Key) {
        for subject in self.by_binding.remove(binding).unwrap_or_default() {
            if let Some(count) = self.reached.get_mut(&subject) {
                *count -= 1;
                if *count == 0 {
                    self.reached.remove(&subject);
                }
            }
        }
    }

    /// The bindings in a namespace (empty: ClusterRoleBindings) that are known.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.by_binding.keys()
    }

    /// Whether a binding reaches an account.
    #[must_use]
    pub fn reach(&self, namespace: &str, name: &str) -> bool {
        let account = Subject::Account(namespace.into(), name.into());
        [account, Subject::Namespace(namespace.into()), Subject::Everyone]
            .iter()
            .any(|subject| self.reached.contains_key(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_reached_by_name_by_namespace_and_by_all() {
        let mut bindings = Bindings::default();
        let key = |name: &str| -> Key { ("ns".into(), name.into()) };
        assert!(!bindings.reach("a", "x"));
        bindings.apply(key("one"), vec![Subject::Account("a".into(), "x".into())]);
        assert!(bindings.reach("a", "x") && !bindings.reach("a", "y") && !bindings.reach("b", "x"));
        bindings.apply(key("one"), vec![Subject::Namespace("a".into())]);
        assert!(bindings.reach("a", "y") && !bindings.reach("b", "y"));
        assert_eq!(
            bindings.take_newly_reached(),
            [Subject::Account("a".into(), "x".into()), Subject::Namespace("a".into())]
        );
        bindings.apply(key("one"), vec![Subject::Namespace("a".into())]);
        assert!(bindings.take_newly_reached().is_empty(), "nothing new about it");
        bindings.apply(key("two"), vec![Subject::Everyone]);
        assert!(bindings.reach("b", "y"));
        bindings.delete(&key("one"));
        bindings.delete(&key("two"));
        assert!(!bindings.reach("a", "y"));
        assert_eq!(bindings.keys().count(), 0);
    }
}

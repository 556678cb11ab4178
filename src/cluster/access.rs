//! Whom RoleBindings and ClusterRoleBindings reach.

use std::collections::{BTreeMap, HashMap};

use super::Key;
use super::named::Named;

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
    of_cluster: usize,
    reached: Reached,
    /// Who was reached by none before; taken by whoever tells of it.
    newly: Vec<Subject>,
}

/// How many bindings reach whom, so that a review finds it without a key of its own.
#[derive(Debug, Default)]
struct Reached {
    everyone: u32,
    namespaces: HashMap<Box<str>, ReachedIn>,
}

/// The same in one namespace.
#[derive(Debug, Default)]
struct ReachedIn {
    whole: u32,
    accounts: Named<u32>,
}

impl Reached {
    /// By how many.
    fn get(&self, subject: &Subject) -> u32 {
        match subject {
            Subject::Everyone => self.everyone,
            Subject::Namespace(namespace) => self.namespaces.get(namespace).map_or(0, |there| there.whole),
            Subject::Account(namespace, name) => {
                let there = self.namespaces.get(namespace);
                there.and_then(|there| there.accounts.get(name)).copied().unwrap_or_default()
            }
        }
    }

    fn add(&mut self, subject: &Subject) {
        match subject {
            Subject::Everyone => self.everyone += 1,
            Subject::Namespace(namespace) => {
                self.namespaces.entry(namespace.clone()).or_default().whole += 1;
            }
            Subject::Account(namespace, name) => {
                let accounts = &mut self.namespaces.entry(namespace.clone()).or_default().accounts;
                match accounts.get_mut(name) {
                    Some(count) => *count += 1,
                    None => drop(accounts.insert(name.clone(), 1)),
                }
            }
        }
    }

    fn remove(&mut self, subject: &Subject) {
        let (Subject::Namespace(namespace) | Subject::Account(namespace, _)) = subject else {
            self.everyone -= 1;
            return;
        };
        let Some(there) = self.namespaces.get_mut(namespace) else { return };
        match subject {
            Subject::Account(_, name) => match there.accounts.get_mut(name) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(there.accounts.remove(name)),
            },
            _ => there.whole -= 1,
        }
        if there.whole == 0 && there.accounts.is_empty() {
            self.namespaces.remove(namespace);
        }
    }
}

/// So many are kept for whoever tells of them: a first list may bring very many.
const MOST_NEWLY: usize = 1024;

impl Bindings {
    /// Puts a binding in, or a newer one in its place; one that names nobody of interest is kept out.
    pub fn apply(&mut self, binding: Key, subjects: Vec<Subject>) {
        if self.by_binding.get(&binding) == Some(&subjects) {
            return;
        }
        let is_new: Vec<bool> = subjects.iter().map(|subject| self.reached.get(subject) == 0).collect();
        self.delete(&binding);
        if subjects.is_empty() {
            return;
        }
        for (subject, is_new) in subjects.iter().zip(is_new) {
            self.reached.add(subject);
            if is_new && self.newly.len() < MOST_NEWLY {
                self.newly.push(subject.clone());
            }
        }
        self.of_cluster += usize::from(binding.0.is_empty());
        self.by_binding.insert(binding, subjects);
    }

    /// Whom bindings reached since the last call, whom none had reached before.
    pub fn take_newly_reached(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.newly)
    }

    /// Takes a binding out.
    pub fn delete(&mut self, binding: &Key) {
        let Some(subjects) = self.by_binding.remove(binding) else { return };
        self.of_cluster -= usize::from(binding.0.is_empty());
        for subject in &subjects {
            self.reached.remove(subject);
        }
    }

    /// The bindings in namespaces and (with an empty one) ClusterRoleBindings that are known.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.by_binding.keys()
    }

    /// How many RoleBindings are known.
    #[must_use]
    pub fn count_of_namespaces(&self) -> usize {
        self.by_binding.len() - self.of_cluster
    }

    /// How many ClusterRoleBindings are known.
    #[must_use]
    pub const fn count_of_cluster(&self) -> usize {
        self.of_cluster
    }

    /// Whether a binding reaches an account.
    #[must_use]
    pub fn reach(&self, namespace: &str, name: &str) -> bool {
        self.reached.everyone > 0
            || self
                .reached
                .namespaces
                .get(namespace)
                .is_some_and(|there| there.whole > 0 || there.accounts.get(name).is_some())
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
        assert_eq!((bindings.count_of_namespaces(), bindings.count_of_cluster()), (2, 0));
        // Named twice by one, and by another: reached until the last is gone.
        let account = || Subject::Account("b".into(), "z".into());
        bindings.apply(("".into(), "three".into()), vec![account(), account()]);
        bindings.apply(key("two"), vec![account()]);
        assert_eq!((bindings.count_of_namespaces(), bindings.count_of_cluster()), (2, 1));
        bindings.delete(&("".into(), "three".into()));
        assert!(bindings.reach("b", "z") && !bindings.reach("b", "y"));
        bindings.delete(&key("one"));
        bindings.delete(&key("two"));
        bindings.delete(&key("two"));
        assert!(!bindings.reach("b", "z"));
        assert!(!bindings.reach("a", "y"));
        assert_eq!(bindings.keys().count(), 0);
    }
}

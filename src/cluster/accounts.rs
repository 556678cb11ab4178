//! ServiceAccounts: what they say of themselves.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use super::Key;
use super::named::Named;
use crate::facts::Account;

/// ServiceAccounts by namespace and name; whether they are bound is not known here.
#[derive(Debug, Default)]
pub struct Accounts {
    accounts: RwLock<ByNamespace>,
}

#[derive(Debug, Default)]
struct ByNamespace {
    namespaces: HashMap<Box<str>, Named<Arc<Account>>>,
    count: usize,
}

impl Accounts {
    /// An account; one that is not known (yet) is plain.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Arc<Account> {
        let Ok(accounts) = self.accounts.read() else { return Arc::default() };
        let known = accounts.namespaces.get(namespace).and_then(|there| there.get(name));
        known.cloned().unwrap_or_default()
    }

    /// Puts an account in, or a newer one in its place.
    pub fn apply(&self, (namespace, name): Key, account: Account) {
        let Ok(mut accounts) = self.accounts.write() else { return };
        let there = accounts.namespaces.entry(namespace).or_default();
        if there.get(&name).is_some_and(|known| **known == account) {
            return;
        }
        let is_new = there.insert(name, Arc::new(account)).is_none();
        accounts.count += usize::from(is_new);
    }

    /// Takes an account out.
    pub fn delete(&self, (namespace, name): &Key) {
        let Ok(mut accounts) = self.accounts.write() else { return };
        let Some(there) = accounts.namespaces.get_mut(namespace) else { return };
        let was_there = there.remove(name).is_some();
        if there.is_empty() {
            accounts.namespaces.remove(namespace);
        }
        accounts.count -= usize::from(was_there);
    }

    /// Every account.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let Ok(accounts) = self.accounts.read() else { return Vec::new() };
        let all = accounts.namespaces.iter();
        all.flat_map(|(namespace, there)| there.names().map(|name| (namespace.clone(), name.into())))
            .collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.read().map_or(0, |accounts| accounts.count)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_one_name_are_told_apart_by_namespace() {
        let accounts = Accounts::default();
        let off = Account { automount: Some(false), ..Account::default() };
        accounts.apply(("a".into(), "x".into()), off.clone());
        accounts.apply(("b".into(), "x".into()), Account::default());
        accounts.apply(("b".into(), "x".into()), Account::default());
        assert_eq!(*accounts.get("a", "x"), off);
        assert_eq!(*accounts.get("b", "x"), Account::default());
        assert_eq!(accounts.len(), 2);
        let gone = ("a".into(), "x".into());
        accounts.delete(&gone);
        accounts.delete(&gone);
        assert_eq!(*accounts.get("a", "x"), Account::default());
        assert_eq!(accounts.keys(), [("b".into(), "x".into())]);
        assert_eq!(accounts.len(), 1);
    }
}

//! Objects by key.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::Key;

/// Objects by key, each replaced as a whole. Ordered, so that those of one namespace stand together.
#[derive(Debug)]
pub struct Store<K, V> {
    objects: RwLock<BTreeMap<K, Arc<V>>>,
}

impl<K, V> Default for Store<K, V> {
    fn default() -> Self {
        Self { objects: RwLock::default() }
    }
}

impl<K: Ord, V> Store<K, V> {
    /// Puts an object in, or a newer one in its place; one that says the same changes nothing.
    pub fn apply(&self, key: K, value: V)
    where
        V: PartialEq,
    {
        if self.get(&key).is_some_and(|known| *known == value) {
            return;
        }
        if let Ok(mut objects) = self.objects.write() {
            objects.insert(key, Arc::new(value));
        }
    }

    /// Takes an object out.
    pub fn delete<Q: Ord + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Ok(mut objects) = self.objects.write() {
            objects.remove(key);
        }
    }

    /// Replaces all objects: what a list that starts a watch again says.
    pub fn replace(&self, all: impl IntoIterator<Item = (K, V)>) {
        let all = all.into_iter().map(|(key, value)| (key, Arc::new(value))).collect();
        if let Ok(mut objects) = self.objects.write() {
            *objects = all;
        }
    }

    /// Every key there is.
    #[must_use]
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        self.objects.read().map_or_else(|_| Vec::new(), |objects| objects.keys().cloned().collect())
    }

    /// The object of that key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.objects.read().ok()?.get(key).cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.read().map_or(0, |objects| objects.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<V> Store<Key, V> {
    /// The object of that namespace and name.
    #[must_use]
    pub fn get_in(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        self.get(&(namespace.into(), name.into()) as &Key)
    }

    /// All objects of a namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<V>> {
        let Ok(objects) = self.objects.read() else { return Vec::new() };
        let first: Key = (namespace.into(), "".into());
        let there = objects.range(first..).take_while(|((other, _), _)| &**other == namespace);
        there.map(|(_, object)| Arc::clone(object)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_one_namespace() {
        let store: Store<Key, u8> = Store::default();
        store.apply(("a".into(), "x".into()), 1);
        store.apply(("b".into(), "x".into()), 2);
        store.apply(("b".into(), "y".into()), 3);
        store.apply(("bb".into(), "x".into()), 4);
        let there: Vec<u8> = store.in_namespace("b").iter().map(|value| **value).collect();
        assert_eq!(there, [2, 3]);
        assert_eq!(store.get_in("a", "x").as_deref(), Some(&1));
        store.delete(&("a".into(), "x".into()));
        assert!(store.get_in("a", "x").is_none());
        store.replace([]);
        assert!(store.is_empty());
    }
}

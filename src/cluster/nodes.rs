//! Nodes, and which of them start pods in user namespaces.

use std::collections::BTreeMap;

/// A node, as far as answers depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its labels: node selectors go by them.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Whether every runtime handler reports `features.userNamespaces` in the node's status (KEP-127).
    pub user_namespaces: bool,
}

/// All nodes by name.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: BTreeMap<Box<str>, Node>,
    /// How many of them start no pods in user namespaces.
    without: usize,
}

impl Nodes {
    /// Puts a node in, or a newer one in its place.
    pub fn apply(&mut self, name: Box<str>, node: Node) {
        self.without += usize::from(!node.user_namespaces);
        let before = self.nodes.insert(name, node);
        self.forget(before.as_ref());
    }

    /// Takes a node out.
    pub fn delete(&mut self, name: &str) {
        let before = self.nodes.remove(name);
        self.forget(before.as_ref());
    }

    fn forget(&mut self, node: Option<&Node>) {
        self.without -= usize::from(node.is_some_and(|node| !node.user_namespaces));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The names of all nodes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(|name| &**name)
    }

    /// Whether every node with these labels does, and there is one: a node that comes later may not.
    #[must_use]
    pub fn all_have_user_namespaces(&self, selector: &[(&str, &str)]) -> bool {
        if selector.is_empty() {
            return self.without == 0 && !self.is_empty();
        }
        let mut reached = self.nodes.values().filter(|node| {
            selector.iter().all(|(key, value)| node.labels.get(*key).map(|label| &**label) == Some(*value))
        });
        let first = reached.next();
        first.is_some_and(|node| node.user_namespaces) && reached.all(|node| node.user_namespaces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_within_reach_counts() {
        let node = |pool: &str, user_namespaces| Node {
            labels: [("pool".into(), pool.into())].into(),
            user_namespaces,
        };
        let mut nodes = Nodes::default();
        assert!(!nodes.all_have_user_namespaces(&[]));
        nodes.apply("a".into(), node("new", true));
        assert!(nodes.all_have_user_namespaces(&[]));
        nodes.apply("b".into(), node("old", false));
        assert!(!nodes.all_have_user_namespaces(&[]));
        assert!(nodes.all_have_user_namespaces(&[("pool", "new")]));
        assert!(!nodes.all_have_user_namespaces(&[("pool", "none")]));
        nodes.apply("b".into(), node("old", true));
        assert!(nodes.all_have_user_namespaces(&[]));
        nodes.apply("b".into(), node("old", false));
        nodes.delete("b");
        nodes.delete("b");
        assert!(nodes.all_have_user_namespaces(&[]));
    }
}

//! Nodes, and what they can do for pods.

use std::collections::BTreeMap;

use crate::facts::ImageVolumes;

/// A node, as far as answers depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its labels: node selectors go by them.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// What it can do.
    pub abilities: Abilities,
}

/// What a node can do for pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Whether every runtime handler reports `features.userNamespaces` in the node's status (KEP-127).
    pub user_namespaces: bool,
    /// Where it mounts images as volumes (KEP-4639).
    pub image_volumes: ImageVolumes,
}

impl Abilities {
    /// What both can do.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            user_namespaces: self.user_namespaces && other.user_namespaces,
            image_volumes: self.image_volumes.min(other.image_volumes),
        }
    }
}

/// All nodes by name.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: BTreeMap<Box<str>, Node>,
    /// How many of them start no pods in user namespaces.
    without: usize,
    /// How many of them mount images no further than that.
    image_volumes: [usize; ImageVolumes::ALL.len()],
}

impl Nodes {
    /// Puts a node in, or a newer one in its place.
    pub fn apply(&mut self, name: Box<str>, node: Node) {
        self.without += usize::from(!node.abilities.user_namespaces);
        self.image_volumes[node.abilities.image_volumes as usize] += 1;
        let before = self.nodes.insert(name, node);
        self.forget(before.as_ref());
    }

    /// Takes a node out.
    pub fn delete(&mut self, name: &str) {
        let before = self.nodes.remove(name);
        self.forget(before.as_ref());
    }

    fn forget(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        self.without -= usize::from(!node.abilities.user_namespaces);
        self.image_volumes[node.abilities.image_volumes as usize] -= 1;
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

    /// What every node with these labels can do; nothing where there is none. A node that comes later may do less.
    #[must_use]
    pub fn all_can(&self, selector: &[(&str, &str)]) -> Abilities {
        if selector.is_empty() {
            return self.every_one_can();
        }
        let reached = self.nodes.values().filter(|node| {
            selector.iter().all(|(key, value)| node.labels.get(*key).map(|label| &**label) == Some(*value))
        });
        reached.map(|node| node.abilities).reduce(Abilities::and).unwrap_or_default()
    }

    /// Counted: a cluster may have thousands of nodes.
    fn every_one_can(&self) -> Abilities {
        let least = ImageVolumes::ALL.into_iter().find(|least| self.image_volumes[*least as usize] > 0);
        Abilities {
            user_namespaces: self.without == 0 && !self.is_empty(),
            image_volumes: least.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_within_reach_counts() {
        let node = |pool: &str, user_namespaces, image_volumes| Node {
            labels: [("pool".into(), pool.into())].into(),
            abilities: Abilities { user_namespaces, image_volumes },
        };
        let can = |user_namespaces, image_volumes| Abilities { user_namespaces, image_volumes };
        let (no, some, all) =
            (ImageVolumes::No, ImageVolumes::WithoutUserNamespace, ImageVolumes::Everywhere);
        let mut nodes = Nodes::default();
        assert_eq!(nodes.all_can(&[]), can(false, no));
        nodes.apply("a".into(), node("new", true, all));
        assert_eq!(nodes.all_can(&[]), can(true, all));
        nodes.apply("b".into(), node("old", false, some));
        assert_eq!(nodes.all_can(&[]), can(false, some));
        assert_eq!(nodes.all_can(&[("pool", "new")]), can(true, all));
        assert_eq!(nodes.all_can(&[("pool", "old")]), can(false, some));
        assert_eq!(nodes.all_can(&[("pool", "none")]), can(false, no));
        nodes.apply("b".into(), node("old", true, no));
        assert_eq!(nodes.all_can(&[]), can(true, no));
        nodes.apply("b".into(), node("old", false, all));
        nodes.delete("b");
        nodes.delete("b");
        assert_eq!(nodes.all_can(&[]), can(true, all));
    }
}

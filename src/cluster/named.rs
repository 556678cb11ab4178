//! Things of a namespace by name.

/// A few things by name, in order; mostly none or one, so that a map would take more than they do.
#[derive(Debug, Clone)]
pub(super) struct Named<V> {
    things: Vec<(Box<str>, V)>,
}

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self { things: Vec::new() }
    }
}

impl<V> Named<V> {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.things.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.find(name).ok().map(|index| &self.things[index].1)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.find(name).ok().map(|index| &mut self.things[index].1)
    }

    /// Puts it in; what was there before.
    pub(super) fn insert(&mut self, name: Box<str>, value: V) -> Option<V> {
        match self.find(&name) {
            Ok(index) => Some(std::mem::replace(&mut self.things[index].1, value)),
            Err(index) => {
                self.things.insert(index, (name, value));
                None
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<V> {
        self.find(name).ok().map(|index| self.things.remove(index).1)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.things.iter().map(|(name, _)| &**name)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.things.iter().map(|(_, value)| value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.things.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_there_once() {
        let mut named = Named::default();
        for (name, value, before) in [("b", 1, None), ("a", 2, None), ("c", 3, None), ("a", 4, Some(2))] {
            assert_eq!(named.insert(name.into(), value), before, "{name}");
        }
        assert_eq!(named.names().collect::<String>(), "abc");
        assert_eq!((named.get("a"), named.get("d")), (Some(&4), None));
        assert_eq!((named.remove("a"), named.remove("a")), (Some(4), None));
        assert_eq!(named.values().collect::<Vec<_>>(), [&1, &3]);
    }
}

//! Namespaces with what their LimitRanges and ResourceQuotas say: put together when one of them changes, so that a
//! review only takes what is there.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use super::Key;
use super::named::Named;
use crate::facts::{Limit, Quota, Space};

/// Namespaces by name.
#[derive(Debug, Default)]
pub struct Spaces {
    places: RwLock<Places>,
}

#[derive(Debug, Default)]
struct Places {
    by_name: HashMap<Box<str>, Place>,
    namespaces: usize,
    limit_ranges: usize,
    quotas: usize,
}

/// One namespace. What stands in it may come before it does.
#[derive(Debug, Default)]
struct Place {
    /// Whether the namespace itself is known.
    exists: bool,
    limit_ranges: Named<Vec<Limit>>,
    quotas: Named<Quota>,
    space: Arc<Space>,
}

impl Place {
    fn is_empty(&self) -> bool {
        !self.exists && self.limit_ranges.is_empty() && self.quotas.is_empty()
    }

    /// What stands in the namespace has changed.
    fn compose(&mut self) {
        let quota = self.quotas.values().fold(Quota::default(), |sum, next| sum.union(*next));
        let limits = self.limit_ranges.values().flatten().cloned().collect();
        let Space { labels, annotations, .. } = Space::clone(&self.space);
        self.space = Arc::new(Space { labels, annotations, limits, quota });
    }
}

impl Spaces {
    /// A namespace with what stands in it; one that is not known (yet) is empty.
    pub(super) fn get(&self, name: &str) -> Arc<Space> {
        let place = self.read(|places| places.by_name.get(name).map(|place| Arc::clone(&place.space)));
        place.unwrap_or_default()
    }

    /// Puts a namespace's labels and annotations in.
    pub fn apply(&self, name: Box<str>, space: Space) {
        self.change(|places| {
            let place = places.by_name.entry(name).or_default();
            if place.exists
                && (&place.space.labels, &place.space.annotations) == (&space.labels, &space.annotations)
            {
                return;
            }
            places.namespaces += usize::from(!place.exists);
            place.exists = true;
            let Space { limits, quota, .. } = Space::clone(&place.space);
            place.space = Arc::new(Space { limits, quota, ..space });
        });
    }

    /// Takes a namespace out.
    pub fn delete(&self, name: &str) {
        self.change(|places| {
            let Some(place) = places.by_name.get_mut(name) else { return };
            places.namespaces -= usize::from(place.exists);
            place.exists = false;
            place.space = Arc::default();
            place.compose();
            if place.is_empty() {
                places.by_name.remove(name);
            }
        });
    }

    /// The names of all namespaces.
    #[must_use]
    pub fn names(&self) -> Vec<Box<str>> {
        let known = |places: &Places| {
            places.by_name.iter().filter(|(_, place)| place.exists).map(|(name, _)| name.clone()).collect()
        };
        self.read(known)
    }

    /// How many namespaces there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read(|places| places.namespaces)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts the bounds of a LimitRange in.
    pub fn apply_limit_range(&self, (namespace, name): Key, limits: Vec<Limit>) {
        self.change(|places| {
            let place = places.by_name.entry(namespace).or_default();
            if place.limit_ranges.get(&name) != Some(&limits) {
                places.limit_ranges += usize::from(place.limit_ranges.insert(name, limits).is_none());
                place.compose();
            }
        });
    }

    /// Takes a LimitRange out.
    pub fn delete_limit_range(&self, (namespace, name): &Key) {
        self.change(|places| {
            let Some(place) = places.by_name.get_mut(namespace) else { return };
            places.limit_ranges -= usize::from(place.limit_ranges.remove(name).is_some());
            place.compose();
            if place.is_empty() {
                places.by_name.remove(namespace);
            }
        });
    }

    /// Every LimitRange.
    #[must_use]
    pub fn limit_ranges(&self) -> Vec<Key> {
        self.read(|places| keys(places, |place| place.limit_ranges.names()))
    }

    /// How many LimitRanges there are.
    #[must_use]
    pub fn count_limit_ranges(&self) -> usize {
        self.read(|places| places.limit_ranges)
    }

    /// Puts in what a ResourceQuota counts.
    pub fn apply_quota(&self, (namespace, name): Key, quota: Quota) {
        self.change(|places| {
            let place = places.by_name.entry(namespace).or_default();
            if place.quotas.get(&name) != Some(&quota) {
                places.quotas += usize::from(place.quotas.insert(name, quota).is_none());
                place.compose();
            }
        });
    }

    /// Takes a ResourceQuota out.
    pub fn delete_quota(&self, (namespace, name): &Key) {
        self.change(|places| {
            let Some(place) = places.by_name.get_mut(namespace) else { return };
            places.quotas -= usize::from(place.quotas.remove(name).is_some());
            place.compose();
            if place.is_empty() {
                places.by_name.remove(namespace);
            }
        });
    }

    /// Every ResourceQuota.
    #[must_use]
    pub fn quotas(&self) -> Vec<Key> {
        self.read(|places| keys(places, |place| place.quotas.names()))
    }

    /// How many ResourceQuotas there are.
    #[must_use]
    pub fn count_quotas(&self) -> usize {
        self.read(|places| places.quotas)
    }

    fn read<T: Default>(&self, read: impl FnOnce(&Places) -> T) -> T {
        self.places.read().map_or_else(|_| T::default(), |places| read(&places))
    }

    fn change(&self, change: impl FnOnce(&mut Places)) {
        if let Ok(mut places) = self.places.write() {
            change(&mut places);
        }
    }
}

fn keys<'p, N: Iterator<Item = &'p str>>(places: &'p Places, names: impl Fn(&'p Place) -> N) -> Vec<Key> {
    let all = places.by_name.iter();
    all.flat_map(|(namespace, place)| names(place).map(|name| (namespace.clone(), name.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{LimitScope, LimitedResource};

    fn key(name: &str) -> Key {
        ("a".into(), name.into())
    }

    fn limit(max: &str) -> Vec<Limit> {
        let (scope, resource) = (LimitScope::Container, LimitedResource::Cpu);
        vec![Limit { scope, resource, min: None, max: Some(max.into()), max_ratio: None }]
    }

    fn labelled(team: &str) -> Space {
        Space { labels: [("team".into(), team.into())].into(), ..Space::default() }
    }

    #[test]
    fn what_stands_in_a_namespace_may_come_before_it_and_go_after_it() {
        let spaces = Spaces::default();
        spaces.apply_limit_range(key("l"), limit("1"));
        assert_eq!((spaces.len(), spaces.count_limit_ranges()), (0, 1));
        spaces.apply("a".into(), labelled("x"));
        spaces.apply_quota(key("q"), Quota { by_best_effort: true, ..Quota::default() });
        let known = spaces.get("a");
        assert_eq!((known.limits.len(), known.labels.len(), known.quota.by_best_effort), (1, 1, true));
        spaces.delete("a");
        let known = spaces.get("a");
        assert_eq!((known.limits.len(), known.labels.len(), spaces.len()), (1, 0, 0));
        spaces.delete_limit_range(&key("l"));
        spaces.delete_quota(&key("q"));
        spaces.delete_quota(&key("q"));
        assert_eq!(spaces.read(|places| places.by_name.len()), 0);
        assert_eq!((spaces.count_limit_ranges(), spaces.count_quotas()), (0, 0));
    }

    #[test]
    fn what_says_the_same_again_changes_nothing() {
        let spaces = Spaces::default();
        spaces.apply("a".into(), labelled("x"));
        spaces.apply_limit_range(key("l"), limit("1"));
        spaces.apply_limit_range(key("m"), limit("2"));
        let known = spaces.get("a");
        spaces.apply("a".into(), labelled("x"));
        spaces.apply_limit_range(key("l"), limit("1"));
        assert!(Arc::ptr_eq(&known, &spaces.get("a")));
        spaces.apply_limit_range(key("l"), limit("3"));
        spaces.apply("a".into(), labelled("y"));
        let maxima: Vec<Option<Box<str>>> =
            spaces.get("a").limits.iter().map(|limit| limit.max.clone()).collect();
        assert_eq!(maxima, [Some("3".into()), Some("2".into())]);
        assert_eq!(spaces.limit_ranges().len(), 2);
        assert_eq!(spaces.get("a").labels.get("team").map(|team| &**team), Some("y"));
    }
}

//! Images that were seen ready as they are hardened: what fails of them later fails for another reason.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// So many are remembered; then the one goes that was not seen for the longest, in the namespace that has the most.
const MOST: usize = 16_384;

/// An image in a namespace, as a pod's annotations say that it was hardened: another number for another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    namespace: Box<str>,
    number: u64,
}

impl Mark {
    /// The mark of an image.
    #[must_use]
    pub fn new(namespace: &str, image: &str, hardened: &[&str]) -> Self {
        let mut hasher = DefaultHasher::new();
        (image, hardened).hash(&mut hasher);
        Self { namespace: namespace.into(), number: hasher.finish() }
    }
}

/// The marks of images that were seen ready, by namespace, the one that was seen last at the end.
#[derive(Debug, Default)]
pub struct Proven {
    marks: BTreeMap<Box<str>, VecDeque<u64>>,
    count: usize,
}

impl Proven {
    /// A pod is ready, or was.
    pub fn see(&mut self, mark: Mark) {
        let numbers = self.marks.entry(mark.namespace).or_default();
        match numbers.iter().position(|number| *number == mark.number) {
            Some(at) => drop(numbers.remove(at)),
            None => self.count += 1,
        }
        numbers.push_back(mark.number);
        if self.count > MOST {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let fullest = self.marks.iter_mut().max_by_key(|(_, numbers)| numbers.len());
        let Some((namespace, numbers)) = fullest else { return };
        self.count -= usize::from(numbers.pop_front().is_some());
        if numbers.is_empty() {
            let namespace = namespace.clone();
            self.marks.remove(&namespace);
        }
    }

    /// Whether one like it was ready.
    #[must_use]
    pub fn holds(&self, mark: &Mark) -> bool {
        self.marks.get(&mark.namespace).is_some_and(|numbers| numbers.contains(&mark.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_hardening_stands_for_itself() {
        let mut proven = Proven::default();
        proven.see(Mark::new("shop", "app:1", &["restricted: seccomp"]));
        assert!(proven.holds(&Mark::new("shop", "app:1", &["restricted: seccomp"])));
        for other in [
            Mark::new("shop", "app:2", &["restricted: seccomp"]),
            Mark::new("other", "app:1", &["restricted: seccomp"]),
            Mark::new("shop", "app:1", &["restricted (isolated): seccomp"]),
        ] {
            assert!(!proven.holds(&other));
        }
    }

    #[test]
    fn memory_is_bounded_and_who_fills_it_takes_from_himself_first() {
        let mark = |namespace: &str, number: usize| Mark::new(namespace, &number.to_string(), &[]);
        let mut proven = Proven::default();
        for number in 0..100 {
            proven.see(mark("shop", number));
        }
        // Here it is seen again, and so is not the oldest.
        for number in 0..MOST + 1000 {
            proven.see(mark("other", number));
            proven.see(mark("other", 7));
        }
        assert_eq!(proven.marks.values().map(VecDeque::len).sum::<usize>(), MOST);
        assert!((0..100).all(|number| proven.holds(&mark("shop", number))));
        assert!(proven.holds(&mark("other", 7)) && proven.holds(&mark("other", MOST + 999)));
        assert!(!proven.holds(&mark("other", 8)));
    }
}

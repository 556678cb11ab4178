//! Images that were seen ready as they are hardened: what fails of them later fails for another reason.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// So many are remembered; with more of them every image counts as seen.
const MOST: usize = 16_384;

/// An image in a namespace, as a pod's annotations say that it was hardened: another number for another way.
#[must_use]
pub fn mark(namespace: &str, image: &str, hardened: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (namespace, image, hardened).hash(&mut hasher);
    hasher.finish()
}

/// The marks of images that were seen ready.
#[derive(Debug, Default)]
pub struct Proven {
    marks: BTreeSet<u64>,
}

impl Proven {
    /// A pod is ready, or was.
    pub fn see(&mut self, mark: u64) {
        if self.marks.len() < MOST {
            self.marks.insert(mark);
        }
    }

    /// Whether one like it was ready.
    #[must_use]
    pub fn holds(&self, mark: u64) -> bool {
        self.marks.len() >= MOST || self.marks.contains(&mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_hardening_stands_for_itself() {
        let mut proven = Proven::default();
        proven.see(mark("shop", "app:1", &["restricted: seccomp"]));
        assert!(proven.holds(mark("shop", "app:1", &["restricted: seccomp"])));
        for other in [
            mark("shop", "app:2", &["restricted: seccomp"]),
            mark("other", "app:1", &["restricted: seccomp"]),
            mark("shop", "app:1", &["restricted (isolated): seccomp"]),
        ] {
            assert!(!proven.holds(other));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut proven = Proven::default();
        for number in 0..2 * MOST as u64 {
            proven.see(number);
        }
        assert_eq!(proven.marks.len(), MOST);
        assert!(proven.holds(u64::MAX), "what is not known is left alone");
    }
}

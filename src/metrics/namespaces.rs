//! Reviews by namespace: the only label whose values come from outside. Off unless a setting says for how many
//! namespaces; what comes after these is counted together.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::table::{BY_NAMESPACE, OTHERS};
use crate::review::Outcome;

/// By outcome.
type Counters = Vec<IntCounter>;

/// The namespaces that are counted by their names.
#[derive(Debug)]
pub(super) struct Namespaces {
    most: usize,
    vector: IntCounterVec,
    named: RwLock<HashMap<String, Counters>>,
    others: Counters,
}

impl Namespaces {
    /// At most so many.
    pub(super) fn new(registry: &Registry, most: usize) -> Result<Self, prometheus::Error> {
        let labels: Vec<&str> = BY_NAMESPACE.labels.iter().map(|label| label.name).collect();
        let vector = IntCounterVec::new(Opts::new(BY_NAMESPACE.name, BY_NAMESPACE.help), &labels)?;
        registry.register(Box::new(vector.clone()))?;
        let others = of(&vector, OTHERS)?;
        Ok(Self { most, vector, named: RwLock::default(), others })
    }

    /// Counts a review.
    pub(super) fn count(&self, namespace: &str, outcome: Outcome) {
        // A panic leaves whole entries.
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = named.get(namespace) {
            return super::count(counters, outcome as usize);
        }
        let is_full = named.len() >= self.most;
        drop(named);
        if is_full {
            return super::count(&self.others, outcome as usize);
        }
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have come in between.
        if named.len() < self.most
            && !named.contains_key(namespace)
            && let Ok(counters) = of(&self.vector, namespace)
        {
            named.insert(namespace.to_owned(), counters);
        }
        super::count(named.get(namespace).unwrap_or(&self.others), outcome as usize);
    }
}

fn of(vector: &IntCounterVec, namespace: &str) -> Result<Counters, prometheus::Error> {
    Outcome::ALL
        .iter()
        .map(|outcome| vector.get_metric_with_label_values(&[namespace, outcome.as_str()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_late_is_counted_with_the_others() {
        let registry = Registry::new();
        let namespaces = Namespaces::new(&registry, 2).expect("a family");
        for name in ["a", "b", "c", "d", "a"] {
            namespaces.count(name, Outcome::Patched);
        }
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        for (name, count) in [("a", 2), ("b", 1), (OTHERS, 2)] {
            let line = format!("{}{{namespace=\"{name}\",outcome=\"patched\"}} {count}", BY_NAMESPACE.name);
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert!(!text.contains("\"c\""), "{text}");
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 3 * Outcome::ALL.len());
    }
}

//! How much the guard may do, and how fast: steps and evictions are counted by the hour, and what fails again and again
//! is looked at more and more seldom. What is remembered is bounded by these bounds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Circuit, GuardPolicy};

/// What is counted, is counted for so long.
const WINDOW: Duration = Duration::from_secs(3600);
/// How long to wait after the first step, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// So many images are remembered; with more of them at once the circuit of the cluster is open.
const MOST: usize = 4096;

/// An image in a namespace.
pub type Key = (String, String);

/// Steps taken, and the times that they set.
#[derive(Debug, Default)]
pub struct Breaker {
    namespaces: BTreeMap<String, VecDeque<Instant>>,
    cluster: VecDeque<Instant>,
    /// Until when nothing is done about an image, and for how long that was.
    waits: HashMap<Key, (Instant, Duration)>,
    /// Circuits that were found open, until when.
    open: BTreeMap<Option<String>, Instant>,
}

impl Breaker {
    /// The circuit that is open for a namespace, if one is.
    pub fn open(&mut self, namespace: &str, policy: &GuardPolicy, now: Instant) -> Option<Circuit> {
        self.forget(now);
        let is_over = |steps: &VecDeque<Instant>, limit: u32| steps.len() >= limit as usize;
        let ends = |steps: &VecDeque<Instant>| steps.front().map_or(now, |first| *first + WINDOW);
        if is_over(&self.cluster, policy.cluster_limit) || self.waits.len() >= MOST {
            self.open.insert(None, ends(&self.cluster));
            return Some(Circuit::Cluster);
        }
        let steps = self.namespaces.get(namespace).filter(|steps| is_over(steps, policy.namespace_limit))?;
        self.open.insert(Some(namespace.to_owned()), ends(steps));
        Some(Circuit::Namespace)
    }

    /// How many circuits are open.
    pub fn count_open(&mut self, circuit: Circuit, now: Instant) -> usize {
        self.forget(now);
        self.open.keys().filter(|of| of.is_none() == (circuit == Circuit::Cluster)).count()
    }

    /// Whether an image was worked on so shortly ago that it is to be left alone.
    #[must_use]
    pub fn waits(&self, key: &Key, now: Instant) -> bool {
        self.waits.get(key).is_some_and(|(until, _)| *until > now)
    }

    /// Something is done in a namespace.
    pub fn count(&mut self, namespace: &str, now: Instant) {
        self.cluster.push_back(now);
        self.namespaces.entry(namespace.to_owned()).or_default().push_back(now);
    }

    /// A step was taken about an image: the next one has to wait, longer each time.
    pub fn step(&mut self, key: Key, now: Instant) {
        let wait = self.waits.get(&key).map_or(PATIENCE.0, |(_, wait)| (*wait * 2).min(PATIENCE.1));
        self.waits.insert(key, (now + wait, wait));
    }

    fn forget(&mut self, now: Instant) {
        let is_over = |then: &Instant| now.duration_since(*then) >= WINDOW;
        let trim = |steps: &mut VecDeque<Instant>| {
            while steps.front().is_some_and(is_over) {
                steps.pop_front();
            }
        };
        trim(&mut self.cluster);
        self.namespaces.retain(|_, steps| {
            trim(steps);
            !steps.is_empty()
        });
        self.waits.retain(|_, (until, _)| now < *until + WINDOW);
        self.open.retain(|_, until| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(namespace_limit: u32, cluster_limit: u32) -> GuardPolicy {
        GuardPolicy { namespace_limit, cluster_limit, ..GuardPolicy::default() }
    }

    #[test]
    fn a_circuit_opens_at_its_limit_and_closes_with_the_hour() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let policy = policy(2, 3);
        for seconds in [0, 10] {
            assert_eq!(breaker.open("a", &policy, at(seconds)), None);
            breaker.count("a", at(seconds));
        }
        assert_eq!(breaker.open("a", &policy, at(20)), Some(Circuit::Namespace));
        assert_eq!(breaker.open("b", &policy, at(20)), None);
        breaker.count("b", at(20));
        assert_eq!(breaker.open("c", &policy, at(30)), Some(Circuit::Cluster));
        assert_eq!(breaker.count_open(Circuit::Namespace, at(30)), 1);
        assert_eq!(breaker.count_open(Circuit::Cluster, at(30)), 1);
        assert_eq!(breaker.open("a", &policy, at(3600)), None);
        assert_eq!(breaker.count_open(Circuit::Namespace, at(3600)), 0);
        assert_eq!(breaker.count_open(Circuit::Cluster, at(3600)), 0);
    }

    #[test]
    fn an_image_waits_longer_each_time() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        let key: Key = ("shop".to_owned(), "app".to_owned());
        for seconds in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(!breaker.waits(&key, now));
            breaker.step(key.clone(), now);
            assert!(breaker.waits(&key, now + Duration::from_secs(seconds - 1)));
            now += Duration::from_secs(seconds);
        }
        assert_eq!(breaker.open("shop", &policy(1, 1), now), None);
        assert_eq!(breaker.open("shop", &policy(1, 1), now + WINDOW), None);
        assert!(breaker.waits.is_empty(), "forgotten after an hour");
    }

    #[test]
    fn memory_is_bounded() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        let mut taken = 0;
        for number in 0..3 * MOST {
            let namespace = format!("n{}", number % 100);
            if breaker.open(&namespace, &policy(10_000, 10_000), now).is_none() {
                breaker.count(&namespace, now);
                breaker.step((namespace, number.to_string()), now);
                taken += 1;
            }
        }
        assert_eq!((taken, breaker.waits.len()), (MOST, MOST));
    }
}

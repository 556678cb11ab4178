//! What a rule's file says about the rule: `explain` and the docs page are generated from it.

use super::Mode;

/// Where a rule comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A control of the Pod Security Standards: level and name.
    PodSecurity(&'static str, &'static str),
    /// An id of the CIS Kubernetes Benchmark (v1.11, section 5) and its title.
    Cis(&'static str, &'static str),
    /// OWASP Kubernetes Top Ten 2025, K01.
    OwaspK01,
    /// A Kubernetes enhancement or documentation page.
    Kubernetes(&'static str),
}

/// A rule's documentation and its place in the presets.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// One line.
    pub summary: &'static str,
    /// The mode in the preset `restricted`, which is built in.
    pub mode: Mode,
    /// The mode in the preset `enforced`.
    pub enforced: Mode,
    /// Whether the rule is in the preset `safe`: those broke nothing in the measurement.
    pub safe: bool,
    /// Whether it is about the pod as a whole, so that no single container can be exempted from it.
    pub pod_wide: bool,
    /// What is set where the author left it unset.
    pub sets: &'static str,
    /// What `enforce` also replaces.
    pub replaces: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to live with it when a workload does not.
    pub live_with: &'static str,
    /// Where it comes from.
    pub sources: &'static [Source],
}

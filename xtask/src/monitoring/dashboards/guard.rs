//! Of the operations: hardened containers that fail, and what the guard does about it.

use super::panel::{Panel, Show};

pub(super) const GUARD: &[Panel] = &[
    Panel {
        title: "Circuits open",
        about: "Namespaces, and the cluster, in which the guard has stopped, as there was too much to do.",
        show: Show::Zero,
        unit: "short",
        queries: &[("sum(max by (scope) (pod_hardener_guard_circuits_open))", "")],
        width: 4,
        alerts: &["PodHardenerGuardStopped"],
    },
    Panel {
        title: "Given up, last hour",
        about: "Hardened containers that fail, and for which nothing is left that may help.",
        show: Show::Zero,
        unit: "short",
        queries: &[(
            "sum(increase(pod_hardener_guard_outcomes_total{outcome=~\"unexplained|nothing-left\"}[1h]))",
            "",
        )],
        width: 4,
        alerts: &["PodHardenerGuardGaveUp"],
    },
    Panel {
        title: "Looks after them",
        about: "Replicas that do: one, or none where the guard is off.",
        show: Show::Number,
        unit: "short",
        queries: &[("sum(pod_hardener_guard_leader)", "")],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Suggested, last day",
        about: "Profiles that wait for a word: pod-hardener profiles list.",
        show: Show::Number,
        unit: "short",
        queries: &[("sum(increase(pod_hardener_guard_outcomes_total{outcome=\"suggested\"}[1d]))", "")],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Put in force, last day",
        about: "What was learnt, and applies to one namespace and image.",
        show: Show::Number,
        unit: "short",
        queries: &[("sum(increase(pod_hardener_guard_outcomes_total{outcome=\"in-force\"}[1d]))", "")],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Evicted, last day",
        about: "Pods that failed, so that their controllers made them anew.",
        show: Show::Number,
        unit: "short",
        queries: &[("sum(increase(pod_hardener_guard_outcomes_total{outcome=\"evicted\"}[1d]))", "")],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Hardened containers that ended, by cause",
        about: "As their state and their last words show it.",
        show: Show::Areas,
        unit: "short",
        queries: &[(
            "sum by (cause) (increase(pod_hardener_guard_failures_total[$__rate_interval]))",
            "{{cause}}",
        )],
        width: 8,
        alerts: &["PodHardenerGuardGaveUp"],
    },
    Panel {
        title: "The same, by what may help",
        about: "The smallest next step.",
        show: Show::Areas,
        unit: "short",
        queries: &[(
            "sum by (remedy) (increase(pod_hardener_guard_failures_total[$__rate_interval]))",
            "{{remedy}}",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "What became of them",
        about: "One that is put in force and one that is evicted may be the same.",
        show: Show::Lines,
        unit: "short",
        queries: &[(
            "sum by (outcome) (increase(pod_hardener_guard_outcomes_total[$__rate_interval]))",
            "{{outcome}}",
        )],
        width: 8,
        alerts: &["PodHardenerGuardStopped"],
    },
];

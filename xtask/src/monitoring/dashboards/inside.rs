//! Of the operations: what goes on inside a replica, beside its traffic.

use super::panel::{Panel, Show};

pub(super) const CERTIFICATES: &[Panel] = &[
    Panel {
        title: "Days left",
        about: "Until certificates and, where they are self-managed, the authority end.",
        show: Show::Lines,
        unit: "d",
        queries: &[
            ("((pod_hardener_certificate_expiry_timestamp_seconds > 0) - time()) / 86400", "{{instance}}"),
            (
                "(max(pod_hardener_certificate_authority_expiry_timestamp_seconds > 0) - time()) / 86400 or vector(0)",
                "authority (0: none of our own)",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerCertificateExpiring", "PodHardenerAuthorityExpiring"],
    },
    Panel {
        title: "Renewed and put right",
        about: "Self-managed authorities and certificates that were made, and what was found wrong.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (what, outcome) (increase(pod_hardener_certificate_rotations_total[$__rate_interval]))",
                "{{what}}: {{outcome}}",
            ),
            (
                "sum by (cause) (increase(pod_hardener_certificate_heals_total[$__rate_interval]))",
                "{{cause}}",
            ),
        ],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Failures",
        about: "Files that cannot be used, and writes that the API server does not take.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (reason) (increase(pod_hardener_certificate_reload_failures_total[$__rate_interval]))",
                "file: {{reason}}",
            ),
            (
                "sum by (what) (increase(pod_hardener_certificate_write_failures_total[$__rate_interval]))",
                "write: {{what}}",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerCertificateNotReloaded", "PodHardenerCertificateNotWritten"],
    },
    Panel {
        title: "Trusted, and who leads",
        about: "Where certificates are self-managed: 1 for each replica whose certificate is trusted, and for the one that writes.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            ("sum(pod_hardener_certificate_trusted)", "trusted"),
            ("sum(pod_hardener_certificate_leader)", "leads"),
        ],
        width: 8,
        alerts: &["PodHardenerCertificateNotTrusted"],
    },
    Panel {
        title: "Backstop",
        about: "How what the API server denies by itself stands to the policies in force.",
        show: Show::Lines,
        unit: "short",
        queries: &[("max by (state) (pod_hardener_backstop)", "{{state}}")],
        width: 8,
        alerts: &["PodHardenerBackstopDrifted"],
    },
];

pub(super) const CLUSTER: &[Panel] = &[
    Panel {
        title: "Watches that failed",
        about: "What is known already stays in use.",
        show: Show::Lines,
        unit: "short",
        queries: &[(
            "sum by (kind) (increase(pod_hardener_watch_errors_total[$__rate_interval]))",
            "{{kind}}",
        )],
        width: 8,
        alerts: &["PodHardenerWatchFailing"],
    },
    Panel {
        title: "Objects known",
        about: "By kind.",
        show: Show::Lines,
        unit: "short",
        queries: &[("max by (kind) (pod_hardener_watch_objects)", "{{kind}}")],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Since a watch last brought something",
        about: "A kind of which nothing changes is silent for long, and that is well.",
        show: Show::Lines,
        unit: "s",
        queries: &[("time() - max by (kind) (pod_hardener_watch_change_timestamp_seconds > 0)", "{{kind}}")],
        width: 8,
        alerts: &["PodHardenerClusterSilent"],
    },
    Panel {
        title: "Questions to the API server",
        about: "Whether somebody may exempt, and for which pods the watch was waited for.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (result) (increase(pod_hardener_access_reviews_total[$__rate_interval]))",
                "may exempt: {{result}}",
            ),
            (
                "sum by (result) (increase(pod_hardener_owner_waits_total[$__rate_interval]))",
                "workload: {{result}}",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerCannotAsk"],
    },
    Panel {
        title: "How long an answer takes",
        about: "99 of 100 questions whether somebody may exempt.",
        show: Show::Lines,
        unit: "s",
        queries: &[(
            "histogram_quantile(0.99, sum by (le) (rate(pod_hardener_access_review_duration_seconds_bucket[$__rate_interval])))",
            "99 of 100",
        )],
        width: 8,
        alerts: &["PodHardenerCannotAsk"],
    },
    Panel {
        title: "Events",
        about: "For the owners of workloads, by what became of them.",
        show: Show::Lines,
        unit: "short",
        queries: &[("sum by (result) (increase(pod_hardener_events_total[$__rate_interval]))", "{{result}}")],
        width: 8,
        alerts: &["PodHardenerEventsLost"],
    },
];

pub(super) const PROCESS: &[Panel] = &[
    Panel {
        title: "Memory",
        about: "By replica.",
        show: Show::Lines,
        unit: "bytes",
        queries: &[(
            "process_resident_memory_bytes and on (instance) pod_hardener_build_info",
            "{{instance}}",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Processor",
        about: "By replica; 1 is one processor.",
        show: Show::Lines,
        unit: "short",
        queries: &[(
            "rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) pod_hardener_build_info",
            "{{instance}}",
        )],
        width: 8,
        alerts: &["PodHardenerSlowReviews"],
    },
    Panel {
        title: "Files and connections",
        about: "That are open, of those that may be.",
        show: Show::Lines,
        unit: "percentunit",
        queries: &[(
            "(process_open_fds and on (instance) pod_hardener_build_info) / process_max_fds",
            "{{instance}}",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Versions",
        about: "That run now.",
        show: Show::Table,
        unit: "short",
        queries: &[("count by (version) (pod_hardener_build_info)", "")],
        width: 8,
        alerts: &[],
    },
];

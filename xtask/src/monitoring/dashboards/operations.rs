//! Whether the webhook is well: traffic, time, errors, certificates, what it knows of the cluster, and
//! the guard.

use super::Dashboard;
use super::guard::GUARD;
use super::inside::{CERTIFICATES, CLUSTER, PROCESS};
use super::panel::{Panel, Row, Show};

pub(super) const OPERATIONS: Dashboard = Dashboard {
    name: "operations",
    title: "pod-hardener / Operations",
    description: "Whether the webhook is well, as it sees itself and as the API server sees it.",
    rows: &[
        Row { title: "Now", panels: NOW },
        Row { title: "Traffic", panels: TRAFFIC },
        Row { title: "As the API server sees it", panels: API_SERVER },
        Row { title: "Errors and overload", panels: ERRORS },
        Row { title: "Certificates", panels: CERTIFICATES },
        Row { title: "What it knows, asks and tells", panels: CLUSTER },
        Row { title: "Hardened, and failing", panels: GUARD },
        Row { title: "Process", panels: PROCESS },
    ],
};

const NOW: &[Panel] = &[
    Panel {
        title: "Replicas",
        about: "That Prometheus sees.",
        show: Show::NotZero,
        unit: "short",
        queries: &[("count(pod_hardener_build_info) or vector(0)", "")],
        width: 4,
        alerts: &["PodHardenerDown"],
    },
    Panel {
        title: "Alerts that fire",
        about: "Of those that are made for pod-hardener.",
        show: Show::Zero,
        unit: "short",
        queries: &[("count(ALERTS{alertname=~\"PodHardener.+\",alertstate=\"firing\"}) or vector(0)", "")],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Certificate",
        about: "Days until the first of the serving certificates ends.",
        show: Show::DaysLeft,
        unit: "d",
        queries: &[("(min(pod_hardener_certificate_expiry_timestamp_seconds > 0) - time()) / 86400", "")],
        width: 4,
        alerts: &["PodHardenerCertificateExpiring"],
    },
    Panel {
        title: "Knows the cluster",
        about: "1 when every replica has listed every kind that it watches.",
        show: Show::NotZero,
        unit: "short",
        queries: &[("min(pod_hardener_watch_synced)", "")],
        width: 4,
        alerts: &["PodHardenerWatchFailing"],
    },
    Panel {
        title: "Last heard of the API server",
        about: "By the replica that has waited longest.",
        show: Show::Number,
        unit: "s",
        queries: &[("time() - min(pod_hardener_cluster_contact_timestamp_seconds > 0)", "")],
        width: 4,
        alerts: &["PodHardenerClusterSilent"],
    },
    Panel {
        title: "Different sets of policies",
        about: "Among all replicas; 1 when they agree.",
        show: Show::Number,
        unit: "short",
        queries: &[("count(count_values(\"fingerprint\", pod_hardener_policy_fingerprint))", "")],
        width: 4,
        alerts: &["PodHardenerPoliciesDiffer"],
    },
];

const TRAFFIC: &[Panel] = &[
    Panel {
        title: "Reviews by outcome",
        about: "Per second.",
        show: Show::Areas,
        unit: "reqps",
        queries: &[(
            "sum by (outcome) (rate(pod_hardener_admission_requests_total[$__rate_interval]))",
            "{{outcome}}",
        )],
        width: 8,
        alerts: &["PodHardenerFailedOpen"],
    },
    Panel {
        title: "Reviews by what they are about",
        about: "Per second. A pod counts where it is hardened and where it is validated.",
        show: Show::Areas,
        unit: "reqps",
        queries: &[(
            "sum by (resource) (rate(pod_hardener_admission_objects_total[$__rate_interval]))",
            "{{resource}}",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Reviews by replica",
        about: "Per second. The API server keeps connections, so that replicas need not get the same share.",
        show: Show::Areas,
        unit: "reqps",
        queries: &[(
            "sum by (instance) (rate(pod_hardener_admission_requests_total[$__rate_interval]))",
            "{{instance}}",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "How long reviews of pods take",
        about: "From a review's last byte to its answer, inside the webhook.",
        show: Show::Heat,
        unit: "short",
        queries: &[(
            "sum by (le) (increase(pod_hardener_admission_duration_seconds_bucket{endpoint=\"mutate\"}[$__rate_interval]))",
            "{{le}}",
        )],
        width: 12,
        alerts: &["PodHardenerSlowReviews"],
    },
    Panel {
        title: "Half, and 99 of 100",
        about: "Of the reviews take no longer than this.",
        show: Show::Lines,
        unit: "s",
        queries: &[
            (
                "histogram_quantile(0.5, sum by (endpoint, le) (rate(pod_hardener_admission_duration_seconds_bucket[$__rate_interval])))",
                "{{endpoint}}: half",
            ),
            (
                "histogram_quantile(0.99, sum by (endpoint, le) (rate(pod_hardener_admission_duration_seconds_bucket[$__rate_interval])))",
                "{{endpoint}}: 99 of 100",
            ),
        ],
        width: 6,
        alerts: &["PodHardenerSlowReviews"],
    },
    Panel {
        title: "Bytes",
        about: "Of the bodies of reviews and of answers, per second.",
        show: Show::Lines,
        unit: "Bps",
        queries: &[
            ("sum(rate(pod_hardener_request_bytes_total[$__rate_interval]))", "reviews"),
            ("sum(rate(pod_hardener_response_bytes_total[$__rate_interval]))", "answers"),
        ],
        width: 6,
        alerts: &[],
    },
];

const API_SERVER: &[Panel] = &[
    Panel {
        title: "99 of 100 calls",
        about: "Take no longer than this, the network included. Needs the API server's own metrics.",
        show: Show::Lines,
        unit: "s",
        queries: &[(
            "histogram_quantile(0.99, sum by (name, le) (rate(apiserver_admission_webhook_admission_duration_seconds_bucket{name=~\".+[.]pod-hardener[.]dev\"}[$__rate_interval])))",
            "{{name}}",
        )],
        width: 8,
        alerts: &["PodHardenerSlowCalls"],
    },
    Panel {
        title: "Calls by code",
        about: "What the webhook said, per second.",
        show: Show::Lines,
        unit: "reqps",
        queries: &[(
            "sum by (name, code) (rate(apiserver_admission_webhook_request_total{name=~\".+[.]pod-hardener[.]dev\"}[$__rate_interval]))",
            "{{name}}: {{code}}",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Calls that failed",
        about: "What they were about was let pass, or was refused, as failurePolicy says.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (name) (increase(apiserver_admission_webhook_fail_open_count{name=~\".+[.]pod-hardener[.]dev\"}[$__rate_interval]))",
                "{{name}}: passed",
            ),
            (
                "sum by (name) (increase(apiserver_admission_webhook_rejection_count{name=~\".+[.]pod-hardener[.]dev\",error_type!=\"no_error\"}[$__rate_interval]))",
                "{{name}}: refused",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerPassedOver", "PodHardenerBlocks"],
    },
];

const ERRORS: &[Panel] = &[
    Panel {
        title: "Requests rejected",
        about: "By why. `overload` and `memory` are told to come back; the rest were no reviews.",
        show: Show::Lines,
        unit: "short",
        queries: &[(
            "sum by (reason) (increase(pod_hardener_requests_rejected_total[$__rate_interval]))",
            "{{reason}}",
        )],
        width: 8,
        alerts: &["PodHardenerOverloaded"],
    },
    Panel {
        title: "Connections and handshakes that failed",
        about: "By why.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (reason) (increase(pod_hardener_connection_failures_total[$__rate_interval]))",
                "{{reason}}",
            ),
            (
                "sum by (reason) (increase(pod_hardener_tls_handshake_failures_total[$__rate_interval]))",
                "TLS: {{reason}}",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerConnectionsRefused"],
    },
    Panel {
        title: "How much of its limits is taken",
        about: "By the replica that has most. At 100 % the next one is turned away.",
        show: Show::Lines,
        unit: "percentunit",
        queries: &[
            ("max(pod_hardener_requests_in_flight) / max(pod_hardener_limit{of=\"requests\"})", "reviews"),
            ("max(pod_hardener_connections) / max(pod_hardener_limit{of=\"connections\"})", "connections"),
            (
                "max(pod_hardener_long_body_bytes) / max(pod_hardener_limit{of=\"long-body-bytes\"})",
                "long bodies",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerOverloaded"],
    },
    Panel {
        title: "Errors inside",
        about: "Each is a bug: please report it.",
        show: Show::Zero,
        unit: "short",
        queries: &[("sum(increase(pod_hardener_review_panics_total[$__range]))", "")],
        width: 4,
        alerts: &["PodHardenerPanics"],
    },
];

//! Every metric there is: name, type, help, labels, a question that it answers. The registry and the docs page are
//! made from this table.
//!
//! A new metric is a constant here, a line in [`TABLE`], and a field in [`super::Metrics`].

use crate::annotation::RefusalReason;
use crate::guard::{self, Cause, Circuit, Help};
use crate::harden::RemarkReason;
use crate::inventory::Left;
use crate::posture::Posture;
use crate::review::{Outcome, Reviewed};
use crate::rules::{RuleId, RuleResult};

use super::family::{Family, Kind, LabelNames, family, label};
use super::reason::{
    Asked, BackstopState, CertificateFailure, CertificateHeal, CertificateWrite, ConnectionFailure, Endpoint,
    HandshakeFailure, Limit, PolicyOutcome, PolicySource, Rejection, Rotated, RotationOutcome, Told, Waited,
    WatchKind, values_of,
};

const RULE: LabelNames = label("rule", || RuleId::ALL.iter().map(|rule| rule.as_str()).collect());

const OUTCOME: LabelNames = label("outcome", || Outcome::ALL.map(Outcome::as_str).to_vec());

const ENDPOINT: LabelNames = label("endpoint", values_of::<Endpoint>);

const WATCHED: LabelNames = label("kind", values_of::<WatchKind>);

const SOURCE: LabelNames = label("source", values_of::<PolicySource>);

pub(super) const REQUESTS: Family = family(
    "pod_hardener_admission_requests_total",
    Kind::Counter,
    "Reviews answered, by what became of them; of dry runs nothing is counted, here and below.",
    &[ENDPOINT, OUTCOME],
)
.asked("sum by (outcome) (rate(pod_hardener_admission_requests_total[5m]))");
pub(super) const OBJECTS: Family = family(
    "pod_hardener_admission_objects_total",
    Kind::Counter,
    "Reviews answered, by what they are about and what became of them; a pod counts at each endpoint that it was sent to.",
    &[label("resource", || Reviewed::ALL.map(Reviewed::as_str).to_vec()), OUTCOME],
);
pub(super) const REMEMBERED: Family = family(
    "pod_hardener_admission_remembered_total",
    Kind::Counter,
    "Reviews of pods of which the answer was known: all that it depends on was as in an earlier review.",
    &[],
)
.asked(
    "sum(rate(pod_hardener_admission_remembered_total[5m])) / sum(rate(pod_hardener_admission_requests_total{endpoint=\"mutate\"}[5m]))",
);
/// What namespaces are called that are not counted by their names: no namespace can have this name.
pub(super) const OTHERS: &str = "(others)";
/// Only where the setting `metrics_namespaces` wants it, and not part of [`TABLE`].
pub const BY_NAMESPACE: Family = family(
    "pod_hardener_namespace_reviews_total",
    Kind::Counter,
    "Reviews answered, by namespace and what became of them.",
    &[label("namespace", || vec![OTHERS]), OUTCOME],
);
pub(super) const DURATION: Family = family(
    "pod_hardener_admission_duration_seconds",
    Kind::Histogram,
    "Time from a review's last byte to its answer.",
    &[ENDPOINT],
)
.asked(
    "histogram_quantile(0.99, sum by (le) (rate(pod_hardener_admission_duration_seconds_bucket{endpoint=\"mutate\"}[5m])))",
);
pub(super) const RULE_RESULTS: Family = family(
    "pod_hardener_rule_results_total",
    Kind::Counter,
    "Pods by what came of each rule.",
    &[RULE, label("result", || RuleResult::ALL.map(RuleResult::as_str).to_vec())],
)
.asked("sum by (rule) (increase(pod_hardener_rule_results_total{result=\"observed\"}[1d]))");
pub(super) const EXEMPTIONS: Family = family(
    "pod_hardener_exemptions_honoured_total",
    Kind::Counter,
    "Pods that an honoured annotation exempted from a rule.",
    &[RULE],
);
pub(super) const REFUSALS: Family = family(
    "pod_hardener_exemptions_refused_total",
    Kind::Counter,
    "Annotations that were not honoured, by why.",
    &[label("reason", || RefusalReason::ALL.map(RefusalReason::as_str).to_vec())],
);
pub(super) const REMARKS: Family = family(
    "pod_hardener_policy_choices_refused_total",
    Kind::Counter,
    "Pods for which a policy was named or chosen that does not apply, by why.",
    &[label("reason", || RemarkReason::ALL.map(RemarkReason::as_str).to_vec())],
);
pub(super) const IN_FLIGHT: Family = family(
    "pod_hardener_requests_in_flight",
    Kind::Gauge,
    "Reviews that are being received or answered.",
    &[],
)
.asked("max(pod_hardener_requests_in_flight) / max(pod_hardener_limit{of=\"requests\"})");
pub(super) const REJECTED: Family = family(
    "pod_hardener_requests_rejected_total",
    Kind::Counter,
    "Requests that were no review or could not be taken, by why.",
    &[label("reason", values_of::<Rejection>)],
);
pub(super) const LONG_BODIES: Family = family(
    "pod_hardener_long_body_bytes",
    Kind::Gauge,
    "What bodies longer than 64 KiB take now, by the length that they say they have.",
    &[],
)
.asked("max(pod_hardener_long_body_bytes) / max(pod_hardener_limit{of=\"long-body-bytes\"})");
pub(super) const LIMITS: Family = family(
    "pod_hardener_limit",
    Kind::Gauge,
    "What the settings allow at once; beyond it connections are closed, and requests told to come back.",
    &[label("of", values_of::<Limit>)],
);
pub(super) const PANICS: Family = family(
    "pod_hardener_review_panics_total",
    Kind::Counter,
    "Reviews that failed inside and were answered as the policy's onError says. Each is a bug.",
    &[],
);
pub(super) const REQUEST_BYTES: Family = family(
    "pod_hardener_request_bytes_total",
    Kind::Counter,
    "Bytes of the bodies of reviews received whole.",
    &[],
);
pub(super) const RESPONSE_BYTES: Family =
    family("pod_hardener_response_bytes_total", Kind::Counter, "Bytes of the bodies of answers.", &[]);
pub(super) const CONNECTIONS: Family =
    family("pod_hardener_connections", Kind::Gauge, "Open connections to the webhook.", &[])
        .asked("max(pod_hardener_connections) / max(pod_hardener_limit{of=\"connections\"})");
pub(super) const CONNECTION_FAILURES: Family = family(
    "pod_hardener_connection_failures_total",
    Kind::Counter,
    "Connections that were not taken or ended early, by why.",
    &[label("reason", values_of::<ConnectionFailure>)],
);
pub(super) const HANDSHAKE_FAILURES: Family = family(
    "pod_hardener_tls_handshake_failures_total",
    Kind::Counter,
    "TLS handshakes that failed, by why.",
    &[label("reason", values_of::<HandshakeFailure>)],
);
pub(super) const CERTIFICATE_EXPIRY: Family = family(
    "pod_hardener_certificate_expiry_timestamp_seconds",
    Kind::Gauge,
    "When the serving certificate expires, in seconds since 1970.",
    &[],
)
.asked("(min(pod_hardener_certificate_expiry_timestamp_seconds) - time()) / 86400");
pub(super) const CERTIFICATE_FAILURES: Family = family(
    "pod_hardener_certificate_reload_failures_total",
    Kind::Counter,
    "Looks at the certificate files that found nothing usable, by why; the last good certificate is kept.",
    &[label("reason", values_of::<CertificateFailure>)],
);
pub(super) const CERTIFICATE_TRUSTED: Family = family(
    "pod_hardener_certificate_trusted",
    Kind::Gauge,
    "1 while every registered webhook's caBundle trusts the self-managed certificate in service; 0 where certificates are files.",
    &[],
);
pub(super) const CERTIFICATE_LEADER: Family = family(
    "pod_hardener_certificate_leader",
    Kind::Gauge,
    "1 on the replica that manages the certificates, 0 on the others.",
    &[],
);
pub(super) const AUTHORITY_EXPIRY: Family = family(
    "pod_hardener_certificate_authority_expiry_timestamp_seconds",
    Kind::Gauge,
    "When the self-managed authority expires, in seconds since 1970; 0 where certificates are files.",
    &[],
)
.asked("(min(pod_hardener_certificate_authority_expiry_timestamp_seconds > 0) - time()) / 86400");
pub(super) const CERTIFICATE_ROTATIONS: Family = family(
    "pod_hardener_certificate_rotations_total",
    Kind::Counter,
    "Self-managed authorities and certificates that this replica made, the first ones included, by what became of them.",
    &[label("what", values_of::<Rotated>), label("outcome", values_of::<RotationOutcome>)],
);
pub(super) const CERTIFICATE_HEALS: Family = family(
    "pod_hardener_certificate_heals_total",
    Kind::Counter,
    "Times that this replica put self-managed certificates right, by what was wrong.",
    &[label("cause", values_of::<CertificateHeal>)],
);
pub(super) const CERTIFICATE_WRITE_FAILURES: Family = family(
    "pod_hardener_certificate_write_failures_total",
    Kind::Counter,
    "Writes for self-managed certificates that the API server did not take, by what was to be written.",
    &[label("what", values_of::<CertificateWrite>)],
);
pub(super) const POLICY_LOADED: Family = family(
    "pod_hardener_policy_loaded_timestamp_seconds",
    Kind::Gauge,
    "When the policies in force were last replaced, in seconds since 1970.",
    &[],
)
.asked("time() - max(pod_hardener_policy_loaded_timestamp_seconds)");
pub(super) const POLICY_LOADS: Family = family(
    "pod_hardener_policy_loads_total",
    Kind::Counter,
    "Policies that were new, changed or deleted, by where they are and what became of them; `files` is what --policy names.",
    &[SOURCE, label("outcome", values_of::<PolicyOutcome>)],
);
pub(super) const POLICIES: Family =
    family("pod_hardener_policies", Kind::Gauge, "Policies in force, by where they are.", &[SOURCE]);
pub(super) const POLICIES_REFUSED: Family = family(
    "pod_hardener_policies_refused",
    Kind::Gauge,
    "Policies whose present version is refused; their last good version is in force. Of files, 1 or 0 for all of them.",
    &[SOURCE],
);
pub(super) const BACKSTOP: Family = family(
    "pod_hardener_backstop",
    Kind::Gauge,
    "1 for how the backstop in the cluster stands to the policies in force; all 0 where no cluster is watched.",
    &[label("state", values_of::<BackstopState>)],
);
pub(super) const POLICY_FINGERPRINT: Family = family(
    "pod_hardener_policy_fingerprint",
    Kind::Gauge,
    "A number made from the policies in force: replicas of one version with the same policies have the same.",
    &[],
)
.asked("count(count_values(\"fingerprint\", pod_hardener_policy_fingerprint))");
pub(super) const PROFILE_LOADS: Family = family(
    "pod_hardener_profile_loads_total",
    Kind::Counter,
    "Profiles that were new, changed or deleted, by where they are and what became of them; `files` is what --profiles names.",
    &[SOURCE, label("outcome", values_of::<PolicyOutcome>)],
);
pub(super) const PROFILE_LOADED: Family = family(
    "pod_hardener_profile_loaded_timestamp_seconds",
    Kind::Gauge,
    "When the profiles in force were last replaced, in seconds since 1970; 0: only those that are built in.",
    &[],
);
pub(super) const PROFILES: Family = family(
    "pod_hardener_profiles",
    Kind::Gauge,
    "Profiles in force beside those that are built in, by where they are.",
    &[SOURCE],
);
pub(super) const PROFILES_REFUSED: Family = family(
    "pod_hardener_profiles_refused",
    Kind::Gauge,
    "Profiles whose present version is refused; their last good version is in force. Of files, 1 or 0 for all of them.",
    &[SOURCE],
);
pub(super) const POSTURES: Family = family(
    "pod_hardener_postures_total",
    Kind::Counter,
    "Pods by the lowest rung of the ladder on which one of their containers stands.",
    &[label("posture", || Posture::ALL.map(Posture::as_str).to_vec())],
)
.asked("sum by (posture) (increase(pod_hardener_postures_total[1d]))");
pub(super) const GUARD_LEADER: Family = family(
    "pod_hardener_guard_leader",
    Kind::Gauge,
    "1 on the replica that looks after pods that fail, 0 on the others.",
    &[],
)
.asked("sum(pod_hardener_guard_leader)");
pub(super) const GUARD_FAILURES: Family = family(
    "pod_hardener_guard_failures_total",
    Kind::Counter,
    "Ends of containers that were hardened, by their cause and by what may help.",
    &[label("cause", values_of::<Cause>), label("remedy", values_of::<Help>)],
)
.asked("sum by (cause, remedy) (increase(pod_hardener_guard_failures_total[1d]))");
pub(super) const GUARD_OUTCOMES: Family = family(
    "pod_hardener_guard_outcomes_total",
    Kind::Counter,
    "What became of them; one that is put in force and one that is evicted may be the same.",
    &[label("outcome", values_of::<guard::Outcome>)],
)
.asked("sum by (outcome) (increase(pod_hardener_guard_outcomes_total[1d]))");
pub(super) const GUARD_CIRCUITS: Family = family(
    "pod_hardener_guard_circuits_open",
    Kind::Gauge,
    "Circuits that are open, as there was too much to do in an hour: namespaces, and 1 or 0 for the cluster.",
    &[label("scope", values_of::<Circuit>)],
)
.asked("max by (scope) (pod_hardener_guard_circuits_open)");
pub(super) const ACCESS_REVIEWS: Family = family(
    "pod_hardener_access_reviews_total",
    Kind::Counter,
    "Questions whether somebody may exempt from a rule, by what became of them; asked for dry runs too.",
    &[label("result", values_of::<Asked>)],
);
pub(super) const ACCESS_REVIEW_DURATION: Family = family(
    "pod_hardener_access_review_duration_seconds",
    Kind::Histogram,
    "Time until the API server said whether somebody may exempt from a rule, or it was too late.",
    &[],
);
pub(super) const OWNER_WAITS: Family = family(
    "pod_hardener_owner_waits_total",
    Kind::Counter,
    "Reviews that waited for the watch to bring the workload that a pod is of.",
    &[label("result", values_of::<Waited>)],
);
pub(super) const EVENTS: Family = family(
    "pod_hardener_events_total",
    Kind::Counter,
    "Events for the owners of workloads, by what became of them.",
    &[label("result", values_of::<Told>)],
);
pub(super) const EXEMPTED_PODS: Family = family(
    "pod_hardener_exempted_pods",
    Kind::Gauge,
    "Running pods that live on an exemption from a rule, by the time that it has left.",
    &[RULE, label("left", || Left::ALL.map(Left::as_str).to_vec())],
)
.asked("sum by (rule) (max by (rule, left) (pod_hardener_exempted_pods{left=~\"expired|7-days\"}))");
pub(super) const WATCH_SYNCED: Family = family(
    "pod_hardener_watch_synced",
    Kind::Gauge,
    "Whether all objects of a kind were listed since the server started; all 0 where no cluster is watched.",
    &[WATCHED],
);
pub(super) const WATCH_OBJECTS: Family =
    family("pod_hardener_watch_objects", Kind::Gauge, "Objects of a kind that are known.", &[WATCHED]);
pub(super) const WATCH_CHANGES: Family = family(
    "pod_hardener_watch_change_timestamp_seconds",
    Kind::Gauge,
    "When a watch last brought something, in seconds since 1970: a kind of which nothing changes is silent for long.",
    &[WATCHED],
)
.asked("time() - max by (kind) (pod_hardener_watch_change_timestamp_seconds > 0)");
pub(super) const WATCH_ERRORS: Family = family(
    "pod_hardener_watch_errors_total",
    Kind::Counter,
    "Lists and watches that failed; what is known already stays in use.",
    &[WATCHED],
);
pub(super) const CLUSTER_CONTACT: Family = family(
    "pod_hardener_cluster_contact_timestamp_seconds",
    Kind::Gauge,
    "When the API server last answered, in seconds since 1970; 0 where no cluster is watched.",
    &[],
)
.asked("time() - max(pod_hardener_cluster_contact_timestamp_seconds > 0)");
pub(super) const BUILD_INFO: Family = family(
    "pod_hardener_build_info",
    Kind::Gauge,
    "Always 1; which version this is.",
    &[label("version", || vec![env!("CARGO_PKG_VERSION")])],
);
pub(super) const START_TIME: Family =
    family("process_start_time_seconds", Kind::Gauge, "When the server started, in seconds since 1970.", &[])
        .asked("time() - max(process_start_time_seconds and on (instance) pod_hardener_build_info)");
pub(super) const RESIDENT_MEMORY: Family =
    family("process_resident_memory_bytes", Kind::Gauge, "Memory that the process holds.", &[])
        .asked("max(process_resident_memory_bytes and on (instance) pod_hardener_build_info)");
pub(super) const PROCESSOR_TIME: Family = family(
    "process_cpu_seconds_total",
    Kind::Counter,
    "Processor time that the process took, in its own code and in the kernel.",
    &[],
)
.asked("sum(rate(process_cpu_seconds_total[5m]) and on (instance) pod_hardener_build_info)");
pub(super) const OPEN_FILES: Family =
    family("process_open_fds", Kind::Gauge, "Files and connections that the process has open.", &[])
        .asked("max(process_open_fds and on (instance) pod_hardener_build_info)");
pub(super) const MOST_FILES: Family =
    family("process_max_fds", Kind::Gauge, "How many it may have open.", &[])
        .asked("max(process_max_fds and on (instance) pod_hardener_build_info)");

/// All of them.
pub const TABLE: &[Family] = &[
    REQUESTS,
    REMEMBERED,
    OBJECTS,
    DURATION,
    RULE_RESULTS,
    EXEMPTIONS,
    REFUSALS,
    REMARKS,
    IN_FLIGHT,
    REJECTED,
    LONG_BODIES,
    LIMITS,
    PANICS,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    CONNECTIONS,
    CONNECTION_FAILURES,
    HANDSHAKE_FAILURES,
    CERTIFICATE_EXPIRY,
    CERTIFICATE_FAILURES,
    CERTIFICATE_TRUSTED,
    CERTIFICATE_LEADER,
    AUTHORITY_EXPIRY,
    CERTIFICATE_ROTATIONS,
    CERTIFICATE_HEALS,
    CERTIFICATE_WRITE_FAILURES,
    POLICY_LOADED,
    POLICY_LOADS,
    POLICIES,
    POLICIES_REFUSED,
    BACKSTOP,
    POLICY_FINGERPRINT,
    PROFILE_LOADED,
    PROFILE_LOADS,
    PROFILES,
    PROFILES_REFUSED,
    POSTURES,
    GUARD_LEADER,
    GUARD_FAILURES,
    GUARD_OUTCOMES,
    GUARD_CIRCUITS,
    ACCESS_REVIEWS,
    ACCESS_REVIEW_DURATION,
    OWNER_WAITS,
    EVENTS,
    EXEMPTED_PODS,
    WATCH_SYNCED,
    WATCH_OBJECTS,
    WATCH_CHANGES,
    WATCH_ERRORS,
    CLUSTER_CONTACT,
    BUILD_INFO,
    START_TIME,
    RESIDENT_MEMORY,
    PROCESSOR_TIME,
    OPEN_FILES,
    MOST_FILES,
];

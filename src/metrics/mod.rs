//! Metrics: the only module that knows the `prometheus` crate.
//!
//! Every series exists from the start, and its handle is kept by the index of its label's variant: counting is an
//! addition, never a look-up by text.

mod family;
mod handles;
mod namespaces;
mod numbers;
mod process;
mod reason;
mod spread;
mod table;

use std::time::{Duration, SystemTime};

use prometheus::{Histogram, IntCounter, IntGauge, Registry, TextEncoder};

pub use family::{DURATION_BUCKETS, Family, Kind, LabelNames};
pub use handles::{ByteGauge, Counters, CountersOfTwo, Entered, Gauges, Present, TakenBytes};
pub use numbers::Numbers;
pub(crate) use reason::labels;
pub use reason::{
    Asked, BackstopState, CertificateFailure, CertificateHeal, CertificateWrite, ConnectionFailure, Endpoint,
    HandshakeFailure, Label, Limit, PolicyOutcome, PolicySource, Rejection, Rotated, RotationOutcome, Told,
    Waited, WatchKind,
};
pub use table::{BY_NAMESPACE, TABLE};

use self::handles::{count, counter, counters, gauge, gauges, histograms, observe};
use self::namespaces::Namespaces;
use self::process::Process;
use self::spread::Spread;
use crate::guard::{self, Cause, Circuit, Help};
use crate::inventory::Left;
use crate::review::{Outcome, Record};
use crate::rules::{RuleId, RuleResult};

/// The media type of what [`Metrics::render`] gives.
pub const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

/// The metrics could not be set up: two of one name, or a name that is none.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// All metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By endpoint, then by outcome.
    outcomes: Spread,
    remembered: IntCounter,
    /// By resource, then by outcome.
    objects: Spread,
    /// By namespace, where a setting wants that.
    namespaces: Option<Namespaces>,
    /// By endpoint.
    durations: Vec<Histogram>,
    /// By rule, then by result.
    rule_results: Spread,
    exemptions: Vec<IntCounter>,
    refusals: Vec<IntCounter>,
    remarks: Vec<IntCounter>,
    /// Of requests and of answers.
    bytes: Spread,
    certificate_expiry: IntGauge,
    authority_expiry: IntGauge,
    certificate_trusted: IntGauge,
    certificate_leader: IntGauge,
    guard_leader: IntGauge,
    policy_loaded: IntGauge,
    policy_fingerprint: IntGauge,
    profile_loaded: IntGauge,
    process: Process,
    /// Reviews being received or answered.
    pub in_flight: Present,
    /// Open connections.
    pub connections: Present,
    /// What the bodies take that share [`Limit::LongBodies`].
    pub long_bodies: ByteGauge,
    /// What the settings allow at once.
    pub limits: Gauges<Limit>,
    /// Requests that were not reviewed.
    pub rejected: Counters<Rejection>,
    /// Connections not taken or ended early.
    pub connection_failures: Counters<ConnectionFailure>,
    /// TLS handshakes that failed.
    pub handshake_failures: Counters<HandshakeFailure>,
    /// Certificate files that could not be used.
    pub certificate_failures: Counters<CertificateFailure>,
    /// Self-managed authorities and certificates that were made.
    pub certificate_rotations: CountersOfTwo<Rotated, RotationOutcome>,
    /// What was put right.
    pub certificate_heals: Counters<CertificateHeal>,
    /// What could not be written.
    pub certificate_write_failures: Counters<CertificateWrite>,
    /// What became of policies that were new or changed.
    pub policy_loads: CountersOfTwo<PolicySource, PolicyOutcome>,
    /// Policies in force.
    pub policies: Gauges<PolicySource>,
    /// Policies whose present version is not.
    pub policies_refused: Gauges<PolicySource>,
    /// What became of profiles that were new or changed.
    pub profile_loads: CountersOfTwo<PolicySource, PolicyOutcome>,
    /// Profiles in force beside those that are built in.
    pub profiles: Gauges<PolicySource>,
    /// Profiles whose present version is not.
    pub profiles_refused: Gauges<PolicySource>,
    /// By posture.
    postures: Vec<IntCounter>,
    /// How the backstop stands to them.
    pub backstop: Gauges<BackstopState>,
    /// Questions whether somebody may exempt.
    pub access_reviews: Counters<Asked>,
    access_review_duration: Vec<Histogram>,
    /// What came of waiting for workloads.
    pub owner_waits: Counters<Waited>,
    /// What became of things to be told as Events.
    pub told: Counters<Told>,
    /// Whether each kind was listed whole.
    pub watch_synced: Gauges<WatchKind>,
    /// Objects known of each kind.
    pub watch_objects: Gauges<WatchKind>,
    /// Lists and watches that failed.
    pub watch_errors: Counters<WatchKind>,
    watch_changes: Gauges<WatchKind>,
    /// Hardened pods that failed: why, and what may help.
    pub guard_failures: CountersOfTwo<Cause, Help>,
    /// What became of them.
    pub guard_outcomes: Counters<guard::Outcome>,
    /// How many circuits are open.
    pub guard_circuits: Gauges<Circuit>,
    cluster_contact: IntGauge,
    panics: IntCounter,
    /// By rule, then by the time left.
    exempted_pods: Vec<IntGauge>,
}

impl Metrics {
    /// Sets all metrics up, each series at zero; none by namespace.
    ///
    /// # Errors
    /// When the table of metrics contradicts itself.
    pub fn new() -> Result<Self, MetricsError> {
        Self::with_namespaces(0)
    }

    /// The same, and reviews by namespace for at most `most` of them; 0: not by namespace at all.
    ///
    /// # Errors
    /// When the table of metrics contradicts itself.
    pub fn with_namespaces(most: usize) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let start_time = gauge(&registry, &table::START_TIME)?;
        start_time.set(unix_seconds(SystemTime::now()));
        let info = gauges(&registry, &table::BUILD_INFO)?;
        info.iter().for_each(|info| info.set(1));
        Ok(Self {
            outcomes: Spread::new(counters(&registry, &table::REQUESTS)?),
            remembered: counter(&registry, &table::REMEMBERED)?,
            objects: Spread::new(counters(&registry, &table::OBJECTS)?),
            namespaces: (most > 0).then(|| Namespaces::new(&registry, most)).transpose()?,
            durations: histograms(&registry, &table::DURATION)?,
            rule_results: Spread::new(counters(&registry, &table::RULE_RESULTS)?),
            exemptions: counters(&registry, &table::EXEMPTIONS)?,
            refusals: counters(&registry, &table::REFUSALS)?,
            remarks: counters(&registry, &table::REMARKS)?,
            bytes: Spread::new(vec![
                counter(&registry, &table::REQUEST_BYTES)?,
                counter(&registry, &table::RESPONSE_BYTES)?,
            ]),
            certificate_expiry: gauge(&registry, &table::CERTIFICATE_EXPIRY)?,
            authority_expiry: gauge(&registry, &table::AUTHORITY_EXPIRY)?,
            certificate_trusted: gauge(&registry, &table::CERTIFICATE_TRUSTED)?,
            certificate_leader: gauge(&registry, &table::CERTIFICATE_LEADER)?,
            guard_leader: gauge(&registry, &table::GUARD_LEADER)?,
            policy_loaded: gauge(&registry, &table::POLICY_LOADED)?,
            policy_fingerprint: gauge(&registry, &table::POLICY_FINGERPRINT)?,
            profile_loaded: gauge(&registry, &table::PROFILE_LOADED)?,
            process: Process::new(&registry)?,
            in_flight: Present(gauge(&registry, &table::IN_FLIGHT)?),
            connections: Present(gauge(&registry, &table::CONNECTIONS)?),
            long_bodies: ByteGauge(gauge(&registry, &table::LONG_BODIES)?),
            limits: Gauges::new(&registry, &table::LIMITS)?,
            rejected: Counters::new(&registry, &table::REJECTED)?,
            connection_failures: Counters::new(&registry, &table::CONNECTION_FAILURES)?,
            handshake_failures: Counters::new(&registry, &table::HANDSHAKE_FAILURES)?,
            certificate_failures: Counters::new(&registry, &table::CERTIFICATE_FAILURES)?,
            certificate_rotations: CountersOfTwo::new(&registry, &table::CERTIFICATE_ROTATIONS)?,
            certificate_heals: Counters::new(&registry, &table::CERTIFICATE_HEALS)?,
            certificate_write_failures: Counters::new(&registry, &table::CERTIFICATE_WRITE_FAILURES)?,
            policy_loads: CountersOfTwo::new(&registry, &table::POLICY_LOADS)?,
            policies: Gauges::new(&registry, &table::POLICIES)?,
            policies_refused: Gauges::new(&registry, &table::POLICIES_REFUSED)?,
            profile_loads: CountersOfTwo::new(&registry, &table::PROFILE_LOADS)?,
            profiles: Gauges::new(&registry, &table::PROFILES)?,
            profiles_refused: Gauges::new(&registry, &table::PROFILES_REFUSED)?,
            postures: counters(&registry, &table::POSTURES)?,
            backstop: Gauges::new(&registry, &table::BACKSTOP)?,
            access_reviews: Counters::new(&registry, &table::ACCESS_REVIEWS)?,
            access_review_duration: histograms(&registry, &table::ACCESS_REVIEW_DURATION)?,
            owner_waits: Counters::new(&registry, &table::OWNER_WAITS)?,
            told: Counters::new(&registry, &table::EVENTS)?,
            watch_synced: Gauges::new(&registry, &table::WATCH_SYNCED)?,
            watch_objects: Gauges::new(&registry, &table::WATCH_OBJECTS)?,
            watch_errors: Counters::new(&registry, &table::WATCH_ERRORS)?,
            watch_changes: Gauges::new(&registry, &table::WATCH_CHANGES)?,
            guard_failures: CountersOfTwo::new(&registry, &table::GUARD_FAILURES)?,
            guard_outcomes: Counters::new(&registry, &table::GUARD_OUTCOMES)?,
            guard_circuits: Gauges::new(&registry, &table::GUARD_CIRCUITS)?,
            cluster_contact: gauge(&registry, &table::CLUSTER_CONTACT)?,
            panics: counter(&registry, &table::PANICS)?,
            exempted_pods: gauges(&registry, &table::EXEMPTED_PODS)?,
            registry,
        })
    }

    /// Counts an answer, and what each rule did; nothing of a dry run, which has no side effects.
    pub fn record(
        &self,
        endpoint: Endpoint,
        record: &Record,
        took: Duration,
        request: usize,
        response: usize,
    ) {
        if record.dry_run {
            return;
        }
        let outcome = endpoint.index() * Outcome::ALL.len() + record.outcome as usize;
        self.outcomes.add(std::iter::once((outcome, 1)));
        let object = record.reviewed as usize * Outcome::ALL.len() + record.outcome as usize;
        self.objects.add(std::iter::once((object, 1)));
        if record.remembered {
            self.remembered.inc();
        }
        if let Some(namespaces) = &self.namespaces {
            namespaces.count(&record.namespace, record.outcome);
        }
        observe(&self.durations, endpoint.index(), took);
        self.bytes.add([request as u64, response as u64].into_iter().enumerate());
        for result in RuleResult::ALL {
            let index = |rule: RuleId| rule as usize * RuleResult::ALL.len() + result as usize;
            self.rule_results.add(record.results.of(result).iter().map(|rule| (index(rule), 1)));
        }
        record.posture.iter().for_each(|posture| count(&self.postures, *posture as usize));
        record.exempted.iter().for_each(|rule| count(&self.exemptions, rule as usize));
        record.refusals.iter().for_each(|reason| count(&self.refusals, *reason as usize));
        record.remarks.iter().for_each(|reason| count(&self.remarks, *reason as usize));
    }

    /// The API server took so long to say whether somebody may exempt.
    pub fn access_reviewed(&self, took: Duration) {
        observe(&self.access_review_duration, 0, took);
    }

    /// Counts a review that failed inside.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// How many running pods live on an exemption.
    pub fn exempted_pods(&self, counts: &[(RuleId, Left, i64)]) {
        for (rule, left, count) in counts {
            if let Some(gauge) = self.exempted_pods.get(*rule as usize * Left::ALL.len() + *left as usize) {
                gauge.set(*count);
            }
        }
    }

    /// When the serving certificate expires, in seconds since 1970.
    pub fn certificate_expires(&self, seconds: i64) {
        self.certificate_expiry.set(seconds);
    }

    /// When the self-managed authority expires, in seconds since 1970.
    pub fn certificate_authority_expires(&self, seconds: i64) {
        self.authority_expiry.set(seconds);
    }

    /// Whether the self-managed certificate in service is trusted.
    pub fn certificate_trusted(&self, is_trusted: bool) {
        self.certificate_trusted.set(i64::from(is_trusted));
    }

    /// Whether this replica manages the certificates.
    pub fn certificate_leader(&self, leads: bool) {
        self.certificate_leader.set(i64::from(leads));
    }

    /// Whether this replica looks after pods that fail.
    pub fn guard_leader(&self, leads: bool) {
        self.guard_leader.set(i64::from(leads));
    }

    /// What the policies in force are, as a number.
    pub fn policy_fingerprint(&self, fingerprint: u64) {
        // As many bits as Prometheus' numbers keep.
        self.policy_fingerprint.set(i64::try_from(fingerprint >> 12).unwrap_or_default());
    }

    /// The policies in force were replaced now.
    pub fn policy_loaded(&self) {
        self.policy_loaded.set(unix_seconds(SystemTime::now()));
    }

    /// The profiles in force were replaced now.
    pub fn profiles_loaded(&self) {
        self.profile_loaded.set(unix_seconds(SystemTime::now()));
    }

    /// A watch brought something now.
    pub fn watch_brought(&self, kind: WatchKind) {
        let now = unix_seconds(SystemTime::now());
        self.watch_changes.set(kind, usize::try_from(now).unwrap_or_default());
    }

    /// When a watch brought something last, in seconds since 1970; 0: nothing yet.
    #[must_use]
    pub fn watch_last_brought(&self, kind: WatchKind) -> i64 {
        self.watch_changes.get(kind)
    }

    /// The API server answered now.
    pub fn cluster_answered(&self) {
        self.cluster_contact.set(unix_seconds(SystemTime::now()));
    }

    /// How many series there are, with reviews counted by so many namespaces; no traffic changes that.
    #[must_use]
    pub fn promised(namespaces: usize) -> usize {
        let by_namespace = if namespaces == 0 { 0 } else { (namespaces + 1) * Outcome::ALL.len() };
        TABLE.iter().map(Family::series).sum::<usize>() + by_namespace
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// When the registry holds what has no text.
    pub fn render(&self) -> Result<String, MetricsError> {
        self.process.look();
        for spread in [&self.outcomes, &self.objects, &self.rule_results, &self.bytes] {
            spread.gather();
        }
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

//! The loop: serves what is trusted, says so, and as the leader does what is to be done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use time::OffsetDateTime;
use tokio::sync::watch::{Receiver, Sender};

use super::held::{Authority, Held, Leaf, authorities};
use super::known::{Known, Registered, Seen};
use super::make::shown;
use super::pace::Pace;
use super::plan::{Change, Next, Situation, Why, is_better, next};
use super::trust::{Call, is_by};
use super::write::{self, WriteError};
use super::{Lives, Manager, Serve, Status, service_name};
use crate::leader::{Clock, Leads, is_now};
use crate::metrics::{CertificateHeal, CertificateWrite, Label as _, Metrics, Rotated, RotationOutcome};

/// How long to wait after the first failure, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// Looks after the certificates of one replica.
pub(super) struct Tender {
    client: Client,
    namespace: String,
    name: String,
    lives: Lives,
    poll: Duration,
    serve: Serve,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    clock: Arc<Clock>,
    known: Arc<Sender<Known>>,
    changes: Receiver<Known>,
    leads: Leads,
    /// What the Secret held when it was last as it should be.
    good: Option<Held>,
    in_use: Option<Leaf>,
    /// The first authority, and since when every `caBundle` has it.
    settling: Option<(Authority, Instant)>,
    wait: Duration,
    secret_pace: Pace,
    bundle_pace: Pace,
}

impl Tender {
    pub(super) fn new(manager: Manager, known: Arc<Sender<Known>>, clock: Arc<Clock>, leads: Leads) -> Self {
        let Manager { client, namespace, status, metrics, lives, poll, serve, .. } = manager;
        let (name, changes) = (service_name(&namespace), known.subscribe());
        Self {
            client,
            namespace,
            name,
            lives,
            poll,
            serve,
            status,
            metrics,
            clock,
            known,
            changes,
            leads,
            good: None,
            in_use: None,
            settling: None,
            wait: PATIENCE.0,
            secret_pace: Pace::default(),
            bundle_pace: Pace::default(),
        }
    }

    /// For ever.
    pub(super) async fn run(mut self) {
        loop {
            let known = self.changes.borrow_and_update().clone();
            let now = self.clock.now();
            let held = known.secret.here().map(Held::read);
            let calls = known.calls();
            self.choose(held.as_ref(), calls.as_deref(), now);
            self.say(&known, held.as_ref(), calls.as_deref(), now);
            self.settle(held.as_ref(), calls.as_deref());
            let wait = self.act(&known, held, calls.as_deref(), now).await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = self.changes.changed() => {}
                Ok(()) = self.leads.changed() => {}
            }
        }
    }

    /// Serves what the Secret holds, as soon as that is no worse than what is served.
    fn choose(&mut self, held: Option<&Held>, calls: Option<&[Call]>, now: OffsetDateTime) {
        let new = held.and_then(|held| held.leaf.as_ref());
        let new = new.filter(|new| is_better(new, self.in_use.as_ref(), calls, now));
        let Some(leaf) = new.or(self.in_use.as_ref()).cloned() else { return };
        match (self.serve)(&leaf.cert, &leaf.key) {
            Ok(true) => {
                tracing::info!(until = shown(leaf.until), "a certificate was put into service");
                self.in_use = Some(leaf);
            }
            Ok(false) => {}
            Err(error) => {
                let reason = error.reason();
                self.metrics.certificate_failures.count(reason);
                tracing::error!(
                    reason = reason.as_str(),
                    %error,
                    "the certificate cannot be used; the last good one is kept"
                );
            }
        }
    }

    /// Says whether what is served is trusted.
    fn say(&self, known: &Known, held: Option<&Held>, calls: Option<&[Call]>, now: OffsetDateTime) {
        if let Some((signer, _)) = held.and_then(Held::signer) {
            self.metrics.certificate_authority_expires(signer.until.unix_timestamp());
        }
        let missing = known.missing();
        let trouble = match (&self.in_use, calls) {
            _ if !missing.is_empty() => Some(missing.join("; ")),
            (None, _) => Some("no certificate yet".to_owned()),
            (Some(leaf), _) if !leaf.is_valid(now) => {
                Some("the certificate in service is not valid now".to_owned())
            }
            (Some(leaf), calls) => calls.into_iter().flatten().find_map(|call| call.distrust(leaf, now)),
        };
        self.metrics.certificate_trusted(trouble.is_none());
        let webhooks = calls.map_or(0, <[Call]>::len);
        let line = match &self.in_use {
            Some(leaf) if webhooks > 0 => {
                format!("trusted by {webhooks} webhooks until {}", shown(leaf.until))
            }
            _ => "no webhook is registered, so nobody calls".to_owned(),
        };
        let why = trouble.clone();
        match (self.status.say(trouble, line), why) {
            (Some(None), Some(why)) => {
                tracing::warn!(why, "what is served is not trusted any more: not ready")
            }
            (Some(_), Some(why)) => tracing::info!(why, "not ready yet"),
            (Some(_), None) => tracing::info!("what is served is trusted"),
            (None, _) => {}
        }
    }

    /// Notes since when every `caBundle` has the first authority.
    fn settle(&mut self, held: Option<&Held>, calls: Option<&[Call]>) {
        let signer = held.and_then(|held| held.authorities.first());
        let has = |signer: &Authority| calls.is_some_and(|calls| calls.iter().all(|call| call.has(signer)));
        match signer.filter(|signer| has(signer)) {
            None => self.settling = None,
            Some(signer) if self.settling.as_ref().is_some_and(|(settling, _)| settling == signer) => {}
            Some(signer) => self.settling = Some((signer.clone(), Instant::now())),
        }
    }

    /// Does what is to be done; how long to wait then.
    async fn act(
        &mut self,
        known: &Known,
        held: Option<Held>,
        calls: Option<&[Call]>,
        now: OffsetDateTime,
    ) -> Duration {
        let leads = is_now(&self.leads);
        if !leads || !known.secret.is_known() {
            self.good = held.filter(|held| is_good(held, now)).or_else(|| self.good.take());
            return self.poll;
        }
        let settled = match calls {
            Some([]) => Some(Duration::MAX),
            _ => self.settling.as_ref().map(|(_, since)| since.elapsed()),
        };
        let situation = Situation {
            now,
            lives: self.lives,
            name: &self.name,
            secret: held.as_ref(),
            good: self.good.as_ref(),
            calls,
            settled,
        };
        let done = match next(&situation) {
            Next::Write(change) => self.write(known, change, now).await,
            other => {
                // From here on this is what counts.
                self.good = held.filter(|held| is_good(held, now)).or_else(|| self.good.take());
                match other {
                    Next::Trust(bundle) => self.trust(known, &bundle, now).await,
                    _ => Ok(self.poll.min(self.lives.settle()).min(self.lives.certificate / 30)),
                }
            }
        };
        match done {
            Ok(wait) => {
                self.wait = PATIENCE.0;
                wait
            }
            Err(wait) => {
                self.wait = (self.wait * 2).min(PATIENCE.1);
                wait
            }
        }
    }

    async fn write(
        &mut self,
        known: &Known,
        change: Change,
        now: OffsetDateTime,
    ) -> Result<Duration, Duration> {
        if matches!(change.why, Why::Heal(_))
            && let Some(wait) = self.secret_pace.hold(Instant::now())
        {
            return Ok(wait);
        }
        let (why, new_authority, new_leaf) = (change.why, change.key.is_none(), change.leaf.is_none());
        let made = write::made(change, &self.name, self.lives, now).map_err(WriteError::from);
        let written = match made {
            Ok(held) => write::secret(&self.client, &self.namespace, known.secret.here(), &held).await,
            Err(error) => Err(error),
        };
        let outcome = match &written {
            Ok(_) => RotationOutcome::Written,
            Err(WriteError::Conflict) => RotationOutcome::Conflict,
            Err(_) => RotationOutcome::Failed,
        };
        for (what, is_new) in [(Rotated::Authority, new_authority), (Rotated::Certificate, new_leaf)] {
            if is_new {
                self.metrics.certificate_rotations.count(what, outcome);
            }
        }
        match written {
            Ok(secret) => {
                if let Why::Heal(heal) = why {
                    self.metrics.certificate_heals.count(heal);
                }
                tracing::info!(?why, new_authority, new_certificate = new_leaf, "the Secret was written");
                self.known.send_modify(|known| known.secret = Seen::Here(Box::new(secret)));
                Ok(Duration::ZERO)
            }
            Err(error) => Err(self.failed(CertificateWrite::Secret, &error)),
        }
    }

    async fn trust(
        &mut self,
        known: &Known,
        bundle: &[u8],
        now: OffsetDateTime,
    ) -> Result<Duration, Duration> {
        let mut heals = wrong(known.mutating.here(), bundle, now);
        heals.extend(wrong(known.validating.here(), bundle, now));
        if !heals.is_empty()
            && let Some(wait) = self.bundle_pace.hold(Instant::now())
        {
            return Ok(wait);
        }
        let mut done = Ok(Duration::ZERO);
        if let Some(seen) = known.mutating.here().filter(|seen| differs(*seen, bundle)) {
            match write::trust(&self.client, seen, bundle).await {
                Ok(new) => self.known.send_modify(|known| known.mutating = Seen::Here(Box::new(new))),
                Err(error) => done = Err(self.failed(CertificateWrite::Mutating, &error)),
            }
        }
        if let Some(seen) = known.validating.here().filter(|seen| differs(*seen, bundle)) {
            match write::trust(&self.client, seen, bundle).await {
                Ok(new) => self.known.send_modify(|known| known.validating = Seen::Here(Box::new(new))),
                Err(error) => done = Err(self.failed(CertificateWrite::Validating, &error)),
            }
        }
        if done.is_ok() {
            heals.iter().for_each(|heal| self.metrics.certificate_heals.count(*heal));
            let heals: Vec<&str> = heals.iter().map(|heal| heal.as_str()).collect();
            tracing::info!(?heals, "the caBundle of the webhooks was written");
        }
        done
    }

    /// How long to wait.
    fn failed(&self, what: CertificateWrite, error: &WriteError) -> Duration {
        // The watch tells what has changed; it need not be long.
        if matches!(error, WriteError::Conflict) {
            tracing::debug!(what = what.as_str(), "somebody else has written it");
            return PATIENCE.0;
        }
        self.metrics.certificate_write_failures.count(what);
        tracing::error!(what = what.as_str(), %error, "it cannot be written; it is tried again");
        self.wait
    }
}

/// Whether the Secret is as it should be: there is something to go back to.
fn is_good(held: &Held, now: OffsetDateTime) -> bool {
    let is_served = |leaf: &Leaf| held.authorities.iter().any(|authority| is_by(leaf, authority, now));
    held.signer().is_some() && held.leaf.as_ref().is_some_and(is_served)
}

fn differs(seen: &impl Registered, bundle: &[u8]) -> bool {
    seen.calls().iter().any(|call| call.bundle != bundle)
}

/// What was wrong with the `caBundle`s of a configuration: nothing, where they only lack what is new.
fn wrong(seen: Option<&impl Registered>, bundle: &[u8], now: OffsetDateTime) -> Vec<CertificateHeal> {
    let ours = authorities(bundle);
    let calls = seen.map(Registered::calls).unwrap_or_default();
    let heal = |call: &Call| {
        let theirs = authorities(&call.bundle);
        if call.bundle.is_empty() {
            Some(CertificateHeal::BundleMissing)
        } else if theirs.is_empty()
            || theirs.iter().any(|theirs| theirs.until > now && !ours.contains(theirs))
        {
            Some(CertificateHeal::BundleForeign)
        } else {
            None
        }
    };
    calls.iter().filter_map(heal).collect()
}

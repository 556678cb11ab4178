//! Holds the Lease, or waits for it.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{GetParams, PostParams};
use kube::core::Request;
use kube::{Client, Error, Resource as _};
use tokio::sync::watch;

use super::Office;
use super::clock::Clock;
use super::lease::{Act, Election};
use crate::metrics::{CertificateWrite, Metrics};
use crate::sources::report::own_name;

/// Until when this replica leads; `None`: it does not.
pub(crate) type Leads = watch::Receiver<Option<Instant>>;

/// Whether it leads now.
pub(crate) fn is_now(leads: &Leads) -> bool {
    leads.borrow().is_some_and(|until| Instant::now() < until)
}

/// Takes part in the election.
pub(crate) struct Elector {
    office: Office,
    client: Client,
    requests: Request,
    election: Election,
    clock: Arc<Clock>,
    metrics: Arc<Metrics>,
    leads: watch::Sender<Option<Instant>>,
    namespace: String,
    /// As last seen.
    lease: Option<Lease>,
    failing: bool,
}

impl Elector {
    pub(crate) fn new(
        office: Office,
        client: Client,
        namespace: String,
        lasts: Duration,
        clock: Arc<Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        // A container that starts again in its pod is another one.
        let random = std::hash::RandomState::new().build_hasher().finish();
        Self {
            office,
            client,
            requests: Request::new(Lease::url_path(&(), Some(&namespace))),
            election: Election::new(format!("{}_{random:016x}", own_name()), lasts),
            clock,
            metrics,
            leads: watch::channel(None).0,
            namespace,
            lease: None,
            failing: false,
        }
    }

    pub(crate) fn leads(&self) -> Leads {
        self.leads.subscribe()
    }

    /// Until it is told to stop: then the next one may lead at once.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let asked = tokio::time::timeout(self.election.every() * 2, self.look()).await;
            let failed = match asked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("no answer in time".to_owned()),
            };
            self.said(failed);
            tokio::select! {
                () = tokio::time::sleep(spread(self.election.every())) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if self.leads.borrow().is_some() {
            self.publish(None);
            let _ = tokio::time::timeout(Duration::from_secs(2), self.release()).await;
        }
    }

    /// Looks at the Lease once, and does what is to be done.
    async fn look(&mut self) -> Result<(), Error> {
        // Who holds it writes upon what it wrote last: one request, not two.
        if self.election.leads_until().is_none() || self.lease.is_none() {
            self.lease = self.get().await?;
        }
        let spec = self.lease.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        let act = self.election.observe(spec.as_ref(), Instant::now());
        if act == Act::Stand {
            return Ok(());
        }
        match self.hold(act).await {
            // Somebody was quicker, or it is gone: what it is now is looked at next time.
            Err(Error::Api(status)) if matches!(status.code, 404 | 409) => {
                self.lease = None;
                if act != Act::Renew {
                    return Ok(());
                }
                self.lease = self.get().await?;
                let spec = self.lease.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
                match self.election.observe(spec.as_ref(), Instant::now()) {
                    act @ (Act::Create | Act::Renew) => self.hold(act).await,
                    Act::Take | Act::Stand => {
                        self.election.lost();
                        Ok(())
                    }
                }
            }
            other => other,
        }
    }

    /// Writes the Lease; it is held from the moment it was sent.
    async fn hold(&mut self, act: Act) -> Result<(), Error> {
        let sent = Instant::now();
        self.lease = Some(self.write(act).await?);
        self.election.renewed(sent);
        Ok(())
    }

    async fn get(&self) -> Result<Option<Lease>, Error> {
        let request =
            self.requests.get(self.office.lease(), &GetParams::default()).map_err(Error::BuildRequest)?;
        match self.clock.request(&self.client, request).await {
            Ok(lease) => Ok(Some(lease)),
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, act: Act) -> Result<Lease, Error> {
        let mut lease = self.election.held(self.lease.as_ref(), MicroTime(Timestamp::now()));
        let params = PostParams::default();
        let request = if act == Act::Create {
            lease.metadata.resource_version = None;
            lease.metadata.name = Some(self.office.lease().to_owned());
            lease.metadata.namespace = Some(self.namespace.clone());
            let body = serde_json::to_vec(&lease).map_err(Error::SerdeError)?;
            self.requests.create(&params, body)
        } else {
            let body = serde_json::to_vec(&lease).map_err(Error::SerdeError)?;
            self.requests.replace(self.office.lease(), &params, body)
        };
        self.clock.request(&self.client, request.map_err(Error::BuildRequest)?).await
    }

    /// Says whether this replica leads, and why nothing can be known of it.
    fn said(&mut self, failed: Option<String>) {
        let lease = self.office.lease();
        match &failed {
            Some(error) => {
                if self.office == Office::Certificates {
                    self.metrics.certificate_write_failures.count(CertificateWrite::Lease);
                }
                if !self.failing {
                    tracing::warn!(error, "the Lease cannot be held: {lease}");
                }
            }
            None if self.failing => tracing::info!("the Lease can be held again: {lease}"),
            None => {}
        }
        self.failing = failed.is_some();
        let until = self.election.leads_until().filter(|until| Instant::now() < *until);
        self.publish(until);
    }

    fn publish(&mut self, until: Option<Instant>) {
        let before = self.leads.send_replace(until);
        if before.is_some() != until.is_some() {
            self.office.measure(&self.metrics, until.is_some());
            let duty = self.office.duty();
            if until.is_some() {
                tracing::info!("this replica {duty}");
            } else {
                tracing::info!("it is not this replica any more that {duty}");
            }
        }
    }

    async fn release(&mut self) -> Result<(), Error> {
        let Some(mut lease) = self.lease.take() else { return Ok(()) };
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        let body = serde_json::to_vec(&lease).map_err(Error::SerdeError)?;
        let request = self.requests.replace(self.office.lease(), &PostParams::default(), body);
        let request = request.map_err(Error::BuildRequest)?;
        self.clock.request::<Lease>(&self.client, request).await.map(drop)
    }
}

/// A little longer, and not the same for all.
fn spread(every: Duration) -> Duration {
    let random = std::hash::RandomState::new().build_hasher().finish();
    every + every / 5 * u32::try_from(random % 100).unwrap_or_default() / 100
}

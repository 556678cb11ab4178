//! A server: bound, run, and shut down in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::CONNECTION;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use super::admin::Admin;
use super::connection::{self, Patience};
use super::error::ServeError;
use super::listener::accept;
use super::mutate::Webhook;
use super::phase::{Phase, Phases};
use super::respond::with;
use super::stall::Stall;
use super::status_page::StatusPage;
use super::tls::{Beginning, Current, Keeper};
use super::workers::Workers;
use crate::cluster::Cluster;
use crate::guard::run as guard;
use crate::metrics::Metrics;
use crate::policy::{PolicySet, Source, Texts};
use crate::profiles;
use crate::settings::Settings;
use crate::sources::{Sources, files, report};
use crate::telling;
use crate::watch::{self, Watches};

/// So many bytes of a connection are read at once: the longest record of TLS, and a little.
const READ_AT_ONCE: usize = 17 * 1024;
/// Connections to probes, metrics and the status page at once.
const ADMIN_CONNECTIONS: usize = 32;

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every open request was answered.
    Drained,
    /// Some took longer than shutdown could wait.
    Deadline,
    /// A second signal came.
    Aborted,
}

/// A webhook that has its addresses and certificate, and is ready to run.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    webhook: Arc<Webhook>,
    admin: Arc<Admin>,
    metrics: Arc<Metrics>,
    current: Current,
    keeper: Keeper,
    certificate: Option<String>,
    watching: Option<Watching>,
    workers: Arc<Workers>,
    sources: Arc<Sources>,
    listener: Bound,
    admin_listener: Bound,
}

/// What watches the cluster, once the server runs.
struct Watching {
    client: kube::Client,
    once: kube::Client,
    cluster: Arc<Cluster>,
    watches: Arc<Watches>,
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    async fn new(purpose: &'static str, address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Bind { purpose, address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }
}

impl Server {
    /// Loads profiles and the certificate, then binds: who connects is served at once.
    ///
    /// # Errors
    /// When a profile is wrong, there is no usable certificate, it is not known how to reach the cluster, or an
    /// address cannot be listened on.
    pub async fn bind(settings: Settings, policies: PolicySet) -> Result<Self, ServeError> {
        let metrics = Arc::new(Metrics::with_namespaces(settings.metrics_namespaces.0)?);
        let client = watch::connect(&settings).await?;
        let Beginning { current, keeper, certificate } =
            Beginning::new(&settings, client.as_ref(), &metrics)?;
        let cluster = Arc::new(if client.is_some() { Cluster::connected() } else { Cluster::default() });
        let webhook_client = client.clone();
        let once = watch::connect_once(&settings).await?;
        let watching = client.zip(once).map(|(client, once)| Watching {
            client,
            once,
            cluster: Arc::clone(&cluster),
            watches: Watches::new(Arc::clone(&metrics)),
        });
        let watches = watching.as_ref().map(|watching| Arc::clone(&watching.watches));
        let sources = Sources::new(&policies, Arc::clone(&metrics));
        if let Some(path) = &settings.profiles {
            sources.look_at_profiles(Ok(profiles::load(&Texts::read(path)?)?));
        }
        let admin_listener = Bound::new("probes, metrics and the status page", settings.admin).await?;
        let workers = Arc::new(Workers::start(settings.threads()).map_err(ServeError::Runtime)?);
        let listener = Bound::new("the webhook", settings.listen).await?;
        let page = StatusPage::new(&settings, webhook_client.clone(), &sources, &metrics);
        Ok(Self {
            webhook: Arc::new(Webhook::new(
                &settings,
                sources.in_force(),
                cluster,
                webhook_client,
                Arc::clone(&metrics),
                page.as_ref().map(|page| Arc::clone(&page.recent)),
            )),
            admin: Arc::new(Admin {
                ready: AtomicBool::new(false),
                watches,
                certificates: keeper.status(),
                metrics: Arc::clone(&metrics),
                page,
            }),
            settings,
            metrics,
            current,
            keeper,
            certificate,
            watching,
            workers,
            sources,
            listener,
            admin_listener,
        })
    }

    /// Where the webhook listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// Where probes, metrics and the status page are answered.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin_listener.address
    }

    /// Whether there is a status page.
    pub(super) fn shows_page(&self) -> bool {
        self.admin.page.is_some()
    }

    /// The certificate that clients are to trust, PEM, if the server made it itself.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The server's metrics.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Serves until the first message, shuts down in order, and at the second message at once.
    pub async fn run(self, mut signals: mpsc::Receiver<()>) -> Ended {
        let slots = Arc::new(Semaphore::new(self.settings.max_connections.0));
        let (phase, phases) = Phases::new();
        let (admin_phase, admin_phases) = Phases::new();
        let (lag, deadline) = (self.settings.lag(), self.settings.shutdown_deadline.0);
        let admin = Arc::clone(&self.admin);
        let keeping = self.keeper.start(self.settings.certificate_poll.0);
        tokio::spawn(serve_admin(
            self.admin_listener.listener,
            self.admin,
            Arc::clone(&self.metrics),
            self.settings.clone(),
            admin_phases,
        ));
        let following = match Source::find(&self.settings.policy) {
            Ok(Source::Path(path)) => {
                let follow = files::follow(files::Files::Policies, Arc::clone(&self.sources), path);
                Some(tokio::spawn(follow))
            }
            _ => None,
        };
        if let Some(path) = self.settings.profiles.clone() {
            tokio::spawn(files::follow(files::Files::Profiles, Arc::clone(&self.sources), path));
        }
        let mut guarding = None;
        let reporting = self.watching.as_ref().map(|Watching { client, once, cluster, watches }| {
            watch::start(client, cluster, watches, &self.sources);
            let board = admin.page.as_ref().map(|page| Arc::clone(&page.board));
            let teller = telling::start(client, cluster, watches, &self.metrics, board);
            self.webhook.tells(teller.clone());
            guarding = guard::start(guard::Means {
                client: once.clone(),
                cluster: Arc::clone(cluster),
                watches: Arc::clone(watches),
                sources: Arc::clone(&self.sources),
                teller: teller.clone(),
                metrics: Arc::clone(&self.metrics),
            });
            let tell = move |tale| teller.tell(tale);
            tokio::spawn(report::run(client.clone(), Arc::clone(&self.sources), report::own_name(), tell))
        });
        tracing::info!(
            listen = %self.listener.address,
            admin = %self.admin_listener.address,
            policy = self.settings.policy,
            cluster = self.watching.is_some(),
            version = env!("CARGO_PKG_VERSION"),
            "serving"
        );
        let accepting = tokio::spawn(serve_webhook(
            self.listener.listener,
            Arc::clone(&slots),
            Tls { current: self.current, webhook: self.webhook, metrics: self.metrics },
            self.settings.clone(),
            phases,
            Arc::clone(&self.workers),
        ));
        admin.ready.store(true, Ordering::Relaxed);

        next(&mut signals).await;
        tracing::info!("shutting down: not ready any more");
        admin.ready.store(false, Ordering::Relaxed);
        phase.send_replace(Phase::Leaving);
        let leaving = async {
            if let Some(guarding) = guarding {
                guarding.leave().await;
            }
            if let (Some(reporting), Some(Watching { client, .. })) = (&reporting, &self.watching) {
                reporting.abort();
                report::leave(client.clone(), Arc::clone(&self.sources), report::own_name()).await;
            }
        };
        let orderly = async {
            tokio::join!(sleep(lag), leaving, keeping.leave());
            tracing::info!("shutting down: no more connections");
            phase.send_replace(Phase::Draining);
            // It ends with the phase, and closes its socket.
            let _ = accepting.await;
            drained(&slots, self.settings.max_connections.0).await;
        };
        let ended = tokio::select! {
            () = next(&mut signals) => Ended::Aborted,
            ended = tokio::time::timeout(lag + deadline, orderly) => {
                if ended.is_ok() { Ended::Drained } else { Ended::Deadline }
            }
        };
        phase.send_replace(Phase::Stopping);
        admin_phase.send_replace(Phase::Stopping);
        if let Some(following) = following {
            following.abort();
        }
        tracing::info!(?ended, "stopped");
        ended
    }
}

/// The next message; never, once nobody can send one.
async fn next(signals: &mut mpsc::Receiver<()>) {
    if signals.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Waits until every connection has given its slot back.
async fn drained(slots: &Semaphore, all: usize) {
    let all = u32::try_from(all).unwrap_or(u32::MAX);
    // The semaphore is never closed.
    let _ = slots.acquire_many(all).await;
}

/// What a connection to the webhook needs.
#[derive(Debug, Clone)]
struct Tls {
    current: Current,
    webhook: Arc<Webhook>,
    metrics: Arc<Metrics>,
}

async fn serve_webhook(
    listener: TcpListener,
    slots: Arc<Semaphore>,
    tls: Tls,
    settings: Settings,
    phases: Phases,
    workers: Arc<Workers>,
) {
    let patience =
        Patience { first_request: settings.first_request_timeout.0, idle: settings.idle_timeout.0 };
    let (handshake, write) = (settings.handshake_timeout.0, settings.write_timeout.0);
    let metrics = Arc::clone(&tls.metrics);
    let serve = |stream: TcpStream| {
        let (tls, phases) = (tls.clone(), phases.clone());
        async move {
            let _open = tls.metrics.connections.enter();
            // TLS by itself reads four kilobytes at a time: a review would take several calls to the kernel.
            let stream = BufReader::with_capacity(READ_AT_ONCE, Stall::new(stream, write));
            let stream = match connection::handshake(stream, tls.current.load_full(), handshake).await {
                Ok(stream) => stream,
                Err(failure) => return tls.metrics.handshake_failures.count(failure),
            };
            let leaving = phases.clone();
            let answer = async |request| {
                let answered = tls.webhook.answer(request).await;
                // Who comes back goes elsewhere: an idle connection that is closed may have a request on its way.
                if leaving.has_come(Phase::Leaving) { with(answered, CONNECTION, "close") } else { answered }
            };
            if let Err(failure) = connection::serve(stream, patience, phases, answer).await {
                tls.metrics.connection_failures.count(failure);
            }
        }
    };
    accept(listener, slots, phases.clone(), Some(&workers), &metrics.connection_failures, serve).await;
}

async fn serve_admin(
    listener: TcpListener,
    admin: Arc<Admin>,
    metrics: Arc<Metrics>,
    settings: Settings,
    phases: Phases,
) {
    let patience =
        Patience { first_request: settings.first_request_timeout.0, idle: settings.idle_timeout.0 };
    let write = settings.write_timeout.0;
    let slots = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let serve = |stream: TcpStream| {
        let (admin, phases) = (Arc::clone(&admin), phases.clone());
        async move {
            let peer = stream.peer_addr().ok();
            let admin = &admin;
            let answer = async |request| admin.answer(&request, peer).await;
            // Of no concern: who scrapes sees it.
            let _ = connection::serve(Stall::new(stream, write), patience, phases, answer).await;
        }
    };
    accept(listener, slots, phases.clone(), None, &metrics.connection_failures, serve).await;
}

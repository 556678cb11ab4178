//! A webhook that fails, in the place of ours: the registrations point at it for a while.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::cluster::{ADMIN, until};
use crate::fixture::Fixture;
use crate::{installation, machine, replicas, tls};

/// What it does with a request.
#[derive(Clone)]
enum Way {
    Nothing,
    Garbage,
    /// What the replica there answers, after a while.
    Late(Arc<tls::Peer>),
    Misfit,
    Denial,
}

pub(super) async fn nothing(fixture: Arc<Fixture>) -> Instant {
    divert(&fixture, 3, |_| Way::Nothing).await
}

pub(super) async fn garbage(fixture: Arc<Fixture>) -> Instant {
    divert(&fixture, 3, |_| Way::Garbage).await
}

pub(super) async fn slow(fixture: Arc<Fixture>) -> Instant {
    divert(&fixture, 3, |peer| Way::Late(Arc::new(peer))).await
}

pub(super) async fn misfit(fixture: Arc<Fixture>) -> Instant {
    divert(&fixture, 2, |_| Way::Misfit).await
}

pub(super) async fn denial(fixture: Arc<Fixture>) -> Instant {
    divert(&fixture, 2, |_| Way::Denial).await
}

const LATE: Duration = Duration::from_secs(1);

/// For so long the API server may still call whom a registration named before.
const LAG: Duration = Duration::from_secs(2);

const REGISTRATIONS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// Has the API server call the proxy for some seconds.
async fn divert(fixture: &Fixture, seconds: u64, way: impl FnOnce(tls::Peer) -> Way) -> Instant {
    let addresses = replicas::addresses(fixture).await;
    let trusted = registration(fixture, REGISTRATIONS[0]).await["webhooks"][0]["clientConfig"].take();
    let trusted = BASE64_STANDARD.decode(trusted["caBundle"].as_str().expect("a CA")).expect("base64");
    let peer = tls::Peer::new(&addresses[0], replicas::SERVICE, &trusted);
    let proxy = Proxy::start(fixture, way(peer)).await;
    let mut before = Vec::new();
    for kind in REGISTRATIONS {
        let mut object = registration(fixture, kind).await;
        before.push(object["webhooks"].clone());
        for webhook in object["webhooks"].as_array_mut().expect("webhooks") {
            let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default().to_owned();
            webhook["clientConfig"] = json!({
                "url": format!("https://{}{path}", proxy.address),
                "caBundle": BASE64_STANDARD.encode(fixture.cluster.authority().pem()),
            });
        }
        replace(fixture, kind, &object).await;
    }
    until("the proxy is called", async || proxy.calls.load(Ordering::Relaxed) > 0).await;
    sleep(Duration::from_secs(seconds)).await;
    for (kind, webhooks) in REGISTRATIONS.into_iter().zip(before) {
        let mut object = registration(fixture, kind).await;
        object["webhooks"] = webhooks;
        replace(fixture, kind, &object).await;
    }
    let healed = Instant::now();
    sleep(LAG).await;
    healed
}

fn path(kind: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{kind}/{}", installation::NAMESPACE)
}

async fn registration(fixture: &Fixture, kind: &str) -> Value {
    fixture.cluster.api(ADMIN).get(&path(kind)).await.expect("a registration").object
}

async fn replace(fixture: &Fixture, kind: &str, object: &Value) {
    fixture.cluster.api(ADMIN).replace(&path(kind), object).await.expect("to be replaced");
}

struct Proxy {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    async fn start(fixture: &Fixture, way: Way) -> Self {
        let folder = machine::folder().expect("to be inside");
        let files = fixture.cluster.authority().issue_for("proxy", &[machine::ADDRESS], &folder);
        let acceptor = tls::acceptor(&files);
        let listener = TcpListener::bind((machine::ADDRESS, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            // They end with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(acceptor.clone(), stream, way.clone(), Arc::clone(&counted)));
            }
        });
        Self { address, calls, task: task.abort_handle() }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, way: Way, calls: Arc<AtomicUsize>) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    if matches!(way, Way::Garbage) && calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        // Not even HTTP. That the API server is not there to hear it is fine.
        let _ = stream.write_all(&[0xff; 512]).await;
        return;
    }
    let service = service_fn(|request| {
        calls.fetch_add(1, Ordering::Relaxed);
        let way = way.clone();
        async move { Ok::<_, Infallible>(answer(way, request).await) }
    });
    // Who is not answered goes: that is no failure of the test's.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(way: Way, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path_and_query().map(ToString::to_string).expect("a path");
    // Who gave up has not sent all of it.
    let Ok(body) = request.into_body().collect().await else { return std::future::pending().await };
    let body = body.to_bytes();
    let body = match way {
        Way::Nothing => std::future::pending().await,
        // A review, but of what?
        Way::Garbage => {
            Bytes::from_static(br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","resp"#)
        }
        Way::Late(peer) => {
            sleep(LATE).await;
            peer.post(&path, &body).await.into()
        }
        Way::Misfit if path.starts_with("/mutate") => {
            let patch = json!([{"op": "remove", "path": "/spec/nothing/there"}]).to_string();
            let patch = BASE64_STANDARD.encode(patch);
            review(&body, json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
        }
        Way::Misfit => review(&body, json!({"allowed": true})),
        Way::Denial => review(&body, json!({"allowed": false, "status": {"message": "it is denied"}})),
    };
    Response::new(Full::new(body))
}

/// An answer to a review.
fn review(request: &[u8], mut response: Value) -> Bytes {
    let request: Value = serde_json::from_slice(request).expect("a review");
    response["uid"] = request["request"]["uid"].clone();
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    review.to_string().into()
}

//! Who is trusted, in both directions.

use std::path::Path;

use pod_hardener::policy::Preset;
use pod_hardener::serve::{ServeError, Server};
use pod_hardener::settings::Settings;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::authority::{Authority, Pair};
use crate::client::{Answer, Client, Identity};
use crate::harness::{Running, bytes, review, settings, start};

/// Settings with certificate files in a folder.
pub(crate) fn with_files(folder: &Path) -> Settings {
    Settings { tls_cert: Some(folder.join("tls.crt")), tls_key: Some(folder.join("tls.key")), ..settings() }
}

pub(crate) fn write(folder: &Path, pair: &Pair) {
    std::fs::write(folder.join("tls.crt"), &pair.cert).unwrap();
    std::fs::write(folder.join("tls.key"), &pair.key).unwrap();
}

/// One review, by a client of that identity.
pub(crate) async fn ask(server: &Running, identity: &Identity<'_>) -> std::io::Result<Answer> {
    let mut client = Client::connect_as(server.address, "localhost", identity.config()).await?;
    client.post(&bytes(&review())).await
}

#[tokio::test]
async fn the_certificate_made_on_loopback_is_for_all_its_names() {
    let server = start(settings()).await;
    let pem = server.pem.as_deref().unwrap();
    for name in ["localhost", "127.0.0.1", "::1"] {
        Client::connect_as(server.address, name, Identity::new(pem).config()).await.unwrap();
    }
    let other = Client::connect_as(server.address, "elsewhere", Identity::new(pem).config()).await;
    assert!(other.is_err());
    server.reaches("pod_hardener_tls_handshake_failures_total{reason=\"rejected-by-client\"}", 1).await;
    let expiry = server.value("pod_hardener_certificate_expiry_timestamp_seconds");
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    assert!(expiry > now + 300 * 86_400 && expiry < now + 400 * 86_400, "{expiry}");
}

#[tokio::test]
async fn both_versions_of_tls_and_only_http_1() {
    let server = start(settings()).await;
    let pem = server.pem.as_deref().unwrap();
    for version in [&TLS12, &TLS13] {
        let identity =
            Identity { versions: &[version], protocols: &[b"h2", b"http/1.1"], ..Identity::new(pem) };
        let client = Client::connect_as(server.address, "localhost", identity.config()).await.unwrap();
        assert_eq!(client.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        ask(&server, &identity).await.unwrap().response();
    }
    let identity = Identity { protocols: &[b"h2"], ..Identity::new(pem) };
    assert!(Client::connect_as(server.address, "localhost", identity.config()).await.is_err());
}

#[tokio::test]
async fn sessions_are_resumed() {
    let server = start(settings()).await;
    for version in [&TLS12, &TLS13] {
        let identity = Identity { versions: &[version], ..Identity::new(server.pem.as_deref().unwrap()) };
        let config = identity.config();
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut client = Client::connect_as(server.address, "localhost", config.clone()).await.unwrap();
            // The ticket comes with the first answer.
            client.post(&bytes(&review())).await.unwrap().response();
            kinds.push(client.stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    }
}

#[tokio::test]
async fn a_client_ca_lets_only_its_clients_in() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs, stranger) =
        (Authority::new("ours"), Authority::new("theirs"), Authority::new("stranger"));
    write(folder.path(), &ours.pair("localhost"));
    std::fs::write(folder.path().join("ca.crt"), &theirs.pem).unwrap();
    let settings = Settings { client_ca: Some(folder.path().join("ca.crt")), ..with_files(folder.path()) };
    let server = start(settings).await;
    let known = theirs.pair("kube-apiserver");
    let identity = Identity { own: Some((&known.cert, &known.key)), ..Identity::new(&ours.pem) };
    ask(&server, &identity).await.unwrap().response();
    assert!(ask(&server, &Identity::new(&ours.pem)).await.is_err());
    server.reaches("pod_hardener_tls_handshake_failures_total{reason=\"no-certificate\"}", 1).await;
    let unknown = stranger.pair("kube-apiserver");
    let identity = Identity { own: Some((&unknown.cert, &unknown.key)), ..Identity::new(&ours.pem) };
    assert!(ask(&server, &identity).await.is_err());
    server.reaches("pod_hardener_tls_handshake_failures_total{reason=\"bad-certificate\"}", 1).await;
    assert_eq!(
        server.value("pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"patched\"}"),
        1
    );
}

async fn refused(settings: Settings) -> ServeError {
    Server::bind(settings, Preset::Restricted.into()).await.unwrap_err()
}

#[tokio::test]
async fn nothing_is_bound_without_a_usable_certificate() {
    let everywhere = Settings { listen: ([0, 0, 0, 0], 0).into(), ..settings() };
    let error = refused(everywhere).await;
    assert!(matches!(error, ServeError::NoCertificate(_)), "{error}");
    assert!(error.to_string().contains("--tls-cert"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = refused(with_files(folder.path())).await;
    assert!(error.to_string().contains("tls.crt"), "{error}");
    let authority = Authority::new("ours");
    let mixed = Pair { key: authority.pair("localhost").key, ..authority.pair("localhost") };
    write(folder.path(), &mixed);
    let error = refused(with_files(folder.path())).await;
    assert!(matches!(error, ServeError::Certificate(_)), "{error}");
    assert!(error.to_string().contains("does not belong"), "{error}");
}

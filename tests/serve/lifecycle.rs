//! From start to shutdown.

use std::net::SocketAddr;

use pod_hardener::policy::Preset;
use pod_hardener::serve::{Ended, ServeError, Server};
use pod_hardener::settings::Settings;
use tokio::net::TcpStream;

use crate::client::{head, plain};
use crate::harness::{bytes, milliseconds, review, settings, start, within};

const IN_FLIGHT: &str = "pod_hardener_requests_in_flight";

/// Waits until nobody listens there any more.
async fn refuses(address: SocketAddr) {
    within(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}

#[tokio::test]
async fn many_requests_on_one_connection() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    let body = bytes(&review());
    for _ in 0..200 {
        client.post(&body).await.unwrap().response();
    }
    assert_eq!(server.value("pod_hardener_connections"), 1);
    assert_eq!(
        server.value("pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"patched\"}"),
        200
    );
    assert_eq!(server.value("pod_hardener_request_bytes_total"), 200 * i64::try_from(body.len()).unwrap());
    assert_eq!(server.value("pod_hardener_admission_duration_seconds_count{endpoint=\"mutate\"}"), 200);
}

#[tokio::test]
async fn the_admin_listener_has_probes_and_metrics_only() {
    let server = start(settings()).await;
    server.lives().await;
    assert_eq!(plain(server.admin, "GET", "/livez").await.status, 200);
    assert_eq!(plain(server.admin, "GET", "/readyz").await.status, 200);
    let metrics = plain(server.admin, "GET", "/metrics").await;
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
    let line = "pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"patched\"} 1";
    assert!(metrics.text().lines().any(|shown| shown == line), "{}", metrics.text());
    assert_eq!(plain(server.admin, "GET", "/mutate").await.status, 404);
    assert_eq!(plain(server.admin, "POST", "/livez").await.status, 405);
}

#[tokio::test]
async fn shutdown_withdraws_readiness_before_it_stops_accepting() {
    let server = start(Settings { shutdown_lag: Some(milliseconds(60_000)), ..settings() }).await;
    server.lives().await;
    server.signals.send(()).await.unwrap();
    within(async { while plain(server.admin, "GET", "/readyz").await.status != 503 {} }).await;
    assert_eq!(plain(server.admin, "GET", "/livez").await.status, 200);
    server.lives().await;
    // The second message ends the waiting.
    assert_eq!(server.stop().await, Ended::Aborted);
}

/// A connection that is only closed when draining begins may be closed while a request is on its way.
#[tokio::test]
async fn shutdown_ends_connections_with_their_next_answer() {
    let server = start(Settings { shutdown_lag: Some(milliseconds(60_000)), ..settings() }).await;
    let body = bytes(&review());
    let mut client = server.client().await;
    assert_eq!(client.post(&body).await.unwrap().header("connection"), None);
    server.signals.send(()).await.unwrap();
    within(async { while plain(server.admin, "GET", "/readyz").await.status != 503 {} }).await;
    let answer = client.post(&body).await.unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    answer.response();
    client.ended().await;
    server.lives().await;
    assert_eq!(server.stop().await, Ended::Aborted);
}

#[tokio::test]
async fn shutdown_lets_a_request_in_flight_finish() {
    let server = start(settings()).await;
    let body = bytes(&review());
    let mut client = server.client().await;
    client.send(head(body.len())).await.unwrap();
    client.send(&body[..20]).await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    server.signals.send(()).await.unwrap();
    refuses(server.address).await;
    assert!(!server.task.is_finished());
    client.send(&body[20..]).await.unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    answer.response();
    client.ended().await;
    assert_eq!(within(server.task).await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_idle_connections() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    client.post(&bytes(&review())).await.unwrap().response();
    let address = server.address;
    assert_eq!(server.stop().await, Ended::Drained);
    client.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_ends_at_its_deadline() {
    let server = start(Settings { shutdown_deadline: milliseconds(50), ..settings() }).await;
    let mut client = server.client().await;
    client.send(head(100)).await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    assert_eq!(server.stop().await, Ended::Deadline);
    client.ended().await;
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let server = start(settings()).await;
    let taken = Settings { listen: server.address, ..settings() };
    let error = Server::bind(taken, Preset::Restricted.into()).await.unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }), "{error}");
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
    assert_eq!(error.reason(), "bind");
}

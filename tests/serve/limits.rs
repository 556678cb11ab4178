//! Every wait ends, every amount is bounded, and the server lives.

use pod_hardener::settings::{Count, Settings};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{Client, ended, head};
use crate::harness::{Running, bytes, milliseconds, review, settings, start, within};

const OPEN: &str = "pod_hardener_connections";
const IN_FLIGHT: &str = "pod_hardener_requests_in_flight";

async fn small() -> Running {
    start(Settings { max_body_bytes: Count(2000), ..settings() }).await
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_not_received() {
    let server = small().await;
    let mut client = server.client().await;
    client.send(head(2001)).await.unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("2000"), "{}", answer.text());
    client.ended().await;
    server.reaches(OPEN, 0).await;
    assert_eq!(server.rejected("too-large"), 1);
    server.lives().await;
}

#[tokio::test]
async fn a_body_that_grows_too_long_is_not_received_further() {
    let server = small().await;
    let mut client = server.client().await;
    client
        .send("POST /mutate HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let piece = format!("3e8\r\n{}\r\n", " ".repeat(1000));
    for _ in 0..3 {
        client.send(&piece).await.unwrap();
    }
    assert_eq!(client.answer().await.unwrap().status, 413);
    client.ended().await;
    server.reaches(OPEN, 0).await;
    server.lives().await;
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_received() {
    let server = small().await;
    let mut body = bytes(&review());
    body.resize(2000, b' ');
    server.client().await.post(&body).await.unwrap().response();
}

#[tokio::test]
async fn the_default_limit_is_far_above_a_pod() {
    let server = start(settings()).await;
    let mut body = bytes(&review());
    body.resize(3 * 1024 * 1024, b' ');
    server.client().await.post(&body).await.unwrap().response();
}

#[tokio::test]
async fn who_connects_and_is_silent_is_cut_off() {
    let server = start(Settings { handshake_timeout: milliseconds(50), ..settings() }).await;
    let mut tcp = within(TcpStream::connect(server.address)).await.unwrap();
    ended(&mut tcp).await;
    server.reaches("pod_hardener_tls_handshake_failures_total{reason=\"timeout\"}", 1).await;
    server.reaches(OPEN, 0).await;
}

#[tokio::test]
async fn who_speaks_no_tls_is_cut_off() {
    let server = start(settings()).await;
    let mut tcp = within(TcpStream::connect(server.address)).await.unwrap();
    tcp.write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    ended(&mut tcp).await;
    server.reaches("pod_hardener_tls_handshake_failures_total{reason=\"protocol\"}", 1).await;
    server.lives().await;
}

#[tokio::test]
async fn who_never_finishes_the_first_header_is_cut_off() {
    let server = start(Settings { first_request_timeout: milliseconds(50), ..settings() }).await;
    let mut client = server.client().await;
    client.send("POST /mutate HTTP/1.1\r\nHost: ").await.unwrap();
    client.ended().await;
    server.reaches("pod_hardener_connection_failures_total{reason=\"header-timeout\"}", 1).await;
    server.reaches(OPEN, 0).await;
}

#[tokio::test]
async fn who_asked_once_may_be_silent_for_longer_but_not_for_ever() {
    let quick = Settings { first_request_timeout: milliseconds(50), ..settings() };
    let server = start(quick.clone()).await;
    let mut client = server.client().await;
    client.post(&bytes(&review())).await.unwrap().response();
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    client.post(&bytes(&review())).await.unwrap().response();
    let server = start(Settings { idle_timeout: milliseconds(100), ..quick }).await;
    let mut client = server.client().await;
    client.post(&bytes(&review())).await.unwrap().response();
    client.ended().await;
    server.reaches(OPEN, 0).await;
}

#[tokio::test]
async fn a_slow_body_is_a_408() {
    let server = start(Settings { body_timeout: milliseconds(50), ..settings() }).await;
    let mut client = server.client().await;
    client.send(head(100)).await.unwrap();
    client.send("{\"kind\":").await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 408);
    client.ended().await;
    server.reaches(OPEN, 0).await;
    assert_eq!(server.rejected("body-timeout"), 1);
}

#[tokio::test]
async fn who_goes_in_the_middle_of_a_body_is_forgotten() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    client.send(head(100)).await.unwrap();
    client.send("{\"kind\":").await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    drop(client);
    server.reaches(IN_FLIGHT, 0).await;
    server.reaches(OPEN, 0).await;
    server.lives().await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_counted() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    client.send(head(100)).await.unwrap();
    client.send("{\"kind\":").await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    within(client.stream.shutdown()).await.unwrap();
    server.reaches("pod_hardener_requests_rejected_total{reason=\"truncated\"}", 1).await;
    server.reaches(OPEN, 0).await;
}

#[tokio::test]
async fn what_is_no_http_is_a_400_and_ends() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    client.send("\u{1}\u{2} nonsense\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 400);
    client.ended().await;
    server.reaches("pod_hardener_connection_failures_total{reason=\"protocol\"}", 1).await;
}

#[tokio::test]
async fn a_header_without_end_is_a_431() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    client.send("POST /mutate HTTP/1.1\r\nHost: h\r\n".to_owned() + &line.repeat(40)).await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 431);
    client.ended().await;
    server.lives().await;
}

#[tokio::test]
async fn more_reviews_than_allowed_are_told_to_come_back() {
    let server = start(Settings { max_requests: Count(1), ..settings() }).await;
    let body = bytes(&review());
    let mut first = server.client().await;
    first.send(head(body.len())).await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    let mut second = server.client().await;
    let refused = second.post(&body).await.unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.rejected("overload"), 1);
    // Whatever was sent is taken: the connection can be used again.
    assert_eq!(second.post(&long(1_000_000)).await.unwrap().status, 429);
    first.send(&body).await.unwrap();
    first.answer().await.unwrap().response();
    server.reaches(IN_FLIGHT, 0).await;
    second.post(&body).await.unwrap().response();
    server.lives().await;
}

/// A review of so many bytes.
fn long(length: usize) -> Vec<u8> {
    let mut body = bytes(&review());
    body.resize(length, b' ');
    body
}

#[tokio::test]
async fn long_bodies_share_what_room_there_is() {
    let (most, length) = (Count(200_000), 150_000);
    let server = start(Settings { max_body_bytes: most, max_bodies_bytes: most, ..settings() }).await;
    let body = long(length);
    let mut first = server.client().await;
    first.send(head(length)).await.unwrap();
    first.send(&body[..length / 2]).await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    let mut second = server.client().await;
    let refused = second.post(&body).await.unwrap();
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.rejected("memory"), 1);
    // An ordinary one is answered meanwhile, on the same connection.
    second.post(&bytes(&review())).await.unwrap().response();
    first.send(&body[length / 2..]).await.unwrap();
    first.answer().await.unwrap().response();
    server.reaches(IN_FLIGHT, 0).await;
    second.post(&body).await.unwrap().response();
}

#[tokio::test]
async fn a_body_that_does_not_say_how_long_it_is_counts_as_the_longest() {
    let most = Count(200_000);
    let server = start(Settings { max_body_bytes: most, max_bodies_bytes: most, ..settings() }).await;
    let mut first = server.client().await;
    first.send(head(100_000)).await.unwrap();
    server.reaches(IN_FLIGHT, 1).await;
    let chunked = "POST /mutate HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut second = server.client().await;
    second.send(chunked.to_owned() + "2\r\n{}\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(second.answer().await.unwrap().status, 429);
    first.send(long(100_000)).await.unwrap();
    first.answer().await.unwrap().response();
    server.reaches(IN_FLIGHT, 0).await;
    second.send(chunked.to_owned() + "2\r\n{}\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(second.answer().await.unwrap().status, 400);
}

#[tokio::test]
async fn many_connections_with_long_bodies_get_no_more_than_the_room() {
    // More than may be reviewed at once: those that are shed take no place from ordinary ones.
    let (length, at_once) = (2 * 1024 * 1024, 40);
    let server = start(Settings { max_requests: Count(8), ..settings() }).await;
    let body = long(length);
    let mut clients = Vec::new();
    for _ in 0..at_once {
        let mut client = server.client().await;
        client.send(head(length)).await.unwrap();
        client.send(&body[..length / 2]).await.unwrap();
        clients.push(client);
    }
    // As many as fit into 8 MiB.
    server.reaches(IN_FLIGHT, 4).await;
    server.lives().await;
    let mut answered = [0, 0];
    for client in &mut clients {
        client.send(&body[length / 2..]).await.unwrap();
        match client.answer().await.unwrap().status {
            200 => answered[0] += 1,
            429 => answered[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(answered, [4, at_once - 4]);
    assert_eq!(server.rejected("memory"), at_once - 4);
    server.lives().await;
}

#[tokio::test]
async fn a_slow_long_body_gives_its_room_back() {
    let most = Count(200_000);
    let server = start(Settings {
        max_body_bytes: most,
        max_bodies_bytes: most,
        body_timeout: milliseconds(50),
        ..settings()
    })
    .await;
    let mut slow = server.client().await;
    slow.send(head(most.0)).await.unwrap();
    slow.send("{").await.unwrap();
    assert_eq!(slow.answer().await.unwrap().status, 408);
    server.client().await.post(&long(most.0)).await.unwrap().response();
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let server = start(Settings { max_connections: Count(1), ..settings() }).await;
    let mut first = server.client().await;
    first.post(&bytes(&review())).await.unwrap().response();
    let pem = server.pem.as_deref().unwrap();
    assert!(Client::connect(server.address, pem).await.is_err());
    assert_eq!(server.value("pod_hardener_connection_failures_total{reason=\"limit\"}"), 1);
    first.post(&bytes(&review())).await.unwrap().response();
    drop(first);
    server.reaches(OPEN, 0).await;
    within(async { while Client::connect(server.address, pem).await.is_err() {} }).await;
}

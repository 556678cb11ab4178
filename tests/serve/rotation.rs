//! Certificates that change while the server runs.

use std::os::unix::fs::symlink;
use std::path::Path;

use pod_hardener::settings::Settings;
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::authority::{Authority, Pair};
use crate::certificates::{ask, with_files, write};
use crate::client::{Client, Identity};
use crate::harness::{Running, bytes, milliseconds, review, start, within};

/// A change as the kubelet makes it: a new folder, and `..data` swapped for a link to it.
fn project(volume: &Path, version: &str, pair: &Pair) {
    let data = volume.join(version);
    std::fs::create_dir(&data).unwrap();
    write(&data, pair);
    let (link, fresh) = (volume.join("..data"), volume.join("..data_tmp"));
    symlink(version, &fresh).unwrap();
    let old = std::fs::read_link(&link).ok();
    std::fs::rename(&fresh, &link).unwrap();
    match old {
        Some(old) => std::fs::remove_dir_all(volume.join(old)).unwrap(),
        None => {
            for name in ["tls.crt", "tls.key"] {
                symlink(Path::new("..data").join(name), volume.join(name)).unwrap();
            }
        }
    }
}

fn quickly(settings: Settings) -> Settings {
    Settings { certificate_poll: milliseconds(20), ..settings }
}

fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap().to_vec()
}

async fn shown(server: &Running, roots: &str) -> Vec<u8> {
    Client::connect(server.address, roots).await.unwrap().peer()
}

async fn shows(server: &Running, roots: &str, pair: &Pair) {
    let expected = der(pair);
    within(async {
        while shown(server, roots).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

fn failures(reason: &str) -> String {
    format!("pod_hardener_certificate_reload_failures_total{{reason=\"{reason}\"}}")
}

async fn fails(server: &Running, reason: &str) {
    within(async {
        while server.value(&failures(reason)) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_swap_by_the_kubelet_is_noticed() {
    let volume = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let first = authority.pair("localhost");
    project(volume.path(), "..2026_1", &first);
    let server = start(quickly(with_files(volume.path()))).await;
    let mut old = Client::connect(server.address, &authority.pem).await.unwrap();
    assert_eq!(old.peer(), der(&first));
    for version in ["..2026_2", "..2026_3", "..2026_4"] {
        let days = i64::try_from(version.len()).unwrap() + 40;
        let expires = OffsetDateTime::now_utc() + Duration::days(days);
        let pair = authority.pair_until("localhost", expires);
        project(volume.path(), version, &pair);
        shows(&server, &authority.pem, &pair).await;
        let shown = server.value("pod_hardener_certificate_expiry_timestamp_seconds");
        assert_eq!(shown, expires.unix_timestamp());
    }
    // Who is connected stays so.
    old.post(&bytes(&review())).await.unwrap().response();
}

#[tokio::test]
async fn the_last_good_pair_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let (first, second) = (authority.pair("localhost"), authority.pair("localhost"));
    write(folder.path(), &first);
    let server = start(quickly(with_files(folder.path()))).await;
    write(folder.path(), &Pair { cert: second.cert.clone(), key: first.key.clone() });
    fails(&server, "mismatch").await;
    assert_eq!(shown(&server, &authority.pem).await, der(&first));
    write(folder.path(), &Pair { cert: "none".to_owned(), key: first.key.clone() });
    fails(&server, "certificate").await;
    write(folder.path(), &Pair { cert: second.cert.clone(), key: "none".to_owned() });
    fails(&server, "key").await;
    std::fs::remove_file(folder.path().join("tls.crt")).unwrap();
    fails(&server, "read").await;
    let expired = authority.pair_until("localhost", OffsetDateTime::now_utc() - Duration::days(1));
    write(folder.path(), &expired);
    fails(&server, "expired").await;
    let begins = OffsetDateTime::now_utc() + Duration::days(1);
    write(folder.path(), &authority.pair_between("localhost", begins, begins + Duration::days(1)));
    fails(&server, "not-yet-valid").await;
    assert_eq!(shown(&server, &authority.pem).await, der(&first));
    write(folder.path(), &second);
    shows(&server, &authority.pem, &second).await;
}

#[tokio::test]
async fn the_client_ca_is_replaced_too_and_no_session_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    let (ours, before, after) = (Authority::new("ours"), Authority::new("before"), Authority::new("after"));
    write(folder.path(), &ours.pair("localhost"));
    std::fs::write(&ca, &before.pem).unwrap();
    let settings = Settings { client_ca: Some(ca.clone()), ..with_files(folder.path()) };
    let server = start(quickly(settings)).await;
    let (old, new) = (before.pair("client"), after.pair("client"));
    let old = Identity { own: Some((&old.cert, &old.key)), ..Identity::new(&ours.pem) };
    let new = Identity { own: Some((&new.cert, &new.key)), ..Identity::new(&ours.pem) };
    let config = old.config();
    let mut client = Client::connect_as(server.address, "localhost", config.clone()).await.unwrap();
    client.post(&bytes(&review())).await.unwrap().response();
    assert!(ask(&server, &new).await.is_err());
    std::fs::write(&ca, &after.pem).unwrap();
    within(async { while ask(&server, &new).await.is_err() {} }).await;
    // With the ticket from before.
    let refused = async {
        let mut client = Client::connect_as(server.address, "localhost", config).await?;
        client.post(&bytes(&review())).await
    };
    assert!(refused.await.is_err());
}

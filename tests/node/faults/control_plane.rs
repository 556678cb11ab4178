//! The control plane fails: then nobody creates pods, and afterwards all is as before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use super::processes;
use crate::fixture::Fixture;

pub(super) async fn restart_api_server(fixture: Arc<Fixture>) -> Instant {
    fixture.cluster.stop_api_server();
    fixture.cluster.start_api_server().await;
    Instant::now()
}

pub(super) async fn pause_etcd(fixture: Arc<Fixture>) -> Instant {
    let etcd = fixture.cluster.process("etcd");
    etcd.signal(Signal::STOP);
    sleep(Duration::from_secs(3)).await;
    etcd.signal(Signal::CONT);
    Instant::now()
}

/// The replicas start while there is no API server: they wait for it.
pub(super) async fn restart_all(fixture: Arc<Fixture>) -> Instant {
    fixture.cluster.stop_api_server();
    processes::kill(2);
    sleep(Duration::from_secs(3)).await;
    fixture.cluster.start_api_server().await;
    Instant::now()
}

//! Our own processes are killed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Fixture;
use crate::replicas;

pub(super) async fn kill_one(_: Arc<Fixture>) -> Instant {
    kill(1)
}

pub(super) async fn kill_both(_: Arc<Fixture>) -> Instant {
    kill(2)
}

/// Kills so many replicas. Kubelet starts them again.
pub(super) fn kill(count: usize) -> Instant {
    let replicas = replicas();
    assert_eq!(replicas.len(), replicas::COUNT, "{replicas:?}");
    for replica in &replicas[..count] {
        kill_process(*replica, Signal::KILL).expect("a process");
    }
    Instant::now()
}

/// The replica's that is in this pod.
pub(super) fn of(pod: &str) -> Pid {
    let name = format!("HOSTNAME={pod}");
    let is_it = |replica: &Pid| {
        let environment = std::fs::read(format!("/proc/{}/environ", replica.as_raw_nonzero()));
        environment.unwrap_or_default().split(|byte| *byte == 0).any(|line| line == name.as_bytes())
    };
    replicas().into_iter().find(is_it).unwrap_or_else(|| panic!("no process of {pod}"))
}

/// The processes of our containers. All that there are here are the machine's own.
fn replicas() -> Vec<Pid> {
    let is_ours = |process: &PathBuf| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next() == Some(b"/pod-hardener") && words.any(|word| word == b"--listen=0.0.0.0:8443")
    };
    let processes = std::fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path());
    let ours = processes.filter(is_ours);
    let id = |process: PathBuf| process.file_name()?.to_str()?.parse().ok().and_then(Pid::from_raw);
    ours.filter_map(id).collect()
}

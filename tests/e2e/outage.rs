//! Our server is gone, or hangs: with `failurePolicy: Ignore` pods are created all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::fixture::{Fixture, Namespace, OUTAGE_TIMEOUT_SECONDS, Server};
use crate::pods::{self, assert_hardened, assert_untouched};
use crate::{Test, test};

/// A webhook that a second pass may call again costs its timeout twice at most; the rest is for
/// a machine that is slow with everything else.
const BOUND: Duration = Duration::from_secs(2 * OUTAGE_TIMEOUT_SECONDS + 20);

pub(crate) fn tests() -> Vec<Test> {
    vec![test("outage::pods_pass_at_most_the_timeout_late", pods_pass)]
}

async fn pods_pass(fixture: Arc<Fixture>) {
    fixture
        .with_temp_namespace(Server::Outage, &[], async |namespace| {
            assert_hardened(&namespace.admits(&pods::plain("nginx")).await.object);
            let process = fixture.process(Server::Outage);

            process.signal(Signal::STOP);
            let late = passes(namespace).await;
            println!("a server that hangs costs {late:?}");
            process.signal(Signal::CONT);

            process.stop();
            let late = passes(namespace).await;
            println!("a server that is gone costs {late:?}");
        })
        .await;
}

/// How long it takes until the pod is admitted, as it was sent.
async fn passes(namespace: &Namespace) -> Duration {
    let begin = Instant::now();
    let admitted = namespace.admits(&pods::plain("nginx")).await;
    let late = begin.elapsed();
    assert_untouched(&admitted.object);
    assert!(late < BOUND, "a timeout of {OUTAGE_TIMEOUT_SECONDS} s, and {late:?}");
    late
}

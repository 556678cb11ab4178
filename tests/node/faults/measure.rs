//! A fault, and three loads beside it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Fault, Harm, backstop};
use crate::cluster::{ADMIN, ALLOWED, DEVELOPER, REFUSED, until};
use crate::fixture::Fixture;
use crate::installation::is_hardened;
use crate::load::{self, Attempt, Counts, Outcome, Pace};

/// How many pods each load creates at least, if the tests are not told.
const PODS: u32 = 60;

/// A bound for small machines: three loads, and whatever the fault does, are under way at once.
const MOST_PER_SECOND: u32 = 20;

/// Set by `cargo xtask faults`.
const PODS_VARIABLE: &str = "FAULTS_PODS";

/// Where the webhook is not called: what the API server does without us.
const ELSEWHERE: &str = "kube-system";

/// How long a controller may take.
const LONGEST: Duration = Duration::from_secs(120);

/// So many in a row, and all is well.
const STREAK: usize = 10;

/// What became of the three loads.
pub(crate) struct Measured {
    pub(crate) ours: Counts,
    pub(crate) backstopped: Counts,
    pub(crate) without_us: Counts,
    /// From when all could be well again until it was.
    pub(crate) recovery: Duration,
    /// From then until a controller had made all its pods.
    pub(crate) remade: Duration,
}

pub(crate) async fn measure(fixture: &Arc<Fixture>, fault: &Fault) -> Measured {
    let name = fault.name.replace("::", "-").replace('_', "-");
    let ours = fixture.namespace(&name).await.name;
    let guarded = backstop::namespace(fixture, &format!("backstop-{name}")).await;
    until_well(fixture, &ours).await;
    let (over, watched) = watch::channel(false);
    let pace = pace(fault);
    // As users of their own: the API server bounds what one user may have under way. And as tasks: what
    // happens may keep this thread.
    let start = |user: &str, namespace: &str| {
        let api = fixture.cluster.api(user);
        tokio::spawn(load::create(api, namespace.to_owned(), pace, watched.clone()))
    };
    let loads = [start(DEVELOPER, &ours), start(ALLOWED, &guarded), start(REFUSED, ELSEWHERE)];
    sleep(pace.every * (pace.pods / 8)).await;
    let replica_set = backstop::ReplicaSet::create(Arc::clone(fixture), guarded);
    let anew = tokio::spawn(async {
        // The fault has begun by then.
        sleep(Duration::from_millis(500)).await;
        let replica_set = replica_set.await;
        let complete = replica_set.complete().await;
        (replica_set, complete)
    });
    let healed = (fault.run)(Arc::clone(fixture)).await;
    over.send_replace(true);
    let anew = timeout(LONGEST, anew).await.expect("the ReplicaSet has its pods");
    let (anew, complete) = anew.expect("a ReplicaSet");
    let remade = complete.saturating_duration_since(healed);
    let mut attempts = Vec::new();
    for load in loads {
        attempts.push(load.await.expect("a load"));
    }
    let probes = until_well(fixture, &ours).await;
    let bad = attempts[0].iter().chain(&probes).filter(|attempt| attempt.outcome != Outcome::Hardened);
    let last = bad.map(|attempt| attempt.sent).max();
    let recovery = last.map_or(Duration::ZERO, |last| last.saturating_duration_since(healed));
    for pod in anew.pods().await {
        assert!(is_hardened(&pod), "{}", pod["metadata"]);
    }
    anew.delete().await;
    for namespace in [&*ours, &anew.namespace, ELSEWHERE] {
        load::remove(&fixture.cluster.api(ADMIN), namespace).await;
    }
    let [ours, backstopped, without_us] = [0, 1, 2].map(|load| Counts::of(&attempts[load]));
    Measured { ours, backstopped, without_us, recovery, remade }
}

fn pace(fault: &Fault) -> Pace {
    let told = std::env::var(PODS_VARIABLE).ok();
    let pods = told.map_or(PODS, |told| told.parse().expect("a number of pods"));
    let every = Duration::from_secs(fault.seconds.into()) / pods;
    Pace { pods, every: every.max(Duration::from_secs(1) / MOST_PER_SECOND) }
}

/// Asks until every pod is hardened, for a while; what came of it.
async fn until_well(fixture: &Fixture, namespace: &str) -> Vec<Attempt> {
    let api = fixture.cluster.api(ADMIN);
    let mut probes: Vec<Attempt> = Vec::new();
    until("all is well", async || {
        probes.push(load::probe(&api, namespace).await);
        let last = probes.iter().rev().take(STREAK);
        let good = last.filter(|probe| probe.outcome == Outcome::Hardened).count();
        good == STREAK
    })
    .await;
    probes
}

impl Measured {
    /// That no more came of it than may.
    pub(crate) fn assert(&self, harm: Harm) {
        let Self { ours, backstopped, without_us, .. } = self;
        assert_eq!(backstopped.unhardened, 0, "behind the backstop");
        let reason = ours.reason.as_deref().unwrap_or_default();
        match harm {
            Harm::Nothing => {
                assert_eq!((ours.unhardened, ours.refused), (0, 0), "unhardened, refused: {reason}");
            }
            Harm::Unhardened => assert_eq!(ours.refused, 0, "{reason}"),
            Harm::AsWithoutUs => {
                assert_eq!(ours.refused_by_us, 0, "{reason}");
                assert!(ours.refused == 0 || without_us.refused > 0, "{reason}");
                return;
            }
            Harm::Refused => assert_ne!(ours.refused, 0, "the row is wrong"),
        }
        let reason = without_us.reason.as_deref().unwrap_or_default();
        assert_eq!(without_us.refused, 0, "{reason}");
    }
}

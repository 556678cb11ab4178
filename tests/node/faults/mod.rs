//! What goes wrong in clusters, while pods are created: with us, with us and the backstop, and without us.
//!
//! The tests assert counts, never times; `cargo xtask faults` makes of the same docs/faults.md.

mod backstop;
mod certificates;
mod control_plane;
mod measure;
mod network;
mod own;
mod processes;
mod proxy;
mod table;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OnceCell;

use crate::fixture::Fixture;
use crate::{Test, rollout, test_alone};

/// Does it, undoes it, and says from when on all could be well again.
pub(crate) type Run = fn(Arc<Fixture>) -> Pin<Box<dyn Future<Output = Instant>>>;

/// What may become of pods meanwhile, where there is no backstop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Every pod is admitted, and hardened.
    Nothing,
    /// Every pod is admitted.
    Unhardened,
    /// Pods are refused only by what refuses them without us, too.
    AsWithoutUs,
    /// Pods are refused: the API server does so whatever `failurePolicy` says.
    Refused,
}

pub(crate) struct Fault {
    /// The test's.
    pub(crate) name: &'static str,
    /// As in the table.
    pub(crate) what: &'static str,
    pub(crate) harm: Harm,
    /// About how long, in seconds: the pods are spread over it.
    pub(crate) seconds: u32,
    pub(crate) run: Run,
}

/// A row of the table of faults.
macro_rules! fault {
    ($name:literal, $what:literal, $harm:ident, $seconds:literal, $run:expr) => {
        Fault {
            name: concat!("faults::", $name),
            what: $what,
            harm: Harm::$harm,
            seconds: $seconds,
            run: |fixture| Box::pin($run(fixture)),
        }
    };
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    fault!("one_killed", "one of two replicas killed (SIGKILL)", Unhardened, 4, processes::kill_one),
    fault!("both_killed", "both replicas killed", Unhardened, 4, processes::kill_both),
    fault!("one_unreachable", "packets to one replica dropped for 3 s", Unhardened, 5, network::drop_to_one),
    fault!("both_unreachable", "packets to both replicas dropped for 3 s", Unhardened, 5, network::drop_to_both),
    fault!("no_answer", "the webhook takes requests and answers nothing, for 3 s", Unhardened, 5, proxy::nothing),
    fault!("garbage", "the webhook answers garbage, for 3 s", Unhardened, 5, proxy::garbage),
    fault!("slow", "the webhook answers 1 s late, for 3 s", Nothing, 5, proxy::slow),
    fault!("misfit", "the webhook answers a patch that does not apply, for 2 s", Refused, 4, proxy::misfit),
    fault!("denial", "the webhook denies, for 2 s", Refused, 4, proxy::denial),
    fault!("api_server_restarted", "the API server restarted", AsWithoutUs, 8, control_plane::restart_api_server),
    fault!("etcd_paused", "etcd paused for 3 s", AsWithoutUs, 6, control_plane::pause_etcd),
    fault!("all_restarted", "both replicas killed while the API server is down", AsWithoutUs, 10, control_plane::restart_all),
    fault!("certificate_replaced", "the certificate's Secret replaced", Nothing, 15, certificates::replace),
    fault!("policy_replaced", "a policy replaced, four times a second", Nothing, 4, own::replace_policy),
    fault!("log_full", "the disk with the containers' logs full for 3 s, everything logged", Nothing, 15, own::fill_log),
    fault!("log_unread", "containerd paused for 3 s, everything logged", Nothing, 15, own::pause_containerd),
    fault!("restart", "`kubectl rollout restart`", Nothing, 20, rollout::restart),
    fault!("upgrade", "another image, and back", Nothing, 40, rollout::upgrade_and_back),
];

/// When the webhook manages its certificates itself, with lives of seconds.
#[rustfmt::skip]
const SELF_MANAGED: &[Fault] = &[
    fault!("rotated", "self-managed certificate and authority renewed", Nothing, 45, certificates::rotate),
    fault!("leader_paused", "the leader that renews them paused for longer than its Lease", Unhardened, 12, certificates::pause_leader),
];

pub(crate) fn tests() -> Vec<Test> {
    let managed = Arc::new(OnceCell::new());
    let faults = FAULTS.iter().map(|fault| (fault, false));
    let faults = faults.chain(SELF_MANAGED.iter().map(|fault| (fault, true)));
    let test = |(number, (fault, is_self_managed)): (usize, (&'static Fault, bool))| {
        let managed = Arc::clone(&managed);
        test_alone(fault.name, move |fixture| async move {
            if is_self_managed {
                managed.get_or_init(async || certificates::manage(&fixture).await).await;
            }
            let measured = measure::measure(&fixture, fault).await;
            table::write(number, fault, &measured);
            measured.assert(fault.harm);
        })
    };
    faults.enumerate().map(test).collect()
}

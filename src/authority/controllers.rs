//! The controllers that make pods from templates: whose requests only carry on what somebody else wrote.

/// The user of a cluster whose controllers have no credentials of their own.
const SHARED: &str = "system:kube-controller-manager";
const ACCOUNTS: &str = "system:serviceaccount:kube-system:";
const CONTROLLERS: [&str; 7] = [
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemon-set-controller",
    "job-controller",
    "cronjob-controller",
    "replication-controller",
];
/// The kinds whose templates are checked.
const CHECKED: [&str; 7] =
    ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"];

/// Whether a user is one of the built-in workload controllers.
#[must_use]
pub fn is_built_in(username: &str) -> bool {
    let account = username.strip_prefix(ACCOUNTS);
    username == SHARED || account.is_some_and(|account| CONTROLLERS.contains(&account))
}

/// Whether the templates of a kind are checked.
#[must_use]
pub fn is_checked(kind: &str) -> bool {
    CHECKED.contains(&kind)
}

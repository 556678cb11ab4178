//! The workload controllers that come with Kubernetes: what they make, they make from a template that was checked.

/// The users that they are. The last is all of them, where they have no credentials of their own.
pub const USERS: [&str; 8] = [
    "system:serviceaccount:kube-system:cronjob-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
    "system:serviceaccount:kube-system:deployment-controller",
    "system:serviceaccount:kube-system:job-controller",
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:replication-controller",
    "system:serviceaccount:kube-system:statefulset-controller",
    "system:kube-controller-manager",
];

/// What owns what they make, as the owner reference says it: `apiVersion` and `kind`. Each of these is checked.
pub const OWNERS: [(&str, &str); 7] = [
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "ReplicationController"),
];

/// Those of them whose controllers make other workloads, never pods.
const ABOVE: [&str; 2] = ["Deployment", "CronJob"];

/// The group of kubelets, which make mirror pods.
pub const NODES: &str = "system:nodes";

/// Whether the user is one of them.
#[must_use]
pub fn is_controller(username: &str) -> bool {
    USERS.contains(&username)
}

/// Whether an owner of this kind was checked.
#[must_use]
pub fn is_checked_owner(api_version: &str, kind: &str) -> bool {
    OWNERS.contains(&(api_version, kind))
}

/// Whether an owner of this kind was checked, and its pods are made by one of them.
#[must_use]
pub fn is_checked_maker(api_version: &str, kind: &str) -> bool {
    is_checked_owner(api_version, kind) && !ABOVE.contains(&kind)
}

//! What policy lets the guard do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of what is learnt from hardened pods that fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuardMode {
    /// Nobody looks.
    Off,
    /// It is written down and told, and comes into force once somebody approves it.
    #[default]
    Suggest,
    /// It is put in force, and the failing pod evicted so that its controller makes it anew.
    Heal,
}

/// How hardened pods that fail are looked after. What is learnt never lets a pod stand below `posture.floor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardPolicy {
    /// What becomes of what is learnt.
    pub mode: GuardMode,
    /// So many steps are tried for one image in one namespace.
    #[schemars(range(min = 1, max = 20))]
    pub rounds: u32,
    /// A pod that has been ready for so many seconds without a break is never evicted.
    #[schemars(range(min = 1, max = 86_400))]
    pub ready_seconds: u32,
    /// A pod that runs for so many seconds and was never ready fails, where its image was never seen ready as it is
    /// hardened. To that is added what its probe waits by itself.
    #[schemars(range(min = 1, max = 86_400))]
    pub unready_seconds: u32,
    /// Whether the end of a container's log is read where its status does not say why it has ended, or is never ready.
    /// Nothing of it is kept but a directory that it names. It takes a role of its own: `pods/log`.
    pub read_logs: bool,
    /// The highest memory limit that is given to what ran out of memory, a quantity. Empty: none is raised.
    pub memory_cap: String,
    /// So many steps and evictions may there be in a namespace in an hour; above it the guard stops there.
    #[schemars(range(min = 1, max = 10_000))]
    pub namespace_limit: u32,
    /// So many may there be in the cluster in an hour; above it the guard stops.
    #[schemars(range(min = 1, max = 10_000))]
    pub cluster_limit: u32,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self {
            mode: GuardMode::Suggest,
            // Causes appear one at a time: no workload of 44 measured ones had more than four.
            rounds: 6,
            ready_seconds: 30,
            // What starts slowly is not taken down for it: half of a Deployment's progressDeadlineSeconds.
            unready_seconds: 300,
            // A log may hold what nobody else is to read.
            read_logs: false,
            // Twice twice the default limit.
            memory_cap: "4Gi".to_owned(),
            namespace_limit: 20,
            cluster_limit: 100,
        }
    }
}

impl GuardPolicy {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// For people: the field, and what is wrong with it.
    pub(crate) fn validate(&self) -> Result<(), String> {
        for (field, value, most) in [
            ("rounds", self.rounds, 20),
            ("readySeconds", self.ready_seconds, 86_400),
            ("unreadySeconds", self.unready_seconds, 86_400),
            ("namespaceLimit", self.namespace_limit, 10_000),
            ("clusterLimit", self.cluster_limit, 10_000),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("spec.guard.{field} must be from 1 to {most}"));
            }
        }
        if !self.memory_cap.is_empty() && !crate::view::is_quantity(&self.memory_cap) {
            return Err(format!("spec.guard.memoryCap `{}` is no quantity", self.memory_cap));
        }
        Ok(())
    }
}

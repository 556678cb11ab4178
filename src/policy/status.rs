//! What the webhook says of a policy that is a custom resource.
//!
//! Every replica writes the same from the same entries, so that they never write against one another: the condition
//! follows from what the replicas say, whoever writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of the condition.
pub const ACCEPTED: &str = "Accepted";
/// So many replicas are remembered.
const MOST_REPLICAS: usize = 16;

/// Whether the policy was taken, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyStatus {
    /// The generation that conditions and replicas speak of.
    pub observed_generation: i64,
    /// `Accepted`: whether the policy is in force as written.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The replicas of the webhook that have looked at this generation.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub replicas: Vec<Replica>,
}

/// A condition, as all of Kubernetes has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Accepted`
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`
    pub status: String,
    /// Why, in a word: `Accepted` or `Invalid`.
    #[serde(default)]
    pub reason: String,
    /// Why, for people: what is wrong and where, and what is in force instead.
    #[serde(default)]
    pub message: String,
    /// The generation that this is about.
    #[serde(default)]
    pub observed_generation: i64,
    /// Since when the status is what it is.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
}

/// What one replica made of the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// The replica's pod.
    pub name: String,
    /// The generation that it looked at.
    #[serde(default)]
    pub generation: i64,
    /// Whether it has put it in force.
    #[serde(default)]
    pub accepted: bool,
    /// Why it has not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl PolicyStatus {
    /// The status once `own` has been said; the same again where it was said already.
    #[must_use]
    pub fn with(&self, own: &Replica, now: &str) -> Self {
        let mut replicas: Vec<Replica> = self.replicas.clone();
        // Whoever is alive says anew what it makes of a new generation: an entry of an older one is nobody's.
        replicas.retain(|replica| replica.name != own.name && replica.generation >= own.generation);
        if replicas.len() >= MOST_REPLICAS {
            // One that refuses is heard before one that does not; else each would put another out for ever.
            let room = replicas.iter().position(|replica| replica.accepted).filter(|_| !own.accepted);
            let Some(room) = room else { return self.of(replicas, own.generation, now) };
            replicas.remove(room);
        }
        let place = replicas.partition_point(|replica| replica.name < own.name);
        replicas.insert(place, own.clone());
        self.of(replicas, own.generation, now)
    }

    /// The status once a replica has gone.
    #[must_use]
    pub fn without(&self, name: &str, now: &str) -> Self {
        let replicas: Vec<Replica> =
            self.replicas.iter().filter(|replica| replica.name != name).cloned().collect();
        // Nobody left to speak of it: what was said stands.
        if replicas.is_empty() {
            return Self { replicas, ..self.clone() };
        }
        self.of(replicas, self.observed_generation, now)
    }

    fn of(&self, replicas: Vec<Replica>, generation: i64, now: &str) -> Self {
        let refusing = replicas.iter().find(|replica| !replica.accepted);
        let (status, reason, message) = match refusing {
            None => ("True", "Accepted", "in force as written".to_owned()),
            Some(replica) => ("False", "Invalid", replica.message.clone()),
        };
        let known = self.conditions.iter().find(|condition| condition.kind == ACCEPTED);
        let since = known.filter(|known| known.status == status && !known.last_transition_time.is_empty());
        let accepted = Condition {
            kind: ACCEPTED.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: generation,
            last_transition_time: since
                .map_or_else(|| now.to_owned(), |known| known.last_transition_time.clone()),
        };
        Self { observed_generation: generation, conditions: vec![accepted], replicas }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(name: &str, generation: i64, accepted: bool) -> Replica {
        let message = if accepted { String::new() } else { format!("{name} says no") };
        Replica { name: name.to_owned(), generation, accepted, message }
    }

    fn names(status: &PolicyStatus) -> Vec<&str> {
        status.replicas.iter().map(|replica| replica.name.as_str()).collect()
    }

    fn condition(status: &PolicyStatus) -> (&str, &str, &str, i64) {
        let only = &status.conditions[0];
        (&only.status, &only.message, &only.last_transition_time, only.observed_generation)
    }

    #[test]
    fn what_was_said_already_changes_nothing() {
        let status = PolicyStatus::default().with(&replica("b", 1, true), "t1");
        assert_eq!(condition(&status), ("True", "in force as written", "t1", 1));
        assert_eq!(status.with(&replica("b", 1, true), "t2"), status);
        let both = status.with(&replica("a", 1, true), "t2");
        assert_eq!(names(&both), ["a", "b"]);
        assert_eq!(both.with(&replica("b", 1, true), "t3"), both);
    }

    #[test]
    fn one_that_refuses_decides_whoever_writes() {
        let both =
            PolicyStatus::default().with(&replica("a", 2, false), "t1").with(&replica("b", 2, true), "t2");
        assert_eq!(condition(&both), ("False", "a says no", "t1", 2));
        assert_eq!(both.with(&replica("a", 2, false), "t3"), both);
        assert_eq!(
            condition(&both.with(&replica("a", 2, true), "t3")),
            ("True", "in force as written", "t3", 2)
        );
    }

    #[test]
    fn replicas_of_an_older_generation_are_dropped_and_those_that_go() {
        let old =
            PolicyStatus::default().with(&replica("a", 1, true), "t1").with(&replica("b", 1, true), "t1");
        let new = old.with(&replica("b", 2, true), "t2");
        assert_eq!((names(&new), condition(&new).3), (vec!["b"], 2));
        let gone = new.with(&replica("a", 2, false), "t3").without("a", "t4");
        assert_eq!((names(&gone), condition(&gone).0), (vec!["b"], "True"));
        let nobody = gone.without("b", "t5");
        assert!(nobody.replicas.is_empty());
        assert_eq!(nobody.conditions, gone.conditions);
    }

    #[test]
    fn replicas_are_bounded() {
        let names = (0..100).map(|number| format!("pod-{number:03}"));
        let status =
            names.fold(PolicyStatus::default(), |status, name| status.with(&replica(&name, 1, true), "t"));
        assert_eq!(status.replicas.len(), MOST_REPLICAS);
        assert_eq!(status.with(&replica("pod-099", 1, true), "t"), status);
        let status = status.with(&replica("pod-099", 1, false), "t");
        assert_eq!((status.replicas.len(), condition(&status).1), (MOST_REPLICAS, "pod-099 says no"));
    }
}

//! Runs one workload in one way, and says what became of it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file::File;
use super::look::{Look, State};
use super::way::Way;
use crate::api::Api;
use crate::cluster::ADMIN;
use crate::fixture::Fixture;

/// So long may a container run without being ready …
const READY_WITHIN: Duration = Duration::from_secs(60);
/// … and so long may all of it take where the guard does not help.
const LONGEST: Duration = Duration::from_secs(120);
/// So long may the guard take for all its steps.
const LONGEST_GUARDED: Duration = Duration::from_secs(600);
/// So long may it take for its next step, beside the time that it waits by itself.
const STEP_WITHIN: Duration = Duration::from_secs(75);
/// In so long a time it is seen that an image may go back up.
const CLIMB_WITHIN: Duration = Duration::from_secs(18);
/// In so long a time every replica knows a profile, and the guard takes a pod for one that was made with it.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);

const PROFILES: &str = "/apis/pod-hardener.dev/v1alpha1/imageprofiles";

/// What became of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// Its container was not started again in eight seconds, and is ready.
    pub(crate) running: bool,
    pub(crate) posture: String,
    /// Until then, or until it was given up.
    pub(crate) seconds: u64,
    /// What the guard did, step by step.
    pub(crate) steps: Vec<String>,
    /// Whether a pod was evicted that had been ready.
    pub(crate) ready_evicted: bool,
    /// What the API says where it does not run.
    pub(crate) why: String,
}

pub(crate) async fn go(fixture: &Fixture, name: &str, file: &File, way: Way) -> Outcome {
    let api = fixture.cluster.api(ADMIN);
    let namespace = way.namespace();
    let deployments = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    api.create(&deployments, &way.deployment(name, file)).await.expect("a Deployment");
    let run = Run {
        look: Look::new(api.clone(), &namespace, name),
        deployment: format!("{deployments}/{name}"),
        image: way.image(name, file),
        api,
        namespace,
        way,
        begun: Instant::now(),
    };
    let deployment = run.deployment.clone();
    let outcome = if way.is_guarded() { run.guarded().await } else { run.alone().await };
    fixture.cluster.api(ADMIN).delete(&deployment).await.expect("the Deployment is there");
    outcome
}

struct Run {
    look: Look,
    deployment: String,
    image: String,
    api: Api,
    namespace: String,
    way: Way,
    begun: Instant,
}

impl Run {
    async fn alone(mut self) -> Outcome {
        loop {
            let state = self.look.now().await;
            let late = self.look.runs_for() > READY_WITHIN || self.begun.elapsed() > LONGEST;
            match state {
                State::Waiting(_) if !late => tokio::time::sleep(PAUSE).await,
                end => return self.outcome(end, Vec::new()),
            }
        }
    }

    /// Until it runs, on the highest rung that the guard finds for it, or the guard has nothing left.
    async fn guarded(mut self) -> Outcome {
        let (mut round, mut changed) = (0, Instant::now());
        let mut low: Option<(Instant, Outcome)> = None;
        loop {
            let state = self.look.now().await;
            let learnt = self.learnt().await;
            if self.way == Way::Suggest {
                self.approve(&learnt).await;
            }
            let newest = learnt.iter().max_by_key(|profile| profile["spec"]["round"].as_u64());
            let steps = newest.map(steps).unwrap_or_default();
            let now = newest.and_then(|profile| profile["spec"]["round"].as_u64()).unwrap_or_default();
            let stepped = now != round;
            if stepped {
                (round, changed) = (now, Instant::now());
            }
            if let Some((since, outcome)) = low.take() {
                if stepped {
                    // It counts for pods to come.
                    self.restart().await;
                } else if since.elapsed() > CLIMB_WITHIN {
                    return outcome;
                } else {
                    low = Some((since, outcome));
                }
            } else if let (State::Running(posture), true) = (&state, stepped)
                && posture != "full"
            {
                // The step is for pods to come.
                self.restart().await;
            } else if let State::Running(posture) = &state {
                let climbs = posture != "full" && !steps.iter().any(|step| step.contains("in posture full"));
                let outcome = self.outcome(state.clone(), steps);
                if !climbs {
                    return outcome;
                }
                low = Some((Instant::now(), outcome));
            } else {
                let patience = STEP_WITHIN + Duration::from_secs(5 << round.min(5));
                if changed.elapsed() > patience || self.begun.elapsed() > LONGEST_GUARDED {
                    return self.outcome(state, steps);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn outcome(&self, state: State, steps: Vec<String>) -> Outcome {
        let (running, posture, why) = match state {
            State::Running(posture) => (true, posture, String::new()),
            State::Waiting(why) | State::Broken(why) => (false, String::new(), why),
        };
        let (seconds, ready_evicted) = (self.begun.elapsed().as_secs(), self.look.ready_went);
        Outcome { running, posture, seconds, steps, ready_evicted, why }
    }

    /// The profiles that the guard wrote of the image here.
    async fn learnt(&self) -> Vec<Value> {
        let list = self.api.get(PROFILES).await.map(|list| list.object).unwrap_or_default();
        let repository = self.image.rsplit_once(':').map_or(self.image.as_str(), |(name, _)| name);
        let is_ours = |profile: &&Value| {
            let images = &profile["spec"]["match"];
            images["namespaces"] == json!([self.namespace]) && images["repositories"] == json!([repository])
        };
        list["items"].as_array().into_iter().flatten().filter(is_ours).cloned().collect()
    }

    /// Puts in force what waits, as an administrator does, and has the pods made anew.
    async fn approve(&mut self, learnt: &[Value]) {
        let waiting = learnt.iter().find(|profile| profile["spec"]["approved"] == json!(false));
        let Some(name) = waiting.and_then(|profile| profile["metadata"]["name"].as_str()) else { return };
        let approved = json!({"spec": {"approved": true}});
        self.api.merge(&format!("{PROFILES}/{name}"), &approved).await.expect("an approved profile");
        self.restart().await;
    }

    /// Has its pods made anew, once every replica knows what was written last.
    async fn restart(&mut self) {
        tokio::time::sleep(KNOWN_WITHIN).await;
        self.look.expect_others();
        let now = self.begun.elapsed().as_millis().to_string();
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": now});
        let template = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        self.api.merge(&self.deployment, &template).await.expect("a restarted Deployment");
        // Until then the old pod is on its way out.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// What each line of a profile's evidence says was done.
fn steps(profile: &Value) -> Vec<String> {
    let lines = profile["spec"]["evidence"].as_array().into_iter().flatten();
    let step = |line: &Value| {
        let line = line.as_str().unwrap_or_default();
        line.rsplit_once("; ").map_or(line, |(_, step)| step).to_owned()
    };
    lines.map(step).collect()
}

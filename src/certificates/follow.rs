//! Keeps [`Known`] up to the cluster.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch::Sender;

use super::known::{Known, Seen};
use super::{CONFIGURATION, SECRET};
use crate::watch::describe;

/// How long a watch goes on before it is begun again; a connection that died unseen is noticed then.
const WATCH_SECONDS: u32 = 60;
/// How long to wait after the first failure, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Begins to watch all three; it ends with the runtime.
pub(super) fn start(client: &Client, namespace: &str, known: &Arc<Sender<Known>>) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    tokio::spawn(follow(secrets, SECRET, Arc::clone(known), |known| &mut known.secret));
    let mutating = Api::all(client.clone());
    tokio::spawn(follow(mutating, CONFIGURATION, Arc::clone(known), |known| &mut known.mutating));
    let validating = Api::all(client.clone());
    tokio::spawn(follow(validating, CONFIGURATION, Arc::clone(known), |known| &mut known.validating));
}

async fn follow<K>(
    api: Api<K>,
    name: &'static str,
    known: Arc<Sender<Known>>,
    place: fn(&mut Known) -> &mut Seen<K>,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let put = |seen: Seen<K>| known.send_modify(|known| *place(known) = seen);
    let config = Config::default().timeout(WATCH_SECONDS).fields(&format!("metadata.name={name}"));
    let mut events = pin!(watcher(api, config));
    let (mut wait, mut failing) = (PATIENCE.0, None);
    let mut listed = Seen::Absent;
    while let Some(event) = events.next().await {
        let error = match event {
            Ok(Event::Init) => {
                listed = Seen::Absent;
                continue;
            }
            Ok(Event::InitApply(object)) => {
                listed = Seen::Here(Box::new(object));
                continue;
            }
            Ok(Event::InitDone) => {
                put(std::mem::replace(&mut listed, Seen::Absent));
                None
            }
            Ok(Event::Apply(object)) => {
                put(Seen::Here(Box::new(object)));
                None
            }
            Ok(Event::Delete(_)) => {
                put(Seen::Absent);
                None
            }
            Err(error) => Some(describe(&error)),
        };
        let kind = K::kind(&());
        match &error {
            None if failing.is_some() => tracing::info!(%kind, name, "the watch goes on"),
            // The same again would fill the log.
            Some(why) if failing.as_ref() != Some(why) => {
                tracing::warn!(%kind, name, error = why, "the watch failed; what is known stays in use");
            }
            _ => {}
        }
        match &error {
            None => wait = PATIENCE.0,
            Some(why) => {
                known.send_modify(|known| place(known).failed(why.clone()));
                // Nothing is asked before the next event is waited for.
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(PATIENCE.1);
            }
        }
        failing = error;
    }
}

//! One watch, for ever.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::Api;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Error, Resource};
use serde::de::DeserializeOwned;

use super::status::Report;
use crate::cluster::Cluster;

/// How long a watch goes on before it is begun again; a connection that died unseen is noticed then.
const WATCH_SECONDS: u32 = 60;
/// How long to wait after the first failure, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// How often it is looked whether a kind that was absent has come.
const ABSENCE: Duration = Duration::from_secs(5);

/// Keeps what matters of one kind's objects.
pub(super) trait Keep<K>: Send + 'static {
    /// What tells one object from another.
    type Key: Clone + Eq + Hash + Send;

    /// An object's key; `None`: it is none of ours.
    fn key(&self, object: &K) -> Option<Self::Key>;

    /// Puts an object in, or a newer one in its place.
    fn apply(&mut self, cluster: &Cluster, key: Self::Key, object: K);

    /// Takes an object out.
    fn delete(&mut self, cluster: &Cluster, key: &Self::Key);

    /// Every key that is known.
    fn keys(&self, cluster: &Cluster) -> Vec<Self::Key>;

    /// How many objects are known.
    fn len(&self, cluster: &Cluster) -> usize {
        self.keys(cluster).len()
    }

    /// Whether a cluster may not know the kind at all. It is then as if there were no objects of it.
    fn may_be_absent(&self) -> bool {
        false
    }

    /// All objects were listed, again.
    fn listed(&mut self, _cluster: &Cluster) {}
}

/// Watches for ever.
pub(super) async fn follow<K, S>(api: Api<K>, mut keep: S, cluster: Arc<Cluster>, report: Report)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    S: Keep<K>,
{
    let mut streaming = true;
    loop {
        let mut events = pin!(watcher(api.clone(), config(streaming)));
        let mut listing = Listing::default();
        let mut wait = PATIENCE.0;
        let mut absences = 0;
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    // That a list begins says nothing yet of the server.
                    if !matches!(event, Event::Init) {
                        report.contact();
                        wait = PATIENCE.0;
                        absences = 0;
                    }
                    if listing.take(event, &mut keep, &cluster) {
                        report.synced();
                    }
                    if !listing.running {
                        report.objects(keep.len(&cluster));
                    }
                }
                Err(error) if streaming && is_refused_stream(&error) => {
                    streaming = false;
                    break;
                }
                Err(error) if keep.may_be_absent() && is_absent(&error) => {
                    absences += 1;
                    // An API server that is just starting may say so once of a kind that it has.
                    if absences > 1 {
                        listing.take(Event::Init, &mut keep, &cluster);
                        listing.take(Event::InitDone, &mut keep, &cluster);
                        report.absent();
                    }
                    tokio::time::sleep(if absences > 1 { ABSENCE } else { PATIENCE.0 }).await;
                }
                Err(error) => {
                    report.failed(describe(&error));
                    // Nothing is asked before the next event is waited for.
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(PATIENCE.1);
                }
            }
        }
    }
}

/// Lists as a stream where the server can, else page by page.
pub(crate) fn config(streaming: bool) -> Config {
    let config = Config::default().timeout(WATCH_SECONDS);
    if streaming { config.streaming_lists() } else { config }
}

/// The server knows no lists as streams: an old one, or one where they are switched off.
pub(crate) fn is_refused_stream(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(Error::Api(status)) if status.is_invalid() || status.code == 400)
}

/// The server does not know the kind.
fn is_absent(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(Error::Api(status))
        | watcher::Error::WatchStartFailed(Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

/// What the API server said, without kube's repetitions.
pub(crate) fn describe(error: &watcher::Error) -> String {
    let inner = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(status) => return status.message.clone(),
        watcher::Error::NoResourceVersion => return error.to_string(),
    };
    match inner {
        Error::Api(status) => status.message.clone(),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(deeper) = cause {
                text = format!("{text}: {deeper}");
                cause = deeper.source();
            }
            crate::message::shorten(text)
        }
    }
}

/// A list that is coming in: what it does not name is gone afterwards.
struct Listing<T> {
    running: bool,
    named: HashSet<T>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { running: false, named: HashSet::new() }
    }
}

impl<T: Clone + Eq + Hash> Listing<T> {
    /// Takes an event; true when with it a list is whole.
    fn take<K, S: Keep<K, Key = T>>(&mut self, event: Event<K>, keep: &mut S, cluster: &Cluster) -> bool {
        match event {
            Event::Init => *self = Self { running: true, named: HashSet::new() },
            Event::InitApply(object) => {
                if let Some(key) = keep.key(&object) {
                    self.named.insert(key.clone());
                    keep.apply(cluster, key, object);
                }
            }
            Event::InitDone => {
                let named = std::mem::take(self).named;
                for key in keep.keys(cluster) {
                    if !named.contains(&key) {
                        keep.delete(cluster, &key);
                    }
                }
                keep.listed(cluster);
                return true;
            }
            Event::Apply(object) => {
                if let Some(key) = keep.key(&object) {
                    keep.apply(cluster, key, object);
                }
            }
            Event::Delete(object) => {
                if let Some(key) = keep.key(&object) {
                    keep.delete(cluster, &key);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use kube::api::ObjectMeta;

    use super::super::namespaces::Namespaces;
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::api::PartialObjectMeta;

    fn namespace(name: &str) -> PartialObjectMeta<Namespace> {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        PartialObjectMeta { types: None, metadata, _phantom: std::marker::PhantomData }
    }

    #[test]
    fn what_a_new_list_does_not_name_is_gone() {
        let cluster = Cluster::connected();
        let (mut keep, mut listing) = (Namespaces, Listing::default());
        let mut take = |event| listing.take(event, &mut keep, &cluster);
        assert!(!take(Event::Init));
        assert!(!take(Event::InitApply(namespace("a"))));
        assert!(!take(Event::InitApply(namespace("b"))));
        assert!(take(Event::InitDone));
        assert_eq!(cluster.namespaces.len(), 2);
        take(Event::Apply(namespace("c")));
        take(Event::Delete(namespace("a")));
        assert_eq!(cluster.namespaces.len(), 2);
        take(Event::Init);
        take(Event::InitApply(namespace("c")));
        assert_eq!(cluster.namespaces.len(), 2, "not before the list is whole");
        // A list that broke begins again.
        take(Event::Init);
        take(Event::InitApply(namespace("d")));
        take(Event::InitDone);
        assert_eq!(cluster.namespaces.names(), ["d".into()]);
    }
}

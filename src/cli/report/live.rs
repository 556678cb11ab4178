//! The report of a cluster: it is read, and nothing else.
//!
//! Pods are looked at as they run, once for all that came from one template. A workload of which no pod runs is looked
//! at by its template.

mod list;
mod owners;
mod pods;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use pod_hardener::cluster::Cluster;
use pod_hardener::facts::Facts;
use pod_hardener::metrics::{Label as _, Metrics, WatchKind};
use pod_hardener::policy::PolicySet;
use pod_hardener::report::{Gather, Looker, Place, Report};
use pod_hardener::sources::Sources;
use pod_hardener::view::Pod;
use pod_hardener::watch::{Once, read_once};
use time::OffsetDateTime;

use super::{Args, Made, Named};
use crate::cli::say;
use list::Scope;

pub(super) async fn report(
    client: &Client,
    args: &Args,
    named: Named,
    now: OffsetDateTime,
) -> anyhow::Result<Made> {
    let namespace = args.namespace.as_deref().unwrap_or_else(|| client.default_namespace());
    let scope = Scope { client, namespace: (!args.all_namespaces).then_some(namespace) };
    let sources = Sources::new(&PolicySet::new(named.policies), Arc::new(Metrics::new()?));
    sources.look_at_profiles(Ok(named.profiles));
    let cluster = Cluster::connected();
    let selector = args.selector.as_ref();
    let (once, owned, pods) = tokio::join!(
        read_once(client, &cluster, &sources, scope.namespace),
        owners::read(&scope),
        pods::read(&scope, selector),
    );
    let pods = pods.context("reading pods")?;
    let in_force = sources.in_force();
    let policies = in_force.load();
    let looking = Looking {
        cluster: &cluster,
        looker: Looker::new(&policies, now),
        knows_accounts: [WatchKind::ServiceAccounts, WatchKind::RoleBindings, WatchKind::ClusterRoleBindings]
            .into_iter()
            .all(|kind| once.has(kind)),
        knows_namespaces: once.has(WatchKind::Namespaces),
    };
    let mut made = Gathering { looking, gather: Gather::default(), complete: true };
    made.exemptions_of_namespaces(scope.namespace);
    let mut running = HashSet::new();
    for variant in pods.variants() {
        let place = owned.top(&variant.owner);
        running.extend(place.uid.clone());
        made.look(place, variant.count, &variant.text);
    }
    for template in owned
        .templates(selector)
        .filter(|template| template.place.uid.as_ref().is_none_or(|uid| !running.contains(uid)))
    {
        made.look(template.place, 0, &template.text);
    }
    let mut notes = notes(&once, pods.mirrors);
    notes.extend(owned.unread.iter().map(|unread| format!("not looked at: {unread}")));
    let complete = made.complete && owned.unread.is_empty();
    let about = match scope.namespace {
        Some(namespace) => format!("{}, namespace {namespace}", args.cluster.name()),
        None => format!("{}, all namespaces", args.cluster.name()),
    };
    Ok(Made { report: Report::new(&about, notes, made.gather, now), complete })
}

fn notes(once: &Once, mirrors: usize) -> Vec<String> {
    let unread = once.unread.iter().map(|(kind, why)| format!("not known: {}: {why}", kind.as_str()));
    let refused = once.refused.iter().map(|refused| format!("not in force: {refused}"));
    let mirrors = (mirrors > 0)
        .then(|| format!("pods that a kubelet runs from files, which no webhook changes: {mirrors}"));
    unread.chain(refused).chain(mirrors).collect()
}

/// What pods are looked at with.
struct Looking<'l> {
    cluster: &'l Cluster,
    looker: Looker<'l>,
    knows_accounts: bool,
    knows_namespaces: bool,
}

impl Looking<'_> {
    /// What is known of where a pod goes, as the webhook knows it.
    fn facts<'f>(&self, namespace: &'f str, pod: Option<&Pod<'_>>) -> Facts<'f> {
        let spec = pod.and_then(|pod| pod.spec.as_ref());
        let selector = spec.and_then(|spec| spec.node_selector.as_ref());
        let selector: Vec<(&str, &str)> =
            selector.map_or_else(Vec::new, |selector| selector.entries().collect());
        let account = spec.filter(|_| self.knows_accounts);
        let abilities = self.cluster.abilities(&selector);
        Facts {
            space: self.cluster.space(namespace).filter(|_| self.knows_namespaces),
            account: account.and_then(|spec| self.cluster.account(namespace, spec.account())),
            user_namespaces: abilities.user_namespaces,
            image_volumes: abilities.image_volumes,
            ..Facts::of_namespace(namespace)
        }
    }
}

struct Gathering<'l> {
    looking: Looking<'l>,
    gather: Gather,
    complete: bool,
}

impl Gathering<'_> {
    fn look(&mut self, place: Place, pods: usize, text: &str) {
        let namespace = place.namespace.clone();
        let looked = match serde_json::from_str::<Pod<'_>>(text) {
            Ok(pod) => self.looking.looker.look(text, &self.looking.facts(&namespace, Some(&pod))),
            Err(error) => Err(error.into()),
        };
        match looked {
            Ok(None) => {}
            Ok(Some(looked)) => self.gather.add(place, pods, looked),
            Err(error) => {
                self.complete = false;
                say::error(&format!("{namespace}/{}: {error}", place.label()));
            }
        }
    }

    fn exemptions_of_namespaces(&mut self, only: Option<&str>) {
        let names = self.looking.cluster.namespaces.names();
        let mut names: Vec<&str> =
            names.iter().map(|name| &**name).filter(|name| only.is_none_or(|only| only == *name)).collect();
        names.sort_unstable();
        for name in names {
            let facts = self.looking.facts(name, None);
            self.gather.add_exemptions(self.looking.looker.of_namespace(&facts));
        }
    }
}

//! Our own pods are replaced, while pods are created.

use std::sync::Arc;
use std::time::Instant;

use crate::fixture::Fixture;
use crate::replicas;

const IMAGE: &str = "localhost/pod-hardener:dev";

/// The same image by another name. That it is another version's needs a second build.
const OTHER: &str = "localhost/pod-hardener:other";

pub(crate) async fn restart(fixture: Arc<Fixture>) -> Instant {
    replicas::change(&fixture, &["rollout", "restart"], &[]).await;
    Instant::now()
}

pub(crate) async fn upgrade_and_back(fixture: Arc<Fixture>) -> Instant {
    fixture.node.tag(IMAGE, OTHER);
    for image in [OTHER, IMAGE] {
        replicas::change(&fixture, &["set", "image"], &[&format!("pod-hardener={image}")]).await;
    }
    Instant::now()
}

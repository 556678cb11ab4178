//! Policy files that change while the server runs.
//!
//! Their contents are compared, as those of certificates are: the kubelet swaps a link beside a mounted ConfigMap's
//! files, which watching the files themselves would see once and then never again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Sources;
use crate::policy::{Policy, PolicyError, Texts};

/// How often they are looked at. A change is taken up at the second look that finds it: within a second.
const EVERY: Duration = Duration::from_millis(500);

/// What a look found: texts, or why there are none.
type Found = Result<Texts, String>;

/// Compares for ever.
pub async fn follow(sources: Arc<Sources>, path: PathBuf) {
    let (mut last, mut taken): (Option<Found>, Option<Found>) = (None, None);
    loop {
        tokio::time::sleep(EVERY).await;
        let place = path.clone();
        // Reading may wait for a disk, and parsing takes longer than a review may.
        let Ok(read) = tokio::task::spawn_blocking(move || Texts::read(&place)).await else { continue };
        let (found, error) = match read {
            Ok(texts) => (Ok(texts), None),
            Err(error) => (Err(error.to_string()), Some(error)),
        };
        // What is being written is not whole yet: what two looks in a row find is.
        if last.as_ref() == Some(&found) && taken.as_ref() != Some(&found) {
            let sources = Arc::clone(&sources);
            let texts = found.clone();
            let took = tokio::task::spawn_blocking(move || sources.look(parse(texts, error)));
            if took.await.is_ok() {
                taken = Some(found.clone());
            }
        }
        last = Some(found);
    }
}

fn parse(found: Found, error: Option<PolicyError>) -> Result<Vec<Policy>, PolicyError> {
    match (found, error) {
        (Ok(texts), _) => texts.parse(),
        (Err(_), Some(error)) => Err(error),
        (Err(message), None) => Err(PolicyError::Invalid { place: "--policy".to_owned(), message }),
    }
}

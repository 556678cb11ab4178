//! Files of policies and profiles that change while the server runs.
//!
//! Their contents are compared, as those of certificates are: the kubelet swaps a link beside a mounted ConfigMap's
//! files, which watching the files themselves would see once and then never again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Sources;
use crate::policy::{PolicyError, Texts};
use crate::profiles;

/// How often they are looked at. A change is taken up at the second look that finds it: within a second.
const EVERY: Duration = Duration::from_millis(500);

/// What a look found: texts, or why there are none.
type Found = Result<Texts, String>;

/// What stands in the files.
#[derive(Debug, Clone, Copy)]
pub enum Files {
    /// What `--policy` names.
    Policies,
    /// What `--profiles` names.
    Profiles,
}

impl Files {
    fn flag(self) -> &'static str {
        match self {
            Self::Policies => "--policy",
            Self::Profiles => "--profiles",
        }
    }

    fn take(self, sources: &Sources, found: Result<Texts, PolicyError>) {
        match self {
            Self::Policies => sources.look(found.and_then(|texts| texts.parse())),
            Self::Profiles => sources.look_at_profiles(found.and_then(|texts| profiles::load(&texts))),
        }
    }
}

/// Compares for ever.
pub async fn follow(files: Files, sources: Arc<Sources>, path: PathBuf) {
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
            let took = tokio::task::spawn_blocking(move || {
                let found = texts.map_err(|message| {
                    error.unwrap_or(PolicyError::Invalid { place: files.flag().to_owned(), message })
                });
                files.take(&sources, found);
            });
            if took.await.is_ok() {
                taken = Some(found.clone());
            }
        }
        last = Some(found);
    }
}

//! What the owner of a workload is to be told, besides whoever made the pod: most often that is a controller, which
//! reads no warnings.

use crate::annotation::{EXEMPT, EXEMPT_ADOPTED, EXEMPT_REASON, EXEMPT_UNTIL};
use crate::harden::Hardened;
use crate::message::unrepaired;
use crate::subject::Subject;

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An exemption was not honoured.
    ExemptionRefused(String),
    /// Something is insecure and could not be hardened.
    NotHardened(String),
}

/// What is to be told of a pod; most often nothing.
pub(super) fn notes(hardened: &Hardened<'_>, subject: &Subject<'_, '_>) -> Vec<Note> {
    let exempting = |key: &str| {
        let name = key.rsplit('/').next().unwrap_or_default();
        [EXEMPT, EXEMPT_REASON, EXEMPT_UNTIL, EXEMPT_ADOPTED].contains(&name)
    };
    let refused = hardened.refusals.iter().filter(|refusal| exempting(&refusal.key));
    let refused = refused.map(|refusal| {
        Note::ExemptionRefused(format!("annotation {} is not honoured: {}", refusal.key, refusal.message))
    });
    refused.chain(unrepaired(hardened, subject).into_iter().map(Note::NotHardened)).collect()
}

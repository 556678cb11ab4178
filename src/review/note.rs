//! What the owner of a workload is to be told, besides whoever made the pod: most often that is a controller, which
//! reads no warnings.

use crate::annotation::EXEMPTING;
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
        EXEMPTING.contains(&name)
    };
    let refused = hardened.refusals.iter().filter(|refusal| exempting(&refusal.key));
    let refused = refused.map(|refusal| {
        Note::ExemptionRefused(format!("annotation {} is not honoured: {}", refusal.key, refusal.message))
    });
    refused.chain(unrepaired(hardened, subject).into_iter().map(Note::NotHardened)).collect()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::facts::Facts;
    use crate::harden::harden;
    use crate::policy::{PolicySet, parse};
    use crate::subject::Reach;
    use crate::view::Pod;

    #[test]
    fn only_what_an_owner_can_mend_is_told() {
        let policies = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: p}\n\
                        spec: {rules: {host-path: {mode: enforce}}}\n";
        let policies = PolicySet::new(parse("p", policies).expect("a policy"));
        let told = |annotations: &str, volumes: &str| {
            let json = format!(
                r#"{{"metadata":{{"annotations":{annotations}}},"spec":{{"volumes":{volumes},"containers":[{{"name":"a"}}]}}}}"#
            );
            let pod: Pod<'_> = serde_json::from_str(&json).expect("a pod");
            let subject = Subject::new(&pod, Reach::Pod).expect("a spec");
            let hardened = harden(&subject, &policies, &Facts::default(), OffsetDateTime::UNIX_EPOCH);
            notes(&hardened, &subject)
        };
        assert_eq!(told("{}", "[]"), []);
        assert_eq!(told(r#"{"pod-hardener.dev/writable-paths":"/etc"}"#, "[]"), [], "is no exemption");
        let both = told(
            r#"{"pod-hardener.dev/exempt":"seccomp"}"#,
            r#"[{"name":"v","hostPath":{"path":"/var/log"}}]"#,
        );
        let [Note::ExemptionRefused(refused), Note::NotHardened(left)] = both.as_slice() else {
            panic!("{both:?}");
        };
        assert!(refused.starts_with("annotation pod-hardener.dev/exempt is not honoured"), "{refused}");
        assert!(left.contains("host-path cannot be repaired"), "{left}");
    }
}

//! The answer's bytes.

use super::base64;
use crate::harden::Hardened;
use crate::patch::write_text;
use crate::rules::{RuleId, RuleResult, RuleSet};

const HEAD: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"#;

/// Writes the response; the parts in the order in which they are called.
pub(super) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(super) fn new(uid: &str) -> Self {
        Self::with_capacity(uid, 2048)
    }

    /// With room for so many bytes behind the uid.
    pub(super) fn with_capacity(uid: &str, rest: usize) -> Self {
        let mut out = Vec::with_capacity(HEAD.len() + uid.len() + 2 + rest);
        out.extend_from_slice(HEAD);
        write_text(&mut out, uid);
        Self { out }
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// The whole response, for another uid: what follows that is as it was written before.
    pub(super) fn again(uid: &str, rest: &[u8]) -> Vec<u8> {
        let mut again = Self::with_capacity(uid, rest.len());
        again.out.extend_from_slice(rest);
        again.out
    }

    pub(super) fn allow(&mut self) {
        self.out.extend_from_slice(br#","allowed":true"#);
    }

    pub(super) fn deny(&mut self, code: u16, message: &str) {
        self.out.extend_from_slice(br#","allowed":false,"status":{"code":"#);
        self.out.extend_from_slice(code.to_string().as_bytes());
        self.out.extend_from_slice(br#","message":"#);
        write_text(&mut self.out, message);
        self.out.push(b'}');
    }

    /// The API server refuses a `patchType` without a patch: both or none.
    pub(super) fn patch(&mut self, patch: &[u8]) {
        if patch.is_empty() {
            return;
        }
        self.out.extend_from_slice(br#","patchType":"JSONPatch","patch":""#);
        base64::append(&mut self.out, patch);
        self.out.push(b'"');
    }

    pub(super) fn warnings(&mut self, warnings: &[String]) {
        if warnings.is_empty() {
            return;
        }
        self.out.extend_from_slice(br#","warnings":["#);
        for (number, warning) in warnings.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            write_text(&mut self.out, warning);
        }
        self.out.push(b']');
    }

    pub(super) fn audit(&mut self, hardened: &Hardened<'_>) {
        self.out.extend_from_slice(br#","auditAnnotations":{"policy":"#);
        write_text(&mut self.out, &hardened.policy.name);
        for result in RuleResult::ALL {
            if result == RuleResult::AlreadySecure {
                continue;
            }
            let mut names = hardened.results.of(result).iter();
            let Some(first) = names.next() else { continue };
            self.out.extend_from_slice(b",\"");
            self.out.extend_from_slice(result.as_str().as_bytes());
            self.out.extend_from_slice(b"\":\"");
            self.out.extend_from_slice(first.as_str().as_bytes());
            for name in names {
                self.out.push(b',');
                self.out.extend_from_slice(name.as_str().as_bytes());
            }
            self.out.push(b'"');
        }
        let mut refused = hardened.refusals.iter();
        if let Some(first) = refused.next() {
            let keys = refused.fold(first.key.to_string(), |keys, next| keys + "," + &next.key);
            self.out.extend_from_slice(br#","refused":"#);
            write_text(&mut self.out, &crate::message::shorten(keys));
        }
        self.out.push(b'}');
    }

    /// Who could exempt from what, and who could not, is worth a line in the audit log.
    pub(super) fn audit_exempting(&mut self, policy: &str, demanded: RuleSet, lacking: RuleSet) {
        if demanded.is_empty() {
            return;
        }
        self.out.extend_from_slice(br#","auditAnnotations":{"policy":"#);
        write_text(&mut self.out, policy);
        for (key, rules) in [("exempting", demanded), ("not-allowed", lacking)] {
            let names: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
            if !names.is_empty() {
                self.out.push(b',');
                write_text(&mut self.out, key);
                self.out.push(b':');
                write_text(&mut self.out, &names.join(","));
            }
        }
        self.out.push(b'}');
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"}}");
        self.out
    }
}

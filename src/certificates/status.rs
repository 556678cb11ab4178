//! How it is doing, for readiness.

use std::sync::{Mutex, PoisonError};

/// What keeps this replica from being trusted.
#[derive(Debug)]
pub struct Status(Mutex<Said>);

#[derive(Debug, Clone)]
struct Said {
    trouble: Option<String>,
    line: String,
}

impl Default for Status {
    fn default() -> Self {
        let said = Said { trouble: Some("no certificate yet".to_owned()), line: String::new() };
        Self(Mutex::new(said))
    }
}

impl Status {
    /// Why the API server does not trust what is served here; `None`: it does.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// A line for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match said.trouble {
            Some(trouble) => format!("[-] certificates: {trouble}\n"),
            None => format!("[+] certificates: {}\n", said.line),
        }
    }

    /// What the trouble was before, when this is another one.
    pub(super) fn say(&self, trouble: Option<String>, line: String) -> Option<Option<String>> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = said.trouble != trouble;
        let before = std::mem::replace(&mut *said, Said { trouble, line });
        is_new.then_some(before.trouble)
    }
}

//! `POD_HARDENER_*` as settings.

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// What our variables begin with.
pub(super) const PREFIX: &str = "POD_HARDENER_";
/// The variable that names the file: no setting itself.
pub(super) const CONFIG: &str = "POD_HARDENER_CONFIG";

/// The variables that are settings, as `(name, value)`.
pub(super) struct Environment(pub(super) Vec<(String, String)>);

impl Environment {
    /// Those of our variables that are meant for us.
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, _): &(String, String)| {
            name.starts_with(PREFIX) && name != CONFIG && !is_service_link(&name[PREFIX.len()..])
        };
        Self(variables.into_iter().filter(ours).collect())
    }
}

/// Whether the kubelet wrote the variable: for a Service named `pod-hardener` or `pod-hardener-…` every container in
/// the namespace gets `POD_HARDENER_SERVICE_HOST`, `POD_HARDENER_PORT_443_TCP_ADDR` and more of the kind.
fn is_service_link(rest: &str) -> bool {
    let words: Vec<&str> = rest.split('_').collect();
    let service = words.windows(2).any(|pair| matches!(pair, ["SERVICE", "HOST" | "PORT"]));
    let numbered = words.windows(2).any(|pair| {
        pair[0] == "PORT" && !pair[1].is_empty() && pair[1].bytes().all(|byte| byte.is_ascii_digit())
    });
    service || numbered || words.last() == Some(&"PORT")
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment")
            .interpolater(|_, keys| format!("{PREFIX}{}", keys.join("_").to_ascii_uppercase()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        // Strings only: each setting's own type says what a number is.
        let dict = self
            .0
            .iter()
            .map(|(name, value)| (name[PREFIX.len()..].to_ascii_lowercase(), Value::from(value.as_str())))
            .collect();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

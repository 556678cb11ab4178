//! The profiles that are built in: `policies/images/`, in one text that the program carries.

use std::sync::{Arc, LazyLock};

use super::{ImageProfile, Profile, ProfileSet};

/// All of them as one JSON array, made by `cargo xtask generate`.
pub const LIBRARY: &str = include_str!("library.json");

/// The built-in profiles as documents. Empty only where the text above was broken, which a test sees.
#[must_use]
pub fn built_in() -> Vec<ImageProfile> {
    serde_json::from_str(LIBRARY).unwrap_or_default()
}

/// The same as a set, read once and shared: most servers and commands add nothing to it.
pub(crate) fn shared() -> Arc<ProfileSet> {
    static SET: LazyLock<Arc<ProfileSet>> =
        LazyLock::new(|| Arc::new(ProfileSet::new(built_in().into_iter().map(Profile::from))));
    Arc::clone(&SET)
}

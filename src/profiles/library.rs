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

/// The built-in profiles, and others with them.
#[must_use]
pub fn with_built_in(others: Vec<ImageProfile>) -> Arc<ProfileSet> {
    if others.is_empty() {
        return shared();
    }
    Arc::new(ProfileSet::new(built_in().into_iter().chain(others).map(Profile::from)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::Texts;
    use crate::profiles::{Origin, load};

    #[test]
    fn the_program_carries_what_stands_in_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/images");
        let written = load(&Texts::read(&folder).expect("files")).expect("valid");
        assert_eq!(written, built_in(), "run `cargo xtask generate`");
        assert!(written.len() >= 30);
        for profile in &written {
            let (name, spec) = (&profile.metadata.name, &profile.spec);
            assert_eq!(spec.source, Origin::BuiltIn, "{name}");
            assert!(!spec.evidence.is_empty() && spec.date.is_some(), "{name}");
        }
    }

    #[test]
    fn variants_of_an_image_are_told_apart() {
        let set = shared();
        for (image, name, user) in [
            ("nginx", "nginx", Some(101)),
            ("postgres:17", "postgres", Some(999)),
            ("postgres:17-alpine3.22", "postgres-alpine", Some(70)),
            ("redis:8-alpine", "redis-alpine", Some(999)),
            ("php:8.4-fpm-alpine3.22", "php-fpm-alpine", Some(82)),
            ("php:8.4-fpm", "php-fpm", Some(33)),
            ("php:8.4-apache", "php-apache", Some(33)),
            ("quay.io/prometheus/prometheus:v3", "prometheus", Some(65534)),
            ("influxdb:2.7-alpine", "influxdb-alpine", Some(1000)),
        ] {
            let found = set.find(image, "").expect(image);
            assert_eq!((found.name.as_str(), found.facts.user), (name, user), "{image}");
        }
        for image in ["php:8.4", "influxdb:3-core", "busybox", "evil.example/library/nginx"] {
            assert!(set.find(image, "").is_none(), "{image}");
        }
    }
}

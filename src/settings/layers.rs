//! The layers, and who said what.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map};
use figment::{Error, Figment, Metadata, Profile, Provider};
use serde::Serialize;

use super::environment::{CONFIG, Environment};
use super::{Flags, Settings, SettingsError};
use crate::nearest::nearest;

/// Resolves the settings from the flags, this process' environment and the file that one of them names.
///
/// # Errors
/// When the file cannot be read, a key is unknown, or a value is not valid.
pub fn load(flags: &Flags) -> Result<Settings, SettingsError> {
    Layers::new(flags, variables())?.settings()
}

/// This process' environment; what is no text cannot be ours.
pub(super) fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// All layers, not yet checked.
pub(super) struct Layers(pub(super) Figment);

impl Layers {
    pub(super) fn new(flags: &Flags, variables: Vec<(String, String)>) -> Result<Self, SettingsError> {
        let named =
            || variables.iter().find(|(name, _)| name == CONFIG).map(|(_, value)| PathBuf::from(value));
        let file = flags.config.clone().or_else(named);
        let mut figment = Figment::from(Layer::built_in());
        if let Some(path) = file {
            figment = figment.merge(read(&path)?);
        }
        Ok(Self(figment.merge(Environment::new(variables)).merge(Layer::flags(flags))))
    }

    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        self.check_keys()?;
        let settings: Settings = self.0.extract()?;
        settings.check()?;
        Ok(settings)
    }

    /// Where a setting comes from.
    pub(super) fn origin(&self, key: &str) -> String {
        self.0.find_metadata(key).map_or_else(String::new, |metadata| describe(metadata, key))
    }

    fn check_keys(&self) -> Result<(), SettingsError> {
        let known = keys();
        let layers = self.0.data()?;
        for (key, value) in layers.values().flatten() {
            if known.contains(key) {
                continue;
            }
            let hint = nearest(key, known.iter().map(String::as_str))
                .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            let metadata = self.0.get_metadata(value.tag());
            let origin = metadata.map_or_else(String::new, |metadata| describe(metadata, key));
            return Err(SettingsError::Unknown { key: key.clone(), origin, hint });
        }
        Ok(())
    }
}

/// Every key there is.
fn keys() -> Vec<String> {
    let fields = serde_json::to_value(Settings::default());
    let Ok(serde_json::Value::Object(fields)) = fields else { return Vec::new() };
    fields.into_iter().map(|(key, _)| key).collect()
}

fn describe(metadata: &Metadata, key: &str) -> String {
    match metadata.source.as_ref().and_then(figment::Source::file_path) {
        Some(path) => path.display().to_string(),
        None if metadata.name == BUILT_IN => BUILT_IN.to_owned(),
        None => metadata.interpolate(&Profile::Default, &[key]),
    }
}

/// figment passes over a file that is not there; who names one wants it read.
fn read(path: &Path) -> Result<figment::providers::Data<Toml>, SettingsError> {
    std::fs::File::open(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
    Ok(Toml::file_exact(path))
}

const BUILT_IN: &str = "built-in";

/// A layer that is made here.
struct Layer<T> {
    metadata: Metadata,
    value: T,
}

impl Layer<Settings> {
    fn built_in() -> Self {
        Self { metadata: Metadata::named(BUILT_IN), value: Settings::default() }
    }
}

impl<'f> Layer<&'f Flags> {
    fn flags(flags: &'f Flags) -> Self {
        let metadata = Metadata::named("the flags")
            .interpolater(|_, keys| format!("--{}", keys.join("-").replace('_', "-")));
        Self { metadata, value: flags }
    }
}

impl<T: Serialize> Provider for Layer<T> {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Serialized::defaults(&self.value).data()
    }
}

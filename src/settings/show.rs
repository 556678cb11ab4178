//! `pod-hardener config show`

use std::io::Write;

use serde_json::Value;

use super::layers::{Layers, variables};
use super::{Flags, SettingsError};

/// Prints the resolved settings as a TOML file, and where each comes from as a comment.
///
/// # Errors
/// When the settings cannot be resolved, or not be printed.
pub fn show(flags: &Flags, out: &mut dyn Write) -> Result<(), SettingsError> {
    print(&Layers::new(flags, variables())?, out)
}

pub(super) fn print(layers: &Layers, out: &mut dyn Write) -> Result<(), SettingsError> {
    let settings = layers.settings()?;
    let fields = serde_json::to_value(&settings).map_err(std::io::Error::other)?;
    for (key, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Null => writeln!(out, "# {key} is not set")?,
            // A JSON string or number is one in TOML.
            value => writeln!(out, "{key} = {value} # {}", layers.origin(key))?,
        }
    }
    Ok(())
}

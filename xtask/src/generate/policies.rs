//! `policies/`: the presets, written out.

use anyhow::{Context, Result};
use pod_hardener::policy::Preset;

use super::{COMMAND, Page};

pub(super) fn pages() -> Result<Vec<Page>> {
    Preset::ALL.into_iter().map(page).collect()
}

fn page(preset: Preset) -> Result<Page> {
    let name = preset.as_str();
    let body = serde_saphyr::to_string(&preset.document())
        .with_context(|| format!("cannot write the preset {name} as YAML"))?;
    let text = format!(
        "# {name}: {}.\n\
         # The same as `--policy {name}`, every value written out: a start for a policy of your own.\n\
         # Written by `{COMMAND}`; docs/policy.md says what each field means.\n\
         {body}",
        preset.summary(),
    );
    Ok(Page { path: format!("policies/{name}.yaml"), text })
}

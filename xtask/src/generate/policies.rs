//! `policies/`: the presets, written out, and what an editor needs to help with a policy file; and the custom
//! resource's definition.

use anyhow::{Context, Result};
use pod_hardener::docs::crd::{PLURAL, policy_crd};
use pod_hardener::docs::schema::policy_schema;
use pod_hardener::manifest::to_yaml;
use pod_hardener::policy::Preset;

use super::{COMMAND, Page};

pub(super) fn pages() -> Result<Vec<Page>> {
    let mut pages = Preset::ALL.into_iter().map(preset_page).collect::<Result<Vec<Page>>>()?;
    pages.push(Page { path: "policies/schema.json".to_owned(), text: policy_schema() });
    let crd = format!(
        "# Policies as objects of the cluster: docs/policy.md. Written by `{COMMAND}`.\n{}",
        to_yaml(&policy_crd())
    );
    pages.push(Page { path: format!("manifests/crd/{PLURAL}.yaml"), text: crd });
    Ok(pages)
}

fn preset_page(preset: Preset) -> Result<Page> {
    let name = preset.as_str();
    let document = serde_json::to_value(preset.document())
        .with_context(|| format!("cannot write the preset {name} as JSON"))?;
    let text = format!(
        "# {name}: {}.\n\
         # The same as `--policy {name}`, every value written out: a start for a policy of your own.\n\
         # Written by `{COMMAND}`; docs/policy.md says what each field means.\n\
         {}",
        preset.summary(),
        to_yaml(&document),
    );
    Ok(Page { path: format!("policies/{name}.yaml"), text })
}

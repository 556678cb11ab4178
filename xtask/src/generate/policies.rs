//! `policies/`: the presets, written out, and what an editor needs to help with a policy file. In `manifests/`: the
//! custom resource's definition, and the check of exemptions.

use anyhow::{Context, Result};
use pod_hardener::authority::policy::{Action, Settings, documents};
use pod_hardener::docs::crd::{PLURAL, policy_crd};
use pod_hardener::docs::profiles::{PROFILES_PLURAL, profile_crd, profile_schema};
use pod_hardener::docs::schema::policy_schema;
use pod_hardener::manifest::to_yaml;
use pod_hardener::policy::{Preset, Texts};
use pod_hardener::profiles;

use super::{COMMAND, Page, chart};
use crate::run;

pub(super) fn pages() -> Result<Vec<Page>> {
    let mut pages = Preset::ALL.into_iter().map(preset_page).collect::<Result<Vec<Page>>>()?;
    pages.push(Page { path: "policies/schema.json".to_owned(), text: policy_schema() });
    pages.push(exemption_policy());
    let crd = format!(
        "# Policies as objects of the cluster: docs/policy.md. Written by `{COMMAND}`.\n{}",
        to_yaml(&policy_crd())
    );
    let of_profiles = format!(
        "# Facts about images as objects of the cluster: docs/profiles.md. Written by `{COMMAND}`.\n{}",
        to_yaml(&profile_crd())
    );
    pages.extend(chart::pages(&format!("{crd}---\n{of_profiles}"))?);
    for (plural, text) in [(PLURAL, crd), (PROFILES_PLURAL, of_profiles)] {
        pages.push(Page { path: format!("manifests/base/crd/{plural}.yaml"), text });
    }
    pages.push(Page { path: "policies/images/schema.json".to_owned(), text: profile_schema() });
    pages.push(library()?);
    Ok(pages)
}

/// `policies/images/` in one text, as the program carries it.
fn library() -> Result<Page> {
    let texts = Texts::read(&run::root().join("policies/images"))?;
    let library = profiles::load(&texts)?.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(Page {
        path: "src/profiles/library.json".to_owned(),
        text: format!("[\n{}\n]\n", library.join(",\n")),
    })
}

fn exemption_policy() -> Page {
    let [check, binding] = documents(&Settings::default(), Action::Deny);
    let text = format!(
        "# The check of exemptions inside the API server: docs/exemptions.md says when to apply it, and what it asks.\n\
         # Written by `{COMMAND}`, for the built-in prefix; for a policy of your own: `pod-hardener generate exemption-policy`.\n\
         {}---\n{}",
        to_yaml(&check),
        to_yaml(&binding),
    );
    Page { path: "manifests/base/exemption-policy.yaml".to_owned(), text }
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

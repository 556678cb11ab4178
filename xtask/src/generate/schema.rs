//! `policies/schema.json`: what an editor needs to help with a policy file.

use anyhow::{Context, Result};
use pod_hardener::policy::HardeningPolicy;

use super::Page;

pub(super) fn page() -> Result<Page> {
    let schema = schemars::schema_for!(HardeningPolicy);
    let mut text = serde_json::to_string_pretty(&schema).context("cannot write the schema as JSON")?;
    text.push('\n');
    Ok(Page { path: "policies/schema.json".to_owned(), text })
}

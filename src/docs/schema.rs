//! The JSON Schema of policy files.

use serde_json::{Value, json};

use crate::policy::{API_VERSION, HardeningPolicy, KIND};

/// Under which name editors and validators know the schema.
pub const POLICY_SCHEMA_ID: &str = "https://pod-hardener.dev/schemas/hardeningpolicy-v1alpha1.json";

/// The schema, generated from the types that read policies.
#[must_use]
pub fn policy_schema() -> String {
    let mut schema = schemars::schema_for!(HardeningPolicy);
    schema.insert("$id".to_owned(), POLICY_SCHEMA_ID.into());
    schema.insert("title".to_owned(), KIND.into());
    for (field, constant) in [("/properties/apiVersion", API_VERSION), ("/properties/kind", KIND)] {
        if let Some(Value::Object(field)) = schema.pointer_mut(field) {
            field.insert("const".to_owned(), json!(constant));
        }
    }
    format!("{:#}\n", schema.as_value())
}

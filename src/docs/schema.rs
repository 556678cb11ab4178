//! The JSON Schema of policy files.

use serde_json::{Map, Value, json};

use crate::policy::{API_VERSION, HardeningPolicy, KIND, LONGEST_TEXT, MOST_ITEMS, MOST_KEYS};

/// Under which name editors and validators know the schema.
pub const POLICY_SCHEMA_ID: &str = "https://pod-hardener.dev/schemas/hardeningpolicy-v1alpha1.json";

/// The schema, generated from the types that read policies.
#[must_use]
pub fn policy_schema() -> String {
    let mut schema = of_the_type();
    // A file says nothing of what became of it: readers pass it over, whatever it is.
    schema["properties"]["status"] = json!({"description": "Not looked at in files."});
    if let Some(definitions) = schema["$defs"].as_object_mut() {
        definitions.retain(|name, _| !["PolicyStatus", "Condition", "Replica"].contains(&name.as_str()));
    }
    of_files(schema, KIND, POLICY_SCHEMA_ID)
}

/// The schema of a kind of file, for editors.
pub(super) fn of_files(mut schema: Value, kind: &str, id: &str) -> String {
    for (field, word) in [("apiVersion", API_VERSION), ("kind", kind)] {
        schema["properties"][field] = json!({"description": format!("`{word}`"), "const": word});
    }
    schema["$id"] = json!(id);
    schema["title"] = json!(kind);
    format!("{schema:#}\n")
}

/// What the types say, with the bounds that hold for every list, map and text.
pub(super) fn of_the_type() -> Value {
    bounded(schemars::schema_for!(HardeningPolicy).into())
}

/// A schema with the bounds that hold for every list, map and text.
pub(super) fn bounded(mut schema: Value) -> Value {
    bound(&mut schema);
    schema
}

fn bound(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is = |fields: &Map<String, Value>, kind: &str| match &fields.get("type") {
                Some(Value::String(name)) => name == kind,
                Some(Value::Array(names)) => names.iter().any(|name| name == kind),
                _ => false,
            };
            let chosen = fields.contains_key("enum") || fields.contains_key("const");
            if is(fields, "string") && !chosen {
                fields.entry("maxLength").or_insert_with(|| json!(LONGEST_TEXT));
            }
            if is(fields, "array") {
                fields.entry("maxItems").or_insert_with(|| json!(MOST_ITEMS));
            }
            if is(fields, "object") && fields.get("additionalProperties").is_some_and(Value::is_object) {
                fields.entry("maxProperties").or_insert_with(|| json!(MOST_KEYS));
            }
            // What a field is when it is not given describes nothing.
            fields.iter_mut().filter(|(name, _)| *name != "default").for_each(|(_, value)| bound(value));
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        _ => {}
    }
}

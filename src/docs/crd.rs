//! The custom resource's definition, made from the same types as the JSON Schema of policy files.

use serde_json::{Map, Value, json};

use super::crd_checks;
use super::schema::of_the_type;
use crate::policy::{API_VERSION, KIND};

/// The resource's name in paths and roles.
pub const PLURAL: &str = "hardeningpolicies";

/// Where the meanings of words are kept until the description is known.
const WORDS: &str = "$words";

/// The CustomResourceDefinition.
#[must_use]
pub fn policy_crd() -> Value {
    let mut schema = whole_object(of_the_type());
    crd_checks::add(&mut schema);
    let columns = json!([
        {"name": "Preset", "type": "string", "jsonPath": ".spec.preset"},
        {
            "name": "Accepted",
            "type": "string",
            "jsonPath": ".status.conditions[?(@.type==\"Accepted\")].status",
        },
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    let mut crd = definition(KIND, PLURAL, "hp", &columns, schema);
    crd["spec"]["versions"][0]["subresources"] = json!({"status": {}});
    crd
}

/// The schema of an object of ours as the API server wants it.
pub(super) fn whole_object(mut schema: Value) -> Value {
    let definitions = schema["$defs"].take();
    let mut schema = structural(&schema, &definitions);
    let of_kubernetes = |description: &str| json!({"type": "string", "description": description});
    schema["properties"]["apiVersion"] = of_kubernetes("The version of this schema.");
    schema["properties"]["kind"] = of_kubernetes("The kind of this object.");
    // The API server allows of the metadata nothing but the name to be bounded.
    let name = schema["properties"]["metadata"]["properties"]["name"].take();
    schema["properties"]["metadata"] = json!({"type": "object", "properties": {
        "name": {"type": "string", "maxLength": name["maxLength"], "pattern": name["pattern"]},
    }});
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    schema
}

/// The definition of a kind of ours, for the whole cluster.
pub(super) fn definition(kind: &str, plural: &str, short: &str, columns: &Value, schema: Value) -> Value {
    let (group, version) = API_VERSION.split_once('/').unwrap_or_default();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase(),
                "shortNames": [short],
            },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

/// A schema as the API server wants it: no references, one type for each value, and no defaults. What is not given
/// stays so in the object that people read, and is what the webhook of the day takes it for.
fn structural(schema: &Value, definitions: &Value) -> Value {
    let Some(fields) = schema.as_object() else { return schema.clone() };
    let mut out = Map::new();
    if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
        let definition = &definitions[name.rsplit('/').next().unwrap_or_default()];
        if let Value::Object(definition) = structural(definition, definitions) {
            out = definition;
        }
    }
    for key in ["anyOf", "oneOf"] {
        let Some(choices) = fields.get(key).and_then(Value::as_array) else { continue };
        // Beside `null` there is one: `null` is the same as not given.
        let mut others = choices.iter().filter(|choice| choice["type"] != "null");
        if key == "oneOf" {
            out = one_of(choices);
        } else if let Some(Value::Object(only)) = others.next().map(|choice| structural(choice, definitions))
        {
            out = only;
        }
    }
    for (key, value) in fields {
        match key.as_str() {
            "type" => {
                let kinds = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                out.extend(kinds.iter().find(|kind| *kind != "null").map(|kind| (key.clone(), kind.clone())));
            }
            "description" => {
                let text = value.as_str().unwrap_or_default().replace('\n', " ");
                out.insert(key.clone(), json!(text));
            }
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, value)| (name.clone(), whole(value, definitions)));
                out.insert(key.clone(), properties.collect::<Map<_, _>>().into());
            }
            "items" => drop(out.insert(key.clone(), whole(value, definitions))),
            "additionalProperties" if value.is_object() => {
                out.insert(key.clone(), whole(value, definitions));
            }
            "format" if ["int32", "int64", "date-time"].iter().any(|format| value == format) => {
                out.insert(key.clone(), value.clone());
            }
            "enum" | "minimum" | "maximum" | "minLength" | "maxLength" | "pattern" | "minItems"
            | "maxItems" | "maxProperties" | "required" => drop(out.insert(key.clone(), value.clone())),
            extension if extension.starts_with("x-kubernetes-") => {
                out.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    out.into()
}

/// The schema of a field, with what each of its words means in the description.
fn whole(schema: &Value, definitions: &Value) -> Value {
    let mut schema = structural(schema, definitions);
    if let Some(fields) = schema.as_object_mut()
        && let Some(Value::String(words)) = fields.remove(WORDS)
    {
        let text = fields.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{text} {words}");
        fields.insert("description".to_owned(), json!(text.trim_start()));
    }
    schema
}

/// Words to choose from, and what each means.
fn one_of(choices: &[Value]) -> Map<String, Value> {
    let words: Vec<&Value> = choices.iter().map(|choice| &choice["const"]).collect();
    let mut meanings = String::new();
    for choice in choices {
        let word = choice["const"].as_str().unwrap_or_default();
        let meaning = choice["description"].as_str().unwrap_or_default().replace('\n', " ");
        meanings += &format!(" `{word}`: {meaning}");
    }
    let meanings = json!(meanings.trim_start());
    [("type", json!("string")), ("enum", json!(words)), (WORDS, meanings)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

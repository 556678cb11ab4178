//! The definition and the JSON Schema of profiles, from the type that reads them.

use serde_json::{Value, json};

use super::crd::{definition, whole_object};
use super::crd_checks::{FORBIDDEN_MESSAGE, check, forbidden, quantity};
use super::schema::{bounded, of_files};
use crate::profiles::{ImageProfile, KIND, MOST_PATHS};
use crate::rules::capabilities::GIVEN;

/// The resource's name in paths and roles.
pub const PROFILES_PLURAL: &str = "imageprofiles";
/// Under which name editors and validators know the schema.
pub const PROFILE_SCHEMA_ID: &str = "https://pod-hardener.dev/schemas/imageprofile-v1alpha1.json";

const SPEC: &str = "/properties/spec";

/// The JSON Schema of profile files.
#[must_use]
pub fn profile_schema() -> String {
    of_files(of_the_type(), KIND, PROFILE_SCHEMA_ID)
}

/// The CustomResourceDefinition.
#[must_use]
pub fn profile_crd() -> Value {
    let mut schema = whole_object(of_the_type());
    schema["required"] = json!(["spec"]);
    checks(&mut schema);
    let columns = json!([
        {"name": "User", "type": "integer", "jsonPath": ".spec.user"},
        {"name": "Posture", "type": "string", "jsonPath": ".spec.posture"},
        {"name": "Source", "type": "string", "jsonPath": ".spec.source"},
        {"name": "Approved", "type": "boolean", "jsonPath": ".spec.approved"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    definition(KIND, PROFILES_PLURAL, "ip", &columns, schema)
}

fn of_the_type() -> Value {
    let mut schema = bounded(schemars::schema_for!(ImageProfile).into());
    let spec = &mut schema["$defs"]["ProfileSpec"]["properties"];
    spec["writablePaths"]["maxItems"] = json!(MOST_PATHS);
    spec["capabilities"]["items"] = json!({"type": "string", "enum": GIVEN});
    schema
}

/// The counterpart of `profiles/validate.rs`.
fn checks(schema: &mut Value) {
    let of_spec = |field: &str| format!("{SPEC}/properties/{field}");
    let repositories = "/properties/spec/properties/match/properties/repositories";
    check(
        schema,
        &format!("{repositories}/items"),
        r"!self.contains('@') && !self.matches(r':[^/]*$')",
        "has a tag or a digest: write them into tags and digests",
    );
    check(
        schema,
        &format!("{repositories}/items"),
        r"self.matches(r'^[!-~]+$') && !self.matches(r'(^/|//|/$)')",
        "is no repository",
    );
    check(
        schema,
        "/properties/spec/properties/match/properties/digests/items",
        "self.matches(r'^[^:]+:[0-9a-fA-F]{32,}$')",
        "must be a digest such as sha256:…",
    );
    check(schema, SPEC, "!has(self.group) || has(self.user)", "group needs user");
    check(
        schema,
        SPEC,
        "!has(self.allowPrivilegeEscalation) || !self.allowPrivilegeEscalation || \
         (has(self.posture) && self.posture != 'full')",
        "allowPrivilegeEscalation needs posture isolated or safe",
    );
    let memory = of_spec("memory");
    quantity(schema, &memory);
    check(schema, &memory, "self != ''", "must be a quantity");
    for (field, unset) in
        [("approved", "!has(self.approved)"), ("round", "!has(self.round) || self.round == 0")]
    {
        check(
            schema,
            SPEC,
            &format!("{unset} || (has(self.source) && self.source == 'learnt')"),
            &format!("{field} needs source learnt"),
        );
    }
    check(
        schema,
        &of_spec("environment"),
        "self.all(name, name.matches(r'^[ -<>-~]+$'))",
        "holds what is no name of a variable",
    );
    let path = of_spec("writablePaths/items");
    quantity(schema, &format!("{path}/properties/size"));
    check(schema, &format!("{path}/properties/size"), "self != ''", "must be a quantity");
    check(
        schema,
        &format!("{path}/properties/path"),
        r"self.matches(r'^(/[^/:\p{Cc}]+)+/*$') && !self.matches(r'/\.\.?(/|$)')",
        "must be an absolute path, written out, without \":\"",
    );
    let hides = forbidden();
    let own = "^/usr/(local|share)/[^/]+/";
    let systems = "^/usr/(local|share)/(bin|sbin|etc|lib[^/]*)/";
    check(
        schema,
        &path,
        &format!(
            "!self.path.matches(r'{hides}') || (has(self.content) && self.content == 'needed') || \
             (self.path.matches(r'{own}') && !self.path.matches(r'{systems}'))"
        ),
        FORBIDDEN_MESSAGE,
    );
    check(
        schema,
        SPEC,
        &format!(
            "!has(self.source) || self.source != 'learnt' || !has(self.writablePaths) || \
             self.writablePaths.all(entry, !entry.path.matches(r'{hides}'))"
        ),
        "what was learnt may name no directory of the system",
    );
}

//! What the types of a policy cannot say, in CEL, so that `kubectl apply` says it: the counterpart of
//! `policy/validate.rs`.

use serde_json::{Value, json};

use crate::rules::resources::{Defaults, Quantities};
use crate::tuning::FORBIDDEN;

const RESOURCES: &str = "/properties/spec/properties/rules/properties/resources/properties";

/// Puts every check where it belongs.
pub(super) fn add(schema: &mut Value) {
    let spec = "/properties/spec/properties";
    check(
        schema,
        &format!("{spec}/annotationPrefix"),
        r"self.matches(r'^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')",
        "must be a DNS name of at most 180 characters, such as pod-hardener.dev",
    );
    // What the loader takes for the floor where none is written.
    let rbac_or_enforced = "(has(self.preset) && self.preset == 'enforced') || (has(self.exemptions) && \
                            has(self.exemptions.authorization) && self.exemptions.authorization == 'rbac')";
    let floor =
        format!("(has(self.posture.floor) ? self.posture.floor : {rbac_or_enforced} ? 'full' : 'safe')");
    check(
        schema,
        "/properties/spec",
        &format!(
            "!has(self.posture) || !has(self.posture.unknown) || self.posture.unknown == 'full' || \
             {floor} == 'safe' || self.posture.unknown == {floor}"
        ),
        "posture.unknown must not be below posture.floor, which is full with preset enforced or exemptions by rbac",
    );
    let exemptions = format!("{spec}/exemptions");
    let rbac = "(has(self.authorization) && self.authorization == 'rbac')";
    check(
        schema,
        &exemptions,
        &format!("!has(self.trustedControllers) || size(self.trustedControllers) == 0 || {rbac}"),
        "trustedControllers needs authorization rbac: else nobody is asked",
    );
    check(
        schema,
        &exemptions,
        &format!("!has(self.pinImages) || !self.pinImages || {rbac}"),
        "pinImages needs authorization rbac: else nobody is asked",
    );
    quantity(schema, &format!("{spec}/guard/properties/memoryCap"));
    let root = format!("{spec}/rules/properties/read-only-root-filesystem/properties");
    paths(schema, &format!("{root}/writablePaths/items"));
    quantity(schema, &format!("{root}/sizeLimit"));
    check(
        schema,
        &format!("{root}/copyUp/properties/image"),
        r"self.matches(r'^[!-~]+$') && !self.matches(r'(^[/:@]|//|[/:@]$)')",
        "must be an image, such as registry.example.com/pod-hardener:1.0",
    );
    for kind in ["containers", "initContainers", "sidecars"] {
        resources(schema, &format!("{RESOURCES}/{kind}"));
    }
}

pub(super) fn check(schema: &mut Value, place: &str, rule: &str, message: &str) {
    let Some(schema) = schema.pointer_mut(place).and_then(Value::as_object_mut) else { return };
    let checks = schema.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Some(checks) = checks.as_array_mut() {
        checks.push(json!({"rule": rule, "message": message}));
    }
}

fn paths(schema: &mut Value, place: &str) {
    if let Some(path) = schema.pointer_mut(place) {
        path["maxLength"] = json!(255);
    }
    check(schema, place, r"self.matches(r'^/[^:\p{Cc}]*$')", "must be an absolute path without \":\"");
    check(schema, place, r"!self.matches(r'(^|/)\.\.(/|$)')", "must not go up with \"..\"");
    check(schema, place, &format!("!self.matches(r'{}')", forbidden()), FORBIDDEN_MESSAGE);
}

/// What is said of a path that is forbidden.
pub(super) const FORBIDDEN_MESSAGE: &str =
    "is not a place for a writable directory: it would hide the system, or the token";

/// An expression for paths that hide the system.
pub(super) fn forbidden() -> String {
    // As the kernel reads paths: // and /./ are /.
    const SLASH: &str = r"/(\.?/)*";
    let join = |path: &str| path.replace('.', r"\.").trim_start_matches('/').replace('/', SLASH);
    let forbidden = FORBIDDEN.iter().flat_map(|root| {
        // /var/run is a link to /run.
        [Some(join(root)), root.strip_prefix("/var/").map(join)].into_iter().flatten()
    });
    let forbidden: Vec<String> = forbidden.collect();
    format!(r"^{SLASH}(\.?$|lib|({})(/|$))", forbidden.join("|"))
}

/// The API server's own quantities may be below zero.
pub(super) fn quantity(schema: &mut Value, place: &str) {
    if let Some(quantity) = schema.pointer_mut(place) {
        quantity["maxLength"] = json!(64);
    }
    check(
        schema,
        place,
        "self == '' || (isQuantity(self) && !self.startsWith('-'))",
        "must be a quantity such as 500m or 1Gi, or empty",
    );
}

fn resources(schema: &mut Value, place: &str) {
    let Defaults { requests, limits } = Defaults::default();
    let default = |quantities: &Quantities, resource: &str| {
        let Quantities { cpu, memory, ephemeral_storage } = quantities.clone();
        match resource {
            "cpu" => cpu,
            "memory" => memory,
            _ => ephemeral_storage,
        }
    };
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        for list in ["requests", "limits"] {
            quantity(schema, &format!("{place}/properties/{list}/properties/{resource}"));
        }
        // A list that is not given is the built-in one; in a list that is, what is not named is not set.
        let value = |list: &str, default: &str| {
            let field = format!("self.{list}.{}", resource.replace('-', "__dash__"));
            format!("(has(self.{list}) ? (has({field}) ? {field} : '') : '{default}')")
        };
        let request = value("requests", &default(&requests, resource));
        let limit = value("limits", &default(&limits, resource));
        check(
            schema,
            place,
            &format!(
                "!isQuantity({request}) || !isQuantity({limit}) || \
                 quantity({request}).compareTo(quantity({limit})) <= 0"
            ),
            &format!("requests.{resource} must not be above limits.{resource}"),
        );
    }
}

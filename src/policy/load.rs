//! Reading policies: files with one or more documents, and custom resources.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_saphyr::{DuplicateKeyPolicy, Error};

use super::validate::validate;
use super::{API_VERSION, HardeningPolicy, KIND, Policy, PolicyError, PolicySet, Source, place};
use crate::nearest::nearest;

/// Loads what `--policy` names: a preset, or a file or folder with one or more policies.
///
/// # Errors
/// When it is none of these, or a file is not valid: file, line, and the nearest valid name.
pub fn load(name: &str) -> Result<PolicySet, PolicyError> {
    Source::find(name)?.load()
}

/// Parses the policies in a file; `source` names it in errors.
///
/// # Errors
/// When the text is no YAML, or no valid policy.
pub fn parse(source: &str, text: &str) -> Result<Vec<Policy>, PolicyError> {
    let documents: Vec<HardeningPolicy> = documents(source, text)?;
    let invalid = |message: String| PolicyError::Invalid { place: source.to_owned(), message };
    if documents.is_empty() {
        return Err(invalid(format!("holds no {KIND}")));
    }
    let mut policies: Vec<Policy> = Vec::with_capacity(documents.len());
    for (number, document) in documents.into_iter().enumerate() {
        let name = document.metadata.name.clone();
        let wrong = |field: &str, message: String| PolicyError::Invalid {
            place: place(source, text, number, field),
            message: format!("policy \"{name}\"{message}"),
        };
        if policies.iter().any(|policy| policy.name == name) {
            return Err(wrong("metadata.name", " is there twice".to_owned()));
        }
        validate(&document).map_err(|message| wrong(field_of(&message), format!(": {message}")))?;
        policies.push(Policy::resolve(document));
    }
    Ok(policies)
}

/// The field with which a message of [`validate`] begins.
fn field_of(message: &str) -> &str {
    message.split([' ', ':']).next().unwrap_or_default()
}

/// File, line and column of a field; the file alone where the field is not written.
fn place(source: &str, text: &str, number: usize, field: &str) -> String {
    let found = place::of_field(text, number, field);
    found.map_or_else(|| source.to_owned(), |(line, column)| format!("{source}:{line}:{column}"))
}

/// The documents in a file, of whatever kind is read; `source` names it in errors.
pub(crate) fn documents<T: DeserializeOwned>(source: &str, text: &str) -> Result<Vec<T>, PolicyError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| describe(source, &error))
}

/// The policy that a custom resource's `spec` is.
///
/// # Errors
/// For people: the field, and what is wrong with it.
pub fn parse_object(name: &str, spec: Option<&Value>) -> Result<Policy, String> {
    let document: HardeningPolicy = object(KIND, name, spec)?;
    validate(&document)?;
    Ok(Policy::resolve(document))
}

/// The document that a custom resource of our group is, by its `spec`.
pub(crate) fn object<T: DeserializeOwned>(kind: &str, name: &str, spec: Option<&Value>) -> Result<T, String> {
    let spec = spec.cloned().unwrap_or_else(|| json!({}));
    if !spec.is_object() {
        return Err("spec: must be an object".to_owned());
    }
    let read = |spec: Value| {
        let whole =
            json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
        serde_json::from_value::<T>(whole)
    };
    read(spec.clone()).map_err(|error| {
        let is_wrong = |spec: Value| read(spec).is_err_and(|alone| alone.to_string() == error.to_string());
        format!("{}: {error}", culprit(&spec, is_wrong))
    })
}

/// The path to the field that cannot be read: of each object the field that is wrong in the same way even when it is
/// alone.
fn culprit(spec: &Value, is_wrong: impl Fn(Value) -> bool) -> String {
    let mut path: Vec<&str> = Vec::new();
    let mut within = spec;
    while let Some(fields) = within.as_object() {
        let alone = |field: &str, value: &Value| {
            let innermost = Value::Object(Map::from_iter([(field.to_owned(), value.clone())]));
            path.iter()
                .rev()
                .fold(innermost, |inner, outer| Value::Object(Map::from_iter([((*outer).to_owned(), inner)])))
        };
        let Some((field, value)) = fields.iter().find(|(field, value)| is_wrong(alone(field, value))) else {
            break;
        };
        path.push(field);
        within = value;
    }
    path.iter().fold("spec".to_owned(), |path, field| format!("{path}.{field}"))
}

/// File, line, column, what is wrong, and the nearest valid name.
fn describe(source: &str, error: &Error) -> PolicyError {
    let error = error.without_snippet();
    let place = error.location().map_or_else(
        || source.to_owned(),
        |location| format!("{source}:{}:{}", location.line(), location.column()),
    );
    let message = match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("field", field, expected.iter().copied()),
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            unknown("value", variant, expected.iter().copied())
        }
        other => other.to_string(),
    };
    PolicyError::Invalid { place, message }
}

fn unknown<'c>(what: &str, name: &str, expected: impl Iterator<Item = &'c str>) -> String {
    let expected: Vec<&str> = expected.collect();
    let hint = nearest(name, expected.iter().copied())
        .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
    format!("unknown {what} `{name}`{hint} (one of: {})", expected.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Mode, RuleId};

    const HEAD: &str = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata:\n  name: p\n";

    fn error(spec: &str) -> String {
        parse("p.yaml", &format!("{HEAD}{spec}")).expect_err("is wrong").to_string()
    }

    #[test]
    fn bad_values_are_said_with_their_line() {
        for (spec, expected) in [
            (
                "spec:\n  rules:\n    read-only-root-filesystem:\n      sizeLimit: 1Gg\n",
                "p.yaml:8:7: policy \"p\": spec.rules.read-only-root-filesystem.sizeLimit `1Gg` is no quantity",
            ),
            (
                "spec: {rules: {run-as-non-root: {runAsUser: 0}}}\n",
                "p.yaml:5:34: policy \"p\": spec.rules.run-as-non-root.runAsUser must be from 1 to 2147483647",
            ),
            (
                "spec:\n  rules:\n    resources:\n      containers:\n        requests: {cpu: 2}\n        limits: {cpu: 1}\n",
                "p.yaml:9:20: policy \"p\": spec.rules.resources.containers.requests.cpu `2` is above limits.cpu `1`",
            ),
            (
                "spec:\n  rules:\n    read-only-root-filesystem:\n      writablePaths: [/etc]\n",
                "p.yaml:8:7: policy \"p\": spec.rules.read-only-root-filesystem.writablePaths: \"/etc\" is not a place for a writable directory",
            ),
            (
                "---\napiVersion: pod-hardener.dev/v1alpha1\nkind: Other\nmetadata:\n  name: q\n",
                "p.yaml:7:1: policy \"q\": kind is `Other`, must be `HardeningPolicy`",
            ),
        ] {
            assert_eq!(error(spec), expected, "{spec}");
        }
    }

    #[test]
    fn a_policy_changes_what_it_names() {
        let text = format!(
            "{HEAD}spec:\n  preset: safe\n  rules:\n    seccomp:\n      mode: observe\n    run-as-non-root:\n      mode: default\n      runAsUser: 1000\n"
        );
        let policies = parse("p.yaml", &text).expect("valid");
        let policy = &policies[0];
        assert_eq!(policy.mode(RuleId::seccomp), Mode::Observe);
        assert_eq!(policy.mode(RuleId::run_as_non_root), Mode::Default);
        assert_eq!(policy.mode(RuleId::capabilities), Mode::Off);
        assert_eq!(policy.rules.run_as_non_root.run_as_user, 1000);
        assert_eq!(policy.rules.run_as_non_root.run_as_group, 65532);
    }

    #[test]
    fn several_documents_and_none() {
        let two = format!("{HEAD}---\n{}spec: {{preset: observe}}\n", HEAD.replace("name: p", "name: q"));
        assert_eq!(parse("p.yaml", &two).expect("valid").len(), 2);
        assert!(parse("p.yaml", "# nothing\n").is_err());
        let twice = parse("p.yaml", &format!("{HEAD}---\n{HEAD}")).expect_err("one name").to_string();
        assert!(twice.contains("policy \"p\" is there twice"), "{twice}");
    }

    #[test]
    fn errors_name_the_line_and_the_nearest_name() {
        let message = error("spec:\n  rules:\n    sekcomp: {mode: off}\n");
        assert!(message.starts_with("p.yaml:7:"), "{message}");
        assert!(message.contains("did you mean `seccomp`?"), "{message}");
        let message = error("spec:\n  rules:\n    seccomp: {mode: enforced}\n");
        assert!(message.contains("did you mean `enforce`?"), "{message}");
        let message = error("spec:\n  presett: safe\n");
        assert!(message.contains("did you mean `preset`?"), "{message}");
        let message = error("spec:\n  exemptions:\n    rules: [capabilites]\n");
        assert!(message.contains("did you mean `capabilities`?"), "{message}");
    }

    #[test]
    fn values_out_of_range_name_their_field() {
        for (spec, field) in [
            ("spec: {rules: {run-as-non-root: {runAsUser: 0}}}", "runAsUser"),
            ("spec: {rules: {read-only-root-filesystem: {writablePaths: [/etc]}}}", "writablePaths"),
            ("spec: {rules: {read-only-root-filesystem: {sizeLimit: big}}}", "sizeLimit"),
            ("spec: {rules: {resources: {sidecars: {limits: {cpu: x}}}}}", "resources.sidecars.limits.cpu"),
            (
                "spec: {rules: {resources: {containers: {requests: {cpu: '9'}, limits: {cpu: '1'}}}}}",
                "requests.cpu",
            ),
            ("spec: {annotationPrefix: 'A B'}", "annotationPrefix"),
            ("spec: {annotationPrefix: '.example.com'}", "annotationPrefix"),
            ("spec: {annotationPrefix: 'a..b'}", "annotationPrefix"),
            ("spec: {exemptions: {maxDays: 0}}", "maxDays"),
            ("spec: {exemptions: {pinImages: true}}", "pinImages"),
            ("spec: {exemptions: {trustedControllers: [a]}}", "trustedControllers"),
        ] {
            let message = error(spec);
            assert!(message.contains(field), "{spec}: {message}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let many = |count: usize| vec!["x"; count].join(",");
        assert!(
            error(&format!("spec: {{selector: {{images: [{}]}}}}", many(257))).contains("selector.images")
        );
        let long = "x".repeat(513);
        assert!(
            error(&format!("spec: {{selector: {{namespaces: [{long}]}}}}")).contains("selector.namespaces")
        );
        let labels: Vec<String> = (0..65).map(|number| format!("k{number}: v")).collect();
        let spec = format!("spec: {{selector: {{podLabels: {{{}}}}}}}", labels.join(", "));
        assert!(error(&spec).contains("selector.podLabels"));
    }

    #[test]
    fn a_status_is_passed_over() {
        let text =
            format!("{HEAD}status: {{conditions: [{{type: Accepted, status: 'True'}}], whatever: 1}}\n");
        assert!(parse("p.yaml", &text).is_ok());
    }

    #[test]
    fn errors_in_custom_resources_name_the_field() {
        let error = |spec: Value| parse_object("p", Some(&spec)).expect_err("is wrong");
        let message = error(
            json!({"preset": "safe", "rules": {"privileged": {"mode": "off"}, "seccomp": {"mode": "enforced"}}}),
        );
        assert!(message.starts_with("spec.rules.seccomp.mode: unknown variant `enforced`"), "{message}");
        let message = error(json!({"rules": {"sekcomp": {}}}));
        assert!(message.starts_with("spec.rules.sekcomp: unknown field"), "{message}");
        let message = error(json!({"exemptions": {"rules": ["capabilites"]}}));
        assert!(message.contains("spec.exemptions.rules: ") && message.contains("capabilities"), "{message}");
        assert!(error(json!({"exemptions": {"maxDays": 0}})).contains("spec.exemptions.maxDays"));
        assert!(error(json!([])).starts_with("spec: "));
        assert_eq!(parse_object("p", None).expect("valid").name, "p");
    }

    #[test]
    fn wrong_kinds_and_versions() {
        assert!(parse("p", "apiVersion: v1\nkind: HardeningPolicy\nmetadata: {name: p}\n").is_err());
        let text = "apiVersion: pod-hardener.dev/v1alpha1\nkind: Pod\nmetadata: {name: p}\n";
        assert!(parse("p", text).is_err());
    }

    #[test]
    fn unknown_names_suggest_a_preset() {
        let message = load("enforce").expect_err("no such preset").to_string();
        assert!(message.contains("did you mean \"enforced\"?"), "{message}");
        assert!(load("no/such.yaml").expect_err("no such file").to_string().contains("no/such.yaml"));
    }
}

//! Reading policies: presets by name, files with one or more documents.

use std::path::Path;

use serde_saphyr::{DuplicateKeyPolicy, Error};

use super::{API_VERSION, HardeningPolicy, KIND, Policy, PolicyError, PolicySet, Preset};
use crate::nearest::nearest;
use crate::rules::resources::{Defaults, Quantities};
use crate::view::is_quantity;

/// Loads what `--policy` names: a preset, or a file with one or more policies.
///
/// # Errors
/// When it is neither, or the file is not valid: file, line, and the nearest valid name.
pub fn load(name: &str) -> Result<PolicySet, PolicyError> {
    if let Some(preset) = Preset::find(name) {
        return Ok(preset.into());
    }
    let path = Path::new(name);
    let looks_like_a_file = path.extension().is_some() || name.contains('/');
    if !looks_like_a_file && !path.exists() {
        let presets = Preset::ALL.map(Preset::as_str);
        let hint =
            nearest(name, presets).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
        return Err(PolicyError::Unknown { name: name.to_owned(), presets: presets.join(", "), hint });
    }
    let text = std::fs::read_to_string(path)
        .map_err(|source| PolicyError::Read { path: path.to_owned(), source })?;
    Ok(PolicySet::new(parse(name, &text)?))
}

/// Parses the policies in a file; `source` names it in errors.
///
/// # Errors
/// When the text is no YAML, or no valid policy.
pub fn parse(source: &str, text: &str) -> Result<Vec<Policy>, PolicyError> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    let documents: Vec<HardeningPolicy> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| describe(source, &error))?;
    let invalid = |message: String| PolicyError::Invalid { place: source.to_owned(), message };
    if documents.is_empty() {
        return Err(invalid(format!("holds no {KIND}")));
    }
    let mut policies = Vec::with_capacity(documents.len());
    for document in documents {
        let name = document.metadata.name.clone();
        validate(&document).map_err(|message| invalid(format!("policy \"{name}\": {message}")))?;
        policies.push(Policy::resolve(document));
    }
    Ok(policies)
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

/// What the types cannot say.
fn validate(document: &HardeningPolicy) -> Result<(), String> {
    if document.api_version != API_VERSION {
        return Err(format!("apiVersion is `{}`, must be `{API_VERSION}`", document.api_version));
    }
    if document.kind != KIND {
        return Err(format!("kind is `{}`, must be `{KIND}`", document.kind));
    }
    let name = &document.metadata.name;
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty()
        || name.len() > 63
        || !name.chars().all(label)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        return Err("metadata.name must be 1 to 63 of a-z, 0-9 and -".to_owned());
    }
    let prefix = &document.spec.annotation_prefix;
    let domain = |c: char| label(c) || c == '.';
    if prefix.is_empty() || prefix.len() > 180 || !prefix.chars().all(domain) {
        return Err(format!("spec.annotationPrefix `{prefix}` is no DNS name of at most 180 characters"));
    }
    if document.spec.exemptions.max_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
        return Err("spec.exemptions.maxDays must be from 1 to 36500".to_owned());
    }
    validate_ids(document)?;
    validate_paths(document)?;
    validate_resources(document)
}

fn validate_ids(document: &HardeningPolicy) -> Result<(), String> {
    let params = &document.spec.rules.run_as_non_root;
    for (field, id) in [
        ("runAsUser", Some(params.run_as_user)),
        ("runAsGroup", Some(params.run_as_group)),
        ("fsGroup", params.fs_group),
    ] {
        if id.is_some_and(|id| !(1..=2_147_483_647).contains(&id)) {
            return Err(format!("spec.rules.run-as-non-root.{field} must be from 1 to 2147483647"));
        }
    }
    Ok(())
}

fn validate_paths(document: &HardeningPolicy) -> Result<(), String> {
    let params = &document.spec.rules.read_only_root_filesystem;
    for path in &params.writable_paths {
        crate::tuning::check_path(path)
            .map_err(|message| format!("spec.rules.read-only-root-filesystem.writablePaths: {message}"))?;
    }
    if !params.size_limit.is_empty() && !is_quantity(&params.size_limit) {
        let limit = &params.size_limit;
        return Err(format!("spec.rules.read-only-root-filesystem.sizeLimit `{limit}` is no quantity"));
    }
    Ok(())
}

fn validate_resources(document: &HardeningPolicy) -> Result<(), String> {
    let params = &document.spec.rules.resources;
    for (kind, defaults) in [
        ("containers", &params.containers),
        ("initContainers", &params.init_containers),
        ("sidecars", &params.sidecars),
    ] {
        validate_defaults(defaults).map_err(|message| format!("spec.rules.resources.{kind}.{message}"))?;
    }
    Ok(())
}

fn validate_defaults(defaults: &Defaults) -> Result<(), String> {
    let fields = |quantities: &Quantities| {
        let Quantities { cpu, memory, ephemeral_storage } = quantities.clone();
        [("cpu", cpu), ("memory", memory), ("ephemeral-storage", ephemeral_storage)]
    };
    let requests = fields(&defaults.requests);
    let limits = fields(&defaults.limits);
    for ((name, request), (_, limit)) in requests.iter().zip(&limits) {
        for (list, quantity) in [("requests", request), ("limits", limit)] {
            if !quantity.is_empty() && !is_quantity(quantity) {
                return Err(format!("{list}.{name} `{quantity}` is no quantity"));
            }
        }
        let above = crate::view::compare_quantities(request, limit).is_some_and(std::cmp::Ordering::is_gt);
        if above {
            return Err(format!("requests.{name} `{request}` is above limits.{name} `{limit}`"));
        }
    }
    Ok(())
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
        let two = format!("{HEAD}---\n{HEAD}spec: {{preset: observe}}\n");
        assert_eq!(parse("p.yaml", &two).expect("valid").len(), 2);
        assert!(parse("p.yaml", "# nothing\n").is_err());
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
            ("spec: {exemptions: {maxDays: 0}}", "maxDays"),
        ] {
            let message = error(spec);
            assert!(message.contains(field), "{spec}: {message}");
        }
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

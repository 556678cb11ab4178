//! Reading profiles: files with one or more documents, folders of them, and custom resources.

use serde_json::Value;

use super::validate::validate;
use super::{ImageProfile, KIND};
use crate::policy::{PolicyError, Texts, documents, object};

/// Parses the profiles in a file; `source` names it in errors.
///
/// # Errors
/// When the text is no YAML, or no valid profile.
pub fn parse(source: &str, text: &str) -> Result<Vec<ImageProfile>, PolicyError> {
    let profiles: Vec<ImageProfile> = documents(source, text)?;
    for profile in &profiles {
        validate(profile).map_err(|message| PolicyError::Invalid {
            place: source.to_owned(),
            message: format!("profile \"{}\": {message}", profile.metadata.name),
        })?;
    }
    Ok(profiles)
}

/// The profiles in a file, or in the files of a folder.
///
/// # Errors
/// When one is not valid, or two have one name: file, line, and the nearest valid name.
pub fn load(texts: &Texts) -> Result<Vec<ImageProfile>, PolicyError> {
    let mut profiles: Vec<ImageProfile> = Vec::new();
    for (path, text) in texts.files() {
        let place = path.display().to_string();
        for profile in parse(&place, text)? {
            let name = &profile.metadata.name;
            if profiles.iter().any(|other| other.metadata.name == *name) {
                let message = format!("profile \"{name}\" is there twice");
                return Err(PolicyError::Invalid { place, message });
            }
            profiles.push(profile);
        }
    }
    if profiles.is_empty() {
        let message = format!("holds no {KIND} in a file *.yaml or *.yml");
        return Err(PolicyError::Invalid { place: texts.path().display().to_string(), message });
    }
    Ok(profiles)
}

/// The profile that a custom resource's `spec` is.
///
/// # Errors
/// For people: the field, and what is wrong with it.
pub fn parse_object(name: &str, spec: Option<&Value>) -> Result<ImageProfile, String> {
    let profile: ImageProfile = object(KIND, name, spec)?;
    validate(&profile)?;
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEAD: &str = "apiVersion: pod-hardener.dev/v1alpha1\nkind: ImageProfile\nmetadata:\n  name: p\n";

    fn error(spec: &str) -> String {
        parse("p.yaml", &format!("{HEAD}{spec}")).expect_err("is wrong").to_string()
    }

    #[test]
    fn errors_name_the_line_and_the_nearest_name() {
        let message = error("spec:\n  match: {repositories: [a]}\n  usr: 1\n");
        assert!(message.starts_with("p.yaml:7:") && message.contains("did you mean `user`?"), "{message}");
        let message = error("spec:\n  match: {repositories: [a]}\n  posture: isolatd\n");
        assert!(message.contains("did you mean `isolated`?"), "{message}");
        let message = error("spec:\n  match: {repositories: [a]}\n  capabilities: [NET_BIND_SERVCE]\n");
        assert!(message.contains("profile \"p\"") && message.contains("`NET_BIND_SERVICE`?"), "{message}");
    }

    #[test]
    fn values_out_of_range_name_their_field() {
        for (spec, field) in [
            ("user: 0", "spec.user"),
            ("group: 1", "spec.group needs spec.user"),
            ("writablePaths: [{path: /etc/x}]", "spec.writablePaths"),
            ("writablePaths: [{path: /x/../etc}]", "spec.writablePaths"),
            ("writablePaths: [{path: /x, size: big}]", "size of /x"),
            ("capabilities: [SYS_ADMIN]", "spec.capabilities"),
            ("environment: {'A=B': x}", "spec.environment"),
            ("memory: lots", "spec.memory"),
            ("approved: false", "spec.approved needs source"),
            ("round: 1", "spec.round needs source"),
            ("date: soon", "spec.date"),
            ("date: '2027-02-31'", "spec.date"),
        ] {
            let message = error(&format!("spec: {{match: {{repositories: [a]}}, {spec}}}"));
            assert!(message.contains(field), "{spec}: {message}");
        }
        for repositories in ["[]", "['a:1']", "['a@sha256:x']", "['a//b']", "['a b*']"] {
            let message = error(&format!("spec: {{match: {{repositories: {repositories}}}}}"));
            assert!(message.contains("spec.match.repositories"), "{repositories}: {message}");
        }
        assert!(error("spec: {match: {repositories: [a], digests: [x]}}").contains("spec.match.digests"));
    }

    #[test]
    fn folders_of_programs_may_be_named_but_not_by_what_was_learnt() {
        let take = |paths: &str, source: &str| {
            let spec =
                format!("spec: {{match: {{repositories: [a]}}, source: {source}, writablePaths: [{paths}]}}");
            parse("p", &format!("{HEAD}{spec}\n")).is_ok()
        };
        for (paths, administrators, learnt) in [
            ("{path: /var/x}", true, true),
            ("{path: /usr/local/apache2/logs}", true, false),
            ("{path: /usr/share/app/data}", true, false),
            ("{path: /usr/local/apache2}", false, false),
            ("{path: /usr/local/bin/x}", false, false),
            ("{path: /usr/local/lib/x}", false, false),
            ("{path: /usr/bin/x}", false, false),
            ("{path: /usr/local/../bin/x}", false, false),
            ("{path: /etc/app}", false, false),
            ("{path: /etc/app, content: needed}", true, false),
            ("{path: /, content: needed}", false, false),
            ("{path: etc, content: needed}", false, false),
        ] {
            assert_eq!(take(paths, "administrator"), administrators, "{paths}");
            assert_eq!(take(paths, "built-in"), administrators, "{paths}");
            assert_eq!(take(paths, "learnt"), learnt, "{paths}");
        }
    }

    #[test]
    fn custom_resources() {
        let profile = parse_object("p", Some(&json!({"match": {"repositories": ["a"]}, "user": 7})));
        assert_eq!(profile.expect("valid").spec.user, Some(7));
        let wrong = |spec: Value| parse_object("p", Some(&spec)).expect_err("is wrong");
        let message = wrong(json!({"match": {"repositories": ["a"], "tag": ["x"]}, "user": 7}));
        assert!(message.starts_with("spec.match.tag: unknown field"), "{message}");
        let message = wrong(json!({"match": {"repositories": ["a"]}, "user": "7"}));
        assert!(message.starts_with("spec.user: invalid type"), "{message}");
        assert!(wrong(json!({"user": 7})).contains("match"));
    }
}

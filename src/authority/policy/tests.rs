use serde_json::json;

use super::*;
use crate::policy::Preset;

/// As the API server gives them back, changed by `change`.
fn stored(settings: &Settings, action: Action, change: impl FnOnce(&mut Value, &mut Value)) -> Option<Check> {
    let [mut policy, mut binding] = documents(settings, action);
    for (object, uid) in [(&mut policy, "u-policy"), (&mut binding, "u-binding")] {
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["generation"] = json!(1);
        object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    binding["metadata"]["creationTimestamp"] = json!("2026-01-01T00:01:00Z");
    change(&mut policy, &mut binding);
    in_force(
        &serde_json::from_value(policy).expect("a ValidatingAdmissionPolicy"),
        &serde_json::from_value(binding).expect("a binding"),
    )
}

fn since(change: impl FnOnce(&mut Value, &mut Value)) -> Option<i64> {
    stored(&Settings::default(), Action::Deny, change)
        .map(|check| check.since.unix_timestamp() - 1_767_225_600)
}

#[test]
fn what_was_written_is_in_force_from_when_both_were_there() {
    let settings =
        Settings { pin_images: true, trusted_controllers: vec!["it's".to_owned()], ..Settings::default() };
    let check = stored(&settings, Action::Deny, |_, _| {}).expect("a check");
    assert_eq!((&*check.uid, &check.settings), ("u-binding", &settings));
    assert_eq!(since(|_, _| {}), Some(60 + 30));
    assert_eq!(stored(&settings, Action::Warn, |_, _| {}), None);
    assert_eq!(stored(&settings, Action::Audit, |_, _| {}), None);
}

#[test]
fn what_denies_is_another_object_than_what_warned() {
    let name = |action| documents(&Settings::default(), action)[1]["metadata"]["name"].clone();
    assert_eq!(name(Action::Deny), NAME);
    assert!(
        name(Action::Warn) != NAME
            && name(Action::Audit) != NAME
            && name(Action::Warn) != name(Action::Audit)
    );
}

#[test]
fn what_means_something_else_is_not() {
    type Change = fn(&mut Value, &mut Value);
    let changes: [(&str, Change); 10] = [
        ("fails open", |policy, _| policy["spec"]["failurePolicy"] = json!("Ignore")),
        ("asks another", |policy, _| policy["spec"]["validations"][3]["expression"] = json!("true")),
        ("sees less", |policy, _| {
            policy["spec"]["matchConstraints"]["namespaceSelector"] = json!({"matchLabels": {"a": "b"}});
        }),
        ("was written for others", |policy, _| {
            let other = Settings { prefix: "other.dev".to_owned(), ..Settings::default() };
            policy["metadata"]["annotations"][SETTINGS] = json!(json!(other).to_string());
        }),
        ("is about to go", |policy, _| {
            policy["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:02:00Z");
        }),
        ("was edited: perhaps it warned only", |_, binding| {
            binding["metadata"]["generation"] = json!(2);
            binding["metadata"]["managedFields"] = json!([{"manager": "m", "operation": "Update",
                "time": "2026-01-01T01:00:00Z", "fieldsV1": {"f:spec": {"f:validationActions": {}}}}]);
        }),
        ("is bound elsewhere", |_, binding| binding["spec"]["policyName"] = json!("other")),
        ("is narrowed", |_, binding| {
            binding["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}});
        }),
        ("leaves something out", |_, binding| {
            binding["spec"]["matchResources"] = json!({"excludeResourceRules": [{"apiGroups": [""],
                "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}]});
        }),
        ("was changed, nobody knows when", |policy, _| policy["metadata"]["generation"] = json!(2)),
    ];
    for (name, change) in changes {
        assert_eq!(since(change), None, "{name}");
    }
}

#[test]
fn what_means_the_same_is() {
    assert!(
        since(|_, binding| {
            binding["spec"]["validationActions"] = json!(["Audit", "Deny"]);
            binding["spec"]["matchResources"] =
                json!({"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}});
        })
        .is_some()
    );
    assert!(since(|policy, _| policy["metadata"]["annotations"] = json!({"other": "note"})).is_some());
}

#[test]
fn the_last_change_of_a_spec_counts() {
    let at = |time: &str, fields: Value| json!({"manager": "m", "operation": "Update", "time": time, "fieldsV1": fields});
    let changed = since(|policy, _| {
        policy["metadata"]["generation"] = json!(3);
        policy["metadata"]["managedFields"] = json!([
            at("2026-01-01T01:00:00Z", json!({"f:spec": {"f:validations": {}}})),
            at("2026-01-01T00:30:00Z", json!({"f:spec": {"f:failurePolicy": {}}})),
            at("2026-01-01T02:00:00Z", json!({"f:metadata": {"f:labels": {}}})),
        ]);
    });
    assert_eq!(changed, Some(3600 + 30));
}

#[test]
fn a_check_serves_the_policies_that_it_was_written_for() {
    let mut policy = Policy::from(Preset::Restricted);
    let with = |pin_images, trusted: &[&str]| Settings {
        pin_images,
        trusted_controllers: trusted.iter().map(|user| (*user).to_owned()).collect(),
        ..Settings::default()
    };
    assert_eq!(Settings::of(&policy), Settings::default());
    assert!(with(true, &[]).suffice_for(&policy));
    assert!(!with(false, &["a"]).suffice_for(&policy));
    policy.exemptions.pin_images = true;
    policy.exemptions.trusted_controllers = vec!["a".to_owned(), "b".to_owned()];
    assert!(with(true, &["b"]).suffice_for(&policy));
    assert!(!with(false, &[]).suffice_for(&policy));
    assert!(!with(true, &["c"]).suffice_for(&policy));
    let other = Settings { prefix: "other.dev".to_owned(), ..with(true, &[]) };
    assert!(!other.suffice_for(&policy));
}

#[test]
fn one_check_for_all_policies_that_want_authority() {
    let mut wants = Policy::from(Preset::Restricted);
    wants.exemptions.authorization = Authorization::Rbac;
    wants.exemptions.pin_images = true;
    let mut other = Policy::from(Preset::Safe);
    let settings = Settings::of(&wants);
    let of = |policies: &[&Policy]| {
        Settings::of_all(&PolicySet::new(policies.iter().map(|policy| (*policy).clone()).collect()))
    };
    assert_eq!(of(&[]), Ok(Settings::default()));
    assert_eq!(of(&[&other, &wants]), Ok(settings));
    other.exemptions.authorization = Authorization::Rbac;
    let error = of(&[&other, &wants]).expect_err("they differ").to_string();
    assert!(error.contains("safe") && error.contains("restricted"), "{error}");
}

//! The policies that are shipped as files are the presets, and their schema knows every rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use pod_hardener::policy::{self, Policy, Preset};
use pod_hardener::rules::RuleId;

fn shipped(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_file_is_its_preset() {
    for preset in Preset::ALL {
        let file = format!("{}.yaml", preset.as_str());
        let mut policies = policy::parse(&file, &shipped(&file)).expect("a valid policy");
        assert_eq!(policies.len(), 1, "{file}");
        let read = policies.remove(0);
        let built_in = Policy::from(preset);
        assert_eq!(read.name, built_in.name);
        assert_eq!(read.modes, built_in.modes, "{file}");
        assert_eq!(read.rules, built_in.rules, "{file}");
        assert_eq!(read.selector, built_in.selector, "{file}");
        assert_eq!(read.exemptions, built_in.exemptions, "{file}");
        assert_eq!(read.annotation_prefix, built_in.annotation_prefix, "{file}");
        assert_eq!(read.on_error, built_in.on_error, "{file}");
    }
}

#[test]
fn every_mode_is_written_out() {
    for preset in Preset::ALL {
        let text = shipped(&format!("{}.yaml", preset.as_str()));
        // A file that leaned on its preset would say the same, and tell its reader nothing.
        let bare = text.replace(&format!("preset: {}", preset.as_str()), "preset: observe");
        let policies = policy::parse("bare", &bare).expect("a valid policy");
        assert_eq!(policies[0].modes, Policy::from(preset).modes);
    }
}

#[test]
fn the_schema_knows_every_rule_and_its_modes() {
    let schema: serde_json::Value = serde_json::from_str(&shipped("schema.json")).expect("JSON");
    let rules = schema["$defs"]["Rules"]["properties"].as_object().expect("the rules");
    let named: Vec<&str> = rules.keys().map(String::as_str).collect();
    let known: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.as_str()).collect();
    assert_eq!(named, known);
    let modes = schema["$defs"]["Mode"]["oneOf"].as_array().expect("the modes");
    let modes: Vec<&str> = modes.iter().filter_map(|mode| mode["const"].as_str()).collect();
    assert_eq!(modes, ["off", "observe", "default", "enforce"]);
}

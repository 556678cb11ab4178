//! `report`, from files. `UPDATE_GOLDEN=1` writes what comes out; review the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use time::OffsetDateTime;
use time::macros::date;

use crate::support::{CONFIG_MAP, Files, POD, harden, run, run_with};

/// A shop: something plain, something known, something on the node, something exempted.
const SHOP: &str = "tests/cli/report/shop.yaml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/report")
}

/// The report of the shop, with what differs from run to run taken out.
fn shop(format: &str) -> String {
    let output = run_with(&["report", "-o", format, "-n", "shop", "--policy", "restricted", SHOP], "");
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let json: Value = serde_json::from_str(&run(&["report", "-o", "json", SHOP]).stdout).expect("JSON");
    let made = json["made"].as_str().expect("a time");
    let day = made.split('T').next().expect("a day");
    // The shop's exemption ended then, and every day it is one more.
    let days = (date!(2020 - 01 - 01) - OffsetDateTime::now_utc().date()).whole_days().to_string();
    let lines = output.stdout.lines().map(|line| line.replace(&days, "-DAYS"));
    let lines = lines.map(|line| match line.find(day) {
        Some(at) => format!("{}TIME{}", &line[..at], &line[at + made.len()..]),
        None => line.replace(env!("CARGO_PKG_VERSION"), "VERSION"),
    });
    lines.map(|line| line.replace(env!("CARGO_PKG_VERSION"), "VERSION") + "\n").collect()
}

#[test]
fn golden() {
    for (format, name) in
        [("table", "shop.txt"), ("markdown", "shop.md"), ("junit", "shop.xml"), ("sarif", "shop.sarif")]
    {
        let path = folder().join(name);
        let now = shop(format);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &now).expect("written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_same(&expected, &now, name);
    }
}

fn assert_same(expected: &str, now: &str, name: &str) {
    let diff = similar::TextDiff::from_lines(expected, now);
    assert!(expected == now, "{name}:\n{}", diff.unified_diff().context_radius(1));
}

#[test]
fn exit_codes() {
    let hardened = harden(POD, &[]);
    let files = Files::new(&[
        ("soft.yaml", POD),
        ("hard.yaml", &hardened),
        ("map.yaml", CONFIG_MAP),
        ("bad.yaml", "a: [\n"),
        ("odd.yaml", &POD.replace("image: shop:1", "image: [1]")),
        ("policy.yaml", "nothing: 1\n"),
    ]);
    let of = |args: &[&str], names: &[&str]| {
        let paths: Vec<String> = names.iter().map(|name| files.path(name)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        run(&[&["report"], args, &paths].concat())
    };
    for (args, names, code) in [
        (&[][..], &["soft.yaml"][..], 0),
        (&["--check"], &["soft.yaml", "hard.yaml"], 1),
        (&["--check"], &["hard.yaml", "map.yaml"], 0),
        (&["--check", "--policy", "observe"], &["soft.yaml"], 0),
        (&["--check"], &["soft.yaml", "bad.yaml"], 3),
        (&[], &["odd.yaml"], 3),
        (&["--policy", "nonsense"], &["soft.yaml"], 2),
        (&["--profiles", &files.path("policy.yaml")], &["soft.yaml"], 2),
        (&["-A"], &["soft.yaml"], 2),
        (&["-l", "a b"], &["soft.yaml"], 2),
    ] {
        let output = of(args, names);
        assert_eq!(output.code, code, "{args:?} {names:?}: {}", output.stderr);
    }
    let both = of(&["-o", "json"], &["soft.yaml", "bad.yaml"]);
    assert!(both.stderr.contains("bad.yaml:"), "{}", both.stderr);
    let json: Value = serde_json::from_str(&both.stdout).expect("what could be read is reported");
    assert_eq!(json["summary"]["workloads"], 1);
    let odd = of(&[], &["odd.yaml"]);
    assert!(odd.stderr.contains("odd.yaml:1: Pod/web: "), "{}", odd.stderr);
}

#[test]
fn without_a_cluster_it_says_so() {
    let output = run(&["report", "--kubeconfig", "no/such/file"]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("no/such/file"), "{}", output.stderr);
}

#[test]
fn namespaces_in_the_files_choose_policies_and_selectors_choose_pods() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-hardener.dev/policy: observe}}\n";
    let labelled = POD.replace("  name: web\nspec", "  name: web\n  labels: {app: web}\nspec");
    let input = format!("{namespace}---\n{labelled}---\n{POD}");
    let report = |args: &[&str]| -> Value {
        let output = run_with(&[&["report", "-o", "json"], args, &["-"]].concat(), &input);
        assert_eq!(output.code, 0, "{}", output.stderr);
        serde_json::from_str(&output.stdout).expect("JSON")
    };
    let all = report(&["-n", "shop"]);
    assert_eq!(
        (&all["summary"]["workloads"], &all["workloads"][0]["policy"]),
        (&2.into(), &"observe".into())
    );
    assert_eq!(all["workloads"][1]["line"], 15);
    let other = report(&["-n", "other"]);
    assert_eq!(other["workloads"][0]["policy"], "restricted");
    assert_eq!(report(&["-l", "app=web"])["summary"]["workloads"], 1);
    assert_eq!(report(&["-l", "app!=web"])["workloads"][0]["line"], 15);
}

#[test]
fn into_a_pipe_goes_no_colour() {
    for format in ["table", "markdown"] {
        assert!(!run(&["report", "-o", format, SHOP]).stdout.contains('\u{1b}'), "{format}");
    }
}

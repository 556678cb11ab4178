//! The table of `read-only-root-filesystem`.

use serde_json::{Value, json};

use crate::plan::is_within;
use crate::rules::Mode::{Default, Enforce, Observe};
use crate::rules::RuleId;
use crate::rules::RuleResult::{Injected, Observed, Replaced};
use crate::rules::testing::{Case, hardened, table, table_of_pods};

const A: &str = "/spec/containers/0/securityContext";
const MOUNTS: &str = "/spec/containers/0/volumeMounts";
const VOLUMES: &str = "/spec/volumes";

fn tmp(container: &str) -> Value {
    json!({"name": format!("tmp-{container}"), "mountPath": "/tmp"})
}

fn volume(name: &str) -> Value {
    json!({"name": name, "emptyDir": {"sizeLimit": "1Gi"}})
}

#[test]
fn table_of_cases() {
    table(RuleId::read_only_root_filesystem, &[
        Case { name: "an emptyDir of its own for each", mode: Default, results: &[Injected, Injected],
            spec: json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]}),
            expect: &[(A, json!({"readOnlyRootFilesystem": true})), (MOUNTS, json!([tmp("a")])),
                ("/spec/initContainers/0/volumeMounts", json!([tmp("i")])),
                (VOLUMES, json!([volume("tmp-i"), volume("tmp-a")]))] },
        Case { name: "appended to what is there", mode: Default, results: &[Injected],
            spec: json!({"volumes": [{"name": "tmp-a", "emptyDir": {}}],
                "containers": [{"name": "a", "volumeMounts": [{"name": "tmp-a", "mountPath": "/x"}]}]}),
            expect: &[("/spec/containers/0/volumeMounts/1/mountPath", json!("/tmp")),
                ("/spec/volumes/1/emptyDir", json!({"sizeLimit": "1Gi"}))] },
        Case { name: "explicit false", mode: Default, results: &[Observed],
            spec: json!({"containers": [{"name": "a", "securityContext": {"readOnlyRootFilesystem": false}}]}),
            expect: &[(VOLUMES, Value::Null)] },
        Case { name: "explicit false, enforce", mode: Enforce, results: &[Replaced],
            spec: json!({"containers": [{"name": "a", "securityContext": {"readOnlyRootFilesystem": false}}]}),
            expect: &[(A, json!({"readOnlyRootFilesystem": true})), (MOUNTS, json!([tmp("a")]))] },
        Case { name: "the author's own", mode: Enforce, results: &[],
            spec: json!({"containers": [{"name": "a", "securityContext": {"readOnlyRootFilesystem": true}}]}),
            expect: &[(VOLUMES, Value::Null), (MOUNTS, Value::Null)] },
        Case { name: "observe", mode: Observe, results: &[Observed], expect: &[(VOLUMES, Value::Null), (A, Value::Null)],
            spec: json!({"containers": [{"name": "a"}]}) },
        Case { name: "windows", mode: Enforce, results: &[], expect: &[(VOLUMES, Value::Null)],
            spec: json!({"os": {"name": "windows"}, "containers": [{"name": "a"}]}) },
    ]);
}

#[test]
fn a_tmp_that_is_there_stays() {
    for path in ["/tmp", "/tmp/", "//tmp", "/x/../tmp", "/"] {
        let mounts = json!([{"name": "shared", "mountPath": path}]);
        table(RuleId::read_only_root_filesystem, &[Case { name: path, mode: Default, results: &[Injected],
            spec: json!({"volumes": [{"name": "shared", "emptyDir": {}}],
                "containers": [{"name": "a", "volumeMounts": mounts}]}),
            expect: &[(MOUNTS, mounts.clone()), (VOLUMES, json!([{"name": "shared", "emptyDir": {}}]))] }]);
    }
    table(RuleId::read_only_root_filesystem, &[
        Case { name: "a device", mode: Default, results: &[Injected],
            spec: json!({"containers": [{"name": "a", "volumeDevices": [{"name": "d", "devicePath": "/tmp/"}]}]}),
            expect: &[(MOUNTS, Value::Null)] },
        Case { name: "a mount below /tmp", mode: Default, results: &[Injected],
            spec: json!({"volumes": [{"name": "d", "emptyDir": {}}],
                "containers": [{"name": "a", "volumeMounts": [{"name": "d", "mountPath": "/tmp/d"}]}]}),
            expect: &[("/spec/containers/0/volumeMounts/1", tmp("a"))] },
    ]);
}

#[test]
fn writable_paths_by_annotation() {
    let pod = |paths: &str, spec: Value| {
        json!({"metadata": {"annotations": {"pod-hardener.dev/writable-paths": paths}}, "spec": spec})
    };
    table_of_pods(RuleId::read_only_root_filesystem, &[
        Case { name: "beside /tmp", mode: Default, results: &[Injected],
            spec: pod("/var/cache/nginx/, /run,/run/sub,/etc", json!({"containers": [{"name": "a"}]})),
            expect: &[(MOUNTS, json!([tmp("a"), {"name": "var-cache-nginx-a", "mountPath": "/var/cache/nginx"},
                {"name": "run-a", "mountPath": "/run"}]))] },
        Case { name: "below a mount of the author's", mode: Default, results: &[Injected],
            spec: pod("/data/x", json!({"volumes": [{"name": "d", "emptyDir": {}}],
                "containers": [{"name": "a", "volumeMounts": [{"name": "d", "mountPath": "/data"}]}]})),
            expect: &[("/spec/containers/0/volumeMounts/1", tmp("a")), ("/spec/containers/0/volumeMounts/2", Value::Null)] },
        Case { name: "read-only by the author", mode: Default, results: &[Injected],
            spec: pod("/run", json!({"containers": [{"name": "a", "securityContext": {"readOnlyRootFilesystem": true}}]})),
            expect: &[(MOUNTS, json!([{"name": "run-a", "mountPath": "/run"}]))] },
    ]);
}

/// Where something is mounted behind `/run` and `/var/lock` in the end, in a container of that image.
fn mounted(image: &str, own: &[&str]) -> Vec<String> {
    let mounts: Vec<Value> = own.iter().map(|path| json!({"name": "own", "mountPath": path})).collect();
    let pod = json!({"spec": {"volumes": [{"name": "own", "emptyDir": {}}],
        "containers": [{"name": "a", "image": image, "volumeMounts": mounts}]}});
    let pod = hardened(RuleId::read_only_root_filesystem, Default, &pod);
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().cloned().unwrap_or_default();
    let paths = mounts.iter().map(|mount| mount["mountPath"].as_str().unwrap_or_default().to_owned());
    paths.filter(|path| ["/run", "/var/run", "/var/lock"].iter().any(|root| is_within(path, root))).collect()
}

/// `/var/run` is `/run`, and `/var/lock` is `/run/lock`, in the images that profiles are of.
#[test]
fn nothing_is_mounted_over_what_the_author_mounts_behind_a_link() {
    for (image, own, expected) in [
        ("postgres:16", &[][..], &["/var/run/postgresql"][..]),
        ("postgres:16", &["/var/run/postgresql"], &["/var/run/postgresql"]),
        ("postgres:16", &["/run/postgresql"], &["/run/postgresql"]),
        ("postgres:16", &["/run"], &["/run"]),
        ("postgres:16", &["/run/postgresql/own"], &["/run/postgresql/own", "/run/postgresql"]),
        ("mysql:8", &["/run/mysqld/"], &["/run/mysqld/"]),
    ] {
        assert_eq!(mounted(image, own), expected, "{image} {own:?}");
    }
    let paths = mounted("wordpress:6", &["/run/lock/apache2"]);
    assert!(!paths.iter().any(|path| path == "/var/lock/apache2"), "{paths:?}");
}

/// Of a StatefulSet: the API server refuses a mount and a device of one name.
#[test]
fn a_claim_that_is_a_device_has_its_name_to_itself() {
    let device = json!([{"name": "tmp-a", "devicePath": "/dev/xvda"}]);
    let pod = json!({"spec": {"containers": [{"name": "a", "volumeDevices": device}]}});
    let pod = hardened(RuleId::read_only_root_filesystem, Default, &pod);
    let volumes = pod["spec"]["volumes"].as_array().expect("ours");
    assert!(volumes.len() == 1 && volumes[0]["name"] != "tmp-a", "{pod}");
}

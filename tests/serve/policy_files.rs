//! Policy files that change while the server runs.

use std::os::unix::fs::symlink;
use std::path::Path;

use pod_hardener::settings::Settings;

use crate::harness::{Running, bytes, review, settings, start, within};

fn document(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

/// A change as the kubelet makes it: a new folder, and `..data` swapped for a link to it.
fn project(volume: &Path, version: &str, text: &str) {
    std::fs::create_dir(volume.join(version)).unwrap();
    std::fs::write(volume.join(version).join("policy.yaml"), text).unwrap();
    symlink(version, volume.join("..data_tmp")).unwrap();
    let old = std::fs::read_link(volume.join("..data")).ok();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    match old {
        Some(old) => std::fs::remove_dir_all(volume.join(old)).unwrap(),
        None => symlink("..data/policy.yaml", volume.join("policy.yaml")).unwrap(),
    }
}

/// The uid that pods get; `None`: none.
async fn user(server: &Running) -> Option<i64> {
    let response = server.client().await.post(&bytes(&review())).await.unwrap().response();
    let patch = response["patch"].as_str()?;
    let patch = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, patch).unwrap();
    let mut pod = review()["request"]["object"].take();
    json_patch::patch(&mut pod, &serde_json::from_slice::<json_patch::Patch>(&patch).unwrap()).unwrap();
    pod["spec"]["securityContext"]["runAsUser"].as_i64()
}

async fn becomes(server: &Running, expected: Option<i64>) {
    within(async {
        while user(server).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn spec(user: i64) -> String {
    format!("{{rules: {{run-as-non-root: {{runAsUser: {user}}}}}}}")
}

const REFUSED: &str = "pod_hardener_policies_refused{source=\"files\"}";

#[tokio::test]
async fn a_mounted_config_map_is_swapped() {
    let volume = tempfile::tempdir().unwrap();
    project(volume.path(), "..1", &document("mine", &spec(1001)));
    let policy = volume.path().display().to_string();
    let server = start(Settings { policy, ..settings() }).await;
    assert_eq!(user(&server).await, Some(1001));
    project(volume.path(), "..2", &document("mine", &spec(1002)));
    becomes(&server, Some(1002)).await;
    // Wrong: the last good stays, and it is told.
    project(volume.path(), "..3", &document("mine", "{rules: {sekcomp: {}}}"));
    server.reaches(REFUSED, 1).await;
    assert_eq!(user(&server).await, Some(1002));
    project(volume.path(), "..4", &document("mine", "{preset: observe}"));
    becomes(&server, None).await;
    assert_eq!(server.value(REFUSED), 0);
    let loads =
        |outcome| format!("pod_hardener_policy_loads_total{{outcome=\"{outcome}\",source=\"files\"}}");
    assert_eq!(server.value(&loads("taken")), 2);
    assert_eq!(server.value(&loads("refused")), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_gone_leaves_its_policy_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, document("mine", &spec(1001))).unwrap();
    let server = start(Settings { policy: file.display().to_string(), ..settings() }).await;
    std::fs::remove_file(&file).unwrap();
    server.reaches(REFUSED, 1).await;
    assert_eq!(user(&server).await, Some(1001));
    std::fs::write(&file, document("mine", &spec(1003))).unwrap();
    becomes(&server, Some(1003)).await;
    server.stop().await;
}

//! Which parts of a document are pods.
//!
//! - Kubernetes' own kinds, by group and kind: Pod, PodTemplate, ReplicationController, Deployment, ReplicaSet,
//!   StatefulSet, DaemonSet, Job, CronJob.
//! - `List`, and every other kind on `…List` with `items`; in a typed list the items may leave out their kind.
//! - Kinds of other groups (Argo Rollout, OpenShift DeploymentConfig, OpenKruise CloneSet …) only where
//!   `spec.template` is surely a pod template: nothing in it but `metadata` and `spec`, and in that a list of
//!   containers of which each has a name and an image. A Knative Service looks like one and is not: its template is a
//!   Revision, which refuses most of what we would write, and the webhook hardens its pods. It is left alone.

use serde_json::Value;

/// A pod, or a template of one, in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The JSON Pointer to what has the pod's `metadata` and `spec`.
    pub(super) pointer: String,
    /// The JSON Pointer to the object that holds it.
    pub(super) object: String,
    /// The version of that.
    pub(super) api_version: String,
    /// The kind of that.
    pub(super) kind: String,
    /// The namespace of that, if it says.
    pub(super) namespace: Option<String>,
    /// The name of that, or what its name is generated from; may be empty.
    pub(super) name: String,
}

/// Every pod and pod template in a document.
pub(super) fn places(document: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    collect(document, "", None, &mut places);
    places
}

/// `listed` is the group version and kind that a typed list gives to its items.
fn collect(object: &Value, at: &str, listed: Option<(&str, &str)>, places: &mut Vec<Place>) {
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    let listed_version = listed.map(|(version, _)| version);
    let Some(version) = text("apiVersion").or(listed_version) else { return };
    let Some(kind) = text("kind").or(listed.map(|(_, kind)| kind)) else { return };
    if let (Some(of), Some(Value::Array(items))) = (kind.strip_suffix("List"), object.get("items")) {
        let listed = (!of.is_empty()).then_some((version, of));
        for (number, item) in items.iter().enumerate() {
            collect(item, &format!("{at}/items/{number}"), listed, places);
        }
        return;
    }
    let Some(path) = template_path(version, kind, object) else { return };
    if !object.pointer(path).is_some_and(Value::is_object) {
        return;
    }
    let metadata = |field: &str| {
        let value = object.get("metadata").and_then(|metadata| metadata.get(field));
        value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    places.push(Place {
        pointer: format!("{at}{path}"),
        object: at.to_owned(),
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        namespace: metadata("namespace"),
        name: metadata("name").or_else(|| metadata("generateName")).unwrap_or_default(),
    });
}

fn template_path(version: &str, kind: &str, object: &Value) -> Option<&'static str> {
    let group = version.split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("", "Pod") => Some(""),
        ("", "PodTemplate") => Some("/template"),
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet")
        | ("apps", "StatefulSet")
        | ("batch", "Job") => Some("/spec/template"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template"),
        ("serving.knative.dev", _) => None,
        (group, _) if group.contains('.') && is_pod_template(object.pointer("/spec/template")?) => {
            Some("/spec/template")
        }
        _ => None,
    }
}

fn is_pod_template(template: &Value) -> bool {
    let Value::Object(fields) = template else { return false };
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    fields.keys().all(|key| key == "metadata" || key == "spec")
        && containers.is_some_and(|containers| {
            !containers.is_empty()
                && containers.iter().all(|container| {
                    let is_text = |field| container.get(field).is_some_and(Value::is_string);
                    is_text("name") && is_text("image")
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(document: &Value) -> Vec<String> {
        places(document).into_iter().map(|place| place.pointer).collect()
    }

    fn with_template(version: &str, kind: &str) -> Value {
        let template = json!({"metadata": {}, "spec": {"containers": [{"name": "a", "image": "i"}]}});
        json!({"apiVersion": version, "kind": kind, "spec": {"template": template}})
    }

    #[test]
    fn kinds() {
        let template = ["/spec/template".to_owned()];
        for (version, kind) in [
            ("v1", "ReplicationController"),
            ("apps/v1", "Deployment"),
            ("extensions/v1beta1", "Deployment"),
            ("apps/v1", "ReplicaSet"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("batch/v1", "Job"),
            ("argoproj.io/v1alpha1", "Rollout"),
            ("apps.openshift.io/v1", "DeploymentConfig"),
        ] {
            assert_eq!(pointers(&with_template(version, kind)), template, "{kind}");
        }
        for (version, kind) in [
            ("serving.knative.dev/v1", "Service"),
            ("v1", "ConfigMap"),
            ("v1", "Deployment"),
            ("batch/v1", "Deployment"),
        ] {
            assert!(places(&with_template(version, kind)).is_empty(), "{version} {kind}");
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {}});
        assert_eq!(pointers(&pod), [""]);
        let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {}}}}});
        assert_eq!(pointers(&cron), ["/spec/jobTemplate/spec/template"]);
        let template = json!({"apiVersion": "v1", "kind": "PodTemplate", "template": {}});
        assert_eq!(pointers(&template), ["/template"]);
    }

    #[test]
    fn what_only_looks_like_a_template_is_left_alone() {
        for template in [
            json!({"spec": {"containers": []}}),
            json!({"spec": {"containers": [{"name": "a"}]}}),
            json!({"spec": {"containers": {"name": "a", "image": "i"}}}),
            json!({"replicas": 1, "spec": {"containers": [{"name": "a", "image": "i"}]}}),
            json!(null),
        ] {
            let object = json!({"apiVersion": "x.io/v1", "kind": "X", "spec": {"template": template}});
            assert!(places(&object).is_empty(), "{object}");
        }
    }

    #[test]
    fn lists_and_lists_in_lists() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": {}});
        let inner = json!({"apiVersion": "v1", "kind": "List", "items": [{"kind": "Service"}, pod]});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [inner, pod]});
        assert_eq!(pointers(&list), ["/items/0/items/1", "/items/1"]);
        assert_eq!(places(&list)[1].namespace.as_deref(), Some("n"));
        let typed = json!({"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"generateName": "g-"}, "spec": {}}]});
        assert_eq!(pointers(&typed), ["/items/0"]);
        assert_eq!((places(&typed)[0].kind.as_str(), places(&typed)[0].name.as_str()), ("Pod", "g-"));
    }
}

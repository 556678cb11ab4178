//! Tables of LimitRanges: what comes out lies within them, or is not ours.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::facts::{Facts, Limit, LimitScope, LimitedResource, Space};
use crate::rules::Mode::Default;
use crate::rules::RuleId;
use crate::rules::RuleResult::{self, Impossible, Injected};
use crate::rules::testing::{Case, only, table_with};

/// A LimitRange for memory.
#[derive(Clone, Copy)]
struct Range(LimitScope, Option<&'static str>, Option<&'static str>, Option<&'static str>);

use LimitScope::{Container, Pod};

fn facts(ranges: &[Range]) -> Facts<'static> {
    let boxed = |text: Option<&str>| text.map(Into::into);
    let limit = |range: &Range| Limit {
        scope: range.0,
        resource: LimitedResource::Memory,
        min: boxed(range.1),
        max: boxed(range.2),
        max_ratio: boxed(range.3),
    };
    let space = Space { limits: ranges.iter().map(limit).collect(), ..Space::default() };
    Facts { space: Some(Arc::new(space)), ..Facts::default() }
}

/// Containers by their requests and limits of memory; each has all else.
fn memory(containers: &[(Option<&str>, Option<&str>)]) -> Value {
    let containers = containers.iter().enumerate().map(|(number, (request, limit))| {
        let mut resources = json!({
            "requests": {"cpu": "1m", "ephemeral-storage": "1Mi"},
            "limits": {"cpu": "1m", "ephemeral-storage": "1Mi"},
        });
        for (list, value) in [("requests", request), ("limits", limit)] {
            if let Some(value) = value {
                resources[list]["memory"] = json!(value);
            }
        }
        json!({"name": format!("c{number}"), "resources": resources})
    });
    containers.collect()
}

/// Ranges, containers, results, and request and limit of each container afterwards (`""`: none).
type Row<'r> = (
    &'r str,
    &'r [Range],
    &'r [(Option<&'r str>, Option<&'r str>)],
    &'r [RuleResult],
    &'r [(&'r str, &'r str)],
);

fn check(rows: &[Row<'_>]) {
    for (name, ranges, containers, results, after) in rows {
        let mut expect = Vec::new();
        let paths: Vec<[String; 2]> = (0..after.len())
            .map(|number| {
                ["requests", "limits"]
                    .map(|list| format!("/spec/containers/{number}/resources/{list}/memory"))
            })
            .collect();
        let value = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        for (paths, (request, limit)) in paths.iter().zip(*after) {
            expect.push((paths[0].as_str(), value(request)));
            expect.push((paths[1].as_str(), value(limit)));
        }
        let spec = json!({"containers": memory(containers)});
        let case = Case { name, mode: Default, spec, results, expect: &expect };
        let policy = only(RuleId::resources, Default);
        table_with(&policy, &facts(ranges), RuleId::resources, std::slice::from_ref(&case));
    }
}

const UNSET: (Option<&str>, Option<&str>) = (None, None);

#[test]
fn bounds_of_containers() {
    check(&[
        ("none", &[Range(Container, None, None, None)], &[UNSET], &[Injected], &[("32Mi", "1Gi")]),
        ("max", &[Range(Container, None, Some("100M"), None)], &[UNSET], &[Injected], &[("32Mi", "100000000")]),
        (
            "max below the default request",
            &[Range(Container, None, Some("8Mi"), None)],
            &[UNSET],
            &[Injected],
            &[("8Mi", "8Mi")],
        ),
        ("min", &[Range(Container, Some("64Mi"), None, None)], &[UNSET], &[Injected], &[("64Mi", "1Gi")]),
        (
            "min above the default limit",
            &[Range(Container, Some("2Gi"), None, None)],
            &[UNSET],
            &[Injected],
            &[("2Gi", "2Gi")],
        ),
        ("ratio", &[Range(Container, None, None, Some("4"))], &[UNSET], &[Injected], &[("256Mi", "1Gi")]),
        ("ratio 1", &[Range(Container, None, None, Some("1"))], &[UNSET], &[Injected], &[("1Gi", "1Gi")]),
        (
            "a broken ratio",
            &[Range(Container, None, None, Some("1.5"))],
            &[UNSET],
            &[Injected],
            &[("715827883", "1Gi")],
        ),
        (
            "several ranges",
            &[Range(Container, None, Some("2Gi"), Some("8")), Range(Container, None, Some("512Mi"), Some("2"))],
            &[UNSET],
            &[Injected],
            &[("256Mi", "512Mi")],
        ),
        (
            "ranges that contradict one another",
            &[Range(Container, Some("2Gi"), None, None), Range(Container, None, Some("1Gi"), None)],
            &[UNSET],
            &[Impossible],
            &[("", "")],
        ),
        (
            "the author's request, ratio",
            &[Range(Container, None, None, Some("2"))],
            &[(Some("100Mi"), None)],
            &[Injected],
            &[("100Mi", "200Mi")],
        ),
        (
            "the author's request, max",
            &[Range(Container, None, Some("3Gi"), None)],
            &[(Some("2Gi"), None)],
            &[Injected],
            &[("2Gi", "3Gi")],
        ),
        (
            "the author's request above max: refused anyway",
            &[Range(Container, None, Some("1Gi"), None)],
            &[(Some("2Gi"), None)],
            &[Impossible],
            &[("2Gi", "")],
        ),
        (
            "the author's request is 0, ratio: refused anyway",
            &[Range(Container, None, None, Some("2"))],
            &[(Some("0"), None)],
            &[Impossible],
            &[("0", "")],
        ),
        (
            "complete",
            &[Range(Container, None, Some("1Mi"), None)],
            &[(Some("2Gi"), Some("2Gi"))],
            &[],
            &[("2Gi", "2Gi")],
        ),
    ]);
}

#[test]
fn bounds_of_pods() {
    let own = (Some("100Mi"), Some("900Mi"));
    check(&[
        ("they fit", &[Range(Pod, None, Some("2Gi"), None)], &[UNSET], &[Injected], &[("32Mi", "1Gi")]),
        (
            "a level for all",
            &[Range(Pod, None, Some("1Gi"), None)],
            &[UNSET, UNSET],
            &[Injected, Injected],
            &[("32Mi", "512Mi"), ("32Mi", "512Mi")],
        ),
        (
            "what the author leaves",
            &[Range(Pod, None, Some("1400Mi"), None)],
            &[own, UNSET],
            &[Injected],
            &[("100Mi", "900Mi"), ("32Mi", "500Mi")],
        ),
        (
            "admitted without a limit, so none so low that it kills",
            &[Range(Pod, None, Some("1000Mi"), None)],
            &[own, UNSET],
            &[Impossible],
            &[("100Mi", "900Mi"), ("", "")],
        ),
        (
            "refused without a limit: a low one is better",
            &[Range(Pod, None, Some("100Mi"), None)],
            &[UNSET],
            &[Injected],
            &[("32Mi", "100Mi")],
        ),
        (
            "too little for any",
            &[Range(Pod, None, Some("16Mi"), None)],
            &[UNSET],
            &[Impossible],
            &[("", "")],
        ),
        (
            "min raises requests",
            &[Range(Pod, Some("200Mi"), None, None)],
            &[UNSET, own],
            &[Injected],
            &[("100Mi", "1Gi"), ("100Mi", "900Mi")],
        ),
        (
            "min above the default limit",
            &[Range(Pod, Some("3Gi"), None, None)],
            &[UNSET, UNSET],
            &[Injected, Injected],
            &[("1536Mi", "1536Mi"), ("1536Mi", "1536Mi")],
        ),
        (
            "ratio raises requests",
            &[Range(Pod, None, None, Some("4"))],
            &[UNSET, UNSET],
            &[Injected, Injected],
            &[("256Mi", "1Gi"), ("256Mi", "1Gi")],
        ),
        (
            "with bounds of containers",
            &[Range(Pod, None, Some("1Gi"), Some("4")), Range(Container, None, Some("512Mi"), Some("8"))],
            &[UNSET, UNSET],
            &[Injected, Injected],
            &[("128Mi", "512Mi"), ("128Mi", "512Mi")],
        ),
        (
            "the author's alone break the ratio: refused anyway",
            &[Range(Pod, None, None, Some("2"))],
            &[(Some("1Mi"), Some("100Gi")), UNSET],
            &[Impossible],
            &[("1Mi", "100Gi"), ("", "")],
        ),
    ]);
}

#[test]
fn a_pod_is_added_up_as_limit_ranger_does() {
    let full = json!({"requests": {"cpu": "1m", "ephemeral-storage": "1Mi"},
        "limits": {"cpu": "1m", "ephemeral-storage": "1Mi"}});
    let spec = json!({
        "initContainers": [
            {"name": "first", "resources": full},
            {"name": "side", "restartPolicy": "Always", "resources": full},
            {"name": "second", "resources": full},
        ],
        "containers": [{"name": "a", "resources": full}],
    });
    let limit = |list: &str, number: usize| format!("/spec/{list}/{number}/resources/limits/memory");
    let paths = [limit("initContainers", 0), limit("initContainers", 2), limit("containers", 0)];
    // The sidecar runs beside the second init container and beside the container, never beside both.
    let expect: Vec<(&str, Value)> = paths.iter().map(|path| (path.as_str(), json!("512Mi"))).collect();
    let case = Case { name: "sidecar", mode: Default, spec, results: &[Injected; 4], expect: &expect };
    let policy = only(RuleId::resources, Default);
    let facts = facts(&[Range(Pod, None, Some("1Gi"), None)]);
    table_with(&policy, &facts, RuleId::resources, std::slice::from_ref(&case));
}

//! The API server's validation of resources, with a reckoning of quantities of its own.

use serde_json::Value;

use crate::list;

const SUFFIXES: [(&str, i128); 14] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("e0", 1),
    ("e6", 1_000_000),
    ("e3", 1_000),
    ("E3", 1_000),
    ("e9", 1_000_000_000),
    ("", 1),
];

/// A quantity in thousandths.
pub(crate) fn thousandths(value: &Value) -> Option<i128> {
    let text = value.as_str()?;
    let (number, factor) = match text.strip_suffix('m') {
        Some(number) => (number, 1),
        None => {
            SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, factor * 1000)))?
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some(digits * factor / scale)
}

pub(crate) fn quantity(one: &Value, list_name: &str, resource: &str) -> Option<i128> {
    let value = &one["resources"][list_name][resource];
    (!value.is_null()).then(|| thousandths(value).unwrap_or_else(|| panic!("{value} is no quantity")))
}

/// As the API server defaults it.
fn request(one: &Value, resource: &str) -> Option<i128> {
    quantity(one, "requests", resource).or_else(|| quantity(one, "limits", resource))
}

pub(crate) fn is_request_above_limit(one: &Value, resource: &str) -> bool {
    above(request(one, resource), quantity(one, "limits", resource))
}

pub(crate) fn invalid_resources(pod: &Value, found: &mut Vec<String>) {
    let lists = ["/spec/containers", "/spec/initContainers"];
    let containers = || lists.iter().flat_map(|pointer| list(pod, pointer));
    for container in containers() {
        for resource in ["cpu", "memory", "ephemeral-storage"] {
            if is_request_above_limit(container, resource) {
                found.push(format!("request above limit of {resource} in {}", container["name"]));
            }
        }
    }
    let spec = &pod["spec"];
    for resource in ["cpu", "memory"] {
        let limit = quantity(spec, "limits", resource);
        let sum = sum_of_requests(pod, resource);
        let own = quantity(spec, "requests", resource).or(sum.filter(|_| limit.is_some())).or(limit);
        if above(own, limit) {
            found.push(format!("the pod's request above its limit of {resource}"));
        }
        if above(sum, own) {
            found.push(format!("containers request more {resource} than the pod"));
        }
        let limits = list(pod, "/spec/containers").iter().map(|one| quantity(one, "limits", resource));
        if limits.into_iter().any(|one| above(one, limit)) {
            found.push(format!("a container's limit above the pod's of {resource}"));
        }
    }
}

fn above(a: Option<i128>, b: Option<i128>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a > b)
}

/// Of containers and sidecars together, or of the hungriest moment before.
fn sum_of_requests(pod: &Value, resource: &str) -> Option<i128> {
    let mut any = false;
    let mut of = |one: &Value| request(one, resource).inspect(|_| any = true).unwrap_or(0);
    let mut running: i128 = list(pod, "/spec/containers").iter().map(&mut of).sum();
    let (mut sidecars, mut most) = (0, 0);
    for one in list(pod, "/spec/initContainers") {
        let needs = of(one);
        if one["restartPolicy"] == "Always" {
            sidecars += needs;
            running += needs;
            most = most.max(sidecars);
        } else {
            most = most.max(sidecars + needs);
        }
    }
    any.then_some(running.max(most))
}

//! Nothing changes but what an operation names.

use serde_json::Value;

use crate::list;

/// Objects and lists that an operation may replace as a whole: we know all that can be in them.
const REPLACED_WHOLE: [&str; 2] = ["/seccompProfile", "/capabilities/add"];

/// What is added here moves those that are there; it is the last that happens.
const INSERTED: &str = "/spec/initContainers/0";

/// The paths of operations, by kind.
pub(crate) struct Operations<'o> {
    added: Vec<&'o str>,
    removed: Vec<&'o str>,
}

impl<'o> Operations<'o> {
    pub(crate) fn new(operations: &'o [Value]) -> Self {
        let paths = |kind: &str| {
            let of_kind = operations.iter().filter(|operation| operation["op"] == kind);
            of_kind.filter_map(|operation| operation["path"].as_str()).collect()
        };
        Self { added: paths("add"), removed: paths("remove") }
    }

    /// Paths that are written twice; appending to a list twice is no such thing.
    pub(crate) fn written_twice(&self) -> Vec<&'o str> {
        let mut paths: Vec<&str> = self.added.iter().chain(&self.removed).copied().collect();
        paths.retain(|path| !path.ends_with("/-") && *path != INSERTED);
        paths.sort_unstable();
        paths.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
    }

    /// Differences that no operation explains.
    pub(crate) fn unexplained(&self, before: &Value, after: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.compare("", before, after, &mut found);
        found
    }

    fn compare(&self, path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
        if self.added.contains(&path) {
            let whole = REPLACED_WHOLE.iter().any(|end| path.ends_with(end));
            if (before.is_object() || before.is_array()) && !whole {
                found.push(format!("{path} is replaced with all that is in it"));
            }
            return;
        }
        self.compare_inside(path, before, after, found);
    }

    fn compare_inside(&self, path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
                    let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                    match (old.get(name), new.get(name)) {
                        (Some(old), Some(new)) => self.compare(&path, old, new, found),
                        (Some(_), None) if self.removed.contains(&path.as_str()) => {}
                        (None, Some(_)) if self.added.contains(&path.as_str()) => {}
                        _ => found.push(format!("{path} appeared or went")),
                    }
                }
                // The oracle's own removal moves the last field into the gap, so only objects that lost none count.
                if old.keys().all(|name| new.contains_key(name))
                    && !new.keys().zip(old.keys()).all(|(a, b)| a == b)
                {
                    found.push(format!("{path} is in another order"));
                }
            }
            (Value::Array(old), Value::Array(new)) => self.compare_lists(path, old, new, found),
            _ if before == after => {}
            _ => found.push(format!("{path} changed")),
        }
    }

    fn compare_lists(&self, path: &str, old: &[Value], new: &[Value], found: &mut Vec<String>) {
        let stays = |index: &usize| !self.removed.contains(&format!("{path}/{index}").as_str());
        let kept: Vec<usize> = (0..old.len()).filter(stays).collect();
        let appended = self.added.iter().filter(|added| **added == format!("{path}/-")).count();
        let first = format!("{path}/0");
        let inserted = self.added.iter().filter(|added| **added == INSERTED && *added == &first).count();
        if new.len() != kept.len() + appended + inserted {
            found.push(format!("{path} has {} entries", new.len()));
            return;
        }
        for (index, new) in kept.iter().zip(&new[inserted..]) {
            let path = format!("{path}/{index}");
            if inserted > 0 {
                self.compare_inside(&path, &old[*index], new, found);
            } else {
                self.compare(&path, &old[*index], new, found);
            }
        }
    }
}

/// What the operations do that `pods/ephemeralcontainers` does not allow.
pub(crate) fn beyond_reach(operations: &[Value], known: usize, pod: &Value) -> Vec<String> {
    let volumes = list(pod, "/spec/volumes");
    let mut found = Vec::new();
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let mut parts = path.strip_prefix("/spec/ephemeralContainers/").unwrap_or_default().split('/');
        let index: Option<usize> = parts.next().and_then(|index| index.parse().ok());
        let field = parts.next().unwrap_or_default();
        if index.is_none_or(|index| index < known)
            || !["securityContext", "volumeMounts", "terminationMessagePolicy"].contains(&field)
        {
            found.push(path.to_owned());
        }
        let value = &operation["value"];
        let mounts = if value.is_array() { list(value, "") } else { std::slice::from_ref(value) };
        for mount in mounts.iter().filter(|mount| field == "volumeMounts" && mount.is_object()) {
            if !volumes.iter().any(|volume| volume["name"] == mount["name"]) {
                found.push(format!("{path} mounts {}", mount["name"]));
            }
        }
    }
    found
}

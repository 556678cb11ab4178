//! Pieces of CEL that every part of the native policy is made of.

/// All of them.
pub(super) fn all(conditions: &[String]) -> String {
    conditions.join(" && ")
}

/// Any of them.
pub(super) fn any(conditions: &[String]) -> String {
    if conditions.is_empty() { "false".to_owned() } else { format!("({})", conditions.join(" || ")) }
}

/// The operations that put a value there, where it is so.
pub(super) fn add_if(condition: &str, path: &str, value: &str) -> String {
    format!("({condition} ? [JSONPatch{{op: 'add', path: {path}, value: {value}}}] : [])")
}

/// The operations that take away what is there, where it is so.
pub(super) fn remove_if(condition: &str, path: &str) -> String {
    format!("({condition} ? [JSONPatch{{op: 'remove', path: {path}}}] : [])")
}

/// The indices of a list, the last first: each removal moves those behind it.
pub(super) fn backwards(list: &str, condition: &str) -> String {
    format!("{list}.transformList(k, x, {condition}, k).reverse()")
}

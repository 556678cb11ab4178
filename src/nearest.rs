//! "Did you mean …?"

/// The candidate most like `word`, where one is like enough to be meant.
#[must_use]
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_like_enough() {
        assert_eq!(nearest("sekcomp", ["seccomp", "selinux"]), Some("seccomp"));
        assert_eq!(nearest("Resource", ["resources", "privileged"]), Some("resources"));
        assert_eq!(nearest("zzz", ["seccomp", "selinux"]), None);
    }
}

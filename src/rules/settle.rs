//! Where to write a field that a pod sets for all its containers and each container may set for itself.

/// One container's share in such a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share<T> {
    /// What the container sets itself.
    pub(super) own: Option<T>,
    /// What shall hold for it in the end; `None`: leave it unset.
    pub(super) target: Option<T>,
}

/// What to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled<T> {
    /// At the pod.
    pub(super) pod: Option<T>,
    /// At the containers with these numbers.
    pub(super) containers: Vec<(usize, T)>,
}

/// Writes each target where it changes nothing else: at the pod when all containers that inherit want the same,
/// otherwise at the containers.
///
/// `may_edit_pod` is false for `pods/ephemeralcontainers`.
pub(super) fn settle<T: Copy + PartialEq>(
    pod: Option<T>,
    shares: impl Iterator<Item = Share<T>> + Clone,
    may_edit_pod: bool,
) -> Settled<T> {
    let mut inherited = shares.clone().filter(|share| share.own.is_none()).map(|share| share.target);
    let common = match inherited.next() {
        Some(first @ Some(_)) if inherited.all(|target| target == first) => first,
        _ => None,
    };
    let at_pod = common.filter(|target| may_edit_pod && pod != Some(*target));
    let inherits = at_pod.or(pod);
    let containers = shares
        .enumerate()
        .filter_map(|(number, share)| {
            let target = share.target?;
            (share.own.or(inherits) != Some(target)).then_some((number, target))
        })
        .collect();
    Settled { pod: at_pod, containers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(own: Option<i64>, target: Option<i64>) -> Share<i64> {
        Share { own, target }
    }

    #[test]
    fn one_write_at_the_pod_when_all_agree() {
        let shares = [share(None, Some(1)), share(None, Some(1)), share(Some(5), Some(5))];
        assert_eq!(settle(None, shares.into_iter(), true), Settled { pod: Some(1), containers: vec![] });
    }

    #[test]
    fn a_container_that_must_stay_unset_keeps_the_pod_unset() {
        let shares = [share(None, Some(1)), share(None, None)];
        assert_eq!(settle(None, shares.into_iter(), true), Settled { pod: None, containers: vec![(0, 1)] });
    }

    #[test]
    fn an_ephemeral_container_never_writes_at_the_pod() {
        let shares = [share(None, Some(1))];
        assert_eq!(settle(None, shares.into_iter(), false), Settled { pod: None, containers: vec![(0, 1)] });
    }

    #[test]
    fn an_insecure_pod_value_is_replaced_for_those_who_inherit_it() {
        let shares = [share(None, Some(1)), share(Some(0), Some(1))];
        assert_eq!(
            settle(Some(0), shares.into_iter(), true),
            Settled { pod: Some(1), containers: vec![(1, 1)] }
        );
    }
}

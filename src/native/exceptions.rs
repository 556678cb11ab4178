//! Where the native policy differs from the engine, and why: the one list, for the head of the manifest, the
//! documentation, and the tests, which hold every difference against it.

/// One difference.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// Its name.
    pub name: &'static str,
    /// What is different, for people.
    pub text: &'static str,
}

const fn exception(name: &'static str, text: &'static str) -> Exception {
    Exception { name, text }
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    exception(
        "nobody-is-told",
        "No warning, annotation, label, metric or event says what was done. Rules in `observe` do nothing.",
    ),
    exception(
        "expiry",
        "CEL knows no clock. An exemption with an end is not honoured, unless `--as-of DATE` says which day to take for \
         today: then those are honoured that end later (`2027-01-31`, `2027-01-31T12:00:00Z`), until the policy is \
         written anew.",
    ),
    exception(
        "authority",
        "With `exemptions.authorization: rbac` no exemption is honoured: who made the template is not known.",
    ),
    exception(
        "namespace-exemptions",
        "Exempting annotations of the namespace (`exemptions.namespaces`) are not honoured.",
    ),
    exception(
        "compensation",
        "With `exemptions.compensation: user-namespace` no exemption from `run-as-non-root` is honoured: which nodes have \
         user namespaces is not known.",
    ),
    exception(
        "bindings",
        "Whom role bindings reach is not known: `service-account-token` is left out, unless policy says `scope: \
         default-account` or `scope: all`.",
    ),
    exception(
        "account",
        "The service account's own `automountServiceAccountToken` and annotations are not seen: where \
         `service-account-token` is applied, only the pod's own `automountServiceAccountToken: true` keeps the token, and \
         the pod's own annotations and labels of a workload identity.",
    ),
    exception(
        "limit-ranges",
        "LimitRanges and ResourceQuotas are not seen: defaults of `resources` may exceed them, and such a pod is refused. \
         Where namespaces have them, turn the rule off.",
    ),
    exception(
        "images",
        "Nothing is known of images: each is hardened in full, with policy's own user and paths, and so is one that mounts a \
         persistent volume. Beside the webhook its facts come too late for them.",
    ),
    exception(
        "messages",
        "`fallbackToLogsOnError` does nothing: who goes by a container's last message is the webhook's own.",
    ),
    exception("namespace-range", "With `strategy: namespace-range` the rule `run-as-non-root` is left out."),
    exception(
        "parent-directories",
        "The root of a container with `..` in a mount's path stays as it is, and it gets no writable paths.",
    ),
    exception(
        "volume-names",
        "An emptyDir for an annotation's path, or whose usual name is taken, too long or odd, has a name with numbers.",
    ),
    exception("many-names", "An exemption that lists more than 32 names is not honoured."),
    exception(
        "size",
        "A pod that costs more to evaluate than the API server allows, of some six hundred containers, stays as it is.",
    ),
];

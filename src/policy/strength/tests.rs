//! The stronger of two policies.

use super::*;
use crate::policy::parse;

fn policy(name: &str, spec: &str) -> Policy {
    let text = format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    );
    parse("p", &text).expect("valid").remove(0)
}

fn applied(applied: &Applied) -> &str {
    match applied {
        Applied::Base => "base",
        Applied::Picked => "picked",
        Applied::Own(own) => &own.name,
    }
}

#[test]
fn parameters_that_weaken_are_the_bases() {
    for (rule, base, picked, weakens) in [
        (RuleId::capabilities, "{}", "{allowed: [SYS_ADMIN]}", true),
        (RuleId::capabilities, "{allowed: [KILL]}", "{allowed: []}", false),
        (RuleId::capabilities, "{}", "{rootCapabilities: [SYS_ADMIN]}", true),
        (RuleId::service_account_token, "{scope: all}", "{}", true),
        (RuleId::service_account_token, "{}", "{scope: all}", false),
        (RuleId::service_account_token, "{}", "{scope: default-account}", true),
        (RuleId::service_account_token, "{}", "{workloadIdentity: [example.com/x]}", true),
        (RuleId::service_account_token, "{}", "{workloadIdentity: []}", false),
        (RuleId::resources, "{}", "{containers: {limits: {memory: 64Gi}}}", true),
        (RuleId::resources, "{}", "{containers: {limits: {memory: ''}}}", true),
        (RuleId::resources, "{}", "{sidecars: {requests: {memory: ''}}}", true),
        (
            RuleId::resources,
            "{}",
            "{containers: {limits: {cpu: '1', memory: 512Mi, ephemeral-storage: 2Gi}}}",
            false,
        ),
        (RuleId::resources, "{mode: observe}", "{containers: {limits: {memory: 64Gi}}}", false),
        (RuleId::read_only_root_filesystem, "{}", "{sizeLimit: ''}", true),
        (RuleId::read_only_root_filesystem, "{}", "{sizeLimit: 1Mi, writablePaths: [/x]}", false),
        (RuleId::run_as_non_root, "{}", "{runAsUser: 7, fsGroup: 8}", false),
        (RuleId::run_as_non_root, "{}", "{strategy: namespace-range}", true),
        (RuleId::run_as_non_root, "{strategy: namespace-range}", "{}", false),
    ] {
        let base = policy("base", &format!("{{rules: {{{rule}: {base}}}}}"));
        let picked = policy("picked", &format!("{{rules: {{{rule}: {picked}}}}}"));
        let blend = Blend::new(&base, &picked);
        let expected: RuleSet = if weakens { [rule].into_iter().collect() } else { RuleSet::default() };
        assert_eq!(blend.weakens, expected, "{rule}");
        // Only that rule differs, so what is left of the chosen policy is nothing or all of it.
        let (withheld, granted) = (applied(&blend.withheld), applied(&blend.granted));
        assert_eq!((withheld, granted), (if weakens { "base" } else { "picked" }, "picked"), "{rule}");
    }
}

#[test]
fn a_higher_mode_counts_even_with_the_bases_parameters() {
    let base = policy("base", "{rules: {capabilities: {mode: default}}}");
    let picked = policy("picked", "{rules: {capabilities: {mode: enforce, allowed: [SYS_ADMIN]}}}");
    let Applied::Own(own) = Blend::new(&base, &picked).withheld else { panic!("one of its own") };
    assert_eq!(own.name, "base+picked");
    assert_eq!(own.mode(RuleId::capabilities), crate::rules::Mode::Enforce);
    assert_eq!(own.rules.capabilities.allowed, base.rules.capabilities.allowed);
}

#[test]
fn exemptions_are_never_more_than_the_namespaces() {
    for (base, picked, keeps) in [
        ("{}", "{requireReason: false}", false),
        ("{requireReason: false}", "{}", true),
        ("{maxDays: 9}", "{}", false),
        ("{maxDays: 9}", "{maxDays: 10}", false),
        ("{maxDays: 9}", "{maxDays: 8}", true),
        ("{rules: [seccomp]}", "{}", false),
        ("{}", "{rules: []}", true),
        ("{authorization: rbac}", "{}", false),
        ("{}", "{authorization: rbac}", true),
        ("{authorization: rbac}", "{authorization: rbac, trustedControllers: [x]}", false),
        ("{}", "{namespaces: true}", false),
        ("{authorization: rbac, pinImages: true}", "{authorization: rbac}", false),
        ("{compensation: user-namespace}", "{}", false),
    ] {
        let of = |name, terms| policy(name, &format!("{{exemptions: {terms}}}"));
        let (base, picked) = (of("base", base), of("picked", picked));
        let blend = Blend::new(&base, &picked);
        assert!(blend.weakens.is_empty());
        assert_eq!(applied(&blend.withheld), if keeps { "picked" } else { "base" }, "{picked:?}");
        if let Applied::Own(granted) = &blend.granted {
            assert!(!keeps);
            assert_eq!((granted.name.as_str(), &granted.exemptions), ("picked", &base.exemptions));
        }
    }
    let other = policy("picked", "{annotationPrefix: example.com}");
    assert_eq!(applied(&Blend::new(&policy("base", "{}"), &other).withheld), "base");
}

//! What is hardened, what is exempted, and how that changes.

use super::Dashboard;
use super::panel::{Panel, Row, Show};

pub(super) const OVERVIEW: Dashboard = Dashboard {
    name: "overview",
    title: "pod-hardener / Overview",
    description: "How far pods are hardened, by rule and posture; who is exempted; what policies and profiles say.",
    rows: &[
        Row { title: "In the time that is shown", panels: NUMBERS },
        Row { title: "Coverage", panels: COVERAGE },
        Row { title: "Exemptions", panels: EXEMPTIONS },
        Row { title: "Policies and profiles", panels: POLICIES },
    ],
};

const NUMBERS: &[Panel] = &[
    Panel {
        title: "Pods reviewed",
        about: "Pods and ephemeral containers that the API server asked about, without dry runs.",
        show: Show::Number,
        unit: "short",
        queries: &[(
            "sum(increase(pod_hardener_admission_requests_total{endpoint=\"mutate\"}[$__range]))",
            "",
        )],
        width: 4,
        alerts: &["PodHardenerNotCalled"],
    },
    Panel {
        title: "Pods changed",
        about: "Those of them that were not what the policy wants, and were made so.",
        show: Show::Number,
        unit: "short",
        queries: &[(
            "sum(increase(pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"patched\"}[$__range]))",
            "",
        )],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Passed unhardened",
        about: "Reviews that failed inside. What the API server could not even ask about is on the other dashboard.",
        show: Show::Zero,
        unit: "short",
        queries: &[(
            "sum(increase(pod_hardener_admission_requests_total{outcome=\"failed-open\"}[$__range]))",
            "",
        )],
        width: 4,
        alerts: &["PodHardenerFailedOpen"],
    },
    Panel {
        title: "Running on an exemption",
        about: "Pods times rules that they are exempted from, now.",
        show: Show::Number,
        unit: "short",
        queries: &[("sum(max by (rule, left) (pod_hardener_exempted_pods))", "")],
        width: 4,
        alerts: &[],
    },
    Panel {
        title: "Ended, and running still",
        about: "Pods times rules whose exemption has ended: hardened at their next start.",
        show: Show::Zero,
        unit: "short",
        queries: &[("sum(max by (rule) (pod_hardener_exempted_pods{left=\"expired\"}))", "")],
        width: 4,
        alerts: &["PodHardenerExemptionsExpired"],
    },
    Panel {
        title: "Policies and profiles refused",
        about: "Whose present version is wrong; the last good one is in force.",
        show: Show::Zero,
        unit: "short",
        queries: &[(
            "sum(max by (source) (pod_hardener_policies_refused)) + sum(max by (source) (pod_hardener_profiles_refused))",
            "",
        )],
        width: 4,
        alerts: &["PodHardenerPolicyRefused", "PodHardenerProfileRefused"],
    },
];

const COVERAGE: &[Panel] = &[
    Panel {
        title: "Hardened by rule",
        about: "The part of a rule's results that leaves pods as it wants them: set, replaced, or so already.",
        show: Show::Bars,
        unit: "percentunit",
        queries: &[(
            "sum by (rule) (increase(pod_hardener_rule_results_total{result=~\"injected|replaced|already-secure\"}[$__range])) / (sum by (rule) (increase(pod_hardener_rule_results_total[$__range])) > 0)",
            "{{rule}}",
        )],
        width: 12,
        alerts: &[],
    },
    Panel {
        title: "Left as they were, by rule and why",
        about: "Pods by what kept a rule from hardening them. `observed`: the policy only looks; this is what would change.",
        show: Show::Table,
        unit: "short",
        queries: &[(
            "sort_desc(sum by (rule, result) (increase(pod_hardener_rule_results_total{result=~\"observed|exempted|impossible|lowered\"}[$__range])) > 0)",
            "",
        )],
        width: 12,
        alerts: &[],
    },
    Panel {
        title: "What rules did",
        about: "Results of all rules together, per second.",
        show: Show::Areas,
        unit: "ops",
        queries: &[(
            "sum by (result) (rate(pod_hardener_rule_results_total{result!=\"already-secure\"}[$__rate_interval]))",
            "{{result}}",
        )],
        width: 12,
        alerts: &[],
    },
    Panel {
        title: "Postures reached",
        about: "Pods by the lowest rung of the ladder on which one of their containers stands.",
        show: Show::Areas,
        unit: "ops",
        queries: &[("sum by (posture) (rate(pod_hardener_postures_total[$__rate_interval]))", "{{posture}}")],
        width: 12,
        alerts: &[],
    },
    Panel {
        title: "What became of reviews",
        about: "Per second, by outcome.",
        show: Show::Areas,
        unit: "ops",
        queries: &[(
            "sum by (outcome) (rate(pod_hardener_admission_requests_total[$__rate_interval]))",
            "{{outcome}}",
        )],
        width: 24,
        alerts: &[],
    },
];

const EXEMPTIONS: &[Panel] = &[
    Panel {
        title: "Time that is left",
        about: "Running pods times rules that they are exempted from, by how long that lasts.",
        show: Show::Bars,
        unit: "short",
        queries: &[("sum by (left) (max by (rule, left) (pod_hardener_exempted_pods))", "{{left}}")],
        width: 8,
        alerts: &["PodHardenerExemptionsExpiring", "PodHardenerExemptionsExpired"],
    },
    Panel {
        title: "By rule",
        about: "Running pods that are exempted from a rule. Which ones: `pod-hardener exemptions list`.",
        show: Show::Table,
        unit: "short",
        queries: &[(
            "sort_desc(sum by (rule, left) (max by (rule, left) (pod_hardener_exempted_pods)) > 0)",
            "",
        )],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Honoured, and refused",
        about: "Pods that come with an exemption: by rule where it is honoured, by the reason where it is not.",
        show: Show::Table,
        unit: "short",
        queries: &[
            ("sum by (rule) (increase(pod_hardener_exemptions_honoured_total[$__range])) > 0", ""),
            ("sum by (reason) (increase(pod_hardener_exemptions_refused_total[$__range])) > 0", ""),
        ],
        width: 8,
        alerts: &["PodHardenerCannotAsk"],
    },
    Panel {
        title: "Running on an exemption",
        about: "The trend: pods times rules.",
        show: Show::Areas,
        unit: "short",
        queries: &[("sum by (rule) (max by (rule, left) (pod_hardener_exempted_pods))", "{{rule}}")],
        width: 24,
        alerts: &[],
    },
];

const POLICIES: &[Panel] = &[
    Panel {
        title: "In force",
        about: "Policies, and profiles beside those that are built in, by where they are.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            ("max by (source) (pod_hardener_policies)", "policies: {{source}}"),
            ("max by (source) (pod_hardener_profiles)", "profiles: {{source}}"),
        ],
        width: 8,
        alerts: &[],
    },
    Panel {
        title: "Changes",
        about: "Versions of policies and profiles, by what became of them.",
        show: Show::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (outcome) (increase(pod_hardener_policy_loads_total[$__rate_interval]))",
                "policies: {{outcome}}",
            ),
            (
                "sum by (outcome) (increase(pod_hardener_profile_loads_total[$__rate_interval]))",
                "profiles: {{outcome}}",
            ),
        ],
        width: 8,
        alerts: &["PodHardenerPolicyRefused", "PodHardenerProfileRefused"],
    },
    Panel {
        title: "Choices refused",
        about: "Pods and namespaces that name a policy which does not exist, or is weaker than they may choose.",
        show: Show::Lines,
        unit: "short",
        queries: &[(
            "sum by (reason) (increase(pod_hardener_policy_choices_refused_total[$__rate_interval]))",
            "{{reason}}",
        )],
        width: 8,
        alerts: &[],
    },
];

use std::time::Duration;

use super::layers::Layers;
use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(flags: &Flags, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Layers::new(flags, variables(environment))?.settings()
}

fn with_file(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, text).expect("written");
    (folder, Flags { config: Some(path), ..Flags::default() })
}

#[test]
fn later_layers_win() {
    let (_folder, mut flags) = with_file(
        "policy = 'file'\nlisten = '127.0.0.1:1'\nlog_level = 'warn'\nbody_timeout = 3\nmax_requests = 7\n",
    );
    flags.listen = Some((Ipv4Addr::LOCALHOST, 3).into());
    let environment = [("POD_HARDENER_LISTEN", "[::1]:2"), ("POD_HARDENER_LOG_LEVEL", "debug")];
    let settings = load(&flags, &environment).expect("valid");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3", "flag over environment over file");
    assert_eq!(settings.log_level, LogLevel::Debug, "environment over file");
    assert_eq!(settings.policy, "file");
    assert_eq!(settings.body_timeout, Span(Duration::from_secs(3)));
    assert_eq!(settings.max_requests, Count(7));
    assert_eq!(settings.admin, Settings::default().admin);
    flags.listen = None;
    assert_eq!(load(&flags, &environment).expect("valid").listen.to_string(), "[::1]:2");
}

#[test]
fn the_environment_may_name_the_file() {
    let (_folder, flags) = with_file("policy = 'file'\n");
    let path = flags.config.expect("named").display().to_string();
    let settings = load(&Flags::default(), &[("POD_HARDENER_CONFIG", &path)]).expect("valid");
    assert_eq!(settings.policy, "file");
}

#[test]
fn values_from_the_environment_have_their_settings_type() {
    let environment = [
        ("POD_HARDENER_POLICY", "42"),
        ("POD_HARDENER_MAX_BODY_BYTES", "1024"),
        ("POD_HARDENER_IDLE_TIMEOUT", "100"),
        ("POD_HARDENER_SHUTDOWN_LAG", "250ms"),
        ("POD_HARDENER_WORKER_THREADS", "3"),
    ];
    let settings = load(&Flags::default(), &environment).expect("valid");
    assert_eq!(settings.policy, "42");
    assert_eq!(settings.max_body_bytes, Count(1024));
    assert_eq!(settings.idle_timeout, Span(Duration::from_secs(100)));
    assert_eq!(settings.lag(), Duration::from_millis(250));
    assert_eq!(settings.threads(), 3);
}

#[test]
fn unknown_keys_name_their_source_and_the_nearest() {
    let (_folder, flags) = with_file("body_timout = 3\n");
    let message = load(&flags, &[]).expect_err("unknown").to_string();
    assert!(message.contains("`body_timout`"), "{message}");
    assert!(message.contains("settings.toml"), "{message}");
    assert!(message.contains("did you mean `body_timeout`?"), "{message}");
    let message = load(&Flags::default(), &[("POD_HARDENER_POLICCY", "x")]).expect_err("unknown").to_string();
    assert!(message.contains("POD_HARDENER_POLICCY"), "{message}");
    assert!(message.contains("did you mean `policy`?"), "{message}");
}

#[test]
fn what_the_kubelet_writes_for_services_is_no_setting() {
    let environment = [
        ("POD_HARDENER_SERVICE_HOST", "10.0.0.1"),
        ("POD_HARDENER_SERVICE_PORT", "443"),
        ("POD_HARDENER_SERVICE_PORT_HTTPS", "443"),
        ("POD_HARDENER_PORT", "tcp://10.0.0.1:443"),
        ("POD_HARDENER_PORT_443_TCP", "tcp://10.0.0.1:443"),
        ("POD_HARDENER_PORT_443_TCP_ADDR", "10.0.0.1"),
        ("POD_HARDENER_METRICS_SERVICE_HOST", "10.0.0.1"),
        ("POD_HARDENER_METRICS_PORT_9090_TCP_PROTO", "tcp"),
    ];
    assert_eq!(load(&Flags::default(), &environment).expect("ignored"), Settings::default());
}

#[test]
fn wrong_values_name_their_key_and_source() {
    let (_folder, flags) = with_file("listen = 'localhost'\n");
    let message = load(&flags, &[]).expect_err("no address").to_string();
    assert!(message.contains("listen") && message.contains("settings.toml"), "{message}");
    for (name, value) in [
        ("POD_HARDENER_BODY_TIMEOUT", "-1"),
        ("POD_HARDENER_BODY_TIMEOUT", "5 parsecs"),
        ("POD_HARDENER_BODY_TIMEOUT", "99999999999999999999"),
        ("POD_HARDENER_MAX_REQUESTS", "-1"),
        ("POD_HARDENER_MAX_REQUESTS", "many"),
        ("POD_HARDENER_LOG_FORMAT", "xml"),
    ] {
        let message = load(&Flags::default(), &[(name, value)]).expect_err("wrong").to_string();
        assert!(message.contains(name), "{name}={value}: {message}");
    }
}

#[test]
fn contradictions_are_errors() {
    for (environment, key) in [
        (("POD_HARDENER_TLS_CERT", "a"), "tls_key"),
        (("POD_HARDENER_TLS_KEY", "a"), "tls_cert"),
        (("POD_HARDENER_CLIENT_CA", "a"), "client_ca"),
        (("POD_HARDENER_IDLE_TIMEOUT", "0"), "idle_timeout"),
        (("POD_HARDENER_MAX_CONNECTIONS", "0"), "max_connections"),
        (("POD_HARDENER_MAX_BODIES_BYTES", "1024"), "max_bodies_bytes"),
        (("POD_HARDENER_CERTIFICATE_LIFETIME", "0"), "certificate_lifetime"),
        (("POD_HARDENER_CERTIFICATE_LIFETIME", "244d"), "authority_lifetime"),
        (("POD_HARDENER_CERTIFICATE_LEASE", "999ms"), "certificate_lease"),
    ] {
        let message = load(&Flags::default(), &[environment]).expect_err("wrong").to_string();
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn a_kubeconfig_is_for_a_cluster_that_is_asked() {
    let kubeconfig = ("POD_HARDENER_KUBECONFIG", "a");
    let settings = load(&Flags::default(), &[kubeconfig, ("POD_HARDENER_CLUSTER", "on")]).expect("valid");
    assert_eq!((settings.cluster, settings.kubeconfig), (ClusterMode::On, Some("a".into())));
    let message = load(&Flags::default(), &[kubeconfig, ("POD_HARDENER_CLUSTER", "off")]);
    assert!(message.expect_err("wrong").to_string().contains("kubeconfig"));
}

#[test]
fn who_manages_certificates_needs_a_cluster_and_no_files() {
    let managed = ("POD_HARDENER_CERTIFICATES", "self-managed");
    let settings = load(&Flags::default(), &[managed, ("POD_HARDENER_CLIENT_CA", "a")]).expect("valid");
    assert_eq!(settings.certificates, CertificateMode::SelfManaged);
    for other in
        [("POD_HARDENER_TLS_CERT", "a"), ("POD_HARDENER_TLS_KEY", "a"), ("POD_HARDENER_CLUSTER", "off")]
    {
        let message = load(&Flags::default(), &[managed, other]).expect_err("wrong").to_string();
        assert!(message.contains("`certificates`"), "{message}");
    }
}

#[test]
fn times_are_shown_as_they_may_be_written() {
    for (written, shown) in
        [("90d", "90d"), ("48h", "2d"), ("36h", "129600s"), ("1500ms", "1500ms"), ("0", "0s")]
    {
        let settings =
            load(&Flags::default(), &[("POD_HARDENER_SHUTDOWN_DEADLINE", written)]).expect("valid");
        assert_eq!(settings.shutdown_deadline.to_string(), shown);
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let flags = Flags { config: Some("no/such.toml".into()), ..Flags::default() };
    let error = load(&flags, &[]).expect_err("is not there");
    assert!(matches!(error, SettingsError::Read { .. }), "{error}");
    assert!(error.to_string().contains("no/such.toml"));
}

#[test]
fn a_file_that_is_no_toml_is_an_error() {
    let (_folder, flags) = with_file("listen = \n");
    let error = load(&flags, &[]).expect_err("no TOML");
    assert_eq!(error.reason(), "invalid");
}

#[test]
fn what_is_shown_is_a_file_with_the_same_settings() {
    let (_folder, mut flags) = with_file("body_timeout = '1500ms'\n");
    flags.policy = Some("a \"quoted\" \\ name".to_owned());
    let layers = Layers::new(&flags, variables(&[("POD_HARDENER_MAX_REQUESTS", "9")])).expect("layers");
    let mut out = Vec::new();
    show::print(&layers, &mut out).expect("printed");
    let text = String::from_utf8(out).expect("text");
    for line in [
        "listen = \"127.0.0.1:8443\" # built-in",
        "max_requests = 9 # POD_HARDENER_MAX_REQUESTS",
        "policy = \"a \\\"quoted\\\" \\\\ name\" # --policy",
        "# tls_cert is not set",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    assert!(text.contains("body_timeout = \"1500ms\" # ") && text.contains("settings.toml"), "{text}");
    let (_folder, again) = with_file(&text);
    assert_eq!(load(&again, &[]).expect("valid"), layers.settings().expect("valid"));
}

#[test]
fn on_loopback_nobody_waits_for_endpoints() {
    let mut settings = Settings::default();
    assert_eq!(settings.lag(), Duration::ZERO);
    settings.listen = (Ipv4Addr::UNSPECIFIED, 8443).into();
    assert_eq!(settings.lag(), Duration::from_secs(5));
}

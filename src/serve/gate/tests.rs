use std::net::SocketAddr;

use hyper::header::HeaderName;

use super::*;

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
}

#[test]
fn only_names_of_this_machine_are_loopback() {
    for (host, expected) in [
        ("localhost", true),
        ("LocalHost:9090", true),
        ("127.0.0.1", true),
        ("127.8.0.1:80", true),
        ("[::1]:9090", true),
        ("[::1]", true),
        ("", false),
        ("evil.example", false),
        ("localhost.evil.example:9090", false),
        ("127.0.0.1.evil.example", false),
        ("evil.example:127.0.0.1", false),
        ("localhost:80@evil.example", false),
        ("10.0.0.1:9090", false),
        ("[::2]", false),
        ("[::1]evil", false),
        ("[::1", false),
        ("0.0.0.0", false),
    ] {
        let value = HeaderValue::from_str(host).expect("a value");
        assert_eq!(is_loopback(&value), expected, "{host}");
    }
}

#[test]
fn a_token_comes_by_itself_or_as_a_password() {
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let long = "a".repeat(LONGEST_TOKEN + 1);
    for (value, expected) in [
        ("Bearer abc.def", Some("abc.def")),
        ("bearer  abc", Some("abc")),
        (&basic("anybody:abc"), Some("abc")),
        (&basic(":a:b"), Some("a:b")),
        (&basic("abc"), None),
        ("Basic %%%", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer a b", None),
        ("Digest abc", None),
        (&format!("Bearer {long}"), None),
        (&basic("a:b\nc"), None),
    ] {
        assert_eq!(token(&headers(&[(AUTHORIZATION, value)])).as_deref(), expected, "{value}");
    }
    assert_eq!(token(&HeaderMap::new()), None);
}

#[test]
fn beyond_loopback_a_token_is_needed() {
    let gate = |admin: &str, status_page| {
        let admin: SocketAddr = admin.parse().expect("an address");
        let gate = Gate::new(&Settings { admin, status_page, ..Settings::default() }, None);
        gate.map(|gate| matches!(gate, Gate::Token(_)))
    };
    for (admin, status_page, expected) in [
        ("127.0.0.1:9090", StatusPage::Auto, Some(false)),
        ("[::1]:9090", StatusPage::Auto, Some(false)),
        ("127.0.0.1:9090", StatusPage::Token, Some(true)),
        ("0.0.0.0:9090", StatusPage::Auto, Some(true)),
        ("[::]:9090", StatusPage::Auto, Some(true)),
        ("10.0.0.1:9090", StatusPage::Auto, Some(true)),
        ("127.0.0.1:9090", StatusPage::Off, None),
    ] {
        assert_eq!(gate(admin, status_page), expected, "{admin} {status_page:?}");
    }
}

#[tokio::test]
async fn without_a_cluster_no_token_is_good_enough() {
    let gate = Gate::Token(Tokens::new(None));
    assert_eq!(gate.lets(&HeaderMap::new()).await, Err(Refusal::NoToken));
    assert_eq!(gate.lets(&headers(&[(AUTHORIZATION, "Bearer a")])).await, Err(Refusal::Nobody));
    assert_eq!(gate.lets(&headers(&[(HOST, "localhost")])).await, Err(Refusal::NoToken));
}

#[test]
fn a_browser_is_asked_for_the_token_only_on_loopback() {
    let asks = |from_loopback| {
        let answered = Refusal::NoToken.answer(from_loopback);
        assert_eq!(answered.status(), StatusCode::UNAUTHORIZED);
        answered.headers()[WWW_AUTHENTICATE].to_str().expect("text").to_owned()
    };
    assert!(asks(true).starts_with("Basic realm="));
    assert_eq!(asks(false), "Bearer");
}

//! The status page: who is shown it, and what a browser is told.

use pod_hardener::settings::{Settings, StatusPage};
use serde_json::json;

use crate::client::{Answer, plain_with};
use crate::harness::{Running, bytes, review, settings, start};

const LOCAL: &str = "Host: localhost:9090\r\n";

async fn get(server: &Running, path: &str, headers: &str) -> Answer {
    plain_with(server.admin, "GET", path, headers).await
}

fn is_protected(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn on_loopback_whoever_asks_by_a_name_of_this_machine_sees_it() {
    let server = start(settings()).await;
    server.lives().await;
    for host in ["Host: localhost\r\n", "Host: 127.0.0.1:9090\r\n", "Host: [::1]:9090\r\n"] {
        let page = get(&server, "/", host).await;
        assert_eq!(page.status, 200, "{host}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        is_protected(&page);
        assert!(page.text().contains(">shop/web<"), "{}", page.text());
    }
    for host in ["Host: evil.example\r\n", "Host: localhost.evil.example\r\n", "Host: 10.0.0.1\r\n", ""] {
        let refused = get(&server, "/", host).await;
        // Without a Host header it is no HTTP/1.1; hyper lets it through all the same.
        assert_eq!(refused.status, 421, "{host}");
        assert!(!refused.text().contains("shop"), "{}", refused.text());
        is_protected(&refused);
    }
    let script = get(&server, "/live.js", LOCAL).await;
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    is_protected(&script);
    assert_eq!(plain_with(server.admin, "POST", "/", LOCAL).await.status, 405);
    assert_eq!(get(&server, "/index.html", LOCAL).await.status, 404);
    // As they were.
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(get(&server, path, "Host: evil.example\r\n").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn it_can_be_off() {
    let server = start(Settings { status_page: StatusPage::Off, ..settings() }).await;
    server.lives().await;
    for path in ["/", "/live.js"] {
        assert_eq!(get(&server, path, LOCAL).await.status, 404);
    }
    assert!(!get(&server, "/nothing", LOCAL).await.text().contains("status page"));
}

/// Beyond loopback as well; which addresses those are is a test of the library.
#[tokio::test]
async fn with_tokens_nobody_is_let_in_for_where_they_come_from() {
    let server = start(Settings { status_page: StatusPage::Token, ..settings() }).await;
    server.lives().await;
    for path in ["/", "/live.js", "/?still"] {
        let refused = get(&server, path, LOCAL).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm="));
        is_protected(&refused);
        // There is no cluster that would know it.
        let refused = get(&server, path, "Host: localhost\r\nAuthorization: Bearer abc\r\n").await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(!refused.text().contains("shop"), "{}", refused.text());
    }
    assert_eq!(get(&server, "/readyz", LOCAL).await.status, 200);
}

#[tokio::test]
async fn names_that_are_hostile_are_only_text() {
    let server = start(settings()).await;
    let hostile = "</td><script>alert(1)</script><img src=x onerror=alert(2)>";
    let mut body = review();
    for field in ["name", "namespace"] {
        body["request"][field] = json!(hostile);
        body["request"]["object"]["metadata"][field] = json!(hostile);
    }
    body["request"]["object"]["metadata"]["annotations"] =
        json!({"pod-hardener.dev/exempt": hostile, (format!("{hostile}.pod-hardener.dev/exempt")): hostile});
    assert_eq!(server.client().await.post(&bytes(&body)).await.unwrap().status, 200);
    let page = get(&server, "/", LOCAL).await;
    let text = page.text();
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{text}");
    assert!(!text.contains("<script>") && !text.contains("<img"), "{text}");
    assert_eq!(text.matches("<script ").count(), 1);
}

#[tokio::test]
async fn decisions_are_shown_with_their_reasons() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    let mut body = review();
    body["request"]["object"]["spec"]["volumes"] = json!([{"name": "v", "hostPath": {"path": "/var/log"}}]);
    client.post(&bytes(&body)).await.unwrap().response();
    body["request"]["name"] = json!("broken");
    body["request"]["object"]["spec"] = json!(7);
    client.post(&bytes(&body)).await.unwrap().response();
    let page = get(&server, "/", LOCAL).await;
    let text = page.text();
    for expected in [
        "<span class=\"badge change\">patched</span>",
        "<span class=\"muted\">observed</span> host-path",
        "<span class=\"badge bad\">failed-open</span>",
        "the pod could not be reviewed",
        ">shop/broken<",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

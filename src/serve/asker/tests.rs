use std::convert::Infallible;
use std::sync::Mutex;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::cluster::Owner;

/// An API server that lets everybody exempt from `seccomp`, after a while, and keeps what it was asked.
async fn api_server(delay: Duration) -> (Client, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = Arc::clone(&seen);
                async move {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let mut review: Value = serde_json::from_slice(&body).unwrap();
                    seen.lock().unwrap().push(review["spec"].clone());
                    tokio::time::sleep(delay).await;
                    let allowed = review["spec"]["resourceAttributes"]["name"] == "seccomp";
                    review["status"] = json!({"allowed": allowed});
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(review.to_string()))))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let config = kube::Config::new(format!("http://{address}").parse().unwrap());
    (Client::try_from(config).unwrap(), asked)
}

fn asker(client: Option<Client>) -> (Arc<Asker>, Arc<Cluster>, Arc<Metrics>) {
    let (cluster, metrics) = (Arc::new(Cluster::connected()), Arc::new(Metrics::new().unwrap()));
    let asker = Asker::new(client, Arc::clone(&cluster), Arc::clone(&metrics), 2);
    (Arc::new(asker), cluster, metrics)
}

fn question(username: &str) -> Question {
    let extra = [("scopes".to_owned(), vec!["a".to_owned()])].into();
    let groups = vec!["developers".to_owned()];
    Question::May {
        requester: Requester { username: username.to_owned(), uid: "7".to_owned(), groups, extra },
        namespace: "shop".to_owned(),
        rules: [RuleId::seccomp, RuleId::capabilities].into_iter().collect(),
    }
}

fn told_seccomp() -> Told {
    Told { may: Some([RuleId::seccomp].into_iter().collect()), ..Told::default() }
}

#[tokio::test]
async fn each_rule_is_asked_for_the_whole_user_and_remembered() {
    let (client, asked) = api_server(Duration::ZERO).await;
    let (asker, _, metrics) = asker(Some(client));
    for _ in 0..2 {
        assert_eq!(asker.find_out(question("jane"), Told::default()).await, told_seccomp());
    }
    let mut asked = asked.lock().unwrap().clone();
    asked.sort_by_key(|spec| spec["resourceAttributes"]["name"].to_string());
    assert_eq!(asked.len(), 2, "{asked:?}");
    let expected = json!({
        "user": "jane", "uid": "7", "groups": ["developers"], "extra": {"scopes": ["a"]},
        "resourceAttributes": {"group": "pod-hardener.dev", "resource": "rules", "verb": "exempt",
            "name": "seccomp", "namespace": "shop"},
    });
    assert_eq!(asked[1], expected);
    let count = |label| metrics.access_reviews.get(label);
    assert_eq!((count(Asked::Allowed), count(Asked::Denied), count(Asked::Cached)), (1, 1, 2));
}

#[tokio::test]
async fn the_same_at_once_is_asked_once_and_too_much_at_once_is_not_asked() {
    let (client, asked) = api_server(Duration::from_millis(100)).await;
    let (asker, _, metrics) = asker(Some(client));
    let told = || asker.find_out(question("jane"), Told::default());
    let (first, second, third) = tokio::join!(told(), told(), told());
    assert_eq!((first, second), (told_seccomp(), told_seccomp()));
    assert_eq!(third, Told { may: Some(RuleSet::default()), unreachable: true, ..Told::default() });
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert_eq!(metrics.access_reviews.get(Asked::Overload), 1);
}

#[tokio::test]
async fn who_does_not_answer_in_time_allows_nothing() {
    let (client, _) = api_server(Duration::from_secs(60)).await;
    let nothing = Told { may: Some(RuleSet::default()), unreachable: true, ..Told::default() };
    let (slow, _, metrics) = asker(Some(client));
    assert_eq!(slow.find_out(question("jane"), Told::default()).await, nothing);
    assert_eq!(metrics.access_reviews.get(Asked::Failed), 2);
    let (nobody, ..) = asker(None);
    assert_eq!(nobody.find_out(question("jane"), Told::default()).await, nothing);
}

#[tokio::test]
async fn a_workload_is_waited_for() {
    let (asker, cluster, metrics) = asker(None);
    let told = Told { waited: true, ..told_seccomp() };
    let bring = async {
        tokio::task::yield_now().await;
        cluster.owners.apply([1; 16], Owner { created: 1, controller: None });
    };
    let (found, ()) = tokio::join!(asker.find_out(Question::Owner([1; 16]), told_seccomp()), bring);
    assert_eq!(found, told);
    assert_eq!(metrics.owner_waits.get(Waited::Known), 1);
    assert_eq!(asker.find_out(Question::Owner([2; 16]), told_seccomp()).await, told);
    assert_eq!(metrics.owner_waits.get(Waited::Unknown), 1);
}

//! `--certificates self-managed`: what the overlay installs is trusted by the API server, and stays so.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::certificates::Authority;
use crate::cluster::until_ok;
use crate::fixture::{Fixture, HARDENED};
use crate::pods;
use crate::{Test, test};

mod stage;

use stage::{KINDS, LEASE, SECRET, SHOP, Stage, configuration, handshake};

/// The Lease is over soon, and what is not watched is looked at often.
const QUICK: [&str; 2] = ["POD_HARDENER_CERTIFICATE_LEASE=3s", "POD_HARDENER_CERTIFICATE_POLL=500ms"];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("self_managed::certificates_and_authorities_rotate_and_no_call_fails", rotate),
        test("self_managed::what_is_lost_or_foreign_is_put_right", heal),
        test("self_managed::another_replica_goes_on_where_the_leader_stopped", lead),
    ]
}

/// How many authorities are in it.
fn authorities(bundle: &str) -> usize {
    bundle.matches("BEGIN CERTIFICATE").count()
}

async fn rotate(fixture: Arc<Fixture>) {
    let lives = ["POD_HARDENER_CERTIFICATE_LIFETIME=20s", "POD_HARDENER_AUTHORITY_LIFETIME=60s"];
    let mut stage = Stage::new(&fixture, &[QUICK, lives].concat()).await;
    stage.start();
    stage.start();
    stage.register(&[]);
    stage.until_ready(&[0, 1]).await;
    stage.until_whole().await;
    let first = stage.secret("ca.crt").await.expect("an authority");
    let mut seen = vec![authorities(&first)];

    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut callers = Vec::new();
    for number in 0..3 {
        let (api, over, calls) = (stage.api.clone(), Arc::clone(&over), Arc::clone(&calls));
        callers.push(tokio::spawn(async move {
            let path = format!("/api/v1/namespaces/{SHOP}/pods?dryRun=All");
            let mut failed = Vec::new();
            while !over.load(Ordering::Relaxed) {
                match api.create(&path, &pods::plain(&format!("web-{number}"))).await {
                    Ok(pod) if pods::annotation(&pod.object, HARDENED).is_some() => {}
                    Ok(pod) => failed.push(format!("not hardened: {}", pod.object)),
                    Err(refused) => failed.push(refused.message),
                }
                calls.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(20)).await;
            }
            failed
        }));
    }
    let (mut distrusted, mut handshakes) = (Vec::new(), 0_u32);
    // Until the first authority has come to its end.
    until_ok("all has rotated", async || {
        for kind in KINDS {
            // An API server that knows what it was told last, and connects anew.
            let bundles = stage.bundles(kind).await?;
            for replica in stage.replicas.iter().filter(|replica| replica.is_ready()) {
                for bundle in &bundles {
                    distrusted.extend(handshake(replica.listen, bundle).await.err());
                    handshakes += 1;
                }
            }
        }
        let bundle = stage.secret("ca.crt").await?;
        seen.push(authorities(&bundle));
        if bundle.contains(first.trim()) { Err(format!("the first is there: {seen:?}")) } else { Ok(()) }
    })
    .await;
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        let failed = caller.await.expect("a caller");
        assert!(
            failed.is_empty(),
            "of {} calls {} failed: {failed:?}",
            calls.load(Ordering::Relaxed),
            failed.len()
        );
    }
    assert!(distrusted.is_empty(), "of {handshakes} handshakes {} failed: {distrusted:?}", distrusted.len());
    assert!(seen.contains(&2), "both authorities were trusted for a while: {seen:?}");
    let made = async |what: &str| {
        stage
            .sum(&format!("pod_hardener_certificate_rotations_total{{outcome=\"written\",what=\"{what}\"}}"))
            .await
    };
    let (of_authorities, of_certificates) = (made("authority").await, made("certificate").await);
    assert!(of_authorities >= 2.0 && of_certificates > of_authorities, "{of_authorities}, {of_certificates}");
    println!(
        "{} calls and {handshakes} handshakes while {of_authorities} authorities and {of_certificates} certificates were made",
        calls.load(Ordering::Relaxed)
    );
    stage.stop();
}

async fn heal(fixture: Arc<Fixture>) {
    let mut stage = Stage::new(&fixture, &QUICK).await;
    stage.start();
    stage.start();
    // Nobody calls them yet, so nobody distrusts them: a tool that waits for them before it registers them goes on.
    stage.until_ready(&[0, 1]).await;
    stage.register(&[]);
    stage.until_whole().await;
    stage.until_ready(&[0, 1]).await;
    // What is not in the manifests stays as it is when they are applied again.
    for how in [&[][..], &["--server-side", "--force-conflicts"]] {
        stage.register(how);
    }
    let missing = stage.sum("pod_hardener_certificate_heals_total{cause=\"bundle-missing\"}").await;
    assert!(missing == 2.0, "one for each configuration: {missing}");
    let (ours, certificate) =
        (stage.secret("ca.crt").await.expect("ours"), stage.secret("tls.crt").await.expect("one"));
    assert_eq!(authorities(&ours), 1);
    let [one, other] =
        [&stage.replicas[0], &stage.replicas[1]].map(|replica| handshake(replica.listen, &ours));
    assert_eq!(one.await.expect("trusted"), other.await.expect("trusted"), "every replica serves the same");

    let foreign = Authority::new("foreign").pem();
    for (what, bundle) in
        [("foreign", Some(foreign.clone())), ("extra", Some(format!("{ours}{foreign}"))), ("none", None)]
    {
        for kind in KINDS {
            stage
                .change(&configuration(kind), |object| {
                    object["webhooks"][0]["clientConfig"]["caBundle"] =
                        bundle.as_ref().map_or(Value::Null, |bundle| json!(BASE64_STANDARD.encode(bundle)));
                })
                .await;
        }
        println!("caBundle: {what}");
        stage.until_whole().await;
    }
    for kind in KINDS {
        stage.api.delete(&configuration(kind)).await.expect("a deletion");
        stage.register_one(kind, &[]);
        stage.until_whole().await;
    }
    assert!(stage.sum("pod_hardener_certificate_heals_total{cause=\"bundle-foreign\"}").await >= 4.0);

    stage.api.delete(SECRET).await.expect("a deletion");
    let is_back = async || {
        until_ok("the Secret is what it was", async || {
            let back = (stage.secret("ca.crt").await?, stage.secret("tls.crt").await?);
            let is_whole = stage.secret("ca.key").await?.contains("PRIVATE KEY");
            if back == (ours.clone(), certificate.clone()) && is_whole {
                Ok(())
            } else {
                Err(format!("{back:?}"))
            }
        })
        .await;
    };
    is_back().await;
    for key in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
        println!("broken: {key}");
        stage.change(SECRET, |secret| secret["data"][key] = json!(BASE64_STANDARD.encode("broken"))).await;
        is_back().await;
    }
    let other = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    for key in ["ca.key", "tls.key"] {
        println!("of something else: {key}");
        stage.change(SECRET, |secret| secret["data"][key] = json!(BASE64_STANDARD.encode(&other))).await;
        until_ok("the key is put right", async || {
            let now = stage.secret(key).await?;
            if now == other { Err("it is not".to_owned()) } else { Ok(()) }
        })
        .await;
        is_back().await;
    }

    stage.api.delete(LEASE).await.expect("a deletion");
    stage.leader(&[0, 1]).await;
    until_ok("there is a Lease again", async || {
        stage.api.get(LEASE).await.map(drop).map_err(|refused| refused.message)
    })
    .await;

    // Without the API server it goes on, and afterwards too.
    stage.cluster.stop_api_server();
    sleep(Duration::from_secs(4)).await;
    assert!(!stage.replicas[0].leads().await && !stage.replicas[1].leads().await, "nobody knows who leads");
    stage.until_ready(&[0, 1]).await;
    for replica in &stage.replicas {
        handshake(replica.listen, &ours).await.expect("still served");
    }
    // Who starts now waits, and says for what.
    stage.start();
    until_ok("it says what it waits for", async || {
        let said = stage.replicas[2].readiness().await;
        let is_said =
            |text: &str| text.contains("[-] certificates: the Secret: ") && !text.contains("not listed yet");
        if said.as_ref().is_err_and(|text| is_said(text)) { Ok(()) } else { Err(format!("{said:?}")) }
    })
    .await;
    stage.cluster.start_api_server().await;
    stage.api.delete(SECRET).await.expect("a deletion");
    let back = async || (stage.secret("ca.crt").await, stage.secret("tls.crt").await);
    until_ok("the Secret is back", async || {
        if back().await == (Ok(ours.clone()), Ok(certificate.clone())) {
            Ok(())
        } else {
            Err("it is not".to_owned())
        }
    })
    .await;
    stage.until_whole().await;
    stage.until_ready(&[0, 1, 2]).await;
    stage.stop();
    role_is_what_it_takes(&stage);
}

/// Nothing was forbidden, and every verb of the role was of use.
fn role_is_what_it_takes(stage: &Stage) {
    let requests = stage.requests();
    let used = |resource: &str, verb: &str| {
        requests.iter().any(|(this, how, code)| this == resource && how == verb && *code < 300)
    };
    // An API server that has just started forbids what it allows a moment later.
    let forbidden: Vec<_> =
        requests.iter().filter(|(what, verb, code)| *code == 403 && !used(what, verb)).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/components/self-managed/rbac.yaml");
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(&std::fs::read_to_string(file).expect("the roles")).expect("YAML");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut verbs = 0;
    for rule in objects.iter().flat_map(|object| list(&object["rules"])) {
        for (resource, verb) in list(&rule["resources"])
            .iter()
            .flat_map(|r| list(&rule["verbs"]).into_iter().map(move |v| (r.clone(), v)))
        {
            let (resource, verb) = (resource.as_str().expect("a name"), verb.as_str().expect("a verb"));
            assert!(used(resource, verb), "{verb} on {resource} is not needed: {requests:?}");
            verbs += 1;
        }
    }
    assert_eq!(verbs, 13);
}

async fn lead(fixture: Arc<Fixture>) {
    let mut stage = Stage::new(&fixture, &QUICK).await;
    stage.register(&[]);
    stage.start();
    stage.start();
    stage.until_whole().await;
    stage.until_ready(&[0, 1]).await;
    let paused = stage.leader(&[0, 1]).await;
    let other = 1 - paused;
    let ours = stage.secret("ca.crt").await.expect("ours");

    // Longer than its Lease.
    stage.replicas[paused].process.signal(Signal::STOP);
    assert_eq!(stage.leader(&[other]).await, other);
    stage
        .change(SECRET, |secret| {
            secret["metadata"]["annotations"] = json!({"pod-hardener.dev/renew": "authority"})
        })
        .await;
    until_ok("there is a new authority beside the old one", async || {
        let now = stage.secret("ca.crt").await?;
        if authorities(&now) == 2 && now.ends_with(&ours) { Ok(()) } else { Err(now) }
    })
    .await;
    let both = stage.secret("ca.crt").await.expect("both");
    until_ok("both are trusted", async || {
        let bundles = [stage.bundles(KINDS[0]).await?, stage.bundles(KINDS[1]).await?].concat();
        if bundles.iter().all(|bundle| *bundle == both) { Ok(()) } else { Err(format!("{bundles:?}")) }
    })
    .await;
    stage.replicas[paused].process.signal(Signal::CONT);
    assert_eq!(stage.leader(&[0, 1]).await, other);
    stage.until_ready(&[0, 1]).await;
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        assert!(!stage.replicas[paused].leads().await, "its time is over");
        assert_eq!(stage.secret("ca.crt").await.as_ref(), Ok(&both));
        for kind in KINDS {
            let bundles = stage.bundles(kind).await.expect("bundles");
            assert!(bundles.iter().all(|bundle| *bundle == both), "{bundles:?}");
        }
    }

    stage.replicas[other].process.signal(Signal::KILL);
    assert_eq!(stage.leader(&[paused]).await, paused);
    stage
        .change(&configuration(KINDS[0]), |object| {
            object["webhooks"][0]["clientConfig"]["caBundle"] = Value::Null
        })
        .await;
    stage.until_whole().await;
    // Who leaves in order does not keep anybody waiting, and who comes serves what all serve.
    stage.start();
    stage.until_ready(&[2]).await;
    stage.replicas[paused].process.stop();
    assert_eq!(stage.leader(&[2]).await, 2);
    assert_eq!(stage.secret("ca.crt").await.as_ref(), Ok(&both));
    stage.until_called().await;

    // Nobody is left who remembers, and the Secret is gone: what the webhooks trust stays trusted.
    stage.replicas[2].process.stop();
    stage.api.delete(SECRET).await.expect("a deletion");
    stage.start();
    stage.until_ready(&[3]).await;
    let beside = stage.secret("ca.crt").await.expect("authorities");
    assert!(authorities(&beside) == 3 && beside.ends_with(&both), "{beside}");
    stage.until_whole().await;

    // A certificate by hand, whose authority is known only to the webhooks: it stays until ours is trusted too.
    stage.replicas[3].process.stop();
    let by_hand = stage.secret("tls.crt").await.expect("a certificate");
    stage
        .change(SECRET, |secret| {
            let data = secret["data"].as_object_mut().expect("data");
            data.retain(|key, _| key.starts_with("tls."));
        })
        .await;
    stage.start();
    stage.until_ready(&[4]).await;
    until_ok("ours is beside it", async || {
        let now = stage.secret("ca.crt").await?;
        if authorities(&now) == 4 && now.ends_with(&beside) { Ok(()) } else { Err(now) }
    })
    .await;
    assert_eq!(stage.secret("tls.crt").await, Ok(by_hand), "not before every API server has heard of ours");
    stage.until_whole().await;
    stage.stop();
}

use super::*;

fn pair(name: &str) -> (Vec<u8>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes())
}

fn pem() -> Pem {
    let (cert, key) = pair("localhost");
    Pem { cert, key, client_ca: None }
}

#[test]
fn a_pair_is_loaded_with_its_expiry() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap();
    let cert = params.self_signed(&key).unwrap().pem().into_bytes();
    let pem = Pem { cert, key: key.serialize_pem().into_bytes(), client_ca: None };
    let loaded = Loaded::new(&pem).unwrap();
    assert_eq!(loaded.expires, 2_000_000_000);
    assert_eq!(loaded.config.alpn_protocols, [b"http/1.1".to_vec()]);
}

#[test]
fn each_part_is_checked() {
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    let good = pem();
    for (pem, reason) in [
        (Pem { cert: Vec::new(), ..good.clone() }, "certificate"),
        (Pem { cert: broken.clone(), ..good.clone() }, "certificate"),
        (Pem { cert: good.key.clone(), ..good.clone() }, "certificate"),
        (Pem { key: Vec::new(), ..good.clone() }, "key"),
        (Pem { key: good.cert.clone(), ..good.clone() }, "key"),
        (Pem { key: pair("localhost").1, ..good.clone() }, "mismatch"),
        (Pem { client_ca: Some(Vec::new()), ..good.clone() }, "client-ca"),
        (Pem { client_ca: Some(broken), ..good.clone() }, "client-ca"),
    ] {
        let error = Loaded::new(&pem).unwrap_err();
        assert_eq!(crate::metrics::Label::as_str(error.reason()), reason, "{error}");
    }
}

#[test]
fn the_key_is_not_in_what_is_printed() {
    let pem = pem();
    let key = String::from_utf8(pem.key.clone()).unwrap();
    let line = key.lines().nth(1).unwrap();
    assert!(!format!("{pem:?}").contains(line));
    assert_eq!(format!("{pem:?}"), "Pem { .. }");
}

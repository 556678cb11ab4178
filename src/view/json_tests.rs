use super::*;
use crate::review::AdmissionReview;
use crate::view::Pod;

/// Of everything that a reader meets: escapes, numbers, blanks, nesting, words, known and unknown fields.
const REVIEW: &str = r#"{ "kind":"AdmissionReview","apiVersion":"admission.k8s.io\/v1","request":{"uid":"a-b",
 "unknown": [ 1, -2 ,{}, [ ], [[true,false],null] , {"a":{"b":{"c":"d\"\\"}}} ], "dryRun":false,
 "userInfo":{"groups":["system:nodes","ä€😀"],"extra":{"k:{\"n\":1}":{}}},"object":{"metadata":{"name":"web",
 "managedFields":[{"fieldsV1":{"f:metadata":{".":{},"f:labels":{}},"k:{\"name\":\"a\"}":{}}}],
 "annotations":{"a/b":"c\nd","e":null},"labels":{}},"spec":{"containers":[{"name":"web","ports":
 [{"containerPort":8080},{"hostPort":0}],"resources":{"limits":{"cpu":1,"memory":"1Gi"}}}],"volumes":null}}}}"#;

fn agrees(text: &str) -> bool {
    let Ok(read) = quick::<AdmissionReview<'_>>(text) else { return false };
    let other: AdmissionReview<'_> =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(format!("{read:?}"), format!("{other:?}"), "{text}");
    true
}

#[test]
fn plain_json_is_read_without_help() {
    assert!(agrees(REVIEW));
    let spread = REVIEW.replace(',', " ,\r\n\t").replace(':', " : ").replace('}', " }");
    assert!(agrees(&spread), "blanks anywhere");
}

#[test]
fn what_is_taken_is_what_serde_json_takes() {
    for at in (0..=REVIEW.len()).filter(|at| REVIEW.is_char_boundary(*at)) {
        let (head, tail) = REVIEW.split_at(at);
        agrees(head);
        let mut rest = tail.chars();
        rest.next();
        agrees(&format!("{head}{}", rest.as_str()));
        for other in "{}[]:,\"\\ \n\u{1}0-.1eutfnä".chars() {
            agrees(&format!("{head}{other}{}", rest.as_str()));
            agrees(&format!("{head}{other}{tail}"));
        }
    }
}

#[test]
fn errors_are_serde_jsons() {
    for text in ["", "{", "[1", r#"{"spec":7}"#, r#"{"spec":{}} x"#, r#"{"spec":{},"spec":{}}"#] {
        let ours = read::<Pod<'_>>(text).map(|_| ()).map_err(|error| error.to_string());
        let theirs = serde_json::from_str::<Pod<'_>>(text).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(ours, theirs, "{text}");
    }
}

#[test]
fn what_is_unusual_is_read_all_the_same() {
    let deep = format!(r#"{{"status":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    for text in [r#"{"status":1.5e3}"#, r#"{"status":-0}"#, r#"{"status":"\u00e4"}"#, &deep] {
        assert!(quick::<Pod<'_>>(text).is_err() || text.contains("-0"), "{text}");
        assert!(read::<Pod<'_>>(text).is_ok(), "{text}");
    }
}

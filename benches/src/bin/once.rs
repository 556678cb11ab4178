//! One thing again and again, for callgrind: `once parse|answer|null CONTAINERS TIMES`.

use std::hint::black_box;

use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener::review::{self, AdmissionReview};
use pod_hardener_bench::review::plain;
use time::OffsetDateTime;

#[derive(serde::Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Uid<'a>,
}

#[derive(serde::Deserialize)]
struct Uid<'a> {
    uid: &'a str,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, containers, times] = arguments.as_slice() else { anyhow::bail!("what CONTAINERS TIMES") };
    let body = plain(containers.parse()?);
    let policies = PolicySet::from(Preset::Restricted);
    for _ in 0..times.parse::<usize>()? {
        match what.as_str() {
            "parse" => drop(black_box(AdmissionReview::parse(black_box(&body)))),
            "answer" => {
                drop(black_box(review::answer(black_box(&body), &policies, OffsetDateTime::UNIX_EPOCH)))
            }
            _ => {
                let review: Review<'_> = serde_json::from_slice(black_box(&body))?;
                black_box(review.request.uid);
            }
        }
    }
    Ok(())
}

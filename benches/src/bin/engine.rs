//! Bytes in → response bytes, against only parsing the same bytes into the borrowed view.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener::review::{self, AdmissionReview};
use pod_hardener_bench::review::{hardened, plain};
use pod_hardener_bench::stats::{median, micros};
use pod_hardener_bench::table::{Options, Table, Target, short};
use time::OffsetDateTime;

const CONTAINERS: [usize; 4] = [1, 3, 10, 50];
/// Long against the clock's own cost, short against the scheduler's slices.
const BATCH: Duration = Duration::from_millis(2);

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse()?;
    let policies = PolicySet::from(Preset::Restricted);
    let mut subjects = Vec::new();
    for containers in CONTAINERS {
        subjects.push(Subject::new("plain", containers, plain(containers)));
    }
    for containers in CONTAINERS {
        subjects.push(Subject::new("hardened", containers, hardened(containers, &policies)?));
    }
    let rounds = if options.quick { 5 } else { 301 };
    for _ in 0..rounds {
        for subject in &mut subjects {
            subject.round(&policies);
        }
    }
    let mut table = Table::default();
    for subject in &mut subjects {
        subject.report(&mut table);
    }
    for four in subjects.chunks_mut(CONTAINERS.len()) {
        linear(four, &mut table);
    }
    Ok(table.finish(options))
}

/// One review and its times.
struct Subject {
    kind: &'static str,
    containers: usize,
    body: Vec<u8>,
    /// How often the review is done in one batch.
    times: u32,
    parse: Vec<f64>,
    answer: Vec<f64>,
    ratio: Vec<f64>,
}

impl Subject {
    fn new(kind: &'static str, containers: usize, body: Vec<u8>) -> Self {
        let once = clock(20, || parse(&body));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let times = (micros(BATCH) / once).ceil() as u32;
        let (parse, answer, ratio) = (Vec::new(), Vec::new(), Vec::new());
        Self { kind, containers, body, times, parse, answer, ratio }
    }

    fn round(&mut self, policies: &PolicySet) {
        let parse = clock(self.times, || parse(&self.body));
        let answer = clock(self.times, || answer(&self.body, policies));
        self.parse.push(parse);
        self.answer.push(answer);
        self.ratio.push(answer / parse);
    }

    fn report(&mut self, table: &mut Table) {
        let name = format!("{} pod, {} containers: answer / parse", self.kind, self.containers);
        let (parse, answer) = (median(&mut self.parse), median(&mut self.answer));
        let detail = format!("{} / {} µs, {} bytes", short(answer), short(parse), self.body.len());
        table.row(&name, median(&mut self.ratio), "", Target::AtMost(2.0), &detail);
    }
}

/// The time of each further container, among many against among few: growth beyond linear shows here.
fn linear(four: &mut [Subject], table: &mut Table) {
    let [one, _, ten, fifty] = four else { return };
    let [one_time, ten_time, fifty_time] =
        [&mut one.answer, &mut ten.answer, &mut fifty.answer].map(|t| median(t));
    let few = (ten_time - one_time) / 9.0;
    let many = (fifty_time - ten_time) / 40.0;
    let name = format!("{} pod: each container 11…50 / each 2…10", one.kind);
    let detail = format!("{} / {} µs", short(many), short(few));
    table.row(&name, many / few, "", Target::AtMost(1.3), &detail);
}

fn parse(body: &[u8]) {
    let review: Result<AdmissionReview<'_>, _> = AdmissionReview::parse(black_box(body));
    drop(black_box(review));
}

fn answer(body: &[u8], policies: &PolicySet) {
    drop(black_box(review::answer(black_box(body), policies, OffsetDateTime::UNIX_EPOCH)));
}

/// Microseconds of one among `times`.
fn clock(times: u32, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    micros(start.elapsed()) / f64::from(times)
}

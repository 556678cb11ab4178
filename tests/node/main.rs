//! Tests on a real node: pods that run, and our webhook in the cluster that it works for.
//!
//! `cargo xtask test` builds what that takes and runs this target, as root and on Linux; without
//! that the target says why it does not run, and ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a test runner prints"
)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::{Handle, Runtime};

#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/api.rs"]
mod api;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/cluster.rs"]
mod cluster;
mod content;
mod faults;
mod fixture;
mod guard;
mod hardened;
mod installation;
mod load;
mod machine;
mod node;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/process.rs"]
mod process;
mod release;
mod replicas;
mod rollout;
mod running;
mod tls;
mod workloads;

use cluster::Binaries;
use fixture::Fixture;

/// Folders, as in `PATH`, that hold every program of a control plane and a node.
const ASSETS: &str = "E2E_ASSETS";

/// Archives of images, as in `PATH`.
const IMAGES: &str = "NODE_IMAGES";

/// The value with which `cargo xtask test` says that it will run this target later.
const LATER: &str = "later";

/// Pods start slowly on a small machine; a test waits most of the time.
const THREADS: usize = 4;

/// The test itself, which is not to return when it fails.
type Run = Box<dyn FnOnce(&Handle, Arc<Fixture>) + Send>;

/// One test, not yet bound to a cluster.
struct Test {
    name: &'static str,
    run: Run,
}

/// Makes a test of an async function.
fn test<F, T>(name: &'static str, run: F) -> Test
where
    F: FnOnce(Arc<Fixture>) -> T + Send + 'static,
    T: Future<Output = ()>,
{
    Test {
        name,
        run: Box::new(move |handle, fixture| {
            handle.block_on(async {
                let shared = Arc::clone(&fixture);
                let _shared = shared.quiet.read().await;
                run(fixture).await;
            });
        }),
    }
}

/// Makes a test that breaks what others need: none runs beside it.
fn test_alone<F, T>(name: &'static str, run: F) -> Test
where
    F: FnOnce(Arc<Fixture>) -> T + Send + 'static,
    T: Future<Output = ()>,
{
    Test {
        name,
        run: Box::new(move |handle, fixture| {
            handle.block_on(async {
                let alone = Arc::clone(&fixture);
                let _alone = alone.quiet.write().await;
                run(fixture).await;
            });
        }),
    }
}

fn tests() -> Vec<Test> {
    // What breaks things comes last.
    [
        hardened::tests(),
        content::tests(),
        installation::tests(),
        workloads::tests(),
        guard::tests(),
        running::tests(),
        release::tests(),
        faults::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads = args.test_threads.or(Some(THREADS));
    let set = |name| std::env::var_os(name).unwrap_or_default();
    let (assets, images) = (set(ASSETS), set(IMAGES));
    if args.list {
        return list(&args);
    }
    if assets == LATER || images.is_empty() {
        return skip(&assets);
    }
    if machine::folder().is_none() {
        return machine::run_inside();
    }
    let binaries = Binaries(std::env::split_paths(&assets).collect());
    let images: Vec<PathBuf> = std::env::split_paths(&images).collect();
    let runtime = Runtime::new().expect("a runtime");
    let fixture = Arc::new(runtime.block_on(Fixture::start(&binaries, images)));
    println!("Kubernetes {}", fixture.cluster.version());
    let conclusion = libtest_mimic::run(&args, trials(&runtime, &fixture));
    fixture.stop();
    match Arc::into_inner(fixture) {
        Some(fixture) if conclusion.has_failed() => {
            // It is in the run's folder, which stays.
            fixture.cluster.keep_logs();
        }
        _ => {}
    }
    conclusion.exit_code()
}

fn trials(runtime: &Runtime, fixture: &Arc<Fixture>) -> Vec<Trial> {
    let bind = |test: Test| {
        let (handle, fixture) = (runtime.handle().clone(), Arc::clone(fixture));
        Trial::test(test.name, move || {
            (test.run)(&handle, fixture);
            Ok(())
        })
    };
    tests().into_iter().map(bind).collect()
}

/// The names of the tests; that needs no node.
fn list(args: &Arguments) -> ExitCode {
    let trials = tests().into_iter().map(|test| Trial::test(test.name, || Ok(()))).collect();
    libtest_mimic::run(args, trials).exit_code()
}

fn skip(assets: &OsString) -> ExitCode {
    let count = tests().len();
    if assets == LATER {
        println!("\nthe {count} tests on a node are a step of their own, after this one\n");
        return ExitCode::SUCCESS;
    }
    println!();
    println!("SKIPPED: none of the {count} tests on a real node ran.");
    println!("They need Kubernetes' programs ({ASSETS}), images ({IMAGES}), root, and Linux.");
    println!("`cargo xtask test` builds what it takes, and runs them.");
    println!();
    println!("test result: ok. 0 passed; 0 failed; {count} ignored; 0 measured; 0 filtered out");
    println!();
    ExitCode::SUCCESS
}

//! End-to-end tests: our program beside a real API server, etcd and controller manager.
//!
//! `cargo xtask test` builds Kubernetes (or takes it from `KUBEBUILDER_ASSETS`) and runs this
//! target for each supported version; without that the target says how, and ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a test runner prints"
)]

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Trial};
use tokio::runtime::{Handle, Runtime};

mod adoption;
mod api;
mod authority;
mod backstop;
mod backstop_outage;
mod browser;
mod certificates;
mod client_ca;
mod cluster;
mod cluster_knowledge;
mod command_line;
mod compensation;
mod corpus;
mod deployment;
mod ephemeral;
mod exemptions;
mod fixture;
mod generated;
mod guard;
mod helm;
mod installation;
mod installed;
mod least_privilege;
mod limits;
mod manifests;
mod match_conditions;
mod mirror;
mod monitoring;
mod native;
mod other_mutator;
mod ours;
mod outage;
mod outage_of_api_server;
mod page;
mod plugin;
mod pod_security;
mod pods;
mod policy_definition;
mod policy_objects;
mod process;
mod profiles;
mod registration;
mod reinvocation;
mod replicas;
mod report;
mod resources;
mod selection;
mod self_managed;
mod shapes;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with other targets")]
mod support;
mod telling;
mod token;
mod validating;
mod warnings;
mod webhook;
mod windows;

use cluster::Binaries;
use fixture::Fixture;

/// Folders, as in `PATH`, that hold etcd, kube-apiserver, kube-controller-manager and kubectl.
const ASSETS: &str = "E2E_ASSETS";

/// The value with which `cargo xtask test` says that it will run this target later.
const LATER: &str = "later";

/// Pods wait for the API server most of the time, so a few tests at once do not disturb
/// one another even on a small machine.
const THREADS: usize = 4;

/// The test itself, which is not to return when it fails.
type Run = Box<dyn FnOnce(&Handle, Arc<Fixture>) + Send>;

/// One test, not yet bound to a cluster.
struct Test {
    name: String,
    run: Run,
    /// Why it cannot run here, where it cannot.
    ignored: Option<String>,
}

impl Test {
    /// Ignores the test, and says so, where this folder is missing.
    fn needs(mut self, folder: &Path) -> Self {
        if !folder.is_dir() {
            self.ignored = Some(format!("SKIPPED: there is no {}", folder.display()));
        }
        self
    }
}

/// Makes a test of an async function.
fn test<F, T>(name: &str, run: F) -> Test
where
    F: FnOnce(Arc<Fixture>) -> T + Send + 'static,
    T: Future<Output = ()>,
{
    Test {
        name: name.to_owned(),
        run: Box::new(move |handle, fixture| handle.block_on(run(fixture))),
        ignored: None,
    }
}

fn tests() -> Vec<Test> {
    [
        client_ca::tests(),
        cluster_knowledge::tests(),
        command_line::tests(),
        compensation::tests(),
        corpus::tests(),
        deployment::tests(),
        ephemeral::tests(),
        exemptions::tests(),
        guard::tests(),
        helm::tests(),
        installation::tests(),
        limits::tests(),
        least_privilege::tests(),
        match_conditions::tests(),
        mirror::tests(),
        monitoring::tests(),
        native::tests(),
        outage::tests(),
        outage_of_api_server::tests(),
        page::tests(),
        plugin::tests(),
        pod_security::tests(),
        policy_definition::tests(),
        policy_objects::tests(),
        profiles::tests(),
        registration::tests(),
        reinvocation::tests(),
        replicas::tests(),
        report::tests(),
        resources::tests(),
        selection::tests(),
        self_managed::tests(),
        shapes::tests(),
        adoption::tests(),
        authority::tests(),
        backstop::tests(),
        backstop_outage::tests(),
        telling::tests(),
        token::tests(),
        validating::tests(),
        warnings::tests(),
        windows::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads = args.test_threads.or(Some(THREADS));
    let assets = std::env::var_os(ASSETS).unwrap_or_default();
    if args.list {
        return list(&args);
    }
    if assets.is_empty() || assets == LATER {
        return skip(&assets);
    }
    let binaries = Binaries(std::env::split_paths(&assets).collect());
    let runtime = Runtime::new().expect("a runtime");
    let fixture = Arc::new(runtime.block_on(Fixture::start(&binaries)));
    println!("Kubernetes {}", fixture.cluster.version());
    let conclusion = libtest_mimic::run(&args, trials(&runtime, &fixture));
    fixture.stop();
    match Arc::into_inner(fixture) {
        Some(fixture) if conclusion.has_failed() => {
            println!("the logs are in {}", fixture.cluster.keep_logs().display());
        }
        _ => {}
    }
    conclusion.exit_code()
}

fn trials(runtime: &Runtime, fixture: &Arc<Fixture>) -> Vec<Trial> {
    let bind = |test: Test| {
        let (handle, fixture) = (runtime.handle().clone(), Arc::clone(fixture));
        Trial::ignorable_test(test.name, move || {
            if let Some(reason) = test.ignored {
                return Ok(Completion::ignored_with(reason));
            }
            (test.run)(&handle, fixture);
            Ok(Completion::Completed)
        })
    };
    tests().into_iter().map(bind).collect()
}

/// The names of the tests; that needs no cluster.
fn list(args: &Arguments) -> ExitCode {
    let named = |test: Test| Trial::test(test.name, || Ok(()));
    let trials = tests().into_iter().map(named).collect();
    libtest_mimic::run(args, trials).exit_code()
}

fn skip(assets: &OsString) -> ExitCode {
    let count = tests().len();
    if assets == LATER {
        println!("\nthe {count} end-to-end tests are steps of their own, after this one\n");
        return ExitCode::SUCCESS;
    }
    println!();
    println!("SKIPPED: none of the {count} end-to-end tests ran.");
    println!("They need a real Kubernetes: {ASSETS} names no folder with its binaries.");
    println!("`cargo xtask test` builds one, and runs them.");
    println!();
    println!("test result: ok. 0 passed; 0 failed; {count} ignored; 0 measured; 0 filtered out");
    println!();
    ExitCode::SUCCESS
}

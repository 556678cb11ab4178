//! A program that the tests start, and end by its process id.

use std::fs::File;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Process {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    child: Mutex<Child>,
}

impl Process {
    /// Starts `program` with its output in a file in `logs`.
    pub(crate) fn start(name: &str, program: &Path, args: &[String], logs: &Path) -> Self {
        let log = logs.join(format!("{name}.log"));
        let child = spawn(program, args, File::create(&log).expect("a log file"));
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args: args.to_owned(),
            log,
            child: Mutex::new(child),
        }
    }

    /// Starts it again, after it ended; its log goes on.
    pub(crate) fn start_again(&self) {
        let log = File::options().append(true).open(&self.log).expect("a log file");
        *self.child() = spawn(&self.program, &self.args, log);
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Panics, with what it said, if the program has already ended.
    pub(crate) fn assert_running(&self) {
        let ended = self.child().try_wait().expect("a child process");
        if let Some(status) = ended {
            panic!("{} ended with {status}:\n{}", self.name, self.last_lines());
        }
    }

    /// The end of what it wrote.
    pub(crate) fn last_lines(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // It is our child and not yet waited for, so its id is still its own. That it may be
        // gone already is nothing to fail about.
        if let Some(pid) = pid {
            let _gone = kill_process(pid, signal);
        }
    }

    /// Asks it to end, and ends it if it does not.
    pub(crate) fn stop(&self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.child().try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut child = self.child();
        let _gone = child.kill();
        let _status = child.wait();
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child().try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Starts a program on a thread that does nothing else and outlives every test: the program dies with
/// the *thread* that starts it (see [`tied_to_us`]).
fn spawn(program: &Path, args: &[String], output: File) -> Child {
    type Order = (Command, Sender<std::io::Result<Child>>);
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    let mut command = tied_to_us(program);
    // Whoever runs the tests may have settings for our program; these are not for the tests.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("POD_HARDENER_") {
            command.env_remove(variable);
        }
    }
    command.args(args).stdin(Stdio::null()).stdout(output.try_clone().expect("a log file")).stderr(output);
    let starter = STARTER.get_or_init(|| {
        let (starter, orders) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                answer.send(command.spawn()).expect("somebody waits for it");
            }
        });
        starter
    });
    let (answer, started) = channel();
    starter.send((command, answer)).expect("a thread that starts programs");
    let started = started.recv().expect("an answer");
    started.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
}

/// A command that the kernel ends when we end, however that happens: `setpriv` becomes the
/// program itself, so that the process id is the program's.
pub(crate) fn tied_to_us(program: &Path) -> Command {
    static HAS_SETPRIV: OnceLock<bool> = OnceLock::new();
    let has_setpriv = HAS_SETPRIV.get_or_init(|| {
        let output = Command::new("setpriv").arg("--help").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("--pdeathsig"))
    });
    if !has_setpriv {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Below those that the kernel gives to whoever connects: it would give one away before it is listened on.
const PORTS: Range<u32> = 10_000..30_000;

/// Ports of 127.0.0.1 that nobody listens on, and that are given once.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let number = || GIVEN.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(97));
    let port = || u16::try_from(PORTS.start + number() % (PORTS.end - PORTS.start)).expect("a port");
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    [(); N].map(|()| std::iter::repeat_with(port).take(PORTS.len()).find(is_free).expect("a free port"))
}

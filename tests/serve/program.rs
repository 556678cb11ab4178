//! The program itself.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use crate::client::Client;
use crate::harness::{bytes, review};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-hardener");

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    (output, errors)
}

#[test]
fn it_says_how_to_try_it_and_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut child =
        command(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let curl = lines.by_ref().map_while(Result::ok).find(|line| line.contains("curl")).unwrap();
    let pem = curl.split(' ').skip_while(|word| *word != "--cacert").nth(1).unwrap().to_owned();
    assert!(std::fs::read_to_string(&pem).unwrap().contains("BEGIN CERTIFICATE"));
    let ended = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(ended.success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{log}");
    assert!(!std::path::Path::new(&pem).exists());
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO");
    }
    assert!(log.contains("\"message\":\"serving\""), "{log}");
}

#[test]
fn it_does_not_start_with_what_it_cannot_use() {
    for (arguments, expected) in [
        (&["serve", "--policy", "enforce"][..], "did you mean \"enforced\"?"),
        (&["serve", "--listen", "0.0.0.0:0"][..], "--tls-cert"),
        (&["serve", "--tls-cert", "a.crt"][..], "tls_key"),
        (&["serve", "--config", "no/such.toml"][..], "no/such.toml"),
    ] {
        let (output, errors) = run(&mut command(arguments));
        assert!(!output.status.success(), "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
}

#[test]
fn it_shows_its_settings_and_where_they_come_from() {
    let (output, errors) = run(command(&["config", "show"]).env("POD_HARDENER_MAX_REQUESTS", "9"));
    assert!(output.status.success(), "{errors}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.lines().any(|line| line == "max_requests = 9 # POD_HARDENER_MAX_REQUESTS"), "{shown}");
    let (output, errors) = run(command(&["config", "show"]).env("POD_HARDENER_MAX_REQUEST", "9"));
    assert!(!output.status.success());
    assert!(errors.contains("did you mean `max_requests`?"), "{errors}");
}

/// A server that logs every review.
struct Talkative {
    child: Child,
    address: SocketAddr,
    pem: String,
    _folder: tempfile::TempDir,
}

impl Talkative {
    fn start(errors: Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--log-level", "debug"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap();
        let address = first.split("https://").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let curl = lines.find(|line| line.contains("curl")).unwrap();
        let pem = curl.split(' ').skip_while(|word| *word != "--cacert").nth(1).unwrap();
        let pem = std::fs::read_to_string(pem).unwrap();
        Self { child, address, pem, _folder: folder }
    }

    async fn answers(&self, times: usize) {
        let mut client = Client::connect(self.address, &self.pem).await.unwrap();
        for _ in 0..times {
            client.post(&bytes(&review())).await.unwrap().response();
        }
    }
}

impl Drop for Talkative {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_goes_on_where_there_is_no_room_for_its_log() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    Talkative::start(full.into()).answers(10).await;
}

#[tokio::test]
async fn it_goes_on_where_nobody_reads_its_log() {
    // More than a pipe and the queue hold.
    Talkative::start(Stdio::piped()).answers(3000).await;
}

//! `cargo xtask demo`: the server, a Prometheus that asks it, and something to see. Everything on loopback, everything
//! ended at the end.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::monitoring::{alerts, dashboards};
use crate::packages::{self, Want};
use crate::{prometheus, run};

const CURL: &[Want] = &[Want { what: "curl", package: "curl" }];

/// Between two reviews.
const PAUSE: Duration = Duration::from_millis(200);
/// Until there is enough to look at.
const WARM: Duration = Duration::from_secs(20);
/// How long a program may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End by itself after so long, for example 30s; without it, with Ctrl-C
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    length: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse().map(Duration::from_secs);
    number.map_err(|_| "a number of seconds, such as 30s".to_owned())
}

pub(crate) fn run(args: &Args) -> Result<()> {
    packages::need(CURL)?;
    let programs = prometheus::folder()?;
    run::announce("building the program");
    run::check(&mut run::cargo(&["build", "--package", "pod-hardener", "--bin", "pod-hardener"]))?;
    // One that was left by Ctrl-C goes now.
    let folder = run::root().join("target/demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let server = Server::start(&folder)?;
    let monitor = Monitor::start(&programs, &folder, server.admin)?;
    println!("\nThe server      https://{}/mutate and /validate, trusted by {}", server.address, server.pem);
    println!("its metrics     http://{}/metrics", server.admin);
    println!(
        "Prometheus      http://{}/graph?g0.range_input=5m&g0.expr=pod_hardener_postures_total",
        monitor.address
    );
    println!("alerts          http://{}/alerts", monitor.address);
    println!(
        "dashboards      manifests/monitoring/dashboards, for a Grafana with that Prometheus as its source"
    );
    println!("logs            {}", folder.display());
    match args.length {
        Some(length) => println!("\nReviews are sent for {} seconds.", length.as_secs()),
        None => println!("\nReviews are sent until Ctrl-C."),
    }
    drive(&server, &monitor, &folder, args.length)
}

/// Sends reviews, and says in between what there is to see.
fn drive(server: &Server, monitor: &Monitor, folder: &Path, length: Option<Duration>) -> Result<()> {
    let reviews = reviews(folder)?;
    let start = Instant::now();
    let is_over = || length.is_some_and(|length| start.elapsed() >= length);
    let mut was_shown = false;
    for (path, file) in reviews.iter().cycle() {
        if is_over() {
            break;
        }
        server.send(path, file)?;
        if !was_shown && start.elapsed() >= WARM {
            was_shown = true;
            monitor.show()?;
        }
        std::thread::sleep(PAUSE);
    }
    if !was_shown {
        monitor.show()?;
    }
    Ok(())
}

/// A program that is ended with this value: asked to, and after a while made to.
struct Running(Child);

impl Running {
    /// The kernel ends it too, should we end in another way: `setpriv` becomes the program itself.
    fn start(program: &Path, args: &[String], folder: &Path, output: Stdio, log: &str) -> Result<Self> {
        let mut command = if packages::is_here("setpriv") {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "TERM"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("POD_HARDENER_") {
                command.env_remove(name);
            }
        }
        let log = File::create(folder.join(log)).with_context(|| format!("cannot write {log}"))?;
        command
            .args(args)
            .current_dir(folder)
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log);
        command.spawn().map(Self).with_context(|| format!("cannot start {}", program.display()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _asked = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

struct Server {
    address: SocketAddr,
    admin: SocketAddr,
    pem: String,
    _running: Running,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        let [address, admin] = free()?;
        let args = [
            "serve".to_owned(),
            format!("--listen={address}"),
            format!("--admin={admin}"),
            "--cluster=off".to_owned(),
        ];
        let program = run::root().join("target/debug/pod-hardener");
        let mut running = Running::start(&program, &args, folder, Stdio::piped(), "server.log")?;
        let said = BufReader::new(running.0.stdout.take().context("no output")?);
        // It prints how to try it, with the certificate that it made.
        let mut words = said.lines().map_while(Result::ok).filter_map(|line| {
            let (_, rest) = line.split_once("--cacert ")?;
            rest.split(' ').next().map(str::to_owned)
        });
        let pem = words
            .next()
            .with_context(|| format!("the server did not start: see {}/server.log", folder.display()))?;
        let server = Self { address, admin, pem, _running: running };
        until_it_answers(admin, "/readyz", folder)?;
        Ok(server)
    }

    fn send(&self, path: &str, review: &Path) -> Result<()> {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--max-time",
            "10",
            "--output",
            "/dev/null",
            "--cacert",
            &self.pem,
        ]);
        curl.args(["--header", "Content-Type: application/json", "--data-binary"]);
        run::check(curl.arg(format!("@{}", review.display())).arg(format!("https://{}{path}", self.address)))
    }
}

struct Monitor {
    address: SocketAddr,
    _running: Running,
}

impl Monitor {
    fn start(programs: &Path, folder: &Path, target: SocketAddr) -> Result<Self> {
        let [address] = free()?;
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yaml"],
            "scrape_configs": [{"job_name": "pod-hardener", "static_configs": [{"targets": [target.to_string()]}]}],
        });
        write(&folder.join("prometheus.yaml"), &config.to_string())?;
        write(&folder.join("alerts.yaml"), &alerts::rule_file())?;
        let args = [
            "--config.file=prometheus.yaml".to_owned(),
            "--storage.tsdb.path=prometheus".to_owned(),
            format!("--web.listen-address={address}"),
        ];
        let running =
            Running::start(&programs.join("prometheus"), &args, folder, Stdio::null(), "prometheus.log")?;
        until_it_answers(address, "/-/ready", folder)?;
        Ok(Self { address, _running: running })
    }

    /// What the dashboards would show.
    fn show(&self) -> Result<()> {
        println!("\nWhat the dashboards ask:");
        for (title, query) in dashboards::queries() {
            let query = query.replace("$__rate_interval", "1m").replace("$__range", "5m");
            let (_, answer) = get(self.address, &format!("/api/v1/query?query={}", encoded(&query)))?;
            let answer: Value = serde_json::from_str(&answer).context("Prometheus' answer")?;
            if answer["status"] != "success" {
                bail!("{title}: {query}: {answer}");
            }
            let series = answer["data"]["result"].as_array().map_or(0, Vec::len);
            let first = answer["data"]["result"][0]["value"][1]
                .as_str()
                .unwrap_or("nothing: there is no API server here");
            println!("  {title:<42} {series:>3} series  {first}");
        }
        Ok(())
    }
}

/// What is sent, again and again: where to, and the file.
fn reviews(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let secure = json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let plain = json!({"containers": [{"name": "web", "image": "nginx"}]});
    let annotated = |key: &str, value: &str| json!({format!("pod-hardener.dev/{key}"): value});
    let exempt = json!({"pod-hardener.dev/exempt": "read-only-root-filesystem", "pod-hardener.dev/exempt-reason": "writes at start"});
    let pods = [
        ("plain", json!({}), plain.clone()),
        ("known", json!({}), json!({"containers": [{"name": "db", "image": "postgres:17"}]})),
        (
            "secure",
            json!({}),
            json!({"containers": [{"name": "web", "image": "shop", "securityContext": secure}]}),
        ),
        (
            "privileged",
            json!({}),
            json!({"containers": [{"name": "cni", "image": "cni", "securityContext": {"privileged": true}}]}),
        ),
        (
            "host-path",
            json!({}),
            json!({"containers": [{"name": "log", "image": "log"}],
            "volumes": [{"name": "v", "hostPath": {"path": "/var/log"}}]}),
        ),
        ("exempted", exempt, plain.clone()),
        ("misspelt", annotated("exempt", "secomp"), plain.clone()),
        (
            "ended",
            json!({"pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-until": "2020-01-01"}),
            plain,
        ),
    ];
    let mut all = Vec::new();
    let mut add = |path, name: &str, review: &Value| {
        let file = folder.join(format!("{name}.json"));
        write(&file, &review.to_string())?;
        all.push((path, file));
        anyhow::Ok(())
    };
    for (name, annotations, spec) in &pods {
        let pod = json!({"metadata": {"name": name, "annotations": annotations}, "spec": spec});
        add("/mutate", name, &review("", "pods", &pod))?;
        let deployment = json!({"metadata": {"name": name}, "spec": {"template": pod}});
        add("/validate", &format!("deployment-{name}"), &review("apps", "deployments", &deployment))?;
    }
    add("/mutate", "no-review", &json!({"kind": "Pod"}))?;
    Ok(all)
}

fn review(group: &str, resource: &str, object: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "demo", "operation": "CREATE", "namespace": "shop", "object": object,
        "resource": {"group": group, "version": "v1", "resource": resource},
    }})
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Addresses on loopback that nobody listens on; all different.
fn free<const N: usize>() -> Result<[SocketAddr; N]> {
    let held: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>().context("no free port")?;
    let addresses: Vec<SocketAddr> = held.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    addresses.try_into().ok().context("as many as were asked for")
}

fn until_it_answers(address: SocketAddr, path: &str, folder: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if get(address, path).is_ok_and(|(status, _)| status == 200) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("nothing answers at http://{address}{path}: see the logs in {}", folder.display())
}

/// Plain HTTP/1.0: one request there, one answer back.
fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok((status, body.to_owned()))
}

/// As a part of an address.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

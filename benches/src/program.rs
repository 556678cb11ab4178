//! The servers under load: programs beside this one, ended by their process id.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::load::{Connection, Target};
use crate::room::Room;

/// How long a server may take to listen before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the image starts the server with.
const IMAGE: &str = include_str!("../../Dockerfile");

/// Of the kernel's clock, in a second; the same on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// A server: a process, and where it listens.
pub struct Server {
    child: Child,
    /// What it says goes to this file.
    log: PathBuf,
    /// Where the load goes.
    pub target: Target,
    /// The same for who registers it.
    pub address: SocketAddr,
}

/// A certificate and its key, and the authority behind them.
#[derive(Debug, Clone)]
pub struct Identity {
    /// PEM file.
    pub certificate: PathBuf,
    /// PEM file.
    pub key: PathBuf,
    /// DER.
    pub authority: Vec<u8>,
}

impl Server {
    /// `pod-hardener serve`, as it is installed: with every setting built in.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ours(identity: &Identity, folder: &Path) -> anyhow::Result<Self> {
        let admin = format!("--admin={}", free_address()?);
        Self::start("pod-hardener", &["serve", &admin], &[], identity, folder, None)
    }

    /// The same as in its Deployment, with what it knows of a cluster and with the guard, and where its probes are
    /// answered; in a room, where there is one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn knowing(
        kubeconfig: &Path,
        identity: &Identity,
        folder: &Path,
        room: Option<&Room>,
    ) -> anyhow::Result<(Self, SocketAddr)> {
        let admin = free_address()?;
        let kubeconfig = kubeconfig.to_str().context("a kubeconfig whose name is no text")?;
        let args = ["serve", &format!("--admin={admin}"), "--kubeconfig", kubeconfig];
        let allocator = IMAGE.lines().find_map(|line| line.strip_prefix("ENV GLIBC_TUNABLES="));
        let allocator = allocator.context("the Dockerfile says nothing of the allocator")?;
        let environment = [("GLIBC_TUNABLES", allocator), ("POD_NAMESPACE", "default")];
        Ok((Self::start("pod-hardener", &args, &environment, identity, folder, room)?, admin))
    }

    /// The null webhook with an answer of which this follows the uid.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn null(answer: &str, identity: &Identity, folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(format!("answer-{}.json", answer.len()));
        std::fs::write(&file, answer)?;
        let file = file.to_str().context("a folder whose name is no text")?;
        Self::start("null-webhook", &["--answer", file], &[], identity, folder, None)
    }

    fn start(
        name: &str,
        args: &[&str],
        environment: &[(&str, &str)],
        identity: &Identity,
        folder: &Path,
        room: Option<&Room>,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name(name);
        anyhow::ensure!(program.is_file(), "there is no {}: use cargo xtask bench", program.display());
        let address = free_address()?;
        let log = folder.join(format!("{name}-{}.log", address.port()));
        let output = File::create(&log)?;
        let mut command = room.map_or_else(|| Command::new(&program), |room| room.command(&program));
        let child = command
            .args(args)
            .envs(environment.iter().copied())
            .arg(format!("--listen={address}"))
            .arg("--tls-cert")
            .arg(&identity.certificate)
            .arg("--tls-key")
            .arg(&identity.key)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let target = Target::new(address, identity.authority.clone())?;
        Ok(Self { child, log, target, address })
    }

    /// Waits for the first connection that succeeds.
    ///
    /// # Errors
    /// When the program ends, or never listens.
    pub async fn connect(&mut self) -> anyhow::Result<Connection> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.target.connect().await {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context("the server never listened"));
                }
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                let said = std::fs::read_to_string(&self.log)?;
                bail!("a server ended before it listened: {status}\n{said}");
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    /// The processor time that it used so far, in seconds.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn processor_time(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name, in brackets, may hold anything; what is wanted are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").context("no fields")?;
        let mut fields = fields.split(' ').skip(11).map(str::parse::<f64>);
        let mut next = || fields.next().context("no times");
        Ok((next()?? + next()??) / TICKS)
    }

    /// Resident memory in bytes, as the kernel counts it.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn resident(&self) -> anyhow::Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that was resident so far.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn most_resident(&self) -> anyhow::Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("no {field}"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

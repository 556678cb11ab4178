//! The namespaces that the tests run in, and what of them is left on the real machine.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::process::tied_to_us;

/// Set for the tests inside: the folder that everything of this run is in.
const FOLDER: &str = "NODE_FOLDER";

/// Begins the names of folders and control groups; the process id ends them.
const NAME: &str = "pod-hardener-node-";

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// The machine's address, which only exists inside.
pub(crate) const ADDRESS: &str = "10.88.0.1";

/// What makes an API server one that pods and a kubelet can be reached from, and reach. These come
/// after, and count instead of, what it is told where there is no node.
pub(crate) const API_SERVER_ARGS: &[&str] = &[
    "--bind-address=0.0.0.0",
    "--advertise-address=10.88.0.1",
    "--endpoint-reconciler-type=lease",
    // The node's name is known to nobody else.
    "--kubelet-preferred-address-types=InternalIP",
];

/// The addresses of pods.
pub(crate) const PODS: &str = "10.244.0.0/24";

/// The addresses of Services.
pub(crate) const SERVICES: &str = "10.0.0.0/24";

/// The run's folder, if this process is inside.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The control group that the node's pods are in; it is called as the folder is.
pub(crate) fn control_group(folder: &Path) -> String {
    format!("/{}", folder.file_name().expect("a name").to_string_lossy())
}

/// Runs this program again, inside, and removes what is left.
pub(crate) fn run_inside() -> ExitCode {
    let temporary = std::env::temp_dir();
    remove_strays(&temporary);
    let name = format!("{NAME}{}", std::process::id());
    let folder = temporary.join(&name);
    std::fs::create_dir(&folder).expect("a folder");
    for hierarchy in hierarchies() {
        create_if_missing(&hierarchy.join(&name));
    }
    let status = inside(&folder).status().expect("unshare");
    for hierarchy in hierarchies() {
        remove_control_group(&hierarchy.join(&name));
    }
    if status.success() {
        remove_folder(&folder);
        return ExitCode::SUCCESS;
    }
    println!("the logs are in {}, until the next run", folder.display());
    ExitCode::FAILURE
}

fn inside(folder: &Path) -> Command {
    let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/machine.sh");
    let mut command = tied_to_us(Path::new("unshare"));
    command
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(machine)
        .arg(folder)
        .args([ADDRESS, SERVICES])
        .arg(std::env::current_exe().expect("this program"))
        .args(std::env::args_os().skip(1))
        .env(FOLDER, folder)
        .env("TMPDIR", folder);
    command
}

/// What runs left that were killed: their processes and mounts are gone already.
fn remove_strays(temporary: &Path) {
    for hierarchy in hierarchies() {
        strays(&hierarchy).for_each(|group| remove_control_group(&group));
    }
    strays(temporary).for_each(|folder| remove_folder(&folder));
}

fn strays(parent: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let is_stray = |name: OsString| {
        let name = name.to_string_lossy().into_owned();
        let owner = name.strip_prefix(NAME).and_then(|id| id.parse::<u32>().ok());
        owner.is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists())
    };
    entries.filter(move |entry| is_stray(entry.file_name())).map(|entry| entry.path())
}

/// Where control groups are made: one place for all (version 2), or one for each controller.
fn hierarchies() -> Vec<PathBuf> {
    let root = PathBuf::from(CONTROL_GROUPS);
    if root.join("cgroup.controllers").is_file() {
        return vec![root];
    }
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path());
    // Some of them have several names.
    folders.filter(|folder| !folder.is_symlink() && folder.join("cgroup.procs").is_file()).collect()
}

fn create_if_missing(folder: &Path) {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{}: {error}", folder.display()),
        _ => {}
    }
}

/// From its leaves up: that is the only way. What has just ended may still be in it for a moment.
fn remove_control_group(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_control_group(&entry.path());
        }
    }
    for _ in 0..50 {
        match std::fs::remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                std::thread::sleep(Duration::from_millis(20))
            }
            _ => return,
        }
    }
    println!("cannot remove {}", group.display());
}

fn remove_folder(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        println!("cannot remove {}: {error}", folder.display());
    }
}

//! A limit on a program's memory, as a container has it: a control group of the kernel's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Where control groups are mounted.
const MOUNTED: &str = "/sys/fs/cgroup";

/// A control group with a limit, nothing of which is swapped out; removed at the end.
#[derive(Debug)]
pub struct Room {
    folder: PathBuf,
    files: &'static Files,
}

/// The names of what a control group says.
#[derive(Debug)]
struct Files {
    limit: &'static str,
    /// What limits memory and swap: together in the first version, swap alone in the second.
    swap: &'static str,
    most: &'static str,
    /// What counts kills.
    kills: &'static str,
}

const FIRST: Files = Files {
    limit: "memory.limit_in_bytes",
    swap: "memory.memsw.limit_in_bytes",
    most: "memory.max_usage_in_bytes",
    kills: "memory.oom_control",
};

const SECOND: Files =
    Files { limit: "memory.max", swap: "memory.swap.max", most: "memory.peak", kills: "memory.events" };

impl Room {
    /// So many bytes; `None` where this user may make no control groups.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        let name = format!("pod-hardener-bench-{}", std::process::id());
        let first = Path::new(MOUNTED).join("memory");
        let (parent, files) =
            if first.is_dir() { (first, &FIRST) } else { (PathBuf::from(MOUNTED), &SECOND) };
        let folder = parent.join(name);
        std::fs::create_dir(&folder).ok()?;
        let room = Self { folder, files };
        room.write(files.limit, bytes)?;
        // A kernel without swap has no such file.
        let _ = room.write(files.swap, if files.limit == FIRST.limit { bytes } else { 0 });
        Some(room)
    }

    fn write(&self, file: &str, value: u64) -> Option<()> {
        std::fs::write(self.folder.join(file), value.to_string()).ok()
    }

    /// The program, to be started in here.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]);
        shell.arg(self.folder.join("cgroup.procs")).arg(program);
        shell
    }

    /// The most that was in use, in bytes: what is resident of its own, and what the kernel holds for it.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn most(&self) -> anyhow::Result<u64> {
        Ok(self.read(self.files.most)?.trim().parse()?)
    }

    /// How often something was killed for want of memory.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn kills(&self) -> anyhow::Result<u64> {
        let text = self.read(self.files.kills)?;
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.map_or(Ok(0), |kills| Ok(kills.parse()?))
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.folder.join(file)).with_context(|| format!("cannot read {file}"))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // The program has ended; where it has not, the folder stays, and nothing else.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

//! What the system says of this process; nothing where there is no `/proc`.

use std::fs;

use prometheus::{Counter, IntGauge, Registry};

use super::handles::gauge;
use super::table;

/// What `stat` counts processor time in: the kernel gives it to programs in hundredths of a second on every platform
/// that Rust's standard library has for Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics that are looked up when somebody asks.
#[derive(Debug)]
pub(super) struct Process {
    resident_memory: IntGauge,
    open_files: IntGauge,
    most_files: IntGauge,
    processor_time: Counter,
}

impl Process {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let processor_time = Counter::new(table::PROCESSOR_TIME.name, table::PROCESSOR_TIME.help)?;
        registry.register(Box::new(processor_time.clone()))?;
        Ok(Self {
            resident_memory: gauge(registry, &table::RESIDENT_MEMORY)?,
            open_files: gauge(registry, &table::OPEN_FILES)?,
            most_files: gauge(registry, &table::MOST_FILES)?,
            processor_time,
        })
    }

    /// Looks.
    pub(super) fn look(&self) {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        if let Some(bytes) = resident_in(&read("status")) {
            self.resident_memory.set(bytes);
        }
        if let Some(most) = most_files_in(&read("limits")) {
            self.most_files.set(most);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is this look.
            let count = i64::try_from(files.count()).unwrap_or(i64::MAX).saturating_sub(1);
            self.open_files.set(count);
        }
        if let Some(seconds) = processor_seconds_in(&read("stat")) {
            self.processor_time.inc_by((seconds - self.processor_time.get()).max(0.0));
        }
    }
}

/// `statm` counts pages and only libc knows their size; `status` says kilobytes.
fn resident_in(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The soft limit of open files; `None` where there is none.
fn most_files_in(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// In the program's own code and in the kernel's for it. The program's name, in brackets, may hold anything.
fn processor_seconds_in(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks: u32 = fields.next()?.parse::<u32>().ok()?.checked_add(fields.next()?.parse().ok()?)?;
    Some(f64::from(ticks) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_files_say_is_read() {
        assert_eq!(resident_in("Name:\tx\nVmRSS:\t   2500 kB\nVmData: 1 kB\n"), Some(2_560_000));
        assert_eq!(resident_in("Name:\tx\n"), None);
        assert_eq!(resident_in("VmRSS:\t many kB\n"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024   524288   files\n";
        assert_eq!(most_files_in(limits), Some(1024));
        assert_eq!(most_files_in("Max open files  unlimited  unlimited  files\n"), None);
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 500 0 0 0 150 25 0 0 20 0 4 0 100 1 2\n";
        assert_eq!(processor_seconds_in(stat), Some(1.75));
        assert_eq!(processor_seconds_in("7 (a) S 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let process = Process::new(&Registry::new()).expect("metrics");
        process.look();
        assert!(process.resident_memory.get() > 100_000);
        assert!(process.open_files.get() > 2 && process.most_files.get() >= process.open_files.get());
    }
}

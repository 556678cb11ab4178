//! What the system says of this process.

/// Resident memory in bytes; `None` where there is no `/proc`.
pub(super) fn resident_memory() -> Option<i64> {
    resident_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `statm` counts pages and only libc knows their size; `status` says kilobytes.
fn resident_in(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::resident_in;

    #[test]
    fn kilobytes_become_bytes() {
        assert_eq!(resident_in("Name:\tx\nVmRSS:\t   2500 kB\nVmData: 1 kB\n"), Some(2_560_000));
        assert_eq!(resident_in("Name:\tx\n"), None);
        assert_eq!(resident_in("VmRSS:\t many kB\n"), None);
    }
}
